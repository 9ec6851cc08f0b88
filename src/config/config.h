// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The configuration as a neutral tree of plain values: what papi.yaml and the environment said, checked, with defaults filled
 * in. It knows no module: app/ maps it onto each module's own config struct.
 *
 * One table (config/schema.c) describes every setting: path, type, range, default, unit, help. It feeds the loader, its error
 * messages (file:line:column and the nearest known name), `papi check`, PAPI_<SETTING> and docs/reference.
 *
 * Ownership: config_free frees all; texts live in the config's arena. Keys are secrets, never texts.
 */
#include "base/secret.h"
#include "config/outside.h"
#include "config/url.h"
#include "config/words.h"

#define CONFIG_FILE_MAX_BYTES (1024 * 1024)

struct config_key {
    struct secret *key;  /* owned ref; NULL = keyless entry */
    struct span account; /* "default" when not named */
    enum config_billing
        billing; /* the provider's when not given: never NOT_SAID once loaded; one account, one answer */
    struct span plan;   /* of the account; the provider's when not given; absent = the usual one */
    struct span source; /* "papi.yaml:12", for people */
    bool literal;       /* it stands in the file itself */
};

struct config_model {
    struct span id;          /* name clients use */
    struct span upstream;    /* the provider's name; equal to id when not given */
    uint64_t context_tokens; /* 0 = unknown */
    uint64_t output_tokens_max;
    bool vision, no_tools,
        no_json_schema;   /* settings `vision: yes`, `tools: no`, `json_schema: no` */
    struct span kind;     /* "chat", "embed"; "" = not said */
    enum config_tri free; /* costs nothing, whatever the catalog says */
};

/* What of type, base_url, keys and models is absent is the catalog's to say: only providers it knows may leave them out. Others
 * are complete, with one keyless entry when no key is given. */
struct config_provider {
    struct span id;
    struct span type; /* "openai" */
    struct span base_url;
    /* base_url taken apart */
    struct span host;
    struct span base_path; /* without the last slash */
    uint16_t port;
    bool tls;
    bool host_is_loopback; /* a loopback address or name in the file allows that address */
    struct span private_network, ca_file; /* absent when not given */
    struct config_key *keys;
    uint32_t key_count;
    struct config_model *models;
    uint32_t model_count;
    uint32_t concurrency_max; /* setting `concurrency`; default 8 */
    struct {
        uint64_t connect_ms, tls_ms, first_token_ms, first_byte_ms, gap_ms;
    } timeouts;
    struct {
        bool max_tokens_legacy, developer_role, content_string_only, content_never_null,
            no_stream_usage, keep_extras, keep_reasoning;
    } quirks;
    bool disabled; /* setting `enabled: no` */
    enum config_tier tier;
    enum config_billing billing;   /* never NOT_SAID once loaded */
    enum config_training training; /* setting `data_use` */
    struct span plan;              /* absent = the usual one */
    struct span proxy;             /* URL, "none" = direct, absent = the general one */
    struct span user_agent;        /* absent = ours */
    struct config_limit *limits;
    uint32_t limit_count;
    unsigned line; /* of its name in the file, for messages */
};

struct config_alias {
    struct span name;
    struct span *targets;
    struct config_place *places; /* of each target */
    uint32_t target_count;
    unsigned line;
};

struct config_texts {
    struct span *items;
    uint32_t count;
};

struct config {
    struct span listen; /* "127.0.0.1:7274" */
    struct config_place listen_place;
    enum config_auth auth;
    bool insecure_http; /* keys may travel unencrypted */
    uint32_t loops;     /* 0 = min(cores, 4) */
    struct config_texts hosts, cors, trusted_proxies;
    enum config_audience audience;
    enum config_keyless keyless;
    enum config_local local_servers;
    bool dotenv; /* read .env in the working directory */
    enum config_data_use
        data_use; /* never NOT_SAID once loaded: no-training unless the audience is `self` */
    struct span routing_strategy; /* "value" */
    /* Setting `proxy`, else of the environment by the origin's scheme; absent = none; hosts that go around it, as NO_PROXY. */
    struct span proxy_https, proxy_http, no_proxy;
    struct config_provider *providers;
    uint32_t provider_count;
    struct config_alias *aliases;
    uint32_t alias_count;
    uint64_t queue_max_wait_ms; /* queue: {max_wait: 25s} */
    uint32_t queue_max_waiting; /* 4096 */
    uint32_t attempts_max;      /* routing: {attempts: 3} */
    uint64_t body_max_bytes;    /* limits: {body: 32MiB, ...} */
    uint64_t bodies_max_bytes;  /* all buffered bodies together, 512 MiB */
    uint32_t connections_max;   /* clients' connections at once, in all */
    uint64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms;
    uint64_t drain_timeout_ms; /* TERM: how long running requests may take */
    struct span store_url;     /* store: {url: "sqlite:", keep: {...}}; "off" = nothing is kept */
    uint64_t keep_requests_ms, keep_minutes_ms, keep_hours_ms, keep_days_ms; /* 0 = for ever */
    struct span log_level; /* log: {level: info, format: text} */
    struct span log_format;
    struct span log_file; /* absent = standard error; ends with a NUL */
    struct span file;     /* path it came from; absent = none */
    struct arena *arena;  /* owned */
};

/* path NULL: defaults and environment only. Returns 0 and a config when report.errors == 0; else ERR_INVALID with the report filled
 * (all errors found, not only the first). *ret_config is set in both cases, for its arena; free it with config_free. */
int config_load(const char *path, const struct config_environment *environment,
                struct config **ret_config, struct config_report *ret_report) WARN_UNUSED;
/* The same from bytes (tests, fuzzing). `name` stands for the path in messages. */
int config_parse(struct span yaml, const char *name, const struct config_environment *environment,
                 struct config **ret_config, struct config_report *ret_report) WARN_UNUSED;
void config_free(struct config *config); /* NULL is fine */
/* NULL when this ADDRESS:PORT may be listened on with these settings, else why not: completes "listen: ...". */
const char *config_listen_refused(const struct config *config, struct span address);
/* One more message, found where the configuration meets what it names; messages stay in the order of the file. */
void config_report_error(struct config *config, struct config_report *report,
                         struct config_place place, const char *format, ...) PRINTF_LIKE(4, 5);
void config_report_warning(struct config *config, struct config_report *report,
                           struct config_place place, const char *format, ...) PRINTF_LIKE(4, 5);
/* Which file to read: --config, $PAPI_CONFIG, $XDG_CONFIG_HOME/papi/papi.yaml ($HOME/.config), /etc/papi/papi.yaml; NULL = none exists. In the
 * arena given. `named` tells that the user named it (it must then exist). */
const char *config_find(const char *option, const struct config_environment *environment,
                        struct arena *arena, bool *ret_named);
/* docs/reference/configuration.md, written from the table of settings. */
int config_reference_write(struct dynbuf *out) WARN_UNUSED;
