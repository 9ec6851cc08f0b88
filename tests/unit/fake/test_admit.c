// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of a provider together: who shares a count, all or none, what is charged when, what a change of limits keeps, what a foreign user
 * takes. Through scripts and questions, as they are used.
 */
#include "fake_fixture.h"

#define MINUTE_NS (60 * NS_PER_S)

struct asker {
    struct fake_world *world;
    uint64_t now_ns;
};

static struct fake_question question_of(const struct asker *asker, const char *key,
                                        const char *model) {
    struct fake_question question = question_plain();
    question.wall_ms += (asker->now_ns - question.now_ns) / NS_PER_MS;
    question.now_ns = asker->now_ns;
    question.key = span_text(key);
    question.model = span_text(model);
    return question;
}

/* Asks and ends at once; the status. */
static int ask(struct asker *asker, const char *key, const char *model) {
    struct fake_question question = question_of(asker, key, model);
    struct fake_plan plan;
    struct dynbuf out;
    dynbuf_init(&out, OUT_MAX_BYTES);
    fake_ask(asker->world, fake_provider_get(asker->world, SPAN_LITERAL("a")), &question, &plan);
    assert_int_equal(fake_body(&plan, &out), 0); /* says its words, which are then charged */
    fake_plan_over(&plan, asker->now_ns, false);
    dynbuf_done(&out);
    return plan.status;
}

static struct asker asker_with(const char *text) {
    struct asker asker = {fake_world_new(SEED), 1000 * NS_PER_S};
    script(asker.world, text);
    return asker;
}

static struct fake_rules *rules_of(struct asker *asker) {
    return &fake_provider_get(asker->world, SPAN_LITERAL("a"))->rules;
}

/* --- scopes --- */

static void test_scopes(void **state) {
    static const struct {
        const char *scope;
        int statuses[6];
    } cases[] = {
        /* k1 m1, k1 m1, k1 m2, k2 m1, k2 m1, k1 m2 with a limit of 1 */
        {"ip", {200, 429, 429, 429, 429, 429}},
        {"account", {200, 429, 429, 200, 429, 429}},
        {"model", {200, 429, 200, 200, 429, 429}},
    };
    static const char *const asked[6][2] = {{"k1", "m1"}, {"k1", "m1"}, {"k1", "m2"},
                                            {"k2", "m1"}, {"k2", "m1"}, {"k1", "m2"}};
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{\"provider\":\"a\",\"limits\":[{\"requests\":1,\"per\":\"minute\","
                       "\"scope\":\"%s\"}]}",
                       cases[i].scope);
        struct asker asker = asker_with(text);
        for (size_t k = 0; k < 6; k++)
            assert_int_equal(ask(&asker, asked[k][0], asked[k][1]), cases[i].statuses[k]);
        fake_world_free(asker.world);
    }
}

static void test_limit_of_one_model(void **state) {
    struct asker asker = asker_with("{\"provider\":\"a\",\"limits\":[{\"requests\":1,\"per\":"
                                    "\"minute\",\"model\":\"m1\"}]}");
    (void)state;
    assert_int_equal(ask(&asker, "k", "m1"), 200);
    assert_int_equal(ask(&asker, "k", "m1"), 429);
    assert_int_equal(ask(&asker, "k", "m2"), 200);
    assert_int_equal(ask(&asker, "k", "m2"), 200);
    fake_world_free(asker.world);
}

/* More subjects than are kept apart share the last count: never more room than there is. */
static void test_many_subjects(void **state) {
    struct asker asker = asker_with(
        "{\"provider\":\"a\",\"limits\":[{\"requests\":1,\"per\":\"minute\"},{\"concurrent\":5}]}");
    uint32_t answered = 0;
    (void)state;
    for (uint32_t i = 0; i < 3 * FAKE_SUBJECTS_MAX; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key-%u", i);
        answered += ask(&asker, key, "m") == 200;
    }
    assert_int_equal(answered, FAKE_SUBJECTS_MAX);
    assert_int_equal(rules_of(&asker)->rows[0].count_count, FAKE_SUBJECTS_MAX);
    fake_world_free(asker.world);
}

/* --- all or none --- */

