// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Looking at the scheduler: copies for metrics, explain, capacity and tests. Nothing here changes what it decides.
 */
#include "scheduler/demand.h"

struct scheduler;

struct scheduler_counts {
    uint32_t tickets, waiting, reserving, running;
    uint64_t submitted, dispatched, refused, cancelled, finished, retried; /* since start */
    uint64_t reserved, settled, released; /* reservations: reserved = settled + released + open */
};
void scheduler_counts(const struct scheduler *scheduler, struct scheduler_counts *ret_counts);

/* Whether a candidate could be asked now, by a request of the smallest size; for /readyz. Not: since when it could be,
 * 0 = unknown. */
bool scheduler_route_open(const struct scheduler *scheduler, uint64_t now_ns, uint32_t route,
                          uint64_t *ret_open_at_ns);
uint32_t scheduler_account_in_flight(const struct scheduler *scheduler, uint32_t account);

/* name, word, why a candidate cannot be asked now */
#define CANDIDATE_TABLE(X)                                                           \
    X(CANDIDATE_OPEN, "open", "could be asked now")                                  \
    X(CANDIDATE_UNKNOWN, "unknown", "no such route is configured")                   \
    X(CANDIDATE_BENCHED, "benched", "rests after a failure or a provider's refusal") \
    X(CANDIDATE_BREAKER, "breaker", "failed several times in a row")                 \
    X(CANDIDATE_PROBED, "probed", "another request is trying it out")                \
    X(CANDIDATE_FULL, "full", "a limit is used up")                                  \
    X(CANDIDATE_TOO_LARGE, "too_large", "the request is larger than a limit")        \
    X(CANDIDATE_BUSY, "busy", "as many requests at once as its account takes")

enum candidate_state {
#define CANDIDATE_ENUM(name, word, about) name,
    CANDIDATE_TABLE(CANDIDATE_ENUM)
#undef CANDIDATE_ENUM
        CANDIDATE_COUNT
};

struct scheduler_candidate {
    enum candidate_state state;
    uint32_t limit;           /* FULL, TOO_LARGE: which; else LIMIT_NONE */
    uint64_t available_at_ns; /* now when open; 0 = unknown, UINT64_MAX = never */
    bool picked;              /* scheduler_submit would send the demand here now */
};
/* One row for each candidate of the demand, in its order. Nobody is picked when the client's own limits refuse it. */
void scheduler_explain(const struct scheduler *scheduler, uint64_t now_ns,
                       const struct demand *demand, struct scheduler_candidate *ret_rows);
struct action; /* scheduler.h */
/* Whether scheduler_submit would refuse the demand now for a limit of its client, and the action with which it would. */
bool scheduler_client_refuses(const struct scheduler *scheduler, uint64_t now_ns,
                              const struct demand *demand, struct action *ret_refusal);

struct scheduler_limit {
    uint64_t amount;    /* in force: configured, told or learned */
    uint64_t used;      /* of it, reservations included */
    uint64_t remaining; /* what a request could take now */
    uint64_t in_flight; /* part of used that has not been settled */
    uint64_t
        frees_at_ns; /* when more comes back; calendars: the reset. 0 = nothing is used or unknown */
    bool learned;    /* amount differs from the configured one */
};
/* False: no such limit. */
bool scheduler_limit_state(const struct scheduler *scheduler, uint64_t now_ns, uint32_t limit,
                           struct scheduler_limit *ret_limit);
/* Broken invariants end the process: sums, lists, heaps. For tests after every event. */
void scheduler_verify(const struct scheduler *scheduler);
