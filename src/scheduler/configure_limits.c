// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of a new configuration: nodes and which routes count in which, and the counts of before moved along.
 *
 * The caller says which old limit each new one is (limit_map). A node that goes on keeps what is used, what is open and what was
 * learned about it; its amount too, as long as the configured one is the same as before, since what a provider told is worth more
 * than the table. A pair that differs in unit, shape or window is not believed: counts of one mean nothing in the other.
 * Promises: after it, every open reservation stands at the node it has become, or at none. Leaves to others: routes, accounts,
 * tickets (configure.c).
 */
#include "scheduler/state.h"

#include "base/mem.h"

#include <string.h>

static bool has_window(enum limit_shape shape) {
    return shape != LIMIT_AT_ONCE && shape != LIMIT_ONCE;
}

static bool valid_limit(const struct catalog_limit *limit) {
    if ((unsigned)limit->unit >= LIMIT_UNIT_COUNT || (unsigned)limit->shape >= LIMIT_SHAPE_COUNT ||
        limit->amount == 0 || limit->amount > SCHEDULER_AMOUNT_MAX)
        return false;
    return !has_window(limit->shape) ||
           (limit->window_ms > 0 && limit->window_ms <= SCHEDULER_WINDOW_MAX_MS);
}

int configure_check_limits(const struct scheduler_config *config) {
    for (uint32_t i = 0; i < config->limit_count; i++)
        if (!valid_limit(&config->limits[i]))
            return ERR_RANGE;
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct scheduler_route *route = &config->routes[i];
        if (route->limit_count > SCHEDULER_LIMITS_PER_ROUTE_MAX)
            return ERR_RANGE;
        for (uint32_t k = 0; k < route->limit_count; k++) {
            if (route->limits[k] >= config->limit_count)
                return ERR_RANGE;
            for (uint32_t before = 0; before < k; before++)
                if (route->limits[before] == route->limits[k])
                    return ERR_RANGE; /* it would be counted twice */
        }
    }
    return 0;
}

void configure_make_limits(struct scheduler *scheduler, const struct scheduler_config *config) {
    const struct node_setting setting = {config->spread_ns, config->guard_ms};
    size_t node_bytes = sizeof(struct limit_node), places = 0;
    scheduler->node_count = config->limit_count;
    scheduler->nodes = mem_zalloc((config->limit_count + 1) * node_bytes);
    for (uint32_t i = 0; i < config->limit_count; i++)
        node_init(&scheduler->nodes[i], &config->limits[i], &setting);
    for (uint32_t i = 0; i < config->route_count; i++)
        places += config->routes[i].limit_count;
    scheduler->route_limits = mem_zalloc((places + 1) * sizeof(struct route_limit));
    places = 0;
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct route *route = &scheduler->routes[i];
        route->first_limit = (uint32_t)places;
        route->limit_count = config->routes[i].limit_count;
        for (uint32_t k = 0; k < route->limit_count; k++) {
            struct route_limit *place = &scheduler->route_limits[places++];
            *place = (struct route_limit){.node = config->routes[i].limits[k], .route = i};
            list_init(&place->parked);
        }
    }
}

static bool same_limit(const struct limit_node *a, const struct limit_node *b) {
    return a->unit == b->unit && a->shape == b->shape && a->window_ns == b->window_ns;
}

uint32_t *configure_move_limits(struct scheduler *scheduler, uint64_t now_ns,
                                const struct scheduler *old, const uint32_t *limit_map) {
    size_t bytes = ((size_t)old->node_count + 1) * sizeof(uint32_t);
    uint32_t *map = mem_zalloc(bytes);
    bool *taken = mem_zalloc(scheduler->node_count + 1);
    memset(map, 0xff, bytes); /* INDEX_NONE */
    for (uint32_t i = 0; i < old->node_count && limit_map != NULL; i++) {
        uint32_t index = limit_map[i];
        if (index >= scheduler->node_count || taken[index] ||
            !same_limit(&old->nodes[i], &scheduler->nodes[index]))
            continue;
        taken[index] = true;
        map[i] = index;
        node_adopt(&scheduler->nodes[index], &old->nodes[i], moment_of(scheduler, now_ns));
        scheduler->nodes[index].goes_on = true;
    }
    mem_free(taken);
    return map;
}
