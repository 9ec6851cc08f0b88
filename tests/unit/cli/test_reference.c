// SPDX-License-Identifier: Apache-2.0
/*
 * docs/reference/providers.md: the committed page is what the program writes, every table of it has every provider once, and texts of
 * the catalog cannot break a table. docs/internals/attempts.md has the table of outcomes. The same for docs/reference/commands.md
 * and docs/man, and of docs/reference/api.md.
 */
#include "cli/man.h"
#include "cli/reference.h"

#include "base/check.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PAGE_MAX_BYTES 1048576
#define TABLES         6

static void read_page(struct dynbuf *committed, const char *path) {
    FILE *file = fopen(path, "r");
    dynbuf_init(committed, PAGE_MAX_BYTES);
    assert_non_null(file);
    for (int c = fgetc(file); c != EOF; c = fgetc(file))
        assert_int_equal(dynbuf_append_char(committed, (char)c), 0);
    assert_int_equal(fclose(file), 0);
}

static void read_committed(struct dynbuf *committed) {
    read_page(committed, PAPI_SOURCE_DIR "/docs/reference/providers.md");
}

static void is_what_the_program_writes(void **state) {
    struct dynbuf committed;
    struct page page;
    (void)state;
    read_committed(&committed);
    page_init(&page);
    reference_providers(&page, &facts_built_in);
    assert_int_equal(page.err, 0);
    if (!span_equal(dynbuf_span(&page.out), dynbuf_span(&committed)))
        fail_msg("docs/reference/providers.md is not what `papi reference providers` prints: write "
                 "it anew");
    dynbuf_done(&page.out);
    dynbuf_done(&committed);
}

static void api_is_what_the_program_writes(void **state) {
    struct dynbuf committed;
    struct page page;
    (void)state;
    read_page(&committed, PAPI_SOURCE_DIR "/docs/reference/api.md");
    page_init(&page);
    reference_api(&page);
    assert_int_equal(page.err, 0);
    if (!span_equal(dynbuf_span(&page.out), dynbuf_span(&committed)))
        fail_msg("docs/reference/api.md is not what `papi reference api` prints: write it anew");
    dynbuf_done(&page.out);
    dynbuf_done(&committed);
}

/* The id in the first cell of a row, "| `groq` | ..."; absent in other lines. */
static struct span id_of(struct span line) {
    if (!span_starts_with(line, "| `"))
        return SPAN_NONE;
    struct span rest = span_of(line.ptr + 3, line.len - 3), id;
    return span_split(&rest, '`', &id) ? id : SPAN_NONE;
}

static void has_every_provider_in_every_table(void **state) {
    const struct facts *facts = &facts_built_in;
    struct dynbuf committed;
    struct span rest, line;
    uint32_t row = 0, rows = TABLES * facts->provider_count;
    (void)state;
    read_committed(&committed);
    rest = dynbuf_span(&committed);
    while (span_split(&rest, '\n', &line)) {
        struct span id = id_of(line);
        if (span_absent(id))
            continue;
        assert_true(row < rows + facts->dropped_count);
        const char *expected = row < rows ? facts->providers[row % facts->provider_count].id
                                          : facts->dropped[row - rows].id;
        if (!span_is(id, expected))
            fail_msg("row %u is of %.*s, not of %s", row, SPAN_ARG(id), expected);
        row++;
    }
    assert_int_equal(row, rows + facts->dropped_count);
    dynbuf_done(&committed);
}

/* Columns of a row: bars that are not escaped. */
static uint32_t columns_of(struct span line) {
    uint32_t count = 0;
    for (size_t i = 0; i < line.len; i++)
        count += line.ptr[i] == '|' && line.ptr[i - (i > 0)] != '\\';
    return count;
}

static void check_columns(struct span text) {
    struct span line;
    uint32_t columns = 0;
    while (span_split(&text, '\n', &line)) {
        if (!span_starts_with(line, "|"))
            columns = 0;
        else if (columns == 0)
            columns = columns_of(line);
        else if (columns_of(line) != columns)
            fail_msg("%u columns and not %u: %.*s", columns_of(line), columns, SPAN_ARG(line));
    }
}

static void rows_are_as_wide_as_their_head(void **state) {
    struct dynbuf committed;
    (void)state;
    read_committed(&committed);
    check_columns(dynbuf_span(&committed));
    dynbuf_done(&committed);
}

static void expect_file(const char *path, struct page *page) {
    struct dynbuf committed;
    read_page(&committed, path);
    assert_int_equal(page->err, 0);
    if (!span_equal(dynbuf_span(&page->out), dynbuf_span(&committed)))
        fail_msg("%s is not what the program writes: run `make docs`", path);
    dynbuf_done(&page->out);
    dynbuf_done(&committed);
}

static void commands_are_what_the_program_writes(void **state) {
    struct page page;
    (void)state;
    page_init(&page);
    reference_commands(&page);
    check_columns(dynbuf_span(&page.out));
    expect_file(PAPI_SOURCE_DIR "/docs/reference/commands.md", &page);
}

