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
        .drop_options = bits & 128 ? UINT64_MAX : 0,
    };
}

static void encode(const struct task *task, unsigned bits) {
    struct dialect_target target = {
        .upstream_model = SPAN_LITERAL("m"), .output_tokens_max = bits, .quirks = quirks_of(bits)};
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
        check_names(&task.routing.models);
        check_names(&task.routing.order);
        check_names(&task.routing.only);
        check_names(&task.routing.ignore);
        for (size_t i = 0; i < array_length(sets); i++)
            encode(&task, sets[i]);
    } else {
        tell(&error);
    }
    arena_reset(&arena);
    return 0;
}
