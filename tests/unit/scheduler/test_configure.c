// SPDX-License-Identifier: Apache-2.0
/*
 * New configurations while tickets live: running, waiting, asking; routes that move, stay, and go.
 */
#include "unit/scheduler/scheduler_fixture.h"

#define GONE UINT32_MAX

/* The fixture's routes in reverse order, over accounts in reverse order. */
static void reverse(struct fixture *f) {
    struct scheduler_account accounts[FIXTURE_ACCOUNTS];
    struct scheduler_route routes[FIXTURE_ROUTES];
    for (uint32_t i = 0; i < FIXTURE_ACCOUNTS; i++)
        accounts[FIXTURE_ACCOUNTS - 1 - i] = f->accounts[i];
    for (uint32_t i = 0; i < FIXTURE_ROUTES; i++) {
        routes[FIXTURE_ROUTES - 1 - i] = f->routes[i];
        routes[FIXTURE_ROUTES - 1 - i].account = FIXTURE_ACCOUNTS - 1 - f->routes[i].account;
    }
    memcpy(f->accounts, accounts, sizeof accounts);
    memcpy(f->routes, routes, sizeof routes);
    fixture_configure(f, (uint32_t[]){3, 2, 1, 0});
}

static void tables_are_checked(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    struct scheduler_config good = f->config;
    f->routes[1].account = FIXTURE_ACCOUNTS;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    f->routes[1].account = 1;
    f->accounts[0].provider = FIXTURE_PROVIDERS;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    f->accounts[0].provider = 0;
    f->config.attempts_max = 0;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, NULL, &f->out),
                     ERR_RANGE);
    f->config = good;
    fixture_submit(f); /* the configuration of before still stands */
    assert_int_equal(fixture_dispatched(f), 0);
    fixture_free(f);
}

static void running_ones_keep_their_place(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket ticket = fixture_submit(f);
    reverse(f); /* route 0 of account 0 is now route 3 of account 2 */
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 2), 1);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
    f->demand.candidates[0] = 3;
    f->demand.candidate_count = 1;
    fixture_submit(f);
    assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    (void)fixture_done(f, ticket, OUTCOME_OK);
    assert_int_equal(fixture_dispatched(f), 3);
    fixture_free(f);
}

static void failures_go_on_under_new_names(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket ticket = fixture_submit(f); /* 0, 1, 2 are now 3, 2, 1 */
    reverse(f);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_RATE_LIMITED), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 2);
    fixture_route_shut_until(f, 3, f->now_ns + 20 * SECOND);
    reverse(f); /* what was learned moves along */
    fixture_route_shut_until(f, 0, f->now_ns + 20 * SECOND);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_RATE_LIMITED), DONE_RETRYING);
    assert_int_equal(fixture_dispatched(f), 2);
    fixture_tick(f, f->now_ns + 20 * SECOND);
    assert_true(fixture_route_open(f, 0));
    fixture_free(f);
}

static void waiters_line_up_again(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 1;
    scheduler_ticket running = fixture_submit(f);
    scheduler_ticket waiting[3];
    for (int i = 0; i < 3; i++)
        waiting[i] = fixture_submit(f);
    reverse(f);
    f->accounts[2].concurrency_max = 2; /* one more place */
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, waiting[0]);
    assert_int_equal(fixture_dispatched(f), 3);
    (void)fixture_done(f, running, OUTCOME_OK);
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, waiting[1]);
    f->accounts[2].concurrency_max = 1; /* fewer: nobody is stopped, nobody is added */
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    (void)fixture_done(f, waiting[0], OUTCOME_OK);
    assert_null(fixture_action(f, ACTION_DISPATCH, 0));
    (void)fixture_done(f, waiting[1], OUTCOME_OK);
    assert_int_equal(fixture_action(f, ACTION_DISPATCH, 0)->ticket, waiting[2]);
    fixture_free(f);
}

static void waiters_keep_their_order(void **state) {
    (void)state;
    enum { HALF = 100 };
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 1;
    scheduler_ticket running = fixture_submit(f);
    scheduler_ticket order[2 * HALF], leaving[HALF];
    for (int i = 0; i < HALF; i++)
        leaving[i] = fixture_submit(f);
    for (int i = 0; i < HALF; i++)
        order[i] = fixture_submit(f);
    for (int i = 0; i < HALF; i++)
        fixture_cancel(f, leaving[i]);
    for (int i = HALF; i < 2 * HALF; i++) /* later arrivals in earlier slots */
        order[i] = fixture_submit(f);
    reverse(f);
    for (int i = 0; i < 2 * HALF; i++) {
        (void)fixture_done(f, running, OUTCOME_OK);
        running = fixture_action(f, ACTION_DISPATCH, 0)->ticket;
        assert_int_equal(running, order[i]);
    }
    fixture_free(f);
}

