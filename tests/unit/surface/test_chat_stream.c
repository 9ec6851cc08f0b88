// SPDX-License-Identifier: Apache-2.0
/*
 * Events to streams and to whole answers: the order of chunks whatever the order of events, keep-alives, resets, errors,
 * and 2,000 random sequences that must pass the strict reader.
 */
#include "chat_stream_checker.h"

#include "base/check.h"
#include "base/rand.h"
#include "surface/surface.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ARENA_CAP ((size_t)64 << 20)

struct bench {
    struct arena arena;
    struct task task;
    struct surface_identity identity;
    struct surface_encoder *encoder;
    struct dynbuf out;
};

static void open_bench(struct bench *bench, bool include_usage) {
    *bench = (struct bench){.task = {.kind = TASK_CHAT, .prompt_bytes = 40}};
    bench->task.chat.stream = true;
    bench->task.chat.include_usage = include_usage;
    bench->identity =
        (struct surface_identity){SPAN_LITERAL("req-7"), SPAN_LITERAL("m/\"x\""), 1700000000};
    arena_init(&bench->arena, NULL, 0, ARENA_CAP);
    bench->encoder = surface_openai_chat.encoder_new(&bench->arena, &bench->task);
    dynbuf_init(&bench->out, ARENA_CAP);
}

static void close_bench(struct bench *bench) {
    surface_openai_chat.encoder_free(bench->encoder);
    dynbuf_done(&bench->out);
    arena_reset(&bench->arena);
}

static int send(struct bench *bench, struct event event) {
    return surface_openai_chat.stream_event(bench->encoder, &bench->identity, &event, &bench->out);
}

static int keep_alive(struct bench *bench) {
    return surface_openai_chat.stream_keepalive(bench->encoder, &bench->identity, &bench->out);
}

static int end(struct bench *bench) {
    return surface_openai_chat.stream_end(bench->encoder, &bench->identity, &bench->out);
}

#define TEXT(string) ((struct event){.kind = EVENT_TEXT, .text = SPAN_LITERAL(string)})
#define OPEN(index, id_, name_)              \
    ((struct event){.kind = EVENT_TOOL_OPEN, \
                    .tool_index = index,     \
                    .id = SPAN_LITERAL(id_), \
                    .name = SPAN_LITERAL(name_)})
#define ARGS(index, string) \
    ((struct event){.kind = EVENT_TOOL_ARGS, .tool_index = index, .text = SPAN_LITERAL(string)})
#define FINISH(reason) ((struct event){.kind = EVENT_FINISH, .finish = reason})
#define START          ((struct event){.kind = EVENT_START})

static void assert_stream(struct bench *bench, const char *finish) {
    struct chat_stream_checker checker;
    checker_open(&checker, bench->task.chat.include_usage);
    const char *wrong = checker_run(&checker, dynbuf_span(&bench->out));
    if (wrong != NULL)
        fail_msg("%s in\n%.*s", wrong, SPAN_ARG(dynbuf_span(&bench->out)));
    assert_string_equal(checker.finish, finish);
    checker_close(&checker);
}

static void start_says_nothing(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, false);
    assert_int_equal(send(&bench, START), 0);
    assert_int_equal(bench.out.len, 0);
    assert_int_equal(send(&bench, TEXT("")), 0);
    assert_int_equal(send(&bench, TEXT("a\\u00e9\\\"")), 0);
    assert_int_equal(send(&bench, FINISH(FINISH_STOP)), 0);
    assert_int_equal(end(&bench), 0);
    assert_stream(&bench, "stop");
    close_bench(&bench);
}

