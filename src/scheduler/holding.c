// SPDX-License-Identifier: Apache-2.0
/*
 * What a ticket holds at the nodes of its route: reserved all or nothing in one visit, settled exactly once.
 *
 * The charge of an outcome (outcome.h) says what stays: see the table in docs/internals/limits.md. What was up front stays whole
 * where the provider keeps it. A node that gets room it did not have wakes the routes parked at it; nothing is ever polled.
 * Promises: a ticket holds either all of its route's nodes or none. Leaves to others: whether it may have them (route.c).
 */
#include "scheduler/state.h"

#define WINDOW_APART_MAX 500              /* thousandths: more than that is another window */
#define SHORT_WINDOW_NS  (300 * NS_PER_S) /* in such a one a refused request still counts */

struct moment moment_of(const struct scheduler *scheduler, uint64_t now_ns) {
    return (struct moment){now_ns, &scheduler->wall};
}

static struct limit_node *node_of(const struct scheduler *scheduler, const struct route *route,
                                  uint32_t place) {
    return &scheduler->nodes[scheduler->route_limits[route->first_limit + place].node];
}

bool holding_fits(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                  const struct ticket *ticket) {
    struct route *route = &scheduler->routes[index];
    struct moment moment = moment_of(scheduler, now_ns);
    for (uint32_t i = 0; i < route->limit_count; i++) {
        /* The one that was full last changes places with the first. */
        uint32_t place = i == 0 ? route->full_last : i == route->full_last ? 0 : i;
        struct limit_node *node = node_of(scheduler, route, place);
        if (node_fits(node, moment, amount_wanted(node, route, ticket)))
            continue;
        route->full_last = place;
        return false;
    }
    return true;
}

uint64_t holding_free_at(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                         const struct ticket *ticket, uint32_t *ret_limit) {
    const struct route *route = &scheduler->routes[index];
    struct moment moment = moment_of(scheduler, now_ns);
    uint64_t latest_ns = 0;
    *ret_limit = INDEX_NONE;
    for (uint32_t i = 0; i < route->limit_count; i++) {
        struct limit_node *node = node_of(scheduler, route, i);
        uint64_t amount = amount_wanted(node, route, ticket);
        if (node_fits(node, moment, amount))
            continue;
        uint64_t free_at_ns = node_free_at(node, moment, amount);
        if (free_at_ns < latest_ns && *ret_limit != INDEX_NONE)
            continue;
        latest_ns = free_at_ns;
        *ret_limit = (uint32_t)(node - scheduler->nodes);
    }
    return latest_ns;
}

uint64_t holding_turn_at(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                         const struct ticket *ticket) {
    const struct route *route = &scheduler->routes[index];
    struct moment moment = moment_of(scheduler, now_ns);
    uint64_t latest_ns = 0;
    for (uint32_t i = 0; i < route->limit_count; i++) {
        struct limit_node *node = node_of(scheduler, route, i);
        /* Who was asked before goes ahead of those that came later. */
        uint64_t ahead = ticket->attempts == 0 ? node->waiting : 0;
        uint64_t amount = amount_wanted(node, route, ticket);
        if (!amount_same_for_all(node) && node_may_fit_when_settled(node, moment, amount))
            continue; /* when that will be, nobody knows */
        uint64_t turn_at_ns = node_turn_at(node, moment, amount, ahead);
        latest_ns = turn_at_ns > latest_ns ? turn_at_ns : latest_ns;
    }
    return latest_ns;
}

void holding_line_up(struct scheduler *scheduler, uint32_t index, bool in) {
    const struct route *route = &scheduler->routes[index];
    for (uint32_t i = 0; i < route->limit_count; i++) {
        struct limit_node *node = node_of(scheduler, route, i);
        if (!amount_same_for_all(node))
            continue;
        check(in || node->waiting > 0);
        node->waiting = in ? node->waiting + 1 : node->waiting - 1;
    }
}

uint32_t holding_too_small(const struct scheduler *scheduler, uint32_t index,
                           const struct ticket *ticket) {
    const struct route *route = &scheduler->routes[index];
    uint32_t found = INDEX_NONE;
    for (uint32_t i = 0; i < route->limit_count; i++) {
        const struct limit_node *node = node_of(scheduler, route, i);
        uint64_t most = node_most(node);
        if (amount_wanted(node, route, ticket) > most &&
            (found == INDEX_NONE || most < node_most(&scheduler->nodes[found])))
            found = (uint32_t)(node - scheduler->nodes);
    }
    return found;
}

/* Days and months have several lengths. */
uint64_t holding_windows_apart(uint64_t a, uint64_t b) {
    uint64_t shorter = a < b ? a : b, longer = a < b ? b : a;
    uint64_t difference = longer - shorter;
    if (shorter == 0 || difference > UINT64_MAX / 1000)
        return UINT64_MAX;
    return difference * 1000 / shorter;
}

