// SPDX-License-Identifier: Apache-2.0
/*
 * Looking: what explain says is what submit does, and why a candidate cannot be asked.
 */
#include "base/rand.h"
#include "unit/scheduler/limits_fixture.h"

static struct scheduler_candidate rows[DEMAND_CANDIDATES_MAX];

static uint32_t explained(const struct limits_world *w) {
    uint32_t picked = UINT32_MAX;
    scheduler_explain(w->f->scheduler, w->f->now_ns, &w->f->demand, rows);
    for (uint32_t i = 0; i < w->f->demand.candidate_count; i++) {
        assert_true(!rows[i].picked || picked == UINT32_MAX);
        if (rows[i].picked)
            picked = w->f->demand.candidates[i];
    }
    scheduler_verify(w->f->scheduler);
    return picked;
}

/* The choice of explain against what submit did with the same demand. */
static bool compare(const struct limits_world *w, scheduler_ticket ticket, uint32_t route) {
    const struct action *found = NULL;
    for (uint32_t i = 0; i < fixture_count(w->f, ACTION_DISPATCH); i++)
        if (fixture_action(w->f, ACTION_DISPATCH, i)->ticket == ticket)
            found = fixture_action(w->f, ACTION_DISPATCH, i);
    assert_int_equal(found != NULL ? found->route : UINT32_MAX, route);
    for (uint32_t k = 0; k < w->f->demand.candidate_count; k++)
        assert_true(!rows[k].picked || rows[k].state == CANDIDATE_OPEN ||
                    rows[k].state == CANDIDATE_BENCHED || rows[k].state == CANDIDATE_BREAKER);
    return found != NULL;
}

static struct limits_world *random_world(struct rand *rand) {
    static const uint64_t windows_ms[] = {1000, 60000, 3600000, 90000000};
    static const enum limit_unit units[] = {LIMIT_REQUESTS, LIMIT_TOKENS, LIMIT_INPUT_TOKENS,
                                            LIMIT_CONCURRENT};
    struct limits_world *w = limits_new((uint32_t)rand_below(rand, 4));
    for (int i = 0; i < LIMITS_MAX; i++) {
        enum limit_unit unit = units[rand_below(rand, array_length(units))];
        enum limit_shape shape = (enum limit_shape)rand_below(rand, LIMIT_SHAPE_COUNT);
        uint64_t most = unit == LIMIT_REQUESTS || unit == LIMIT_CONCURRENT ? 8 : 4000;
        struct catalog_limit row =
            limit_row(unit, shape, 1 + rand_below(rand, most),
                      windows_ms[rand_below(rand, array_length(windows_ms))]);
        row.burst = rand_below(rand, 5);
        limits_add(w, row, (uint32_t)rand_below(rand, 16));
    }
    limits_configure(w, NULL);
    return w;
}

/* Any world, any moment between two events: the same choice, and nothing else than what is said to be open. */
static void the_same_choice(void **state) {
    (void)state;
    uint64_t picks = 0, waits = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct rand rand;
        rand_seed(&rand, seed);
        struct limits_world *w = random_world(&rand);
        struct fixture *f = w->f;
        scheduler_ticket running[64] = {0};
        for (int step = 0; step < 60; step++) {
            uint64_t to_ns =
                f->now_ns + rand_below(&rand, rand_below(&rand, 5) > 0 ? SECOND : 40 * SECOND);
            (void)limits_run(w, to_ns); /* whatever is due has happened, as in the live desk */
            f->demand.candidate_count = 1 + (uint32_t)rand_below(&rand, 4);
            for (uint32_t i = 0; i < f->demand.candidate_count; i++)
                f->demand.candidates[i] =
                    (uint32_t)((i + seed) % (seed % 7 == 0 ? FIXTURE_ROUTES + 1 : FIXTURE_ROUTES));
            f->demand.input_tokens = rand_below(&rand, 900);
            f->demand.output_tokens_max = rand_below(&rand, 200);
            f->demand.wait_until_ns = f->now_ns + rand_below(&rand, 3) * 10 * SECOND;
            uint32_t route = explained(w);
            scheduler_ticket ticket = fixture_submit(f);
            bool dispatched = compare(w, ticket, route);
            picks += dispatched;
            waits += !dispatched;
            uint64_t place = rand_below(&rand, array_length(running));
            if (rand_below(&rand, 2) > 0)
                scheduler_sent(f->scheduler, f->now_ns, ticket);
            if (running[place] != 0)
                (void)fixture_done(f, running[place],
                                   (enum outcome)(rand_below(&rand, 4) > 0
                                                      ? OUTCOME_OK
                                                      : rand_below(&rand, OUTCOME_COUNT)));
            running[place] = ticket;
        }
        limits_free(w);
    }
    assert_true(picks > 500 && waits > 500);
}

