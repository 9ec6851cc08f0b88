// SPDX-License-Identifier: Apache-2.0
/*
 * Looking at a database without being its owner.
 *
 * Why a connection of its own and not the store: the store repairs, migrates and sets aside what it cannot use, and whoever only wants
 * to know must not cause that. The connection reads only; a gateway that runs meanwhile goes on, since WAL lets readers beside the
 * writer. Promises: ends by its deadline (SQLite asks every few thousand steps). Leaves to others: what is done about it.
 */
#include "store/look.h"

#include "base/clock.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEPS_BETWEEN 5000
#define BUSY_MS       1000

struct watch {
    uint64_t deadline_ns;
};

static int is_late(void *context) {
    const struct watch *watch = context;
    return clock_mono_ns() >= watch->deadline_ns;
}

static void tell(struct store_look *look, enum store_sight sight, const char *says) {
    look->sight = sight;
    (void)snprintf(look->says, sizeof look->says, "%s", says);
}

/* "ok", or the first thing that is wrong. */
static void check_pages(sqlite3 *db, struct store_look *look) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const char *word = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (code == SQLITE_INTERRUPT)
        tell(look, STORE_SIGHT_PARTLY, "");
    else if (word != NULL && strcmp(word, "ok") == 0)
        tell(look, STORE_SIGHT_WHOLE, "");
    else if (word != NULL)
        tell(look, STORE_SIGHT_DAMAGED, word);
    else if ((code & 0xff) == SQLITE_CORRUPT)
        tell(look, STORE_SIGHT_DAMAGED, sqlite3_errmsg(db));
    else
        tell(look, STORE_SIGHT_UNREADABLE, sqlite3_errmsg(db));
    (void)sqlite3_finalize(statement);
}

static uint32_t count_keys(sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    uint32_t count = 0;
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM provider_key", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        count = (uint32_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return count;
}

void store_look(const char *path, uint64_t deadline_ns, struct store_look *ret) {
    struct watch watch = {deadline_ns};
    sqlite3 *db = NULL;
    *ret = (struct store_look){.sight = STORE_SIGHT_WHOLE};
    if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        ret->sight = STORE_SIGHT_ABSENT;
        return;
    }
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        tell(ret, STORE_SIGHT_UNREADABLE, db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    } else {
        (void)sqlite3_busy_timeout(db, BUSY_MS);
        sqlite3_progress_handler(db, STEPS_BETWEEN, is_late, &watch);
        ret->sealed_keys = count_keys(db);
        check_pages(db, ret);
    }
    (void)sqlite3_close(db);
}
