// SPDX-License-Identifier: Apache-2.0
/*
 * The messages of an upstream request.
 *
 * Why by exception: nearly every message can go on as the client's bytes, and a history of megabytes should. So each
 * message is first looked at for what this provider cannot take; when no message needs a change, the whole array is one
 * piece. A message that needs one is spliced: what does not change keeps its bytes, members this program does not know
 * included (a vendor's signature on a tool call must come back unchanged). Messages that did not come in this wire are
 * written from the task. Promises: roles, contents and arguments in the forms that the quirks ask for; never a null or an
 * empty list in an assistant message, since strict providers refuse those and clients send them back as they got them.
 * Leaves to others: the order of messages.
 */
#include "base/check.h"
#include "dialect/openai.h"

#define EDITS_MAX 16
#define JOINT     "\\n" /* between text parts that become one string */

enum change {
    CHANGE_ROLE = 1 << 0,
    CHANGE_JOIN = 1 << 1,
    CHANGE_EMPTY_CONTENT = 1 << 2,
    CHANGE_REASONING = 1 << 3,
    CHANGE_CALLS = 1 << 4,
    CHANGE_TIDY = 1 << 5,
    CHANGE_WRITE = 1 << 6, /* did not come in this wire */
};

/* Members of an assistant message that are left out when null or an empty list. */
static const char *const tidy_names[] = {"refusal",     "function_call", "audio",
                                         "annotations", "tool_calls",    "name"};
static const char *const reasoning_names[] = {"reasoning_content", "reasoning",
                                              "reasoning_details"};

static bool says_nothing(struct json_value value) {
    return json_is(value, JSON_NULL) || (json_is(value, JSON_ARRAY) && json_count(value) == 0);
}

static bool needs_tidying(struct json_value source) {
    for (size_t i = 0; i < array_length(tidy_names); i++)
        if (says_nothing(json_get(source, tidy_names[i])))
            return true;
    return false;
}

/* A cheap look before the names: has the object any member that is null or an empty list? */
static bool may_need_tidying(struct json_value source) {
    for (struct json_iter it = json_each(source); json_next(&it);)
        if (says_nothing(it.value))
            return true;
    return false;
}

static bool only_text(const struct message *message) {
    for (uint32_t i = 0; i < message->part_count; i++)
        if (message->parts[i].kind != PART_TEXT)
            return false;
    return true;
}

static bool has_empty_arguments(const struct message *message) {
    for (uint32_t i = 0; i < message->tool_call_count; i++)
        if (message->tool_calls[i].arguments.len == 0)
            return true;
    return false;
}

static unsigned changes_of_assistant(const struct message *message,
                                     const struct dialect_quirks *quirks) {
    unsigned changes = 0;
    bool no_content = message->part_count == 0 && !message->content_is_array;
    if (no_content && (quirks->content_never_null || message->tool_call_count == 0))
        changes |= CHANGE_EMPTY_CONTENT;
    if (!span_absent(message->reasoning) && !quirks->keep_reasoning)
        changes |= CHANGE_REASONING;
    if (has_empty_arguments(message))
        changes |= CHANGE_CALLS;
    if (may_need_tidying(message->source) && needs_tidying(message->source))
        changes |= CHANGE_TIDY;
    return changes;
}

static unsigned changes_of(const struct message *message, const struct dialect_quirks *quirks) {
    unsigned changes = 0;
    if (!json_present(message->source))
        changes |= CHANGE_WRITE;
    if (message->role == ROLE_DEVELOPER && !quirks->developer_role)
        changes |= CHANGE_ROLE;
    if (message->content_is_array && quirks->content_string_only && only_text(message))
        changes |= CHANGE_JOIN;
    if (message->role == ROLE_ASSISTANT)
        changes |= changes_of_assistant(message, quirks);
    return changes;
}

/* --- pieces that splicing and writing share --- */

static void add_joined(struct stitch *out, const struct message *message) {
    STITCH_LITERAL(out, "\"");
    for (uint32_t i = 0; i < message->part_count; i++) {
        if (i > 0)
            STITCH_LITERAL(out, JOINT);
        stitch_add(out, message->parts[i].text);
    }
    STITCH_LITERAL(out, "\"");
}