static void test_refused_by_one_charged_by_none(void **state) {
    struct asker asker =
        asker_with("{\"provider\":\"a\",\"limits\":[{\"requests\":2,\"per\":\"minute\"},{"
                   "\"requests\":3,\"per\":"
                   "\"hour\"},{\"requests\":9,\"per\":\"day\",\"refused_count\":true}]}");
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&asker, "k", "m"), i < 2 ? 200 : 429);
    asker.now_ns += MINUTE_NS;
    assert_int_equal(ask(&asker, "k", "m"), 200); /* the hour has counted 2 */
    assert_int_equal(ask(&asker, "k", "m"), 429); /* now 3 */
    asker.now_ns += 60 * MINUTE_NS;
    assert_int_equal(ask(&asker, "k", "m"), 200);
    assert_int_equal(ask(&asker, "k", "m"), 200); /* the day has counted 9, refusals among them */
    asker.now_ns += MINUTE_NS;
    assert_int_equal(ask(&asker, "k", "m"), 429);
    struct fake_rule *rows = rules_of(&asker)->rows;
    assert_int_equal(rows[0].counts[0].refused_requests, 3);
    assert_int_equal(rows[1].counts[0].refused_requests, 1);
    assert_int_equal(rows[2].counts[0].refused_requests, 1);
    assert_int_equal(rows[0].counts[0].accepted.most, 2);
    assert_int_equal(rows[0].counts[0].arrived.most, 5);
    fake_world_free(asker.world);
}

/* Of two that refuse, the longer wait is told: coming back then, it is let in. */
static void test_longest_wait_speaks(void **state) {
    struct asker asker = asker_with(
        "{\"provider\":\"a\",\"retry_form\":\"ms\",\"limits\":[{\"requests\":1,\"per\":\"hour\"},{"
        "\"requests\":1,\"per\":\"minute\"},{\"requests\":1,\"per\":\"second\"}]}");
    struct fake_plan plan;
    (void)state;
    assert_int_equal(ask(&asker, "k", "m"), 200);
    asker.now_ns += NS_PER_S / 2;
    struct fake_question question = question_of(&asker, "k", "m");
    fake_ask(asker.world, fake_provider_get(asker.world, SPAN_LITERAL("a")), &question, &plan);
    assert_int_equal(plan.wait_ms, 3600000 - 500);
    assert_int_equal(plan.refusing.window_ms, 3600000);
    fake_plan_over(&plan, asker.now_ns, false);
    asker.now_ns += 3599500 * NS_PER_MS - 1;
    assert_int_equal(ask(&asker, "k", "m"), 429);
    asker.now_ns += 1;
    assert_int_equal(ask(&asker, "k", "m"), 200);
    fake_world_free(asker.world);
}

/* --- what is charged --- */

static int ask_tokens(struct asker *asker, uint64_t input, uint64_t most, uint64_t lasts_ns) {
    struct fake_question question = question_of(asker, "k", "m");
    struct fake_plan plan;
    struct dynbuf out;
    dynbuf_init(&out, OUT_MAX_BYTES);
    question.input_tokens = input;
    question.max_tokens = most;
    fake_ask(asker->world, fake_provider_get(asker->world, SPAN_LITERAL("a")), &question, &plan);
    assert_int_equal(fake_body(&plan, &out), 0);
    asker->now_ns += lasts_ns;
    fake_plan_over(&plan, asker->now_ns, false);
    dynbuf_done(&out);
    return plan.status;
}

static void test_up_front(void **state) {
    struct asker asker = asker_with("{\"provider\":\"a\",\"tokens\":5,\"limits\":[{\"tokens\":100,"
                                    "\"per\":\"minute\",\"charge\":\"up_front\"}]}");
    (void)state;
    assert_int_equal(ask_tokens(&asker, 10, 40, 0), 200);
    assert_int_equal(ask_tokens(&asker, 10, 41, 0), 429); /* though only 15 were used */
    assert_int_equal(ask_tokens(&asker, 10, 40, 0), 200);
    assert_int_equal(ask_tokens(&asker, 60, 41, 0), 413); /* never fits */
    assert_int_equal(rules_of(&asker)->rows[0].counts[0].accepted.most, 100);
    fake_world_free(asker.world);
}

