// SPDX-License-Identifier: Apache-2.0
/*
 * Splicing: each kind of edit at each place, what stays byte for byte, and how many pieces it takes.
 */
#include "json_fixture.h"

#define EDITS_MAX 4

struct row {
    const char *object;
    struct {
        const char *name;
        const char *replacement; /* NULL: removed */
    } edits[EDITS_MAX];
    const char *result;
    size_t pieces;
};

static const struct row rows[] = {
    /* nothing to do */
    {"{}", {{NULL, NULL}}, "{}", 1},
    {"{ }", {{NULL, NULL}}, "{ }", 1},
    {"{ \"a\" : 1 ,\n \"b\" : [ {} ] }", {{NULL, NULL}}, "{ \"a\" : 1 ,\n \"b\" : [ {} ] }", 1},
    {"{\"a\":1,\"b\":2}", {{"c", NULL}}, "{\"a\":1,\"b\":2}", 1},
    /* removed: first, middle, last, only, all */
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"a", NULL}}, "{\"b\":2,\"c\":3}", 2},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"b", NULL}}, "{\"a\":1,\"c\":3}", 2},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"c", NULL}}, "{\"a\":1,\"b\":2}", 2},
    {"{\"a\":1}", {{"a", NULL}}, "{}", 2},
    {"{\"a\":1,\"b\":2}", {{"a", NULL}, {"b", NULL}}, "{}", 2},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"a", NULL}, {"b", NULL}}, "{\"c\":3}", 2},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"a", NULL}, {"c", NULL}}, "{\"b\":2}", 3},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"b", NULL}, {"c", NULL}}, "{\"a\":1}", 2},
    {"{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", {{"b", NULL}, {"c", NULL}}, "{\"a\":1,\"d\":4}", 2},
    {"{ \"a\" : 1 , \"b\" : 2 , \"c\" : 3 }", {{"b", NULL}}, "{ \"a\" : 1 , \"c\" : 3 }", 2},
    {"{\n  \"a\": 1,\n  \"b\": 2\n}", {{"a", NULL}}, "{\"b\": 2\n}", 2},
    {"{\n  \"a\": 1,\n  \"b\": 2\n}", {{"b", NULL}}, "{\n  \"a\": 1\n}", 2},
    /* replaced */
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"a", "\"x\""}}, "{\"a\":\"x\",\"b\":2,\"c\":3}", 3},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"b", "null"}}, "{\"a\":1,\"b\":null,\"c\":3}", 3},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{"c", "[]"}}, "{\"a\":1,\"b\":2,\"c\":[]}", 3},
    {"{\"a\":1}", {{"a", "2"}}, "{\"a\":2}", 3},
    {"{ \"a\" : 1 }", {{"a", "2"}}, "{ \"a\" : 2 }", 3},
    {"{\"a\":1,\"b\":2}", {{"b", "3"}, {"a", "4"}}, "{\"a\":4,\"b\":3}", 5},
    {"{\"a\":{\"a\":1},\"b\":{\"a\":[1.0e+00,\"\\u0061\"]}}",
     {{"a", "0"}},
     "{\"a\":0,\"b\":{\"a\":[1.0e+00,\"\\u0061\"]}}",
     3},
    /* added */
    {"{}", {{"a", "1"}}, "{\"a\":1}", 4},
    {"{}", {{"a", "1"}, {"b", "2"}}, "{\"a\":1,\"b\":2}", 6},
    {"{\"a\":1}", {{"b", "2"}}, "{\"a\":1,\"b\":2}", 4},
    {"{ \"a\" : 1 }", {{"b", "2"}}, "{ \"a\" : 1,\"b\":2 }", 4},
    {"{\"a\":1}", {{"q\"\n", "2"}}, "{\"a\":1,\"q\\\"\\n\":2}", 4},
    /* together */
    {"{\"a\":1,\"b\":2,\"c\":3}",
     {{"a", NULL}, {"c", "4"}, {"d", "5"}, {"e", NULL}},
     "{\"b\":2,\"c\":4,\"d\":5}",
     6},
    {"{\"a\":1}", {{"a", NULL}, {"b", "2"}}, "{\"b\":2}", 4},
    /* escaped names */
    {"{\"m\\u006fdel\":\"x\",\"b\":2}", {{"model", "\"y\""}}, "{\"m\\u006fdel\":\"y\",\"b\":2}", 3},
    {"{\"b\":2,\"m\\u006fdel\":\"x\"}", {{"model", NULL}}, "{\"b\":2}", 2},
    {"{\"\\ud83d\\ude00\":1,\"b\":2}", {{"\xF0\x9F\x98\x80", NULL}}, "{\"b\":2}", 2},
    {"{\"m\\u006fdel\":1}", {{"m\\u006fdel", "2"}}, "{\"m\\u006fdel\":1,\"m\\\\u006fdel\":2}", 4},
    /* a name that occurs twice: one stays where the first was, removal takes all */
    {"{\"a\":1,\"b\":2,\"\\u0061\":3}", {{"a", "4"}}, "{\"a\":4,\"b\":2}", 4},
    {"{\"a\":1,\"a\":2,\"b\":3,\"a\":4}", {{"a", NULL}}, "{\"b\":3}", 3},
    {"{\"a\":1,\"a\":2}", {{"b", "3"}}, "{\"a\":1,\"a\":2,\"b\":3}", 4},
};

static size_t fill_edits(const struct row *row, struct json_edit edits[EDITS_MAX]) {
    size_t count = 0;
    for (; count < EDITS_MAX && row->edits[count].name != NULL; count++)
        edits[count] =
            (struct json_edit){row->edits[count].name, span_text(row->edits[count].replacement)};
    return count;
}

