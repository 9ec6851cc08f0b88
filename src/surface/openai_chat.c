// SPDX-License-Identifier: Apache-2.0
/*
 * OpenAI's chat completions, what most clients speak: the table of the surface and what its two encoders share.
 *
 * Why encoded anew: every provider deviates from the wire in its own way and each deviation breaks some client. So nothing
 * of a provider's bytes is relayed but the text itself; ids, order, roles and ends are ours. Promises: the rules of the
 * stream hold whatever the order of events; finish_reason is tool_calls when and only when there were calls (unless the
 * answer was cut off or filtered); usage is always told. Leaves to others: when bytes are sent.
 * Source: the OpenAI API reference, chat completions, 2026-08, and the behaviour of its clients.
 */
#include "surface/openai_chat.h"
#include "base/check.h"
#include "base/mem.h"
#include "message/tokens.h"
#include "surface/openai_chat_encode.h"

#define BYTES_PER_TOKEN  4
#define PREFIX_MAX_BYTES ((size_t)8192)

int surface__chat_check_order(const struct surface_encoder *encoder, const struct event *event) {
    bool late = encoder->finished && event->kind != EVENT_USAGE && event->kind != EVENT_ERROR;
    return late || event->choice != 0 ? ERR_INVALID : 0;
}

int surface__chat_take_finish(struct surface_encoder *encoder, const struct event *event) {
    enum finish_reason reason = event->finish;
    if (reason == FINISH_STOP && encoder->tool_count > 0)
        reason = FINISH_TOOL_CALLS;
    if (reason == FINISH_TOOL_CALLS && encoder->tool_count == 0)
        reason = FINISH_STOP;
    encoder->finish = reason;
    encoder->finished = true;
    return 0;
}

int surface__chat_write_raw(struct dynbuf *out, struct span raw) {
    int err = dynbuf_reserve(out, raw.len);
    if (err < 0)
        return err;
    char *at = dynbuf_tail(out);
    for (size_t i = 0; i < raw.len; i++)
        at[i] = raw.ptr[i] == '\n' || raw.ptr[i] == '\r' ? ' ' : raw.ptr[i];
    dynbuf_grew(out, raw.len);
    return 0;
}

int surface__chat_write_usage(const struct surface_encoder *encoder, struct dynbuf *out) {
    struct usage usage = encoder->usage;
    if (!encoder->usage_known) {
        usage.input_tokens = tokens_of_prompt(encoder->task);
        usage.output_tokens = (encoder->answer_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
    }
    const struct {
        struct span before;
        uint64_t count;
    } members[] = {
        {SPAN_LITERAL("{\"prompt_tokens\":"), usage.input_tokens},
        {SPAN_LITERAL(",\"completion_tokens\":"), usage.output_tokens},
        {SPAN_LITERAL(",\"total_tokens\":"), usage.input_tokens + usage.output_tokens},
        {SPAN_LITERAL(",\"prompt_tokens_details\":{\"cached_tokens\":"), usage.cached_tokens},
        {SPAN_LITERAL("},\"completion_tokens_details\":{\"reasoning_tokens\":"),
         usage.reasoning_tokens},
    };
    int err = 0;
    for (size_t i = 0; i < array_length(members) && err == 0; i++) {
        err = dynbuf_append_span(out, members[i].before);
        if (err == 0)
            err = json_write_i64(out, (int64_t)members[i].count);
    }
    return err == 0 ? dynbuf_append_text(out, "}}") : err;
}

int surface__chat_write_head(const struct surface_identity *identity, const char *object,
                             struct dynbuf *out) {
    int err = dynbuf_append_text(out, "{\"id\":\"chatcmpl-");
    if (err == 0)
        err = dynbuf_append_span(out, identity->request_id);
    if (err == 0)
        err = dynbuf_append_text(out, "\",\"object\":\"");
    if (err == 0)
        err = dynbuf_append_text(out, object);
    if (err == 0)
        err = dynbuf_append_text(out, "\",\"created\":");
    if (err == 0)
        err = json_write_i64(out, (int64_t)identity->created_s);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"model\":");
    return err == 0 ? json_write_string(out, identity->model) : err;
}

static struct surface_encoder *encoder_new(struct arena *arena, const struct task *task) {
    struct surface_encoder *encoder = arena_zalloc(arena, sizeof *encoder);
    encoder->magic = CHAT_ENCODER_MAGIC;
    encoder->arena = arena;
    encoder->task = task;
    dynbuf_init(&encoder->prefix, PREFIX_MAX_BYTES);
    dynbuf_init(&encoder->text, CHAT_ANSWER_MAX_BYTES);
    dynbuf_init(&encoder->reasoning, CHAT_ANSWER_MAX_BYTES);
    dynbuf_init(&encoder->refusal, CHAT_ANSWER_MAX_BYTES);
    dynbuf_init(&encoder->annotations, CHAT_ANSWER_MAX_BYTES);
    return encoder;
}

static void encoder_reset(struct surface_encoder *encoder) {
    check(encoder->magic == CHAT_ENCODER_MAGIC);
    encoder->finished = false;
    encoder->role_sent = encoder->role_kept;
    encoder->tool_count = 0;
    memset(encoder->tool_has_arguments, 0, sizeof encoder->tool_has_arguments);
    encoder->answer_bytes = 0;
    encoder->usage = (struct usage){0};
    encoder->usage_known = false;
    if (!encoder->role_kept)
        dynbuf_clear(&encoder->prefix);
    dynbuf_clear(&encoder->text);
    dynbuf_clear(&encoder->reasoning);
    dynbuf_clear(&encoder->refusal);
    dynbuf_clear(&encoder->annotations);
    for (uint32_t i = 0; i < encoder->tools_used; i++) {
        dynbuf_clear(&encoder->tools[i].opening);
        dynbuf_clear(&encoder->tools[i].arguments);
        dynbuf_clear(&encoder->tools[i].closing);
    }
}

static void encoder_free(struct surface_encoder *encoder) {
    if (encoder == NULL)
        return;
    check(encoder->magic == CHAT_ENCODER_MAGIC);
    encoder->magic = 0;
    dynbuf_done(&encoder->prefix);
    dynbuf_done(&encoder->text);
    dynbuf_done(&encoder->reasoning);
    dynbuf_done(&encoder->refusal);
    dynbuf_done(&encoder->annotations);
    for (uint32_t i = 0; i < encoder->tools_used; i++) {
        dynbuf_done(&encoder->tools[i].opening);
        dynbuf_done(&encoder->tools[i].arguments);
        dynbuf_done(&encoder->tools[i].closing);
    }
    mem_free(encoder->tools);
}

const struct surface surface_openai_chat = {
    .name = "openai-chat",
    .kind = TASK_CHAT,
    .decode = surface__chat_decode,
    .encoder_new = encoder_new,
    .encoder_free = encoder_free,
    .encoder_reset = encoder_reset,
    .stream_event = surface__chat_stream_event,
    .stream_keepalive = surface__chat_stream_keepalive,
    .stream_end = surface__chat_stream_end,
    .stream_error = surface__chat_stream_error,
    .stream_content_type = "text/event-stream; charset=utf-8",
    .reply_event = surface__chat_reply_event,
    .reply_end = surface__chat_reply_end,
    .error_body = api_error_write_openai,
};
