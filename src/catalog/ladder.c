// SPDX-License-Identifier: Apache-2.0
/*
 * The ladders of `auto` and its variants, computed once when a snapshot is built.
 *
 * A variant ranks all routes that may be chosen by themselves and can chat; what it ranks by stands in one table. More than fit
 * are cut so that nobody is left out: the best of each quota account, then each one's second best, and so on; further keys of
 * an account come last, since they add no quota. Within the ladder the best stands first; equal ones, which all routes of one
 * model are unless the variant asks for more than the model, stay in the order they were added.
 * Promises: the same input gives the same ladder. Leaves to others: what a request needs (candidates.c) and who goes first among
 * several good ones (scheduler), which knows prices and load.
 */
#include "catalog/internal.h"

#include "base/mem.h"

#include <stdlib.h>

struct rated {
    uint32_t route;
    uint64_t rank;           /* higher is better */
    uint32_t group_round;    /* how many better ones its quota account has */
    uint32_t provider_round; /* the same of its provider */
    bool chosen;
};

static uint16_t quality(const struct catalog_snapshot *snapshot, uint32_t route,
                        enum fact_task_class class) {
    return snapshot->models[snapshot->routes[route].model].quality[class];
}

static uint64_t rank_general(const struct catalog_snapshot *snapshot, uint32_t route) {
    return quality(snapshot, route, FACT_TASK_GENERAL);
}

static uint64_t rank_smart(const struct catalog_snapshot *snapshot, uint32_t route) {
    return (uint64_t)quality(snapshot, route, FACT_TASK_REASONING) << 16 |
           quality(snapshot, route, FACT_TASK_GENERAL);
}

static uint64_t rank_code(const struct catalog_snapshot *snapshot, uint32_t route) {
    return quality(snapshot, route, FACT_TASK_CODE);
}

static uint64_t rank_vision(const struct catalog_snapshot *snapshot, uint32_t route) {
    return quality(snapshot, route, FACT_TASK_VISION);
}

/* Powers of two, since 128000 and 131072 are meant to be the same; a sixteenth is forgiven. */
static uint64_t context_step(uint64_t tokens) {
    uint64_t forgiven = tokens < UINT64_MAX / 2 ? tokens + tokens / 16 : tokens;
    uint64_t step = 0;
    while (forgiven > 1) {
        forgiven /= 2;
        step++;
    }
    return step;
}

static uint64_t rank_long(const struct catalog_snapshot *snapshot, uint32_t route) {
    return context_step(snapshot->routes[route].context_tokens) << 16 |
           quality(snapshot, route, FACT_TASK_LONG);
}

static uint64_t rank_fast(const struct catalog_snapshot *snapshot, uint32_t route) {
    const struct catalog_route *of = &snapshot->routes[route];
    struct span provider = snapshot->providers[snapshot->accounts[of->account].provider].id;
    return (uint64_t)catalog__speed(provider, snapshot->models[of->model].id) << 16 |
           quality(snapshot, route, FACT_TASK_GENERAL);
}

/* name, what it ranks by, bits its routes must have */
static const struct {
    struct span name;
    uint64_t (*rank)(const struct catalog_snapshot *snapshot, uint32_t route);
    uint64_t needs;
} variants[] = {
    {SPAN_LITERAL("auto"), rank_general, 0},
    {SPAN_LITERAL("auto:fast"), rank_fast, 0},
    {SPAN_LITERAL("auto:smart"), rank_smart, 0},
    {SPAN_LITERAL("auto:long"), rank_long, 0},
    {SPAN_LITERAL("auto:vision"), rank_vision, CATALOG_CAN_VISION},
    {SPAN_LITERAL("auto:code"), rank_code, 0},
    /* auto:smart for clients that list only names beginning with "claude" (wire 2.1) */
    {SPAN_LITERAL("claude-papi-auto"), rank_smart, 0},
};

struct span catalog_auto_name(uint32_t index) {
    return index < array_length(variants) ? variants[index].name : SPAN_NONE;
}

