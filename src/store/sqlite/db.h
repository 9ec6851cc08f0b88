// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A connection to the database and the statements on it. For store/ alone; a connection belongs to one thread.
 *
 * Errors: SQLite's codes become ERR_STORE (ERR_EXISTS for a key that is there already, ERR_TOO_LARGE for a value beyond SQLite's
 * bounds); the first code since db_forget_trouble stands in `trouble`, for whoever decides what to do about the file.
 */
#include "store/store.h"

#include <sqlite3.h>

#define DB_NAMES_CACHED 512

struct db_open {
    const char *path;
    const char *vfs; /* NULL = SQLite's own */
    uint32_t cache_kib, busy_ms;
    bool writes; /* makes the file when it is not there */
};

/* Statements kept prepared, since every record needs them. */
enum kept_statement {
    KEPT_NAME_FIND,
    KEPT_NAME_ADD,
    KEPT_REQUEST,
    KEPT_ATTEMPT,
    KEPT_SERIES_FIND,
    KEPT_SERIES_ADD,
    KEPT_MINUTE,
    KEPT_HOUR,
    KEPT_DAY,
    KEPT_LANE_FIND,
    KEPT_LANE_ADD,
    KEPT_LANE_MINUTE,
    KEPT_LANE_HOUR,
    KEPT_LANE_DAY,
    KEPT_CLIENT_DAY,
    KEPT_POSITION,
    KEPT_CELL,
    KEPT_CLIENT_USED,
    KEPT_BEGIN,
    KEPT_COMMIT,
    KEPT_ROLLBACK,
    KEPT_COUNT
};

struct db_name; /* names.c */
struct store_db {
    sqlite3 *sqlite;                /* owned */
    sqlite3_stmt *kept[KEPT_COUNT]; /* owned; prepared when first used */
    struct db_name *names;          /* owned; ids of names, by hash */
    uint64_t last_request;          /* highest id given; 0 = not looked up */
    int trouble;                    /* SQLite's first code that was no success; 0 = none */
    bool full_sync;
};

int db_open(const struct db_open *how, struct store_db **ret_db, int *ret_trouble) WARN_UNUSED;
void db_close(struct store_db *db); /* NULL is fine */
/* Brings tables up to date. ERR_UNSUPPORTED: made by a newer PAPI. */
int db_migrate(struct store_db *db) WARN_UNUSED;
int db_run(struct store_db *db, const char *sql) WARN_UNUSED;
/* What SQLite said, as ours. */
int db_error(struct store_db *db, int code);
static inline void db_forget_trouble(struct store_db *db) {
    db->trouble = 0;
}

/* A transaction that writes. After db_rollback nothing of it is there, and nothing remembers it. */
int db_begin(struct store_db *db) WARN_UNUSED;
int db_commit(struct store_db *db) WARN_UNUSED;
void db_rollback(struct store_db *db);
/* Whether a commit waits until it is safe from a loss of power. Outside of a transaction. */
int db_set_full_sync(struct store_db *db, bool full) WARN_UNUSED;

/* A statement in use: values are bound from left to right, then it is run or stepped, then done. An error of any of these is kept
 * and told by the next step. */
struct statement {
    struct store_db *db; /* borrowed */
    sqlite3_stmt *raw;   /* owned unless kept */
    bool kept;
    int bound;
    int code;
};
struct statement db_statement(struct store_db *db, const char *sql);
struct statement db_kept(struct store_db *db, enum kept_statement which);
void bind_int(struct statement *statement, uint64_t value);
void bind_null(struct statement *statement);
void bind_text(struct statement *statement, struct span text);         /* absent = "" */
void bind_text_or_null(struct statement *statement, struct span text); /* absent = NULL */
void bind_blob(struct statement *statement, struct span bytes);
/* 1 = a row, 0 = no more, negative = an error. */
int statement_step(struct statement *statement) WARN_UNUSED;
/* Ready to be bound and stepped again. */
void statement_again(struct statement *statement);
void statement_done(struct statement *statement);
/* Steps to the end and is done. */
int statement_run(struct statement *statement) WARN_UNUSED;
/* The same; ERR_NOT_FOUND when no row was changed. */
int statement_change_one(struct statement *statement) WARN_UNUSED;

static inline uint64_t column_int(const struct statement *statement, int column) {
    return (uint64_t)sqlite3_column_int64(statement->raw, column);
}
/* Valid until the next step; absent when NULL. */
struct span column_span(const struct statement *statement, int column);

/* The id of a name in the dictionary; it is added when it is not there. 0 for an absent or empty one. */
int db_name_id(struct store_db *db, struct span name, uint64_t *ret_id) WARN_UNUSED;
void db_names_forget(struct store_db *db);
void db_names_free(struct store_db *db);
