// SPDX-License-Identifier: Apache-2.0
/*
 * Limits against providers that enforce them: every shape, ways of every length up to the spread, clocks in every phase, endless
 * demand. No provider ever refuses by a rule that is configured, and what may be used is used. Then the rules that nobody
 * tells: they cost a few refusals on the first day and about one a day later.
 * A failing seed names itself: run the program with it as argument.
 */
#include "sim/provider_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEEDS     200
#define MINUTE_NS (60 * NS_PER_S)
#define HOUR_NS   (3600 * NS_PER_S)

/* How a true rule is configured, and how much of it endless demand must get. */
static const struct {
    enum rule rule;
    enum limit_shape shape;
    uint64_t window_ns;
    uint32_t amount_least, amount_most;
    uint64_t tokens_most;
    uint32_t windows, percent;
} rows[] = {
    {RULE_EXACT, LIMIT_ROLLING, MINUTE_NS, 1, 60, 0, 12, 95},
    {RULE_ALIGNED, LIMIT_ROLLING, MINUTE_NS, 1, 60, 0, 12, 95},
    {RULE_ANCHORED, LIMIT_ROLLING, MINUTE_NS, 1, 60, 0, 12, 95},
    {RULE_BUCKET, LIMIT_ROLLING, MINUTE_NS, 2, 60, 0, 12, 95},
    {RULE_EXACT, LIMIT_ROLLING, HOUR_NS, 20, 200, 0, 8, 95},
    {RULE_BUCKET, LIMIT_REFILL, MINUTE_NS, 1, 60, 0, 12, 95},
    {RULE_BUCKET, LIMIT_REFILL, DAY_NS, 20, 200, 0, 6, 95},
    {RULE_BUCKET, LIMIT_REFILL, MINUTE_NS, 5000, 9000, 200, 8, 95},
    {RULE_EXACT, LIMIT_ROLLING, MINUTE_NS, 8000, 12000, 200, 8, 93},
    {RULE_DAY, LIMIT_CALENDAR_DAY, DAY_NS, 20, 100, 0, 6, 95},
    {RULE_ALIGNED, LIMIT_ALIGNED, MINUTE_NS, 5, 60, 0, 12, 95},
    {RULE_EXACT, LIMIT_PACER, MINUTE_NS, 30, 60, 0, 12, 93},
    {RULE_ALIGNED, LIMIT_PACER, MINUTE_NS, 30, 60, 0, 12, 93},
    {RULE_AT_ONCE, LIMIT_AT_ONCE, MINUTE_NS, 1, 8, 0, 3, 0},
};

static void run_row(uint64_t seed, size_t row) {
    struct truth truth = {.rule = rows[row].rule, .window_ns = rows[row].window_ns};
    struct provider_world *w = provider_world_new(seed, &truth);
    truth.amount = between(w, rows[row].amount_least, rows[row].amount_most);
    /* Windows that the table calls aligned keep time within the guard; the others begin whenever they like. */
    bool dates = rows[row].shape == LIMIT_ALIGNED || rows[row].shape == LIMIT_CALENDAR_DAY;
    truth.phase_ns = dates ? (int64_t)between(w, 0, 1300 * NS_PER_MS) - (int64_t)(950 * NS_PER_MS)
                           : (int64_t)between(w, 0, truth.window_ns);
    truth.tells = seed % 3 == 0 && rows[row].shape != LIMIT_PACER;
    w->provider.truth = truth;
    w->tokens_most = rows[row].tokens_most;
    w->config.route_count = 1 + seed % 2; /* two keys of one account share all */
    w->delay_least_ns = between(w, 5, 400) * NS_PER_MS;
    w->delay_most_ns = w->delay_least_ns + between(w, 0, 300) * NS_PER_MS;
    w->limits[0] = (struct catalog_limit){
        .unit = rows[row].tokens_most > 0 ? LIMIT_TOKENS : LIMIT_REQUESTS,
        .shape = rows[row].shape,
        .amount = truth.amount,
        .window_ms = rows[row].shape == LIMIT_AT_ONCE ? 0 : truth.window_ns / NS_PER_MS,
        .burst = 1 + seed % 2,
        .up_front = true,
        .zone = zone_utc};
    w->config.limit_count = 1;
    provider_world_configure(w);
    provider_world_run(w, rows[row].windows * truth.window_ns, 7);
    const struct provider_state *p = &w->provider;
    uint64_t supply = rows[row].windows * truth.amount;
    if (p->refused > 0 || p->accepted_amount * 100 < supply * rows[row].percent ||
        p->accepted == 0) {
        fprintf(stderr, "failing seed: %llu row %zu: %llu refused, %llu of %llu used\n",
                (unsigned long long)seed, row, (unsigned long long)p->refused,
                (unsigned long long)p->accepted_amount, (unsigned long long)supply);
        abort();
    }
    provider_world_free(w);
}

