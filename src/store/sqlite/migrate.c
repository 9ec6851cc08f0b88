// SPDX-License-Identifier: Apache-2.0
/*
 * The tables, as a list of steps from an empty file to today's. A step that was released is never changed; what is to be different
 * becomes another step. SQLite's user_version counts the steps that a file has had.
 *
 * Times are milliseconds since 1970 UTC, durations milliseconds. A request's id grows with the time it ended (record.c), so that
 * "newest first", "since" and "older than" are ranges of the table itself. Numbers named like a name (client, provider, ...) are
 * rows of the dictionary, 0 for none.
 *
 * Promises: all steps or none; a file of a newer program, or of another one, is left alone.
 */
#include "base/check.h"
#include "store/sqlite/db.h"

#include <stdio.h>

#define APPLICATION_ID 0x50415049 /* "PAPI" */

/* Requests, their attempts, and the dictionary they are written with; who used what, where and how. */
#define RECORD_TABLES                                                                       \
    "CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"          \
    "CREATE TABLE request(id INTEGER PRIMARY KEY, key TEXT NOT NULL, client INTEGER, "      \
    "endpoint INTEGER NOT NULL, model TEXT, served INTEGER, provider INTEGER, account "     \
    "INTEGER NOT NULL, error INTEGER, status INTEGER NOT NULL, stream INTEGER NOT NULL, "   \
    "at INTEGER NOT NULL, queued_ms INTEGER NOT NULL, first_token_ms INTEGER, duration_ms " \
    "INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, "     \
    "attempts INTEGER NOT NULL) STRICT;"                                                    \
    "CREATE INDEX request_key ON request(key);"                                             \
    "CREATE INDEX request_client ON request(client) WHERE client IS NOT NULL;"              \
    "CREATE INDEX request_provider ON request(provider) WHERE provider IS NOT NULL;"        \
    "CREATE INDEX request_failed ON request(id) WHERE error IS NOT NULL;"                   \
    "CREATE TABLE attempt(request INTEGER NOT NULL, number INTEGER NOT NULL, provider "     \
    "INTEGER NOT NULL, account INTEGER NOT NULL, model INTEGER NOT NULL, upstream INTEGER " \
    "NOT NULL, outcome INTEGER NOT NULL, status INTEGER NOT NULL, at INTEGER NOT NULL, "    \
    "waited_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL, input_tokens INTEGER NOT "   \
    "NULL, output_tokens INTEGER NOT NULL, charged_input INTEGER NOT NULL, charged_output " \
    "INTEGER NOT NULL, up_front_input INTEGER NOT NULL, up_front_output INTEGER NOT NULL, " \
    "inputs INTEGER NOT NULL, audio_seconds INTEGER NOT NULL, cost INTEGER NOT NULL, "      \
    "cost_unit INTEGER NOT NULL, PRIMARY KEY(request, number)) STRICT, WITHOUT ROWID;"      \
    "CREATE TABLE series(id INTEGER PRIMARY KEY, client INTEGER NOT NULL, provider "        \
    "INTEGER NOT NULL, account INTEGER NOT NULL, model INTEGER NOT NULL, upstream INTEGER " \
    "NOT NULL, outcome INTEGER NOT NULL, cost_unit INTEGER NOT NULL, UNIQUE(client, "       \
    "provider, account, model, upstream, outcome, cost_unit)) STRICT;"
/* A series in a period. */
#define PERIOD_TABLE(name)                                                                  \
    "CREATE TABLE " name "(at INTEGER NOT NULL, series INTEGER NOT NULL, "                  \
    "requests INTEGER NOT NULL, attempts INTEGER NOT NULL, input_tokens INTEGER NOT NULL, " \
    "output_tokens INTEGER NOT NULL, waited_ms INTEGER NOT NULL, "                          \
    "duration_ms INTEGER NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY(at, series)) "        \
    "STRICT, WITHOUT ROWID;"
/* What providers charged, whoever it was for: what windows are seeded with. */
#define LANES                                                                         \
    "CREATE TABLE lane(id INTEGER PRIMARY KEY, provider INTEGER NOT NULL, "           \
    "account INTEGER NOT NULL, upstream INTEGER NOT NULL, outcome INTEGER NOT NULL, " \
    "cost_unit INTEGER NOT NULL, "                                                    \
    "UNIQUE(provider, account, upstream, outcome, cost_unit)) STRICT;"
#define LANE_TABLE(name)                                                             \
    "CREATE TABLE " name "(at INTEGER NOT NULL, lane INTEGER NOT NULL, "             \
    "attempts INTEGER NOT NULL, charged_input INTEGER NOT NULL, "                    \
    "charged_output INTEGER NOT NULL, up_front_input INTEGER NOT NULL, "             \
    "up_front_output INTEGER NOT NULL, inputs INTEGER NOT NULL, "                    \
    "audio_seconds INTEGER NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY(at, lane)) " \
    "STRICT, WITHOUT ROWID;"
#define TOTAL_TABLES                                   \
    PERIOD_TABLE("minute")                             \
    PERIOD_TABLE("hour")                               \
    PERIOD_TABLE("day")                                \
    LANES LANE_TABLE("lane_minute") LANE_TABLE("lane_" \
                                               "hour")
