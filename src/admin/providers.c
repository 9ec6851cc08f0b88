// SPDX-License-Identifier: Apache-2.0
/*
 * GET /admin/v1/providers: every provider, used or not, with its accounts, why it is not used, and until when it rests.
 *
 * What a configuration decides stands on the board; whether a provider can be asked at this moment is looked up for each answer, in one
 * visit to the desk, by what the loop serves from now on: a change of the configuration may have come while the request waited. Promises: no key, only fingerprints. Leaves to others: changing any of it (provider_change.c).
 */
#include "admin/providers.h"

#include "admin/provider_change.h"
#include "base/check.h"
#include "gateway/desk.h"

#define REASON_RESTS "every model of it rests or is used up for now"

/* When the first of some routes can be asked; UINT64_MAX: there are none. */
struct rest {
    uint64_t open_at_ns;
    uint32_t models;
};

struct showing {
    const struct catalog_snapshot *snapshot;
    uint64_t *open_at_ns; /* of each route; 0 = now */
    uint64_t now_ns, now_ms;
    struct json_writer *writer;
};

static bool begin(struct showing *showing, struct request *r, struct json_writer *writer) {
    *showing = (struct showing){
        .snapshot = r->home->snapshot, .now_ms = clock_wall_ms(), .writer = writer};
    showing->open_at_ns = arena_try_alloc(&r->arena, (r->home->snapshot->route_count + (size_t)1) *
                                                         sizeof *showing->open_at_ns);
    if (showing->open_at_ns == NULL)
        return false;
    desk_route_times(r->home->gateway->desk, r->home->snapshot, showing->open_at_ns,
                     &showing->now_ns);
    return true;
}

/* Of an account, or of the whole provider when it is absent. Models are counted once, whoever serves them. */
static struct rest rest_of(const struct showing *showing, struct span provider,
                           struct span account) {
    const struct catalog_snapshot *snapshot = showing->snapshot;
    struct rest rest = {.open_at_ns = UINT64_MAX};
    uint32_t first = UINT32_MAX;
    for (uint32_t i = 0; i < snapshot->route_count; i++) {
        uint32_t index = snapshot->routes[i].account;
        const struct catalog_account *of = &snapshot->accounts[index];
        if (!span_equal(snapshot->providers[of->provider].id, provider) ||
            (!span_absent(account) && !span_equal(of->name, account)))
            continue;
        if (first == UINT32_MAX)
            first = index;
        rest.models += index == first;
        if (showing->open_at_ns[i] < rest.open_at_ns)
            rest.open_at_ns = showing->open_at_ns[i];
    }
    return rest;
}

/* Unknown and "never by itself" have no time. */
static bool rests(const struct rest *rest) {
    return rest->open_at_ns != 0;
}

static void put_until(const struct showing *showing, const struct rest *rest) {
    bool known = rest->open_at_ns != UINT64_MAX && rest->open_at_ns > showing->now_ns;
    uint64_t in_ms = known ? (rest->open_at_ns - showing->now_ns) / NS_PER_MS + 1 : 0;
    json_put_time(showing->writer, "resting_until", known ? (int64_t)(showing->now_ms + in_ms) : 0);
}

static void put_account(const struct showing *showing, const struct board_provider *provider,
                        const struct board_account *account) {
    struct json_writer *writer = showing->writer;
    struct rest rest = rest_of(showing, provider->id, account->name);
    json_open_object(writer, NULL);
    json_put_text(writer, "name", account->name);
    json_put_text(writer, "source", account->source);
    json_put_text(writer, "billing", account->billing);
    json_put_text(writer, "plan", account->plan);
    json_put_flag(writer, "paused", account->paused);
    json_put_text(writer, "fingerprint", account->fingerprint);
    put_until(showing, &rest);
    json_close_object(writer);
}

static const char *state_of(const struct board_provider *provider, const struct rest *rest) {
    if (provider->verdict == DISCOVER_PAUSED)
        return "paused";
    if (provider->verdict == DISCOVER_NO_KEY || provider->verdict == DISCOVER_EXTRA_MISSING)
        return "no_key";
    if (!discover_used(provider->verdict))
        return "off";
    return rests(rest) ? "resting" : "available";
}

static const char *trains_word(enum fact_tri trains) {
    return trains == FACT_YES ? "yes" : trains == FACT_NO ? "no" : "unknown";
}

