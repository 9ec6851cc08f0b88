// SPDX-License-Identifier: Apache-2.0
/*
 * One connection to SQLite, and statements on it.
 *
 * Why WAL with synchronous=NORMAL: a commit is then one write and no fsync; what a loss of power may undo is whole transactions at
 * the end, never the database. What an administrator changes is committed with FULL. Why connections without SQLite's mutexes:
 * each has one thread.
 *
 * Promises: no SQLite code leaves this folder; a statement that could not be prepared can be bound, stepped and ended like any
 * other and tells its error when stepped. Leaves to others: what to do about an error.
 */
#include "store/sqlite/db.h"

#include "base/check.h"
#include "base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_once_t configured = PTHREAD_ONCE_INIT;

/* Nobody else in the process uses SQLite. Without its statistics an allocation needs no lock. */
static void configure_library(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_initialize();
}

int db_error(struct store_db *db, int code) {
    int primary = code & 0xff;
    if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE)
        return 0;
    if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE)
        return ERR_EXISTS;
    if (primary == SQLITE_TOOBIG)
        return ERR_TOO_LARGE;
    if (db->trouble == 0)
        db->trouble = code;
    return ERR_STORE;
}

int db_run(struct store_db *db, const char *sql) {
    return db_error(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

static int set_up(struct store_db *db, const struct db_open *how) {
    char sql[512];
    (void)sqlite3_extended_result_codes(db->sqlite, 1);
    (void)sqlite3_busy_timeout(db->sqlite, (int)how->busy_ms);
    /* Names in a stranger's file run nothing of ours. */
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA cache_size=-%u; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
                   "PRAGMA foreign_keys=ON; PRAGMA secure_delete=FAST; PRAGMA synchronous=NORMAL;",
                   how->cache_kib);
    int err = db_run(db, sql);
    if (err < 0)
        return err;
    if (!how->writes)
        return db_run(db, "PRAGMA query_only=1;");
    return db_run(db, "PRAGMA auto_vacuum=NONE; PRAGMA journal_mode=WAL;"
                      "PRAGMA journal_size_limit=4194304; PRAGMA wal_autocheckpoint=1000;");
}

/*
 * SQLite would make it readable for others; what it makes beside it takes after it. A file that is there is not opened: closing it would
 * drop the locks that other connections of this process hold on it (fcntl(2)), and the next process to close the database would then
 * remove the log that they still write to.
 */
static void make_file(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        (void)close(file);
}

int db_open(const struct db_open *how, struct store_db **ret_db, int *ret_trouble) {
    pthread_once(&configured, configure_library);
    struct store_db *db = mem_zalloc(sizeof *db);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                (how->writes ? SQLITE_OPEN_CREATE : 0);
    if (how->writes)
        make_file(how->path);
    int err = db_error(db, sqlite3_open_v2(how->path, &db->sqlite, flags, how->vfs));
    if (err == 0)
        err = set_up(db, how);
    /* SQLite falls back to reading alone by itself. */
    if (err == 0 && how->writes && sqlite3_db_readonly(db->sqlite, "main") == 1)
        err = db_error(db, SQLITE_READONLY);
    *ret_trouble = db->trouble;
    if (err < 0) {
        db_close(db);
        db = NULL;
    }
    *ret_db = db;
    return err;
}

void db_close(struct store_db *db) {
    if (db == NULL)
        return;
    for (int i = 0; i < KEPT_COUNT; i++)
        (void)sqlite3_finalize(db->kept[i]);
    (void)sqlite3_close_v2(db->sqlite);
    db_names_free(db);
    mem_free(db);
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

static int run_kept(struct store_db *db, enum kept_statement which) {
    struct statement statement = db_kept(db, which);
    return statement_run(&statement);
}

int db_begin(struct store_db *db) {
    return run_kept(db, KEPT_BEGIN);
}

int db_commit(struct store_db *db) {
    int err = run_kept(db, KEPT_COMMIT);
    if (err < 0)
        db_rollback(db);
    return err;
}

void db_rollback(struct store_db *db) {
    /* Some errors have rolled back already. */
    if (sqlite3_get_autocommit(db->sqlite) == 0)
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    db->last_request = 0;
    db_names_forget(db);
}

int db_set_full_sync(struct store_db *db, bool full) {
    if (db->full_sync == full)
        return 0;
    int err = db_run(db, full ? "PRAGMA synchronous=FULL;" : "PRAGMA synchronous=NORMAL;");
    if (err == 0)
        db->full_sync = full;
    return err;
}

/* --- statements --------------------------------------------------------------------------------------------------- */

#define ADD_TO(table)                                                                        \
    "INSERT INTO " table " VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(at, series) DO UPDATE SET " \
    "requests=requests+excluded.requests, attempts=attempts+excluded.attempts, "             \
    "input_tokens=input_tokens+excluded.input_tokens, "                                      \
    "output_tokens=output_tokens+excluded.output_tokens, "                                   \
    "waited_ms=waited_ms+excluded.waited_ms, "                                               \
    "duration_ms=duration_ms+excluded.duration_ms, cost=cost+excluded.cost"
#define ADD_TO_LANE(table)                                                                   \
    "INSERT INTO " table " VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(at, lane) DO UPDATE SET " \
    "attempts=attempts+excluded.attempts, "                                                  \
    "charged_input=charged_input+excluded.charged_input, "                                   \
    "charged_output=charged_output+excluded.charged_output, "                                \
    "up_front_input=up_front_input+excluded.up_front_input, "                                \
    "up_front_output=up_front_output+excluded.up_front_output, "                             \
    "inputs=inputs+excluded.inputs, audio_seconds=audio_seconds+excluded.audio_seconds, "    \
    "cost=cost+excluded.cost"

static const char *const kept_sql[KEPT_COUNT] = {
    [KEPT_NAME_FIND] = "SELECT id FROM name WHERE text=?",
    [KEPT_NAME_ADD] = "INSERT INTO name(text) VALUES(?)",
    [KEPT_REQUEST] =
        "INSERT INTO request(id, key, client, endpoint, model, served, provider, account, error, "
        "status, stream, at, queued_ms, first_token_ms, duration_ms, input_tokens, output_tokens, "
        "attempts) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [KEPT_ATTEMPT] =
        "INSERT INTO attempt(request, number, provider, account, model, upstream, outcome, status, "
        "at, waited_ms, duration_ms, input_tokens, output_tokens, charged_input, charged_output, "
        "up_front_input, up_front_output, inputs, audio_seconds, cost, cost_unit) "
        "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [KEPT_SERIES_FIND] = "SELECT id FROM series WHERE client=? AND provider=? AND account=? AND "
                         "model=? AND upstream=? AND outcome=? AND cost_unit=?",
    [KEPT_SERIES_ADD] = "INSERT INTO series(client, provider, account, model, upstream, outcome, "
                        "cost_unit) VALUES(?,?,?,?,?,?,?)",
    [KEPT_MINUTE] = ADD_TO("minute"),
    [KEPT_HOUR] = ADD_TO("hour"),
    [KEPT_DAY] = ADD_TO("day"),
    [KEPT_LANE_FIND] = "SELECT id FROM lane WHERE provider=? AND account=? AND upstream=? AND "
                       "outcome=? AND cost_unit=?",
    [KEPT_LANE_ADD] =
        "INSERT INTO lane(provider, account, upstream, outcome, cost_unit) VALUES(?,?,?,?,?)",
    [KEPT_LANE_MINUTE] = ADD_TO_LANE("lane_minute"),
    [KEPT_LANE_HOUR] = ADD_TO_LANE("lane_hour"),
    [KEPT_LANE_DAY] = ADD_TO_LANE("lane_day"),
    [KEPT_CLIENT_DAY] = "INSERT INTO client_day VALUES(?,?,?,?,?) ON CONFLICT(at, client, outcome) "
                        "DO UPDATE SET requests=requests+excluded.requests, "
                        "tokens=tokens+excluded.tokens",
    [KEPT_POSITION] = "INSERT INTO journal_position(journal, ring, position) VALUES(?,?,?) "
                      "ON CONFLICT(journal, ring) DO UPDATE SET position=excluded.position",
    [KEPT_CELL] = "INSERT OR REPLACE INTO journal_cell VALUES(?,?,?,?,?)",
    [KEPT_CLIENT_USED] = "UPDATE client SET last_used_ms=max(last_used_ms, ?) WHERE id=?",
    [KEPT_BEGIN] = "BEGIN IMMEDIATE",
    [KEPT_COMMIT] = "COMMIT",
    [KEPT_ROLLBACK] = "ROLLBACK",
};

struct statement db_statement(struct store_db *db, const char *sql) {
    struct statement statement = {.db = db};
    statement.code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement.raw, NULL);
    return statement;
}

struct statement db_kept(struct store_db *db, enum kept_statement which) {
    struct statement statement = {.db = db, .kept = true};
    if (db->kept[which] == NULL)
        statement.code = sqlite3_prepare_v3(db->sqlite, kept_sql[which], -1,
                                            SQLITE_PREPARE_PERSISTENT, &db->kept[which], NULL);
    statement.raw = db->kept[which];
    return statement;
}

static void bound(struct statement *statement, int code) {
    if (statement->code == SQLITE_OK)
        statement->code = code;
}

void bind_int(struct statement *statement, uint64_t value) {
    /* Counts beyond 2^63 do not exist; a peer's number must not become a negative one. */
    int64_t number = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    bound(statement, sqlite3_bind_int64(statement->raw, ++statement->bound, number));
}

void bind_null(struct statement *statement) {
    bound(statement, sqlite3_bind_null(statement->raw, ++statement->bound));
}

void bind_text(struct statement *statement, struct span text) {
    bound(statement,
          sqlite3_bind_text64(statement->raw, ++statement->bound, text.len > 0 ? text.ptr : "",
                              text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void bind_text_or_null(struct statement *statement, struct span text) {
    if (span_absent(text))
        bind_null(statement);
    else
        bind_text(statement, text);
}

void bind_blob(struct statement *statement, struct span bytes) {
    bound(statement, sqlite3_bind_blob64(statement->raw, ++statement->bound,
                                         bytes.len > 0 ? bytes.ptr : "", bytes.len, SQLITE_STATIC));
}

int statement_step(struct statement *statement) {
    if (statement->code == SQLITE_OK) {
        int code = sqlite3_step(statement->raw);
        if (code == SQLITE_ROW)
            return 1;
        if (code == SQLITE_DONE)
            return 0;
        statement->code = code;
    }
    return db_error(statement->db, statement->code);
}

void statement_again(struct statement *statement) {
    (void)sqlite3_reset(statement->raw);
    statement->bound = 0;
}

void statement_done(struct statement *statement) {
    if (statement->kept)
        (void)sqlite3_reset(statement->raw);
    else
        (void)sqlite3_finalize(statement->raw);
    statement->raw = NULL;
}

int statement_run(struct statement *statement) {
    int err = statement_step(statement);
    while (err > 0)
        err = statement_step(statement);
    statement_done(statement);
    return err;
}

int statement_change_one(struct statement *statement) {
    struct store_db *db = statement->db;
    int err = statement_run(statement);
    return err == 0 && sqlite3_changes(db->sqlite) == 0 ? ERR_NOT_FOUND : err;
}

struct span column_span(const struct statement *statement, int column) {
    const void *bytes = sqlite3_column_blob(statement->raw, column);
    if (sqlite3_column_type(statement->raw, column) == SQLITE_NULL)
        return SPAN_NONE;
    return span_of(bytes != NULL ? bytes : "",
                   (size_t)sqlite3_column_bytes(statement->raw, column));
}
