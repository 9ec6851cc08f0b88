// SPDX-License-Identifier: Apache-2.0
/*
 * The messages of a chat completions request.
 *
 * Why checked here: a provider that meets a broken history answers with its own wording after a whole round trip, and each
 * provider breaks on something else. What OpenAI refuses is refused here, at once and with the place; where OpenAI's pages
 * are silent, the message is let through. Promises: each tool message answers a call of the assistant message before it and
 * no call stays unanswered; texts stay the client's bytes. Leaves to others: changes that a provider needs (dialect).
 */
#include "base/check.h"
#include "surface/openai_chat.h"

#define TOOL_CALLS_MAX 128 /* in one message; what clients can hold */

enum message_member {
    MESSAGE_ROLE,
    MESSAGE_CONTENT,
    MESSAGE_TOOL_CALLS,
    MESSAGE_TOOL_CALL_ID,
    MESSAGE_NAME,
    MESSAGE_REASONING_CONTENT,
    MESSAGE_REASONING,
    MESSAGE_REASONING_DETAILS,
    MESSAGE_REFUSAL,
    MESSAGE_FUNCTION_CALL,
    MESSAGE_MEMBER_COUNT
};

static const struct span message_names[] = {
    [MESSAGE_ROLE] = SPAN_LITERAL("role"),
    [MESSAGE_CONTENT] = SPAN_LITERAL("content"),
    [MESSAGE_TOOL_CALLS] = SPAN_LITERAL("tool_calls"),
    [MESSAGE_TOOL_CALL_ID] = SPAN_LITERAL("tool_call_id"),
    [MESSAGE_NAME] = SPAN_LITERAL("name"),
    [MESSAGE_REASONING_CONTENT] = SPAN_LITERAL("reasoning_content"),
    [MESSAGE_REASONING] = SPAN_LITERAL("reasoning"),
    [MESSAGE_REASONING_DETAILS] = SPAN_LITERAL("reasoning_details"),
    [MESSAGE_REFUSAL] = SPAN_LITERAL("refusal"),
    [MESSAGE_FUNCTION_CALL] = SPAN_LITERAL("function_call"),
};

/* The calls of the last assistant message, until all are answered. */
struct open_calls {
    const struct message *message; /* NULL: none open */
    uint64_t answered[TOOL_CALLS_MAX / 64];
    uint32_t missing;
};

static int take_string(struct chat_decode *decode, struct json_value value, struct span *ret_text) {
    if (!json_present(value))
        return 0;
    int err = surface__chat_expect(decode, value, CHAT_STRING);
    if (err == 0)
        *ret_text = json_escaped(value);
    return err;
}

static int required_string(struct chat_decode *decode, struct json_value parent, const char *name,
                           struct json_value value, struct span *ret_text) {
    int err = surface__chat_require(decode, parent, name, value, CHAT_STRING);
    if (err == 0)
        *ret_text = json_escaped(value);
    return err;
}

/* --- parts of a content array --- */

enum part_member {
    PART_TYPE,
    PART_TEXT_MEMBER,
    PART_IMAGE_URL,
    PART_INPUT_AUDIO,
    PART_FILE_MEMBER,
    PART_REFUSAL_MEMBER,
    PART_MEMBER_COUNT
};

static const struct span part_names[] = {
    [PART_TYPE] = SPAN_LITERAL("type"),           [PART_TEXT_MEMBER] = SPAN_LITERAL("text"),
    [PART_IMAGE_URL] = SPAN_LITERAL("image_url"), [PART_INPUT_AUDIO] = SPAN_LITERAL("input_audio"),
    [PART_FILE_MEMBER] = SPAN_LITERAL("file"),    [PART_REFUSAL_MEMBER] = SPAN_LITERAL("refusal"),
};

static int read_text_part(struct chat_decode *decode, struct part *part, struct json_value text) {
    int err = required_string(decode, part->source, "text", text, &part->text);
    surface__chat_count(decode, part->text);
    return err;
}

static int read_refusal_part(struct chat_decode *decode, struct part *part,
                             struct json_value text) {
    int err = required_string(decode, part->source, "refusal", text, &part->text);
    surface__chat_count(decode, part->text);
    return err;
}

static bool is_fetchable(struct span url) {
    return span_starts_with(url, "data:") || span_starts_with(url, "https:") ||
           span_starts_with(url, "http:");
}

