// SPDX-License-Identifier: Apache-2.0
/*
 * Answers in OpenAI's wire, streamed or whole, into events.
 *
 * Why so tolerant: the wire has one specification and two dozen readings of it. Whatever form text, thinking, calls, counts
 * and ends come in, the events are the same; what is no part of an answer is passed over. One thing is never guessed: an
 * answer that does not say that it ended has not ended. FINISH waits for the end mark (or the end of the transfer), because
 * some providers put a finish reason on every chunk and others send text after it. Text passes as spans of the record.
 * Promises: START first; at most one FINISH, then one USAGE; nothing after ERROR; a record that is not of this wire is
 * ERR_INVALID. Leaves to others: framing, time, whether the model that answers is the one that was asked.
 * Source: the OpenAI API reference, chat completions, 2026-08; deviations as seen on providers.
 */
#include "base/check.h"
#include "dialect/openai.h"
#include "message/members.h"

enum chunk_member {
    CHUNK_CHOICES,
    CHUNK_USAGE,
    CHUNK_ERROR,
    CHUNK_MODEL,
    CHUNK_GROQ,
    CHUNK_MEMBER_COUNT
};
enum choice_member {
    CHOICE_INDEX,
    CHOICE_DELTA,
    CHOICE_MESSAGE,
    CHOICE_FINISH,
    CHOICE_USAGE,
    CHOICE_ERROR,
    CHOICE_MEMBER_COUNT
};
enum delta_member {
    DELTA_CONTENT,
    DELTA_REASONING_CONTENT,
    DELTA_REASONING,
    DELTA_REFUSAL,
    DELTA_TOOL_CALLS,
    DELTA_FUNCTION_CALL,
    DELTA_ANNOTATIONS,
    DELTA_MEMBER_COUNT
};

static const struct span chunk_names[] = {
    [CHUNK_CHOICES] = SPAN_LITERAL("choices"), [CHUNK_USAGE] = SPAN_LITERAL("usage"),
    [CHUNK_ERROR] = SPAN_LITERAL("error"),     [CHUNK_MODEL] = SPAN_LITERAL("model"),
    [CHUNK_GROQ] = SPAN_LITERAL("x_groq"),
};

static const struct span choice_names[] = {
    [CHOICE_INDEX] = SPAN_LITERAL("index"),     [CHOICE_DELTA] = SPAN_LITERAL("delta"),
    [CHOICE_MESSAGE] = SPAN_LITERAL("message"), [CHOICE_FINISH] = SPAN_LITERAL("finish_reason"),
    [CHOICE_USAGE] = SPAN_LITERAL("usage"),     [CHOICE_ERROR] = SPAN_LITERAL("error"),
};

static const struct span delta_names[] = {
    [DELTA_CONTENT] = SPAN_LITERAL("content"),
    [DELTA_REASONING_CONTENT] = SPAN_LITERAL("reasoning_content"),
    [DELTA_REASONING] = SPAN_LITERAL("reasoning"),
    [DELTA_REFUSAL] = SPAN_LITERAL("refusal"),
    [DELTA_TOOL_CALLS] = SPAN_LITERAL("tool_calls"),
    [DELTA_FUNCTION_CALL] = SPAN_LITERAL("function_call"),
    [DELTA_ANNOTATIONS] = SPAN_LITERAL("annotations"),
};

int dialect__openai_emit(struct dialect_decoder *decoder, const struct event *event) {
    return decoder->sink(decoder->context, event);
}

int dialect__openai_emit_text(struct dialect_decoder *decoder, enum event_kind kind,
                              uint32_t tool_index, struct span text) {
    struct event event = {.kind = kind, .tool_index = tool_index, .text = text};
    if (text.len == 0 || dialect__openai_hold(decoder, kind, text))
        return 0;
    int err = dialect__openai_let_go(decoder);
    decoder->token_seen = true;
    if (!decoder->output_known)
        tokens_count(&decoder->counter, text);
    return err == 0 ? dialect__openai_emit(decoder, &event) : err;
}

/* --- errors --- */

