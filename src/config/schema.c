// SPDX-License-Identifier: Apache-2.0
/*
 * The table of settings: the one place that knows what can be configured.
 *
 * Why a table: the loader, its messages, PAPI_<SETTING>, `papi check` and docs/reference/configuration.md all read the same
 * rows, so a setting cannot exist in one and be missing in another. Rows marked SETTING_LATER are settings of the
 * product that this version does not obey yet: known, so that a file written for a later version gets that answer instead
 * of a wrong guess, and refused, so that nobody relies on a limit that is not there.
 * To add a setting: a member of the struct in config.h, a row here, then regenerate the reference (`papi reference`).
 * Leaves to others: reading values (value.c, url.c), walking the file (load.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "config/parts.h"

#include <stddef.h>

#define KEEP_MAX_MS (36500 * MS_PER_DAY)
#define MIB         ((uint64_t)1024 * 1024)
#define AT(member)  .offset = offsetof(struct config, member)
#define IN(member)  .offset = offsetof(struct config_provider, member)
#define OF(member)  .offset = offsetof(struct config_model, member)
#define BY(member)  .offset = offsetof(struct limit_row, member)
#define LATER(name, text) \
    { name, SETTING_LATER, .help = text }
#define QUIRK(name, text) \
    { "providers.*.quirks." #name, SETTING_BOOL, IN(quirks.name), .initial = "no", .help = text }
#define AMOUNT(unit, word, most, about) \
    {"providers.*.limits[]." word,      \
     SETTING_U64,                       \
     BY(amounts[unit]),                 \
     .min = 1,                          \
     .max = most,                       \
     .help = about},
#define TIMEOUT(name, member, text_default, text)                              \
    {                                                                          \
        "providers.*.timeouts." name, SETTING_DURATION, IN(timeouts.member),   \
            .min = 1, .max = MS_PER_DAY, .initial = text_default, .help = text \
    }

const struct setting config__settings[] = {
    /* --- the listener --- */
    {"listen", SETTING_ADDRESS, AT(listen), .initial = "127.0.0.1:7274",
     .help =
         "Address and port to serve on: one address, `0.0.0.0` or `[::]` for all of this machine; "
         "port 0 takes a free one. Beyond loopback `auth: keys` is needed."},
    {"auth", SETTING_ENUM, AT(auth), .initial = "open", .choices = "open|keys",
     .help = "`open`: any key is accepted, for one person, on loopback only. `keys`: every client "
             "needs a key of its own (`papi client add`)."},
    {"insecure_http", SETTING_BOOL, AT(insecure_http), .initial = "no",
     .help = "Serve plain HTTP beyond loopback: keys can then be read on the way."},
    {"trusted_proxies", SETTING_NETWORKS, AT(trusted_proxies),
     .help =
         "Addresses or networks (`10.0.0.0/8`) of the proxies that speak TLS for this instance: "
         "what they say about a client's address, host and scheme is believed."},
    {"hosts", SETTING_HOSTS, AT(hosts),
     .help = "Further names accepted in the Host field in open mode, without port."},
    {"cors", SETTING_ORIGINS, AT(cors),
     .help = "Origins of web pages (`https://app.example`) that may call this instance from a "
             "browser."},
    {"loops", SETTING_U32, AT(loops), .max = 64, .initial = "0",
     .help = "I/O threads; 0 means as many as cores, at most 4."},

    /* --- who is asked --- */
    {"audience", SETTING_ENUM, AT(audience), .initial = "self", .choices = "self|group|public",
     .help = "Who uses this instance: providers whose terms exclude such use are left out; with "
             "`public` also those whose terms are unknown."},
    {"keyless", SETTING_ENUM, AT(keyless), .initial = "safe", .choices = "safe|all|off",
     .help = "Providers that need no key: `safe` uses those that say they do not train on prompts "
             "and answer with the model that was asked."},
    {"local_servers", SETTING_ENUM, AT(local_servers), .initial = "auto", .choices = "auto|off",
     .help = "Look at the start for Ollama, llama.cpp, LM Studio and vLLM on their usual loopback "
             "ports."},
    {"dotenv", SETTING_BOOL, AT(dotenv), .initial = "on",
     .help = "Read keys of providers, and nothing else, from `.env` in the working directory."},
    {"proxy", SETTING_PROXY, AT(proxy_https),
     .help = "Proxy for all providers, or `none`. Not given: `HTTPS_PROXY`, `HTTP_PROXY` and "
             "`ALL_PROXY`. Either way `NO_PROXY` names hosts that go around it."},

    /* --- providers --- */
    {"providers", SETTING_PROVIDERS,
     .help = "Providers by their name in the catalog, or by a name of your choice."},
    {"providers.*.type", SETTING_CHOICE, SETTING_CATALOG, IN(type),
     .choices = "openai|-anthropic|-gemini|-cohere|-ollama",
     .help = "The wire it speaks; `openai` when neither this file nor the catalog says."},
    {"providers.*.base_url", SETTING_URL, SETTING_REQUIRED | SETTING_CATALOG, IN(base_url),
     .when_missing = "give the address of its API, such as https://api.example.com/v1",
     .help = "Where its API is: http or https. Used as it stands; without a path, `/v1` is added."},
    {"providers.*.keys", SETTING_KEYS,
     .help = "Its keys: a list of references (`env:NAME`, `file:PATH`) or of mappings. None: those "
             "of the environment for a provider of the catalog, else asked without a key."},
    {"providers.*.keys[].key", SETTING_KEY, SETTING_REQUIRED,
     .when_missing = "write env:NAME or file:PATH",
     .help =
         "`env:NAME`, `file:PATH` (relative to this file), or the key itself (with a warning)."},
    {"providers.*.keys[].account", SETTING_NAME, .offset = offsetof(struct config_key, account),
     .initial = "default", .help = "The account the key belongs to."},
    {"providers.*.keys[].billing", SETTING_ENUM, .offset = offsetof(struct config_key, billing),
     .choices = "free|paid|unknown",
     .help = "Whether this account may cost money; `paid`: asked only where an alias or a pin "
             "names it. The provider's when not given."},
    {"providers.*.keys[].plan", SETTING_NAME, .offset = offsetof(struct config_key, plan),
     .help = "The account's plan; the provider's when not given."},
    {"providers.*.models", SETTING_MODELS, SETTING_REQUIRED | SETTING_CATALOG,
     .when_missing = "list the models it serves, such as models: [qwen3-8b]",
     .help = "The models it serves, and no others: names or mappings."},
    {"providers.*.models[].id", SETTING_NAME, SETTING_REQUIRED, OF(id),
     .when_missing = "give the name clients use", .help = "The name clients use."},
    {"providers.*.models[].upstream", SETTING_NAME, OF(upstream),
     .help = "The provider's name for it; the same when not given."},
    {"providers.*.models[].context", SETTING_U64, OF(context_tokens), .max = 1000000000,
     .initial = "0", .help = "Context window in tokens; 0 means unknown."},
    {"providers.*.models[].max_output", SETTING_U64, OF(output_tokens_max), .max = 1000000000,
     .initial = "0", .help = "Most tokens of an answer; 0 means unknown."},
    {"providers.*.models[].vision", SETTING_BOOL, OF(vision), .initial = "no",
     .help = "Whether it takes images."},
    {"providers.*.models[].tools", SETTING_BOOL, SETTING_INVERTED, OF(no_tools), .initial = "yes",
     .help = "Whether it calls tools."},
    {"providers.*.models[].json_schema", SETTING_BOOL, SETTING_INVERTED, OF(no_json_schema),
     .initial = "yes", .help = "Whether it obeys a JSON schema."},
    {"providers.*.models[].free", SETTING_TRI, OF(free),
     .help = "Whether it costs nothing at this provider; `no`: asked only where an alias or a pin "
             "names it. The catalog's word when not given."},
    {"providers.*.models[].kind", SETTING_CHOICE, OF(kind), .choices = "chat|embed",
     .help = "What it does. A model that does not say is asked for either."},
    {"providers.*.concurrency", SETTING_U32, IN(concurrency_max), .min = 1, .max = 10000,
     .initial = "8", .help = "Requests at once for each account."},
    {"providers.*.private_network", SETTING_NETWORK, IN(private_network),
     .help =
         "The private network its address may lie in, such as 10.1.2.0/24. Loopback needs none."},
    {"providers.*.ca_file", SETTING_FILE, IN(ca_file),
     .help = "PEM file (relative to this file) with further authorities that may sign its "
             "certificate."},
    TIMEOUT("connect", connect_ms, "5s", "Finding its address and connecting."),
    TIMEOUT("tls", tls_ms, "5s", "The TLS handshake."),
    TIMEOUT("first_token", first_token_ms, "120s", "To the first token of a stream."),
    TIMEOUT("first_byte", first_byte_ms, "300s", "To the answer when it is not streamed."),
    TIMEOUT("gap", gap_ms, "60s", "Silence inside an answer."),
    QUIRK(max_tokens_legacy, "Wants `max_tokens` instead of `max_completion_tokens`."),
    QUIRK(developer_role, "Knows the role `developer`; else it is sent as `system`."),
    QUIRK(content_string_only, "Takes message content as one string only."),
    QUIRK(content_never_null, "Wants an empty string where content would be null."),
    QUIRK(no_stream_usage, "Does not know `stream_options.include_usage`."),
    QUIRK(keep_extras, "Unknown members of a request are sent on."),
    QUIRK(keep_reasoning, "Reasoning of earlier turns is sent on."),
    {"providers.*.enabled", SETTING_BOOL, SETTING_INVERTED, IN(disabled), .initial = "yes",
     .help = "`no` leaves it out, whatever keys are found."},
    {"providers.*.tier", SETTING_ENUM, IN(tier), .choices = "free|paid",
     .help = "`paid`: its billed models may be used, where an alias or a pin names them. Without "
             "it nothing billed is asked."},
    {"providers.*.billing", SETTING_ENUM, IN(billing), .choices = "free|paid|unknown",
     .help = "Whether its keys may cost money. Unknown, as when not given: only models listed as "
             "free."},
    {"providers.*.plan", SETTING_NAME, IN(plan),
     .help = "Variant of its free tier that your account has, by its name in the catalog."},
    {"providers.*.data_use", SETTING_ENUM, IN(training), .choices = "trains|no-training|unknown",
     .help = "What it does with prompts, where you know better than the catalog."},
    {"providers.*.proxy", SETTING_PROXY, IN(proxy),
     .help = "Proxy for this provider, or `none`; `NO_PROXY` does not count then."},
    {"providers.*.user_agent", SETTING_AGENT, IN(user_agent),
     .help = "User-Agent sent to it, where it wants a certain one."},
    LATER("providers.*.budget", "Most money to spend."),
    {"providers.*.limits", SETTING_LIMITS,
     .help = "What it allows, instead of what the catalog says: at most 16 rows, each with one "
             "amount, such as `{requests: 60, per: minute, burst: 5}`."},
    CONFIG_UNIT_TABLE(AMOUNT){
        "providers.*.limits[].per", SETTING_PERIOD, BY(per),
        .help = "`second`, `minute`, `hour`, `day`, `month`, or a duration such as `5m`. Not for "
                "`concurrent`."},
    {"providers.*.limits[].burst", SETTING_U64, BY(burst), .min = 1, .max = 1000000000000000,
     .help = "Most of it at once; the rest is spread over the window."},
    {"providers.*.limits[].shape", SETTING_ENUM, BY(form),
     .choices = "rolling|refill|calendar|aligned",
     .help = "How the window comes back; `rolling` when not given, `calendar` where a zone is."},
    {"providers.*.limits[].zone", SETTING_ZONE, BY(zone),
     .help = "Where days and months begin, such as America/Los_Angeles; UTC when not given."},
    {"providers.*.limits[].scope", SETTING_ENUM, BY(scope), .initial = "account",
     .choices = "account|model", .help = "Counted for all of an account, or for each model of it."},

    /* --- names --- */
    {"models.aliases", SETTING_ALIASES,
     .help = "Names for clients, each with what to try in order: a name, a list, or `{first: X, "
             "then: Y}`."},

    /* --- requests --- */
    {"queue.max_wait", SETTING_DURATION, AT(queue_max_wait_ms), .max = 60 * MS_PER_MINUTE,
     .initial = "25s", .help = "Longest time a request waits for a provider."},
    {"queue.max_waiting", SETTING_U32, AT(queue_max_waiting), .max = 1000000, .initial = "4096",
     .help = "Most requests waiting at once."},
    {"routing.attempts", SETTING_U32, AT(attempts_max), .min = 1, .max = 16, .initial = "3",
     .help = "Most providers asked for one request."},
    {"routing.strategy", SETTING_CHOICE, AT(routing_strategy), .initial = "value",
     .choices = "value", .help = "How candidates are ordered: by what an answer is worth."},
    {"routing.data_use", SETTING_ENUM, AT(data_use), .choices = "any|no-training",
     .help = "`no-training` leaves out providers that may train on prompts; not given: `any` with "
             "`audience: self`, else `no-training`."},
    LATER("routing.stream_upstream", "Stream from providers for clients that do not."),
    {"limits.body", SETTING_SIZE, AT(body_max_bytes), .min = 1024, .max = 1024 * MIB,
     .initial = "32MiB", .help = "Largest request body, also after decompression."},
    {"limits.bodies", SETTING_SIZE, AT(bodies_max_bytes), .min = 1024, .max = 1024 * 1024 * MIB,
     .initial = "512MiB",
     .help = "All request bodies in memory together; beyond it clients get a 503."},
    {"limits.connections", SETTING_U32, AT(connections_max), .min = 1, .max = 1000000,
     .initial = "4096", .help = "Client connections at once."},
    {"limits.header_timeout", SETTING_DURATION, AT(header_timeout_ms), .min = 1, .max = MS_PER_DAY,
     .initial = "10s", .help = "To the end of a request's header."},
    {"limits.body_timeout", SETTING_DURATION, AT(body_timeout_ms), .min = 1, .max = MS_PER_DAY,
     .initial = "30s", .help = "Silence inside a request's body."},
    {"limits.idle_timeout", SETTING_DURATION, AT(idle_timeout_ms), .min = 1, .max = MS_PER_DAY,
     .initial = "130s", .help = "How long an unused client connection stays open."},
    {"drain_timeout", SETTING_DURATION, AT(drain_timeout_ms), .max = MS_PER_DAY, .initial = "30s",
     .help = "After TERM: how long running requests may take."},

    /* --- what is remembered --- */
    {"store.url", SETTING_STORE, AT(store_url), .initial = "sqlite:",
     .help = "`sqlite:` for `papi.db` in the data directory, `sqlite:/PATH` for a file elsewhere, "
             "or `off`: nothing is kept, and a restart forgets what limits have counted."},
    {"store.keep.requests", SETTING_DURATION, AT(keep_requests_ms), .max = KEEP_MAX_MS,
     .initial = "30d", .help = "How long single requests are kept; 0 for ever."},
    {"store.keep.minutes", SETTING_DURATION, AT(keep_minutes_ms), .max = KEEP_MAX_MS,
     .initial = "7d", .help = "How long totals by minute are kept; 0 for ever."},
    {"store.keep.hours", SETTING_DURATION, AT(keep_hours_ms), .max = KEEP_MAX_MS, .initial = "400d",
     .help = "How long totals by hour are kept, from which limits of days and months are counted "
             "after a start; 0 for ever."},
    {"store.keep.days", SETTING_DURATION, AT(keep_days_ms), .max = KEEP_MAX_MS, .initial = "0",
     .help = "How long totals by day are kept; 0 for ever."},

    /* --- log --- */
    {"log.level", SETTING_CHOICE, AT(log_level), .initial = "info",
     .choices = "debug|info|warn|error", .help = "Least important line that is written."},
    {"log.format", SETTING_CHOICE, AT(log_format), .initial = "text", .choices = "text|json",
     .help = "Form of a line."},
    {"log.file", SETTING_OUTPUT, AT(log_file),
     .help = "File that lines are appended to (relative to this file); standard error when not "
             "given. USR1 opens it anew."},

    /* --- known, not obeyed yet --- */
    LATER("cluster", "Ledger shared by several nodes."),
};

