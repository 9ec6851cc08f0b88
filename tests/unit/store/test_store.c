// SPDX-License-Identifier: Apache-2.0
/*
 * The store as others use it: opened, asked, recorded into, closed, opened again.
 */
#include "unit/store/store_fixture.h"

#include <pthread.h>

/* --- the setting ------------------------------------------------------------------------------------------------ */

static void a_url_names_a_database(void **state) {
    (void)state;
    static const struct {
        const char *url;
        int err;
        enum store_kind kind;
        const char *path;
    } rows[] = {
        {"off", 0, STORE_OFF, ""},
        {"sqlite:", 0, STORE_SQLITE, "/data/papi.db"},
        {"sqlite:/var/x.db", 0, STORE_SQLITE, "/var/x.db"},
        {"sqlite:///var/x.db", 0, STORE_SQLITE, "/var/x.db"},
        {"sqlite:x.db", ERR_INVALID, STORE_SQLITE, ""},
        {"sqlite:/var/", ERR_INVALID, STORE_SQLITE, ""},
        {"sqlite://host", ERR_INVALID, STORE_SQLITE, ""},
        {"postgresql://x", ERR_UNSUPPORTED, STORE_OFF, ""},
        {"", ERR_UNSUPPORTED, STORE_OFF, ""},
        {"OFF", ERR_UNSUPPORTED, STORE_OFF, ""},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct store_url url;
        assert_int_equal(store_url_parse(span_text(rows[i].url), "/data", &url), rows[i].err);
        if (rows[i].err != 0)
            continue;
        assert_int_equal(url.kind, rows[i].kind);
        assert_string_equal(url.path, rows[i].path);
    }
    struct store_url url;
    assert_int_equal(store_url_parse(span_of("sqlite:/a\0b", 11), "/data", &url), ERR_INVALID);
    char folder[STORE_PATH_BYTES + 1];
    memset(folder, 'x', sizeof folder - 1);
    folder[sizeof folder - 1] = '\0';
    assert_int_equal(store_url_parse(SPAN_LITERAL("sqlite:"), folder, &url), ERR_TOO_LARGE);
}

static int nothing(struct store_db *db, void *context) {
    (void)db;
    (void)context;
    return 0;
}

static void off_is_no_store(void **state) {
    (void)state;
    struct store *store = (struct store *)1;
    struct store_config config;
    struct store_state told;
    struct sample sample;
    store_config_default(&config);
    assert_int_equal(store_open(&config, &store), 0);
    assert_null(store);
    store_record(store, 0, &sample_init(&sample, 1)->request);
    assert_int_equal(store_run(store, STORE_WRITE, nothing, NULL), ERR_UNSUPPORTED);
    store_state(store, &told);
    assert_int_equal(told.condition, STORE_IS_OFF);
    assert_string_equal(store_condition_word(told.condition), "off");
    store_set_keep(store, &config.keep);
    store_close(store);
}

static void a_config_out_of_range_is_refused(void **state) {
    (void)state;
    struct place place;
    struct store *store;
    place_init(&place);
    place.config.loop_count = STORE_LOOPS_MAX + 1;
    assert_int_equal(store_open(&place.config, &store), ERR_RANGE);
    place.config.loop_count = 1;
    place.config.ring_kib = 1;
    assert_int_equal(store_open(&place.config, &store), ERR_RANGE);
    place_done(&place);
}

/* --- jobs ------------------------------------------------------------------------------------------------------- */

static int set_note(struct store_db *db, void *context) {
    return store_note_set(db, SPAN_LITERAL("name"), span_text(context));
}

static int set_note_and_fail(struct store_db *db, void *context) {
    int err = set_note(db, context);
    return err < 0 ? err : ERR_RANGE;
}

static int get_note(struct store_db *db, void *context) {
    char *text = context;
    size_t length = 0;
    int err = store_note_get(db, SPAN_LITERAL("name"), text, 15, &length);
    if (err == 0)
        text[length] = '\0';
    return err;
}

