// SPDX-License-Identifier: Apache-2.0
/*
 * What providers were asked before this start, from old to new: by day, by hour, by minute, one by one; and clients by day.
 *
 * They meet at whole days, hours and minutes, so that nothing is told twice or left out. The first day is told by hour, since a
 * month of another zone begins inside of it. Promises: one by one at most as many
 * as were asked for; when there were more, the border moves on to a later minute. Leaves to others: charging limits with it.
 */
#include "store/seed.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/dynbuf.h"
#include "base/mem.h"
#include "store/sqlite/db.h"

#define ID_TIME_BITS 20
#define LANES_MAX    100000

/* Names of lanes are looked up once, not for each of their rows. */
struct lane {
    uint64_t id;
    uint64_t since_ms;      /* what ended before it is not told */
    struct store_seed seed; /* names and mark only; names point into texts */
};

struct listener {
    store_seed_cb each;
    void *context;
    struct dynbuf texts; /* owned */
    struct lane *lanes;  /* owned; by id */
    uint32_t lane_count;
};

#define NAME(column) "(SELECT text FROM name WHERE name.id=" column ")"
#define NAMES        \
    NAME("provider") \
    "," NAME("account") "," NAME("upstream") "," NAME("outcome") "," NAME("cost_unit")

static void tell_charge(const struct statement *row, struct store_seed *seed,
                        const struct listener *to) {
    seed->at_ms = column_int(row, 0);
    seed->count = column_int(row, 1);
    seed->charge.input_tokens = column_int(row, 3);
    seed->charge.output_tokens = column_int(row, 4);
    seed->charge.input_up_front = column_int(row, 5);
    seed->charge.output_up_front = column_int(row, 6);
    seed->charge.inputs = column_int(row, 7);
    seed->charge.audio_seconds = column_int(row, 8);
    seed->charge.cost = column_int(row, 9);
    to->each(to->context, seed);
}

/* --- lanes -------------------------------------------------------------------------------------------------------- */

/* Lengths first: texts may move while they grow. */
static int read_lane(const struct statement *row, struct listener *to) {
    struct lane *lane = &to->lanes[to->lane_count++];
    struct span *names[] = {&lane->seed.provider, &lane->seed.account, &lane->seed.upstream,
                            &lane->seed.outcome, &lane->seed.charge.cost_unit};
    int err = 0;
    *lane = (struct lane){.id = column_int(row, 0)};
    for (int i = 0; err == 0 && i < (int)array_length(names); i++) {
        struct span text = column_span(row, i + 1);
        *names[i] = span_of(NULL, text.len);
        err = dynbuf_append_span(&to->texts, text);
    }
    return err;
}

static void place_names(struct listener *to) {
    const char *at = dynbuf_span(&to->texts).ptr;
    for (uint32_t i = 0; i < to->lane_count; i++) {
        struct store_seed *seed = &to->lanes[i].seed;
        struct span *names[] = {&seed->provider, &seed->account, &seed->upstream, &seed->outcome,
                                &seed->charge.cost_unit};
        for (size_t k = 0; k < array_length(names); k++) {
            if (names[k]->len > 0)
                names[k]->ptr = at;
            at += names[k]->len;
        }
    }
}

static void ask_wanted(struct listener *to, store_seed_wanted_cb wanted) {
    for (uint32_t i = 0; wanted != NULL && i < to->lane_count; i++) {
        struct lane *lane = &to->lanes[i];
        lane->since_ms = wanted(to->context, &lane->seed, &lane->seed.mark);
    }
}

