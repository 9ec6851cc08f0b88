// SPDX-License-Identifier: Apache-2.0
/*
 * Worlds: what is decided for each question. The same seed gives the same bytes, limits are kept exactly, scripts are applied
 * whole or not at all, statistics count what happened.
 */
#include "fake_fixture.h"

static enum fault faults_of(struct fake_world *world, const char *name,
                            const struct fake_question *question, struct fake_plan *ret_plan) {
    fake_ask(world, fake_provider_get(world, span_text(name)), question, ret_plan);
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        if (ret_plan->fault == fault_row((enum fault)i))
            return (enum fault)i;
    fail();
    return FAULT_NONE;
}

/* Asks at a time and lets go at once; whether it was answered. */
static bool answered_at(struct fake_world *world, const char *name, uint64_t now_ns) {
    struct fake_question question = question_plain();
    struct fake_plan plan;
    question.now_ns = now_ns;
    fake_ask(world, fake_provider_get(world, span_text(name)), &question, &plan);
    fake_plan_over(&plan, plan.question.now_ns, false);
    return plan.status == 200;
}

static void assert_fields(const struct fake_plan *plan, const char *expected) {
    if (!span_is(dynbuf_span(&plan->fields), expected))
        print_error("%.*s instead of %s\n", SPAN_ARG(dynbuf_span(&plan->fields)), expected);
    assert_true(span_is(dynbuf_span(&plan->fields), expected));
}

/* --- the same seed, the same bytes --- */

static void play_all(uint64_t seed, bool twice, struct dynbuf *out) {
    struct fake_world *world = fake_world_new(seed);
    struct fake_question question = question_plain();
    for (int round = 0; round < 1 + twice; round++) {
        dynbuf_clear(out);
        fake_world_reset(world);
        for (uint32_t i = 0; i < 40; i++) {
            struct fake_plan plan;
            enum fake_step step;
            question.stream = i % 2 == 0;
            fake_ask(world,
                     fake_provider_get(world, i % 3 == 0 ? SPAN_LITERAL("a") : SPAN_LITERAL("b")),
                     &question, &plan);
            step = question.stream ? walk(&plan, out) : FAKE_END;
            assert_int_equal(step, FAKE_END);
            if (!question.stream)
                assert_int_equal(fake_body(&plan, out), 0);
            fake_plan_over(&plan, plan.question.now_ns, false);
        }
    }
    fake_world_free(world);
}

static void test_same_seed_same_bytes(void **state) {
    struct dynbuf once, again, after_reset, other;
    (void)state;
    dynbuf_init(&once, OUT_MAX_BYTES);
    dynbuf_init(&again, OUT_MAX_BYTES);
    dynbuf_init(&after_reset, OUT_MAX_BYTES);
    dynbuf_init(&other, OUT_MAX_BYTES);
    play_all(1, false, &once);
    play_all(1, false, &again);
    play_all(1, true, &after_reset);
    play_all(2, false, &other);
    assert_true(once.len > 1000);
    assert_true(span_equal(dynbuf_span(&once), dynbuf_span(&again)));
    assert_true(span_equal(dynbuf_span(&once), dynbuf_span(&after_reset)));
    assert_false(span_equal(dynbuf_span(&once), dynbuf_span(&other)));
    dynbuf_done(&once);
    dynbuf_done(&again);
    dynbuf_done(&after_reset);
    dynbuf_done(&other);
}

/* --- limits --- */

/* Against a plain list of arrivals: any window of the limit's length holds at most the limit, and nothing is refused that fits. */
static void test_limit_is_exact(void **state) {
    enum { LIMIT = 7, ASKED = 3000 };
    static uint64_t arrivals_ns[ASKED];
    const uint64_t window_ns = 1000 * NS_PER_MS;
    struct fake_world *world = fake_world_new(SEED);
    struct rand rand;
    uint64_t now_ns = 5000 * NS_PER_S;
    uint32_t count = 0;
    (void)state;
    rand_seed(&rand, SEED);
    script(world, "{\"provider\": \"a\", \"limit_requests\": 7, \"limit_window_ms\": 1000}");
    for (uint32_t i = 0; i < ASKED; i++) {
        uint32_t inside = 0;
        now_ns += rand_u64(&rand) % 4 == 0 ? 0 : rand_u64(&rand) % (window_ns / 3);
        for (uint32_t at = count; at > 0 && arrivals_ns[at - 1] + window_ns > now_ns; at--)
            inside++;
        bool answered = answered_at(world, "a", now_ns);
        assert_int_equal(answered, inside < LIMIT);
        if (answered)
            arrivals_ns[count++] = now_ns;
    }
    assert_true(count > LIMIT && count < ASKED); /* both happened */
    struct fake_stats *stats = &fake_provider_get(world, SPAN_LITERAL("a"))->stats;
    assert_int_equal(stats->requests, ASKED);
    assert_int_equal(stats->answered, count);
    assert_int_equal(stats->refused_by_limit, ASKED - count);
    fake_world_free(world);
}

