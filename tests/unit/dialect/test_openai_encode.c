// SPDX-License-Identifier: Apache-2.0
/*
 * Tasks that did not come in OpenAI's wire, written as such; how bodies are put together; arenas that are too small.
 * Requests that did come in this wire stand in tests/golden/requests.txt.
 */
#include "base/check.h"
#include "base/mem.h"
#include "dialect/dialect.h"
#include "surface/surface.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ARENA_CAP ((size_t)64 << 20)
#define TEXT_PART(string) \
    { .kind = PART_TEXT, .text = SPAN_LITERAL(string) }

static void assert_body(const struct task *task, const struct dialect_target *target,
                        const char *expected) {
    struct arena arena;
    struct dialect_request request;
    struct dynbuf out;
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&out, ARENA_CAP);
    assert_int_equal(dialect_openai.encode(task, target, &arena, &request), 0);
    for (size_t i = 0; i < request.body.count; i++)
        assert_int_equal(dynbuf_append_span(&out, request.body.pieces[i]), 0);
    assert_int_equal(json_validate(dynbuf_span(&out)), 0);
    if (!span_is(dynbuf_span(&out), expected))
        fail_msg("%.*s\nis not\n%s", SPAN_ARG(dynbuf_span(&out)), expected);
    dynbuf_done(&out);
    arena_reset(&arena);
}

/* A task as another surface would make it: no sources, no raw members. */
static struct part system_parts[] = {TEXT_PART("be"), TEXT_PART("brief")};
static struct part user_parts[] = {
    TEXT_PART("look"),
    {.kind = PART_IMAGE, .text = SPAN_LITERAL("https://e.org/i"), .detail = SPAN_LITERAL("low")},
    {.kind = PART_IMAGE, .text = SPAN_LITERAL("data:,")},
    {.kind = PART_AUDIO, .text = SPAN_LITERAL("AA"), .detail = SPAN_LITERAL("wav")},
    {.kind = PART_FILE, .text = SPAN_LITERAL("data:,"), .detail = SPAN_LITERAL("a.pdf")}};
static struct part text_parts[] = {TEXT_PART("4\\n2")};
static struct part refusal_parts[] = {{.kind = PART_REFUSAL, .text = SPAN_LITERAL("no")}};
static struct tool_call other_calls[] = {{.id = SPAN_LITERAL("c1"),
                                          .name = SPAN_LITERAL("f"),
                                          .arguments = SPAN_LITERAL("{\\\"x\\\":1}")},
                                         {.id = SPAN_LITERAL("c2"), .name = SPAN_LITERAL("g")}};
static struct message other_messages[] = {
    {.role = ROLE_DEVELOPER, .parts = system_parts, .part_count = 2, .content_is_array = true},
    {.role = ROLE_USER,
     .parts = user_parts,
     .part_count = 5,
     .content_is_array = true,
     .name = SPAN_LITERAL("bob")},
    {.role = ROLE_ASSISTANT,
     .tool_calls = other_calls,
     .tool_call_count = 2,
     .reasoning = SPAN_LITERAL("hm")},
    {.role = ROLE_TOOL, .parts = text_parts, .part_count = 1, .tool_call_id = SPAN_LITERAL("c1")},
    {.role = ROLE_TOOL, .tool_call_id = SPAN_LITERAL("c2")},
    {.role = ROLE_ASSISTANT, .parts = refusal_parts, .part_count = 1},
    {.role = ROLE_ASSISTANT},
};
static struct tool other_tools[] = {
    {.name = SPAN_LITERAL("f"), .description = SPAN_LITERAL("d"), .parameters = SPAN_LITERAL("{}")},
    {.name = SPAN_LITERAL("g")}};
static const struct task other_wire = {.kind = TASK_CHAT,
                                       .chat = {.messages = other_messages,
                                                .message_count = array_length(other_messages),
                                                .tools = other_tools,
                                                .tool_count = 2,
                                                .tool_choice = TOOL_CHOICE_NAMED,
                                                .tool_choice_name = SPAN_LITERAL("g"),
                                                .format = FORMAT_JSON_OBJECT}};

