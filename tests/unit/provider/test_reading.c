// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers in heads: by rows of facts, by the names that many share, and when the peer lies.
 */
#include "base/check.h"
#include "provider/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WALL_MS     1790000000000
#define MINUTE_MS   60000ull
#define DAY_MS      86400000ull
#define FIELDS_MAX  24
#define LOOKUPS_MAX 32 /* per answer */

struct field {
    const char *name, *value;
};

struct fields {
    const struct field *items;
    size_t count;
    size_t lookups;
};

static struct span get(void *context, const char *name) {
    struct fields *fields = context;
    fields->lookups++;
    for (size_t i = 0; i < fields->count && fields->items[i].name != NULL; i++)
        if (strcmp(fields->items[i].name, name) == 0)
            return span_text(fields->items[i].value);
    return SPAN_NONE;
}

#define ROW(field_name, what, how, of, window) \
    { .name = (field_name), .tells = (what), .form = (how), .unit = (of), .window_ms = (window) }

static const struct fact_header bucket_rows[] = {
    ROW("x-ratelimit-limit-requests", FACT_TELLS_LIMIT, FACT_FORM_INTEGER, LIMIT_REQUESTS, DAY_MS),
    ROW("x-ratelimit-remaining-requests", FACT_TELLS_REMAINING, FACT_FORM_INTEGER, LIMIT_REQUESTS,
        DAY_MS),
    ROW("x-ratelimit-reset-requests", FACT_TELLS_UNTIL_FULL, FACT_FORM_GO_DURATION, LIMIT_REQUESTS,
        DAY_MS),
    ROW("x-ratelimit-limit-tokens", FACT_TELLS_LIMIT, FACT_FORM_INTEGER, LIMIT_TOKENS, MINUTE_MS),
    ROW("x-ratelimit-remaining-tokens", FACT_TELLS_REMAINING, FACT_FORM_INTEGER, LIMIT_TOKENS,
        MINUTE_MS),
    ROW("x-ratelimit-reset-tokens", FACT_TELLS_UNTIL_FULL, FACT_FORM_GO_DURATION, LIMIT_TOKENS,
        MINUTE_MS),
    ROW("retry-after", FACT_TELLS_WAIT, FACT_FORM_SECONDS, LIMIT_REQUESTS, 0),
    {.name = "x-place", .tells = FACT_TELLS_LIMIT, .note = true},
};
static const struct fact_header epoch_rows[] = {
    ROW("x-ratelimit-limit", FACT_TELLS_LIMIT, FACT_FORM_INTEGER, LIMIT_REQUESTS, 0),
    ROW("x-ratelimit-remaining", FACT_TELLS_REMAINING, FACT_FORM_INTEGER, LIMIT_REQUESTS, 0),
    ROW("x-ratelimit-reset", FACT_TELLS_RESET_AT, FACT_FORM_EPOCH_MS, LIMIT_REQUESTS, 0),
};
static const struct fact_header foreign_rows[] = {
    ROW("x-ratelimit-*", FACT_TELLS_FOREIGN, FACT_FORM_UPSTREAM, LIMIT_REQUESTS, 0),
};
static const struct fact_header cost_rows[] = {
    ROW("cf-ai-neurons", FACT_TELLS_COST, FACT_FORM_DECIMAL, LIMIT_NEURONS, 0),
    ROW("num_tokens", FACT_TELLS_COST, FACT_FORM_INTEGER, LIMIT_TOKENS, 0),
};
static const struct fact_header wait_rows[] = {
    ROW("retry-after", FACT_TELLS_WAIT, FACT_FORM_SECONDS, LIMIT_REQUESTS, 0),
};

#define PROVIDER(table) \
    { .headers = (table), .header_count = array_length(table) }
static const struct fact_provider bucket = PROVIDER(bucket_rows), epoch = PROVIDER(epoch_rows),
                                  foreign = PROVIDER(foreign_rows), cost = PROVIDER(cost_rows),
                                  waits = PROVIDER(wait_rows);

static void write_readings(char *out, size_t size, const struct reading *readings, uint32_t count) {
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const struct reading *reading = &readings[i];
        char numbers[3][24] = {"?", "?", "?"};
        if (reading->has_limit)
            (void)snprintf(numbers[0], sizeof numbers[0], "%llu",
                           (unsigned long long)reading->limit);
        if (reading->has_remaining)
            (void)snprintf(numbers[1], sizeof numbers[1], "%llu",
                           (unsigned long long)reading->remaining);
        if (reading->has_reset)
            (void)snprintf(numbers[2], sizeof numbers[2], "%llu%s",
                           (unsigned long long)reading->reset_ms,
                           reading->reset_is_full ? "f" : "");
        at += (size_t)snprintf(out + at, size - at, "%sunit%d/%llu %s %s %s", i > 0 ? "; " : "",
                               (int)reading->unit, (unsigned long long)reading->window_ms,
                               numbers[0], numbers[1], numbers[2]);
        assert_true(at < size);
    }
}

