// SPDX-License-Identifier: Apache-2.0
/*
 * The reading thread: runs jobs that ask, on a connection that cannot write.
 *
 * Its connection is opened by the first job and closed with the database it belongs to: when the writing side has begun another
 * file, or a read found something wrong with this one. A while without jobs gives the page cache back. Promises: a job that
 * cannot be served is told ERR_STORE. Leaves to others: repairing anything.
 */
#include "base/clock.h"
#include "store/parts.h"

#define READER_IDLE_NS (10 * NS_PER_S)

static void close_reader(struct side *side) {
    db_close(side->db);
    side->db = NULL;
}

static int open_reader(struct store *store, struct side *side, uint64_t *generation) {
    uint64_t present = atomic_load(&store->generation);
    if (side->db != NULL && *generation == present)
        return 0;
    close_reader(side);
    *generation = present;
    int trouble;
    return db_open(&(struct db_open){.path = store->path,
                                     .vfs = store->config.vfs,
                                     .cache_kib = store->config.cache_kib,
                                     .busy_ms = store->config.busy_ms},
                   &side->db, &trouble);
}

static void serve(struct store *store, struct side *side, struct store_job *job,
                  uint64_t *generation) {
    int err = open_reader(store, side, generation);
    if (err == 0) {
        db_forget_trouble(side->db);
        err = job->run(side->db, job);
        int trouble = side->db->trouble;
        if (damage_is(trouble)) {
            atomic_store(&store->suspect, true);
            side_poke(&store->sides[STORE_WRITE]);
        }
        if (trouble != 0)
            close_reader(side);
    }
    job->done(job, err);
}

void *reader_main(void *context) {
    struct store *store = context;
    struct side *side = &store->sides[STORE_READ];
    uint64_t generation = 0;
    bool stop = false;
    while (!stop) {
        uint64_t until_ns = side->db != NULL ? clock_mono_ns() + READER_IDLE_NS : 0;
        struct store_job *job = side_take(side, until_ns, &stop);
        if (job == NULL && side->db != NULL)
            close_reader(side);
        while (job != NULL) {
            struct store_job *next = job->next;
            serve(store, side, job, &generation);
            job = next;
        }
    }
    close_reader(side);
    return NULL;
}
