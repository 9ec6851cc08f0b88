// SPDX-License-Identifier: Apache-2.0
/*
 * What a strict reader sees of every fault, streamed and whole: a good answer is perfect, a faulty one is faulty in the one way
 * its row says. Each row of the table of faults has a row here, which the first test checks.
 */
#include "fake_fixture.h"

/* How a stream with that fault looks; the words of a plain answer are 8. */
static const struct {
    enum fault fault;
    enum fake_step end;
    uint32_t roles, texts, finishes, usages, dones;
    uint32_t errors, not_json, after_done;
    bool cut_inside;
} streams[] = {
    /* fault, end, roles, texts, finishes, usages, dones, errors, not JSON, after [DONE], cut inside */
    {FAULT_NONE, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_STALL_BODY, FAKE_STALL, 0, 0, 0, 0, 0, 0, 0, 0, false},
    {FAULT_STALL_MIDDLE, FAKE_STALL, 1, 2, 0, 0, 0, 0, 0, 0, false},
    {FAULT_CUT_BODY, FAKE_CUT, 0, 0, 0, 0, 0, 0, 0, 0, false},
    {FAULT_CUT_EVENT, FAKE_CUT, 1, 2, 0, 0, 0, 0, 0, 0, true},
    {FAULT_CUT_MIDDLE, FAKE_CUT, 1, 2, 0, 0, 0, 0, 0, 0, false},
    {FAULT_EMPTY, FAKE_END, 0, 0, 1, 1, 1, 0, 0, 0, false},
    {FAULT_ROLE_ONLY, FAKE_END, 1, 0, 1, 1, 1, 0, 0, 0, false},
    {FAULT_ERROR_IN_200, FAKE_END, 0, 0, 0, 0, 0, 1, 0, 0, false},
    {FAULT_ERROR_MIDDLE, FAKE_END, 1, 2, 0, 0, 0, 1, 0, 0, false},
    {FAULT_NO_DONE, FAKE_END, 1, 8, 1, 1, 0, 0, 0, 0, false},
    {FAULT_NO_FINISH, FAKE_END, 1, 8, 0, 1, 1, 0, 0, 0, false},
    {FAULT_NEITHER, FAKE_END, 1, 8, 0, 0, 0, 0, 0, 0, false},
    {FAULT_DOUBLE_DONE, FAKE_END, 1, 8, 1, 1, 2, 0, 0, 1, false},
    {FAULT_DATA_AFTER_DONE, FAKE_END, 1, 9, 1, 1, 1, 0, 0, 1, false},
    {FAULT_NO_USAGE, FAKE_END, 1, 8, 1, 0, 1, 0, 0, 0, false},
    {FAULT_WRONG_USAGE, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_EOS, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_BAD_JSON, FAKE_END, 1, 2, 0, 0, 0, 0, 1, 0, false},
    {FAULT_COMMENTS, FAKE_SEND, 0, 0, 0, 0, 0, 0, 0, 0, false},
    {FAULT_429_IN_200, FAKE_END, 0, 0, 0, 0, 0, 1, 0, 0, false},
    {FAULT_WRONG_MODEL, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_GUARD, FAKE_END, 1, 1, 1, 1, 1, 0, 0, 0, false},
    {FAULT_FILTER, FAKE_END, 1, 0, 1, 1, 1, 0, 0, 0, false},
    {FAULT_LENGTH, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_DRIP, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_CRLF, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_BOM, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_USAGE_NULL, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_USAGE_FINISH, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_USAGE_EVERY, FAKE_END, 1, 8, 1, 11, 1, 0, 0, 0, false},
    {FAULT_USAGE_DETAILS, FAKE_END, 1, 8, 1, 1, 1, 0, 0, 0, false},
    {FAULT_USAGE_GROQ, FAKE_END, 1, 8, 1, 0, 1, 0, 0, 0, false},
};

