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
 * Leaves to others: the order of messages; what stands in tool calls (openai_calls.c).
 */
#include "base/check.h"
#include "dialect/openai.h"

#define EDITS_MAX 32
#define NAMES_MAX (DIALECT_MESSAGE_NAMES_MAX + DIALECT_STRIPS_MAX)
#define JOINT     "\\n"    /* between text parts that become one string */
#define GAP       "\\n\\n" /* between messages that become one */

enum change {
    CHANGE_ROLE = 1 << 0,
    CHANGE_JOIN = 1 << 1,
    CHANGE_EMPTY_CONTENT = 1 << 2,
    CHANGE_REASONING = 1 << 3,
    CHANGE_CALLS = 1 << 4,
    CHANGE_TIDY = 1 << 5,
    CHANGE_WRITE = 1 << 6, /* did not come in this wire */
    CHANGE_NULLS = 1 << 7,
    CHANGE_NAMES = 1 << 8,    /* has members that the provider refuses */
    CHANGE_ANSWERED = 1 << 9, /* tool_call_id */
    CHANGE_FOLD = 1 << 10,    /* takes what the system messages say */
    CHANGE_TO_USER = 1 << 11, /* a system message, and no user message to take it */
    CHANGE_SIGNATURE = 1 << 12,
};
#define CHANGE_CONTENT (CHANGE_JOIN | CHANGE_EMPTY_CONTENT | CHANGE_FOLD | CHANGE_TO_USER)

