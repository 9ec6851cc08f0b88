// SPDX-License-Identifier: Apache-2.0
/*
 * Which member of the request a provider does not take.
 *
 * Why: such a refusal is no fault of the client, and asking the same candidate again without that member mostly succeeds. Providers
 * name it in `param`, in a list of places (FastAPI), or in quotes beside words that say so. Promises: only a plain name comes out,
 * never one without which there is no request; a member inside a message is told as "messages[].NAME"; what stands deeper elsewhere
 * is not told. Leaves to others: asking again, and remembering it (the gateway).
 */
#include "base/check.h"
#include "provider/parts.h"

#define NAME_MAX_BYTES 64
#define MESSAGES       "messages[]."

static const char *const essential[] = {"model", "messages",  "message", "input",  "prompt",
                                        "query", "documents", "file",    "stream", "body"};

static bool is_name(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return text.len > 0 && text.len <= NAME_MAX_BYTES;
}

static struct span checked(struct span name) {
    if (!is_name(name))
        return SPAN_NONE;
    for (size_t i = 0; i < array_length(essential); i++)
        if (span_is(name, essential[i]))
            return SPAN_NONE;
    return name;
}

static struct span in_messages(const struct told *told, struct span name) {
    char *text;
    if (!is_name(name) || span_is(name, "role") || span_is(name, "content"))
        return SPAN_NONE;
    text = arena_format(told->arena, MESSAGES "%.*s", SPAN_ARG(name));
    return span_text(text);
}

static bool is_of_messages(struct span place) {
    return span_starts_with(place, "messages[") || span_starts_with(place, "messages.");
}

/* "logprobs", "body.logprobs", "messages[0].name", "messages.1.reasoning_content" */
static struct span of_place(const struct told *told, struct span place) {
    struct span part, last = SPAN_NONE;
    if (span_starts_with(place, "body."))
        place = span_of(place.ptr + 5, place.len - 5);
    if (!is_of_messages(place))
        return checked(place);
    while (span_split(&place, '.', &part))
        last = part;
    return in_messages(told, last);
}

/* --- lists of places: {"detail":[{"type":"extra_forbidden","loc":["body","logprobs"]}]} --- */

struct member {
    const struct told *told;
    struct span name;
};

static struct span of_loc(const struct told *told, struct json_value loc) {
    struct span first = SPAN_NONE, last = SPAN_NONE;
    uint32_t steps = 0;
    for (struct json_iter it = json_each(loc); json_next(&it);) {
        struct span text = json_escaped(it.value);
        if (span_is(text, "body") && steps == 0)
            continue;
        first = steps++ == 0 ? text : first;
        last = text;
    }
    if (span_is(first, "messages"))
        return in_messages(told, last);
    return steps == 1 ? checked(first) : SPAN_NONE;
}

static bool visit_detail(void *context, struct json_value value) {
    struct member *member = context;
    struct span type = json_escaped(json_get(value, "type"));
    struct span words = json_escaped(json_get(value, "msg"));
    if (span_contains(type, "extra") || span_contains_nocase(words, "not permitted"))
        member->name = of_loc(member->told, json_get(value, "loc"));
    return !span_absent(member->name);
}

static struct span of_details(const struct told *told) {
    struct member member = {told, SPAN_NONE};
    if (!told_at(told, "detail[]", visit_detail, &member))
        (void)told_at(told, "message.detail[]", visit_detail,
                      &member); /* Mistral wraps it once more */
    return member.name;
}

/* --- param --- */

static const char *const words_of_refusal[] = {
    "unsupported",       "unrecognized",  "not supported",      "unknown parameter",
    "unknown_parameter", "unknown field", "unknown name",       "extra inputs",
    "extra_forbidden",   "not permitted", "unexpected keyword", "unexpected field",
};

static bool is_about_a_member(const struct told *told) {
    for (size_t i = 0; i < array_length(words_of_refusal); i++)
        if (told_says(told, words_of_refusal[i]))
            return true;
    return false;
}

static bool visit_param(void *context, struct json_value value) {
    struct member *member = context;
    struct span text = json_escaped(json_is(value, JSON_ARRAY) ? json_path(value, "0") : value);
    struct span first;
    if (span_split(&text, ',', &first)) /* of several the first; the next refusal names the next */
        member->name = of_place(member->told, span_trim(first));
    return !span_absent(member->name);
}

