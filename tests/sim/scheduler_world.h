// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The random world around the scheduler: one heap of future events in virtual time, and what each action of the scheduler sets
 * in motion there: attempts with their steps, a shared ledger and a disk that answer late, twice or never, the wake-up.
 */
#include "base/heap.h"
#include "base/mem.h"
#include "base/rand.h"
#include "sim/scheduler_oracle.h"

#include <unistd.h>

#define EVENTS_MAX 4096

enum event_kind {
    EVENT_ARRIVE,
    EVENT_SENT,
    EVENT_HEADERS,
    EVENT_FIRST_TOKEN,
    EVENT_PROGRESS,
    EVENT_DONE,
    EVENT_CANCEL,
    EVENT_REMOTE,
    EVENT_DURABLE,
    EVENT_TICK,
    EVENT_CONFIGURE,
    EVENT_STRAY,
    EVENT_KINDS
};

struct event {
    struct heap_node node;
    enum event_kind kind;
    uint32_t business, attempt;
    uint64_t word; /* grant or mark */
    uint32_t node_index;
    enum remote_verdict verdict;
    struct event *next_free;
};

struct world {
    struct oracle oracle;
    struct rand rand;
    struct heap events;
    struct event pool[EVENTS_MAX];
    struct event *free_events;
    struct event *tick; /* the one wake-up */
    struct actions out;
    struct scheduler_config config;
    uint32_t account_of[REAL_MAX]; /* configured account -> real */
    uint64_t mark_of[REAL_MAX];    /* real account -> mark asked last, 0 = none awaited */
    uint32_t arrivals_left;
    uint32_t mood[REAL_MAX]; /* percent of failures of a real route */
};

static uint64_t events_hit[EVENT_KINDS], actions_hit[ACTION_ARM + 1], refusals_hit[REFUSAL_COUNT];
static uint64_t late_grants_returned, retries_seen, full_house;

static uint32_t below(struct world *w, uint32_t bound) {
    return (uint32_t)rand_below(&w->rand, bound);
}

static bool chance(struct world *w, uint32_t percent) {
    return below(w, 100) < percent;
}

static struct event *plan(struct world *w, enum event_kind kind, uint64_t delay_ns) {
    struct event *event = w->free_events;
    check(event != NULL);
    w->free_events = event->next_free;
    *event = (struct event){.kind = kind};
    heap_insert(&w->events, &event->node, w->oracle.now_ns + delay_ns);
    return event;
}

static uint64_t random_ms(struct world *w, uint32_t ms_max) {
    return rand_below(&w->rand, (uint64_t)ms_max * NS_PER_MS + 1);
}

/* --- what the actions set in motion --- */

static void plan_attempt(struct world *w, const struct action *action) {
    static const struct {
        enum event_kind kind;
        uint32_t percent, ms_max;
    } steps[] = {{EVENT_SENT, 90, 20},
                 {EVENT_HEADERS, 70, 2000},
                 {EVENT_FIRST_TOKEN, 50, 500},
                 {EVENT_PROGRESS, 40, 800}};
    uint64_t delay_ns = 0;
    for (size_t i = 0; i < array_length(steps) && chance(w, steps[i].percent); i++) {
        delay_ns += random_ms(w, steps[i].ms_max);
        struct event *event = plan(w, steps[i].kind, delay_ns);
        event->business = (uint32_t)(action->owner - 1);
        event->attempt = action->attempt;
    }
    struct event *event = plan(w, EVENT_DONE, delay_ns + random_ms(w, chance(w, 80) ? 900 : 8000));
    event->business = (uint32_t)(action->owner - 1);
    event->attempt = action->attempt;
}

static void plan_remote(struct world *w, const struct action *action) {
    uint32_t answers = chance(w, 4) ? 0 : 1 + chance(w, 5); /* lost, once, twice */
    uint32_t draw = below(w, 100);
    enum remote_verdict verdict = draw < 80 ? REMOTE_OK : draw < 93 ? REMOTE_DENIED : REMOTE_LOST;
    for (uint32_t i = 0; i < answers; i++) {
        struct event *event = plan(w, EVENT_REMOTE, random_ms(w, chance(w, 85) ? 100 : 2500));
        event->word = action->grant;
        event->verdict = verdict;
    }
}

static void plan_durable(struct world *w, const struct action *action) {
    w->mark_of[w->account_of[action->node]] = action->mark;
    if (chance(w, 6))
        return;
    struct event *event = plan(w, EVENT_DURABLE, random_ms(w, chance(w, 85) ? 60 : 2500));
    event->word = action->mark;
    event->node_index = action->node;
}

static void plan_tick(struct world *w, uint64_t time_ns) {
    uint64_t late_ns = chance(w, 10) ? random_ms(w, 3) : 0;
    uint64_t delay_ns = time_ns > w->oracle.now_ns ? time_ns - w->oracle.now_ns : 0;
    if (w->tick == NULL)
        w->tick = plan(w, EVENT_TICK, delay_ns + late_ns);
    else
        heap_set(&w->events, &w->tick->node, w->oracle.now_ns + delay_ns + late_ns);
}

static void follow(struct world *w) {
    for (uint32_t i = 0; i < w->out.count; i++) {
        const struct action *action = &w->out.items[i];
        oracle_action(&w->oracle, action);
        actions_hit[action->kind]++;
        if (action->kind == ACTION_DISPATCH)
            plan_attempt(w, action);
        else if (action->kind == ACTION_NEED_REMOTE_GRANT)
            plan_remote(w, action);
        else if (action->kind == ACTION_NEED_DURABLE)
            plan_durable(w, action);
        else if (action->kind == ACTION_ARM)
            plan_tick(w, action->time_ns);
        else if (action->kind == ACTION_REFUSE)
            refusals_hit[action->refusal]++;
        else if (action->kind == ACTION_REMOTE_RELEASE && action->ticket == 0)
            late_grants_returned++;
    }
    w->out.count = 0;
}
