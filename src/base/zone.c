// SPDX-License-Identifier: Apache-2.0
/*
 * Time zones by rule: offsets, days and months, computed from POSIX TZ strings without the C library's global state.
 *
 * Why by ourselves: quotas come back at midnight in zones that are not the machine's, and localtime() knows one zone a process.
 * A rule says what holds from now on, which is all that a next reset needs; the history of a zone is not kept here.
 *
 * The offset at an instant is that of the latest change at or before it, looked for in the years around it, so nothing is
 * assumed about which half of the year is summer, nor that changes stay within their own year. When daylight time is all the
 * year (a zone that ends it and begins it at one instant), the later year's change wins.
 * A local day begins at the first instant whose local date is that day or later; so days follow one another without gap and
 * overlap even where clocks skip a midnight or show it twice.
 * Promises: pure functions, no allocation. Leaves to others: reading TZif files (whoever may open files), leap seconds (none).
 */
#include "base/zone.h"

#include "base/check.h"

#define MS_PER_S        1000
#define S_PER_DAY       86400
#define CHANGE_MAX_H    167 /* RFC 8536, 3.3.1: -167 to 167 hours */
#define CHANGE_TIME_S   (2 * 3600)
#define TZIF_HEAD_BYTES 44

const struct zone zone_utc = {0};

static const struct {
    const char *name, *rule;
} zones[] = {
    {"UTC", "UTC0"},
    {"GMT", "GMT0"},
    {"America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"},
    {"America/Denver", "MST7MDT,M3.2.0,M11.1.0"},
    {"America/Chicago", "CST6CDT,M3.2.0,M11.1.0"},
    {"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
    {"America/Sao_Paulo", "<-03>3"},
    {"Asia/Kolkata", "IST-5:30"},
    {"Asia/Seoul", "KST-9"},
    {"Asia/Shanghai", "CST-8"},
    {"Asia/Singapore", "<+08>-8"},
    {"Asia/Tokyo", "JST-9"},
    {"Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"},
    {"Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"},
    {"Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"},
    {"Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"},
};

/* --- the calendar: days since 1970-01-01, proleptic Gregorian --- */

static int64_t floor_div(int64_t value, int64_t by) {
    return value / by - (value % by < 0);
}

static bool leap_year(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t first_day_of_year(int64_t year) {
    int64_t before = year - 1;
    return 365 * (year - 1970) + (floor_div(before, 4) - 492) - (floor_div(before, 100) - 19) +
           (floor_div(before, 400) - 4);
}

static int days_before_month(int64_t year, int month) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    return before[month - 1] + (month > 2 && leap_year(year));
}

static int64_t year_of_day(int64_t day) {
    int64_t year = 1970 + floor_div(day * 400, 146097);
    while (first_day_of_year(year) > day)
        year--;
    while (first_day_of_year(year + 1) <= day)
        year++;
    return year;
}

static int month_of_day(int64_t day, int64_t year) {
    int month = 12;
    while (first_day_of_year(year) + days_before_month(year, month) > day)
        month--;
    return month;
}

/* --- when offsets change --- */

static int64_t nth_weekday(int64_t year, const struct zone_change *change) {
    int64_t first = first_day_of_year(year) + days_before_month(year, change->month);
    int64_t length =
        days_before_month(year, change->month + 1) - days_before_month(year, change->month);
    int64_t weekday = (first + 4) - 7 * floor_div(first + 4, 7); /* 1970-01-01 was a Thursday */
    int64_t day = ((int64_t)change->day - weekday + 7) % 7 + 7 * (change->week - 1);
    while (day >= length)
        day -= 7;
    return first + day;
}

/* Local seconds since 1970 of the change in that year, by the clock in use before it. */
static int64_t change_local_s(int64_t year, const struct zone_change *change) {
    int64_t day;
    if (change->kind == 'M')
        day = nth_weekday(year, change);
    else if (change->kind == 'J') /* 1 to 365, 29 February is never counted */
        day = first_day_of_year(year) + change->day - 1 + (change->day >= 60 && leap_year(year));
    else
        day = first_day_of_year(year) + change->day;
    return day * S_PER_DAY + change->time_s;
}

struct latest {
    int64_t at_s;
    int32_t offset_s;
};

static void consider(struct latest *latest, int64_t change_s, int64_t at_s, int32_t offset_s) {
    if (change_s > at_s || change_s < latest->at_s)
        return;
    latest->at_s = change_s;
    latest->offset_s = offset_s;
}

static int32_t offset_at_s(const struct zone *zone, int64_t at_s) {
    if (zone->begins.kind == 0)
        return zone->standard_s;
    struct latest latest = {INT64_MIN, zone->standard_s};
    int64_t year = year_of_day(floor_div(at_s + zone->standard_s, S_PER_DAY));
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t begins_s = change_local_s(y, &zone->begins) - zone->standard_s;
        int64_t ends_s = change_local_s(y, &zone->ends) - zone->daylight_s;
        if (begins_s <= ends_s)
            consider(&latest, begins_s, at_s, zone->daylight_s);
        consider(&latest, ends_s, at_s, zone->standard_s);
        if (begins_s > ends_s)
            consider(&latest, begins_s, at_s, zone->daylight_s);
    }
    return latest.offset_s;
}

