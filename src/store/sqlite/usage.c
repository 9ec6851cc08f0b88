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

#define ROWS_LOOKED_AT 10000
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

/* Names by id, as many as a page needs; forgotten between two rows when there is no more room. */
#define MEMO_NAMES 1024
struct memo {
    uint64_t ids[2 * MEMO_NAMES]; /* 0 = empty */
    uint16_t places[2 * MEMO_NAMES];
    uint8_t lengths[MEMO_NAMES];
    char texts[MEMO_NAMES][STORE_NAME_MAX_BYTES];
    uint32_t count;
};

struct teller {
    struct statement series, name;
    struct memo *memo; /* owned */
    store_usage_cb each;
    void *context;
};

static int learn_name(struct teller *teller, uint64_t id, uint32_t slot) {
    struct memo *memo = teller->memo;
    bind_int(&teller->name, id);
    int err = statement_step(&teller->name);
    if (err >= 0) {
        struct span text = err > 0 ? column_span(&teller->name, 0) : SPAN_NONE;
        check(memo->count < MEMO_NAMES && text.len <= STORE_NAME_MAX_BYTES);
        if (text.len > 0)
            memcpy(memo->texts[memo->count], text.ptr, text.len);
        memo->lengths[memo->count] = (uint8_t)text.len;
        memo->ids[slot] = id;
        memo->places[slot] = (uint16_t)memo->count++;
    }
    statement_again(&teller->name);
    return err < 0 ? err : 0;
}

static int name_of(struct teller *teller, uint64_t id, struct span *ret_name) {
    struct memo *memo = teller->memo;
    uint32_t slot = (uint32_t)(id * 0x9e3779b1u) % (2 * MEMO_NAMES);
    *ret_name = SPAN_NONE;
    if (id == 0)
        return 0;
    while (memo->ids[slot] != 0 && memo->ids[slot] != id)
        slot = (slot + 1) % (2 * MEMO_NAMES);
    int err = memo->ids[slot] == id ? 0 : learn_name(teller, id, slot);
    if (err == 0)
        *ret_name = span_of(memo->texts[memo->places[slot]], memo->lengths[memo->places[slot]]);
    return err;
}

/* In the order of the columns. */
static int names_of(struct teller *teller, uint64_t series, struct store_usage *usage) {
    struct span *const names[] = {&usage->client,   &usage->provider, &usage->account,
                                  &usage->model,    &usage->upstream, &usage->outcome,
                                  &usage->cost_unit};
    if (teller->memo->count + array_length(names) > MEMO_NAMES) {
        teller->memo->count = 0;
        memset(teller->memo->ids, 0, sizeof teller->memo->ids);
    }
    bind_int(&teller->series, series);
    int err = statement_step(&teller->series);
    if (err > 0)
        err = 0;
    for (size_t i = 0; err == 0 && i < array_length(names); i++)
        err = name_of(teller, column_int(&teller->series, (int)i), names[i]);
    statement_again(&teller->series);
    return err;
}

static int tell(struct teller *teller, const struct statement *row) {
    struct store_usage usage = {.at_ms = column_int(row, 0),
                                .requests = column_int(row, 2),
                                .attempts = column_int(row, 3),
                                .input_tokens = column_int(row, 4),
                                .output_tokens = column_int(row, 5),
                                .waited_ms = column_int(row, 6),
                                .duration_ms = column_int(row, 7),
                                .cost = column_int(row, 8)};
    int err = names_of(teller, column_int(row, 1), &usage);
    if (err == 0)
        teller->each(teller->context, &usage);
    return err;
}

static struct teller teller_new(struct store_db *db, store_usage_cb each, void *context) {
    struct teller teller = {
        .series = db_statement(db, "SELECT client, provider, account, model, upstream, outcome, "
                                   "cost_unit FROM series WHERE id=?"),
        .name = db_statement(db, "SELECT text FROM name WHERE id=?"),
        .memo = mem_alloc(sizeof *teller.memo),
        .each = each,
        .context = context};
    teller.memo->count = 0;
    memset(teller.memo->ids, 0, sizeof teller.memo->ids);
    return teller;
}

static void teller_done(struct teller *teller) {
    statement_done(&teller->series);
    statement_done(&teller->name);
    mem_free(teller->memo);
}

/* One upper bound, so that SQLite begins there and does not walk through the pages before. */
static struct statement walk_rows(struct store_db *db, const struct store_usage_query *query) {
    char sql[256];
    bool goes_on = query->cursor > 0 || query->series > 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT * FROM %s WHERE at>=?1 AND %s ORDER BY at DESC, series DESC LIMIT ?2",
                   period_tables[query->by], goes_on ? "(at, series)<(?3, ?4)" : "at<?3 AND ?4=0");
    struct statement rows = db_statement(db, sql);
    bind_int(&rows, query->since_ms);
    bind_int(&rows, ROWS_LOOKED_AT + 1);
    bind_int(&rows, goes_on ? query->cursor : query->until_ms > 0 ? query->until_ms : INT64_MAX);
    bind_int(&rows, goes_on ? query->series : 0);
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
    struct teller teller = teller_new(db, each, context);
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
        err = tell(&teller, &rows);
        if (err < 0)
            break;
    }
    statement_done(&rows);
    teller_done(&teller);
    mem_free(set);
    return err < 0 ? err : 0;
}