static int read_image_part(struct chat_decode *decode, struct part *part, struct json_value image) {
    static const struct span names[] = {SPAN_LITERAL("url"), SPAN_LITERAL("detail")};
    struct json_value found[array_length(names)];
    int err = surface__chat_require(decode, part->source, "image_url", image, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, image, names, array_length(names), found);
    if (err == 0)
        err = required_string(decode, image, "url", found[0], &part->text);
    if (err == 0)
        err = take_string(decode, found[1], &part->detail);
    if (err == 0 && !is_fetchable(part->text))
        err = surface__chat_refuse(decode, API_BAD_REQUEST, found[0],
                                   "must begin with data:, https: or http:.");
    return err;
}

static int read_audio_part(struct chat_decode *decode, struct part *part, struct json_value audio) {
    static const struct span names[] = {SPAN_LITERAL("data"), SPAN_LITERAL("format")};
    struct json_value found[array_length(names)];
    int err = surface__chat_require(decode, part->source, "input_audio", audio, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, audio, names, array_length(names), found);
    if (err == 0)
        err = required_string(decode, audio, "data", found[0], &part->text);
    if (err == 0)
        err = required_string(decode, audio, "format", found[1], &part->detail);
    return err;
}

static int read_file_part(struct chat_decode *decode, struct part *part, struct json_value file) {
    static const struct span names[] = {SPAN_LITERAL("file_data"), SPAN_LITERAL("filename"),
                                        SPAN_LITERAL("file_id")};
    struct json_value found[array_length(names)];
    int err = surface__chat_require(decode, part->source, "file", file, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, file, names, array_length(names), found);
    if (err == 0 && json_present(found[2]))
        return surface__chat_refuse(
            decode, API_UNSUPPORTED_PARAMETER, found[2],
            "names a stored file, but nothing is stored here. Send the bytes in `file_data`.");
    if (err == 0)
        err = required_string(decode, file, "file_data", found[0], &part->text);
    if (err == 0)
        err = take_string(decode, found[1], &part->detail);
    return err;
}

#define ROLE_BIT(role) (1u << (role))
#define EVERY_ROLE     (ROLE_BIT(ROLE_COUNT) - 1)

static const struct part_type {
    const char *word;
    enum part_kind kind;
    enum part_member member;
    unsigned roles; /* ROLE_BITs that may have it */
    uint64_t need;
    int (*read)(struct chat_decode *decode, struct part *part, struct json_value value);
} part_types[] = {
    {"text", PART_TEXT, PART_TEXT_MEMBER, EVERY_ROLE, 0, read_text_part},
    {"image_url", PART_IMAGE, PART_IMAGE_URL, ROLE_BIT(ROLE_USER), CAN_VISION, read_image_part},
    {"input_audio", PART_AUDIO, PART_INPUT_AUDIO, ROLE_BIT(ROLE_USER), CAN_AUDIO_IN,
     read_audio_part},
    {"file", PART_FILE, PART_FILE_MEMBER, ROLE_BIT(ROLE_USER), CAN_FILE_IN, read_file_part},
    {"refusal", PART_REFUSAL, PART_REFUSAL_MEMBER, ROLE_BIT(ROLE_ASSISTANT), 0, read_refusal_part},
};

static int read_part(struct chat_decode *decode, const struct message *message, struct part *part) {
    struct json_value found[PART_MEMBER_COUNT] UNINITIALIZED;
    int err = surface__chat_expect(decode, part->source, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, part->source, part_names, PART_MEMBER_COUNT, found);
    if (err == 0)
        err = surface__chat_require(decode, part->source, "type", found[PART_TYPE], CHAT_STRING);
    if (err < 0)
        return err;
    const struct part_type *type = part_types;
    while (type < part_types + array_length(part_types) &&
           !json_string_is(found[PART_TYPE], type->word))
        type++;
    if (type == part_types + array_length(part_types))
        return surface__chat_refuse(decode, API_BAD_REQUEST, found[PART_TYPE],
                                    "must be \"text\", \"image_url\", \"input_audio\", \"file\" or "
                                    "\"refusal\", not \"%.*s\".",
                                    SPAN_ARG(surface__chat_shown(found[PART_TYPE])));
    if ((type->roles & ROLE_BIT(message->role)) == 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, found[PART_TYPE],
                                    "is \"%s\", which a message of role %s cannot have.%s",
                                    type->word, role_name(message->role),
                                    type->need != 0 ? " Put it into a user message." : "");
    part->kind = type->kind;
    decode->task->needs |= type->need;
    return type->read(decode, part, found[type->member]);
}

static int read_parts(struct chat_decode *decode, struct message *message,
                      struct json_value content) {
    uint32_t count = json_count(content);
    message->content_is_array = true;
    if (count == 0)
        return 0;
    message->parts = arena_try_alloc(decode->arena, count * sizeof *message->parts);
    if (message->parts == NULL)
        return surface__chat_too_large(decode);
    for (struct json_iter it = json_each(content); json_next(&it);) {
        struct part *part = &message->parts[message->part_count];
        *part = (struct part){.source = it.value};
        int err = read_part(decode, message, part);
        if (err < 0)
            return err;
        message->part_count++;
    }
    return 0;
}