static void test_limit_frees_at_the_window_edge(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    (void)state;
    script(world, "{\"provider\": \"a\", \"limit_requests\": 1, \"limit_window_ms\": 10}");
    assert_true(answered_at(world, "a", 100 * NS_PER_MS));
    assert_false(answered_at(world, "a", 110 * NS_PER_MS - 1));
    assert_true(answered_at(world, "a", 110 * NS_PER_MS));
    fake_world_free(world);
}

static void test_limit_of_the_whole_log(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    (void)state;
    script(world, "{\"provider\": \"a\", \"limit_requests\": 262144}");
    for (uint32_t i = 0; i < FAKE_LOG_MAX; i++)
        assert_true(answered_at(world, "a", 1000 + i));
    assert_false(answered_at(world, "a", 1000 + FAKE_LOG_MAX));
    assert_true(answered_at(world, "a", 1000 + 60 * NS_PER_S));
    fake_world_free(world);
}

static void test_concurrency(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_plan first, second, third;
    (void)state;
    script(world, "{\"provider\": \"a\", \"concurrency\": 2, \"limit_requests\": 3}");
    assert_int_equal(faults_of(world, "a", &question, &first), FAULT_NONE);
    assert_int_equal(faults_of(world, "a", &question, &second), FAULT_NONE);
    assert_int_equal(faults_of(world, "a", &question, &third), FAULT_429);
    fake_plan_over(&third, third.question.now_ns, false);
    fake_plan_over(&first, first.question.now_ns, true);
    assert_int_equal(faults_of(world, "a", &question, &first),
                     FAULT_NONE); /* a crowd used up no window */
    fake_plan_over(&first, first.question.now_ns, false);
    assert_int_equal(faults_of(world, "a", &question, &first), FAULT_429); /* now the window has */
    fake_plan_over(&first, first.question.now_ns, false);
    fake_plan_over(&second, second.question.now_ns, false);
    struct fake_stats *stats = &fake_provider_get(world, SPAN_LITERAL("a"))->stats;
    assert_int_equal(stats->open_now, 0);
    assert_int_equal(stats->open_most, 3);
    assert_int_equal(stats->closed_by_client, 1);
    assert_int_equal(stats->refused_by_limit, 2);
    fake_world_free(world);
}

static void test_retry_forms(void **state) {
    static const struct {
        const char *script, *fields;
    } cases[] = {
        {"{\"provider\": \"a\", \"always\": \"429\"}", "Retry-After: 1\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_after_ms\": 6001}",
         "Retry-After: 7\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_after_ms\": 0}", "Retry-After: 0\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"ms\", \"retry_after_ms\": "
         "250}",
         "retry-after-ms: 250\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"date\", \"retry_after_ms\": "
         "20000}",
         "Retry-After: Tue, 19 Nov 2024 07:07:00 GMT\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"none\"}", ""},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"fraction\", "
         "\"retry_after_ms\": 1250}",
         "Retry-After: 1.250\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"past\"}",
         "Retry-After: Tue, 19 Nov 2024 06:06:40 GMT\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"huge\"}",
         "Retry-After: 4000000000\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"negative\"}",
         "Retry-After: -5\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"garbage\"}",
         "Retry-After: soon\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429_day\"}", "Retry-After: 1\r\n"},
        {"{\"provider\": \"a\", \"always\": \"429\", \"retry_form\": \"none\", "
         "\"clock_skew_ms\": -400000}",
         "Date: Tue, 19 Nov 2024 07:00:00 GMT\r\n"},
        {"{\"provider\": \"a\", \"always\": \"500\"}", ""},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_question question = question_plain();
        struct fake_plan plan;
        script(world, cases[i].script);
        fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a")), &question, &plan);
        assert_fields(&plan, cases[i].fields);
        fake_plan_over(&plan, plan.question.now_ns, false);
        fake_world_free(world);
    }
}

