// SPDX-License-Identifier: Apache-2.0
/*
 * The writer: what it escapes, that it is all or nothing, and that reading gives back what was written.
 */
#include "json_fixture.h"

#include "base/rand.h"

#include <stdio.h>

#define BUFFER_CAP    65536
#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
    const char *text;
    size_t len;
    const char *written; /* without the quotes */
} rows[] = {
    {TEXT(""), ""},
    {TEXT("plain / text"), "plain / text"},
    {TEXT("\"\\"), "\\\"\\\\"},
    {TEXT("\b\f\n\r\t"), "\\b\\f\\n\\r\\t"},
    {TEXT("\0\x01\x0B\x1F\x7F"), "\\u0000\\u0001\\u000b\\u001f\x7F"},
    {TEXT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
    {TEXT("\xEF\xBF\xBD"), "\xEF\xBF\xBD"},
    {TEXT("a\xFF"
          "b"),
     "a\xEF\xBF\xBD"
     "b"},
    {TEXT("\x80\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {TEXT("\xE2\x82"), "\xEF\xBF\xBD"},
    {TEXT("\xF0\x9F\x98"), "\xEF\xBF\xBD"},
    {TEXT("\xF0\x9F\x98\""), "\xEF\xBF\xBD\\\""},
    {TEXT("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {TEXT("\xE0\x80\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {TEXT("sixteen bytes.. and then sixteen more, and a quote \" and a long tail of text"),
     "sixteen bytes.. and then sixteen more, and a quote \\\" and a long tail of text"},
};

static void escapes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct dynbuf out;
        struct span escaped;
        struct span text = span_of(rows[i].text, rows[i].len);
        arena_init(&arena, NULL, 0, BUFFER_CAP);
        dynbuf_init(&out, BUFFER_CAP);
        assert_int_equal(json_escape(text, &arena, &escaped), 0);
        assert_span(escaped, rows[i].written);
        bool same = span_equal(text, escaped);
        assert_int_equal(escaped.ptr == text.ptr, same);
        assert_int_equal(json_write_string(&out, text), 0);
        assert_int_equal(dynbuf_append_char(&out, ' '), 0);
        assert_int_equal(json_write_escaped(&out, escaped), 0);
        char expected[256];
        snprintf(expected, sizeof expected, "\"%s\" \"%s\"", rows[i].written, rows[i].written);
        assert_span(dynbuf_span(&out), expected);
        dynbuf_done(&out);
        arena_reset(&arena);
    }
}

static void writes_absent_as_empty(void **state) {
    (void)state;
    struct dynbuf out;
    struct arena arena;
    struct span text;
    arena_init(&arena, NULL, 0, 0);
    dynbuf_init(&out, BUFFER_CAP);
    assert_int_equal(json_write_string(&out, SPAN_NONE), 0);
    assert_int_equal(json_write_escaped(&out, SPAN_NONE), 0);
    assert_int_equal(json_write_member_string(&out, "", SPAN_NONE), 0);
    assert_span(dynbuf_span(&out), "\"\"\"\"\"\":\"\"");
    assert_int_equal(json_escape(SPAN_NONE, &arena, &text), 0);
    assert_span(text, "");
    assert_int_equal(json_unescape(SPAN_NONE, &arena, &text), 0);
    assert_span(text, "");
    dynbuf_done(&out);
}

static void writes_members_and_numbers(void **state) {
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } numbers[] = {
        {0, "0"},
        {7, "7"},
        {-7, "-7"},
        {10, "10"},
        {1732442000, "1732442000"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct dynbuf out;
    dynbuf_init(&out, BUFFER_CAP);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        dynbuf_clear(&out);
        assert_int_equal(json_write_i64(&out, numbers[i].value), 0);
        assert_span(dynbuf_span(&out), numbers[i].text);
    }
    dynbuf_clear(&out);
    assert_int_equal(json_write_member_string(&out, "na\"me", span_text("va\nlue")), 0);
    assert_span(dynbuf_span(&out), "\"na\\\"me\":\"va\\nlue\"");
    dynbuf_done(&out);
}

static int write_one(struct dynbuf *out, unsigned which) {
    if (which == 0)
        return json_write_string(out, span_text("a\nb"));
    if (which == 1)
        return json_write_escaped(out, span_text("a\\nb"));
    if (which == 2)
        return json_write_member_string(out, "n", span_text("\x01"));
    return json_write_i64(out, -123456);
}

/* At every cap either all of it is there or nothing. */
static void is_all_or_nothing(void **state) {
    (void)state;
    static const size_t lengths[] = {6, 6, 12, 7};
    for (unsigned which = 0; which < 4; which++)
        for (size_t cap = 0; cap < 20; cap++) {
            struct dynbuf out;
            dynbuf_init(&out, cap + 2);
            assert_int_equal(dynbuf_append_text(&out, "[]"), 0);
            int err = write_one(&out, which);
            assert_int_equal(err, cap >= lengths[which] ? 0 : ERR_TOO_LARGE);
            assert_int_equal(out.len, 2 + (err == 0 ? lengths[which] : 0));
            dynbuf_done(&out);
        }
}

static void refuses_beyond_the_arena(void **state) {
    (void)state;
    struct arena none;
    struct span text = SPAN_NONE;
    arena_init(&none, NULL, 0, 0);
    assert_int_equal(json_escape(span_text("a\nb"), &none, &text), ERR_TOO_LARGE);
    assert_int_equal(json_unescape(span_text("a\\nb"), &none, &text), ERR_TOO_LARGE);
    assert_true(span_absent(text));
}

static void unescapes_only_escapes(void **state) {
    (void)state;
    static const char *const bad[] = {"\\",    "a\\",     "\\x",       "\\u",
                                      "\\u12", "\\u123g", "\\ud83d\\", "a\\u"};
    struct arena arena;
    struct span text = SPAN_NONE;
    arena_init(&arena, NULL, 0, BUFFER_CAP);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(json_unescape(span_text(bad[i]), &arena, &text), ERR_INVALID);
    assert_true(span_absent(text));
    assert_int_equal(json_unescape(span_text("a\\ud83d\\ude00\\n"), &arena, &text), 0);
    assert_span(text, "a\xF0\x9F\x98\x80\n");
    arena_reset(&arena);
}

/* Cutting escaped text anywhere either fails or gives a beginning of the whole, up to a lone surrogate. */
static void cuts_escapes_anywhere(void **state) {
    (void)state;
    static const char escaped[] = "x\\u00e9\\ud83d\\ude00\\\\\\\"\\ude00\\ud83dy";
    static const char decoded[] = "x\xC3\xA9\xF0\x9F\x98\x80\\\"\xEF\xBF\xBD\xEF\xBF\xBDy";
    for (size_t len = 0; len < sizeof escaped; len++) {
        struct arena arena;
        struct span head;
        struct span tail;
        arena_init(&arena, NULL, 0, BUFFER_CAP);
        char *copy = mem_strndup(escaped, len);
        int err = json_unescape(span_of(copy, len), &arena, &head);
        bool lone = len == 13; /* after the first half of the pair */
        if (err == 0 && !lone) {
            assert_memory_equal(head.ptr, decoded, head.len);
            assert_int_equal(json_unescape(span_text(escaped + len), &arena, &tail), 0);
            assert_int_equal(head.len + tail.len, sizeof decoded - 1);
            assert_memory_equal(tail.ptr, decoded + head.len, tail.len);
        } else if (err == 0) {
            assert_span(head, "x\xC3\xA9\xEF\xBF\xBD");
        } else {
            assert_int_equal(err, ERR_INVALID);
        }
        mem_free(copy);
        arena_reset(&arena);
    }
}

static size_t make_text(struct rand *rand, char *text, size_t most) {
    static const char *const parts[] = {"a",
                                        "word ",
                                        "\"",
                                        "\\",
                                        "\n",
                                        "\x01",
                                        "\xC3\xA9",
                                        "\xE6\xA1\xA5",
                                        "\xF0\x9F\x98\x80",
                                        "a longer run of plain text, forty bytes or so. "};
    size_t wanted = rand_below(rand, most);
    size_t len = 0;
    for (;;) {
        const char *part = parts[rand_below(rand, sizeof parts / sizeof parts[0])];
        if (len + strlen(part) > wanted)
            return len;
        memcpy(text + len, part, strlen(part));
        len += strlen(part);
    }
}

static void reads_what_it_wrote(void **state) {
    (void)state;
    struct rand rand;
    struct dynbuf out;
    rand_seed(&rand, 7);
    dynbuf_init(&out, BUFFER_CAP);
    for (int i = 0; i < 3000; i++) {
        char text[600];
        struct fixture fixture;
        struct span read;
        size_t len = make_text(&rand, text, sizeof text);
        dynbuf_clear(&out);
        assert_int_equal(json_write_string(&out, span_of(text, len)), 0);
        assert_int_equal(fixture_open(&fixture, dynbuf_span(&out)), 0);
        assert_int_equal(json_string(json_top(&fixture.doc), &fixture.arena, &read), 0);
        assert_int_equal(read.len, len);
        assert_memory_equal(read.ptr, text, len);
        fixture_close(&fixture);
    }
    dynbuf_done(&out);
}

/* Whatever the bytes: valid JSON, and writing the result again changes nothing. */
static void writes_any_bytes(void **state) {
    (void)state;
    struct rand rand;
    struct dynbuf out;
    rand_seed(&rand, 8);
    dynbuf_init(&out, BUFFER_CAP);
    for (int i = 0; i < 3000; i++) {
        char text[100];
        struct fixture fixture;
        struct span once;
        struct span twice;
        size_t len = rand_below(&rand, sizeof text);
        for (size_t k = 0; k < len; k++)
            text[k] = (char)rand_below(&rand, 256);
        dynbuf_clear(&out);
        assert_int_equal(json_write_string(&out, span_of(text, len)), 0);
        assert_int_equal(fixture_open(&fixture, dynbuf_span(&out)), 0);
        assert_int_equal(json_string(json_top(&fixture.doc), &fixture.arena, &once), 0);
        assert_int_equal(json_escape(once, &fixture.arena, &twice), 0);
        assert_true(span_equal(twice, json_escaped(json_top(&fixture.doc))));
        fixture_close(&fixture);
    }
    dynbuf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(writes_absent_as_empty),
        cmocka_unit_test(writes_members_and_numbers),
        cmocka_unit_test(is_all_or_nothing),
        cmocka_unit_test(refuses_beyond_the_arena),
        cmocka_unit_test(unescapes_only_escapes),
        cmocka_unit_test(cuts_escapes_anywhere),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(writes_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
