// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What providers and clients used before this start, for the scheduler's windows.
 *
 * Of providers: the most recent attempts one by one, older ones as sums by minute, those before by hour, and by day; oldest first.
 */
#include "store/record.h"

struct store_seed {
    struct span provider, account, upstream, outcome;
    uint64_t at_ms;   /* sent; of a sum: begin of its period */
    uint64_t span_ms; /* 0 = exactly then; else sent in [at_ms, at_ms + span_ms) */
    uint64_t count;   /* attempts */
    struct store_charge charge;
    uint32_t mark; /* what `wanted` gave these names */
};
typedef void (*store_seed_cb)(void *context, const struct store_seed *row);

/* Which names are asked for, called once for each set of them: since when; UINT64_MAX = not at all. */
typedef uint64_t (*store_seed_wanted_cb)(void *context, const struct store_seed *names,
                                         uint32_t *ret_mark);

struct store_seed_query {
    uint64_t
        days_since_ms; /* begin of the longest window: by hour to the end of that day (UTC), then by day */
    uint64_t hours_since_ms;   /* from here on by hour; rounded down to a day */
    uint64_t minutes_since_ms; /* from here on by minute; rounded down to an hour */
    uint64_t exact_since_ms;   /* from here on one by one; rounded down to a minute */
    uint32_t exact_most; /* attempts one by one; if there are more, the rest comes by minute */
    store_seed_wanted_cb wanted; /* NULL = all */
};
int store_seed_read(struct store_db *db, const struct store_seed_query *query, store_seed_cb each,
                    void *context) WARN_UNUSED;

/* A client's day (UTC): what ended so at providers. */
struct store_client_day {
    struct span client, outcome;
    uint64_t at_ms, requests, tokens;
};
typedef void (*store_client_day_cb)(void *context, const struct store_client_day *day);
/* From the day on that `since_ms` lies in. */
int store_client_days(struct store_db *db, uint64_t since_ms, store_client_day_cb each,
                      void *context) WARN_UNUSED;
