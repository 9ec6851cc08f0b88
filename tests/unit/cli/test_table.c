// SPDX-License-Identifier: Apache-2.0
/*
 * Tables and texts on a terminal: columns of UTF-8, what is cut and what is left out at which width, and that no text steers the
 * terminal.
 */
#include "cli/answer.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void counts_columns(void **state) {
    static const struct {
        const char *text;
        size_t columns;
    } cases[] = {
        {"", 0},
        {"plain", 5},
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         5},
        {"e\xcc\x81", 1},                       /* e and a combining accent */
        {"\xe6\xa8\xa1\xe5\x9e\x8b", 4},        /* two wide letters */
        {"\xf0\x9f\x8e\x89", 2},                /* an emoji */
        {"\xff\xfe", 2},                        /* no UTF-8: a column a byte */
        {"\xe6\xa8", 2},                        /* cut off in a letter */
        {"\xc0\xaf", 2},                        /* overlong */
        {"\xd0\x9c\xd0\xbe\xd0\xb4\xd0\xb5", 4} /* Cyrillic */
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++)
        if (width_columns(span_text(cases[i].text)) != cases[i].columns)
            fail_msg("case %zu: %zu columns", i, width_columns(span_text(cases[i].text)));
}

static void cuts_between_letters(void **state) {
    struct span text = SPAN_LITERAL("a\xe6\xa8\xa1\xe5\x9e\x8b");
    static const size_t bytes[] = {0, 1, 1, 4, 4, 7, 7};
    (void)state;
    for (size_t i = 0; i < array_length(bytes); i++)
        assert_int_equal(width_cut(text, i).len, bytes[i]);
}

static void takes_out_what_steers(void **state) {
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"a\033[31mred", "a?[31mred"},
        {"tab\there\nnext", "tab?here?next"},
        {"del\x7f", "del?"},
        {"c1\xc2\x9b"
         "31m",
         "c1?31m"},
        {"turn\xe2\x80\xae"
         "ed",
         "turn?ed"},
        {"broken\xc3", "broken?"},
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct dynbuf out;
        dynbuf_init(&out, 64);
        assert_int_equal(width_append_safe(&out, span_text(cases[i].text)), 0);
        if (!span_is(dynbuf_span(&out), cases[i].shown))
            fail_msg("case %zu: %.*s", i, SPAN_ARG(dynbuf_span(&out)));
        dynbuf_done(&out);
    }
}

static void asks_for_the_width(void **state) {
    FILE *file = tmpfile();
    (void)state;
    assert_int_equal(unsetenv("COLUMNS"), 0);
    assert_int_equal(width_of(file), 0);
    assert_int_equal(setenv("COLUMNS", "61", 1), 0);
    assert_int_equal(width_of(file), 61);
    static const char *const ignored[] = {"", "x", "0", "19", "1001", "-80"};
    for (size_t i = 0; i < array_length(ignored); i++) {
        assert_int_equal(setenv("COLUMNS", ignored[i], 1), 0);
        assert_int_equal(width_of(file), 0);
    }
    assert_int_equal(fclose(file), 0);
}

static const struct table_column columns[] = {
    {.head = "NAME", .least = 4},
    {.head = "COUNT", .right = true, .give_up = 2},
    {.head = "WHY", .least = 6, .give_up = 1},
    {.head = "ID"},
};

#define WHOLE                                                 \
    "NAME               COUNT  WHY                      ID\n" \
    "Gr\xc3\xbc\xc3\x9f"                                      \
    "e                  1  -                        r1\n"     \
    "a-much-longer-one   1000  because it is like that  r2\n"

static void fill(struct table *table) {
    table_cell(table, SPAN_LITERAL("Gr\xc3\xbc\xc3\x9f"
                                   "e"));
    table_number(table, 1);
    table_cell(table, SPAN_NONE);
    table_cell(table, SPAN_LITERAL("r1"));
    table_cell(table, SPAN_LITERAL("a-much-longer-one"));
    table_number(table, 1000);
    table_cell(table, SPAN_LITERAL("because it is like that"));
    table_cell(table, SPAN_LITERAL("r2"));
}

