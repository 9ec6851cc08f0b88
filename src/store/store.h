// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The store: what PAPI remembers. One database, one thread that writes, one that reads, and a journal through which loops hand
 * over records of requests without waiting (record.h).
 *
 * A disk that is full, failing or locked, or a damaged database, never stops anybody: opening succeeds, jobs are refused with
 * ERR_STORE, records rest in the journal, store_state says why, and the store comes back by itself. A damaged database is put
 * aside beside its place ("papi.db.corrupt-<time>") and a new one begun. docs/internals/storage.md tells the whole.
 *
 * All functions take NULL for a store: it is the one that is off.
 */
#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_db; /* a connection; handed to jobs, on the store's threads only */

#define STORE_PATH_BYTES   1024
#define STORE_REASON_BYTES 192

enum store_kind { STORE_OFF, STORE_SQLITE };
struct store_url {
    enum store_kind kind;
    char path[STORE_PATH_BYTES]; /* of the database; absolute when data_dir was */
};
/* "off"; "sqlite:" = DATA/papi.db; "sqlite:/abs/path". ERR_UNSUPPORTED: another scheme; ERR_INVALID: a path that is not
 * absolute, or holds a NUL; ERR_TOO_LARGE. */
int store_url_parse(struct span url, const char *data_dir, struct store_url *ret_url) WARN_UNUSED;

struct store_keep { /* days; 0 = for ever */
    uint32_t requests_days, minutes_days, hours_days, days_days;
};

struct store_config {
    const char *path;              /* of the database; NULL = off */
    const char *journal_path;      /* NULL = "journal" in the database's folder */
    uint32_t loop_count;           /* who calls store_record; 1..STORE_LOOPS_MAX */
    uint32_t ring_kib;             /* of the journal, for each loop */
    uint32_t cache_kib;            /* page cache of a connection */
    uint32_t jobs_most;            /* waiting on one side; more are refused with ERR_BUSY */
    uint32_t batch_ms, batch_rows; /* records are committed that often, or that many at once */
    uint32_t busy_ms;              /* how long another process' lock is waited for */
    uint32_t retry_ms;             /* between two tries of a store that is down */
    uint32_t slice_rows, slice_ms; /* retention: rows a turn, and the pause between turns */
    struct store_keep keep;
    const char *vfs; /* SQLite's file layer by name; NULL = its own. For tests. */
};

#define STORE_LOOPS_MAX 64

void store_config_default(struct store_config *ret_config);
/* Opens, migrates, takes over what the journal of the last run holds, starts the threads. Fails only for memory, threads and a
 * config out of range; everything about disks is a state, not an error. *ret_store is NULL when config->path is. */
int store_open(const struct store_config *config, struct store **ret_store) WARN_UNUSED;
/* After the last store_record. Jobs that wait are still run, what is in the journal is written. */
void store_close(struct store *store);
/* Changeable at any time. */
void store_set_keep(struct store *store, const struct store_keep *keep);

enum store_side {
    STORE_READ, /* must not write */
    STORE_WRITE /* one transaction a job: rolled back when run fails, else durable before `done` */
};

/* Something to do on a thread of the store. Owner: the caller, until `done`, which is called exactly once for every job that
 * was taken, on the store's thread; it posts to the caller's loop and must not block. */
struct store_job {
    int (*run)(struct store_db *db, struct store_job *job); /* 0 or an error, which `done` gets */
    void (*done)(struct store_job *job, int err);
    struct store_job *next; /* the store's */
};
/* Any thread. ERR_BUSY: too many wait; ERR_UNSUPPORTED: the store is off; ERR_CANCELLED: it is closing. `done` with ERR_STORE: it
 * is down, see store_state; nothing was done. */
int store_submit(struct store *store, enum store_side side, struct store_job *job) WARN_UNUSED;
/* The same, waiting for the end: while starting and in tests, never on a loop. */
int store_run(struct store *store, enum store_side side,
              int (*run)(struct store_db *db, void *context), void *context) WARN_UNUSED;

/* The same; `then` (NULL = nothing) stands for `done`: before it returns, on the store's thread, so that no other job of that side comes
 * between; not called when the job was not taken. */
int store_run_then(struct store *store, enum store_side side,
                   int (*run)(struct store_db *db, void *context),
                   void (*then)(void *context, int err), void *context) WARN_UNUSED;

enum store_condition { STORE_IS_OFF, STORE_IS_OK, STORE_IS_DEGRADED };
struct store_state {
    enum store_condition condition;
    char reason[STORE_REASON_BYTES];  /* why it is degraded, for people; else "" */
    uint64_t bytes;                   /* database, its WAL and the journal */
    uint64_t recorded;                /* requests handed over since start */
    uint64_t written;                 /* requests in the database since start */
    uint64_t details_dropped;         /* requests whose row was dropped; their totals were not */
    char set_aside[STORE_PATH_BYTES]; /* a damaged database of this run; else "" */
};
/* Any thread; no I/O. */
void store_state(struct store *store, struct store_state *ret_state);
const char *store_condition_word(enum store_condition condition); /* "off", "ok", "degraded" */