/* The messages of one request being written. */
struct scribe {
    struct openai_writer *writer;        /* borrowed */
    const struct dialect_quirks *quirks; /* borrowed */
    struct arena *arena;                 /* borrowed */
    struct stitch *out;                  /* borrowed: where to */
    const char *names[NAMES_MAX];        /* members that are left out */
    uint32_t name_count;
    bool looks_at_members;        /* of each message: a quirk speaks of some */
    const struct message *folded; /* takes the system messages; NULL: they stay where they are */
    struct span system;           /* escaped: what they say */
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

static bool has_null(struct json_value source) {
    for (struct json_iter it = json_each(source); json_next(&it);)
        if (json_is(it.value, JSON_NULL))
            return true;
    return false;
}

static bool has_names(const struct scribe *scribe, const struct message *message) {
    for (uint32_t i = 0; i < scribe->name_count; i++)
        if (json_present(json_get(message->source, scribe->names[i])))
            return true;
    return false;
}

static bool only_text(const struct message *message) {
    for (uint32_t i = 0; i < message->part_count; i++)
        if (message->parts[i].kind != PART_TEXT)
            return false;
    return true;
}

static bool is_system(const struct message *message) {
    return message->role == ROLE_SYSTEM || message->role == ROLE_DEVELOPER;
}

static unsigned changes_of_assistant(const struct message *message,
                                     const struct dialect_quirks *quirks) {
    unsigned changes = 0;
    bool no_content = message->part_count == 0 && !message->content_is_array;
    if (no_content && (quirks->content_never_null || message->tool_call_count == 0))
        changes |= CHANGE_EMPTY_CONTENT;
    if (!span_absent(message->reasoning) && !quirks->keep_reasoning)
        changes |= CHANGE_REASONING;
    if (message->tool_call_count > 0 && dialect__openai_calls_change(message, quirks))
        changes |= CHANGE_CALLS;
    if (may_need_tidying(message->source) && needs_tidying(message->source))
        changes |= CHANGE_TIDY;
    return changes;
}

/* What a quirk of names and nulls asks for. */
static unsigned changes_of_members(const struct scribe *scribe, const struct message *message) {
    unsigned changes = 0;
    if (scribe->quirks->no_nulls && has_null(message->source))
        changes |= CHANGE_NULLS;
    if (scribe->name_count > 0 && has_names(scribe, message))
        changes |= CHANGE_NAMES;
    if (scribe->quirks->drop_signatures && message->role == ROLE_ASSISTANT &&
        json_present(json_get(message->source, "extra_content")))
        changes |= CHANGE_SIGNATURE;
    return changes;
}

static unsigned changes_of(const struct scribe *scribe, const struct message *message) {
    const struct dialect_quirks *quirks = scribe->quirks;
    unsigned changes = scribe->looks_at_members ? changes_of_members(scribe, message) : 0;
    if (!json_present(message->source))
        changes |= CHANGE_WRITE;
    if (message == scribe->folded)
        changes |= is_system(message) ? CHANGE_TO_USER : CHANGE_FOLD;
    else if (message->role == ROLE_DEVELOPER && !quirks->developer_role)
        changes |= CHANGE_ROLE;
    if (message->content_is_array && quirks->content_string_only && only_text(message))
        changes |= CHANGE_JOIN;
    if (message->role == ROLE_TOOL && quirks->tool_ids_9)
        changes |= CHANGE_ANSWERED;
    if (message->role == ROLE_ASSISTANT)
        changes |= changes_of_assistant(message, quirks);
    return changes;
}

/* --- pieces that splicing and writing share --- */

static void add_quoted(struct stitch *out, const char *before, struct span escaped,
                       const char *after) {
    stitch_add(out, span_text(before));
    stitch_add(out, escaped);
    stitch_add(out, span_text(after));
}

static void add_texts(struct stitch *out, const struct message *message) {
    for (uint32_t i = 0; i < message->part_count; i++) {
        if (i > 0)
            STITCH_LITERAL(out, JOINT);
        stitch_add(out, message->parts[i].text);
    }
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

static void add_part(struct stitch *out, const struct part *part) {
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

/* One string: of the system messages, of the message, or of both. */
static void add_string(const struct scribe *scribe, const struct message *message,
                       unsigned changes) {
    struct stitch *out = scribe->out;
    bool system = (changes & (CHANGE_FOLD | CHANGE_TO_USER)) != 0;
    bool own = (changes & CHANGE_TO_USER) == 0 && message->part_count > 0;
    STITCH_LITERAL(out, "\"");
    if (system)
        stitch_add(out, scribe->system);
    if (system && own && scribe->system.len > 0)
        STITCH_LITERAL(out, GAP);
    if (own)
        add_texts(out, message);
    STITCH_LITERAL(out, "\"");
}

static void add_parts(const struct scribe *scribe, const struct message *message,
                      unsigned changes) {
    const char *before = "[";
    if ((changes & CHANGE_FOLD) != 0 && scribe->system.len > 0) {
        add_quoted(scribe->out, "[{\"type\":\"text\",\"text\":\"", scribe->system, "\"}");
        before = ",";
    }
    for (uint32_t i = 0; i < message->part_count; i++, before = ",") {
        stitch_add(scribe->out, span_text(before));
        add_part(scribe->out, &message->parts[i]);
    }
    STITCH_LITERAL(scribe->out, "]");
}

static void add_content(const struct scribe *scribe, const struct message *message,
                        unsigned changes) {
    bool joined = (changes & (CHANGE_JOIN | CHANGE_TO_USER)) != 0;
    if (joined || (only_text(message) && message->part_count <= 1))
        add_string(scribe, message, changes);
    else
        add_parts(scribe, message, changes);
}

static void add_calls(const struct scribe *scribe, const struct message *message,
                      unsigned changes) {
    (void)changes;
    dialect__openai_calls(scribe->out, message, scribe->quirks);
}

/* The id of the call that a message answers. */
static void add_answered(const struct scribe *scribe, const struct message *message,
                         unsigned changes) {
    struct span id = message->tool_call_id;
    (void)changes;
    if (!span_absent(id)) {
        id = dialect__openai_call_id(id, scribe->quirks, scribe->arena);
        if (span_absent(id))
            dialect__openai_no_room(scribe->out);
    }
    add_quoted(scribe->out, "\"", id, "\"");
}

typedef void (*add_value)(const struct scribe *scribe, const struct message *message,
                          unsigned changes);

/* A replacement is one span: written apart, then made one piece. */
static struct span replacement(const struct scribe *scribe, const struct message *message,
                               unsigned changes, add_value add) {
    struct rope rope;
    struct stitch out;
    struct scribe apart = *scribe;
    rope_init(&rope, scribe->arena);
    stitch_init_short(&out, &rope);
    apart.out = &out;
    add(&apart, message, changes);
    stitch_flush(&out);
    struct span value = stitch_flatten(&rope);
    if (span_absent(value))
        dialect__openai_no_room(scribe->out);
    return value;
}

/* --- a message that came in this wire --- */

struct edits {
    struct json_edit list[EDITS_MAX];
    size_t count;
};

/* The first word about a name counts. */
static void edit(struct edits *edits, const char *name, struct span value) {
    for (size_t i = 0; i < edits->count; i++)
        if (strcmp(edits->list[i].name, name) == 0)
            return;
    check(edits->count < EDITS_MAX);
    edits->list[edits->count++] = (struct json_edit){name, value};
}

static void edit_tidy(struct edits *edits, const struct message *message) {
    for (size_t i = 0; i < array_length(tidy_names); i++)
        if (says_nothing(json_get(message->source, tidy_names[i])))
            edit(edits, tidy_names[i], SPAN_NONE);
}

/* Tells the client of a member that said something, but for marks that are not its own. */
static void tell_dropped(const struct scribe *scribe, const char *name) {
    bool mark =
        strcmp(name, "extra_content") == 0 ||
        dialect__openai_is_among(reasoning_names, array_length(reasoning_names), span_text(name));
    char *place = mark ? NULL : arena_format(scribe->arena, "messages.%s", name);
    if (place != NULL)
        dialect__openai_dropped(scribe->writer, place);
}

static void edit_names(const struct scribe *scribe, struct edits *edits,
                       const struct message *message) {
    for (uint32_t i = 0; i < scribe->name_count; i++) {
        struct json_value value = json_get(message->source, scribe->names[i]);
        edit(edits, scribe->names[i], SPAN_NONE);
        if (json_present(value) && !says_nothing(value))
            tell_dropped(scribe, scribe->names[i]);
    }
}

static void splice_message(const struct scribe *scribe, const struct message *message,
                           unsigned changes) {
    struct edits edits = {.count = 0};
    struct rope rope;
    if ((changes & CHANGE_ROLE) != 0)
        edit(&edits, "role", SPAN_LITERAL("\"system\""));
    if ((changes & CHANGE_TO_USER) != 0)
        edit(&edits, "role", SPAN_LITERAL("\"user\""));
    if ((changes & CHANGE_CONTENT) != 0)
        edit(&edits, "content", replacement(scribe, message, changes, add_content));
    for (size_t i = 0; i < array_length(reasoning_names) && (changes & CHANGE_REASONING) != 0; i++)
        edit(&edits, reasoning_names[i], SPAN_NONE);
    if ((changes & CHANGE_CALLS) != 0)
        edit(&edits, "tool_calls", replacement(scribe, message, changes, add_calls));
    if ((changes & CHANGE_ANSWERED) != 0)
        edit(&edits, "tool_call_id", replacement(scribe, message, changes, add_answered));
    if ((changes & CHANGE_NAMES) != 0)
        edit_names(scribe, &edits, message);
    if ((changes & CHANGE_SIGNATURE) != 0)
        edit(&edits, "extra_content", SPAN_NONE);
    if ((changes & CHANGE_TIDY) != 0)
        edit_tidy(&edits, message);
    rope_init(&rope, scribe->arena);
    if ((changes & CHANGE_NULLS) != 0)
        json_splice_without_nulls(message->source, edits.list, edits.count, &rope);
    else
        json_splice(message->source, edits.list, edits.count, &rope);
    stitch_add_rope(scribe->out, &rope);
}

/* --- a message that came in another --- */

static void write_content(const struct scribe *scribe, const struct message *message,
                          unsigned changes) {
    bool null = message->part_count == 0 && message->role == ROLE_ASSISTANT &&
                (changes & CHANGE_EMPTY_CONTENT) == 0;
    if (null && scribe->quirks->no_nulls)
        return;
    STITCH_LITERAL(scribe->out, ",\"content\":");
    if (null)
        STITCH_LITERAL(scribe->out, "null");
    else
        add_content(scribe, message, changes);
}

static bool takes(const struct scribe *scribe, const char *name) {
    return !dialect__openai_is_among(scribe->names, scribe->name_count, span_text(name));
}

static const char *role_of(const struct message *message, unsigned changes) {
    if ((changes & CHANGE_TO_USER) != 0)
        return role_name(ROLE_USER);
    return role_name((changes & CHANGE_ROLE) != 0 ? ROLE_SYSTEM : message->role);
}

static void write_message(const struct scribe *scribe, const struct message *message,
                          unsigned changes) {
    struct stitch *out = scribe->out;
    add_quoted(out, "{\"role\":\"", span_text(role_of(message, changes)), "\"");
    write_content(scribe, message, changes);
    if (!span_absent(message->name) && takes(scribe, "name"))
        add_quoted(out, ",\"name\":\"", message->name, "\"");
    else if (!span_absent(message->name))
        tell_dropped(scribe, "name");
    if (!span_absent(message->reasoning) && (changes & CHANGE_REASONING) == 0 &&
        takes(scribe, "reasoning_content"))
        add_quoted(out, ",\"reasoning_content\":\"", message->reasoning, "\"");
    if (message->tool_call_count > 0) {
        STITCH_LITERAL(out, ",\"tool_calls\":");
        add_calls(scribe, message, changes);
    }
    if (message->role == ROLE_TOOL) {
        STITCH_LITERAL(out, ",\"tool_call_id\":");
        add_answered(scribe, message, changes);
    }
    STITCH_LITERAL(out, "}");
}

static void add_message(const struct scribe *scribe, const struct message *message,
                        unsigned changes) {
    if (changes == 0)
        stitch_add(scribe->out, json_raw(message->source));
    else if ((changes & CHANGE_WRITE) != 0)
        write_message(scribe, message, changes);
    else
        splice_message(scribe, message, changes);
}

/* --- all of them --- */

/* What the system messages say goes into the first user message; without one, the first of them becomes it. */
static void fold_system(struct scribe *scribe) {
    const struct task_chat *chat = scribe->writer->chat;
    uint32_t first_user = UINT32_MAX, first_system = UINT32_MAX;
    struct rope rope;
    struct stitch out;
    rope_init(&rope, scribe->arena);
    stitch_init(&out, &rope);
    for (uint32_t i = chat->message_count; i-- > 0;) {
        if (chat->messages[i].role == ROLE_USER)
            first_user = i;
        if (is_system(&chat->messages[i]))
            first_system = i;
    }
    if (first_system == UINT32_MAX)
        return;
    for (uint32_t i = first_system; i < chat->message_count; i++) {
        if (!is_system(&chat->messages[i]) || chat->messages[i].part_count == 0)
            continue;
        if (rope.total_bytes + out.used > 0)
            STITCH_LITERAL(&out, GAP);
        add_texts(&out, &chat->messages[i]);
    }
    stitch_flush(&out);
    scribe->folded = &chat->messages[first_user != UINT32_MAX ? first_user : first_system];
    scribe->system = rope.total_bytes > 0 ? stitch_flatten(&rope) : SPAN_LITERAL("");
    if (span_absent(scribe->system))
        dialect__openai_no_room(scribe->out);
}

static void choose_names(struct scribe *scribe) {
    const struct dialect_strips *strips = &scribe->writer->target->strips;
    for (uint32_t i = 0; i < scribe->quirks->message_name_count; i++)
        scribe->names[scribe->name_count++] = scribe->quirks->message_names[i];
    for (uint32_t i = 0; i < strips->count; i++) {
        struct span strip = dialect__openai_strip_of_messages(strips->names[i]);
        if (span_absent(strip))
            continue;
        const char *name = arena_format(scribe->arena, "%.*s", SPAN_ARG(strip));
        if (name != NULL)
            scribe->names[scribe->name_count++] = name;
        else
            dialect__openai_no_room(scribe->out);
    }
}

static bool needs_no_change(const struct scribe *scribe) {
    const struct task_chat *chat = scribe->writer->chat;
    for (uint32_t i = 0; i < chat->message_count; i++)
        if (changes_of(scribe, &chat->messages[i]) != 0)
            return false;
    return true;
}

void dialect__openai_messages(struct openai_writer *writer) {
    const struct task_chat *chat = writer->chat;
    struct scribe scribe UNINITIALIZED;
    scribe.writer = writer;
    scribe.quirks = writer->quirks;
    scribe.arena = writer->out.rope->arena;
    scribe.out = &writer->out;
    scribe.name_count = 0;
    scribe.folded = NULL;
    choose_names(&scribe);
    scribe.looks_at_members =
        scribe.name_count > 0 || writer->quirks->no_nulls || writer->quirks->drop_signatures;
    if (writer->quirks->system_to_user)
        fold_system(&scribe);
    if (!span_absent(chat->messages_raw) && needs_no_change(&scribe)) {
        stitch_add(&writer->out, chat->messages_raw);
        return;
    }
    const char *before = "[";
    for (uint32_t i = 0; i < chat->message_count; i++) {
        const struct message *message = &chat->messages[i];
        if (scribe.folded != NULL && message != scribe.folded && is_system(message))
            continue;
        stitch_add(&writer->out, span_text(before));
        add_message(&scribe, message, changes_of(&scribe, message));
        before = ",";
    }
    STITCH_LITERAL(&writer->out, "]");
}
