// SPDX-License-Identifier: Apache-2.0
/*
 * Finding things of one snapshot in another.
 *
 * Why by identity and not by what stands at the same place: a line added at the top of a configuration moves everything below it, and
 * counts that moved to the wrong limit would be spent twice. First keys are paired: the same bytes are the same key; what is left of an
 * account, then, is paired in order, since a key that was replaced is counted by its provider as before. Routes follow from their
 * keys, limits from their routes. Promises: nothing has two successors and nothing two predecessors; what cannot be told is gone.
 * Leaves to others: what moves along (scheduler/configure.c).
 */
#include "catalog/map.h"

#include "base/check.h"
#include "base/mem.h"

struct pairing {
    const struct catalog_snapshot *from, *to;
    struct catalog_map *map;
    bool *account_taken, *limit_taken; /* owned, of the new snapshot */
};

/* New routes by what they are, open addressing. */
struct route_index {
    const struct catalog_snapshot *snapshot;
    uint32_t *slots; /* owned: index + 1; 0 = free */
    uint32_t mask;
};

static uint32_t *gone(uint32_t count) {
    uint32_t *map = mem_alloc(((size_t)count + 1) * sizeof *map);
    for (uint32_t i = 0; i < count; i++)
        map[i] = CATALOG_GONE;
    return map;
}

/* --- keys --- */

static struct span provider_id(const struct catalog_snapshot *snapshot, uint32_t provider) {
    return snapshot->providers[provider].id;
}

static bool same_group(const struct pairing *pairing, const struct catalog_account *old,
                       const struct catalog_account *now) {
    return span_equal(old->name, now->name) && span_equal(provider_id(pairing->from, old->provider),
                                                          provider_id(pairing->to, now->provider));
}

static bool same_key(const struct catalog_account *old, const struct catalog_account *now) {
    if (old->key == NULL || now->key == NULL)
        return old->key == now->key;
    return secret_equal(old->key, secret_reveal(now->key));
}

static void pair_accounts(struct pairing *pairing, bool by_key) {
    for (uint32_t i = 0; i < pairing->from->account_count; i++) {
        const struct catalog_account *old = &pairing->from->accounts[i];
        for (uint32_t k = 0; k < pairing->to->account_count; k++) {
            const struct catalog_account *now = &pairing->to->accounts[k];
            if (pairing->map->accounts[i] != CATALOG_GONE)
                break;
            if (pairing->account_taken[k] || !same_group(pairing, old, now) ||
                (by_key && !same_key(old, now)))
                continue;
            pairing->map->accounts[i] = k;
            pairing->account_taken[k] = true;
        }
    }
}

/* --- routes --- */

static uint32_t route_hash(uint32_t account, struct span upstream) {
    uint64_t hash = span_hash(upstream) ^ (uint64_t)account * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash ^ hash >> 32);
}

static struct span model_id(const struct catalog_snapshot *snapshot,
                            const struct catalog_route *route) {
    return snapshot->models[route->model].id;
}

static void index_routes(const struct catalog_snapshot *snapshot, struct route_index *index) {
    uint32_t size = 16;
    while (size < snapshot->route_count * 2)
        size *= 2;
    *index = (struct route_index){
        .snapshot = snapshot, .slots = mem_zalloc(size * sizeof *index->slots), .mask = size - 1};
    for (uint32_t i = 0; i < snapshot->route_count; i++) {
        const struct catalog_route *route = &snapshot->routes[i];
        uint32_t at = route_hash(route->account, route->upstream_model) & index->mask;
        while (index->slots[at] != 0)
            at = (at + 1) & index->mask;
        index->slots[at] = i + 1;
    }
}

/* Takes it: the same route twice in a snapshot is two routes. Absent model: whatever it is called here. */
static uint32_t take_route(struct route_index *index, uint32_t account, struct span upstream,
                           struct span model) {
    for (uint32_t at = route_hash(account, upstream) & index->mask; index->slots[at] != 0;
         at = (at + 1) & index->mask) {
        uint32_t found = index->slots[at] - 1;
        if (found == CATALOG_GONE - 1)
            continue;
        const struct catalog_route *route = &index->snapshot->routes[found];
        if (route->account != account || !span_equal(route->upstream_model, upstream) ||
            (!span_absent(model) && !span_equal(model_id(index->snapshot, route), model)))
            continue;
        index->slots[at] = CATALOG_GONE; /* not free: others may stand behind it */
        return found;
    }
    return CATALOG_GONE;
}

