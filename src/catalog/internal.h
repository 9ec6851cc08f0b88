// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of catalog/ share: the whole snapshot behind the public struct, and its index of names. Not for other
 * folders.
 */
#include "base/arena.h"
#include "base/check.h"
#include "catalog/snapshot.h"

#include <stdatomic.h>

/* What a client may name, and the routes it leads to in order of preference. */
struct catalog_name {
    struct span name; /* borrowed: the snapshot's arena */
    uint64_t hash;
    const uint32_t *routes; /* borrowed: arena */
    uint32_t route_count;   /* 0 = ambiguous */
};

struct catalog_whole {
    struct catalog_snapshot public;
    atomic_int references;
    struct arena arena;         /* owned: everything below and in `public` */
    struct catalog_name *slots; /* open addressing; name.ptr NULL = free */
    uint32_t slot_mask;
    struct catalog_name *patterns; /* longest first */
    uint32_t pattern_count;
    struct span *aliases; /* without patterns, order of adding */
    uint32_t alias_count;
};

static inline const struct catalog_whole *catalog__whole(const struct catalog_snapshot *snapshot) {
    return (const struct catalog_whole *)(const void *)snapshot; /* its first member */
}

/* NULL when free or unknown. */
const struct catalog_name *catalog__find(const struct catalog_whole *whole, struct span name);
/* Whether a name fits a pattern with one '*'. */
bool catalog__matches(struct span pattern, struct span name);
/* "llama3:latest" -> "llama3" */
struct span catalog__without_latest(struct span name);

/* --- building --- */
struct model_entry {
    struct catalog_model about;
    struct span id;
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t route_count;
};

struct alias_entry {
    struct span name;
    struct span *targets;
    struct span *given; /* the same as the caller's own spans, to name what is missing */
    uint32_t target_count;
};

struct quirks_entry {
    void *bytes; /* owned: the builder's arena */
    size_t size;
    void *laid; /* where it went in the snapshot's arena */
};

struct catalog_builder {
    struct arena arena; /* owned: texts until build */
    struct catalog_provider *providers;
    struct catalog_account *accounts;
    struct catalog_route *routes;
    struct model_entry *models;
    struct alias_entry *aliases;
    struct catalog_group *groups;
    struct catalog_limit *limits;
    struct quirks_entry *quirks;
    uint32_t provider_count, account_count, route_count, model_count, alias_count, group_count,
        limit_count, quirks_count;
};

/* Room for one more: arrays of 1, 2, 4, 8 ... entries. */
#define GROW(array, count)                                                                       \
    do {                                                                                         \
        if (((count) & ((count)-1)) == 0)                                                        \
            (array) =                                                                            \
                mem_realloc((array), ((count) > 0 ? 2 * (size_t)(count) : 1) * sizeof *(array)); \
    } while (0)

/* Fills the index, patterns and aliases of `whole`, whose arrays are already laid out. ERR_NOT_FOUND, ERR_INVALID (an alias that
 * leads back to itself): ret_missing names the target, in the caller's own span. */
int catalog__lay_names(const struct catalog_builder *builder, struct catalog_whole *whole,
                       struct span *ret_missing) WARN_UNUSED;
