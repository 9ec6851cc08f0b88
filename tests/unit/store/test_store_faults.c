// SPDX-License-Identifier: Apache-2.0
/*
 * Disks that are full, fail, are locked or read-only, and databases that are damaged: nobody is stopped, nothing is counted twice or
 * lost, and the store is well again by itself.
 */
#include "unit/store/fault_vfs.h"
#include "unit/store/store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#define RECORDS 40

static int add_one_note(struct store_db *db, void *context) {
    char text[24];
    size_t length = 0;
    uint64_t count = 0;
    int err = store_note_get(db, SPAN_LITERAL("count"), text, sizeof text, &length);
    if (err == 0 && !span_to_u64(span_of(text, length), &count))
        return ERR_INVALID;
    if (err < 0 && err != ERR_NOT_FOUND)
        return err;
    *(uint64_t *)context = count + 1;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)count + 1);
    return store_note_set(db, SPAN_LITERAL("count"), span_text(text));
}

static int read_note(struct store_db *db, void *context) {
    char text[24];
    size_t length = 0;
    int err = store_note_get(db, SPAN_LITERAL("count"), text, sizeof text, &length);
    return err == 0 && !span_to_u64(span_of(text, length), context) ? ERR_INVALID : err;
}

/* Until it goes through: how often it was said to have. A commit that was told to have failed may still be there later. */
static uint64_t insist(struct store *store) {
    uint64_t count = 0, give_up_ns = clock_mono_ns() + 20 * NS_PER_S;
    while (store_run(store, STORE_WRITE, add_one_note, &count) != 0) {
        assert_true(clock_mono_ns() < give_up_ns);
        rest_a_moment();
    }
    return count;
}

static void insist_reading(struct store *store) {
    uint64_t count = 0, give_up_ns = clock_mono_ns() + 20 * NS_PER_S;
    while (store_run(store, STORE_READ, read_note, &count) != 0) {
        assert_true(clock_mono_ns() < give_up_ns);
        rest_a_moment();
    }
}

/* Everything the store does, with faults; then the same file without: all must be there, once. */
static void scenario(uint32_t kinds, int64_t from, int64_t length, int code) {
    struct place place;
    struct store_state told;
    place_init(&place);
    place.config.vfs = "fault";
    place.config.batch_rows = 16;
    fault_set(kinds, from, from + length - 1, code);
    struct store *store = place_open(&place);
    record_many(store, 0, 0, RECORDS / 2);
    uint64_t notes = insist(store);
    insist_reading(store);
    record_many(store, 0, RECORDS / 2, RECORDS / 2);
    wait_for(store, told, told.written == RECORDS);
    wait_for(store, told, told.condition == STORE_IS_OK);
    assert_string_equal(told.reason, "");
    assert_string_equal(told.set_aside, "");
    assert_int_equal(told.details_dropped, 0);
    store_close(store);
    fault_clear();
    place.config.vfs = NULL;
    store = place_open(&place);
    for (int by = STORE_MINUTE; by <= STORE_DAY; by++)
        assert_int_equal(sums_by(store, (enum store_period)by).requests, RECORDS);
    assert_int_equal(rows_of(store), RECORDS);
    uint64_t kept = 0;
    assert_int_equal(store_run(store, STORE_READ, read_note, &kept), 0);
    assert_int_equal(kept, notes);
    store_close(store);
    place_done(&place);
}

/* From the first call on which a fault can fall to the last: until a scenario ends without one. */
static void every_call(uint32_t kinds, int64_t length, int code) {
    for (int64_t from = 1;; from++) {
        scenario(kinds, from, length, code);
        if (fault.failed == 0) {
            print_message("%lld runs, in each another call failed\n", (long long)from - 1);
            break;
        }
        assert_true(from < 2000);
    }
}

#define ALL_CALLS ((1u << FAULT_CALLS) - 1)

static void each_call_fails_once(void **state) {
    (void)state;
    every_call(ALL_CALLS, 1, 0);
}

static void each_write_and_sync_fails_for_a_while(void **state) {
    (void)state;
    every_call(1u << FAULT_WRITE | 1u << FAULT_SYNC | 1u << FAULT_TRUNCATE, 5, SQLITE_IOERR_WRITE);
}

/* --- a disk that stands still ----------------------------------------------------------------------------------- */

