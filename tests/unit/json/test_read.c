// SPDX-License-Identifier: Apache-2.0
/*
 * Reading values: strings, numbers, look-ups, iteration, places.
 *
 * Absent values go through every reader, since chains of look-ups depend on that.
 */
#include "json_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <stdio.h>

static void absent_is_harmless(void **state) {
    (void)state;
    struct json_value none = {NULL, 0};
    struct arena arena;
    struct span text;
    int64_t number;
    double real;
    bool truth;
    arena_init(&arena, NULL, 0, 4096);
    assert_false(json_present(none));
    assert_int_equal(json_type(none), JSON_NULL);
    assert_false(json_is(none, JSON_NULL));
    assert_true(span_absent(json_raw(none)));
    assert_true(span_absent(json_escaped(none)));
    assert_int_equal(json_string(none, &arena, &text), ERR_TYPE);
    assert_false(json_string_is(none, ""));
    assert_int_equal(json_bool(none, &truth), ERR_TYPE);
    assert_int_equal(json_i64(none, &number), ERR_TYPE);
    assert_int_equal(json_double(none, &real), ERR_TYPE);
    assert_false(json_present(json_get(none, "a")));
    assert_false(json_present(json_path(none, "a.b")));
    assert_int_equal(json_count(none), 0);
    struct json_iter it = json_each(none);
    assert_false(json_next(&it));
    assert_string_equal(json_place(none, &arena), "");
    arena_reset(&arena);
}

static void names_types(void **state) {
    (void)state;
    static const char *const names[] = {"null",     "a boolean", "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    struct fixture fixture;
    struct json_value top = fixture_top(&fixture, "[null,false,true,1,\"\",[],{}]");
    int type = JSON_NULL;
    for (struct json_iter it = json_each(top); json_next(&it); type++) {
        assert_false(json_present(it.key));
        assert_int_equal(json_type(it.value), type);
        assert_true(json_is(it.value, (enum json_type)type));
        assert_string_equal(json_type_name((enum json_type)type), names[type]);
    }
    assert_int_equal(type, JSON_OBJECT + 1);
    fixture_close(&fixture);
}

static const struct {
    const char *raw; /* in the text, between quotes */
    const char *decoded;
    size_t decoded_len;
} strings[] = {
    {"", "", 0},
    {"plain", "plain", 5},
    {"\xE2\x82\xAC", "\xE2\x82\xAC", 3},
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8},
    {"a\\u0000b", "a\0b", 3},
    {"\\u007f\\u0080\\u07FF\\u0800\\uFFFF", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 11},
    {"\\ud83d\\ude00", "\xF0\x9F\x98\x80", 4},
    {"\\uD800\\uDC00\\uDBFF\\uDFFF", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8},
    {"\\ud83d", "\xEF\xBF\xBD", 3},
    {"\\ude00", "\xEF\xBF\xBD", 3},
    {"\\ude00\\ud83d", "\xEF\xBF\xBD\xEF\xBF\xBD", 6},
    {"\\ud83d\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7},
    {"\\ud83dx", "\xEF\xBF\xBDx", 4},
    {"\\ud83d\\n", "\xEF\xBF\xBD\n", 4},
    {"\\ud83d\\u0041",
     "\xEF\xBF\xBD"
     "A",
     4},
    {"long text before the escape, more than 32 bytes\\nand after",
     "long text before the escape, "
     "more than 32 bytes\nand after",
     57},
};

static void decodes_strings(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        char text[256];
        struct fixture fixture;
        struct span decoded;
        snprintf(text, sizeof text, "\"%s\"", strings[i].raw);
        struct json_value top = fixture_top(&fixture, text);
        assert_span(json_raw(top), text);
        assert_span(json_escaped(top), strings[i].raw);
        assert_int_equal(json_string(top, &fixture.arena, &decoded), 0);
        assert_int_equal(decoded.len, strings[i].decoded_len);
        assert_memory_equal(decoded.ptr, strings[i].decoded, decoded.len);
        bool zero_copy = decoded.ptr == fixture.text.ptr + 1;
        assert_int_equal(zero_copy, strchr(strings[i].raw, '\\') == NULL);
        bool has_nul = strlen(strings[i].decoded) != strings[i].decoded_len;
        assert_int_equal(json_string_is(top, strings[i].decoded), !has_nul);
        assert_false(json_string_is(top, "something else"));
        snprintf(text, sizeof text, "%s+", strings[i].decoded);
        assert_false(json_string_is(top, text));
        fixture_close(&fixture);
    }
}

static void decoding_may_fail(void **state) {
    (void)state;
    struct fixture fixture;
    struct arena none;
    struct span text = SPAN_NONE;
    arena_init(&none, NULL, 0, 0);
    struct json_value top = fixture_top(&fixture, "[\"a\\nb\",\"ab\",1]");
    assert_int_equal(json_string(json_path(top, "0"), &none, &text), ERR_TOO_LARGE);
    assert_true(span_absent(text));
    assert_int_equal(json_string(json_path(top, "1"), &none, &text), 0);
    assert_int_equal(json_string(json_path(top, "2"), &none, &text), ERR_TYPE);
    fixture_close(&fixture);
}

