// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An answer that needs the store: made on a loop, worked on by a thread of the store, finished on the loop.
 *
 * admin_job_new, copy into the job's arena what `run` needs of the request, admin_job_start. `run` is called on the store's thread and
 * writes the answer into the job's writer. Then, on the loop, the answer is sent, or a refusal: ERR_NOT_FOUND becomes 404 with the
 * words in `missing`, a store that is off, down or busy 503 with its reason. Other errors are `refuse`'s, if there is one.
 */
#include "admin/admin.h"
#include "gateway/later.h"
#include "store/store.h"

#define ADMIN_JOB_ARENA_MAX_BYTES ((size_t)2 * 1024 * 1024)

struct admin_job {
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
    int (*run)(struct store_db *db, struct admin_job *job);
    /* Optional, on the loop. Returns what a handler returns, or 1: the usual words. */
    int (*refuse)(struct request *r, struct admin_job *job);
};

struct admin_job *admin_job_new(enum store_side side,
                                int (*run)(struct store_db *db, struct admin_job *job));
/* Returns what a handler returns. Owns the job from here on. */
int admin_job_start(struct request *r, struct admin_job *job);
/* Before admin_job_start, when the request is refused after all. */
void admin_job_free(struct admin_job *job);
/* A text of the request for the job; absent stays absent. */
struct span admin_job_copy(struct admin_job *job, struct span text);
