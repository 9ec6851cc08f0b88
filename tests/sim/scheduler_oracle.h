// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An observer of the scheduler that knows only what goes in and out. It keeps its own counts, under names of its own that no
 * configuration changes, and says when a promise is broken. It shares the table of outcomes with the scheduler, no other code.
 */
#include "base/clock.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_MAX        12 /* of providers, accounts and routes each */
#define BUSINESS_MAX    3000
#define GRANTS_MAX      8192
#define MODELS_MAX      3
#define NOT_THERE       UINT32_MAX
#define DURABLE_AT_ONCE 16 /* numbers a durable mark covers */

struct real_account {
    uint32_t provider, group, concurrency_max;
    bool remote, durable;
    uint32_t running;
    uint64_t marks_left; /* dispatches that durable marks still cover */
    uint64_t not_before_ns;
};

struct real_route {
    uint32_t account, model;
    uint32_t index; /* in the configuration of now, or NOT_THERE */
    uint64_t not_before_ns;
};

struct business { /* of one ticket; its owner word is its index + 1 */
    scheduler_ticket ticket;
    bool live, running, committed;
    bool counted;            /* at its account; not once that was configured away */
    bool nameless;           /* its route was configured away: nobody is blamed for its end */
    uint32_t route, account; /* real, of the running attempt */
    uint32_t attempts, costly;
    uint64_t asked; /* real routes, a bit each */
    bool second_opinion;
    uint64_t opinions; /* real providers that gave one */
    uint64_t wait_until_ns, deadline_ns, granted_ns;
    uint32_t candidate_count;
    uint32_t candidates[REAL_MAX]; /* real */
};

enum grant_state { GRANT_UNKNOWN, GRANT_ASKED, GRANT_HELD, GRANT_RETURNED };

struct oracle {
    uint64_t seed, event;
    uint64_t now_ns, armed_ns;
    struct scheduler *scheduler;
    uint32_t provider_count, account_count, route_count;
    uint64_t provider_not_before_ns[REAL_MAX], group_not_before_ns[REAL_MAX];
    uint64_t model_not_before_ns[REAL_MAX][MODELS_MAX]; /* by provider */
    struct real_account accounts[REAL_MAX];
    struct real_route routes[REAL_MAX];
    struct business business[BUSINESS_MAX];
    uint32_t business_count, first_live; /* all before first_live have ended */
    uint32_t attempts_max;
    struct {
        uint64_t grant;
        enum grant_state state;
    } grants[GRANTS_MAX];
    uint32_t grant_count, held;
    uint64_t refused, cancelled, finished, dispatched, reserved_remote;
    int budget_tenths;
    uint64_t trace;
};

#define must(oracle, condition)                                                               \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "event %llu at %s:%d: %s\n", (unsigned long long)(oracle)->event, \
                    __FILE__, __LINE__, #condition);                                          \
            abort();                                                                          \
        }                                                                                     \
    } while (0)

static inline void oracle_trace(struct oracle *o, uint64_t word) {
    o->trace = (o->trace ^ word) * 0x100000001b3u;
    o->trace ^= o->trace >> 29;
}

static inline uint32_t oracle_real_route(const struct oracle *o, uint32_t index) {
    uint32_t real = 0;
    while (real < o->route_count && o->routes[real].index != index)
        real++;
    must(o, real < o->route_count); /* a route of this configuration */
    return real;
}

static inline struct business *oracle_business(struct oracle *o, const struct action *action) {
    must(o, action->owner >= 1 && action->owner <= o->business_count);
    struct business *b = &o->business[action->owner - 1];
    must(o, b->ticket == 0 || b->ticket == action->ticket);
    b->ticket = action->ticket;
    return b;
}

/* --- actions --- */

