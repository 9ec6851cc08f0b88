// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of facts compiled: which rows count for a model, what cannot be kept, what a route loses. What compiled quirks do to
 * requests and answers stands in tests/golden/quirks.txt; here also tasks that came in another wire, and long histories.
 */
#include "base/check.h"
#include "catalog/facts.h"
#include "dialect/dialect.h"
#include "surface/surface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_CAP ((size_t)64 << 20)
#define ROW(kind_, field_, value_) \
    { .kind = (kind_), .field = (field_), .value = (value_) }

static void matches_models(void **state) {
    static const struct {
        const char *patterns[4];
        const char *id;
        bool fits;
    } rows[] = {
        {{"gpt-oss-120b"}, "gpt-oss-120b", true},
        {{"gpt-oss-120b"}, "gpt-oss-120B", false},
        {{"gemma-3*"}, "gemma-3n-e4b-it", true},
        {{"gemma-3*"}, "gemma-4", false},
        {{"*:free"}, "a/b:free", true},
        {{"*:free"}, "a/b:free:x", false},
        {{"a*b*c"}, "aXbYbZc", true},
        {{"a*b*c"}, "ac", false},
        {{"*"}, "", true},
        {{"x", "y*"}, "yes", true},
        {{NULL}, "any", false}, /* a list that names nothing */
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++)
        if (facts_models_match(rows[i].patterns, span_text(rows[i].id)) != rows[i].fits)
            fail_msg("%s and %s", rows[i].patterns[0], rows[i].id);
    assert_true(facts_models_match(NULL, SPAN_LITERAL("any")));
}

static void rows_for_other_models_are_left_out(void **state) {
    static const char *const gemma[] = {"gemma-3*", NULL};
    static const struct fact_quirk rows[] = {
        {.kind = FACT_QUIRK_SYSTEM_TO_USER, .field = "", .value = "", .models = gemma},
        ROW(FACT_QUIRK_CONTENT_STRING, "", ""),
        ROW(FACT_QUIRK_USER_AGENT, "", "x"),
        ROW(FACT_QUIRK_NOTE, "", ""),
    };
    struct dialect_quirks quirks;
    (void)state;
    dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("gemma-3-27b-it"), &quirks);
    assert_true(quirks.system_to_user && quirks.content_string_only);
    dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("gemini-3"), &quirks);
    assert_true(!quirks.system_to_user && quirks.content_string_only);
    assert_int_equal(quirks.left_out, 0);
    assert_int_equal(quirks.rule_count, 0);
}

static void a_provider_without_rows(void **state) {
    struct dialect_quirks quirks;
    (void)state;
    dialect_quirks_compile(NULL, 0, SPAN_LITERAL("m"), &quirks);
    assert_true(quirks.drop_strict && quirks.drop_signatures);
    assert_int_equal(dialect_quirks_cannot(&quirks), 0);
    assert_int_equal(dialect_quirks_cannot(NULL), 0);
}

static void what_a_route_loses(void **state) {
    static const struct {
        struct fact_quirk row;
        uint64_t cannot;
    } cases[] = {
        {ROW(FACT_QUIRK_CANNOT, "tools", ""), CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED},
        {ROW(FACT_QUIRK_CANNOT, "stream", ""), CAN_STREAM},
        {ROW(FACT_QUIRK_CANNOT, "json_schema", ""), CAN_JSON_SCHEMA},
        {ROW(FACT_QUIRK_CANNOT, "json_object", ""), CAN_JSON_OBJECT},
        {ROW(FACT_QUIRK_CANNOT, "vision", ""), CAN_VISION},
        {ROW(FACT_QUIRK_CANNOT, "tool_choice_required", ""), CAN_TOOL_CHOICE_REQUIRED},
        {ROW(FACT_QUIRK_DROP, "response_format", ""), CAN_JSON_SCHEMA | CAN_JSON_OBJECT},
        {ROW(FACT_QUIRK_DROP, "tool_choice", ""), CAN_TOOL_CHOICE_REQUIRED},
        {ROW(FACT_QUIRK_DROP, "tools", ""), CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED},
        {ROW(FACT_QUIRK_DROP, "stream", ""), CAN_STREAM},
        {ROW(FACT_QUIRK_DROP, "dimensions", ""), CAN_DIMENSIONS},
        {ROW(FACT_QUIRK_DROP, "seed", ""), 0},
    };
    struct dialect_quirks quirks;
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        dialect_quirks_compile(&cases[i].row, 1, SPAN_LITERAL("m"), &quirks);
        assert_int_equal(dialect_quirks_cannot(&quirks), cases[i].cannot);
        assert_int_equal(quirks.left_out, 0);
    }
}

