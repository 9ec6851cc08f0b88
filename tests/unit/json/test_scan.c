// SPDX-License-Identifier: Apache-2.0
/*
 * The scanner: what it accepts, what it refuses and where it points.
 *
 * Each text is scanned with and without an index; both must agree. The index of every accepted text is checked against
 * its rules (children inside their parent, `next` after all of them, depths).
 */
#include "json_fixture.h"

static void check_index(const struct json_doc *doc) {
    assert_int_equal(doc->nodes[0].depth, 0);
    assert_int_equal(doc->nodes[0].next, doc->count);
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct json_node *node = &doc->nodes[i];
        bool container = node->type == JSON_ARRAY || node->type == JSON_OBJECT;
        assert_true(node->start < node->end && node->end <= doc->text.len);
        assert_true(node->next > i && node->next <= doc->count);
        assert_true(container || node->next == i + 1);
        for (uint32_t child = i + 1; child < node->next; child = doc->nodes[child].next) {
            assert_true(doc->nodes[child].start > node->start);
            assert_true(doc->nodes[child].end < node->end);
            assert_int_equal(doc->nodes[child].depth, node->depth + 1);
        }
    }
}

static const char *const accepted[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1234567890123456789012345678901234567890",
    "0.0",
    "-0.5",
    "1.25",
    "0e0",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1.5E-05",
    "1e00",
    "0.1e1",
    "1e999999999999",
    "\"\"",
    "\"a\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u00e9\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\uDEAD\"",
    "\"\\uD800\"",
    "\"\\uD800\\n\"",
    "\"\\uD800\\uD800\"",
    "\"\\uDC00\\uD800\"",
    "\"\\ufFfF\"",
    "\"/\"",
    "\"\x7f\"",
    "\"\xC2\x80\"",
    "\"\xE2\x82\xAC\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xEF\xBB\xBF\"",
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789\"",
    "\"0123456789abcde\\n0123456789abcdef\\\"0123456789abcdef\\\\\"",
    "[]",
    "[ ]",
    "[\t\r\n ]",
    "[null]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[]]",
    "[[],[]]",
    "[[[1]],{}]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{ \"a\" : 1 , \"b\" : 2 }",
    "{\"a\":1,\"a\":2}",
    "{\"\":0}",
    "{\"a\":{}}",
    "{\"a\":[{\"b\":[]}],\"c\":\"d\"}",
    " 1 ",
    "\n[\n]\n",
    "\t\"x\"\r\n",
    "[\"a\",true,false,null,-1.5e3]",
};

