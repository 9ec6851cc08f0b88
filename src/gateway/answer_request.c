// SPDX-License-Identifier: Apache-2.0
/*
 * /v1/papi/requests/{id}: what happened to a request.
 *
 * The last ones are in memory, those before them in the store. Accounts are named to the owner alone. A client with a key is told of
 * its own requests only. Promises: nothing is sent to any provider for them. Leaves to others: who may ask at all (authenticate.c).
 */
#include "gateway/authenticate.h"
#include "gateway/ladder.h"
#include "gateway/store_answer.h"

#include "base/check.h"

struct asked {
    struct json_writer *writer;
    struct span id, client; /* client absent = everybody's */
    bool accounts;          /* named */
    bool hidden;            /* there is one of that id, of another client */
};

static void put_rung(const struct asked *asked, const struct store_attempt *rung) {
    struct json_writer *writer = asked->writer;
    json_open_object(writer, NULL);
    json_put_text(writer, "provider", rung->provider);
    if (asked->accounts)
        json_put_text(writer, "account", rung->account);
    json_put_text(writer, "model", rung->model);
    json_put_text(writer, "upstream_model", rung->upstream);
    json_put_text(writer, "outcome", rung->outcome);
    json_put_u64(writer, "status", rung->status);
    json_put_u64(writer, "waited_ms", rung->waited_ms);
    json_put_u64(writer, "took_ms", rung->duration_ms);
    json_close_object(writer);
}

static void put_request(void *context, const struct store_request *request) {
    struct asked *asked = context;
    struct json_writer *writer = asked->writer;
    if (!span_absent(asked->client) && !span_equal(asked->client, request->client)) {
        asked->hidden = true;
        return;
    }
    json_open_object(writer, NULL);
    json_put_word(writer, "object", "papi.request");
    json_put_text(writer, "id", request->id);
    json_put_text(writer, "model", request->model.len > 0 ? request->model : SPAN_NONE);
    json_put_flag(writer, "stream", request->stream);
    json_put_u64(writer, "accepted_ms", request->at_ms);
    json_put_u64(writer, "status", request->status);
    json_put_text(writer, "error", request->error.len > 0 ? request->error : SPAN_NONE);
    json_put_u64(writer, "total_ms", request->duration_ms);
    json_put_u64(writer, "queued_ms", request->queued_ms);
    json_put_u64(writer, "input_tokens", request->input_tokens);
    json_put_u64(writer, "output_tokens", request->output_tokens);
    json_put_u64(writer, "attempts", request->attempts);
    json_open_list(writer, "ladder");
    for (uint32_t i = 0; i < request->ladder_count; i++)
        put_rung(asked, &request->ladder[i]);
    json_close_list(writer);
    json_close_object(writer);
}

/* Of another client's request nobody is told even that there is one. */
static int told(const struct asked *asked, int err) {
    return err == 0 && asked->hidden ? ERR_NOT_FOUND : err;
}

static int run(struct store_db *db, struct store_answer *job) {
    struct asked *asked = job->query;
    asked->writer = &job->writer;
    return told(asked, store_request_get(db, asked->id, put_request, asked));
}

/* Where there is no store, or it is away, what is not in memory is not known. */
static int refuse_unknown(struct request *r, struct store_answer *job) {
    const struct asked *asked = job->query;
    int length = (int)(asked->id.len < 64 ? asked->id.len : 64);
    (void)request_fail(r, API_NOT_FOUND, NULL,
                       "No request '%.*s' is remembered. The id stands in x-request-id of its "
                       "answer.",
                       length, asked->id.ptr);
    return 0;
}

int answer_papi_request(struct request *r) {
    struct store_answer *job = store_answer_new(STORE_READ, run);
    struct asked *asked = arena_zalloc(&job->arena, sizeof *asked);
    asked->writer = &job->writer;
    asked->id = store_answer_copy(job, endpoint_percent_decode(r->path_rest, &r->arena));
    asked->accounts = authenticate_is_owner(r);
    asked->client = asked->accounts     ? SPAN_NONE
                    : r->client != NULL ? store_answer_copy(job, span_text(r->client->id))
                                        : SPAN_LITERAL("nobody");
    job->query = asked;
    job->refuse = refuse_unknown;
    int err = ladder_find(r->home->gateway, asked->id, put_request, asked);
    if (err == ERR_NOT_FOUND)
        return store_answer_start(r, job);
    err = asked->hidden ? refuse_unknown(r, job) : store_answer_give(r, job, err);
    store_answer_free(job);
    return err;
}
