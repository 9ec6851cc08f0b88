// SPDX-License-Identifier: Apache-2.0
/*
 * Which candidate: for now the first in the caller's order that is open and has room.
 *
 * Open means that neither the route (bench, breaker, a probe under way) nor its account nor its provider is shut; all three are
 * bits kept up to date by timers, so a look costs three loads and no clock. Scores will take the place of the order here.
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

uint32_t route_pick(const struct scheduler *scheduler, const struct ticket *ticket, uint64_t mask) {
    for_each_candidate(candidate, mask) {
        const struct route *route = &scheduler->routes[ticket->candidates[candidate]];
        const struct account *account = &scheduler->accounts[route->account];
        if ((route->shut | account->shut | scheduler->providers[account->provider].shut) == 0 &&
            route_account_has_room(account))
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
    until_ns = later(until_ns, &account->bench.timer);
    return later(until_ns, &scheduler->providers[account->provider].bench.timer);
}

uint64_t route_earliest(const struct scheduler *scheduler, const struct ticket *ticket,
                        uint64_t mask) {
    uint64_t earliest_ns = UINT64_MAX;
    for_each_candidate(candidate, mask) {
        uint64_t until_ns =
            route_shut_until(scheduler, &scheduler->routes[ticket->candidates[candidate]]);
        if (until_ns < earliest_ns)
            earliest_ns = until_ns;
    }
    return earliest_ns;
}

bool route_shut_firmly(const struct scheduler *scheduler, const struct route *route) {
    const struct account *account = &scheduler->accounts[route->account];
    const struct provider *provider = &scheduler->providers[account->provider];
    return ((route->shut & SHUT_BENCH) != 0 && route->bench.firm) ||
           (account->shut != 0 && account->bench.firm) ||
           (provider->shut != 0 && provider->bench.firm);
}

static bool may_be_overridden(const struct scheduler *scheduler, const struct route *route) {
    return (route->shut & SHUT_PROBE) == 0 &&
           route_account_has_room(&scheduler->accounts[route->account]) &&
           !route_shut_firmly(scheduler, route);
}

uint32_t route_panic(const struct visit *visit, const struct ticket *ticket, uint64_t mask) {
    const struct scheduler *scheduler = visit->scheduler;
    uint64_t first_ns = visit->now_ns + PANIC_AHEAD_MAX_NS;
    uint32_t found = INDEX_NONE;
    for_each_candidate(candidate, mask & ~ticket->asked) {
        const struct route *route = &scheduler->routes[ticket->candidates[candidate]];
        uint64_t until_ns = route_shut_until(scheduler, route);
        if (until_ns != 0 && until_ns < first_ns && may_be_overridden(scheduler, route)) {
            first_ns = until_ns;
            found = (uint32_t)candidate;
        }
    }
    return found;
}
