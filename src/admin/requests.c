// SPDX-License-Identifier: Apache-2.0
/*
 * GET /admin/v1/requests, and one of them with its ladder: what was asked of this gateway, and what came of it.
 *
 * Promises: names, numbers and times; never what was asked or answered. Leaves to others: keeping rows (store/).
 */
#include "admin/requests.h"
#include "admin/admin.h"
#include "admin/cursor.h"
#include "gateway/ladder.h"
#include "gateway/store_answer.h"
#include "store/requests.h"

#include "base/check.h"

#define LIMIT_DEFAULT 100

/* --- writing --- */

static void put_attempt(struct json_writer *writer, const struct store_attempt *attempt) {
    json_open_object(writer, NULL);
    json_put_text(writer, "provider", attempt->provider);
    json_put_text(writer, "account", attempt->account);
    json_put_text(writer, "model", attempt->model);
    json_put_text(writer, "upstream_model", attempt->upstream);
    json_put_text(writer, "outcome", attempt->outcome);
    json_put_u64(writer, "status", attempt->status);
    json_put_time(writer, "at", (int64_t)attempt->at_ms);
    json_put_u64(writer, "waited_ms", attempt->waited_ms);
    json_put_u64(writer, "duration_ms", attempt->duration_ms);
    json_put_u64(writer, "input_tokens", attempt->input_tokens);
    json_put_u64(writer, "output_tokens", attempt->output_tokens);
    json_close_object(writer);
}

/* The store keeps no difference between absent and empty. */
static void put_members(struct json_writer *writer, const struct store_request *request) {
    json_put_text(writer, "id", request->id);
    json_put_time(writer, "at", (int64_t)request->at_ms);
    admin_put_name(writer, "client", request->client);
    json_put_text(writer, "endpoint", request->endpoint);
    admin_put_name(writer, "model", request->model);
    admin_put_name(writer, "served", request->served);
    admin_put_name(writer, "provider", request->provider);
    json_put_u64(writer, "status", request->status);
    admin_put_name(writer, "error", request->error);
    json_put_u64(writer, "attempts", request->attempts);
    json_put_u64(writer, "input_tokens", request->input_tokens);
    json_put_u64(writer, "output_tokens", request->output_tokens);
    json_put_u64(writer, "queued_ms", request->queued_ms);
    if (request->has_first_token)
        json_put_u64(writer, "first_token_ms", request->first_token_ms);
    else
        json_put_null(writer, "first_token_ms");
    json_put_u64(writer, "duration_ms", request->duration_ms);
    json_put_flag(writer, "stream", request->stream);
}

static void put_listed(void *context, const struct store_request *request) {
    struct json_writer *writer = context;
    json_open_object(writer, NULL);
    put_members(writer, request);
    json_close_object(writer);
}

void admin_put_request(void *context, const struct store_request *request) {
    struct json_writer *writer = context;
    json_open_object(writer, NULL);
    put_members(writer, request);
    json_open_list(writer, "ladder");
    for (uint32_t i = 0; i < request->ladder_count; i++)
        put_attempt(writer, &request->ladder[i]);
    json_close_list(writer);
    json_close_object(writer);
}

/* --- the list --- */

static int run_list(struct store_db *db, struct store_answer *job) {
    const struct store_requests_query *query = job->query;
    struct store_page page;
    char cursor[CURSOR_BYTES];
    admin_open_page(&job->writer);
    int err = store_requests_list(db, query, put_listed, &job->writer, &page);
    if (err < 0)
        return err;
    cursor_write('r', page.cursor, 0, cursor);
    bool more = page.has_more && span_absent(query->after);
    admin_close_page(&job->writer, page.has_more, more ? span_text(cursor) : SPAN_NONE);
    return 0;
}

static int answer_requests(struct request *r) {
    struct store_requests_query query = {.failed = take_flag(r, "failed"), .limit = LIMIT_DEFAULT};
    uint64_t number, second;
    int64_t wall_ms;
    if (!cursor_read(r, 'r', take_text(r, "cursor"), &query.cursor, &second))
        return 0;
    if (take_whole(r, "limit", &number))
        query.limit = (uint32_t)number;
    if (take_whole(r, "status", &number))
        query.status = (uint32_t)number;
    if (take_time(r, "since", &wall_ms))
        query.since_ms = (uint64_t)wall_ms;
    if (take_time(r, "until", &wall_ms))
        query.until_ms = (uint64_t)wall_ms;
    struct store_answer *job = store_answer_new(STORE_READ, run_list);
    query.client = store_answer_copy(job, take_text(r, "client"));
    query.provider = store_answer_copy(job, take_text(r, "provider"));
    query.model = store_answer_copy(job, take_text(r, "model"));
    query.after = store_answer_copy(job, take_text(r, "after"));
    if (query.cursor != 0 && !span_absent(query.after)) {
        store_answer_free(job);
        (void)request_fail(r, API_BAD_REQUEST, "cursor",
                           "The query has both cursor and after: one goes back, the other forward. "
                           "Give one of them.");
        return 0;
    }
    job->missing = "The request named by after is not kept (any more). Leave it out to begin anew.";
    job->query = arena_alloc(&job->arena, sizeof query);
    *(struct store_requests_query *)job->query = query;
    return store_answer_start(r, job);
}

/* --- one of them --- */

static int run_one(struct store_db *db, struct store_answer *job) {
    const struct span *id = job->query;
    return store_request_get(db, *id, admin_put_request, &job->writer);
}

