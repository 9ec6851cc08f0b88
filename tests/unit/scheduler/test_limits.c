// SPDX-License-Identifier: Apache-2.0
/*
 * Limits before dispatch: what is reserved and settled at the nodes, who waits and until when, who shares a count.
 */
#include "unit/scheduler/limits_fixture.h"

#define MINUTE_MS 60000
#define DAY_MS    90000000 /* the longest a day can be */

static uint32_t per_minute(struct limits_world *w, uint64_t requests, uint32_t routes) {
    return limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, requests, MINUTE_MS), routes);
}

/* --- exactly one, exactly when --- */

static void one_place_left_is_given_once(void **state) {
    (void)state;
    for (enum limit_shape shape = 0; shape < LIMIT_SHAPE_COUNT; shape++) {
        struct limits_world *w = limits_new(0);
        struct fixture *f = w->f;
        struct catalog_limit row = limit_row(LIMIT_REQUESTS, shape, 3, MINUTE_MS);
        row.burst = 2;
        limits_add(w, row, 1);
        limits_configure(w, NULL);
        f->demand.candidate_count = 1;
        uint32_t before = shape == LIMIT_PACER ? 1 : 2, dispatches = 0;
        for (uint32_t i = 0; i < before; i++)
            fixture_submit(f);
        for (uint32_t i = 0; i < 100; i++) {
            fixture_submit(f);
            dispatches += fixture_count(f, ACTION_DISPATCH);
        }
        assert_int_equal(dispatches, 1);
        limits_free(w);
    }
}

static void refused_at_once_with_the_exact_time(void **state) {
    (void)state;
    static const struct {
        enum limit_shape shape;
        uint64_t amount, window_ms, wait_ms; /* until one more fits after all were sent at once */
    } rows[] = {
        {LIMIT_REFILL, 6, 60000, 10300},          /* ten seconds each, and the spread */
        {LIMIT_REFILL, 144, 86400000, 600300},    /* a day refills by minutes */
        {LIMIT_CALENDAR_DAY, 5, DAY_MS, 2601000}, /* an hour and 1000 s of the day are over */
        {LIMIT_ALIGNED, 5, 3600000, 2601000},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct limits_world *w = limits_new(0);
        struct fixture *f = w->f;
        limits_add(w, limit_row(LIMIT_REQUESTS, rows[i].shape, rows[i].amount, rows[i].window_ms),
                   1);
        limits_configure(w, NULL);
        f->demand.candidate_count = 1;
        f->demand.wait_until_ns = f->now_ns + 5 * SECOND;
        for (uint64_t n = 0; n < rows[i].amount; n++) {
            scheduler_ticket ticket = fixture_submit(f);
            assert_int_equal(fixture_dispatched(f), 0);
            scheduler_sent(f->scheduler, f->now_ns, ticket);
        }
        fixture_submit(f);
        uint64_t at_ns = f->now_ns + rows[i].wait_ms * MS;
        assert_int_equal(limits_refused(w)->refusal, REFUSAL_LIMITED);
        assert_int_equal(limits_refused(w)->retry_at_ns, at_ns);
        /* One who may wait so long gets it then and not before. */
        f->demand.wait_until_ns = at_ns;
        scheduler_ticket waiting = fixture_submit(f);
        assert_null(limits_refused(w));
        assert_int_equal(f->armed_ns, at_ns);
        fixture_tick(f, at_ns - 1);
        assert_int_equal(fixture_count(f, ACTION_DISPATCH), 0);
        fixture_tick(f, at_ns);
        assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, waiting);
        limits_free(w);
    }
}

