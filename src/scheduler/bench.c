// SPDX-License-Identifier: Apache-2.0
/*
 * Cooldowns and breakers: who is not asked for a while.
 *
 * Cooldown: a failure benches whom its row in outcome.h names, or the provider's signal: a route, a model for all accounts of its
 * provider, a key, a quota account or a provider. For the row's seconds, doubled for each further failure up to ten minutes (a
 * row that starts longer stays at its own length); a signal may bring its own times. A success clears the count. A provider's
 * own wait (at most 24 h is believed) takes the place of the first time; if it fails again straight after, the table's doubling
 * is the least. A window said to be used up is waited for until the ledger's node of it comes back. What no time mends rests
 * until a new key or a word from outside (scheduler_lift). A longer time extends a bench, a shorter one never cuts it.
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

static void set_model(struct scheduler *scheduler, uint32_t index, bool shut) {
    struct list *routes = &scheduler->models[index].routes;
    for (struct list *node = routes->next; node != routes; node = node->next) {
        struct route *route = container_of(node, struct route, of_model);
        uint32_t number = (uint32_t)(route - scheduler->routes);
        route->shut = shut ? route->shut | SHUT_MODEL : route->shut & ~(uint32_t)SHUT_MODEL;
        queue_route_changed(scheduler, number);
        if (!shut)
            queue_account_changed(scheduler, route->account);
    }
}

static void route_opened(struct scheduler *scheduler, uint32_t index, enum shut bit) {
    struct route *route = &scheduler->routes[index];
    route->shut &= ~(uint32_t)bit;
    queue_route_changed(scheduler, index);
    queue_account_changed(scheduler, route->account);
}

static void group_opened(struct scheduler *scheduler, uint32_t index) {
    struct group *group = &scheduler->groups[index];
    group->shut = 0;
    for (struct list *node = group->accounts.next; node != &group->accounts; node = node->next) {
        const struct account *account = container_of(node, struct account, of_group);
        queue_account_changed(scheduler, (uint32_t)(account - scheduler->accounts));
    }
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
    else if (timer->kind == TIMER_MODEL)
        set_model(scheduler, timer->index, true);
    else if (timer->kind == TIMER_ACCOUNT)
        scheduler->accounts[timer->index].shut |= SHUT_BENCH;
    else if (timer->kind == TIMER_GROUP)
        scheduler->groups[timer->index].shut |= SHUT_BENCH;
    else
        scheduler->providers[timer->index].shut |= SHUT_BENCH;
}

static void open_scope(struct scheduler *scheduler, const struct timer *timer) {
    if (timer->kind == TIMER_ROUTE) {
        route_opened(scheduler, timer->index, SHUT_BENCH);
    } else if (timer->kind == TIMER_ACCOUNT) {
        scheduler->accounts[timer->index].shut &= ~(uint32_t)SHUT_BENCH;
        queue_account_changed(scheduler, timer->index);
    } else if (timer->kind == TIMER_MODEL) {
        set_model(scheduler, timer->index, false);
    } else if (timer->kind == TIMER_GROUP) {
        group_opened(scheduler, timer->index);
    } else {
        provider_opened(scheduler, timer->index);
    }
}

static void bench_until(struct visit *visit, struct bench *bench, uint64_t until_ns, bool firm) {
    bool in_force = heap_linked(&bench->timer.node);
    bench->firm = firm || (in_force && bench->firm);
    bench->until_changed = until_ns == UINT64_MAX || (in_force && bench->until_changed);
    if (in_force && until_ns <= bench->timer.node.key)
        return;
    heap_set(&visit->scheduler->timers, &bench->timer.node, until_ns);
    if (!in_force)
        shut_scope(visit->scheduler, &bench->timer);
}

static uint64_t doubled(uint64_t base_ns, uint32_t times, uint64_t most_ns) {
    if (base_ns >= most_ns)
        return base_ns;
    return base_ns > most_ns >> times ? most_ns : base_ns << times;
}

/* How long somebody rests: `base` doubled up to `most`, unless the provider asked for a time of its own (0 = it did not). */
struct rest {
    uint64_t base_ns, most_ns, asked_ns;
    bool firm;
};

