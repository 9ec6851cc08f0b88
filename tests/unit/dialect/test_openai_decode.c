// SPDX-License-Identifier: Apache-2.0
/*
 * The OpenAI decoder where golden cases do not reach: ends, sinks that stop, broken bytes, caps, error bodies.
 */
#include "base/check.h"
#include "base/mem.h"
#include "dialect/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_CAP  ((size_t)256 << 20)
#define SINK_STOPS (-4711)

struct heard {
    struct arena arena;
    struct task task;
    struct dialect_decoder *decoder;
    unsigned kinds[EVENT_KIND_COUNT];
    unsigned total;
    unsigned stop_at; /* events before the sink refuses; 0 = never */
    struct usage usage;
    char text[256];
    size_t text_bytes;
};

static int hear(void *context, const struct event *event) {
    struct heard *heard = context;
    heard->kinds[event->kind]++;
    heard->total++;
    if (event->kind == EVENT_TEXT) {
        heard->text_bytes += event->text.len;
        (void)snprintf(heard->text + strlen(heard->text), sizeof heard->text - strlen(heard->text),
                       "%.*s", SPAN_ARG(event->text));
    }
    if (event->kind == EVENT_USAGE)
        heard->usage = event->usage;
    return heard->total == heard->stop_at ? SINK_STOPS : 0;
}

static void open_decoder(struct heard *heard) {
    *heard = (struct heard){.task = {.kind = TASK_CHAT, .prompt_bytes = 8}};
    arena_init(&heard->arena, NULL, 0, ARENA_CAP);
    heard->decoder = dialect_openai.decoder_new(&heard->arena, &heard->task, NULL, hear, heard);
}

static void close_decoder(struct heard *heard) {
    dialect_openai.decoder_free(heard->decoder);
    arena_reset(&heard->arena);
}

/* From memory of exactly its size. */
static int record(struct heard *heard, const char *text) {
    size_t length = strlen(text);
    char *copy = test_malloc(length > 0 ? length : 1);
    memcpy(copy, text, length);
    int err = dialect_openai.on_record(heard->decoder, span_of(copy, length));
    test_free(copy);
    return err;
}

static int body(struct heard *heard, struct span text) {
    char *copy = test_malloc(text.len > 0 ? text.len : 1);
    memcpy(copy, text.ptr, text.len);
    int err = dialect_openai.on_body(heard->decoder, span_of(copy, text.len));
    test_free(copy);
    return err;
}

#define SAY(text) "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}"
#define STOP      "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
#define USAGE \
    "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}}"

static const struct {
    const char *records[5];
    enum dialect_end end;
    unsigned finishes, usages, errors;
    bool over; /* before the transfer ends */
} ends[] = {
    {{SAY("a"), STOP, USAGE, "[DONE]"}, DIALECT_COMPLETE, 1, 1, 0, true},
    {{SAY("a"), STOP, USAGE}, DIALECT_COMPLETE, 1, 1, 0, true}, /* nothing can follow usage alone */
    {{SAY("a"), STOP}, DIALECT_COMPLETE, 1, 1, 0, false},
    {{SAY("a"), STOP, "[DONE]", "[DONE]", STOP}, DIALECT_COMPLETE, 1, 1, 0, true},
    {{SAY("a"), STOP, STOP, " [DONE] "}, DIALECT_COMPLETE, 1, 1, 0, true},
    {{SAY("a"), "[DONE]"}, DIALECT_TRUNCATED, 0, 0, 0, true},
    {{SAY("a")}, DIALECT_TRUNCATED, 0, 0, 0, false},
    {{USAGE, SAY("a")}, DIALECT_TRUNCATED, 0, 0, 0, false},
    {{"[DONE]"}, DIALECT_TRUNCATED, 0, 0, 0, true},
    {{NULL}, DIALECT_TRUNCATED, 0, 0, 0, false},
    {{STOP, "[DONE]"}, DIALECT_EMPTY, 1, 1, 0, true},
    {{SAY("a"), "{\"error\":{\"message\":\"x\"}}", STOP, "[DONE]"}, DIALECT_FAILED, 0, 0, 1, false},
    {{SAY("a"), STOP, "{\"error\":{\"message\":\"x\"}}"}, DIALECT_FAILED, 0, 0, 1, false},
    {{SAY("a"), STOP, "[DONE]", "{\"error\":{\"message\":\"x\"}}"},
     DIALECT_COMPLETE,
     1,
     1,
     0,
     true},
};

