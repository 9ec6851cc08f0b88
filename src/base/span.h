// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A span: borrowed bytes, not terminated. Whoever hands out a span says how long its bytes live. An empty span may
 * have a NULL pointer; "absent" is told by ptr == NULL, see span_absent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *ptr; /* borrowed */
    size_t len;
};

#define SPAN_LITERAL(text) ((struct span){"" text "", sizeof(text) - 1})
#define SPAN_NONE          ((struct span){NULL, 0})
/* for printf("%.*s") */
#define SPAN_ARG(span) (int)(span).len, (span).ptr != NULL ? (span).ptr : ""

static inline struct span span_of(const char *ptr, size_t len) {
    return (struct span){ptr, len};
}

static inline struct span span_text(const char *text) {
    return text != NULL ? (struct span){text, strlen(text)} : SPAN_NONE;
}

static inline bool span_absent(struct span span) {
    return span.ptr == NULL;
}

static inline bool span_equal(struct span a, struct span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is(struct span span, const char *text) {
    size_t length = strlen(text);
    return span.len == length && (length == 0 || memcmp(span.ptr, text, length) == 0);
}

/* ASCII case only: header names, header tokens, schemes. */
bool span_same_letters(const char *a, const char *b, size_t len);

static inline bool span_equal_nocase(struct span a, struct span b) {
    return a.len == b.len && span_same_letters(a.ptr, b.ptr, a.len);
}

static inline bool span_is_nocase(struct span span, const char *text) {
    return span_equal_nocase(span, span_text(text));
}

bool span_starts_with(struct span span, const char *prefix);
bool span_ends_with(struct span span, const char *suffix);
bool span_contains(struct span haystack, const char *needle);
/* Where it stands first, by ASCII case only; SIZE_MAX: nowhere. Nothing stands at 0. */
size_t span_find_nocase(struct span haystack, struct span needle);
bool span_contains_nocase(struct span haystack, const char *needle);
/* Whether a pattern fits in which each '*' stands for any run of bytes ("gemma-3*", "*:free"); case counts. */
bool span_matches(struct span pattern, struct span text);
/* By bytes, a beginning before what goes on: negative, 0, positive. */
int span_order(struct span a, struct span b);
/* Without spaces and tabs at both ends (optional white space of RFC 9110 section 5.6.3). */
struct span span_trim(struct span span);
/* Takes the part before `separator` off the front; the separator goes too. Returns false when `rest` is used up. */
bool span_split(struct span *rest, char separator, struct span *ret_part);
/* Decimal digits only, no sign, no space; false on anything else or beyond UINT64_MAX. */
bool span_to_u64(struct span span, uint64_t *ret_value);
/* FNV-1a with a final mix: for tables and rendezvous order, not against attackers. */
uint64_t span_hash(struct span span);
/* Levenshtein distance, ASCII case ignored, over at most 64 bytes; for "did you mean". */
size_t span_distance(struct span a, struct span b);
/* The same up to `most`; anything above it may be told for more than that, and is told sooner. */
size_t span_distance_within(struct span a, struct span b, size_t most);
