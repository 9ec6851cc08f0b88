// SPDX-License-Identifier: Apache-2.0
/*
 * Totals by minute, hour or day, read in pages from new to old.
 *
 * Who is asked for is first turned into the set of series (who, where, what, how it ended) that answer; rows of a period are then
 * compared by number. A page ends after ROWS_LOOKED_AT rows, whatever it found, and says where to go on.
 *
 * Promises: bounded time and memory for a page. Leaves to others: adding totals up (write.c).
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/requests.h"
#include "store/sqlite/db.h"

#include <stdio.h>

#define ROWS_LOOKED_AT 20000
#define SERIES_BITS_MAX \
    (1u << 20) /* numbers of series that are looked for; higher ones do not occur */

struct series_set {
    uint8_t bits[SERIES_BITS_MAX / 8];
};

static const char *const period_tables[STORE_PERIOD_COUNT] = {"minute", "hour", "day"};

/* A name that was never recorded has no series. */
#define SAME_NAME(column, parameter) \
    "(" parameter " IS NULL OR " column "=(SELECT id FROM name WHERE text=" parameter "))"

static int find_series(struct store_db *db, const struct store_usage_query *query,
                       struct series_set **ret_set) {
    if (span_absent(query->client) && span_absent(query->provider) && span_absent(query->model))
        return 0;
    struct series_set *set = mem_zalloc(sizeof *set);
    struct statement rows =
        db_statement(db, "SELECT id FROM series WHERE " SAME_NAME("client", "?1") " AND " SAME_NAME(
                             "provider", "?2") " AND " SAME_NAME("model", "?3"));
    bind_text_or_null(&rows, query->client);
    bind_text_or_null(&rows, query->provider);
    bind_text_or_null(&rows, query->model);
    int err;
    for (err = statement_step(&rows); err > 0; err = statement_step(&rows)) {
        uint64_t id = column_int(&rows, 0);
        if (id < SERIES_BITS_MAX)
            set->bits[id / 8] |= (uint8_t)(1u << id % 8);
    }
    statement_done(&rows);
    *ret_set = set;
    return err;
}

static bool has_series(const struct series_set *set, uint64_t id) {
    return set == NULL || (id < SERIES_BITS_MAX && (set->bits[id / 8] >> id % 8 & 1) != 0);
}

#define NAME_IN_SERIES(column) "(SELECT text FROM name WHERE name.id=series." column ")"

#define SERIES_NAMES                                                                               \
    "SELECT " NAME_IN_SERIES("client") "," NAME_IN_SERIES("provider") "," NAME_IN_SERIES(          \
        "accoun"                                                                                   \
        "t") "," NAME_IN_SERIES("model") "," NAME_IN_SERIES("upstream") "," NAME_IN_SERIES("outco" \
                                                                                           "me") "," NAME_IN_SERIES("cost_unit") " FROM series WHERE id=?"

static int tell(struct statement *names, const struct statement *row, store_usage_cb each,
                void *context) {
    names->bound = 0;
    bind_int(names, column_int(row, 1));
    int err = statement_step(names);
    if (err > 0)
        each(context, &(struct store_usage){.at_ms = column_int(row, 0),
                                            .client = column_span(names, 0),
                                            .provider = column_span(names, 1),
                                            .account = column_span(names, 2),
                                            .model = column_span(names, 3),
                                            .upstream = column_span(names, 4),
                                            .outcome = column_span(names, 5),
                                            .requests = column_int(row, 2),
                                            .attempts = column_int(row, 3),
                                            .input_tokens = column_int(row, 4),
                                            .output_tokens = column_int(row, 5),
                                            .waited_ms = column_int(row, 6),
                                            .duration_ms = column_int(row, 7),
                                            .cost = column_int(row, 8),
                                            .cost_unit = column_span(names, 6)});
    statement_again(names);
    return err < 0 ? err : 0;
}

static struct statement walk_rows(struct store_db *db, const struct store_usage_query *query) {
    char sql[256];
    bool goes_on = query->cursor > 0 || query->series > 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT * FROM %s WHERE at>=?1 AND at<?2 AND (at, series)<(?3, ?4) "
                   "ORDER BY at DESC, series DESC LIMIT ?5",
                   period_tables[query->by]);
    struct statement rows = db_statement(db, sql);
    bind_int(&rows, query->since_ms);
    bind_int(&rows, query->until_ms > 0 ? query->until_ms : INT64_MAX);
    bind_int(&rows, goes_on ? query->cursor : INT64_MAX);
    bind_int(&rows, goes_on ? query->series : 0);
    bind_int(&rows, ROWS_LOOKED_AT + 1);
    return rows;
}

int store_usage_list(struct store_db *db, const struct store_usage_query *query,
                     store_usage_cb each, void *context, struct store_page *ret_page) {
    check(query->by < STORE_PERIOD_COUNT);
    struct series_set *set = NULL;
    uint32_t limit = query->limit < 1 ? 1 : query->limit;
    uint32_t looked_at = 0;
    *ret_page = (struct store_page){.has_more = false};
    int err = find_series(db, query, &set);
    if (err < 0) {
        mem_free(set);
        return err;
    }
    struct statement names = db_statement(db, SERIES_NAMES);
    struct statement rows = walk_rows(db, query);
    for (err = statement_step(&rows); err > 0; err = statement_step(&rows)) {
        if (ret_page->rows == limit || looked_at == ROWS_LOOKED_AT) {
            ret_page->has_more = true;
            break;
        }
        looked_at++;
        ret_page->cursor = column_int(&rows, 0);
        ret_page->series = column_int(&rows, 1);
        if (!has_series(set, ret_page->series))
            continue;
        ret_page->rows++;
        err = tell(&names, &rows, each, context);
        if (err < 0)
            break;
    }
    statement_done(&rows);
    statement_done(&names);
    mem_free(set);
    return err < 0 ? err : 0;
}
