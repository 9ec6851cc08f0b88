// SPDX-License-Identifier: Apache-2.0
/*
 * Cooldowns and breakers: who is not asked for a while.
 *
 * Cooldown: a failure benches the route, account or provider that its row in outcome.h names, for the row's seconds, doubled
 * for each further failure up to ten minutes (a row that starts longer stays at its own length). A success clears the count. A
 * provider's own Retry-After (at most 24 h is believed) takes the place of the first time; if it fails again straight after,
 * the table's doubling is the least. A longer time extends a bench, a shorter one never cuts it.
 * Failures of attempts that began before the bench did belong to the same incident: they neither double nor count again, or
 * twenty parallel requests would turn one hiccup into ten minutes.
 *
 * Breaker: five consecutive weights on a route shut it for 30 s x 2^k, at most ten minutes, +-10 % so that gateways do not
 * return in step; then one ordinary request probes it. Its success closes the breaker, a weighted failure opens it again, and
 * anything else lets the next request probe.
 * Promises: whatever is shut has a timer or a probe that ends it. Leaves to others: waking waiters (queue.c).
 */
#include "scheduler/state.h"

#define DOUBLED_MAX_NS         (600 * NS_PER_S)
#define RETRY_AFTER_MAX_NS     (24 * 3600 * NS_PER_S)
#define STRIKES_MAX            16
#define BREAKER_WEIGHT_MAX     5
#define BREAKER_FIRST_NS       (30 * NS_PER_S)
#define BREAKER_JITTER_PERCENT 10

static void route_shut(struct scheduler *scheduler, uint32_t index, enum shut bit) {
    scheduler->routes[index].shut |= bit;
    queue_route_changed(scheduler, index);
}

static void route_opened(struct scheduler *scheduler, uint32_t index, enum shut bit) {
    struct route *route = &scheduler->routes[index];
    route->shut &= ~(uint32_t)bit;
    queue_route_changed(scheduler, index);
    queue_account_changed(scheduler, route->account);
}

static void provider_opened(struct scheduler *scheduler, uint32_t index) {
    struct provider *provider = &scheduler->providers[index];
    provider->shut = 0;
    for (struct list *node = provider->accounts.next; node != &provider->accounts;
         node = node->next) {
        const struct account *account = container_of(node, struct account, of_provider);
        queue_account_changed(scheduler, (uint32_t)(account - scheduler->accounts));
    }
}

static void shut_scope(struct scheduler *scheduler, const struct timer *timer) {
    if (timer->kind == TIMER_ROUTE)
        route_shut(scheduler, timer->index, SHUT_BENCH);
    else if (timer->kind == TIMER_ACCOUNT)
        scheduler->accounts[timer->index].shut |= SHUT_BENCH;
    else
        scheduler->providers[timer->index].shut |= SHUT_BENCH;
}

static void open_scope(struct scheduler *scheduler, const struct timer *timer) {
    if (timer->kind == TIMER_ROUTE) {
        route_opened(scheduler, timer->index, SHUT_BENCH);
    } else if (timer->kind == TIMER_ACCOUNT) {
        scheduler->accounts[timer->index].shut &= ~(uint32_t)SHUT_BENCH;
        queue_account_changed(scheduler, timer->index);
    } else {
        provider_opened(scheduler, timer->index);
    }
}

static void bench_until(struct visit *visit, struct bench *bench, uint64_t until_ns, bool firm) {
    bool in_force = heap_linked(&bench->timer.node);
    bench->firm = firm || (in_force && bench->firm);
    if (in_force && until_ns <= bench->timer.node.key)
        return;
    heap_set(&visit->scheduler->timers, &bench->timer.node, until_ns);
    if (!in_force)
        shut_scope(visit->scheduler, &bench->timer);
}

static uint64_t doubled(uint64_t base_ns, uint32_t times) {
    if (base_ns >= DOUBLED_MAX_NS)
        return base_ns;
    uint64_t duration_ns = base_ns << times;
    return duration_ns < DOUBLED_MAX_NS ? duration_ns : DOUBLED_MAX_NS;
}

static uint64_t bench_duration(const struct bench *bench, uint32_t base_s, uint64_t asked_ns) {
    uint64_t base_ns = base_s * NS_PER_S;
    if (asked_ns == 0)
        return doubled(base_ns, bench->strikes - 1);
    if (bench->strikes == 1)
        return asked_ns;
    uint64_t least_ns = doubled(base_ns, bench->strikes - 2);
    return asked_ns > least_ns ? asked_ns : least_ns;
}

static void punish(struct visit *visit, struct bench *bench, const struct ticket *ticket,
                   const struct outcome_row *row, uint64_t retry_after_ns) {
    uint64_t asked_ns = retry_after_ns < RETRY_AFTER_MAX_NS ? retry_after_ns : RETRY_AFTER_MAX_NS;
    bool same_incident =
        bench->strikes > 0 && ticket->granted_ns <= bench->since_ns && !ticket->probe;
    if (!same_incident) {
        bench->since_ns = visit->now_ns;
        if (bench->strikes < STRIKES_MAX)
            bench->strikes++;
    }
    uint64_t duration_ns = bench_duration(bench, row->bench_s, asked_ns);
    bench_until(visit, bench, visit->now_ns + duration_ns,
                row->breaker_weight == 0 || asked_ns > 0);
}

