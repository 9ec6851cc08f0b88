// SPDX-License-Identifier: Apache-2.0
/*
 * What heads say about limits: the clamp against sets of requests kept by hand, limits that are told, windows that nobody knows,
 * others who use the same account.
 */
#include "base/rand.h"
#include "unit/scheduler/limits_fixture.h"

#define MINUTE_MS 60000
#define DAY_MS    90000000

static struct scheduler_reading told(uint64_t window_ms, uint64_t limit, uint64_t remaining) {
    return (struct scheduler_reading){.unit = LIMIT_REQUESTS,
                                      .window_ms = window_ms,
                                      .has_limit = true,
                                      .has_remaining = true,
                                      .limit = limit,
                                      .remaining = remaining};
}

static void read_one(struct limits_world *w, scheduler_ticket ticket,
                     struct scheduler_reading reading) {
    w->f->out.count = 0;
    scheduler_reading(w->f->scheduler, w->f->now_ns, ticket,
                      (struct scheduler_readings){&reading, 1}, &w->f->out);
    fixture_note(w->f);
}

static struct limits_world *world(enum limit_shape shape, uint64_t amount, uint64_t window_ms) {
    struct limits_world *w = limits_new(0);
    limits_add(w, limit_row(LIMIT_REQUESTS, shape, amount, window_ms), 1);
    limits_configure(w, NULL);
    w->f->demand.candidate_count = 1;
    w->f->demand.wait_until_ns = UINT64_MAX;
    return w;
}

static scheduler_ticket sent(struct limits_world *w) {
    scheduler_ticket ticket = fixture_submit(w->f);
    assert_int_equal(fixture_dispatched(w->f), 0);
    scheduler_sent(w->f->scheduler, w->f->now_ns, ticket);
    return ticket;
}

/* --- the clamp --- */

#define REQUESTS 60

struct flight {
    scheduler_ticket ticket;
    int sent_at, arrives_at, answered_at; /* steps */
    uint64_t count_there;                 /* when its head was written */
    bool heads_first;                     /* its head is told apart from its end */
};

/* Answered before q was sent: in the count that q brings. All others that were sent may be missing in it. */
static uint64_t overlapping(const struct flight *flights, int count, int q, int step) {
    uint64_t overlap = 0;
    for (int i = 0; i < count; i++)
        overlap +=
            i != q && flights[i].sent_at <= step && !(flights[i].answered_at < flights[q].sent_at);
    return overlap;
}

static void one_story(uint64_t seed) {
    struct rand rand;
    rand_seed(&rand, seed);
    static const enum limit_shape shapes[] = {LIMIT_ROLLING, LIMIT_CALENDAR_DAY, LIMIT_ONCE};
    struct limits_world *w = world(shapes[seed % 3], 10000, DAY_MS);
    struct flight flights[REQUESTS];
    uint64_t there = rand_below(&rand, 3) * 20; /* what we have forgotten */
    uint64_t others = rand_below(&rand, 2) * 3;
    int begun = 0, ended = 0;
    for (int step = 1; ended < REQUESTS; step++) {
        w->f->now_ns += 100 * MS;
        if (begun < REQUESTS && rand_below(&rand, 3) > 0) {
            struct flight *flight = &flights[begun++];
            *flight = (struct flight){sent(w), step, step + (int)rand_below(&rand, 6),
                                      0,       0,    rand_below(&rand, 2) > 0};
            flight->answered_at = flight->arrives_at + (int)rand_below(&rand, 9);
        }
        there += others > 0 && rand_below(&rand, 4) == 0 ? others : 0;
        for (int i = 0; i < begun; i++)
            if (flights[i].arrives_at == step)
                flights[i].count_there = ++there;
        for (int i = 0; i < begun; i++) {
            if (flights[i].answered_at != step)
                continue;
            uint64_t before = limits_used(w, 0), low = flights[i].count_there;
            /* Others answered in this very step stand on one side or the other. */
            uint64_t high = low + overlapping(flights, begun, i, step);
            if (flights[i].heads_first)
                scheduler_headers(w->f->scheduler, w->f->now_ns, flights[i].ticket, 200);
            read_one(w, flights[i].ticket, told(DAY_MS, 10000, 10000 - low));
            uint64_t wanted = before < low ? low : before > high ? high : before;
            assert_int_equal(limits_used(w, 0), wanted);
            fixture_done(w->f, flights[i].ticket, OUTCOME_OK);
            assert_int_equal(limits_used(w, 0), wanted);
            ended++;
        }
    }
    /* Alone, the provider's number is taken as it is. */
    scheduler_ticket last = sent(w);
    there += 7;
    read_one(w, last, told(DAY_MS, 10000, 10000 - there));
    assert_int_equal(limits_used(w, 0), there);
    limits_free(w);
}