static inline void oracle_dispatch(struct oracle *o, const struct action *action) {
    struct business *b = oracle_business(o, action);
    uint32_t real = oracle_real_route(o, action->route);
    struct real_account *account = &o->accounts[o->routes[real].account];
    must(o, b->live && !b->running && !b->committed);
    must(o, action->attempt == ++b->attempts);
    must(o, b->costly < o->attempts_max);
    must(o, account->concurrency_max == 0 || account->running < account->concurrency_max);
    must(o, o->now_ns >= o->routes[real].not_before_ns && o->now_ns >= account->not_before_ns);
    must(o, o->now_ns >= o->provider_not_before_ns[account->provider]);
    must(o, o->now_ns >= o->group_not_before_ns[account->group]);
    must(o, o->now_ns >= o->model_not_before_ns[account->provider][o->routes[real].model]);
    must(o, !account->durable || account->marks_left-- > 0);
    must(o, !b->second_opinion || ((b->opinions >> account->provider) & 1) == 0);
    bool is_candidate = false;
    for (uint32_t i = 0; i < b->candidate_count; i++)
        is_candidate = is_candidate || b->candidates[i] == real;
    must(o, is_candidate);
    account->running++;
    b->running = b->counted = true;
    b->nameless = false;
    b->route = real;
    b->account = o->routes[real].account;
    b->asked |= (uint64_t)1 << real;
    b->granted_ns = o->now_ns;
    o->dispatched++;
}

static inline void oracle_end(struct oracle *o, struct business *b, uint64_t *count) {
    must(o, b->live && !b->running);
    b->live = false;
    (*count)++;
}

static inline void oracle_refuse(struct oracle *o, const struct action *action) {
    struct business *b = oracle_business(o, action);
    bool deadline = o->now_ns >= b->deadline_ns;
    switch (action->refusal) {
    case REFUSAL_FAILED:
        must(o, b->attempts > 0);
        break;
    case REFUSAL_DEADLINE:
        /* also when not even a short rest fits before it */
        must(o, deadline || (b->attempts > 0 && o->now_ns + 2 * NS_PER_S > b->deadline_ns));
        break;
    case REFUSAL_WAIT_OVER:
        must(o, b->attempts == 0 && o->now_ns > b->wait_until_ns);
        break;
    case REFUSAL_LIMITED:
        must(o, action->retry_at_ns == 0 || action->retry_at_ns > o->now_ns);
        must(o, b->attempts == 0);
        break;
    default:
        must(o, b->attempts == 0);
        must(o, action->refusal == REFUSAL_NO_CANDIDATE || action->refusal == REFUSAL_QUEUE_FULL);
    }
    oracle_end(o, b, &o->refused);
}

static inline enum grant_state *oracle_grant(struct oracle *o, uint64_t grant) {
    /* The newest is asked for most. */
    for (uint32_t i = o->grant_count; i-- > 0;)
        if (o->grants[i].grant == grant)
            return &o->grants[i].state;
    must(o, o->grant_count < GRANTS_MAX);
    o->grants[o->grant_count].grant = grant;
    o->grants[o->grant_count].state = GRANT_UNKNOWN;
    return &o->grants[o->grant_count++].state;
}

static inline void oracle_remote(struct oracle *o, const struct action *action) {
    enum grant_state *state = oracle_grant(o, action->grant);
    must(o, action->requests == 1);
    if (action->kind == ACTION_NEED_REMOTE_GRANT) {
        must(o, *state == GRANT_UNKNOWN);
        *state = GRANT_ASKED;
        o->reserved_remote++;
        return;
    }
    must(o, *state == GRANT_HELD);
    *state = GRANT_RETURNED;
    o->held--;
}

static inline void oracle_action(struct oracle *o, const struct action *action) {
    oracle_trace(o, (uint64_t)action->kind << 56 ^ o->now_ns);
    oracle_trace(o,
                 action->ticket ^ (uint64_t)action->route << 40 ^ (uint64_t)action->refusal << 50);
    oracle_trace(o, action->grant ^ action->mark << 16 ^ action->time_ns);
    if (action->kind == ACTION_DISPATCH)
        oracle_dispatch(o, action);
    else if (action->kind == ACTION_REFUSE)
        oracle_refuse(o, action);
    else if (action->kind == ACTION_ARM)
        o->armed_ns = action->time_ns;
    else if (action->kind != ACTION_NEED_DURABLE)
        oracle_remote(o, action);
}

/* --- what goes in --- */

static inline void extend(uint64_t *not_before_ns, uint64_t time_ns) {
    if (time_ns > *not_before_ns)
        *not_before_ns = time_ns;
}