static void a_late_grant_names_the_account_of_now(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    f->accounts[0].remote = true;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    scheduler_ticket ticket = fixture_submit(f);
    uint64_t grant = fixture_action(f, ACTION_NEED_REMOTE_GRANT, 0)->grant;
    fixture_cancel(f, ticket);
    reverse(f);
    fixture_grant(f, grant, REMOTE_OK);
    assert_int_equal(fixture_action(f, ACTION_REMOTE_RELEASE, 0)->account, 2);
    fixture_free(f);
}

static void routes_that_go(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 1;
    scheduler_ticket running = fixture_submit(f); /* at route 0 */
    scheduler_ticket lost = fixture_submit(f);    /* waits for it alone */
    f->demand.candidate_count = 2;
    fixture_submit(f); /* runs at route 1 */
    scheduler_ticket waiting = fixture_submit(f);
    f->config.route_count = 3;
    for (uint32_t i = 0; i < 3; i++) /* 1, 2, 3 move up */
        f->routes[i] = f->routes[i + 1];
    fixture_configure(f, (uint32_t[]){GONE, 0, 1, 2});
    const struct action *refuse = fixture_action(f, ACTION_REFUSE, 0);
    assert_non_null(refuse);
    assert_int_equal(refuse->ticket, lost);
    assert_int_equal(refuse->refusal, REFUSAL_NO_CANDIDATE);
    assert_int_equal(fixture_count(f, ACTION_REFUSE), 1);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
    /* It fails under a name that nobody has any more: nobody is benched, nothing is left to try. */
    assert_int_equal(fixture_done(f, running, OUTCOME_KEY_REFUSED), DONE_FINISHED);
    for (uint32_t i = 1; i < 3; i++)
        assert_true(fixture_route_open(f, i));
    fixture_cancel(f, waiting);
    fixture_free(f);
}

static void more_end_than_one_visit_can_say(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    f->demand.candidate_count = 1;
    for (int i = 0; i < 400; i++)
        fixture_submit(f);
    f->config.route_count = 1; /* what is left is the old route 3 */
    f->routes[0].account = 2;
    uint32_t refused = 0, visits = 0;
    fixture_configure(f, (uint32_t[]){GONE, GONE, GONE, 0});
    for (;; visits++) {
        assert_true(f->out.count <= SCHEDULER_ACTIONS_MAX);
        refused += fixture_count(f, ACTION_REFUSE);
        const struct action *arm = fixture_action(f, ACTION_ARM, 0);
        if (arm == NULL || arm->time_ns > f->now_ns)
            break;
        fixture_tick(f, f->now_ns);
    }
    assert_int_equal(refused, 399);
    assert_true(visits >= 2);
    fixture_free(f);
}

static void asking_ones(void **state) {
    (void)state;
    static const struct {
        uint32_t map_of_0; /* the asking ticket's route */
        uint32_t releases;
        uint32_t dispatched;
    } rows[] = {{0, 0, 0}, {GONE, 1, UINT32_MAX}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = fixture_new(4);
        f->accounts[0].remote = true;
        fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
        f->demand.candidate_count = 2;
        fixture_submit(f);
        uint64_t grant = fixture_action(f, ACTION_NEED_REMOTE_GRANT, 0)->grant;
        fixture_configure(f, (uint32_t[]){rows[i].map_of_0, 1, 2, 3});
        /* One whose route has gone goes on with what is left. */
        assert_int_equal(fixture_dispatched(f), rows[i].map_of_0 == GONE ? 1 : UINT32_MAX);
        fixture_grant(f, grant, REMOTE_OK);
        assert_int_equal(fixture_count(f, ACTION_REMOTE_RELEASE), rows[i].releases);
        assert_int_equal(fixture_dispatched(f), rows[i].dispatched);
        fixture_free(f);
    }
}

static void marks_move_along(void **state) {
    (void)state;
    struct fixture *f = fixture_new(4);
    f->accounts[0].durable = true;
    fixture_configure(f, (uint32_t[]){0, 1, 2, 3});
    f->demand.candidate_count = 1;
    fixture_submit(f);
    struct action need = *fixture_action(f, ACTION_NEED_DURABLE, 0);
    reverse(f);
    fixture_durable(f, need.node, need.mark); /* under the number it had when it was asked */
    assert_int_equal(fixture_dispatched(f), 3);
    fixture_free(f);
}

static void no_map_means_nothing_is_left(void **state) {
    (void)state;
    struct fixture *f = fixture_new(1);
    scheduler_ticket running = fixture_submit(f);
    fixture_configure(f, NULL);
    assert_int_equal(scheduler_account_in_flight(f->scheduler, 0), 0);
    assert_int_equal(fixture_done(f, running, OUTCOME_OK), DONE_FINISHED);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(running_ones_keep_their_place),
        cmocka_unit_test(failures_go_on_under_new_names),
        cmocka_unit_test(waiters_line_up_again),
        cmocka_unit_test(waiters_keep_their_order),
        cmocka_unit_test(a_late_grant_names_the_account_of_now),
        cmocka_unit_test(routes_that_go),
        cmocka_unit_test(more_end_than_one_visit_can_say),
        cmocka_unit_test(asking_ones),
        cmocka_unit_test(marks_move_along),
        cmocka_unit_test(no_map_means_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