/* A failed attempt leaves nothing behind, its calls least of all. */
static void reset_forgets(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, true);
    assert_int_equal(send(&bench, START), 0);
    assert_int_equal(send(&bench, OPEN(0, "a", "f")), 0);
    assert_int_equal(send(&bench, ARGS(0, "{")), 0);
    surface_openai_chat.encoder_reset(bench.encoder);
    dynbuf_clear(&bench.out);
    bench.identity.model = SPAN_LITERAL("another");
    assert_int_equal(send(&bench, START), 0);
    assert_int_equal(send(&bench, TEXT("hi")), 0);
    assert_int_equal(send(&bench, FINISH(FINISH_TOOL_CALLS)), 0);
    assert_int_equal(end(&bench), 0);
    assert_true(span_contains(dynbuf_span(&bench.out), "\"model\":\"another\""));
    assert_false(span_contains(dynbuf_span(&bench.out), "m/"));
    assert_stream(&bench, "stop");
    close_bench(&bench);
}

/* After keep-alives the client knows role, id and model: the attempt that answers in the end must not say them again. */
static void keepalives_before_and_between(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, false);
    assert_int_equal(keep_alive(&bench), 0);
    assert_int_equal(keep_alive(&bench), 0);
    assert_int_equal(send(&bench, START), 0);
    surface_openai_chat.encoder_reset(bench.encoder);
    assert_int_equal(send(&bench, START), 0);
    assert_int_equal(keep_alive(&bench), 0);
    assert_int_equal(send(&bench, TEXT("hi")), 0);
    assert_int_equal(keep_alive(&bench), 0);
    assert_int_equal(send(&bench, FINISH(FINISH_LENGTH)), 0);
    size_t before = bench.out.len;
    assert_int_equal(keep_alive(&bench), 0);
    assert_int_equal(bench.out.len, before); /* nothing may follow the finish */
    assert_int_equal(end(&bench), 0);
    assert_stream(&bench, "length");
    close_bench(&bench);
}

static void finish_follows_the_calls(void **state) {
    static const struct {
        enum finish_reason given;
        bool calls;
        const char *expected;
    } rows[] = {
        {FINISH_STOP, false, "stop"},       {FINISH_STOP, true, "tool_calls"},
        {FINISH_TOOL_CALLS, false, "stop"}, {FINISH_TOOL_CALLS, true, "tool_calls"},
        {FINISH_LENGTH, true, "length"},    {FINISH_CONTENT_FILTER, true, "content_filter"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct bench bench;
        open_bench(&bench, i % 2 == 0);
        if (rows[i].calls) {
            assert_int_equal(send(&bench, OPEN(0, "a", "f")), 0);
            assert_int_equal(send(&bench, OPEN(1, "b", "g")), 0);
            assert_int_equal(send(&bench, ARGS(1, "{}")), 0);
        }
        assert_int_equal(send(&bench, FINISH(rows[i].given)), 0);
        assert_int_equal(end(&bench), 0);
        assert_stream(&bench, rows[i].expected);
        close_bench(&bench);
    }
}

static void broken_orders_are_refused(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, false);
    assert_int_equal(end(&bench), ERR_INVALID); /* no finish yet */
    assert_int_equal(send(&bench, ARGS(0, "{}")), ERR_INVALID);
    assert_int_equal(send(&bench, OPEN(1, "a", "f")), ERR_INVALID);
    assert_int_equal(send(&bench, OPEN(0, "a", "f")), 0);
    assert_int_equal(send(&bench, OPEN(0, "a", "f")), ERR_INVALID);
    assert_int_equal(send(&bench, (struct event){.kind = EVENT_TEXT, .choice = 1}), ERR_INVALID);
    assert_int_equal(send(&bench, FINISH(FINISH_STOP)), 0);
    assert_int_equal(send(&bench, FINISH(FINISH_STOP)), ERR_INVALID);
    assert_int_equal(send(&bench, TEXT("late")), ERR_INVALID);
    assert_int_equal(end(&bench), 0);
    assert_stream(&bench, "tool_calls");
    close_bench(&bench);
}

static void too_many_calls(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, false);
    struct event event = OPEN(0, "a", "f");
    for (event.tool_index = 0; event.tool_index < 128; event.tool_index++)
        assert_int_equal(send(&bench, event), 0);
    assert_int_equal(send(&bench, event), ERR_TOO_LARGE);
    close_bench(&bench);
}

