// SPDX-License-Identifier: Apache-2.0
/*
 * From a file to a catalog: what aliases may name, and what is said of those that lead nowhere.
 */
#include "../config/config_fixture.h"
#include "app/assemble.h"
#include "catalog/candidates.h"

/* A pool of what the file names, and of no provider of the catalog. */
static int assemble_file(struct config *config, struct config_report *report, struct arena *arena,
                         struct assembly *ret_assembly) {
    static const struct facts nobody;
    const struct offer_sources sources = {.facts = &nobody, .config = config};
    return assemble(&sources, config, report, arena, ret_assembly);
}

/* The file itself is fine; `expected` is what the catalog adds. */
static void run(const char *yaml, const char *expected) {
    struct config *config = NULL;
    struct config_report report;
    struct arena arena;
    struct assembly assembly;
    arena_init(&arena, NULL, 0, (size_t)16 << 20);
    if (fixture_parse(yaml, NULL, &config, &report) < 0)
        fixture_expect_report(&report, yaml, "");
    int err = assemble_file(config, &report, &arena, &assembly);
    fixture_expect_report(&report, yaml, expected);
    assert_int_equal(err < 0, expected[0] != '\0' && strstr(expected, "error:") != NULL);
    assert_int_equal(err < 0, assembly.snapshot == NULL);
    catalog_unref(assembly.snapshot);
    config_free(config);
    arena_reset(&arena);
}

static void takes_aliases(void **state) {
    static const char *const files[] = {
        "models: {aliases: {a: auto, b: a, c: [auto:smart, auto:fast]}}\n",
        "models: {aliases: {'claude-*': 'auto:smart', '*': auto}}\n",
        PROVIDER
        "models: {aliases: {a: m, b: p/m, c: openai/m, d: M, e: 'm:latest', f: 'm:free'}}\n",
        PROVIDER "models: {aliases: {a: {first: m, then: 'auto:code'}, m2: [m, auto]}}\n",
        "providers:\n"
        "  openai: {base_url: https://a.example, models: [{id: gpt-oss-120b, upstream: "
        "openai/gpt-oss-120b}, 'llama3:latest']}\n"
        "models:\n"
        "  aliases:\n"
        "    one: gpt-oss-120b\n"
        "    list: [one, openai/gpt-oss-120b, openai/openai/gpt-oss-120b, llama3, auto]\n"
        "    ladder: {first: [openai/llama3], then: auto}\n"
        "    \"claude-*\": list\n"
        "    any: claude-3\n"
        "    \"*\": auto\n",
    };
    (void)state;
    for (size_t i = 0; i < array_length(files); i++)
        run(files[i], "");
}

