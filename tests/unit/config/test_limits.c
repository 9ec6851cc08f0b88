// SPDX-License-Identifier: Apache-2.0
/*
 * `limits` of a provider: what each row becomes, and every combination that means nothing.
 */
#include "config_fixture.h"

#define LIMITS(text) PROVIDER "    limits: " text "\n"
#define FOUR_ROWS                                                              \
    "{requests: 1, per: 1s}, {requests: 1, per: 2s}, {requests: 1, per: 3s}, " \
    "{requests: 1, per: 4s}"

#define MINUTE ((uint64_t)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct {
    const char *yaml;
    struct config_limit limit;
} good_rows[] = {
    {"{requests: 60, per: minute, burst: 5}",
     {.unit = CONFIG_REQUESTS, .amount = 60, .window_ms = MINUTE, .burst = 5}},
    {"{tokens: 1000000, per: day, zone: America/Los_Angeles}",
     {.unit = CONFIG_TOKENS,
      .shape = CONFIG_CALENDAR_DAY,
      .amount = 1000000,
      .window_ms = DAY,
      .zone = SPAN_LITERAL("America/Los_Angeles")}},
    {"{input_tokens: 9, per: month, zone: 'PST8PDT,M3.2.0,M11.1.0'}",
     {.unit = CONFIG_INPUT_TOKENS,
      .shape = CONFIG_CALENDAR_MONTH,
      .amount = 9,
      .window_ms = 31 * DAY,
      .zone = SPAN_LITERAL("PST8PDT,M3.2.0,M11.1.0")}},
    {"{output_tokens: 1, per: month, shape: calendar}",
     {.unit = CONFIG_OUTPUT_TOKENS,
      .shape = CONFIG_CALENDAR_MONTH,
      .amount = 1,
      .window_ms = 31 * DAY,
      .zone = SPAN_LITERAL("UTC")}},
    {"{neurons: 10000, per: day, shape: calendar}",
     {.unit = CONFIG_NEURONS,
      .shape = CONFIG_CALENDAR_DAY,
      .amount = 10000,
      .window_ms = DAY,
      .zone = SPAN_LITERAL("UTC")}},
    {"{embed_inputs: 7, per: 5m, shape: refill, burst: 7, scope: model}",
     {.unit = CONFIG_EMBED_INPUTS,
      .shape = CONFIG_REFILL,
      .scope = CONFIG_BY_MODEL,
      .amount = 7,
      .window_ms = 5 * MINUTE,
      .burst = 7}},
    {"{requests: 3, per: hour, shape: aligned, scope: account}",
     {.unit = CONFIG_REQUESTS, .shape = CONFIG_ALIGNED, .amount = 3, .window_ms = HOUR}},
    {"{requests: 2, per: second, shape: rolling}",
     {.unit = CONFIG_REQUESTS, .amount = 2, .window_ms = 1000}},
    {"{requests: 2, per: month}", {.unit = CONFIG_REQUESTS, .amount = 2, .window_ms = 31 * DAY}},
    {"{requests: 2, per: 100ms}", {.unit = CONFIG_REQUESTS, .amount = 2, .window_ms = 100}},
    {"{requests: 2, per: 366d}", {.unit = CONFIG_REQUESTS, .amount = 2, .window_ms = 366 * DAY}},
    {"{concurrent: 4, scope: model}",
     {.unit = CONFIG_CONCURRENT, .shape = CONFIG_AT_ONCE, .scope = CONFIG_BY_MODEL, .amount = 4}},
};

static void reads_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(good_rows); i++) {
        char yaml[256];
        const struct config_limit *expected = &good_rows[i].limit;
        (void)snprintf(yaml, sizeof yaml, LIMITS("[%s]"), good_rows[i].yaml);
        struct config *config = fixture_accept(yaml, NULL);
        assert_int_equal(config->providers[0].limit_count, 1);
        const struct config_limit *limit = &config->providers[0].limits[0];
        assert_int_equal(limit->unit, expected->unit);
        assert_int_equal(limit->shape, expected->shape);
        assert_int_equal(limit->scope, expected->scope);
        assert_int_equal(limit->amount, expected->amount);
        assert_int_equal(limit->window_ms, expected->window_ms);
        assert_int_equal(limit->burst, expected->burst);
        assert_true(span_equal(limit->zone, expected->zone));
        assert_int_equal(limit->place.line, 5);
        config_free(config);
    }
}

