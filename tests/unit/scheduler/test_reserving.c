// SPDX-License-Identifier: Apache-2.0
/*
 * Grants that take a round trip: a shared ledger and durable marks, answering well, late, twice, or never.
 */
#include "unit/scheduler/scheduler_fixture.h"

static struct fixture *world(bool remote, bool durable) {
    struct fixture *f = fixture_new(4);
    f->accounts[0].remote = remote;
    f->accounts[0].durable = durable;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    f->demand.candidate_count = 2;
    return f;
}

static const struct action *asked(const struct fixture *f, enum action_kind kind) {
    const struct action *action = fixture_action(f, kind, 0);
    assert_non_null(action);
    return action;
}

static void assert_counts(const struct fixture *f, uint64_t settled, uint64_t released,
                          uint64_t open) {
    struct scheduler_counts counts;
    scheduler_counts(f->scheduler, &counts);
    assert_int_equal(counts.settled, settled);
    assert_int_equal(counts.released, released);
    assert_int_equal(counts.reserved, settled + released + open);
}

static void a_grant_comes(void **state) {
    (void)state;
    struct fixture *f = world(true, false);
    scheduler_ticket ticket = fixture_submit(f);
    const struct action *need = asked(f, ACTION_NEED_REMOTE_GRANT);
    uint64_t grant = need->grant;
    assert_int_equal(need->account, 0);
    assert_int_equal(need->requests, 1);
    assert_int_equal(need->tokens, 150);
    assert_int_equal(need->ticket, ticket);
    assert_int_equal(fixture_dispatched(f), UINT32_MAX);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 1);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_OK),
                     DONE_RETRYING); /* nothing of it runs yet: ignored */
    f->now_ns += 900 * MS;
    fixture_grant(f, grant, REMOTE_OK);
    assert_int_equal(fixture_dispatched(f), 0);
    fixture_grant(f, grant, REMOTE_OK); /* said twice */
    assert_int_equal(f->out.count, 0);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_OK), DONE_FINISHED);
    assert_int_equal(asked(f, ACTION_REMOTE_SETTLE)->grant, grant);
    assert_counts(f, 1, 0, 0);
    fixture_free(f);
}

static void denied_or_lost_goes_elsewhere(void **state) {
    (void)state;
    static const struct {
        enum remote_verdict verdict;
        uint64_t rest_ns;
    } rows[] = {{REMOTE_DENIED, 250 * MS}, {REMOTE_LOST, SECOND}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = world(true, false);
        fixture_submit(f);
        fixture_grant(f, asked(f, ACTION_NEED_REMOTE_GRANT)->grant, rows[i].verdict);
        assert_int_equal(fixture_dispatched(f), 1);
        assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->attempt, 1);
        fixture_route_shut_until(f, 0, f->now_ns + rows[i].rest_ns);
        assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
        assert_counts(f, 0, 1, 1);
        f->demand.candidate_count = 1; /* nowhere else to go: waits, then asks again */
        fixture_submit(f);
        assert_int_equal(f->armed_ns, f->now_ns + rows[i].rest_ns);
        fixture_tick(f, f->armed_ns);
        fixture_grant(f, asked(f, ACTION_NEED_REMOTE_GRANT)->grant, REMOTE_OK);
        assert_int_equal(fixture_dispatched(f), 0);
        fixture_free(f);
    }
}

static void silence_counts_as_lost_and_a_late_grant_goes_back(void **state) {
    (void)state;
    struct fixture *f = world(true, false);
    fixture_submit(f);
    uint64_t grant = asked(f, ACTION_NEED_REMOTE_GRANT)->grant;
    assert_int_equal(f->armed_ns, f->now_ns + f->config.remote_timeout_ns);
    fixture_tick(f, f->armed_ns);
    assert_int_equal(fixture_dispatched(f), 1);
    fixture_grant(f, grant, REMOTE_OK);
    const struct action *release = asked(f, ACTION_REMOTE_RELEASE);
    assert_int_equal(release->grant, grant);
    assert_int_equal(release->account, 0);
    assert_int_equal(release->requests, 1);
    assert_int_equal(release->tokens, 150);
    fixture_grant(f, grant, REMOTE_OK);
    assert_int_equal(f->out.count, 0); /* once */
    fixture_free(f);
}

static void cancelled_while_asking(void **state) {
    (void)state;
    static const struct {
        enum remote_verdict verdict;
        uint32_t releases;
    } rows[] = {{REMOTE_OK, 1}, {REMOTE_DENIED, 0}, {REMOTE_LOST, 0}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = world(true, false);
        scheduler_ticket ticket = fixture_submit(f);
        uint64_t grant = asked(f, ACTION_NEED_REMOTE_GRANT)->grant;
        fixture_cancel(f, ticket);
        assert_null(fixture_action(f, ACTION_REMOTE_RELEASE, 0)); /* nothing is held yet */
        assert_counts(f, 0, 1, 0);
        fixture_grant(f, grant, rows[i].verdict);
        assert_int_equal(fixture_count(f, ACTION_REMOTE_RELEASE), rows[i].releases);
        assert_true(fixture_route_open(f, 0));
        fixture_free(f);
    }
}

