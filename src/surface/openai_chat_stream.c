// SPDX-License-Identifier: Apache-2.0
/*
 * Events to the chunks of a chat completions stream.
 *
 * Why in this form: clients build on more than the specification says. Python's helper joins every repeated string of a
 * delta, so role, id, type and name go out once; Node's ends with an error when a choice lacks role or finish_reason; agents
 * loop when a stream ends without one; Go's takes the mere key `error` for an error. A frame is `data: `, one line of JSON
 * and an empty line, nothing else. What is the same in every chunk is made once and copied.
 * The role goes out with the first thing there is to say, not before: until then an attempt may fail unseen. When the
 * client must be kept waiting, the role is the first keep-alive, and stays said whoever answers in the end.
 * Promises: the order of wire rules whatever the events; no frame after the end; a broken order of events is ERR_INVALID.
 * Leaves to others: holding the head, the end of the connection.
 */
#include "base/check.h"
#include "surface/openai_chat_encode.h"

#define SUFFIX          "},\"finish_reason\":null}]"
#define SUFFIX_PLAIN    SUFFIX "}\n\n"
#define SUFFIX_USAGE    SUFFIX ",\"usage\":null}\n\n"
#define FIXED_MAX_BYTES 128 /* more than all literals of one chunk's delta and end */