static void the_clamp(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++)
        one_story(seed);
}

static void a_bucket_is_told_by_its_time_to_be_full(void **state) {
    (void)state;
    struct limits_world *w = world(LIMIT_REFILL, 60, MINUTE_MS);
    scheduler_ticket ticket = sent(w);
    struct scheduler_reading reading = {.unit = LIMIT_REQUESTS,
                                        .window_ms = MINUTE_MS,
                                        .has_reset = true,
                                        .reset_is_full = true,
                                        .reset_ms = 30000};
    read_one(w, ticket, reading);
    assert_in_range(limits_used(w, 0), 29, 30);
    reading.reset_is_full = false; /* the time until one more fits says nothing about the rest */
    reading.reset_ms = 1000;
    read_one(w, ticket, reading);
    assert_in_range(limits_used(w, 0), 29, 30);
    reading.reset_is_full = true;
    read_one(w, ticket, reading);
    assert_int_equal(limits_used(w, 0), 1);
    limits_free(w);
}

/* --- limits that are told --- */

static void a_told_limit_replaces_ours(void **state) {
    (void)state;
    static const enum limit_shape shapes[] = {LIMIT_ROLLING, LIMIT_REFILL, LIMIT_CALENDAR_DAY,
                                              LIMIT_ALIGNED, LIMIT_ONCE};
    for (size_t i = 0; i < array_length(shapes); i++) {
        struct limits_world *w = world(shapes[i], 5, MINUTE_MS);
        scheduler_ticket tickets[5];
        for (int n = 0; n < 5; n++)
            tickets[n] = sent(w);
        scheduler_ticket waiting = fixture_submit(w->f);
        assert_int_equal(fixture_count(w->f, ACTION_DISPATCH), 0);
        read_one(w, tickets[0], told(MINUTE_MS, 7, 2)); /* more than we knew */
        assert_int_equal(fixture_action(w->f, ACTION_DISPATCH, 0)->ticket, waiting);
        assert_int_equal(limits_state(w, 0).amount, 7);
        assert_true(limits_state(w, 0).learned);
        read_one(w, tickets[1], told(MINUTE_MS, 3, 0)); /* less */
        assert_int_equal(limits_state(w, 0).amount, 3);
        assert_int_equal(limits_state(w, 0).remaining, 0);
        /* The same row in a new configuration keeps what was told; another number in the row wins. */
        limits_configure(w, (const uint32_t[]){0});
        assert_int_equal(limits_state(w, 0).amount, 3);
        w->limits[0].amount = 9;
        limits_configure(w, (const uint32_t[]){0});
        assert_int_equal(limits_state(w, 0).amount, 9);
        limits_free(w);
    }
}

static void room_that_was_thought_gone_wakes_who_waits(void **state) {
    (void)state;
    struct limits_world *w = world(LIMIT_CALENDAR_DAY, 3, DAY_MS);
    for (int n = 0; n < 2; n++) {
        fixture_done(w->f, sent(w), OUTCOME_OK);
        w->f->now_ns += SECOND;
    }
    scheduler_ticket third = sent(w);
    scheduler_ticket waiting = fixture_submit(w->f);
    assert_int_equal(fixture_count(w->f, ACTION_DISPATCH), 0);
    read_one(w, third, told(DAY_MS, 3, 2)); /* their day has begun anew */
    assert_int_equal(fixture_action(w->f, ACTION_DISPATCH, 0)->ticket, waiting);
    limits_free(w);
}

