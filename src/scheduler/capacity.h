// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What is left: how many requests and tokens an account, a provider and the whole pool can still take within a time, from the
 * windows of the ledger.
 *
 * Limits stand in a tree: an address over accounts, an account over its models. What a node can give is the least of its own
 * limits and of what its children give together; so a shared account is counted once, however many models hang on it, and the sum
 * of published numbers is never shown as if it could be had.
 */
#include "catalog/snapshot.h"

/* One limit of the snapshot, as the ledger has it now. */
struct capacity_limit {
    uint64_t left;   /* now */
    uint64_t amount; /* of a whole window */
    uint64_t
        comes_in_ms; /* until all that is used now is back (calendars: the reset); 0 = it is all there */
};

enum capacity_span { CAPACITY_NOW, CAPACITY_TODAY, CAPACITY_MONTH, CAPACITY_SPAN_COUNT };
#define CAPACITY_UNLIMITED UINT64_MAX

struct capacity {
    uint64_t requests[CAPACITY_SPAN_COUNT]; /* CAPACITY_UNLIMITED: no limit is known */
    uint64_t tokens[CAPACITY_SPAN_COUNT];
};

/* The times that the spans cover from now: nothing, to the end of the day and of the month (UTC). */
struct capacity_spans {
    uint64_t ms[CAPACITY_SPAN_COUNT];
};
void capacity_spans(int64_t wall_ms, struct capacity_spans *ret_spans);

/* How much of a limit can be had within `span_ms`. */
uint64_t capacity_of_limit(const struct catalog_limit *limit, const struct capacity_limit *state,
                           uint64_t span_ms);
/* `states`: one for each limit of the snapshot. Only automatic routes count. ret_groups (may be NULL): one for each quota account. */
void capacity_of_pool(const struct catalog_snapshot *snapshot, const struct capacity_limit *states,
                      const struct capacity_spans *spans, struct capacity *ret_pool,
                      struct capacity *ret_groups);