static int read_content(struct chat_decode *decode, struct message *message,
                        struct json_value content) {
    if (!json_present(content) && message->role == ROLE_ASSISTANT)
        return 0;
    int err = surface__chat_require(decode, message->source, "content", content,
                                    CHAT_STRING | CHAT_ARRAY);
    if (err < 0)
        return err;
    if (json_is(content, JSON_ARRAY))
        return read_parts(decode, message, content);
    message->parts = arena_try_alloc(decode->arena, sizeof *message->parts);
    if (message->parts == NULL)
        return surface__chat_too_large(decode);
    message->part_count = 1;
    message->parts[0] = (struct part){.kind = PART_TEXT, .text = json_escaped(content)};
    surface__chat_count(decode, message->parts[0].text);
    return 0;
}

/* --- tool calls --- */

static int read_tool_call(struct chat_decode *decode, struct tool_call *call) {
    static const struct span names[] = {SPAN_LITERAL("id"), SPAN_LITERAL("type"),
                                        SPAN_LITERAL("function")};
    static const struct span function_names[] = {SPAN_LITERAL("name"), SPAN_LITERAL("arguments")};
    struct json_value found[array_length(names)];
    struct json_value inner[array_length(function_names)];
    int err = surface__chat_expect(decode, call->source, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, call->source, names, array_length(names), found);
    if (err == 0)
        err = required_string(decode, call->source, "id", found[0], &call->id);
    if (err == 0 && json_present(found[1]) && !json_string_is(found[1], "function"))
        return surface__chat_refuse(
            decode, API_UNSUPPORTED_PARAMETER, found[1],
            "must be \"function\"; other kinds of tools are not supported yet.");
    if (err == 0)
        err = surface__chat_require(decode, call->source, "function", found[2], CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, found[2], function_names, array_length(function_names),
                                    inner);
    if (err == 0)
        err = required_string(decode, found[2], "name", inner[0], &call->name);
    if (err == 0)
        err = take_string(decode, inner[1], &call->arguments);
    surface__chat_count(decode, call->name);
    surface__chat_count(decode, call->arguments);
    return err;
}

static int read_tool_calls(struct chat_decode *decode, struct message *message,
                           struct json_value calls) {
    int err = surface__chat_expect(decode, calls, CHAT_ARRAY);
    if (err < 0)
        return err;
    uint32_t count = json_count(calls);
    if (message->role != ROLE_ASSISTANT && count > 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, calls,
                                    "belongs to assistant messages only.");
    if (count > TOOL_CALLS_MAX)
        return surface__chat_refuse(decode, API_BAD_REQUEST, calls,
                                    "has %u calls, but at most %d are allowed.", count,
                                    TOOL_CALLS_MAX);
    if (count == 0)
        return 0;
    decode->task->needs |= CAN_TOOLS;
    message->tool_calls = arena_try_alloc(decode->arena, count * sizeof *message->tool_calls);
    if (message->tool_calls == NULL)
        return surface__chat_too_large(decode);
    for (struct json_iter it = json_each(calls); json_next(&it) && err == 0;) {
        struct tool_call *call = &message->tool_calls[message->tool_call_count++];
        *call = (struct tool_call){.source = it.value};
        err = read_tool_call(decode, call);
    }
    return err;
}

static int refuse_unanswered(struct chat_decode *decode, const struct open_calls *open) {
    uint32_t i = 0;
    while ((open->answered[i / 64] >> (i % 64) & 1) != 0)
        i++;
    const struct tool_call *call = &open->message->tool_calls[i];
    struct span id = surface__chat_shown(json_get(call->source, "id"));
    return surface__chat_refuse(decode, API_BAD_REQUEST, call->source,
                                "has the id \"%.*s\", which no tool message answers. Every tool "
                                "call must be followed by a message of role tool "
                                "with its tool_call_id.",
                                SPAN_ARG(id));
}

static int answer_call(struct chat_decode *decode, struct open_calls *open,
                       const struct message *message, struct json_value id) {
    uint32_t count = open->message != NULL ? open->message->tool_call_count : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!span_equal(open->message->tool_calls[i].id, message->tool_call_id))
            continue;
        uint64_t bit = (uint64_t)1 << (i % 64);
        open->missing -= (open->answered[i / 64] & bit) == 0;
        open->answered[i / 64] |= bit;
        return 0;
    }
    return surface__chat_refuse(
        decode, API_BAD_REQUEST, id,
        "answers no tool call of the assistant message before it: \"%.*s\" is not among its ids.",
        SPAN_ARG(surface__chat_shown(id)));
}