/* What the provider asked for, or what concerns quota and keys, must be kept whatever happens. */
static inline void oracle_bench(struct oracle *o, const struct business *b, enum outcome outcome,
                                uint64_t retry_after_ns) {
    const struct outcome_row *row = outcome_row(outcome);
    uint64_t day_ns = 24 * 3600 * NS_PER_S;
    uint64_t duration_ns = retry_after_ns < day_ns ? retry_after_ns : day_ns;
    enum bench_scope scope = row->bench;
    if (scope == BENCH_NOTHING && row->breaker_weight > 0)
        scope = BENCH_ROUTE;
    else if (duration_ns == 0 && row->breaker_weight == 0)
        duration_ns = row->bench_s * NS_PER_S;
    if (scope == BENCH_NOTHING || duration_ns == 0 || b->nameless)
        return;
    struct real_account *account = &o->accounts[b->account];
    if (scope == BENCH_ROUTE)
        extend(&o->routes[b->route].not_before_ns, o->now_ns + duration_ns);
    else if (scope == BENCH_MODEL)
        extend(&o->model_not_before_ns[account->provider][o->routes[b->route].model],
               o->now_ns + duration_ns);
    else if (scope == BENCH_KEY)
        extend(&account->not_before_ns, o->now_ns + duration_ns);
    else if (scope == BENCH_ACCOUNT)
        extend(&o->group_not_before_ns[account->group], o->now_ns + duration_ns);
    else
        extend(&o->provider_not_before_ns[account->provider], o->now_ns + duration_ns);
}

static inline void oracle_stop_running(struct oracle *o, struct business *b) {
    must(o, b->running);
    b->running = false;
    if (b->counted)
        o->accounts[b->account].running--;
}

/* Before scheduler_done. */
static inline void oracle_done(struct oracle *o, struct business *b, enum outcome outcome,
                               uint64_t retry_after_ns) {
    const struct outcome_row *row = outcome_row(outcome);
    oracle_stop_running(o, b);
    oracle_bench(o, b, outcome, retry_after_ns);
    bool slow = row->retry == RETRY_ELSEWHERE_FREE && o->now_ns - b->granted_ns >= NS_PER_S;
    b->costly += slow || row->retry == RETRY_ELSEWHERE || row->retry == RETRY_SECOND_OPINION;
    if (row->retry == RETRY_SECOND_OPINION)
        b->opinions |= (uint64_t)1 << o->accounts[b->account].provider;
    if (outcome == OUTCOME_OK && o->budget_tenths < 500)
        o->budget_tenths++;
}

/* After it, before its actions are looked at: a retry must have been allowed. */
static inline void oracle_verdict(struct oracle *o, struct business *b, enum outcome outcome,
                                  enum done_verdict verdict) {
    if (verdict == DONE_FINISHED) {
        oracle_end(o, b, &o->finished);
        return;
    }
    enum retry_class retry = outcome_row(outcome)->retry;
    must(o, retry != RETRY_NEVER && !b->committed && !b->second_opinion);
    b->second_opinion = retry == RETRY_SECOND_OPINION;
    if (retry == RETRY_ELSEWHERE)
        o->budget_tenths -= 10;
    must(o, o->budget_tenths >= 0);
}

/* --- after every event --- */

static inline void oracle_forget_the_ended(struct oracle *o) {
    while (o->first_live < o->business_count && !o->business[o->first_live].live)
        o->first_live++;
}

static inline bool oracle_open(const struct oracle *o, uint32_t real) {
    uint64_t open_at_ns;
    uint32_t index = o->routes[real].index;
    return index != NOT_THERE && scheduler_route_open(o->scheduler, o->now_ns, index, &open_at_ns);
}

/* A candidate never asked that is open and has room: the ticket should not be waiting. */
static inline bool oracle_could_go(const struct oracle *o, const struct business *b) {
    for (uint32_t i = 0; i < b->candidate_count; i++)
        if ((b->asked >> b->candidates[i] & 1) == 0 && oracle_open(o, b->candidates[i]))
            return true;
    return false;
}

static inline void oracle_counts(const struct oracle *o) {
    struct scheduler_counts counts;
    scheduler_counts(o->scheduler, &counts);
    uint32_t live = 0, running = 0;
    for (uint32_t i = o->first_live; i < o->business_count; i++) {
        live += o->business[i].live;
        running += o->business[i].running;
    }
    must(o, counts.tickets == live && counts.running == running);
    must(o, counts.waiting + counts.reserving == live - running);
    must(o,
         counts.reserved == counts.settled + counts.released + counts.running + counts.reserving);
    must(o, counts.refused == o->refused && counts.cancelled == o->cancelled);
    must(o, counts.finished == o->finished && counts.dispatched == o->dispatched);
}
