// SPDX-License-Identifier: Apache-2.0
/* Pages (wrapping, cells, JSON, the cap) and the catalog's limits in words. */
#include "cli/catalog_words.h"
#include "cli/page.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void lines_are_wrapped(void **state) {
    (void)state;
    struct page page;
    page_init(&page);
    page_line(&page, "nothing", "%s", "");
    assert_int_equal(page.out.len, 0);
    for (int i = 0; i < 40; i++)
        page_line(&page, "label",
                  "%.*s words that go on and on, %.*s and then some more of them to the end", i,
                  "0123456789012345678901234567890123456789", 2 * i,
                  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    struct span rest = dynbuf_span(&page.out), line;
    size_t longest = 0;
    while (span_split(&rest, '\n', &line)) {
        longest = line.len > longest ? line.len : longest;
        assert_true(line.len == 0 || span_starts_with(line, "  label       ") ||
                    span_starts_with(line, "              "));
        assert_false(span_ends_with(line, " "));
    }
    assert_true(longest > 80 && longest <= PAGE_COLUMNS);
    assert_int_equal(page.err, 0);
    dynbuf_done(&page.out);
}

static void cells_are_cut(void **state) {
    (void)state;
    struct page page;
    page_init(&page);
    page_cell(&page, "abc", 5);
    page_cell(&page, "abcde", 5);
    page_cell(&page, "abcdef", 5);
    page_cell(&page, "last one", 0);
    assert_true(span_is(dynbuf_span(&page.out), "abc   abcde abcd~ last one\n"));
    dynbuf_done(&page.out);
}

static void json_has_its_commas(void **state) {
    (void)state;
    struct page page;
    page_init(&page);
    page_open(&page, NULL, '{');
    page_string(&page, "a", "x\"[");
    page_number(&page, "b", UINT64_MAX);
    page_decimal(&page, "g", "0.5");
    page_open(&page, "c", '[');
    page_open(&page, NULL, '{');
    page_bool(&page, "d", true);
    page_close(&page, '}');
    page_open(&page, NULL, '{');
    page_close(&page, '}');
    page_string(&page, NULL, "e");
    page_close(&page, ']');
    page_bool(&page, "f", false);
    page_close(&page, '}');
    assert_true(span_is(dynbuf_span(&page.out),
                        "{\"a\":\"x\\\"[\",\"b\":18446744073709551615,\"g\":0.5,"
                        "\"c\":[{\"d\":true},{},\"e\"],\"f\":false}"));
    dynbuf_done(&page.out);
}

/* The first error stays, and nothing half is printed. */
static void too_long_is_an_error(void **state) {
    (void)state;
    struct page page;
    static char longer[9000];
    memset(longer, 'x', sizeof longer - 1);
    page_init(&page);
    page_add(&page, "%s", longer);
    assert_int_equal(page.err, ERR_TOO_LARGE);
    page_add(&page, "short");
    assert_int_equal(page.out.len, 0);
    assert_int_equal(page_print(&page), 1);
}

static const struct {
    struct fact_limit limit;
    const char *text;
} limits[] = {
    {{.unit = LIMIT_REQUESTS, .amount = 30, .window_ms = 60000}, "30 requests a minute"},
    {{.unit = LIMIT_TOKENS, .amount = 200000, .window_ms = 86400000, .shape = LIMIT_CALENDAR_DAY},
     "200000 tokens a day"},
    {{.unit = LIMIT_REQUESTS, .amount = 7, .window_ms = 3600000}, "7 requests an hour"},
    {{.unit = LIMIT_REQUESTS, .window_ms = 31 * UINT64_C(86400000)},
     "requests a month, how many is not published"},
    {{.unit = LIMIT_REQUESTS, .amount = 5, .window_ms = 10000}, "5 requests in 10 s"},
    {{.unit = LIMIT_REQUESTS, .amount = 5, .window_ms = 18000000}, "5 requests in 5 hours"},
    {{.unit = LIMIT_CONCURRENT, .amount = 2, .shape = LIMIT_AT_ONCE}, "2 requests at once"},
    {{.unit = LIMIT_CONCURRENT, .amount = 1, .shape = LIMIT_AT_ONCE}, "1 request at once"},
    {{.unit = LIMIT_REQUESTS, .amount = 1, .window_ms = 1000}, "1 request a second"},
    {{.unit = LIMIT_NEURONS, .amount = 10000000, .window_ms = 86400000}, "10000 neurons a day"},
    {{.unit = LIMIT_MICRO_USD, .amount = 100000, .window_ms = 31 * UINT64_C(86400000)},
     "0.1 USD of credit a month"},
    {{.unit = LIMIT_MICRO_USD, .amount = 12000003, .shape = LIMIT_ONCE},
     "12.000003 USD of credit once"},
    {{.unit = LIMIT_MICRO_USD, .amount = 5000000, .window_ms = 30 * UINT64_C(86400000)},
     "5 USD of credit in 30 days"},
    {{.unit = LIMIT_OTHER, .unit_word = "pollen", .amount = 1, .shape = LIMIT_ONCE},
     "1 pollen once"},
};

static void limits_are_told(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(limits); i++) {
        char text[CATALOG_LIMIT_TEXT_BYTES];
        catalog_limit_text(&limits[i].limit, text);
        assert_string_equal(text, limits[i].text);
    }
}

static void lists_are_joined_and_cut(void **state) {
    (void)state;
    static const char *const items[] = {"one", "two", NULL};
    char text[8];
    catalog_join(NULL, ", ", text, sizeof text);
    assert_string_equal(text, "");
    catalog_join(items, "+", text, sizeof text);
    assert_string_equal(text, "one+two");
    catalog_join(items, " or ", text, sizeof text);
    assert_string_equal(text, "one or ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_wrapped),   cmocka_unit_test(cells_are_cut),
        cmocka_unit_test(json_has_its_commas), cmocka_unit_test(too_long_is_an_error),
        cmocka_unit_test(limits_are_told),     cmocka_unit_test(lists_are_joined_and_cut),
    };
    return cmocka_run_group_tests_name("cli_catalog_commands", tests, NULL, NULL);
}
