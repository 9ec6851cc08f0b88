// SPDX-License-Identifier: Apache-2.0
/*
 * A damaged database: put aside under another name, beside its place, so that nothing is lost that somebody could still repair;
 * then what can be read of it and would be missed is taken over: clients, sealed keys, pauses, notes.
 *
 * Why row by row: a statement that meets a damaged page undoes what it has done; rows before that page are worth having.
 * Promises: never deletes a database; says loudly what happened. Leaves to others: that this does not happen again and again
 * (writer.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "obs/log.h"
#include "store/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool damage_is(int trouble) {
    return (trouble & 0xff) == SQLITE_CORRUPT || (trouble & 0xff) == SQLITE_NOTADB;
}

static bool move_file(const char *from, const char *to, const char *suffix) {
    char source[STORE_PATH_BYTES + 16], target[STORE_PATH_BYTES + 16];
    (void)snprintf(source, sizeof source, "%s%s", from, suffix);
    (void)snprintf(target, sizeof target, "%s%s", to, suffix);
    return rename(source, target) == 0 || errno == ENOENT;
}

/* "papi.db.corrupt-20261124T101112345Z" */
static int name_aside(const char *path, char *ret_name) {
    char time[32], digits[32];
    size_t length = 0;
    clock_format_rfc3339(clock_wall_ms(), time, sizeof time);
    for (const char *c = time; *c != '\0'; c++)
        if (strchr("-:.", *c) == NULL)
            digits[length++] = *c;
    digits[length] = '\0';
    int written = snprintf(ret_name, STORE_PATH_BYTES, "%s.corrupt-%s", path, digits);
    return written < STORE_PATH_BYTES ? 0 : ERR_TOO_LARGE;
}

int damage_set_aside(struct store *store) {
    char name[STORE_PATH_BYTES], shared[STORE_PATH_BYTES + 8];
    int err = name_aside(store->path, name);
    if (err < 0)
        return err;
    if (!move_file(store->path, name, "-wal") || !move_file(store->path, name, ""))
        return ERR_SYSTEM;
    (void)snprintf(shared, sizeof shared, "%s-shm", store->path);
    (void)unlink(shared);
    pthread_mutex_lock(&store->state_lock);
    (void)snprintf(store->state.set_aside, sizeof store->state.set_aside, "%s", name);
    pthread_mutex_unlock(&store->state_lock);
    log_event(LOG_ERROR, "store.corrupt",
              "file=\"%s\" kept_as=\"%s\" what=\"the database was damaged: it was put aside and a "
              "new one begun\"",
              store->path, name);
    return 0;
}

/* What each table's rows are taken by, and how many values a row has. */
static const struct {
    const char *name, *read, *write;
    int columns;
} tables[] = {
    {"client",
     "SELECT number, id, name, role, priority, data_use, team, weight, requests_per_minute, "
     "requests_per_day, requests_per_month, tokens_per_minute, tokens_per_day, tokens_per_month, "
     "concurrency, models, created_ms, expires_ms, revoked_ms, last_used_ms FROM damaged.client",
     "INSERT OR IGNORE INTO main.client VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", 20},
    {"client_key", "SELECT hash, client, place, until_ms FROM damaged.client_key",
     "INSERT OR IGNORE INTO main.client_key VALUES(?,?,?,?)", 4},
    {"provider_key",
     "SELECT number, provider, account, fingerprint, billing, sealed, created_ms "
     "FROM damaged.provider_key",
     "INSERT OR IGNORE INTO main.provider_key VALUES(?,?,?,?,?,?,?)", 7},
    {"provider_pause", "SELECT provider, account, since_ms FROM damaged.provider_pause",
     "INSERT OR IGNORE INTO main.provider_pause VALUES(?,?,?)", 3},
    {"note", "SELECT name, value FROM damaged.note", "INSERT OR IGNORE INTO main.note VALUES(?,?)",
     2},
};

static bool copy_row(struct statement *read, struct statement *write, int columns) {
    for (int i = 0; i < columns; i++)
        if (sqlite3_bind_value(write->raw, i + 1, sqlite3_column_value(read->raw, i)) != SQLITE_OK)
            return false;
    /* A row that does not fit (a key whose client is lost) is left out; the others go on. */
    bool written = statement_step(write) == 0;
    write->code = SQLITE_OK;
    (void)sqlite3_reset(write->raw);
    return written;
}

static void copy_table(struct store_db *db, size_t index) {
    uint32_t rows = 0;
    struct statement read = db_statement(db, tables[index].read);
    struct statement write = db_statement(db, tables[index].write);
    int more = write.code == SQLITE_OK ? statement_step(&read) : ERR_STORE;
    for (; more > 0; more = statement_step(&read))
        rows += copy_row(&read, &write, tables[index].columns) ? 1 : 0;
    statement_done(&read);
    statement_done(&write);
    log_event(more < 0 ? LOG_ERROR : LOG_WARN, "store.salvaged", "table=%s rows=%u all=%s",
              tables[index].name, rows, more < 0 ? "no" : "yes");
}

void damage_salvage(struct store *store, struct store_db *db) {
    struct store_state state;
    store_state(store, &state);
    if (state.set_aside[0] == '\0')
        return;
    struct statement attach = db_statement(db, "ATTACH ? AS damaged");
    bind_text(&attach, span_text(state.set_aside));
    int err = statement_run(&attach);
    for (size_t i = 0; err == 0 && i < array_length(tables); i++)
        copy_table(db, i);
    if (err == 0)
        err = db_run(db, "DETACH damaged");
    if (err < 0)
        log_event(LOG_ERROR, "store.salvage_failed", "file=\"%s\"", state.set_aside);
    db_forget_trouble(db);
}