/* What a limit tells is when there is room, not what the setting says. */
static void test_retry_of_a_limit_is_true(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_plan plan;
    (void)state;
    script(world, "{\"provider\": \"a\", \"limit_requests\": 1, \"limit_window_ms\": 5000, "
                  "\"retry_form\": \"ms\"}");
    assert_true(answered_at(world, "a", question.now_ns - 2000 * NS_PER_MS));
    fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a")), &question, &plan);
    assert_fields(&plan, "retry-after-ms: 3000\r\n");
    fake_plan_over(&plan, plan.question.now_ns, false);
    fake_world_free(world);
}

/* --- scripts --- */

static void test_queue_then_always(void **state) {
    static const enum fault expected[] = {FAULT_429, FAULT_CUT_HEAD, FAULT_NONE, FAULT_503,
                                          FAULT_503};
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_plan plan;
    (void)state;
    script(world, "{\"provider\": \"a\", \"faults\": [\"429\", \"cut_before_head\", \"none\"], "
                  "\"always\": \"503\"}");
    for (size_t i = 0; i < array_length(expected); i++) {
        assert_int_equal(faults_of(world, "a", &question, &plan), expected[i]);
        fake_plan_over(&plan, plan.question.now_ns, false);
    }
    fake_world_free(world);
}

static void test_every_fault_can_be_scripted(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    (void)state;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        struct fake_plan plan;
        char text[128];
        (void)snprintf(text, sizeof text, "{\"provider\": \"a\", \"faults\": [\"%s\"]}",
                       fault_row((enum fault)i)->name);
        script(world, text);
        assert_int_equal(faults_of(world, "a", &question, &plan), i);
        fake_plan_over(&plan, plan.question.now_ns, false);
    }
    fake_world_free(world);
}