int32_t zone_offset_s(const struct zone *zone, int64_t at_ms) {
    return offset_at_s(zone, floor_div(at_ms, MS_PER_S));
}

/* --- days and months --- */

static int64_t local_ms(const struct zone *zone, int64_t at_ms) {
    return at_ms + (int64_t)zone_offset_s(zone, at_ms) * MS_PER_S;
}

/* The first instant whose local time is that of the day's begin or later. */
static int64_t day_begins_ms(const struct zone *zone, int64_t day) {
    int64_t midnight_ms = day * S_PER_DAY * MS_PER_S;
    int32_t larger_s = zone->standard_s > zone->daylight_s ? zone->standard_s : zone->daylight_s;
    int32_t smaller_s = zone->standard_s < zone->daylight_s ? zone->standard_s : zone->daylight_s;
    /* With the larger offset in force the local clock gets there first. */
    int64_t early_ms = midnight_ms - (int64_t)larger_s * MS_PER_S;
    int64_t late_ms = midnight_ms - (int64_t)smaller_s * MS_PER_S;
    if (local_ms(zone, early_ms) >= midnight_ms)
        return early_ms;
    if (zone_offset_s(zone, early_ms) == zone_offset_s(zone, late_ms))
        return late_ms;
    /* In between the clock jumps over midnight: before the first instant local time is smaller, from it on it is not. */
    int64_t low_ms = early_ms, high_ms = late_ms;
    while (high_ms - low_ms > 1) {
        int64_t middle_ms = low_ms + (high_ms - low_ms) / 2;
        if (local_ms(zone, middle_ms) >= midnight_ms)
            high_ms = middle_ms;
        else
            low_ms = middle_ms;
    }
    return high_ms;
}

/* The day that an instant belongs to: the last one that has begun. */
static int64_t day_of(const struct zone *zone, int64_t at_ms) {
    int64_t day = floor_div(local_ms(zone, at_ms), (int64_t)S_PER_DAY * MS_PER_S);
    while (day_begins_ms(zone, day + 1) <= at_ms)
        day++;
    return day;
}

int64_t zone_day_begin_ms(const struct zone *zone, int64_t at_ms) {
    return day_begins_ms(zone, day_of(zone, at_ms));
}

int64_t zone_day_next_ms(const struct zone *zone, int64_t at_ms) {
    int64_t day = day_of(zone, at_ms);
    int64_t next_ms;
    do
        next_ms = day_begins_ms(zone, ++day);
    while (next_ms <= at_ms);
    return next_ms;
}

int64_t zone_month_begin_ms(const struct zone *zone, int64_t at_ms) {
    int64_t day = day_of(zone, at_ms);
    int64_t year = year_of_day(day);
    return day_begins_ms(zone, first_day_of_year(year) +
                                   days_before_month(year, month_of_day(day, year)));
}

int64_t zone_month_next_ms(const struct zone *zone, int64_t at_ms) {
    int64_t day = day_of(zone, at_ms);
    int64_t year = year_of_day(day);
    int month = month_of_day(day, year);
    return day_begins_ms(zone, month == 12
                                   ? first_day_of_year(year + 1)
                                   : first_day_of_year(year) + days_before_month(year, month + 1));
}

/* --- reading rules --- */

struct reader {
    const char *at, *end;
};

