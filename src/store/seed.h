// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What providers were asked lately, for the scheduler's windows after a start: the most recent attempts one by one, older ones as
 * sums by minute, those before as sums by hour; oldest first.
 */
#include "store/record.h"

struct store_seed_query {
    uint64_t hours_since_ms;   /* begin of the longest window */
    uint64_t minutes_since_ms; /* from here on by minute; rounded down to an hour */
    uint64_t exact_since_ms;   /* from here on one by one; rounded down to a minute */
    uint32_t exact_most; /* attempts one by one; if there are more, the rest comes by minute */
};

struct store_seed {
    struct span provider, account, upstream, outcome;
    uint64_t at_ms;   /* sent; of a sum: begin of its period */
    uint64_t span_ms; /* 0 = exactly then; else sent in [at_ms, at_ms + span_ms) */
    uint64_t count;   /* attempts */
    struct store_charge charge;
};
typedef void (*store_seed_cb)(void *context, const struct store_seed *row);

int store_seed_read(struct store_db *db, const struct store_seed_query *query, store_seed_cb each,
                    void *context) WARN_UNUSED;