/* Errors with a status have a body in place of a stream; two are played by the socket alone. */
static bool has_no_stream(enum fault fault) {
    enum fault_play play = fault_row(fault)->play;
    return play == PLAY_ERROR || play == PLAY_HTML || play == PLAY_STALL || play == PLAY_CUT_HEAD ||
           play >= PLAY_GZIP; /* coded: played whole */
}

static void test_every_fault_has_a_row(void **state) {
    (void)state;
    for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
        uint32_t found = has_no_stream((enum fault)fault);
        for (size_t i = 0; i < array_length(streams); i++)
            found += streams[i].fault == (enum fault)fault;
        if (found != 1)
            print_error("fault %s has %u rows\n", fault_row((enum fault)fault)->name, found);
        assert_int_equal(found, 1);
    }
}

static const char *finish_of(enum fault fault) {
    switch (fault) {
    case FAULT_EOS:
        return "eos_token";
    case FAULT_FILTER:
        return "content_filter";
    case FAULT_LENGTH:
        return "length";
    default:
        return "stop";
    }
}

static void test_streams(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(streams); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_question question = question_plain();
        question.stream = question.include_usage = true;
        fake_provider_get(world, SPAN_LITERAL("a"))->script.always.fault = streams[i].fault;
        struct seen seen = watch(world, "a", &question);
        print_message("%s\n", fault_row(streams[i].fault)->name);
        assert_int_equal(seen.end, streams[i].end);
        assert_int_equal(seen.roles, streams[i].roles);
        assert_int_equal(seen.texts, streams[i].texts);
        assert_int_equal(seen.finishes, streams[i].finishes);
        assert_int_equal(seen.usages, streams[i].usages);
        assert_int_equal(seen.dones, streams[i].dones);
        assert_int_equal(seen.errors, streams[i].errors);
        assert_int_equal(seen.not_json, streams[i].not_json);
        assert_int_equal(seen.after_done, streams[i].after_done);
        assert_int_equal(seen.unended_bytes > 0, streams[i].cut_inside);
        assert_int_equal(seen.utf8_cut, streams[i].cut_inside);
        assert_int_equal(seen.comments, streams[i].fault == FAULT_COMMENTS ? STEPS_MAX : 0);
        assert_int_equal(seen.usage_sane, seen.usages > 0 &&
                                              streams[i].fault != FAULT_WRONG_USAGE &&
                                              streams[i].fault != FAULT_USAGE_NULL);
        assert_int_equal(seen.other_models > 0, streams[i].fault == FAULT_WRONG_MODEL);
        assert_int_equal(seen.crlf, streams[i].fault == FAULT_CRLF);
        assert_int_equal(seen.bom, streams[i].fault == FAULT_BOM);
        if (seen.finishes > 0)
            assert_string_equal(seen.finish, finish_of(streams[i].fault));
        fake_world_free(world);
    }
}

/* A fault in the middle shows also where there is hardly a middle. */
static void test_faults_show_in_short_answers(void **state) {
    static const enum fault faults[] = {FAULT_STALL_MIDDLE, FAULT_CUT_EVENT, FAULT_CUT_MIDDLE,
                                        FAULT_ERROR_MIDDLE, FAULT_BAD_JSON};
    (void)state;
    for (uint32_t tokens = 1; tokens <= 3; tokens++)
        for (size_t i = 0; i < array_length(faults); i++) {
            struct fake_world *world = fake_world_new(SEED);
            struct fake_question question = question_plain();
            struct fake_provider *provider = fake_provider_get(world, SPAN_LITERAL("a"));
            provider->script.always.fault = faults[i];
            provider->script.settings.tokens.low = tokens;
            question.stream = true;
            struct seen seen = watch(world, "a", &question);
            assert_int_equal(seen.finishes + seen.dones, 0);
            assert_int_equal(seen.texts, tokens - 1);
            fake_world_free(world);
        }
}

static void test_usage_only_when_asked(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    (void)state;
    question.stream = true;
    assert_int_equal(watch(world, "a", &question).usages, 0);
    question.include_usage = true;
    assert_int_equal(watch(world, "a", &question).usages, 1);
    fake_world_free(world);
}

