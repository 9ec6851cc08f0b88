// SPDX-License-Identifier: Apache-2.0
/*
 * The writing thread: what waits in the journal, jobs that change something, retention, and getting well again.
 *
 *   closed --open--> open --a write fails--> closed, until retry_at
 *      ^                |
 *      +-- damaged: put aside, at once another file
 *
 * Why a failed write closes the connection: a commit that was told to have failed may still be found when the file is opened
 * again; only then is it known what is in it, and where the journal goes on. A lock of another process needs none of that.
 *
 * Promises: never gives up, never waits for anything but its queue, SQLite and the disk. A job is told its end when it is durable. A
 * damaged file is put aside at most once in SET_ASIDE_PAUSE_NS, so that a failing disk is not filled with copies. Leaves to
 * others: what a batch is (write.c), what is too old (keep.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "obs/log.h"
#include "store/parts.h"

#define SET_ASIDE_PAUSE_NS (600 * NS_PER_S)
#define KEEP_PAUSE_NS      (600 * NS_PER_S)
#define SIZE_PAUSE_NS      (2 * NS_PER_S)
#define IDLE_MOST_MS       250 /* between two looks into an idle journal */

static struct side *side_of(struct store *store) {
    return &store->sides[STORE_WRITE];
}

static void close_writer(struct store *store) {
    db_close(side_of(store)->db);
    side_of(store)->db = NULL;
}

static void go_down(struct store *store, uint64_t now_ns) {
    store->writer.down = true;
    store->writer.prove = true;
    store->writer.retry_at_ns = now_ns + store->config.retry_ms * NS_PER_MS;
}

static int try_open(struct store *store, int *ret_trouble) {
    struct side *side = side_of(store);
    int err = db_open(&(struct db_open){.path = store->path,
                                        .vfs = store->config.vfs,
                                        .cache_kib = store->config.cache_kib,
                                        .busy_ms = store->config.busy_ms,
                                        .writes = true},
                      &side->db, ret_trouble);
    if (err < 0)
        return err;
    err = db_migrate(side->db);
    if (err == 0)
        err = write_positions_read(store, side->db);
    *ret_trouble = side->db->trouble;
    if (err < 0)
        close_writer(store);
    return err;
}

static bool may_set_aside(struct store *store, uint64_t now_ns) {
    uint64_t last_ns = store->writer.set_aside_at_ns;
    return last_ns == 0 || now_ns >= last_ns + SET_ASIDE_PAUSE_NS;
}

/* A new file in the place of a damaged one. */
static int replace(struct store *store, uint64_t now_ns, int *ret_trouble) {
    if (!may_set_aside(store, now_ns))
        return ERR_STORE;
    int err = damage_set_aside(store);
    if (err < 0)
        return err;
    store->writer.set_aside_at_ns = now_ns;
    atomic_fetch_add(&store->generation, 1);
    err = try_open(store, ret_trouble);
    if (err == 0)
        damage_salvage(store, side_of(store)->db);
    return err;
}

static void open_writer(struct store *store, uint64_t now_ns) {
    int trouble = 0;
    int err = try_open(store, &trouble);
    if (err < 0 && damage_is(trouble))
        err = replace(store, now_ns, &trouble);
    if (err == 0)
        return;
    go_down(store, now_ns);
    if (err == ERR_UNSUPPORTED)
        state_degraded_text(store, "the database was made by a newer PAPI, or by another program");
    else
        state_degraded(store, trouble);
}

/* A write did not go through. */
static void failed(struct store *store, uint64_t now_ns) {
    int trouble = side_of(store)->db->trouble;
    int primary = trouble & 0xff;
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
        db_forget_trouble(side_of(store)->db);
    } else {
        close_writer(store);
        if (damage_is(trouble) && replace(store, now_ns, &trouble) == 0)
            return;
        close_writer(store);
    }
    go_down(store, now_ns);
    state_degraded(store, trouble);
}

static void succeeded(struct store *store) {
    store->writer.down = store->writer.prove = false;
    if (store->journal_errno == 0)
        state_recovered(store);
    else
        state_degraded_text(store, store->journal_reason);
}

/* What the reading side found. */
static void look_at_suspicion(struct store *store, uint64_t now_ns) {
    if (!atomic_exchange(&store->suspect, false) || !may_set_aside(store, now_ns))
        return;
    int trouble = SQLITE_CORRUPT;
    close_writer(store);
    if (replace(store, now_ns, &trouble) == 0)
        return;
    close_writer(store);
    go_down(store, now_ns);
    state_degraded(store, trouble);
}