/* Charged when the answer ends: until then others are let in, and the count passes the limit. */
static void test_by_usage(void **state) {
    struct asker asker = asker_with("{\"provider\":\"a\",\"tokens\":5,\"limits\":[{\"tokens\":20,"
                                    "\"per\":\"minute\"}]}");
    (void)state;
    assert_int_equal(ask_tokens(&asker, 10, 1000, 30 * NS_PER_S), 200);
    assert_int_equal(ask_tokens(&asker, 10, 1000, 0), 200); /* 15 are used */
    assert_int_equal(ask_tokens(&asker, 10, 1000, 0), 429); /* 30 are */
    asker.now_ns += 30 * NS_PER_S; /* the first was counted at its end, which is not a minute ago */
    assert_int_equal(ask_tokens(&asker, 10, 1000, 0), 429);
    asker.now_ns += 30 * NS_PER_S;
    assert_int_equal(ask_tokens(&asker, 10, 1000, 0), 200);
    assert_int_equal(rules_of(&asker)->rows[0].counts[0].accepted.most, 30);
    fake_world_free(asker.world);
}

static void test_units(void **state) {
    static const struct {
        const char *unit;
        uint64_t used; /* after 10 tokens in, 5 out, at 50 thousandths */
    } cases[] = {
        {"requests", 1},      {"tokens", 15},   {"input_tokens", 10},
        {"output_tokens", 5}, {"neurons", 750},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{\"provider\":\"a\",\"tokens\":5,\"limits\":[{\"%s\":1000000,\"per\":"
                       "\"day\",\"shape\":\"rolling\"}]}",
                       cases[i].unit);
        if (i == 0) /* as many requests cannot be kept in a log */
            (void)snprintf(text, sizeof text,
                           "{\"provider\":\"a\",\"limits\":[{\"requests\":1000,\"per\":\"day\"}]}");
        struct asker asker = asker_with(text);
        assert_int_equal(ask_tokens(&asker, 10, 100, 0), 200);
        assert_int_equal(rules_of(&asker)->rows[0].counts[0].accepted.most, cases[i].used);
        fake_world_free(asker.world);
    }
}

/* An error costs the request, and of tokens none where they are counted at the end. */
static void test_errors_cost_no_tokens(void **state) {
    struct asker asker =
        asker_with("{\"provider\":\"a\",\"always\":\"503\",\"limits\":[{\"requests\":"
                   "2,\"per\":\"minute\"},{\"tokens\":100,\"per\":\"minute\"}]}");
    (void)state;
    assert_int_equal(ask_tokens(&asker, 10, 10, 0), 503);
    assert_int_equal(ask_tokens(&asker, 10, 10, 0), 503);
    assert_int_equal(ask_tokens(&asker, 10, 10, 0), 429);
    assert_int_equal(rules_of(&asker)->rows[1].counts[0].accepted.most, 0);
    fake_world_free(asker.world);
}

/* A client that leaves in the middle has used what was said. */
static void test_partial_answers_are_charged(void **state) {
    struct asker asker =
        asker_with("{\"provider\":\"a\",\"limits\":[{\"output_tokens\":100,\"per\":\"minute\"}]}");
    struct fake_question question = question_of(&asker, "k", "m");
    struct fake_plan plan;
    struct dynbuf out;
    enum fake_step step;
    uint64_t delay_ns;
    (void)state;
    dynbuf_init(&out, OUT_MAX_BYTES);
    question.stream = true;
    fake_ask(asker.world, fake_provider_get(asker.world, SPAN_LITERAL("a")), &question, &plan);
    for (int i = 0; i < 4; i++) /* the role and three words */
        assert_int_equal(fake_next(&plan, &out, &step, &delay_ns), 0);
    fake_plan_over(&plan, asker.now_ns, true);
    assert_int_equal(rules_of(&asker)->rows[0].counts[0].accepted.most, 3);
    dynbuf_done(&out);
    fake_world_free(asker.world);
}

static void test_once(void **state) {
    struct asker asker = asker_with("{\"provider\":\"a\",\"limits\":[{\"requests\":2,\"shape\":"
                                    "\"once\",\"scope\":\"account\"}]}");
    (void)state;
    assert_int_equal(ask(&asker, "k", "m"), 200);
    assert_int_equal(ask(&asker, "k", "m"), 200);
    asker.now_ns += 1000000 * MINUTE_NS;
    assert_int_equal(ask(&asker, "k", "m"), 402);
    fake_world_free(asker.world);
}

/* --- limits that change --- */

