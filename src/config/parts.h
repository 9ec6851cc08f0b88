// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of config/ share: the table of settings, the loader, readers of single values. Not for other folders.
 *
 * A setting's path names mappings joined by dots; '*' stands for a name the user chose, "[]" for an entry of a list. Its
 * offset is relative to the record its path lies in (struct config, or the provider, key or model it belongs to).
 */
#include "base/arena.h"
#include "config/config.h"
#include "config/credentials.h"
#include "yaml/yaml.h"

enum setting_type {
    SETTING_BOOL,
    SETTING_U32,
    SETTING_U64,
    SETTING_DURATION,
    SETTING_SIZE,
    SETTING_ADDRESS,
    SETTING_URL,
    SETTING_NETWORK,
    SETTING_FILE,
    SETTING_OUTPUT, /* a file that need not be there yet */
    SETTING_NAME,
    SETTING_ZONE,
    SETTING_AGENT,
    SETTING_STORE,
    SETTING_PROXY,
    SETTING_CHOICE, /* stored as text */
    SETTING_ENUM,   /* stored as an enum: the place in `choices`, from 1 when there is no default */
    SETTING_TRI,    /* stored as enum config_tri */
    SETTING_PERIOD, /* of a limit: a word or a duration */
    SETTING_HOSTS,
    SETTING_ORIGINS,
    SETTING_NETWORKS,
    SETTING_KEY,
    SETTING_KEYS,
    SETTING_MODELS,
    SETTING_LIMITS,
    SETTING_PROVIDERS,
    SETTING_ALIASES,
    SETTING_LATER, /* known, not obeyed by this version */
    SETTING_TYPE_COUNT
};

#define SETTING_REQUIRED (1u << 0)
#define SETTING_INVERTED (1u << 1) /* `tools: no` is stored as no_tools = true */
#define SETTING_CATALOG  (1u << 2) /* known without being given for providers of the catalog */

struct setting {
    const char *path;
    enum setting_type type;
    unsigned flags;
    size_t offset;
    uint64_t min, max;   /* numbers, durations (ms), sizes (bytes); max 0 = no range */
    const char *initial; /* default as text; NULL = none */
    const char *choices; /* "open|keys"; a '-' before a choice: known, not obeyed by this version */
    const char *help;    /* one line for the reference */
    const char *when_missing; /* SETTING_REQUIRED: what to do */
};

extern const struct setting config__settings[];
extern const size_t config__setting_count;

const struct setting *config__find(const char *path);
/* Whether some setting lies inside this path. */
bool config__is_section(const char *path);
/* Nearest obeyed setting to an unknown name inside a section ("" = top), for "did you mean". NULL never. */
const char *config__nearest(const char *section, struct span name, struct arena *arena,
                            bool *ret_close);
/* "a duration such as 25s", for messages and the reference. */
const char *config__type_name(enum setting_type type);
bool config__is_scalar(enum setting_type type);

/* A row of `limits` as written. */
enum limit_period { PERIOD_NONE, PERIOD_FIXED, PERIOD_DAY, PERIOD_MONTH };
enum limit_form { FORM_NONE, FORM_ROLLING, FORM_REFILL, FORM_CALENDAR, FORM_ALIGNED };
struct limit_row {
    uint64_t amounts[CONFIG_UNIT_COUNT];
    uint64_t burst;
    struct limit_per {
        enum limit_period period;
        uint64_t window_ms;
    } per;
    enum limit_form form;
    enum config_scope scope;
    struct span zone;
};

struct loader {
    struct config *config;
    struct config_report *report;
    const struct config_environment *environment;
    const char *name;                    /* of the file, for paths relative to it; NULL = no file */
    const char *section;                 /* concrete: "providers.lab"; "" at the top */
    const char *variable;                /* PAPI_... while a value of the environment is read */
    struct arena *arena;                 /* the config's */
    const struct yaml_node **alias_keys; /* names of models.aliases; borrowed: arena */
};

/* --- load.c --- */
void config__message(struct loader *loader, bool warning, const struct yaml_node *at,
                     const char *format, ...) PRINTF_LIKE(4, 5);
