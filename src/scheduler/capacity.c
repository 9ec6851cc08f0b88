// SPDX-License-Identifier: Apache-2.0
/*
 * What is left, in all.
 *
 * Each automatic route gives the least of the limits that only it is under (its model's), and routes that are
 * under one of their task or key give together no more than that; a quota account gives the least of its own limits and the sum of
 * its routes; accounts that share our address give together no more than the address has. A limit that more
 * routes share than it names in its scope is therefore never counted twice. Within a span a limit gives what is left now and what
 * comes back until the end of it: a bucket evenly, a rolling window as old use leaves and never above its amount, a calendar at its
 * reset.
 * The same upstream model asked through two keys of one account is one route here.
 * Promises: pure; costs routes x limits; never an overflow. Leaves to others: reading the ledger (gateway/desk.c).
 */
#include "scheduler/capacity.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

void capacity_spans(int64_t wall_ms, struct capacity_spans *ret_spans) {
    ret_spans->ms[CAPACITY_NOW] = 0;
    ret_spans->ms[CAPACITY_TODAY] = (uint64_t)(zone_day_next_ms(&zone_utc, wall_ms) - wall_ms);
    ret_spans->ms[CAPACITY_MONTH] = (uint64_t)(zone_month_next_ms(&zone_utc, wall_ms) - wall_ms);
}

