// SPDX-License-Identifier: Apache-2.0
/*
 * Every outcome in every phase: what follows, who is benched for how long, what is charged. The rows are written out here a
 * second time on purpose: a change of scheduler/outcome.h must be meant.
 */
#include "unit/scheduler/scheduler_fixture.h"

/* Routes shut by the failure of route 2: itself; its model (route 1 serves the same); its account; its provider (account 1
 * belongs to it here). */
#define SHUT_NOBODY   0u
#define SHUT_ROUTE    (1u << 2)
#define SHUT_MODEL    (1u << 1 | 1u << 2)
#define SHUT_ACCOUNT  (1u << 2 | 1u << 3)
#define SHUT_PROVIDER (1u << 1 | 1u << 2 | 1u << 3)

#define GIVEN_BACK UINT64_MAX /* tokens: the whole grant is released */

static const struct {
    enum outcome outcome;
    bool goes_on; /* before a token reached the client */
    uint32_t shut;
    uint64_t shut_s;
    uint64_t tokens; /* charged: 150 were reserved, 100 used */
} rows[] = {
    {OUTCOME_OK, false, SHUT_NOBODY, 0, 100},
    {OUTCOME_CANCELLED, false, SHUT_NOBODY, 0, 150},
    {OUTCOME_WITHDRAWN, false, SHUT_NOBODY, 0, GIVEN_BACK},
    {OUTCOME_CLIENT_FAULT, false, SHUT_NOBODY, 0, 0},
    {OUTCOME_CONTENT_FILTER, false, SHUT_NOBODY, 0, 100},
    {OUTCOME_UNCLEAR, true, SHUT_NOBODY, 0, 0},
    {OUTCOME_EMPTY, true, SHUT_NOBODY, 0, 100},
    {OUTCOME_CONTEXT_TOO_LONG, true, SHUT_NOBODY, 0, 0},
    {OUTCOME_TOO_LARGE, true, SHUT_NOBODY, 0, 0},
    {OUTCOME_UNSUPPORTED_PARAMETER, true, SHUT_NOBODY, 0, 0},
    {OUTCOME_WOULD_DOWNGRADE, true, SHUT_NOBODY, 0, GIVEN_BACK},
    {OUTCOME_TOOL_CALL_MALFORMED, true, SHUT_NOBODY, 0, 100},
    {OUTCOME_ACCOUNT_BLOCKED, true, SHUT_ACCOUNT, 86400, 0},
    {OUTCOME_NOT_ENTITLED, true, SHUT_ROUTE, 86400, 0},
    {OUTCOME_REGION_BLOCKED, true, SHUT_PROVIDER, 86400, 0},
    {OUTCOME_KEY_REFUSED, true, SHUT_ACCOUNT, 600, 0},
    {OUTCOME_NO_CREDIT, true, SHUT_ACCOUNT, 3600, 0},
    {OUTCOME_RATE_LIMITED, true, SHUT_ROUTE, 20, 0},
    {OUTCOME_UPSTREAM_RATE_LIMITED, true, SHUT_MODEL, 30, 0},
    {OUTCOME_QUOTA_EXHAUSTED, true, SHUT_ROUTE, 3600, 0},
    {OUTCOME_MODEL_GONE, true, SHUT_ROUTE, 3600, 0},
    {OUTCOME_OVERLOADED, true, SHUT_ROUTE, 10, 150},
    {OUTCOME_SERVER_ERROR, true, SHUT_NOBODY, 0, 150},
    {OUTCOME_DNS_FAILED, true, SHUT_PROVIDER, 5, GIVEN_BACK},
    {OUTCOME_CONNECT_REFUSED, true, SHUT_PROVIDER, 2, GIVEN_BACK},
    {OUTCOME_CONNECT_TIMEOUT, true, SHUT_PROVIDER, 10, GIVEN_BACK},
    {OUTCOME_PROXY_UNREACHABLE, true, SHUT_PROVIDER, 2, GIVEN_BACK},
    {OUTCOME_PROXY_TIMEOUT, true, SHUT_PROVIDER, 10, GIVEN_BACK},
    {OUTCOME_PROXY_AUTH, true, SHUT_PROVIDER, 60, GIVEN_BACK},
    {OUTCOME_PROXY_REFUSED, true, SHUT_PROVIDER, 60, GIVEN_BACK},
    {OUTCOME_PROXY_TARGET, true, SHUT_PROVIDER, 5, GIVEN_BACK},
    {OUTCOME_PROXY_PROTOCOL, true, SHUT_PROVIDER, 10, GIVEN_BACK},
    {OUTCOME_TLS_TIMEOUT, true, SHUT_PROVIDER, 10, GIVEN_BACK},
    {OUTCOME_TLS_EXPIRED, true, SHUT_PROVIDER, 60, GIVEN_BACK},
    {OUTCOME_TLS_HOST, true, SHUT_PROVIDER, 60, GIVEN_BACK},
    {OUTCOME_TLS_UNTRUSTED, true, SHUT_PROVIDER, 60, GIVEN_BACK},
    {OUTCOME_TLS_FAILED, true, SHUT_PROVIDER, 10, GIVEN_BACK},
    {OUTCOME_ADDRESS_FORBIDDEN, true, SHUT_PROVIDER, 60, GIVEN_BACK},
    {OUTCOME_RESET, true, SHUT_NOBODY, 0, 150},
    {OUTCOME_TRUNCATED, true, SHUT_NOBODY, 0, 150},
    {OUTCOME_BAD_ANSWER, true, SHUT_NOBODY, 0, 150},
    {OUTCOME_WRONG_MODEL, true, SHUT_ROUTE, 60, 100},
    {OUTCOME_FIRST_BYTE_TIMEOUT, true, SHUT_ROUTE, 10, 150},
    {OUTCOME_STALLED, true, SHUT_ROUTE, 10, 150},
    {OUTCOME_GATEWAY_FAULT, false, SHUT_NOBODY, 0, 150},
};

