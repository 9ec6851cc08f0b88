// SPDX-License-Identifier: Apache-2.0
/*
 * The built-in scenarios of `papi mock`: each applies, and says what its line of help says.
 */
#include "base/check.h"
#include "mock/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_BYTES ((size_t)32 * 1024 * 1024)
#define WALL_MS     1732000000000u /* 2024-11-19 07:06:40 GMT */

static void apply(struct mock *mock, const char *text) {
    struct arena arena;
    const char *problem = NULL;
    arena_init(&arena, NULL, 0, ARENA_BYTES);
    int err = mock_apply_file(mock, span_text(text), &arena, &problem);
    if (err < 0)
        print_error("%s: %s\n", text, problem);
    assert_int_equal(err, 0);
    arena_reset(&arena);
}

/* A built-in scenario, as it is at some time. */
static void apply_named(struct mock *mock, const char *name) {
    struct dynbuf text;
    dynbuf_init(&text, ARENA_BYTES);
    assert_int_equal(mock_scenario_write(name, WALL_MS, &text), 0);
    assert_int_equal(dynbuf_append_char(&text, '\0'), 0);
    apply(mock, dynbuf_span(&text).ptr);
    dynbuf_done(&text);
}

static void test_each_applies(void **state) {
    size_t count = 0;
    (void)state;
    for (; mock_scenario_name(count) != NULL; count++) {
        struct mock mock = {.world = fake_world_new(1)};
        assert_non_null(mock_scenario_about(count));
        apply_named(&mock, mock_scenario_name(count));
        fake_world_free(mock.world);
    }
    struct dynbuf text;
    dynbuf_init(&text, ARENA_BYTES);
    assert_true(count >= 11);
    assert_int_equal(mock_scenario_write("no-such-scenario", WALL_MS, &text), ERR_NOT_FOUND);
    assert_int_equal(text.len, 0);
}

static void test_each_has_a_name_of_its_own(void **state) {
    (void)state;
    for (size_t i = 0; mock_scenario_name(i) != NULL; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(mock_scenario_name(i), mock_scenario_name(j));
}

/* Asks once; the fault that is shown. */
static const struct fault_row *ask(struct mock *mock, const char *name) {
    struct fake_question question = {.model = SPAN_LITERAL("m"), .prompt_bytes = 1};
    struct fake_plan plan;
    fake_ask(mock->world, fake_provider_get(mock->world, span_text(name)), &question, &plan);
    fake_plan_over(&plan, plan.question.now_ns, false);
    return plan.fault;
}

static void test_what_they_do(void **state) {
    static const struct {
        const char *scenario, *provider;
        enum fault faults[6]; /* shown one after another */
    } cases[] = {
        {"healthy", "any", {FAULT_NONE}},
        {"429-storm", "storm", {FAULT_NONE, FAULT_NONE, FAULT_429, FAULT_429}},
        {"429-storm", "calm", {FAULT_NONE}},
        {"flaky",
         "flaky",
         {FAULT_500, FAULT_CUT_HEAD, FAULT_EMPTY, FAULT_ERROR_IN_200, FAULT_CUT_MIDDLE,
          FAULT_NONE}},
        {"flaky", "steady", {FAULT_NONE}},
        {"dead",
         "dead",
         {FAULT_CUT_HEAD, FAULT_CUT_HEAD, FAULT_CUT_HEAD, FAULT_CUT_HEAD, FAULT_CUT_HEAD,
          FAULT_CUT_HEAD}},
        {"dead", "alive", {FAULT_NONE}},
        {"stalling", "stalling", {FAULT_STALL_HEAD, FAULT_STALL_HEAD}},
        {"stalling", "alive", {FAULT_NONE}},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct mock mock = {.world = fake_world_new(1)};
        apply_named(&mock, cases[i].scenario);
        for (size_t at = 0; at < 6 && (at == 0 || cases[i].faults[at] != FAULT_NONE); at++)
            assert_ptr_equal(ask(&mock, cases[i].provider), fault_row(cases[i].faults[at]));
        fake_world_free(mock.world);
    }
}

static void test_settings(void **state) {
    struct mock mock = {.world = fake_world_new(1)};
    (void)state;
    apply_named(&mock, "slow");
    apply_named(&mock, "thinking");
    assert_int_equal(
        fake_provider_get(mock.world, SPAN_LITERAL("slow"))->script.settings.latency_ms.low, 1000);
    assert_true(fake_provider_get(mock.world, SPAN_LITERAL("thinking"))->script.settings.reasoning);
    fake_world_free(mock.world);
}

/* What is no script is refused with the place. */
static void test_bad_scripts(void **state) {
    static const struct {
        const char *script, *named;
    } cases[] = {
        {"", "line 1, column 1"},
        {"{\"provider\": \"a\",\n \"faults\" []}", "line 2, column 11"},
        {"[{\"provider\": \"a\"}, {\"provider\": \"b\", \"nonsense\": 1}]", "\"nonsense\""},
        {"[1]", "provider"},
        {"3", "provider"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct mock mock = {.world = fake_world_new(1)};
        const char *problem = NULL;
        struct arena arena;
        arena_init(&arena, NULL, 0, ARENA_BYTES);
        assert_true(mock_apply_script(&mock, span_text(cases[i].script), &arena, &problem) < 0);
        if (!span_contains(span_text(problem), cases[i].named))
            print_error("%s: %s\n", cases[i].script, problem);
        assert_true(span_contains(span_text(problem), cases[i].named));
        arena_reset(&arena);
        fake_world_free(mock.world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_applies), cmocka_unit_test(test_each_has_a_name_of_its_own),
        cmocka_unit_test(test_what_they_do), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_bad_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
