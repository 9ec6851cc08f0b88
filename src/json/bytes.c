// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of strings: long runs, UTF-8, escapes.
 *
 * Why apart: the scanner, the reader and the writer ask the same three questions (which byte needs a look, is this UTF-8,
 * what does this escape say), and one answer must hold for all. Long runs go 64 bytes at a time on SSE2, which every
 * x86-64 has; elsewhere 8 bytes at a time in a plain register. Promises: reads nothing outside [at, end), allocates
 * nothing, accepts exactly RFC 3629 (no overlong form, no surrogate, nothing above U+10FFFF). Leaves to others: the
 * grammar around the strings.
 */
#include "json/bytes.h"

#include <string.h>

#ifdef JSON_SSE2
const unsigned char *json__skip_long(const unsigned char *at, const unsigned char *end) {
    while (end - at >= 64) {
        __m128i a = json__odd16(json__load16(at));
        __m128i b = json__odd16(json__load16(at + 16));
        __m128i c = json__odd16(json__load16(at + 32));
        __m128i d = json__odd16(json__load16(at + 48));
        __m128i any = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
        if (_mm_movemask_epi8(any) != 0)
            break;
        at += 64;
    }
    while (end - at >= 16) {
        unsigned odd = (unsigned)_mm_movemask_epi8(json__odd16(json__load16(at)));
        if (odd != 0)
            return at + __builtin_ctz(odd);
        at += 16;
    }
    while (at < end && json__plain(*at))
        at++;
    return at;
}
#else
#define ONES ((uint64_t)0x0101010101010101)
#define HIGHS ((uint64_t)0x8080808080808080)

/* High bit set in bytes of `word` that are zero; bytes above the first such one may be wrong. */
static inline uint64_t zero_bytes(uint64_t word) {
    return (word - ONES) & ~word & HIGHS;
}

const unsigned char *json__skip_long(const unsigned char *at, const unsigned char *end) {
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t low = (word - ONES * 0x20) & ~word; /* high bit: below 0x20 */
        uint64_t odd = zero_bytes(word ^ (ONES * '"')) | zero_bytes(word ^ (ONES * '\\')) | low | word;
        if ((odd & HIGHS) != 0)
            break;
        at += 8;
    }
    while (at < end && json__plain(*at))
        at++;
    return at;
}
#endif

int json__utf8_step(const unsigned char *at, const unsigned char *end) {
    unsigned char lead = *at;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return -1;
    int more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    unsigned char lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i <= more; i++) {
        if (end - at <= i || at[i] < lowest || at[i] > highest)
            return -i;
        lowest = 0x80;
        highest = 0xBF;
    }
    return more + 1;
}

const unsigned char *json__skip_utf8(const unsigned char *at, const unsigned char *end) {
    (void)end;
    return at;
}

unsigned json__utf8_put(char *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    for (unsigned i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(leads[more] | code);
    return more + 1;
}

/* One more than the digit's value; 0: no hexadecimal digit. */
static const unsigned char hex_digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static const char simple_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* "\uXXXX" at `at`; false when it is not one. */
static bool read_unit(const unsigned char *at, const unsigned char *end, uint32_t *ret_unit) {
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return false;
    uint32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        unsigned digit = hex_digits[at[i]];
        if (digit == 0)
            return false;
        unit = unit << 4 | (digit - 1);
    }
    *ret_unit = unit;
    return true;
}

unsigned json__read_escape(const unsigned char *at, const unsigned char *end, uint32_t *ret_code) {
    if (end - at < 2)
        return 0;
    if (simple_escapes[at[1]] != 0) {
        *ret_code = (unsigned char)simple_escapes[at[1]];
        return 2;
    }
    uint32_t unit;
    uint32_t second;
    if (!read_unit(at, end, &unit))
        return 0;
    *ret_code = unit;
    if (unit < 0xD800 || unit > 0xDFFF)
        return 6;
    *ret_code = 0xFFFD;
    if (unit > 0xDBFF || !read_unit(at + 6, end, &second) || second < 0xDC00 || second > 0xDFFF)
        return 6;
    *ret_code = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
    return 12;
}