static void raw_values_keep_to_one_line(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, false);
    struct event open = OPEN(0, "a", "f");
    open.raw = SPAN_LITERAL("{\n \"google\":\r\n{} }");
    assert_int_equal(
        send(&bench, (struct event){.kind = EVENT_ANNOTATION, .raw = SPAN_LITERAL("{\n}")}), 0);
    size_t before = bench.out.len;
    assert_int_equal(send(&bench, open), 0);
    struct span frame = span_of(dynbuf_span(&bench.out).ptr + before, bench.out.len - before - 2);
    assert_null(memchr(frame.ptr, '\n', frame.len));
    assert_null(memchr(frame.ptr, '\r', frame.len));
    assert_true(span_contains(frame, "\"extra_content\":{  \"google\":  {} }"));
    close_bench(&bench);
}

static void errors_end_the_stream(void **state) {
    const struct api_error error = {.kind = API_UPSTREAM_TIMEOUT,
                                    .message = SPAN_LITERAL("No \"answer\"\n"),
                                    .retry_after_ms = -1};
    struct chat_stream_checker checker;
    struct bench bench;
    (void)state;
    open_bench(&bench, true);
    assert_int_equal(send(&bench, TEXT("hi")), 0);
    assert_int_equal(
        surface_openai_chat.stream_error(bench.encoder, &bench.identity, &error, &bench.out), 0);
    assert_int_equal(keep_alive(&bench), 0);
    checker_open(&checker, true);
    checker.cut_by_error = true;
    assert_null(checker_run(&checker, dynbuf_span(&bench.out)));
    assert_true(span_ends_with(
        dynbuf_span(&bench.out),
        "data: {\"error\":{\"message\":\"No \\\"answer\\\"\\n\",\"type\":\"server_error\","
        "\"param\":null,\"code\":\"upstream_timeout\"}}\n\n"));
    checker_close(&checker);
    close_bench(&bench);
}

static void usage_is_told_or_estimated(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, true);
    assert_int_equal(send(&bench, TEXT("12345678")), 0);
    assert_int_equal(send(&bench, FINISH(FINISH_STOP)), 0);
    assert_int_equal(end(&bench), 0);
    assert_true(span_contains(dynbuf_span(&bench.out),
                              "\"prompt_tokens\":13,\"completion_tokens\":2,\"total_tokens\":15"));
    assert_stream(&bench, "stop");
    close_bench(&bench);
    open_bench(&bench, true);
    assert_int_equal(send(&bench, FINISH(FINISH_STOP)), 0);
    assert_int_equal(
        send(&bench, (struct event){.kind = EVENT_USAGE, .usage = {7, 3, 2, 1, false}}), 0);
    assert_int_equal(end(&bench), 0);
    assert_true(span_contains(dynbuf_span(&bench.out),
                              "{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,"
                              "\"prompt_tokens_details\":{\"cached_tokens\":2},"
                              "\"completion_tokens_details\":{\"reasoning_tokens\":1}}"));
    close_bench(&bench);
}

/* --- random sequences, streamed and whole, must agree --- */

static const char *const pieces[] = {"a",           "Hello ", "\\n", "\\u00e9", "\xE4\xBD\xA0",
                                     "{\\\"x\\\":", "",       " ",   "\\\\",    "0123456789abcdef"};

struct expected {
    struct dynbuf text;
    struct dynbuf reasoning;
    struct dynbuf arguments[8];
    unsigned tools;
};