static void why_not(void **state) {
    (void)state;
    struct limits_world *w = limits_new(1);
    struct fixture *f = w->f;
    uint32_t minute = limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_REFILL, 1, 60000), 1);
    uint32_t small = limits_add(w, limit_row(LIMIT_TOKENS, LIMIT_ROLLING, 99, 60000), 2);
    limits_configure(w, NULL);
    f->demand.candidates[3] = 77;
    f->demand.candidate_count = 4; /* 100 tokens; routes 0, 1, 2 and one that is not there */
    assert_int_equal(explained(w), 0);
    assert_int_equal(rows[0].state, CANDIDATE_OPEN);
    assert_int_equal(rows[0].available_at_ns, f->now_ns);
    assert_int_equal(rows[0].limit, LIMIT_NONE);
    assert_int_equal(rows[1].state, CANDIDATE_TOO_LARGE);
    assert_int_equal(rows[1].limit, small);
    assert_int_equal(rows[1].available_at_ns, UINT64_MAX);
    assert_int_equal(rows[2].state, CANDIDATE_OPEN);
    assert_int_equal(rows[3].state, CANDIDATE_UNKNOWN);
    scheduler_ticket first = fixture_submit(f);
    scheduler_sent(f->scheduler, f->now_ns, first);
    fixture_done(f, first, OUTCOME_OK);
    assert_int_equal(explained(w), 2);
    assert_int_equal(rows[0].state, CANDIDATE_FULL);
    assert_int_equal(rows[0].limit, minute);
    assert_int_equal(rows[0].available_at_ns, f->now_ns + 60300 * MS);
    scheduler_ticket second = fixture_submit(f);
    assert_int_equal(explained(w), UINT32_MAX);
    assert_int_equal(rows[2].state, CANDIDATE_BUSY);
    assert_int_equal(rows[2].available_at_ns, 0);
    f->demand.candidate_count = 1;
    f->demand.candidates[0] = 2;
    fixture_done_after(f, second, OUTCOME_RATE_LIMITED, 9 * SECOND);
    assert_int_equal(explained(w), UINT32_MAX);
    assert_int_equal(rows[0].state, CANDIDATE_BENCHED);
    assert_int_equal(rows[0].available_at_ns, f->now_ns + 9 * SECOND);
    limits_free(w);
}

static void the_state_of_a_limit(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    struct fixture *f = w->f;
    uint32_t day = limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 20, 90000000), 1);
    limits_configure(w, NULL);
    struct scheduler_limit limit;
    assert_false(scheduler_limit_state(f->scheduler, f->now_ns, 1, &limit));
    f->demand.candidate_count = 1;
    scheduler_ticket ticket = fixture_submit(f);
    limit = limits_state(w, day);
    assert_int_equal(limit.amount, 20);
    assert_int_equal(limit.used, 1);
    assert_int_equal(limit.remaining, 19);
    assert_int_equal(limit.in_flight, 1);
    assert_false(limit.learned);
    assert_int_equal(limit.frees_at_ns, f->now_ns + 2601 * SECOND);
    fixture_done(f, ticket, OUTCOME_OK);
    limit = limits_state(w, day);
    assert_int_equal(limit.used, 1);
    assert_int_equal(limit.in_flight, 0);
    limits_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_choice),
        cmocka_unit_test(why_not),
        cmocka_unit_test(the_state_of_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
