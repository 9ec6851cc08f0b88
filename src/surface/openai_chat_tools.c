// SPDX-License-Identifier: Apache-2.0
/*
 * The tools of a chat completions request and the choice among them.
 *
 * Why strict: a tool that a provider does not understand comes back as its own error after a round trip, or worse, is
 * ignored and the agent loops. Kinds of tools that cannot be carried faithfully are refused with a cure. Promises: each
 * tool has a name that every provider takes; a named choice names one of them; a choice or an option about tools without
 * tools is left out, since strict providers refuse it. Leaves to others: rewriting schemas for a provider.
 */
#include "base/check.h"
#include "surface/openai_chat.h"

#define TOOL_NAME_MAX_BYTES 64

static bool is_tool_name(struct span name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= TOOL_NAME_MAX_BYTES;
}

static int read_function(struct chat_decode *decode, struct tool *tool,
                         struct json_value function) {
    static const struct span names[] = {SPAN_LITERAL("name"), SPAN_LITERAL("description"),
                                        SPAN_LITERAL("parameters"), SPAN_LITERAL("strict")};
    static const unsigned types[] = {CHAT_STRING, CHAT_STRING, CHAT_OBJECT, CHAT_BOOL};
    struct json_value found[array_length(names)];
    int err = surface__chat_require(decode, tool->source, "function", function, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, function, names, array_length(names), found);
    if (err == 0)
        err = surface__chat_require(decode, function, "name", found[0], CHAT_STRING);
    for (size_t i = 1; err == 0 && i < array_length(names); i++)
        if (json_present(found[i]))
            err = surface__chat_expect(decode, found[i], types[i]);
    if (err < 0)
        return err;
    tool->name = json_escaped(found[0]);
    if (!is_tool_name(tool->name))
        return surface__chat_refuse(decode, API_BAD_REQUEST, found[0],
                                    "must be 1 to %d letters, digits, _ or -, not \"%.*s\".",
                                    TOOL_NAME_MAX_BYTES, SPAN_ARG(surface__chat_shown(found[0])));
    tool->description = json_escaped(found[1]);
    tool->parameters = json_raw(found[2]);
    return 0;
}

static int read_tool(struct chat_decode *decode, struct tool *tool) {
    static const struct span names[] = {SPAN_LITERAL("type"), SPAN_LITERAL("function")};
    struct json_value found[array_length(names)];
    int err = surface__chat_expect(decode, tool->source, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, tool->source, names, array_length(names), found);
    if (err == 0)
        err = surface__chat_require(decode, tool->source, "type", found[0], CHAT_STRING);
    if (err < 0)
        return err;
    if (!json_string_is(found[0], "function"))
        return surface__chat_refuse(
            decode, API_UNSUPPORTED_PARAMETER, found[0],
            "is \"%.*s\", which is not supported yet. Offer a tool of type \"function\" instead.",
            SPAN_ARG(surface__chat_shown(found[0])));
    return read_function(decode, tool, found[1]);
}

static int read_tools(struct chat_decode *decode, struct json_value tools) {
    struct task_chat *chat = &decode->task->chat;
    uint32_t count = json_count(tools);
    if (count == 0)
        return 0;
    chat->tools = arena_try_alloc(decode->arena, count * sizeof *chat->tools);
    if (chat->tools == NULL)
        return surface__chat_too_large(decode);
    for (struct json_iter it = json_each(tools); json_next(&it);) {
        struct tool *tool = &chat->tools[chat->tool_count++];
        *tool = (struct tool){.source = it.value};
        int err = read_tool(decode, tool);
        if (err < 0)
            return err;
    }
    chat->tools_raw = json_raw(tools);
    surface__chat_count(decode, chat->tools_raw);
    decode->task->needs |= CAN_TOOLS;
    return 0;
}

static const struct {
    const char *word;
    enum tool_choice choice;
} choices[] = {
    {"none", TOOL_CHOICE_NONE},
    {"auto", TOOL_CHOICE_AUTO},
    {"required", TOOL_CHOICE_REQUIRED},
};

static int read_choice_word(struct chat_decode *decode, struct json_value choice) {
    for (size_t i = 0; i < array_length(choices); i++)
        if (json_string_is(choice, choices[i].word)) {
            decode->task->chat.tool_choice = choices[i].choice;
            return 0;
        }
    return surface__chat_refuse(
        decode, API_BAD_REQUEST, choice,
        "must be \"none\", \"auto\", \"required\" or an object, not \"%.*s\".",
        SPAN_ARG(surface__chat_shown(choice)));
}

static bool offers(const struct task_chat *chat, struct span name) {
    for (uint32_t i = 0; i < chat->tool_count; i++)
        if (span_equal(chat->tools[i].name, name))
            return true;
    return false;
}

static int read_choice_object(struct chat_decode *decode, struct json_value choice) {
    static const struct span names[] = {SPAN_LITERAL("type"), SPAN_LITERAL("function")};
    static const struct span function_names[] = {SPAN_LITERAL("name")};
    struct json_value found[array_length(names)];
    struct json_value name;
    struct task_chat *chat = &decode->task->chat;
    int err = surface__chat_members(decode, choice, names, array_length(names), found);
    if (err == 0)
        err = surface__chat_require(decode, choice, "type", found[0], CHAT_STRING);
    if (err < 0)
        return err;
    if (!json_string_is(found[0], "function"))
        return surface__chat_refuse(decode, API_UNSUPPORTED_PARAMETER, found[0],
                                    "is \"%.*s\", which is not supported yet. Offer only the tools "
                                    "that may be used in `tools`, and choose \"auto\", "
                                    "\"required\" or one function.",
                                    SPAN_ARG(surface__chat_shown(found[0])));
    err = surface__chat_require(decode, choice, "function", found[1], CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, found[1], function_names, array_length(function_names),
                                    &name);
    if (err == 0)
        err = surface__chat_require(decode, found[1], "name", name, CHAT_STRING);
    if (err < 0)
        return err;
    if (!offers(chat, json_escaped(name)))
        return surface__chat_refuse(decode, API_BAD_REQUEST, name,
                                    "is \"%.*s\", which is not among `tools`.",
                                    SPAN_ARG(surface__chat_shown(name)));
    chat->tool_choice = TOOL_CHOICE_NAMED;
    chat->tool_choice_name = json_escaped(name);
    return 0;
}

int surface__chat_tools(struct chat_decode *decode) {
    struct task_chat *chat = &decode->task->chat;
    struct json_value choice = decode->kept[KEPT_TOOL_CHOICE];
    int err = read_tools(decode, decode->kept[KEPT_TOOLS]);
    if (err == 0 && json_present(choice))
        err = json_is(choice, JSON_STRING) ? read_choice_word(decode, choice)
                                           : read_choice_object(decode, choice);
    if (err < 0)
        return err;
    if (chat->tool_count == 0 && chat->tool_choice == TOOL_CHOICE_REQUIRED)
        return surface__chat_refuse(decode, API_BAD_REQUEST, choice,
                                    "is \"required\", but there are no `tools`.");
    if (chat->tool_count == 0) {
        chat->tool_choice = TOOL_CHOICE_UNSET;
        chat->options[OPTION_PARALLEL_TOOL_CALLS] = SPAN_NONE;
    } else if (json_present(choice)) {
        chat->tool_choice_raw = json_raw(choice);
        if (chat->tool_choice == TOOL_CHOICE_REQUIRED || chat->tool_choice == TOOL_CHOICE_NAMED)
            decode->task->needs |= CAN_TOOL_CHOICE_REQUIRED;
    }
    return 0;
}
