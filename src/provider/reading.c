// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers in providers' header fields.
 *
 * Each provider writes its waits another way: seconds, fractions, Go durations, dates. All are read here, once. Promises: bytes
 * of a peer are never trusted: what cannot be read is "nothing said", what is absurd is cut to a day. Leaves to others: what a
 * wait is used for (scheduler/bench).
 */
#include "provider/reading.h"

#include "base/check.h"

#include <math.h>
#include <time.h>

static bool read_decimal(struct span *text, double *ret_value) {
    double value = 0;
    double scale = 1;
    size_t digits = 0;
    bool fraction = false;
    while (text->len > 0) {
        char c = text->ptr[0];
        if (c == '.' && !fraction) {
            fraction = true;
        } else if (c >= '0' && c <= '9' && digits < 18) {
            value = value * 10 + (c - '0');
            scale = fraction ? scale * 10 : 1;
            digits++;
        } else {
            break;
        }
        *text = span_of(text->ptr + 1, text->len - 1);
    }
    *ret_value = value / scale;
    return digits > 0;
}

static const struct {
    const char *unit;
    double seconds;
} units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9},
             {"h", 3600},  {"m", 60},    {"s", 1}}; /* "ms" before "m" */

static bool read_unit(struct span *text, double *ret_seconds) {
    for (size_t i = 0; i < array_length(units); i++) {
        if (!span_starts_with(*text, units[i].unit))
            continue;
        size_t length = strlen(units[i].unit);
        *text = span_of(text->ptr + length, text->len - length);
        *ret_seconds = units[i].seconds;
        return true;
    }
    return false;
}

bool reading_duration_ns(struct span text, uint64_t *ret_ns) {
    double total_s = 0;
    text = span_trim(text);
    if (text.len == 0)
        return false;
    while (text.len > 0) {
        double amount;
        double unit_s = 1;
        if (!read_decimal(&text, &amount))
            return false;
        if (text.len > 0 && !read_unit(&text, &unit_s))
            return false;
        total_s += amount * unit_s;
        text = span_trim(text); /* prose puts a space between the parts */
    }
    total_s = fmin(total_s, (double)READING_RETRY_AFTER_MAX_NS / 1e9);
    *ret_ns = (uint64_t)(total_s * 1e9);
    return true;
}

bool reading_http_date_ms(struct span text, uint64_t *ret_wall_ms) {
    char copy[64];
    struct tm parts = {0};
    text = span_trim(text);
    if (text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == NULL || *end != '\0')
        return false;
    time_t seconds = timegm(&parts);
    if (seconds < 0)
        return false;
    *ret_wall_ms = (uint64_t)seconds * 1000;
    return true;
}

static uint64_t retry_after_ns(struct span text, uint64_t wall_ms) {
    uint64_t ns, date_ms;
    if (span_absent(text))
        return 0;
    if (reading_duration_ns(text, &ns))
        return ns;
    if (!reading_http_date_ms(text, &date_ms) || date_ms <= wall_ms)
        return 0;
    uint64_t wait_ms = date_ms - wall_ms;
    return wait_ms > READING_RETRY_AFTER_MAX_NS / 1000000 ? READING_RETRY_AFTER_MAX_NS
                                                          : wait_ms * 1000000;
}

uint64_t reading_retry_after_ns(struct span retry_after_ms, struct span retry_after,
                                uint64_t wall_ms) {
    uint64_t exact_ns = 0;
    uint64_t ms;
    if (!span_absent(retry_after_ms) && span_to_u64(span_trim(retry_after_ms), &ms))
        exact_ns =
            ms > READING_RETRY_AFTER_MAX_NS / 1000000 ? READING_RETRY_AFTER_MAX_NS : ms * 1000000;
    uint64_t coarse_ns = retry_after_ns(retry_after, wall_ms);
    return exact_ns > coarse_ns ? exact_ns : coarse_ns;
}
