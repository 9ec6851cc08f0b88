// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The canonical task: what a client wants, in no wire's form. Surfaces decode into it, dialects encode from it.
 *
 * Text in a task is "escaped text" (json/json.h): the inside of a JSON string, valid between quotes, so that bytes pass
 * from wire to wire untouched. Fields named raw are whole JSON values. All spans point into the client's body or the
 * request arena and live as long as the request (attempts pin the body).
 */
#include "message/embed.h"
#include "message/routing.h"
#include "json/json.h"

enum task_kind {
    TASK_CHAT,
    TASK_EMBED,
    TASK_RERANK,
    TASK_TRANSCRIBE,
    TASK_SPEAK,
    TASK_IMAGE,
    TASK_MODERATE,
    TASK_KIND_COUNT
};

enum message_role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_COUNT };

enum part_kind { PART_TEXT, PART_IMAGE, PART_AUDIO, PART_FILE, PART_REFUSAL, PART_KIND_COUNT };

struct part {
    enum part_kind kind;
    struct span
        text; /* escaped: text, refusal; image: URL or data: URL; audio and file: base64 data */
    struct span detail; /* escaped: image detail, audio format, file name; absent when not given */
    struct json_value source; /* the part in OpenAI chat form when it came so, else absent */
};

struct tool_call {
    struct span id;        /* escaped */
    struct span name;      /* escaped */
    struct span arguments; /* escaped JSON text; may be empty */
    struct json_value source;
};

struct message {
    enum message_role role;
    struct part *parts; /* borrowed: arena */
    uint32_t part_count;
    struct tool_call *tool_calls; /* borrowed: arena; assistant only */
    uint32_t tool_call_count;
    struct span tool_call_id; /* escaped; tool only */
    struct span name;         /* escaped; absent when not given */
    struct span reasoning;    /* escaped; assistant history; absent when not given */
    bool content_is_array;    /* as given; a lone string part otherwise */
    struct json_value
        source; /* the message in OpenAI chat form when it came so: untouched ones are sent on as bytes */
};

struct tool {
    struct span name;         /* escaped */
    struct span description;  /* escaped or absent */
    struct span parameters;   /* raw JSON schema or absent */
    struct json_value source; /* OpenAI chat form or absent */
};

enum tool_choice {
    TOOL_CHOICE_UNSET,
    TOOL_CHOICE_NONE,
    TOOL_CHOICE_AUTO,
    TOOL_CHOICE_REQUIRED,
    TOOL_CHOICE_NAMED
};
enum response_format { FORMAT_UNSET, FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };

/* Settings that pass through as raw JSON values once their type and range are checked. */
enum chat_option {
    OPTION_TEMPERATURE,
    OPTION_TOP_P,
    OPTION_PRESENCE_PENALTY,
    OPTION_FREQUENCY_PENALTY,
    OPTION_STOP,
    OPTION_SEED,
    OPTION_LOGIT_BIAS,
    OPTION_VERBOSITY,
    OPTION_REASONING_EFFORT,
    OPTION_PARALLEL_TOOL_CALLS,
    OPTION_COUNT
};

struct chat_extra {
    struct span name;  /* escaped */
    struct span value; /* raw */
};

/* What a candidate must be able to do; bits of task.needs and of catalog routes. */
enum capability {
    CAN_STREAM = 1 << 0,
    CAN_TOOLS = 1 << 1,
    CAN_JSON_OBJECT = 1 << 2,
    CAN_JSON_SCHEMA = 1 << 3,
    CAN_VISION = 1 << 4,
    CAN_AUDIO_IN = 1 << 5,
    CAN_FILE_IN = 1 << 6,
    CAN_REASONING = 1 << 7,
    CAN_TOOL_CHOICE_REQUIRED = 1 << 8, /* a call that must be made, any or one by name */
    CAN_DIMENSIONS = 1 << 9,           /* vectors of a wished length: all routes, but for quirks */
};

struct task_chat {
    struct message *messages; /* borrowed: arena; at least one */
    uint32_t message_count;
    struct tool *tools; /* borrowed: arena */
    uint32_t tool_count;
    enum tool_choice tool_choice;
    struct span tool_choice_name; /* escaped; TOOL_CHOICE_NAMED */
    struct span tool_choice_raw;  /* raw, OpenAI chat form; absent when unset */
    enum response_format format;
    struct span format_raw;            /* raw, OpenAI chat form; absent when unset */
    uint64_t max_output_tokens;        /* 0 = not given */
    struct span options[OPTION_COUNT]; /* raw; absent when not given */
    struct chat_extra
        *extras; /* borrowed: arena; unknown members, kept for dialects that take them */
    uint32_t extra_count;
    struct span
        messages_raw; /* raw array, OpenAI chat form: sent on in one piece when no message needs a change */
    struct span tools_raw;
    bool stream;
    bool include_usage; /* the client asked for a usage chunk */
};

struct task {
    enum task_kind kind;
    struct span model;     /* decoded UTF-8, as asked for */
    struct span affinity;  /* decoded: prompt_cache_key or user; absent when none. Never sent on. */
    uint64_t needs;        /* enum capability bits */
    uint64_t prompt_bytes; /* size of what the model must read, images left out */
    struct task_routing routing;
    struct task_chat chat;   /* kind == TASK_CHAT; else zero, so that nothing of it is asked for */
    struct task_embed embed; /* kind == TASK_EMBED */
};

const char *task_kind_name(enum task_kind kind);
const char *role_name(enum message_role role);
const char *chat_option_name(enum chat_option option);
