// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of strings: long runs, UTF-8, escapes.
 *
 * Why apart: the scanner, the reader and the writer ask the same three questions (which byte needs a look, is this UTF-8,
 * what does this escape say), and one answer must hold for all. Long runs go 64 bytes at a time on SSE2, which every
 * x86-64 has; elsewhere 8 bytes at a time in a plain register. Where the processor has AVX2, a string is walked 32 bytes at a
 * time with its escapes and its UTF-8; the scalar checks decide on everything the blocks do not pass.
 * Promises: reads nothing outside [at, end), allocates nothing, accepts exactly RFC 3629 (no overlong form, no surrogate,
 * nothing above U+10FFFF). Leaves to others: the grammar around the strings.
 */
#include "json/bytes.h"

#include <string.h>

#ifdef JSON_SSE2
#include <immintrin.h>
#define JSON_AVX2 1

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
#define ONES  ((uint64_t)0x0101010101010101)
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
        uint64_t odd =
            zero_bytes(word ^ (ONES * '"')) | zero_bytes(word ^ (ONES * '\\')) | low | word;
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

#ifdef JSON_AVX2
/*
 * 32 bytes of UTF-8 at once, after Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte" (2021):
 * three look-ups by half bytes give the mistakes a pair of neighbours may be part of; what all three agree on is one.
 */
#define SHORT_      0x01 /* a lead byte without its continuation */
#define LONG_       0x02 /* a continuation after ASCII */
#define OVER3       0x04 /* overlong form of three bytes */
#define LARGE       0x08 /* above U+10FFFF: F4 90 and up */
#define SURROGATE   0x10 /* ED A0 and up */
#define OVER2       0x20 /* overlong form of two bytes */
#define LARGE_OVER4 0x40 /* F5 80 and up, or overlong form of four bytes */
#define PAIR        0x80 /* two continuations: right only inside sequences of three and four */
#define ANY         (SHORT_ | LONG_ | PAIR)
#define BIG         (ANY | LARGE | LARGE_OVER4)

static const unsigned char first_high[16] = {
    LONG_,
    LONG_,
    LONG_,
    LONG_,
    LONG_,
    LONG_,
    LONG_,
    LONG_,
    PAIR,
    PAIR,
    PAIR,
    PAIR,
    SHORT_ | OVER2,
    SHORT_,
    SHORT_ | OVER3 | SURROGATE,
    SHORT_ | LARGE | LARGE_OVER4,
};
static const unsigned char first_low[16] = {
    ANY | OVER3 | OVER2 | LARGE_OVER4,
    ANY | OVER2,
    ANY,
    ANY,
    ANY | LARGE,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG | SURROGATE,
    BIG,
    BIG,
};
static const unsigned char second_high[16] = {
    SHORT_,
    SHORT_,
    SHORT_,
    SHORT_,
    SHORT_,
    SHORT_,
    SHORT_,
    SHORT_,
    LONG_ | OVER2 | PAIR | OVER3 | LARGE_OVER4,
    LONG_ | OVER2 | PAIR | OVER3 | LARGE,
    LONG_ | OVER2 | PAIR | SURROGATE | LARGE,
    LONG_ | OVER2 | PAIR | SURROGATE | LARGE,
    SHORT_,
    SHORT_,
    SHORT_,
    SHORT_,
};

/* The letters after a backslash, but u: those whose two halves have a bit in common here. */
static const unsigned char letter_low[16] = {
    [0x2] = 1 | 4 | 8, [0x4] = 8, [0x6] = 4, [0xC] = 2, [0xE] = 4, [0xF] = 1,
};
static const unsigned char letter_high[16] = {
    [0x2] = 1 /* " / */, [0x5] = 2 /* \\ */, [0x6] = 4 /* b f n */, [0x7] = 8 /* r t */};

#define AVX2 __attribute__((target("avx2")))

static inline AVX2 __m256i look_up(const unsigned char table[16], __m256i half_bytes) {
    __m256i both =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
    return _mm256_shuffle_epi8(both, half_bytes);
}

static inline AVX2 __m256i high_half(__m256i bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

/* Non-zero bytes where the text is wrong; the 32 bytes before `bytes` count as well. */
static inline AVX2 __m256i find_mistakes(__m256i bytes, __m256i before) {
    __m256i joint = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i first = _mm256_alignr_epi8(bytes, joint, 15);
    __m256i pair = _mm256_and_si256(
        _mm256_and_si256(look_up(first_high, high_half(first)),
                         look_up(first_low, _mm256_and_si256(first, _mm256_set1_epi8(0x0F)))),
        look_up(second_high, high_half(bytes)));
    /* high bit where the byte must be the third or fourth of its sequence */
    __m256i third = _mm256_subs_epu8(_mm256_alignr_epi8(bytes, joint, 14), _mm256_set1_epi8(0x60));
    __m256i fourth = _mm256_subs_epu8(_mm256_alignr_epi8(bytes, joint, 13), _mm256_set1_epi8(0x70));
    __m256i inside = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(pair, inside);
}

static inline AVX2 bool ends_string_run(__m256i bytes) {
    __m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
    __m256i backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
    __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)), bytes);
    __m256i any = _mm256_or_si256(_mm256_or_si256(quote, backslash), control);
    return _mm256_testz_si256(any, any) == 0;
}

