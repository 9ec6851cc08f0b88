// SPDX-License-Identifier: Apache-2.0
/*
 * The journal's file: made, grown, mapped, and looked through once when it is opened.
 *
 * Space is taken from the disk when the file is made (posix_fallocate), since a page of a mapped file that finds no room ends the
 * process. A file of another form is made anew; its records are lost, and said so by who opens. When there is no disk to
 * have, the same memory without a file serves: what it holds is then lost with the process.
 *
 * Promises: rings of an earlier run are kept when there are fewer loops now; the writing thread empties all that are there.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/entry.h"
#include "store/journal_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CELLS_BYTES \
    ((JOURNAL_CELLS * sizeof(struct journal_cell) + JOURNAL_PAGE - 1) & ~(size_t)(JOURNAL_PAGE - 1))
_Static_assert(sizeof(struct ring_control) <= JOURNAL_PAGE, "the control fits its page");

static size_t stride_of(uint64_t ring_bytes) {
    return JOURNAL_PAGE + CELLS_BYTES + ring_bytes;
}

static size_t bytes_of(uint32_t rings, uint64_t ring_bytes) {
    return JOURNAL_PAGE + rings * stride_of(ring_bytes);
}

static uint64_t head_checksum(const struct journal_head *head) {
    return entry_checksum((const char *)head, offsetof(struct journal_head, checksum), 1);
}

/* Whether the file can be gone on with; its form is then in *ret_head. */
static bool read_head(int file, struct journal_head *ret_head) {
    struct stat status;
    if (pread(file, ret_head, sizeof *ret_head, 0) != (ssize_t)sizeof *ret_head ||
        fstat(file, &status) != 0)
        return false;
    return ret_head->magic == JOURNAL_MAGIC && ret_head->version == JOURNAL_VERSION &&
           ret_head->checksum == head_checksum(ret_head) && ret_head->rings >= 1 &&
           ret_head->rings <= STORE_LOOPS_MAX && ret_head->ring_bytes % JOURNAL_PAGE == 0 &&
           ret_head->ring_bytes >= JOURNAL_RING_KIB_MIN * 1024 &&
           ret_head->ring_bytes <= (uint64_t)JOURNAL_RING_KIB_MAX * 1024 &&
           (uint64_t)status.st_size >= bytes_of(ret_head->rings, ret_head->ring_bytes);
}

/* 0, or errno. The head is written last: a file that was not made to its end is made anew. */
static int shape_file(int file, struct journal_head *head, uint32_t rings, uint64_t ring_bytes) {
    bool fresh = !read_head(file, head);
    if (fresh) {
        *head = (struct journal_head){.magic = JOURNAL_MAGIC,
                                      .version = JOURNAL_VERSION,
                                      .ring_bytes = ring_bytes,
                                      .id = rand_entropy() >> 1};
        if (ftruncate(file, 0) != 0)
            return errno;
    }
    if (fresh || head->rings < rings) {
        head->rings = rings;
        int failed = posix_fallocate(file, 0, (off_t)bytes_of(rings, head->ring_bytes));
        if (failed != 0)
            return failed;
        head->checksum = head_checksum(head);
        if (pwrite(file, head, sizeof *head, 0) != (ssize_t)sizeof *head)
            return errno != 0 ? errno : EIO;
    }
    return 0;
}

static int map_file(struct journal *journal, const char *path, uint32_t rings,
                    uint64_t ring_bytes) {
    struct journal_head head;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return errno;
    int failed = shape_file(file, &head, rings, ring_bytes);
    if (failed == 0) {
        journal->map_bytes = bytes_of(head.rings, head.ring_bytes);
        journal->map = mmap(NULL, journal->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (journal->map == MAP_FAILED)
            failed = errno;
    }
    (void)close(file);
    return failed;
}

static int map_memory(struct journal *journal, uint32_t rings, uint64_t ring_bytes) {
    journal->map_bytes = bytes_of(rings, ring_bytes);
    journal->map = mmap(NULL, journal->map_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (journal->map == MAP_FAILED)
        return ERR_NOMEM;
    journal->in_memory = true;
    *(struct journal_head *)(void *)journal->map =
        (struct journal_head){.rings = rings, .ring_bytes = ring_bytes, .id = rand_entropy() >> 1};
    return 0;
}

/* The producer goes on behind the last whole entry: what the head says is right after a kill, and may be old after a loss of
 * power. */
static void find_end(struct journal *journal, uint32_t index) {
    struct ring *ring = &journal->ring[index];
    struct ring_control *control = ring->control;
    uint64_t mark = atomic_load(&control->mark);
    mark = (mark + 7) & ~(uint64_t)7;
    atomic_store(&control->mark, mark);
    atomic_store(&control->head, mark + ring->size);
    struct journal_record record;
    uint64_t position = mark;
    while (position < mark + ring->size && journal_read(journal, index, position, &record) > 0)
        position = record.next;
    atomic_store(&control->head, position);
    ring->head = ring->opened_head = position;
    ring->mark_seen = mark;
}

static void lay_out(struct journal *journal) {
    journal->head = (struct journal_head *)(void *)journal->map;
    journal->rings = journal->head->rings;
    for (uint32_t i = 0; i < journal->rings; i++) {
        struct ring *ring = &journal->ring[i];
        char *at = journal->map + JOURNAL_PAGE + i * stride_of(journal->head->ring_bytes);
        ring->size = journal->head->ring_bytes;
        ring->control = (struct ring_control *)(void *)at;
        ring->cells = (struct journal_cell *)(void *)(at + JOURNAL_PAGE);
        ring->bytes = at + JOURNAL_PAGE + CELLS_BYTES;
        find_end(journal, i);
    }
}

int journal_open(const char *path, uint32_t rings, uint32_t ring_kib, struct journal **ret_journal,
                 int *ret_errno) {
    check(rings >= 1 && rings <= STORE_LOOPS_MAX);
    struct journal *journal = mem_zalloc(sizeof *journal);
    uint64_t ring_bytes = ((uint64_t)ring_kib * 1024 + JOURNAL_PAGE - 1) & ~(uint64_t)4095;
    *ret_errno = map_file(journal, path, rings, ring_bytes);
    int err = *ret_errno == 0 ? 0 : map_memory(journal, rings, ring_bytes);
    if (err < 0) {
        mem_free(journal);
        return err;
    }
    lay_out(journal);
    *ret_journal = journal;
    return 0;
}

void journal_close(struct journal *journal) {
    if (journal == NULL)
        return;
    (void)munmap(journal->map, journal->map_bytes);
    mem_free(journal);
}

uint64_t journal_id(const struct journal *journal) {
    return journal->head->id;
}

uint32_t journal_rings(const struct journal *journal) {
    return journal->rings;
}

uint64_t journal_bytes(const struct journal *journal) {
    return journal->in_memory ? 0 : journal->map_bytes;
}