static void a_full_disk_costs_rows_and_no_counts(void **state) {
    (void)state;
    enum { MANY = 3000, LOOPS = 2 };
    struct place place;
    struct store_state told;
    place_init(&place);
    place.config.vfs = "fault";
    place.config.loop_count = LOOPS;
    struct store *store = place_open(&place);
    record_many(store, 0, 0, 10);
    wait_written(store, 10);
    fault_set(1u << FAULT_WRITE, 1, INT64_MAX, SQLITE_FULL);
    for (uint32_t loop = 0; loop < LOOPS; loop++)
        record_many(store, loop, 10 + loop * MANY, MANY);
    wait_for(store, told, told.condition == STORE_IS_DEGRADED);
    assert_non_null(strstr(told.reason, "the disk is full"));
    uint64_t count;
    assert_int_equal(store_run(store, STORE_WRITE, add_one_note, &count), ERR_STORE);
    assert_int_equal(rows_of(store), 10); /* reading goes on */
    assert_true(told.details_dropped > 0);
    fault_clear();
    wait_for(store, told, told.condition == STORE_IS_OK);
    wait_written(store, 10 + LOOPS * MANY);
    store_close(store);
    store = place_open(&place);
    for (int by = STORE_MINUTE; by <= STORE_DAY; by++) {
        struct sums sums = sums_by(store, (enum store_period)by);
        assert_int_equal(sums.requests, 10 + LOOPS * MANY);
        assert_int_equal(sums.input_tokens, 7 * (10 + LOOPS * MANY));
    }
    assert_int_equal(rows_of(store), 10 + LOOPS * MANY - told.details_dropped);
    store_close(store);
    place_done(&place);
}

