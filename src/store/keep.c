// SPDX-License-Identifier: Apache-2.0
/*
 * Retention: what is older than its time is deleted, a slice of bounded size at a time, so that the writing thread is never busy with
 * it for long.
 *
 * Requests are old by the time they ended, which is in their id; their attempts go with them. Totals are old by the begin of their
 * period. Promises: a slice deletes at most the rows it was given, but for what has the same id or time. Leaves to others: how
 * often.
 */
#include "base/check.h"
#include "base/clock.h"
#include "store/parts.h"

#define ID_TIME_BITS 20

enum { KEEP_REQUESTS, KEEP_MINUTES, KEEP_HOURS, KEEP_DAYS, KEEP_COUNT };

#define DELETES 3
static const struct {
    const char *last;             /* the last row of a slice: older than ?1, at most ?2 rows */
    const char *deletes[DELETES]; /* all up to it; the one that is looked at is the last */
    uint8_t time_bits;            /* how far the time is shifted */
} kinds[KEEP_COUNT] = {
    [KEEP_REQUESTS] =
        {"SELECT max(id) FROM (SELECT id FROM request WHERE id<? ORDER BY id LIMIT ?)",
         {"DELETE FROM attempt WHERE request<=?", "DELETE FROM request WHERE id<=?"},
         ID_TIME_BITS},
    [KEEP_MINUTES] = {"SELECT max(at) FROM (SELECT at FROM minute WHERE at<? ORDER BY at LIMIT ?)",
                      {"DELETE FROM lane_minute WHERE at<=?", "DELETE FROM minute WHERE at<=?"},
                      0},
    [KEEP_HOURS] = {"SELECT max(at) FROM (SELECT at FROM hour WHERE at<? ORDER BY at LIMIT ?)",
                    {"DELETE FROM lane_hour WHERE at<=?", "DELETE FROM hour WHERE at<=?"},
                    0},
    [KEEP_DAYS] = {"SELECT max(at) FROM (SELECT at FROM day WHERE at<? ORDER BY at LIMIT ?)",
                   {"DELETE FROM lane_day WHERE at<=?", "DELETE FROM client_day WHERE at<=?",
                    "DELETE FROM day WHERE at<=?"},
                   0},
};

/* The last key of the slice; false when nothing is too old. */
static int find_last(struct store_db *db, int kind, uint64_t older_ms, uint32_t rows,
                     uint64_t *ret_last) {
    struct statement find = db_statement(db, kinds[kind].last);
    bind_int(&find, older_ms << kinds[kind].time_bits);
    bind_int(&find, rows);
    *ret_last = 0;
    int err = statement_step(&find);
    if (err > 0)
        *ret_last = column_int(&find, 0);
    statement_done(&find);
    return err < 0 ? err : 0;
}

static int delete_to(struct store_db *db, int kind, uint64_t last, uint32_t *deleted) {
    int err = 0;
    for (int i = 0; i < DELETES && err == 0 && kinds[kind].deletes[i] != NULL; i++) {
        struct statement statement = db_statement(db, kinds[kind].deletes[i]);
        bind_int(&statement, last);
        err = statement_run(&statement);
        if (err == 0)
            *deleted += (uint32_t)sqlite3_changes(db->sqlite);
    }
    return err;
}

static int keep_kind(struct store_db *db, int kind, uint64_t older_ms, uint32_t rows,
                     uint32_t *ret_deleted) {
    uint64_t last;
    int err = find_last(db, kind, older_ms, rows, &last);
    if (err < 0 || last == 0)
        return err;
    err = db_begin(db);
    if (err < 0)
        return err;
    err = delete_to(db, kind, last, ret_deleted);
    if (err == 0)
        return db_commit(db);
    db_rollback(db);
    return err;
}

int keep_slice(struct store *store, struct store_db *db, uint64_t wall_ms, uint32_t rows,
               uint32_t *ret_deleted) {
    int err = 0;
    *ret_deleted = 0;
    for (int kind = 0; err == 0 && *ret_deleted == 0 && kind < KEEP_COUNT; kind++) {
        uint64_t days = atomic_load(&store->keep[kind]);
        if (days > 0 && days * MS_PER_DAY < wall_ms)
            err = keep_kind(db, kind, wall_ms - days * MS_PER_DAY, rows, ret_deleted);
    }
    return err;
}