enum phase { PHASE_GRANTED, PHASE_SENT, PHASE_HEADERS, PHASE_FIRST_TOKEN, PHASE_COUNT };

static struct fixture *world(void) {
    struct fixture *f = fixture_new(4);
    f->accounts[1].provider = 2;
    f->accounts[2].remote = true;
    f->routes[3].model = 1;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    f->demand.candidates[0] = 2;
    f->demand.candidates[1] = 0;
    f->demand.candidate_count = 2;
    return f;
}

static scheduler_ticket granted_in(struct fixture *f, enum phase phase) {
    scheduler_ticket ticket = fixture_submit(f);
    fixture_grant(f, fixture_action(f, ACTION_NEED_REMOTE_GRANT, 0)->grant, REMOTE_OK);
    assert_int_equal(fixture_dispatched(f), 2);
    if (phase >= PHASE_SENT)
        scheduler_sent(f->scheduler, f->now_ns, ticket);
    if (phase >= PHASE_HEADERS)
        scheduler_headers(f->scheduler, f->now_ns, ticket, 200);
    if (phase >= PHASE_FIRST_TOKEN)
        scheduler_first_token(f->scheduler, f->now_ns, ticket);
    return ticket;
}

static void assert_charged(const struct fixture *f, uint64_t tokens) {
    bool back = tokens == GIVEN_BACK;
    const struct action *action =
        fixture_action(f, back ? ACTION_REMOTE_RELEASE : ACTION_REMOTE_SETTLE, 0);
    assert_non_null(action);
    assert_int_equal(action->account, 2);
    assert_int_equal(action->requests, 1);
    assert_int_equal(action->tokens, back ? 150 : tokens);
    assert_null(fixture_action(f, back ? ACTION_REMOTE_SETTLE : ACTION_REMOTE_RELEASE, 0));
    struct scheduler_counts counts;
    scheduler_counts(f->scheduler, &counts);
    assert_int_equal(counts.released, back);
    assert_int_equal(counts.settled, !back);
}

