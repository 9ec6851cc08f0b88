// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private to json/: finding the bytes of a string that need a look, and UTF-8 (RFC 3629).
 *
 * All functions read from `at` up to, never at, `end`; nothing needs a terminator or padding. Nothing allocates.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#include <emmintrin.h>
#define JSON_SSE2 1
#endif

/* Runs longer than this leave the inlined loop for json__skip_long. */
#define JSON_SHORT_RUN_BYTES 64

/* A byte is plain when it stands for itself in a string and is ASCII: no quote, backslash, control, no byte >= 0x80. */
static inline bool json__plain(unsigned char byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static inline bool json__digit(unsigned char byte) {
    return (unsigned)byte - '0' <= 9;
}

#ifdef JSON_SSE2
/* All ones in each byte that is not plain. The signed comparison finds controls and non-ASCII at once. */
static inline __m128i json__odd16(__m128i bytes) {
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    return _mm_or_si128(_mm_or_si128(quote, backslash), low);
}

static inline __m128i json__load16(const unsigned char *at) {
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}
#endif

/* First byte that is not plain, or end. */
const unsigned char *json__skip_long(const unsigned char *at, const unsigned char *end);

static inline const unsigned char *json__skip_plain(const unsigned char *at,
                                                    const unsigned char *end) {
#ifdef JSON_SSE2
    const unsigned char *long_run = at + JSON_SHORT_RUN_BYTES;
    while (end - at >= 16 && at < long_run) {
        unsigned odd = (unsigned)_mm_movemask_epi8(json__odd16(json__load16(at)));
        if (odd != 0)
            return at + __builtin_ctz(odd);
        at += 16;
    }
#endif
    if (end - at >= 16)
        return json__skip_long(at, end);
    while (at < end && json__plain(*at))
        at++;
    return at;
}

/* The sequence at `at` (at < end): its length when valid, else minus the length of its bad part (Unicode, maximal
 * subpart: what one U+FFFD stands for). */
int json__utf8_step(const unsigned char *at, const unsigned char *end);

/* Past valid UTF-8 without quote, backslash or control, to the start of a character. May stop early at ASCII, but passes
 * at least one character when there is a valid one of non-ASCII at `at`. */
const unsigned char *json__skip_utf8(const unsigned char *at, const unsigned char *end);

/* From inside a string (at the start of a character) to its closing quote, everything between checked; ret_escaped is set
 * when a backslash was passed. NULL: there is a mistake, or nothing here can tell. */
const unsigned char *json__find_quote(const unsigned char *at, const unsigned char *end,
                                      bool *ret_escaped);

/* Writes a code point (no surrogate, <= U+10FFFF) and returns its length, 1 to 4. */
unsigned json__utf8_put(char *out, uint32_t code);

/* One escape at `at` (on the backslash): its code point and its length; pairs of surrogates count as one of 12 bytes, a
 * lone one gives U+FFFD. 0: not a valid escape. */
unsigned json__read_escape(const unsigned char *at, const unsigned char *end, uint32_t *ret_code);
