// SPDX-License-Identifier: Apache-2.0
/*
 * Cells: where the totals of records go that found no room in their ring, so that a disk that stands still for hours costs rows
 * and never counts.
 *
 * A cell sums up for one minute and one set of names, and only ever grows; the consumer remembers what it has taken and takes the
 * difference. A cell gets other names only when all of it was taken. When every cell is in use, a record goes to a cell of
 * its names in another minute, and when there is none either, to the last cell, which has no names: its time or its names then
 * become coarse, its numbers do not.
 *
 * Promises: no lock, no system call; a process that ends in the middle of adding leaves the sums from before. Leaves to others: the
 * ring itself.
 */
#include "base/check.h"
#include "store/journal_layout.h"

#define NAMELESS (JOURNAL_CELLS - 1)

static bool is_free(struct journal_cell *cell, uint64_t turn) {
    return atomic_load_explicit(&cell->taken, memory_order_acquire) == turn;
}

static bool has_names(const struct journal_cell *cell, const struct total_key *key) {
    return cell->hash == key->hash && cell->key_length == key->length &&
           memcmp(cell->key, key->bytes, key->length) == 0;
}

static void set_names(struct journal_cell *cell, const struct total_key *key) {
    cell->minute_ms = key->minute_ms;
    cell->hash = key->hash;
    cell->key_length = key->length;
    memcpy(cell->key, key->bytes, key->length);
}

/* A cell of these names and this minute, else a free one, else one of these names, else the last. */
static struct journal_cell *cell_for(struct ring *ring, const struct total_key *key) {
    struct journal_cell *unused = NULL, *other_minute = NULL;
    for (uint32_t i = 0; i < NAMELESS; i++) {
        struct journal_cell *cell = &ring->cells[(key->hash + i) % NAMELESS];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_relaxed);
        if (turn > 0 && has_names(cell, key)) {
            if (cell->minute_ms == key->minute_ms)
                return cell;
            if (!is_free(cell, turn))
                other_minute = cell;
        }
        if (unused == NULL && is_free(cell, turn))
            unused = cell;
    }
    if (unused != NULL) {
        set_names(unused, key);
        return unused;
    }
    if (other_minute != NULL)
        return other_minute;
    struct journal_cell *last = &ring->cells[NAMELESS];
    if (is_free(last, atomic_load_explicit(&last->turn, memory_order_relaxed))) {
        struct total_key nameless;
        total_key_set(&nameless, key->minute_ms, (struct span[TOTAL_NAMES]){SPAN_NONE});
        set_names(last, &nameless);
    }
    return last;
}

static void add(struct ring *ring, const struct total *total) {
    struct journal_cell *cell = cell_for(ring, &total->key);
    uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_relaxed);
    for (int i = 0; i < TOTAL_VALUES; i++) {
        uint64_t sum = atomic_load_explicit(&cell->sums[turn & 1][i], memory_order_relaxed);
        atomic_store_explicit(&cell->sums[~turn & 1][i], sum + total->values[i],
                              memory_order_relaxed);
    }
    atomic_store_explicit(&cell->turn, turn + 1, memory_order_release);
    atomic_fetch_add_explicit(&ring->control->cell_turns, 1, memory_order_release);
}

void journal__count(struct ring *ring, const struct store_request *request) {
    struct total total;
    for (uint32_t part = 0; part < total_parts(request); part++) {
        total_of(request, part, &total);
        add(ring, &total);
    }
}

/* --- the consumer ------------------------------------------------------------------------------------------------- */

static struct journal_cell *cell_of(struct journal *journal, uint32_t ring, uint32_t cell) {
    check(ring < journal->rings && cell < JOURNAL_CELLS);
    return &journal->ring[ring].cells[cell];
}

bool journal_cells_stir(struct journal *journal, uint32_t ring, uint64_t *seen) {
    check(ring < journal->rings);
    uint64_t now =
        atomic_load_explicit(&journal->ring[ring].control->cell_turns, memory_order_acquire);
    bool stirred = now != *seen;
    *seen = now;
    return stirred;
}

void journal_cell_mark(struct journal *journal, uint32_t ring, uint32_t cell_index,
                       const struct journal_sums *sums) {
    struct journal_cell *cell = cell_of(journal, ring, cell_index);
    for (int i = 0; i < TOTAL_VALUES; i++)
        atomic_store_explicit(&cell->taken_sums[i], sums->values[i], memory_order_relaxed);
    atomic_store_explicit(&cell->taken, sums->turn, memory_order_release);
}

void journal_cell_recover(struct journal *journal, uint32_t ring, uint32_t cell_index,
                          const struct journal_sums *taken) {
    struct journal_cell *cell = cell_of(journal, ring, cell_index);
    uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
    if (taken->turn > atomic_load_explicit(&cell->taken, memory_order_relaxed) &&
        taken->turn <= turn)
        journal_cell_mark(journal, ring, cell_index, taken);
}

/* The copy that holds, read until it did not change meanwhile. */
static void read_sums(struct journal_cell *cell, struct journal_sums *ret_sums) {
    uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
    for (;;) {
        for (int i = 0; i < TOTAL_VALUES; i++)
            ret_sums->values[i] =
                atomic_load_explicit(&cell->sums[turn & 1][i], memory_order_acquire);
        uint64_t again = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (again == turn)
            break;
        turn = again;
    }
    ret_sums->turn = turn;
}

bool journal_cell_read(struct journal *journal, uint32_t ring, uint32_t cell_index,
                       struct total *ret_total, struct journal_sums *ret_sums) {
    struct journal_cell *cell = cell_of(journal, ring, cell_index);
    uint64_t taken = atomic_load_explicit(&cell->taken, memory_order_relaxed);
    if (atomic_load_explicit(&cell->turn, memory_order_acquire) == taken)
        return false;
    read_sums(cell, ret_sums);
    for (int i = 0; i < TOTAL_VALUES; i++)
        ret_total->values[i] =
            ret_sums->values[i] - atomic_load_explicit(&cell->taken_sums[i], memory_order_relaxed);
    ret_total->key.minute_ms = cell->minute_ms;
    ret_total->key.hash = cell->hash;
    ret_total->key.length =
        cell->key_length <= TOTAL_KEY_MAX_BYTES ? cell->key_length : TOTAL_KEY_MAX_BYTES;
    memcpy(ret_total->key.bytes, cell->key, ret_total->key.length);
    ret_total->latest_ms = cell->minute_ms;
    return true;
}