static bool take(struct reader *reader, char wanted) {
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static bool digit(const struct reader *reader) {
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool number(struct reader *reader, int most, int *ret_value) {
    int value = 0;
    if (!digit(reader))
        return false;
    while (digit(reader)) {
        value = 10 * value + (*reader->at++ - '0');
        if (value > most)
            return false;
    }
    *ret_value = value;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool signed_time(struct reader *reader, int hours_max, int32_t *ret_s) {
    int sign = take(reader, '-') ? -1 : 1, hours, minutes = 0, seconds = 0;
    if (sign > 0)
        (void)take(reader, '+');
    if (!number(reader, hours_max, &hours) || (take(reader, ':') && !number(reader, 59, &minutes)))
        return false;
    if (take(reader, ':') && !number(reader, 59, &seconds))
        return false;
    *ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* At least three letters, or letters, digits and signs in <>. */
static bool designation(struct reader *reader) {
    const char *begin = reader->at;
    if (!take(reader, '<')) {
        while (reader->at < reader->end && letter(*reader->at))
            reader->at++;
        return reader->at - begin >= 3;
    }
    while (reader->at < reader->end &&
           (letter(*reader->at) || digit(reader) || *reader->at == '+' || *reader->at == '-'))
        reader->at++;
    return reader->at - begin >= 4 && take(reader, '>');
}

static bool month_rule(struct reader *reader, struct zone_change *change) {
    int month, week, day;
    if (!number(reader, 12, &month) || !take(reader, '.') || !number(reader, 5, &week) ||
        !take(reader, '.') || !number(reader, 6, &day) || month == 0 || week == 0)
        return false;
    change->month = (uint8_t)month;
    change->week = (uint8_t)week;
    change->day = (uint16_t)day;
    return true;
}

static bool change_rule(struct reader *reader, struct zone_change *ret_change) {
    struct zone_change change = {.kind = 'n', .time_s = CHANGE_TIME_S};
    int day = 0;
    if (take(reader, 'M'))
        change.kind = 'M';
    else if (take(reader, 'J'))
        change.kind = 'J';
    if (change.kind == 'M' ? !month_rule(reader, &change) : !number(reader, 365, &day))
        return false;
    if (change.kind == 'J' && day == 0)
        return false;
    if (change.kind != 'M')
        change.day = (uint16_t)day;
    if (take(reader, '/') && !signed_time(reader, CHANGE_MAX_H, &change.time_s))
        return false;
    *ret_change = change;
    return true;
}

static int parse_rule(struct span text, struct zone *ret_zone) {
    struct reader reader = {text.ptr, text.ptr + text.len};
    struct zone zone = {0};
    int32_t west_s;
    if (!designation(&reader) || !signed_time(&reader, 24, &west_s))
        return ERR_NOT_FOUND;
    zone.standard_s = zone.daylight_s = -west_s;
    if (reader.at < reader.end) {
        if (!designation(&reader))
            return ERR_NOT_FOUND;
        zone.daylight_s = zone.standard_s + 3600;
        if (reader.at < reader.end && *reader.at != ',') {
            if (!signed_time(&reader, 24, &west_s))
                return ERR_NOT_FOUND;
            zone.daylight_s = -west_s;
        }
        /* A daylight name without rules means whatever the reader likes: refused rather than guessed. */
        if (!take(&reader, ',') || !change_rule(&reader, &zone.begins) || !take(&reader, ',') ||
            !change_rule(&reader, &zone.ends))
            return ERR_NOT_FOUND;
    }
    if (reader.at != reader.end)
        return ERR_NOT_FOUND;
    *ret_zone = zone;
    return 0;
}

const char *zone_name(size_t index) {
    return index < array_length(zones) ? zones[index].name : NULL;
}

int zone_parse(struct span text, struct zone *ret_zone) {
    for (size_t i = 0; i < array_length(zones); i++)
        if (span_is(text, zones[i].name))
            return parse_rule(span_text(zones[i].rule), ret_zone);
    return text.len == 0 ? ERR_NOT_FOUND : parse_rule(text, ret_zone);
}

/* --- TZif, RFC 8536 section 3 --- */

static uint64_t big_endian_32(const char *bytes) {
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint64_t)b[0] << 24 | (uint64_t)b[1] << 16 | (uint64_t)b[2] << 8 | b[3];
}

/* Bytes of a header and the data block behind it. */
static uint64_t block_bytes(const char *head, uint64_t time_bytes) {
    uint64_t ut = big_endian_32(head + 20), standard = big_endian_32(head + 24);
    uint64_t leaps = big_endian_32(head + 28), times = big_endian_32(head + 32);
    uint64_t types = big_endian_32(head + 36), letters = big_endian_32(head + 40);
    return TZIF_HEAD_BYTES + times * (time_bytes + 1) + types * 6 + letters +
           leaps * (time_bytes + 4) + standard + ut;
}

static bool is_head(struct span bytes, uint64_t offset) {
    return offset <= bytes.len && bytes.len - offset >= TZIF_HEAD_BYTES &&
           memcmp(bytes.ptr + offset, "TZif", 4) == 0 && bytes.ptr[offset + 4] >= '2';
}

int zone_from_tzif(struct span bytes, struct zone *ret_zone) {
    if (!is_head(bytes, 0))
        return ERR_INVALID;
    uint64_t second = block_bytes(bytes.ptr, 4);
    if (!is_head(bytes, second))
        return ERR_INVALID;
    uint64_t footer = second + block_bytes(bytes.ptr + second, 8);
    if (footer >= bytes.len || bytes.len - footer < 3 || bytes.ptr[footer] != '\n' ||
        bytes.ptr[bytes.len - 1] != '\n')
        return ERR_INVALID;
    struct span rule = span_of(bytes.ptr + footer + 1, bytes.len - footer - 2);
    return parse_rule(rule, ret_zone) < 0 ? ERR_INVALID : 0;
}