/* Who stands behind others is told the time of its own turn. */
static void those_ahead_are_counted(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_REFILL, 2, 20000), 1); /* one every ten seconds */
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.wait_until_ns = f->now_ns + 32 * SECOND;
    for (int i = 0; i < 2; i++)
        scheduler_sent(f->scheduler, f->now_ns, fixture_submit(f));
    static const uint64_t turns_ms[] = {10300, 20300, 30600};
    for (size_t i = 0; i < array_length(turns_ms); i++) { /* 10.3, 20.3, and one more round */
        f->demand.never_wait = true;
        fixture_submit(f);
        assert_int_equal(limits_refused(w)->retry_at_ns, f->now_ns + turns_ms[i] * MS);
        f->demand.never_wait = false;
        fixture_submit(f);
        assert_null(limits_refused(w));
    }
    fixture_submit(f); /* its turn would come after 40 seconds */
    assert_int_equal(limits_refused(w)->refusal, REFUSAL_LIMITED);
    /* Whom another route serves too stands in nobody's way. */
    f->demand.candidate_count = 2;
    fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 1);
    assert_int_equal(limits_run(w, f->now_ns + 33 * SECOND), 3);
    limits_free(w);
}

static void never_waiting_means_now_or_not(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    per_minute(w, 1, 1);
    limits_configure(w, NULL);
    w->f->demand.candidate_count = 1;
    w->f->demand.never_wait = true;
    fixture_submit(w->f);
    assert_int_equal(fixture_dispatched(w->f), 0);
    fixture_submit(w->f);
    assert_int_equal(limits_refused(w)->refusal, REFUSAL_LIMITED);
    assert_true(limits_refused(w)->retry_at_ns > w->f->now_ns + 60 * SECOND);
    limits_free(w);
}

static void the_first_of_several_to_come_back(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_REFILL, 1, 50000), 1);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_REFILL, 1, 20000), 2);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_REFILL, 1, 30000), 2); /* the later of the two */
    limits_configure(w, NULL);
    f->demand.candidate_count = 2;
    f->demand.wait_until_ns = f->now_ns;
    for (int i = 0; i < 2; i++) {
        scheduler_sent(f->scheduler, f->now_ns, fixture_submit(f));
        assert_int_equal(fixture_dispatched(f), i);
    }
    fixture_submit(f);
    assert_int_equal(limits_refused(w)->retry_at_ns, f->now_ns + 30300 * MS);
    limits_free(w);
}

/* --- sizes --- */

static void too_large_for_all(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 98, MINUTE_MS), 1);
    uint32_t wider = limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_REFILL, 99, MINUTE_MS), 2);
    limits_configure(w, NULL);
    f->demand.candidate_count =
        2; /* 100 tokens, and 50 expected as answer, of which nobody knows */
    fixture_submit(f);
    const struct action *refuse = limits_refused(w);
    assert_int_equal(refuse->refusal, REFUSAL_TOO_LARGE);
    assert_int_equal(refuse->limit, wider);
    assert_int_equal(refuse->limit_amount, 99);
    assert_int_equal(refuse->limit_unit, LIMIT_TOKENS);
    f->demand.candidate_count = 3; /* one without limits */
    fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 2);
    f->demand.candidate_count = 2;
    f->demand.input_tokens = 99;
    fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 1);
    limits_free(w);
}

static void a_large_head_holds_nobody_up(void **state) {
    (void)state;
    static const enum limit_shape shapes[] = {LIMIT_ROLLING, LIMIT_REFILL};
    for (size_t i = 0; i < array_length(shapes); i++) {
        struct limits_world *w = limits_new(1);
        struct fixture *f = w->f;
        limits_add(w, limit_row(LIMIT_TOKENS, shapes[i], 1000, 3600000), 1);
        limits_configure(w, NULL);
        f->demand.candidate_count = 1;
        f->demand.wait_until_ns = UINT64_MAX;
        f->demand.output_tokens_max = 1;
        f->demand.input_tokens = 499;
        scheduler_ticket running = fixture_submit(f);
        scheduler_sent(f->scheduler, f->now_ns, running);
        f->demand.input_tokens = 900;
        scheduler_ticket large = fixture_submit(f);
        f->demand.input_tokens = 50;
        scheduler_ticket small = fixture_submit(f); /* waits for the account's only place */
        assert_int_equal(fixture_count(f, ACTION_DISPATCH), 0);
        struct scheduler_usage usage = {.input_tokens = 499, .output_tokens = 1, .known = true};
        f->out.count = 0;
        scheduler_done(f->scheduler, f->now_ns, running, OUTCOME_OK, &usage, NULL, &f->out);
        fixture_note(f);
        assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, small);
        scheduler_sent(f->scheduler, f->now_ns, small);
        fixture_done(f, small, OUTCOME_OK);
        /* The large one goes when there is room for it, by the clock alone. */
        assert_int_equal(limits_run(w, f->now_ns + 2 * 3600 * SECOND), 1);
        assert_int_equal(fixture_done(f, large, OUTCOME_OK), DONE_FINISHED);
        limits_free(w);
    }
}

