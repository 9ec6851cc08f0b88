// SPDX-License-Identifier: Apache-2.0
/*
 * Events to one chat.completion object.
 *
 * Why from events: a provider may be asked for a stream, or answer in a form of its own, and the client still gets the
 * same object. Texts are collected as escaped text and copied once more into the body; calls may come interleaved, so each
 * has its own buffer. Promises: content is a string, or null when there are only calls or a refusal; arguments are never
 * an empty string; usage has its three totals. Leaves to others: status and head.
 */
#include "base/check.h"
#include "base/mem.h"
#include "surface/openai_chat_encode.h"

static struct chat_tool *new_tool(struct surface_encoder *encoder) {
    if (encoder->tools == NULL)
        encoder->tools = mem_alloc(CHAT_TOOLS_MAX * sizeof *encoder->tools);
    struct chat_tool *tool = &encoder->tools[encoder->tool_count++];
    if (encoder->tools_used < encoder->tool_count) {
        dynbuf_init(&tool->opening, CHAT_ANSWER_MAX_BYTES);
        dynbuf_init(&tool->arguments, CHAT_ANSWER_MAX_BYTES);
        dynbuf_init(&tool->closing, CHAT_ANSWER_MAX_BYTES);
        encoder->tools_used++;
    }
    return tool;
}

static int open_tool(struct surface_encoder *encoder, const struct event *event) {
    if (event->tool_index != encoder->tool_count)
        return ERR_INVALID;
    if (encoder->tool_count == CHAT_TOOLS_MAX)
        return ERR_TOO_LARGE;
    struct chat_tool *tool = new_tool(encoder);
    int err = dynbuf_append_text(&tool->opening, "{\"id\":");
    if (err == 0)
        err = json_write_escaped(&tool->opening, event->id);
    if (err == 0)
        err = dynbuf_append_text(&tool->opening, ",\"type\":\"function\",\"function\":{\"name\":");
    if (err == 0)
        err = json_write_escaped(&tool->opening, event->name);
    if (err == 0)
        err = dynbuf_append_text(&tool->opening, ",\"arguments\":");
    if (err == 0)
        err = dynbuf_append_text(&tool->closing, "}");
    if (err == 0 && event->raw.len > 0)
        err = dynbuf_append_text(&tool->closing, ",\"extra_content\":");
    if (err == 0)
        err = surface__chat_write_raw(&tool->closing, event->raw);
    return err == 0 ? dynbuf_append_text(&tool->closing, "}") : err;
}

static int add_arguments(struct surface_encoder *encoder, const struct event *event) {
    if (event->tool_index >= encoder->tool_count)
        return ERR_INVALID;
    return dynbuf_append_span(&encoder->tools[event->tool_index].arguments, event->text);
}

static int add_text(struct surface_encoder *encoder, const struct event *event) {
    return dynbuf_append_span(&encoder->text, event->text);
}

static int add_reasoning(struct surface_encoder *encoder, const struct event *event) {
    return dynbuf_append_span(&encoder->reasoning, event->text);
}

static int add_refusal(struct surface_encoder *encoder, const struct event *event) {
    return dynbuf_append_span(&encoder->refusal, event->text);
}

static int add_annotation(struct surface_encoder *encoder, const struct event *event) {
    int err = encoder->annotations.len > 0 ? dynbuf_append_char(&encoder->annotations, ',') : 0;
    return err == 0 ? surface__chat_write_raw(&encoder->annotations, event->raw) : err;
}

static int take_usage(struct surface_encoder *encoder, const struct event *event) {
    encoder->usage = event->usage;
    encoder->usage_known = true;
    return 0;
}

static int (*const takers[EVENT_KIND_COUNT])(struct surface_encoder *encoder,
                                             const struct event *event) = {
    [EVENT_TEXT] = add_text,
    [EVENT_REASONING] = add_reasoning,
    [EVENT_TOOL_OPEN] = open_tool,
    [EVENT_TOOL_ARGS] = add_arguments,
    [EVENT_REFUSAL] = add_refusal,
    [EVENT_ANNOTATION] = add_annotation,
    [EVENT_FINISH] = surface__chat_take_finish,
    [EVENT_USAGE] = take_usage,
};

