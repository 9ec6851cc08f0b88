// SPDX-License-Identifier: Apache-2.0
/*
 * A task to the body of a chat completions request.
 *
 * Why written anew: strict providers refuse a request for one member they do not know, and a client's own marks (user,
 * metadata, cache keys) are none of a provider's business. So the body holds what the task says and nothing else; what
 * need not change is the client's own bytes, messages and tools in one piece each. A stream always asks for usage, since
 * quotas are counted by it. Promises: members come in one fixed order; the output limit never passes the provider's own;
 * what was left out by a quirk is told. Leaves to others: the head, keys, the address.
 * Source: the OpenAI API reference, chat completions, 2026-08; quirks from the providers' pages.
 */
#include "base/check.h"
#include "dialect/openai.h"

static void add_string_member(struct stitch *out, const char *name, struct span escaped) {
    stitch_add(out, span_text(name));
    stitch_add(out, escaped);
    STITCH_LITERAL(out, "\"");
}

static void add_tool(struct stitch *out, const struct tool *tool) {
    if (json_present(tool->source)) {
        stitch_add(out, json_raw(tool->source));
        return;
    }
    add_string_member(out, "{\"type\":\"function\",\"function\":{\"name\":\"", tool->name);
    if (!span_absent(tool->description))
        add_string_member(out, ",\"description\":\"", tool->description);
    if (!span_absent(tool->parameters)) {
        STITCH_LITERAL(out, ",\"parameters\":");
        stitch_add(out, tool->parameters);
    }
    STITCH_LITERAL(out, "}}");
}

static void add_tools(struct stitch *out, const struct task_chat *chat) {
    if (chat->tool_count == 0)
        return;
    STITCH_LITERAL(out, ",\"tools\":");
    if (!span_absent(chat->tools_raw)) {
        stitch_add(out, chat->tools_raw);
        return;
    }
    for (uint32_t i = 0; i < chat->tool_count; i++) {
        stitch_add(out, i == 0 ? SPAN_LITERAL("[") : SPAN_LITERAL(","));
        add_tool(out, &chat->tools[i]);
    }
    STITCH_LITERAL(out, "]");
}

static void add_tool_choice(struct stitch *out, const struct task_chat *chat) {
    static const char *const words[] = {[TOOL_CHOICE_NONE] = "\"none\"",
                                        [TOOL_CHOICE_AUTO] = "\"auto\"",
                                        [TOOL_CHOICE_REQUIRED] = "\"required\""};
    if (chat->tool_choice == TOOL_CHOICE_UNSET || chat->tool_count == 0)
        return;
    STITCH_LITERAL(out, ",\"tool_choice\":");
    if (!span_absent(chat->tool_choice_raw)) {
        stitch_add(out, chat->tool_choice_raw);
    } else if (chat->tool_choice == TOOL_CHOICE_NAMED) {
        add_string_member(out, "{\"type\":\"function\",\"function\":{\"name\":\"",
                          chat->tool_choice_name);
        STITCH_LITERAL(out, "}}");
    } else {
        stitch_add(out, span_text(words[chat->tool_choice]));
    }
}

static void add_format(struct stitch *out, const struct task_chat *chat) {
    if (chat->format == FORMAT_UNSET)
        return;
    STITCH_LITERAL(out, ",\"response_format\":");
    if (!span_absent(chat->format_raw))
        stitch_add(out, chat->format_raw);
    else
        stitch_add(out, chat->format == FORMAT_JSON_OBJECT
                            ? SPAN_LITERAL("{\"type\":\"json_object\"}")
                            : SPAN_LITERAL("{\"type\":\"text\"}"));
}

static void add_max_tokens(struct stitch *out, const struct task_chat *chat,
                           const struct dialect_target *target) {
    uint64_t tokens = chat->max_output_tokens;
    if (tokens == 0)
        return;
    if (target->output_tokens_max > 0 && tokens > target->output_tokens_max)
        tokens = target->output_tokens_max;
    stitch_add(out, target->quirks.max_tokens_legacy ? SPAN_LITERAL(",\"max_tokens\":")
                                                     : SPAN_LITERAL(",\"max_completion_tokens\":"));
    stitch_add_u64(out, tokens);
}

static void add_options(struct stitch *out, const struct task_chat *chat,
                        const struct dialect_quirks *quirks, struct dialect_request *request) {
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const char *name = chat_option_name((enum chat_option)i);
        if (span_absent(chat->options[i]))
            continue;
        if ((quirks->drop_options >> i & 1) != 0) {
            request->dropped[request->dropped_count++] = name;
            continue;
        }
        STITCH_LITERAL(out, ",\"");
        stitch_add(out, span_text(name));
        STITCH_LITERAL(out, "\":");
        stitch_add(out, chat->options[i]);
    }
}

static void add_stream(struct stitch *out, const struct task_chat *chat,
                       const struct dialect_quirks *quirks) {
    if (!chat->stream)
        return;
    STITCH_LITERAL(out, ",\"stream\":true");
    if (!quirks->no_stream_usage)
        STITCH_LITERAL(out, ",\"stream_options\":{\"include_usage\":true}");
}

static void add_extras(struct stitch *out, const struct task_chat *chat,
                       const struct dialect_quirks *quirks) {
    for (uint32_t i = 0; i < chat->extra_count && quirks->keep_extras; i++) {
        STITCH_LITERAL(out, ",\"");
        stitch_add(out, chat->extras[i].name);
        STITCH_LITERAL(out, "\":");
        stitch_add(out, chat->extras[i].value);
    }
}

static int write_path(struct arena *arena, const struct dialect_target *target,
                      struct dialect_request *request) {
    static const struct span end = SPAN_LITERAL("/chat/completions");
    size_t length = target->base_path.len + end.len;
    char *path = arena_try_alloc(arena, length);
    if (path == NULL)
        return ERR_TOO_LARGE;
    if (target->base_path.len > 0)
        memcpy(path, target->base_path.ptr, target->base_path.len);
    memcpy(path + target->base_path.len, end.ptr, end.len);
    request->path = span_of(path, length);
    return 0;
}

int dialect__openai_encode(const struct task *task, const struct dialect_target *target,
                           struct arena *arena, struct dialect_request *ret_request) {
    const struct task_chat *chat = &task->chat;
    struct dialect_request request = {.method = "POST",
                                      .content_type = "application/json",
                                      .accept =
                                          chat->stream ? "text/event-stream" : "application/json"};
    struct stitch out;
    struct span model;
    if (task->kind != TASK_CHAT)
        return ERR_UNSUPPORTED;
    int err = json_escape(target->upstream_model, arena, &model);
    if (err == 0)
        err = write_path(arena, target, &request);
    if (err < 0)
        return err;
    rope_init(&request.body, arena);
    stitch_init(&out, &request.body);
    add_string_member(&out, "{\"model\":\"", model);
    STITCH_LITERAL(&out, ",\"messages\":");
    dialect__openai_messages(chat, &target->quirks, &out);
    add_tools(&out, chat);
    add_tool_choice(&out, chat);
    add_format(&out, chat);
    add_max_tokens(&out, chat, target);
    add_options(&out, chat, &target->quirks, &request);
    add_stream(&out, chat, &target->quirks);
    add_extras(&out, chat, &target->quirks);
    STITCH_LITERAL(&out, "}");
    stitch_flush(&out);
    err = rope_error(&request.body);
    if (err == 0)
        *ret_request = request;
    return err;
}