static void no_rule_is_ever_broken(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (size_t row = 0; row < array_length(rows); row++)
            run_row(seed, row);
}

/* Fifty clients who take no for an answer and come back when they were told, over hours. */
static void five_a_minute_for_fifty_clients(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const struct truth truth = {.rule = RULE_EXACT, .amount = 5, .window_ns = MINUTE_NS};
        struct provider_world *w = provider_world_new(seed, &truth);
        w->limits[0] = (struct catalog_limit){
            .unit = LIMIT_REQUESTS, .shape = LIMIT_ROLLING, .amount = 5, .window_ms = 60000};
        w->config.limit_count = 1;
        w->wait_ns = seed % 2 == 0 ? 25 * NS_PER_S : 0;
        provider_world_configure(w);
        provider_world_run(w, 3 * HOUR_NS, 50);
        const struct provider_state *p = &w->provider;
        assert_int_equal(p->refused, 0);
        for (uint32_t i = 5; i < p->count; i++)
            assert_true(p->arrivals[i].at_ns - p->arrivals[i - 5].at_ns >= MINUTE_NS);
        assert_true(p->accepted >= 3 * 60 * 5 * 95 / 100);
        provider_world_free(w);
    }
}

/* A burst rule that nobody tells, beside a documented limit. */
static void hidden_bursts_cost_little(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const struct truth truth = {.rule = RULE_EXACT,
                                    .amount = 30,
                                    .window_ns = MINUTE_NS,
                                    .hidden_amount = 1 + seed % 3 * 4,
                                    .hidden_ns = NS_PER_S};
        struct provider_world *w = provider_world_new(seed, &truth);
        w->limits[0] = (struct catalog_limit){
            .unit = LIMIT_REQUESTS, .shape = LIMIT_ROLLING, .amount = 30, .window_ms = 60000};
        w->config.limit_count = 1;
        w->client_count = 10;
        provider_world_configure(w);
        provider_world_run(w, 6 * HOUR_NS, 500);
        /* log2(30) + 1 lessons, each of which all ten clients may get at once */
        assert_in_range(w->provider.refused, 1, 5 * 10);
        uint64_t first = w->provider.refused;
        provider_world_run(w, 16 * HOUR_NS, 500);
        assert_int_equal(w->provider.refused, first);
        assert_true(w->provider.accepted > 30 * 60 * 22 * 75 / 100);
        /* Every day the burst is tried twice as large. */
        provider_world_run(w, 3 * DAY_NS, 2000);
        assert_in_range(w->provider.refused - first, 0, 4 * 10);
        provider_world_free(w);
    }
}

/* An amount that is a guess, too high or too low. */
static void guesses_are_corrected(void **state) {
    (void)state;
    static const struct {
        uint64_t truth, guess;
    } guesses[] = {{23, 60}, {40, 10}, {7, 100}, {30, 30}};
    for (size_t i = 0; i < array_length(guesses); i++) {
        const struct truth truth = {
            .rule = RULE_EXACT, .amount = guesses[i].truth, .window_ns = MINUTE_NS};
        struct provider_world *w = provider_world_new(i, &truth);
        w->limits[0] = (struct catalog_limit){.unit = LIMIT_REQUESTS,
                                              .shape = LIMIT_ROLLING,
                                              .amount = guesses[i].guess,
                                              .window_ms = 60000,
                                              .guessed = true};
        w->config.limit_count = 1;
        provider_world_configure(w);
        provider_world_run(w, 12 * HOUR_NS, 1000);
        assert_in_range(w->provider.refused, guesses[i].guess > guesses[i].truth, 50);
        uint64_t first = w->provider.refused, accepted = w->provider.accepted;
        provider_world_run(w, 12 * HOUR_NS, 1000);
        assert_int_equal(w->provider.refused, first);
        assert_true(w->provider.accepted - accepted >= 12 * 60 * guesses[i].truth * 90 / 100);
        struct scheduler_limit state_now;
        assert_true(scheduler_limit_state(w->scheduler, w->now_ns, 0, &state_now));
        assert_in_range(state_now.amount, guesses[i].truth - 1 - guesses[i].truth / 10,
                        guesses[i].truth);
        provider_world_free(w);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        for (size_t row = 0; row < array_length(rows); row++)
            run_row(strtoull(argv[1], NULL, 10), row);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rule_is_ever_broken),
        cmocka_unit_test(five_a_minute_for_fifty_clients),
        cmocka_unit_test(hidden_bursts_cost_little),
        cmocka_unit_test(guesses_are_corrected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