static void a_job_is_done_whole_or_not_at_all(void **state) {
    (void)state;
    struct place place;
    char text[16];
    place_init(&place);
    struct store *store = place_open(&place);
    assert_int_equal(store_run(store, STORE_READ, get_note, text), ERR_NOT_FOUND);
    assert_int_equal(store_run(store, STORE_WRITE, set_note, "one"), 0);
    assert_int_equal(store_run(store, STORE_WRITE, set_note_and_fail, "two"), ERR_RANGE);
    assert_int_equal(store_run(store, STORE_READ, get_note, text), 0);
    assert_string_equal(text, "one");
    /* The reading side cannot write, and a try does not harm it. */
    assert_int_equal(store_run(store, STORE_READ, set_note, "three"), ERR_STORE);
    assert_int_equal(store_run(store, STORE_READ, get_note, text), 0);
    assert_string_equal(text, "one");
    store_close(store);
    store = place_open(&place);
    assert_int_equal(store_run(store, STORE_READ, get_note, text), 0);
    assert_string_equal(text, "one");
    store_close(store);
    place_done(&place);
}

struct gate {
    struct store_job job;
    pthread_mutex_t *lock;
    uint32_t *ended;
};

static int run_gate(struct store_db *db, struct store_job *job) {
    struct gate *gate = (struct gate *)(void *)job;
    (void)db;
    pthread_mutex_lock(gate->lock);
    pthread_mutex_unlock(gate->lock);
    return 0;
}

static void end_gate(struct store_job *job, int err) {
    struct gate *gate = (struct gate *)(void *)job;
    assert_int_equal(err, 0);
    __atomic_fetch_add(gate->ended, 1, __ATOMIC_SEQ_CST);
}

static void a_full_queue_says_so_and_closing_ends_all(void **state) {
    (void)state;
    enum { MOST = 8 };
    struct place place;
    struct gate gates[3 * MOST];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    uint32_t ended = 0, taken = 0;
    place_init(&place);
    place.config.jobs_most = MOST;
    struct store *store = place_open(&place);
    for (int side = STORE_READ; side <= STORE_WRITE; side++) {
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < array_length(gates); i++) {
            gates[i] = (struct gate){
                .job = {.run = run_gate, .done = end_gate}, .lock = &lock, .ended = &ended};
            int err = store_submit(store, (enum store_side)side, &gates[i].job);
            assert_true(err == 0 || err == ERR_BUSY);
            taken += err == 0;
        }
        /* One batch at most was taken off the queue. */
        assert_in_range(taken, MOST, 2 * MOST);
        pthread_mutex_unlock(&lock);
        if (side == STORE_WRITE)
            break;
        while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < taken)
            rest_a_moment();
        ended = taken = 0;
    }
    store_close(store);
    assert_int_equal(ended, taken);
    place_done(&place);
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static void records_are_kept_and_summed_up(void **state) {
    (void)state;
    struct place place;
    place_init(&place);
    place.config.loop_count = 2;
    struct store *store = place_open(&place);
    record_many(store, 0, 0, 60);
    record_many(store, 1, 100, 40);
    wait_written(store, 100);
    for (int by = STORE_MINUTE; by <= STORE_DAY; by++) {
        struct sums sums = sums_by(store, (enum store_period)by);
        assert_int_equal(sums.rows, 1);
        assert_int_equal(sums.requests, 100);
        assert_int_equal(sums.attempts, 100);
        assert_int_equal(sums.input_tokens, 700);
        assert_int_equal(sums.output_tokens, 500);
    }
    assert_int_equal(rows_of(store), 100);
    struct store_state told;
    wait_for(store, told, told.condition == STORE_IS_OK && told.bytes > 4096);
    assert_int_equal(told.recorded, 100);
    assert_int_equal(told.details_dropped, 0);
    store_close(store);
    store = place_open(&place);
    assert_int_equal(rows_of(store), 100);
    store_close(store);
    place_done(&place);
}

static void the_number_of_loops_may_change(void **state) {
    (void)state;
    static const uint32_t loops[] = {1, 4, 2, 3};
    struct place place;
    uint64_t count = 0;
    place_init(&place);
    for (size_t i = 0; i < array_length(loops); i++) {
        place.config.loop_count = loops[i];
        struct store *store = place_open(&place);
        for (uint32_t loop = 0; loop < loops[i]; loop++, count += 10)
            record_many(store, loop, count, 10);
        store_close(store);
    }
    struct store *store = place_open(&place);
    assert_int_equal(rows_of(store), count);
    assert_int_equal(sums_by(store, STORE_DAY).requests, count);
    store_close(store);
    place_done(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_a_database),
        cmocka_unit_test(off_is_no_store),
        cmocka_unit_test(a_config_out_of_range_is_refused),
        cmocka_unit_test(a_job_is_done_whole_or_not_at_all),
        cmocka_unit_test(a_full_queue_says_so_and_closing_ends_all),
        cmocka_unit_test(records_are_kept_and_summed_up),
        cmocka_unit_test(the_number_of_loops_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
