// SPDX-License-Identifier: Apache-2.0
/* What is left in all: spans, trees of limits, and that nothing is counted twice. */
#include "base/check.h"
#include "scheduler/capacity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE_MS 60000u
#define DAY_MS    86400000u

static void gives_what_comes_back(void **state) {
    static const struct {
        enum limit_shape shape;
        uint64_t window_ms, left, amount, comes_in_ms, span_ms, expected;
    } cases[] = {
        {LIMIT_ROLLING, MINUTE_MS, 10, 30, 20000, MINUTE_MS, 30}, /* no minute holds more */
        {LIMIT_ROLLING, MINUTE_MS, 10, 30, 20000, MINUTE_MS / 2, 25},
        {LIMIT_ROLLING, MINUTE_MS, 10, 30, 20000, MINUTE_MS + 1, 40},
        {LIMIT_ROLLING, DAY_MS, 1000, 1000, 0, DAY_MS, 1000},
        {LIMIT_ROLLING, DAY_MS, 1000, 1000, 0, MINUTE_MS, 1000}, /* nothing used comes back */
        {LIMIT_ROLLING, DAY_MS, 1000, 1000, 0, 30 * (uint64_t)DAY_MS, 30000},
        {LIMIT_ROLLING, MINUTE_MS, 10, 30, 20000, 0, 10},
        {LIMIT_REFILL, DAY_MS, 0, 1000, DAY_MS, DAY_MS / 2, 500},
        {LIMIT_CALENDAR_DAY, DAY_MS, 5, 20, 3600000, 3599999, 5},
        {LIMIT_CALENDAR_DAY, DAY_MS, 5, 20, 3600000, 3600000, 5}, /* that is tomorrow */
        {LIMIT_CALENDAR_DAY, DAY_MS, 5, 20, 3600000, 3600001, 25},
        {LIMIT_CALENDAR_DAY, DAY_MS, 5, 20, 3600000, 3600000 + DAY_MS, 25},
        {LIMIT_CALENDAR_DAY, DAY_MS, 5, 20, 3600000, 3600001 + DAY_MS, 45},
        {LIMIT_CALENDAR_MONTH, 0, 5, 1000, 10, 20, 1005},
        {LIMIT_ONCE, 0, 7, 100, 0, DAY_MS, 7},
        {LIMIT_AT_ONCE, 0, 1, 1, 0, DAY_MS, CAPACITY_UNLIMITED},
        {LIMIT_ROLLING, 1, UINT64_MAX - 1, UINT64_MAX, 0, UINT64_MAX, CAPACITY_UNLIMITED - 1},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct catalog_limit limit = {.shape = cases[i].shape,
                                            .window_ms = cases[i].window_ms};
        const struct capacity_limit now = {cases[i].left, cases[i].amount, cases[i].comes_in_ms};
        uint64_t amount = capacity_of_limit(&limit, &now, cases[i].span_ms);
        if (amount != cases[i].expected)
            fail_msg("case %zu: %llu, expected %llu", i, (unsigned long long)amount,
                     (unsigned long long)cases[i].expected);
    }
}

static void spans_end_with_day_and_month(void **state) {
    struct capacity_spans spans;
    (void)state;
    capacity_spans(1795910400000 - 1000, &spans); /* 2026-11-28 23:59:59 UTC */
    assert_int_equal(spans.ms[CAPACITY_NOW], 0);
    assert_int_equal(spans.ms[CAPACITY_TODAY], 1000);
    assert_int_equal(spans.ms[CAPACITY_MONTH], 2 * DAY_MS + 1000);
}

/*
 * Provider 0: account 0 with two keys, 50 a day over all; models a and b with 20 a day each, once through each key, and c with
 * none of its own. Account 1: model a, 20 a day.
 * Provider 1: accounts 2 and 3, models with 100 a day each, together 120 a day by address.
 */
static void counts_shared_accounts_once(void **state) {
    const struct catalog_limit limits[] = {
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_ACCOUNT, .group = 0},
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_MODEL, .group = 0},
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_MODEL, .group = 0},
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_MODEL, .group = 1},
        {.unit = LIMIT_REQUESTS,
         .shape = LIMIT_ONCE,
         .scope = LIMIT_BY_MODEL,
         .provider = 1,
         .group = 2},
        {.unit = LIMIT_REQUESTS,
         .shape = LIMIT_ONCE,
         .scope = LIMIT_BY_MODEL,
         .provider = 1,
         .group = 3},
        {.unit = LIMIT_REQUESTS,
         .shape = LIMIT_ONCE,
         .scope = LIMIT_BY_IP,
         .provider = 1,
         .group = LIMIT_NONE},
    };
    const struct capacity_limit states[] = {{50, 50, 0}, {20, 20, 0},   {20, 20, 0},  {20, 20, 0},
                                            {100, 0, 0}, {100, 100, 0}, {120, 120, 0}};
    static const uint32_t of_a[] = {0, 1}, of_b[] = {0, 2}, of_c[] = {0}, of_other[] = {3},
                          of_x[] = {4, 6}, of_y[] = {5, 6};
    const struct catalog_provider providers[2] = {{.port = 0}};
    const struct catalog_group groups[] = {
        {.provider = 0}, {.provider = 0}, {.provider = 1}, {.provider = 1}};
    const struct catalog_account accounts[] = {{.group = 0},
                                               {.group = 0},
                                               {.group = 1},
                                               {.provider = 1, .group = 2},
                                               {.provider = 1, .group = 3}};