/* mdoc(7), and what `mandoc -Tlint` would say: no white space at ends, no lines over 80 bytes, every list ended. */
static void expect_mdoc(struct span text) {
    struct span line;
    int open = 0;
    while (text.len > 0 && span_split(&text, '\n', &line)) {
        open += span_starts_with(line, ".Bl ") || span_starts_with(line, ".Bd ");
        open -= span_starts_with(line, ".El") || span_starts_with(line, ".Ed");
        if (line.len == 0 || line.len > 110 || span_ends_with(line, " "))
            fail_msg("a line of a manual page: '%.*s'", SPAN_ARG(line));
        assert_true(open == 0 || open == 1);
    }
    assert_int_equal(open, 0);
}

static void manual_pages_are_what_the_program_writes(void **state) {
    struct page page;
    (void)state;
    page_init(&page);
    man_write(&page, NULL);
    expect_mdoc(dynbuf_span(&page.out));
    expect_file(PAPI_SOURCE_DIR "/docs/man/papi.1", &page);
    for (size_t i = 0; i < cli_command_count; i++) {
        char path[512];
        if (cli_commands[i]->hidden)
            continue;
        (void)snprintf(path, sizeof path, PAPI_SOURCE_DIR "/docs/man/papi-%s.1",
                       cli_commands[i]->name);
        page_init(&page);
        man_write(&page, cli_commands[i]);
        expect_mdoc(dynbuf_span(&page.out));
        expect_file(path, &page);
    }
}

/* A page whose command is gone would tell of what is not there. */
static void every_manual_page_has_its_command(void **state) {
    DIR *folder = opendir(PAPI_SOURCE_DIR "/docs/man");
    (void)state;
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct span name = span_text(entry->d_name);
        if (!span_starts_with(name, "papi-"))
            continue;
        assert_true(span_ends_with(name, ".1"));
        name = span_of(name.ptr + strlen("papi-"), name.len - strlen("papi-.1"));
        if (cli_find_command(NULL, name) == NULL)
            fail_msg("docs/man/%s has no command", entry->d_name);
    }
    assert_int_equal(closedir(folder), 0);
}

static void attempts_have_the_table_of_outcomes(void **state) {
    struct dynbuf committed;
    struct page page;
    (void)state;
    read_page(&committed, PAPI_SOURCE_DIR "/docs/internals/attempts.md");
    page_init(&page);
    reference_outcomes(&page);
    assert_int_equal(page.err, 0);
    assert_int_equal(dynbuf_append_char(&page.out, '\0'), 0);
    assert_int_equal(dynbuf_append_char(&committed, '\0'), 0);
    check_columns(dynbuf_span(&committed));
    if (strstr(dynbuf_span(&committed).ptr, dynbuf_span(&page.out).ptr) == NULL)
        fail_msg(
            "docs/internals/attempts.md has not the table that `papi reference outcomes` prints");
    dynbuf_done(&page.out);
    dynbuf_done(&committed);
}

/* What little a catalog may say, and what could break a table. */
static void survives_any_text(void **state) {
    static const char *const models[] = {"a|b", "c*", NULL}, *const tasks[] = {"chat", "embed",
                                                                               NULL};
    static const struct fact_limit limits[] = {
        {.unit = LIMIT_REQUESTS,
         .amount = 5,
         .window_ms = 60000,
         .shape_known = true,
         .scope = LIMIT_BY_MODEL,
         .plan = "x|y",
         .models = models,
         .tasks = tasks},
        {.unit = LIMIT_TOKENS, .amount = 9, .window_ms = 60000, .plan = "paid"},
        {.unit = LIMIT_TOKENS,
         .amount = 7,
         .window_ms = 60000,
         .scope = LIMIT_BY_MODEL,
         .plan = "x|y",
         .models = models,
         .tasks = tasks},
    };
    static const struct fact_provider odd = {.id = "odd",
                                             .name = "O|dd",
                                             .short_id = "od",
                                             .dialect = "openai",
                                             .unusable = "",
                                             .key_url = "",
                                             .key_note = "|",
                                             .terms = {.regions = "", .note = ""},
                                             .limits = limits,
                                             .limit_count = array_length(limits),
                                             .evidence = {.source = "a|", .note = ""}};
    const struct facts facts = {.compiled = "2026-01-01", .providers = &odd, .provider_count = 1};
    struct page page;
    (void)state;
    page_init(&page);
    reference_providers(&page, &facts);
    assert_int_equal(page.err, 0);
    check_columns(dynbuf_span(&page.out));
    assert_int_equal(dynbuf_append_char(&page.out, '\0'), 0);
    const char *text = dynbuf_span(&page.out).ptr;
    assert_non_null(strstr(text,
                           "plan `x\\|y`, each model, of `a\\|b`, `c*`, chat/embed: 5 requests "
                           "a minute; 7 tokens a minute (window unknown) |"));
    assert_null(strstr(text, "9 tokens"));
    assert_non_null(strstr(text, "| `odd` | unknown | unknown | unknown | unknown |"));
    dynbuf_done(&page.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_the_program_writes),
        cmocka_unit_test(api_is_what_the_program_writes),
        cmocka_unit_test(has_every_provider_in_every_table),
        cmocka_unit_test(rows_are_as_wide_as_their_head),
        cmocka_unit_test(attempts_have_the_table_of_outcomes),
        cmocka_unit_test(commands_are_what_the_program_writes),
        cmocka_unit_test(manual_pages_are_what_the_program_writes),
        cmocka_unit_test(every_manual_page_has_its_command),
        cmocka_unit_test(survives_any_text),
    };
    return cmocka_run_group_tests_name("cli_reference", tests, NULL, NULL);
}
