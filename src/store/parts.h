// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the files of store/ share among themselves. */
#include "store/journal.h"
#include "store/record.h"
#include "store/sqlite/db.h"

#include <pthread.h>
#include <stdatomic.h>

/* One thread and what waits for it. */
struct side {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct store_job *first, *last; /* guarded by lock; the callers' */
    uint32_t waiting;               /* guarded by lock */
    bool stopping;                  /* guarded by lock */
    pthread_t thread;
    struct store_db *db; /* owned; by the thread alone; NULL = not open */
};

/* What the writing thread keeps in mind; nobody else looks. */
struct writer {
    uint64_t positions[STORE_LOOPS_MAX];  /* of the journal's rings: taken and committed */
    uint64_t cells_seen[STORE_LOOPS_MAX]; /* adding up of cells that was looked at */
    uint64_t retry_at_ns;                 /* of a store that is down */
    uint64_t keep_at_ns;                  /* next turn of retention */
    uint64_t sized_at_ns;                 /* next look at file sizes */
    uint64_t idle_ms;                     /* pause that grows while nothing comes */
    uint64_t set_aside_at_ns;             /* when a file was last put aside; 0 = never */
    uint32_t rows_since_keep;             /* written since retention's last turn */
    struct totals *totals;                /* owned; sums of the batch at hand */
    struct journal_record *next;          /* owned; of each ring, the record to be taken next */
    uint32_t first_ring;
    bool down;  /* a write has failed and none succeeded since */
    bool prove; /* write something even if there is nothing to write */
};

struct store {
    struct store_config config; /* its texts are the arrays below */
    char path[STORE_PATH_BYTES];
    char journal_path[STORE_PATH_BYTES];
    struct side sides[2]; /* by enum store_side */
    struct writer writer;
    struct journal *journal; /* owned */
    int journal_errno;       /* why it is in memory; 0 = it is not */
    char journal_reason[STORE_REASON_BYTES];
    _Atomic bool hurried;        /* the writing thread was poked and has not come yet */
    _Atomic uint64_t generation; /* of the database file; another one means: open anew */
    _Atomic bool suspect;        /* the reading side found damage */
    _Atomic uint32_t keep[4];    /* struct store_keep, changeable */
    pthread_mutex_t state_lock;
    struct store_state state; /* guarded by state_lock */
};

/* side.c */
int side_init(struct side *side) WARN_UNUSED;
void side_done(struct side *side);
int side_start(struct side *side, void *(*main)(void *), struct store *store) WARN_UNUSED;
/* Lets the thread finish what waits, and waits for that. */
void side_stop(struct side *side);
int side_submit(struct side *side, uint32_t most, struct store_job *job) WARN_UNUSED;
/* All jobs that wait, in order; waits for one until then, or without end when it is 0. Sets *ret_stop when it is time to end. */
struct store_job *side_take(struct side *side, uint64_t until_ns, bool *ret_stop);
void side_poke(struct side *side);

/* reader.c, writer.c: the threads */
void *reader_main(void *context);
void *writer_main(void *context);
/* Opens if needed and it is time, writes a batch of what is in the journal; whether there is more. */
bool writer_turn(struct store *store, uint64_t now_ns);
/* The last turn, when nobody records any more. */
void writer_finish(struct store *store);

/* state.c */
/* Logged once when it changes. */
void state_degraded(struct store *store, int trouble);
void state_degraded_text(struct store *store, const char *reason);
void state_recovered(struct store *store);
void state_written(struct store *store, uint64_t requests);
void state_size(struct store *store);

/* damage.c */
/* Whether this code of SQLite's says that the file is damaged, or none of SQLite's. */
bool damage_is(int trouble);
/* Puts the file and its company aside; the next open makes a new one. ERR_SYSTEM: it could not be moved. */
int damage_set_aside(struct store *store) WARN_UNUSED;
/* Takes over from the file put aside what can still be read of clients, keys, pauses and notes. */
void damage_salvage(struct store *store, struct store_db *db);

/* write.c: records into the database, inside of a transaction of the caller's */
int write_positions_read(struct store *store, struct store_db *db) WARN_UNUSED;
/* Takes up to `most` records out of the journal into one transaction. *ret_more: there are more. */
int write_batch(struct store *store, struct store_db *db, uint32_t most,
                bool *ret_more) WARN_UNUSED;

/* keep.c: one slice of retention, in a transaction of its own. *ret_deleted == 0: nothing is too old. */
int keep_slice(struct store *store, struct store_db *db, uint64_t wall_ms, uint32_t rows,
               uint32_t *ret_deleted) WARN_UNUSED;