/* Whether the database may be used now; opens it when it is time. */
static bool ready(struct store *store, uint64_t now_ns) {
    look_at_suspicion(store, now_ns);
    if (store->writer.down && now_ns < store->writer.retry_at_ns)
        return false;
    if (side_of(store)->db == NULL)
        open_writer(store, now_ns);
    return side_of(store)->db != NULL;
}

bool writer_turn(struct store *store, uint64_t now_ns) {
    bool more = false;
    if (!ready(store, now_ns))
        return false;
    struct store_db *db = side_of(store)->db;
    db_forget_trouble(db);
    int err = db_set_full_sync(db, false);
    if (err == 0)
        err = write_batch(store, db, store->config.batch_rows, &more);
    if (err < 0)
        failed(store, now_ns);
    else
        succeeded(store);
    return err == 0 && more;
}

/* --- jobs --------------------------------------------------------------------------------------------------------- */

static int run_job(struct store_db *db, struct store_job *job) {
    int err = db_set_full_sync(db, true);
    if (err == 0)
        err = db_begin(db);
    if (err < 0)
        return err;
    err = job->run(db, job);
    if (err == 0)
        return db_commit(db);
    db_rollback(db);
    return err;
}

static void serve(struct store *store, struct store_job *job) {
    uint64_t now_ns = clock_mono_ns();
    int err = ERR_STORE;
    if (ready(store, now_ns)) {
        struct store_db *db = side_of(store)->db;
        db_forget_trouble(db);
        err = run_job(db, job);
        if (db->trouble != 0)
            failed(store, now_ns);
    }
    job->done(job, err);
}

/* --- retention ---------------------------------------------------------------------------------------------------- */

/* One slice; as many rows as came since the last one, when those are more, so that it never falls behind. */
static void keep_turn(struct store *store, uint64_t now_ns) {
    struct store_db *db = side_of(store)->db;
    if (db == NULL || store->writer.down || now_ns < store->writer.keep_at_ns)
        return;
    uint32_t rows = store->config.slice_rows, deleted = 0;
    if (rows < store->writer.rows_since_keep)
        rows = store->writer.rows_since_keep;
    store->writer.rows_since_keep = 0;
    db_forget_trouble(db);
    int err = keep_slice(store, db, clock_wall_ms(), rows, &deleted);
    if (err < 0)
        failed(store, now_ns);
    store->writer.keep_at_ns =
        now_ns + (deleted > 0 ? store->config.slice_ms * NS_PER_MS : KEEP_PAUSE_NS);
}

static void size_turn(struct store *store, uint64_t now_ns) {
    if (now_ns < store->writer.sized_at_ns)
        return;
    store->writer.sized_at_ns = now_ns + SIZE_PAUSE_NS;
    state_size(store);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static uint64_t pause_ms(struct store *store, bool more, bool busy) {
    uint64_t least = store->config.batch_ms;
    if (more)
        return 0;
    uint64_t most = least > IDLE_MOST_MS ? least : IDLE_MOST_MS;
    uint64_t pause = busy ? least : store->writer.idle_ms * 2;
    pause = pause < least ? least : pause > most ? most : pause;
    store->writer.idle_ms = pause;
    return pause;
}

void *writer_main(void *context) {
    struct store *store = context;
    struct side *side = side_of(store);
    bool stop = false, more = false;
    while (!stop) {
        uint64_t before = store->writer.rows_since_keep;
        atomic_store_explicit(&store->hurried, false, memory_order_relaxed);
        more = writer_turn(store, clock_mono_ns());
        bool busy = store->writer.rows_since_keep != before;
        if (!more) {
            keep_turn(store, clock_mono_ns());
            size_turn(store, clock_mono_ns());
        }
        uint64_t until_ns = clock_mono_ns() + pause_ms(store, more, busy) * NS_PER_MS;
        struct store_job *job = side_take(side, until_ns, &stop);
        while (job != NULL) {
            struct store_job *next = job->next;
            serve(store, job);
            job = next;
        }
    }
    return NULL;
}

void writer_finish(struct store *store) {
    store->writer.retry_at_ns = 0;
    while (writer_turn(store, clock_mono_ns())) {
    }
    close_writer(store);
}
