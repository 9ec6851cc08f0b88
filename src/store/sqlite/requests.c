// SPDX-License-Identifier: Apache-2.0
/*
 * Recorded requests, read: pages of them, and one with its ladder.
 *
 * A page walks an index from new to old: that of the rarest thing asked for, or the table itself; the rest is compared row by row.
 * Why not all of it in SQL: a question that few rows answer would be searched through the whole table, for seconds. Here a page
 * ends after ROWS_LOOKED_AT rows whatever it found, and says where to go on.
 *
 * Promises: bounded time for a page; pages in a row show each request once, also while others are recorded. A name that was
 * never recorded answers at once. Leaves to others: writing (write.c).
 */
#include "store/requests.h"

#include "base/check.h"
#include "store/sqlite/db.h"

#include <stdio.h>

#define ROWS_LOOKED_AT 2000
#define ID_TIME_BITS   20

#define NAME_OF(column) "(SELECT text FROM name WHERE name.id=request." column ")"
#define REQUEST_COLUMNS                                                                            \
    "id, key, " NAME_OF("client") ", " NAME_OF("endpoint") ", model, " NAME_OF(                    \
        "served") ", " NAME_OF("provider") ", " NAME_OF("account") ", " NAME_OF("error") ", "      \
                                                                                         "status," \
                                                                                         " stream" \
                                                                                         ", at, "  \
                                                                                         "queued_" \
                                                                                         "ms, "    \
                                                                                         "first_"  \
                                                                                         "token_"  \
                                                                                         "ms, "    \
                                                                                         "duratio" \
                                                                                         "n_ms, "  \
                                                                                         "input_"  \
                                                                                         "tokens," \
                                                                                         " "       \
                                                                                         "output_" \
                                                                                         "tokens," \
                                                                                         " attemp" \
                                                                                         "ts"

