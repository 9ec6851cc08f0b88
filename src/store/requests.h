// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Reading what was recorded: requests, newest first; one with its ladder; totals by minute, hour and day. For jobs on the
 * reading side. Visitors are called on the store's thread; what they get is valid during the call.
 */
#include "store/record.h"

#define STORE_PAGE_MAX 1000

typedef void (*store_request_cb)(void *context, const struct store_request *request);

/* Absent spans and zeroes do not filter. */
struct store_requests_query {
    struct span client, provider;
    struct span model; /* asked for or served */
    uint32_t status;
    bool failed;                 /* those with an error */
    uint64_t since_ms, until_ms; /* when they ended; since <= t < until */
    uint64_t cursor;             /* goes on behind it; 0 = from the newest */
    struct span after;           /* the id of a request: those recorded after it, oldest first */
    uint32_t limit;              /* 1..STORE_PAGE_MAX */
};
/* A page may hold fewer rows than asked for and still have more behind it: rows that are looked at are bounded. */
struct store_page {
    bool has_more;
    uint64_t cursor; /* to go on with */
    uint64_t series; /* the same, of totals */
    uint32_t rows;
};
/* `ladder` is NULL in lists. ERR_NOT_FOUND: `after` is not kept (any more). */
int store_requests_list(struct store_db *db, const struct store_requests_query *query,
                        store_request_cb each, void *context,
                        struct store_page *ret_page) WARN_UNUSED;
/* With its ladder. ERR_NOT_FOUND. */
int store_request_get(struct store_db *db, struct span id, store_request_cb each,
                      void *context) WARN_UNUSED;

enum store_period { STORE_MINUTE, STORE_HOUR, STORE_DAY, STORE_PERIOD_COUNT }; /* UTC */

struct store_usage {
    uint64_t at_ms; /* begin of the period */
    struct span client, provider, account, model, upstream;
    struct span
        outcome; /* of attempts; of requests that no provider was asked for: their error, provider absent */
    uint64_t requests; /* that ended with this attempt, or without any */
    uint64_t attempts, input_tokens, output_tokens, waited_ms, duration_ms;
    uint64_t cost;
    struct span cost_unit; /* the unit's word; absent = none was told */
};
typedef void (*store_usage_cb)(void *context, const struct store_usage *row);

struct store_usage_query {
    enum store_period by;
    uint64_t since_ms, until_ms; /* 0 = open */
    struct span client, provider, model;
    uint64_t cursor, series; /* of the page before; 0, 0 = from the newest */
    uint32_t limit;          /* 1..STORE_PAGE_MAX */
};
/* One row for each period and client, provider, account, model and outcome, newest first. */
int store_usage_list(struct store_db *db, const struct store_usage_query *query,
                     store_usage_cb each, void *context, struct store_page *ret_page) WARN_UNUSED;