static void assert_shut(const struct fixture *f, uint32_t shut, uint64_t shut_s) {
    for (uint32_t route = 0; route < FIXTURE_ROUTES; route++) {
        if ((shut >> route & 1) != 0)
            fixture_route_shut_until(f, route, f->now_ns + shut_s * SECOND);
        else
            assert_true(fixture_route_open(f, route));
    }
}

static void each_outcome_in_each_phase(void **state) {
    (void)state;
    assert_int_equal(array_length(rows), OUTCOME_COUNT);
    for (size_t i = 0; i < array_length(rows); i++) {
        assert_int_equal(rows[i].outcome, i);
        for (enum phase phase = PHASE_GRANTED; phase < PHASE_COUNT; phase++) {
            struct fixture *f = world();
            scheduler_ticket ticket = granted_in(f, phase);
            enum done_verdict verdict = fixture_done(f, ticket, rows[i].outcome);
            bool goes_on = rows[i].goes_on && phase != PHASE_FIRST_TOKEN;
            assert_int_equal(verdict, goes_on ? DONE_RETRYING : DONE_FINISHED);
            assert_int_equal(fixture_dispatched(f), goes_on ? 0 : UINT32_MAX);
            if (goes_on)
                assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->attempt, 2);
            assert_charged(f, rows[i].tokens);
            assert_shut(f, rows[i].shut, rows[i].shut_s);
            fixture_free(f);
        }
    }
}

static void cancel_in_each_phase(void **state) {
    (void)state;
    for (enum phase phase = PHASE_GRANTED; phase < PHASE_COUNT; phase++) {
        struct fixture *f = world();
        scheduler_ticket ticket = granted_in(f, phase);
        scheduler_progress(f->scheduler, f->now_ns, ticket, 200);
        fixture_cancel(f, ticket);
        /* Nothing was sent: all comes back. Else what was reserved, or what was seen where that is more. */
        assert_charged(f, phase == PHASE_GRANTED ? GIVEN_BACK : 300);
        assert_shut(f, SHUT_NOBODY, 0);
        fixture_free(f);
    }
}

static void labels_differ(void **state) {
    (void)state;
    for (enum outcome a = 0; a < OUTCOME_COUNT; a++)
        for (enum outcome b = a + 1; b < OUTCOME_COUNT; b++)
            assert_string_not_equal(outcome_row(a)->label, outcome_row(b)->label);
}

static void a_second_opinion_is_one_other_provider(void **state) {
    (void)state;
    static const enum outcome seconds[] = {OUTCOME_OK, OUTCOME_UNCLEAR, OUTCOME_EMPTY,
                                           OUTCOME_RATE_LIMITED, OUTCOME_SERVER_ERROR};
    for (size_t i = 0; i < array_length(seconds); i++) {
        struct fixture *f = fixture_new(4);
        f->demand.candidates[0] = 2;
        f->demand.candidates[1] = 3; /* the same provider: its opinion is known */
        f->demand.candidates[2] = 0;
        f->demand.candidates[3] = 1;
        f->demand.candidate_count = 4;
        scheduler_ticket ticket = fixture_submit(f);
        assert_int_equal(fixture_done(f, ticket, OUTCOME_UNCLEAR), DONE_RETRYING);
        assert_int_equal(fixture_dispatched(f), 0);
        assert_int_equal(fixture_done(f, ticket, seconds[i]), DONE_FINISHED);
        assert_int_equal(fixture_dispatched(f), UINT32_MAX);
        fixture_free(f);
    }
}

static void a_second_opinion_is_not_waited_for(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 2;
    scheduler_ticket first = fixture_submit(f);
    fixture_submit(f); /* fills the other */
    assert_int_equal(fixture_done(f, first, OUTCOME_EMPTY), DONE_FINISHED);
    f->demand.candidate_count = 1;
    scheduler_ticket alone = fixture_submit(f);
    assert_int_equal(fixture_done(f, alone, OUTCOME_EMPTY), DONE_FINISHED);
    fixture_free(f);
}

