// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON scanner against another parser (jansson), and against itself.
 *
 * The input is scanned with and without an index. jansson must agree whether it is JSON, and on every value, except where
 * it is known to be stricter or laxer by its own limits, each named below. Of accepted texts: each node's bytes are JSON by
 * themselves, splicing nothing gives the same bytes, removing or replacing a member gives valid JSON that lacks or holds
 * it, and strings survive decoding, writing and scanning. The first byte of nothing is special: any file is an input.
 */
/* jansson and json/json.h share names; jansson's are moved out of the way, and its macros that use them not used. */
#define json_type    jansson_type
#define json_string  jansson_string
#define JSON_OBJECT  JANSSON_OBJECT
#define JSON_ARRAY   JANSSON_ARRAY
#define JSON_STRING  JANSSON_STRING
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL    JANSSON_REAL
#define JSON_TRUE    JANSSON_TRUE
#define JSON_FALSE   JANSSON_FALSE
#define JSON_NULL    JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef json_string
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include "base/check.h"
#include "base/mem.h"
#include "json/json.h"

#define ARENA_CAP       ((size_t)64 << 20)
#define NODES_LOOKED_AT 200 /* of one text, so that large inputs do not cost their square */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* jansson gives up on these, whatever the grammar says (its documentation, "RFC conformance"): integers beyond 64 bits,
 * reals that overflow, lone surrogates, NUL in names. We refuse what is nested deeper than JSON_DEPTH_MAX, jansson only
 * beyond 2048. */
static bool jansson_may_refuse(const struct json_doc *doc) {
    for (uint32_t i = 0; i < doc->count; i++) {
        struct json_value value = {doc, i};
        int64_t whole;
        double real;
        if (json_is(value, JSON_NUMBER) &&
            (json_double(value, &real) < 0 || (json_i64(value, &whole) == ERR_RANGE)))
            return true;
        struct span inside = json_escaped(value);
        if (span_contains(inside, "\\ud") || span_contains(inside, "\\uD") ||
            span_contains(inside, "\\u0000"))
            return true; /* compared by value when jansson accepts it after all */
    }
    return false;
}

static bool has_nul(struct span text) {
    return text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL;
}

static void compare_string(struct json_value value, struct span wanted, struct arena *arena) {
    struct span text;
    check(json_string(value, arena, &text) == 0);
    check(span_equal(text, wanted));
    char *copy = mem_strndup(wanted.ptr, wanted.len);
    check(json_string_is(value, copy) == !has_nul(wanted));
    mem_free(copy);
}

static void compare_scalar(struct json_value value, const json_t *other, struct arena *arena) {
    int64_t whole;
    double real;
    double wanted;
    switch (json_typeof(other)) {
    case JANSSON_STRING:
        compare_string(value, span_of(json_string_value(other), json_string_length(other)), arena);
        break;
    case JANSSON_INTEGER:
        check(json_i64(value, &whole) == 0 && whole == json_integer_value(other));
        break;
    case JANSSON_REAL:
        wanted = json_real_value(other);
        check(json_double(value, &real) == 0 && memcmp(&real, &wanted, sizeof real) == 0);
        break;
    case JANSSON_TRUE:
        check(json_is(value, JSON_TRUE));
        break;
    case JANSSON_FALSE:
        check(json_is(value, JSON_FALSE));
        break;
    default:
        check(json_is(value, JSON_NULL));
    }
}

/* jansson keeps the last of several members of one name. */
static bool is_last_of_its_name(struct json_iter at, struct span name, struct arena *arena) {
    while (json_next(&at)) {
        struct span other;
        check(json_string(at.key, arena, &other) == 0);
        if (span_equal(name, other))
            return false;
    }
    return true;
}

static void compare(struct json_value value, const json_t *other, struct arena *arena) {
    if (json_typeof(other) == JANSSON_ARRAY) {
        size_t index = 0;
        check(json_is(value, JSON_ARRAY) && json_count(value) == json_array_size(other));
        for (struct json_iter it = json_each(value); json_next(&it);)
            compare(it.value, json_array_get(other, index++), arena);
        return;
    }
    if (json_typeof(other) != JANSSON_OBJECT) {
        compare_scalar(value, other, arena);
        return;
    }
    check(json_is(value, JSON_OBJECT));
    size_t seen = 0;
    for (struct json_iter it = json_each(value); json_next(&it);) {
        struct span name;
        check(json_string(it.key, arena, &name) == 0);
        if (!is_last_of_its_name(it, name, arena))
            continue;
        seen++;
        const json_t *member = json_object_getn(other, name.ptr, name.len);
        check(member != NULL);
        compare(it.value, member, arena);
    }
    check(seen == json_object_size(other));
}