static struct event random_event(struct rand *rand, struct expected *expected) {
    static const enum event_kind kinds[] = {EVENT_TEXT,      EVENT_TEXT,      EVENT_REASONING,
                                            EVENT_TOOL_OPEN, EVENT_TOOL_ARGS, EVENT_EXTRA,
                                            EVENT_LOGPROBS,  EVENT_OPAQUE};
    struct event event = {.kind = kinds[rand_u64(rand) % array_length(kinds)]};
    event.text = span_text(pieces[rand_u64(rand) % array_length(pieces)]);
    if (event.kind == EVENT_TOOL_ARGS && expected->tools == 0)
        event.kind = EVENT_TOOL_OPEN;
    if (event.kind == EVENT_TOOL_OPEN && expected->tools == array_length(expected->arguments))
        event.kind = EVENT_TOOL_ARGS;
    if (event.kind == EVENT_TOOL_OPEN)
        return (struct event){.kind = EVENT_TOOL_OPEN,
                              .tool_index = expected->tools++,
                              .id = SPAN_LITERAL("id"),
                              .name = SPAN_LITERAL("f")};
    if (event.kind == EVENT_TOOL_ARGS) {
        event.tool_index = (uint32_t)(rand_u64(rand) % expected->tools);
        assert_int_equal(dynbuf_append_span(&expected->arguments[event.tool_index], event.text), 0);
    }
    if (event.kind == EVENT_TEXT)
        assert_int_equal(dynbuf_append_span(&expected->text, event.text), 0);
    if (event.kind == EVENT_REASONING)
        assert_int_equal(dynbuf_append_span(&expected->reasoning, event.text), 0);
    return event;
}

static void assert_same(const struct dynbuf *actual, const struct dynbuf *expected,
                        const char *when_empty) {
    struct span wanted = expected->len > 0 ? dynbuf_span(expected) : span_text(when_empty);
    assert_true(span_equal(dynbuf_span(actual), wanted));
}

static void check_whole(struct bench *whole, const struct expected *expected) {
    struct json_doc doc;
    assert_int_equal(surface_openai_chat.reply_end(whole->encoder, &whole->identity, &whole->out),
                     0);
    assert_int_equal(json_parse(&doc, dynbuf_span(&whole->out), &whole->arena, NULL), 0);
    struct json_value message = json_path(json_top(&doc), "choices.0.message");
    struct json_value content = json_get(message, "content");
    assert_true(span_equal(json_escaped(content), dynbuf_span(&expected->text)) ||
                (json_is(content, JSON_NULL) && expected->text.len == 0));
    assert_true(json_is(content, JSON_STRING) || expected->tools > 0);
    assert_true(span_equal(json_escaped(json_get(message, "reasoning_content")),
                           dynbuf_span(&expected->reasoning)));
    assert_int_equal(json_count(json_get(message, "tool_calls")), expected->tools);
    unsigned i = 0;
    for (struct json_iter it = json_each(json_get(message, "tool_calls")); json_next(&it); i++) {
        struct span wanted = expected->arguments[i].len > 0 ? dynbuf_span(&expected->arguments[i])
                                                            : SPAN_LITERAL("{}");
        assert_true(span_equal(json_escaped(json_path(it.value, "function.arguments")), wanted));
    }
}