static int read_lanes(struct store_db *db, struct listener *to) {
    struct statement count = db_statement(db, "SELECT count(*) FROM lane");
    int err = statement_step(&count);
    uint64_t lanes = err > 0 ? column_int(&count, 0) : 0;
    statement_done(&count);
    if (err < 0)
        return err;
    if (lanes > LANES_MAX)
        return ERR_TOO_LARGE;
    to->lanes = mem_zalloc((lanes + 1) * sizeof *to->lanes);
    struct statement rows = db_statement(db, "SELECT id," NAMES " FROM lane ORDER BY id");
    for (err = statement_step(&rows); err > 0 && to->lane_count < lanes;) {
        err = read_lane(&rows, to);
        if (err == 0)
            err = statement_step(&rows);
    }
    statement_done(&rows);
    place_names(to);
    return err < 0 ? err : 0;
}

static const struct lane *find_lane(const struct listener *to, uint64_t id) {
    uint32_t low = 0, high = to->lane_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (to->lanes[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < to->lane_count && to->lanes[low].id == id ? &to->lanes[low] : NULL;
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

#define SUMS_FROM(table)                                                                \
    "SELECT at, attempts, lane, charged_input, charged_output, up_front_input, "        \
    "up_front_output, inputs, audio_seconds, cost FROM " table " WHERE at>=? AND at<? " \
    "ORDER BY at"

/* Rows whose third column is a lane. */
static int tell_rows(struct statement *rows, uint64_t span_ms, const struct listener *to) {
    int err;
    for (err = statement_step(rows); err > 0; err = statement_step(rows)) {
        const struct lane *lane = find_lane(to, column_int(rows, 2));
        /* It may have been made after lanes were read. */
        if (lane == NULL || column_int(rows, 0) + span_ms < lane->since_ms)
            continue;
        struct store_seed seed = lane->seed;
        seed.span_ms = span_ms;
        tell_charge(rows, &seed, to);
    }
    statement_done(rows);
    return err;
}

static int tell_sums(struct store_db *db, uint64_t period_ms, uint64_t since_ms, uint64_t until_ms,
                     const struct listener *to) {
    if (since_ms >= until_ms)
        return 0;
    struct statement rows = db_statement(db, period_ms == MS_PER_DAY    ? SUMS_FROM("lane_day")
                                             : period_ms == MS_PER_HOUR ? SUMS_FROM("lane_hour")
                                                                        : SUMS_FROM("lane_minute"));
    bind_int(&rows, since_ms);
    bind_int(&rows, until_ms);
    return tell_rows(&rows, period_ms, to);
}

/* --- one by one --------------------------------------------------------------------------------------------------- */

/* Where a journal was full, rows of attempts are missing that totals have. */
static int find_complete(struct store_db *db, uint64_t *ret_complete_ms) {
    struct statement find = db_statement(
        db, "SELECT CAST(value AS INTEGER) FROM note WHERE name='rows_dropped_until_ms'");
    int err = statement_step(&find);
    uint64_t until_ms = err > 0 ? column_int(&find, 0) : 0;
    statement_done(&find);
    *ret_complete_ms = until_ms == 0 ? 0 : until_ms - until_ms % MS_PER_MINUTE + MS_PER_MINUTE;
    return err < 0 ? err : 0;
}

/* The begin of the attempts that come one by one. */
static int find_exact(struct store_db *db, const struct store_seed_query *query,
                      uint64_t *ret_exact_ms) {
    uint64_t complete_ms;
    int err = find_complete(db, &complete_ms);
    if (err < 0)
        return err;
    *ret_exact_ms = query->exact_since_ms - query->exact_since_ms % MS_PER_MINUTE;
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
        uint64_t later_ms = at_ms - at_ms % MS_PER_MINUTE + MS_PER_MINUTE;
        if (later_ms > *ret_exact_ms)
            *ret_exact_ms = later_ms;
    }
    statement_done(&find);
    return err < 0 ? err : 0;
}

/* Every attempt was added to a lane; finding that takes one look-up where its names would take five. */
#define EXACT_FROM                                                                         \
    "SELECT a.at, 1, l.id, a.charged_input, a.charged_output, a.up_front_input, "          \
    "a.up_front_output, a.inputs, a.audio_seconds, a.cost FROM attempt a CROSS JOIN lane " \
    "l ON l.provider=a.provider AND l.account=a.account AND l.upstream=a.upstream AND "    \
    "l.outcome=a.outcome AND l.cost_unit=a.cost_unit WHERE a.request>=?1 AND a.at>=?2 "    \
    "ORDER BY a.at"

static int tell_exact(struct store_db *db, uint64_t since_ms, const struct listener *to) {
    struct statement rows = db_statement(db, EXACT_FROM);
    bind_int(&rows, since_ms << ID_TIME_BITS); /* who began after it ended after it */
    bind_int(&rows, since_ms);
    return tell_rows(&rows, 0, to);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Each begins where the one before it ends. */
static int tell_all_sums(struct store_db *db, const struct store_seed_query *query,
                         uint64_t exact_ms, const struct listener *to) {
    uint64_t minutes_ms = earlier(query->minutes_since_ms, exact_ms);
    minutes_ms -= minutes_ms % MS_PER_HOUR;
    uint64_t hours_ms = earlier(query->hours_since_ms, minutes_ms);
    hours_ms -= hours_ms % MS_PER_DAY;
    uint64_t first_ms = query->days_since_ms - query->days_since_ms % MS_PER_HOUR;
    uint64_t days_ms =
        first_ms % MS_PER_DAY == 0 ? first_ms : first_ms - first_ms % MS_PER_DAY + MS_PER_DAY;
    uint64_t after_ms = first_ms; /* told up to here */
    int err = 0;
    if (days_ms < hours_ms) {
        err = tell_sums(db, MS_PER_HOUR, first_ms, days_ms, to);
        if (err == 0)
            err = tell_sums(db, MS_PER_DAY, days_ms, hours_ms, to);
        after_ms = hours_ms;
    }
    if (err == 0)
        err = tell_sums(db, MS_PER_HOUR, after_ms, minutes_ms, to);
    if (after_ms < minutes_ms)
        after_ms = minutes_ms;
    return err == 0 ? tell_sums(db, MS_PER_MINUTE, after_ms, exact_ms, to) : err;
}

static int tell_all(struct store_db *db, const struct store_seed_query *query,
                    struct listener *to) {
    uint64_t exact_ms = 0;
    int err = find_exact(db, query, &exact_ms);
    if (err == 0)
        err = read_lanes(db, to);
    if (err < 0)
        return err;
    ask_wanted(to, query->wanted);
    err = tell_all_sums(db, query, exact_ms, to);
    return err < 0 ? err : tell_exact(db, exact_ms, to);
}

int store_seed_read(struct store_db *db, const struct store_seed_query *query, store_seed_cb each,
                    void *context) {
    struct listener to = {.each = each, .context = context};
    dynbuf_init(&to.texts, LANES_MAX * 5 * STORE_NAME_MAX_BYTES);
    int err = tell_all(db, query, &to);
    dynbuf_done(&to.texts);
    mem_free(to.lanes);
    return err;
}

/* --- clients ------------------------------------------------------------------------------------------------------ */

int store_client_days(struct store_db *db, uint64_t since_ms, store_client_day_cb each,
                      void *context) {
    struct statement rows = db_statement(
        db,
        "SELECT d.at, d.requests, d.tokens, c.text, o.text FROM client_day d CROSS JOIN name c ON "
        "c.id=d.client CROSS JOIN name o ON o.id=d.outcome WHERE d.at>=? ORDER BY d.at");
    bind_int(&rows, since_ms - since_ms % MS_PER_DAY);
    int err;
    for (err = statement_step(&rows); err > 0; err = statement_step(&rows)) {
        const struct store_client_day day = {.at_ms = column_int(&rows, 0),
                                             .requests = column_int(&rows, 1),
                                             .tokens = column_int(&rows, 2),
                                             .client = column_span(&rows, 3),
                                             .outcome = column_span(&rows, 4)};
        each(context, &day);
    }
    statement_done(&rows);
    return err;
}