/* What windows of days and months are seeded with, so that a start reads days where it would read hours: lanes, and clients. */
#define LONG_TABLES                                                                          \
    LANE_TABLE("lane_day")                                                                   \
    "INSERT INTO lane_day SELECT at-at%86400000, lane, sum(attempts), sum(charged_input), "  \
    "sum(charged_output), sum(up_front_input), sum(up_front_output), sum(inputs), "          \
    "sum(audio_seconds), sum(cost) FROM lane_hour GROUP BY 1, 2;"                            \
    "CREATE TABLE client_day(at INTEGER NOT NULL, client INTEGER NOT NULL, outcome INTEGER " \
    "NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY(at, client, " \
    "outcome)) STRICT, WITHOUT ROWID;"                                                       \
    "INSERT INTO client_day SELECT d.at, s.client, s.outcome, sum(d.requests), "             \
    "sum(d.input_tokens+d.output_tokens) FROM day d JOIN series s ON s.id=d.series WHERE "   \
    "s.client<>0 AND s.provider<>0 GROUP BY 1, 2, 3;"
/* How far the journal was taken over. */
#define JOURNAL_TABLES                                                                   \
    "CREATE TABLE journal_position(journal INTEGER NOT NULL, ring INTEGER NOT NULL, "    \
    "position INTEGER NOT NULL, PRIMARY KEY(journal, ring)) STRICT, WITHOUT ROWID;"      \
    "CREATE TABLE journal_cell(journal INTEGER NOT NULL, ring INTEGER NOT NULL, cell "   \
    "INTEGER NOT NULL, turn INTEGER NOT NULL, sums BLOB NOT NULL, PRIMARY KEY(journal, " \
    "ring, cell)) STRICT, WITHOUT ROWID;"
/* What administrators change. */
#define ADMIN_TABLES                                                                       \
    "CREATE TABLE client(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT "  \
    "NOT NULL, role TEXT, priority TEXT, data_use TEXT, team TEXT, weight INTEGER NOT "    \
    "NULL, requests_per_minute INTEGER NOT NULL, requests_per_day INTEGER NOT NULL, "      \
    "requests_per_month INTEGER NOT NULL, tokens_per_minute INTEGER NOT NULL, "            \
    "tokens_per_day INTEGER NOT NULL, tokens_per_month INTEGER NOT NULL, concurrency "     \
    "INTEGER NOT NULL, models TEXT, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT "  \
    "NULL, revoked_ms INTEGER NOT NULL, last_used_ms INTEGER NOT NULL) STRICT;"            \
    "CREATE TABLE client_key(hash BLOB PRIMARY KEY, client TEXT NOT NULL REFERENCES "      \
    "client(id) ON DELETE CASCADE, place INTEGER NOT NULL, until_ms INTEGER NOT NULL) "    \
    "STRICT, WITHOUT ROWID;"                                                               \
    "CREATE INDEX client_key_client ON client_key(client);"                                \
    "CREATE TABLE provider_key(number INTEGER PRIMARY KEY, provider TEXT NOT NULL, "       \
    "account TEXT NOT NULL, fingerprint TEXT NOT NULL, billing TEXT, sealed BLOB NOT "     \
    "NULL, created_ms INTEGER NOT NULL, UNIQUE(provider, account, fingerprint)) STRICT;"   \
    "CREATE TABLE provider_pause(provider TEXT NOT NULL, account TEXT NOT NULL, since_ms " \
    "INTEGER NOT NULL, PRIMARY KEY(provider, account)) STRICT, WITHOUT ROWID;"             \
    "CREATE TABLE note(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"

static const char *const steps[] = {
    RECORD_TABLES TOTAL_TABLES JOURNAL_TABLES ADMIN_TABLES,
    LONG_TABLES,
};

static int read_number(struct store_db *db, const char *sql, uint64_t *ret_number) {
    struct statement statement = db_statement(db, sql);
    int err = statement_step(&statement);
    if (err > 0)
        *ret_number = column_int(&statement, 0);
    statement_done(&statement);
    return err < 0 ? err : 0;
}

static int take_step(struct store_db *db, uint64_t step) {
    char sql[96];
    int err = db_run(db, steps[step]);
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%u; PRAGMA application_id=%u;",
                   (unsigned)step + 1, APPLICATION_ID);
    return err < 0 ? err : db_run(db, sql);
}

int db_migrate(struct store_db *db) {
    uint64_t version = 0, application = 0, tables = 0;
    int err = read_number(db, "PRAGMA user_version", &version);
    if (err == 0)
        err = read_number(db, "PRAGMA application_id", &application);
    if (err == 0)
        err = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (err < 0)
        return err;
    if (version > array_length(steps) || (tables > 0 && application != APPLICATION_ID))
        return ERR_UNSUPPORTED;
    if (version == array_length(steps))
        return 0;
    err = db_begin(db);
    for (uint64_t step = version; err == 0 && step < array_length(steps); step++)
        err = take_step(db, step);
    if (err == 0)
        return db_commit(db);
    db_rollback(db);
    return err;
}
