// SPDX-License-Identifier: Apache-2.0
/*
 * Timers of a loop: one heap of ours under one timer of libuv.
 *
 * Why our own heap: a connection sets and clears several deadlines a request and nearly none of them fires, so a timer
 * must cost a heap move and nothing else, and must live inside its owner without a closing phase. The alarm is only ever
 * moved forward: when the first deadline goes away it stays, goes off once for nothing and is set again, which is cheaper
 * than keeping it exact. libuv counts milliseconds, we nanoseconds: the wait is rounded up, so nothing fires early.
 * Promises: timers fire in order of their deadlines, equal ones in order of setting; one set while firing for a time that
 * has passed fires in the next turn, behind all others that were due. Leaves to others: what a deadline means.
 */
#include "base/check.h"
#include "base/clock.h"
#include "net/loop_parts.h"

#define TIMER_SLEEP_MAX_MS ((uint64_t)3600 * 1000)

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns) {
    if (loop->firing && deadline_ns <= loop->now_ns)
        deadline_ns = loop->now_ns + 1;
    heap_set(&loop->timers, &timer->node, deadline_ns);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer) {
    heap_remove(&loop->timers, &timer->node);
}

static void on_alarm(uv_timer_t *handle) {
    struct loop *loop = handle->data;
    loop__wake(loop);
    loop->alarm_ns = 0;
    loop->firing = true;
    uint64_t now_ns = loop->now_ns; /* a handler may read the clock anew */
    struct heap_node *first = heap_first(&loop->timers);
    while (first != NULL && first->key <= now_ns) {
        struct loop_timer *timer = container_of(first, struct loop_timer, node);
        heap_remove(&loop->timers, first);
        timer->fire(timer);
        first = heap_first(&loop->timers);
    }
    loop->firing = false;
}

void loop__timers_init(struct loop *loop) {
    heap_init(&loop->timers);
    check(uv_timer_init(&loop->uv, &loop->alarm) == 0);
    loop->alarm.data = loop;
}

void loop__timers_arm(struct loop *loop) {
    const struct heap_node *first = heap_first(&loop->timers);
    if (first == NULL || (loop->alarm_ns != 0 && loop->alarm_ns <= first->key))
        return;
    uint64_t wait_ns = first->key > loop->now_ns ? first->key - loop->now_ns : 0;
    uint64_t wait_ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0);
    if (wait_ms > TIMER_SLEEP_MAX_MS)
        wait_ms = TIMER_SLEEP_MAX_MS;
    loop->alarm_ns = first->key > 0 ? first->key : 1;
    check(uv_timer_start(&loop->alarm, on_alarm, wait_ms, 0) == 0);
}

void loop__timers_drop(struct loop *loop) {
    for (struct heap_node *node = heap_first(&loop->timers); node != NULL;
         node = heap_first(&loop->timers))
        heap_remove(&loop->timers, node);
    heap_done(&loop->timers);
}