static void what_comes_back_wakes_who_waits(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    uint32_t tokens = limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_CALENDAR_DAY, 1000, DAY_MS), 1);
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.wait_until_ns = UINT64_MAX;
    f->demand.input_tokens = 700;
    f->demand.output_tokens_max = 100;
    scheduler_ticket running = fixture_submit(f);
    scheduler_sent(f->scheduler, f->now_ns, running);
    f->demand.input_tokens = 100;
    scheduler_ticket waiting = fixture_submit(f);
    scheduler_ticket second = fixture_submit(f); /* 200 fit, but only once */
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 0);
    scheduler_ticket first = waiting;
    (void)second;
    assert_int_equal(limits_used(w, tokens), 1000);
    fixture_cancel(f, first); /* it had fitted and was never sent */
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, second);
    limits_free(w);
}

/* --- who shares a count --- */

static void keys_of_an_account_share_and_accounts_do_not(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    f->accounts[1].provider = 0; /* two keys of one account */
    f->config.group_count = 3;
    f->accounts[2].group = 2;
    per_minute(w, 3, 1 | 2);
    per_minute(w, 3, 4);
    limits_configure(w, NULL);
    uint32_t routes[4] = {0};
    f->demand.wait_until_ns = f->now_ns;
    for (int i = 0; i < 20; i++) {
        f->demand.candidates[0] = (uint32_t)i % 2;
        f->demand.candidates[1] = 2;
        f->demand.candidate_count = 2;
        fixture_submit(f);
        if (fixture_dispatched(f) < 4)
            routes[fixture_dispatched(f)]++;
    }
    assert_int_equal(routes[0] + routes[1], 3);
    assert_int_equal(routes[2], 3);
    limits_free(w);
}

static void a_key_rests_alone_and_an_account_with_all_its_keys(void **state) {
    (void)state;
    static const struct {
        enum outcome outcome;
        enum bench_scope scope;
        bool open[4];
    } rows[] = {
        {OUTCOME_KEY_REFUSED, BENCH_BY_ROW, {false, true, true, true}},
        {OUTCOME_NO_CREDIT, BENCH_BY_ROW, {false, false, true, true}},
        {OUTCOME_UPSTREAM_RATE_LIMITED, BENCH_BY_ROW, {false, false, true, true}},
        {OUTCOME_RATE_LIMITED, BENCH_BY_ROW, {false, true, true, true}},
        {OUTCOME_RATE_LIMITED, BENCH_ACCOUNT, {false, false, true, true}},
        {OUTCOME_REGION_BLOCKED, BENCH_BY_ROW, {false, false, false, true}},
        {OUTCOME_NO_CREDIT, BENCH_NOTHING, {true, true, true, true}},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(0);
        /* Two keys of one account serve model 0; the third key, of another account, model 1. */
        f->accounts[1].provider = f->accounts[2].provider = 0;
        f->config.group_count = 2;
        f->accounts[2].group = 1;
        f->routes[2].model = f->routes[3].model = 1;
        f->config.route_count = 3;
        fixture_configure(f, (const uint32_t[]){0, 1, 2, UINT32_MAX});
        f->demand.candidate_count = 1;
        f->demand.never_wait = true;
        scheduler_ticket ticket = fixture_submit(f);
        const struct outcome_detail detail = {.scope = rows[i].scope};
        f->out.count = 0;
        scheduler_done(f->scheduler, f->now_ns, ticket, rows[i].outcome, NULL, &detail, &f->out);
        fixture_note(f);
        for (uint32_t route = 0; route < 3; route++)
            assert_int_equal(fixture_route_open(f, route), rows[i].open[route]);
        /* Numbers change; who rests does not. */
        f->config.group_count = 0;
        f->accounts[0].group = f->accounts[1].group = 0;
        f->config.group_count = 2;
        fixture_configure(f, (const uint32_t[]){0, 1, 2, UINT32_MAX});
        for (uint32_t route = 0; route < 3; route++)
            assert_int_equal(fixture_route_open(f, route), rows[i].open[route]);
        fixture_tick(f, f->now_ns + 2 * 86400 * SECOND);
        for (uint32_t route = 0; route < 3; route++)
            assert_true(fixture_route_open(f, route));
        fixture_free(f);
    }
}

