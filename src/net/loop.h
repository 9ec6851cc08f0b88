// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One I/O loop: one thread, its sockets, its timers, its queue of things to do before it sleeps.
 *
 * A turn: due timers fire, sockets are read, posted messages arrive; then deferred tasks run (also those they defer,
 * bounded), then all streams written to in this turn are flushed with one system call each. So a callback from the
 * network stores its result and defers a task; no step runs inside another step's stack.
 *
 * Threads: everything here belongs to the loop's own thread, except loop_post and loop_stop.
 */
#include "base/heap.h"
#include "base/list.h"

#include <stdint.h>

struct loop;

struct loop *loop_new(void);
/* Runs until loop_stop; may be called again afterwards (e.g. to let handles close). */
void loop_run(struct loop *loop);
/* Runs until nothing is open or `deadline_ns` passed; returns false when something is still open. For tear-down and tests. */
bool loop_run_until_idle(struct loop *loop, uint64_t deadline_ns);
/* Any thread, and signal handlers of loop_signal. */
void loop_stop(struct loop *loop);
/* Everything opened on it must be closed before (check fails otherwise). */
void loop_free(struct loop *loop);

/* Time of this turn, CLOCK_MONOTONIC; loop_refresh_now re-reads it after long work. */
uint64_t loop_now_ns(const struct loop *loop);
uint64_t loop_refresh_now_ns(struct loop *loop);

/* Frees what the loop keeps for the next writers: after a burst. */
void loop_give_back(struct loop *loop);

/* --- timers: embedded in their owner; no closing, no allocation --- */
struct loop_timer {
    struct heap_node node;
    void (*fire)(struct loop_timer
                     *timer); /* cleared before the call: may set itself again or free its owner */
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);
static inline bool loop_timer_armed(const struct loop_timer *timer) {
    return heap_linked(&timer->node);
}

/* --- deferred tasks: run once, later in this turn; deferring twice is one run --- */
struct loop_task {
    struct list node; /* list_init before first use */
    void (*run)(struct loop_task *task);
};
void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_undefer(struct loop_task *task);

/* --- messages from other threads: run on the loop's thread, in order of posting --- */
struct loop_message {
    struct loop_message *next; /* the loop's, while queued */
    void (*run)(struct loop_message *message);
};
void loop_post(struct loop *loop, struct loop_message *message);

/* --- signals: one handler a number, called on this loop's thread; loop_signals_close before loop_free --- */
int loop_signal(struct loop *loop, int signal_number,
                void (*handle)(void *context, int signal_number), void *context);
void loop_signals_close(struct loop *loop);
