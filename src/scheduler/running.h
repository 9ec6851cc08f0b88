// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What is under way, for handing it to another scheduler: what each attempt holds reserved, and what requests that wait will, at the
 * first of their candidates; and holding the same there until it is known how they ended.
 */
#include "scheduler/past.h"
#include "scheduler/scheduler.h"

struct scheduler_running {
    uint32_t route;
    uint64_t client; /* 0 = none */
    uint64_t age_ms; /* since it was granted */
    struct scheduler_promise promise;
};
/* The next at or after ticket slot *slot, which moves behind it; false when there are no more. */
bool scheduler_next_running(const struct scheduler *scheduler, uint64_t now_ns, uint32_t *slot,
                            struct scheduler_running *ret_row);

/* A ticket that nobody waits for: reserves what such an attempt holds, as one that was sent, without sending it; it ends by scheduler_done.
 * Its client's limits hold it too, full or not. 0: the limits of the route have no room for it, nothing is held. Its DISPATCH is not among
 * the actions. */
scheduler_ticket scheduler_hold(struct scheduler *scheduler, uint64_t now_ns,
                                const struct scheduler_running *row, struct actions *out);