static struct span arguments_of(const struct tool_call *call) {
    return call->arguments.len > 0 ? call->arguments : SPAN_LITERAL("{}");
}

static void add_function(struct stitch *out, const struct tool_call *call) {
    STITCH_LITERAL(out, "{\"name\":\"");
    stitch_add(out, call->name);
    STITCH_LITERAL(out, "\",\"arguments\":\"");
    stitch_add(out, arguments_of(call));
    STITCH_LITERAL(out, "\"}");
}

static struct span function_raw(const struct tool_call *call, struct arena *arena) {
    struct rope rope;
    struct stitch out;
    rope_init(&rope, arena);
    stitch_init(&out, &rope);
    add_function(&out, call);
    stitch_flush(&out);
    return stitch_flatten(&rope);
}

static void add_call(struct stitch *out, const struct tool_call *call) {
    struct arena *arena = out->rope->arena;
    if (json_present(call->source) && call->arguments.len > 0) {
        stitch_add(out, json_raw(call->source));
    } else if (json_present(call->source)) {
        struct rope rope;
        struct json_edit edit = {"function", function_raw(call, arena)};
        rope_init(&rope, arena);
        json_splice(call->source, &edit, 1, &rope);
        stitch_add_rope(out, &rope);
    } else {
        STITCH_LITERAL(out, "{\"id\":\"");
        stitch_add(out, call->id);
        STITCH_LITERAL(out, "\",\"type\":\"function\",\"function\":");
        add_function(out, call);
        STITCH_LITERAL(out, "}");
    }
}

static void add_calls(struct stitch *out, const struct message *message) {
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        stitch_add(out, i == 0 ? SPAN_LITERAL("[") : SPAN_LITERAL(","));
        add_call(out, &message->tool_calls[i]);
    }
    STITCH_LITERAL(out, "]");
}

/* A replacement is one span: written apart, then made one piece. */
static struct span replacement(const struct message *message, struct arena *arena,
                               void (*add)(struct stitch *out, const struct message *message)) {
    struct rope rope;
    struct stitch out;
    rope_init(&rope, arena);
    stitch_init(&out, &rope);
    add(&out, message);
    stitch_flush(&out);
    return stitch_flatten(&rope);
}

/* --- a message that came in this wire --- */

struct edits {
    struct json_edit list[EDITS_MAX];
    size_t count;
};

static void edit(struct edits *edits, const char *name, struct span value) {
    check(edits->count < EDITS_MAX);
    edits->list[edits->count++] = (struct json_edit){name, value};
}

static void edit_tidy(struct edits *edits, const struct message *message) {
    for (size_t i = 0; i < array_length(tidy_names); i++)
        if (says_nothing(json_get(message->source, tidy_names[i])))
            edit(edits, tidy_names[i], SPAN_NONE);
}

static void splice_message(struct stitch *out, const struct message *message, unsigned changes) {
    struct arena *arena = out->rope->arena;
    struct edits edits = {.count = 0};
    struct rope rope;
    if ((changes & CHANGE_ROLE) != 0)
        edit(&edits, "role", SPAN_LITERAL("\"system\""));
    if ((changes & CHANGE_JOIN) != 0)
        edit(&edits, "content", replacement(message, arena, add_joined));
    else if ((changes & CHANGE_EMPTY_CONTENT) != 0)
        edit(&edits, "content", SPAN_LITERAL("\"\""));
    for (size_t i = 0; i < array_length(reasoning_names) && (changes & CHANGE_REASONING) != 0; i++)
        edit(&edits, reasoning_names[i], SPAN_NONE);
    if ((changes & CHANGE_CALLS) != 0)
        edit(&edits, "tool_calls", replacement(message, arena, add_calls));
    if ((changes & CHANGE_TIDY) != 0)
        edit_tidy(&edits, message);
    rope_init(&rope, arena);
    json_splice(message->source, edits.list, edits.count, &rope);
    stitch_add_rope(out, &rope);
}

/* --- a message that came in another --- */

static void add_quoted(struct stitch *out, const char *before, struct span escaped,
                       const char *after) {
    stitch_add(out, span_text(before));
    stitch_add(out, escaped);
    stitch_add(out, span_text(after));
}

