// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a request for embeddings, and any bytes as a provider's answer to one. What is accepted must be encodable; an
 * answer that counts must hold exactly the vectors that were asked for, in both forms, as JSON.
 */
#include "base/check.h"
#include "dialect/dialect.h"
#include "message/vector.h"
#include "surface/surface.h"

#define ARENA_CAP ((size_t)32 << 20)
#define OUT_CAP   ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct span body) {
    struct arena arena;
    struct task task;
    struct dialect_request request;
    struct dynbuf out;
    struct api_error error = {.retry_after_ms = -1};
    const struct dialect_target target = {.upstream_model = SPAN_LITERAL("m")};
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&out, OUT_CAP);
    if (surface_openai_embeddings.decode(body, &arena, &task, &error) == 0) {
        check(task.embed.input_count > 0);
        check(dialect_openai.encode(&task, &target, &arena, &request) == 0);
        for (size_t i = 0; i < request.body.count; i++)
            check(dynbuf_append_span(&out, request.body.pieces[i]) == 0);
        check(out.len == request.body.total_bytes);
    } else {
        check(error.message.len > 0);
        check(surface_openai_embeddings.error_body(&error, &out) == 0);
    }
    check(json_validate(dynbuf_span(&out)) == 0);
    dynbuf_done(&out);
    arena_reset(&arena);
}

struct heard {
    struct surface_encoder *encoder;
    uint32_t vectors;
};

static int on_event(void *context, const struct event *event) {
    struct heard *heard = context;
    heard->vectors += event->kind == EVENT_EMBEDDING;
    return event->kind == EVENT_ERROR
               ? 0
               : surface_openai_embeddings.reply_event(heard->encoder, event);
}

static void answer(struct span body, uint32_t count, enum embed_form form) {
    static struct span inputs[] = {{"a", 1}, {"b", 1}, {"c", 1}};
    const struct task task = {.kind = TASK_EMBED,
                              .embed = {.inputs = inputs, .input_count = count, .form = form}};
    const struct surface_identity identity = {.request_id = SPAN_LITERAL("r"),
                                              .model = SPAN_LITERAL("m")};
    struct arena arena;
    struct dynbuf out;
    struct heard heard = {.vectors = 0};
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&out, OUT_CAP);
    heard.encoder = surface_openai_embeddings.encoder_new(&arena, &task);
    struct dialect_decoder *decoder =
        dialect_openai.decoder_new(&arena, &task, NULL, on_event, &heard);
    if (dialect_openai.on_body(decoder, body) == 0 &&
        dialect_openai.on_end(decoder) == DIALECT_COMPLETE) {
        check(heard.vectors == count);
        check(surface_openai_embeddings.reply_end(heard.encoder, &identity, &out) == 0);
        check(json_validate(dynbuf_span(&out)) == 0);
    }
    dialect_openai.decoder_free(decoder);
    surface_openai_embeddings.encoder_free(heard.encoder);
    dynbuf_done(&out);
    arena_reset(&arena);
}

/* The same bytes as base64 of a vector: what is one survives the way through numbers. */
static void convert(struct span base64) {
    struct dynbuf array, back;
    uint32_t count, again;
    if (!vector_measure_base64(base64, &count))
        return;
    dynbuf_init(&array, OUT_CAP);
    dynbuf_init(&back, OUT_CAP);
    check(vector_write_array(base64, &array) == 0);
    check(json_validate(dynbuf_span(&array)) == 0);
    check(vector_measure(dynbuf_span(&array), &again) && again == count);
    check(vector_write_base64(dynbuf_span(&array), &back) == 0);
    if (!span_contains(base64, "\\"))
        check(span_equal(dynbuf_span(&back), base64));
    dynbuf_done(&array);
    dynbuf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span bytes = span_of((const char *)data, size);
    ask(bytes);
    for (uint32_t count = 1; count <= 3; count++) {
        answer(bytes, count, EMBED_FLOAT);
        answer(bytes, count, EMBED_BASE64);
    }
    convert(bytes);
    return 0;
}
