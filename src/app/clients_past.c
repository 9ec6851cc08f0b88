// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of clients after a start: charged with what the store remembers of this month.
 *
 * Read are the sums of the store, each for the limits that need it: days of clients, today's included, for limits of a day and a
 * month; the last minutes for limits of a minute. So little is read however much was asked. Days of the store are those of the
 * clients' zone, UTC. A sum counts as if all of it had been used at its end, or now.
 * What counts is what counted then (scheduler/clients.c): requests that a provider was asked for and did not refuse, and their
 * tokens. Promises: never less than was used, but for what was under way when the process ended; more only within the last minute.
 * Leaves to others: when it is read (clients.c), the windows (scheduler).
 */
#include "app/app_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/desk.h"
#include "obs/log.h"
#include "store/requests.h"
#include "store/seed.h"

#define MINUTES_MS \
    (3 * MS_PER_MINUTE) /* a minute, begun before or after; and clocks that were set */
#define ROWS_MOST 1000000u
/* Sums lie so long before the end of their period that what clocks differ by cannot push them into the next one. */
#define INSIDE_MS 100

struct past {
    struct scheduler_client_past *rows; /* owned */
    uint32_t count, room;
    uint64_t now_ms, month_ms; /* begin of the month */
};

/* Whether a request that ended so was counted against its client. */
static bool counts(struct span outcome, bool *ret_tokens) {
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_row *row = outcome_row((enum outcome)i);
        if (!span_is(outcome, row->label))
            continue;
        *ret_tokens = row->charge == CHARGE_USAGE || row->charge == CHARGE_KEEP;
        return *ret_tokens || row->charge == CHARGE_REQUEST_ONLY;
    }
    return false;
}

static void keep(struct past *past, struct scheduler_client_past row, uint64_t end_ms) {
    if (past->count == ROWS_MOST)
        return;
    if (past->count == past->room) {
        past->room = past->room > 0 ? 2 * past->room : 256;
        past->rows = mem_realloc(past->rows, past->room * sizeof *past->rows);
    }
    row.age_ms = end_ms < past->now_ms ? past->now_ms - end_ms : 0;
    past->rows[past->count++] = row;
}

static void on_day(void *context, const struct store_client_day *day) {
    bool tokens;
    if (counts(day->outcome, &tokens))
        keep(context,
             (struct scheduler_client_past){.limits = CLIENT_PAST_LONG,
                                            .number = client_number_of(day->client),
                                            .requests = day->requests,
                                            .tokens = tokens ? day->tokens : 0},
             day->at_ms + MS_PER_DAY - INSIDE_MS);
}

static void on_minute(void *context, const struct store_usage *row) {
    bool tokens;
    if (!span_absent(row->client) && !span_absent(row->provider) && counts(row->outcome, &tokens))
        keep(context,
             (struct scheduler_client_past){
                 .limits = CLIENT_PAST_MINUTES,
                 .number = client_number_of(row->client),
                 .requests = row->requests,
                 .tokens = tokens ? row->input_tokens + row->output_tokens : 0},
             row->at_ms + MS_PER_MINUTE - INSIDE_MS);
}

static int read_minutes(struct store_db *db, struct past *past) {
    struct store_usage_query query = {
        .by = STORE_MINUTE, .since_ms = past->now_ms - MINUTES_MS, .limit = STORE_PAGE_MAX};
    struct store_page page = {.has_more = true};
    int err = 0;
    while (err == 0 && page.has_more) {
        query.cursor = page.cursor;
        query.series = page.series;
        err = store_usage_list(db, &query, on_minute, past, &page);
    }
    return err;
}

static int run_read(struct store_db *db, void *context) {
    struct past *past = context;
    int err = store_client_days(db, past->month_ms, on_day, past);
    return err < 0 ? err : read_minutes(db, past);
}

void clients_charge(struct app *app) {
    uint64_t now_ms = clock_wall_ms();
    struct past past = {
        .now_ms = now_ms,
        .month_ms = (uint64_t)zone_month_begin_ms(&app->admin.clients_zone, (int64_t)now_ms)};
    int err = app->store != NULL ? store_run(app->store, STORE_READ, run_read, &past) : 0;
    if (err < 0)
        log_event(LOG_ERROR, "clients.past_unread",
                  "error=\"%s\" effect=\"limits of clients count from this start on\"",
                  err_text(err));
    desk_clients_replay(app->gateway->desk, past.rows, past.count);
    mem_free(past.rows);
}
