// SPDX-License-Identifier: Apache-2.0
/*
 * Scripts: what each limit's words become, mistakes with their place and the nearest word, numbers that vary, the guide that is written
 * from the same tables.
 */
#include "fake_fixture.h"

static const struct fake_script_state *state_of(struct fake_world *world) {
    return &fake_provider_get(world, SPAN_LITERAL("a"))->script;
}

static void test_limits(void **state) {
    static const struct {
        const char *limit;
        struct fake_limit expected;
    } cases[] = {
        {"{\"requests\":30,\"per\":\"minute\"}",
         {.scope = FAKE_BY_ACCOUNT, .amount = 30, .window_ms = 60000}},
        {"{\"tokens\":5,\"window_ms\":1500,\"shape\":\"sliding\",\"scope\":\"ip\"}",
         {.unit = FAKE_TOKENS, .shape = FAKE_SLIDING, .amount = 5, .window_ms = 1500}},
        {"{\"requests\":5,\"per\":\"day\",\"zone\":\"UTC\"}",
         {.scope = FAKE_BY_ACCOUNT, .shape = FAKE_DAY, .amount = 5}},
        {"{\"requests\":5,\"per\":\"month\",\"zone\":\"Asia/Shanghai\"}",
         {.scope = FAKE_BY_ACCOUNT, .shape = FAKE_MONTH, .amount = 5, .zone = {.offset_s = 28800}}},
        {"{\"requests\":5,\"shape\":\"day\",\"scope\":\"model\",\"zone\":\"America/Los_Angeles\"}",
         {.scope = FAKE_BY_MODEL, .shape = FAKE_DAY, .amount = 5, .zone = {.pacific = true}}},
        {"{\"neurons\":5,\"shape\":\"once\",\"charge\":\"up_front\"}",
         {.unit = FAKE_NEURONS,
          .scope = FAKE_BY_ACCOUNT,
          .shape = FAKE_ONCE,
          .charge = FAKE_CHARGE_UP_FRONT,
          .amount = 5}},
        {"{\"concurrent\":5,\"scope\":\"ip\",\"foreign\":0.25}",
         {.shape = FAKE_CONCURRENT, .amount = 5, .foreign_permille = 250}},
        {"{\"requests\":60,\"per\":\"hour\",\"shape\":\"spaced\",\"burst\":2,\"refused_count\":"
         "true,"
         "\"model\":\"m\"}",
         {.scope = FAKE_BY_ACCOUNT,
          .shape = FAKE_SPACED,
          .amount = 60,
          .window_ms = 3600000,
          .burst = 2,
          .refused_count = true,
          .model = "m"}},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fake_world *world = fake_world_new(SEED);
        char text[256];
        (void)snprintf(text, sizeof text, "{\"provider\":\"a\",\"limits\":[%s]}", cases[i].limit);
        script(world, text);
        const struct fake_limit *got = &state_of(world)->limits[0];
        const struct fake_limit *want = &cases[i].expected;
        assert_int_equal(state_of(world)->limit_count, 1);
        assert_int_equal(got->unit, want->unit);
        assert_int_equal(got->shape, want->shape);
        assert_int_equal(got->scope, want->scope);
        assert_int_equal(got->charge, want->charge);
        assert_int_equal(got->amount, want->amount);
        assert_int_equal(got->window_ms, want->window_ms);
        assert_int_equal(got->burst, want->burst);
        assert_int_equal(got->zone.offset_s, want->zone.offset_s);
        assert_int_equal(got->zone.pacific, want->zone.pacific);
        assert_int_equal(got->foreign_permille, want->foreign_permille);
        assert_int_equal(got->refused_count, want->refused_count);
        assert_string_equal(got->model, want->model);
        fake_world_free(world);
    }
}

