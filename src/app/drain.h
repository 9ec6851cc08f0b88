// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Ending: no new connections, running requests finish within a deadline, what is left is closed, the loop stops.
 */
#include "gateway/gateway.h"

struct drain {
    struct loop_message begin; /* both run on the loop's own thread */
    struct loop_message cut;
    struct loop_timer timer;
    struct gateway_loop *home; /* borrowed */
    atomic_uint *running;      /* borrowed: loops that have not ended yet, all together */
    uint64_t deadline_ns;
    bool refused, closed;
};

void drain_init(struct drain *drain, struct gateway_loop *home, atomic_uint *running);
/* Any thread, once. */
void drain_begin(struct drain *drain, uint64_t deadline_ns);
/* Any thread, once, after drain_begin: cuts it short (a second signal). */
void drain_cut(struct drain *drain);
