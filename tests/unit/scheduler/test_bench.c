// SPDX-License-Identifier: Apache-2.0
/*
 * Cooldowns, Retry-After, breakers and the panic rule.
 */
#include "unit/scheduler/scheduler_fixture.h"

/* One attempt at route 0, as soon as it is open. */
static void fail_once(struct fixture *f, enum outcome outcome, uint64_t retry_after_ns) {
    uint64_t open_at_ns;
    if (!scheduler_route_open(f->scheduler, f->now_ns, 0, &open_at_ns))
        fixture_tick(f, open_at_ns);
    f->demand.candidate_count = 1;
    f->demand.wait_until_ns = f->now_ns;
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 0);
    (void)fixture_done_after(f, ticket, outcome, retry_after_ns);
}

static void repeated_failures_double_the_time(void **state) {
    (void)state;
    static const struct {
        enum outcome outcome;
        uint64_t seconds[8];
    } rows[] = {
        {OUTCOME_RATE_LIMITED, {20, 40, 80, 160, 320, 600, 600, 600}},
        {OUTCOME_KEY_REFUSED, {600, 600, 600, 600, 600, 600, 600, 600}},
        {OUTCOME_MODEL_GONE, {3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600}},
        {OUTCOME_ADDRESS_FORBIDDEN, {60, 120, 240, 480, 600, 600, 600, 600}},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(4);
        for (size_t n = 0; n < array_length(rows[i].seconds); n++) {
            fail_once(f, rows[i].outcome, 0);
            fixture_route_shut_until(f, 0, f->now_ns + rows[i].seconds[n] * SECOND);
        }
        fail_once(f, OUTCOME_OK, 0);
        fail_once(f, rows[i].outcome, 0);
        fixture_route_shut_until(f, 0, f->now_ns + rows[i].seconds[0] * SECOND);
        fixture_free(f);
    }
}

static void a_success_in_between_resets(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    for (int i = 0; i < 4; i++) {
        fail_once(f, OUTCOME_RATE_LIMITED, 0);
        fixture_route_shut_until(f, 0, f->now_ns + 20 * SECOND);
        fail_once(f, OUTCOME_OK, 0);
        assert_true(fixture_route_open(f, 0));
    }
    fixture_free(f);
}

static void retry_after_is_believed(void **state) {
    (void)state;
    static const struct {
        uint64_t asked_ns[3]; /* one after the other, each when the bench of the one before ended */
        uint64_t shut_ns[3];
    } rows[] = {
        {{1500 * MS, 1500 * MS, 1500 * MS}, {1500 * MS, 20 * SECOND, 40 * SECOND}}, /* it lied */
        {{90 * SECOND, 90 * SECOND, 90 * SECOND}, {90 * SECOND, 90 * SECOND, 90 * SECOND}},
        {{0, 7 * SECOND, 0}, {20 * SECOND, 20 * SECOND, 80 * SECOND}},
        {{3600 * SECOND, 0, 0}, {3600 * SECOND, 40 * SECOND, 80 * SECOND}},
        {{UINT64_MAX, 25 * 3600 * SECOND, 1},
         {24 * 3600 * SECOND, 24 * 3600 * SECOND, 40 * SECOND}},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(4);
        for (size_t n = 0; n < 3; n++) {
            fail_once(f, OUTCOME_RATE_LIMITED, rows[i].asked_ns[n]);
            fixture_route_shut_until(f, 0, f->now_ns + rows[i].shut_ns[n]);
        }
        fixture_free(f);
    }
}

static void later_words_extend_and_never_cut(void **state) {
    (void)state;
    struct fixture *f = fixture_new(8);
    f->demand.candidate_count = 1;
    scheduler_ticket tickets[4];
    for (int i = 0; i < 4; i++)
        tickets[i] = fixture_submit(f);
    static const uint64_t asked_s[] = {30, 5, 60, 0};
    static const uint64_t shut_s[] = {30, 30, 60,
                                      60}; /* all from now on; the same incident doubles nothing */
    for (int i = 0; i < 4; i++) {
        (void)fixture_done_after(f, tickets[i], OUTCOME_RATE_LIMITED, asked_s[i] * SECOND);
        fixture_route_shut_until(f, 0, f->now_ns + shut_s[i] * SECOND);
    }
    fixture_free(f);
}

