// SPDX-License-Identifier: Apache-2.0
/*
 * From the bytes of an answer to text on a terminal.
 *
 * A stream of events is written as it comes; any other answer is an error object, whose message is shown. A model's text may
 * hold anything: on a terminal control characters other than line end and tab are dropped, so that an answer cannot steer
 * the terminal; into a pipe or file it goes unchanged.
 * Promises: an answer without its proper end is told as cut, never passed off as whole.
 */
#include "cli/chat_stream.h"

#include "base/mem.h"
#include "cli/cli.h"
#include "json/json.h"

#include <unistd.h>

#define EVENT_MAX_BYTES      ((size_t)1024 * 1024)
#define SCRATCH_MAX_BYTES    ((size_t)64 * 1024 * 1024)
#define ERROR_BODY_MAX_BYTES ((size_t)64 * 1024)

static void write_text(struct chat_stream *stream, struct span text) {
    bool terminal = isatty(fileno(stream->out)) == 1;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool control = (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f;
        if (!terminal || !control)
            (void)fputc(byte, stream->out);
    }
    if (text.len == 0)
        return;
    stream->wrote = true;
    stream->last_was_newline = text.ptr[text.len - 1] == '\n';
    (void)fflush(stream->out);
}

static void keep_error(struct chat_stream *stream, struct json_value top) {
    struct span message = SPAN_NONE;
    struct json_value error = json_get(top, "error");
    struct json_value text = json_is(error, JSON_STRING) ? error : json_get(error, "message");
    if (stream->error != NULL)
        return;
    if (json_string(text, &stream->scratch, &message) < 0)
        message = SPAN_LITERAL("an error without a message");
    stream->error = mem_strndup(message.ptr, message.len);
}

static void take_chunk(struct chat_stream *stream, struct json_value top) {
    struct span text;
    struct json_value choice = json_path(top, "choices.0");
    if (json_present(json_get(top, "error")) && !json_is(json_get(top, "error"), JSON_NULL)) {
        keep_error(stream, top);
        return;
    }
    if (json_string(json_path(choice, "delta.content"), &stream->scratch, &text) == 0)
        write_text(stream, text);
    if (json_string(json_path(choice, "delta.refusal"), &stream->scratch, &text) == 0)
        write_text(stream, text);
    if (json_string_is(json_get(choice, "finish_reason"), "length"))
        stream->cut_by_length = true;
}

static int on_event(void *context, const struct sse_event *event) {
    struct chat_stream *stream = context;
    struct json_doc doc;
    if (span_is(event->data, "[DONE]")) {
        stream->ended = true;
        return 0;
    }
    if (json_parse(&doc, event->data, &stream->scratch, NULL) == 0)
        take_chunk(stream, json_top(&doc));
    arena_reset(&stream->scratch);
    return 0;
}

void chat_stream_init(struct chat_stream *stream, FILE *out) {
    *stream = (struct chat_stream){.out = out, .last_was_newline = true};
    sse_init(&stream->events, EVENT_MAX_BYTES, on_event, stream);
    dynbuf_init(&stream->error_body, ERROR_BODY_MAX_BYTES);
    arena_init(&stream->scratch, NULL, 0, SCRATCH_MAX_BYTES);
}

void chat_stream_feed(struct chat_stream *stream, struct span bytes) {
    if (stream->status != 200) {
        (void)!dynbuf_append_span(&stream->error_body,
                                  bytes); /* beyond the cap: no error object of ours */
        return;
    }
    if (stream->error == NULL && sse_feed(&stream->events, bytes) < 0)
        stream->error = mem_strdup("an event of the answer is too large");
}

static void tell_refusal(const struct chat_stream *stream) {
    struct chat_stream reading = {.out = stream->out};
    struct json_doc doc;
    arena_init(&reading.scratch, NULL, 0, SCRATCH_MAX_BYTES);
    if (json_parse(&doc, dynbuf_span(&stream->error_body), &reading.scratch, NULL) == 0)
        keep_error(&reading, json_top(&doc));
    cli_complain("refused with status %d: %s", stream->status,
                 reading.error != NULL ? reading.error : "not by a PAPI, as it seems");
    mem_free(reading.error);
    arena_reset(&reading.scratch);
}

bool chat_stream_tell(const struct chat_stream *stream) {
    if (stream->wrote && !stream->last_was_newline)
        (void)fputc('\n', stream->out);
    (void)fflush(stream->out);
    if (stream->status != 200) {
        tell_refusal(stream);
        return false;
    }
    if (stream->error != NULL || !stream->ended) {
        cli_complain("the answer broke off: %s",
                     stream->error != NULL ? stream->error : "the stream had no proper end");
        return false;
    }
    if (stream->cut_by_length)
        cli_complain("note: the answer reached its greatest length");
    return true;
}

void chat_stream_done(struct chat_stream *stream) {
    sse_done(&stream->events);
    dynbuf_done(&stream->error_body);
    arena_reset(&stream->scratch);
    mem_free(stream->error);
}