#define config__error(loader, at, ...) config__message(loader, false, at, __VA_ARGS__)
#define config__warn(loader, at, ...)  config__message(loader, true, at, __VA_ARGS__)
/* NULL when the caller has none. */
const struct config_catalog *config__catalog(const struct loader *loader);
/* The front of a text, short enough that the reason behind it is still seen. */
struct span config__shown(struct span text);
/* "queue.max_wait" or the variable it came from. */
const char *config__label(struct loader *loader, const struct setting *setting);
/* The member of that name; NULL when there is none, or `mapping` is none. */
const struct yaml_node *config__child(const struct yaml_node *mapping, const char *name);
/* Reads a mapping whose settings lie at `pattern`, into `record`. */
void config__walk(struct loader *loader, const char *pattern, void *record,
                  const struct yaml_node *mapping);
void config__apply(struct loader *loader, const struct setting *setting, void *record,
                   const struct yaml_node *node);
/* Reads a whole file; more than cap_bytes in *out means that it is larger. ERR_SYSTEM with errno. A key is read from a regular
 * file only (ERR_TYPE), since waiting for a pipe would stop a start without a word; the configuration may be a pipe. */
int config__read_file(const char *path, bool regular_only, size_t cap_bytes,
                      struct dynbuf *out) WARN_UNUSED;
/* A path as the file means it: relative ones start at the folder of the file. Ends in NUL. */
struct span config__resolve_path(struct loader *loader, struct span path);
/* Room for `count` records, zeroed; NULL (reported at `node`) when the arena is full. */
void *config__records(struct loader *loader, const struct yaml_node *node, size_t size,
                      uint32_t count);
/* Defaults of all settings right below `pattern`, and again after reading: those required but not given. */
void config__set_initial(struct loader *loader, const char *pattern, void *record);
void config__require(struct loader *loader, const char *pattern, const struct yaml_node *mapping);

/* One usable text; says what is wrong otherwise. */
bool config__is_single(struct loader *loader, const char *label, const struct yaml_node *node);

/* --- access.c --- */
/* A list of texts, or one text, into a struct config_texts. */
void config__apply_texts(struct loader *loader, const struct setting *setting, void *record,
                         const struct yaml_node *node);
/* The rules of `listen`, `auth`, `insecure_http` and `trusted_proxies` together. */
void config__check_access(struct loader *loader);

/* --- provider.c, model.c, key.c, limit.c, alias.c --- */
void config__apply_providers(struct loader *loader, const struct yaml_node *node);
void config__apply_models(struct loader *loader, struct config_provider *provider,
                          const struct yaml_node *node);
void config__apply_keys(struct loader *loader, struct config_provider *provider,
                        const struct yaml_node *node);
void config__apply_key(struct loader *loader, struct config_key *key, const struct yaml_node *node);
/* What keys leave to their provider; keys of one account must agree. */
void config__settle_keys(struct loader *loader, struct config_provider *provider,
                         const struct yaml_node *node);
void config__apply_limits(struct loader *loader, struct config_provider *provider,
                          const struct yaml_node *node);
void config__apply_aliases(struct loader *loader, const struct yaml_node *node);
void config__check_aliases(struct loader *loader);

/* --- env.c --- */
void config__apply_environment(struct loader *loader);
/* The variables that other programs obey too, where the setting is not given. */
void config__apply_proxies(struct loader *loader);
/* "PAPI_QUEUE_MAX_WAIT"; false when the setting has no variable. */
bool config__variable(const struct setting *setting, char *name, size_t size);

/* --- value.c: NULL, or why the text is not one (static) --- */
const char *config__parse_bool(struct span text, bool *ret_value);
const char *config__parse_duration(struct span text, uint64_t *ret_ms, bool *ret_without_unit);
const char *config__parse_size(struct span text, uint64_t *ret_bytes);
/* Names of models and aliases, and what a provider calls them. */
const char *config__check_name(struct span text);
const char *config__check_provider_id(struct span text);
const char *config__check_zone(struct span text);
const char *config__check_agent(struct span text);
const char *config__check_store(struct span text);
const char *config__parse_period(struct span text, struct limit_per *ret_per,
                                 bool *ret_without_unit);

/* --- url.c --- */
const char *config__parse_address(struct span text, struct span *ret_host, uint16_t *ret_port);
const char *config__check_host_name(struct span host);
const char *config__check_network(struct span text);
bool config__host_is_loopback(struct span host);
/* An address (not a name) that is neither public nor loopback and lies outside `network` (may be absent). */
bool config__host_is_private(struct span host, struct span network);
/* An address nothing is ever sent to: "this host", link-local (cloud metadata). */
bool config__host_is_forbidden(struct span host);
