// SPDX-License-Identifier: Apache-2.0
/*
 * Reading values out of a scanned text.
 *
 * Why on demand: most of a body is passed on, so a string is decoded and a number converted only when somebody asks for
 * it. All readers accept an absent value, so that a chain of look-ups needs one check at its end. Promises: no recursion,
 * no allocation but in the arena given (a number of hundreds of digits excepted), conversions are exact and know no
 * locale. Leaves to others: rules about which members must, may or must not be there.
 */
#include "base/check.h"
#include "base/mem.h"
#include "json/bytes.h"
#include "json/json.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_SHORT_BYTES 64
#define SHORT_DIGITS_MAX   18 /* below 2^63 whatever they are */
#define EXPONENT_CLAMP \
    ((int64_t)1 << 40) /* far beyond what the digits of a 4 GiB text can make up for */
#define PLACE_NAME_MAX 64

static const char *const type_names[] = {
    [JSON_NULL] = "null",        [JSON_FALSE] = "a boolean", [JSON_TRUE] = "a boolean",
    [JSON_NUMBER] = "a number",  [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
    [JSON_OBJECT] = "an object",
};

static const struct json_value absent = {NULL, 0};

static inline const struct json_node *node_of(struct json_value value) {
    return &value.doc->nodes[value.index];
}

enum json_type json_type(struct json_value value) {
    return json_present(value) ? (enum json_type)node_of(value)->type : JSON_NULL;
}

bool json_is(struct json_value value, enum json_type type) {
    return json_present(value) && node_of(value)->type == type;
}

const char *json_type_name(enum json_type type) {
    return type_names[type];
}

struct span json_raw(struct json_value value) {
    if (!json_present(value))
        return SPAN_NONE;
    const struct json_node *node = node_of(value);
    return span_of(value.doc->text.ptr + node->start, node->end - node->start);
}

struct span json_escaped(struct json_value value) {
    if (!json_is(value, JSON_STRING))
        return SPAN_NONE;
    struct span raw = json_raw(value);
    return span_of(raw.ptr + 1, raw.len - 2);
}

int json_string(struct json_value value, struct arena *arena, struct span *ret_text) {
    if (!json_is(value, JSON_STRING))
        return ERR_TYPE;
    struct span inside = json_escaped(value);
    if (node_of(value)->escaped)
        return json_unescape(inside, arena, ret_text);
    *ret_text = inside;
    return 0;
}

/* Compares piece by piece; `wanted` may hold any bytes. */
static bool escaped_equal(struct span escaped, struct span wanted) {
    const unsigned char *at = (const unsigned char *)escaped.ptr;
    const unsigned char *end = at + escaped.len;
    while (at < end) {
        char decoded[4] = {(char)*at};
        uint32_t code;
        unsigned length = *at == '\\' ? json__read_escape(at, end, &code) : 1;
        unsigned decoded_length = *at == '\\' ? json__utf8_put(decoded, code) : 1;
        if (wanted.len < decoded_length || memcmp(wanted.ptr, decoded, decoded_length) != 0)
            return false;
        wanted.ptr += decoded_length;
        wanted.len -= decoded_length;
        at += length;
    }
    return wanted.len == 0;
}

static bool string_equal(struct json_value value, struct span wanted) {
    struct span inside = json_escaped(value);
    if (span_absent(inside))
        return false;
    return node_of(value)->escaped ? escaped_equal(inside, wanted) : span_equal(inside, wanted);
}

bool json_string_is(struct json_value value, const char *text) {
    return string_equal(value, span_text(text));
}

int json_bool(struct json_value value, bool *ret) {
    enum json_type type = json_type(value);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return ERR_TYPE;
    *ret = type == JSON_TRUE;
    return 0;
}

/* A number as its significant digits (those of the text between `first` and `last`, the point left out) times a power of
 * ten; no leading and no trailing zeros. No digits: zero. */
struct decimal {
    const char *first;
    const char *last; /* one past */
    int64_t exponent;
    bool negative;
};

static int64_t read_exponent(const char *at, const char *end) {
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    int64_t exponent = 0;
    for (; at < end; at++)
        if (exponent < EXPONENT_CLAMP)
            exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

/* `raw` has the form of a JSON number. */
static struct decimal read_decimal(struct span raw) {
    struct decimal decimal = {.first = raw.ptr, .negative = raw.ptr[0] == '-'};
    const char *end = raw.ptr + raw.len;
    const char *point = NULL;
    decimal.first += decimal.negative;
    const char *at = decimal.first;
    for (; at < end && *at != 'e' && *at != 'E'; at++)
        if (*at == '.')
            point = at;
    decimal.last = at;
    if (at < end)
        decimal.exponent = read_exponent(at + 1, end);
    if (point != NULL)
        decimal.exponent -= decimal.last - point - 1;
    while (decimal.first < decimal.last && (*decimal.first == '0' || *decimal.first == '.'))
        decimal.first++;
    while (decimal.last > decimal.first && (decimal.last[-1] == '0' || decimal.last[-1] == '.')) {
        decimal.exponent += decimal.last[-1] == '0';
        decimal.last--;
    }
    return decimal;
}

/* False when the value is beyond 2^63. */
static bool to_magnitude(const struct decimal *decimal, uint64_t *ret_magnitude) {
    const uint64_t most = (uint64_t)INT64_MAX + 1;
    uint64_t value = 0;
    for (const char *at = decimal->first; at < decimal->last; at++) {
        if (*at == '.')
            continue;
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    for (int64_t i = 0; i < decimal->exponent && value > 0; i++) {
        if (value > most / 10)
            return false;
        value *= 10;
    }
    *ret_magnitude = value;
    return true;
}

/* Nearly all numbers asked for are a few digits and nothing else. */
static bool short_i64(struct span raw, int64_t *ret) {
    int64_t number = 0;
    if (raw.len > SHORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        if (!json__digit((unsigned char)raw.ptr[i]))
            return false;
        number = number * 10 + (raw.ptr[i] - '0');
    }
    *ret = number;
    return true;
}

int json_i64(struct json_value value, int64_t *ret) {
    if (!json_is(value, JSON_NUMBER))
        return ERR_TYPE;
    if (short_i64(json_raw(value), ret))
        return 0;
    struct decimal decimal = read_decimal(json_raw(value));
    uint64_t magnitude;
    bool zero = decimal.first == decimal.last;
    if (!zero && decimal.exponent < 0)
        return ERR_TYPE;
    if (!to_magnitude(&decimal, &magnitude) || magnitude > (uint64_t)INT64_MAX + decimal.negative)
        return ERR_RANGE;
    *ret = decimal.negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

/* Digits below 2^53 and powers of ten up to 22 are exact as doubles, so one multiplication or division is rounded once, to
 * the nearest (Clinger, "How to read floating point numbers accurately", 1990). */
static bool short_double(struct span raw, double *ret) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int64_t most = (int64_t)(sizeof powers / sizeof *powers) - 1;
    struct decimal decimal = read_decimal(raw);
    int64_t exponent = decimal.exponent;
    uint64_t digits;
    decimal.exponent = 0;
    if (exponent > most || exponent < -most || !to_magnitude(&decimal, &digits) ||
        digits > (uint64_t)1 << 53)
        return false;
    double number = (double)digits;
    number = exponent < 0 ? number / powers[-exponent] : number * powers[exponent];
    *ret = decimal.negative ? -number : number;
    return true;
}

int json_double(struct json_value value, double *ret) {
    if (!json_is(value, JSON_NUMBER))
        return ERR_TYPE;
    struct span raw = json_raw(value);
    if (short_double(raw, ret))
        return 0;
    char short_copy[NUMBER_SHORT_BYTES];
    char *copy = raw.len < sizeof short_copy ? short_copy : mem_try_alloc(raw.len + 1);
    if (copy == NULL)
        return ERR_NOMEM;
    memcpy(copy, raw.ptr, raw.len);
    copy[raw.len] = '\0';
    double number = strtod(copy, NULL);
    if (copy != short_copy)
        mem_free(copy);
    if (!isfinite(number))
        return ERR_RANGE;
    *ret = number;
    return 0;
}

struct json_iter json_each(struct json_value container) {
    struct json_iter it = {.doc = container.doc};
    if (json_is(container, JSON_OBJECT) || json_is(container, JSON_ARRAY)) {
        it.at = container.index + 1;
        it.end = node_of(container)->next;
        it.key = json_is(container, JSON_OBJECT) ? container : absent; /* says: has names */
    }
    return it;
}

bool json_next(struct json_iter *it) {
    if (it->at >= it->end)
        return false;
    if (json_present(it->key))
        it->key = (struct json_value){it->doc, it->at++};
    it->value = (struct json_value){it->doc, it->at};
    it->at = it->doc->nodes[it->at].next;
    return true;
}

static struct json_value get(struct json_value object, struct span name) {
    if (!json_is(object, JSON_OBJECT))
        return absent;
    for (struct json_iter it = json_each(object); json_next(&it);)
        if (string_equal(it.key, name))
            return it.value;
    return absent;
}

struct json_value json_get(struct json_value object, const char *name) {
    return get(object, span_text(name));
}

static struct json_value element(struct json_value array, struct span step) {
    uint64_t wanted;
    if (!span_to_u64(step, &wanted))
        return absent;
    for (struct json_iter it = json_each(array); json_next(&it);)
        if (wanted-- == 0)
            return it.value;
    return absent;
}

struct json_value json_path(struct json_value value, const char *path) {
    struct span rest = span_text(path);
    struct span step;
    while (rest.len > 0 && json_present(value) && span_split(&rest, '.', &step))
        value = json_is(value, JSON_ARRAY) ? element(value, step) : get(value, step);
    return value;
}

uint32_t json_count(struct json_value container) {
    uint32_t count = 0;
    for (struct json_iter it = json_each(container); json_next(&it);)
        count++;
    return count;
}

static bool is_plain_name(struct span name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
        if (!letter && !json__digit((unsigned char)c))
            return false;
    }
    return name.len > 0 && name.len <= PLACE_NAME_MAX;
}

/* Appends one step; names that would confuse are shown as ["..."], their bytes as in the text and cut when long. */
static const char *add_step(struct arena *arena, const char *place, struct json_value key,
                            uint32_t index) {
    if (!json_present(key))
        return arena_format(arena, "%s[%u]", place, index);
    struct span name = json_escaped(key);
    if (is_plain_name(name))
        return arena_format(arena, "%s%s%.*s", place, place[0] != '\0' ? "." : "", SPAN_ARG(name));
    size_t length = name.len;
    if (length > PLACE_NAME_MAX)
        for (length = PLACE_NAME_MAX; ((unsigned char)name.ptr[length] & 0xC0) == 0x80; length--)
            continue;
    return arena_format(arena, "%s[\"%.*s%s\"]", place, (int)length, name.ptr,
                        length < name.len ? "..." : "");
}

const char *json_place(struct json_value value, struct arena *arena) {
    const char *place = "";
    struct json_value at = json_present(value) ? json_top(value.doc) : absent;
    while (place != NULL && json_present(at) && at.index < value.index) {
        uint32_t index = 0;
        struct json_iter it = json_each(at);
        while (json_next(&it) && it.at <= value.index)
            index++;
        place = add_step(arena, place, it.key, index);
        if (json_present(it.key) && it.key.index == value.index)
            break;
        at = it.value;
    }
    return place != NULL ? place : "";
}
