// SPDX-License-Identifier: Apache-2.0
/*
 * Zones: days and months around every kind of change, rules that are not rules, and every offset from 1970 to 2037 against the
 * system's own zone files where there are any.
 */
#include "base/check.h"
#include "base/rand.h"
#include "base/zone.h"
#include "unit/base/base_fixture.h"

#include <stdio.h>

#define HOUR_MS 3600000
#define DAY_MS  (24 * (int64_t)HOUR_MS)
/* days since 1970 of some first of January */
#define DAY_2024 19723
#define DAY_2026 20454
#define DAY_2038 24837

static struct zone zone_of(const char *text) {
    struct zone zone;
    assert_int_equal(zone_parse(span_text(text), &zone), 0);
    return zone;
}

/* Milliseconds of a UTC time in a year that begins at `first_day`. */
static int64_t at(int64_t first_day, int day_of_year, int hour, int minute) {
    return (first_day + day_of_year - 1) * DAY_MS + hour * (int64_t)HOUR_MS +
           minute * (int64_t)60000;
}

static void days_of_los_angeles(void **state) {
    (void)state;
    struct zone zone = zone_of("America/Los_Angeles");
    static const struct {
        int day_of_year, begin_hour_utc, hours;
    } rows[] = {
        {1, 8, 24},   {66, 8, 24},  {67, 8, 23} /* 8 March 2026 */, {68, 7, 24},
        {180, 7, 24}, {304, 7, 24}, {305, 7, 25} /* 1 November */,  {306, 8, 24},
        {365, 8, 24},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        int64_t begin_ms = at(DAY_2026, rows[i].day_of_year, rows[i].begin_hour_utc, 0);
        int64_t next_ms = begin_ms + rows[i].hours * (int64_t)HOUR_MS;
        for (int64_t t = begin_ms; t < next_ms; t += 17 * 60000 + 1) {
            assert_int_equal(zone_day_begin_ms(&zone, t), begin_ms);
            assert_int_equal(zone_day_next_ms(&zone, t), next_ms);
        }
        assert_int_equal(zone_day_begin_ms(&zone, begin_ms - 1) < begin_ms, true);
        assert_int_equal(zone_day_next_ms(&zone, begin_ms - 1), begin_ms);
        assert_int_equal(zone_day_begin_ms(&zone, next_ms - 1), begin_ms);
    }
}

static void months(void **state) {
    (void)state;
    static const struct {
        const char *zone;
        int64_t first_day;
        int day_of_year, hour; /* an instant, UTC */
        int begin_day, begin_hour, next_day, next_hour;
    } rows[] = {
        {"UTC", DAY_2024, 59, 12, 32, 0, 61, 0}, /* February of a leap year */
        {"UTC", DAY_2024, 60, 23, 32, 0, 61, 0},
        {"UTC", DAY_2026, 59, 23, 32, 0, 60, 0},
        {"UTC", DAY_2026, 365, 23, 335, 0, 366, 0},
        {"UTC", DAY_2026, 1, 0, 1, 0, 32, 0},
        {"America/Los_Angeles", DAY_2026, 60, 12, 60, 8, 91, 7},
        {"America/Los_Angeles", DAY_2026, 60, 7, 32, 8, 60, 8},
        {"America/Los_Angeles", DAY_2026, 320, 0, 305, 7, 335, 8},
        {"Asia/Kolkata", DAY_2026, 31, 19, 31, 18, 59, 18},
        {"Australia/Sydney", DAY_2026, 100, 0, 90, 13, 120, 14}, /* summer time ends on 5 April */
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct zone zone = zone_of(rows[i].zone);
        int64_t half = span_is(span_text(rows[i].zone), "Asia/Kolkata") ? 30 : 0;
        int64_t t = at(rows[i].first_day, rows[i].day_of_year, rows[i].hour, 0);
        assert_int_equal(zone_month_begin_ms(&zone, t),
                         at(rows[i].first_day, rows[i].begin_day, rows[i].begin_hour, (int)half));
        assert_int_equal(zone_month_next_ms(&zone, t),
                         at(rows[i].first_day, rows[i].next_day, rows[i].next_hour, (int)half));
    }
}

