// SPDX-License-Identifier: Apache-2.0
/*
 * OpenAI's embeddings: texts in, a vector for each out.
 *
 * Why converted here: the official clients ask for base64 on their own, whatever their caller wrote, and one of them reads
 * floats it did not ask for as a single zero; providers answer in either form. So each vector is written in the form that
 * was asked for, which is the provider's own bytes when that is the same. Texts given as token numbers are refused: without
 * the tokenizer of the very model they cannot be read, and a guess would give vectors of another text. Promises: one vector
 * for each input, in order, with its index; usage always. Leaves to others: that all come from one model (gateway).
 * Source: the OpenAI API reference, embeddings, 2026-08, and the behaviour of its clients.
 */
#include "base/check.h"
#include "message/tokens.h"
#include "message/vector.h"
#include "surface/openai_chat.h"

#define EMBED_ENCODER_MAGIC    0x454d4245u
#define EMBED_INPUTS_MAX       2048
#define EMBED_DIMENSIONS_MAX   65536
#define EMBED_ANSWER_MAX_BYTES ((size_t)47 * 1024 * 1024) /* all vectors, encoded */

/* --- decode --- */

enum embed_member { IN_MODEL, IN_INPUT, IN_FORMAT, IN_DIMENSIONS, IN_TYPE, IN_COUNT };

static const struct span member_names[IN_COUNT] = {
    [IN_MODEL] = SPAN_LITERAL("model"),
    [IN_INPUT] = SPAN_LITERAL("input"),
    [IN_FORMAT] = SPAN_LITERAL("encoding_format"),
    [IN_DIMENSIONS] = SPAN_LITERAL("dimensions"),
    [IN_TYPE] = SPAN_LITERAL("input_type"),
};

static int read_input(struct chat_decode *decode, struct json_value input) {
    struct task_embed *embed = &decode->task->embed;
    if (json_is(input, JSON_NUMBER) || json_is(input, JSON_ARRAY))
        return surface__chat_refuse(
            decode, API_BAD_REQUEST, input,
            "holds numbers of tokens, which cannot be turned back into text without the model's "
            "tokenizer. Send the text itself; in LangChain, set check_embedding_ctx_length=False.");
    int err = surface__chat_expect(decode, input, CHAT_STRING);
    if (err < 0)
        return err;
    struct span text = json_escaped(input);
    if (text.len == 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, input,
                                    "is empty. Send at least one character.");
    embed->inputs[embed->input_count++] = text;
    surface__chat_count(decode, text);
    return 0;
}

static int read_inputs(struct chat_decode *decode, struct json_value inputs) {
    struct task_embed *embed = &decode->task->embed;
    bool many = json_is(inputs, JSON_ARRAY);
    uint32_t count = many ? json_count(inputs) : 1;
    if (count == 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, inputs,
                                    "is empty. Send at least one text.");
    if (count > EMBED_INPUTS_MAX)
        count =
            EMBED_INPUTS_MAX; /* an array of tokens may be longer, and has an answer of its own */
    embed->inputs = arena_try_alloc(decode->arena, count * sizeof *embed->inputs);
    if (embed->inputs == NULL)
        return surface__chat_too_large(decode);
    embed->inputs_raw = json_raw(inputs);
    if (!many)
        return read_input(decode, inputs);
    int err = 0;
    for (struct json_iter it = json_each(inputs); err == 0 && json_next(&it);) {
        if (embed->input_count == EMBED_INPUTS_MAX)
            return surface__chat_refuse(decode, API_BAD_REQUEST, inputs,
                                        "has %u texts, but at most %d are allowed. Send them in "
                                        "several requests.",
                                        json_count(inputs), EMBED_INPUTS_MAX);
        err = read_input(decode, it.value);
    }
    return err;
}

static int read_format(struct chat_decode *decode, struct json_value format) {
    if (!json_present(format) || json_string_is(format, "float"))
        return 0;
    int err = surface__chat_expect(decode, format, CHAT_STRING);
    if (err == 0 && !json_string_is(format, "base64"))
        err = surface__chat_refuse(decode, API_BAD_REQUEST, format,
                                   "must be \"float\" or \"base64\", not \"%.*s\".",
                                   SPAN_ARG(surface__chat_shown(format)));
    decode->task->embed.form = EMBED_BASE64;
    return err;
}

static int read_dimensions(struct chat_decode *decode, struct json_value dimensions) {
    int64_t number = 0;
    if (!json_present(dimensions))
        return 0;
    int err = surface__chat_expect(decode, dimensions, CHAT_INTEGER);
    if (err < 0)
        return err;
    if (json_i64(dimensions, &number) < 0 || number < 1 || number > EMBED_DIMENSIONS_MAX)
        return surface__chat_refuse(decode, API_BAD_REQUEST, dimensions,
                                    "must be between 1 and %d.", EMBED_DIMENSIONS_MAX);
    decode->task->embed.dimensions = (uint64_t)number;
    decode->task->needs |= CAN_DIMENSIONS;
    return 0;
}

static int read_type(struct chat_decode *decode, struct json_value type) {
    if (!json_present(type))
        return 0;
    decode->task->embed.input_type = json_raw(type);
    return surface__chat_expect(decode, type, CHAT_STRING);
}