static void attempts_that_cost_are_counted(void **state) {
    (void)state;
    static const struct {
        enum outcome outcome;
        uint64_t took_ns;
        uint32_t attempts; /* of four candidates, three attempts allowed */
    } cases[] = {
        {OUTCOME_SERVER_ERROR, 0, 3},
        {OUTCOME_RESET, 5 * SECOND, 3},
        {OUTCOME_QUOTA_EXHAUSTED, 100 * MS, 4},
        {OUTCOME_KEY_REFUSED, 999 * MS, 3},   /* two of the four share an account */
        {OUTCOME_QUOTA_EXHAUSTED, SECOND, 3}, /* a refusal that took its time */
        {OUTCOME_CONTEXT_TOO_LONG, 0, 4},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fixture *f = fixture_new(4);
        f->demand.candidates[3] = 3;
        f->demand.candidate_count = 4;
        scheduler_ticket ticket = fixture_submit(f);
        uint32_t attempts = 1;
        for (;; attempts++) {
            f->now_ns += cases[i].took_ns;
            if (fixture_done(f, ticket, cases[i].outcome) == DONE_FINISHED)
                break;
            assert_int_equal(fixture_dispatched(f), attempts);
        }
        assert_int_equal(attempts, cases[i].attempts);
        fixture_free(f);
    }
}

static void the_only_candidate_is_asked_again(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    f->demand.candidate_count = 1;
    scheduler_ticket ticket = fixture_submit(f);
    for (uint32_t attempt = 2; attempt <= 3; attempt++) {
        assert_int_equal(fixture_done(f, ticket, OUTCOME_SERVER_ERROR), DONE_RETRYING);
        assert_int_equal(fixture_dispatched(f), UINT32_MAX); /* after a short rest */
        assert_true(f->armed_ns > f->now_ns && f->armed_ns <= f->now_ns + 100 * MS);
        fixture_tick(f, f->armed_ns);
        assert_int_equal(fixture_dispatched(f), 0);
        assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->attempt, attempt);
    }
    assert_int_equal(fixture_done(f, ticket, OUTCOME_SERVER_ERROR), DONE_FINISHED);
    /* One that says what it would say again is not. */
    ticket = fixture_submit(f);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_CONTEXT_TOO_LONG), DONE_FINISHED);
    fixture_free(f);
}

static void the_budget_ends_retries(void **state) {
    (void)state;
    struct fixture *f = fixture_new(0);
    f->demand.candidate_count = 2;
    uint32_t retries = 0;
    for (int i = 0; i < 100; i++) { /* ticket after ticket fails once, then succeeds */
        f->demand.candidates[0] = (uint32_t)i % 2;
        f->demand.candidates[1] = 2;
        scheduler_ticket ticket = fixture_submit(f);
        if (fixture_dispatched(f) == 2) /* the breaker of the other is open by now */
            fixture_cancel(f, ticket);
        else if (fixture_done(f, ticket, OUTCOME_BAD_ANSWER) == DONE_RETRYING) {
            retries++;
            fixture_cancel(f, ticket);
        }
        f->now_ns += 700 * SECOND;
    }
    assert_int_equal(retries, 50);
    for (int i = 0; i < 10; i++) /* ten successes are worth one retry */
        fixture_done(f, fixture_submit(f), OUTCOME_OK);
    assert_int_equal(fixture_done(f, fixture_submit(f), OUTCOME_BAD_ANSWER), DONE_RETRYING);
    f->now_ns += 700 * SECOND;
    assert_int_equal(fixture_done(f, fixture_submit(f), OUTCOME_BAD_ANSWER), DONE_FINISHED);
    /* What is free stays free. */
    assert_int_equal(fixture_done(f, fixture_submit(f), OUTCOME_RATE_LIMITED), DONE_RETRYING);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_outcome_in_each_phase),
        cmocka_unit_test(cancel_in_each_phase),
        cmocka_unit_test(labels_differ),
        cmocka_unit_test(a_second_opinion_is_one_other_provider),
        cmocka_unit_test(a_second_opinion_is_not_waited_for),
        cmocka_unit_test(attempts_that_cost_are_counted),
        cmocka_unit_test(the_only_candidate_is_asked_again),
        cmocka_unit_test(the_budget_ends_retries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
