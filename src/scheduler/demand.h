// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the scheduler is asked for, and what it is told back: plain numbers, no strings, no pointers that outlive the call.
 */
#include "base/err.h"
#include "catalog/limit.h"

#include <stdbool.h>
#include <stdint.h>

#define DEMAND_CANDIDATES_MAX 64

enum demand_priority { PRIORITY_INTERACTIVE, PRIORITY_NORMAL, PRIORITY_BATCH };

struct demand {
    uint64_t owner; /* the caller's, returned in actions: {loop, slot, generation} */
    uint32_t candidates
        [DEMAND_CANDIDATES_MAX];   /* route indexes of the configured snapshot, preferred first */
    uint32_t candidate_count;      /* at least 1 */
    uint64_t input_tokens;         /* estimate */
    uint64_t output_tokens_max;    /* 0 = not given */
    uint64_t output_tokens_likely; /* 0 = what the route's answers were like so far */
    uint64_t inputs;               /* texts to embed */
    uint64_t audio_seconds;
    uint64_t client;  /* fairness key, and whose limits count; 0 = nobody in particular */
    uint64_t session; /* affinity hash; 0 = none */
    uint64_t
        wait_until_ns; /* may rest in the queue until then; a wait that cannot fit is refused at once */
    uint64_t deadline_ns; /* total, UINT64_MAX = none */
    enum demand_priority priority;
    bool stream;
    bool never_wait; /* now or not at all, not even between two rounds */
};

struct scheduler_usage {
    uint64_t input_tokens, output_tokens;
    bool known; /* false: nothing was reported or estimated */
    bool has_cost;
    enum limit_unit cost_unit;
    uint64_t cost; /* in cost_unit, told by the provider */
};

/* What an answer's head says about one limit. */
struct scheduler_reading {
    enum limit_unit unit;
    bool any_unit;      /* it does not say of what */
    uint64_t window_ms; /* 0 = it does not say */
    enum limit_scope scope;
    bool has_limit, has_remaining, has_reset;
    uint64_t limit, remaining;
    uint64_t reset_ms;  /* from now */
    bool reset_is_full; /* of a bucket: the time until it is full again, not until one more fits */
};
struct scheduler_readings {
    const struct scheduler_reading *rows; /* borrowed for the call */
    uint32_t count;
};