static void another_process_lock_is_waited_out(void **state) {
    (void)state;
    struct place place;
    struct store_state told;
    sqlite3 *other = NULL;
    place_init(&place);
    struct store *store = place_open(&place);
    assert_int_equal(sqlite3_open(place.path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    record_many(store, 0, 0, 5);
    wait_for(store, told, told.condition == STORE_IS_DEGRADED);
    assert_non_null(strstr(told.reason, "another process"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    wait_written(store, 5);
    wait_for(store, told, told.condition == STORE_IS_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(rows_of(store), 5);
    store_close(store);
    place_done(&place);
}

/* --- folders and files ------------------------------------------------------------------------------------------ */

/* As another process sees it: whether somebody has the database open (SQLite's shared lock). */
static bool is_locked_for_others(const char *path) {
    enum { SHARED_FIRST = 0x40000002, SHARED_SIZE = 510 };
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SHARED_FIRST, .l_len = SHARED_SIZE};
        int file = open(path, O_RDWR | O_CLOEXEC);
        _exit(file >= 0 && fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A process that takes over adopts the journal of the one before with a second store on the same file. */
static void a_second_store_leaves_the_locks_of_the_first(void **state) {
    (void)state;
    char other_journal[128];
    struct place place;
    place_init(&place);
    assert_false(is_locked_for_others(place.path));
    struct store *first = place_open(&place);
    record_many(first, 0, 0, 5);
    wait_written(first, 5);
    assert_true(is_locked_for_others(place.path));
    struct place beside = place;
    (void)snprintf(other_journal, sizeof other_journal, "%s/journal.1", place.folder);
    beside.config.journal_path = other_journal;
    struct store *second = place_open(&beside);
    record_many(second, 0, 5, 5);
    wait_written(second, 5);
    assert_true(is_locked_for_others(place.path));
    store_close(second);
    assert_true(is_locked_for_others(place.path));
    record_many(first, 0, 10, 5);
    wait_written(first, 10);
    assert_int_equal(rows_of(first), 15);
    store_close(first);
    assert_false(is_locked_for_others(place.path));
    place_done(&place);
}

static void a_folder_that_is_not_there_yet_is_used_when_it_is(void **state) {
    (void)state;
    struct place place;
    struct store_state told;
    char path[160];
    place_init(&place);
    (void)snprintf(path, sizeof path, "%s/later/papi.db", place.folder);
    place.config.path = path;
    place.config.journal_path = place.journal;
    struct store *store = place_open(&place);
    store_state(store, &told);
    assert_int_equal(told.condition, STORE_IS_DEGRADED);
    assert_non_null(strstr(told.reason, "cannot be opened"));
    record_many(store, 0, 0, 5);
    *strrchr(path, '/') = '\0';
    assert_int_equal(mkdir(path, 0700), 0);
    wait_written(store, 5);
    wait_for(store, told, told.condition == STORE_IS_OK);
    store_close(store);
    char file[200];
    (void)snprintf(file, sizeof file, "%s/papi.db", path);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(path), 0);
    place_done(&place);
}

static void a_journal_without_a_disk_is_in_memory_and_said_so(void **state) {
    (void)state;
    struct place place;
    struct store_state told;
    place_init(&place);
    place.config.journal_path = "/nonexistent/journal";
    struct store *store = place_open(&place);
    record_many(store, 0, 0, 5);
    wait_written(store, 5);
    wait_for(store, told, told.condition == STORE_IS_DEGRADED);
    assert_non_null(strstr(told.reason, "journal"));
    assert_int_equal(rows_of(store), 5);
    store_close(store);
    place_done(&place);
}

static void spoil(const char *path, off_t from, size_t bytes) {
    static char noise[65536];
    int file = open(path, O_WRONLY);
    assert_true(file >= 0);
    memset(noise, 0xa5, sizeof noise);
    assert_int_equal(pwrite(file, noise, bytes, from), (ssize_t)bytes);
    assert_int_equal(close(file), 0);
}

static int insert_key(struct store_db *db, void *context) {
    (void)context;
    return store_key_insert(db, &(struct store_key){.provider = SPAN_LITERAL("groq"),
                                                    .account = SPAN_LITERAL("a"),
                                                    .fingerprint = SPAN_LITERAL("f"),
                                                    .sealed = SPAN_LITERAL("sealed")});
}

static void count_key(void *context, const struct store_key *key) {
    (void)key;
    ++*(uint64_t *)context;
}
static int count_keys(struct store_db *db, void *context) {
    return store_keys_each(db, count_key, context);
}

static void a_file_that_is_no_database_is_put_aside(void **state) {
    (void)state;
    struct place place;
    struct store_state told;
    place_init(&place);
    struct store *store = place_open(&place);
    record_many(store, 0, 0, 5);
    store_close(store);
    spoil(place.path, 0, 4096);
    store = place_open(&place);
    wait_for(store, told, told.condition == STORE_IS_OK && told.set_aside[0] != '\0');
    assert_memory_equal(told.set_aside, place.path, strlen(place.path));
    assert_int_equal(access(told.set_aside, R_OK), 0);
    record_many(store, 0, 5, 5);
    wait_written(store, 5);
    assert_int_equal(rows_of(store), 5); /* the new ones, and the old ones not again */
    store_close(store);
    place_done(&place);
}

/* Pages behind the first hundred belong to requests: what was there before is read, put aside, and keys are taken over. */
static void damage_found_while_reading_is_put_aside_and_keys_are_saved(void **state) {
    (void)state;
    struct place place;
    struct store_state told;
    struct stat status;
    uint64_t count = 0, keys = 0, most_ns = clock_mono_ns() + 20 * NS_PER_S;
    place_init(&place);
    place.config.ring_kib = 1024;
    struct store *store = place_open(&place);
    assert_int_equal(store_run(store, STORE_WRITE, insert_key, NULL), 0);
    record_many(store, 0, 0, 1500);
    store_close(store);
    assert_int_equal(stat(place.path, &status), 0);
    assert_true(status.st_size > 300000);
    spoil(place.path, 4096 * 40, (size_t)65536);
    store = place_open(&place);
    assert_int_equal(store_run(store, STORE_READ, read_count, &count), ERR_STORE);
    wait_for(store, told, told.set_aside[0] != '\0');
    while (store_run(store, STORE_READ, count_keys, &keys) < 0 || keys == 0)
        assert_true(clock_mono_ns() < most_ns);
    assert_int_equal(keys, 1);
    assert_int_equal(rows_of(store), 0);
    record_many(store, 0, 0, 5);
    wait_written(store, 5);
    assert_int_equal(rows_of(store), 5);
    store_close(store);
    place_done(&place);
}

static void a_newer_or_another_program_s_file_is_left_alone(void **state) {
    (void)state;
    static const char *const sql[] = {"PRAGMA user_version=999", "CREATE TABLE x(y)"};
    for (size_t i = 0; i < array_length(sql); i++) {
        struct place place;
        struct store_state told;
        sqlite3 *other = NULL;
        place_init(&place);
        assert_int_equal(sqlite3_open(place.path, &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, sql[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(other), SQLITE_OK);
        struct store *store = place_open(&place);
        record_many(store, 0, 0, 5);
        wait_for(store, told, told.condition == STORE_IS_DEGRADED);
        assert_non_null(strstr(told.reason, "newer PAPI"));
        assert_string_equal(told.set_aside, "");
        store_close(store);
        place_done(&place);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails_once),
        cmocka_unit_test(each_write_and_sync_fails_for_a_while),
        cmocka_unit_test(a_full_disk_costs_rows_and_no_counts),
        cmocka_unit_test(another_process_lock_is_waited_out),
        cmocka_unit_test(a_second_store_leaves_the_locks_of_the_first),
        cmocka_unit_test(a_folder_that_is_not_there_yet_is_used_when_it_is),
        cmocka_unit_test(a_journal_without_a_disk_is_in_memory_and_said_so),
        cmocka_unit_test(a_file_that_is_no_database_is_put_aside),
        cmocka_unit_test(damage_found_while_reading_is_put_aside_and_keys_are_saved),
        cmocka_unit_test(a_newer_or_another_program_s_file_is_left_alone),
    };
    fault_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
