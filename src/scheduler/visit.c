// SPDX-License-Identifier: Apache-2.0
/*
 * The frame around every event: what is due first, what became possible last, and when to come back.
 *
 * Timers that are due run before the event, so that nobody sees a bench that has ended or overtakes one who waited for it.
 * A visit does a bounded amount of work, since a mutex is held around it: the rest is asked for again at once (ARM now).
 * The wake-up asked for may be earlier than needed when what it was for has gone; it is never later. So the common event
 * changes no timer at all.
 */
#include "scheduler/state.h"

#define TIMERS_PER_VISIT 256
#define LOOKS_PER_VISIT  2048

bool visit_has_room(const struct visit *visit) {
    return visit->dispatches_left > 0 && visit->looks_left > 0 &&
           visit->out->count < SCHEDULER_ACTIONS_MAX - ACTIONS_ROOM;
}

static void run_timer(struct visit *visit, struct timer *timer) {
    heap_remove(&visit->scheduler->timers, &timer->node);
    if (timer->kind == TIMER_TICKET)
        ticket_timer(visit, &visit->scheduler->tickets[timer->index]);
    else if (timer->kind == TIMER_PARKED)
        queue_unpark(visit->scheduler, timer->index);
    else
        bench_timer(visit, timer);
}

static struct heap_node *due_timer(const struct visit *visit) {
    struct heap_node *first = heap_first(&visit->scheduler->timers);
    return first != NULL && first->key <= visit->now_ns ? first : NULL;
}

static bool serve(struct visit *visit) {
    return ledger_serve(visit) && queue_serve(visit);
}

void visit_begin(struct visit *visit) {
    visit->dispatches_left = SCHEDULER_DISPATCH_PER_VISIT;
    visit->timers_left = TIMERS_PER_VISIT;
    visit->looks_left = LOOKS_PER_VISIT;
    struct heap_node *due;
    while ((due = due_timer(visit)) != NULL && visit_has_room(visit) && visit->timers_left > 0) {
        visit->timers_left--;
        run_timer(visit, container_of(due, struct timer, node));
    }
    (void)serve(visit); /* what is left stays listed for the end of this visit or the next */
}

static void arm(struct visit *visit, uint64_t next_ns) {
    struct scheduler *scheduler = visit->scheduler;
    bool passed = scheduler->armed_ns <= visit->now_ns;
    if (!passed && next_ns >= scheduler->armed_ns)
        return;
    scheduler->armed_ns = next_ns;
    if (next_ns == UINT64_MAX)
        return;
    check(visit->out->count < SCHEDULER_ACTIONS_MAX);
    visit->out->items[visit->out->count++] =
        (struct action){.kind = ACTION_ARM, .time_ns = next_ns};
}

void visit_end(struct visit *visit) {
    uint64_t next_ns = UINT64_MAX;
    bool served = serve(visit);
    const struct heap_node *first = heap_first(&visit->scheduler->timers);
    if (!served || due_timer(visit) != NULL)
        next_ns = visit->now_ns;
    else if (first != NULL)
        next_ns = first->key;
    arm(visit, next_ns);
}