/* Every row that this build carries is kept, for every route. */
static void rows_of_the_catalog(void **state) {
    (void)state;
    for (uint32_t i = 0; i < facts_built_in.provider_count; i++) {
        const struct fact_provider *provider = &facts_built_in.providers[i];
        struct dialect_quirks quirks;
        for (uint32_t k = 0; k < provider->route_count; k++) {
            dialect_quirks_compile(provider->quirks, provider->quirk_count,
                                   span_text(provider->routes[k].upstream), &quirks);
            if (quirks.left_out > 0)
                print_error("%s: %u rows are left out\n", provider->id, quirks.left_out);
            assert_int_equal(quirks.left_out, 0);
        }
    }
}

/* Nothing is half obeyed: what is not of its kind's form is counted. */
static void rows_that_cannot_be_kept(void **state) {
    static const char long_word[] =
        "a|0123456789012345678901234567890123456789012345678901234567890";
    static const struct fact_quirk rows[] = {
        ROW(FACT_QUIRK_FORCE, "n", "one"),
        ROW(FACT_QUIRK_FORCE, "", "1"),
        ROW(FACT_QUIRK_FORCE, "a..b", "1"),
        ROW(FACT_QUIRK_FORCE, "a.01234567890123456789012345678901234567890123456789012345678901234",
            "1"),
        ROW(FACT_QUIRK_DEFAULT, "a.b", "1"),
        ROW(FACT_QUIRK_DEFAULT, "max_tokens", ""),
        ROW(FACT_QUIRK_RENAME, "seed", ""),
        ROW(FACT_QUIRK_RENAME, "a.b", "c"),
        ROW(FACT_QUIRK_CANNOT, "fly", ""),
        ROW(FACT_QUIRK_DROP_IN_MESSAGES, "content", ""),
        ROW(FACT_QUIRK_DROP_IN_MESSAGES, "", ""),
        ROW(FACT_QUIRK_SCHEMA_DROP, "", ""),
        ROW(FACT_QUIRK_SIGNATURE, "", "x"),
        ROW(FACT_QUIRK_GUARD_WORDS, "", ""),
        ROW(FACT_QUIRK_GUARD_WORDS, "", "safe||unsafe"),
        ROW(FACT_QUIRK_GUARD_WORDS, "", long_word),
    };
    struct dialect_quirks quirks;
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        dialect_quirks_compile(&rows[i], 1, SPAN_LITERAL("m"), &quirks);
        if (quirks.left_out != 1)
            fail_msg("row %zu was kept", i);
        assert_int_equal(quirks.rule_count + quirks.schema_name_count + quirks.message_name_count,
                         0);
        assert_null(quirks.guard_words);
    }
}

static void caps_are_counted(void **state) {
    static const struct {
        enum fact_quirk_kind kind;
        unsigned most;
    } caps[] = {{FACT_QUIRK_FORCE, DIALECT_RULES_MAX},
                {FACT_QUIRK_SCHEMA_DROP, DIALECT_SCHEMA_NAMES_MAX},
                {FACT_QUIRK_DROP_IN_MESSAGES, DIALECT_MESSAGE_NAMES_MAX}};
    static char names[DIALECT_RULES_MAX + 300][8];
    static struct fact_quirk rows[DIALECT_RULES_MAX + 300];
    struct dialect_quirks quirks;
    (void)state;
    for (size_t cap = 0; cap < array_length(caps); cap++) {
        for (size_t i = 0; i < array_length(rows); i++) {
            (void)snprintf(names[i], sizeof names[i], "n%zu", i);
            rows[i] = (struct fact_quirk)ROW(caps[cap].kind, names[i], "1");
        }
        dialect_quirks_compile(rows, caps[cap].most + 2, SPAN_LITERAL("m"), &quirks);
        assert_int_equal(quirks.left_out, 2);
        dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("m"), &quirks);
        assert_int_equal(quirks.left_out, UINT8_MAX);
    }
}