static void check_differential(int err, const struct json_doc *doc, struct span text,
                               struct arena *arena) {
    json_error_t error;
    json_t *other = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (err == 0 && other != NULL)
        compare(json_top(doc), other, arena);
    else if (err == 0)
        check(jansson_may_refuse(doc));
    else if (other != NULL)
        check(err == ERR_DEPTH ||
              has_nul(text)); /* jansson drops a NUL that follows a number or a word */
    json_decref(other);
}

static struct span join(const struct rope *rope, struct arena *arena) {
    char *text = arena_alloc(arena, rope->total_bytes + 1);
    size_t len = 0;
    for (size_t i = 0; i < rope->count; i++) {
        memcpy(text + len, rope->pieces[i].ptr, rope->pieces[i].len);
        len += rope->pieces[i].len;
    }
    return span_of(text, len);
}

static struct span splice(struct json_value object, const struct json_edit *edit, size_t edits,
                          struct arena *arena) {
    struct rope rope;
    rope_init(&rope, arena);
    json_splice(object, edit, edits, &rope);
    check(rope_error(&rope) == 0);
    return join(&rope, arena);
}

static void check_splices(struct json_value object, struct arena *arena) {
    check(span_equal(splice(object, NULL, 0, arena), json_raw(object)));
    struct json_iter it = json_each(object);
    for (int member = 0; member < 3 && json_next(&it); member++) {
        struct span name;
        struct json_doc changed;
        check(json_string(it.key, arena, &name) == 0);
        if (has_nul(name))
            continue;
        char *copy = mem_strndup(name.ptr, name.len);
        struct json_edit edit = {copy, SPAN_NONE};
        check(json_parse(&changed, splice(object, &edit, 1, arena), arena, NULL) == 0);
        check(!json_present(json_get(json_top(&changed), copy)));
        edit.replacement = span_text("[\"new\"]");
        check(json_parse(&changed, splice(object, &edit, 1, arena), arena, NULL) == 0);
        check(span_is(json_raw(json_get(json_top(&changed), copy)), "[\"new\"]"));
        mem_free(copy);
    }
}

static void check_string(struct json_value string, struct arena *arena) {
    struct span text;
    struct span again;
    struct dynbuf out;
    struct json_doc doc;
    dynbuf_init(&out, ARENA_CAP);
    check(json_string(string, arena, &text) == 0);
    check(json_write_string(&out, text) == 0);
    check(json_parse(&doc, dynbuf_span(&out), arena, NULL) == 0);
    check(json_string(json_top(&doc), arena, &again) == 0 && span_equal(text, again));
    dynbuf_clear(&out);
    check(json_write_escaped(&out, json_escaped(string)) == 0);
    check(span_equal(dynbuf_span(&out), json_raw(string)));
    dynbuf_done(&out);
}

static void check_nodes(const struct json_doc *doc, struct arena *arena) {
    check(doc->count > 0 && doc->nodes[0].next == doc->count);
    for (uint32_t i = 0; i < doc->count && i < NODES_LOOKED_AT; i++) {
        struct json_value value = {doc, i};
        const struct json_node *node = &doc->nodes[i];
        check(node->start < node->end && node->end <= doc->text.len);
        check(node->next > i && node->next <= doc->count && node->depth <= JSON_DEPTH_MAX);
        check(json_validate(json_raw(value)) == 0);
        check(json_place(value, arena) != NULL);
        if (json_is(value, JSON_STRING))
            check_string(value, arena);
        if (json_is(value, JSON_OBJECT))
            check_splices(value, arena);
    }
}

/* The bytes as text to be written, and as escaped text to be decoded: any are allowed. */
static void check_any_bytes(struct span bytes, struct arena *arena) {
    struct dynbuf out;
    struct span decoded = SPAN_NONE;
    dynbuf_init(&out, ARENA_CAP);
    check(json_write_member_string(&out, "n", bytes) == 0);
    struct span member = dynbuf_span(&out);
    check(json_validate(span_of(member.ptr + 4, member.len - 4)) == 0);
    int err = json_unescape(bytes, arena, &decoded);
    check(err == ERR_INVALID || (err == 0 && decoded.len <= bytes.len));
    dynbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct json_doc doc;
    struct json_error error = {0};
    char *copy = mem_alloc(size); /* exactly: the sanitizer sees what is read past it */
    if (size > 0)
        memcpy(copy, data, size);
    struct span text = span_of(copy, size);
    arena_init(&arena, NULL, 0, ARENA_CAP);
    int err = json_parse(&doc, text, &arena, &error);
    check(json_validate(text) == err);
    if (err == 0)
        check_nodes(&doc, &arena);
    else
        check(error.err == err && error.offset <= size && error.what != NULL && error.line >= 1);
    check_differential(err, &doc, text, &arena);
    check_any_bytes(text, &arena);
    arena_reset(&arena);
    mem_free(copy);
    return 0;
}