static const struct example refused[] = {
    {LIMITS("[]"), "t:5:13: error: 'providers.p.limits' must be a list such as [{requests: 60, "
                   "per: minute}]\n"},
    {LIMITS("{requests: 1, per: day}"), "t:5:13: error: 'providers.p.limits' must be a list such "
                                        "as [{requests: 60, per: minute}]\n"},
    {LIMITS("60"), "t:5:13: error: 'providers.p.limits' must be a list such as [{requests: 60, "
                   "per: minute}]\n"},
    {LIMITS("[60]"),
     "t:5:14: error: a limit must be a mapping such as {requests: 60, per: minute}\n"},
    {LIMITS("[{}]"), "t:5:14: error: a limit needs an amount: one of requests, tokens, "
                     "input_tokens, output_tokens, neurons, embed_inputs or concurrent\n"},
    {LIMITS("[{per: minute}]"),
     "t:5:14: error: a limit needs an amount: one of requests, tokens, input_tokens, "
     "output_tokens, neurons, embed_inputs or concurrent\n"},
    {LIMITS("[{requests: 1, tokens: 2, per: day}]"),
     "t:5:28: error: a limit has one amount, not 'requests' and 'tokens'; write a row for each\n"},
    {LIMITS("[{requests: 1}]"),
     "t:5:14: error: a limit of requests needs a window, such as per: minute\n"},
    {LIMITS("[{requests: 0, per: day}]"),
     "t:5:25: error: 'providers.p.limits.requests: 0' must lie between 1 and 1000000000000\n"},
    {LIMITS("[{requests: 1000000000001, per: day}]"),
     "t:5:25: error: 'providers.p.limits.requests: 1000000000001' must lie between 1 and "
     "1000000000000\n"},
    {LIMITS("[{tokens: 1000000000001, per: day}]"), /* more could not be counted */
     "t:5:23: error: 'providers.p.limits.tokens: 1000000000001' must lie between 1 and "
     "1000000000000\n"},
    {LIMITS("[{neurons: 1000000001, per: day}]"),
     "t:5:24: error: 'providers.p.limits.neurons: 1000000001' must lie between 1 and "
     "1000000000\n"},
    {LIMITS("[{tokens: 1e6, per: day}]"),
     "t:5:23: error: 'providers.p.limits.tokens: 1e6' must be a whole number\n"},
    {LIMITS("[{tokens: -1, per: day}]"),
     "t:5:23: error: 'providers.p.limits.tokens: -1' must be a whole number\n"},
    {LIMITS("[{tokens: 99999999999999999999999, per: day}]"),
     "t:5:23: error: 'providers.p.limits.tokens: 99999999999999999999999' must be a whole "
     "number\n"},
    {LIMITS("[{requests: 1, per: week}]"),
     "t:5:33: error: 'providers.p.limits.per: week' must be second, minute, hour, day, month or a "
     "duration such as 5m, from 100ms to 366 days\n"},
    {LIMITS("[{requests: 1, per: 0s}]"),
     "t:5:33: error: 'providers.p.limits.per: 0s' must be second, minute, hour, day, month or a "
     "duration such as 5m, from 100ms to 366 days\n"},
    {LIMITS("[{requests: 1, per: 367d}]"),
     "t:5:33: error: 'providers.p.limits.per: 367d' must be second, minute, hour, day, month or a "
     "duration such as 5m, from 100ms to 366 days\n"},
    {LIMITS("[{requests: 5, per: minute, burst: 6}]"),
     "t:5:41: error: 'providers.p.limits.burst' is larger than its amount\n"},
    {LIMITS("[{requests: 5, per: minute, burst: 0}]"),
     "t:5:48: error: 'providers.p.limits.burst: 0' must lie between 1 and 1000000000000000\n"},
    {LIMITS("[{requests: 5, per: day, shape: calendar, burst: 2}]"),
     "t:5:55: error: 'providers.p.limits.burst' belongs to shape: rolling or refill; write a row "
     "of its own for a shorter window\n"},
    {LIMITS("[{requests: 5, per: day, zone: UTC, burst: 2}]"),
     "t:5:49: error: 'providers.p.limits.burst' belongs to shape: rolling or refill; write a row "
     "of its own for a shorter window\n"},
    {LIMITS("[{requests: 5, per: day, shape: aligned, burst: 2}]"),
     "t:5:54: error: 'providers.p.limits.burst' belongs to shape: rolling or refill; write a row "
     "of its own for a shorter window\n"},
    {LIMITS("[{requests: 5, per: day, shape: rolling, zone: UTC}]"),
     "t:5:54: error: 'providers.p.limits.zone' belongs to shape: calendar only\n"},
    {LIMITS("[{requests: 5, per: 24h, zone: UTC}]"),
     "t:5:38: error: 'providers.p.limits.zone' needs per: day or per: month, since only those "
     "begin somewhere at midnight\n"},
    {LIMITS("[{requests: 5, per: day, zone: 'America/Los Angeles'}]"),
     "t:5:44: error: 'providers.p.limits.zone: America/Los Angeles' must be a zone such as "
     "America/Los_Angeles\n"},
    {LIMITS("[{requests: 5, per: hour, shape: calendar}]"),
     "t:5:39: error: 'providers.p.limits.shape' calendar needs per: day or per: month\n"},
    {LIMITS("[{requests: 5, per: month, shape: aligned}]"),
     "t:5:40: error: 'providers.p.limits.shape' aligned needs a window of fixed length; use "
     "calendar for months\n"},
    {LIMITS("[{requests: 5, per: day, shape: sliding}]"),
     "t:5:45: error: 'providers.p.limits.shape: sliding' must be rolling, refill, calendar or "
     "aligned\n"},
    {LIMITS("[{requests: 5, per: day, scope: key}]"),
     "t:5:45: error: 'providers.p.limits.scope: key' must be account or model\n"},
    {LIMITS("[{concurrent: 2, per: minute}]"),
     "t:5:30: error: 'concurrent' counts requests at once and has no 'per'\n"},
    {LIMITS("[{concurrent: 2, burst: 1}]"),
     "t:5:30: error: 'concurrent' counts requests at once and has no 'burst'\n"},
    {LIMITS("[{concurrent: 20000}]"),
     "t:5:27: error: 'providers.p.limits.concurrent: 20000' must lie between 1 and 10000\n"},
    {LIMITS("[{request: 5, per: day}]"), "t:5:15: error: unknown setting "
                                         "'providers.p.limits.request'; did you mean "
                                         "'providers.p.limits.requests'?\n"},
    {LIMITS("[{requests: 5, per: day}, {requests: 6, per: day}]"),
     "t:5:39: error: a limit of requests for the same window stands at 5:14 already\n"},
    {LIMITS("[{requests: 5, per: 60}]"),
     "t:5:33: warning: 'providers.p.limits.per' has no unit and is taken as seconds; write 60s\n"},
    {LIMITS("[" FOUR_ROWS ", " FOUR_ROWS ", " FOUR_ROWS ", " FOUR_ROWS ", {tokens: 1, per: day}]"),
     "t:5:13: error: 'providers.p.limits' has more than 16 rows\n"},
};

static void refuses_what_means_nothing(void **state) {
    (void)state;
    RUN(refused);
}

static void takes_rows_that_differ(void **state) {
    (void)state;
    struct config *config = fixture_accept(
        LIMITS("[{requests: 5, per: day}, {requests: 5, per: day, scope: model}, {requests: 5, "
               "per: day, zone: UTC}, {requests: 5, per: day, zone: Asia/Shanghai}, {tokens: 5, "
               "per: day}, {requests: 5, per: month}, {concurrent: 1}]"),
        NULL);
    assert_int_equal(config->providers[0].limit_count, 7);
    config_free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rows),
        cmocka_unit_test(refuses_what_means_nothing),
        cmocka_unit_test(takes_rows_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
