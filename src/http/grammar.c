// SPDX-License-Identifier: Apache-2.0
/*
 * Byte classes of HTTP.
 *
 * Why a table: most smuggling forms are one byte in a place where two programs disagree about it, so the answer to "may
 * this byte stand here" is written down once, for all 256 values, and can be read beside the RFC. Field values are long and
 * nearly always clean, so they are checked a word at a time and byte by byte only where a control byte shows up.
 * Promises: nothing here allocates or looks beyond its span. Leaves to others: what a line means (guard.c, reader.c).
 */
#include "http/grammar.h"

#define T   HTTP_BYTE_TOKEN
#define G   HTTP_BYTE_TARGET
#define H   HTTP_BYTE_HOST
#define V   HTTP_BYTE_TEXT
#define ALL (T | G | H | V)
#define TGV (T | G | V)
#define GHV (G | H | V)
#define GV  (G | V)

const uint8_t http_byte_classes[256] = {
    ['\t'] = V,          [' '] = V,   ['!'] = ALL,         ['"'] = GV,   ['#'] = T | V,
    ['$'] = ALL,         ['%'] = ALL, ['&'] = ALL,         ['\''] = ALL, ['('] = GHV,
    [')'] = GHV,         ['*'] = ALL, ['+'] = ALL,         [','] = GHV,  ['-'] = ALL,
    ['.'] = ALL,         ['/'] = GV,  ['0' ... '9'] = ALL, [':'] = GHV,  [';'] = GHV,
    ['<'] = GV,          ['='] = GHV, ['>'] = GV,          ['?'] = GV,   ['@'] = GV,
    ['A' ... 'Z'] = ALL, ['['] = GHV, ['\\'] = GV,         [']'] = GHV,  ['^'] = TGV,
    ['_'] = ALL,         ['`'] = TGV, ['a' ... 'z'] = ALL, ['{'] = GV,   ['|'] = TGV,
    ['}'] = GV,          ['~'] = ALL, [0x80 ... 0xff] = V,
};

int http_hex_value(char byte) {
    if (http_byte_is_digit(byte))
        return byte - '0';
    char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Eight letters, digits or '-', which belong to every class; false for other words says nothing. Below 0x80 no sum carries. */
static bool plain_eight(const char *bytes) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    uint64_t low = word | ones * 0x20;
    uint64_t letters = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x80 - 'z' - 1));
    uint64_t digits = (word + ones * (0x80 - '0')) & ~(word + ones * (0x80 - '9' - 1));
    uint64_t dashes = ~((word ^ (ones * '-')) + ones * 0x7f);
    return (word & ones * 0x80) == 0 && ((letters | digits | dashes) & ones * 0x80) == ones * 0x80;
}

bool http_all_of(struct span span, enum http_byte_class class) {
    size_t i = 0;
    while (i + 8 <= span.len && plain_eight(span.ptr + i))
        i += 8;
    for (; i < span.len; i++) {
        if (!http_byte_is(span.ptr[i], class))
            return false;
    }
    return true;
}

/* Non-zero when a byte of the word is below 0x20 or is 0x7f; a false alarm costs time only. */
static uint64_t control_bytes(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones * 0x80;
    uint64_t below_space = (word - ones * 0x20) & ~word;
    uint64_t delete = word ^ (ones * 0x7f);
    uint64_t is_delete = (delete - ones) & ~delete;
    return (below_space | is_delete) & highs;
}

bool http_all_text(struct span span) {
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= span.len; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, span.ptr + i, sizeof word);
        if (control_bytes(word) != 0 &&
            !http_all_of(span_of(span.ptr + i, sizeof word), HTTP_BYTE_TEXT))
            return false;
    }
    return http_all_of(span_of(span.ptr + i, span.len - i), HTTP_BYTE_TEXT);
}