uint32_t holding_match(const struct scheduler *scheduler, uint32_t index, enum limit_unit unit,
                       uint64_t window_ms) {
    const struct route *route = &scheduler->routes[index];
    uint32_t found = INDEX_NONE;
    uint64_t nearest = WINDOW_APART_MAX;
    for (uint32_t i = 0; i < route->limit_count; i++) {
        const struct limit_node *node = node_of(scheduler, route, i);
        uint64_t distance =
            window_ms == 0 ? 0 : holding_windows_apart(node->window_ns / NS_PER_MS, window_ms);
        if (node->unit != unit || node->window_ns == 0 || distance >= nearest)
            continue;
        nearest = distance;
        found = (uint32_t)(node - scheduler->nodes);
    }
    return found;
}

void holding_take(struct scheduler *scheduler, struct ticket *ticket) {
    const struct route *route = &scheduler->routes[ticket->route];
    ticket->holding_count = 0;
    ticket->sent = ticket->answered = false;
    for (uint32_t i = 0; i < route->limit_count; i++) {
        struct limit_node *node = node_of(scheduler, route, i);
        uint64_t amount = amount_wanted(node, route, ticket);
        if (amount == 0)
            continue;
        node_reserve(node, amount);
        ticket->holdings[ticket->holding_count++] = (struct holding){
            .node = (uint32_t)(node - scheduler->nodes), .amount = amount, .stamp = STAMP_NONE};
    }
}

void holding_sent(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket) {
    if (ticket->sent)
        return;
    ticket->sent = true;
    ticket->sent_ns = now_ns;
    for (uint32_t i = 0; i < ticket->holding_count; i++) {
        struct holding *holding = &ticket->holdings[i];
        if (holding->node == INDEX_NONE)
            continue;
        struct limit_node *node = &scheduler->nodes[holding->node];
        holding->stamp = node_sent(node, moment_of(scheduler, now_ns), holding->amount);
        holding->answered_before = node->answered;
    }
}

void holding_answered(struct scheduler *scheduler, struct ticket *ticket) {
    if (!ticket->sent || ticket->answered)
        return;
    ticket->answered = true;
    for (uint32_t i = 0; i < ticket->holding_count; i++)
        if (ticket->holdings[i].node != INDEX_NONE)
            node_answered(&scheduler->nodes[ticket->holdings[i].node], ticket->holdings[i].amount);
}

void node_freed(struct scheduler *scheduler, uint32_t index) {
    struct limit_node *node = &scheduler->nodes[index];
    while (!list_empty(&node->parked)) {
        const struct route_limit *place =
            container_of(node->parked.next, struct route_limit, parked);
        queue_unpark(scheduler, place->route);
    }
}

static bool counts_as_request(const struct limit_node *node) {
    return node->unit == LIMIT_REQUESTS || node->unit == LIMIT_CONCURRENT ||
           node->unit == LIMIT_OTHER;
}

static bool refusal_counts(const struct limit_node *node) {
    if (node->guessed) /* what was refused must not look like use: learn.c measures by it */
        return false;
    return node->refused_count ||
           (node->shape != LIMIT_ONCE && node->window_ns > 0 && node->window_ns <= SHORT_WINDOW_NS);
}

uint64_t holding_charged(const struct scheduler *scheduler, const struct ticket *ticket,
                         const struct holding *holding, enum charge charge,
                         const struct scheduler_usage *usage) {
    static const struct route gone = {0};
    const struct limit_node *node = &scheduler->nodes[holding->node];
    const struct route *route =
        ticket->route != INDEX_NONE ? &scheduler->routes[ticket->route] : &gone;
    if (charge == CHARGE_RELEASE || node->shape == LIMIT_AT_ONCE)
        return 0;
    bool request = counts_as_request(node);
    if (charge == CHARGE_REFUSED)
        return request && refusal_counts(node) ? holding->amount : 0;
    if (charge == CHARGE_REQUEST_ONLY)
        return request ? holding->amount : 0;
    uint64_t used = amount_used(node, route, ticket, usage, holding->amount);
    bool at_least_reserved = charge == CHARGE_KEEP || node->up_front;
    return at_least_reserved && used < holding->amount ? holding->amount : used;
}

void holding_settle(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket,
                    enum charge charge, const struct scheduler_usage *usage) {
    holding_answered(scheduler, ticket);
    for (uint32_t i = 0; i < ticket->holding_count; i++) {
        const struct holding *holding = &ticket->holdings[i];
        if (holding->node == INDEX_NONE)
            continue;
        struct node_end end = {.stamp = holding->stamp,
                               .reserved = holding->amount,
                               .used = holding_charged(scheduler, ticket, holding, charge, usage),
                               .kept = charge != CHARGE_RELEASE};
        struct limit_node *node = &scheduler->nodes[holding->node];
        if (node_settle(node, moment_of(scheduler, now_ns), &end))
            node_freed(scheduler, holding->node);
    }
    ticket->holding_count = 0;
}