static void order_of_rows_means_nothing(void **state) {
    static const struct fact_quirk rows[] = {
        ROW(FACT_QUIRK_FORCE, "a", "3"),
        ROW(FACT_QUIRK_AT_LEAST, "a", "2"),
        ROW(FACT_QUIRK_DEFAULT, "a", "1"),
        ROW(FACT_QUIRK_NOT_ZERO, "a", "1"),
    };
    struct dialect_quirks quirks;
    (void)state;
    dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("m"), &quirks);
    assert_int_equal(quirks.rules[0].kind, FACT_QUIRK_DEFAULT);
    assert_int_equal(quirks.rules[1].kind, FACT_QUIRK_NOT_ZERO);
    assert_int_equal(quirks.rules[2].kind, FACT_QUIRK_AT_LEAST);
    assert_int_equal(quirks.rules[3].kind, FACT_QUIRK_FORCE);
}

/* --- tasks of another wire --- */

static struct part system_parts[] = {{.kind = PART_TEXT, .text = SPAN_LITERAL("be brief")}};
static struct part user_parts[] = {{.kind = PART_TEXT, .text = SPAN_LITERAL("hi")}};
static struct tool_call calls[] = {
    {.id = SPAN_LITERAL("toolu_1"), .name = SPAN_LITERAL("f"), .arguments = SPAN_LITERAL("{}")}};
static struct message messages[] = {
    {.role = ROLE_SYSTEM, .parts = system_parts, .part_count = 1},
    {.role = ROLE_USER, .parts = user_parts, .part_count = 1, .name = SPAN_LITERAL("bob")},
    {.role = ROLE_ASSISTANT, .tool_calls = calls, .tool_call_count = 1},
    {.role = ROLE_TOOL,
     .parts = user_parts,
     .part_count = 1,
     .tool_call_id = SPAN_LITERAL("toolu_1")},
};
static struct tool tools[] = {
    {.name = SPAN_LITERAL("f"),
     .parameters = SPAN_LITERAL("{\"$schema\":\"x\",\"type\":\"object\"}")}};
static const struct task other_wire = {.kind = TASK_CHAT,
                                       .chat = {.messages = messages,
                                                .message_count = array_length(messages),
                                                .tools = tools,
                                                .tool_count = 1,
                                                .tool_choice = TOOL_CHOICE_REQUIRED}};

static void obeyed_for_other_wires(void **state) {
    static const struct fact_quirk rows[] = {
        ROW(FACT_QUIRK_SYSTEM_TO_USER, "", ""),
        ROW(FACT_QUIRK_NO_NULLS, "", ""),
        ROW(FACT_QUIRK_TOOL_IDS_9, "", ""),
        ROW(FACT_QUIRK_TOOL_CHOICE_ANY, "", ""),
        ROW(FACT_QUIRK_SCHEMA_DROP, "$schema", ""),
        ROW(FACT_QUIRK_DROP_IN_MESSAGES, "name", ""),
        ROW(FACT_QUIRK_SIGNATURE, "google.thought_signature", "skip"),
    };
    struct dialect_quirks quirks;
    struct dialect_request request;
    struct arena arena;
    (void)state;
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("m"), &quirks);
    const struct dialect_target target = {.upstream_model = SPAN_LITERAL("m"), .quirks = &quirks};
    assert_int_equal(dialect_openai.encode(&other_wire, &target, &arena, &request), 0);
    assert_int_equal(request.body.count, 1);
    struct span body; /* with its NUL */
    assert_int_equal(arena_copy(&arena, request.body.pieces[0], &body), 0);
    struct span id = span_of(strstr(body.ptr, "tool_calls\":[{\"id\":\"") + 20, 9);
    char *expected = arena_format(
        &arena,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"be brief\\n\\nhi\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"%.*s\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":"
        "{\"thought_signature\":\"skip\"}}}]},{\"role\":\"tool\",\"content\":\"hi\","
        "\"tool_call_id\":\"%.*s\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
        "\"f\",\"parameters\":{\"type\":\"object\"}}}],\"tool_choice\":\"any\"}",
        SPAN_ARG(id), SPAN_ARG(id));
    if (!span_is(body, expected))
        fail_msg("%.*s\nis not\n%s", SPAN_ARG(body), expected);
    assert_int_equal(request.dropped_count, 2); /* messages.name, $schema */
    arena_reset(&arena);
}