static struct span join(const struct rope *rope, struct arena *arena) {
    char *text = arena_alloc(arena, rope->total_bytes + 1);
    size_t len = 0;
    for (size_t i = 0; i < rope->count; i++) {
        memcpy(text + len, rope->pieces[i].ptr, rope->pieces[i].len);
        len += rope->pieces[i].len;
    }
    assert_int_equal(len, rope->total_bytes);
    return span_of(text, len);
}

static void edits_each_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture fixture;
        struct rope rope;
        struct json_edit edits[EDITS_MAX];
        struct json_value top = fixture_top(&fixture, rows[i].object);
        rope_init(&rope, &fixture.arena);
        json_splice(top, edits, fill_edits(&rows[i], edits), &rope);
        assert_int_equal(rope_error(&rope), 0);
        struct span result = join(&rope, &fixture.arena);
        if (!span_is(result, rows[i].result))
            fail_msg("row %zu: %.*s", i, SPAN_ARG(result));
        if (rope.count != rows[i].pieces)
            fail_msg("row %zu: %zu pieces", i, rope.count);
        assert_int_equal(json_validate(result), 0);
        fixture_close(&fixture);
    }
}

static void leaves_out_nulls(void **state) {
    static const struct {
        const char *text;
        struct json_edit edit;
        const char *expected;
    } cases[] = {
        {"{\"a\":null}", {"x", SPAN_NONE}, "{}"},
        {"{\"a\":null,\"b\":1,\"c\":null}", {"x", SPAN_NONE}, "{\"b\":1}"},
        {"{\"a\":1,\"b\":null,\"c\":{\"d\":null}}",
         {"x", SPAN_NONE},
         "{\"a\":1,\"c\":{\"d\":null}}"},
        {"{\"a\":null,\"a\":null,\"b\\u0000\":null}", {"b", SPAN_NONE}, "{}"},
        /* what an edit names is the edit's */
        {"{\"a\":null,\"b\":null}", {"a", SPAN_LITERAL("\"\"")}, "{\"a\":\"\"}"},
        {"{\"a\":1,\"b\":null}", {"a", SPAN_LITERAL("null")}, "{\"a\":null}"},
        {"{\"a\":null}", {"b", SPAN_LITERAL("2")}, "{\"b\":2}"},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, NULL, 0, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_doc doc;
        struct rope rope;
        struct dynbuf out;
        dynbuf_init(&out, 1 << 20);
        rope_init(&rope, &arena);
        assert_int_equal(json_parse(&doc, span_text(cases[i].text), &arena, NULL), 0);
        json_splice_without_nulls(json_top(&doc), &cases[i].edit, 1, &rope);
        assert_int_equal(rope_error(&rope), 0);
        for (size_t piece = 0; piece < rope.count; piece++)
            assert_int_equal(dynbuf_append_span(&out, rope.pieces[piece]), 0);
        if (!span_is(dynbuf_span(&out), cases[i].expected))
            fail_msg("%s became %.*s", cases[i].text, SPAN_ARG(dynbuf_span(&out)));
        dynbuf_done(&out);
    }
    arena_reset(&arena);
}

static void splices_a_nested_object(void **state) {
    (void)state;
    struct fixture fixture;
    struct rope rope;
    struct json_value top = fixture_top(&fixture, "[0, {\"a\":1 , \"b\":2} , 3]");
    const struct json_edit edit = {"a", span_text("9")};
    rope_init(&rope, &fixture.arena);
    rope_add_text(&rope, "<");
    json_splice(json_path(top, "1"), &edit, 1, &rope);
    rope_add_text(&rope, ">");
    assert_int_equal(rope_error(&rope), 0);
    assert_span(join(&rope, &fixture.arena), "<{\"a\":9 , \"b\":2}>");
    fixture_close(&fixture);
}

static void keeps_untouched_bytes_in_place(void **state) {
    (void)state;
    struct fixture fixture;
    struct rope rope;
    struct json_value top =
        fixture_top(&fixture, "{\"model\":\"m\",\"big\":\"0123456789\",\"n\":1}");
    const struct json_edit edit = {"model", span_text("\"other\"")};
    rope_init(&rope, &fixture.arena);
    json_splice(top, &edit, 1, &rope);
    assert_int_equal(rope.count, 3);
    assert_ptr_equal(rope.pieces[0].ptr, fixture.text.ptr);
    assert_ptr_equal(rope.pieces[1].ptr, edit.replacement.ptr);
    assert_ptr_equal(rope.pieces[2].ptr + rope.pieces[2].len, fixture.text.ptr + fixture.text.len);
    fixture_close(&fixture);
}

static void remembers_failures(void **state) {
    (void)state;
    struct fixture fixture;
    struct arena none;
    struct rope rope;
    const struct json_edit edit = {"b", span_text("1")};
    struct json_value top = fixture_top(&fixture, "{\"a\":[]}");
    rope_init(&rope, &fixture.arena);
    json_splice(json_get(top, "a"), &edit, 1, &rope);
    assert_int_equal(rope_error(&rope), ERR_TYPE);
    rope_init(&rope, &fixture.arena);
    json_splice(json_get(top, "none"), &edit, 1, &rope);
    assert_int_equal(rope_error(&rope), ERR_TYPE);
    arena_init(&none, NULL, 0, 0);
    rope_init(&rope, &none);
    json_splice(top, &edit, 1, &rope);
    assert_int_equal(rope_error(&rope), ERR_TOO_LARGE);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_each_place),        cmocka_unit_test(leaves_out_nulls),
        cmocka_unit_test(splices_a_nested_object), cmocka_unit_test(keeps_untouched_bytes_in_place),
        cmocka_unit_test(remembers_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