static int decode(struct span body, struct arena *arena, struct task *ret_task,
                  struct api_error *ret_error) {
    struct chat_decode decode = {.arena = arena, .task = ret_task, .error = ret_error};
    struct json_value found[IN_COUNT];
    *ret_task = (struct task){.kind = TASK_EMBED};
    int err = surface__chat_body(&decode, body);
    if (err == 0)
        err = surface__chat_members(&decode, decode.top, member_names, IN_COUNT, found);
    if (err == 0) {
        decode.kept[KEPT_MODEL] = found[IN_MODEL];
        err = surface__chat_model(&decode);
    }
    if (err == 0)
        err = surface__chat_require(&decode, decode.top, "input", found[IN_INPUT],
                                    CHAT_STRING | CHAT_ARRAY);
    if (err == 0)
        err = read_format(&decode, found[IN_FORMAT]);
    if (err == 0)
        err = read_dimensions(&decode, found[IN_DIMENSIONS]);
    if (err == 0)
        err = read_type(&decode, found[IN_TYPE]);
    return err == 0 ? read_inputs(&decode, found[IN_INPUT]) : err;
}

/* --- encode --- */

struct surface_encoder {
    uint32_t magic;
    const struct task *task; /* borrowed */
    struct dynbuf data;      /* owned: the vectors so far */
    uint32_t count;
    struct usage usage;
    bool usage_known;
    bool finished;
};

static struct surface_encoder *encoder_new(struct arena *arena, const struct task *task) {
    struct surface_encoder *encoder = arena_zalloc(arena, sizeof *encoder);
    encoder->magic = EMBED_ENCODER_MAGIC;
    encoder->task = task;
    dynbuf_init(&encoder->data, EMBED_ANSWER_MAX_BYTES);
    return encoder;
}

static void encoder_free(struct surface_encoder *encoder) {
    if (encoder == NULL)
        return;
    check(encoder->magic == EMBED_ENCODER_MAGIC);
    encoder->magic = 0;
    dynbuf_done(&encoder->data);
}

static void encoder_reset(struct surface_encoder *encoder) {
    check(encoder->magic == EMBED_ENCODER_MAGIC);
    dynbuf_clear(&encoder->data);
    encoder->count = 0;
    encoder->usage = (struct usage){0};
    encoder->usage_known = encoder->finished = false;
}

static int write_vector(const struct event *event, enum embed_form form, struct dynbuf *out) {
    bool array = !span_absent(event->raw);
    if (form == EMBED_FLOAT)
        return array ? dynbuf_append_span(out, event->raw) : vector_write_array(event->text, out);
    int err = dynbuf_append_char(out, '"');
    if (err == 0)
        err = array ? vector_write_base64(event->raw, out) : dynbuf_append_span(out, event->text);
    return err == 0 ? dynbuf_append_char(out, '"') : err;
}

static int add_vector(struct surface_encoder *encoder, const struct event *event) {
    struct dynbuf *out = &encoder->data;
    if (event->choice != encoder->count || encoder->count == encoder->task->embed.input_count)
        return ERR_INVALID;
    int err = dynbuf_append_format(out, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":",
                                   encoder->count > 0 ? "," : "", encoder->count);
    if (err == 0)
        err = write_vector(event, encoder->task->embed.form, out);
    encoder->count++;
    return err == 0 ? dynbuf_append_char(out, '}') : err;
}

static int reply_event(struct surface_encoder *encoder, const struct event *event) {
    check(encoder->magic == EMBED_ENCODER_MAGIC);
    if (event->kind == EVENT_EMBEDDING)
        return add_vector(encoder, event);
    if (event->kind == EVENT_USAGE) {
        encoder->usage = event->usage;
        encoder->usage_known = true;
    }
    encoder->finished = encoder->finished || event->kind == EVENT_FINISH;
    return 0;
}

static int reply_end(struct surface_encoder *encoder, const struct surface_identity *identity,
                     struct dynbuf *out) {
    check(encoder->magic == EMBED_ENCODER_MAGIC);
    if (!encoder->finished || encoder->count != encoder->task->embed.input_count)
        return ERR_INVALID;
    uint64_t tokens =
        encoder->usage_known ? encoder->usage.input_tokens : tokens_of_prompt(encoder->task);
    int err = dynbuf_append_text(out, "{\"object\":\"list\",\"data\":[");
    if (err == 0)
        err = dynbuf_append_span(out, dynbuf_span(&encoder->data));
    if (err == 0)
        err = dynbuf_append_text(out, "],\"model\":");
    if (err == 0)
        err = json_write_string(out, identity->model);
    if (err == 0)
        err = dynbuf_append_format(
            out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}",
            (unsigned long long)tokens, (unsigned long long)tokens + encoder->usage.output_tokens);
    return err;
}

const struct surface surface_openai_embeddings = {
    .name = "openai-embeddings",
    .kind = TASK_EMBED,
    .decode = decode,
    .encoder_new = encoder_new,
    .encoder_free = encoder_free,
    .encoder_reset = encoder_reset,
    .reply_event = reply_event,
    .reply_end = reply_end,
    .error_body = api_error_write_openai,
};