static void read_request(const struct statement *row, struct store_request *ret_request) {
    *ret_request = (struct store_request){
        .id = column_span(row, 1),
        .client = column_span(row, 2),
        .endpoint = column_span(row, 3),
        .model = column_span(row, 4),
        .served = column_span(row, 5),
        .provider = column_span(row, 6),
        .account = column_span(row, 7),
        .error = column_span(row, 8),
        .status = (uint32_t)column_int(row, 9),
        .stream = column_int(row, 10) != 0,
        .at_ms = column_int(row, 11),
        .queued_ms = column_int(row, 12),
        .has_first_token = sqlite3_column_type(row->raw, 13) != SQLITE_NULL,
        .first_token_ms = column_int(row, 13),
        .duration_ms = column_int(row, 14),
        .input_tokens = column_int(row, 15),
        .output_tokens = column_int(row, 16),
        .attempts = (uint32_t)column_int(row, 17),
    };
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

/* Which way a page walks. */
enum walk { WALK_FAILED, WALK_CLIENT, WALK_PROVIDER, WALK_TABLE, WALK_COUNT };
static const char *const walk_from[WALK_COUNT] = {
    [WALK_FAILED] = "INDEXED BY request_failed WHERE error IS NOT NULL",
    [WALK_CLIENT] = "INDEXED BY request_client WHERE client=?4",
    [WALK_PROVIDER] = "INDEXED BY request_provider WHERE provider=?4",
    [WALK_TABLE] = "NOT INDEXED WHERE true",
};

struct page_walk {
    enum walk walk;
    uint64_t client, provider, model; /* ids of the names asked for; 0 = unknown */
    uint64_t name;                    /* of the client or provider that is walked */
    bool forward;                     /* old to new */
    bool nothing;                     /* a name that no row has */
    uint64_t from, to;                /* from < id < to */
};

static int known_name(struct store_db *db, struct span name, uint64_t *ret_id) {
    struct statement find = db_statement(db, "SELECT id FROM name WHERE text=?");
    bind_text(&find, name);
    int err = statement_step(&find);
    *ret_id = err > 0 ? column_int(&find, 0) : 0;
    statement_done(&find);
    return err < 0 ? err : 0;
}

/* The highest id of that key: keys are random, but a client may have been given the same twice. */
static int id_of_key(struct store_db *db, struct span key, uint64_t *ret_id) {
    struct statement find = db_statement(db, "SELECT max(id) FROM request WHERE key=?");
    bind_text(&find, key);
    int err = statement_step(&find);
    *ret_id = err > 0 ? column_int(&find, 0) : 0;
    statement_done(&find);
    if (err < 0)
        return err;
    return *ret_id == 0 ? ERR_NOT_FOUND : 0;
}

static void choose_walk(const struct store_requests_query *query, struct page_walk *walk) {
    walk->walk = query->failed                   ? WALK_FAILED
                 : !span_absent(query->client)   ? WALK_CLIENT
                 : !span_absent(query->provider) ? WALK_PROVIDER
                                                 : WALK_TABLE;
    walk->name = walk->walk == WALK_CLIENT ? walk->client : walk->provider;
}

static int choose_range(struct store_db *db, const struct store_requests_query *query,
                        struct page_walk *walk) {
    walk->from = 0;
    walk->to = INT64_MAX;
    if (!span_absent(query->after)) {
        walk->forward = true;
        int err = id_of_key(db, query->after, &walk->from);
        if (err < 0)
            return err;
    }
    /* An id is never below the time its request ended. */
    if (query->since_ms > 0 && query->since_ms < (uint64_t)INT64_MAX >> ID_TIME_BITS) {
        uint64_t since = (query->since_ms << ID_TIME_BITS) - 1;
        walk->from = since > walk->from ? since : walk->from;
    }
    if (query->cursor > 0 && walk->forward)
        walk->from = query->cursor > walk->from ? query->cursor : walk->from;
    else if (query->cursor > 0)
        walk->to = query->cursor;
    if (query->until_ms > 0 && query->until_ms < (uint64_t)INT64_MAX >> ID_TIME_BITS) {
        uint64_t until = query->until_ms << ID_TIME_BITS;
        walk->to = until < walk->to ? until : walk->to;
    }
    return 0;
}

/* Rows of the walk, at most ROWS_LOOKED_AT of them, that answer the rest of the question: only for these are names looked up. The rows come in
 * the order of the inner question, so that a page that is full ends it. */
#define WALK_ROWS "FROM request %s AND id>?1 AND id<?2 ORDER BY id %s"
#define FITS                                                             \
    "(?5 IS NULL OR client=?5) AND (?6 IS NULL OR provider=?6) AND "     \
    "(?7 IS NULL OR model=?7 OR served=?8) AND (?9=0 OR status=?9) AND " \
    "(NOT ?10 OR error IS NOT NULL) AND at+duration_ms>=?11 AND at+duration_ms<?12"

static struct statement walk_rows(struct store_db *db, const struct page_walk *walk,
                                  const char *form) {
    char sql[2400];
    int length =
        snprintf(sql, sizeof sql, form, walk_from[walk->walk], walk->forward ? "ASC" : "DESC");
    check(length > 0 && (size_t)length < sizeof sql);
    struct statement rows = db_statement(db, sql);
    bind_int(&rows, walk->from);
    bind_int(&rows, walk->to);
    bind_int(&rows, ROWS_LOOKED_AT);
    bind_int(&rows, walk->name);
    return rows;
}

static void bind_id_if(struct statement *statement, struct span name, uint64_t id) {
    if (span_absent(name))
        bind_null(statement);
    else
        bind_int(statement, id);
}

static struct statement fitting_rows(struct store_db *db, const struct store_requests_query *query,
                                     const struct page_walk *walk) {
    struct statement rows = walk_rows(db, walk,
                                      "SELECT " REQUEST_COLUMNS " FROM (SELECT * " WALK_ROWS
                                      " LIMIT ?3) AS request WHERE " FITS " AND ?4 IS NOT NULL");
    bind_id_if(&rows, query->client, walk->client);
    bind_id_if(&rows, query->provider, walk->provider);
    bind_text_or_null(&rows, query->model);
    bind_int(&rows, walk->model);
    bind_int(&rows, query->status);
    bind_int(&rows, query->failed);
    bind_int(&rows, query->since_ms);
    bind_int(&rows, query->until_ms > 0 ? query->until_ms : INT64_MAX);
    return rows;
}

/* Where the rows that are looked at end, if there are more behind them. */
static int find_end(struct store_db *db, const struct page_walk *walk,
                    struct store_page *ret_page) {
    struct statement rows = walk_rows(db, walk, "SELECT id, ?4 " WALK_ROWS " LIMIT 2 OFFSET ?3-1");
    int err = statement_step(&rows);
    uint64_t last = err > 0 ? column_int(&rows, 0) : 0;
    if (err > 0)
        err = statement_step(&rows);
    if (err > 0)
        *ret_page = (struct store_page){.has_more = true, .cursor = last, .rows = ret_page->rows};
    statement_done(&rows);
    return err < 0 ? err : 0;
}

static int find_names(struct store_db *db, const struct store_requests_query *query,
                      struct page_walk *walk) {
    const struct span names[] = {query->client, query->provider, query->model};
    uint64_t *const ids[] = {&walk->client, &walk->provider, &walk->model};
    for (size_t i = 0; i < array_length(names); i++) {
        if (span_absent(names[i]))
            continue;
        int err = known_name(db, names[i], ids[i]);
        if (err < 0)
            return err;
    }
    /* A model may have been asked for and never served. */
    walk->nothing = (!span_absent(query->client) && walk->client == 0) ||
                    (!span_absent(query->provider) && walk->provider == 0);
    return 0;
}

int store_requests_list(struct store_db *db, const struct store_requests_query *query,
                        store_request_cb each, void *context, struct store_page *ret_page) {
    struct page_walk walk = {.nothing = false};
    uint32_t limit = query->limit < 1 ? 1 : query->limit;
    *ret_page = (struct store_page){.has_more = false};
    int err = find_names(db, query, &walk);
    if (err == 0)
        err = choose_range(db, query, &walk);
    if (err < 0 || walk.nothing)
        return err;
    choose_walk(query, &walk);
    struct statement rows = fitting_rows(db, query, &walk);
    for (err = statement_step(&rows); err > 0; err = statement_step(&rows)) {
        struct store_request request;
        if (ret_page->rows == limit) {
            ret_page->has_more = true;
            break;
        }
        ret_page->cursor = column_int(&rows, 0);
        ret_page->rows++;
        read_request(&rows, &request);
        each(context, &request);
    }
    statement_done(&rows);
    if (err < 0 || ret_page->has_more)
        return err < 0 ? err : 0;
    return find_end(db, &walk, ret_page);
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

#define NAME_IN_ATTEMPT(column) "(SELECT text FROM name WHERE name.id=attempt." column ")"

/* Names of attempts are kept here, since a row's texts go with the next step. */
struct ladder_reader {
    struct store_attempt attempts[STORE_ATTEMPTS_MAX];
    char texts[STORE_ATTEMPTS_MAX][6][STORE_NAME_MAX_BYTES];
    uint32_t count;
};

static struct span keep_text(struct ladder_reader *reader, int which, struct span text) {
    if (span_absent(text) || text.len > STORE_NAME_MAX_BYTES)
        return SPAN_NONE;
    char *place = reader->texts[reader->count][which];
    memcpy(place, text.ptr, text.len);
    return span_of(place, text.len);
}

static void read_attempt(const struct statement *row, struct ladder_reader *reader) {
    reader->attempts[reader->count] = (struct store_attempt){
        .provider = keep_text(reader, 0, column_span(row, 0)),
        .account = keep_text(reader, 1, column_span(row, 1)),
        .model = keep_text(reader, 2, column_span(row, 2)),
        .upstream = keep_text(reader, 3, column_span(row, 3)),
        .outcome = keep_text(reader, 4, column_span(row, 4)),
        .status = (uint32_t)column_int(row, 6),
        .at_ms = column_int(row, 7),
        .waited_ms = column_int(row, 8),
        .duration_ms = column_int(row, 9),
        .input_tokens = column_int(row, 10),
        .output_tokens = column_int(row, 11),
        .charge = {.input_tokens = column_int(row, 12),
                   .output_tokens = column_int(row, 13),
                   .input_up_front = column_int(row, 14),
                   .output_up_front = column_int(row, 15),
                   .inputs = column_int(row, 16),
                   .audio_seconds = column_int(row, 17),
                   .cost = column_int(row, 18),
                   .cost_unit = keep_text(reader, 5, column_span(row, 5))},
    };
    reader->count++;
}

static int read_ladder(struct store_db *db, uint64_t id, struct ladder_reader *reader) {
    struct statement rows = db_statement(
        db,
        "SELECT " NAME_IN_ATTEMPT("provider") ", " NAME_IN_ATTEMPT("account") ", " NAME_IN_ATTEMPT("model") ", " NAME_IN_ATTEMPT(
            "upstream") ", " NAME_IN_ATTEMPT("outcome") ", " NAME_IN_ATTEMPT("cost_unit") ", "
                                                                                          "status, "
                                                                                          "at, "
                                                                                          "waited_"
                                                                                          "ms, "
                                                                                          "duration"
                                                                                          "_ms, "
                                                                                          "input_"
                                                                                          "tokens, "
                                                                                          "output_"
                                                                                          "tokens, "
                                                                                          "charged_"
                                                                                          "input, "
                                                                                          "charged_"
                                                                                          "output, "
                                                                                          "up_"
                                                                                          "front_"
                                                                                          "input, "
                                                                                          "up_"
                                                                                          "front_"
                                                                                          "output, "
                                                                                          "inputs, "
                                                                                          "audio_"
                                                                                          "seconds,"
                                                                                          " cost "
                                                                                          "FROM "
                                                                                          "attempt "
                                                                                          "WHERE "
                                                                                          "request="
                                                                                          "? ORDER "
                                                                                          "BY "
                                                                                          "number "
                                                                                          "LIMIT "
                                                                                          "64");
    _Static_assert(STORE_ATTEMPTS_MAX == 64, "the limit above");
    bind_int(&rows, id);
    int err;
    for (err = statement_step(&rows); err > 0; err = statement_step(&rows))
        read_attempt(&rows, reader);
    statement_done(&rows);
    return err;
}

int store_request_get(struct store_db *db, struct span id, store_request_cb each, void *context) {
    struct store_request request;
    UNINITIALIZED struct ladder_reader reader;
    uint64_t number;
    reader.count = 0;
    int err = id_of_key(db, id, &number);
    if (err == 0)
        err = read_ladder(db, number, &reader);
    if (err < 0)
        return err;
    struct statement row = db_statement(db, "SELECT " REQUEST_COLUMNS " FROM request WHERE id=?");
    bind_int(&row, number);
    err = statement_step(&row);
    if (err > 0) {
        read_request(&row, &request);
        request.ladder = reader.attempts;
        request.ladder_count = reader.count;
        each(context, &request);
    }
    statement_done(&row);
    if (err < 0)
        return err;
    return err == 0 ? ERR_NOT_FOUND : 0;
}
