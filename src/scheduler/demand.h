// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the scheduler is asked for: plain numbers, no strings, no pointers that outlive the call.
 */
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define DEMAND_CANDIDATES_MAX 64

enum demand_priority { PRIORITY_INTERACTIVE, PRIORITY_NORMAL, PRIORITY_BATCH };

struct demand {
    uint64_t owner; /* the caller's, returned in actions: {loop, slot, generation} */
    uint32_t candidates
        [DEMAND_CANDIDATES_MAX]; /* route indexes of the configured snapshot, preferred first */
    uint32_t candidate_count;    /* at least 1 */
    uint64_t input_tokens;       /* estimate */
    uint64_t output_tokens_max;  /* 0 = not given */
    uint64_t client;             /* fairness key; 0 in open mode */
    uint64_t session;            /* affinity hash; 0 = none */
    uint64_t
        wait_until_ns; /* may rest in the queue until then; a wait that cannot fit is refused at once */
    uint64_t deadline_ns; /* total, UINT64_MAX = none */
    enum demand_priority priority;
    bool stream;
};

struct scheduler_usage {
    uint64_t input_tokens, output_tokens;
    bool known; /* false: nothing was reported or estimated */
};