static void accepts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct fixture fixture;
        int err = fixture_open(&fixture, span_text(accepted[i]));
        if (err < 0)
            fail_msg("refused: %s (%s)", accepted[i], fixture.error.what);
        assert_int_equal(json_validate(fixture.text), 0);
        check_index(&fixture.doc);
        fixture_close(&fixture);
    }
}

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct refusal {
    const char *text;
    size_t len;
    int err;
    size_t offset;
    const char *what;
} refused[] = {
    {TEXT(""), ERR_INVALID, 0, "the text is empty"},
    {TEXT(" "), ERR_INVALID, 1, "too early"},
    {TEXT("\xEF\xBB\xBF{}"), ERR_INVALID, 0, "expected a value"},
    {TEXT("nul"), ERR_INVALID, 0, "expected a value"},
    {TEXT("nulL"), ERR_INVALID, 0, "expected a value"},
    {TEXT("True"), ERR_INVALID, 0, "expected a value"},
    {TEXT("truee"), ERR_INVALID, 4, "nothing after"},
    {TEXT("NaN"), ERR_INVALID, 0, "expected a value"},
    {TEXT("Infinity"), ERR_INVALID, 0, "expected a value"},
    {TEXT("-Infinity"), ERR_INVALID, 1, "digit"},
    {TEXT("-"), ERR_INVALID, 1, "too early"},
    {TEXT("+1"), ERR_INVALID, 0, "expected a value"},
    {TEXT(".5"), ERR_INVALID, 0, "expected a value"},
    {TEXT("01"), ERR_INVALID, 0, "begin with 0"},
    {TEXT("-01"), ERR_INVALID, 1, "begin with 0"},
    {TEXT("00"), ERR_INVALID, 0, "begin with 0"},
    {TEXT("1."), ERR_INVALID, 2, "too early"},
    {TEXT("[1.]"), ERR_INVALID, 3, "digit"},
    {TEXT("[1.e5]"), ERR_INVALID, 3, "digit"},
    {TEXT("[1e]"), ERR_INVALID, 3, "digit"},
    {TEXT("[1e+]"), ERR_INVALID, 4, "digit"},
    {TEXT("1e"), ERR_INVALID, 2, "too early"},
    {TEXT("0x10"), ERR_INVALID, 1, "nothing after"},
    {TEXT("1_000"), ERR_INVALID, 1, "nothing after"},
    {TEXT("1 2"), ERR_INVALID, 2, "nothing after"},
    {TEXT("[1]]"), ERR_INVALID, 3, "nothing after"},
    {TEXT("{}{}"), ERR_INVALID, 2, "nothing after"},
    {TEXT("[]\0"), ERR_INVALID, 2, "nothing after"},
    {TEXT("[1,]"), ERR_INVALID, 3, "expected a value"},
    {TEXT("[,1]"), ERR_INVALID, 1, "expected a value"},
    {TEXT("[1,,2]"), ERR_INVALID, 3, "expected a value"},
    {TEXT("[1 2]"), ERR_INVALID, 3, "',' or ']'"},
    {TEXT("[1}"), ERR_INVALID, 2, "',' or ']'"},
    {TEXT("[1:2]"), ERR_INVALID, 2, "',' or ']'"},
    {TEXT("["), ERR_INVALID, 1, "too early"},
    {TEXT("[1"), ERR_INVALID, 2, "too early"},
    {TEXT("[1,"), ERR_INVALID, 3, "too early"},
    {TEXT("]"), ERR_INVALID, 0, "expected a value"},
    {TEXT("{"), ERR_INVALID, 1, "too early"},
    {TEXT("}"), ERR_INVALID, 0, "expected a value"},
    {TEXT("{1:2}"), ERR_INVALID, 1, "member name"},
    {TEXT("{a:1}"), ERR_INVALID, 1, "member name"},
    {TEXT("{'a':1}"), ERR_INVALID, 1, "member name"},
    {TEXT("{\"a\"}"), ERR_INVALID, 4, "':'"},
    {TEXT("{\"a\",1}"), ERR_INVALID, 4, "':'"},
    {TEXT("{\"a\":}"), ERR_INVALID, 5, "expected a value"},
    {TEXT("{\"a\":1,}"), ERR_INVALID, 7, "member name"},
    {TEXT("{,}"), ERR_INVALID, 1, "member name"},
    {TEXT("{\"a\":1]"), ERR_INVALID, 6, "',' or '}'"},
    {TEXT("{\"a\":1 \"b\":2}"), ERR_INVALID, 7, "',' or '}'"},
    {TEXT("{\"a\"::1}"), ERR_INVALID, 5, "expected a value"},
    {TEXT("[1] // end"), ERR_INVALID, 4, "nothing after"},
    {TEXT("/**/1"), ERR_INVALID, 0, "expected a value"},
    {TEXT("[\v1]"), ERR_INVALID, 1, "expected a value"},
    {TEXT("[\f]"), ERR_INVALID, 1, "expected a value"},
    {TEXT("[\xC2\xA0]"), ERR_INVALID, 1, "expected a value"},
    {TEXT("'a'"), ERR_INVALID, 0, "expected a value"},
    {TEXT("\""), ERR_INVALID, 1, "not closed"},
    {TEXT("\"abc"), ERR_INVALID, 4, "not closed"},
    {TEXT("\"abc\\\""), ERR_INVALID, 6, "not closed"},
    {TEXT("\"abc\\"), ERR_INVALID, 5, "too early"},
    {TEXT("\"a\nb\""), ERR_INVALID, 2, "control"},
    {TEXT("\"a\tb\""), ERR_INVALID, 2, "control"},
    {TEXT("\"\0\""), ERR_INVALID, 1, "control"},
    {TEXT("\"\x1F\""), ERR_INVALID, 1, "control"},
    {TEXT("\"0123456789abcdef0123456789abcdef\x1F\""), ERR_INVALID, 33, "control"},
    {TEXT("\"\\x41\""), ERR_INVALID, 1, "escape"},
    {TEXT("\"\\'\""), ERR_INVALID, 1, "escape"},
    {TEXT("\"\\N\""), ERR_INVALID, 1, "escape"},
    {TEXT("\"\\\0\""), ERR_INVALID, 1, "escape"},
    {TEXT("\"\\u12g4\""), ERR_INVALID, 1, "hexadecimal"},
    {TEXT("\"\\u123\""), ERR_INVALID, 1, "hexadecimal"},
    {TEXT("\"\\U0041\""), ERR_INVALID, 1, "escape"},
    {TEXT("\"\\uD83D\\u12\""), ERR_INVALID, 7, "hexadecimal"},
    {TEXT("\"\\u-123\""), ERR_INVALID, 1, "hexadecimal"},
    {TEXT("\"\xFF\""), ERR_UTF8, 1, "UTF-8"},
    {TEXT("{\"\x80\":1}"), ERR_UTF8, 2, "UTF-8"},
    {TEXT("\"\xC3\""), ERR_UTF8, 1, "UTF-8"},
    {TEXT("\"\xC3"), ERR_UTF8, 1, "UTF-8"},
};