static void judges_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(ends); i++) {
        struct heard heard;
        open_decoder(&heard);
        for (size_t j = 0; j < array_length(ends[i].records) && ends[i].records[j] != NULL; j++)
            assert_int_equal(record(&heard, ends[i].records[j]), 0);
        assert_int_equal(dialect_openai.is_over(heard.decoder), ends[i].over);
        assert_int_equal(dialect_openai.on_end(heard.decoder), ends[i].end);
        assert_int_equal(dialect_openai.on_end(heard.decoder),
                         ends[i].end); /* asking twice changes nothing */
        assert_int_equal(heard.kinds[EVENT_FINISH], ends[i].finishes);
        assert_int_equal(heard.kinds[EVENT_USAGE], ends[i].usages);
        assert_int_equal(heard.kinds[EVENT_ERROR], ends[i].errors);
        assert_true(heard.kinds[EVENT_START] <= 1);
        close_decoder(&heard);
    }
}

/* Whatever the sink returns comes back at once, from every event. */
static void the_sink_may_stop(void **state) {
    static const char *const records[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"r\",\"content\":[\"a\",{\"text\":"
        "\"b\"}],\"refusal\":\"c\",\"annotations\":[{}],"
        "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]}}]}",
        STOP, "[DONE]"};
    (void)state;
    for (unsigned stop_at = 1; stop_at <= 10; stop_at++) {
        struct heard heard;
        int err = 0;
        open_decoder(&heard);
        heard.stop_at = stop_at;
        for (size_t i = 0; i < array_length(records) && err == 0; i++)
            err = record(&heard, records[i]);
        assert_int_equal(err, stop_at <= 10 ? SINK_STOPS : 0);
        assert_int_equal(heard.total, stop_at);
        close_decoder(&heard);
    }
}

static void broken_bytes_are_not_this_wire(void **state) {
    static const char *const broken[] = {
        "{",
        "[]",
        "\"x\"",
        "{\"choices\":[{\"delta\":{\"content\":\"\xC3\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"\xED\xA0\x80\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"a\nb\"}}]}",
        "[DONE] ]",
        "{}{}",
    };
    (void)state;
    for (size_t i = 0; i < array_length(broken); i++) {
        struct heard heard;
        open_decoder(&heard);
        assert_int_equal(record(&heard, broken[i]), ERR_INVALID);
        assert_int_equal(heard.total, 0);
        close_decoder(&heard);
        open_decoder(&heard);
        assert_int_equal(body(&heard, span_text(broken[i])), ERR_INVALID);
        close_decoder(&heard);
    }
}

/* Wrong types anywhere are as if nothing was there. */
static void wrong_types_say_nothing(void **state) {
    static const char *const odd[] = {
        "{\"choices\":5}",
        "{\"choices\":[5,null,[]]}",
        "{\"choices\":[{\"delta\":[]}]}",
        "{\"choices\":[{\"delta\":{\"content\":5,\"reasoning\":{},\"refusal\":[],\"tool_calls\":{"
        "\"a\":1}}}]}",
        "{\"choices\":[{\"delta\":{\"content\":[5,null,{\"text\":7},{\"thinking\":null},[[]]],"
        "\"tool_calls\":[5,null,{},{\"function\":5}]}}]}",
        "{\"choices\":[{\"index\":\"0\",\"delta\":{\"content\":\"\"},\"finish_reason\":7}]}",
        "{\"choices\":[{\"finish_reason\":{\"a\":1}}],\"usage\":[],\"x_groq\":7,\"model\":7,"
        "\"error\":false}",
        "{\"usage\":{\"prompt_tokens\":1e99,\"completion_tokens\":0.5,\"prompt_tokens_details\":7}"
        "}",
        "",
        "   ",
    };
    struct heard heard;
    (void)state;
    open_decoder(&heard);
    for (size_t i = 0; i < array_length(odd); i++)
        assert_int_equal(record(&heard, odd[i]), 0);
    assert_int_equal(heard.total, heard.kinds[EVENT_START]);
    assert_int_equal(record(&heard, SAY("still here")), 0);
    assert_int_equal(record(&heard, STOP), 0);
    assert_int_equal(dialect_openai.on_end(heard.decoder), DIALECT_COMPLETE);
    assert_string_equal(heard.text, "still here");
    assert_true(heard.usage.estimated);
    close_decoder(&heard);
}

