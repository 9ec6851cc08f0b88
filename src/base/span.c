// SPDX-License-Identifier: Apache-2.0
/*
 * Borrowed bytes: comparing, trimming, splitting, numbers.
 *
 * Why own code: everything a peer sends is looked at in place, without terminators and without copies, and the C
 * library's string functions want neither. Promises: never allocates, never writes to the bytes, treats only ASCII
 * letters as having a case. Leaves to others: who owns the bytes and how long they live.
 */
#include "base/span.h"

static inline unsigned char lower(char c) {
    unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : byte;
}

/* Eight bytes that are equal but for the case of ASCII letters: they may differ in bit 5 only, and only where a letter is. */
static inline bool same_eight(const char *a, const char *b) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t left;
    uint64_t right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    uint64_t different = left ^ right;
    uint64_t low = (left | ones * 0x20) & ones * 0x7f;
    /* high bit: at least 'a', and not above 'z', and no byte of another alphabet */
    uint64_t letters = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x80 - 'z' - 1)) & ~left;
    return (different & ~((letters & ones * 0x80) >> 2)) == 0;
}

bool span_same_letters(const char *a, const char *b, size_t len) {
    size_t i = 0;
    for (; i + 8 <= len; i += 8)
        if (!same_eight(a + i, b + i))
            return false;
    if (len >= 8) /* the rest together with bytes seen already */
        return i == len || same_eight(a + len - 8, b + len - 8);
    for (; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool span_starts_with(struct span span, const char *prefix) {
    size_t length = strlen(prefix);
    return span.len >= length && (length == 0 || memcmp(span.ptr, prefix, length) == 0);
}

bool span_ends_with(struct span span, const char *suffix) {
    size_t length = strlen(suffix);
    return span.len >= length &&
           (length == 0 || memcmp(span.ptr + span.len - length, suffix, length) == 0);
}

bool span_contains(struct span haystack, const char *needle) {
    size_t length = strlen(needle);
    return length == 0 ||
           (haystack.len >= length && memmem(haystack.ptr, haystack.len, needle, length) != NULL);
}

size_t span_find_nocase(struct span haystack, struct span needle) {
    if (needle.len == 0)
        return 0;
    for (size_t at = 0; at + needle.len <= haystack.len; at++)
        if (((haystack.ptr[at] ^ needle.ptr[0]) & ~0x20) == 0 &&
            span_same_letters(haystack.ptr + at, needle.ptr, needle.len))
            return at;
    return SIZE_MAX;
}

bool span_contains_nocase(struct span haystack, const char *needle) {
    return span_find_nocase(haystack, span_text(needle)) != SIZE_MAX;
}

static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Time is bounded by the product of the lengths. */
bool span_matches(struct span pattern, struct span text) {
    size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;
    while (i < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = i;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) { /* the last star takes one byte more */
            p = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

int span_order(struct span a, struct span b) {
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both > 0 ? memcmp(a.ptr, b.ptr, both) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct span span_trim(struct span span) {
    while (span.len > 0 && is_blank(span.ptr[0])) {
        span.ptr++;
        span.len--;
    }
    while (span.len > 0 && is_blank(span.ptr[span.len - 1]))
        span.len--;
    return span;
}

bool span_split(struct span *rest, char separator, struct span *ret_part) {
    if (rest->ptr == NULL)
        return false;
    const char *found = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (found == NULL) {
        *ret_part = *rest;
        *rest = SPAN_NONE;
        return true;
    }
    size_t length = (size_t)(found - rest->ptr);
    *ret_part = span_of(rest->ptr, length);
    *rest = span_of(found + 1, rest->len - length - 1);
    return true;
}

bool span_to_u64(struct span span, uint64_t *ret_value) {
    uint64_t value = 0;
    if (span.len == 0 || span.len > 20)
        return false;
    for (size_t i = 0; i < span.len; i++) {
        unsigned digit = (unsigned)((unsigned char)span.ptr[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

uint64_t span_hash(struct span span) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < span.len; i++)
        hash = (hash ^ (unsigned char)span.ptr[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

#define SPAN_DISTANCE_MAX 64

/* What two texts have in common at both ends costs nothing, whichever way one is turned into the other. */
static void strip_common(struct span *a, struct span *b) {
    while (a->len > 0 && b->len > 0 && lower(a->ptr[0]) == lower(b->ptr[0])) {
        *a = span_of(a->ptr + 1, a->len - 1);
        *b = span_of(b->ptr + 1, b->len - 1);
    }
    while (a->len > 0 && b->len > 0 && lower(a->ptr[a->len - 1]) == lower(b->ptr[b->len - 1])) {
        a->len--;
        b->len--;
    }
}

size_t span_distance(struct span a, struct span b) {
    return span_distance_within(a, b, SIZE_MAX);
}

size_t span_distance_within(struct span a, struct span b, size_t most) {
    size_t row[SPAN_DISTANCE_MAX + 1];
    if (a.len > SPAN_DISTANCE_MAX || b.len > SPAN_DISTANCE_MAX)
        return a.len > b.len ? a.len : b.len;
    strip_common(&a, &b);
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        size_t least = i; /* of this row: the end is not below it */
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]));
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
            least = row[j] < least ? row[j] : least;
        }
        if (least > most)
            return least;
    }
    return row[b.len];
}