static void refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const struct refusal *row = &refused[i];
        struct fixture fixture;
        int err = fixture_open(&fixture, span_of(row->text, row->len));
        if (err != row->err || fixture.error.offset != row->offset ||
            strstr(fixture.error.what, row->what) == NULL)
            fail_msg("row %zu (%s): %s at %zu: %s", i, row->text, err_name(err),
                     fixture.error.offset, fixture.error.what);
        assert_int_equal(fixture.error.err, row->err);
        assert_int_equal(json_validate(fixture.text), row->err);
        fixture_close(&fixture);
    }
}

static void tells_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
    } rows[] = {
        {"x", 1, 1},
        {"  x", 1, 3},
        {"{\n  \"a\": 1,\n  b\n}", 3, 3},
        {"[\r\n1,\r\n\"\xE2\x82\xAC\" x]", 3, 7},
        {"[\n\n", 3, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture fixture;
        assert_int_equal(fixture_open(&fixture, span_text(rows[i].text)), ERR_INVALID);
        assert_int_equal(fixture.error.line, rows[i].line);
        assert_int_equal(fixture.error.column, rows[i].column);
        fixture_close(&fixture);
    }
}

static void refuses_each_beginning(void **state) {
    (void)state;
    static const char whole[] =
        "{\"k\\u00e9\\ud83d\\ude00y\":[-12.5e+3,\"\\\"\\\\\\n\xE2\x82\xAC\xF0\x9F"
        "\x98\x80 and then some more text to pass thirty-two bytes\",{\"a\":"
        "true,\"b\":[null,false]}], \"z\" : {} }";
    for (size_t len = 0; len < sizeof whole; len++) {
        struct fixture fixture;
        bool complete = len == sizeof whole - 1;
        int err = fixture_open(&fixture, span_of(whole, len));
        if ((err == 0) != complete)
            fail_msg("%zu bytes: %s", len, err_name(err));
        assert_int_equal(json_validate(fixture.text), err);
        fixture_close(&fixture);
    }
}