static const struct {
    const char *text;
    int err;
    int64_t value;
} integers[] = {
    {"0", 0, 0},
    {"-0", 0, 0},
    {"7", 0, 7},
    {"-7", 0, -7},
    {"100", 0, 100},
    {"1.0", 0, 1},
    {"-1.000", 0, -1},
    {"1e3", 0, 1000},
    {"1E+3", 0, 1000},
    {"1.5e1", 0, 15},
    {"12.50e1", 0, 125},
    {"0.001e3", 0, 1},
    {"1000e-3", 0, 1},
    {"10.0e-1", 0, 1},
    {"0e999999999999999999999", 0, 0},
    {"0.000e-5", 0, 0},
    {"9223372036854775807", 0, INT64_MAX},
    {"-9223372036854775808", 0, INT64_MIN},
    {"9223372036854775807.0", 0, INT64_MAX},
    {"922337203685477580.7e1", 0, INT64_MAX},
    {"9007199254740993", 0, 9007199254740993},
    {"9223372036854775808", ERR_RANGE, 0},
    {"-9223372036854775809", ERR_RANGE, 0},
    {"18446744073709551617", ERR_RANGE, 0},
    {"1e19", ERR_RANGE, 0},
    {"1e400", ERR_RANGE, 0},
    {"1e99999999999999999999999", ERR_RANGE, 0},
    {"1.5", ERR_TYPE, 0},
    {"0.1", ERR_TYPE, 0},
    {"15e-1", ERR_TYPE, 0},
    {"1e-1", ERR_TYPE, 0},
    {"1e-99999999999999999999999", ERR_TYPE, 0},
    {"1.0000000000000000000000000001", ERR_TYPE, 0},
    {"\"1\"", ERR_TYPE, 0},
    {"null", ERR_TYPE, 0},
    {"true", ERR_TYPE, 0},
};

static void reads_integers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        struct fixture fixture;
        int64_t value = 4711;
        struct json_value top = fixture_top(&fixture, integers[i].text);
        int err = json_i64(top, &value);
        if (err != integers[i].err)
            fail_msg("%s: %s", integers[i].text, err_name(err));
        assert_int_equal(value, err == 0 ? integers[i].value : 4711);
        fixture_close(&fixture);
    }
}

static void reads_doubles(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int err;
        double value;
    } rows[] = {
        {"0", 0, 0.0},
        {"0.7", 0, 0.7},
        {"-1.5e3", 0, -1500.0},
        {"2.2250738585072014e-308", 0, 2.2250738585072014e-308},
        {"1.7976931348623157e308", 0, 1.7976931348623157e308},
        {"9007199254740993", 0, 9007199254740992.0},
        {"1e-400", 0, 0.0},
        {"0.10000000000000000000000000000000000000000000000000000000000000000000000000000000001", 0,
         0.1},
        {"1e309", ERR_RANGE, 0},
        {"-1e309", ERR_RANGE, 0},
        {"\"1\"", ERR_TYPE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture fixture;
        double value = 4711;
        struct json_value top = fixture_top(&fixture, rows[i].text);
        int err = json_double(top, &value);
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].text, err_name(err));
        assert_true(value == (err == 0 ? rows[i].value : 4711));
        fixture_close(&fixture);
    }
}

/* The C library rounds correctly; so must the short way for short numbers, at and beyond its borders. */
static void doubles_are_nearest(void **state) {
    (void)state;
    static const char *const digits[] = {"0",   "1",    "7",   "12345678901234567",
                                         "0.1", "1.05", "-3.", "9007199254740992",
                                         "-0",  "9.5",  "62.", "9007199254740993"};
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++)
        for (int exponent = -40; exponent <= 40; exponent++) {
            char text[64];
            struct fixture fixture;
            double value = 4711;
            bool point = strchr(digits[i], '.') != NULL && digits[i][strlen(digits[i]) - 1] == '.';
            (void)snprintf(text, sizeof text, "%s%se%d", digits[i], point ? "625" : "", exponent);
            double expected = strtod(text, NULL);
            assert_int_equal(json_double(fixture_top(&fixture, text), &value), 0);
            if (memcmp(&value, &expected, sizeof value) != 0)
                fail_msg("%s: %.17g, not %.17g", text, value, expected);
            fixture_close(&fixture);
        }
}

static void reads_booleans(void **state) {
    (void)state;
    struct fixture fixture;
    bool value = false;
    struct json_value top = fixture_top(&fixture, "[true,false,0]");
    assert_int_equal(json_bool(json_path(top, "0"), &value), 0);
    assert_true(value);
    assert_int_equal(json_bool(json_path(top, "1"), &value), 0);
    assert_false(value);
    assert_int_equal(json_bool(json_path(top, "2"), &value), ERR_TYPE);
    fixture_close(&fixture);
}

