// SPDX-License-Identifier: Apache-2.0
/*
 * The main path of a ticket: submit, grant, done; waiting, refusing, cancelling; what the client's limits do.
 */
#include "unit/scheduler/scheduler_fixture.h"

static void submit_and_done(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.owner = 0xabcdef;
    scheduler_ticket ticket = fixture_submit(f);
    assert_int_equal(f->out.count, 1); /* no wake-up where nothing rests */
    const struct action *dispatch = fixture_action(f, ACTION_DISPATCH, 0);
    assert_non_null(dispatch);
    assert_int_equal(dispatch->route, 0);
    assert_int_equal(dispatch->attempt, 1);
    assert_int_equal(dispatch->ticket, ticket);
    assert_int_equal(dispatch->owner, 0xabcdef);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 1);
    scheduler_sent(f->scheduler, f->now_ns, ticket);
    scheduler_headers(f->scheduler, f->now_ns, ticket, 200);
    scheduler_first_token(f->scheduler, f->now_ns, ticket);
    scheduler_progress(f->scheduler, f->now_ns, ticket, 5);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_OK), DONE_FINISHED);
    assert_int_equal(f->out.count, 0);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
    struct scheduler_counts counts;
    scheduler_counts(f->scheduler, &counts);
    assert_int_equal(counts.tickets, 0);
    assert_int_equal(counts.settled, 1);
    assert_int_equal(counts.finished, 1);
    fixture_free(f);
}

/* Memory of ended tickets goes back; their names find nothing afterwards, not even a new ticket in the same place. */
static void memory_goes_back(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket old = fixture_submit(f);
    scheduler_give_back(f->scheduler); /* one is alive: nothing happens to it */
    assert_int_equal(fixture_done(f, old, OUTCOME_OK), DONE_FINISHED);
    scheduler_give_back(f->scheduler);
    scheduler_verify(f->scheduler);
    scheduler_ticket next = fixture_submit(f);
    assert_int_not_equal(next, old);
    fixture_cancel(f, old);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 1);
    assert_int_equal(fixture_done(f, next, OUTCOME_OK), DONE_FINISHED);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
    fixture_free(f);
}

static void candidates_in_order(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    for (uint32_t i = 0; i < 3; i++) {
        fixture_submit(f);
        assert_int_equal(fixture_dispatched(f), i);
    }
    fixture_submit(f); /* all full: waits */
    assert_int_equal(fixture_dispatched(f), UINT32_MAX);
    assert_null(fixture_action(f, ACTION_REFUSE, 0));
    assert_int_equal(f->armed_ns, f->demand.wait_until_ns + 1);
    fixture_free(f);
}

static void waiters_in_order_of_arrival(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 1;
    scheduler_ticket running = fixture_submit(f);
    scheduler_ticket waiting[5];
    for (int i = 0; i < 5; i++)
        waiting[i] = fixture_submit(f);
    fixture_cancel(f, waiting[2]);
    static const int order[] = {0, 1, 3, 4};
    for (size_t i = 0; i < array_length(order); i++) {
        assert_int_equal(fixture_done(f, running, OUTCOME_OK), DONE_FINISHED);
        assert_int_equal(fixture_count(f, ACTION_DISPATCH), 1);
        running = fixture_action(f, ACTION_DISPATCH, 0)->ticket;
        assert_int_equal(running, waiting[order[i]]);
    }
    fixture_free(f);
}

static void a_blocked_head_holds_nobody_up(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket running[3];
    for (int i = 0; i < 3; i++)
        running[i] = fixture_submit(f);
    for (int i = 0; i < 100; i++) { /* more heads than anybody would look at */
        f->demand.candidates[0] = 0;
        f->demand.candidate_count = 1;
        fixture_submit(f);
    }
    f->demand.candidates[0] = 3;
    scheduler_ticket other = fixture_submit(f);
    fixture_done(f, running[2], OUTCOME_OK);
    assert_int_equal(fixture_count(f, ACTION_DISPATCH), 1);
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, other);
    assert_int_equal(fixture_dispatched(f), 3);
    fixture_free(f);
}

