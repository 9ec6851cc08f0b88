// SPDX-License-Identifier: Apache-2.0
/*
 * The store as others see it: opened, asked, told, closed.
 *
 * The first turn of the writing side runs on the caller's thread, before there is another: what the last run left in the journal is
 * then in the database when the caller reads what windows are to be seeded with. Promises: nothing but that first turn ever
 * makes a caller wait for a disk, and store_run. Leaves to others: the threads (reader.c, writer.c), the journal, SQLite.
 */
#include "store/store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/parts.h"

#include <stdio.h>
#include <string.h>

void store_config_default(struct store_config *ret_config) {
    *ret_config = (struct store_config){
        .loop_count = 1,
        .ring_kib = 512,
        .cache_kib = 512,
        .jobs_most = 256,
        .batch_ms = 200,
        .batch_rows = 1000,
        .busy_ms = 100,
        .retry_ms = 1000,
        .slice_rows = 500,
        .slice_ms = 100,
        .keep = {.requests_days = 30, .minutes_days = 3, .hours_days = 400, .days_days = 0},
    };
}

static int keep_paths(struct store *store, const struct store_config *config) {
    const char *slash = strrchr(config->path, '/');
    int folder = slash != NULL ? (int)(slash - config->path) + 1 : 0;
    int length = snprintf(store->path, sizeof store->path, "%s", config->path);
    if (length <= 0 || (size_t)length >= sizeof store->path)
        return ERR_TOO_LARGE;
    length =
        config->journal_path != NULL
            ? snprintf(store->journal_path, sizeof store->journal_path, "%s", config->journal_path)
            : snprintf(store->journal_path, sizeof store->journal_path, "%.*sjournal", folder,
                       config->path);
    store->config.path = store->path;
    store->config.journal_path = store->journal_path;
    return (size_t)length < sizeof store->journal_path ? 0 : ERR_TOO_LARGE;
}

static int check_config(const struct store_config *config) {
    bool fine = config->loop_count >= 1 && config->loop_count <= STORE_LOOPS_MAX &&
                config->ring_kib >= JOURNAL_RING_KIB_MIN &&
                config->ring_kib <= JOURNAL_RING_KIB_MAX && config->cache_kib >= 64 &&
                config->jobs_most >= 1 && config->batch_rows >= 1 && config->slice_rows >= 1;
    return fine ? 0 : ERR_RANGE;
}

void store_set_keep(struct store *store, const struct store_keep *keep) {
    if (store == NULL)
        return;
    const uint32_t days[] = {keep->requests_days, keep->minutes_days, keep->hours_days,
                             keep->days_days};
    for (size_t i = 0; i < array_length(days); i++)
        atomic_store(&store->keep[i], days[i]);
}

static int open_journal(struct store *store) {
    int err = journal_open(store->journal_path, store->config.loop_count, store->config.ring_kib,
                           &store->journal, &store->journal_errno);
    if (err == 0 && store->journal_errno != 0)
        (void)snprintf(store->journal_reason, sizeof store->journal_reason,
                       "the journal cannot be kept on disk (%s): records of the last moments are "
                       "lost if the process is killed",
                       strerror(store->journal_errno));
    return err;
}

static void free_store(struct store *store) {
    journal_close(store->journal);
    totals_free(store->writer.totals);
    mem_free(store->writer.next);
    for (int i = 0; i < 2; i++)
        side_done(&store->sides[i]);
    (void)pthread_mutex_destroy(&store->state_lock);
    mem_free(store);
}

static int start(struct store *store) {
    int err = open_journal(store);
    if (err < 0)
        return err;
    store->writer.totals = totals_new();
    store->writer.next = mem_zalloc(journal_rings(store->journal) * sizeof *store->writer.next);
    store->writer.prove = true;
    while (writer_turn(store, clock_mono_ns())) {
    }
    state_size(store);
    err = side_start(&store->sides[STORE_WRITE], writer_main, store);
    if (err < 0)
        return err;
    err = side_start(&store->sides[STORE_READ], reader_main, store);
    if (err < 0)
        side_stop(&store->sides[STORE_WRITE]);
    return err;
}

int store_open(const struct store_config *config, struct store **ret_store) {
    *ret_store = NULL;
    if (config->path == NULL)
        return 0;
    int err = check_config(config);
    if (err < 0)
        return err;
    struct store *store = mem_zalloc(sizeof *store);
    store->config = *config;
    store_set_keep(store, &config->keep);
    store->state.condition = STORE_IS_OK;
    if (pthread_mutex_init(&store->state_lock, NULL) != 0 ||
        side_init(&store->sides[STORE_READ]) < 0 || side_init(&store->sides[STORE_WRITE]) < 0) {
        mem_free(store);
        return ERR_SYSTEM;
    }
    err = keep_paths(store, config);
    if (err == 0)
        err = start(store);
    if (err < 0) {
        free_store(store);
        return err;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store) {
    if (store == NULL)
        return;
    side_stop(&store->sides[STORE_READ]);
    side_stop(&store->sides[STORE_WRITE]);
    writer_finish(store);
    free_store(store);
}

void store_record(struct store *store, uint32_t loop_index, const struct store_request *request) {
    bool hurry = false;
    if (store == NULL)
        return;
    check(loop_index < store->config.loop_count);
    (void)journal_put(store->journal, loop_index, request, &hurry);
    /* Once until the writing thread has answered: a signal is a system call. */
    if (hurry && !atomic_exchange_explicit(&store->hurried, true, memory_order_relaxed))
        side_poke(&store->sides[STORE_WRITE]);
}

int store_submit(struct store *store, enum store_side side, struct store_job *job) {
    if (store == NULL)
        return ERR_UNSUPPORTED;
    return side_submit(&store->sides[side], store->config.jobs_most, job);
}

/* --- waiting for a job -------------------------------------------------------------------------------------------- */

struct waiting {
    struct store_job job;
    int (*run)(struct store_db *db, void *context);
    void (*then)(void *context, int err);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    int err;
};

static int run_waiting(struct store_db *db, struct store_job *job) {
    struct waiting *waiting = container_of(job, struct waiting, job);
    return waiting->run(db, waiting->context);
}

static void waiting_done(struct store_job *job, int err) {
    struct waiting *waiting = container_of(job, struct waiting, job);
    if (waiting->then != NULL)
        waiting->then(waiting->context, err);
    pthread_mutex_lock(&waiting->lock);
    waiting->err = err;
    waiting->over = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

int store_run(struct store *store, enum store_side side,
              int (*run)(struct store_db *db, void *context), void *context) {
    return store_run_then(store, side, run, NULL, context);
}

int store_run_then(struct store *store, enum store_side side,
                   int (*run)(struct store_db *db, void *context),
                   void (*then)(void *context, int err), void *context) {
    struct waiting waiting = {.job = {.run = run_waiting, .done = waiting_done},
                              .run = run,
                              .then = then,
                              .context = context,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .ended = PTHREAD_COND_INITIALIZER};
    int err = store_submit(store, side, &waiting.job);
    if (err < 0)
        return err;
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.over)
        pthread_cond_wait(&waiting.ended, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    (void)pthread_cond_destroy(&waiting.ended);
    (void)pthread_mutex_destroy(&waiting.lock);
    return waiting.err;
}
