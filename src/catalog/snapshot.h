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
#include "catalog/facts.h"
#include "catalog/limit.h"

#define CATALOG_NAME_MAX_BYTES       128
#define CATALOG_ROUTES_PER_MODEL_MAX 64

struct dialect_quirks; /* dialect/quirks.h; carried here, read there */

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
    bool local; /* a server of our own: free, one request at a time unless told otherwise */
    bool paid;  /* used only where an alias or a pin names it */
    enum fact_tri trains;   /* on prompts: facts, or what the configuration says */
    struct span proxy;      /* "http://host:port", "socks5h://..."; absent = none */
    struct span user_agent; /* sent as User-Agent; absent = ours */
    const struct fact_provider
        *facts; /* borrowed: facts_built_in or the loaded ones; NULL = only configured */
    struct catalog_timeouts timeouts;
};

struct catalog_account {
    uint32_t provider;
    uint32_t group;           /* quota account: keys of one account share it */
    struct span name;         /* of the quota account: "work", "default" */
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
    const struct fact_route *facts;      /* borrowed; NULL = only configured */
    const struct dialect_quirks *quirks; /* borrowed: snapshot; NULL = none */
    const uint32_t *limits;              /* borrowed: snapshot; indexes of limits */
    uint32_t limit_count;
    bool
        automatic; /* may be chosen by `auto` and by a unified id; else only by its pin or an alias that names it */
    uint64_t unit_cost_input,
        unit_cost_output; /* millionths of the unit of LIMIT_NEURONS a token */
};

/* A quota account: what a provider counts by. Several keys may belong to one. */
struct catalog_group {
    uint32_t provider;
    struct span name;
    struct span plan; /* of the free tier; "" = the default one */
};

/* ANY: nobody said what it is for; a bare name of the configuration serves any task. */
enum catalog_kind { CATALOG_CHAT, CATALOG_EMBED, CATALOG_OTHER, CATALOG_ANY };

struct catalog_model {
    struct span id;
    enum catalog_kind kind;
    uint16_t
        quality[FACT_TASK_CLASS_COUNT]; /* thousandths; never 0: unknown models get a low guess */
    uint32_t dimensions;                /* embeddings; 0 = unknown */
    const struct fact_model *facts;     /* borrowed; NULL = not in the catalog */
    const uint32_t *routes;             /* borrowed: snapshot */
    uint32_t route_count;
    uint64_t created_s;
};

struct catalog_snapshot {
    const struct catalog_provider *providers;
    const struct catalog_account *accounts;
    const struct catalog_route *routes;
    const struct catalog_model *models;
    const struct catalog_group *groups;
    const struct catalog_limit *limits;
    uint32_t provider_count, account_count, route_count, model_count, group_count, limit_count;
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
/* Before the accounts that belong to it. */
uint32_t catalog_add_group(struct catalog_builder *builder, const struct catalog_group *group);
uint32_t catalog_add_limit(struct catalog_builder *builder, const struct catalog_limit *limit);
/* A copy that lives as long as the snapshot, for routes to point to; `size` is sizeof(struct dialect_quirks), unknown here. */
const struct dialect_quirks *catalog_add_quirks(struct catalog_builder *builder, const void *quirks,
                                                size_t size);
uint32_t
catalog_add_account(struct catalog_builder *builder,
                    const struct catalog_account *account); /* takes its own ref of the key */
/* A route for the unified id `model_id`, which comes to exist with its first route; also reachable as the pin provider/upstream_model.
 * ERR_TOO_LARGE beyond CATALOG_ROUTES_PER_MODEL_MAX. */
int catalog_add_route(struct catalog_builder *builder, struct span model_id,
                      const struct catalog_route *route) WARN_UNUSED;
/* What is known of a model that has a route already: all but id, routes and route_count is taken. */
void catalog_describe_model(struct catalog_builder *builder, struct span model_id,
                            const struct catalog_model *model);
/* alias -> ladder of names (aliases, unified ids, pins, auto and its variants); resolved at build. */
int catalog_add_alias(struct catalog_builder *builder, struct span alias,
                      const struct span *targets, size_t target_count) WARN_UNUSED;
/* ERR_NOT_FOUND: a target leads nowhere; ERR_INVALID: an alias leads back to itself. ret_missing is then the target's span as it
 * was given to catalog_add_alias; catalog_problem tells about all of them. */
int catalog_build(struct catalog_builder *builder, uint64_t version,
                  struct catalog_snapshot **ret_snapshot, struct span *ret_missing) WARN_UNUSED;

/* What names lead to: catalog/candidates.h. */