static uint64_t bench_duration(const struct bench *bench, const struct rest *rest) {
    if (rest->asked_ns == 0)
        return doubled(rest->base_ns, bench->strikes - 1, rest->most_ns);
    if (bench->strikes == 1)
        return rest->asked_ns;
    uint64_t least_ns = doubled(rest->base_ns, bench->strikes - 2, rest->most_ns);
    return rest->asked_ns > least_ns ? rest->asked_ns : least_ns;
}

static void punish(struct visit *visit, struct bench *bench, const struct ticket *ticket,
                   const struct rest *rest) {
    bool same_incident =
        bench->strikes > 0 && ticket->granted_ns <= bench->since_ns && !ticket->probe;
    if (!same_incident) {
        bench->since_ns = visit->now_ns;
        if (bench->strikes < STRIKES_MAX)
            bench->strikes++;
    }
    uint64_t duration_ns = bench_duration(bench, rest);
    bool for_ever = duration_ns > UINT64_MAX - visit->now_ns;
    bench_until(visit, bench, for_ever ? UINT64_MAX : visit->now_ns + duration_ns, rest->firm);
}

static struct bench *bench_of(struct scheduler *scheduler, uint32_t route_index,
                              enum bench_scope scope) {
    struct route *route = &scheduler->routes[route_index];
    struct account *account = &scheduler->accounts[route->account];
    if (scope == BENCH_ROUTE)
        return &route->bench;
    if (scope == BENCH_MODEL)
        return &scheduler->models[route->model_place].bench;
    if (scope == BENCH_KEY)
        return &account->bench;
    if (scope == BENCH_ACCOUNT)
        return &scheduler->groups[account->group].bench;
    return &scheduler->providers[account->provider].bench;
}

static void breaker_open(struct visit *visit, uint32_t index) {
    struct breaker *breaker = &visit->scheduler->routes[index].breaker;
    uint64_t duration_ns = doubled(BREAKER_FIRST_NS, breaker->opened, DOUBLED_MAX_NS);
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
    static const enum bench_scope scopes[] = {BENCH_ROUTE, BENCH_MODEL, BENCH_KEY, BENCH_ACCOUNT,
                                              BENCH_PROVIDER};
    for (size_t i = 0; i < array_length(scopes); i++)
        bench_lift(scheduler, bench_of(scheduler, ticket->route, scopes[i]), ticket);
    route->breaker.weight = 0;
    if (route->breaker.opened == 0 || !ticket->probe ||
        ticket->granted_ns < route->breaker.since_ns)
        return;
    route->breaker.opened = 0;
    route->breaker.half_open = false;
    heap_remove(&scheduler->timers, &route->breaker.timer.node);
    route_opened(scheduler, ticket->route, SHUT_BREAKER);
}

/* The ledger's window that the provider says is used up: of that length and, where there are two, of that unit. */
static uint64_t window_rest(const struct visit *visit, const struct ticket *ticket,
                            const struct outcome_detail *detail) {
    struct scheduler *scheduler = visit->scheduler;
    uint32_t index =
        holding_match(scheduler, ticket->route, detail->window_unit, detail->window_ns / NS_PER_MS);
    if (detail->window_ns == 0 || index == INDEX_NONE)
        return 0;
    uint64_t at_ns = node_resets_at(&scheduler->nodes[index], moment_of(scheduler, visit->now_ns));
    return at_ns > visit->now_ns && at_ns != FREE_AT_NEVER ? at_ns - visit->now_ns : 0;
}