/* --- what stays charged --- */

static void charges_by_outcome(void **state) {
    (void)state;
    enum { MINUTE, DAY, DAY_REFUSALS, TOKENS, UP_FRONT, NEURONS, ONCE, AT_ONCE, NODES };
    /* reserved: 1, 1, 1, 150, 150, 20, 1, 1; used: 100 tokens, 12 thousandths */
    static const struct {
        enum outcome outcome;
        bool sent;
        uint64_t left[NODES];
    } rows[] = {
        {OUTCOME_OK, true, {1, 1, 1, 100, 150, 11, 1, 0}},
        {OUTCOME_OK, false, {1, 1, 1, 100, 150, 11, 1, 0}},
        {OUTCOME_RATE_LIMITED, true, {1, 0, 1, 0, 0, 0, 0, 0}},
        {OUTCOME_TOO_LARGE, true, {1, 0, 1, 0, 0, 0, 0, 0}},
        {OUTCOME_CLIENT_FAULT, true, {1, 1, 1, 0, 0, 0, 1, 0}},
        {OUTCOME_MODEL_GONE, true, {1, 1, 1, 0, 0, 0, 1, 0}},
        {OUTCOME_SERVER_ERROR, true, {1, 1, 1, 150, 150, 20, 1, 0}},
        {OUTCOME_STALLED, true, {1, 1, 1, 150, 150, 20, 1, 0}},
        {OUTCOME_CONNECT_REFUSED, false, {0, 0, 0, 0, 0, 0, 0, 0}},
        {OUTCOME_DNS_FAILED, false, {0, 0, 0, 0, 0, 0, 0, 0}},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct limits_world *w = limits_new(0);
        struct fixture *f = w->f;
        per_minute(w, 1000, 1);
        limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 1000, DAY_MS), 1);
        struct catalog_limit row = limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 1000, DAY_MS);
        row.refused_count = true;
        limits_add(w, row, 1);
        limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 1000, MINUTE_MS), 1);
        row = limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 1000, MINUTE_MS);
        row.up_front = true;
        limits_add(w, row, 1);
        limits_add(w, limit_row(LIMIT_NEURONS, LIMIT_CALENDAR_DAY, 1000, DAY_MS), 1);
        limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ONCE, 1000, 0), 1);
        limits_add(w, limit_row(LIMIT_CONCURRENT, LIMIT_AT_ONCE, 9, 0), 1);
        f->routes[0].unit_cost_input = 100000;
        f->routes[0].unit_cost_output = 200000;
        limits_configure(w, NULL);
        f->demand.candidate_count = 1;
        f->demand.never_wait = true;
        scheduler_ticket ticket = fixture_submit(f); /* 100 in, at most 50 out */
        static const uint64_t reserved[NODES] = {1, 1, 1, 150, 150, 20, 1, 1};
        for (uint32_t n = 0; n < NODES; n++)
            assert_int_equal(limits_used(w, n), reserved[n]);
        assert_int_equal(limits_state(w, TOKENS).in_flight, 150);
        if (rows[i].sent)
            scheduler_sent(f->scheduler, f->now_ns, ticket);
        fixture_done(f, ticket, rows[i].outcome); /* 90 in, 10 out */
        for (uint32_t n = 0; n < NODES; n++) {
            assert_int_equal(limits_used(w, n), rows[i].left[n]);
            assert_int_equal(limits_state(w, n).in_flight, 0);
        }
        limits_free(w);
    }
}