static void put_provider(const struct showing *showing, const struct board_provider *provider,
                         struct span warning) {
    struct json_writer *writer = showing->writer;
    struct rest rest = rest_of(showing, provider->id, SPAN_NONE);
    const char *state = state_of(provider, &rest);
    struct span reason = provider->reason;
    if (span_absent(reason) && strcmp(state, "resting") == 0)
        reason = SPAN_LITERAL(REASON_RESTS);
    json_open_object(writer, NULL);
    json_put_text(writer, "id", provider->id);
    json_put_text(writer, "name", provider->name);
    json_put_word(writer, "state", state);
    json_put_text(writer, "reason", reason);
    json_open_list(writer, "accounts");
    for (uint32_t i = 0; i < provider->account_count; i++)
        put_account(showing, provider, &provider->accounts[i]);
    json_close_list(writer);
    json_put_u64(writer, "models", rest.models);
    json_put_word(writer, "trains", trains_word(provider->trains));
    if (!span_absent(warning))
        json_put_text(writer, "warning", warning);
    json_close_object(writer);
}

static int answer_providers(struct request *r) {
    struct json_writer writer;
    struct showing showing;
    struct dynbuf body;
    if (!begin(&showing, r, &writer))
        return ERR_TOO_LARGE;
    struct provider_list *list = provider_board_get(admin_of(r)->board);
    admin_begin(&writer, &body);
    admin_open_page(&writer);
    for (uint32_t i = 0; i < list->count; i++)
        put_provider(&showing, &list->providers[i], SPAN_NONE);
    admin_close_page(&writer, false, SPAN_NONE);
    provider_list_unref(list);
    return admin_end(r, 200, &writer);
}

int admin_answer_provider(struct request *r, int status, struct span id, struct span warning) {
    struct provider_list *list = provider_board_get(admin_of(r)->board);
    const struct board_provider *provider = provider_list_find(list, id);
    struct json_writer writer;
    struct showing showing;
    struct dynbuf body;
    int err = 0;
    if (provider == NULL) {
        err = admin_not_found(r, "there is no provider '%.*s'; `papi provider list` shows them",
                              SPAN_ARG(id));
    } else if (!begin(&showing, r, &writer)) {
        err = ERR_TOO_LARGE;
    } else {
        admin_begin(&writer, &body);
        put_provider(&showing, provider, warning);
        err = admin_end(r, status, &writer);
    }
    provider_list_unref(list);
    return err;
}

static int answer_provider(struct request *r) {
    return admin_answer_provider(r, 200, endpoint_percent_decode(r->path_rest, &r->arena),
                                 SPAN_NONE);
}

static const struct schema_member account_members[] = {
    M_TEXT("name", 0, "what its quota is counted under"),
    M_WORD("source", 0, "environment|.env|config|vault|keyless|local", "where its key comes from"),
    M_WORD("billing", 0, "free|paid|unknown", "whether the provider may send a bill"),
    M_TEXT("plan", SCHEMA_NULLABLE, "of the free tier; null: the usual one"),
    M_FLAG("paused", 0, "by its owner"),
    M_TEXT("fingerprint", SCHEMA_NULLABLE, "tells keys apart without telling them"),
    M_TIME("resting_until", SCHEMA_NULLABLE, "null: it can be asked, or nobody knows"),
    M_END,
};
static const struct schema account_schema = {"ProviderAccount", "A key, or being asked without one",
                                             account_members, false};
static const struct schema_member provider_members[] = {
    M_TEXT("id", 0, "as in the configuration"),
    M_TEXT("name", 0, "its own"),
    M_WORD("state", 0, "available|resting|paused|no_key|off", "at this moment"),
    M_TEXT("reason", SCHEMA_NULLABLE, "why it is not available, and what would help"),
    M_OBJECT("accounts", SCHEMA_LIST, &account_schema, "one for each key"),
    M_WHOLE("models", 0, "that it serves here"),
    M_WORD("trains", 0, "yes|no|unknown", "on prompts"),
    M_TEXT("warning", SCHEMA_OPTIONAL, "what was kept and is not in use yet"),
    M_END,
};
const struct schema admin_provider_schema = {"Provider", "A provider, used or not",
                                             provider_members, false};

static const struct endpoint_doc list_doc = {
    .operation = "listProviders", .gives = &admin_provider_schema, .gives_list = true};
static const struct endpoint_doc one_doc = {
    .operation = "getProvider", .rest = "provider", .gives = &admin_provider_schema};