/* `body`: the provider's own object, absent when the words are ours. */
static int fail(struct dialect_decoder *decoder, const struct error_shape *error,
                struct json_value body) {
    struct event event = {.kind = EVENT_ERROR,
                          .raw = json_present(body) ? json_raw(body) : SPAN_NONE,
                          .error_message = error->message,
                          .error_code = error->code,
                          .error_status = error->status};
    if (span_absent(event.error_message))
        event.error_message = SPAN_LITERAL("The provider reported an error without saying which.");
    decoder->failed = true;
    return dialect__openai_emit(decoder, &event);
}

/* null, "" and {} are how some providers say that there is none. */
static bool is_error(struct json_value value) {
    return json_escaped(value).len > 0 || (json_is(value, JSON_OBJECT) && json_count(value) > 0);
}

static int fail_from(struct dialect_decoder *decoder, struct json_value body) {
    struct error_shape error = error_shape_of(body);
    return fail(decoder, &error, body);
}

/* Without choices, usage and error a record is an error in another form, or something that is no part of the answer. */
int dialect__openai_other(struct dialect_decoder *decoder, struct json_value top) {
    struct error_shape error = error_shape_of(top);
    bool named = !span_absent(error.code) || error.status != 0 ||
                 json_string_is(json_get(top, "object"), "error") ||
                 json_present(json_get(top, "detail"));
    if (!span_absent(error.message) && (named || decoder->whole))
        return fail(decoder, &error, top);
    return decoder->whole ? ERR_INVALID : 0;
}

/* --- what a delta says --- */

static int start(struct dialect_decoder *decoder, struct json_value model) {
    struct event event = {.kind = EVENT_START, .upstream_model = json_escaped(model)};
    if (decoder->started)
        return 0;
    decoder->started = true;
    return dialect__openai_emit(decoder, &event);
}

/* Content as typed segments: strings, {text}, {thinking: text or segments}. Depth is bounded by the scanner's. */
static int read_segment(struct dialect_decoder *decoder, enum event_kind kind,
                        struct json_value segment) {
    int err = 0;
    if (json_is(segment, JSON_STRING))
        return dialect__openai_emit_text(decoder, kind, 0, json_escaped(segment));
    if (json_is(segment, JSON_ARRAY)) {
        for (struct json_iter it = json_each(segment); err == 0 && json_next(&it);)
            err = read_segment(decoder, kind, it.value);
        return err;
    }
    if (!json_is(segment, JSON_OBJECT))
        return 0;
    struct json_value thinking = json_get(segment, "thinking");
    if (json_present(thinking))
        return read_segment(decoder, EVENT_REASONING, thinking);
    return dialect__openai_emit_text(decoder, kind, 0, json_escaped(json_get(segment, "text")));
}

static int read_annotations(struct dialect_decoder *decoder, struct json_value annotations) {
    int err = 0;
    for (struct json_iter it = json_each(annotations); err == 0 && json_next(&it);) {
        struct event event = {.kind = EVENT_ANNOTATION, .raw = json_raw(it.value)};
        if (json_is(it.value, JSON_OBJECT))
            err = dialect__openai_emit(decoder, &event);
    }
    return err;
}

static int read_delta(struct dialect_decoder *decoder, struct json_value delta) {
    struct json_value found[DELTA_MEMBER_COUNT] UNINITIALIZED;
    (void)members_read(delta, delta_names, DELTA_MEMBER_COUNT, found);
    struct json_value reasoning = found[DELTA_REASONING_CONTENT];
    if (json_escaped(reasoning).len == 0) /* some send both, the same text */
        reasoning = found[DELTA_REASONING];
    int err = dialect__openai_emit_text(decoder, EVENT_REASONING, 0, json_escaped(reasoning));
    if (err == 0)
        err = read_segment(decoder, EVENT_TEXT, found[DELTA_CONTENT]);
    if (err == 0)
        err = dialect__openai_emit_text(decoder, EVENT_REFUSAL, 0,
                                        json_escaped(found[DELTA_REFUSAL]));
    if (err == 0)
        err = dialect__openai_tool_calls(decoder, found[DELTA_TOOL_CALLS]);
    if (err == 0)
        err = dialect__openai_function_call(decoder, found[DELTA_FUNCTION_CALL]);
    return err == 0 ? read_annotations(decoder, found[DELTA_ANNOTATIONS]) : err;
}