struct reading_case {
    const struct fact_provider *facts;
    struct field fields[FIELDS_MAX];
    const char *expected; /* unit/window limit remaining reset; unit0 requests, unit1 tokens */
};

static const struct reading_case cases[] = {
    /* rows */
    {&bucket,
     {{"x-ratelimit-limit-requests", "1000"},
      {"x-ratelimit-remaining-requests", "999"},
      {"x-ratelimit-reset-requests", "1m26.4s"},
      {"x-ratelimit-limit-tokens", "8000"},
      {"x-ratelimit-remaining-tokens", "7922"},
      {"x-ratelimit-reset-tokens", "585ms"},
      {"retry-after", "5"},
      {"x-place", "7"}},
     "unit0/86400000 1000 999 86400f; unit1/60000 8000 7922 585f"},
    {&bucket, {{"x-ratelimit-remaining-tokens", "0"}}, "unit1/60000 ? 0 ?"},
    {&bucket, {{"retry-after", "5"}}, ""},
    {&bucket, {{NULL, NULL}}, ""},
    {&epoch,
     {{"x-ratelimit-limit", "50"},
      {"x-ratelimit-remaining", "0"},
      {"x-ratelimit-reset", "1790000060000"}},
     "unit0/0 50 0 60000"},
    /* somebody else's bucket */
    {&foreign,
     {{"x-ratelimit-limit-requests", "9"}, {"x-ratelimit-limit", "9"}, {"ratelimit", "\"a\";r=1"}},
     ""},
    /* lies */
    {&bucket, {{"x-ratelimit-limit-requests", "-5"}, {"x-ratelimit-remaining-requests", "-1"}}, ""},
    {&bucket, {{"x-ratelimit-limit-requests", "many"}, {"x-ratelimit-remaining-requests", ""}}, ""},
    {&bucket, {{"x-ratelimit-limit-requests", "99999999999999999999999999"}}, ""},
    {&bucket, {{"x-ratelimit-limit-requests", "18446744073709551615"}}, ""},
    {&bucket, {{"x-ratelimit-limit-requests", "12abc"}}, ""},
    {&bucket, {{"x-ratelimit-limit-requests", "NaN"}}, ""},
    {&bucket,
     {{"x-ratelimit-limit-requests", "10"}, {"x-ratelimit-remaining-requests", "5000"}},
     "unit0/86400000 10 10 ?"},
    {&bucket, {{"x-ratelimit-reset-tokens", "72h"}}, "unit1/60000 ? ? 60000f"},
    {&bucket, {{"x-ratelimit-reset-tokens", "-3s"}}, ""},
    {&epoch, {{"x-ratelimit-reset", "1789999990000"}}, ""},
    {&epoch, {{"x-ratelimit-reset", "9790000060000"}}, "unit0/0 ? ? 2764800000"},
    {&bucket, {{"x-ratelimit-limit-requests", " 60.0 "}}, "unit0/86400000 60 ? ?"},
    {&bucket, {{"x-ratelimit-limit-requests", "0"}}, "unit0/86400000 0 ? ?"},
    /* nothing known: names that many share */
    {NULL,
     {{"x-ratelimit-limit-requests", "60"},
      {"x-ratelimit-remaining-requests", "0"},
      {"x-ratelimit-reset-requests", "1m30s"},
      {"x-ratelimit-remaining-tokens", "149984"}},
     "unit0/0 60 0 90000; unit1/0 ? 149984 ?"},
    {NULL, {{"x-ratelimit-reset", "1790000060"}}, "unit0/0 ? ? 60000"},
    {NULL,
     {{"ratelimit-limit", "100, 100;w=60"}, {"ratelimit-reset", "50"}},
     "unit0/0 100 ? 50000"},
    {NULL,
     {{"anthropic-ratelimit-requests-limit", "50"},
      {"anthropic-ratelimit-requests-remaining", "49"},
      {"anthropic-ratelimit-requests-reset", "2026-09-21T14:13:30Z"},
      {"anthropic-ratelimit-input-tokens-limit", "20000"}},
     "unit0/60000 50 49 10000; unit2/60000 20000 ? ?"},
    {NULL,
     {{"ratelimit", "\"day\";r=3;t=3600, \"burst\" ; r=0 ; t=7"},
      {"ratelimit-policy", "\"burst\";q=10;w=60, \"day\";q=100;w=86400"}},
     "unit0/86400000 100 3 3600000; unit0/60000 10 0 7000"},
    {NULL,
     {{"ratelimit", "\"a\";r=0;t=1, \"b\";r=9;t=3600"}},
     "unit0/0 ? 0 1000; unit0/0 ? 9 3600000"},
    {NULL, {{"ratelimit", "limit=100, remaining=50, reset=30"}}, "unit0/0 100 50 30000"},
    {NULL,
     {{"ratelimit", "\"size\";r=3"}, {"ratelimit-policy", "\"size\";q=100;qu=\"content-bytes\""}},
     ""},
    {NULL, {{"ratelimit", ";;;,,,=\"\";r"}, {"ratelimit-policy", ";"}}, ""},
    {NULL, {{"ratelimit", "\"a\";r=-1;t=x"}}, ""},
    {NULL, {{"ratelimit", "\"a\";r=1"}, {"ratelimit-policy", "\"a\";w=99999999999999999"}}, ""},
    {&waits, {{"x-ratelimit-remaining-requests", "4"}}, "unit0/0 ? 4 ?"},
};