static void midnights_that_are_skipped_or_come_twice(void **state) {
    (void)state;
    /* At midnight into Sunday the clock jumps to one; in autumn it goes back from midnight to eleven. */
    struct zone zone = zone_of("<-04>4<-03>,M9.1.6/24,M4.1.6/24");
    int64_t jump_ms = at(DAY_2026, 249, 4, 0); /* 6 September 2026 */
    assert_int_equal(zone_offset_s(&zone, jump_ms - 1), -4 * 3600);
    assert_int_equal(zone_offset_s(&zone, jump_ms), -3 * 3600);
    assert_int_equal(zone_day_begin_ms(&zone, jump_ms), jump_ms);
    assert_int_equal(zone_day_next_ms(&zone, jump_ms - 1), jump_ms);
    assert_int_equal(zone_day_next_ms(&zone, jump_ms), jump_ms + 23 * HOUR_MS);
    int64_t back_ms = at(DAY_2026, 95, 3, 0); /* 4 April, 24:00 daylight time */
    assert_int_equal(zone_offset_s(&zone, back_ms - 1), -3 * 3600);
    assert_int_equal(zone_offset_s(&zone, back_ms), -4 * 3600);
    assert_int_equal(zone_day_next_ms(&zone, back_ms - 1), back_ms + HOUR_MS);
    /* Half past midnight back to half past eleven: the day has begun and stays begun. */
    zone = zone_of("AAA4BBB,M9.1.6/24,M4.1.0/0:30");
    int64_t midnight_ms = at(DAY_2026, 95, 3, 0);
    assert_int_equal(zone_day_begin_ms(&zone, midnight_ms + 10 * 60000), midnight_ms);
    assert_int_equal(zone_day_begin_ms(&zone, midnight_ms + 40 * 60000), midnight_ms);
    assert_int_equal(zone_day_next_ms(&zone, midnight_ms + 40 * 60000), midnight_ms + 25 * HOUR_MS);
}

static void days_follow_one_another(void **state) {
    (void)state;
    static const char *const texts[] = {"UTC",
                                        "America/Los_Angeles",
                                        "Australia/Sydney",
                                        "IST-1GMT0,M10.5.0,M3.5.0/1",
                                        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                        "XXX3YYY,J1/0,J365/23",
                                        "XXX3YYY,0/0,J365/25",
                                        "AAA4BBB,M9.1.6/24,M4.1.0/0:30",
                                        "AAA-14BBB-13:15:30,J60,300/-167"};
    for (size_t i = 0; i < array_length(texts); i++) {
        struct zone zone = zone_of(texts[i]);
        int64_t day_ms = zone_day_begin_ms(&zone, DAY_2024 * DAY_MS);
        int64_t month_ms = zone_month_begin_ms(&zone, day_ms);
        while (day_ms < DAY_2038 * DAY_MS) {
            int64_t next_ms = zone_day_next_ms(&zone, day_ms);
            assert_true(next_ms - day_ms >= 22 * HOUR_MS && next_ms - day_ms <= 26 * HOUR_MS);
            assert_int_equal(zone_day_begin_ms(&zone, next_ms - 1), day_ms);
            assert_int_equal(zone_day_begin_ms(&zone, next_ms), next_ms);
            int64_t month_next_ms = zone_month_next_ms(&zone, day_ms);
            if (day_ms >= month_next_ms || month_next_ms == next_ms)
                month_ms = month_next_ms;
            else
                assert_int_equal(zone_month_begin_ms(&zone, day_ms), month_ms);
            day_ms = next_ms;
        }
    }
}

static void daylight_time_all_the_year(void **state) {
    (void)state;
    struct zone zone = zone_of("XXX3YYY,0/0,J365/25"); /* RFC 8536, 3.3.1 */
    for (int64_t t = 0; t < DAY_2038 * DAY_MS; t += HOUR_MS * 7 + 1)
        assert_int_equal(zone_offset_s(&zone, t), -2 * 3600);
}