static void writes_tasks_of_other_wires(void **state) {
    struct dialect_target target = {.upstream_model = SPAN_LITERAL("m"),
                                    .base_path = SPAN_LITERAL("")};
#define USER_MESSAGE                                                                            \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},"                    \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/i\",\"detail\":\"low\"}},"  \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,\"}},"                              \
    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\",\"format\":\"wav\"}},"          \
    "{\"type\":\"file\",\"file\":{\"file_data\":\"data:,\",\"filename\":\"a.pdf\"}}],\"name\":" \
    "\"bob\"},"
#define CALLS                                                                            \
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\"," \
    "\"arguments\":\"{\\\"x\\\":1}\"}},"                                                 \
    "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
#define REST                                                                                      \
    "{\"role\":\"tool\",\"content\":\"4\\n2\",\"tool_call_id\":\"c1\"},{\"role\":\"tool\","       \
    "\"content\":\"\",\"tool_call_id\":\"c2\"},"                                                  \
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"role\":" \
    "\"assistant\",\"content\":\"\"}],"                                                           \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","       \
    "\"parameters\":{}}},"                                                                        \
    "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],\"tool_choice\":{\"type\":"           \
    "\"function\",\"function\":{\"name\":\"g\"}},"                                                \
    "\"response_format\":{\"type\":\"json_object\"}}"
    (void)state;
    assert_body(&other_wire, &target,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":"
                "\"text\",\"text\":\"be\"},"
                "{\"type\":\"text\",\"text\":\"brief\"}]}," USER_MESSAGE
                "{\"role\":\"assistant\",\"content\":null," CALLS REST);
    static const struct dialect_quirks quirks = {.developer_role = true,
                                                 .content_string_only = true,
                                                 .content_never_null = true,
                                                 .keep_reasoning = true};
    target.quirks = &quirks;
    assert_body(
        &other_wire, &target,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"be\\nbrief\"}"
        "," USER_MESSAGE
        "{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"hm\"," CALLS REST);
}

static void choices_as_words(void **state) {
    struct part hi[] = {TEXT_PART("hi")};
    struct message messages[] = {{.role = ROLE_USER, .parts = hi, .part_count = 1}};
    struct tool tools[] = {{.name = SPAN_LITERAL("f")}};
    struct task task = {
        .kind = TASK_CHAT,
        .chat = {.messages = messages, .message_count = 1, .tools = tools, .tool_count = 1}};
    struct dialect_target target = {.upstream_model = SPAN_LITERAL("m")};
    static const struct {
        enum tool_choice choice;
        const char *body;
    } rows[] = {
#define BODY(end)                                                                                  \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{\"type\":" \
    "\"function\",\"function\":{\"name\":\"f\"}}]" end "}"
        {TOOL_CHOICE_UNSET, BODY("")},
        {TOOL_CHOICE_NONE, BODY(",\"tool_choice\":\"none\"")},
        {TOOL_CHOICE_AUTO, BODY(",\"tool_choice\":\"auto\"")},
        {TOOL_CHOICE_REQUIRED, BODY(",\"tool_choice\":\"required\"")},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        task.chat.tool_choice = rows[i].choice;
        assert_body(&task, &target, rows[i].body);
    }
}

/* A long history is borrowed, not copied: the body is a few pieces, and the largest lies in the client's bytes. */
static void borrows_long_histories(void **state) {
    struct dynbuf body;
    struct arena arena;
    struct task task;
    struct api_error error;
    struct dialect_request request;
    struct dialect_quirks quirks = {.developer_role = true};
    struct dialect_target target = {
        .upstream_model = SPAN_LITERAL("m"), .base_path = SPAN_LITERAL("/v1"), .quirks = &quirks};
    (void)state;
    dynbuf_init(&body, ARENA_CAP);
    assert_int_equal(dynbuf_append_text(&body, "{\"model\":\"m\",\"temperature\":1,\"messages\":[{"
                                               "\"role\":\"developer\",\"content\":\"s\"}"),
                     0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(dynbuf_append_format(&body, ",{\"role\":\"%s\",\"content\":\"%0200d\"}",
                                              i % 2 == 0 ? "user" : "assistant", i),
                         0);
    assert_int_equal(dynbuf_append_text(&body, "]}"), 0);
    arena_init(&arena, NULL, 0, ARENA_CAP);
    assert_int_equal(surface_openai_chat.decode(dynbuf_span(&body), &arena, &task, &error), 0);
    assert_int_equal(dialect_openai.encode(&task, &target, &arena, &request), 0);
    assert_int_equal(request.body.count, 3);
    assert_ptr_equal(request.body.pieces[1].ptr, task.chat.messages_raw.ptr);
    quirks.developer_role = false;
    assert_int_equal(dialect_openai.encode(&task, &target, &arena, &request), 0);
    assert_true(request.body.count < 100);
    arena_reset(&arena);
    dynbuf_done(&body);
}

static void tells_what_was_dropped(void **state) {
    struct part hi[] = {TEXT_PART("hi")};
    struct message messages[] = {{.role = ROLE_USER, .parts = hi, .part_count = 1}};
    struct task task = {.kind = TASK_CHAT,
                        .chat = {.messages = messages, .message_count = 1, .stream = true}};
    static const struct dialect_quirks quirks = {.drop = UINT32_MAX};
    struct dialect_target target = {.upstream_model = SPAN_LITERAL("m"), .quirks = &quirks};
    struct arena arena;
    struct dialect_request request;
    (void)state;
    for (int i = 0; i < OPTION_COUNT; i++)
        task.chat.options[i] = SPAN_LITERAL("1");
    arena_init(&arena, NULL, 0, ARENA_CAP);
    assert_int_equal(dialect_openai.encode(&task, &target, &arena, &request), 0);
    assert_int_equal(request.dropped_count, OPTION_COUNT);
    for (int i = 0; i < OPTION_COUNT; i++)
        assert_string_equal(request.dropped[i], chat_option_name((enum chat_option)i));
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.accept, "text/event-stream");
    assert_string_equal(request.content_type, "application/json");
    task.kind = TASK_RERANK;
    assert_int_equal(dialect_openai.encode(&task, &target, &arena, &request), ERR_UNSUPPORTED);
    arena_reset(&arena);
}

