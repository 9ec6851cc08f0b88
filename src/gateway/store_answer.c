// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that need the store.
 *
 * Why the answer is written on the store's thread: rows are valid during a call there, so writing them out at once is one copy, and a
 * thousand rows are no work for a loop that serves tokens. The loop only hands the finished bytes over.
 * Promises: a client that leaves, a store that is slow, and the end of the process find each other in every order without loss: the
 * job belongs to exactly one side at each moment. Leaves to others: what is read (admin/requests.c, answer_request.c, ...).
 */
#include "gateway/store_answer.h"

#include "base/check.h"
#include "base/mem.h"

struct store_answer *store_answer_new(enum store_side side,
                                      int (*run)(struct store_db *db, struct store_answer *job)) {
    struct store_answer *job = mem_zalloc(sizeof *job);
    job->side = side;
    job->run = run;
    job->status = 200;
    arena_init(&job->arena, NULL, 0, STORE_ANSWER_ARENA_MAX_BYTES);
    dynbuf_init(&job->body, STORE_ANSWER_MAX_BYTES);
    json_writer_init(&job->writer, &job->body);
    return job;
}

void store_answer_free(struct store_answer *job) {
    dynbuf_done(&job->body);
    arena_reset(&job->arena);
    mem_free(job);
}

struct span store_answer_copy(struct store_answer *job, struct span text) {
    struct span copy = SPAN_NONE;
    if (!span_absent(text))
        check(arena_copy(&job->arena, text, &copy) == 0); /* the request's own cap is smaller */
    return copy;
}

/* --- on the store's thread --- */

static int run(struct store_db *db, struct store_job *store_job) {
    struct store_answer *job = container_of(store_job, struct store_answer, store_job);
    int err = job->run(db, job);
    return err < 0 ? err : job->writer.err;
}

static void done(struct store_job *store_job, int err) {
    struct store_answer *job = container_of(store_job, struct store_answer, store_job);
    job->err = err;
    later_done(&job->later);
}

/* --- on the loop --- */

static void unavailable(struct request *r) {
    struct store_state state;
    store_state(r->home->gateway->store, &state);
    if (state.condition == STORE_IS_OFF)
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "Nothing is kept here: the setting store.url is off. Set it to sqlite: "
                           "and start again.");
    else
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "The store cannot be asked now: %s. Requests are served all the same.",
                           state.reason[0] != '\0' ? state.reason : "it is starting or ending");
}

bool store_answer_refused(struct request *r, int err) {
    switch (err) {
    case ERR_BUSY:
        (void)request_fail(r, API_UNAVAILABLE, NULL,
                           "Too much is being asked of the store at once. Ask again in a moment.");
        r->error.retry_after_ms = 1000;
        return true;
    case ERR_STORE:
    case ERR_UNSUPPORTED:
    case ERR_CANCELLED:
        unavailable(r);
        return true;
    default:
        return false;
    }
}

static int refuse(struct request *r, struct store_answer *job) {
    int answer = job->refuse != NULL ? job->refuse(r, job) : 1;
    if (answer <= 0)
        return answer;
    if (job->err == ERR_NOT_FOUND) {
        (void)request_fail(r, API_NOT_FOUND, NULL, "%s",
                           job->missing != NULL ? job->missing : "There is no such thing.");
        return 0;
    }
    return store_answer_refused(r, job->err) ? 0 : job->err;
}

int store_answer_give(struct request *r, struct store_answer *job, int err) {
    if (err == 0)
        err = job->writer.err;
    if (err == 0)
        err = dynbuf_append_char(&job->body, '\n');
    return err < 0 ? err
                   : respond_whole(r, job->status, "application/json", dynbuf_span(&job->body));
}

static int finish(struct request *r, struct later *later) {
    struct store_answer *job = container_of(later, struct store_answer, later);
    return job->err < 0 ? refuse(r, job) : store_answer_give(r, job, 0);
}

static void release(struct later *later) {
    store_answer_free(container_of(later, struct store_answer, later));
}

int store_answer_start(struct request *r, struct store_answer *job) {
    job->store_job = (struct store_job){.run = run, .done = done};
    later_begin(&job->later, r, finish, release);
    int err = store_submit(r->home->gateway->store, job->side, &job->store_job);
    if (err < 0) { /* as if it came back at once */
        job->err = err;
        later_done(&job->later);
    }
    return ANSWER_LATER;
}