static void tells_where_aliases_lead_nowhere(void **state) {
    static const struct {
        const char *yaml, *report;
    } rows[] = {
        {"models: {aliases: {a: nothing}}\n",
         "t:1:23: error: alias 'a' names 'nothing', which no provider serves\n"},
        {"models: {aliases: {a: a}}\n", "t:1:23: error: 'a' leads back to alias 'a'\n"},
        {"models:\n  aliases:\n    a: b\n    b: [auto, c]\n    c: a\n",
         "t:5:8: error: 'a' leads back to alias 'a'\n"},
        {"models: {aliases: {'x-*': x-1}}\n", "t:1:27: error: 'x-1' leads back to alias 'x-*'\n"},
        {"models: {aliases: {quick: 'auto:fats'}}\n",
         "t:1:27: error: alias 'quick' names 'auto:fats', which no provider serves; did you mean "
         "'auto:fast'?\n"},
        {PROVIDER "models: {aliases: {m2: p/x}}\n",
         "t:5:24: error: alias 'm2' names 'p/x', which no provider serves\n"},
        {PROVIDER "models: {aliases: {m2: [q/m]}}\n",
         "t:5:25: error: alias 'm2' names 'q/m', which no provider serves; did you mean 'm'?\n"},
        {"providers:\n"
         "  a: {base_url: http://localhost, models: [{id: x, upstream: s}]}\n"
         "  b: {base_url: http://localhost, models: [{id: z, upstream: s}]}\n"
         "models: {aliases: {al: [a/s, s]}}\n",
         "t:4:30: error: 's' means several models; say which, such as a/s\n"},
        {"providers:\n"
         "  a: {base_url: http://localhost, models: [x], enabled: no}\n"
         "models: {aliases: {one: [x, auto], two: a/x}}\n",
         "t:3:26: warning: alias 'one': 'x' is left out, no provider in use serves it\n"
         "t:3:41: warning: alias 'two': 'a/x' is left out, no provider in use serves it\n"},
        /* With a burst a row is two limits, and a route is under no more than 16. */
        {"providers:\n"
         "  a: {base_url: http://localhost, models: [x, y], limits: [\n"
         "    {requests: 5, per: 1s, burst: 2}, {requests: 6, per: 2s, burst: 2},\n"
         "    {requests: 7, per: 3s, burst: 2}, {requests: 8, per: 4s, burst: 2},\n"
         "    {requests: 9, per: 5s, burst: 2}, {requests: 10, per: 6s, burst: 2},\n"
         "    {requests: 11, per: 7s, burst: 2}, {requests: 12, per: 8s, burst: 2},\n"
         "    {requests: 13, per: 9s, burst: 2}]}\n",
         "t:2:1: error: provider 'a', model 'x': too many limits, or too many ways to be served; "
         "list fewer keys or models\n"
         "t:2:1: error: provider 'a', model 'y': too many limits, or too many ways to be served; "
         "list fewer keys or models\n"},
        /* What is left out moves nobody into the place of another. */
        {"providers:\n"
         "  a: {base_url: http://localhost, models: [x], enabled: no}\n"
         "models: {aliases: {one: [x, nix, auto]}}\n",
         "t:3:26: warning: alias 'one': 'x' is left out, no provider in use serves it\n"
         "t:3:29: error: alias 'one' names 'nix', which no provider serves\n"},
        /* All of them, in the order of the file, behind what the loader had to say: */
        {PROVIDER "models:\n  aliases:\n    m: [nix, p/m]\n    b: [m, nox]\n",
         "t:7:5: warning: alias 'm' hides the model of that name\n"
         "t:7:9: error: alias 'm' names 'nix', which no provider serves\n"
         "t:8:12: error: alias 'b' names 'nox', which no provider serves\n"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++)
        run(rows[i].yaml, rows[i].report);
}

/* More idle targets than the catalog tells of at once, on a machine that has no key yet. */
static void many_idle_targets_are_no_error(void **state) {
    struct config *config = NULL;
    struct config_report report;
    struct arena arena;
    struct assembly assembly;
    struct dynbuf yaml;
    (void)state;
    dynbuf_init(&yaml, (size_t)64 << 10);
    assert_int_equal(dynbuf_append_text(&yaml, "providers:\n"
                                               "  a: {base_url: http://localhost, models: [x], "
                                               "enabled: no}\n"
                                               "models:\n  aliases:\n"),
                     0);
    for (int i = 0; i < 150; i++)
        assert_int_equal(dynbuf_append_format(&yaml, "    n%d: [x, auto]\n", i), 0);
    assert_int_equal(dynbuf_append_char(&yaml, '\0'), 0);
    arena_init(&arena, NULL, 0, (size_t)16 << 20);
    assert_int_equal(fixture_parse(dynbuf_span(&yaml).ptr, NULL, &config, &report), 0);
    assert_int_equal(assemble_file(config, &report, &arena, &assembly), 0);
    assert_int_equal(report.errors, 0);
    assert_non_null(assembly.snapshot);
    catalog_unref(assembly.snapshot);
    config_free(config);
    arena_reset(&arena);
    dynbuf_done(&yaml);
}

static void bare_models_serve_any_task(void **state) {
    (void)state;
    struct config *config = NULL;
    struct config_report report;
    struct arena arena;
    struct assembly assembly;
    struct catalog_choice choice;
    arena_init(&arena, NULL, 0, (size_t)16 << 20);
    assert_int_equal(fixture_parse(PROVIDER, NULL, &config, &report), 0);
    assert_int_equal(assemble_file(config, &report, &arena, &assembly), 0);
    for (enum catalog_kind kind = CATALOG_CHAT; kind <= CATALOG_OTHER; kind++) {
        const struct catalog_wish wish = {.name = SPAN_LITERAL("m"), .kind = kind};
        catalog_candidates(assembly.snapshot, &wish, &choice);
        assert_int_equal(choice.route_count, 1);
    }
    catalog_unref(assembly.snapshot);
    config_free(config);
    arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_aliases),
        cmocka_unit_test(tells_where_aliases_lead_nowhere),
        cmocka_unit_test(many_idle_targets_are_no_error),
        cmocka_unit_test(bare_models_serve_any_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