static void run_seed(uint64_t seed) {
    struct rand rand;
    struct bench bench, whole;
    struct expected expected = {.tools = 0};
    struct chat_stream_checker checker;
    rand_seed(&rand, seed);
    open_bench(&bench, seed % 2 == 0);
    open_bench(&whole, false);
    dynbuf_init(&expected.text, ARENA_CAP);
    dynbuf_init(&expected.reasoning, ARENA_CAP);
    for (size_t i = 0; i < array_length(expected.arguments); i++)
        dynbuf_init(&expected.arguments[i], ARENA_CAP);
    for (uint64_t left = rand_u64(&rand) % 30; left > 0; left--) {
        struct event event = random_event(&rand, &expected);
        assert_int_equal(send(&bench, event), 0);
        assert_int_equal(surface_openai_chat.reply_event(whole.encoder, &event), 0);
        if (rand_u64(&rand) % 5 == 0)
            assert_int_equal(keep_alive(&bench), 0);
    }
    struct event finish = FINISH((enum finish_reason)(rand_u64(&rand) % FINISH_REASON_COUNT));
    assert_int_equal(send(&bench, finish), 0);
    assert_int_equal(surface_openai_chat.reply_event(whole.encoder, &finish), 0);
    assert_int_equal(end(&bench), 0);
    checker_open(&checker, bench.task.chat.include_usage);
    const char *wrong = checker_run(&checker, dynbuf_span(&bench.out));
    if (wrong != NULL)
        fail_msg("seed %llu: %s", (unsigned long long)seed, wrong);
    assert_same(&checker.text, &expected.text, "");
    assert_same(&checker.reasoning, &expected.reasoning, "");
    assert_int_equal(checker.tools, expected.tools);
    for (unsigned i = 0; i < expected.tools; i++)
        assert_same(&checker.arguments[i], &expected.arguments[i], "{}");
    check_whole(&whole, &expected);
    checker_close(&checker);
    for (size_t i = 0; i < array_length(expected.arguments); i++)
        dynbuf_done(&expected.arguments[i]);
    dynbuf_done(&expected.text);
    dynbuf_done(&expected.reasoning);
    close_bench(&bench);
    close_bench(&whole);
}

static void random_sequences(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++)
        run_seed(seed);
}

/* The strict reader itself must refuse what is wrong. */
static void the_reader_is_strict(void **state) {
#define HEAD                                                                                     \
    "data: "                                                                                     \
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\"," \
    "\"choices\":["
#define ROLE                                                                                   \
    HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":" \
         "null}]}\n\n"
#define STOP HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
    static const char *const wrong[] = {
        "",
        ROLE STOP,
        ROLE DONE,
        STOP DONE,
        ROLE ROLE STOP DONE,
        ROLE STOP STOP DONE,
        ROLE STOP DONE DONE,
        ": comment\n\n" ROLE STOP DONE,
        ROLE HEAD "]}\n\n" STOP DONE,
        ROLE HEAD
        "{\"index\":0,\"delta\":{\"content\":null},\"finish_reason\":null}]}\n\n" STOP DONE,
        ROLE HEAD "{\"index\":0,\"delta\":{\"content\":\"a\",\"reasoning_content\":\"b\"},\"finish_"
                  "reason\":null}]}\n\n" STOP DONE,
        ROLE HEAD "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"a\",\"type\":"
                  "\"function\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n" STOP DONE,
        ROLE HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"eos\"}]}\n\n" DONE,
        ROLE HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" DONE,
        ROLE HEAD
        "{\"index\":0,\"delta\":{},\"finish_reason\":null}],\"error\":null}\n\n" STOP DONE,
        ROLE HEAD
        "{\"index\":0,\"delta\":{},\"finish_reason\":null}],\"usage\":null}\n\n" STOP DONE,
        ROLE "data: "
             "{\"id\":\"chatcmpl-2\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
             "\"m\",\"choices\":[{\"index\":0,"
             "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" DONE,
    };
    struct chat_stream_checker checker;
    (void)state;
    for (size_t i = 0; i < array_length(wrong); i++) {
        checker_open(&checker, false);
        if (checker_run(&checker, span_text(wrong[i])) == NULL)
            fail_msg("accepted: %s", wrong[i]);
        checker_close(&checker);
    }
    checker_open(&checker, false);
    assert_null(checker_run(&checker, SPAN_LITERAL(ROLE STOP DONE)));
    checker_close(&checker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_says_nothing),
        cmocka_unit_test(reset_forgets),
        cmocka_unit_test(keepalives_before_and_between),
        cmocka_unit_test(finish_follows_the_calls),
        cmocka_unit_test(broken_orders_are_refused),
        cmocka_unit_test(too_many_calls),
        cmocka_unit_test(raw_values_keep_to_one_line),
        cmocka_unit_test(errors_end_the_stream),
        cmocka_unit_test(usage_is_told_or_estimated),
        cmocka_unit_test(random_sequences),
        cmocka_unit_test(the_reader_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
