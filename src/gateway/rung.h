// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What is left of an attempt that has ended: for the ladder that people read, and for the record that limits are charged by. */
#include "catalog/snapshot.h"
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