static void test_changed_amount_keeps_the_count(void **state) {
    struct asker asker =
        asker_with("{\"provider\":\"a\",\"limits\":[{\"requests\":5,\"per\":\"minute\"}]}");
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&asker, "k", "m"), 200);
    script(asker.world, "{\"provider\":\"a\",\"limits\":[{\"requests\":3,\"per\":\"minute\"}]}");
    assert_int_equal(ask(&asker, "k", "m"), 429);
    script(asker.world, "{\"provider\":\"a\",\"faults\":[]}"); /* says nothing of limits */
    assert_int_equal(ask(&asker, "k", "m"), 429);
    script(asker.world, "{\"provider\":\"a\",\"limits\":[{\"requests\":3,\"per\":\"hour\"}]}");
    assert_int_equal(ask(&asker, "k", "m"), 200); /* another rule counts anew */
    fake_world_free(asker.world);
}

/* What is under way when limits are replaced gives nothing back to rules that never counted it. */
static void test_replaced_while_under_way(void **state) {
    struct asker asker = asker_with("{\"provider\":\"a\",\"limits\":[{\"concurrent\":1}]}");
    struct fake_question question = question_of(&asker, "k", "m");
    struct fake_provider *provider = fake_provider_get(asker.world, SPAN_LITERAL("a"));
    struct fake_plan plan;
    (void)state;
    fake_ask(asker.world, provider, &question, &plan);
    assert_int_equal(ask(&asker, "k", "m"), 429);
    script(asker.world, "{\"provider\":\"a\",\"limits\":[{\"concurrent\":1,\"scope\":\"ip\"},{"
                        "\"tokens\":10,\"per\":\"hour\"}]}");
    fake_plan_over(&plan, asker.now_ns, false);
    assert_int_equal(ask(&asker, "k", "m"), 200);
    fake_world_reset(asker.world);
    fake_world_free(asker.world);
}

static void test_later_scripts(void **state) {
    struct asker asker = asker_with("{\"provider\":\"a\",\"always\":\"500\"}");
    (void)state;
    script(asker.world, "{\"provider\":\"a\",\"after_ms\":2000,\"always\":\"503\"}");
    script(asker.world, "{\"provider\":\"a\",\"after_ms\":1000,\"always\":\"401\"}");
    assert_int_equal(ask(&asker, "k", "m"), 500); /* the first time known: they count from here */
    asker.now_ns += NS_PER_S - 1;
    assert_int_equal(ask(&asker, "k", "m"), 500);
    asker.now_ns += 1;
    assert_int_equal(ask(&asker, "k", "m"), 401);
    asker.now_ns += 5 * NS_PER_S;
    assert_int_equal(ask(&asker, "k", "m"), 503);
    script(asker.world, "{\"provider\":\"a\",\"after_ms\":1,\"always\":\"404\"}");
    fake_world_reset(asker.world); /* takes back what was to come */
    asker.now_ns += NS_PER_S;
    assert_int_equal(ask(&asker, "k", "m"), 200);
    fake_world_free(asker.world);
}

/* --- the foreign user --- */

/* Saturated for ten windows: we get what the other leaves, about. */
static void test_foreign_share(void **state) {
    static const char *const shapes[] = {"rolling", "fixed", "anchored", "refill"};
    (void)state;
    for (size_t i = 0; i < array_length(shapes); i++) {
        char text[256];
        uint32_t answered = 0;
        (void)snprintf(text, sizeof text,
                       "{\"provider\":\"a\",\"limits\":[{\"requests\":100,\"per\":\"minute\","
                       "\"shape\":\"%s\",\"foreign\":0.4}]}",
                       shapes[i]);
        struct asker asker = asker_with(text);
        for (int step = 0; step < 600; step++) {
            asker.now_ns += NS_PER_S;
            for (int k = 0; k < 3; k++)
                answered += ask(&asker, "k", "m") == 200;
        }
        assert_in_range(answered, 560, 700); /* 600, and the bucket that was full */
        fake_world_free(asker.world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_limit_of_one_model),
        cmocka_unit_test(test_many_subjects),
        cmocka_unit_test(test_refused_by_one_charged_by_none),
        cmocka_unit_test(test_longest_wait_speaks),
        cmocka_unit_test(test_up_front),
        cmocka_unit_test(test_by_usage),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_errors_cost_no_tokens),
        cmocka_unit_test(test_partial_answers_are_charged),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_changed_amount_keeps_the_count),
        cmocka_unit_test(test_replaced_while_under_way),
        cmocka_unit_test(test_later_scripts),
        cmocka_unit_test(test_foreign_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
