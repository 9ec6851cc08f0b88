// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private to surface/: the parts of OpenAI's chat completions surface.
 *
 * decode: openai_chat_decode.c drives, openai_chat_fields.c has the table of request members, openai_chat_messages.c and
 * openai_chat_tools.c read the two large ones, openai_chat_routing.c those about who should answer. encode: openai_chat_stream.c and openai_chat_reply.c.
 */
#include "surface/surface.h"

#define CHAT_NAME_MAX_BYTES 512 /* of models and providers */

/* Members that wait until all others are known. */
enum chat_kept {
    KEPT_MODEL,
    KEPT_MESSAGES,
    KEPT_TOOLS,
    KEPT_TOOL_CHOICE,
    KEPT_MAX_COMPLETION_TOKENS,
    KEPT_MAX_TOKENS,
    KEPT_CACHE_KEY,
    KEPT_USER,
    KEPT_COUNT
};

struct chat_decode {
    struct arena *arena;     /* borrowed: the request's */
    struct task *task;       /* borrowed */
    struct api_error *error; /* borrowed */
    struct json_value top;
    struct json_value kept[KEPT_COUNT]; /* absent when not given or null */
    uint64_t fields_seen;               /* bit per row of the table */
};

/* The first and the last of decoding, for every surface of OpenAI's: body to `top`; kept[KEPT_MODEL] to the task. */
int surface__chat_body(struct chat_decode *decode, struct span body) WARN_UNUSED;
int surface__chat_model(struct chat_decode *decode) WARN_UNUSED;

/* Types a member may have, as bits; CHAT_INTEGER is a number without a fraction. */
enum chat_type {
    CHAT_STRING = 1 << 0,
    CHAT_NUMBER = 1 << 1,
    CHAT_INTEGER = 1 << 2,
    CHAT_BOOL = 1 << 3,
    CHAT_ARRAY = 1 << 4,
    CHAT_OBJECT = 1 << 5,
};

/* Fills the error, names the place of `where`, and returns ERR_INVALID. `format` begins after the quoted place. */
int surface__chat_refuse(struct chat_decode *decode, enum api_error_kind kind,
                         struct json_value where, const char *format, ...) WARN_UNUSED
    PRINTF_LIKE(4, 5);
/* Memory for what the body asks for ran out. */
int surface__chat_too_large(struct chat_decode *decode) WARN_UNUSED;
/* 0 when the value has one of the types; else a 400 that tells both. */
int surface__chat_expect(struct chat_decode *decode, struct json_value value,
                         unsigned types) WARN_UNUSED;
/* A member that must be there: 400 at its parent when it is absent, else as above. */
int surface__chat_require(struct chat_decode *decode, struct json_value parent, const char *name,
                          struct json_value value, unsigned types) WARN_UNUSED;
/* members_read, with a 400 for a name that occurs twice. */
int surface__chat_members(struct chat_decode *decode, struct json_value object,
                          const struct span *names, size_t count,
                          struct json_value *ret_values) WARN_UNUSED;
/* Escaped text short enough for a message to people. */
struct span surface__chat_shown(struct json_value string);

int surface__chat_field(struct chat_decode *decode, struct json_value key,
                        struct json_value value) WARN_UNUSED;
int surface__chat_messages(struct chat_decode *decode, struct json_value messages) WARN_UNUSED;
int surface__chat_tools(struct chat_decode *decode) WARN_UNUSED;
int surface__chat_models(struct chat_decode *decode, struct json_value value) WARN_UNUSED;
int surface__chat_provider(struct chat_decode *decode, struct json_value value) WARN_UNUSED;
/* Adds to the task's prompt_bytes. */
static inline void surface__chat_count(struct chat_decode *decode, struct span text) {
    decode->task->prompt_bytes += text.len;
}

int surface__chat_decode(struct span body, struct arena *arena, struct task *ret_task,
                         struct api_error *ret_error);
