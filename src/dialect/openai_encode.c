// SPDX-License-Identifier: Apache-2.0
/*
 * A task to an upstream request; a chat task to its body (embeddings: openai_embed.c).
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

static const struct dialect_quirks no_quirks;

static void add_tool_choice(struct openai_writer *writer) {
    static const char *const words[] = {[TOOL_CHOICE_NONE] = "\"none\"",
                                        [TOOL_CHOICE_AUTO] = "\"auto\"",
                                        [TOOL_CHOICE_REQUIRED] = "\"required\""};
    const struct task_chat *chat = writer->chat;
    struct span value = chat->tool_choice_raw;
    if (chat->tool_choice == TOOL_CHOICE_REQUIRED && writer->quirks->tool_choice_any)
        value = SPAN_LITERAL("\"any\"");
    else if (chat->tool_choice == TOOL_CHOICE_UNSET || !writer->tools)
        value = SPAN_NONE;
    else if (span_absent(value) && chat->tool_choice == TOOL_CHOICE_NAMED)
        value = span_text(arena_format(writer->out.rope->arena,
                                       "{\"type\":\"function\",\"function\":{\"name\":\"%.*s\"}}",
                                       SPAN_ARG(chat->tool_choice_name)));
    else if (span_absent(value))
        value = span_text(words[chat->tool_choice]);
    dialect__openai_member(writer, MEMBER_TOOL_CHOICE, value);
}

static void add_tools(struct openai_writer *writer) {
    bool dropped = (writer->quirks->drop >> MEMBER_TOOLS & 1) != 0;
    writer->tools = writer->chat->tool_count > 0 && !dropped;
    if (writer->chat->tool_count > 0)
        dialect__openai_member(writer, MEMBER_TOOLS, dialect__openai_tools(writer));
    add_tool_choice(writer);
}

static void add_max_tokens(struct openai_writer *writer) {
    uint64_t tokens = writer->chat->max_output_tokens;
    uint64_t most = writer->target->output_tokens_max;
    bool plain = ((writer->quirks->ruled | writer->quirks->drop) >> MEMBER_MAX_TOKENS & 1) == 0 &&
                 writer->target->strips.count == 0;
    if (plain && tokens > 0) {
        stitch_add(&writer->out, writer->quirks->max_tokens_legacy
                                     ? SPAN_LITERAL(",\"max_tokens\":")
                                     : SPAN_LITERAL(",\"max_completion_tokens\":"));
        stitch_add_u64(&writer->out, most > 0 && tokens > most ? most : tokens);
    } else if (!plain) {
        char *digits =
            tokens > 0 ? arena_format(writer->out.rope->arena, "%llu", (unsigned long long)tokens)
                       : NULL;
        dialect__openai_member(writer, MEMBER_MAX_TOKENS, span_text(digits));
    }
}

static struct span option_of(struct openai_writer *writer, enum chat_option option) {
    struct span value = writer->chat->options[option];
    if (option == OPTION_PARALLEL_TOOL_CALLS && writer->chat->tool_count > 0 && !writer->tools)
        return SPAN_NONE;
    if (option != OPTION_STOP || !writer->quirks->stop_array || value.len == 0 ||
        value.ptr[0] == '[')
        return value;
    char *array = arena_format(writer->out.rope->arena, "[%.*s]", SPAN_ARG(value));
    if (array == NULL)
        dialect__openai_no_room(&writer->out);
    return span_text(array);
}

static void add_options(struct openai_writer *writer) {
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        bool ruled = (writer->quirks->ruled >> (MEMBER_OPTIONS + i) & 1) != 0;
        if (ruled || !span_absent(writer->chat->options[i]))
            dialect__openai_member(writer, (enum dialect_member)(MEMBER_OPTIONS + i),
                                   option_of(writer, (enum chat_option)i));
    }
}

/* A provider that cannot stream answers whole, and its answer becomes a stream here. */
static bool streams(const struct openai_writer *writer) {
    return writer->chat->stream && (writer->quirks->cannot & CAN_STREAM) == 0;
}

static void add_stream(struct openai_writer *writer) {
    if (!streams(writer))
        return;
    STITCH_LITERAL(&writer->out, ",\"stream\":true");
    if (!writer->quirks->no_stream_usage &&
        !dialect__openai_strips(writer, SPAN_LITERAL("stream_options")))
        STITCH_LITERAL(&writer->out, ",\"stream_options\":{\"include_usage\":true}");
}

static void add_extras(struct openai_writer *writer) {
    const struct task_chat *chat = writer->chat;
    for (uint32_t i = 0; i < chat->extra_count; i++)
        if (writer->quirks->keep_extras)
            dialect__openai_extra(writer, chat->extras[i].name, chat->extras[i].value);
        else
            dialect__openai_extra_left_out(writer, chat->extras[i].name);
}

static int write_path(struct arena *arena, const struct dialect_target *target, struct span end,
                      struct dialect_request *request) {
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

static void write_body(struct openai_writer *writer, struct span model) {
    STITCH_LITERAL(&writer->out, "{\"model\":\"");
    stitch_add(&writer->out, model);
    STITCH_LITERAL(&writer->out, "\",\"messages\":");
    dialect__openai_messages(writer);
    add_tools(writer);
    dialect__openai_member(writer, MEMBER_RESPONSE_FORMAT, dialect__openai_format(writer));
    add_max_tokens(writer);
    add_options(writer);
    add_stream(writer);
    add_extras(writer);
    dialect__openai_rest(writer);
    STITCH_LITERAL(&writer->out, "}");
    stitch_flush(&writer->out);
}

int dialect__openai_encode(const struct task *task, const struct dialect_target *target,
                           struct arena *arena, struct dialect_request *ret_request) {
    struct dialect_request request = {.method = "POST", .content_type = "application/json"};
    struct openai_writer writer = {
        .chat = &task->chat,
        .target = target,
        .quirks = target->quirks != NULL ? target->quirks : &no_quirks,
        .request = &request,
        .chat_task = task->kind == TASK_CHAT,
    };
    bool embed = task->kind == TASK_EMBED;
    struct span model;
    if (task->kind != TASK_CHAT && !embed)
        return ERR_UNSUPPORTED;
    int err = json_escape(target->upstream_model, arena, &model);
    if (err == 0)
        err = write_path(arena, target,
                         embed ? SPAN_LITERAL("/embeddings") : SPAN_LITERAL("/chat/completions"),
                         &request);
    if (err < 0)
        return err;
    request.accept = streams(&writer) ? "text/event-stream" : "application/json";
    rope_init(&request.body, arena);
    stitch_init(&writer.out, &request.body);
    if (embed)
        dialect__openai_embed(&writer, task, model);
    else
        write_body(&writer, model);
    err = rope_error(&request.body);
    if (err == 0)
        *ret_request = request;
    return err;
}