/* Past whole blocks without a quote, backslash, control or mistake, back to the start of a character. */
static AVX2 const unsigned char *skip_blocks(const unsigned char *at, const unsigned char *end) {
    const unsigned char *start = at;
    __m256i before = _mm256_setzero_si256();
    while (end - at >= 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
        if (ends_string_run(bytes))
            break;
        __m256i mistakes = find_mistakes(bytes, before);
        if (_mm256_testz_si256(mistakes, mistakes) == 0)
            break;
        before = bytes;
        at += 32;
    }
    if (at == start)
        return at;
    for (int back = 1; back <= 3; back++)
        if (at[-back] >= 0xC0)
            return json__utf8_step(at - back, at) < 0 ? at - back : at;
    return at;
}
/* Which of 32 bytes are escaped, by the backslashes among them; in carry, 1 when the byte before them escapes the first, and
 * then the same for the byte after them. A run of backslashes escapes what follows it when its length is odd; the subtraction
 * finds the ends of all runs at once (after Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019). */
static inline uint64_t escaped_of(uint64_t backslashes, uint64_t *carry) {
    const uint64_t odd_places = UINT64_C(0xAAAAAAAAAAAAAAAA);
    uint64_t starters = backslashes & ~*carry;
    uint64_t ends = (((starters << 1) | odd_places) - starters) ^ odd_places;
    uint64_t escaped = (uint32_t)(ends ^ (backslashes | *carry));
    *carry = (ends & backslashes) >> 31 & 1;
    return escaped;
}

/* Whether each of the marked bytes is a u with four hexadecimal digits. */
static bool all_units(uint64_t marked, const unsigned char *at, const unsigned char *end) {
    for (; marked != 0; marked &= marked - 1) {
        uint32_t unit;
        if (!read_unit(at + __builtin_ctzll(marked) - 1, end, &unit))
            return false;
    }
    return true;
}

static inline AVX2 uint32_t mask_of(__m256i bytes) {
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

static inline AVX2 uint32_t letters_of(__m256i bytes) {
    __m256i low = look_up(letter_low, _mm256_and_si256(bytes, _mm256_set1_epi8(0x0F)));
    __m256i common = _mm256_and_si256(low, look_up(letter_high, high_half(bytes)));
    return ~mask_of(_mm256_cmpeq_epi8(common, _mm256_setzero_si256()));
}

static inline AVX2 uint32_t mistakes_of(__m256i bytes, __m256i before) {
    __m256i mistakes = find_mistakes(bytes, before);
    return ~mask_of(_mm256_cmpeq_epi8(mistakes, _mm256_setzero_si256()));
}

#define BLOCK_OPEN  (-1) /* the string goes on behind the block */
#define BLOCK_WRONG (-2)

struct walk {
    __m256i before; /* the block before this one */
    uint32_t open;  /* non-ASCII among its last three bytes: a sequence may go on here */
    uint64_t carry; /* 1: its last byte escapes the first one here */
    bool escaped;
};

/* The place of the closing quote in these 32 bytes, at `at`, or one of the above. In masks, bit i stands for byte i. */
static __attribute__((always_inline)) inline AVX2 int
take_block(struct walk *walk, __m256i bytes, const unsigned char *at, const unsigned char *end) {
    uint64_t quotes = mask_of(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')));
    uint64_t slashes = mask_of(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
    __m256i low = _mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F));
    uint64_t wrong = mask_of(_mm256_cmpeq_epi8(low, bytes));
    uint64_t units = 0; /* escaped bytes that are none of the letters: must be a u */
    uint32_t wide = mask_of(bytes);
    if ((slashes | walk->carry) != 0) {
        uint64_t escaped = escaped_of(slashes, &walk->carry);
        quotes &= ~escaped;
        units = escaped & ~(uint64_t)letters_of(bytes);
        walk->escaped = true;
    }
    if ((wide | walk->open) != 0)
        wrong |= mistakes_of(bytes, walk->before);
    walk->before = bytes;
    walk->open = wide >> 29;
    uint64_t closing = quotes & (0 - quotes);
    uint64_t inside =
        closing * 2 - 1; /* up to the quote, or all: a cut sequence shows at the byte behind it */
    if ((wrong & inside) != 0 || ((units & inside) != 0 && !all_units(units & inside, at, end)))
        return BLOCK_WRONG;
    return closing != 0 ? __builtin_ctzll(closing) : BLOCK_OPEN;
}

/* Filled up with zeros, which are controls, so that nothing behind the end can pass for text. */
static AVX2 __m256i load_last(const unsigned char *at, const unsigned char *end) {
    unsigned char last[32] = {0};
    memcpy(last, at, (size_t)(end - at));
    return _mm256_loadu_si256((const __m256i *)(const void *)last);
}

static AVX2 const unsigned char *find_quote(const unsigned char *at, const unsigned char *end,
                                            bool *ret_escaped) {
    struct walk walk = {.before = _mm256_setzero_si256()};
    int place = BLOCK_OPEN;
    for (; end - at >= 32; at += 32) {
        place = take_block(&walk, _mm256_loadu_si256((const __m256i *)(const void *)at), at, end);
        if (place != BLOCK_OPEN)
            break;
    }
    if (place ==
        BLOCK_OPEN) /* apart: with this call inside, the loop would load its constants each time */
        place = take_block(&walk, load_last(at, end), at, end);
    *ret_escaped |= walk.escaped;
    return place >= 0 ? at + place : NULL;
}
#endif

const unsigned char *json__find_quote(const unsigned char *at, const unsigned char *end,
                                      bool *ret_escaped) {
#ifdef JSON_AVX2
    if (__builtin_cpu_supports("avx2"))
        return find_quote(at, end, ret_escaped);
#endif
    (void)at;
    (void)end;
    (void)ret_escaped;
    return NULL;
}

const unsigned char *json__skip_utf8(const unsigned char *at, const unsigned char *end) {
#ifdef JSON_AVX2
    if (end - at >= 32 && __builtin_cpu_supports("avx2"))
        at = skip_blocks(at, end);
#endif
    while (at < end && *at >= 0x80) {
        int length = json__utf8_step(at, end);
        if (length < 0)
            break;
        at += length;
    }
    return at;
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