static uint64_t plus(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* amount * part / whole without overflow; `whole` is not 0. */
static uint64_t share(uint64_t amount, uint64_t part, uint64_t whole) {
    unsigned __int128 product = (unsigned __int128)amount * part / whole;
    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

/* The one that begins then, and those that begin within `rest_ms`: whole ones, since a calendar gives nothing in between, and a
 * rolling window never gives more. */
static uint64_t windows_of(const struct catalog_limit *limit, uint64_t amount, uint64_t rest_ms) {
    uint64_t further = limit->window_ms == 0 ? 0 : (rest_ms - 1) / limit->window_ms, all;
    return __builtin_mul_overflow(amount, further + 1, &all) ? CAPACITY_UNLIMITED - 1 : all;
}

static uint64_t comes_back(const struct catalog_limit *limit, const struct capacity_limit *state,
                           uint64_t span_ms) {
    switch (limit->shape) {
    case LIMIT_CALENDAR_DAY:
    case LIMIT_CALENDAR_MONTH:
    case LIMIT_ALIGNED:
        if (span_ms <= state->comes_in_ms || state->comes_in_ms == 0)
            return 0;
        return windows_of(limit, state->amount, span_ms - state->comes_in_ms);
    case LIMIT_ONCE:
        return 0;
    default:
        return limit->window_ms == 0 ? 0 : share(state->amount, span_ms, limit->window_ms);
    }
}

uint64_t capacity_of_limit(const struct catalog_limit *limit, const struct capacity_limit *state,
                           uint64_t span_ms) {
    if (limit->shape == LIMIT_AT_ONCE)
        return CAPACITY_UNLIMITED; /* says how many at once, not how many */
    uint64_t amount = plus(state->left, comes_back(limit, state, span_ms));
    if (limit->shape != LIMIT_ROLLING || span_ms == 0)
        return amount;
    /* No window holds more than its amount, and what was never used does not come back. */
    uint64_t most = windows_of(limit, state->amount, span_ms);
    return amount < most ? amount : most;
}

static void no_limit(struct capacity *capacity) {
    for (int span = 0; span < CAPACITY_SPAN_COUNT; span++)
        capacity->requests[span] = capacity->tokens[span] = CAPACITY_UNLIMITED;
}

static void lower(uint64_t *value, uint64_t to) {
    if (to < *value)
        *value = to;
}

static void lower_by_limit(struct capacity *capacity, const struct catalog_limit *limit,
                           const struct capacity_limit *state, const struct capacity_spans *spans) {
    for (int span = 0; span < CAPACITY_SPAN_COUNT; span++) {
        uint64_t amount = capacity_of_limit(limit, state, spans->ms[span]);
        if (limit->unit == LIMIT_REQUESTS)
            lower(&capacity->requests[span], amount);
        else if (limit->unit == LIMIT_TOKENS)
            lower(&capacity->tokens[span], amount);
    }
}

static void lower_by(struct capacity *capacity, const struct capacity *other) {
    for (int span = 0; span < CAPACITY_SPAN_COUNT; span++) {
        lower(&capacity->requests[span], other->requests[span]);
        lower(&capacity->tokens[span], other->tokens[span]);
    }
}

static void add_to(struct capacity *sum, const struct capacity *part) {
    for (int span = 0; span < CAPACITY_SPAN_COUNT; span++) {
        sum->requests[span] = plus(sum->requests[span], part->requests[span]);
        sum->tokens[span] = plus(sum->tokens[span], part->tokens[span]);
    }
}

/* Whether a limit holds for one model (or task) of an account, and not for the whole of it. */
static bool is_of_route(enum limit_scope scope) {
    return scope == LIMIT_BY_MODEL || scope == LIMIT_BY_TASK || scope == LIMIT_BY_IP_MODEL ||
           scope == LIMIT_BY_KEY;
}

/* Whether several routes of an account are under it together. */
static bool is_of_some(enum limit_scope scope) {
    return scope == LIMIT_BY_TASK || scope == LIMIT_BY_KEY;
}

struct pool {
    const struct catalog_snapshot *snapshot;
    const struct capacity_limit *states;
    const struct capacity_spans *spans;
    struct capacity *routes; /* owned: what each gives; nothing of those that do not count */
    struct capacity *groups; /* owned: sums of routes, then lowered */
    bool *used;              /* owned: whether a group has an automatic route */
};

static uint32_t group_of(const struct catalog_snapshot *snapshot,
                         const struct catalog_route *route) {
    return snapshot->accounts[route->account].group;
}

/* Routes of one account to one upstream model differ by their key only. */
static bool is_counted_before(const struct catalog_snapshot *snapshot, uint32_t index) {
    const struct catalog_route *route = &snapshot->routes[index];
    for (uint32_t i = 0; i < index; i++) {
        const struct catalog_route *other = &snapshot->routes[i];
        if (other->automatic && group_of(snapshot, other) == group_of(snapshot, route) &&
            span_equal(other->upstream_model, route->upstream_model))
            return true;
    }
    return false;
}

static void count_route(struct pool *pool, uint32_t index) {
    const struct catalog_route *route = &pool->snapshot->routes[index];
    struct capacity *own = &pool->routes[index];
    if (!route->automatic || is_counted_before(pool->snapshot, index))
        return;
    no_limit(own);
    for (uint32_t i = 0; i < route->limit_count; i++) {
        const struct catalog_limit *limit = &pool->snapshot->limits[route->limits[i]];
        if (is_of_route(limit->scope) && !is_of_some(limit->scope))
            lower_by_limit(own, limit, &pool->states[route->limits[i]], pool->spans);
    }
    pool->used[group_of(pool->snapshot, route)] = true;
}

static bool is_under(const struct catalog_route *route, uint32_t limit) {
    for (uint32_t i = 0; i < route->limit_count; i++)
        if (route->limits[i] == limit)
            return true;
    return false;
}

static void take(uint64_t *value, uint64_t *left) {
    lower(value, *left);
    *left -= *left != CAPACITY_UNLIMITED ? *value : 0;
}

/* A limit of some routes is dealt out to them, the first ones first, so that together they give no more. */
static void deal_out(struct pool *pool, uint32_t index) {
    const struct catalog_limit *limit = &pool->snapshot->limits[index];
    struct capacity left;
    if (!is_of_some(limit->scope))
        return;
    no_limit(&left);
    lower_by_limit(&left, limit, &pool->states[index], pool->spans);
    for (uint32_t i = 0; i < pool->snapshot->route_count; i++)
        for (int span = 0; span < CAPACITY_SPAN_COUNT; span++) {
            if (!is_under(&pool->snapshot->routes[i], index))
                continue;
            take(&pool->routes[i].requests[span], &left.requests[span]);
            take(&pool->routes[i].tokens[span], &left.tokens[span]);
        }
}

static void count_routes(struct pool *pool) {
    const struct catalog_snapshot *snapshot = pool->snapshot;
    for (uint32_t i = 0; i < snapshot->route_count; i++)
        count_route(pool, i);
    for (uint32_t i = 0; i < snapshot->limit_count; i++)
        deal_out(pool, i);
    for (uint32_t i = 0; i < snapshot->route_count; i++)
        add_to(&pool->groups[group_of(snapshot, &snapshot->routes[i])], &pool->routes[i]);
}

/* Limits over all of what `holds` says; LIMIT_NONE for those of an address. */
static void lower_by_limits_of(struct pool *pool, uint32_t provider, uint32_t group,
                               struct capacity *capacity) {
    for (uint32_t i = 0; i < pool->snapshot->limit_count; i++) {
        const struct catalog_limit *limit = &pool->snapshot->limits[i];
        if (limit->provider == provider && limit->group == group && !is_of_route(limit->scope))
            lower_by_limit(capacity, limit, &pool->states[i], pool->spans);
    }
}

static void count_provider(struct pool *pool, uint32_t provider, struct capacity *sum) {
    struct capacity together = {0};
    bool any = false;
    for (uint32_t i = 0; i < pool->snapshot->group_count; i++) {
        if (pool->snapshot->groups[i].provider != provider || !pool->used[i])
            continue;
        lower_by_limits_of(pool, provider, i, &pool->groups[i]);
        add_to(&together, &pool->groups[i]);
        any = true;
    }
    if (!any)
        return;
    lower_by_limits_of(pool, provider, LIMIT_NONE, &together);
    for (uint32_t i = 0; i < pool->snapshot->group_count; i++)
        if (pool->snapshot->groups[i].provider == provider)
            lower_by(&pool->groups[i], &together);
    add_to(sum, &together);
}

void capacity_of_pool(const struct catalog_snapshot *snapshot, const struct capacity_limit *states,
                      const struct capacity_spans *spans, struct capacity *ret_pool,
                      struct capacity *ret_groups) {
    size_t groups = snapshot->group_count + (size_t)1;
    struct pool pool = {.snapshot = snapshot,
                        .states = states,
                        .spans = spans,
                        .routes =
                            mem_zalloc((snapshot->route_count + (size_t)1) * sizeof *pool.routes),
                        .groups = mem_zalloc(groups * sizeof *pool.groups),
                        .used = mem_zalloc(groups * sizeof *pool.used)};
    *ret_pool = (struct capacity){0};
    count_routes(&pool);
    for (uint32_t i = 0; i < snapshot->provider_count; i++)
        count_provider(&pool, i, ret_pool);
    if (ret_groups != NULL && snapshot->group_count > 0)
        memcpy(ret_groups, pool.groups, snapshot->group_count * sizeof *ret_groups);
    mem_free(pool.routes);
    mem_free(pool.groups);
    mem_free(pool.used);
}
