// SPDX-License-Identifier: Apache-2.0
/*
 * Looking: what the scheduler knows and would do, as copies.
 *
 * explain builds the ticket that submit would build and asks the same functions (route_pick, route_panic), so that what it says
 * is what would happen, unless something happens in between. Asking moves the state of nodes forward to now, which changes no
 * answer. Promises: no event, no action. Leaves to others: words (whoever shows it).
 */
#include "scheduler/state.h"

void scheduler_counts(const struct scheduler *scheduler, struct scheduler_counts *ret_counts) {
    *ret_counts = scheduler->counts;
}

uint32_t scheduler_account_in_flight(const struct scheduler *scheduler, uint32_t account) {
    return account < scheduler->config.account_count ? scheduler->accounts[account].in_flight : 0;
}

bool scheduler_route_open(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                          uint64_t *ret_open_at_ns) {
    static const struct ticket smallest = {.input_tokens = 1, .output_tokens_max = 1};
    *ret_open_at_ns = 0;
    if (index >= scheduler->config.route_count)
        return false;
    const struct route *route = &scheduler->routes[index];
    uint64_t until_ns = route_free_at(scheduler, now_ns, index, &smallest);
    if (until_ns > now_ns) {
        *ret_open_at_ns = until_ns == UINT64_MAX ? 0 : until_ns;
        return false;
    }
    if ((route->shut & SHUT_PROBE) != 0 ||
        !route_account_has_room(&scheduler->accounts[route->account]) ||
        !holding_fits(scheduler, now_ns, index, &smallest))
        return false;
    *ret_open_at_ns = now_ns;
    return true;
}

/* --- explain --- */

static void explain_limits(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                           const struct ticket *ticket, struct scheduler_candidate *row) {
    uint32_t limit = holding_too_small(scheduler, index, ticket);
    if (limit != INDEX_NONE) {
        *row = (struct scheduler_candidate){
            .state = CANDIDATE_TOO_LARGE, .limit = limit, .available_at_ns = FREE_AT_NEVER};
        return;
    }
    (void)holding_free_at(scheduler, now_ns, index, ticket, &limit);
    if (limit == INDEX_NONE)
        return;
    row->state = CANDIDATE_FULL;
    row->limit = limit;
    row->available_at_ns = holding_turn_at(scheduler, now_ns, index, ticket);
}

static void explain_row(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                        const struct ticket *ticket, struct scheduler_candidate *row) {
    *row = (struct scheduler_candidate){.state = CANDIDATE_UNKNOWN, .limit = LIMIT_NONE};
    if (index >= scheduler->config.route_count)
        return;
    const struct route *route = &scheduler->routes[index];
    row->state = CANDIDATE_OPEN;
    row->available_at_ns = now_ns;
    explain_limits(scheduler, now_ns, index, ticket, row);
    if (row->state == CANDIDATE_TOO_LARGE)
        return;
    uint64_t shut_until_ns = route_shut_until(scheduler, route);
    if (shut_until_ns > now_ns) {
        bool breaker = heap_linked(&route->breaker.timer.node) &&
                       route->breaker.timer.node.key == shut_until_ns;
        bool unknown = row->available_at_ns == FREE_AT_UNKNOWN;
        if (row->state == CANDIDATE_OPEN || (!unknown && shut_until_ns > row->available_at_ns)) {
            row->state = breaker ? CANDIDATE_BREAKER : CANDIDATE_BENCHED;
            row->limit = LIMIT_NONE;
        }
        if (!unknown && shut_until_ns > row->available_at_ns)
            row->available_at_ns = shut_until_ns;
    }
    if (row->state != CANDIDATE_OPEN)
        return;
    if ((route->shut & SHUT_PROBE) != 0)
        *row = (struct scheduler_candidate){.state = CANDIDATE_PROBED, .limit = LIMIT_NONE};
    else if (!route_account_has_room(&scheduler->accounts[route->account]))
        *row = (struct scheduler_candidate){.state = CANDIDATE_BUSY, .limit = LIMIT_NONE};
}

void scheduler_explain(const struct scheduler *scheduler, uint64_t now_ns,
                       const struct demand *demand, struct scheduler_candidate *ret_rows) {
    struct ticket ticket = {.route = INDEX_NONE};
    ticket_take_demand(scheduler, &ticket, demand);
    for (uint32_t i = 0; i < demand->candidate_count; i++)
        explain_row(scheduler, now_ns, demand->candidates[i], &ticket, &ret_rows[i]);
    uint32_t picked = clients_allow(scheduler, now_ns, &ticket)
                          ? ticket_choice(scheduler, now_ns, &ticket, ticket.live)
                          : INDEX_NONE;
    /* The ticket counts only candidates that are configured. */
    for (uint32_t i = 0, known = 0; i < demand->candidate_count; i++) {
        if (demand->candidates[i] >= scheduler->config.route_count)
            continue;
        ret_rows[i].picked = known++ == picked;
    }
}

bool scheduler_client_refuses(const struct scheduler *scheduler, uint64_t now_ns,
                              const struct demand *demand, struct action *ret_refusal) {
    struct ticket ticket = {.route = INDEX_NONE};
    ticket_take_demand(scheduler, &ticket, demand);
    if (clients_allow(scheduler, now_ns, &ticket))
        return false;
    *ret_refusal = (struct action){.kind = ACTION_REFUSE,
                                   .refusal = REFUSAL_CLIENT_LIMITED,
                                   .client_limit = ticket.share.full,
                                   .limit_amount = ticket.share.full_amount,
                                   .retry_at_ns = ticket.retry_at_ns};
    return true;
}

bool scheduler_limit_state(const struct scheduler *scheduler, uint64_t now_ns, uint32_t limit,
                           struct scheduler_limit *ret_limit) {
    if (limit >= scheduler->node_count)
        return false;
    struct limit_node *node = &scheduler->nodes[limit];
    struct moment moment = moment_of(scheduler, now_ns);
    uint64_t used = node_used(node, moment) + node->pending;
    uint64_t most = node_most(node);
    uint64_t room = most > node->margin ? most - node->margin : 0;
    *ret_limit = (struct scheduler_limit){.amount = node->amount,
                                          .used = used,
                                          .remaining = used < room ? room - used : 0,
                                          .in_flight = node->open,
                                          .frees_at_ns = node_resets_at(node, moment),
                                          .learned = node->amount != node->configured};
    return true;
}
