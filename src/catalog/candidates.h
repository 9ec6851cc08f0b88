// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From a request's wishes to an ordered list of routes, or to the exact reason why there is none. Pure: no clock, no allocation,
 * any thread.
 *
 * Names are tried in the order of product 4: alias, auto and its variants, unified id, pin provider/model, the names other tools
 * use, upstream id, pattern; then, when exactly one known name differs in case only, that one.
 */
#include "catalog/snapshot.h"

#define CATALOG_WISH_NAMES_MAX 16 /* of each list of a wish; more are not looked at */
#define CATALOG_CHOICES_MAX    8
#define CATALOG_CAN_VISION     ((uint64_t)1 << 4) /* the bit of routes that `auto:vision` needs */

enum catalog_data_use { CATALOG_DATA_ANY, CATALOG_DATA_NO_TRAINING };
enum catalog_audience { CATALOG_FOR_SELF, CATALOG_FOR_GROUP, CATALOG_FOR_PUBLIC };

/* All borrowed for the call; zero means: no such wish. */
struct catalog_wish {
    struct span name;
    const struct span *fallbacks; /* further names, tried in order behind `name` */
    const struct span *order;     /* providers to ask first */
    const struct span *only;      /* the only providers to ask */
    const struct span *ignore;    /* providers not to ask */
    uint32_t fallback_count, order_count, only_count, ignore_count;
    bool no_fallbacks; /* only the providers of `order`, without one only the first candidate's */
    enum catalog_data_use data_use;
    enum catalog_audience audience;
    enum catalog_kind kind; /* what the task is */
    uint64_t needs;         /* capability bits */
    uint64_t input_tokens;  /* estimate */
    uint64_t output_tokens_max;
    /* What only the caller can tell of a route, such as parameters its quirks drop; NULL = nothing. */
    bool (*accepts)(const void *context, uint32_t route);
    const void *context;
};

/* Why no route is left: the last of these tests, in this order, that any route reached. */
enum catalog_lack {
    CATALOG_LACKS_NOTHING,
    CATALOG_LACKS_PROVIDER_NAME, /* `only` names a provider that is not here: name, choices = nearest */
    CATALOG_LACKS_NAME,          /* unknown: name */
    CATALOG_LACKS_CHOICE,        /* name means several things: choices */
    CATALOG_LACKS_PIN,    /* its routes are never chosen by themselves: choices = pins that work */
    CATALOG_LACKS_ROUTES, /* a virtual name that nothing fills here */
    CATALOG_LACKS_KIND,   /* name serves another kind of task: kind */
    CATALOG_LACKS_PROVIDER, /* only, ignore, order without fallbacks */
    CATALOG_LACKS_AUDIENCE,
    CATALOG_LACKS_DATA_USE,
    CATALOG_LACKS_CAPABILITY, /* missing = bits that no route has; 0 = no route has all of them */
    CATALOG_LACKS_PARAMETER,  /* `accepts` refused all */
    CATALOG_LACKS_CONTEXT     /* context_tokens = the largest among them */
};

struct catalog_choice {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX]; /* preferred first, none twice */
    uint32_t route_count;
    enum catalog_lack lack;
    enum catalog_kind kind;
    struct span name; /* borrowed: the wish's */
    uint64_t missing, context_tokens;
    struct span choices[CATALOG_CHOICES_MAX]; /* borrowed: the snapshot's */
    uint32_t choice_count;
    /* Bit i: fallbacks[i], order[i], ignore[i] leads to nothing here and was passed over. */
    uint32_t idle_fallbacks, idle_order, idle_ignore;
    bool idle_name; /* the same of `name` */
};

void catalog_candidates(const struct catalog_snapshot *snapshot, const struct catalog_wish *wish,
                        struct catalog_choice *ret_choice);
/* Routes that wish->name leads to and that are left out, each with the first test it fails; at most CATALOG_ROUTES_PER_MODEL_MAX. For
 * explaining; returns how many. */
uint32_t catalog_left_out(const struct catalog_snapshot *snapshot, const struct catalog_wish *wish,
                          uint32_t *ret_routes, enum catalog_lack *ret_lacks);
/* All routes a name leads to, unfiltered, at most CATALOG_ROUTES_PER_MODEL_MAX; returns how many, 0 = unknown, ambiguous or
 * reached only by a pin. */
uint32_t catalog_resolve(const struct catalog_snapshot *snapshot, struct span name,
                         uint32_t *ret_routes);
/* Up to `most` known names nearest to an unknown one, best first; returns how many. For an ambiguous name: what it may mean. */
uint32_t catalog_suggest(const struct catalog_snapshot *snapshot, struct span name,
                         struct span *ret_names, uint32_t most);
/* Whether a route may be chosen by auto and by a unified id. */
bool catalog_route_automatic(const struct catalog_snapshot *snapshot, uint32_t route);
/* NULL = none of that id. */
const struct catalog_model *catalog_find_model(const struct catalog_snapshot *snapshot,
                                               struct span id);
/* By its id or by a name that other tools have for it; UINT32_MAX = not here. */
uint32_t catalog_find_provider(const struct catalog_snapshot *snapshot, struct span name);
/* For the list of models: aliases in the order of adding, without patterns; names of the family of `auto`. */
uint32_t catalog_alias_count(const struct catalog_snapshot *snapshot);
struct span catalog_alias_name(const struct catalog_snapshot *snapshot, uint32_t index);
struct span catalog_auto_name(uint32_t index); /* absent after the last */

/* --- after a catalog_build that failed: every target that cannot be used, in the order of adding. Texts live like the builder. --- */
enum catalog_problem_kind {
    CATALOG_TARGET_UNKNOWN,
    CATALOG_TARGET_AMBIGUOUS,
    CATALOG_TARGET_PINNED, /* its routes are reached by their pins alone */
    CATALOG_TARGET_CIRCLE
};

struct catalog_problem {
    enum catalog_problem_kind kind;
    uint32_t alias, target; /* indexes: of the alias as added, of its target */
    struct span back_to;    /* CIRCLE: the alias it leads back to */
    struct span choice;     /* a name that would work, or is near; absent when there is none */
};
uint32_t catalog_problem_count(const struct catalog_builder *builder);
const struct catalog_problem *catalog_problem_at(const struct catalog_builder *builder,
                                                 uint32_t index);
