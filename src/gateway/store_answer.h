// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An answer that needs the store: made on a loop, worked on by a thread of the store, finished on the loop.
 *
 * store_answer_new, copy into the job's arena what `run` needs of the request, store_answer_start. `run` is called on the store's thread and
 * writes the answer into the job's writer. Then, on the loop, the answer is sent, or a refusal: ERR_NOT_FOUND becomes 404 with the
 * words in `missing`, a store that is off, down or busy 503 with its reason. Other errors are `refuse`'s, if there is one.
 */
#include "gateway/later.h"
#include "store/store.h"
#include "json/writer.h"

#define STORE_ANSWER_MAX_BYTES       ((size_t)16 * 1024 * 1024)
#define STORE_ANSWER_ARENA_MAX_BYTES ((size_t)2 * 1024 * 1024)

struct store_answer {
    struct later later;
    struct store_job store_job;
    enum store_side side;
    struct arena arena;        /* lives as long as the job */
    struct dynbuf body;        /* owned */
    struct json_writer writer; /* into body */
    int status;                /* when all is well; 200 */
    int err;                   /* what `run` returned */
    void *query;               /* arena: what `run` needs */
    const char *missing;       /* arena or static */
    int (*run)(struct store_db *db, struct store_answer *job);
    /* Optional, on the loop. Returns what a handler returns, or 1: the usual words. */
    int (*refuse)(struct request *r, struct store_answer *job);
};

struct store_answer *store_answer_new(enum store_side side,
                                      int (*run)(struct store_db *db, struct store_answer *job));
/* Answers with what is in its body, when that did not need the store after all; the job stays the caller's. */
int store_answer_give(struct request *r, struct store_answer *job, int err) WARN_UNUSED;
/* Returns what a handler returns. Owns the job from here on. */
int store_answer_start(struct request *r, struct store_answer *job);
/* Before store_answer_start, when the request is refused after all. */
void store_answer_free(struct store_answer *job);
/* 503 in the same words for other jobs too, when `err` is the store's own; false: it is something else's. */
bool store_answer_refused(struct request *r, int err);
/* A text of the request for the job; absent stays absent. */
struct span store_answer_copy(struct store_answer *job, struct span text);