static struct rest rest_of(const struct visit *visit, const struct ticket *ticket,
                           const struct outcome_row *row, const struct outcome_detail *detail) {
    uint64_t told_ns = detail->told_ns < RETRY_AFTER_MAX_NS ? detail->told_ns : RETRY_AFTER_MAX_NS;
    uint64_t window_ns = window_rest(visit, ticket, detail);
    struct rest rest = {
        .base_ns = detail->bench_ns > 0 ? detail->bench_ns : row->bench_s * NS_PER_S,
        .most_ns = detail->bench_most_ns > 0 ? detail->bench_most_ns : DOUBLED_MAX_NS,
        .asked_ns = told_ns > window_ns ? told_ns : window_ns};
    if (detail->until_changed)
        rest.asked_ns = UINT64_MAX;
    rest.firm = row->breaker_weight == 0 || rest.asked_ns > 0;
    return rest;
}

/* Said of a key that another has replaced meanwhile: it is no word about the new one. */
static bool is_of_old_key(const struct scheduler *scheduler, const struct ticket *ticket,
                          enum bench_scope scope, const struct outcome_detail *detail) {
    const struct route *route = &scheduler->routes[ticket->route];
    return ticket->key_mark != scheduler->accounts[route->account].key_mark &&
           (scope == BENCH_KEY || scope == BENCH_ACCOUNT || detail->until_changed);
}

void bench_note(struct visit *visit, const struct ticket *ticket, enum outcome outcome,
                const struct outcome_detail *detail) {
    const struct outcome_row *row = outcome_row(outcome);
    if (ticket->route == INDEX_NONE)
        return;
    if (row->retry == RETRY_NEVER && row->charge == CHARGE_USAGE) {
        note_success(visit->scheduler, ticket);
        return;
    }
    /* A failure without a row of its own is still obeyed when the provider says when to come back. */
    struct rest rest = rest_of(visit, ticket, row, detail);
    enum bench_scope scope = detail->scope == BENCH_BY_ROW ? row->bench : detail->scope;
    if (scope == BENCH_NOTHING && detail->scope == BENCH_BY_ROW && row->breaker_weight > 0 &&
        rest.asked_ns > 0)
        scope = BENCH_ROUTE;
    if (scope != BENCH_NOTHING && !is_of_old_key(visit->scheduler, ticket, scope, detail))
        punish(visit, bench_of(visit->scheduler, ticket->route, scope), ticket, &rest);
    if (row->breaker_weight > 0)
        breaker_failure(visit, ticket, row->breaker_weight);
}

void bench_account(struct visit *visit, uint32_t account, uint64_t duration_ns) {
    bench_until(visit, &visit->scheduler->accounts[account].bench, visit->now_ns + duration_ns,
                true);
}

void bench_route(struct visit *visit, uint32_t route, uint64_t duration_ns) {
    bench_until(visit, &visit->scheduler->routes[route].bench, visit->now_ns + duration_ns, true);
}

static void end_bench(struct scheduler *scheduler, struct bench *bench) {
    bench->strikes = 0;
    bench->until_changed = false;
    if (!heap_linked(&bench->timer.node))
        return;
    heap_remove(&scheduler->timers, &bench->timer.node);
    open_scope(scheduler, &bench->timer);
}

void bench_lift_account(struct scheduler *scheduler, uint32_t index) {
    struct account *account = &scheduler->accounts[index];
    end_bench(scheduler, &account->bench);
    end_bench(scheduler, &scheduler->groups[account->group].bench);
    for (uint32_t i = 0; i < scheduler->config.route_count; i++)
        if (scheduler->routes[i].account == index && scheduler->routes[i].bench.until_changed)
            end_bench(scheduler, &scheduler->routes[i].bench);
}

void bench_probe_begin(struct scheduler *scheduler, struct ticket *ticket) {
    const struct route *route = &scheduler->routes[ticket->route];
    if (!route->breaker.half_open && route_shut_bits(scheduler, route) == 0)
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