const size_t config__setting_count = array_length(config__settings);

static const struct {
    const char *name;
    bool scalar;
} types[SETTING_TYPE_COUNT] = {
    [SETTING_BOOL] = {"yes or no", true},
    [SETTING_U32] = {"number", true},
    [SETTING_U64] = {"number", true},
    [SETTING_DURATION] = {"duration", true},
    [SETTING_SIZE] = {"size", true},
    [SETTING_ADDRESS] = {"address and port", true},
    [SETTING_URL] = {"URL", true},
    [SETTING_NETWORK] = {"network", true},
    [SETTING_FILE] = {"file", true},
    [SETTING_OUTPUT] = {"file", true},
    [SETTING_NAME] = {"name", true},
    [SETTING_ZONE] = {"zone", true},
    [SETTING_AGENT] = {"text", true},
    [SETTING_STORE] = {"database", true},
    [SETTING_PROXY] = {"URL or `none`", true},
    [SETTING_CHOICE] = {"choice", true},
    [SETTING_ENUM] = {"choice", true},
    [SETTING_TRI] = {"yes or no", true},
    [SETTING_PERIOD] = {"period", true},
    [SETTING_HOSTS] = {"list of names", false},
    [SETTING_ORIGINS] = {"list of origins", false},
    [SETTING_NETWORKS] = {"list of networks", false},
    [SETTING_KEY] = {"reference to a key", true},
    [SETTING_KEYS] = {"list of keys", false},
    [SETTING_MODELS] = {"list of models", false},
    [SETTING_LIMITS] = {"list of limits", false},
    [SETTING_PROVIDERS] = {"mapping", false},
    [SETTING_ALIASES] = {"mapping", false},
    [SETTING_LATER] = {"not supported yet", true},
};

