// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * JSON (RFC 8259), read in place.
 *
 * json_parse checks the whole text strictly (grammar, UTF-8, depth, one top-level value) in one pass and leaves an index
 * of nodes; long strings are skipped at memory speed. Nothing is decoded until asked for: numbers, unknown members and
 * strings stay bytes of the text, so that they can be sent on exactly as they came.
 *
 * Ownership: the index lives in the arena given; nodes point into the text, which the caller keeps alive and unchanged.
 * "Escaped text" below means the inside of a JSON string without its quotes: valid to be put between quotes again.
 */
#include "base/arena.h"
#include "base/dynbuf.h"
#include "base/rope.h"

#define JSON_DEPTH_MAX 128
#define JSON_NODES_MAX ((uint32_t)2000000)

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* 16 bytes. Children of a container follow it: an object's as key, value, key, value. */
struct json_node {
    uint32_t start;  /* first byte of the raw value in the text (a string's opening quote) */
    uint32_t end;    /* one past the last byte */
    uint32_t next;   /* index of the node after this value and all in it */
    uint8_t type;    /* enum json_type */
    uint8_t escaped; /* string: holds at least one backslash */
    uint16_t depth;
};

struct json_doc {
    struct span text;        /* borrowed */
    struct json_node *nodes; /* borrowed: arena */
    uint32_t count;
};

struct json_error {
    int err;          /* ERR_INVALID, ERR_UTF8, ERR_DEPTH, ERR_TOO_LARGE */
    size_t offset;    /* byte of the text */
    unsigned line;    /* 1-based */
    unsigned column;  /* 1-based, in bytes */
    const char *what; /* static: "expected ':' after a member name" */
};

/* A node of a document; nodes 0 is the top. `doc == NULL` is "absent": every reader below accepts it. */
struct json_value {
    const struct json_doc *doc;
    uint32_t index;
};

/* ret_error may be NULL. On failure nothing of the doc may be used. */
int json_parse(struct json_doc *doc, struct span text, struct arena *arena,
               struct json_error *ret_error) WARN_UNUSED;
/* Only checks; no arena. For relayed fragments. */
int json_validate(struct span text) WARN_UNUSED;

static inline struct json_value json_top(const struct json_doc *doc) {
    return (struct json_value){doc, 0};
}
static inline bool json_present(struct json_value value) {
    return value.doc != NULL;
}
/* Absent counts as JSON_NULL. */
enum json_type json_type(struct json_value value);
bool json_is(struct json_value value, enum json_type type); /* false when absent */
const char *json_type_name(enum json_type type); /* "an object", "a string", ... for messages */

/* The value's bytes as they stand in the text, quotes and brackets included; absent span when absent. */
struct span json_raw(struct json_value value);
/* A string's inside, still escaped; absent span when it is not a string. */
struct span json_escaped(struct json_value value);
/* A string decoded to UTF-8: zero-copy without escapes, else in the arena. A lone surrogate becomes U+FFFD. ERR_TYPE, ERR_TOO_LARGE. */
/* The label: jansson has a symbol of this name, and a program may link both. */
int json_string(struct json_value value, struct arena *arena,
                struct span *ret_text) __asm__("papi_json_string") WARN_UNUSED;
/* Whether a string equals this UTF-8 text after decoding; no allocation. */
bool json_string_is(struct json_value value, const char *text);
int json_bool(struct json_value value, bool *ret) WARN_UNUSED;
/* Integers also in the forms 1.0 and 1e3 when exact; ERR_TYPE, ERR_RANGE. */
int json_i64(struct json_value value, int64_t *ret) WARN_UNUSED;
int json_double(struct json_value value, double *ret) WARN_UNUSED;

/* First member of that name; absent when there is none or the value is no object. */
struct json_value json_get(struct json_value object, const char *name);
/* The same along "usage.prompt_tokens_details.cached_tokens"; a number step indexes an array: "choices.0.delta". */
struct json_value json_path(struct json_value value, const char *path);
uint32_t json_count(struct json_value container); /* members or elements */

struct json_iter {
    struct json_value key; /* absent in arrays */
    struct json_value value;
    const struct json_doc *doc;
    uint32_t at;
    uint32_t end;
};
/* for (struct json_iter it = json_each(v); json_next(&it);) — nothing for values that are no container */
struct json_iter json_each(struct json_value container);
bool json_next(struct json_iter *it);

/* Names the place of a value for people: "messages[2].content". In the arena; "" for the top. */
const char *json_place(struct json_value value, struct arena *arena);

/* --- writing (json/write.c): appends to a dynbuf; the caller writes brackets and commas --- */
int json_write_string(struct dynbuf *out, struct span utf8)
    WARN_UNUSED; /* quotes and escapes; invalid UTF-8 becomes U+FFFD */
int json_write_escaped(struct dynbuf *out,
                       struct span escaped) WARN_UNUSED; /* quotes around escaped text */
int json_write_member_string(struct dynbuf *out, const char *name,
                             struct span utf8) WARN_UNUSED; /* "name":"..." */
int json_write_i64(struct dynbuf *out, int64_t value) WARN_UNUSED;
/* Escaped text of UTF-8, in the arena (zero-copy when nothing needs escaping). */
int json_escape(struct span utf8, struct arena *arena, struct span *ret_escaped) WARN_UNUSED;
/* The reverse on escaped text: decodes into the arena, zero-copy without backslashes. */
int json_unescape(struct span escaped, struct arena *arena, struct span *ret_utf8) WARN_UNUSED;

/* --- splicing (json/splice.c): an object sent on with some members changed, the rest as its own bytes --- */
struct json_edit {
    const char *name;        /* member of the object */
    struct span replacement; /* new raw value; absent span: the member is removed */
};
/* Adds the object to the rope with the edits applied; members named by an edit that the object lacks are added at the end
 * when their replacement is present. Each name at most once in edits.
 * A name that occurs twice is replaced at its first place and dropped at the others, or removed at all. The replacements
 * must outlive the rope. The rope's error becomes ERR_TYPE when the value is no object. */
void json_splice(struct json_value object, const struct json_edit *edits, size_t edit_count,
                 struct rope *out);
/* The same, and members that are null are left out unless an edit names them. */
void json_splice_without_nulls(struct json_value object, const struct json_edit *edits,
                               size_t edit_count, struct rope *out);