static void an_error_with_retry_after_rests(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    fail_once(f, OUTCOME_SERVER_ERROR, 3 * SECOND);
    fixture_route_shut_until(f, 0, f->now_ns + 3 * SECOND);
    fixture_tick(f, f->now_ns + 3 * SECOND);
    fail_once(f, OUTCOME_CLIENT_FAULT, 3 * SECOND); /* the caller's own fault cools nobody */
    assert_true(fixture_route_open(f, 0));
    fail_once(f, OUTCOME_CANCELLED, 3 * SECOND);
    assert_true(fixture_route_open(f, 0));
    fixture_free(f);
}

static void assert_breaker(const struct fixture *f, uint64_t seconds) {
    uint64_t open_at_ns;
    assert_false(scheduler_route_open(f->scheduler, f->now_ns, 0, &open_at_ns));
    assert_in_range(open_at_ns - f->now_ns, seconds * SECOND * 9 / 10, seconds * SECOND * 11 / 10);
}

static void five_failures_open_the_breaker(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    for (int i = 0; i < 4; i++)
        fail_once(f, OUTCOME_RESET, 0);
    fail_once(f, OUTCOME_OK, 0); /* consecutive ones only */
    for (int i = 0; i < 4; i++)
        fail_once(f, OUTCOME_RESET, 0);
    assert_true(fixture_route_open(f, 0));
    fail_once(f, OUTCOME_RESET, 0);
    static const uint64_t seconds[] = {30, 60, 120, 240, 480, 600, 600};
    for (size_t i = 0; i < array_length(seconds); i++) {
        assert_breaker(f, seconds[i]);
        fail_once(f, OUTCOME_RESET, 0); /* one probe is enough to open it again */
    }
    fail_once(f, OUTCOME_OK, 0);
    assert_true(fixture_route_open(f, 0));
    for (int i = 0; i < 5; i++)
        fail_once(f, OUTCOME_RESET, 0);
    assert_breaker(f, 30);
    fixture_free(f);
}

static void faults_that_are_not_the_providers_never_open_it(void **state) {
    (void)state;
    static const enum outcome outcomes[] = {
        OUTCOME_CLIENT_FAULT,     OUTCOME_CANCELLED, OUTCOME_UNCLEAR,      OUTCOME_EMPTY,
        OUTCOME_CONTEXT_TOO_LONG, OUTCOME_TOO_LARGE, OUTCOME_GATEWAY_FAULT};
    for (size_t i = 0; i < array_length(outcomes); i++) {
        struct fixture *f = fixture_new(4);
        for (int n = 0; n < 20; n++)
            fail_once(f, outcomes[i], 0);
        assert_true(fixture_route_open(f, 0));
        fixture_free(f);
    }
}

static void one_probe_at_a_time(void **state) {
    (void)state;
    static const struct {
        enum outcome outcome; /* of the probe */
        bool open;
    } rows[] = {{OUTCOME_OK, true}, {OUTCOME_RESET, false}, {OUTCOME_CANCELLED, true}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(4);
        for (int n = 0; n < 5; n++)
            fail_once(f, OUTCOME_RESET, 0);
        uint64_t open_at_ns;
        scheduler_route_open(f->scheduler, f->now_ns, 0, &open_at_ns);
        fixture_tick(f, open_at_ns);
        f->demand.wait_until_ns = f->now_ns + 25 * SECOND;
        scheduler_ticket probe = fixture_submit(f);
        assert_int_equal(fixture_dispatched(f), 0);
        scheduler_ticket next = fixture_submit(f); /* waits for the word of the probe */
        assert_int_equal(f->out.count > 0 ? f->out.items[0].kind : ACTION_ARM, ACTION_ARM);
        assert_false(fixture_route_open(f, 0));
        if (rows[i].outcome == OUTCOME_CANCELLED)
            fixture_cancel(f, probe);
        else
            (void)fixture_done(f, probe, rows[i].outcome);
        const struct action *dispatch = fixture_action(f, ACTION_DISPATCH, 0);
        assert_int_equal(dispatch != NULL, rows[i].open);
        if (dispatch != NULL)
            assert_int_equal(dispatch->ticket, next);
        fixture_free(f);
    }
}