static const struct {
    const char *usage;
    struct usage expected;
} usages[] = {
    {"{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}", {5, 2, 0, 0, false}},
    {"{\"prompt_tokens\":5,\"completion_tokens\":2}", {5, 2, 0, 0, false}},
    {"{\"input_tokens\":5,\"output_tokens\":2}", {5, 2, 0, 0, false}},
    {"{\"prompt_tokens\":5,\"total_tokens\":9}", {5, 4, 0, 0, false}},
    {"{\"completion_tokens\":5,\"total_tokens\":9}", {4, 5, 0, 0, false}},
    {"{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":17}", {5, 12, 0, 10, false}},
    {"{\"prompt_tokens\":5,\"completion_tokens\":2,\"prompt_cache_hit_tokens\":3}",
     {5, 2, 3, 0, false}},
    {"{\"prompt_tokens\":5,\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":4},"
     "\"completion_tokens_details\":{"
     "\"reasoning_tokens\":1}}",
     {5, 2, 4, 1, false}},
    {"{\"prompt_tokens\":5.0,\"completion_tokens\":2e0}", {5, 2, 0, 0, false}},
    {"{\"prompt_tokens\":5,\"completion_tokens\":0}", {5, 1, 0, 0, true}}, /* a token was seen */
    {"{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}", {5, 1, 0, 0, true}},
    {"{\"prompt_tokens\":-5,\"completion_tokens\":2}", {5, 2, 0, 0, true}}, /* 2 + 3 estimated */
    {"{\"prompt_tokens\":\"7\",\"completion_tokens\":null}", {5, 1, 0, 0, true}},
    {"null", {5, 1, 0, 0, true}},
    {"[]", {5, 1, 0, 0, true}},
};

static void reads_usage(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(usages); i++) {
        struct heard heard;
        char text[512];
        open_decoder(&heard);
        assert_int_equal(record(&heard, SAY("a")), 0);
        (void)snprintf(
            text, sizeof text,
            "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":%s}",
            usages[i].usage);
        assert_int_equal(record(&heard, text), 0);
        assert_int_equal(
            record(&heard, "{\"choices\":[{\"index\":0,\"delta\":{}}],\"usage\":null}"), 0);
        assert_int_equal(dialect_openai.on_end(heard.decoder), DIALECT_COMPLETE);
        assert_int_equal(heard.kinds[EVENT_USAGE], 1);
        assert_int_equal(heard.usage.input_tokens, usages[i].expected.input_tokens);
        assert_int_equal(heard.usage.output_tokens, usages[i].expected.output_tokens);
        assert_int_equal(heard.usage.cached_tokens, usages[i].expected.cached_tokens);
        assert_int_equal(heard.usage.reasoning_tokens, usages[i].expected.reasoning_tokens);
        assert_int_equal(heard.usage.estimated, usages[i].expected.estimated);
        close_decoder(&heard);
    }
}

static void large_records(void **state) {
    struct heard heard;
    struct dynbuf text;
    (void)state;
    dynbuf_init(&text, ARENA_CAP);
    assert_int_equal(dynbuf_append_text(&text, "{\"choices\":[{\"message\":{\"content\":\""), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(dynbuf_append_text(&text, "0123456789\\n"), 0);
    assert_int_equal(dynbuf_append_text(&text, "\"},\"logprobs\":["), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(dynbuf_append_text(&text, "0,"), 0);
    assert_int_equal(dynbuf_append_text(&text, "0]}]}"), 0);
    open_decoder(&heard);
    assert_int_equal(body(&heard, dynbuf_span(&text)), 0);
    assert_int_equal(dialect_openai.on_end(heard.decoder), DIALECT_COMPLETE);
    assert_int_equal(heard.text_bytes, 1200000);
    close_decoder(&heard);
    dynbuf_done(&text);
}

static void too_many_calls(void **state) {
    struct heard heard;
    char text[256];
    (void)state;
    open_decoder(&heard);
    for (int i = 0; i <= 128; i++) {
        (void)snprintf(text, sizeof text,
                       "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"function\":{"
                       "\"name\":\"f\"}}]}}]}",
                       i);
        assert_int_equal(record(&heard, text), i < 128 ? 0 : ERR_TOO_LARGE);
    }
    assert_int_equal(heard.kinds[EVENT_TOOL_OPEN], 128);
    close_decoder(&heard);
}

static void finds_dialects(void **state) {
    (void)state;
    assert_ptr_equal(dialect_find(SPAN_LITERAL("openai")), &dialect_openai);
    assert_null(dialect_find(SPAN_LITERAL("openai2")));
    assert_null(dialect_find(SPAN_NONE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_ends),
        cmocka_unit_test(the_sink_may_stop),
        cmocka_unit_test(broken_bytes_are_not_this_wire),
        cmocka_unit_test(wrong_types_say_nothing),
        cmocka_unit_test(reads_usage),
        cmocka_unit_test(large_records),
        cmocka_unit_test(too_many_calls),
        cmocka_unit_test(finds_dialects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
