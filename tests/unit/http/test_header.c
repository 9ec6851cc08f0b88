// SPDX-License-Identifier: Apache-2.0
/*
 * The writer of fields and status lines, and request targets.
 */
#include "http_fixture.h"

#include "http/header.h"
#include "http/target.h"

#include <ctype.h>

static void test_written_fields(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *written; /* NULL: refused */
    } rows[] = {
        {"X-Y", "plain value", "X-Y: plain value\r\n"},
        {"X", "", "X: \r\n"},
        {"X", "a\r\nB: c", NULL},
        {"X", "a\nb", NULL},
        {"X", "a\rb", NULL},
        {"X", "a\tb", NULL},
        {"X", "a\x7f", NULL},
        {"X", "caf\xc3\xa9", NULL},
        {"", "a", NULL},
        {"X Y", "a", NULL},
        {"X:", "a", NULL},
        {"X\r\nY", "a", NULL},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct dynbuf out;
        dynbuf_init(&out, 1024);
        int err = http_write_header(&out, rows[i].name, span_text(rows[i].value));
        assert_int_equal(err, rows[i].written != NULL ? 0 : ERR_INVALID);
        assert_span(dynbuf_span(&out), rows[i].written != NULL ? rows[i].written : "");
        dynbuf_done(&out);
    }
}

static void test_written_value_with_nul(void **state) {
    (void)state;
    struct dynbuf out;
    dynbuf_init(&out, 1024);
    assert_int_equal(http_write_header(&out, "X", span_of("a\0b", 3)), ERR_INVALID);
    assert_int_equal(out.len, 0);
    dynbuf_done(&out);
}

/* Every byte at every place of names and values shorter and longer than a word. */
static void test_each_byte_at_each_place(void **state) {
    (void)state;
    struct dynbuf out;
    dynbuf_init(&out, 64);
    for (size_t length = 1; length <= 18; length++)
        for (size_t place = 0; place < length; place++)
            for (unsigned byte = 1; byte < 256; byte++) {
                char text[19] = "Abz-09Zy-abcdefghi";
                text[length] = '\0';
                text[place] = (char)byte;
                bool token = byte < 0x7f &&
                             (isalnum((int)byte) || strchr("!#$%&'*+-.^_`|~", (int)byte) != NULL);
                int as_name = http_write_header(&out, text, SPAN_LITERAL("v"));
                dynbuf_clear(&out);
                int as_value = http_write_header(&out, "N", span_text(text));
                dynbuf_clear(&out);
                assert_int_equal(as_name, token ? 0 : ERR_INVALID);
                assert_int_equal(as_value, byte >= 0x20 && byte <= 0x7e ? 0 : ERR_INVALID);
            }
    dynbuf_done(&out);
}