#define ROUTE(account_, name, list)                                                    \
    {                                                                                  \
        .account = (account_), .upstream_model = SPAN_LITERAL(name), .limits = (list), \
        .limit_count = array_length(list), .automatic = true                           \
    }
    struct catalog_route routes[] = {
        ROUTE(0, "a", of_a),     ROUTE(1, "a", of_a), ROUTE(0, "b", of_b), ROUTE(1, "b", of_b),
        ROUTE(2, "a", of_other), ROUTE(3, "x", of_x), ROUTE(4, "x", of_y)};
    struct catalog_snapshot snapshot = {.providers = providers,
                                        .provider_count = 2,
                                        .groups = groups,
                                        .group_count = 4,
                                        .accounts = accounts,
                                        .account_count = 5,
                                        .limits = limits,
                                        .limit_count = array_length(limits),
                                        .routes = routes,
                                        .route_count = array_length(routes)};
    const struct capacity_spans spans = {{MINUTE_MS, DAY_MS, 30 * (uint64_t)DAY_MS}};
    struct capacity pool, by_group[4];
    (void)state;
    capacity_of_pool(&snapshot, states, &spans, &pool, by_group);
    assert_int_equal(by_group[0].requests[CAPACITY_NOW], 40); /* two models, not four routes */
    assert_int_equal(by_group[1].requests[CAPACITY_NOW], 20);
    assert_int_equal(pool.requests[CAPACITY_NOW], 40 + 20 + 120);
    assert_int_equal(pool.tokens[CAPACITY_NOW], CAPACITY_UNLIMITED);
    routes[2] =
        (struct catalog_route)ROUTE(0, "c", of_c); /* nothing of its own: the account's 50 */
    capacity_of_pool(&snapshot, states, &spans, &pool, by_group);
    assert_int_equal(by_group[0].requests[CAPACITY_TODAY], 50);
    routes[4].automatic = false;
    capacity_of_pool(&snapshot, states, &spans, &pool, NULL);
    assert_int_equal(pool.requests[CAPACITY_MONTH], 50 + 120);
}

/* Three models, two of them under one limit of their task and one of their key: together they give it once. */
static void counts_limits_of_a_task_once(void **state) {
    const struct catalog_limit limits[] = {
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_TASK, .group = 0},
        {.unit = LIMIT_TOKENS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_KEY, .group = 0},
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_MODEL, .group = 0},
        {.unit = LIMIT_REQUESTS, .shape = LIMIT_ONCE, .scope = LIMIT_BY_MODEL, .group = 0},
    };
    const struct capacity_limit states[] = {{30, 30, 0}, {9000, 9000, 0}, {20, 20, 0}, {7, 7, 0}};
    static const uint32_t of_a[] = {0, 1, 2}, of_b[] = {0, 1}, of_c[] = {1, 3};
    const struct catalog_provider providers[1] = {{.port = 0}};
    const struct catalog_group groups[1] = {{.provider = 0}};
    const struct catalog_account accounts[1] = {{.group = 0}};
    const struct catalog_route routes[] = {ROUTE(0, "a", of_a), ROUTE(0, "b", of_b),
                                           ROUTE(0, "c", of_c)};
    const struct catalog_snapshot snapshot = {.providers = providers,
                                              .provider_count = 1,
                                              .groups = groups,
                                              .group_count = 1,
                                              .accounts = accounts,
                                              .account_count = 1,
                                              .limits = limits,
                                              .limit_count = array_length(limits),
                                              .routes = routes,
                                              .route_count = array_length(routes)};
    const struct capacity_spans spans = {{0, DAY_MS, 30 * (uint64_t)DAY_MS}};
    struct capacity pool;
    (void)state;
    capacity_of_pool(&snapshot, states, &spans, &pool, NULL);
    for (int span = 0; span < CAPACITY_SPAN_COUNT; span++) {
        assert_int_equal(pool.requests[span], 30 + 7);
        assert_int_equal(pool.tokens[span], 9000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_comes_back),
        cmocka_unit_test(spans_end_with_day_and_month),
        cmocka_unit_test(counts_shared_accounts_once),
        cmocka_unit_test(counts_limits_of_a_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
