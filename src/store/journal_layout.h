// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How the journal lies in its file. For journal*.c alone. Numbers are this machine's; a file of another form is not read.
 *
 * One page of head, then the rings, each: a page of control, its cells, its bytes.
 */
#include "store/journal.h"

#include <stdatomic.h>

#define JOURNAL_MAGIC   0x314a495041500a1au
#define JOURNAL_VERSION 1
#define JOURNAL_PAGE    4096

struct journal_head {
    uint64_t magic;
    uint32_t version, rings;
    uint64_t ring_bytes;
    uint64_t id; /* of this file; the database knows positions by it */
    uint64_t checksum;
};

/* Each side's line by itself, so that they do not fight for it. */
struct ring_control {
    _Alignas(64) _Atomic uint64_t head; /* the producer's: what is before it is whole */
    _Atomic uint64_t cell_turns;        /* how often cells were added to */
    _Alignas(64) _Atomic uint64_t mark; /* the consumer's: what is before it is in the database */
};

/* Before each entry; all in multiples of 8 bytes. */
struct entry_head {
    uint32_t bytes; /* with this */
    uint32_t kind;
    uint64_t position;
    uint64_t checksum;
};
enum { ENTRY_RECORD = 1, ENTRY_PADDING = 2 };

/* A total that grows. `sums` has two copies: sums[turn & 1] is the one that holds, the other is written next, so that the end of the
 * process leaves one of them whole. The names may be changed only when all that was added is taken. */
struct journal_cell {
    _Atomic uint64_t turn; /* the producer's: times added to */
    _Atomic uint64_t sums[2][TOTAL_VALUES];
    _Atomic uint64_t taken; /* the consumer's: the turn that is in the database */
    _Atomic uint64_t taken_sums[TOTAL_VALUES]; /* and the sums of that turn */
    uint64_t minute_ms, hash;
    uint32_t key_length;
    char key[TOTAL_KEY_MAX_BYTES + 4];
};

struct ring {
    struct ring_control *control; /* in the file, as the next two */
    struct journal_cell *cells;
    char *bytes;
    uint64_t size;
    uint64_t opened_head;       /* where the producer began in this run */
    bool recovered;             /* the consumer's: it knows where it is */
    _Alignas(64) uint64_t head; /* the producer's, from here on */
    uint64_t mark_seen;
    _Atomic uint64_t dropped, recorded;
};

struct journal {
    char *map; /* owned */
    size_t map_bytes;
    struct journal_head *head;
    uint32_t rings;
    bool in_memory;
    struct ring ring[STORE_LOOPS_MAX];
};

static inline char *ring_at(const struct ring *ring, uint64_t position) {
    return ring->bytes + position % ring->size;
}
/* journal_cells.c: adds up what found no room. */
void journal__count(struct ring *ring, const struct store_request *request);
