// SPDX-License-Identifier: Apache-2.0
/*
 * Escapes at every place of the blocks in which strings are walked: runs of backslashes across a border, \u cut by a border or
 * by the end of the text, a quote that closes and one that does not. What the scanner says is compared with a walk byte by
 * byte that knows nothing of blocks.
 */
#include "json_fixture.h"

#include <ctype.h>

#define BEFORE_MAX 70
#define TEXT_MAX   256

/* Length of the escape at `at`, 0 when it is none. */
static size_t escape_length(const char *at, const char *end) {
    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return strchr("\"\\/bfnrt", at[1]) != NULL && at[1] != '\0' ? 2 : 0;
    for (int i = 2; i < 6; i++)
        if (at + i >= end || !isxdigit((unsigned char)at[i]))
            return 0;
    return 6;
}

/* Whether the text is one string and nothing else; ASCII only. */
static bool is_string(const char *at, const char *end, bool *ret_escaped) {
    *ret_escaped = false;
    for (at++; at < end && *at != '"';) {
        size_t length = *at == '\\' ? escape_length(at, end) : (size_t)((unsigned char)*at >= 0x20);
        if (length == 0)
            return false;
        *ret_escaped = *ret_escaped || *at == '\\';
        at += length;
    }
    return at + 1 == end;
}

static size_t build(char *text, size_t before, unsigned slashes, const char *tail) {
    size_t at = 0;
    text[at++] = '"';
    /* the first bytes are odd, so that the walk by blocks begins at once */
    for (size_t i = 0; i < before; i++)
        text[at++] = i == 0 ? '\\' : i == 1 ? 'n' : 'x';
    for (unsigned i = 0; i < slashes; i++)
        text[at++] = '\\';
    size_t length = strlen(tail);
    memcpy(text + at, tail, length);
    return at + length;
}

static void compare(const char *text, size_t len) {
    struct fixture fixture;
    bool escaped;
    bool expected = is_string(text, text + len, &escaped);
    int err = fixture_open(&fixture, span_of(text, len));
    if ((err == 0) != expected)
        fail_msg("%.*s: %s", (int)len, text, err_name(err));
    if (err == 0) {
        assert_int_equal(fixture.doc.count, 1);
        assert_int_equal(fixture.doc.nodes[0].end, len);
        assert_int_equal(fixture.doc.nodes[0].escaped, escaped);
    }
    fixture_close(&fixture);
}

static void at_each_place(void **state) {
    (void)state;
    static const char *const tails[] = {
        "\"",
        "n\"",
        "u00e9\"",
        "u00g9\"",
        "u00e",
        "q\"",
        "nn",
        "\"\"",
        "\"x\"",
        "/\"",
        "\x01\"",
        "n\x1f\"",
        "u12\"34",
        "uABcd\\n\"",
        "b\\\\\"",
        "t\\\"\"",
        "\\\\\\\"",
        "",
        "nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
        "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\q\"",
    };
    char text[TEXT_MAX];
    for (size_t before = 0; before <= BEFORE_MAX; before++)
        for (unsigned slashes = 0; slashes <= 6; slashes++)
            for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
                compare(text, build(text, before, slashes, tails[i]));
}

static void letters_are_exact(void **state) {
    (void)state;
    char text[TEXT_MAX];
    for (unsigned byte = 0x01; byte < 0x80; byte++)
        for (size_t before = 2; before <= 36; before += 17) {
            char tail[4] = {(char)byte, '.', '"', '\0'};
            compare(text, build(text, before, 1, tail));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_each_place),
        cmocka_unit_test(letters_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