/* Each mistake: what is said, and which bytes of the script it points at. */
static const struct {
    const char *members, *said, *at;
} mistakes[] = {
    {"\"limits\":3", "a list is needed", "3"},
    {"\"limits\":[[{\"requests\":3}]]", "an object is needed", "[{\"requests\":3}]"},
    {"\"limits\":[3]", "an object is needed", "3"},
    {"\"limits\":[{\"per\":\"minute\"}]", "needs a unit", "{\"per\":\"minute\"}"},
    {"\"limits\":[{\"requests\":3}]", "\"per\" or \"window_ms\"", "{\"requests\":3}"},
    {"\"limits\":[{\"requests\":3,\"tokens\":4}]", "one unit", "4"},
    {"\"limits\":[{\"requests\":0}]", "out of range", "0"},
    {"\"limits\":[{\"requests\":1.5}]", "a whole number", "1.5"},
    {"\"limits\":[{\"requsts\":3}]", "did you mean `requests`?", "\"requsts\""},
    {"\"limits\":[{\"requests\":3,\"per\":\"minutes\"}]", "did you mean `minute`?", "\"minutes\""},
    {"\"limits\":[{\"requests\":3,\"shape\":\"roling\"}]", "did you mean `rolling`?", "\"roling\""},
    {"\"limits\":[{\"requests\":3,\"shape\":\"day\",\"zone\":\"Berlin\"}]", "America/Los_Angeles",
     "\"Berlin\""},
    {"\"limits\":[{\"requests\":3,\"per\":\"hour\",\"shape\":\"fixed\",\"zone\":\"UTC\"}]",
     "only limits by day or month", NULL},
    {"\"limits\":[{\"requests\":3,\"per\":\"hour\",\"burst\":2}]", "only refill and spaced", NULL},
    {"\"limits\":[{\"requests\":300000,\"per\":\"hour\"}]", "at most 262144", NULL},
    {"\"limits\":[{\"requests\":3,\"per\":\"hour\",\"foreign\":2}]", "0 to 1", "2"},
    {"\"limits\":[{\"requests\":3,\"shape\":\"once\",\"foreign\":0.5}]", "needs a window", NULL},
    {"\"limits\":[{\"requests\":3,\"per\":\"hour\",\"model\":\"\"}]", "1 to 127 bytes", "\"\""},
    {"\"latency_ms\":{\"uniform\":[5]}", "[least, most]", "{\"uniform\":[5]}"},
    {"\"latency_ms\":{\"uniform\":[9,5]}", "the least comes first", "[9,5]"},
    {"\"latency_ms\":{\"lognormal\":[5,9]}", "out of range: 0 to 4", "9"},
    {"\"latency_ms\":{\"normal\":[5,9]}", "\"lognormal\": [median, sigma]", NULL},
    {"\"tokens\":100001", "out of range", "100001"},
    {"\"headers\":\"grok\"", "did you mean `groq`?", "\"grok\""},
    {"\"headers\":\"something-else\"", "\"headers\": not found: `something-else`", NULL},
    {"\"errors\":3", "a word is needed", "3"},
    {"\"keys\":[]", "an object is needed", "[]"},
    {"\"keys\":{\"k\":\"4O1\"}", "did you mean `401`?", "\"4O1\""},
    {"\"accounts\":{\"k\":1}", "the name of an account", "1"},
    {"\"models\":\"m\"", "a list is needed", "\"m\""},
    {"\"models\":[{\"id\":\"m\",\"contxt\":4}]", "an id and a context", "\"contxt\""},
    {"\"models\":[{\"id\":\"m\",\"context\":0}]", "a number of tokens", "0"},
    {"\"models\":[3]", "an id of 1 to 127", "3"},
    {"\"failing\":{\"503\":1.5}", "shares of 0 to 1", "1.5"},
    {"\"failing\":{\"503\":0.6,\"500\":0.6}", "1 in all", "0.6"},
    {"\"replay\":[{\"status\":700}]", "200 to 599", "700"},
    {"\"replay\":[{\"satus\":200}]", "status, headers, body and repeat", "\"satus\""},
    {"\"replay\":[{\"headers\":{\"a\\nb\":\"c\"}}]", "visible ASCII", "{\"a\\nb\":\"c\"}"},
    {"\"replay\":[{\"headers\":{\"a\":[]}}]", "visible ASCII", "{\"a\":[]}"},
    {"\"faults\":[\"none\",{\"status\":200,\"repeat\":256}]", "larger than its cap", NULL},
    {"\"faults\":[{\"repeat\":257}]", "1 to 256", "257"},
    {"\"text\":\"a\\u0000b\"", "a NUL", NULL},
    {"\"after_ms\":-1", "out of range", "-1"},
    {"\"dimensions\":0", "out of range", "0"},
};

