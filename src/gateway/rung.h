// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A rung of a request's ladder: one attempt that is over, with what it leaves charged. Written by SETTLE, read by RECORD, by
 * the remembered ladders and by the store.
 */
#include "catalog/snapshot.h"
#include "scheduler/outcome.h"
#include "scheduler/past.h"

struct request_rung {                  /* one attempt, for the ladder */
    struct request_rung *next;         /* borrowed: arena */
    struct catalog_snapshot *snapshot; /* ref: where the route is */
    uint32_t route;
    enum outcome outcome;
    uint64_t started_ns, sent_ns, ended_ns;
    uint64_t waited_ns; /* for its grant */
    int status;
    uint64_t input_tokens, output_tokens;
    struct scheduler_kept kept; /* what it leaves charged */
};