static size_t nest(char *text, unsigned depth, bool object) {
    size_t length = 0;
    for (unsigned i = 0; i < depth; i++) {
        const char *opening = object ? "{\"a\":" : "[";
        memcpy(text + length, opening, strlen(opening));
        length += strlen(opening);
    }
    text[length++] = '1';
    for (unsigned i = 0; i < depth; i++)
        text[length++] = object ? '}' : ']';
    return length;
}

static void limits_depth(void **state) {
    (void)state;
    char text[(JSON_DEPTH_MAX + 2) * 6 + 1];
    for (int object = 0; object <= 1; object++)
        for (unsigned depth = 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
            struct fixture fixture;
            size_t length = nest(text, depth, object != 0);
            int expected = depth <= JSON_DEPTH_MAX ? 0 : ERR_DEPTH;
            assert_int_equal(fixture_open(&fixture, span_of(text, length)), expected);
            assert_int_equal(json_validate(fixture.text), expected);
            if (expected == 0)
                check_index(&fixture.doc);
            else
                assert_int_equal(fixture.error.offset, JSON_DEPTH_MAX * (object ? 5u : 1u));
            fixture_close(&fixture);
        }
}

/* "[0,0,...]" with so many nodes, the array among them */
static struct span make_many(struct dynbuf *buf, size_t nodes) {
    dynbuf_init(buf, (size_t)64 << 20);
    assert_int_equal(dynbuf_append_char(buf, '['), 0);
    for (size_t i = 1; i < nodes; i++)
        assert_int_equal(dynbuf_append_text(buf, i == 1 ? "0" : ",0"), 0);
    assert_int_equal(dynbuf_append_char(buf, ']'), 0);
    return dynbuf_span(buf);
}

static void limits_nodes(void **state) {
    (void)state;
    static const size_t counts[] = {1,    8,    9,    10,     100,           1023,
                                    1024, 1025, 5000, 100000, JSON_NODES_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct dynbuf buf;
        struct fixture fixture;
        assert_int_equal(fixture_open(&fixture, make_many(&buf, counts[i])), 0);
        assert_int_equal(fixture.doc.count, counts[i]);
        assert_int_equal(json_count(json_top(&fixture.doc)), counts[i] - 1);
        if (counts[i] <= 5000)
            check_index(&fixture.doc);
        fixture_close(&fixture);
        dynbuf_done(&buf);
    }
    struct dynbuf buf;
    struct fixture fixture;
    struct span text = make_many(&buf, (size_t)JSON_NODES_MAX + 1);
    assert_int_equal(fixture_open(&fixture, text), ERR_TOO_LARGE);
    assert_int_equal(fixture.error.offset, text.len - 2);
    assert_int_equal(json_validate(text), 0);
    fixture_close(&fixture);
    dynbuf_done(&buf);
}

static void respects_the_arena(void **state) {
    (void)state;
    struct dynbuf buf;
    struct json_doc doc;
    struct json_error error;
    struct arena arena;
    struct span text = make_many(&buf, 10000);
    arena_init(&arena, NULL, 0, 65536);
    assert_int_equal(json_parse(&doc, text, &arena, &error), ERR_TOO_LARGE);
    assert_true(error.offset > 1);
    arena_reset(&arena);
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(json_parse(&doc, text, &arena, &error), ERR_TOO_LARGE);
    assert_int_equal(json_parse(&doc, text, &arena, NULL), ERR_TOO_LARGE);
    arena_reset(&arena);
    dynbuf_done(&buf);
    /* refused by its length alone, before a byte is read */
    struct span huge = span_of("1", (size_t)UINT32_MAX + 1);
    assert_int_equal(json_parse(&doc, huge, &arena, &error), ERR_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(tells_line_and_column),
        cmocka_unit_test(refuses_each_beginning),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(limits_nodes),
        cmocka_unit_test(respects_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
