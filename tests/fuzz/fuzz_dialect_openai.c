// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a provider's answer: lines as records of a stream, the whole as a body, and as the body of an error. Every
 * sequence of events must be one that the encoder takes, and an answer judged complete must give a client's stream that the
 * strict reader accepts. A second decoder, which gets the same records with white space that always differs and so never sees
 * one that repeats the last, must say the same.
 */
#include "unit/surface/chat_stream_checker.h"

#include "base/check.h"
#include "dialect/dialect.h"
#include "surface/surface.h"

#define ARENA_CAP ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
    struct arena arena;
    struct task task;
    struct surface_identity identity;
    struct surface_encoder *stream, *reply;
    struct dynbuf out;
    unsigned finishes, usages, errors, starts, tools;
};

static void check_event(struct answer *answer, const struct event *event) {
    answer->starts += event->kind == EVENT_START;
    answer->finishes += event->kind == EVENT_FINISH;
    answer->usages += event->kind == EVENT_USAGE;
    answer->errors += event->kind == EVENT_ERROR;
    check(answer->starts == 1 || event->kind == EVENT_ERROR);
    check(answer->finishes <= 1 && answer->usages <= answer->finishes && answer->errors <= 1);
    check(answer->errors == 0 || event->kind == EVENT_ERROR);
    if (event->kind == EVENT_TOOL_OPEN) {
        check(event->tool_index == answer->tools++);
        check(event->id.len > 0 && event->name.len > 0);
    }
    if (event->kind == EVENT_TOOL_ARGS)
        check(event->tool_index < answer->tools && event->text.len > 0);
}

static int on_event(void *context, const struct event *event) {
    struct answer *answer = context;
    check_event(answer, event);
    if (event->kind == EVENT_ERROR)
        return 0;
    check(surface_openai_chat.stream_event(answer->stream, &answer->identity, event,
                                           &answer->out) == 0);
    check(surface_openai_chat.reply_event(answer->reply, event) == 0);
    return 0;
}

static void open_answer(struct answer *answer, bool include_usage) {
    *answer = (struct answer){.task = {.kind = TASK_CHAT}};
    answer->task.chat.include_usage = include_usage;
    answer->identity = (struct surface_identity){SPAN_LITERAL("r"), SPAN_LITERAL("m"), 1};
    arena_init(&answer->arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&answer->out, CHECKER_ARENA_CAP);
    answer->stream = surface_openai_chat.encoder_new(&answer->arena, &answer->task);
    answer->reply = surface_openai_chat.encoder_new(&answer->arena, &answer->task);
}

static void check_client(struct answer *answer) {
    struct chat_stream_checker checker;
    check(surface_openai_chat.stream_end(answer->stream, &answer->identity, &answer->out) == 0);
    checker_open(&checker, answer->task.chat.include_usage);
    check(checker_run(&checker, dynbuf_span(&answer->out)) == NULL);
    checker_close(&checker);
    dynbuf_clear(&answer->out);
    check(surface_openai_chat.reply_end(answer->reply, &answer->identity, &answer->out) == 0);
    check(json_validate(dynbuf_span(&answer->out)) == 0);
}

static void close_answer(struct answer *answer, struct dialect_decoder *decoder, int err) {
    enum dialect_end end = dialect_openai.on_end(decoder);
    check(err == 0 || err == ERR_INVALID || err == ERR_TOO_LARGE);
    check((end == DIALECT_FAILED) == (answer->errors == 1));
    if (end == DIALECT_COMPLETE || end == DIALECT_EMPTY) {
        check(answer->finishes == 1 && answer->usages == 1);
        check_client(answer);
    }
    dialect_openai.decoder_free(decoder);
    surface_openai_chat.encoder_free(answer->stream);
    surface_openai_chat.encoder_free(answer->reply);
    dynbuf_done(&answer->out);
    arena_reset(&answer->arena);
}

/* All that events say, in order. */
struct twin {
    struct arena arena;
    struct task task;
    struct dialect_decoder *decoder;
    struct dynbuf said;
};

static int keep_event(void *context, const struct event *event) {
    struct dynbuf *said = context;
    const struct span texts[] = {event->text, event->upstream_model, event->id, event->name,
                                 event->raw,  event->error_message};
    int err =
        dynbuf_append_format(said, "%d %u %d %llu:", (int)event->kind, event->tool_index,
                             (int)event->finish, (unsigned long long)event->usage.output_tokens);
    for (size_t i = 0; err == 0 && i < array_length(texts); i++) {
        err = dynbuf_append_span(said, texts[i]);
        if (err == 0)
            err = dynbuf_append_char(said, '\n');
    }
    check(err == 0);
    return 0;
}

static void open_twin(struct twin *twin) {
    *twin = (struct twin){.task = {.kind = TASK_CHAT}};
    arena_init(&twin->arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&twin->said, (size_t)256 << 20);
    twin->decoder =
        dialect_openai.decoder_new(&twin->arena, &twin->task, NULL, keep_event, &twin->said);
}

static void close_twin(struct twin *twin) {
    dialect_openai.decoder_free(twin->decoder);
    dynbuf_done(&twin->said);
    arena_reset(&twin->arena);
}

static int feed_spaced(struct twin *twin, struct span record, bool odd) {
    struct dynbuf spaced;
    record = span_trim(record);
    dynbuf_init(&spaced, record.len + 1);
    if (record.len > 0 && record.ptr[0] == '{')
        check(dynbuf_append_char(&spaced, odd ? '\r' : '\n') == 0);
    check(dynbuf_append_span(&spaced, record) == 0);
    int err = dialect_openai.on_record(twin->decoder, dynbuf_span(&spaced));
    dynbuf_done(&spaced);
    return err;
}

static void as_twins(struct span text) {
    struct twin plain, spaced;
    struct span record;
    int err = 0;
    bool odd = false;
    open_twin(&plain);
    open_twin(&spaced);
    while (err == 0 && span_split(&text, '\n', &record)) {
        err = dialect_openai.on_record(plain.decoder, record);
        check(feed_spaced(&spaced, record, odd) == err);
        odd = !odd;
    }
    check(dialect_openai.on_end(plain.decoder) == dialect_openai.on_end(spaced.decoder));
    check(span_equal(dynbuf_span(&plain.said), dynbuf_span(&spaced.said)));
    close_twin(&plain);
    close_twin(&spaced);
}

static void as_stream(struct span text) {
    struct answer answer;
    struct span record;
    int err = 0;
    open_answer(&answer, true);
    struct dialect_decoder *decoder =
        dialect_openai.decoder_new(&answer.arena, &answer.task, NULL, on_event, &answer);
    while (err == 0 && span_split(&text, '\n', &record))
        err = dialect_openai.on_record(decoder, record);
    close_answer(&answer, decoder, err);
}

static void as_body(struct span text) {
    struct answer answer;
    open_answer(&answer, false);
    struct dialect_decoder *decoder =
        dialect_openai.decoder_new(&answer.arena, &answer.task, NULL, on_event, &answer);
    int err = dialect_openai.on_body(decoder, text);
    close_answer(&answer, decoder, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_of((const char *)data, size);
    as_stream(text);
    as_twins(text);
    as_body(text);
    return 0;
}