static void test_names_of_people(void **state) {
    (void)state;
    static const struct {
        const char *value, *written;
    } cases[] = {
        {"gpt-oss 100%", "X: gpt-oss 100%\r\n"},
        {"gr\xc3\xb6\xc3\x9f"
         "er",
         "X: gr%C3%B6%C3%9Fer\r\n"},
        {"a\r\nb: c", "X: a%0D%0Ab: c\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dynbuf out;
        dynbuf_init(&out, 64);
        assert_int_equal(http_write_header_encoded(&out, "X", span_text(cases[i].value)), 0);
        assert_span(dynbuf_span(&out), cases[i].written);
        dynbuf_done(&out);
    }
}

static void test_written_numbers_and_caps(void **state) {
    (void)state;
    struct dynbuf out;
    dynbuf_init(&out, 64);
    assert_int_equal(http_write_header_u64(&out, "A", 0), 0);
    assert_int_equal(http_write_header_u64(&out, "B", UINT64_MAX), 0);
    assert_span(dynbuf_span(&out), "A: 0\r\nB: 18446744073709551615\r\n");
    assert_int_equal(
        http_write_header(&out, "C", SPAN_LITERAL("0123456789012345678901234567890123")),
        ERR_TOO_LARGE);
    assert_span(dynbuf_span(&out), "A: 0\r\nB: 18446744073709551615\r\n");
    dynbuf_done(&out);
}

static void test_status_line(void **state) {
    (void)state;
    struct dynbuf out;
    dynbuf_init(&out, 1024);
    assert_int_equal(http_write_status(&out, 200), 0);
    struct span line = dynbuf_span(&out);
    assert_true(span_starts_with(line, "HTTP/1.1 200 OK\r\nDate: "));
    assert_true(span_ends_with(line, " GMT\r\n"));
    assert_int_equal(line.len, 17 + 37);
    dynbuf_clear(&out);
    assert_int_equal(http_write_status(&out, 799), 0);
    assert_true(span_starts_with(dynbuf_span(&out), "HTTP/1.1 799 "));
    assert_string_equal(http_status_text(431), "Request Header Fields Too Large");
    dynbuf_done(&out);
}

static const struct target_row {
    const char *method;
    const char *target;
    int err;
    const char *path;
    const char *query;
    const char *authority;
} targets[] = {
    {"GET", "/", 0, "/", NULL, NULL},
    {"GET", "/a/b?c=d?e", 0, "/a/b", "c=d?e", NULL},
    {"GET", "/a?", 0, "/a", "", NULL},
    {"GET", "//a//b", 0, "//a//b", NULL, NULL},
    {"GET", "/%2e%2E", 0, "/%2e%2E", NULL, NULL},
    {"POST", "http://h:1/a?b", 0, "/a", "b", "h:1"},
    {"POST", "HTTPS://h", 0, "/", NULL, "h"},
    {"POST", "http://[::1]:8/a", 0, "/a", NULL, "[::1]:8"},
    {"POST", "http://h?x", 0, "/", "x", "h"},
    {"OPTIONS", "*", 0, "*", NULL, NULL},
    {"GET", "*", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"OPTIONS", "*a", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"GET", "a/b", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"GET", "http://", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"GET", "http:///a", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"GET", "http://u:p@h/a", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"GET", "ftp://h/a", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"GET", "h:80", ERR_HTTP_SYNTAX, NULL, NULL, NULL},
    {"CONNECT", "h:443", ERR_UNSUPPORTED, NULL, NULL, NULL},
    {"CONNECT", "/", ERR_UNSUPPORTED, NULL, NULL, NULL},
    {"TRACE", "/", ERR_UNSUPPORTED, NULL, NULL, NULL},
};

static void assert_part(struct span part, const char *text) {
    assert_int_equal(span_absent(part), text == NULL);
    if (text != NULL)
        assert_span(part, text);
}

static void test_targets(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(targets); i++) {
        const struct target_row *row = &targets[i];
        struct http_target target;
        assert_int_equal(http_parse_target(span_text(row->method), span_text(row->target), &target),
                         row->err);
        if (row->err < 0)
            continue;
        assert_part(target.path, row->path);
        assert_part(target.query, row->query);
        assert_part(target.authority, row->authority);
    }
}

static void test_hosts(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool valid;
    } rows[] = {
        {"", true},         {"localhost:7274", true},
        {"[::1]:80", true}, {"a_b.example", true},
        {"a b", false},     {"a/b", false},
        {"u@h", false},     {"a?b", false},
        {"a\"b", false},    {"h#", false},
        {"caf\xe9", false},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        assert_int_equal(http_host_valid(span_text(rows[i].host)), rows[i].valid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_fields),
        cmocka_unit_test(test_written_value_with_nul),
        cmocka_unit_test(test_each_byte_at_each_place),
        cmocka_unit_test(test_names_of_people),
        cmocka_unit_test(test_written_numbers_and_caps),
        cmocka_unit_test(test_status_line),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_hosts),
    };
    return cmocka_run_group_tests_name("http_header", tests, NULL, NULL);
}
