// SPDX-License-Identifier: Apache-2.0
/*
 * What changes limits from outside: new configurations, the machine's date, the signals of providers, new keys.
 */
#include "scheduler/past.h"
#include "unit/scheduler/limits_fixture.h"

#define MINUTE_MS 60000
#define DAY_MS    90000000 /* the longest a day can be */

/* --- new configurations --- */

static void counts_survive_a_new_configuration(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 5, MINUTE_MS), 1);
    limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_REFILL, 1000, MINUTE_MS), 1);
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.wait_until_ns = UINT64_MAX;
    scheduler_ticket tickets[6];
    for (int i = 0; i < 5; i++) {
        tickets[i] = fixture_submit(f);
        assert_int_equal(fixture_dispatched(f), 0);
    }
    scheduler_sent(f->scheduler, f->now_ns, tickets[0]);
    tickets[5] = fixture_submit(f);
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 0);
    /* The same limits in another order, and the first one larger by one. */
    struct catalog_limit first = w->limits[0];
    w->limits[0] = w->limits[1];
    w->limits[1] = first;
    w->limits[1].amount = 6;
    limits_configure(w, (const uint32_t[]){1, 0});
    assert_int_equal(fixture_count(f, ACTION_DISPATCH),
                     0); /* of the wall's visit; the one before had it */
    assert_int_equal(limits_used(w, 1), 6);
    assert_int_equal(limits_used(w, 0), 900);
    for (int i = 0; i < 6; i++)
        fixture_done(
            f, tickets[i],
            OUTCOME_CONNECT_REFUSED); /* all is given back, but what was sent and refused */
    assert_int_equal(limits_used(w, 1), 0);
    /* One that is another limit than before starts anew; one that is gone takes its counts along. */
    fixture_tick(f, f->now_ns + 10 * SECOND);
    tickets[0] = fixture_submit(f);
    w->limits[0].window_ms = 1000;
    limits_configure(w, (const uint32_t[]){0, UINT32_MAX});
    assert_int_equal(limits_used(w, 0), 0);
    assert_int_equal(limits_used(w, 1), 0);
    fixture_done(f, tickets[0], OUTCOME_OK);
    assert_int_equal(limits_used(w, 0), 0);
    limits_free(w);
}

static void configurations_that_cannot_be(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    static const struct catalog_limit bad[] = {
        {.unit = LIMIT_UNIT_COUNT, .shape = LIMIT_ROLLING, .amount = 1, .window_ms = 1},
        {.unit = LIMIT_TOKENS, .shape = LIMIT_SHAPE_COUNT, .amount = 1, .window_ms = 1},
        {.unit = LIMIT_TOKENS, .shape = LIMIT_ROLLING, .amount = 0, .window_ms = 1},
        {.unit = LIMIT_TOKENS, .shape = LIMIT_REFILL, .amount = 1, .window_ms = 0},
        {.unit = LIMIT_TOKENS, .shape = LIMIT_REFILL, .amount = UINT64_MAX, .window_ms = 1},
        {.unit = LIMIT_TOKENS, .shape = LIMIT_PACER, .amount = 1, .window_ms = UINT64_MAX},
    };
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 1, MINUTE_MS), 1);
    limits_configure(w, NULL);
    for (size_t i = 0; i < array_length(bad); i++) {
        w->limits[0] = bad[i];
        assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                         ERR_RANGE);
    }
    w->limits[0] = limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 1, 1);
    f->routes[0].limit_count = SCHEDULER_LIMITS_PER_ROUTE_MAX + 1;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    f->routes[0].limit_count = 2; /* the same twice */
    w->of_route[0][1] = 0;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    w->of_route[0][1] = 1; /* not there */
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    f->routes[0].limit_count = 1;
    f->config.group_count = 1;
    f->accounts[1].group = 1;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    scheduler_verify(f->scheduler);
    limits_free(w);
}

/* --- dates --- */

