// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that need the store.
 *
 * Why the answer is written on the store's thread: rows are valid during a call there, so writing them out at once is one copy, and a
 * thousand rows are no work for a loop that serves tokens. The loop only hands the finished bytes over.
 * Promises: a client that leaves, a store that is slow, and the end of the process find each other in every order without loss: the
 * job belongs to exactly one side at each moment. Leaves to others: what is read (requests.c, usage.c, ...).
 */
#include "admin/job.h"

#include "base/check.h"
#include "base/mem.h"

struct admin_job *admin_job_new(enum store_side side,
                                int (*run)(struct store_db *db, struct admin_job *job)) {
    struct admin_job *job = mem_zalloc(sizeof *job);
    job->side = side;
    job->run = run;
    job->status = 200;
    arena_init(&job->arena, NULL, 0, ADMIN_JOB_ARENA_MAX_BYTES);
    admin_begin(&job->writer, &job->body);
    return job;
}

void admin_job_free(struct admin_job *job) {
    dynbuf_done(&job->body);
    arena_reset(&job->arena);
    mem_free(job);
}

struct span admin_job_copy(struct admin_job *job, struct span text) {
    struct span copy = SPAN_NONE;
    if (!span_absent(text))
        check(arena_copy(&job->arena, text, &copy) == 0); /* the request's own cap is smaller */
    return copy;
}

/* --- on the store's thread --- */

static int run(struct store_db *db, struct store_job *store_job) {
    struct admin_job *job = container_of(store_job, struct admin_job, store_job);
    int err = job->run(db, job);
    return err < 0 ? err : job->writer.err;
}

static void done(struct store_job *store_job, int err) {
    struct admin_job *job = container_of(store_job, struct admin_job, store_job);
    job->err = err;
    later_done(&job->later);
}

/* --- on the loop --- */

static int unavailable(struct request *r) {
    struct store_state state;
    store_state(admin_of(r)->store, &state);
    if (state.condition == STORE_IS_OFF)
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "Nothing is kept here: the setting store.url is off. Set it to sqlite: "
                           "and start again.");
    else
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "The store cannot be asked now: %s. Requests are served all the same.",
                           state.reason[0] != '\0' ? state.reason : "it is starting or ending");
    return 0;
}

static int refuse(struct request *r, struct admin_job *job) {
    int answer = job->refuse != NULL ? job->refuse(r, job) : 1;
    if (answer <= 0)
        return answer;
    switch (job->err) {
    case ERR_NOT_FOUND:
        return admin_not_found(r, "%s",
                               job->missing != NULL ? job->missing : "There is no such thing.");
    case ERR_BUSY:
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "Too much is being asked of the store at once. Ask again in a moment.");
        r->error.retry_after_ms = 1000;
        return 0;
    case ERR_STORE:
    case ERR_UNSUPPORTED:
    case ERR_CANCELLED:
        return unavailable(r);
    default:
        return job->err;
    }
}

static int finish(struct request *r, struct later *later) {
    struct admin_job *job = container_of(later, struct admin_job, later);
    if (job->err < 0)
        return refuse(r, job);
    int err = dynbuf_append_char(&job->body, '\n');
    return err < 0 ? err
                   : respond_whole(r, job->status, "application/json", dynbuf_span(&job->body));
}

static void release(struct later *later) {
    admin_job_free(container_of(later, struct admin_job, later));
}

int admin_job_start(struct request *r, struct admin_job *job) {
    job->store_job = (struct store_job){.run = run, .done = done};
    later_begin(&job->later, r, finish, release);
    int err = store_submit(admin_of(r)->store, job->side, &job->store_job);
    if (err < 0) { /* as if it came back at once */
        job->err = err;
        later_done(&job->later);
    }
    return ANSWER_LATER;
}
