// SPDX-License-Identifier: Apache-2.0
/*
 * Waits in every form a provider writes them, and bytes that are none.
 */
#include "base/check.h"
#include "provider/wait.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY_MS  86400000ull
#define WALL_MS 784111777000 /* Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110, 5.6.7) */
#define MS_NS   1000000ull

static void assert_ms(const char *text, uint64_t ns, uint64_t expected_ms) {
    uint64_t distance =
        ns > expected_ms * MS_NS ? ns - expected_ms * MS_NS : expected_ms * MS_NS - ns;
    if (distance > 2000)
        fail_msg("'%s': %llu ns, expected %llu ms", text, (unsigned long long)ns,
                 (unsigned long long)expected_ms);
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
        {"11m0.528s", true, 660528},
        {"1h23m45.6s", true, 5025600},
        {"24h0m0s", true, DAY_MS},
        {"65205s", true, 65205000},
        {"7.66s", true, 7660},
        {"46.547714954s", true, 46547},
        {"33011.382867", true, 33011382},
        {"  3 ", true, 3000},
        {"2 minutes", true, 120000},
        {"1 hour 30 minutes", true, 5400000},
        {"20 seconds", true, 20000},
        {"1d", true, DAY_MS},
        {"250us", true, 0},
        {"0", true, 0},
        {"", false, 0},
        {" ", false, 0},
        {"soon", false, 0},
        {"-5", false, 0},
        {"+5", false, 0},
        {"1x", false, 0},
        {"1m3", false, 0},
        {"5s x", false, 0},
        {".", false, 0},
        {"1e9", false, 0},
        {"0x10", false, 0},
        {"NaN", false, 0},
        {"inf", false, 0},
        {"99999999999999999999", false, 0},
        {"1000000h", true, 32 * DAY_MS},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t ns = 0;
        bool ok = wait_duration_ns(span_text(cases[i].text), &ns);
        if (ok != cases[i].ok)
            fail_msg("'%s': %d", cases[i].text, ok);
        if (ok && cases[i].ms > 0)
            assert_in_range(ns / MS_NS, cases[i].ms - 1, cases[i].ms + 1);
    }
}

static void test_moments(void **state) {
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } cases[] = {
        {"1994-11-06T08:50:37Z", true, 60000},
        {"1994-11-06T08:50:37.250Z", true, 60250},
        {"1994-11-06t08:50:37z", true, 60000},
        {"1994-11-06T16:50:37+08:00", true, 60000},
        {"1994-11-06T03:20:37-05:30", true, 60000},
        {"1994-11-06T08:48:37Z", false, 0},
        {"1994-11-06 16:50:37", true, 60000}, /* no zone: UTC+8 */
        {"1994-11-06 08:50:37", true, 60000}, /* past there: UTC */
        {"1994-11-06 08:40:37", false, 0},    /* past everywhere */
        {"2094-11-06T08:50:37Z", true, 32 * DAY_MS},
        {"1994-13-06T08:50:37Z", false, 0},
        {"1994-11-06T25:50:37Z", false, 0},
        {"1994-11-06T08:50:37X", false, 0},
        {"1994-11-06T08:50", false, 0},
        {"1994-11-06", false, 0},
        {"Sun, 06 Nov 1994 08:50:37 GMT", true, 60000},
        {"Sun, 06 Nov 1994 08:48:37 GMT", false, 0},
        {"Sun, 06 Nov 2094 08:48:37 GMT", true, 32 * DAY_MS},
        {"yesterday", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t ns = 0;
        bool ok = wait_until_ns(span_text(cases[i].text), WALL_MS, &ns);
        if (ok != cases[i].ok)
            fail_msg("'%s': %d", cases[i].text, ok);
        if (ok)
            assert_ms(cases[i].text, ns, cases[i].ms);
    }
}

static void test_unix_times(void **state) {
    const int64_t wall_ms = 1790000000000;
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } cases[] = {
        {"1790000060", true, 60000},
        {"1790000060.5", true, 60500},
        {"1790000060000", true, 60000},
        {"1789999999", false, 0},
        {"1789999999000", false, 0},
        {"1790000000000", false, 0},
        {"999999999", true, 32 * DAY_MS}, /* too small for a date: an absurd wait */
        {"17900000600000000", true, 32 * DAY_MS},
        {"-1790000060", false, 0},
        {"1790000060 s", true, 32 * DAY_MS},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t ns = 0;
        bool ok = wait_until_ns(span_text(cases[i].text), wall_ms, &ns);
        if (ok != cases[i].ok)
            fail_msg("'%s': %d", cases[i].text, ok);
        if (ok)
            assert_ms(cases[i].text, ns, cases[i].ms);
    }
}

