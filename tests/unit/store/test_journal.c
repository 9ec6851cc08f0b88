// SPDX-License-Identifier: Apache-2.0
/*
 * The journal, and what of it survives when the process does not.
 */
#include "base/rand.h"
#include "store/entry.h"
#include "store/journal.h"
#include "unit/store/store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* --- flat records ----------------------------------------------------------------------------------------------- */

/* A record whose shape follows from its number: all lengths of names, every number of attempts. */
static struct sample *sample_of_shape(struct sample *sample, uint64_t number) {
    static const char text[] =
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    sample_init(sample, number);
    sample->request.model = span_of(text, number % (STORE_NAME_MAX_BYTES + 1));
    sample->request.error = span_of(text, number * 7 % 30);
    sample->request.ladder_count = (uint32_t)(number % (STORE_ATTEMPTS_MAX + 1));
    for (uint32_t i = 1; i < sample->request.ladder_count; i++) {
        sample->ladder[i] = sample->ladder[0];
        sample->ladder[i].account = span_of(text, (number + i) % 40);
        sample->ladder[i].charge.cost = number + i;
    }
    return sample;
}

static void assert_same(const struct store_request *a, const struct store_request *b) {
    assert_true(span_equal(a->id, b->id) && span_equal(a->model, b->model) &&
                span_equal(a->error, b->error) && span_equal(a->provider, b->provider));
    assert_int_equal(a->at_ms, b->at_ms);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->has_first_token, b->has_first_token);
    assert_int_equal(a->ladder_count, b->ladder_count);
    for (uint32_t i = 0; i < a->ladder_count; i++) {
        assert_true(span_equal(a->ladder[i].account, b->ladder[i].account) &&
                    span_equal(a->ladder[i].outcome, b->ladder[i].outcome));
        assert_int_equal(a->ladder[i].charge.cost, b->ladder[i].charge.cost);
        assert_int_equal(a->ladder[i].output_tokens, b->ladder[i].output_tokens);
    }
}

static void a_record_comes_back_from_its_bytes(void **state) {
    (void)state;
    static char bytes[32768];
    for (uint64_t number = 0; number < 300; number++) {
        struct sample sample;
        struct store_request back;
        struct store_attempt ladder[STORE_ATTEMPTS_MAX];
        size_t size = entry_bytes(&sample_of_shape(&sample, number)->request);
        assert_true(size % 8 == 0 && size <= sizeof bytes);
        entry_write(&sample.request, bytes);
        assert_int_equal(entry_read(span_of(bytes, size), &back, ladder), 0);
        assert_same(&sample.request, &back);
    }
}

static void bytes_that_are_no_record_are_refused(void **state) {
    (void)state;
    struct sample sample;
    struct store_request back;
    struct store_attempt ladder[STORE_ATTEMPTS_MAX];
    size_t size = entry_bytes(&sample_of_shape(&sample, 37)->request);
    for (size_t cut = 0; cut < size;
         cut++) { /* in memory of its own, so that a read beyond is seen */
        char *bytes = mem_alloc(size);
        entry_write(&sample.request, bytes);
        char *part = mem_alloc(cut + 1);
        memcpy(part, bytes, cut);
        assert_int_equal(entry_read(span_of(part, cut & ~(size_t)7), &back, ladder),
                         (cut & ~(size_t)7) == size ? 0 : ERR_INVALID);
        mem_free(part);
        mem_free(bytes);
    }
    char *bytes = mem_alloc(size);
    for (size_t i = 0; i < size; i++) { /* whatever it says, nothing outside is read */
        entry_write(&sample.request, bytes);
        bytes[i] = (char)0xff;
        int err = entry_read(span_of(bytes, size), &back, ladder);
        assert_true(err == 0 || err == ERR_INVALID);
    }
    mem_free(bytes);
}

