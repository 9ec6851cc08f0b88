// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The reply to a task as a stream of events, in no wire's form. Dialects decode into events, surfaces encode from them.
 *
 * Order, for each choice index: START, then TEXT / REASONING / TOOL_OPEN / TOOL_ARGS / REFUSAL and others in the order they
 * came, then one FINISH; USAGE comes once, after every FINISH or before the end; ERROR ends everything. A dialect that sees no
 * legal end sends no FINISH: the gateway turns that into an error, never into success. To an embed task: START, one EMBEDDING for
 * each input in their order, FINISH, USAGE.
 * Spans live until the sink returns. `text` is escaped text (json/json.h).
 */
#include "base/span.h"

enum event_kind {
    EVENT_START,
    EVENT_TEXT,
    EVENT_REASONING,
    EVENT_TOOL_OPEN, /* tool_index, id, name; raw: the vendor's extra_content, mostly absent */
    EVENT_TOOL_ARGS, /* tool_index, text */
    EVENT_REFUSAL,
    EVENT_LOGPROBS,   /* raw */
    EVENT_ANNOTATION, /* raw */
    EVENT_MEDIA,      /* raw */
    EVENT_OPAQUE,     /* name, raw: signatures, encrypted reasoning */
    EVENT_EXTRA,      /* name, raw */
    EVENT_FINISH,
    EVENT_USAGE,
    EVENT_ERROR,
    EVENT_EMBEDDING, /* choice: which input; raw: an array of numbers, or text: base64 of float32 */
    EVENT_KIND_COUNT
};

enum finish_reason {
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_TOOL_CALLS,
    FINISH_CONTENT_FILTER,
    FINISH_REASON_COUNT
};

struct usage {
    uint64_t input_tokens;
    uint64_t output_tokens;
    uint64_t cached_tokens;
    uint64_t reasoning_tokens;
    bool estimated; /* the provider did not say; counted by us */
};

struct event {
    enum event_kind kind;
    uint32_t choice;
    uint32_t tool_index; /* 0-based, contiguous */
    struct span text;    /* escaped */
    struct span id;      /* escaped: tool call id */
    struct span name;    /* escaped: tool name; plain: name of an extra */
    struct span raw;     /* whole JSON value */
    enum finish_reason finish;
    struct usage usage;
    struct span error_message;  /* escaped; ERROR */
    struct span error_code;     /* escaped or absent; ERROR */
    int error_status;           /* HTTP status the provider named inside, 0 when none */
    struct span upstream_model; /* escaped or absent; START: which model says it answers */
};

/* Non-zero stops the decoder, which returns it. */
typedef int (*event_sink)(void *context, const struct event *event);

const char *event_kind_name(enum event_kind kind);
/* Whether the client would see something of the answer: text, reasoning, tool, refusal, media. The 200 is held until one comes. */
bool event_is_token(const struct event *event);
const char *finish_name(enum finish_reason reason); /* OpenAI's word */

/* Total (wire.md 1.4): unknown words are stop, or tool_calls when any were emitted; returns false for words that mean a
 * failure ("error", "MALFORMED_FUNCTION_CALL", "network_error"). `word` empty = null at a clean end. */
bool finish_normalise(struct span word, bool tool_calls_seen, enum finish_reason *ret_reason);
/* First guess without a tokenizer: for answers whose provider reports no usage. Counts escaped text. */
uint64_t tokens_estimate(struct span escaped_text);