static void test_retry_after(void **state) {
    static const struct {
        const char *exact, *coarse;
        uint64_t ms;
    } cases[] = {
        {NULL, NULL, 0},
        {NULL, "", 0},
        {NULL, "7", 7000},
        {NULL, "0", 0},
        {NULL, "1.5", 1500},
        {NULL, "1m30s", 90000},
        {"1500", "1", 1500},
        {"200", "1", 1000},
        {"997000", NULL, 997000},
        {"12.5", NULL, 12},
        {NULL, "Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {NULL, "Sun, 06 Nov 1994 08:48:37 GMT", 0},
        {NULL, "Sun, 06 Nov 2094 08:48:37 GMT", DAY_MS},
        {NULL, "999999999", DAY_MS},
        {NULL, "-30", 0},
        {NULL, "tomorrow", 0},
        {"x", "y", 0},
        {"-5", "y", 0},
        {"99999999999999999", NULL, DAY_MS},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t ns =
            wait_retry_after_ns(span_text(cases[i].exact), span_text(cases[i].coarse), WALL_MS);
        assert_in_range(ns / MS_NS, cases[i].ms, cases[i].ms + 1);
    }
}

static void test_prose(void **state) {
    static const struct {
        const char *text;
        uint64_t ms;
        bool moment;
    } cases[] = {
        {"Please try again in 7.66s. Visit us", 7660, false},
        {"Please try again in 11m0.528s.", 660528, false},
        {"please TRY AGAIN IN 6m 11.52s", 371520, false},
        {"Please retry in 46.547714954s.", 46547, false},
        {"Try again in about 20 seconds", 20000, false},
        {"Retry after 30", 30000, false},
        {"please wait for 2 minutes and then", 120000, false},
        {"limit resets in 1h 5m, sorry", 3900000, false},
        {"try again in 3s or, better, try again in 5s", 5000, false},
        {"try again in 5 requests", 0, false},
        {"try again in a moment", 0, false},
        {"try again in", 0, false},
        {"wait", 0, false},
        {"nothing of 5s here", 0, false},
        {"Your limit will reset at 1994-11-06 16:50:37", 60000, true},
        {"[1308][Your limit will reset at 1994-11-06 16:50:37][x]", 60000, true},
        {"next_flush_time: 1994-11-06T08:50:37Z", 60000, true},
        {"reset at 1994-11-05 16:50:37", 0, false},
        {"retry after 0", 0, false},
        {"", 0, false},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        bool moment;
        uint64_t ns = wait_of_words_ns(span_text(cases[i].text), WALL_MS, &moment);
        if (ns / MS_NS != cases[i].ms || moment != cases[i].moment)
            fail_msg("'%s': %llu ns, moment %d", cases[i].text, (unsigned long long)ns, moment);
    }
}

/* Each end of each text: nothing is read beyond it (the sanitizer watches a copy without a NUL). */
static void test_cut_off(void **state) {
    static const char *const texts[] = {
        "try again in 1h 23m 45.6 seconds",        "reset at 1994-11-06T08:50:37.25+08:00",
        "Sun, 06 Nov 1994 08:50:37 GMT",           "1790000060.5",
        "next_flush_time = \"1994-11-06 16:50:37",
    };
    (void)state;
    for (size_t i = 0; i < array_length(texts); i++)
        for (size_t length = 1; length <= strlen(texts[i]); length++) {
            char *copy = test_malloc(length);
            uint64_t ns;
            bool moment;
            memcpy(copy, texts[i], length);
            (void)wait_until_ns(span_of(copy, length), WALL_MS, &ns);
            assert_in_range(wait_of_words_ns(span_of(copy, length), WALL_MS, &moment), 0,
                            WAIT_RESET_MAX_NS);
            test_free(copy);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),  cmocka_unit_test(test_moments),
        cmocka_unit_test(test_unix_times), cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_prose),      cmocka_unit_test(test_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