int surface__chat_reply_event(struct surface_encoder *encoder, const struct event *event) {
    check(encoder->magic == CHAT_ENCODER_MAGIC && event->kind < EVENT_KIND_COUNT);
    int err = surface__chat_check_order(encoder, event);
    if (err < 0 || takers[event->kind] == NULL)
        return err;
    encoder->answer_bytes += event->text.len + event->name.len;
    return takers[event->kind](encoder, event);
}

/* ,"name":"..." or nothing when there is none of it */
static int write_optional(struct dynbuf *out, const char *name, const struct dynbuf *text) {
    if (text->len == 0)
        return 0;
    int err = dynbuf_append_format(out, ",\"%s\":", name);
    return err == 0 ? json_write_escaped(out, dynbuf_span(text)) : err;
}

static int write_nullable(struct dynbuf *out, const struct dynbuf *text, bool null_when_empty) {
    if (text->len == 0 && null_when_empty)
        return dynbuf_append_text(out, "null");
    return json_write_escaped(out, dynbuf_span(text));
}

static int write_tool(const struct chat_tool *tool, struct dynbuf *out) {
    struct span arguments =
        tool->arguments.len > 0 ? dynbuf_span(&tool->arguments) : SPAN_LITERAL("{}");
    int err = dynbuf_append_span(out, dynbuf_span(&tool->opening));
    if (err == 0)
        err = json_write_escaped(out, arguments);
    return err == 0 ? dynbuf_append_span(out, dynbuf_span(&tool->closing)) : err;
}

static int write_tools(const struct surface_encoder *encoder, struct dynbuf *out) {
    int err = 0;
    for (uint32_t i = 0; i < encoder->tool_count && err == 0; i++) {
        err = dynbuf_append_text(out, i == 0 ? ",\"tool_calls\":[" : ",");
        if (err == 0)
            err = write_tool(&encoder->tools[i], out);
    }
    return err == 0 && encoder->tool_count > 0 ? dynbuf_append_char(out, ']') : err;
}

static int write_message(const struct surface_encoder *encoder, struct dynbuf *out) {
    bool only_other = encoder->tool_count > 0 || encoder->refusal.len > 0;
    int err = dynbuf_append_text(out, "{\"role\":\"assistant\",\"content\":");
    if (err == 0)
        err = write_nullable(out, &encoder->text, only_other);
    if (err == 0)
        err = write_optional(out, "reasoning_content", &encoder->reasoning);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"refusal\":");
    if (err == 0)
        err = write_nullable(out, &encoder->refusal, true);
    if (err == 0)
        err = write_tools(encoder, out);
    if (err == 0 && encoder->annotations.len > 0)
        err = dynbuf_append_format(out, ",\"annotations\":[%.*s]",
                                   SPAN_ARG(dynbuf_span(&encoder->annotations)));
    return err == 0 ? dynbuf_append_char(out, '}') : err;
}

#define REPLY_FIXED_BYTES 1024 /* about what stands around the texts: spares growing in steps */

int surface__chat_reply_end(struct surface_encoder *encoder,
                            const struct surface_identity *identity, struct dynbuf *out) {
    if (!encoder->finished)
        return ERR_INVALID;
    int err = dynbuf_reserve(out, REPLY_FIXED_BYTES + encoder->text.len);
    if (err == 0)
        err = surface__chat_write_head(identity, "chat.completion", out);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"choices\":[{\"index\":0,\"message\":");
    if (err == 0)
        err = write_message(encoder, out);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"logprobs\":null,\"finish_reason\":\"");
    if (err == 0)
        err = dynbuf_append_text(out, finish_name(encoder->finish));
    if (err == 0)
        err = dynbuf_append_text(out, "\"}],\"usage\":");
    if (err == 0)
        err = surface__chat_write_usage(encoder, out);
    return err == 0 ? dynbuf_append_char(out, '}') : err;
}