static inline char *put(char *at, struct span bytes) {
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

#define PUT_LITERAL(at, text) put(at, SPAN_LITERAL(text))

static int build_prefix(struct surface_encoder *encoder, const struct surface_identity *identity) {
    struct dynbuf *prefix = &encoder->prefix;
    int err = dynbuf_append_text(prefix, "data: ");
    if (err == 0)
        err = surface__chat_write_head(identity, "chat.completion.chunk", prefix);
    if (err == 0)
        err = dynbuf_append_text(prefix, ",\"choices\":[");
    encoder->choices_at = prefix->len;
    if (err == 0)
        err = dynbuf_append_text(prefix, "{\"index\":0,\"delta\":{");
    encoder->suffix =
        encoder->task->chat.include_usage ? SPAN_LITERAL(SUFFIX_USAGE) : SPAN_LITERAL(SUFFIX_PLAIN);
    if (err < 0)
        dynbuf_clear(prefix); /* half of one must not look like one */
    return err;
}

/* Room for a chunk with `delta_bytes` of variable content; *ret_at is where its delta's members go. */
static int open_chunk(struct surface_encoder *encoder, const struct surface_identity *identity,
                      size_t delta_bytes, struct dynbuf *out, char **ret_at) {
    int err = encoder->prefix.len == 0 ? build_prefix(encoder, identity) : 0;
    if (err == 0)
        err = dynbuf_reserve(out, encoder->prefix.len + delta_bytes + FIXED_MAX_BYTES +
                                      sizeof SUFFIX_USAGE);
    if (err == 0)
        *ret_at = put(dynbuf_tail(out), dynbuf_span(&encoder->prefix));
    return err;
}

static void close_chunk(const struct surface_encoder *encoder, struct dynbuf *out, char *at) {
    at = put(at, encoder->suffix);
    dynbuf_grew(out, (size_t)(at - dynbuf_tail(out)));
}

static int send_role(struct surface_encoder *encoder, const struct surface_identity *identity,
                     struct dynbuf *out) {
    char *at;
    int err = open_chunk(encoder, identity, 0, out, &at);
    if (err < 0)
        return err;
    close_chunk(encoder, out, PUT_LITERAL(at, "\"role\":\"assistant\",\"content\":\"\""));
    encoder->role_sent = true;
    return 0;
}

struct chunk {
    struct surface_encoder *encoder;
    const struct surface_identity *identity;
    const struct event *event;
    struct dynbuf *out;
};

/* A delta with one string member; `member` is everything up to the string's inside. */
static int send_string(const struct chunk *chunk, struct span member) {
    struct span text = chunk->event->text;
    char *at;
    if (text.len == 0)
        return 0;
    chunk->encoder->answer_bytes += text.len;
    int err = open_chunk(chunk->encoder, chunk->identity, text.len, chunk->out, &at);
    if (err < 0)
        return err;
    at = put(put(at, member), text);
    close_chunk(chunk->encoder, chunk->out, PUT_LITERAL(at, "\""));
    return 0;
}

static int send_text(const struct chunk *chunk) {
    return send_string(chunk, SPAN_LITERAL("\"content\":\""));
}

static int send_reasoning(const struct chunk *chunk) {
    return send_string(chunk, SPAN_LITERAL("\"reasoning_content\":\""));
}

static int send_refusal(const struct chunk *chunk) {
    return send_string(chunk, SPAN_LITERAL("\"refusal\":\""));
}

static char *put_index(char *at, uint32_t index) {
    char digits[10];
    size_t length = 0;
    do
        digits[length++] = (char)('0' + index % 10);
    while ((index /= 10) > 0);
    at = PUT_LITERAL(at, "\"tool_calls\":[{\"index\":");
    while (length > 0)
        *at++ = digits[--length];
    return at;
}

static char *put_flat(char *at, struct span raw) {
    for (size_t i = 0; i < raw.len; i++)
        *at++ = raw.ptr[i] == '\n' || raw.ptr[i] == '\r' ? ' ' : raw.ptr[i];
    return at;
}

static int send_tool_open(const struct chunk *chunk) {
    struct surface_encoder *encoder = chunk->encoder;
    const struct event *event = chunk->event;
    char *at;
    if (event->tool_index != encoder->tool_count)
        return ERR_INVALID;
    if (encoder->tool_count == CHAT_TOOLS_MAX)
        return ERR_TOO_LARGE;
    int err = open_chunk(encoder, chunk->identity, event->id.len + event->name.len + event->raw.len,
                         chunk->out, &at);
    if (err < 0)
        return err;
    encoder->tool_count++;
    encoder->answer_bytes += event->name.len;
    at = put(PUT_LITERAL(put_index(at, event->tool_index), ",\"id\":\""), event->id);
    at = put(PUT_LITERAL(at, "\",\"type\":\"function\",\"function\":{\"name\":\""), event->name);
    at = PUT_LITERAL(at, "\",\"arguments\":\"\"}");
    if (event->raw.len > 0)
        at = put_flat(PUT_LITERAL(at, ",\"extra_content\":"), event->raw);
    close_chunk(encoder, chunk->out, PUT_LITERAL(at, "}]"));
    return 0;
}

static int send_arguments(const struct chunk *chunk, uint32_t index, struct span arguments) {
    struct surface_encoder *encoder = chunk->encoder;
    char *at;
    int err = open_chunk(encoder, chunk->identity, arguments.len, chunk->out, &at);
    if (err < 0)
        return err;
    encoder->tool_has_arguments[index / 64] |= (uint64_t)1 << (index % 64);
    encoder->answer_bytes += arguments.len;
    at = put(PUT_LITERAL(put_index(at, index), ",\"function\":{\"arguments\":\""), arguments);
    close_chunk(encoder, chunk->out, PUT_LITERAL(at, "\"}}]"));
    return 0;
}

static int send_tool_arguments(const struct chunk *chunk) {
    const struct event *event = chunk->event;
    if (event->tool_index >= chunk->encoder->tool_count)
        return ERR_INVALID;
    return event->text.len > 0 ? send_arguments(chunk, event->tool_index, event->text) : 0;
}

static int send_annotation(const struct chunk *chunk) {
    struct span raw = chunk->event->raw;
    char *at;
    int err = open_chunk(chunk->encoder, chunk->identity, raw.len, chunk->out, &at);
    if (err < 0)
        return err;
    at = put_flat(PUT_LITERAL(at, "\"annotations\":["), raw);
    close_chunk(chunk->encoder, chunk->out, PUT_LITERAL(at, "]"));
    return 0;
}

/* A call without arguments gets an empty object, as OpenAI sends it: clients parse the joined fragments. */
static int complete_arguments(const struct chunk *chunk) {
    int err = 0;
    for (uint32_t i = 0; i < chunk->encoder->tool_count && err == 0; i++)
        if ((chunk->encoder->tool_has_arguments[i / 64] >> (i % 64) & 1) == 0)
            err = send_arguments(chunk, i, SPAN_LITERAL("{}"));
    return err;
}

static int send_finish(const struct chunk *chunk) {
    struct surface_encoder *encoder = chunk->encoder;
    char *at;
    int err = complete_arguments(chunk);
    if (err == 0)
        err = surface__chat_take_finish(encoder, chunk->event);
    if (err == 0)
        err = open_chunk(encoder, chunk->identity, 0, chunk->out, &at);
    if (err < 0)
        return err;
    at = put(PUT_LITERAL(at, "},\"finish_reason\":\""), span_text(finish_name(encoder->finish)));
    at = PUT_LITERAL(at, "\"}]");
    if (encoder->task->chat.include_usage)
        at = PUT_LITERAL(at, ",\"usage\":null");
    at = PUT_LITERAL(at, "}\n\n");
    dynbuf_grew(chunk->out, (size_t)(at - dynbuf_tail(chunk->out)));
    return 0;
}

static int take_usage(const struct chunk *chunk) {
    chunk->encoder->usage = chunk->event->usage;
    chunk->encoder->usage_known = true;
    return 0;
}

static const struct {
    int (*send)(const struct chunk *chunk); /* NULL: nothing to say on this wire */
    bool needs_role;
} senders[EVENT_KIND_COUNT] = {
    [EVENT_TEXT] = {send_text, true},           [EVENT_REASONING] = {send_reasoning, true},
    [EVENT_TOOL_OPEN] = {send_tool_open, true}, [EVENT_TOOL_ARGS] = {send_tool_arguments, true},
    [EVENT_REFUSAL] = {send_refusal, true},     [EVENT_ANNOTATION] = {send_annotation, true},
    [EVENT_FINISH] = {send_finish, true},       [EVENT_USAGE] = {take_usage, false},
};

int surface__chat_stream_event(struct surface_encoder *encoder,
                               const struct surface_identity *identity, const struct event *event,
                               struct dynbuf *out) {
    check(encoder->magic == CHAT_ENCODER_MAGIC && event->kind < EVENT_KIND_COUNT);
    struct chunk chunk = {encoder, identity, event, out};
    int err = surface__chat_check_order(encoder, event);
    if (err < 0 || senders[event->kind].send == NULL)
        return err;
    if (senders[event->kind].needs_role && !encoder->role_sent)
        err = send_role(encoder, identity, out);
    return err == 0 ? senders[event->kind].send(&chunk) : err;
}

int surface__chat_stream_keepalive(struct surface_encoder *encoder,
                                   const struct surface_identity *identity, struct dynbuf *out) {
    char *at;
    int err;
    if (encoder->finished)
        return 0; /* nothing may follow a finish reason but usage and the end */
    if (!encoder->role_sent) {
        err = send_role(encoder, identity, out);
        encoder->role_kept = err == 0;
        return err;
    }
    err = open_chunk(encoder, identity, 0, out, &at);
    if (err == 0)
        close_chunk(encoder, out, at);
    return err;
}

static int send_usage(struct surface_encoder *encoder, struct dynbuf *out) {
    int err = dynbuf_append(out, dynbuf_span(&encoder->prefix).ptr, encoder->choices_at);
    if (err == 0)
        err = dynbuf_append_text(out, "],\"usage\":");
    if (err == 0)
        err = surface__chat_write_usage(encoder, out);
    return err == 0 ? dynbuf_append_text(out, "}\n\n") : err;
}

int surface__chat_stream_end(struct surface_encoder *encoder,
                             const struct surface_identity *identity, struct dynbuf *out) {
    int err = encoder->finished ? 0 : ERR_INVALID;
    (void)identity; /* in the prefix since the first chunk */
    if (err == 0 && encoder->task->chat.include_usage)
        err = send_usage(encoder, out);
    return err == 0 ? dynbuf_append_text(out, "data: [DONE]\n\n") : err;
}

int surface__chat_stream_error(struct surface_encoder *encoder,
                               const struct surface_identity *identity,
                               const struct api_error *error, struct dynbuf *out) {
    (void)identity; /* an error frame carries none */
    encoder->finished = true;
    int err = dynbuf_append_text(out, "data: ");
    if (err == 0)
        err = api_error_write_openai(error, out);
    return err == 0 ? dynbuf_append_text(out, "\n\n") : err;
}
