// SPDX-License-Identifier: Apache-2.0
/*
 * Ending a loop without losing a request.
 *
 * Looks every DRAIN_LOOK_NS whether the loop is still busy; idle kept connections are closed by the server after a moment. When the
 * deadline passes, requests that still wait for room are refused, then what is left is cut and the loop runs on until every handle is
 * closed. Loop 0 ends last: it hears the signals and wakes
 * the scheduler, so requests of other loops that wait for room need it. Promises: the loop stops only when nothing is open on it. Leaves to others: the exit code.
 */
#include "app/drain.h"

#include "base/check.h"
#include "base/clock.h"

#define DRAIN_LOOK_NS    (5 * NS_PER_MS)
#define DRAIN_REFUSED_NS (100 * NS_PER_MS)

static bool is_needed(const struct drain *drain) {
    return gateway_loop_busy(drain->home) > 0 ||
           (drain->home->index == 0 && atomic_load(drain->running) > 1);
}

static void look(struct drain *drain) {
    struct gateway_loop *home = drain->home;
    uint64_t now_ns = loop_now_ns(home->loop);
    if (!drain->refused && now_ns >= drain->deadline_ns) {
        gateway_loop_refuse_waiting(home);
        drain->refused = true;
        drain->deadline_ns = now_ns + DRAIN_REFUSED_NS; /* for the refusals to leave */
    }
    if (!drain->closed && (!is_needed(drain) || now_ns >= drain->deadline_ns)) {
        gateway_loop_close(home);
        drain->closed = true;
    }
    if (drain->closed && !is_needed(drain)) {
        atomic_fetch_sub(drain->running, 1);
        loop_stop(home->loop);
        return;
    }
    loop_timer_set(home->loop, &drain->timer, now_ns + DRAIN_LOOK_NS);
}

static void on_timer(struct loop_timer *timer) {
    look(container_of(timer, struct drain, timer));
}

static void on_begin(struct loop_message *message) {
    struct drain *drain = container_of(message, struct drain, begin);
    gateway_loop_drain(drain->home);
    look(drain);
}

static void on_cut(struct loop_message *message) {
    struct drain *drain = container_of(message, struct drain, cut);
    drain->deadline_ns = 0; /* seen at the next look */
}

void drain_init(struct drain *drain, struct gateway_loop *home, atomic_uint *running) {
    *drain = (struct drain){.home = home, .running = running};
    drain->timer.fire = on_timer;
    drain->begin.run = on_begin;
    drain->cut.run = on_cut;
}

void drain_begin(struct drain *drain, uint64_t deadline_ns) {
    drain->deadline_ns = deadline_ns;
    loop_post(drain->home->loop, &drain->begin);
}

void drain_cut(struct drain *drain) {
    loop_post(drain->home->loop, &drain->cut);
}