static void midnight_opens_when_the_clock_says_so(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 1, DAY_MS), 1);
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.wait_until_ns = UINT64_MAX;
    scheduler_sent(f->scheduler, f->now_ns, fixture_submit(f));
    scheduler_ticket waiting = fixture_submit(f);
    uint64_t midnight_ns = f->now_ns + 2600 * SECOND + SECOND;
    assert_int_equal(f->armed_ns, midnight_ns);
    /* The machine's clock is set: half an hour on. */
    f->out.count = 0;
    scheduler_wall(f->scheduler, f->now_ns, limits_wall_ms(w) + 1800000, &f->out);
    fixture_note(f);
    assert_int_equal(f->armed_ns, midnight_ns - 1800 * SECOND);
    fixture_tick(f, midnight_ns - 1800 * SECOND);
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, waiting);
    limits_free(w);
}

/* --- the provider's word --- */

static void done_with(struct limits_world *w, scheduler_ticket ticket, enum outcome outcome,
                      struct outcome_detail detail) {
    w->f->out.count = 0;
    scheduler_done(w->f->scheduler, w->f->now_ns, ticket, outcome, NULL, &detail, &w->f->out);
    fixture_note(w->f);
}

static void a_window_that_is_used_up_is_waited_for(void **state) {
    (void)state;
    static const struct {
        enum limit_shape shape;
        uint64_t amount, window_ms, named_ms, told_ms, shut_ms;
    } rows[] = {
        {LIMIT_CALENDAR_DAY, 100, DAY_MS, 86400000, 0, 2601000},
        {LIMIT_CALENDAR_DAY, 100, DAY_MS, 86400000, 5000, 2601000}, /* the later of the two */
        {LIMIT_REFILL, 60, 60000, 60000, 0, 0},         /* nothing is missing by our count */
        {LIMIT_CALENDAR_DAY, 100, DAY_MS, 60000, 0, 0}, /* another window */
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct limits_world *w = limits_new(0);
        struct fixture *f = w->f;
        limits_add(w, limit_row(LIMIT_REQUESTS, rows[i].shape, rows[i].amount, rows[i].window_ms),
                   1);
        limits_configure(w, NULL);
        f->demand.candidate_count = 1;
        f->demand.never_wait = true;
        scheduler_ticket ticket = fixture_submit(f);
        scheduler_sent(f->scheduler, f->now_ns, ticket);
        done_with(w, ticket, OUTCOME_QUOTA_EXHAUSTED,
                  (struct outcome_detail){.scope = BENCH_BY_ROW,
                                          .told_ns = rows[i].told_ms * MS,
                                          .window_ns = rows[i].named_ms * MS,
                                          .window_unit = LIMIT_REQUESTS});
        uint64_t shut_ns = rows[i].shut_ms > 0 ? rows[i].shut_ms * MS : 3600 * SECOND;
        if (rows[i].shape == LIMIT_REFILL)
            assert_false(fixture_route_open(f, 0));
        else
            fixture_route_shut_until(f, 0, f->now_ns + shut_ns);
        limits_free(w);
    }
}

static void a_signal_brings_its_own_times(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.never_wait = true;
    static const uint64_t shut_s[] = {7, 14, 28, 30, 30};
    for (size_t i = 0; i < array_length(shut_s); i++) {
        done_with(w, fixture_submit(f), OUTCOME_RATE_LIMITED,
                  (struct outcome_detail){
                      .scope = BENCH_KEY, .bench_ns = 7 * SECOND, .bench_most_ns = 30 * SECOND});
        fixture_route_shut_until(f, 0, f->now_ns + shut_s[i] * SECOND);
        fixture_tick(f, f->now_ns + shut_s[i] * SECOND);
    }
    limits_free(w);
}