static void write_at(int room, struct page *page) {
    struct table table;
    table_init(&table, columns, array_length(columns), room);
    page_init(page);
    fill(&table);
    table_write(&table, page);
    assert_int_equal(page->err, 0);
    table_done(&table);
}

static void is_whole_without_a_limit(void **state) {
    struct page page;
    (void)state;
    write_at(0, &page);
    assert_int_equal(dynbuf_append_char(&page.out, '\0'), 0);
    assert_string_equal(dynbuf_span(&page.out).ptr, WHOLE);
    dynbuf_done(&page.out);
}

/* Every width: no line is wider, all rows are there, and the column that is never cut or left out stands in each. */
static void fits_every_width(void **state) {
    (void)state;
    for (int room = 20; room <= 200; room++) {
        struct page page;
        write_at(room, &page);
        struct span rest = dynbuf_span(&page.out), line;
        uint32_t lines = 0;
        static const char *const ids[] = {"ID", "r1", "r2"};
        while (span_split(&rest, '\n', &line) && line.len > 0) {
            if (width_columns(line) > (size_t)room)
                fail_msg("%d: %zu columns: %.*s", room, width_columns(line), SPAN_ARG(line));
            assert_true(span_ends_with(line, ids[lines++]));
        }
        assert_int_equal(lines, 3);
        assert_int_equal(span_contains(dynbuf_span(&page.out), "COUNT"), room >= 20);
        assert_int_equal(span_contains(dynbuf_span(&page.out), "WHY"), room >= 23);
        assert_int_equal(span_contains(dynbuf_span(&page.out), "~"), room < 53);
        dynbuf_done(&page.out);
    }
}

static void writes_the_head_once(void **state) {
    struct table table;
    struct page page;
    (void)state;
    table_init(&table, columns, array_length(columns), 80);
    page_init(&page);
    fill(&table);
    table_write(&table, &page);
    dynbuf_clear(&page.out);
    fill(&table);
    table_write(&table, &page);
    assert_false(span_contains(dynbuf_span(&page.out), "NAME"));
    assert_true(span_contains(dynbuf_span(&page.out), "r2"));
    dynbuf_done(&page.out);
    table_done(&table);
}

static void reads_answers(void **state) {
    static const char text[] =
        "{\"name\":\"\\u001b[2Jx\",\"none\":null,\"at\":\"2026-11-24T10:11:12.345Z\",\"odd\":"
        "\"soon\",\"n\":12,\"yes\":true}";
    struct answer answer;
    (void)state;
    assert_true(answer_read(&answer, span_text(text)));
    assert_true(span_is(answer_text(&answer, answer.top, "name"), "?[2Jx"));
    assert_true(span_absent(answer_text(&answer, answer.top, "none")));
    assert_true(span_absent(answer_text(&answer, answer.top, "n")));
    assert_true(span_is(answer_time(&answer, answer.top, "at"), "2026-11-24 10:11:12"));
    assert_true(span_is(answer_time(&answer, answer.top, "odd"), "soon"));
    assert_int_equal(answer_number(answer.top, "n"), 12);
    assert_int_equal(answer_number(answer.top, "name"), 0);
    assert_true(answer_is_true(answer.top, "yes"));
    assert_false(answer_is_true(answer.top, "n"));
    answer_done(&answer);
    assert_false(answer_read(&answer, SPAN_LITERAL("<html>")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_columns),           cmocka_unit_test(cuts_between_letters),
        cmocka_unit_test(takes_out_what_steers),    cmocka_unit_test(asks_for_the_width),
        cmocka_unit_test(is_whole_without_a_limit), cmocka_unit_test(fits_every_width),
        cmocka_unit_test(writes_the_head_once),     cmocka_unit_test(reads_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
