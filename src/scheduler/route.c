// SPDX-License-Identifier: Apache-2.0
/*
 * Which candidate: for now the first in the caller's order that is open and has room.
 *
 * Open means that neither the route (bench, breaker, a probe under way, its model's bench) nor its account, quota account and
 * provider are shut; these are bits kept up to date by timers, so a look costs a few loads. Room means a place at the account and
 * that every node of the route's limits has what the ticket needs. Scores will take the place of the order here.
 *
 * The panic rule (route_panic): a request that would be refused at once may try the closed candidate that comes back first,
 * if it is closed only by our own guess about transient failures (never when the provider asked for the pause or quota is
 * gone), comes back within a minute, was not asked by this request before, and nobody else is probing it. So a total outage
 * costs one request at a time per route, and the first success after it opens everything at once.
 * Leaves to others: what to do when nothing can be picked (ticket.c).
 */
#include "scheduler/state.h"

#define PANIC_AHEAD_MAX_NS (60 * NS_PER_S)

#define for_each_candidate(candidate, mask)     \
    for (uint64_t rest = (mask), candidate = 0; \
         rest != 0 && (candidate = (uint64_t)__builtin_ctzll(rest), true); rest &= rest - 1)

bool route_account_has_room(const struct account *account) {
    return account->concurrency_max == 0 || account->in_flight < account->concurrency_max;
}

uint32_t route_shut_bits(const struct scheduler *scheduler, const struct route *route) {
    const struct account *account = &scheduler->accounts[route->account];
    return route->shut | account->shut | scheduler->groups[account->group].shut |
           scheduler->providers[account->provider].shut;
}

static bool has_room(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                     const struct ticket *ticket) {
    return route_account_has_room(&scheduler->accounts[scheduler->routes[index].account]) &&
           holding_fits(scheduler, now_ns, index, ticket);
}

/* Timers that are due count as run, so that a look between two events sees what the next event will. */
static bool shut_now(const struct scheduler *scheduler, uint64_t now_ns,
                     const struct route *route) {
    return route_shut_bits(scheduler, route) != 0 &&
           ((route->shut & SHUT_PROBE) != 0 || route_shut_until(scheduler, route) > now_ns);
}

uint32_t route_pick(const struct scheduler *scheduler, uint64_t now_ns, const struct ticket *ticket,
                    uint64_t mask) {
    for_each_candidate(candidate, mask) {
        uint32_t index = ticket->candidates[candidate];
        if (route_shut_bits(scheduler, &scheduler->routes[index]) == 0 &&
            has_room(scheduler, now_ns, index, ticket))
            return (uint32_t)candidate;
    }
    return INDEX_NONE;
}

uint32_t route_pick_later(const struct scheduler *scheduler, uint64_t now_ns,
                          const struct ticket *ticket, uint64_t mask) {
    uint64_t open = 0;
    for_each_candidate(candidate, mask) {
        if (!shut_now(scheduler, now_ns, &scheduler->routes[ticket->candidates[candidate]]))
            open |= (uint64_t)1 << candidate;
    }
    for_each_candidate(candidate, open) {
        if (has_room(scheduler, now_ns, ticket->candidates[candidate], ticket))
            return (uint32_t)candidate;
    }
    return INDEX_NONE;
}

static uint64_t later(uint64_t time_ns, const struct timer *timer) {
    return heap_linked(&timer->node) && timer->node.key > time_ns ? timer->node.key : time_ns;
}

uint64_t route_shut_until(const struct scheduler *scheduler, const struct route *route) {
    const struct account *account = &scheduler->accounts[route->account];
    uint64_t until_ns = later(0, &route->bench.timer);
    until_ns = later(until_ns, &route->breaker.timer);
    until_ns = later(until_ns, &scheduler->models[route->model_place].bench.timer);
    until_ns = later(until_ns, &account->bench.timer);
    until_ns = later(until_ns, &scheduler->groups[account->group].bench.timer);
    return later(until_ns, &scheduler->providers[account->provider].bench.timer);
}

uint64_t route_free_at(const struct scheduler *scheduler, uint64_t now_ns, uint32_t index,
                       const struct ticket *ticket) {
    uint32_t limit;
    uint64_t until_ns = route_shut_until(scheduler, &scheduler->routes[index]);
    uint64_t free_at_ns = holding_free_at(scheduler, now_ns, index, ticket, &limit);
    return until_ns > free_at_ns ? until_ns : free_at_ns;
}

uint64_t route_earliest(const struct scheduler *scheduler, uint64_t now_ns,
                        const struct ticket *ticket, uint64_t mask) {
    uint64_t earliest_ns = UINT64_MAX;
    for_each_candidate(candidate, mask) {
        uint32_t index = ticket->candidates[candidate];
        uint64_t until_ns = route_shut_until(scheduler, &scheduler->routes[index]);
        uint64_t turn_at_ns = holding_turn_at(scheduler, now_ns, index, ticket);
        until_ns = until_ns > turn_at_ns ? until_ns : turn_at_ns;
        if (until_ns < earliest_ns)
            earliest_ns = until_ns;
    }
    return earliest_ns;
}

bool route_shut_firmly(const struct scheduler *scheduler, const struct route *route) {
    const struct account *account = &scheduler->accounts[route->account];
    const struct provider *provider = &scheduler->providers[account->provider];
    const struct group *group = &scheduler->groups[account->group];
    return ((route->shut & SHUT_BENCH) != 0 && route->bench.firm) ||
           ((route->shut & SHUT_MODEL) != 0 && scheduler->models[route->model_place].bench.firm) ||
           (group->shut != 0 && group->bench.firm) || (account->shut != 0 && account->bench.firm) ||
           (provider->shut != 0 && provider->bench.firm);
}

static bool may_be_overridden(const struct scheduler *scheduler, const struct route *route) {
    return (route->shut & SHUT_PROBE) == 0 &&
           route_account_has_room(&scheduler->accounts[route->account]) &&
           !route_shut_firmly(scheduler, route);
}

uint32_t route_panic(const struct scheduler *scheduler, uint64_t now_ns,
                     const struct ticket *ticket, uint64_t mask) {
    uint64_t first_ns = now_ns + PANIC_AHEAD_MAX_NS;
    uint32_t found = INDEX_NONE;
    for_each_candidate(candidate, mask & ~ticket->asked) {
        const struct route *route = &scheduler->routes[ticket->candidates[candidate]];
        uint64_t until_ns = route_shut_until(scheduler, route);
        if (until_ns != 0 && until_ns < first_ns && may_be_overridden(scheduler, route) &&
            holding_fits(scheduler, now_ns, ticket->candidates[candidate], ticket)) {
            first_ns = until_ns;
            found = (uint32_t)candidate;
        }
    }
    return found;
}
