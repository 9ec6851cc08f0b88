// SPDX-License-Identifier: Apache-2.0
/*
 * Waits and moments in providers' words.
 *
 * Why one reader for all: each provider writes another form (seconds, fractions, Go durations, dates, Unix times, prose), the same
 * provider changes between them, and a peer is known that read Go durations as plain numbers and so never saw a reset. Promises:
 * bytes of a peer are never trusted: what cannot be read is "nothing said", what is absurd is cut, nothing is allocated.
 * Leaves to others: which of several waits is believed (told_wait.c), what it is used for (scheduler/bench).
 */
#include "provider/wait.h"

#include "base/check.h"

#include <time.h>

#define MS_NS          1000000ull
#define DIGITS_MAX     18
#define EPOCH_S_LEAST  1000000000.0    /* 2001 */
#define EPOCH_MS_LEAST 1000000000000.0 /* 2001, in milliseconds */
#define STAMP_EAST_MS  (8 * 3600 * 1000)

static struct span after(struct span text, size_t bytes) {
    return span_of(text.ptr + bytes, text.len - bytes);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes digits, with a fraction if there is one, off the front. */
static bool take_decimal(struct span *text, double *ret_value) {
    double value = 0;
    double scale = 1;
    size_t digits = 0;
    bool fraction = false;
    while (text->len > 0 && digits <= DIGITS_MAX) {
        char c = text->ptr[0];
        if (c == '.' && !fraction && text->len > 1 && is_digit(text->ptr[1])) {
            fraction = true;
        } else if (is_digit(c)) {
            value = value * 10 + (c - '0');
            scale = fraction ? scale * 10 : 1;
            digits++;
        } else {
            break;
        }
        *text = after(*text, 1);
    }
    *ret_value = value / scale;
    return digits > 0 && digits <= DIGITS_MAX;
}

#define UNIT(text, seconds) \
    { SPAN_LITERAL(text), seconds }

/* The usual ones first. */
static const struct {
    struct span word;
    double seconds;
} units[] = {
    UNIT("s", 1),        UNIT("ms", 1e-3),          UNIT("m", 60),
    UNIT("h", 3600),     UNIT("seconds", 1),        UNIT("second", 1),
    UNIT("minutes", 60), UNIT("minute", 60),        UNIT("hours", 3600),
    UNIT("hour", 3600),  UNIT("days", 86400),       UNIT("day", 86400),
    UNIT("sec", 1),      UNIT("secs", 1),           UNIT("min", 60),
    UNIT("mins", 60),    UNIT("hr", 3600),          UNIT("hrs", 3600),
    UNIT("d", 86400),    UNIT("us", 1e-6),          UNIT("ns", 1e-9),
    UNIT("msec", 1e-3),  UNIT("millisecond", 1e-3), UNIT("milliseconds", 1e-3),
};

/* Takes a unit off the front: the whole run of letters must be one, so that "m" is never the half of "ms". */
static bool take_unit(struct span *text, double *ret_seconds) {
    struct span rest = *text;
    while (rest.len > 0 && rest.ptr[0] == ' ')
        rest = after(rest, 1);
    size_t letters = 0;
    while (letters < rest.len && is_letter(rest.ptr[letters]))
        letters++;
    for (size_t i = 0; letters > 0 && i < array_length(units); i++) {
        if (!span_equal_nocase(span_of(rest.ptr, letters), units[i].word))
            continue;
        *text = after(rest, letters);
        *ret_seconds = units[i].seconds;
        return true;
    }
    return false;
}

static struct span skip_blanks(struct span text) {
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = after(text, 1);
    return text;
}

/* Takes "1h 2m 3.5s", or a bare number of seconds, off the front; leaves what follows in `text`. */
static bool take_duration(struct span *text, double *ret_seconds) {
    double total_s = 0;
    double amount, unit_s;
    bool any = false;
    for (;;) {
        struct span rest = skip_blanks(*text);
        if (!take_decimal(&rest, &amount))
            break;
        if (!take_unit(&rest, &unit_s)) {
            struct span word = skip_blanks(rest); /* "5 requests" is no time */
            if (any || (word.len > 0 && is_letter(word.ptr[0])))
                break;
            *text = rest;
            *ret_seconds = amount;
            return true;
        }
        total_s += amount * unit_s;
        *text = rest;
        any = true;
    }
    *ret_seconds = total_s;
    return any;
}

static uint64_t to_ns(double seconds, uint64_t most_ns) {
    double most_s = (double)most_ns / 1e9;
    return seconds >= most_s ? most_ns : (uint64_t)(seconds * 1e9);
}

bool wait_duration_ns(struct span text, uint64_t *ret_ns) {
    double seconds;
    struct span rest = span_trim(text);
    if (!take_duration(&rest, &seconds) || rest.len > 0)
        return false;
    *ret_ns = to_ns(seconds, WAIT_RESET_MAX_NS);
    return true;
}

bool wait_http_date_ms(struct span text, int64_t *ret_wall_ms) {
    char copy[64];
    struct tm parts = {0};
    text = span_trim(text);
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == NULL || *end != '\0')
        return false;
    time_t seconds = timegm(&parts);
    if (seconds < 0)
        return false;
    *ret_wall_ms = (int64_t)seconds * 1000;
    return true;
}