void catalog__ladder_add(struct ladder *ladder, uint32_t route) {
    for (uint32_t i = 0; i < ladder->count; i++)
        if (ladder->routes[i] == route)
            return;
    if (ladder->count < CATALOG_ROUTES_PER_MODEL_MAX)
        ladder->routes[ladder->count++] = route;
}

static int by_rank(const void *left, const void *right) {
    const struct rated *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    return a->route < b->route ? -1 : a->route > b->route;
}

static int by_round(const void *left, const void *right) {
    const struct rated *a = *(struct rated *const *)left, *b = *(struct rated *const *)right;
    if (a->group_round != b->group_round)
        return a->group_round < b->group_round ? -1 : 1;
    if ((a->provider_round == 0) != (b->provider_round == 0))
        return a->provider_round == 0 ? -1 : 1;
    return by_rank(a, b);
}

static bool serves_chat(enum catalog_kind kind) {
    return kind == CATALOG_CHAT || kind == CATALOG_ANY;
}

static uint32_t collect(const struct catalog_snapshot *snapshot, uint32_t index,
                        struct rated *rated) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->route_count; i++) {
        const struct catalog_route *route = &snapshot->routes[i];
        if (catalog_route_automatic(snapshot, i) &&
            serves_chat(snapshot->models[route->model].kind) &&
            (variants[index].needs & ~route->can) == 0)
            rated[count++] = (struct rated){.route = i, .rank = variants[index].rank(snapshot, i)};
    }
    return count;
}

/* Whether a route that was added earlier is the same model with another key of the same quota account. */
static bool repeats(const struct catalog_snapshot *snapshot, uint32_t route) {
    const struct catalog_route *of = &snapshot->routes[route];
    const struct catalog_model *model = &snapshot->models[of->model];
    for (uint32_t i = 0; i < model->route_count && model->routes[i] < route; i++) {
        const struct catalog_route *other = &snapshot->routes[model->routes[i]];
        if (snapshot->accounts[other->account].group == snapshot->accounts[of->account].group &&
            span_equal(other->upstream_model, of->upstream_model))
            return true;
    }
    return false;
}

static void number_rounds(const struct catalog_snapshot *snapshot, struct rated *rated,
                          uint32_t count) {
    uint32_t *groups = mem_zalloc((snapshot->group_count + 1) * sizeof *groups);
    uint32_t *providers = mem_zalloc((snapshot->provider_count + 1) * sizeof *providers);
    for (uint32_t i = 0; i < count; i++) {
        const struct catalog_account *account =
            &snapshot->accounts[snapshot->routes[rated[i].route].account];
        bool repeated = repeats(snapshot, rated[i].route);
        rated[i].provider_round = repeated ? UINT32_MAX : providers[account->provider]++;
        rated[i].group_round = repeated ? UINT32_MAX : groups[account->group]++;
    }
    mem_free(groups);
    mem_free(providers);
}

/* Marks those that fit. */
static void choose(struct rated *rated, uint32_t count) {
    struct rated **order = mem_alloc((count + 1) * sizeof *order);
    for (uint32_t i = 0; i < count; i++)
        order[i] = &rated[i];
    qsort(order, count, sizeof *order, by_round);
    for (uint32_t i = 0; i < count && i < CATALOG_ROUTES_PER_MODEL_MAX; i++)
        order[i]->chosen = true;
    mem_free(order);
}

void catalog__lay_auto(const struct catalog_snapshot *snapshot, uint32_t index,
                       struct ladder *ret_ladder) {
    struct rated *rated = mem_alloc((snapshot->route_count + 1) * sizeof *rated);
    uint32_t count = collect(snapshot, index, rated);
    ret_ladder->count = 0;
    qsort(rated, count, sizeof *rated, by_rank);
    number_rounds(snapshot, rated, count);
    choose(rated, count);
    for (uint32_t i = 0; i < count; i++)
        if (rated[i].chosen)
            ret_ladder->routes[ret_ladder->count++] = rated[i].route;
    mem_free(rated);
}