/* --- the end --- */

static int read_finish(struct dialect_decoder *decoder, struct json_value value) {
    struct span word = json_escaped(value);
    enum finish_reason reason;
    if (word.len == 0)
        return 0;
    if (!finish_normalise(word, false, &reason)) {
        struct error_shape error = {
            .message = SPAN_LITERAL("The provider broke off its answer with an error."),
            .code = word};
        return fail(decoder, &error, (struct json_value){0});
    }
    decoder->finish_length =
        word.len < sizeof decoder->finish_word ? word.len : 0; /* no word is that long */
    memcpy(decoder->finish_word, word.ptr, decoder->finish_length);
    decoder->finish_seen = true;
    return 0;
}

int dialect__openai_close(struct dialect_decoder *decoder) {
    if (!decoder->finish_seen || decoder->closed || decoder->failed)
        return 0;
    if (!dialect__openai_tools_complete(decoder)) {
        struct error_shape error = {
            .message = SPAN_LITERAL("The provider sent a tool call without a name."),
            .code = SPAN_LITERAL("tool_call_malformed")};
        return fail(decoder, &error, (struct json_value){0});
    }
    decoder->closed = true;
    decoder->guarded = dialect__openai_is_guard(decoder);
    if (decoder->guarded)
        tokens_count(&decoder->counter, span_of(decoder->held, decoder->held_length));
    int err = decoder->guarded ? 0 : dialect__openai_let_go(decoder);
    struct event finish = {.kind = EVENT_FINISH};
    struct event usage = {.kind = EVENT_USAGE, .usage = dialect__openai_usage_total(decoder)};
    check(finish_normalise(span_of(decoder->finish_word, decoder->finish_length),
                           decoder->tools_opened > 0, &finish.finish));
    decoder->finish = finish.finish;
    if (err == 0)
        err = start(decoder, (struct json_value){NULL, 0});
    if (err == 0 && !decoder->guarded)
        err = dialect__openai_emit(decoder, &finish);
    return err == 0 ? dialect__openai_emit(decoder, &usage) : err;
}

/* --- records --- */

static int read_choice(struct dialect_decoder *decoder, struct json_value choice) {
    struct json_value found[CHOICE_MEMBER_COUNT] UNINITIALIZED;
    int64_t index = 0;
    (void)members_read(choice, choice_names, CHOICE_MEMBER_COUNT, found);
    if (json_i64(found[CHOICE_INDEX], &index) == 0 && index != 0)
        return 0; /* one answer was asked for */
    dialect__openai_usage(decoder, found[CHOICE_USAGE]);
    if (is_error(found[CHOICE_ERROR]))
        return fail_from(decoder, choice);
    int err = read_delta(decoder, json_present(found[CHOICE_DELTA]) ? found[CHOICE_DELTA]
                                                                    : found[CHOICE_MESSAGE]);
    return err == 0 ? read_finish(decoder, found[CHOICE_FINISH]) : err;
}

static int read_choices(struct dialect_decoder *decoder, struct json_value choices,
                        struct json_value model) {
    int err = 0;
    for (struct json_iter it = json_each(choices);
         err == 0 && !decoder->failed && json_next(&it);) {
        err = start(decoder, model);
        if (err == 0)
            err = read_choice(decoder, it.value);
    }
    return err;
}