static void test_mistakes(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(mistakes); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_problem problem = {0};
        struct json_doc doc;
        struct arena arena;
        char text[512];
        (void)snprintf(text, sizeof text, "{\"provider\":\"a\",\"reasoning\":true,%s}",
                       mistakes[i].members);
        arena_init(&arena, NULL, 0, READER_BYTES);
        assert_int_equal(json_parse(&doc, span_text(text), &arena, NULL), 0);
        assert_int_equal(fake_script(world, json_top(&doc), &arena, &problem), ERR_INVALID);
        if (!span_contains(span_text(problem.text), mistakes[i].said))
            print_error("%s: %s\n", text, problem.text);
        assert_true(span_contains(span_text(problem.text), mistakes[i].said));
        assert_true(json_present(problem.at));
        if (mistakes[i].at != NULL)
            assert_true(span_is(json_raw(problem.at), mistakes[i].at));
        assert_false(state_of(world)->settings.reasoning); /* nothing of it was applied */
        arena_reset(&arena);
        fake_world_free(world);
    }
}

static void test_too_many(void **state) {
    static const struct {
        const char *open, *item, *close, *said;
        int count;
    } cases[] = {
        {"\"limits\":[", "{\"requests\":1,\"per\":\"hour\"}", "]", "at most 16", 17},
        {"\"limit_requests\":3,\"limits\":[", "{\"requests\":1,\"per\":\"hour\"}", "]",
         "short forms among them", 16},
        {"\"models\":[", "\"m\"", "]", "cap of 64", 65},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_problem problem = {0};
        struct json_doc doc;
        struct arena arena;
        struct dynbuf text;
        dynbuf_init(&text, OUT_MAX_BYTES);
        arena_init(&arena, NULL, 0, READER_BYTES);
        assert_int_equal(dynbuf_append_format(&text, "{\"provider\":\"a\",%s", cases[i].open), 0);
        for (int k = 0; k < cases[i].count; k++)
            assert_int_equal(dynbuf_append_format(&text, "%s%s", k > 0 ? "," : "", cases[i].item),
                             0);
        assert_int_equal(dynbuf_append_format(&text, "%s}", cases[i].close), 0);
        assert_int_equal(json_parse(&doc, dynbuf_span(&text), &arena, NULL), 0);
        assert_int_equal(fake_script(world, json_top(&doc), &arena, &problem), ERR_INVALID);
        assert_true(span_contains(span_text(problem.text), cases[i].said));
        arena_reset(&arena);
        dynbuf_done(&text);
        fake_world_free(world);
    }
}

/* Scripts that wait have a cap; the one beyond it is refused, those before stay. */
static void test_too_many_later(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_problem problem = {0};
    struct json_doc doc;
    struct arena arena;
    (void)state;
    arena_init(&arena, NULL, 0, 64 * READER_BYTES);
    for (int i = 0; i < FAKE_LATER_MAX; i++)
        script(world, "{\"provider\":\"a\",\"after_ms\":5,\"replay\":[{\"status\":418}]}");
    assert_int_equal(
        json_parse(&doc, SPAN_LITERAL("{\"provider\":\"a\",\"after_ms\":5}"), &arena, NULL), 0);
    assert_int_equal(fake_script(world, json_top(&doc), &arena, &problem), ERR_INVALID);
    assert_true(span_contains(span_text(problem.text), "can wait"));
    arena_reset(&arena);
    fake_world_free(world);
}

