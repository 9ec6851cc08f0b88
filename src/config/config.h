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
#include "base/dynbuf.h"
#include "base/secret.h"

#define CONFIG_FILE_MAX_BYTES (1024 * 1024)

enum config_auth { CONFIG_AUTH_OPEN, CONFIG_AUTH_KEYS };

struct config_key {
    struct secret *key;  /* owned ref; NULL = keyless entry */
    struct span account; /* "default" when not named */
};

struct config_model {
    struct span id;          /* name clients use */
    struct span upstream;    /* the provider's name; equal to id when not given */
    uint64_t context_tokens; /* 0 = unknown */
    uint64_t output_tokens_max;
    bool vision, no_tools,
        no_json_schema; /* settings `vision: yes`, `tools: no`, `json_schema: no` */
    struct span kind;   /* "chat", "embed"; "" = not said */
};

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
    struct config_key *keys;              /* none given: one keyless entry */
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
    unsigned line; /* of its name in the file, for messages */
};

struct config_alias {
    struct span name;
    struct span *targets;
    uint32_t target_count;
    unsigned line;
};

struct config {
    struct span listen; /* "127.0.0.1:7274" */
    enum config_auth auth;
    uint32_t loops;     /* 0 = min(cores, 4) */
    struct span *hosts; /* further Host names accepted in open mode */
    uint32_t host_count;
    struct span *cors; /* further Origins */
    uint32_t cors_count;
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
    struct span log_level;     /* log: {level: info, format: text} */
    struct span log_format;
    struct span file;    /* path it came from; absent = none */
    struct arena *arena; /* owned */
};

struct config_message {
    bool warning;
    unsigned line, column; /* 0 = no place in a file (environment) */
    const char *text;      /* in the config's arena: what, where, what to do */
};
struct config_report {
    struct config_message items[64];
    uint32_t count; /* more than the array holds: the first ones */
    uint32_t errors;
};

/* How the loader reaches outside, so that tests need no files: */
struct config_environment {
    const char *(*get)(void *context, const char *name); /* an environment variable or NULL */
    void *context;
};

/* path NULL: defaults and environment only. Returns 0 and a config when report.errors == 0; else ERR_INVALID with the report filled
 * (all errors found, not only the first). *ret_config is set in both cases, for its arena; free it with config_free. */
int config_load(const char *path, const struct config_environment *environment,
                struct config **ret_config, struct config_report *ret_report) WARN_UNUSED;
/* The same from bytes (tests, fuzzing). `name` stands for the path in messages. */
int config_parse(struct span yaml, const char *name, const struct config_environment *environment,
                 struct config **ret_config, struct config_report *ret_report) WARN_UNUSED;
void config_free(struct config *config); /* NULL is fine */
/* "papi.yaml:12:3: error: unknown setting 'lisen'; did you mean 'listen'?" one line each. */
int config_report_write(const struct config_report *report, const char *name,
                        struct dynbuf *out) WARN_UNUSED;
/* Which file to read: --config, $PAPI_CONFIG, $XDG_CONFIG_HOME/papi/papi.yaml ($HOME/.config), /etc/papi/papi.yaml; NULL = none exists. In the
 * arena given. `named` tells that the user named it (it must then exist). */
const char *config_find(const char *option, const struct config_environment *environment,
                        struct arena *arena, bool *ret_named);
/* For --listen: NULL when this ADDRESS:PORT may be listened on, else why not: completes "--listen ...". */
const char *config_listen_refused(struct span address);
/* An http or https URL taken apart, by the rules of base_url; spans into the text. NULL, or why not: completes "URL ...". */
struct config_url {
    struct span host; /* without brackets */
    struct span path; /* without slashes at the end; "" when there is none */
    uint16_t port;
    bool tls;
    bool host_is_loopback;
};
const char *config_url_parse(struct span text, struct config_url *ret_url);
/* docs/reference/configuration.md, written from the table of settings. */
int config_reference_write(struct dynbuf *out) WARN_UNUSED;