/* Refused scripts: the problem names the member, and nothing of the object is applied. */
static void test_script_errors(void **state) {
    static const struct {
        const char *script, *named;
    } cases[] = {
        {"{}", "provider"},
        {"{\"provider\": 3}", "provider"},
        {"{\"provider\": \"\"}", "provider"},
        {"{\"provider\": \"a234567890123456789012345678901234567890123456789012345678901234\"}",
         "provider"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"nonsense\": 1}", "\"nonsense\": not found"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"faults\": [\"429\", \"430\"]}",
         "\"faults\": not found"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"faults\": \"429\"}",
         "\"faults\": of the wrong type"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"always\": \"sometimes\"}",
         "\"always\": not found"},
        {"{\"provider\": \"a\", \"latency_ms\": -1}", "\"latency_ms\": out of range"},
        {"{\"provider\": \"a\", \"latency_ms\": \"9\"}", "\"latency_ms\": of the wrong type"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"tokens\": 4294967296}",
         "\"tokens\": out of range"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"limit_requests\": 262145}",
         "\"limit_requests\": out of range"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"reasoning\": 1}",
         "\"reasoning\": of the wrong type"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"text\": null}", "\"text\": of the wrong type"},
        {"{\"provider\": \"a\", \"latency_ms\": 9, \"retry_form\": \"soon\"}",
         "\"retry_form\": not found"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_problem problem = {0};
        struct json_doc doc;
        struct arena arena;
        arena_init(&arena, NULL, 0, READER_BYTES);
        assert_int_equal(json_parse(&doc, span_text(cases[i].script), &arena, NULL), 0);
        assert_true(fake_script(world, json_top(&doc), &arena, &problem) < 0);
        assert_non_null(problem.text);
        assert_true(json_present(problem.at));
        if (!span_contains(span_text(problem.text), cases[i].named))
            print_error("%s: %s\n", cases[i].script, problem.text);
        assert_true(span_contains(span_text(problem.text), cases[i].named));
        assert_int_equal(
            fake_provider_get(world, SPAN_LITERAL("a"))->script.settings.latency_ms.low, 0);
        assert_int_equal(fake_provider_get(world, SPAN_LITERAL("a"))->script.queue_count, 0);
        arena_reset(&arena);
        fake_world_free(world);
    }
}

static void test_scripts_that_are_too_long(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct dynbuf text;
    struct json_doc doc;
    struct arena arena;
    struct fake_problem problem = {0};
    (void)state;
    dynbuf_init(&text, OUT_MAX_BYTES);
    arena_init(&arena, NULL, 0, READER_BYTES);
    assert_int_equal(dynbuf_append_text(&text, "{\"provider\": \"a\", \"faults\": [\"429\""), 0);
    for (uint32_t i = 0; i < FAKE_FAULTS_QUEUED_MAX; i++)
        assert_int_equal(dynbuf_append_text(&text, ",\"429\""), 0);
    assert_int_equal(dynbuf_append_text(&text, "]}"), 0);
    assert_int_equal(json_parse(&doc, dynbuf_span(&text), &arena, NULL), 0);
    assert_true(fake_script(world, json_top(&doc), &arena, &problem) < 0);
    assert_true(span_contains(span_text(problem.text), "\"faults\": larger than its cap"));
    arena_reset(&arena);
    dynbuf_clear(&text);
    assert_int_equal(dynbuf_append_text(&text, "{\"provider\": \"a\", \"text\": \""), 0);
    for (uint32_t i = 0; i < FAKE_TEXT_MAX_BYTES; i++)
        assert_int_equal(dynbuf_append_char(&text, 'x'), 0);
    assert_int_equal(dynbuf_append_text(&text, "\"}"), 0);
    assert_int_equal(json_parse(&doc, dynbuf_span(&text), &arena, NULL), 0);
    assert_true(fake_script(world, json_top(&doc), &arena, &problem) < 0);
    assert_true(span_contains(span_text(problem.text), "\"text\": larger than its cap"));
    arena_reset(&arena);
    dynbuf_done(&text);
    fake_world_free(world);
}

/* --- providers and statistics --- */

static void test_providers(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    char name[FAKE_NAME_MAX_BYTES + 1];
    (void)state;
    memset(name, 'n', sizeof name);
    assert_null(fake_provider_get(world, SPAN_LITERAL("")));
    assert_null(fake_provider_get(world, span_of(name, FAKE_NAME_MAX_BYTES)));
    assert_non_null(fake_provider_get(world, span_of(name, FAKE_NAME_MAX_BYTES - 1)));
    assert_ptr_equal(fake_provider_get(world, SPAN_LITERAL("a")),
                     fake_provider_get(world, SPAN_LITERAL("a")));
    while (fake_provider_count(world) < FAKE_PROVIDERS_MAX) {
        (void)snprintf(name, sizeof name, "p%u", fake_provider_count(world));
        assert_non_null(fake_provider_get(world, span_text(name)));
    }
    assert_null(fake_provider_get(world, SPAN_LITERAL("one-more")));
    assert_non_null(fake_provider_get(world, SPAN_LITERAL("a")));
    fake_world_free(world);
}

static void test_stats(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_plan plan;
    struct dynbuf out;
    (void)state;
    dynbuf_init(&out, OUT_MAX_BYTES);
    script(world, "{\"provider\": \"a\\\"b\", \"faults\": [\"500\", \"500\", \"none\"]}");
    for (int i = 0; i < 3; i++) {
        fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a\"b")), &question, &plan);
        fake_plan_over(&plan, plan.question.now_ns, false);
    }
    fake_ask(world, fake_provider_get(world, SPAN_LITERAL("c")), &question, &plan);
    assert_int_equal(fake_write_stats(world, &out), 0);
    assert_true(
        span_starts_with(dynbuf_span(&out),
                         "{\"a\\\"b\":{\"requests\":3,\"answered\":1,\"refused_by_limit\":0,"
                         "\"closed_by_client\":0,\"replayed\":0,\"input_tokens\":11,\"output_"
                         "tokens\":0,\"open_now\":0,\"open_most\":1,\"faults\":{\"500\":2},"
                         "\"limits\":[],\"keys\":[{\"name\":\"none\",\"requests\":3,\"answered\":1,"
                         "\"refused\":2}],\"models\":[{\"name\":\"some-model\",\"requests\":3,"
                         "\"answered\":1,\"refused\":2}]},\"c\":{\"requests\":1,"));
    fake_world_reset(world); /* what is under way stays counted until it is over */
    assert_int_equal(fake_provider_get(world, SPAN_LITERAL("c"))->stats.open_now, 1);
    assert_int_equal(fake_provider_get(world, SPAN_LITERAL("c"))->stats.requests, 0);
    fake_plan_over(&plan, plan.question.now_ns, true);
    assert_int_equal(fake_provider_get(world, SPAN_LITERAL("c"))->stats.open_now, 0);
    dynbuf_done(&out);
    fake_world_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_limit_is_exact),
        cmocka_unit_test(test_limit_frees_at_the_window_edge),
        cmocka_unit_test(test_limit_of_the_whole_log),
        cmocka_unit_test(test_concurrency),
        cmocka_unit_test(test_retry_forms),
        cmocka_unit_test(test_retry_of_a_limit_is_true),
        cmocka_unit_test(test_queue_then_always),
        cmocka_unit_test(test_every_fault_can_be_scripted),
        cmocka_unit_test(test_script_errors),
        cmocka_unit_test(test_scripts_that_are_too_long),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