static struct span of_param(const struct told *told, bool certain) {
    struct member member = {told, SPAN_NONE};
    if (certain || is_about_a_member(told))
        (void)told_at(told, "param", visit_param, &member);
    return member.name;
}

/* --- prose --- */

static const char *const leads[] = {
    "unknown name",      "unsupported parameter",  "unsupported parameter(s)",
    "unsupported value", "unknown parameter",      "unrecognized parameter",
    "argument supplied", "arguments supplied",     "unexpected keyword argument",
    "unknown field",     "unexpected field",       "unrecognized field",
    "unsupported field", "unsupported parameters",
};

static const char *const trails[] = {
    "is not supported", "is unsupported", "are not supported", "not supported",
    "is not permitted", "is not allowed", "is unknown",
};

static bool is_quote(char c) {
    return c == '\'' || c == '"' || c == '`';
}

/* Whether the text before a name ends in a lead, blanks and colons aside. */
static bool is_led(struct span before) {
    while (before.len > 0 &&
           (before.ptr[before.len - 1] == ' ' || before.ptr[before.len - 1] == ':'))
        before.len--;
    for (size_t i = 0; i < array_length(leads); i++) {
        size_t length = strlen(leads[i]);
        if (before.len >= length &&
            span_same_letters(before.ptr + before.len - length, leads[i], length))
            return true;
    }
    return false;
}

static struct span skip(struct span text, const char *signs) {
    while (text.len > 0 && strchr(signs, text.ptr[0]) != NULL)
        text = span_of(text.ptr + 1, text.len - 1);
    return text;
}

static bool is_trailed(struct span rest) {
    rest = skip(rest, " :");
    for (size_t i = 0; i < array_length(trails); i++)
        if (rest.len >= strlen(trails[i]) &&
            span_same_letters(rest.ptr, trails[i], strlen(trails[i])))
            return true;
    return false;
}

/* Places beside the name: `Unknown name "x" at 'messages[0]': ...`, `'messages.1' : property 'x' is unsupported`. */
static struct span with_place(const struct told *told, struct span name, struct span before,
                              struct span rest) {
    rest = skip(rest, " ");
    if (span_contains(before, "'messages.") || span_contains(before, "messages["))
        return in_messages(told, name);
    if (!span_starts_with(rest, "at '"))
        return of_place(told, name);
    struct span place = span_of(rest.ptr + 4, rest.len - 4);
    if (span_starts_with(place, "messages[") && place.len > 0)
        return in_messages(told, name);
    return span_starts_with(place, "'") ? of_place(told, name) : SPAN_NONE;
}

static struct span name_at(const struct told *told, struct span text, size_t at) {
    size_t end = at;
    bool quoted = is_quote(text.ptr[at]);
    size_t begin = quoted ? at + 1 : at;
    for (end = begin; end < text.len && end - begin <= NAME_MAX_BYTES; end++)
        if (quoted ? text.ptr[end] == text.ptr[at] : text.ptr[end] == ' ' || text.ptr[end] == ',')
            break;
    struct span name = span_of(text.ptr + begin, end - begin);
    struct span rest = span_of(text.ptr + end, text.len - end);
    rest = quoted && rest.len > 0 ? span_of(rest.ptr + 1, rest.len - 1) : rest;
    if (is_led(span_of(text.ptr, at)) || (quoted && is_trailed(rest)))
        return with_place(told, name, span_of(text.ptr, at), rest);
    return SPAN_NONE;
}

static struct span of_prose(const struct told *told, struct span text) {
    for (size_t at = 0; at < text.len; at++) {
        bool begins = at > 0 && text.ptr[at - 1] == ' ';
        struct span name = is_quote(text.ptr[at]) || begins ? name_at(told, text, at) : SPAN_NONE;
        if (!span_absent(name))
            return name;
    }
    return SPAN_NONE;
}

struct span told_member(const struct told *told, bool certain) {
    struct span name = of_details(told);
    if (span_absent(name))
        name = of_param(told, certain);
    for (size_t i = 0; i < told->text_count && span_absent(name); i++)
        name = of_prose(told, told->texts[i]);
    return name;
}
