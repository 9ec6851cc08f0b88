// SPDX-License-Identifier: Apache-2.0
/*
 * The retry budget: one bucket for the whole gateway, so that an outage is not multiplied by everybody's retries.
 *
 * An attempt that succeeds puts 0.1 in, a retry takes 1 out, at most 50 are saved, and it starts full: in the long run one
 * retry for ten successes, in a total outage fifty and then none. Counted in tenths, so that no rounding creeps in.
 * Leaves to others: which retries cost anything (RETRY_ELSEWHERE does; quick refusals and second opinions do not).
 */
#include "scheduler/state.h"

#define RETRY_TENTHS     10
#define SUCCESS_TENTHS   1
#define SAVED_TENTHS_MAX 500

bool budget_allows(const struct scheduler *scheduler) {
    return scheduler->budget_tenths >= RETRY_TENTHS;
}

void budget_spend(struct scheduler *scheduler) {
    check(scheduler->budget_tenths >= RETRY_TENTHS);
    scheduler->budget_tenths -= RETRY_TENTHS;
}

void budget_earn(struct scheduler *scheduler) {
    if (scheduler->budget_tenths < SAVED_TENTHS_MAX)
        scheduler->budget_tenths += SUCCESS_TENTHS;
}