static void test_readings(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fields fields = {.items = cases[i].fields, .count = FIELDS_MAX};
        struct reading readings[READINGS_MAX];
        char actual[1024];
        uint32_t count =
            reading_collect(cases[i].facts, (struct signal_head){get, &fields}, WALL_MS, readings);
        write_readings(actual, sizeof actual, readings, count);
        if (strcmp(actual, cases[i].expected) != 0)
            fail_msg("case %zu: '%s', expected '%s'", i, actual, cases[i].expected);
        assert_in_range(fields.lookups, 0, LOOKUPS_MAX);
    }
}

static void test_no_head(void **state) {
    struct reading readings[READINGS_MAX];
    enum limit_unit unit;
    uint64_t amount;
    (void)state;
    assert_int_equal(reading_collect(NULL, (struct signal_head){0}, WALL_MS, readings), 0);
    assert_int_equal(reading_collect(&bucket, (struct signal_head){0}, WALL_MS, readings), 0);
    assert_false(reading_cost(&cost, (struct signal_head){0}, &unit, &amount));
}

/* More windows than there is room for: the first ones are kept. */
static void test_too_many(void **state) {
    struct field fields[] = {
        {"ratelimit", "a;r=1,b;r=2,c;r=3,d;r=4,e;r=5,f;r=6,g;r=7,h;r=8,i;r=9,j;r=10,k;r=11,l;r=12,"
                      "m;r=13,n;r=14,o;r=15,p;r=16,q;r=17,r;r=18"}};
    struct fields head = {.items = fields, .count = array_length(fields)};
    struct reading readings[READINGS_MAX];
    (void)state;
    assert_int_equal(reading_collect(NULL, (struct signal_head){get, &head}, WALL_MS, readings),
                     READINGS_MAX);
    assert_int_equal(readings[READINGS_MAX - 1].remaining, READINGS_MAX);
}

static void test_cost(void **state) {
    static const struct {
        const struct fact_provider *facts;
        struct field field;
        bool told;
        enum limit_unit unit;
        uint64_t amount;
    } costs[] = {
        {&cost, {"cf-ai-neurons", "12.4163"}, true, LIMIT_NEURONS, 12416},
        {&cost, {"cf-ai-neurons", "0.0004"}, true, LIMIT_NEURONS, 0},
        {&cost, {"cf-ai-neurons", "7"}, true, LIMIT_NEURONS, 7000},
        {&cost, {"num_tokens", "314"}, true, LIMIT_TOKENS, 314},
        {&cost, {"cf-ai-neurons", "-1"}, false, LIMIT_NEURONS, 0},
        {&cost, {"cf-ai-neurons", "1e3"}, false, LIMIT_NEURONS, 0},
        {&cost, {"cf-ai-neurons", ""}, false, LIMIT_NEURONS, 0},
        {&cost, {"x", "1"}, false, LIMIT_NEURONS, 0},
        {&bucket, {"num_tokens", "1"}, false, LIMIT_NEURONS, 0},
        {NULL, {"num_tokens", "1"}, false, LIMIT_NEURONS, 0},
    };
    (void)state;
    for (size_t i = 0; i < array_length(costs); i++) {
        struct fields fields = {.items = &costs[i].field, .count = 1};
        enum limit_unit unit = LIMIT_OTHER;
        uint64_t amount = 99;
        bool told =
            reading_cost(costs[i].facts, (struct signal_head){get, &fields}, &unit, &amount);
        assert_int_equal(told, costs[i].told);
        if (!told)
            continue;
        assert_int_equal(unit, costs[i].unit);
        assert_int_equal(amount, costs[i].amount);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_no_head),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