static void texts_that_are_no_zones(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "Mars/Olympus",
                                        "America/Los_Angele",
                                        "america/los_angeles",
                                        "PST",
                                        "PST8PDT",
                                        "PST8PDT,M3.2.0",
                                        "PST8PDT,M3.2.0,",
                                        "PS8",
                                        "<PST8",
                                        "<>8",
                                        "PST25",
                                        "PST8:60",
                                        "PST8:00:60",
                                        "PST8:",
                                        "PST8PDT,M13.2.0,M11.1.0",
                                        "PST+-8",
                                        "PST8PDT,M0.2.0,M11.1.0",
                                        "PST8PDT,M3.0.0,M11.1.0",
                                        "PST8PDT,M3.6.0,M11.1.0",
                                        "PST8PDT,M3.2.7,M11.1.0",
                                        "PST8PDT,M3.2,M11.1.0",
                                        "PST8PDT,J0,J365",
                                        "PST8PDT,J366,J1",
                                        "PST8PDT,366,1",
                                        "PST8PDT,M3.2.0/168,M11.1.0",
                                        "PST8PDT,M3.2.0,M11.1.0x",
                                        "PST8PDT,M3.2.0,M11.1.0/",
                                        "PST8 ",
                                        " PST8",
                                        "PST99999999999999999999"};
    struct zone zone = {.standard_s = 77};
    for (size_t i = 0; i < array_length(texts); i++)
        assert_int_equal(zone_parse(span_text(texts[i]), &zone), ERR_NOT_FOUND);
    assert_int_equal(zone_parse(SPAN_NONE, &zone), ERR_NOT_FOUND);
    assert_int_equal(zone.standard_s, 77); /* untouched */
}

static void names(void **state) {
    (void)state;
    static const char *const wanted[] = {"UTC",           "America/Los_Angeles", "America/New_York",
                                         "Asia/Shanghai", "Europe/Berlin",       "Europe/London",
                                         "Europe/Paris",  "Asia/Tokyo",          "Asia/Kolkata"};
    size_t count = 0;
    while (zone_name(count) != NULL)
        zone_of(zone_name(count++));
    assert_null(zone_name(count + 1));
    for (size_t i = 0; i < array_length(wanted); i++) {
        bool found = false;
        for (size_t n = 0; n < count; n++)
            found = found || span_is(span_text(wanted[i]), zone_name(n));
        assert_true(found);
    }
    assert_int_equal(zone_of("Asia/Kolkata").standard_s, 19800);
    assert_int_equal(zone_of("<+0530>-5:30").standard_s, 19800);
    assert_int_equal(zone_utc.standard_s, zone_of("UTC").standard_s);
}

/* --- the system's files --- */

struct tzif {
    char bytes[65536];
    size_t length;
};

static bool read_tzif(const char *name, struct tzif *file) {
    char path[128];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return false;
    file->length = fread(file->bytes, 1, sizeof file->bytes, stream);
    fclose(stream);
    return file->length > 44;
}

static int64_t big_endian(const char *bytes, int count) {
    int64_t value = (signed char)bytes[0];
    for (int i = 1; i < count; i++)
        value = value * 256 + (unsigned char)bytes[i];
    return value;
}

static int64_t counts_of(const char *head, int index) {
    return big_endian(head + 20 + 4 * index, 4);
}

/* Compares the offset at both sides of every change that the file lists after `from_s`. */
static size_t compare_changes(const struct tzif *file, const struct zone *zone, int64_t from_s) {
    const char *head = file->bytes;
    int64_t skip = 44 + counts_of(head, 3) * 5 + counts_of(head, 4) * 6 + counts_of(head, 5) +
                   counts_of(head, 2) * 8 + counts_of(head, 1) + counts_of(head, 0);
    head += skip;
    int64_t times = counts_of(head, 3);
    const char *changes = head + 44, *kinds = changes + 8 * times, *types = kinds + times;
    size_t compared = 0;
    for (int64_t i = 0; i < times; i++) {
        int64_t change_s = big_endian(changes + 8 * i, 8);
        if (change_s < from_s || change_s >= (int64_t)DAY_2038 * 86400)
            continue;
        int64_t offset_s = big_endian(types + 6 * kinds[i], 4);
        assert_int_equal(zone_offset_s(zone, change_s * 1000), offset_s);
        if (i > 0 && big_endian(changes + 8 * (i - 1), 8) >= from_s)
            assert_int_equal(zone_offset_s(zone, change_s * 1000 - 1),
                             big_endian(types + 6 * kinds[i - 1], 4));
        compared++;
    }
    return compared;
}