/* An arena that fills up anywhere gives an error; one that is large enough gives the same body as any other. */
static void respects_the_arena(void **state) {
    static const char body[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":[{\"type\":\"text\","
        "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":null,\"reasoning\":\"r\",\"refusal\":null,\"tool_"
        "calls\":[{\"id\":\"c\",\"type\":\"function\",\"extra_content\":{\"a\":1},"
        "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
        "\"c\",\"content\":\"x\"}],\"max_tokens\":9,\"temperature\":0,\"stop\":\"s\",\"provider\":"
        "{\"order\":[]},\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"strict\":true,\"parameters\":{\"$schema\":\"x\",\"type\":\"object\"}}}]}";
    static const struct fact_quirk rows[] = {
        {.kind = FACT_QUIRK_CONTENT_STRING, .field = "", .value = ""},
        {.kind = FACT_QUIRK_SYSTEM_TO_USER, .field = "", .value = ""},
        {.kind = FACT_QUIRK_NO_NULLS, .field = "", .value = ""},
        {.kind = FACT_QUIRK_TOOL_IDS_9, .field = "", .value = ""},
        {.kind = FACT_QUIRK_STOP_ARRAY, .field = "", .value = ""},
        {.kind = FACT_QUIRK_KEEP_EXTRAS, .field = "", .value = ""},
        {.kind = FACT_QUIRK_SCHEMA_DROP, .field = "$schema", .value = ""},
        {.kind = FACT_QUIRK_SIGNATURE, .field = "google.thought_signature", .value = "skip"},
        {.kind = FACT_QUIRK_FORCE, .field = "provider.max_price", .value = "0"},
        {.kind = FACT_QUIRK_FORCE, .field = "n", .value = "1"},
        {.kind = FACT_QUIRK_AT_LEAST, .field = "max_tokens", .value = "16"},
        {.kind = FACT_QUIRK_NOT_ZERO, .field = "temperature", .value = "0.01"},
    };
    struct arena arena, small;
    struct task task;
    struct api_error error;
    struct dialect_request request;
    struct dialect_quirks sets[2] = {{.content_string_only = true, .content_never_null = true}};
    _Alignas(16) char first[16384];
    (void)state;
    dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("m"), &sets[1]);
    assert_int_equal(sets[1].left_out, 0);
    arena_init(&arena, NULL, 0, ARENA_CAP);
    assert_int_equal(
        surface_openai_chat.decode(span_of(body, sizeof body - 1), &arena, &task, &error), 0);
    for (size_t set = 0; set < array_length(sets); set++) {
        const struct dialect_target target = {.upstream_model = SPAN_LITERAL("m\"\x01"),
                                              .base_path = SPAN_LITERAL("/v1"),
                                              .quirks = &sets[set]};
        unsigned failures = 0;
        for (size_t size = 16; size <= sizeof first; size += 16) {
            arena_init(&small, first, size, 0);
            int err = dialect_openai.encode(&task, &target, &small, &request);
            failures += err < 0;
            if (size == sizeof first)
                assert_int_equal(err, 0);
            for (size_t i = 0; err == 0 && i < request.body.count; i++)
                assert_non_null(request.body.pieces[i].ptr);
            arena_reset(&small);
        }
        assert_true(failures > 100);
    }
    arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_tasks_of_other_wires), cmocka_unit_test(choices_as_words),
        cmocka_unit_test(borrows_long_histories),      cmocka_unit_test(tells_what_was_dropped),
        cmocka_unit_test(respects_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