/* Takes exactly `digits` digits off the front, then `separator` unless that is NUL. */
static bool take_field(struct span *text, size_t digits, char separator, int *ret_value) {
    int value = 0;
    size_t need = digits + (separator != '\0');
    if (text->len < need || (separator != '\0' && text->ptr[digits] != separator))
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(text->ptr[i]))
            return false;
        value = value * 10 + (text->ptr[i] - '0');
    }
    *text = after(*text, need);
    *ret_value = value;
    return true;
}

/* "Z", "+08:00" or nothing; minutes east of UTC. */
static bool take_zone(struct span *text, int *ret_minutes) {
    int hours, minutes;
    if (text->len > 0 && (text->ptr[0] == 'Z' || text->ptr[0] == 'z')) {
        *text = after(*text, 1);
        *ret_minutes = 0;
        return true;
    }
    if (text->len < 6 || (text->ptr[0] != '+' && text->ptr[0] != '-'))
        return false;
    int sign = text->ptr[0] == '-' ? -1 : 1;
    struct span rest = after(*text, 1);
    if (!take_field(&rest, 2, ':', &hours) || !take_field(&rest, 2, '\0', &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *text = rest;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool take_date(struct span *text, struct tm *ret_parts) {
    struct tm parts = {0};
    if (!take_field(text, 4, '-', &parts.tm_year) || !take_field(text, 2, '-', &parts.tm_mon) ||
        !take_field(text, 2, '\0', &parts.tm_mday) || text->len == 0 ||
        (text->ptr[0] != 'T' && text->ptr[0] != 't' && text->ptr[0] != ' '))
        return false;
    *text = after(*text, 1);
    if (!take_field(text, 2, ':', &parts.tm_hour) || !take_field(text, 2, ':', &parts.tm_min) ||
        !take_field(text, 2, '\0', &parts.tm_sec))
        return false;
    if (parts.tm_year < 1970 || parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *ret_parts = parts;
    return true;
}

static bool take_stamp(struct span *text, int64_t *ret_wall_ms, bool *ret_zoned) {
    struct tm parts;
    double fraction = 0;
    int east_minutes = 0;
    if (!take_date(text, &parts))
        return false;
    if (text->len > 1 && text->ptr[0] == '.' && !take_decimal(text, &fraction))
        return false;
    *ret_zoned = take_zone(text, &east_minutes);
    *ret_wall_ms =
        (int64_t)timegm(&parts) * 1000 + (int64_t)(fraction * 1000) - east_minutes * 60000ll;
    return true;
}

bool wait_stamp_ms(struct span text, int64_t *ret_wall_ms, bool *ret_zoned) {
    struct span rest = span_trim(text);
    return take_stamp(&rest, ret_wall_ms, ret_zoned) && rest.len == 0;
}

/* From now to a moment; false when it is past. */
static bool from_now(int64_t moment_ms, int64_t wall_ms, uint64_t *ret_ns) {
    if (moment_ms <= wall_ms)
        return false;
    uint64_t wait_ms = (uint64_t)moment_ms - (uint64_t)wall_ms;
    *ret_ns = wait_ms > WAIT_RESET_MAX_NS / MS_NS ? WAIT_RESET_MAX_NS : wait_ms * MS_NS;
    return true;
}

static bool from_now_to_stamp(int64_t moment_ms, bool zoned, int64_t wall_ms, uint64_t *ret_ns) {
    if (!zoned && from_now(moment_ms - STAMP_EAST_MS, wall_ms, ret_ns))
        return true;
    return from_now(moment_ms, wall_ms, ret_ns);
}

/* Numbers that are too large for a wait and just right for a Unix time. */
static bool is_epoch(double number, int64_t *ret_wall_ms) {
    if (number < EPOCH_S_LEAST || number >= 1e16)
        return false;
    *ret_wall_ms = (int64_t)(number >= EPOCH_MS_LEAST ? number : number * 1000);
    return true;
}

bool wait_until_ns(struct span text, int64_t wall_ms, uint64_t *ret_ns) {
    double number;
    int64_t moment_ms;
    bool zoned;
    struct span rest = span_trim(text);
    if (rest.len == 0)
        return false;
    if (take_decimal(&rest, &number) && rest.len == 0 && is_epoch(number, &moment_ms))
        return from_now(moment_ms, wall_ms, ret_ns);
    if (wait_duration_ns(text, ret_ns))
        return true;
    if (wait_stamp_ms(text, &moment_ms, &zoned))
        return from_now_to_stamp(moment_ms, zoned, wall_ms, ret_ns);
    return wait_http_date_ms(text, &moment_ms) && from_now(moment_ms, wall_ms, ret_ns);
}

static uint64_t longer_of(struct span retry_after_ms, struct span retry_after, int64_t wall_ms) {
    double ms;
    uint64_t exact_ns = 0;
    uint64_t coarse_ns = 0;
    struct span rest = span_trim(retry_after_ms);
    if (rest.len > 0 && take_decimal(&rest, &ms) && rest.len == 0)
        exact_ns = to_ns(ms / 1000, WAIT_RESET_MAX_NS);
    if (retry_after.len > 0 && !wait_until_ns(retry_after, wall_ms, &coarse_ns))
        coarse_ns = 0;
    return exact_ns > coarse_ns ? exact_ns : coarse_ns;
}

uint64_t wait_retry_after_ns(struct span retry_after_ms, struct span retry_after, int64_t wall_ms) {
    uint64_t ns = longer_of(retry_after_ms, retry_after, wall_ms);
    return ns < WAIT_TOLD_MAX_NS ? ns : WAIT_TOLD_MAX_NS;
}

uint64_t wait_of_head_ns(struct signal_head head, int64_t wall_ms) {
    return longer_of(signal_head_get(head, "retry-after-ms"), signal_head_get(head, "retry-after"),
                     wall_ms);
}

/* What stands before a wait in prose; longer forms first. Moments may follow each of them, too. */
static const char *const leads[] = {
    "try again in", "try again after", "try again at", "retry in", "retry after", "retry_after",
    "retry-after",  "retryafter",      "wait",         "reset in", "resets in",   "reset after",
    "resets after", "reset at",        "resets at",    "reset on", "resets on",   "next_flush_time",
    "available in", "available at",    "come back in",
};

/* Words and signs between the lead and the wait. */
static const char *const fillers[] = {
    "about", "approximately", "another", "at least", "for", ":", "=", "\""};

static struct span skip_fillers(struct span text) {
    bool skipped = true;
    while (skipped) {
        skipped = false;
        text = skip_blanks(text);
        for (size_t i = 0; i < array_length(fillers); i++) {
            size_t length = strlen(fillers[i]);
            if (text.len < length || !span_is_nocase(span_of(text.ptr, length), fillers[i]))
                continue;
            text = after(text, length);
            skipped = true;
        }
    }
    return text;
}

static uint64_t wait_at(struct span text, int64_t wall_ms, bool *ret_moment) {
    int64_t moment_ms;
    bool zoned;
    double seconds;
    uint64_t ns = 0;
    struct span stamp = skip_fillers(text);
    struct span duration = stamp;
    *ret_moment = true;
    if (take_stamp(&stamp, &moment_ms, &zoned))
        return from_now_to_stamp(moment_ms, zoned, wall_ms, &ns) ? ns : 0;
    if (!take_duration(&duration, &seconds))
        return 0;
    if (is_epoch(seconds, &moment_ms))
        return from_now(moment_ms, wall_ms, &ns) ? ns : 0;
    *ret_moment = false;
    return to_ns(seconds, WAIT_RESET_MAX_NS);
}

uint64_t wait_of_words_ns(struct span text, int64_t wall_ms, bool *ret_moment) {
    uint64_t longest_ns = 0;
    *ret_moment = false;
    for (size_t at = 0; at < text.len; at++) {
        for (size_t i = 0; i < array_length(leads); i++) {
            size_t length = strlen(leads[i]);
            bool moment;
            if ((text.ptr[at] | 0x20) != leads[i][0] || text.len - at < length ||
                !span_same_letters(text.ptr + at, leads[i], length))
                continue;
            uint64_t ns = wait_at(after(text, at + length), wall_ms, &moment);
            if (ns > longest_ns) {
                longest_ns = ns;
                *ret_moment = moment;
            }
        }
    }
    return longest_ns;
}