static void costs_that_are_told_count(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    uint32_t neurons =
        limits_add(w, limit_row(LIMIT_NEURONS, LIMIT_CALENDAR_DAY, 10000000, DAY_MS), 1);
    uint32_t sound = limits_add(w, limit_row(LIMIT_AUDIO_SECONDS, LIMIT_ROLLING, 7200, 3600000), 1);
    uint32_t texts =
        limits_add(w, limit_row(LIMIT_EMBED_INPUTS, LIMIT_ROLLING, 2000, MINUTE_MS), 1);
    f->routes[0].unit_cost_input = 2000000;
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.audio_seconds = 90;
    f->demand.inputs = 32;
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(limits_used(w, neurons), 200);
    assert_int_equal(limits_used(w, sound), 90);
    assert_int_equal(limits_used(w, texts), 32);
    struct scheduler_usage usage = {.known = true,
                                    .input_tokens = 100,
                                    .has_cost = true,
                                    .cost_unit = LIMIT_NEURONS,
                                    .cost = 12345};
    f->out.count = 0;
    scheduler_done(f->scheduler, f->now_ns, ticket, OUTCOME_OK, &usage, NULL, &f->out);
    fixture_note(f);
    assert_int_equal(limits_used(w, neurons), 12345);
    assert_int_equal(limits_used(w, sound), 90);
    assert_int_equal(limits_used(w, texts), 32);
    limits_free(w);
}

static void more_than_was_reserved_is_recorded(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    uint32_t tokens = limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 1000, MINUTE_MS), 1);
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    scheduler_ticket ticket = fixture_submit(f);
    scheduler_sent(f->scheduler, f->now_ns, ticket);
    struct scheduler_usage usage = {.known = true, .input_tokens = 1500, .output_tokens = 1};
    f->out.count = 0;
    scheduler_done(f->scheduler, f->now_ns, ticket, OUTCOME_OK, &usage, NULL, &f->out);
    fixture_note(f);
    assert_int_equal(limits_used(w, tokens), 1501);
    assert_int_equal(limits_state(w, tokens).remaining, 0);
    limits_free(w);
}

static void answers_teach_what_to_reserve(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    uint32_t tokens = limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 100000, MINUTE_MS), 1);
    limits_configure(w, NULL);
    f->demand.candidate_count = 1;
    f->demand.output_tokens_max = 0;
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(limits_used(w, tokens), 600); /* the first guess */
    fixture_done(f, ticket, OUTCOME_OK);
    for (int i = 0; i < 50; i++) { /* answers of ten tokens */
        f->now_ns += 100 * SECOND;
        fixture_done(f, fixture_submit(f), OUTCOME_OK);
    }
    f->now_ns += 100 * SECOND;
    fixture_submit(f);
    assert_in_range(limits_used(w, tokens), 110, 115);
    f->now_ns += 100 * SECOND;
    f->demand.output_tokens_likely = 70; /* whoever asks knows better */
    uint64_t before = limits_used(w, tokens);
    fixture_submit(f);
    assert_int_equal(limits_used(w, tokens), before + 170);
    limits_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_place_left_is_given_once),
        cmocka_unit_test(refused_at_once_with_the_exact_time),
        cmocka_unit_test(those_ahead_are_counted),
        cmocka_unit_test(never_waiting_means_now_or_not),
        cmocka_unit_test(the_first_of_several_to_come_back),
        cmocka_unit_test(too_large_for_all),
        cmocka_unit_test(a_large_head_holds_nobody_up),
        cmocka_unit_test(what_comes_back_wakes_who_waits),
        cmocka_unit_test(keys_of_an_account_share_and_accounts_do_not),
        cmocka_unit_test(a_key_rests_alone_and_an_account_with_all_its_keys),
        cmocka_unit_test(charges_by_outcome),
        cmocka_unit_test(costs_that_are_told_count),
        cmocka_unit_test(more_than_was_reserved_is_recorded),
        cmocka_unit_test(answers_teach_what_to_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