static void wait_is_over(void **state) {
    (void)state;
    static const struct {
        uint64_t wait_ns, deadline_ns;
        enum refusal refusal;
    } rows[] = {
        {5 * SECOND, UINT64_MAX, REFUSAL_WAIT_OVER},
        {5 * SECOND, 60 * SECOND, REFUSAL_WAIT_OVER},
        {5 * SECOND, 3 * SECOND, REFUSAL_DEADLINE},
        {UINT64_MAX, 3 * SECOND, REFUSAL_DEADLINE},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(1);
        f->demand.candidate_count = 1;
        fixture_submit(f);
        f->demand.wait_until_ns =
            rows[i].wait_ns == UINT64_MAX ? UINT64_MAX : f->now_ns + rows[i].wait_ns;
        f->demand.deadline_ns =
            rows[i].deadline_ns == UINT64_MAX ? UINT64_MAX : f->now_ns + rows[i].deadline_ns;
        scheduler_ticket ticket = fixture_submit(f);
        assert_null(fixture_action(f, ACTION_REFUSE, 0));
        fixture_tick(f, f->armed_ns - 1);
        assert_null(fixture_action(f, ACTION_REFUSE, 0));
        fixture_tick(f, f->armed_ns);
        const struct action *refuse = fixture_action(f, ACTION_REFUSE, 0);
        assert_non_null(refuse);
        assert_int_equal(refuse->ticket, ticket);
        assert_int_equal(refuse->refusal, rows[i].refusal);
        assert_int_equal(refuse->last, OUTCOME_OK);
        fixture_free(f);
    }
}

static void refused_at_once(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 0;
    assert_int_not_equal(fixture_submit(f), 0);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_NO_CANDIDATE);
    f->demand.candidate_count = 1;
    f->demand.candidates[0] = 99;
    fixture_submit(f);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_NO_CANDIDATE);
    f->demand.candidates[0] = 0;
    fixture_submit(f);
    f->demand.wait_until_ns = f->now_ns; /* may not wait, and nobody knows when a place is free */
    fixture_submit(f);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_LIMITED);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->retry_at_ns, 0);
    f->demand.deadline_ns = f->now_ns;
    fixture_submit(f);
    assert_int_equal(fixture_action(f, ACTION_REFUSE, 0)->refusal, REFUSAL_DEADLINE);
    fixture_free(f);
}

static void queue_places(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->config.waiting_max = 5;
    f->config.waiting_per_client_max = 3;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    f->demand.candidate_count = 1;
    scheduler_ticket running = fixture_submit(f);
    static const struct {
        uint64_t client;
        bool full;
    } rows[] = {{7, false}, {7, false}, {7, false}, {7, true},
                {8, false}, {8, false}, {9, true},  {8, true}};
    for (size_t i = 0; i < array_length(rows); i++) {
        f->demand.client = rows[i].client;
        fixture_submit(f);
        const struct action *refuse = fixture_action(f, ACTION_REFUSE, 0);
        assert_int_equal(refuse != NULL, rows[i].full);
        if (refuse != NULL)
            assert_int_equal(refuse->refusal, REFUSAL_QUEUE_FULL);
    }
    fixture_done(f, running, OUTCOME_OK); /* one of client 7 leaves the queue */
    f->demand.client = 7;
    fixture_submit(f);
    assert_null(fixture_action(f, ACTION_REFUSE, 0));
    fixture_free(f);
}

static void a_retry_keeps_its_place(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket tickets[3]; /* run at 0, 1, 2 */
    for (int i = 0; i < 3; i++)
        tickets[i] = fixture_submit(f);
    scheduler_ticket later = fixture_submit(f);
    /* The first fails, with two more to try, both full: it lines up before the one that came later. */
    assert_int_equal(fixture_done(f, tickets[0], OUTCOME_RATE_LIMITED), DONE_RETRYING);
    assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    (void)fixture_done(f, tickets[1], OUTCOME_OK);
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, tickets[0]);
    assert_int_equal(fixture_dispatched(f), 1);
    (void)fixture_done(f, tickets[2], OUTCOME_OK);
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, later);
    fixture_free(f);
}

static void many_clients_come_and_go(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->config.waiting_per_client_max = 2;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    f->demand.candidate_count = 1;
    fixture_submit(f);
    scheduler_ticket tickets[400];
    for (uint64_t round = 0; round < 3; round++) { /* every submit and cancel is verified */
        for (uint64_t i = 0; i < array_length(tickets); i++) {
            f->demand.client = 1 + i / 2 + round * 1000;
            tickets[i] = fixture_submit(f);
            assert_null(fixture_action(f, ACTION_REFUSE, 0));
        }
        for (uint64_t i = 0; i < array_length(tickets); i++)
            fixture_cancel(f, tickets[i * 7 % array_length(tickets)]);
    }
    fixture_free(f);
}