/* What has just ended is in memory before it is in the store, and only there when there is none. */
static int from_memory(struct request *r, struct store_answer *job) {
    const struct span *id = job->query;
    dynbuf_clear(&job->body);
    json_writer_init(&job->writer, &job->body);
    if (ladder_find(r->home->gateway, *id, admin_put_request, &job->writer) < 0)
        return 1;
    return store_answer_give(r, job, 0);
}

static int answer_request(struct request *r) {
    struct store_answer *job = store_answer_new(STORE_READ, run_one);
    job->refuse = from_memory;
    struct span *id = arena_alloc(&job->arena, sizeof *id);
    *id = store_answer_copy(job, endpoint_percent_decode(r->path_rest, &r->arena));
    job->query = id;
    job->missing = arena_format(&job->arena,
                                "No request '%.*s' is remembered. The id stands in x-request-id of "
                                "its answer; rows are kept as long as store.keep.requests says.",
                                (int)(id->len < 64 ? id->len : 64), id->ptr);
    return store_answer_start(r, job);
}

/* --- described --- */

#define REQUEST_MEMBERS                                                                        \
    M_TEXT("id", 0, "x-request-id of the answer"), M_TIME("at", 0, "when it came"),            \
        M_TEXT("client", SCHEMA_NULLABLE, "id of the client; null: open mode, or the owner"),  \
        M_TEXT("endpoint", 0, "that was asked"),                                               \
        M_TEXT("model", SCHEMA_NULLABLE, "that was asked for; null: none was read"),           \
        M_TEXT("served", SCHEMA_NULLABLE, "the model that answered"),                          \
        M_TEXT("provider", SCHEMA_NULLABLE, "that answered, else the last one asked"),         \
        M_WHOLE("status", 0, "told to the client; 499: it left"),                              \
        M_TEXT("error", SCHEMA_NULLABLE, "code of the error"), M_WHOLE("attempts", 0, "made"), \
        M_WHOLE("input_tokens", 0, "as reported or estimated"),                                \
        M_WHOLE("output_tokens", 0, "as reported or estimated"),                               \
        M_WHOLE("queued_ms", 0, "waiting for room"),                                           \
        M_WHOLE("first_token_ms", SCHEMA_NULLABLE, "from its arrival to the first token"),     \
        M_WHOLE("duration_ms", 0, "from its arrival to its end"),                              \
        M_FLAG("stream", 0, "it was asked for as a stream")

static const struct schema_member attempt_members[] = {
    M_TEXT("provider", 0, "that was asked"),
    M_TEXT("account", 0, "with whose quota"),
    M_TEXT("model", 0, "unified id"),
    M_TEXT("upstream_model", 0, "the provider's name for it"),
    M_TEXT("outcome", 0, "how it ended"),
    M_WHOLE("status", 0, "of the provider's answer; 0: none"),
    M_TIME("at", SCHEMA_NULLABLE, "when it was sent"),
    M_WHOLE("waited_ms", 0, "for room, before it"),
    M_WHOLE("duration_ms", 0, "from sending to its end"),
    M_WHOLE("input_tokens", 0, "as reported or estimated"),
    M_WHOLE("output_tokens", 0, "as reported or estimated"),
    M_END,
};
static const struct schema attempt_schema = {"Attempt", "One rung of a request's ladder",
                                             attempt_members, false};
static const struct schema_member request_members[] = {REQUEST_MEMBERS, M_END};
static const struct schema request_schema = {"Request", "A request, in numbers", request_members,
                                             false};
static const struct schema_member ladder_members[] = {
    REQUEST_MEMBERS,
    M_OBJECT("ladder", SCHEMA_LIST, &attempt_schema, "each attempt, the first ones of many"),
    M_END,
};
static const struct schema ladder_schema = {"RequestWithLadder", "A request and what was tried",
                                            ladder_members, false};

static const struct schema_member list_query[] = {
    QUERY_PAGE,
    M_BOUNDED("client", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 128, "id of a client"),
    M_BOUNDED("provider", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 128, "that answered or was asked last"),
    M_BOUNDED("model", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 256, "asked for or served"),
    M_BOUNDED("status", SCHEMA_WHOLE, SCHEMA_OPTIONAL, 100, 599, "told to the client"),
    M_FLAG("failed", SCHEMA_OPTIONAL, "those with an error only"),
    M_TIME("since", SCHEMA_OPTIONAL, "those that ended then or later"),
    M_TIME("until", SCHEMA_OPTIONAL, "those that ended before"),
    M_BOUNDED("after", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 64,
              "id of a request: those recorded after it, oldest first"),
    M_END,
};
static const struct endpoint_doc list_doc = {
    .operation = "listRequests", .query = list_query, .gives = &request_schema, .gives_list = true};
static const struct endpoint_doc one_doc = {
    .operation = "getRequestWithLadder", .rest = "id", .gives = &ladder_schema};

static const struct endpoint rows[] = {
    {"/admin/v1/requests", METHODS_READ, ACCESS_ADMIN, NULL, answer_requests,
     "what was asked of this gateway, newest first", &list_doc},
    {"/admin/v1/requests/*", METHODS_READ, ACCESS_ADMIN, NULL, answer_request,
     "one request with the ladder it climbed", &one_doc},
};
const struct endpoint_part admin_requests_part = {rows, array_length(rows)};