/* --- numbers that vary --- */

static void test_spreads(void **state) {
    const struct fake_spread uniform = {SPREAD_UNIFORM, 10, 20};
    const struct fake_spread lognormal = {SPREAD_LOGNORMAL, 100, 0.5};
    const struct fake_spread constant = {SPREAD_CONSTANT, 7, 0};
    struct rand rand, untouched;
    uint32_t below = 0;
    double sum = 0, most = 0;
    (void)state;
    rand_seed(&rand, SEED);
    for (int i = 0; i < 20000; i++) {
        double value = fake_spread_sample(&uniform, &rand);
        assert_true(value >= 10 && value < 20);
        sum += value;
        value = fake_spread_sample(&lognormal, &rand);
        below += value < 100;
        most = value > most ? value : most;
    }
    assert_true(sum / 20000 > 14.9 && sum / 20000 < 15.1);
    assert_in_range(below, 9700, 10300);          /* its median */
    assert_true(most > 400 && most < 100 * 20.1); /* a tail that ends at six sigma */
    untouched = rand;
    assert_true(fake_spread_sample(&constant, &rand) == 7);
    assert_memory_equal(&rand, &untouched, sizeof rand);
}

static void test_latency_follows_the_prompt(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_plan plan;
    (void)state;
    script(world, "{\"provider\":\"a\",\"latency_ms\":20,\"latency_per_1k_ms\":100}");
    question.input_tokens = 2500;
    fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a")), &question, &plan);
    assert_int_equal(plan.latency_ns, 270 * NS_PER_MS);
    fake_plan_over(&plan, question.now_ns, false);
    fake_world_free(world);
}

static void test_failing_now_and_then(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_stats *stats = &fake_provider_get(world, SPAN_LITERAL("a"))->stats;
    (void)state;
    script(world, "{\"provider\":\"a\",\"failing\":{\"503\":0.2,\"429\":0.1}}");
    for (int i = 0; i < 3000; i++) {
        struct fake_plan plan;
        fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a")), &question, &plan);
        fake_plan_over(&plan, question.now_ns, false);
    }
    assert_in_range(stats->faults[FAULT_503], 500, 700);
    assert_in_range(stats->faults[FAULT_429], 230, 370);
    assert_int_equal(stats->answered, 3000 - stats->faults[FAULT_503] - stats->faults[FAULT_429]);
    fake_world_free(world);
}

/* --- the guide --- */

static void test_guide_has_the_tables(void **state) {
    struct dynbuf tables, page;
    char block[4096];
    FILE *file = fopen(PAPI_SOURCE_DIR "/docs/guides/simulator.md", "r");
    (void)state;
    assert_non_null(file);
    dynbuf_init(&tables, OUT_MAX_BYTES);
    dynbuf_init(&page, OUT_MAX_BYTES);
    assert_int_equal(fake_reference_write(&tables), 0);
    assert_int_equal(dynbuf_append_char(&tables, '\0'), 0);
    for (size_t length; (length = fread(block, 1, sizeof block, file)) > 0;)
        assert_int_equal(dynbuf_append(&page, block, length), 0);
    (void)fclose(file);
    if (!span_contains(dynbuf_span(&page), dynbuf_span(&tables).ptr))
        print_error(
            "the tables of docs/guides/simulator.md are not what `papi reference simulator` "
            "prints: write them anew\n");
    assert_true(span_contains(dynbuf_span(&page), dynbuf_span(&tables).ptr));
    dynbuf_done(&tables);
    dynbuf_done(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_too_many_later),
        cmocka_unit_test(test_spreads),
        cmocka_unit_test(test_latency_follows_the_prompt),
        cmocka_unit_test(test_failing_now_and_then),
        cmocka_unit_test(test_guide_has_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
