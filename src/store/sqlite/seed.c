// SPDX-License-Identifier: Apache-2.0
/*
 * What providers were asked before this start, from old to new: by hour, by minute, one by one.
 *
 * The three meet at whole hours and whole minutes, so that nothing is told twice or left out. Promises: one by one at most as many
 * as were asked for; when there were more, the border moves on to a later minute. Leaves to others: charging limits with it.
 */
#include "store/seed.h"

#include "store/sqlite/db.h"

#define MINUTE_MS    ((uint64_t)60000)
#define HOUR_MS      (60 * MINUTE_MS)
#define ID_TIME_BITS 20

#define NAME(column) "(SELECT text FROM name WHERE name.id=" column ")"

struct listener {
    store_seed_cb each;
    void *context;
};

static void tell(const struct statement *row, uint64_t span_ms, const struct listener *to) {
    to->each(to->context, &(struct store_seed){.at_ms = column_int(row, 0),
                                               .span_ms = span_ms,
                                               .count = column_int(row, 1),
                                               .provider = column_span(row, 2),
                                               .account = column_span(row, 3),
                                               .upstream = column_span(row, 4),
                                               .outcome = column_span(row, 5),
                                               .charge = {.cost_unit = column_span(row, 6),
                                                          .input_tokens = column_int(row, 7),
                                                          .output_tokens = column_int(row, 8),
                                                          .input_up_front = column_int(row, 9),
                                                          .output_up_front = column_int(row, 10),
                                                          .inputs = column_int(row, 11),
                                                          .audio_seconds = column_int(row, 12),
                                                          .cost = column_int(row, 13)}});
}

static int tell_rows(struct statement *rows, uint64_t span_ms, const struct listener *to) {
    int err;
    for (err = statement_step(rows); err > 0; err = statement_step(rows))
        tell(rows, span_ms, to);
    statement_done(rows);
    return err;
}

/* Clients are of no matter here: their series are summed up. */
#define SERIES_NAMES   \
    NAME("s.provider") \
    "," NAME("s.account") "," NAME("s.upstream") "," NAME("s.outcome") "," NAME("s.cost_unit")
#define SUMS_FROM(table)                                                           \
    "SELECT at, sum(attempts), " SERIES_NAMES                                      \
    ", sum(charged_input), sum(charged_output), sum(up_front_input), "             \
    "sum(up_front_output), sum(inputs), sum(audio_seconds), sum(cost) FROM " table \
    " CROSS JOIN series s ON s.id=series WHERE at>=? AND at<? AND attempts>0 "     \
    "GROUP BY at, s.provider, s.account, s.upstream, s.outcome, s.cost_unit ORDER BY at"

static int tell_sums(struct store_db *db, uint64_t period_ms, uint64_t since_ms, uint64_t until_ms,
                     const struct listener *to) {
    struct statement rows =
        db_statement(db, period_ms == HOUR_MS ? SUMS_FROM("hour") : SUMS_FROM("minute"));
    bind_int(&rows, since_ms);
    bind_int(&rows, until_ms);
    return tell_rows(&rows, period_ms, to);
}

/* Where a journal was full, rows of attempts are missing that totals have. */
static int find_complete(struct store_db *db, uint64_t *ret_complete_ms) {
    struct statement find = db_statement(
        db, "SELECT CAST(value AS INTEGER) FROM note WHERE name='rows_dropped_until_ms'");
    int err = statement_step(&find);
    uint64_t until_ms = err > 0 ? column_int(&find, 0) : 0;
    statement_done(&find);
    *ret_complete_ms = until_ms == 0 ? 0 : until_ms - until_ms % MINUTE_MS + MINUTE_MS;
    return err < 0 ? err : 0;
}

/* The begin of the attempts that come one by one. */
static int find_exact(struct store_db *db, const struct store_seed_query *query,
                      uint64_t *ret_exact_ms) {
    uint64_t complete_ms;
    int err = find_complete(db, &complete_ms);
    if (err < 0)
        return err;
    *ret_exact_ms = query->exact_since_ms - query->exact_since_ms % MINUTE_MS;
    if (*ret_exact_ms < complete_ms)
        *ret_exact_ms = complete_ms;
    struct statement find = db_statement(
        db, "SELECT at FROM attempt WHERE request>=? ORDER BY request DESC, number DESC "
            "LIMIT 1 OFFSET ?");
    bind_int(&find, *ret_exact_ms << ID_TIME_BITS);
    bind_int(&find, query->exact_most);
    err = statement_step(&find);
    if (err > 0) {
        /* Attempts end in another order than they begin: those of that minute may be on both sides. */
        uint64_t at_ms = column_int(&find, 0);
        uint64_t later_ms = at_ms - at_ms % MINUTE_MS + MINUTE_MS;
        if (later_ms > *ret_exact_ms)
            *ret_exact_ms = later_ms;
    }
    statement_done(&find);
    return err < 0 ? err : 0;
}

#define ATTEMPT_NAMES \
    NAME("provider")  \
    "," NAME("account") "," NAME("upstream") "," NAME("outcome") "," NAME("cost_unit")
#define EXACT_FROM                                                               \
    "SELECT at, 1, " ATTEMPT_NAMES                                               \
    ", charged_input, charged_output, up_front_input, up_front_output, inputs, " \
    "audio_seconds, cost FROM attempt WHERE request>=?1 AND at>=?2 ORDER BY at"

static int tell_exact(struct store_db *db, uint64_t since_ms, const struct listener *to) {
    struct statement rows = db_statement(db, EXACT_FROM);
    bind_int(&rows, since_ms << ID_TIME_BITS); /* who began after it ended after it */
    bind_int(&rows, since_ms);
    return tell_rows(&rows, 0, to);
}

int store_seed_read(struct store_db *db, const struct store_seed_query *query, store_seed_cb each,
                    void *context) {
    const struct listener to = {each, context};
    uint64_t exact_ms;
    int err = find_exact(db, query, &exact_ms);
    if (err < 0)
        return err;
    uint64_t minutes_ms = query->minutes_since_ms < exact_ms ? query->minutes_since_ms : exact_ms;
    uint64_t hours_ms = query->hours_since_ms < exact_ms ? query->hours_since_ms : exact_ms;
    minutes_ms -= minutes_ms % HOUR_MS;
    hours_ms -= hours_ms % HOUR_MS;
    err = tell_sums(db, HOUR_MS, hours_ms, minutes_ms, &to);
    if (err == 0)
        err =
            tell_sums(db, MINUTE_MS, minutes_ms > hours_ms ? minutes_ms : hours_ms, exact_ms, &to);
    return err < 0 ? err : tell_exact(db, exact_ms, &to);
}