static const char look_up_text[] =
    "{\"a\":1,\"a\":2,\"b\\u0063\":{\"x\":[10,[20,{\"deep\":\"yes\"}]]},\"\":3,\"0\":{\"1\":4},"
    "\"\\ud83d\\ude00\":5,\"a\\u0000\":6}";

static void looks_up(void **state) {
    (void)state;
    static const struct {
        const char *path;
        const char *raw; /* NULL: absent */
    } rows[] = {
        {"a", "1"},         {"bc.x", "[10,[20,{\"deep\":\"yes\"}]]"},
        {"bc.x.0", "10"},   {"bc.x.1.1.deep", "\"yes\""},
        {"bc.x.2", NULL},   {"bc.x.-1", NULL},
        {"bc.x.one", NULL}, {"bc.x.1.1.deep.no", NULL},
        {"nope", NULL},     {"a.b", NULL},
        {"0.1", "4"},       {"\xF0\x9F\x98\x80", "5"},
        {"b", NULL},        {"bcd", NULL},
        {"b\\u0063", NULL}, {"bc.x.99999999999999999999999", NULL},
    };
    struct fixture fixture;
    struct json_value top = fixture_top(&fixture, look_up_text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_value found = json_path(top, rows[i].path);
        assert_int_equal(json_present(found), rows[i].raw != NULL);
        if (rows[i].raw != NULL)
            assert_span(json_raw(found), rows[i].raw);
    }
    assert_span(json_raw(json_get(top, "")), "3");
    assert_span(json_raw(json_path(top, "")), look_up_text);
    assert_false(json_present(json_get(json_get(top, "a"), "a")));
    assert_int_equal(json_count(top), 7);
    fixture_close(&fixture);
}

static void iterates(void **state) {
    (void)state;
    struct fixture fixture;
    struct dynbuf seen;
    dynbuf_init(&seen, 4096);
    struct json_value top = fixture_top(&fixture, "{\"a\":[1,[2]],\"b\":{},\"a\":\"x\"}");
    for (struct json_iter it = json_each(top); json_next(&it);) {
        struct span key = json_escaped(it.key);
        struct span raw = json_raw(it.value);
        assert_int_equal(dynbuf_append_format(&seen, "%.*s=%.*s;", SPAN_ARG(key), SPAN_ARG(raw)),
                         0);
    }
    assert_span(dynbuf_span(&seen), "a=[1,[2]];b={};a=\"x\";");
    struct json_iter it = json_each(json_get(top, "b"));
    assert_false(json_next(&it));
    assert_false(json_next(&it));
    dynbuf_done(&seen);
    fixture_close(&fixture);
}

static void tells_places(void **state) {
    (void)state;
    static const char *const places[] = {
        "",
        "messages",
        "messages",
        "messages[0]",
        "messages[1]",
        "messages[1].content",
        "messages[1].content",
        "messages[1].content[0]",
        "messages[2]",
        "max_tokens",
        "max_tokens",
        "[\"a b\"]",
        "[\"a b\"]",
        "[\"a b\"].c-d",
        "[\"a b\"].c-d",
        "[\"\"]",
        "[\"\"]",
    };
    struct fixture fixture;
    fixture_top(&fixture, "{\"messages\":[1,{\"content\":[true]},[]],\"max_tokens\":5,"
                          "\"a b\":{\"c-d\":null},\"\":0}");
    assert_int_equal(fixture.doc.count, sizeof places / sizeof places[0]);
    for (uint32_t i = 0; i < fixture.doc.count; i++)
        assert_string_equal(json_place((struct json_value){&fixture.doc, i}, &fixture.arena),
                            places[i]);
    struct arena none;
    arena_init(&none, NULL, 0, 0);
    assert_string_equal(json_place((struct json_value){&fixture.doc, 3}, &none), "");
    fixture_close(&fixture);
}

static void cuts_long_names_in_places(void **state) {
    (void)state;
    char text[512] = "{\"";
    for (int i = 0; i < 30; i++)
        strncat(text, "\xE6\xA1\xA5", 4);
    strncat(text, "\":1}", 5);
    struct fixture fixture;
    fixture_top(&fixture, text);
    const char *place = json_place((struct json_value){&fixture.doc, 2}, &fixture.arena);
    assert_int_equal(strlen(place), 2 + 63 + 3 + 2); /* whole characters only */
    assert_non_null(strstr(place, "\xA5...\"]"));
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_harmless),
        cmocka_unit_test(names_types),
        cmocka_unit_test(decodes_strings),
        cmocka_unit_test(decoding_may_fail),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_doubles),
        cmocka_unit_test(doubles_are_nearest),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(looks_up),
        cmocka_unit_test(iterates),
        cmocka_unit_test(tells_places),
        cmocka_unit_test(cuts_long_names_in_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