static void until_something_changes(void **state) {
    (void)state;
    static const enum bench_scope scopes[] = {BENCH_ROUTE, BENCH_KEY, BENCH_ACCOUNT};
    for (size_t i = 0; i < array_length(scopes) * 2; i++) {
        struct limits_world *w = limits_new(0);
        struct fixture *f = w->f;
        limits_configure(w, NULL);
        f->demand.candidate_count = 1;
        f->demand.never_wait = true;
        scheduler_ticket ticket = fixture_submit(f);
        done_with(w, ticket, OUTCOME_KEY_REFUSED,
                  (struct outcome_detail){.scope = scopes[i / 2], .until_changed = true});
        fixture_tick(f, f->now_ns + 90 * 86400 * SECOND);
        uint64_t open_at_ns;
        assert_false(scheduler_route_open(f->scheduler, f->now_ns, 0, &open_at_ns));
        assert_int_equal(open_at_ns, 0); /* nobody knows */
        fixture_submit(f);
        assert_int_equal(limits_refused(w)->refusal, REFUSAL_LIMITED);
        assert_int_equal(limits_refused(w)->retry_at_ns, 0);
        limits_configure(w, NULL); /* the same key */
        assert_false(fixture_route_open(f, 0));
        if (i % 2 == 0) {
            f->accounts[0].key_mark = 77;
            limits_configure(w, NULL);
        } else {
            f->out.count = 0;
            scheduler_lift(f->scheduler, f->now_ns, 0, &f->out);
            fixture_note(f);
        }
        assert_true(fixture_route_open(f, 0));
        limits_free(w);
    }
}

/* A key was replaced while one that was asked with it is under way: what is then said of it is no word about the new one. */
static void words_about_an_old_key(void **state) {
    (void)state;
    static const struct outcome_detail details[] = {
        {.scope = BENCH_BY_ROW},
        {.scope = BENCH_KEY, .bench_ns = 60 * SECOND},
        {.scope = BENCH_ACCOUNT, .told_ns = 3600 * SECOND},
        {.scope = BENCH_ROUTE, .until_changed = true},
    };
    for (size_t i = 0; i < 2 * array_length(details); i++) {
        bool replaced = i % 2 == 0;
        struct limits_world *w = limits_new(0);
        struct fixture *f = w->f;
        f->demand.candidate_count = 1;
        f->accounts[0].key_mark = 76;
        limits_configure(w, NULL);
        scheduler_ticket ticket = fixture_submit(f);
        scheduler_sent(f->scheduler, f->now_ns, ticket);
        f->accounts[0].key_mark = replaced ? 77 : 76;
        limits_configure(w, NULL);
        (void)fixture_done_detail(f, ticket, OUTCOME_KEY_REFUSED, details[i / 2]);
        assert_int_equal(fixture_route_open(f, 0), replaced);
        limits_free(w);
    }
}

/* A limit that a configuration brings begins with what was sent before; those that were there have seen it. */
static void new_limits_begin_with_the_past(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 50, MINUTE_MS), 1);
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.wait_until_ns = UINT64_MAX;
    f->accounts[0].concurrency_max = 1;
    limits_configure(w, (const uint32_t[]){0});
    scheduler_ticket first = fixture_submit(f);
    scheduler_sent(f->scheduler, f->now_ns, first);
    scheduler_ticket second = fixture_submit(f); /* waits */
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 0);
    static const uint32_t route = 0;
    const struct scheduler_past past = {.routes = &route,
                                        .route_count = 1,
                                        .outcome = OUTCOME_OK,
                                        .count = 4,
                                        .age_ms = 1000,
                                        .new_only = true};
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 4, DAY_MS), 1);
    f->accounts[0].concurrency_max = 0; /* by this alone the one that waits would go */
    f->config.past = &past;
    f->config.past_count = 1;
    limits_configure(w, (const uint32_t[]){0});
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 0);
    assert_int_equal(limits_used(w, 0), 1);
    assert_int_equal(limits_used(w, 1), 4);
    /* Read again, it is not charged again. */
    limits_configure(w, (const uint32_t[]){0, 1});
    assert_int_equal(limits_used(w, 1), 4);
    fixture_cancel(f, second);
    fixture_done(f, first, OUTCOME_OK);
    limits_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_survive_a_new_configuration),
        cmocka_unit_test(configurations_that_cannot_be),
        cmocka_unit_test(midnight_opens_when_the_clock_says_so),
        cmocka_unit_test(a_window_that_is_used_up_is_waited_for),
        cmocka_unit_test(a_signal_brings_its_own_times),
        cmocka_unit_test(until_something_changes),
        cmocka_unit_test(words_about_an_old_key),
        cmocka_unit_test(new_limits_begin_with_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
