// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a chat completions request. What is accepted must be encodable for every set of quirks, and the result must
 * be JSON whose length is what the rope says; what is refused must come with a message and a body that is JSON.
 */
#include "base/check.h"
#include "dialect/dialect.h"
#include "surface/surface.h"

#define ARENA_CAP ((size_t)32 << 20)
#define OUT_CAP   ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dialect_quirks quirks_of(unsigned bits) {
    return (struct dialect_quirks){
        .max_tokens_legacy = bits & 1,
        .developer_role = bits & 2,
        .content_string_only = bits & 4,
        .content_never_null = bits & 8,
        .no_stream_usage = bits & 16,
        .keep_extras = bits & 32,
        .keep_reasoning = bits & 64,
        .drop = bits & 128 ? UINT32_MAX : 0,
    };
}

/* Every kind that changes a request. */
static const struct fact_quirk rows[] = {
    {.kind = FACT_QUIRK_DROP, .field = "top_k", .value = ""},
    {.kind = FACT_QUIRK_RENAME, .field = "seed", .value = "random_seed"},
    {.kind = FACT_QUIRK_FORCE, .field = "provider.max_price", .value = "{\"prompt\":0}"},
    {.kind = FACT_QUIRK_FORCE, .field = "n", .value = "1"},
    {.kind = FACT_QUIRK_FORCE_WITH_TOOLS, .field = "parallel_tool_calls", .value = "false"},
    {.kind = FACT_QUIRK_DEFAULT, .field = "max_tokens", .value = "8192"},
    {.kind = FACT_QUIRK_AT_LEAST, .field = "max_tokens", .value = "16"},
    {.kind = FACT_QUIRK_NOT_ZERO, .field = "temperature", .value = "1e-8"},
    {.kind = FACT_QUIRK_DROP_IN_MESSAGES, .field = "name", .value = ""},
    {.kind = FACT_QUIRK_CONTENT_STRING, .field = "", .value = ""},
    {.kind = FACT_QUIRK_NO_NULLS, .field = "", .value = ""},
    {.kind = FACT_QUIRK_SYSTEM_TO_USER, .field = "", .value = ""},
    {.kind = FACT_QUIRK_TOOL_IDS_9, .field = "", .value = ""},
    {.kind = FACT_QUIRK_TOOL_CHOICE_ANY, .field = "", .value = ""},
    {.kind = FACT_QUIRK_SCHEMA_DROP, .field = "$schema", .value = ""},
    {.kind = FACT_QUIRK_SCHEMA_DROP, .field = "additionalProperties", .value = ""},
    {.kind = FACT_QUIRK_KEEP_EXTRAS, .field = "", .value = ""},
    {.kind = FACT_QUIRK_STOP_ARRAY, .field = "", .value = ""},
    {.kind = FACT_QUIRK_SIGNATURE, .field = "google.thought_signature", .value = "skip"},
};

static void encode(const struct task *task, const struct dialect_quirks *quirks, unsigned most,
                   const char *strip) {
    struct dialect_target target = {.upstream_model = SPAN_LITERAL("m"),
                                    .output_tokens_max = most,
                                    .quirks = quirks,
                                    .strips = {{span_text(strip)}, strip != NULL}};
    struct dialect_request request;
    struct arena arena;
    struct dynbuf out;
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&out, OUT_CAP);
    check(dialect_openai.encode(task, &target, &arena, &request) == 0);
    for (size_t i = 0; i < request.body.count; i++)
        check(dynbuf_append_span(&out, request.body.pieces[i]) == 0);
    check(out.len == request.body.total_bytes);
    check(json_validate(dynbuf_span(&out)) == 0);
    dynbuf_done(&out);
    arena_reset(&arena);
}

static void tell(const struct api_error *error) {
    struct dynbuf out;
    dynbuf_init(&out, OUT_CAP);
    check(error->message.len > 0);
    check(surface_openai_chat.error_body(error, &out) == 0);
    check(json_validate(dynbuf_span(&out)) == 0);
    dynbuf_done(&out);
}

static void check_names(const struct task_names *names) {
    check(names->count <= TASK_NAMES_MAX);
    for (uint32_t i = 0; i < names->count; i++)
        check(names->names[i].ptr != NULL && names->names[i].len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned sets[] = {0, 255, 4 | 8, 2 | 64, 1 | 16 | 32};
    struct arena arena;
    struct task task;
    struct api_error error = {.retry_after_ms = -1};
    arena_init(&arena, NULL, 0, ARENA_CAP);
    if (surface_openai_chat.decode(span_of((const char *)data, size), &arena, &task, &error) == 0) {
        check(task.chat.message_count > 0 && task.model.len > 0);
        struct dialect_quirks quirks;
        for (size_t i = 0; i < array_length(sets); i++) {
            quirks = quirks_of(sets[i]);
            encode(&task, &quirks, sets[i], NULL);
        }
        dialect_quirks_compile(rows, array_length(rows), SPAN_LITERAL("m"), &quirks);
        encode(&task, &quirks, 0, NULL);
        encode(&task, &quirks, 4096, "name");
        dialect_quirks_compile(rows, 0, SPAN_LITERAL("m"), &quirks);
        encode(&task, &quirks, 0, "strict");
        encode(&task, NULL, 0, "max_completion_tokens");
        check_names(&task.routing.models);
        check_names(&task.routing.order);
        check_names(&task.routing.only);
        check_names(&task.routing.ignore);
    } else {
        tell(&error);
    }
    arena_reset(&arena);
    return 0;
}
