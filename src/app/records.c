// SPDX-License-Identifier: Apache-2.0
/*
 * The store of a running gateway, from the settings to the end.
 *
 * Why here: config knows no store and the store knows no config. Promises: every setting of `store` arrives; what a disk does
 * wrong is told once in the log and keeps nobody from being served. Leaves to others: charging limits with what is remembered
 * (seed.c), what is recorded (gateway/record.c).
 */
#include "app/records.h"

#include "base/clock.h"

#include "app/app_parts.h"
#include "obs/log.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Whole days, rounded up: nothing goes earlier than was asked for. */
static uint32_t days_of(uint64_t ms) {
    return (uint32_t)((ms + MS_PER_DAY - 1) / MS_PER_DAY);
}

static struct store_keep keep_of(const struct config *config) {
    return (struct store_keep){.requests_days = days_of(config->keep_requests_ms),
                               .minutes_days = days_of(config->keep_minutes_ms),
                               .hours_days = days_of(config->keep_hours_ms),
                               .days_days = days_of(config->keep_days_ms)};
}

static void tell_state(struct store *store) {
    struct store_state state;
    store_state(store, &state);
    if (state.set_aside[0] != '\0')
        log_event(LOG_ERROR, "store.damaged", "set_aside=%s", state.set_aside);
    if (state.condition == STORE_IS_DEGRADED)
        log_event(LOG_ERROR, "store.degraded", "reason=\"%s\"", state.reason);
}

/* The journal lies beside the database. Not asked of the configuration, which a reload replaces while other threads ask here. */
static bool folder_of(const struct app *app, char *text, size_t size) {
    const char *path = app->store_path != NULL ? app->store_path : "";
    const char *slash = strrchr(path, '/');
    int length = slash != NULL ? (int)(slash - path) + 1 : 0;
    int wrote = snprintf(text, size, "%.*s", length, path);
    return wrote > 0 && (size_t)wrote < size;
}

static bool journal_path(const struct app *app, char *text, size_t size) {
    size_t used = folder_of(app, text, size) ? strlen(text) : size;
    return used + sizeof "journal" <= size && snprintf(text + used, size - used, "journal") > 0;
}

/* Where the journal of a process lies that lets another one take over. */
static bool aside_path(const struct app *app, pid_t pid, char *text, size_t size) {
    size_t used = journal_path(app, text, size) ? strlen(text) : size;
    if (used >= size)
        return false;
    int wrote = snprintf(text + used, size - used, ".%ld", (long)pid);
    return wrote > 0 && (size_t)wrote < size - used;
}

int records_start(struct app *app) {
    const struct config *config = app->now->settings.config;
    struct store_config store_config;
    struct store_url url;
    int err = store_url_parse(config->store_url, app->data_dir, &url);
    if (err == 0 && url.kind == STORE_OFF)
        return 0;
    app->store_path = err == 0 ? arena_format(&app->arena, "%s", url.path) : NULL;
    store_config_default(&store_config);
    store_config.path = url.path;
    store_config.loop_count = loops_wanted(app);
    store_config.keep = keep_of(config);
    if (err == 0 && app->heir.fd < 0)
        records_adopt(app, 0); /* those of a keeper that still runs are its own */
    if (err == 0)
        err = store_open(&store_config, &app->store);
    if (err < 0)
        return app_fail("not started: the store %.*s cannot be set up: %s; `store: {url: off}` "
                        "goes without",
                        SPAN_ARG(config->store_url), err_text(err));
    tell_state(app->store);
    return 0;
}

/* After the loops: the last request was recorded. */
void records_stop(struct app *app) {
    char aside[STORE_PATH_BYTES + 32];
    store_close(app->store); /* what its journal held is in the database now */
    app->store = NULL;
    if (app->store_aside && aside_path(app, getpid(), aside, sizeof aside))
        (void)unlink(aside);
}

/* --- two processes with one database, while one takes over from the other --- */

/* Jobs are served between two turns of the writer: behind the second one everything recorded before the first is written. */
static int do_nothing(struct store_db *db, void *context) {
    (void)db;
    (void)context;
    return 0;
}

void records_settle(struct store *store) {
    for (int i = 0; i < 2; i++) {
        int err = store_run(store, STORE_WRITE, do_nothing, NULL);
        if (err < 0)
            log_event(LOG_WARN, "store.behind", "error=\"%s\"", err_text(err));
    }
}

int records_set_aside(struct app *app) {
    char path[STORE_PATH_BYTES + 32], aside[STORE_PATH_BYTES + 32];
    if (app->store == NULL)
        return 0;
    if (!journal_path(app, path, sizeof path) || !aside_path(app, getpid(), aside, sizeof aside))
        return ERR_TOO_LARGE;
    records_settle(app->store);
    /* It may be in memory only, on a disk that failed. */
    if (rename(path, aside) < 0 && errno != ENOENT)
        return ERR_SYSTEM;
    app->store_aside = true;
    return 0;
}

void records_set_back(struct app *app) {
    char path[STORE_PATH_BYTES + 32], aside[STORE_PATH_BYTES + 32];
    if (!app->store_aside)
        return;
    if (journal_path(app, path, sizeof path) && aside_path(app, getpid(), aside, sizeof aside) &&
        rename(aside, path) < 0 && errno != ENOENT)
        log_event(LOG_ERROR, "upgrade.journal_lost_name", "file=%s", aside);
    app->store_aside = false;
}

/* The number behind "journal." of a file, 0 when it is none of these. */
static uint64_t pid_of(const char *name) {
    struct span text = span_text(name);
    uint64_t pid;
    if (!span_starts_with(text, "journal."))
        return 0;
    return span_to_u64(span_of(text.ptr + 8, text.len - 8), &pid) && pid <= INT_MAX ? pid : 0;
}

static void adopt(const struct app *app, const char *path) {
    struct store_config config;
    struct store *store;
    store_config_default(&config);
    config.path = app->store_path;
    config.journal_path = path;
    config.keep = (struct store_keep){0}; /* nothing goes meanwhile */
    int err = store_open(&config, &store);
    if (err < 0) {
        log_event(LOG_ERROR, "store.journal_left", "file=%s error=\"%s\"", path, err_text(err));
        return;
    }
    struct store_state state;
    store_state(store, &state);
    store_close(store);
    if (state.condition == STORE_IS_OK)
        (void)unlink(path);
    log_event(LOG_INFO, "store.journal_adopted", "file=%s", path);
}

void records_adopt(struct app *app, int gone_pid) {
    char path[STORE_PATH_BYTES + 32];
    if (!folder_of(app, path, sizeof path))
        return;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        uint64_t pid = pid_of(entry->d_name);
        bool left =
            pid > 0 && ((int)pid == gone_pid || (kill((pid_t)pid, 0) < 0 && errno == ESRCH));
        if (left && aside_path(app, (pid_t)pid, path, sizeof path))
            adopt(app, path);
    }
    if (folder != NULL)
        (void)closedir(folder);
}

void records_keep(struct store *store, const struct config *config) {
    const struct store_keep keep = keep_of(config);
    store_set_keep(store, &keep);
}
