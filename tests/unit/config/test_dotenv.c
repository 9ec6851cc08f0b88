// SPDX-License-Identifier: Apache-2.0
/*
 * Every form of a line in a .env, and those that are refused.
 */
#include "config_fixture.h"

#include "config/dotenv.h"

struct expected {
    const char *name, *value; /* value NULL: refused */
    const char *why;
    unsigned line;
};

struct sample {
    const char *text;
    struct expected entries[4];
};

#define SEVERAL "has a value over several lines, which is not supported"
#define REFERS  "refers to another variable; write the value itself"
#define ESCAPE  "has an escape other than \\n, \\r, \\t, \\\", \\\\ and \\$"

static const struct sample samples[] = {
    {"", {{0}}},
    {"\n\n# A=1\n  # B=2\n", {{0}}},
    {"A=1", {{"A", "1", NULL, 1}}},
    {"A=1\nB=2\n", {{"A", "1", NULL, 1}, {"B", "2", NULL, 2}}},
    {"A=1\r\nB=2\r\n", {{"A", "1", NULL, 1}, {"B", "2", NULL, 2}}},
    {"\xEF\xBB\xBF"
     "A=1\n",
     {{"A", "1", NULL, 1}}},
    {"export A=1\n", {{"A", "1", NULL, 1}}},
    {"\texport  A = 1 \n", {{"A", "1", NULL, 1}}},
    {"export=1\n", {{"export", "1", NULL, 1}}},
    {"export A\n", {{"A", NULL, "has no '=' behind it", 1}}},
    {"A\n", {{"A", NULL, "has no '=' behind it", 1}}},
    {"A: 1\n", {{"A", NULL, "has no '=' behind it", 1}}},
    {"A-B=1\n", {{"A", NULL, "has no '=' behind it", 1}}},
    {"1A=1\n=2\n  ???\n",
     {{"", NULL, "has no '=' behind it", 1},
      {"", NULL, "has no '=' behind it", 2},
      {"", NULL, "has no '=' behind it", 3}}},
    {"A=\nB= \nC=''\nD=\"\"\n",
     {{"A", "", NULL, 1}, {"B", "", NULL, 2}, {"C", "", NULL, 3}, {"D", "", NULL, 4}}},
    {"A=a#b # c\n", {{"A", "a#b", NULL, 1}}},
    {"A=#b\n", {{"A", "", NULL, 1}}},
    {"A= a b \t# c\n", {{"A", "a b", NULL, 1}}},
    {"A=a=b==\n", {{"A", "a=b==", NULL, 1}}},
    {"A=it's\n", {{"A", "it's", NULL, 1}}},
    {"A=a\\nb\n", {{"A", "a\\nb", NULL, 1}}},
    {"A='a # b\\n$c \"' # d\n", {{"A", "a # b\\n$c \"", NULL, 1}}},
    {"A=`a\"b`\n", {{"A", "a\"b", NULL, 1}}},
    {"A=\"a\\n\\r\\t\\\"\\\\\\$\\'b\" # c\n", {{"A", "a\n\r\t\"\\$'b", NULL, 1}}},
    {"A=\"a\\xb\"\nB=2\n", {{"A", NULL, ESCAPE, 1}, {"B", "2", NULL, 2}}},
    {"A=\"a\\", {{"A", NULL, ESCAPE, 1}}},
    {"A=\"a$B\"\n", {{"A", NULL, REFERS, 1}}},
    {"A=${B}\nC=$(id)\nD=a$b\n",
     {{"A", NULL, REFERS, 1}, {"C", NULL, REFERS, 2}, {"D", "a$b", NULL, 3}}},
    {"A='a' b\n", {{"A", NULL, "has text behind its closing quote", 1}}},
    {"A='a'#b\n", {{"A", "a", NULL, 1}}},
    {"A=\"-----BEGIN\nB=1\n-----END\"\nC=3\n", {{"A", NULL, SEVERAL, 1}, {"C", "3", NULL, 4}}},
    {"A='open\nB=2\n", {{"A", NULL, SEVERAL, 1}, {"B", "2", NULL, 2}}},
    {"A='", {{"A", NULL, SEVERAL, 1}}},
    {"A=a\\\nB=2\n", {{"A", NULL, SEVERAL, 1}, {"B", "2", NULL, 2}}},
};

static void expect_entries(const struct sample *sample) {
    static struct dotenv dotenv;
    struct dotenv_entry entry;
    size_t seen = 0;
    dotenv_begin(&dotenv, span_text(sample->text));
    for (; dotenv_next(&dotenv, &entry); seen++) {
        const struct expected *expected = &sample->entries[seen];
        if (seen == array_length(sample->entries) || expected->name == NULL)
            fail_msg("for:\n%s\none entry too many: %.*s", sample->text, SPAN_ARG(entry.name));
        assert_span(entry.name, expected->name);
        assert_int_equal(entry.line, expected->line);
        if (expected->value == NULL)
            assert_true(span_absent(entry.value) || entry.value.len == 0);
        if (expected->why != NULL ? entry.why == NULL || strcmp(entry.why, expected->why) != 0
                                  : entry.why != NULL)
            fail_msg("for:\n%s\nexpected: %s\ngot: %s", sample->text, expected->why, entry.why);
        if (expected->value != NULL)
            assert_span(entry.value, expected->value);
    }
    if (seen < array_length(sample->entries) && sample->entries[seen].name != NULL)
        fail_msg("for:\n%s\nmissing: %s", sample->text, sample->entries[seen].name);
    dotenv_end(&dotenv);
}

static void reads_every_form(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(samples); i++)
        expect_entries(&samples[i]);
}

static void caps_values_and_wipes_them(void **state) {
    static struct dotenv dotenv;
    struct dotenv_entry entry;
    struct dynbuf text;
    (void)state;
    dynbuf_init(&text, 3 * DOTENV_VALUE_MAX_BYTES);
    assert_int_equal(dynbuf_append_text(&text, "A='"), 0);
    for (size_t i = 0; i < DOTENV_VALUE_MAX_BYTES; i++)
        assert_int_equal(dynbuf_append_char(&text, 'k'), 0);
    assert_int_equal(dynbuf_append_text(&text, "'\nB="), 0);
    for (size_t i = 0; i < DOTENV_VALUE_MAX_BYTES - 10; i++)
        assert_int_equal(dynbuf_append_char(&text, 'k'), 0);
    assert_int_equal(dynbuf_append_text(&text, "0123456789x\n"), 0);
    dotenv_begin(&dotenv, dynbuf_span(&text));
    assert_true(dotenv_next(&dotenv, &entry));
    assert_null(entry.why);
    assert_int_equal(entry.value.len, DOTENV_VALUE_MAX_BYTES);
    assert_true(dotenv_next(&dotenv, &entry));
    assert_string_equal(entry.why, "has a value that is too long");
    assert_false(dotenv_next(&dotenv, &entry));
    dotenv_end(&dotenv);
    for (size_t i = 0; i < sizeof dotenv.value; i++)
        assert_int_equal(dotenv.value[i], 0);
    dynbuf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(caps_values_and_wipes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
