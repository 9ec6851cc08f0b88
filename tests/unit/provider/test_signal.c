// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals of providers: status, code and words into outcomes; waits in every form a provider writes them.
 */
#include "base/check.h"
#include "provider/reading.h"
#include "provider/signal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_first_match_wins(void **state) {
    static const struct {
        int status;
        const char *code, *message;
        enum outcome outcome;
    } cases[] = {
        {400, NULL, "bad request", OUTCOME_UNCLEAR},
        {422, NULL, NULL, OUTCOME_UNCLEAR},
        {400, "context_length_exceeded", "too long", OUTCOME_CONTEXT_TOO_LONG},
        {400, NULL, "This model's maximum context length is 8192 tokens.",
         OUTCOME_CONTEXT_TOO_LONG},
        {500, "context_length_exceeded", NULL, OUTCOME_CONTEXT_TOO_LONG},
        {400, "content_filter", NULL, OUTCOME_CONTENT_FILTER},
        {400, NULL, "API key not valid. Please pass a valid API key.", OUTCOME_KEY_REFUSED},
        {401, NULL, NULL, OUTCOME_KEY_REFUSED},
        {403, NULL, NULL, OUTCOME_KEY_REFUSED},
        {402, NULL, NULL, OUTCOME_NO_CREDIT},
        {403, NULL, "Insufficient balance", OUTCOME_NO_CREDIT},
        {404, NULL, NULL, OUTCOME_MODEL_GONE},
        {400, "model_not_found", NULL, OUTCOME_MODEL_GONE},
        {413, NULL, NULL, OUTCOME_TOO_LARGE},
        {429, NULL, NULL, OUTCOME_RATE_LIMITED},
        {429, "insufficient_quota", NULL, OUTCOME_QUOTA_EXHAUSTED},
        {429, NULL, "Limit reached: 50 requests per day", OUTCOME_QUOTA_EXHAUSTED},
        {400, "invalid_type", NULL, OUTCOME_CLIENT_FAULT},
        {500, NULL, NULL, OUTCOME_SERVER_ERROR},
        {500, NULL, "the model is Overloaded", OUTCOME_OVERLOADED},
        {502, NULL, "<html>", OUTCOME_SERVER_ERROR},
        {503, NULL, NULL, OUTCOME_OVERLOADED},
        {529, NULL, NULL, OUTCOME_OVERLOADED},
        {302, NULL, NULL, OUTCOME_BAD_ANSWER},
        {204, NULL, NULL, OUTCOME_BAD_ANSWER},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        enum outcome outcome =
            signal_outcome(cases[i].status, span_text(cases[i].code), span_text(cases[i].message));
        if (outcome != cases[i].outcome)
            print_error("case %zu: %s, expected %s\n", i, outcome_row(outcome)->label,
                        outcome_row(cases[i].outcome)->label);
        assert_int_equal(outcome, cases[i].outcome);
    }
}

static void test_durations(void **state) {
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } cases[] = {
        {"7", true, 7000},
        {"0.5", true, 500},
        {"585ms", true, 585},
        {"1m26.4s", true, 86400},
        {"6m 11.52s", true, 371520},
        {"24h0m0s", true, 86400000},
        {"7.66s", true, 7660},
        {"  3 ", true, 3000},
        {"", false, 0},
        {"soon", false, 0},
        {"-5", false, 0},
        {"1x", false, 0},
        {"99999999999999999999", false, 0},
        {"1000000h", true, 86400000},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t ns = 0;
        bool ok = reading_duration_ns(span_text(cases[i].text), &ns);
        if (ok != cases[i].ok || (ok && ns / 1000000 != cases[i].ms))
            print_error("'%s': %d %llu ns\n", cases[i].text, ok, (unsigned long long)ns);
        assert_int_equal(ok, cases[i].ok);
        if (ok)
            assert_in_range(ns, cases[i].ms * 1000000 - 1000, cases[i].ms * 1000000 + 1000);
    }
}

static void test_retry_after(void **state) {
    const uint64_t wall_ms = 784111777000; /* Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110, 5.6.7) */
    static const struct {
        const char *exact, *coarse;
        uint64_t ms;
    } cases[] = {
        {NULL, NULL, 0},
        {NULL, "7", 7000},
        {"1500", "1", 1500},
        {"200", "1", 1000},
        {NULL, "Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {NULL, "Sun, 06 Nov 1994 08:48:37 GMT", 0},
        {NULL, "Sun, 06 Nov 2094 08:48:37 GMT", 86400000},
        {NULL, "tomorrow", 0},
        {"x", "y", 0},
        {"99999999999999999", NULL, 86400000},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t ns =
            reading_retry_after_ns(span_text(cases[i].exact), span_text(cases[i].coarse), wall_ms);
        assert_in_range(ns + 1000, cases[i].ms * 1000000, cases[i].ms * 1000000 + 2000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_match_wins),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