static void a_grant_that_finds_the_route_benched_goes_back(void **state) {
    (void)state;
    struct fixture *f = world(true, false);
    scheduler_ticket first = fixture_submit(f);
    fixture_grant(f, asked(f, ACTION_NEED_REMOTE_GRANT)->grant, REMOTE_OK);
    fixture_submit(f);
    uint64_t grant = asked(f, ACTION_NEED_REMOTE_GRANT)->grant;
    (void)fixture_done(f, first, OUTCOME_RATE_LIMITED);
    fixture_grant(f, grant, REMOTE_OK);
    assert_int_equal(asked(f, ACTION_REMOTE_RELEASE)->grant, grant);
    assert_int_equal(fixture_dispatched(f), 1);
    fixture_free(f);
}

static void forgotten_questions_are_bounded(void **state) {
    (void)state;
    struct fixture *f = world(true, false);
    scheduler_free(f->scheduler);
    f->scheduler = scheduler_new(2, 1);
    fixture_configure(f, NULL);
    uint64_t grants[10];
    for (int i = 0; i < 10; i++) { /* a ledger that never answers */
        scheduler_ticket ticket = fixture_submit(f);
        grants[i] = asked(f, ACTION_NEED_REMOTE_GRANT)->grant;
        fixture_cancel(f, ticket);
    }
    uint32_t returned = 0;
    for (int i = 0; i < 10; i++) {
        fixture_grant(f, grants[i], REMOTE_OK);
        returned += fixture_count(f, ACTION_REMOTE_RELEASE);
    }
    assert_int_equal(returned, 4); /* two for each ticket are remembered */
    fixture_free(f);
}

static void grants_wait_for_the_mark(void **state) {
    (void)state;
    struct fixture *f = world(false, true);
    f->accounts[0].concurrency_max = 0;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    f->demand.candidate_count = 1;
    fixture_submit(f);
    uint64_t mark = asked(f, ACTION_NEED_DURABLE)->mark;
    uint32_t node = asked(f, ACTION_NEED_DURABLE)->node;
    for (int i = 0; i < 19; i++) { /* all share one sync */
        fixture_submit(f);
        assert_null(fixture_action(f, ACTION_NEED_DURABLE, 0));
        assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    }
    fixture_durable(f, node, mark + 1); /* nobody asked for that */
    assert_int_equal(f->out.count, 0);
    fixture_durable(f, node, mark);
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 16);
    uint64_t second = asked(f, ACTION_NEED_DURABLE)->mark;
    assert_true(second > mark);
    fixture_durable(f, node, mark); /* said twice */
    assert_int_equal(f->out.count, 0);
    fixture_durable(f, node, second);
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 4);
    for (int i = 0; i < 12; i++) { /* the rest of it is already on disk */
        fixture_submit(f);
        assert_int_equal(fixture_count(f, ACTION_DISPATCH), 1);
    }
    fixture_submit(f);
    assert_int_equal(fixture_count(f, ACTION_NEED_DURABLE), 1);
    fixture_free(f);
}

static void a_disk_that_never_answers(void **state) {
    (void)state;
    struct fixture *f = world(false, true);
    fixture_submit(f);
    uint64_t mark = asked(f, ACTION_NEED_DURABLE)->mark;
    fixture_tick(f, f->armed_ns);
    assert_int_equal(fixture_dispatched(f), 1);
    f->demand.candidate_count = 1;
    fixture_tick(f, f->now_ns + 2 * SECOND);
    fixture_submit(f);
    assert_true(asked(f, ACTION_NEED_DURABLE)->mark > mark); /* asked anew */
    fixture_durable(f, 0, mark);                             /* of before: covers nothing now */
    assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    fixture_free(f);
}

static void remote_and_durable(void **state) {
    (void)state;
    struct fixture *f = world(true, true);
    scheduler_ticket ticket = fixture_submit(f);
    uint64_t grant = asked(f, ACTION_NEED_REMOTE_GRANT)->grant;
    fixture_grant(f, grant, REMOTE_OK);
    uint64_t mark = asked(f, ACTION_NEED_DURABLE)->mark;
    assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    fixture_durable(f, 0, mark);
    assert_int_equal(fixture_dispatched(f), 0);
    fixture_cancel(f, ticket);
    for (int i = 0; i < 15; i++) {
        scheduler_ticket next = fixture_submit(f);
        fixture_grant(f, asked(f, ACTION_NEED_REMOTE_GRANT)->grant, REMOTE_OK);
        assert_int_equal(fixture_dispatched(f), 0);
        fixture_cancel(f, next);
    }
    ticket = fixture_submit(f);
    grant = asked(f, ACTION_NEED_REMOTE_GRANT)->grant;
    fixture_grant(f, grant, REMOTE_OK);
    assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    fixture_cancel(f, ticket); /* held, but not on disk */
    assert_int_equal(asked(f, ACTION_REMOTE_RELEASE)->grant, grant);
    assert_counts(f, 0, 17, 0);
    fixture_free(f);
}

static void deadline_while_asking(void **state) {
    (void)state;
    struct fixture *f = world(true, false);
    f->demand.deadline_ns = f->now_ns + 100 * MS;
    fixture_submit(f);
    fixture_tick(f, f->armed_ns);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_DEADLINE);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_comes),
        cmocka_unit_test(denied_or_lost_goes_elsewhere),
        cmocka_unit_test(silence_counts_as_lost_and_a_late_grant_goes_back),
        cmocka_unit_test(cancelled_while_asking),
        cmocka_unit_test(a_grant_that_finds_the_route_benched_goes_back),
        cmocka_unit_test(forgotten_questions_are_bounded),
        cmocka_unit_test(grants_wait_for_the_mark),
        cmocka_unit_test(a_disk_that_never_answers),
        cmocka_unit_test(remote_and_durable),
        cmocka_unit_test(deadline_while_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
