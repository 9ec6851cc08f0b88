// SPDX-License-Identifier: Apache-2.0
/*
 * Single values: switches, durations, sizes, names.
 *
 * Why so strict: a setting that is read in another unit than its writer meant (25 seconds, 25 milliseconds) is found weeks
 * later. A duration without a unit is therefore taken as seconds but reported; a size has either a binary or a decimal
 * unit, never a bare letter. Fractions are refused: 1500ms says the same without rounding.
 * Promises: no allocation, no locale; each reader returns NULL or a static sentence that completes "<setting>: ...".
 * Leaves to others: ranges and defaults (schema.c), places and messages (apply.c).
 */
#include "base/check.h"
#include "config/parts.h"

const char *config__parse_bool(struct span text, bool *ret_value) {
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"yes", true},    {"no", false}, {"true", true},
                 {"false", false}, {"on", true},  {"off", false}};
    for (size_t i = 0; i < array_length(words); i++) {
        if (span_is_nocase(text, words[i].text)) {
            *ret_value = words[i].value;
            return NULL;
        }
    }
    return "must be yes or no";
}

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000}};

static const struct unit sizes[] = {
    {"B", 1},     {"KiB", 1024},       {"MiB", 1024 * 1024},      {"GiB", 1024 * 1024 * 1024},
    {"kB", 1000}, {"MB", 1000 * 1000}, {"GB", 1000 * 1000 * 1000}};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes a number and the letters after it off the front. */
static bool take_part(struct span *rest, uint64_t *ret_number, struct span *ret_unit) {
    size_t digits = 0, end;
    while (digits < rest->len && is_digit(rest->ptr[digits]))
        digits++;
    if (!span_to_u64(span_of(rest->ptr, digits), ret_number))
        return false;
    for (end = digits; end < rest->len && is_letter(rest->ptr[end]); end++)
        continue;
    *ret_unit = span_of(rest->ptr + digits, end - digits);
    *rest = span_of(rest->ptr + end, rest->len - end);
    return true;
}

static bool scale(uint64_t number, uint64_t factor, uint64_t *sum) {
    uint64_t product;
    return !__builtin_mul_overflow(number, factor, &product) &&
           !__builtin_add_overflow(*sum, product, sum);
}

#define DURATION_FORM "must be a duration such as 500ms, 25s, 2m, 1h30m"

const char *config__parse_duration(struct span text, uint64_t *ret_ms, bool *ret_without_unit) {
    uint64_t number, sum = 0, last_factor = UINT64_MAX;
    *ret_without_unit = false;
    if (span_to_u64(text, &number)) {
        *ret_without_unit = number != 0;
        *ret_ms = 0;
        return scale(number, 1000, ret_ms) ? NULL : "is too large";
    }
    if (text.len == 0)
        return DURATION_FORM;
    if (memchr(text.ptr, '.', text.len) != NULL)
        return "must be in whole numbers, such as 1500ms for one and a half seconds";
    while (text.len > 0) {
        struct span unit;
        size_t at = 0;
        if (!take_part(&text, &number, &unit))
            return DURATION_FORM;
        while (at < array_length(durations) && !span_is(unit, durations[at].name))
            at++;
        if (at == array_length(durations) || durations[at].factor >= last_factor)
            return DURATION_FORM;
        last_factor = durations[at].factor;
        if (!scale(number, last_factor, &sum))
            return "is too large";
    }
    *ret_ms = sum;
    return NULL;
}

const char *config__parse_size(struct span text, uint64_t *ret_bytes) {
    uint64_t number, bytes = 0;
    struct span unit;
    if (!take_part(&text, &number, &unit))
        return "must be a size such as 512KiB, 32MiB or a number of bytes";
    if (unit.len == 0 && text.len > 0) { /* "32 MiB" */
        unit = span_trim(text);
        text = SPAN_NONE;
    }
    if (text.len > 0 || (unit.len > 0 && unit.ptr[0] == '.'))
        return "must be a size in whole numbers, such as 512KiB or 32MiB";
    if (unit.len == 0)
        unit = SPAN_LITERAL("B");
    for (size_t i = 0; i < array_length(sizes); i++) {
        if (!span_is_nocase(unit, sizes[i].name))
            continue;
        if (!scale(number, sizes[i].factor, &bytes))
            return "is too large";
        *ret_bytes = bytes;
        return NULL;
    }
    return "has an unknown unit; use KiB, MiB, GiB, kB, MB, GB or B";
}

#define NAME_MAX_BYTES        128 /* as the catalog's cap */
#define PROVIDER_ID_MAX_BYTES 64

const char *config__check_name(struct span text) {
    if (text.len == 0)
        return "must not be empty";
    if (text.len > NAME_MAX_BYTES)
        return "must not be longer than 128 bytes";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return "must not hold spaces or control characters";
    return NULL;
}

const char *config__check_provider_id(struct span text) {
    if (text.len == 0 || text.len > PROVIDER_ID_MAX_BYTES)
        return "must have 1 to 64 characters";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool inner = c == '-' || c == '_' || c == '.';
        if (!((c >= 'a' && c <= 'z') || is_digit(c) || (i > 0 && inner)))
            return "must be of small letters, digits, '-', '_' and '.'";
    }
    return NULL;
}
