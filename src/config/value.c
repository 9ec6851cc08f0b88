// SPDX-License-Identifier: Apache-2.0
/*
 * Single values: switches, durations, sizes, names, periods, the bytes of keys.
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

/* A name of the tz database or a POSIX rule; whether there is such a zone is told where it is used. */
const char *config__check_zone(struct span text) {
    if (text.len == 0 || text.len > NAME_MAX_BYTES)
        return "must be a zone such as America/Los_Angeles";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_letter(c) && !is_digit(c) && strchr("/_+-,.:<>", c) == NULL)
            return "must be a zone such as America/Los_Angeles";
    }
    return NULL;
}

#define AGENT_MAX_BYTES 256

const char *config__check_store(struct span text) {
    static const char form[] = "must be sqlite:, sqlite:/absolute/path or off";
    static const char scheme[] = "sqlite:";
    if (span_is(text, "off"))
        return NULL;
    if (!span_starts_with(text, scheme))
        return form;
    return text.len == strlen(scheme) || text.ptr[strlen(scheme)] == '/' ? NULL : form;
}

const char *config__check_agent(struct span text) {
    if (text.len > AGENT_MAX_BYTES)
        return "must not be longer than 256 bytes";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || (unsigned char)text.ptr[i] >= 0x7f)
            return "must be of printable ASCII characters";
    return span_trim(text).len == text.len ? NULL : "must not begin or end with a space";
}

#define PERIOD_FORM                                                      \
    "must be second, minute, hour, day, month or a duration such as 5m," \
    " from 100ms to 366 days"

const char *config__parse_period(struct span text, struct limit_per *ret_per,
                                 bool *ret_without_unit) {
    static const uint64_t day_ms = (uint64_t)24 * 60 * 60 * 1000;
    static const struct {
        const char *word;
        struct limit_per per;
    } words[] = {
        {"second", {PERIOD_FIXED, 1000}},
        {"minute", {PERIOD_FIXED, 60 * 1000}},
        {"hour", {PERIOD_FIXED, 60 * 60 * 1000}},
        {"day", {PERIOD_DAY, 24 * 60 * 60 * 1000}},
        {"month", {PERIOD_MONTH, (uint64_t)31 * 24 * 60 * 60 * 1000}},
    };
    uint64_t window_ms;
    *ret_without_unit = false;
    for (size_t i = 0; i < array_length(words); i++) {
        if (span_is(text, words[i].word)) {
            *ret_per = words[i].per;
            return NULL;
        }
    }
    if (config__parse_duration(text, &window_ms, ret_without_unit) != NULL || window_ms < 100 ||
        window_ms > 366 * day_ms)
        return PERIOD_FORM;
    *ret_per = (struct limit_per){PERIOD_FIXED, window_ms};
    return NULL;
}

struct span config_key_trim(struct span text) {
    while (text.len > 0 && memchr(" \t\r\n", text.ptr[text.len - 1], 4) != NULL)
        text.len--;
    while (text.len > 0 && memchr(" \t\r\n", text.ptr[0], 4) != NULL)
        text = span_of(text.ptr + 1, text.len - 1);
    return text;
}

const char *config_key_problem(struct span key) {
    if (key.len == 0)
        return "is empty";
    if (key.len > SECRET_MAX_BYTES)
        return "is longer than 4096 bytes";
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] <= ' ' || (unsigned char)key.ptr[i] >= 0x7f)
            return "holds spaces, line ends or other characters that no key has";
    return NULL;
}

const char *config_unit_word(enum config_unit unit) {
    static const char *const words[CONFIG_UNIT_COUNT] = {
#define UNIT_WORD(name, word, most, about) [name] = word,
        CONFIG_UNIT_TABLE(UNIT_WORD)
#undef UNIT_WORD
    };
    return words[unit];
}
