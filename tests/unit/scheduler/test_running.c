// SPDX-License-Identifier: Apache-2.0
/*
 * What one scheduler runs is counted by another: told, held, charged where it has no room, and given back at its end.
 */
#include "scheduler/running.h"
#include "unit/scheduler/limits_fixture.h"

#define MINUTE_MS ((uint64_t)60000)
#define CLIENT    ((uint64_t)7)

static struct limits_world *world(uint64_t requests, uint64_t tokens) {
    struct limits_world *w = limits_new(2);
    (void)limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, requests, MINUTE_MS), 1);
    (void)limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, tokens, MINUTE_MS), 1);
    limits_configure(w, NULL);
    w->f->demand.candidate_count = 1; /* route 0 */
    return w;
}

static uint64_t used(const struct limits_world *w, uint32_t limit) {
    struct scheduler_limit state;
    assert_true(scheduler_limit_state(w->f->scheduler, w->f->now_ns, limit, &state));
    return state.used;
}

static uint32_t tell(const struct limits_world *w, struct scheduler_running *rows, uint32_t most) {
    uint32_t count = 0, slot = 0;
    while (count < most &&
           scheduler_next_running(w->f->scheduler, w->f->now_ns, &slot, &rows[count]))
        count++;
    return count;
}

static void test_told_and_held(void **state) {
    (void)state;
    struct limits_world *old = world(10, 10000), *heir = world(10, 10000);
    struct scheduler_running rows[8];
    assert_int_equal(tell(old, rows, 8), 0);
    scheduler_ticket first = fixture_submit(old->f);
    scheduler_sent(old->f->scheduler, old->f->now_ns, first);
    old->f->now_ns += 3 * SECOND;
    (void)fixture_submit(old->f); /* granted, not sent yet */
    assert_int_equal(tell(old, rows, 8), 2);
    assert_int_equal(rows[0].route, 0);
    assert_int_equal(rows[0].age_ms, 3000);
    assert_int_equal(rows[1].age_ms, 0);
    assert_int_equal(rows[0].promise.input_tokens, 100);
    assert_int_equal(rows[0].promise.output_tokens_max, 50);
    scheduler_ticket held[2];
    for (uint32_t i = 0; i < 2; i++) {
        heir->f->out.count = 0;
        held[i] = scheduler_hold(heir->f->scheduler, heir->f->now_ns, &rows[i], &heir->f->out);
        assert_true(held[i] != 0);
        assert_int_equal(fixture_count(heir->f, ACTION_DISPATCH), 0);
        scheduler_verify(heir->f->scheduler);
    }
    assert_int_equal(used(heir, 0), used(old, 0));
    assert_int_equal(used(heir, 1), used(old, 1));
    assert_int_equal(scheduler_account_in_flight(heir->f->scheduler, 0), 2);
    /* concurrency is full: the next waits until the old process has ended */
    (void)fixture_submit(heir->f);
    assert_int_equal(fixture_dispatched(heir->f), UINT32_MAX);
    const struct scheduler_usage unknown = {.known = false};
    heir->f->out.count = 0;
    assert_int_equal(scheduler_done(heir->f->scheduler, heir->f->now_ns, held[0], OUTCOME_OK,
                                    &unknown, NULL, &heir->f->out),
                     DONE_FINISHED);
    fixture_note(heir->f);
    assert_int_equal(fixture_dispatched(heir->f), 0);
    assert_int_equal(used(heir, 0), 3); /* charged, not given back */
    limits_free(old);
    limits_free(heir);
}

/* Those that wait are told with the first of their candidates, since they will be asked there. */
static void test_those_that_wait_are_told(void **state) {
    (void)state;
    struct limits_world *old = world(1, 10000);
    struct scheduler_running rows[8];
    (void)fixture_submit(old->f);
    old->f->demand.wait_until_ns = old->f->now_ns + 300 * SECOND;
    (void)fixture_submit(old->f);
    assert_int_equal(fixture_count(old->f, ACTION_REFUSE), 0);
    assert_int_equal(tell(old, rows, 8), 2);
    assert_int_equal(rows[1].route, 0);
    assert_int_equal(rows[1].age_ms, 0);
    limits_free(old);
}

