// SPDX-License-Identifier: Apache-2.0
/*
 * Days and months of simulated providers.
 *
 * Own arithmetic on purpose: the gateway has another, and the two are compared by playing them against each other. Dates are
 * counted from 1970 in the proleptic Gregorian calendar, by the usual shift of the year's begin to March. The Pacific zone follows the
 * rule of 2007: daylight time from the second Sunday of March, 2:00, to the first Sunday of November, 2:00.
 * Promises: no table of years, no C library zone, no global state. Leaves to others: which limits follow a calendar (count.c).
 */
#include "fake/limit.h"

#define MS_PER_DAY  INT64_C(86400000)
#define MS_PER_HOUR INT64_C(3600000)

static int64_t divide_down(int64_t value, int64_t by) {
    return value / by - (value % by < 0);
}

/* Days since 1970-01-01 of a date; month 1 to 12. */
static int64_t day_of(int64_t year, int64_t month, int64_t day) {
    int64_t shifted = year - (month <= 2);
    int64_t era = divide_down(shifted, 400);
    int64_t of_era = shifted - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Months since January of the year 0. */
static int64_t month_of_day(int64_t days) {
    int64_t shifted = days + 719468;
    int64_t era = divide_down(shifted, 146097);
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_based = (5 * of_year + 2) / 153;
    int64_t year = year_of_era + era * 400 + (march_based >= 10);
    return year * 12 + (march_based < 10 ? march_based + 2 : march_based - 10);
}

/* The n-th Sunday of a month, as days since 1970 (a Thursday). */
static int64_t sunday_of(int64_t year, int64_t month, int64_t nth) {
    int64_t first = day_of(year, month, 1);
    int64_t weekday = (first + 4) % 7; /* 0 = Sunday; years here are after 1970 */
    return first + (7 - weekday) % 7 + 7 * (nth - 1);
}

static bool pacific_daylight(int64_t wall_ms) {
    int64_t year =
        divide_down(month_of_day(divide_down(wall_ms - 8 * MS_PER_HOUR, MS_PER_DAY)), 12);
    int64_t begins_ms = sunday_of(year, 3, 2) * MS_PER_DAY + 10 * MS_PER_HOUR; /* 2:00 at UTC-8 */
    int64_t ends_ms = sunday_of(year, 11, 1) * MS_PER_DAY + 9 * MS_PER_HOUR;   /* 2:00 at UTC-7 */
    return wall_ms >= begins_ms && wall_ms < ends_ms;
}

/* "+05:30" */
static bool parse_offset(struct span text, int32_t *ret_offset_s) {
    uint64_t hours, minutes;
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':' ||
        !span_to_u64(span_of(text.ptr + 1, 2), &hours) ||
        !span_to_u64(span_of(text.ptr + 4, 2), &minutes) || hours > 14 || minutes > 59)
        return false;
    int32_t offset_s = (int32_t)(hours * 3600 + minutes * 60);
    *ret_offset_s = text.ptr[0] == '-' ? -offset_s : offset_s;
    return true;
}

bool fake_zone_parse(struct span text, struct fake_zone *ret_zone) {
    struct fake_zone zone = {0};
    if (span_is(text, "America/Los_Angeles"))
        zone.pacific = true;
    else if (span_is(text, "Asia/Shanghai"))
        zone.offset_s = 8 * 3600;
    else if (!span_is(text, "UTC") && !parse_offset(text, &zone.offset_s))
        return false;
    *ret_zone = zone;
    return true;
}

int32_t fake_zone_offset_s(const struct fake_zone *zone, int64_t wall_ms) {
    if (!zone->pacific)
        return zone->offset_s;
    return pacific_daylight(wall_ms) ? -7 * 3600 : -8 * 3600;
}

int64_t fake_zone_day(const struct fake_zone *zone, int64_t wall_ms) {
    return divide_down(wall_ms + (int64_t)fake_zone_offset_s(zone, wall_ms) * 1000, MS_PER_DAY);
}

int64_t fake_zone_month(const struct fake_zone *zone, int64_t wall_ms) {
    return month_of_day(fake_zone_day(zone, wall_ms));
}

/* Midnight by the distance from UTC that holds at that midnight: the one of now is wrong on the days the clocks change. */
static int64_t midnight_ms(const struct fake_zone *zone, int64_t day) {
    int64_t local_ms = day * MS_PER_DAY;
    int64_t guess_ms =
        local_ms - (int64_t)fake_zone_offset_s(zone, local_ms + 8 * MS_PER_HOUR) * 1000;
    return local_ms - (int64_t)fake_zone_offset_s(zone, guess_ms) * 1000;
}

int64_t fake_zone_next_day_ms(const struct fake_zone *zone, int64_t wall_ms) {
    return midnight_ms(zone, fake_zone_day(zone, wall_ms) + 1);
}

int64_t fake_zone_next_month_ms(const struct fake_zone *zone, int64_t wall_ms) {
    int64_t month = fake_zone_month(zone, wall_ms) + 1;
    return midnight_ms(zone, day_of(divide_down(month, 12), month % 12 + 1, 1));
}