static void long_names_are_cut_between_characters(void **state) {
    (void)state;
    char name[200];
    for (size_t i = 0; i + 1 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    assert_int_equal(total_name_cut(span_of(name, 200)).len, 128);
    name[0] = 'x';
    memmove(name + 1, name + 2, 197);
    assert_int_equal(total_name_cut(span_of(name, 199)).len, 127);
    assert_int_equal(total_name_cut(span_of(name, 5)).len, 5);
}

/* --- the ring --------------------------------------------------------------------------------------------------- */

static struct journal *open_journal(struct place *place, uint32_t rings) {
    struct journal *journal;
    int failed;
    assert_int_equal(journal_open(place->journal, rings, 64, &journal, &failed), 0);
    assert_int_equal(failed, 0);
    return journal;
}

static void a_ring_turns_many_times(void **state) {
    (void)state;
    struct place place;
    struct journal_record record;
    struct sample sample;
    uint64_t position, read = 0;
    bool hurry;
    place_init(&place);
    struct journal *journal = open_journal(&place, 1);
    position = journal_recover(journal, 0, 0, false);
    for (uint64_t number = 0; number < 3000; number++) {
        assert_true(journal_put(journal, 0, &sample_of_shape(&sample, number)->request, &hurry));
        if (number % 5 != 4)
            continue;
        while (journal_read(journal, 0, position, &record) > 0) {
            assert_same(&record.request, &sample_of_shape(&sample, read++)->request);
            position = record.next;
        }
        journal_mark(journal, 0, position);
    }
    assert_int_equal(read, 3000);
    assert_true(position > 64 * 1024 * 20);
    assert_int_equal(journal_dropped(journal), 0);
    journal_close(journal);
    /* Opened again it goes on there. */
    journal = open_journal(&place, 1);
    assert_int_equal(journal_recover(journal, 0, position, true), position);
    assert_int_equal(journal_read(journal, 0, position, &record), 0);
    journal_close(journal);
    place_done(&place);
}

/* What the database says against what the file says. */
static void positions_that_cannot_be_are_put_right(void **state) {
    (void)state;
    struct place place;
    struct journal_record record;
    struct sample sample;
    bool hurry;
    place_init(&place);
    struct journal *journal = open_journal(&place, 1);
    uint64_t begin = journal_recover(journal, 0, 0, false);
    for (uint64_t number = 0; number < 10; number++)
        assert_true(journal_put(journal, 0, &sample_init(&sample, number)->request, &hurry));
    assert_int_equal(journal_read(journal, 0, begin, &record), 1);
    uint64_t second = record.next;
    journal_close(journal);
    static const struct { bool known, far; } rows[] = {{false, false}, {true, false}, {true, true}};
    for (size_t i = 0; i < array_length(rows); i++) {
        journal = open_journal(&place, 1);
        uint64_t taken = rows[i].far ? (uint64_t)1 << 40 : rows[i].known ? second : 0;
        uint64_t position = journal_recover(journal, 0, taken, rows[i].known);
        uint32_t left = 0;
        while (journal_read(journal, 0, position, &record) > 0) {
            position = record.next;
            left++;
        }
        assert_int_equal(left, rows[i].far ? 0 : rows[i].known ? 9 : 10);
        if (rows[i].far) { /* and what comes from now on is not taken for old */
            assert_true(journal_put(journal, 0, &sample_init(&sample, 10)->request, &hurry));
            assert_int_equal(journal_read(journal, 0, position, &record), 1);
        }
        journal_close(journal);
    }
    place_done(&place);
}

static void torn_entries_end_what_is_read(void **state) {
    (void)state;
    struct place place;
    struct journal_record record;
    struct sample sample;
    bool hurry;
    place_init(&place);
    for (int turn = 0; turn < 40; turn++) {
        (void)unlink(place.journal);
        struct journal *journal = open_journal(&place, 1);
        uint64_t position = journal_recover(journal, 0, 0, false), last = 0;
        for (uint64_t number = 0; number < 10; number++)
            assert_true(journal_put(journal, 0, &sample_init(&sample, number)->request, &hurry));
        for (uint32_t i = 0; i < 9; i++, position = record.next)
            assert_int_equal(journal_read(journal, 0, position, &record), 1);
        last = position;
        uint64_t bytes = journal_bytes(journal);
        journal_close(journal);
        /* A byte of the tenth entry did not reach the disk. */
        int file = open(place.journal, O_RDWR);
        off_t at = (off_t)(bytes - 64 * 1024 + last + (uint64_t)turn * 7);
        char byte;
        assert_int_equal(pread(file, &byte, 1, at), 1);
        byte = (char)~byte;
        assert_int_equal(pwrite(file, &byte, 1, at), 1);
        assert_int_equal(close(file), 0);
        journal = open_journal(&place, 1);
        position = journal_recover(journal, 0, 0, false);
        uint32_t read = 0;
        for (; journal_read(journal, 0, position, &record) > 0; position = record.next)
            read++;
        assert_int_equal(read, 9);
        assert_int_equal(position, last);
        assert_true(journal_put(journal, 0, &sample_init(&sample, 99)->request, &hurry));
        assert_int_equal(journal_read(journal, 0, position, &record), 1);
        assert_int_equal(record.request.at_ms, AT_MS + 99);
        journal_close(journal);
    }
    place_done(&place);
}

static void a_file_of_another_form_is_made_anew(void **state) {
    (void)state;
    struct place place;
    struct sample sample;
    bool hurry;
    place_init(&place);
    struct journal *journal = open_journal(&place, 2);
    uint64_t id = journal_id(journal);
    assert_true(journal_put(journal, 1, &sample_init(&sample, 1)->request, &hurry));
    journal_close(journal);
    journal = open_journal(&place, 1);
    assert_int_equal(journal_id(journal), id);
    assert_int_equal(journal_rings(journal), 2);
    journal_close(journal);
    assert_int_equal(truncate(place.journal, 10000), 0);
    journal = open_journal(&place, 1);
    assert_int_not_equal(journal_id(journal), id);
    assert_int_equal(journal_rings(journal), 1);
    journal_close(journal);
    place_done(&place);
}

/* --- cells ------------------------------------------------------------------------------------------------------ */

static void drain_cells(struct journal *journal, uint64_t *sums) {
    for (uint32_t cell = 0; cell < JOURNAL_CELLS; cell++) {
        struct total total;
        struct journal_sums taken;
        if (!journal_cell_read(journal, 0, cell, &total, &taken))
            continue;
        for (int i = 0; i < TOTAL_VALUES; i++)
            sums[i] += total.values[i];
        journal_cell_mark(journal, 0, cell, &taken);
    }
}

/* More names and minutes than there are cells. */
static void a_full_ring_counts_everything(void **state) {
    (void)state;
    enum { MANY = 5000 };
    struct place place;
    struct sample sample;
    uint64_t sums[TOTAL_VALUES] = {0}, put = 0;
    char model[32];
    bool hurry;
    place_init(&place);
    struct journal *journal = open_journal(&place, 1);
    (void)journal_recover(journal, 0, 0, false);
    for (uint64_t number = 0; number < MANY; number++) {
        sample_init(&sample, number * 5000);
        (void)snprintf(model, sizeof model, "model-%u", (unsigned)(number % 300));
        sample.ladder[0].model = span_text(model);
        put += journal_put(journal, 0, &sample.request, &hurry) ? 1 : 0;
        if (number % 700 == 0)
            drain_cells(journal, sums);
    }
    drain_cells(journal, sums);
    assert_true(put > 100 && put < MANY / 2);
    assert_int_equal(journal_dropped(journal), MANY - put);
    assert_int_equal(sums[TOTAL_REQUESTS], MANY - put);
    assert_int_equal(sums[TOTAL_ATTEMPTS], MANY - put);
    assert_int_equal(sums[TOTAL_INPUT_TOKENS], 7 * (MANY - put));
    assert_int_equal(sums[TOTAL_CHARGED_OUTPUT], 6 * (MANY - put));
    uint64_t before = sums[TOTAL_REQUESTS];
    drain_cells(journal, sums);
    assert_int_equal(sums[TOTAL_REQUESTS], before);
    journal_close(journal);
    place_done(&place);
}

/* --- the end of the process ------------------------------------------------------------------------------------- */

#define LOOPS 2

/* Shared with the child: how many records it has handed over. */
struct progress {
    _Atomic uint64_t begun[LOOPS], ended[LOOPS];
};

struct recorder {
    struct store *store;
    struct progress *progress;
    uint32_t loop;
};

static void *record_for_ever(void *context) {
    struct recorder *recorder = context;
    struct progress *progress = recorder->progress;
    struct sample sample;
    for (uint64_t number = atomic_load(&progress->ended[recorder->loop]);; number++) {
        atomic_store(&progress->begun[recorder->loop], number + 1);
        store_record(recorder->store, recorder->loop, &sample_init(&sample, number)->request);
        atomic_store(&progress->ended[recorder->loop], number + 1);
        if (number % 64 == 0)
            rest_a_moment();
    }
    return NULL;
}

static _Noreturn void child_main(struct place *place, struct progress *progress) {
    struct recorder recorders[LOOPS];
    pthread_t threads[LOOPS];
    struct store *store = NULL;
    check(store_open(&place->config, &store) == 0);
    for (uint32_t loop = 0; loop < LOOPS; loop++) {
        recorders[loop] = (struct recorder){store, progress, loop};
        check(pthread_create(&threads[loop], NULL, record_for_ever, &recorders[loop]) == 0);
    }
    for (;;)
        (void)pause();
}

static uint64_t all_of(const _Atomic uint64_t *counts) {
    uint64_t sum = 0;
    for (int i = 0; i < LOOPS; i++)
        sum += atomic_load(&counts[i]);
    return sum;
}

static void a_killed_process_has_counted_everything_once(void **state) {
    (void)state;
    struct place place;
    struct rand rand;
    uint64_t seed = rand_entropy(), in_flight = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    rand_seed(&rand, seed);
    place_init(&place);
    place.config.loop_count = LOOPS;
    struct progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(progress != MAP_FAILED);
    for (int turn = 0; turn < 25; turn++) {
        uint64_t before = all_of(progress->ended), enough = before + 1 + rand_below(&rand, 400);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            child_main(&place, progress);
        while (all_of(progress->ended) < enough)
            for (uint64_t spin = rand_below(&rand, 20000); spin > 0; spin--)
                __asm__ volatile("");
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        uint64_t least = all_of(progress->ended), most = all_of(progress->begun) + in_flight;
        struct store *store = place_open(&place);
        struct sums minute = sums_by(store, STORE_MINUTE), day = sums_by(store, STORE_DAY);
        /* All that was handed over, and of each kill at most what was being handed over. */
        assert_in_range(day.requests, least, most);
        assert_int_equal(minute.requests, day.requests);
        assert_int_equal(day.input_tokens, 7 * day.requests);
        assert_true(rows_of(store) <= day.requests);
        store_close(store);
        in_flight = most - least;
    }
    assert_int_equal(munmap(progress, sizeof *progress), 0);
    place_done(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_from_its_bytes),
        cmocka_unit_test(bytes_that_are_no_record_are_refused),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(a_ring_turns_many_times),
        cmocka_unit_test(positions_that_cannot_be_are_put_right),
        cmocka_unit_test(torn_entries_end_what_is_read),
        cmocka_unit_test(a_file_of_another_form_is_made_anew),
        cmocka_unit_test(a_full_ring_counts_everything),
        cmocka_unit_test(a_killed_process_has_counted_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
