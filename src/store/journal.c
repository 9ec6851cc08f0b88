// SPDX-License-Identifier: Apache-2.0
/*
 * The journal: records on their way from loops to the writing thread.
 *
 * Why a mapped file: a loop must neither wait for a disk nor lose what it has counted. Copying a few hundred bytes into shared
 * memory costs less than a microsecond, and when the process is killed the kernel still has them. The writing thread keeps the
 * position up to which it has read in the database, in the same transaction as the rows; so after any end of the process each
 * record is counted exactly once.
 *
 * Promises: the producer makes no system call, takes no lock and no memory. An entry that a loss of power tore is recognised by
 * its checksum, which covers its position: what lies there from an earlier turn of the ring is not taken for it. Leaves to others:
 * cells (journal_cells.c), making the file (journal_file.c).
 */
#include "store/journal.h"

#include "base/check.h"
#include "store/entry.h"
#include "store/journal_layout.h"

/* What lies at `position` is an entry of this turn of the ring, whole. */
static bool entry_at(const struct ring *ring, uint64_t position, struct entry_head *ret_head) {
    uint64_t left = ring->size - position % ring->size;
    if (position % 8 != 0 || left < sizeof *ret_head)
        return false;
    memcpy(ret_head, ring_at(ring, position), sizeof *ret_head);
    if (ret_head->position != position || ret_head->bytes % 8 != 0 ||
        ret_head->bytes < sizeof *ret_head || ret_head->bytes > left)
        return false;
    if (ret_head->kind == ENTRY_PADDING)
        return ret_head->checksum == entry_checksum("", 0, position ^ ret_head->bytes);
    return ret_head->kind == ENTRY_RECORD &&
           ret_head->checksum == entry_checksum(ring_at(ring, position) + sizeof *ret_head,
                                                ret_head->bytes - sizeof *ret_head, position);
}

/* --- the producer ------------------------------------------------------------------------------------------------- */

/* Rooms too small for a head are skipped by both sides. */
static uint64_t skip_of(const struct ring *ring, uint64_t position) {
    uint64_t left = ring->size - position % ring->size;
    return left < sizeof(struct entry_head) ? left : 0;
}

static bool has_room(struct ring *ring, uint64_t bytes) {
    if (ring->head + bytes - ring->mark_seen <= ring->size)
        return true;
    ring->mark_seen = atomic_load_explicit(&ring->control->mark, memory_order_acquire);
    return ring->head + bytes - ring->mark_seen <= ring->size;
}

/* Bytes to leave out so that an entry of this size does not go over the end. */
static uint64_t gap_before(const struct ring *ring, uint64_t bytes) {
    uint64_t left = ring->size - ring->head % ring->size;
    return left < bytes ? left : 0;
}

static void write_gap(struct ring *ring, uint64_t gap) {
    if (gap >= sizeof(struct entry_head)) {
        struct entry_head head = {.bytes = (uint32_t)gap,
                                  .kind = ENTRY_PADDING,
                                  .position = ring->head,
                                  .checksum = entry_checksum("", 0, ring->head ^ gap)};
        memcpy(ring_at(ring, ring->head), &head, sizeof head);
    }
    ring->head += gap;
}

bool journal_put(struct journal *journal, uint32_t ring_index, const struct store_request *request,
                 bool *ret_hurry) {
    check(ring_index < journal->rings);
    struct ring *ring = &journal->ring[ring_index];
    uint64_t payload = entry_bytes(request);
    uint64_t bytes = sizeof(struct entry_head) + payload;
    uint64_t gap = gap_before(ring, bytes);
    atomic_fetch_add_explicit(&ring->recorded, 1, memory_order_relaxed);
    if (!has_room(ring, gap + bytes)) {
        journal__count(ring, request);
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        *ret_hurry = true;
        return false;
    }
    write_gap(ring, gap);
    char *to = ring_at(ring, ring->head);
    entry_write(request, to + sizeof(struct entry_head));
    struct entry_head head = {.bytes = (uint32_t)bytes,
                              .kind = ENTRY_RECORD,
                              .position = ring->head,
                              .checksum = entry_checksum(to + sizeof head, payload, ring->head)};
    memcpy(to, &head, sizeof head);
    ring->head += bytes;
    atomic_store_explicit(&ring->control->head, ring->head, memory_order_release);
    *ret_hurry = ring->head - ring->mark_seen > ring->size / 2;
    return true;
}

/* --- the consumer ------------------------------------------------------------------------------------------------- */

int journal_read(struct journal *journal, uint32_t ring_index, uint64_t position,
                 struct journal_record *ret_record) {
    check(ring_index < journal->rings);
    struct ring *ring = &journal->ring[ring_index];
    uint64_t end = atomic_load_explicit(&ring->control->head, memory_order_acquire);
    struct entry_head head;
    for (;; position += head.bytes) {
        position += skip_of(ring, position);
        ret_record->next = position;
        if (position >= end)
            return 0;
        if (!entry_at(ring, position, &head)) {
            ret_record->next = end;
            return ERR_INVALID;
        }
        if (head.kind == ENTRY_RECORD)
            break;
    }
    ret_record->next = position + head.bytes;
    int err = entry_read(span_of(ring_at(ring, position) + sizeof head, head.bytes - sizeof head),
                         &ret_record->request, ret_record->ladder);
    return err < 0 ? err : 1;
}

void journal_mark(struct journal *journal, uint32_t ring_index, uint64_t position) {
    check(ring_index < journal->rings);
    atomic_store_explicit(&journal->ring[ring_index].control->mark, position, memory_order_release);
}

/* The database is right, as long as what it says can be: it may come from a backup, and the file from before a loss of power. Until
 * the first time in a run it cannot have taken what was recorded in this run; later it may have, by a commit that was told to
 * have failed. */
uint64_t journal_recover(struct journal *journal, uint32_t ring_index, uint64_t taken, bool known) {
    check(ring_index < journal->rings);
    struct ring *ring = &journal->ring[ring_index];
    uint64_t mark = atomic_load_explicit(&ring->control->mark, memory_order_relaxed);
    uint64_t most = ring->recovered
                        ? atomic_load_explicit(&ring->control->head, memory_order_acquire)
                        : ring->opened_head;
    uint64_t position = known && taken > mark ? taken : mark;
    if (position > most)
        position = most;
    ring->recovered = true;
    journal_mark(journal, ring_index, position);
    return position;
}

uint64_t journal_dropped(const struct journal *journal) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < journal->rings; i++)
        sum += atomic_load_explicit(&journal->ring[i].dropped, memory_order_relaxed);
    return sum;
}

uint64_t journal_recorded(const struct journal *journal) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < journal->rings; i++)
        sum += atomic_load_explicit(&journal->ring[i].recorded, memory_order_relaxed);
    return sum;
}
