// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Attempts that this scheduler did not see, since they ended before it was made: what each of them left charged, as numbers that
 * can be kept and added up, and how the limits are charged with them again.
 *
 * Numbers are those of the table of outcomes: real usage where that is what is charged, else the larger of what was reserved
 * and what was seen. `up_front` is the same for limits of providers that charge the most an answer may have when they admit it.
 */
#include "scheduler/demand.h"
#include "scheduler/outcome.h"

struct scheduler;

/* What an attempt was let go with. */
struct scheduler_promise {
    uint64_t input_tokens;      /* estimated */
    uint64_t output_tokens;     /* reserved where real use is charged: an action's `tokens` */
    uint64_t output_tokens_max; /* 0 = not given */
    uint64_t inputs, audio_seconds;
};

/* What is left of it. May be sums over attempts of one route and one outcome. */
struct scheduler_kept {
    uint64_t input_tokens, output_tokens;
    uint64_t input_up_front, output_up_front;
    uint64_t inputs, audio_seconds;
    bool has_cost; /* of a sum: of all of them */
    enum limit_unit cost_unit;
    uint64_t cost;
};
/* usage NULL = nothing is known of it. */
void scheduler_keep(const struct scheduler_promise *promise, enum outcome outcome,
                    const struct scheduler_usage *usage, struct scheduler_kept *ret_kept);

struct scheduler_past {
    /* Borrowed for the call. Several: keys of one account, when it is not known by which of them it went; limits that they share
     * are charged once. */
    const uint32_t *routes;
    uint32_t route_count;
    enum outcome outcome;
    uint64_t count; /* attempts in `kept` */
    uint64_t
        age_ms; /* since it was sent; of several: since the youngest was, so none comes back early */
    uint64_t took_ms; /* of it, until it was settled: as late may a bucket have been charged */
    struct scheduler_kept kept;
    bool new_only; /* only limits that the last configuration brought: the others have seen it */
};
/* Charges the routes' limits as if it had been seen. Refilling limits are exact when older ones come first, else charged with
 * more. What lies behind a limit's window changes nothing, nor does a route that is not configured. */
void scheduler_replay(struct scheduler *scheduler, uint64_t now_ns,
                      const struct scheduler_past *past);
