// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of clients after a start: charged with what the store remembers of this month.
 *
 * Read are the sums of the store: by day for the days before today, by hour for today, by minute for this hour, so that little is
 * read however much was asked. Each sum counts as if all of it had been used just before its end, inside the same day and month.
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

#define HOUR_MS   ((uint64_t)3600 * 1000)
#define DAY_MS    (24 * HOUR_MS)
#define MINUTE_MS ((uint64_t)60 * 1000)
#define ROWS_MOST 1000000u
/* Sums lie so long before the end of their period that what clocks differ by cannot push them into the next one. */
#define INSIDE_MS 100

struct past {
    struct scheduler_client_past *rows; /* owned */
    uint32_t count, room;
    uint64_t now_ms, month_ms; /* begin of the month */
    uint64_t span_ms;          /* of the sums that are read */
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

static void on_usage(void *context, const struct store_usage *row) {
    struct past *past = context;
    uint64_t end_ms = row->at_ms + past->span_ms - INSIDE_MS;
    bool tokens;
    if (span_absent(row->client) || span_absent(row->provider) || past->count == ROWS_MOST ||
        !counts(row->outcome, &tokens))
        return;
    if (past->count == past->room) {
        past->room = past->room > 0 ? 2 * past->room : 256;
        past->rows = mem_realloc(past->rows, past->room * sizeof *past->rows);
    }
    past->rows[past->count++] = (struct scheduler_client_past){
        .number = client_number_of(row->client),
        .age_ms = end_ms < past->now_ms ? past->now_ms - end_ms : 0,
        .requests = row->requests,
        .tokens = tokens ? row->input_tokens + row->output_tokens : 0};
}

static int read_sums(struct store_db *db, struct past *past, struct store_usage_query query) {
    struct store_page page = {.has_more = true};
    int err = 0;
    query.limit = STORE_PAGE_MAX;
    while (err == 0 && page.has_more && query.since_ms < query.until_ms) {
        query.cursor = page.cursor;
        query.series = page.series;
        err = store_usage_list(db, &query, on_usage, past, &page);
    }
    return err;
}

static int run_read(struct store_db *db, void *context) {
    static const struct {
        enum store_period by;
        uint64_t span_ms;
    } periods[] = {{STORE_DAY, DAY_MS}, {STORE_HOUR, HOUR_MS}, {STORE_MINUTE, MINUTE_MS}};
    struct past *past = context;
    uint64_t since_ms = past->month_ms;
    int err = 0;
    for (size_t i = 0; i < array_length(periods) && err == 0; i++) {
        /* Up to the period that is not over yet; the shortest ones to the end. */
        uint64_t until_ms = periods[i].by == STORE_DAY    ? past->now_ms - past->now_ms % DAY_MS
                            : periods[i].by == STORE_HOUR ? past->now_ms - past->now_ms % HOUR_MS
                                                          : past->now_ms + DAY_MS;
        past->span_ms = periods[i].span_ms;
        err = read_sums(db, past,
                        (struct store_usage_query){
                            .by = periods[i].by, .since_ms = since_ms, .until_ms = until_ms});
        since_ms = until_ms > since_ms ? until_ms : since_ms;
    }
    return err;
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
    uint64_t later_ms = clock_wall_ms();
    for (uint32_t i = 0; i < past.count && later_ms > now_ms; i++)
        past.rows[i].age_ms += later_ms - now_ms; /* reading took a while */
    desk_clients_replay(app->gateway->desk, past.rows, past.count);
    mem_free(past.rows);
}