/* The order of calls and answers. */
static int follow_calls(struct chat_decode *decode, struct open_calls *open,
                        const struct message *message, struct json_value id) {
    if (message->role == ROLE_TOOL)
        return answer_call(decode, open, message, id);
    if (open->missing > 0)
        return refuse_unanswered(decode, open);
    *open = (struct open_calls){0};
    if (message->tool_call_count > 0) {
        open->message = message;
        open->missing = message->tool_call_count;
    }
    return 0;
}

/* --- one message --- */

static int read_role(struct chat_decode *decode, struct message *message, struct json_value role) {
    int err = surface__chat_require(decode, message->source, "role", role, CHAT_STRING);
    if (err < 0)
        return err;
    for (int i = 0; i < ROLE_COUNT; i++)
        if (json_string_is(role, role_name((enum message_role)i))) {
            message->role = (enum message_role)i;
            return 0;
        }
    if (json_string_is(role, "function"))
        return surface__chat_refuse(
            decode, API_UNSUPPORTED_PARAMETER, role,
            "is \"function\". Use the role \"tool\" with a tool_call_id instead.");
    return surface__chat_refuse(
        decode, API_BAD_REQUEST, role,
        "must be \"system\", \"developer\", \"user\", \"assistant\" or \"tool\", not \"%.*s\".",
        SPAN_ARG(surface__chat_shown(role)));
}

/* History of an assistant: what it thought, in either of the two names in use. */
static int read_reasoning(struct chat_decode *decode, struct message *message,
                          const struct json_value *found) {
    struct json_value text = found[MESSAGE_REASONING_CONTENT];
    if (!json_present(text))
        text = found[MESSAGE_REASONING];
    if (message->role != ROLE_ASSISTANT)
        return 0;
    int err = take_string(decode, text, &message->reasoning);
    if (err == 0 && !json_present(text) && json_present(found[MESSAGE_REASONING_DETAILS]))
        message->reasoning = SPAN_LITERAL("");
    surface__chat_count(decode, message->reasoning);
    return err;
}

static int read_message(struct chat_decode *decode, struct message *message,
                        struct open_calls *open) {
    struct json_value found[MESSAGE_MEMBER_COUNT] UNINITIALIZED;
    int err = surface__chat_expect(decode, message->source, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, message->source, message_names, MESSAGE_MEMBER_COUNT,
                                    found);
    if (err == 0)
        err = read_role(decode, message, found[MESSAGE_ROLE]);
    if (err == 0 && json_present(found[MESSAGE_FUNCTION_CALL]))
        return surface__chat_refuse(decode, API_UNSUPPORTED_PARAMETER, found[MESSAGE_FUNCTION_CALL],
                                    "is not supported. Use `tool_calls` instead.");
    if (err == 0)
        err = read_content(decode, message, found[MESSAGE_CONTENT]);
    if (err == 0 && json_present(found[MESSAGE_TOOL_CALLS]))
        err = read_tool_calls(decode, message, found[MESSAGE_TOOL_CALLS]);
    if (err == 0 && message->role == ROLE_TOOL)
        err = required_string(decode, message->source, "tool_call_id", found[MESSAGE_TOOL_CALL_ID],
                              &message->tool_call_id);
    if (err == 0)
        err = take_string(decode, found[MESSAGE_NAME], &message->name);
    if (err == 0)
        err = read_reasoning(decode, message, found);
    if (err == 0 && json_present(found[MESSAGE_REFUSAL]))
        err = surface__chat_expect(decode, found[MESSAGE_REFUSAL], CHAT_STRING);
    return err == 0 ? follow_calls(decode, open, message, found[MESSAGE_TOOL_CALL_ID]) : err;
}

int surface__chat_messages(struct chat_decode *decode, struct json_value messages) {
    struct task_chat *chat = &decode->task->chat;
    struct open_calls open = {0};
    uint32_t count = json_count(messages);
    if (count == 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, messages,
                                    "is empty. Send at least one message.");
    chat->messages = arena_try_alloc(decode->arena, count * sizeof *chat->messages);
    if (chat->messages == NULL)
        return surface__chat_too_large(decode);
    for (struct json_iter it = json_each(messages); json_next(&it);) {
        struct message *message = &chat->messages[chat->message_count++];
        *message = (struct message){.source = it.value};
        int err = read_message(decode, message, &open);
        if (err < 0)
            return err;
    }
    if (open.missing > 0)
        return refuse_unanswered(decode, &open);
    chat->messages_raw = json_raw(messages);
    return 0;
}
