// SPDX-License-Identifier: Apache-2.0
/*
 * Tool calls of earlier turns, as the next provider takes them.
 *
 * Why: a conversation moves between providers, and each marks calls in its own way. One takes ids of exactly nine letters or
 * digits; one wants its signature back on every call it made, and a known word in its place on calls it did not make; the
 * others refuse signatures they do not know. Ids are mapped by a hash, so that a call and its answer stay together, in this
 * request and in every later one, and nothing need be remembered. A message in which any call is signed was made by that
 * family: it signs the first of parallel calls only, so nothing is added there. Promises: what a provider knows stays as
 * bytes; arguments are never empty. Leaves to others: ids of new calls (the client gets them untouched).
 * Source: providers' pages on thought signatures and on ids of tool calls, 2026-09.
 */
#include "base/check.h"
#include "dialect/openai.h"

#define ID_LENGTH 9

static const char id_letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool is_short_id(struct span id) {
    for (size_t i = 0; i < id.len; i++)
        if (strchr(id_letters, id.ptr[i]) == NULL || id.ptr[i] == '\0')
            return false;
    return id.len == ID_LENGTH;
}

struct span dialect__openai_call_id(struct span id, const struct dialect_quirks *quirks,
                                    struct arena *arena) {
    struct span plain;
    if (!quirks->tool_ids_9 || is_short_id(id))
        return id;
    char *text = arena_try_alloc(arena, ID_LENGTH);
    if (text == NULL || json_unescape(id, arena, &plain) < 0)
        return SPAN_NONE;
    if (is_short_id(plain))
        return plain;
    uint64_t hash = span_hash(plain);
    for (size_t i = 0; i < ID_LENGTH; i++, hash /= sizeof id_letters - 1)
        text[i] = id_letters[hash % (sizeof id_letters - 1)];
    return span_of(text, ID_LENGTH);
}

static struct json_value signature_of(const struct tool_call *call,
                                      const struct dialect_quirks *quirks) {
    return json_path(json_get(call->source, "extra_content"), quirks->signature_field);
}

static bool is_signed(const struct message *message, const struct dialect_quirks *quirks) {
    for (uint32_t i = 0; i < message->tool_call_count; i++)
        if (json_present(signature_of(&message->tool_calls[i], quirks)))
            return true;
    return false;
}

bool dialect__openai_calls_change(const struct message *message,
                                  const struct dialect_quirks *quirks) {
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const struct tool_call *call = &message->tool_calls[i];
        if (call->arguments.len == 0 || (quirks->tool_ids_9 && !is_short_id(call->id)) ||
            (quirks->drop_signatures && json_present(json_get(call->source, "extra_content"))))
            return true;
    }
    return quirks->signature_field != NULL && message->tool_call_count > 0 &&
           !is_signed(message, quirks);
}

static void add_function(struct stitch *out, const struct tool_call *call) {
    STITCH_LITERAL(out, "{\"name\":\"");
    stitch_add(out, call->name);
    STITCH_LITERAL(out, "\",\"arguments\":\"");
    stitch_add(out, call->arguments.len > 0 ? call->arguments : SPAN_LITERAL("{}"));
    STITCH_LITERAL(out, "\"}");
}

static struct span function_raw(const struct tool_call *call, struct arena *arena) {
    struct rope rope;
    struct stitch out;
    rope_init(&rope, arena);
    stitch_init_short(&out, &rope);
    add_function(&out, call);
    stitch_flush(&out);
    return stitch_flatten(&rope);
}

/* What stands in extra_content: the word for calls of another family, put beside what is there. */
static struct span signed_extra(const struct tool_call *call, const struct dialect_quirks *quirks,
                                struct arena *arena) {
    struct span word;
    char *quoted = NULL;
    if (json_escape(span_text(quirks->signature_value), arena, &word) == 0)
        quoted = arena_format(arena, "\"%.*s\"", SPAN_ARG(word));
    return quoted == NULL
               ? SPAN_NONE
               : dialect__openai_set_path(json_get(call->source, "extra_content"),
                                          quirks->signature_field, span_text(quoted), arena);
}

static void splice_call(struct stitch *out, const struct tool_call *call,
                        const struct dialect_quirks *quirks, bool sign) {
    struct arena *arena = out->rope->arena;
    struct json_edit edits[3];
    size_t count = 0;
    struct rope rope;
    if (call->arguments.len == 0)
        edits[count++] = (struct json_edit){"function", function_raw(call, arena)};
    if (quirks->tool_ids_9 && !is_short_id(call->id))
        edits[count++] = (struct json_edit){
            "id",
            span_text(arena_format(arena, "\"%.*s\"",
                                   SPAN_ARG(dialect__openai_call_id(call->id, quirks, arena))))};
    if (sign)
        edits[count++] = (struct json_edit){"extra_content", signed_extra(call, quirks, arena)};
    for (size_t i = 0; i < count; i++)
        if (span_absent(edits[i].replacement))
            dialect__openai_no_room(out);
    if (!sign && quirks->drop_signatures)
        edits[count++] = (struct json_edit){"extra_content", SPAN_NONE};
    rope_init(&rope, arena);
    json_splice(call->source, edits, count, &rope);
    stitch_add_rope(out, &rope);
}

static void write_call(struct stitch *out, const struct tool_call *call,
                       const struct dialect_quirks *quirks, bool sign) {
    struct arena *arena = out->rope->arena;
    struct span id = dialect__openai_call_id(call->id, quirks, arena);
    struct span extra = sign ? signed_extra(call, quirks, arena) : SPAN_NONE;
    if (span_absent(id) || span_absent(extra) == sign)
        dialect__openai_no_room(out);
    STITCH_LITERAL(out, "{\"id\":\"");
    stitch_add(out, id);
    STITCH_LITERAL(out, "\",\"type\":\"function\",\"function\":");
    add_function(out, call);
    if (sign) {
        STITCH_LITERAL(out, ",\"extra_content\":");
        stitch_add(out, extra);
    }
    STITCH_LITERAL(out, "}");
}

void dialect__openai_calls(struct stitch *out, const struct message *message,
                           const struct dialect_quirks *quirks) {
    bool sign = quirks->signature_field != NULL && !is_signed(message, quirks);
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        stitch_add(out, i == 0 ? SPAN_LITERAL("[") : SPAN_LITERAL(","));
        if (json_present(message->tool_calls[i].source))
            splice_call(out, &message->tool_calls[i], quirks, sign);
        else
            write_call(out, &message->tool_calls[i], quirks, sign);
    }
    STITCH_LITERAL(out, "]");
}