static const struct {
    const char *before; /* up to the inside of the text */
    const char *detail; /* between text and detail */
    const char *after_detail;
    const char *after; /* when there is no detail */
} part_forms[PART_KIND_COUNT] = {
    [PART_TEXT] = {"{\"type\":\"text\",\"text\":\"", NULL, NULL, "\"}"},
    [PART_IMAGE] = {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"", "\",\"detail\":\"", "\"}}",
                    "\"}}"},
    [PART_AUDIO] = {"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"", "\",\"format\":\"",
                    "\"}}", "\"}}"},
    [PART_FILE] = {"{\"type\":\"file\",\"file\":{\"file_data\":\"", "\",\"filename\":\"", "\"}}",
                   "\"}}"},
    [PART_REFUSAL] = {"{\"type\":\"refusal\",\"refusal\":\"", NULL, NULL, "\"}"},
};

static void write_part(struct stitch *out, const struct part *part) {
    check(part->kind < PART_KIND_COUNT);
    if (json_present(part->source)) {
        stitch_add(out, json_raw(part->source));
        return;
    }
    add_quoted(out, part_forms[part->kind].before, part->text, "");
    if (part_forms[part->kind].detail != NULL && !span_absent(part->detail))
        add_quoted(out, part_forms[part->kind].detail, part->detail,
                   part_forms[part->kind].after_detail);
    else
        stitch_add(out, span_text(part_forms[part->kind].after));
}

static void write_content(struct stitch *out, const struct message *message, unsigned changes) {
    STITCH_LITERAL(out, ",\"content\":");
    if ((changes & CHANGE_JOIN) != 0 || (only_text(message) && message->part_count == 1)) {
        add_joined(out, message);
    } else if (message->part_count == 0) {
        bool null = message->role == ROLE_ASSISTANT && (changes & CHANGE_EMPTY_CONTENT) == 0;
        stitch_add(out, null ? SPAN_LITERAL("null") : SPAN_LITERAL("\"\""));
    } else {
        for (uint32_t i = 0; i < message->part_count; i++) {
            stitch_add(out, i == 0 ? SPAN_LITERAL("[") : SPAN_LITERAL(","));
            write_part(out, &message->parts[i]);
        }
        STITCH_LITERAL(out, "]");
    }
}

static void write_message(struct stitch *out, const struct message *message, unsigned changes) {
    enum message_role role = (changes & CHANGE_ROLE) != 0 ? ROLE_SYSTEM : message->role;
    add_quoted(out, "{\"role\":\"", span_text(role_name(role)), "\"");
    write_content(out, message, changes);
    if (!span_absent(message->name))
        add_quoted(out, ",\"name\":\"", message->name, "\"");
    if (!span_absent(message->reasoning) && (changes & CHANGE_REASONING) == 0)
        add_quoted(out, ",\"reasoning_content\":\"", message->reasoning, "\"");
    if (message->tool_call_count > 0) {
        STITCH_LITERAL(out, ",\"tool_calls\":");
        add_calls(out, message);
    }
    if (message->role == ROLE_TOOL)
        add_quoted(out, ",\"tool_call_id\":\"", message->tool_call_id, "\"");
    STITCH_LITERAL(out, "}");
}

static void add_message(struct stitch *out, const struct message *message, unsigned changes) {
    if (changes == 0)
        stitch_add(out, json_raw(message->source));
    else if ((changes & CHANGE_WRITE) != 0)
        write_message(out, message, changes);
    else
        splice_message(out, message, changes);
}

static bool needs_no_change(const struct task_chat *chat, const struct dialect_quirks *quirks) {
    for (uint32_t i = 0; i < chat->message_count; i++)
        if (changes_of(&chat->messages[i], quirks) != 0)
            return false;
    return true;
}

void dialect__openai_messages(const struct task_chat *chat, const struct dialect_quirks *quirks,
                              struct stitch *out) {
    if (!span_absent(chat->messages_raw) && needs_no_change(chat, quirks)) {
        stitch_add(out, chat->messages_raw);
        return;
    }
    for (uint32_t i = 0; i < chat->message_count; i++) {
        stitch_add(out, i == 0 ? SPAN_LITERAL("[") : SPAN_LITERAL(","));
        add_message(out, &chat->messages[i], changes_of(&chat->messages[i], quirks));
    }
    STITCH_LITERAL(out, "]");
}