static void test_tool_stream(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    (void)state;
    question.stream = true;
    question.tool_name = SPAN_LITERAL("get_weather");
    struct seen seen = watch(world, "a", &question);
    assert_int_equal(seen.tool_opens, 1);
    assert_int_equal(seen.tool_args, 2);
    assert_int_equal(seen.texts, 0);
    assert_string_equal(seen.finish, "tool_calls");
    assert_string_equal(seen.args, "{\\\"place\\\": \\\"caf\xc3\xa9\\\"}");
    fake_world_free(world);
}

/* Names may be as long and odd as a client likes: what is streamed stays JSON. */
static void test_tool_names_of_any_length(void **state) {
    static char name[2000];
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    (void)state;
    for (size_t i = 0; i + 1 < sizeof name; i += 2) {
        name[i] = '\\';
        name[i + 1] = 'n';
    }
    for (size_t length = 60; length <= sizeof name; length += 388) {
        question.stream = true;
        question.tool_name = span_of(name, length);
        struct seen seen = watch(world, "a", &question);
        assert_int_equal(seen.not_json, 0);
        assert_int_equal(seen.tool_opens, 1);
    }
    fake_world_free(world);
}

static void test_reasoning_comes_first(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    (void)state;
    script(world, "{\"provider\": \"a\", \"reasoning\": true, \"tokens\": 3}");
    question.stream = true;
    struct seen seen = watch(world, "a", &question);
    assert_int_equal(seen.reasonings, 2);
    assert_int_equal(seen.texts, 3);
    assert_int_equal(seen.chunks, 1 + 2 + 3 + 1);
    fake_world_free(world);
}

static void test_own_text_and_json(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    (void)state;
    script(world, "{\"provider\": \"a\", \"text\": \"one two \\u00e9\"}");
    question.stream = true;
    struct seen seen = watch(world, "a", &question);
    assert_string_equal(seen.text, "one two \xc3\xa9");
    assert_int_equal(seen.texts, 3);
    question.json = true;
    seen = watch(world, "a", &question);
    assert_string_equal(seen.text, "{\\\"answer\\\": \\\"one two \xc3\xa9\\\"}");
    fake_world_free(world);
}

/* --- whole answers --- */

enum whole { WHOLE_GOOD, WHOLE_ERROR, WHOLE_NOT_JSON };

static void whole_body(enum fault fault, struct dynbuf *out, struct fake_plan *plan) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    fake_provider_get(world, SPAN_LITERAL("a"))->script.always.fault = fault;
    fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a")), &question, plan);
    assert_int_equal(fake_body(plan, out), 0);
    fake_plan_over(plan, plan->question.now_ns, false);
    fake_world_free(world);
}

static void check_good(enum fault fault, struct json_value top) {
    struct json_value finish = json_path(top, "choices.0.finish_reason");
    struct span content = json_escaped(json_path(top, "choices.0.message.content"));
    bool empty = fault == FAULT_EMPTY || fault == FAULT_ROLE_ONLY || fault == FAULT_FILTER;
    assert_true(json_string_is(json_get(top, "object"), "chat.completion"));
    assert_true(json_string_is(json_path(top, "choices.0.message.role"), "assistant"));
    assert_int_equal(content.len == 0, empty);
    assert_int_equal(json_present(json_get(top, "usage")), fault != FAULT_NO_USAGE);
    if (json_present(json_get(top, "usage")))
        assert_int_equal(is_count(json_path(top, "usage.total_tokens")),
                         fault != FAULT_WRONG_USAGE && fault != FAULT_USAGE_NULL);
    if (fault == FAULT_NO_FINISH || fault == FAULT_NEITHER)
        assert_true(json_is(finish, JSON_NULL));
    else
        assert_true(json_string_is(finish, finish_of(fault)));
    assert_true(json_string_is(json_get(top, "model"),
                               fault == FAULT_WRONG_MODEL ? "some-other-model" : "some-model"));
    if (fault == FAULT_GUARD)
        assert_true(span_is(content, "safe"));
}