static void test_no_room_is_no_ticket(void **state) {
    (void)state;
    struct limits_world *heir = world(1, 10000);
    const struct scheduler_running row = {.promise = {.input_tokens = 5}};
    heir->f->out.count = 0;
    assert_true(scheduler_hold(heir->f->scheduler, heir->f->now_ns, &row, &heir->f->out) != 0);
    assert_int_equal(scheduler_hold(heir->f->scheduler, heir->f->now_ns, &row, &heir->f->out), 0);
    assert_int_equal(fixture_count(heir->f, ACTION_REFUSE), 0); /* nobody is to hear of it */
    scheduler_verify(heir->f->scheduler);
    const struct scheduler_running nowhere = {.route = 77};
    assert_int_equal(scheduler_hold(heir->f->scheduler, heir->f->now_ns, &nowhere, &heir->f->out),
                     0);
    scheduler_verify(heir->f->scheduler);
    limits_free(heir);
}

static void limit_client(struct limits_world *w, uint64_t requests, uint64_t tokens) {
    struct scheduler_client row = {.number = CLIENT};
    row.limits.amount[CLIENT_REQUESTS_PER_DAY] = requests;
    row.limits.amount[CLIENT_TOKENS_PER_DAY] = tokens;
    row.limits.amount[CLIENT_CONCURRENCY] = 1;
    scheduler_clients(w->f->scheduler, w->f->now_ns, &row, 1, &zone_utc);
    w->f->demand.client = CLIENT;
}

static void assert_client(const struct limits_world *w, uint64_t requests, uint64_t tokens,
                          uint64_t at_once) {
    struct scheduler_client_limit limits[CLIENT_LIMIT_COUNT];
    assert_true(scheduler_client_state(w->f->scheduler, w->f->now_ns, CLIENT, limits));
    assert_int_equal(limits[CLIENT_REQUESTS_PER_DAY].used, requests);
    assert_int_equal(limits[CLIENT_TOKENS_PER_DAY].used, tokens);
    assert_int_equal(limits[CLIENT_CONCURRENCY].used, at_once);
}

/* What the old process runs for a client holds the client's limits in the new one, and costs what was likely when it has ended. */
static void test_limits_of_clients(void **state) {
    (void)state;
    struct limits_world *old = world(10, 10000), *heir = world(10, 10000);
    struct scheduler_running rows[2];
    limit_client(old, 5, 1000);
    limit_client(heir, 5, 1000);
    scheduler_ticket first = fixture_submit(old->f);
    scheduler_sent(old->f->scheduler, old->f->now_ns, first);
    assert_client(old, 1, 150, 1);
    assert_int_equal(tell(old, rows, 2), 1);
    assert_int_equal(rows[0].client, CLIENT);
    heir->f->out.count = 0;
    scheduler_ticket held =
        scheduler_hold(heir->f->scheduler, heir->f->now_ns, &rows[0], &heir->f->out);
    assert_true(held != 0);
    scheduler_verify(heir->f->scheduler);
    assert_client(heir, 1, 150, 1);
    (void)fixture_submit(heir->f); /* one at once */
    assert_int_equal(limits_refused(heir)->refusal, REFUSAL_CLIENT_LIMITED);
    const struct scheduler_usage unknown = {.known = false};
    heir->f->out.count = 0;
    (void)scheduler_done(heir->f->scheduler, heir->f->now_ns, held, OUTCOME_OK, &unknown, NULL,
                         &heir->f->out);
    fixture_note(heir->f);
    assert_client(heir, 1, 150, 0);
    /* It was let in by the old one: the client's limits hold it also where they are full, or are not there. */
    limit_client(heir, 1, 200);
    held = scheduler_hold(heir->f->scheduler, heir->f->now_ns, &rows[0], &heir->f->out);
    assert_true(held != 0);
    assert_client(heir, 2, 300, 1);
    rows[0].client = CLIENT + 1;
    heir->f->out.count = 0;
    assert_true(scheduler_hold(heir->f->scheduler, heir->f->now_ns, &rows[0], &heir->f->out) != 0);
    scheduler_verify(heir->f->scheduler);
    limits_free(old);
    limits_free(heir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_and_held),
        cmocka_unit_test(test_those_that_wait_are_told),
        cmocka_unit_test(test_no_room_is_no_ticket),
        cmocka_unit_test(test_limits_of_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