static const struct schema_member add_members[] = {
    M_BOUNDED("provider", SCHEMA_TEXT, 0, 1, 64, "its id"),
    M_BOUNDED("key", SCHEMA_TEXT, SCHEMA_SECRET, 1, 4096, "as the provider gave it"),
    M_BOUNDED("account", SCHEMA_TEXT, SCHEMA_OPTIONAL, 0, 64,
              "what its quota is counted under; default"),
    M_WORD("billing", SCHEMA_OPTIONAL, "free|paid|unknown", "whether it may cost"),
    M_ANY("extra", SCHEMA_OPTIONAL,
          "what the provider's address needs besides: {\"CLOUDFLARE_ACCOUNT_ID\": \"...\"}"),
    M_END,
};
static const struct schema add_schema = {"ProviderKey", "A key to be kept", add_members, false};
static const struct schema_member import_members[] = {
    M_WORD("format", SCHEMA_OPTIONAL, "env|json|csv|auto", "auto: by its looks"),
    M_BOUNDED("text", SCHEMA_TEXT, SCHEMA_SECRET, 0, 1048576, "the file"),
    M_FLAG("dry_run", SCHEMA_OPTIONAL, "only tell what would be kept"),
    M_END,
};
static const struct schema import_schema = {"ProviderImport", "A file with keys", import_members,
                                            false};
static const struct schema_member added_members[] = {
    M_TEXT("provider", 0, "its id"),
    M_TEXT("account", 0, "what its quota is counted under"),
    M_TEXT("from", 0, "where it stood"),
    M_END,
};
static const struct schema added_schema = {"ImportedKey", "A key that was kept", added_members,
                                           false};
static const struct schema_member skipped_members[] = {
    M_TEXT("from", 0, "where it stood"),
    M_TEXT("reason", 0, "why it was not kept"),
    M_END,
};
static const struct schema skipped_schema = {"SkippedKey", "What was not kept", skipped_members,
                                             false};
static const struct schema_member imported_members[] = {
    M_OBJECT("added", SCHEMA_LIST, &added_schema, "kept"),
    M_OBJECT("skipped", SCHEMA_LIST, &skipped_schema, "not kept"),
    M_END,
};
static const struct schema imported_schema = {"ImportResult", "What became of a file's keys",
                                              imported_members, false};
static const struct schema_member pause_members[] = {
    M_BOUNDED("account", SCHEMA_TEXT, SCHEMA_OPTIONAL | SCHEMA_NULLABLE, 0, 64,
              "only this one; else the whole provider"),
    M_END,
};
static const struct schema pause_schema = {"ProviderPause", "What to pause or resume",
                                           pause_members, false};
static const struct schema_member remove_query[] = {
    M_BOUNDED("account", SCHEMA_TEXT, SCHEMA_OPTIONAL, 0, 64, "only this one's keys"),
    M_END,
};
static const struct schema_member removed_members[] = {
    M_WHOLE("deleted", 0, "keys"),
    M_END,
};
static const struct schema removed_schema = {"RemovedKeys", "How many keys were removed",
                                             removed_members, false};

static const struct endpoint_doc add_doc = {.operation = "addProviderKey",
                                            .takes = &add_schema,
                                            .gives = &admin_provider_schema,
                                            .status = 201};
static const struct endpoint_doc import_doc = {
    .operation = "importProviderKeys", .takes = &import_schema, .gives = &imported_schema};
static const struct endpoint_doc pause_doc = {.operation = "pauseProvider",
                                              .rest = "provider",
                                              .takes = &pause_schema,
                                              .takes_optional = true,
                                              .gives = &admin_provider_schema};
static const struct endpoint_doc resume_doc = {.operation = "resumeProvider",
                                               .rest = "provider",
                                               .takes = &pause_schema,
                                               .takes_optional = true,
                                               .gives = &admin_provider_schema};
static const struct endpoint_doc remove_doc = {.operation = "removeProviderKeys",
                                               .rest = "provider",
                                               .query = remove_query,
                                               .gives = &removed_schema};

static const struct endpoint rows[] = {
    {"/admin/v1/providers", METHODS_READ, ACCESS_ADMIN, NULL, answer_providers,
     "all providers, their accounts and how they fare", &list_doc},
    {"/admin/v1/providers", METHOD_POST, ACCESS_ADMIN, NULL, admin_add_provider,
     "keeps a key, sealed, and uses it from now on", &add_doc},
    {"/admin/v1/providers/import", METHOD_POST, ACCESS_ADMIN, NULL, admin_import_providers,
     "keeps the keys of a .env, JSON or CSV file", &import_doc},
    {"/admin/v1/providers/*/pause", METHOD_POST, ACCESS_ADMIN, NULL, admin_pause_provider,
     "asks it nothing until it is resumed", &pause_doc},
    {"/admin/v1/providers/*/resume", METHOD_POST, ACCESS_ADMIN, NULL, admin_resume_provider,
     "uses it again", &resume_doc},
    {"/admin/v1/providers/*", METHODS_READ, ACCESS_ADMIN, NULL, answer_provider, "one provider",
     &one_doc},
    {"/admin/v1/providers/*", METHOD_DELETE, ACCESS_ADMIN, NULL, admin_remove_provider,
     "forgets its keys that were added or imported", &remove_doc},
};
const struct endpoint_part admin_providers_part = {rows, array_length(rows)};
