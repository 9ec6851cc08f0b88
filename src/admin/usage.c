// SPDX-License-Identifier: Apache-2.0
/*
 * GET /admin/v1/usage: totals of minutes, hours and days.
 *
 * Promises: what the store added up, unchanged; a total is never lost, also where rows of single requests were dropped. Leaves to
 * others: adding up (store/).
 */
#include "admin/admin.h"
#include "admin/cursor.h"
#include "gateway/store_answer.h"
#include "store/requests.h"

#include "base/check.h"

#define LIMIT_DEFAULT 100

static void put_row(void *context, const struct store_usage *row) {
    struct json_writer *writer = context;
    json_open_object(writer, NULL);
    json_put_time(writer, "at", (int64_t)row->at_ms);
    admin_put_name(writer, "client", row->client);
    admin_put_name(writer, "provider", row->provider);
    admin_put_name(writer, "account", row->account);
    admin_put_name(writer, "model", row->model);
    admin_put_name(writer, "upstream_model", row->upstream);
    json_put_text(writer, "outcome", row->outcome);
    json_put_u64(writer, "requests", row->requests);
    json_put_u64(writer, "attempts", row->attempts);
    json_put_u64(writer, "input_tokens", row->input_tokens);
    json_put_u64(writer, "output_tokens", row->output_tokens);
    json_put_u64(writer, "waited_ms", row->waited_ms);
    json_put_u64(writer, "duration_ms", row->duration_ms);
    json_close_object(writer);
}

static int run_usage(struct store_db *db, struct store_answer *job) {
    struct store_page page;
    char cursor[CURSOR_BYTES];
    admin_open_page(&job->writer);
    int err = store_usage_list(db, job->query, put_row, &job->writer, &page);
    if (err < 0)
        return err;
    cursor_write('u', page.cursor, page.series, cursor);
    admin_close_page(&job->writer, page.has_more, page.has_more ? span_text(cursor) : SPAN_NONE);
    return 0;
}

static enum store_period period_of(struct span word) {
    if (span_absent(word))
        return STORE_DAY;
    return span_is(word, "minute") ? STORE_MINUTE : span_is(word, "hour") ? STORE_HOUR : STORE_DAY;
}

static int answer_usage(struct request *r) {
    struct store_usage_query query = {.by = period_of(take_text(r, "by")), .limit = LIMIT_DEFAULT};
    uint64_t number;
    int64_t wall_ms;
    if (!cursor_read(r, 'u', take_text(r, "cursor"), &query.cursor, &query.series))
        return 0;
    if (take_whole(r, "limit", &number))
        query.limit = (uint32_t)number;
    if (take_time(r, "since", &wall_ms))
        query.since_ms = (uint64_t)wall_ms;
    if (take_time(r, "until", &wall_ms))
        query.until_ms = (uint64_t)wall_ms;
    struct store_answer *job = store_answer_new(STORE_READ, run_usage);
    query.client = store_answer_copy(job, take_text(r, "client"));
    query.provider = store_answer_copy(job, take_text(r, "provider"));
    query.model = store_answer_copy(job, take_text(r, "model"));
    job->query = arena_alloc(&job->arena, sizeof query);
    *(struct store_usage_query *)job->query = query;
    return store_answer_start(r, job);
}

static const struct schema_member usage_members[] = {
    M_TIME("at", 0, "begin of the minute, hour or day, UTC"),
    M_TEXT("client", SCHEMA_NULLABLE, "id of the client"),
    M_TEXT("provider", SCHEMA_NULLABLE, "null: nobody was asked"),
    M_TEXT("account", SCHEMA_NULLABLE, "with whose quota"),
    M_TEXT("model", SCHEMA_NULLABLE, "unified id"),
    M_TEXT("upstream_model", SCHEMA_NULLABLE, "the provider's name for it"),
    M_TEXT("outcome", 0, "of attempts; of requests that nobody was asked for, their error"),
    M_WHOLE("requests", 0, "that ended so"),
    M_WHOLE("attempts", 0, "that ended so"),
    M_WHOLE("input_tokens", 0, "as reported or estimated"),
    M_WHOLE("output_tokens", 0, "as reported or estimated"),
    M_WHOLE("waited_ms", 0, "for room, in all"),
    M_WHOLE("duration_ms", 0, "in all"),
    M_END,
};
static const struct schema usage_schema = {"Usage", "A total", usage_members, false};
static const struct schema_member usage_query[] = {
    QUERY_PAGE,
    M_WORD("by", SCHEMA_OPTIONAL, "minute|hour|day", "how long each total is; day when missing"),
    M_BOUNDED("client", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 128, "id of a client"),
    M_BOUNDED("provider", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 128, "name of a provider"),
    M_BOUNDED("model", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 256, "unified id"),
    M_TIME("since", SCHEMA_OPTIONAL, "those that begin then or later"),
    M_TIME("until", SCHEMA_OPTIONAL, "those that begin before"),
    M_END,
};
static const struct endpoint_doc usage_doc = {
    .operation = "listUsage", .query = usage_query, .gives = &usage_schema, .gives_list = true};

static const struct endpoint rows[] = {
    {"/admin/v1/usage", METHODS_READ, ACCESS_ADMIN, NULL, answer_usage,
     "totals of minutes, hours or days, newest first", &usage_doc},
};
const struct endpoint_part admin_usage_part = {rows, array_length(rows)};