static void windows_are_matched_by_length(void **state) {
    (void)state;
    static const struct {
        struct scheduler_reading reading;
        uint64_t used[3]; /* of the minute, the day, the minute's tokens */
    } rows[] = {
        {{.window_ms = 60000, .has_remaining = true, .remaining = 2}, {8, 1, 150}},
        {{.window_ms = 61000, .has_remaining = true, .remaining = 2}, {8, 1, 150}},
        {{.window_ms = 86400000, .has_remaining = true, .remaining = 60}, {1, 40, 150}},
        {{.window_ms = 3600000, .has_remaining = true, .remaining = 2}, {1, 1, 150}},
        {{.window_ms = 0, .has_remaining = true, .remaining = 2}, {8, 1, 150}},
        {{.window_ms = 0, .has_limit = true, .limit = 100, .has_remaining = true, .remaining = 60},
         {1, 40, 150}},
        {{.unit = LIMIT_TOKENS, .has_remaining = true, .remaining = 9000}, {1, 1, 1000}},
        {{.unit = LIMIT_NEURONS, .has_remaining = true, .remaining = 0}, {1, 1, 150}},
        {{.any_unit = true, .window_ms = 86400000, .has_remaining = true, .remaining = 60},
         {1, 40, 150}},
        {{.window_ms = 60000}, {1, 1, 150}},
        {{.window_ms = 60000, .has_limit = true, .limit = 0}, {1, 1, 150}},
        {{.window_ms = 60000, .has_limit = true, .limit = UINT64_MAX}, {1, 1, 150}},
        {{.window_ms = 60000, .has_remaining = true, .remaining = UINT64_MAX}, {1, 1, 150}},
        {{.window_ms = UINT64_MAX, .has_remaining = true, .remaining = 0}, {1, 1, 150}},
        {{.unit = LIMIT_UNIT_COUNT, .has_remaining = true, .remaining = 0}, {1, 1, 150}},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct limits_world *w = limits_new(0);
        limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 10, MINUTE_MS), 1);
        limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 100, DAY_MS), 1);
        limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 10000, MINUTE_MS), 1);
        limits_configure(w, NULL);
        w->f->demand.candidate_count = 1;
        read_one(w, sent(w), rows[i].reading);
        for (uint32_t n = 0; n < 3; n++)
            assert_int_equal(limits_used(w, n), rows[i].used[n]);
        limits_free(w);
    }
}

static void an_unknown_window_that_is_used_up_rests(void **state) {
    (void)state;
    struct limits_world *w = world(LIMIT_ROLLING, 10, MINUTE_MS);
    scheduler_ticket ticket = sent(w);
    struct scheduler_reading reading = told(86400000, 50, 1);
    reading.has_reset = true;
    reading.reset_ms = 7200000;
    read_one(w, ticket, reading);
    assert_true(fixture_route_open(w->f, 0));
    reading.remaining = 0;
    read_one(w, ticket, reading);
    fixture_route_shut_until(w->f, 0, w->f->now_ns + 7200 * SECOND);
    reading.reset_ms = UINT64_MAX; /* nobody believes that */
    read_one(w, ticket, reading);
    fixture_route_shut_until(w->f, 0, w->f->now_ns + 86400 * SECOND);
    limits_free(w);
}

/* --- others --- */

static void room_is_kept_for_others(void **state) {
    (void)state;
    struct limits_world *w = world(LIMIT_ROLLING, 100, MINUTE_MS);
    uint64_t there = 0;
    for (int i = 0; i < 20; i++) {
        scheduler_ticket ticket = sent(w);
        w->f->now_ns += SECOND;
        there += 2; /* one of them is ours */
        read_one(w, ticket, told(MINUTE_MS, 100, 100 - there));
        fixture_done(w->f, ticket, OUTCOME_OK);
    }
    struct scheduler_limit shared = limits_state(w, 0);
    assert_int_equal(shared.used, 40);
    assert_in_range(shared.remaining, 100 - 40 - 25, 100 - 40 - 1);
    /* They go away; what was kept for them comes back. */
    for (int i = 0; i < 200; i++) {
        w->f->now_ns += 10 * SECOND;
        scheduler_ticket ticket = sent(w);
        read_one(w, ticket, told(MINUTE_MS, 100, 100 - limits_used(w, 0)));
        fixture_done(w->f, ticket, OUTCOME_OK);
    }
    shared = limits_state(w, 0);
    assert_in_range(shared.remaining, 100 - shared.used - 1, 100 - shared.used);
    limits_free(w);
}

static void late_words_change_nothing(void **state) {
    (void)state;
    struct limits_world *w = world(LIMIT_ROLLING, 10, MINUTE_MS);
    scheduler_ticket ticket = sent(w);
    fixture_done(w->f, ticket, OUTCOME_OK);
    read_one(w, ticket, told(MINUTE_MS, 10, 0));
    read_one(w, 0, told(MINUTE_MS, 10, 0));
    assert_int_equal(limits_used(w, 0), 1);
    limits_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clamp),
        cmocka_unit_test(a_bucket_is_told_by_its_time_to_be_full),
        cmocka_unit_test(a_told_limit_replaces_ours),
        cmocka_unit_test(room_that_was_thought_gone_wakes_who_waits),
        cmocka_unit_test(windows_are_matched_by_length),
        cmocka_unit_test(an_unknown_window_that_is_used_up_rests),
        cmocka_unit_test(room_is_kept_for_others),
        cmocka_unit_test(late_words_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