static void waiting_for_a_bench_to_end(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    fail_once(f, OUTCOME_RATE_LIMITED, 10 * SECOND);
    f->demand.wait_until_ns = f->now_ns + 10 * SECOND;
    fixture_submit(f); /* fits exactly */
    assert_null(fixture_action(f, ACTION_REFUSE, 0));
    assert_int_equal(f->armed_ns, f->now_ns + 10 * SECOND);
    f->demand.wait_until_ns = f->now_ns + 10 * SECOND - 1;
    fixture_submit(f); /* does not: told at once when to come back */
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_LIMITED);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->retry_at_ns, f->now_ns + 10 * SECOND);
    fixture_tick(f, f->armed_ns);
    assert_int_equal(fixture_dispatched(f), 0);
    fixture_free(f);
}

static void panic_asks_what_only_we_have_shut(void **state) {
    (void)state;
    static const struct {
        enum outcome outcome;
        uint64_t retry_after_ns;
        bool asked;
    } rows[] = {
        {OUTCOME_CONNECT_REFUSED, 0, true},
        {OUTCOME_OVERLOADED, 0, true},
        {OUTCOME_CONNECT_REFUSED, 5 * SECOND, false}, /* the provider's own word */
        {OUTCOME_RATE_LIMITED, 0, false},             /* quota */
        {OUTCOME_KEY_REFUSED, 0, false},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(4);
        fail_once(f, rows[i].outcome, rows[i].retry_after_ns);
        f->demand.wait_until_ns = f->now_ns; /* cannot wait */
        scheduler_ticket ticket = fixture_submit(f);
        assert_int_equal(fixture_dispatched(f), rows[i].asked ? 0 : UINT32_MAX);
        assert_int_equal(fixture_count(f, ACTION_REFUSE), rows[i].asked ? 0 : 1);
        if (rows[i].asked) {
            fixture_submit(f); /* one at a time */
            assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_LIMITED);
            (void)fixture_done(f, ticket, OUTCOME_OK);
            assert_true(fixture_route_open(f, 0)); /* it is back, before its time */
        }
        fixture_free(f);
    }
}

static void panic_looks_a_minute_ahead_at_most(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    for (int i = 0; i < 5; i++) /* 2, 4, 8, 16, 32 s, and the breaker */
        fail_once(f, OUTCOME_CONNECT_REFUSED, 0);
    fail_once(f, OUTCOME_CONNECT_REFUSED, 0); /* 64 s */
    f->demand.wait_until_ns = f->now_ns;
    fixture_submit(f);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_LIMITED);
    fixture_tick(f, f->now_ns + 10 * SECOND);
    f->demand.wait_until_ns = f->now_ns;
    fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 0);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_failures_double_the_time),
        cmocka_unit_test(a_success_in_between_resets),
        cmocka_unit_test(retry_after_is_believed),
        cmocka_unit_test(later_words_extend_and_never_cut),
        cmocka_unit_test(an_error_with_retry_after_rests),
        cmocka_unit_test(five_failures_open_the_breaker),
        cmocka_unit_test(faults_that_are_not_the_providers_never_open_it),
        cmocka_unit_test(one_probe_at_a_time),
        cmocka_unit_test(waiting_for_a_bench_to_end),
        cmocka_unit_test(panic_asks_what_only_we_have_shut),
        cmocka_unit_test(panic_looks_a_minute_ahead_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
