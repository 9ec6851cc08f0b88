// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Trying keys: one free question for each account, maybe a tiny chat after it; all providers at once, each one question at a time.
 */
#include "app/key_verdict.h"
#include "app/offer.h"
#include "catalog/snapshot.h"

#define KEY_TEST_SECONDS     10                         /* for one question, all of it */
#define KEY_TEST_BODY_BYTES  ((size_t)4 * 1024 * 1024)  /* of an answer; more is not read */
#define KEY_TEST_ARENA_BYTES ((size_t)96 * 1024 * 1024) /* of one test */

struct key_test {
    /* what to do */
    uint32_t account; /* of the snapshot */
    bool own_address; /* as in key_probe_plan */
    uint32_t
        chat_route; /* of the snapshot: asked for one token once the probe went well; UINT32_MAX = not */
    /* what came of it */
    struct key_finding finding; /* of the last question */
    const char *asked;          /* "GET /models"; of the last question */
    int err;                    /* of the call */
    int status;                 /* of its answer; 0 = none came */
    bool has_date;              /* its head told the time */
    int64_t ahead_ms;           /* our clock before its, within a second and the way there */
    uint64_t latency_ms;        /* until its head; holds when status != 0 */
    bool proves;                /* what the probe could have proven */
    uint32_t model_count;       /* that the list had */
    bool listed;
    const struct catalog_route **missing; /* arena: routes whose model is not in the list */
    uint32_t missing_count;
};

/* One test for each account of an offer, in the order of its keys; returns how many, at most `room`. */
uint32_t key_tests_of(const struct catalog_snapshot *snapshot, const struct offer *offer,
                      struct key_test *tests, uint32_t room);
/* Tests of one provider stand together. Texts live in the arena. `most_ns`: for all of them, 0 = as long as it takes; keys whose turn
 * does not come by then are KEY_NOT_ASKED. */
void key_tests_run(const struct catalog_snapshot *snapshot, struct key_test *tests, uint32_t count,
                   uint64_t most_ns, struct arena *arena);