static void many_timers_take_several_visits(void **state) {
    (void)state;
    enum { ROUTES = 600 };
    struct fixture *f = fixture_new(0);
    struct scheduler_route routes[ROUTES];
    for (int i = 0; i < ROUTES; i++)
        routes[i] = (struct scheduler_route){.account = 0};
    f->config.routes = routes;
    f->config.route_count = ROUTES;
    fixture_configure(f, NULL);
    f->demand.candidate_count = 1;
    for (uint32_t i = 0; i < ROUTES; i++) {
        f->demand.candidates[0] = i;
        (void)fixture_done(f, fixture_submit(f), OUTCOME_MODEL_GONE);
    }
    fixture_tick(f, f->now_ns + 3600 * SECOND);
    uint32_t visits = 1;
    while (fixture_action(f, ACTION_ARM, 0) != NULL && f->armed_ns == f->now_ns) {
        visits++;
        fixture_tick(f, f->now_ns);
    }
    assert_int_equal(visits, 3);
    assert_true(fixture_route_open(f, ROUTES - 1));
    fixture_free(f);
}

static void no_ticket_is_free(void **state) {
    (void)state;
    struct fixture *f = fixture_new(0);
    scheduler_free(f->scheduler);
    f->scheduler = scheduler_new(2, 1);
    fixture_configure(f, NULL);
    scheduler_ticket first = fixture_submit(f);
    fixture_submit(f);
    assert_int_equal(fixture_submit(f), 0);
    assert_int_equal(f->out.count, 0);
    fixture_done(f, first, OUTCOME_OK);
    scheduler_ticket again = fixture_submit(f);
    assert_int_not_equal(again, 0);
    assert_int_not_equal(again, first); /* the slot's old name is dead */
    fixture_free(f);
}

static void late_events_change_nothing(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket ticket = fixture_submit(f);
    fixture_cancel(f, ticket);
    struct scheduler_counts before, after;
    scheduler_counts(f->scheduler, &before);
    scheduler_sent(f->scheduler, f->now_ns, ticket);
    scheduler_headers(f->scheduler, f->now_ns, ticket, 200);
    scheduler_first_token(f->scheduler, f->now_ns, ticket);
    scheduler_progress(f->scheduler, f->now_ns, ticket, 1);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_SERVER_ERROR), DONE_FINISHED);
    fixture_cancel(f, ticket);
    fixture_cancel(f, 0);
    fixture_cancel(f, UINT64_MAX);
    scheduler_counts(f->scheduler, &after);
    assert_memory_equal(&before, &after, sizeof before);
    fixture_free(f);
}

static void many_dispatches_take_several_visits(void **state) {
    (void)state;
    struct fixture *f = fixture_new(100);
    f->demand.candidate_count = 1;
    scheduler_ticket running[100];
    for (int i = 0; i < 100; i++)
        running[i] = fixture_submit(f);
    for (int i = 0; i < 150; i++)
        fixture_submit(f);
    /* A provider that was away for a moment comes back with a hundred places. */
    assert_int_equal(fixture_done(f, running[0], OUTCOME_DNS_FAILED), DONE_RETRYING);
    for (int i = 1; i < 100; i++)
        fixture_cancel(f, running[i]);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
    uint32_t dispatched = 0, visits = 0;
    fixture_tick(f, f->now_ns + 5 * SECOND);
    for (;; visits++) {
        uint32_t now = fixture_count(f, ACTION_DISPATCH);
        assert_true(now <= SCHEDULER_DISPATCH_PER_VISIT);
        dispatched += now;
        const struct action *arm = fixture_action(f, ACTION_ARM, 0);
        if (arm == NULL || arm->time_ns > f->now_ns)
            break;
        fixture_tick(f, f->now_ns);
    }
    assert_int_equal(dispatched, 100);
    assert_int_equal(visits, 1);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submit_and_done),
        cmocka_unit_test(memory_goes_back),
        cmocka_unit_test(candidates_in_order),
        cmocka_unit_test(waiters_in_order_of_arrival),
        cmocka_unit_test(a_blocked_head_holds_nobody_up),
        cmocka_unit_test(wait_is_over),
        cmocka_unit_test(refused_at_once),
        cmocka_unit_test(queue_places),
        cmocka_unit_test(a_retry_keeps_its_place),
        cmocka_unit_test(many_clients_come_and_go),
        cmocka_unit_test(many_timers_take_several_visits),
        cmocka_unit_test(no_ticket_is_free),
        cmocka_unit_test(late_events_change_nothing),
        cmocka_unit_test(many_dispatches_take_several_visits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
