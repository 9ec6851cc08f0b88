// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private to dialect/: the parts of the OpenAI dialect.
 *
 * encode: openai_encode.c drives, openai_rules.c changes members, openai_messages.c messages, openai_calls.c the calls in
 * them, openai_schema.c tools and schemas; stitch.c gathers the body. decode: openai_decode.c drives, openai_tools.c follows
 * tool calls, openai_guard.c holds back guards' words, openai_usage.c reads counts, openai_error.c reads errors.
 * openai_embed.c does both for embeddings.
 */
#include "catalog/error_shape.h"
#include "dialect/dialect.h"
#include "dialect/stitch.h"
#include "message/tokens.h"

/* --- encode --- */
int dialect__openai_encode(const struct task *task, const struct dialect_target *target,
                           struct arena *arena, struct dialect_request *ret_request);
/* One request being written. */
struct openai_writer {
    struct stitch out;
    const struct task_chat *chat;        /* borrowed */
    const struct dialect_target *target; /* borrowed */
    const struct dialect_quirks *quirks; /* borrowed; never NULL */
    struct dialect_request *request;     /* borrowed */
    bool tools;                          /* tools are sent */
    bool chat_task;                      /* rules of flat members hold for chat only */
    uint32_t done;                       /* rules that were applied */
};

static inline bool dialect__openai_is_among(const char *const *names, size_t count,
                                            struct span name) {
    for (size_t i = 0; i < count; i++)
        if (span_is(name, names[i]))
            return true;
    return false;
}
/* openai_strip.c. Whether a member of that name, of the request or a schema, is left out for this provider. */
bool dialect__openai_strips(const struct openai_writer *writer, struct span name);
/* The member of messages that a name stands for; absent: of none that may be left out. */
struct span dialect__openai_strip_of_messages(struct span name);
bool dialect__openai_can_strip(struct span name);
/* Notes a member that is left out, once. */
void dialect__openai_dropped(struct openai_writer *writer, const char *name);
/* No memory: the whole request fails. */
void dialect__openai_no_room(struct stitch *out);
/* Writes `,"name":value` as the rules want it; `value` absent: the client gave none. */
void dialect__openai_member(struct openai_writer *writer, enum dialect_member member,
                            struct span value);
/* A member that this program does not know. Name escaped, value raw. */
void dialect__openai_extra_left_out(struct openai_writer *writer, struct span name); /* told only */
void dialect__openai_extra(struct openai_writer *writer, struct span name, struct span value);
/* Members that only rules ask for. After all others. */
void dialect__openai_rest(struct openai_writer *writer);
/* `value` put at a dotted path inside an object, made when there is none. In the arena; absent: no room. */
struct span dialect__openai_set_path(struct json_value object, const char *path, struct span value,
                                     struct arena *arena);

/* Tools and the format of answers, with what their schemas may not hold left out. Absent when there are none. */
struct span dialect__openai_tools(struct openai_writer *writer);
struct span dialect__openai_format(struct openai_writer *writer);
/* The array of messages, with the changes that the provider needs. */
void dialect__openai_messages(struct openai_writer *writer);
/* Whether the calls of a message need a change; the array with it. */
bool dialect__openai_calls_change(const struct message *message,
                                  const struct dialect_quirks *quirks);
void dialect__openai_calls(struct stitch *out, const struct message *message,
                           const struct dialect_quirks *quirks);
/* An id as this provider takes it, escaped; the same span when it already is. Equal ids stay equal. */
struct span dialect__openai_call_id(struct span id, const struct dialect_quirks *quirks,
                                    struct arena *arena);

/* An embed task. Model escaped. */
void dialect__openai_embed(struct openai_writer *writer, const struct task *task,
                           struct span model);

/* --- decode --- */
#define OPENAI_TOOLS_MAX           128
#define OPENAI_SCRATCH_BYTES       2048
#define OPENAI_SCRATCH_MAX_BYTES   ((size_t)64 * 1024 * 1024) /* index of one record */
#define OPENAI_ARGUMENTS_MAX_BYTES ((size_t)1024 * 1024)      /* held until a call's name comes */
#define OPENAI_FINISH_MAX_BYTES    40
#define OPENAI_HELD_MAX_BYTES      ((size_t)(DIALECT_GUARD_MAX_BYTES + 16)) /* white space around it */
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
    bool closed;                         /* FINISH and USAGE were sent */
    bool over;                           /* the end mark was seen */
    bool failed;                         /* ERROR was sent */
    bool whole;                          /* a body, not a stream */
    bool guarded;                        /* the answer was only a guard's word */
    struct arena *arena;                 /* borrowed: the attempt's */
    const struct task *task;             /* borrowed */
    const struct dialect_quirks *quirks; /* borrowed; NULL = none */
    char held[OPENAI_HELD_MAX_BYTES];    /* text that may yet be only a guard's word */
    size_t held_length;
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
/* Text while it may still be a guard's word alone: true when it was kept back. */
bool dialect__openai_hold(struct dialect_decoder *decoder, enum event_kind kind, struct span text);
/* Sends what was held. */
int dialect__openai_let_go(struct dialect_decoder *decoder) WARN_UNUSED;
/* Whether all of the answer is one of those words. */
bool dialect__openai_is_guard(const struct dialect_decoder *decoder);
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

/* FINISH and USAGE, once. */
int dialect__openai_close(struct dialect_decoder *decoder) WARN_UNUSED;
/* A record without an answer: an error in whatever form, or something that is no part of the answer. */
int dialect__openai_other(struct dialect_decoder *decoder, struct json_value top) WARN_UNUSED;
int dialect__openai_embed_body(struct dialect_decoder *decoder, struct span body) WARN_UNUSED;

struct dialect_decoder *dialect__openai_decoder_new(struct arena *arena, const struct task *task,
                                                    const struct dialect_quirks *quirks,
                                                    event_sink sink, void *context);
void dialect__openai_decoder_free(struct dialect_decoder *decoder);
int dialect__openai_on_record(struct dialect_decoder *decoder, struct span data);
int dialect__openai_on_body(struct dialect_decoder *decoder, struct span body);
enum dialect_end dialect__openai_on_end(struct dialect_decoder *decoder);
bool dialect__openai_is_over(const struct dialect_decoder *decoder);