static void pair_routes_by(struct pairing *pairing, struct route_index *index, bool by_model) {
    const struct catalog_snapshot *from = pairing->from;
    for (uint32_t i = 0; i < from->route_count; i++) {
        const struct catalog_route *route = &from->routes[i];
        uint32_t account = pairing->map->accounts[route->account];
        if (account != CATALOG_GONE && pairing->map->routes[i] == CATALOG_GONE)
            pairing->map->routes[i] = take_route(index, account, route->upstream_model,
                                                 by_model ? model_id(from, route) : SPAN_NONE);
    }
}

static void pair_routes(struct pairing *pairing) {
    struct route_index index;
    index_routes(pairing->to, &index);
    pair_routes_by(pairing, &index, true);
    pair_routes_by(pairing, &index, false);
    mem_free(index.slots);
}

/* --- limits --- */

static bool same_limit(const struct catalog_limit *old, const struct catalog_limit *now) {
    return old->unit == now->unit && old->shape == now->shape && old->scope == now->scope &&
           old->window_ms == now->window_ms &&
           (old->group == LIMIT_NONE) == (now->group == LIMIT_NONE);
}

/* Two rows of one kind (a minute's and a second minute's) are told apart by their amounts, then by their order. */
static uint32_t find_limit(const struct pairing *pairing, const struct catalog_limit *old,
                           const struct catalog_route *route) {
    uint32_t found = CATALOG_GONE;
    for (uint32_t k = 0; k < route->limit_count; k++) {
        uint32_t index = route->limits[k];
        const struct catalog_limit *now = &pairing->to->limits[index];
        if (pairing->limit_taken[index] || !same_limit(old, now))
            continue;
        if (now->amount == old->amount)
            return index;
        if (found == CATALOG_GONE)
            found = index;
    }
    return found;
}

static void pair_limits(struct pairing *pairing) {
    for (uint32_t i = 0; i < pairing->from->route_count; i++) {
        const struct catalog_route *route = &pairing->from->routes[i];
        uint32_t now = pairing->map->routes[i];
        for (uint32_t k = 0; k < route->limit_count && now != CATALOG_GONE; k++) {
            uint32_t *place = &pairing->map->limits[route->limits[k]];
            if (*place != CATALOG_GONE)
                continue;
            *place = find_limit(pairing, &pairing->from->limits[route->limits[k]],
                                &pairing->to->routes[now]);
            if (*place != CATALOG_GONE)
                pairing->limit_taken[*place] = true;
        }
    }
}

void catalog_map_make(const struct catalog_snapshot *from, const struct catalog_snapshot *to,
                      struct catalog_map *ret_map) {
    *ret_map = (struct catalog_map){.accounts = gone(from->account_count),
                                    .routes = gone(from->route_count),
                                    .limits = gone(from->limit_count),
                                    .account_count = from->account_count,
                                    .route_count = from->route_count,
                                    .limit_count = from->limit_count};
    struct pairing pairing = {.from = from,
                              .to = to,
                              .map = ret_map,
                              .account_taken = mem_zalloc(to->account_count + (size_t)1),
                              .limit_taken = mem_zalloc(to->limit_count + (size_t)1)};
    pair_accounts(&pairing, true);
    pair_accounts(&pairing, false);
    pair_routes(&pairing);
    pair_limits(&pairing);
    mem_free(pairing.account_taken);
    mem_free(pairing.limit_taken);
}

void catalog_map_free(struct catalog_map *map) {
    mem_free(map->accounts);
    mem_free(map->routes);
    mem_free(map->limits);
    *map = (struct catalog_map){0};
}

uint32_t catalog_map_back(const uint32_t *map, uint32_t count, uint32_t index) {
    for (uint32_t i = 0; i < count; i++)
        if (map[i] == index)
            return i;
    return CATALOG_GONE;
}