static struct bench *bench_of(struct scheduler *scheduler, uint32_t route_index,
                              enum bench_scope scope) {
    struct route *route = &scheduler->routes[route_index];
    struct account *account = &scheduler->accounts[route->account];
    if (scope == BENCH_ROUTE || scope == BENCH_MODEL)
        return &route->bench;
    return scope == BENCH_ACCOUNT || scope == BENCH_KEY
               ? &account->bench
               : &scheduler->providers[account->provider].bench;
}

static void breaker_open(struct visit *visit, uint32_t index) {
    struct breaker *breaker = &visit->scheduler->routes[index].breaker;
    uint64_t duration_ns = doubled(BREAKER_FIRST_NS, breaker->opened);
    uint64_t spread_ns = duration_ns / 100 * BREAKER_JITTER_PERCENT;
    duration_ns = duration_ns - spread_ns + rand_below(&visit->scheduler->rand, 2 * spread_ns + 1);
    if (breaker->opened < STRIKES_MAX)
        breaker->opened++;
    breaker->since_ns = visit->now_ns;
    breaker->weight = 0;
    breaker->half_open = false;
    heap_set(&visit->scheduler->timers, &breaker->timer.node, visit->now_ns + duration_ns);
    route_shut(visit->scheduler, index, SHUT_BREAKER);
}

static void breaker_failure(struct visit *visit, const struct ticket *ticket, uint32_t weight) {
    struct breaker *breaker = &visit->scheduler->routes[ticket->route].breaker;
    if (breaker->opened > 0 && ticket->granted_ns <= breaker->since_ns && !ticket->probe)
        return;
    breaker->weight += weight;
    if (breaker->weight >= BREAKER_WEIGHT_MAX || (ticket->probe && breaker->opened > 0))
        breaker_open(visit, ticket->route);
}

static void bench_lift(struct scheduler *scheduler, struct bench *bench,
                       const struct ticket *ticket) {
    bench->strikes = 0;
    if (!heap_linked(&bench->timer.node) || bench->firm || !ticket->probe ||
        ticket->granted_ns < bench->since_ns)
        return;
    heap_remove(&scheduler->timers, &bench->timer.node);
    open_scope(scheduler, &bench->timer);
}

static void note_success(struct scheduler *scheduler, const struct ticket *ticket) {
    struct route *route = &scheduler->routes[ticket->route];
    bench_lift(scheduler, &route->bench, ticket);
    bench_lift(scheduler, bench_of(scheduler, ticket->route, BENCH_ACCOUNT), ticket);
    bench_lift(scheduler, bench_of(scheduler, ticket->route, BENCH_PROVIDER), ticket);
    route->breaker.weight = 0;
    if (route->breaker.opened == 0 || !ticket->probe ||
        ticket->granted_ns < route->breaker.since_ns)
        return;
    route->breaker.opened = 0;
    route->breaker.half_open = false;
    heap_remove(&scheduler->timers, &route->breaker.timer.node);
    route_opened(scheduler, ticket->route, SHUT_BREAKER);
}

void bench_note(struct visit *visit, const struct ticket *ticket, enum outcome outcome,
                uint64_t retry_after_ns) {
    const struct outcome_row *row = outcome_row(outcome);
    if (ticket->route == INDEX_NONE)
        return;
    if (row->retry == RETRY_NEVER && row->charge == CHARGE_USAGE) {
        note_success(visit->scheduler, ticket);
        return;
    }
    /* A failure without a row of its own is still obeyed when the provider says when to come back. */
    enum bench_scope scope = row->bench;
    if (scope == BENCH_NOTHING && row->breaker_weight > 0 && retry_after_ns > 0)
        scope = BENCH_ROUTE;
    if (scope != BENCH_NOTHING)
        punish(visit, bench_of(visit->scheduler, ticket->route, scope), ticket, row,
               retry_after_ns);
    if (row->breaker_weight > 0)
        breaker_failure(visit, ticket, row->breaker_weight);
}

void bench_account(struct visit *visit, uint32_t account, uint64_t duration_ns) {
    bench_until(visit, &visit->scheduler->accounts[account].bench, visit->now_ns + duration_ns,
                true);
}

void bench_probe_begin(struct scheduler *scheduler, struct ticket *ticket) {
    const struct route *route = &scheduler->routes[ticket->route];
    const struct account *account = &scheduler->accounts[route->account];
    if (!route->breaker.half_open &&
        (route->shut | account->shut | scheduler->providers[account->provider].shut) == 0)
        return;
    ticket->probe = true;
    route_shut(scheduler, ticket->route, SHUT_PROBE);
}

void bench_probe_end(struct scheduler *scheduler, struct ticket *ticket) {
    if (!ticket->probe)
        return;
    ticket->probe = false;
    if (ticket->route != INDEX_NONE)
        route_opened(scheduler, ticket->route, SHUT_PROBE);
}

void bench_timer(struct visit *visit, const struct timer *timer) {
    if (timer->kind != TIMER_BREAKER) {
        open_scope(visit->scheduler, timer);
        return;
    }
    visit->scheduler->routes[timer->index].breaker.half_open = true;
    route_opened(visit->scheduler, timer->index, SHUT_BREAKER);
}