static void check_whole(enum fault fault, struct span body, enum whole expected) {
    struct json_doc doc;
    struct arena arena;
    arena_init(&arena, NULL, 0, READER_BYTES);
    int err = json_parse(&doc, body, &arena, NULL);
    assert_int_equal(err < 0, expected == WHOLE_NOT_JSON);
    if (err == 0 && expected == WHOLE_ERROR) {
        struct json_value error = json_get(json_top(&doc), "error");
        assert_true(json_string_is(json_get(error, "message"), fault_row(fault)->words));
        assert_true(json_string_is(json_get(error, "type"), "mock_error"));
        assert_true(json_present(json_get(error, "param")) &&
                    json_present(json_get(error, "code")));
    }
    if (err == 0 && expected == WHOLE_GOOD)
        check_good(fault, json_top(&doc));
    arena_reset(&arena);
}

static enum whole expected_whole(enum fault fault) {
    switch (fault_row(fault)->play) {
    case PLAY_ERROR:
    case PLAY_ERROR_FIRST:
    case PLAY_ERROR_MIDDLE:
        return WHOLE_ERROR;
    case PLAY_HTML:
    case PLAY_BAD_JSON:
    case PLAY_GZIP:
    case PLAY_GZIP_CUT:
    case PLAY_GZIP_SUM:
    case PLAY_GZIP_BOMB:
        return WHOLE_NOT_JSON;
    default:
        return WHOLE_GOOD; /* cuts and stalls are the socket's */
    }
}

static void test_whole_answers(void **state) {
    (void)state;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        enum fault fault = (enum fault)i;
        const struct fault_row *row = fault_row(fault);
        struct fake_plan plan;
        struct dynbuf out;
        print_message("%s\n", row->name);
        dynbuf_init(&out, OUT_MAX_BYTES);
        whole_body(fault, &out, &plan);
        assert_int_equal(plan.status, row->status != 0 ? row->status : 200);
        assert_string_equal(plan.content_type,
                            row->play == PLAY_HTML ? "text/html" : "application/json");
        check_whole(fault, dynbuf_span(&out), expected_whole(fault));
        dynbuf_done(&out);
    }
}

static void test_whole_tool_call(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_question question = question_plain();
    struct fake_plan plan;
    struct dynbuf out;
    struct json_doc doc;
    struct arena arena;
    (void)state;
    dynbuf_init(&out, OUT_MAX_BYTES);
    arena_init(&arena, NULL, 0, READER_BYTES);
    question.tool_name = SPAN_LITERAL("get_weather");
    fake_ask(world, fake_provider_get(world, SPAN_LITERAL("a")), &question, &plan);
    assert_int_equal(fake_body(&plan, &out), 0);
    assert_int_equal(json_parse(&doc, dynbuf_span(&out), &arena, NULL), 0);
    struct json_value message = json_path(json_top(&doc), "choices.0.message");
    assert_true(json_is(json_get(message, "content"), JSON_NULL));
    assert_true(json_string_is(json_path(message, "tool_calls.0.function.name"), "get_weather"));
    assert_true(json_string_is(json_path(message, "tool_calls.0.function.arguments"),
                               "{\"place\": \"caf\xc3\xa9\"}"));
    assert_true(json_string_is(json_path(json_top(&doc), "choices.0.finish_reason"), "tool_calls"));
    fake_plan_over(&plan, plan.question.now_ns, false);
    arena_reset(&arena);
    dynbuf_done(&out);
    fake_world_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault_has_a_row),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_faults_show_in_short_answers),
        cmocka_unit_test(test_usage_only_when_asked),
        cmocka_unit_test(test_tool_stream),
        cmocka_unit_test(test_tool_names_of_any_length),
        cmocka_unit_test(test_reasoning_comes_first),
        cmocka_unit_test(test_own_text_and_json),
        cmocka_unit_test(test_whole_answers),
        cmocka_unit_test(test_whole_tool_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