static int read_chunk(struct dialect_decoder *decoder, struct json_value top) {
    struct json_value found[CHUNK_MEMBER_COUNT] UNINITIALIZED;
    (void)members_read(top, chunk_names, CHUNK_MEMBER_COUNT, found);
    if (is_error(found[CHUNK_ERROR]))
        return fail_from(decoder, top);
    dialect__openai_usage(decoder, json_get(found[CHUNK_GROQ], "usage"));
    dialect__openai_usage(decoder, found[CHUNK_USAGE]);
    if (!json_is(found[CHUNK_CHOICES], JSON_ARRAY))
        return json_present(found[CHUNK_USAGE]) && !decoder->whole
                   ? 0
                   : dialect__openai_other(decoder, top);
    int err = read_choices(decoder, found[CHUNK_CHOICES], found[CHUNK_MODEL]);
    bool last = decoder->finish_seen && json_count(found[CHUNK_CHOICES]) == 0 &&
                json_is(found[CHUNK_USAGE], JSON_OBJECT);
    if (err == 0 && last && !decoder->whole && !decoder->failed) {
        decoder->over = true; /* usage alone after the finish: only the end mark could follow */
        err = dialect__openai_close(decoder);
    }
    return err;
}

static int read_text(struct dialect_decoder *decoder, struct span text) {
    struct json_doc doc;
    arena_reset(&decoder->scratch);
    if (json_parse(&doc, text, &decoder->scratch, NULL) < 0 ||
        !json_is(json_top(&doc), JSON_OBJECT))
        return ERR_INVALID;
    return read_chunk(decoder, json_top(&doc));
}

int dialect__openai_on_record(struct dialect_decoder *decoder, struct span data) {
    check(decoder->magic == OPENAI_DECODER_MAGIC);
    struct span text = span_trim(data);
    if (decoder->task->kind != TASK_CHAT)
        return ERR_INVALID; /* vectors do not come in pieces */
    if (decoder->over || decoder->failed || text.len == 0)
        return 0;
    if (!span_is(text, "[DONE]"))
        return read_text(decoder, text);
    decoder->over = true;
    return dialect__openai_close(decoder);
}

int dialect__openai_on_body(struct dialect_decoder *decoder, struct span body) {
    check(decoder->magic == OPENAI_DECODER_MAGIC);
    if (decoder->task->kind == TASK_EMBED)
        return dialect__openai_embed_body(decoder, body);
    decoder->whole = true;
    int err = read_text(decoder, body);
    if (err < 0 || decoder->failed)
        return err;
    decoder->finish_seen = true; /* a whole body is a clean end, also with a null reason */
    decoder->over = true;
    return dialect__openai_close(decoder);
}

enum dialect_end dialect__openai_on_end(struct dialect_decoder *decoder) {
    check(decoder->magic == OPENAI_DECODER_MAGIC);
    if (dialect__openai_close(decoder) != 0 || decoder->failed)
        return DIALECT_FAILED;
    if (!decoder->closed)
        return DIALECT_TRUNCATED;
    if (decoder->guarded)
        return DIALECT_GUARD;
    return decoder->token_seen || decoder->finish != FINISH_STOP ? DIALECT_COMPLETE : DIALECT_EMPTY;
}

bool dialect__openai_is_over(const struct dialect_decoder *decoder) {
    return decoder->over;
}

struct dialect_decoder *dialect__openai_decoder_new(struct arena *arena, const struct task *task,
                                                    const struct dialect_quirks *quirks,
                                                    event_sink sink, void *context) {
    struct dialect_decoder *decoder = arena_alloc(arena, sizeof *decoder);
    memset(decoder, 0,
           offsetof(struct dialect_decoder, scratch_block)); /* the block is the scratch arena's */
    decoder->magic = OPENAI_DECODER_MAGIC;
    decoder->arena = arena;
    decoder->task = task;
    decoder->quirks = quirks;
    decoder->sink = sink;
    decoder->context = context;
    arena_init(&decoder->scratch, decoder->scratch_block, sizeof decoder->scratch_block,
               OPENAI_SCRATCH_MAX_BYTES);
    return decoder;
}

void dialect__openai_decoder_free(struct dialect_decoder *decoder) {
    if (decoder == NULL)
        return;
    check(decoder->magic == OPENAI_DECODER_MAGIC);
    decoder->magic = 0;
    dialect__openai_tools_free(decoder);
    arena_reset(&decoder->scratch);
}
