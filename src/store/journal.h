// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The journal: a mapped file through which loops hand records to the writing thread. For store/ alone.
 *
 * One ring for each loop. A ring has one producer, the loop, and one consumer, the writing thread; both only move forward, and
 * positions are bytes since the file was made. What is before the head is whole, what is before the mark is in the database.
 * A ring that is full sends records to cells, which add up their totals. The memory belongs to the kernel, so that the end of the process at
 * any instruction loses none of it.
 */
#include "store/totals.h"

#define JOURNAL_RING_KIB_MIN 64
#define JOURNAL_RING_KIB_MAX 65536
#define JOURNAL_CELLS        128

struct journal;

/* Opens the file or makes it. When it cannot be kept on disk it is kept in memory, and *ret_errno says why. Rings of an earlier run
 * that had more loops are kept; their size is the file's. */
int journal_open(const char *path, uint32_t rings, uint32_t ring_kib, struct journal **ret_journal,
                 int *ret_errno) WARN_UNUSED;
void journal_close(struct journal *journal); /* NULL is fine */
uint64_t journal_id(const struct journal *journal);
uint32_t journal_rings(const struct journal *journal);
uint64_t journal_bytes(const struct journal *journal);

/* The producer. Returns whether the record found room; else its totals were added to the cells. *ret_hurry: the ring is more than
 * half full. */
bool journal_put(struct journal *journal, uint32_t ring, const struct store_request *request,
                 bool *ret_hurry);

/* The consumer. */
/* Where the ring is to be read from when the database, opened just now, says `taken`; not known: it says nothing. */
uint64_t journal_recover(struct journal *journal, uint32_t ring, uint64_t taken, bool known);
struct journal_record {
    struct store_request request; /* borrowed: until journal_mark passes it */
    struct store_attempt ladder[STORE_ATTEMPTS_MAX];
    uint64_t next; /* position */
};
/* The record at `position`. 1 = a record, 0 = none yet, negative = one that is no record; `next` is behind it. */
int journal_read(struct journal *journal, uint32_t ring, uint64_t position,
                 struct journal_record *ret_record) WARN_UNUSED;
/* All before `position` is in the database. */
void journal_mark(struct journal *journal, uint32_t ring, uint64_t position);
uint64_t journal_dropped(const struct journal *journal);  /* rows, since it was opened */
uint64_t journal_recorded(const struct journal *journal); /* since it was opened */

/* Totals of records that found no room: sums since the file was made, of which the consumer takes the difference. */
struct journal_sums {
    uint64_t turn;
    uint64_t values[TOTAL_VALUES];
};
/* Whether anything was added to cells of this ring since *seen, which is set to now. */
bool journal_cells_stir(struct journal *journal, uint32_t ring, uint64_t *seen);
/* The same of a cell. */
void journal_cell_recover(struct journal *journal, uint32_t ring, uint32_t cell,
                          const struct journal_sums *taken);
/* What was added and not taken; false when nothing. *ret_sums is what journal_cell_mark gets when that is in the database. */
bool journal_cell_read(struct journal *journal, uint32_t ring, uint32_t cell,
                       struct total *ret_total, struct journal_sums *ret_sums);
void journal_cell_mark(struct journal *journal, uint32_t ring, uint32_t cell,
                       const struct journal_sums *sums);
