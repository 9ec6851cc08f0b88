// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Answers that are given later, because somebody else has to do something first: the store's threads, or another loop.
 *
 * An endpoint's `answer` makes a job that embeds a struct later, calls later_begin, hands the job over and returns ANSWER_LATER.
 * Whoever did the work calls later_done, on any thread, exactly once. Then on the request's loop: `finish` writes the answer, as
 * `answer` would have; it is left out when the client has gone meanwhile. `release` comes in every case, once, last, and frees the
 * job. So a job never points to its request, and what it needs of it is copied into it beforehand.
 * The loop counts what is out; it is not freed before all of it came back.
 */
#include "gateway/request.h"

#define ANSWER_LATER 1 /* what `answer` returns after later_begin */

struct later {
    struct loop_message message;
    struct gateway_loop *home; /* borrowed */
    uint64_t owner;            /* names the request; it may be gone */
    int (*finish)(struct request *r, struct later *later);
    void (*release)(struct later *later);
};

/* On the request's loop. */
void later_begin(struct later *later, struct request *r,
                 int (*finish)(struct request *r, struct later *later),
                 void (*release)(struct later *later));
/* Any thread, once. The job belongs to the loop from here on. */
void later_done(struct later *later);

/* request.c and answer.c: the second half, and the end of waiting without it. */
int later_finish(struct request *r);
void later_forget(struct request *r);
