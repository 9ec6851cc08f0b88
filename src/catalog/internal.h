// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of catalog/ share: the whole snapshot behind the public struct, its index of names, and the builder. Not for
 * other folders.
 */
#include "base/arena.h"
#include "base/check.h"
#include "catalog/candidates.h"

#include <stdatomic.h>

/* In the order of claiming: the first kind to claim a name keeps it; aliases are laid over all. */
enum catalog_name_kind {
    NAME_AUTO,
    NAME_ID,
    NAME_PIN_ID,       /* provider/unified id */
    NAME_PIN_UPSTREAM, /* provider/upstream id */
    NAME_OTHER_ID,     /* what else the model is called, by its facts */
    NAME_PIN_OTHER_ID,
    NAME_UPSTREAM,
    NAME_ALIAS
};

/* What a client may name, and the routes it leads to in order of preference. */
struct catalog_name {
    struct span name; /* borrowed: the snapshot's arena */
    uint64_t hash;
    const uint32_t *routes; /* borrowed: arena */
    uint32_t route_count;   /* 0 = ambiguous, only pinned, or nothing behind it */
    uint32_t alias;         /* ALIAS: its index in the builder */
    uint32_t behind; /* ALIAS: the name of that text without the alias, index + 1; 0 = none */
    enum catalog_name_kind kind;
    bool ambiguous;
};

struct catalog_whole {
    struct catalog_snapshot public;
    atomic_int references;
    struct arena arena; /* owned: everything below and in `public` */
    struct catalog_name *names;
    uint32_t name_count;
    uint32_t *slots; /* open addressing: index + 1 into names; 0 = free */
    uint32_t slot_mask;
    struct catalog_name *patterns; /* longest first */
    uint32_t pattern_count;
    struct span *aliases; /* without patterns, order of adding */
    uint32_t alias_count;
};

static inline const struct catalog_whole *catalog__whole(const struct catalog_snapshot *snapshot) {
    return (const struct catalog_whole *)(const void *)snapshot; /* its first member */
}

/* --- names.c, resolve.c --- */
/* The slot of a name, or the free one where it would stand. */
uint32_t *catalog__slot(const struct catalog_whole *whole, struct span name, uint64_t hash);
/* NULL when it is no name, by all the forms of candidates.h. */
const struct catalog_name *catalog__lookup(const struct catalog_whole *whole, struct span name);
/* Whether a name fits a pattern with one '*'. */
bool catalog__matches(struct span pattern, struct span name);
/* Its routes are reached by their pins alone. */
static inline bool catalog__only_pinned(const struct catalog_name *name) {
    return name->route_count == 0 && !name->ambiguous && name->kind != NAME_AUTO &&
           name->kind != NAME_ALIAS;
}
/* Names to say instead of an ambiguous or only pinned one. */
uint32_t catalog__choices(const struct catalog_whole *whole, const struct catalog_name *name,
                          struct span *ret_names, uint32_t most);

/* --- foreign.c: what other tools call providers --- */
struct catalog_foreign {
    const char *prefix;   /* "gemini" of gemini/gemini-2.5-pro */
    const char *provider; /* "google"; NULL = the prefix says nothing about the provider */
};
extern const struct catalog_foreign catalog__foreign[];
extern const size_t catalog__foreign_count;

/* --- ladder.c --- */
struct ladder {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t count;
};
void catalog__ladder_add(struct ladder *ladder, uint32_t route);
/* The ladder of catalog_auto_name(index). */
void catalog__lay_auto(const struct catalog_snapshot *snapshot, uint32_t index,
                       struct ladder *ret_ladder);

/* --- model.c --- */
/* FACT_TASK_CLASS_COUNT numbers: what is 0 takes the general one, without that CATALOG_QUALITY_UNKNOWN. */
void catalog__fill_quality(uint16_t *quality);

/* --- speed.c --- */
/* How soon a model answers there, 0 slow to 4 fast: a guess by size and by provider, with reasons in its tables. */
unsigned catalog__speed(struct span provider, struct span model);

/* --- building --- */
struct model_entry {
    struct catalog_model about;
    bool described;
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
    struct catalog_problem *problems; /* of the last build */
    uint32_t provider_count, account_count, route_count, model_count, alias_count, group_count,
        limit_count, quirks_count, problem_count;
};

/* Room for one more: arrays of 1, 2, 4, 8 ... entries. */
#define GROW(array, count)                                                                       \
    do {                                                                                         \
        if (((count) & ((count)-1)) == 0)                                                        \
            (array) =                                                                            \
                mem_realloc((array), ((count) > 0 ? 2 * (size_t)(count) : 1) * sizeof *(array)); \
    } while (0)

/* Fills names, patterns and aliases of `whole`, whose arrays are already laid out. ERR_NOT_FOUND, ERR_INVALID (an alias that leads
 * back to itself): ret_missing names the first such target, in the caller's own span; builder->problems has all. */
int catalog__lay_names(struct catalog_builder *builder, struct catalog_whole *whole,
                       struct span *ret_missing) WARN_UNUSED;
/* aliases.c: unfolds all aliases over the names claimed so far; ret_ladders has one for each. */
int catalog__unfold_aliases(struct catalog_builder *builder, const struct catalog_whole *whole,
                            struct ladder *ret_ladders, struct span *ret_missing) WARN_UNUSED;
