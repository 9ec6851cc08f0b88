// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private to dialect/: the parts of the OpenAI dialect.
 *
 * encode: openai_encode.c drives, openai_messages.c changes messages, stitch.c gathers the body. decode: openai_decode.c
 * drives, openai_tools.c follows tool calls, openai_usage.c reads counts, openai_error.c reads errors.
 */
#include "catalog/error_shape.h"
#include "dialect/dialect.h"
#include "dialect/stitch.h"
#include "message/tokens.h"

/* --- encode --- */
int dialect__openai_encode(const struct task *task, const struct dialect_target *target,
                           struct arena *arena, struct dialect_request *ret_request);
/* The array of messages, with the changes that the provider needs. */
void dialect__openai_messages(const struct task_chat *chat, const struct dialect_quirks *quirks,
                              struct stitch *out);

/* --- decode --- */
#define OPENAI_TOOLS_MAX           128
#define OPENAI_SCRATCH_BYTES       2048
#define OPENAI_SCRATCH_MAX_BYTES   ((size_t)64 * 1024 * 1024) /* index of one record */
#define OPENAI_ARGUMENTS_MAX_BYTES ((size_t)1024 * 1024)      /* held until a call's name comes */
#define OPENAI_FINISH_MAX_BYTES    40
#define OPENAI_DECODER_MAGIC       0x4f414944u

/* One tool call as the provider counts them. */
struct openai_tool {
    int64_t upstream_index;  /* -1: none given */
    struct span upstream_id; /* borrowed: arena; absent when none came yet */
    struct span id;          /* borrowed: arena; as told to the sink */
    struct span extra;       /* borrowed: arena; raw extra_content that came before the name */
    struct dynbuf pending;   /* owned: arguments that came before the name */
    uint32_t index;          /* contiguous, in order of opening */
    bool opened;
};

struct dialect_decoder {
    uint32_t magic;
    bool started;
    bool token_seen;
    bool finish_seen;
    bool closed;             /* FINISH and USAGE were sent */
    bool over;               /* the end mark was seen */
    bool failed;             /* ERROR was sent */
    bool whole;              /* a body, not a stream */
    struct arena *arena;     /* borrowed: the attempt's */
    const struct task *task; /* borrowed */
    event_sink sink;
    void *context; /* borrowed: the sink's */
    char finish_word[OPENAI_FINISH_MAX_BYTES];
    size_t finish_length;
    enum finish_reason finish;
    struct usage usage;
    bool input_known;
    bool output_known;
    struct token_counter counter; /* what was said, for a provider that does not report usage */
    struct openai_tool *tools;    /* borrowed: arena */
    uint32_t tool_count;
    uint32_t tool_capacity;
    uint32_t tools_opened;
    struct arena scratch; /* owned: index of the record at hand */
    _Alignas(16) char scratch_block[OPENAI_SCRATCH_BYTES];
};

int dialect__openai_emit(struct dialect_decoder *decoder, const struct event *event) WARN_UNUSED;
/* A token event: TEXT, REASONING, REFUSAL or TOOL_ARGS; empty text is not sent. */
int dialect__openai_emit_text(struct dialect_decoder *decoder, enum event_kind kind,
                              uint32_t tool_index, struct span text) WARN_UNUSED;
/* Entries of tool_calls in a delta or a message. */
int dialect__openai_tool_calls(struct dialect_decoder *decoder,
                               struct json_value calls) WARN_UNUSED;
/* The legacy member function_call: one call without id and index. */
int dialect__openai_function_call(struct dialect_decoder *decoder,
                                  struct json_value function) WARN_UNUSED;
/* Whether every call that said something also said its name. */
bool dialect__openai_tools_complete(const struct dialect_decoder *decoder);
void dialect__openai_tools_free(struct dialect_decoder *decoder);
/* Keeps what is valid of a usage object, over what was known before. */
void dialect__openai_usage(struct dialect_decoder *decoder, struct json_value usage);
/* Known and estimated counts together. */
struct usage dialect__openai_usage_total(const struct dialect_decoder *decoder);

void dialect__openai_read_error(struct span body, struct arena *arena, struct span *ret_message,
                                struct span *ret_code);

struct dialect_decoder *dialect__openai_decoder_new(struct arena *arena, const struct task *task,
                                                    event_sink sink, void *context);
void dialect__openai_decoder_free(struct dialect_decoder *decoder);
int dialect__openai_on_record(struct dialect_decoder *decoder, struct span data);
int dialect__openai_on_body(struct dialect_decoder *decoder, struct span body);
enum dialect_end dialect__openai_on_end(struct dialect_decoder *decoder);
bool dialect__openai_is_over(const struct dialect_decoder *decoder);