const char *config__type_name(enum setting_type type) {
    return types[type].name;
}

bool config__is_scalar(enum setting_type type) {
    return types[type].scalar;
}

const struct setting *config__find(const char *path) {
    for (size_t i = 0; i < config__setting_count; i++)
        if (strcmp(config__settings[i].path, path) == 0)
            return &config__settings[i];
    return NULL;
}

/* What follows `section` and its dot in a path; NULL when the path lies elsewhere. */
static const char *inside(const char *path, const char *section) {
    size_t length = strlen(section);
    if (length == 0)
        return path;
    return strncmp(path, section, length) == 0 && path[length] == '.' ? path + length + 1 : NULL;
}

bool config__is_section(const char *path) {
    for (size_t i = 0; i < config__setting_count; i++)
        if (inside(config__settings[i].path, path) != NULL)
            return true;
    return false;
}

static const char *leaf_of(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

const char *config__nearest(const char *section, struct span name, struct arena *arena,
                            bool *ret_close) {
    const char *best = "";
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < config__setting_count; i++) {
        const struct setting *setting = &config__settings[i];
        const char *rest = setting->type == SETTING_LATER ? NULL : inside(setting->path, section);
        size_t distance = SIZE_MAX;
        const char *shown = rest;
        if (rest != NULL) {
            char *child = arena_format(arena, "%.*s", (int)strcspn(rest, ".["), rest);
            if (child == NULL)
                break;
            bool begins = name.len > 2 && strncmp(child, name.ptr, name.len) == 0;
            distance = begins ? 1 : span_distance(name, span_text(child));
            shown = child;
        }
        /* The right name in the wrong place comes right behind a typing error in the right place. */
        if (setting->type != SETTING_LATER && distance > 2 &&
            span_is_nocase(name, leaf_of(setting->path))) {
            distance = 2;
            shown = setting->path;
        }
        if (distance < best_distance) {
            best_distance = distance;
            best = shown;
        }
    }
    *ret_close = best_distance <= (name.len + 2) / 3 || strchr(best, '.') != NULL;
    return best;
}
