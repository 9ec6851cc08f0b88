// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A snapshot: everything known about providers, accounts, models and routes at one moment. Immutable and refcounted once
 * built (any thread); loops hold their own reference, a request takes its loop's at accept. The scheduler knows routes by
 * their index here.
 *
 * A route is one way to serve a model: (account, upstream model). Routes of one unified model stand in the order of the file.
 */
#include "base/secret.h"
#include "base/span.h"

#define CATALOG_NAME_MAX_BYTES       128
#define CATALOG_ROUTES_PER_MODEL_MAX 64

struct catalog_quirks { /* columns of a provider's row; the gateway maps them onto the dialect's */
    bool max_tokens_legacy, developer_role, content_string_only, content_never_null,
        no_stream_usage, keep_extras, keep_reasoning;
    uint64_t drop_options;
};

struct catalog_timeouts {
    uint64_t connect_ms, tls_ms, first_token_ms, first_byte_ms, gap_ms;
};

struct catalog_provider {
    struct span id;      /* "groq", "lab" */
    struct span dialect; /* "openai" */
    struct span host;    /* of base_url */
    struct span host_header;
    struct span base_path;       /* "/v1", "" */
    struct span private_network; /* absent = none */
    struct span ca_file;         /* absent = system only */
    uint16_t port;
    bool tls;
    bool allow_loopback;
    struct catalog_quirks quirks;
    struct catalog_timeouts timeouts;
};

struct catalog_account {
    uint32_t provider;
    struct span name;         /* "work", "default" */
    struct secret *key;       /* owned ref; NULL = keyless */
    uint32_t concurrency_max; /* requests at once; 0 = no limit of ours */
};

struct catalog_route {
    uint32_t account;
    uint32_t model;
    struct span upstream_model;
    uint64_t can;            /* capability bits (message/task.h enum capability) */
    uint64_t context_tokens; /* 0 = unknown */
    uint64_t output_tokens_max;
};

struct catalog_model {
    struct span id;
    const uint32_t *routes; /* borrowed: snapshot */
    uint32_t route_count;
    uint64_t created_s;
};

struct catalog_snapshot {
    const struct catalog_provider *providers;
    const struct catalog_account *accounts;
    const struct catalog_route *routes;
    const struct catalog_model *models;
    uint32_t provider_count, account_count, route_count, model_count;
    uint64_t version; /* grows with each configuration */
};

struct catalog_snapshot *catalog_ref(struct catalog_snapshot *snapshot);
void catalog_unref(struct catalog_snapshot *snapshot); /* NULL is fine */

/* --- building: one builder, one snapshot --- */
struct catalog_builder;
struct catalog_builder *catalog_builder_new(void);
void catalog_builder_free(struct catalog_builder *builder);
/* All copy their texts; add order is preference order. Return the index. */
uint32_t catalog_add_provider(struct catalog_builder *builder,
                              const struct catalog_provider *provider);
uint32_t
catalog_add_account(struct catalog_builder *builder,
                    const struct catalog_account *account); /* takes its own ref of the key */
/* A route for the unified id `model_id`, which comes to exist with its first route; also reachable as the pin provider/upstream_model.
 * ERR_TOO_LARGE beyond CATALOG_ROUTES_PER_MODEL_MAX. */
int catalog_add_route(struct catalog_builder *builder, struct span model_id,
                      const struct catalog_route *route) WARN_UNUSED;
/* alias -> ladder of names (aliases, unified ids, pins); resolved at build; ERR_NOT_FOUND names the missing one by ret_missing. */
int catalog_add_alias(struct catalog_builder *builder, struct span alias,
                      const struct span *targets, size_t target_count) WARN_UNUSED;
/* ERR_NOT_FOUND: no such name; ERR_INVALID: an alias leads back to itself. ret_missing is then the target's span as it was given
 * to catalog_add_alias. */
int catalog_build(struct catalog_builder *builder, uint64_t version,
                  struct catalog_snapshot **ret_snapshot, struct span *ret_missing) WARN_UNUSED;

/* --- looking up --- */
/* Candidates for a name as product 4 orders: alias, "auto" (all routes in order), unified id, pin provider/model (also "openai/" prefix of
 * other tools when the rest is known), upstream id; ":latest" is ignored. Writes at most CATALOG_ROUTES_PER_MODEL_MAX route indexes;
 * returns how many, 0 = unknown. */
uint32_t catalog_resolve(const struct catalog_snapshot *snapshot, struct span name,
                         uint32_t *ret_routes);
/* Up to `most` known names nearest to an unknown one, best first; returns how many. */
uint32_t catalog_suggest(const struct catalog_snapshot *snapshot, struct span name,
                         struct span *ret_names, uint32_t most);
const struct catalog_model *catalog_find_model(const struct catalog_snapshot *snapshot,
                                               struct span id);
/* Aliases, for /v1/models: id and first target. */
uint32_t catalog_alias_count(const struct catalog_snapshot *snapshot);
struct span catalog_alias_name(const struct catalog_snapshot *snapshot, uint32_t index);