/* Rules of now hold from some year on: the first one named here. */
static const struct {
    const char *name;
    int64_t from_year;
} rules_since[] = {{"America/Los_Angeles", 2007},
                   {"America/New_York", 2007},
                   {"America/Chicago", 2007},
                   {"America/Denver", 2007},
                   {"Europe/Berlin", 1996},
                   {"Europe/Paris", 1996},
                   {"Europe/London", 1996},
                   {"Australia/Sydney", 2008},
                   {"Asia/Shanghai", 1992},
                   {"Asia/Tokyo", 1970},
                   {"Asia/Kolkata", 1970},
                   {"Asia/Seoul", 1989},
                   {"Asia/Singapore", 1982},
                   {"America/Sao_Paulo", 2020},
                   {"UTC", 1970},
                   {"GMT", 1970}};

static void the_systems_zones(void **state) {
    (void)state;
    static struct tzif file;
    if (!read_tzif("America/Los_Angeles", &file)) {
        print_message("skipped: no zone files in /usr/share/zoneinfo\n");
        skip();
    }
    size_t compared = 0;
    for (size_t i = 0; i < array_length(rules_since); i++) {
        if (!read_tzif(rules_since[i].name, &file))
            continue;
        struct zone zone = zone_of(rules_since[i].name), footer;
        assert_int_equal(zone_from_tzif(span_of(file.bytes, file.length), &footer), 0);
        int64_t from_s = (rules_since[i].from_year - 1970) * 31556952;
        compared += compare_changes(&file, &zone, from_s);
        for (int64_t t = from_s * 1000; t < DAY_2038 * DAY_MS; t += 181 * 60000)
            assert_int_equal(zone_offset_s(&zone, t), zone_offset_s(&footer, t));
    }
    print_message("%zu changes compared\n", compared);
    /* footers without a name of ours: minutes in offsets, negative hours, winter time as the exception, the south */
    static const char *const others[] = {"Australia/Lord_Howe", "America/Nuuk",
                                         "Europe/Dublin",       "America/Santiago",
                                         "Asia/Kathmandu",      "Pacific/Auckland"};
    for (size_t i = 0; i < array_length(others); i++) {
        struct zone footer;
        if (!read_tzif(others[i], &file))
            continue;
        assert_int_equal(zone_from_tzif(span_of(file.bytes, file.length), &footer), 0);
        compare_changes(&file, &footer, (int64_t)55 * 31556952); /* since 2025 */
    }
}

static void files_that_are_no_zones(void **state) {
    (void)state;
    /* A whole second version: two empty blocks and a rule. */
    char bytes[128] = "TZif2";
    memcpy(bytes + 44, "TZif2", 5);
    memcpy(bytes + 88, "\nJST-9\n", 7);
    struct zone zone;
    assert_int_equal(zone_from_tzif(span_of(bytes, 95), &zone), 0);
    assert_int_equal(zone.standard_s, 9 * 3600);
    for (size_t length = 0; length < 95; length++)
        assert_int_equal(zone_from_tzif(span_of(bytes, length), &zone), ERR_INVALID);
    assert_int_equal(zone_from_tzif(SPAN_NONE, &zone), ERR_INVALID);
    struct rand rand;
    rand_seed(&rand, 5);
    for (int i = 0; i < 20000; i++) { /* whatever the counts say, no byte outside is read */
        char broken[95];
        memcpy(broken, bytes, sizeof broken);
        for (int k = 0; k < 3; k++)
            broken[rand_below(&rand, sizeof broken)] = (char)rand_u64(&rand);
        (void)!zone_from_tzif(span_of(broken, sizeof broken), &zone);
    }
    bytes[4] = 0; /* the first version has no rule */
    assert_int_equal(zone_from_tzif(span_of(bytes, 95), &zone), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_of_los_angeles),
        cmocka_unit_test(months),
        cmocka_unit_test(midnights_that_are_skipped_or_come_twice),
        cmocka_unit_test(days_follow_one_another),
        cmocka_unit_test(daylight_time_all_the_year),
        cmocka_unit_test(texts_that_are_no_zones),
        cmocka_unit_test(names),
        cmocka_unit_test(the_systems_zones),
        cmocka_unit_test(files_that_are_no_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
