// SPDX-License-Identifier: Apache-2.0
/*
 * Days and months of zones, walked hour by hour over twenty years with nothing but a list of month lengths: each local day has one
 * number, begins where it is said to, and lasts 23, 24 or 25 hours only where the clocks of the Pacific coast change.
 */
#include "base/check.h"
#include "fake/limit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HOUR_MS  INT64_C(3600000)
#define BEGIN_MS INT64_C(1577836800000) /* 2020-01-01 00:00 UTC */
#define YEARS    20

static bool leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year));
}

struct date {
    int year, month, day, weekday; /* 0 = Sunday */
};

static void next_date(struct date *date) {
    date->weekday = (date->weekday + 1) % 7;
    if (++date->day <= month_days(date->year, date->month))
        return;
    date->day = 1;
    if (++date->month > 12) {
        date->month = 1;
        date->year++;
    }
}

/* The length of a Pacific date: the clocks change on the second Sunday of March and the first of November. */
static int pacific_hours(const struct date *date) {
    if (date->weekday != 0)
        return 24;
    if (date->month == 3 && date->day >= 8 && date->day <= 14)
        return 23;
    return date->month == 11 && date->day <= 7 ? 25 : 24;
}

static void walk(const char *name, int64_t first_midnight_ms, bool pacific) {
    struct fake_zone zone;
    struct date date = {2020, 1, 1, 3};
    int64_t midnight_ms = first_midnight_ms;
    assert_true(fake_zone_parse(span_text(name), &zone));
    int64_t day = fake_zone_day(&zone, midnight_ms);
    int64_t month = fake_zone_month(&zone, midnight_ms);
    assert_int_equal(fake_zone_day(&zone, midnight_ms - 1), day - 1);
    while (date.year < 2020 + YEARS) {
        int64_t next_ms = midnight_ms + (pacific ? pacific_hours(&date) : 24) * HOUR_MS;
        int expected_month = date.month;
        for (int64_t at_ms = midnight_ms; at_ms < next_ms; at_ms += HOUR_MS) {
            assert_int_equal(fake_zone_day(&zone, at_ms), day);
            assert_int_equal(fake_zone_next_day_ms(&zone, at_ms), next_ms);
            assert_int_equal(fake_zone_month(&zone, at_ms), month);
        }
        assert_int_equal(fake_zone_next_day_ms(&zone, next_ms - 1), next_ms);
        next_date(&date);
        if (date.month != expected_month) {
            assert_int_equal(fake_zone_next_month_ms(&zone, next_ms - 1), next_ms);
            assert_int_equal(fake_zone_next_month_ms(&zone, midnight_ms), next_ms);
            month++;
        }
        midnight_ms = next_ms;
        day++;
    }
}

static void test_days_and_months(void **state) {
    (void)state;
    walk("UTC", BEGIN_MS, false);
    walk("Asia/Shanghai", BEGIN_MS - 8 * HOUR_MS, false);
    walk("+05:30", BEGIN_MS - 5 * HOUR_MS - HOUR_MS / 2, false);
    walk("-03:00", BEGIN_MS + 3 * HOUR_MS, false);
    walk("America/Los_Angeles", BEGIN_MS + 8 * HOUR_MS, true);
}

/* Instants that calendars of others agree on. */
static void test_known_instants(void **state) {
    struct fake_zone zone;
    (void)state;
    assert_true(fake_zone_parse(SPAN_LITERAL("America/Los_Angeles"), &zone));
    assert_int_equal(fake_zone_offset_s(&zone, INT64_C(1710064799999)),
                     -8 * 3600); /* 2024-03-10 01:59:59 */
    assert_int_equal(fake_zone_offset_s(&zone, INT64_C(1710064800000)), -7 * 3600);
    assert_int_equal(fake_zone_offset_s(&zone, INT64_C(1730624399999)),
                     -7 * 3600); /* 2024-11-03 01:59:59 */
    assert_int_equal(fake_zone_offset_s(&zone, INT64_C(1730624400000)), -8 * 3600);
    assert_int_equal(fake_zone_next_month_ms(&zone, INT64_C(1735689600000)),
                     INT64_C(1735718400000)); /* still December there: 2025-01-01 08:00 UTC */
}

static void test_names(void **state) {
    static const char *const refused[] = {"",       "utc",   "Europe/Paris", "+5:30", "+05:60",
                                          "+15:00", "05:30", "+05-30",       "+0530", "+05:3x"};
    struct fake_zone zone = {.offset_s = 7};
    (void)state;
    for (size_t i = 0; i < array_length(refused); i++)
        assert_false(fake_zone_parse(span_text(refused[i]), &zone));
    assert_int_equal(zone.offset_s, 7); /* untouched */
    assert_true(fake_zone_parse(SPAN_LITERAL("-14:00"), &zone));
    assert_int_equal(zone.offset_s, -14 * 3600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_months),
        cmocka_unit_test(test_known_instants),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