/* Many ids: mapped to as many, all of the form. */
static void ids_stay_apart(void **state) {
    enum { COUNT = 2000 };
    static struct tool_call many[COUNT];
    static struct message turn = {.role = ROLE_ASSISTANT, .tool_calls = many};
    static char seen[COUNT][10];
    struct task task = {.kind = TASK_CHAT, .chat = {.messages = &turn, .message_count = 1}};
    struct dialect_quirks quirks = {.tool_ids_9 = true};
    const struct dialect_target target = {.upstream_model = SPAN_LITERAL("m"), .quirks = &quirks};
    struct dialect_request request;
    struct arena arena;
    struct dynbuf body;
    (void)state;
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&body, ARENA_CAP);
    for (unsigned i = 0; i < COUNT; i++)
        many[i] = (struct tool_call){.id = span_text(arena_format(&arena, "call_%u", i)),
                                     .name = SPAN_LITERAL("f")};
    turn.tool_call_count = COUNT;
    assert_int_equal(dialect_openai.encode(&task, &target, &arena, &request), 0);
    for (size_t i = 0; i < request.body.count; i++)
        assert_int_equal(dynbuf_append_span(&body, request.body.pieces[i]), 0);
    assert_int_equal(dynbuf_append(&body, "", 1), 0);
    const char *at = body.data;
    for (unsigned i = 0; i < COUNT; i++) {
        at = strstr(at, "{\"id\":\"");
        assert_non_null(at);
        assert_int_equal(strspn(at + 7, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                        "UVWXYZ"),
                         9);
        memcpy(seen[i], at + 7, 9);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
        at += 7;
    }
    dynbuf_done(&body);
    arena_reset(&arena);
}

/* Quirks that find nothing to change leave a long history in one piece. */
static void untouched_histories_are_borrowed(void **state) {
    static const struct fact_quirk rows[] = {
        ROW(FACT_QUIRK_NO_NULLS, "", ""),
        ROW(FACT_QUIRK_TOOL_IDS_9, "", ""),
        ROW(FACT_QUIRK_DROP_IN_MESSAGES, "name", ""),
        ROW(FACT_QUIRK_SYSTEM_TO_USER, "", ""),
    };
    struct dialect_quirks quirks;
    struct dialect_request request;
    struct dynbuf body;
    struct arena arena;
    struct task task;
    struct api_error error;
    (void)state;
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&body, ARENA_CAP);
    assert_int_equal(dynbuf_append_text(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                                               "\"content\":\"s\"}"),
                     0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(dynbuf_append_format(&body, ",{\"role\":\"%s\",\"content\":\"%0200d\"}",
                                              i % 2 == 0 ? "assistant" : "user", i),
                         0);
    assert_int_equal(dynbuf_append_text(&body, "]}"), 0);
    assert_int_equal(surface_openai_chat.decode(dynbuf_span(&body), &arena, &task, &error), 0);
    dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("m"), &quirks);
    const struct dialect_target target = {.upstream_model = SPAN_LITERAL("m"), .quirks = &quirks};
    assert_int_equal(dialect_openai.encode(&task, &target, &arena, &request), 0);
    assert_int_equal(request.body.count, 3);
    assert_ptr_equal(request.body.pieces[1].ptr, task.chat.messages_raw.ptr);
    dynbuf_done(&body);
    arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_models),
        cmocka_unit_test(rows_for_other_models_are_left_out),
        cmocka_unit_test(a_provider_without_rows),
        cmocka_unit_test(what_a_route_loses),
        cmocka_unit_test(rows_of_the_catalog),
        cmocka_unit_test(rows_that_cannot_be_kept),
        cmocka_unit_test(caps_are_counted),
        cmocka_unit_test(order_of_rows_means_nothing),
        cmocka_unit_test(obeyed_for_other_wires),
        cmocka_unit_test(ids_stay_apart),
        cmocka_unit_test(untouched_histories_are_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
