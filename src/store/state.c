// SPDX-License-Identifier: Apache-2.0
/*
 * How the store is doing, for people.
 *
 * Promises: a change is logged once, not each time it is found again. Leaves to others: finding out.
 */
#include "base/check.h"
#include "base/clock.h"
#include "obs/log.h"
#include "store/parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    int code; /* SQLite's primary code */
    const char *text;
} reasons[] = {
    {SQLITE_FULL, "the disk is full"},
    {SQLITE_IOERR, "the disk fails"},
    {SQLITE_BUSY, "another process holds the database"},
    {SQLITE_LOCKED, "another process holds the database"},
    {SQLITE_PROTOCOL, "another process holds the database"},
    {SQLITE_CORRUPT, "the database is damaged"},
    {SQLITE_NOTADB, "the database is damaged"},
    {SQLITE_CANTOPEN, "the database cannot be opened"},
    {SQLITE_READONLY, "the database or its folder cannot be written"},
    {SQLITE_PERM, "the database or its folder cannot be written"},
    {SQLITE_AUTH, "the database or its folder cannot be written"},
    {SQLITE_NOMEM, "out of memory"},
};

static const char *reason_of(int trouble) {
    for (size_t i = 0; i < array_length(reasons); i++)
        if (reasons[i].code == (trouble & 0xff))
            return reasons[i].text;
    return "the database refused";
}

void state_degraded_text(struct store *store, const char *reason) {
    pthread_mutex_lock(&store->state_lock);
    bool news = store->state.condition != STORE_IS_DEGRADED ||
                strncmp(store->state.reason, reason, sizeof store->state.reason - 1) != 0;
    store->state.condition = STORE_IS_DEGRADED;
    (void)snprintf(store->state.reason, sizeof store->state.reason, "%s", reason);
    pthread_mutex_unlock(&store->state_lock);
    if (news)
        log_event(LOG_ERROR, "store.degraded", "reason=\"%s\" file=\"%s\"", reason, store->path);
}

void state_degraded(struct store *store, int trouble) {
    char reason[STORE_REASON_BYTES];
    (void)snprintf(reason, sizeof reason, "%s (SQLite code %d)", reason_of(trouble), trouble);
    state_degraded_text(store, reason);
}

void state_recovered(struct store *store) {
    pthread_mutex_lock(&store->state_lock);
    bool news = store->state.condition == STORE_IS_DEGRADED;
    store->state.condition = STORE_IS_OK;
    store->state.reason[0] = '\0';
    pthread_mutex_unlock(&store->state_lock);
    if (news)
        log_event(LOG_INFO, "store.recovered", "file=\"%s\"", store->path);
}

void state_written(struct store *store, uint64_t requests) {
    pthread_mutex_lock(&store->state_lock);
    store->state.written += requests;
    pthread_mutex_unlock(&store->state_lock);
}

static uint64_t file_bytes(const char *path, const char *suffix) {
    char name[STORE_PATH_BYTES + 16];
    struct stat status;
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &status) == 0 ? (uint64_t)status.st_size : 0;
}

void state_size(struct store *store) {
    uint64_t bytes = file_bytes(store->path, "") + file_bytes(store->path, "-wal") +
                     file_bytes(store->path, "-shm") + journal_bytes(store->journal);
    pthread_mutex_lock(&store->state_lock);
    store->state.bytes = bytes;
    pthread_mutex_unlock(&store->state_lock);
}

void store_state(struct store *store, struct store_state *ret_state) {
    if (store == NULL) {
        *ret_state = (struct store_state){.condition = STORE_IS_OFF};
        return;
    }
    pthread_mutex_lock(&store->state_lock);
    *ret_state = store->state;
    pthread_mutex_unlock(&store->state_lock);
    ret_state->recorded = journal_recorded(store->journal);
    ret_state->details_dropped = journal_dropped(store->journal);
}

const char *store_condition_word(enum store_condition condition) {
    static const char *const words[] = {
        [STORE_IS_OFF] = "off", [STORE_IS_OK] = "ok", [STORE_IS_DEGRADED] = "degraded"};
    check((size_t)condition < array_length(words));
    return words[condition];
}
