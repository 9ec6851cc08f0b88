// SPDX-License-Identifier: Apache-2.0
/*
 * The token estimate: weights by script, the two rules that are not per code point, escapes, pieces.
 */
#include "base/check.h"
#include "message/event.h"
#include "message/tokens.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *text; /* escaped */
    uint64_t tokens;
} cases[] = {
    {"", 0},
    {"a", 1},
    {"abcde", 1},
    {"abcdef", 2},
    {"Hello world, again", 4}, /* 15 letters, a comma, 2 spaces */
    {"1234567890", 5},         /* 10 digits */
    {"\\n\\n\\n", 3},
    {"\\t\\t", 1},
    {"\\\"\\\\\\/", 2},                                      /* three marks */
    {"\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82", 2}, /* 6 Cyrillic */
    {"\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442", 2},       /* the same, escaped */
    {"\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xB8\x96\xE7\x95\x8C", 3}, /* 4 Han */
    {"\xED\x95\x9C\xEA\xB5\xAD", 2},                         /* 2 Hangul */
    {"\xE3\x81\x82\xE3\x81\x84", 2},                         /* 2 Kana */
    {"\xF0\x9F\x98\x80", 3},
    {"\\ud83d\\ude00", 3}, /* one emoji as a pair */
    {"\\ud83d", 3},        /* half of one */
    {"\xE1\x88\xB0", 2},   /* Ethiopic */
    {"\xCE\xB1\xCE\xB2\xCE\xB3", 2},
    {"\xE1\xBA\xA1\xE1\xBA\xA1\xE1\xBA\xA1\xE1\xBA\xA1", 1}, /* Vietnamese */
    {"caf\xC3\xA9", 1}, /* one accent in four letters: within the share it is a letter */
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaa",
     69},                                             /* a run of 100 */
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 8},   /* 39: not yet */
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 28}, /* 40 */
};

static void weighs_scripts(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        uint64_t tokens = tokens_estimate(span_text(cases[i].text));
        if (tokens != cases[i].tokens)
            fail_msg("row %zu (%s): %llu, not %llu", i, cases[i].text, (unsigned long long)tokens,
                     (unsigned long long)cases[i].tokens);
    }
    assert_int_equal(tokens_estimate(SPAN_NONE), 0);
}

/* Accents count dearly, but only up to their share of the letters. */
static void accents_count_by_share(void **state) {
    char text[400];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof text; i += 20)
        text[i] = ' ';
    uint64_t plain = tokens_estimate(span_of(text, sizeof text));
    for (size_t i = 1; i < sizeof text; i += 20)
        memcpy(text + i, "\xC3\xA9", 2);
    uint64_t few = tokens_estimate(span_of(text, sizeof text));
    for (size_t i = 3; i + 1 < sizeof text; i += 20)
        for (size_t j = 0; j < 16; j += 2)
            memcpy(text + i + j, "\xC3\xA9", 2);
    uint64_t many = tokens_estimate(span_of(text, sizeof text));
    assert_true(few > plain);
    assert_true(many < 2 * plain);
}

static void pieces_make_the_whole(void **state) {
    static const char text[] =
        "Gr\\u00fc\\u00dfe aus K\xC3\xB6ln, 0123456789abcdef0123456789abcdef0123456789abcdef "
        "\xE4\xBD\xA0\xE5\xA5\xBD\\n";
    struct span whole = {text, sizeof text - 1};
    (void)state;
    static const size_t cuts[] = {1, 2, 14, 20, 40, 60, 70};
    for (size_t i = 0; i < array_length(cuts); i++) {
        size_t cut = cuts[i];
        while ((whole.ptr[cut] & 0xC0) == 0x80 || (cut >= 2 && cut < 14))
            cut++;
        struct token_counter counter = {0};
        tokens_count(&counter, span_of(whole.ptr, cut));
        tokens_count(&counter, span_of(whole.ptr + cut, whole.len - cut));
        assert_int_equal(tokens_total(&counter), tokens_estimate(whole));
    }
}

/* What is no escaped text must still be harmless: every cut of every row, from memory of exactly that size. */
static void takes_any_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++)
        for (size_t length = 1; length < strlen(cases[i].text); length++) {
            char *copy = test_malloc(length);
            memcpy(copy, cases[i].text, length);
            assert_true(tokens_estimate(span_of(copy, length)) <= 4 * length);
            test_free(copy);
        }
}

static void prompts_by_size(void **state) {
    struct part parts[] = {{.kind = PART_TEXT}, {.kind = PART_IMAGE}};
    struct message messages[] = {{.parts = parts, .part_count = 2}, {.part_count = 0}};
    struct task task = {.prompt_bytes = 401,
                        .chat = {.messages = messages, .message_count = 2, .tool_count = 1}};
    (void)state;
    assert_int_equal(tokens_of_prompt(&task), 101 + 3 + 2 * 4 + 8 + 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_scripts),        cmocka_unit_test(accents_count_by_share),
        cmocka_unit_test(pieces_make_the_whole), cmocka_unit_test(takes_any_bytes),
        cmocka_unit_test(prompts_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
