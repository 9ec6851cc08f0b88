// SPDX-License-Identifier: Apache-2.0
/*
 * The same candidate once more: when its provider said that the same request, or this request without one member, may be tried
 * again at once (outcome_detail.again).
 */
#include "unit/scheduler/scheduler_fixture.h"

static enum done_verdict again(struct fixture *f, scheduler_ticket ticket, enum outcome outcome) {
    return fixture_done_detail(f, ticket, outcome,
                               (struct outcome_detail){.scope = BENCH_BY_ROW, .again = true});
}

static uint32_t attempt_of(const struct fixture *f) {
    return fixture_action(f, ACTION_DISPATCH, 0)->attempt;
}

/* Outcomes as providers give them with such a word; others never come with it, and must still not loop. */
static const struct {
    enum outcome outcome;
    bool goes_on;
} outcomes[] = {
    {OUTCOME_UNSUPPORTED_PARAMETER, true},
    {OUTCOME_TOOL_CALL_MALFORMED, true},
    {OUTCOME_EMPTY, true},
    {OUTCOME_UNCLEAR, true},
    {OUTCOME_CONTEXT_TOO_LONG, true},
    {OUTCOME_SERVER_ERROR, true},
    {OUTCOME_CLIENT_FAULT, false},
    {OUTCOME_CONTENT_FILTER, false},
    {OUTCOME_CANCELLED, false},
    {OUTCOME_OK, false},
    {OUTCOME_GATEWAY_FAULT, false},
};

static void the_same_comes_first_and_once(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(outcomes); i++) {
        struct fixture *f = fixture_new(4);
        scheduler_ticket ticket = fixture_submit(f);
        assert_int_equal(fixture_dispatched(f), 0);
        bool goes_on = outcomes[i].goes_on;
        assert_int_equal(again(f, ticket, outcomes[i].outcome),
                         goes_on ? DONE_RETRYING : DONE_FINISHED);
        assert_int_equal(fixture_dispatched(f), goes_on ? 0 : UINT32_MAX);
        if (goes_on) {
            assert_int_equal(attempt_of(f), 2);
            (void)again(f, ticket, outcomes[i].outcome); /* the word counts no second time */
            assert_int_equal(fixture_dispatched(f), 1);
            assert_int_equal(attempt_of(f), 3);
        }
        fixture_free(f);
    }
}

static void alone_it_ends_after_two(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(outcomes); i++) {
        const struct outcome_row *row = outcome_row(outcomes[i].outcome);
        if (!outcomes[i].goes_on || row->retry == RETRY_ELSEWHERE)
            continue; /* those may rest and come back, as without the word */
        struct fixture *f = fixture_new(4);
        f->demand.candidate_count = 1;
        scheduler_ticket ticket = fixture_submit(f);
        assert_int_equal(again(f, ticket, outcomes[i].outcome), DONE_RETRYING);
        assert_int_equal(fixture_dispatched(f), 0);
        assert_int_equal(again(f, ticket, outcomes[i].outcome), DONE_FINISHED);
        fixture_free(f);
    }
}

static void it_costs_an_attempt(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    f->config.attempts_max = 2;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    /* A quick refusal that costs nothing elsewhere does cost here. */
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(again(f, ticket, OUTCOME_CONTEXT_TOO_LONG), DONE_RETRYING);
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_FINISHED);
    f->config.attempts_max = 1;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    ticket = fixture_submit(f);
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_FINISHED);
    fixture_free(f);
}

static void not_after_the_first_token(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    scheduler_ticket ticket = fixture_submit(f);
    scheduler_first_token(f->scheduler, f->now_ns, ticket);
    assert_int_equal(again(f, ticket, OUTCOME_TOOL_CALL_MALFORMED), DONE_FINISHED);
    assert_int_equal(fixture_dispatched(f), UINT32_MAX);
    fixture_free(f);
}

static void no_strike_and_then_a_second_opinion(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 0);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_UNCLEAR), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 1); /* the second opinion */
    assert_int_equal(fixture_done(f, ticket, OUTCOME_SERVER_ERROR), DONE_FINISHED);
    fixture_free(f);
}

static void a_second_opinion_may_be_asked_again_and_stays_one(void **state) {
    (void)state;
    static const struct {
        bool full; /* its provider, by the time it could be asked again */
        enum done_verdict verdict;
    } cases[] = {{false, DONE_RETRYING}, {true, DONE_FINISHED}};
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fixture *f = fixture_new(4);
        scheduler_ticket ticket = fixture_submit(f);
        assert_int_equal(fixture_done(f, ticket, OUTCOME_UNCLEAR), DONE_RETRYING);
        assert_int_equal(fixture_dispatched(f), 1);
        if (cases[i].full) { /* by another's failure there, which shuts the route */
            f->demand.candidates[0] = 1;
            assert_int_equal(fixture_done(f, fixture_submit(f), OUTCOME_RATE_LIMITED),
                             DONE_RETRYING);
        }
        assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), cases[i].verdict);
        assert_int_equal(fixture_dispatched(f), cases[i].full ? UINT32_MAX : 1);
        if (!cases[i].full) {
            assert_int_equal(fixture_done(f, ticket, OUTCOME_RATE_LIMITED), DONE_FINISHED);
            assert_int_equal(fixture_dispatched(f), UINT32_MAX); /* never a third */
        }
        fixture_free(f);
    }
}

static void without_room_it_waits_like_any_other(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 1;
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 0);
    f->accounts[0].concurrency_max = 2;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    scheduler_ticket other = fixture_submit(f);
    assert_int_equal(fixture_dispatched(f), 0);
    f->accounts[0].concurrency_max = 1; /* the place that comes back is none any more */
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), UINT32_MAX);
    assert_int_equal(fixture_done(f, other, OUTCOME_OK), DONE_FINISHED);
    assert_int_equal(fixture_dispatched(f), 0);
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_FINISHED);
    fixture_free(f);
}

static void a_shut_candidate_is_not_asked(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(again(f, ticket, OUTCOME_RATE_LIMITED), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 1); /* it rests: the next */
    fixture_free(f);
}

static void candidates_keep_their_word_when_they_move(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    f->demand.candidate_count = 2;
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_CONTEXT_TOO_LONG), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 1);
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 1);
    struct scheduler_route last = f->routes[0];
    f->routes[0] = f->routes[1]; /* the first route has gone, the other three move up */
    f->routes[1] = f->routes[2];
    f->routes[2] = f->routes[3];
    f->routes[3] = last;
    fixture_configure(f, (uint32_t[]){UINT32_MAX, 0, 1, 2});
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_FINISHED);
    /* Of a candidate that has gone nobody asks again. */
    ticket = fixture_submit(f);
    uint32_t asked = fixture_dispatched(f);
    uint32_t map[] = {0, 1, 2, 3};
    map[asked] = UINT32_MAX;
    fixture_configure(f, map);
    assert_int_equal(again(f, ticket, OUTCOME_UNSUPPORTED_PARAMETER), DONE_FINISHED);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_comes_first_and_once),
        cmocka_unit_test(alone_it_ends_after_two),
        cmocka_unit_test(it_costs_an_attempt),
        cmocka_unit_test(not_after_the_first_token),
        cmocka_unit_test(no_strike_and_then_a_second_opinion),
        cmocka_unit_test(a_second_opinion_may_be_asked_again_and_stays_one),
        cmocka_unit_test(without_room_it_waits_like_any_other),
        cmocka_unit_test(a_shut_candidate_is_not_asked),
        cmocka_unit_test(candidates_keep_their_word_when_they_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
