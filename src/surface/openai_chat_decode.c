// SPDX-License-Identifier: Apache-2.0
/*
 * From the body of a chat completions request to a task.
 *
 * Why spans: a body may be megabytes of history and images of which PAPI reads a few hundred bytes; everything else is
 * kept as the client's own bytes, so that it can be sent on without being written anew. The body is scanned once; after
 * that only nodes are looked at, never the inside of long strings. Promises: a task that a dialect can encode without
 * further checks, or a 400 that says what was expected, what was found and where. Leaves to others: which models exist and
 * what they can do.
 */
#include "base/check.h"
#include "message/members.h"
#include "surface/openai_chat.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_MAX_BYTES 512
#define SHOWN_MAX_BYTES   40

static const struct span out_of_room =
    SPAN_LITERAL("The request has too many parts to be read within its memory.");

static int set_error(struct chat_decode *decode, enum api_error_kind kind, const char *place,
                     const char *text) {
    struct span param = span_text(place);
    *decode->error = (struct api_error){.kind = kind, .retry_after_ms = -1};
    if (arena_copy(decode->arena, span_text(text), &decode->error->message) < 0)
        decode->error->message = out_of_room;
    if (param.len > 0)
        decode->error->param = param;
    return ERR_INVALID;
}

int surface__chat_refuse(struct chat_decode *decode, enum api_error_kind kind,
                         struct json_value where, const char *format, ...) {
    char text[MESSAGE_MAX_BYTES] UNINITIALIZED;
    const char *place = json_place(where, decode->arena);
    int length = snprintf(text, sizeof text, "'%.200s' ", place[0] != '\0' ? place : "body");
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    return set_error(decode, kind, place, text);
}

int surface__chat_too_large(struct chat_decode *decode) {
    *decode->error =
        (struct api_error){.kind = API_TOO_LARGE, .message = out_of_room, .retry_after_ms = -1};
    return ERR_TOO_LARGE;
}

static const struct {
    unsigned type;
    const char *text;
} type_texts[] = {
    {CHAT_STRING, "a string"}, {CHAT_NUMBER, "a number"}, {CHAT_INTEGER, "a whole number"},
    {CHAT_BOOL, "a boolean"},  {CHAT_ARRAY, "an array"},  {CHAT_OBJECT, "an object"},
};

static bool has_type(struct json_value value, unsigned types) {
    static const unsigned plain[] = {
        [JSON_NULL] = 0,
        [JSON_FALSE] = CHAT_BOOL,
        [JSON_TRUE] = CHAT_BOOL,
        [JSON_NUMBER] = CHAT_NUMBER,
        [JSON_STRING] = CHAT_STRING,
        [JSON_ARRAY] = CHAT_ARRAY,
        [JSON_OBJECT] = CHAT_OBJECT,
    };
    int64_t number;
    if ((plain[json_type(value)] & types) != 0)
        return true;
    return (types & CHAT_INTEGER) != 0 && json_i64(value, &number) == 0;
}

/* "a string or an array" */
static void list_types(unsigned types, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < array_length(type_texts); i++) {
        if ((types & type_texts[i].type) == 0)
            continue;
        length += (size_t)snprintf(text + length, size - length, "%s%s", length > 0 ? " or " : "",
                                   type_texts[i].text);
        check(length < size);
    }
}

int surface__chat_expect(struct chat_decode *decode, struct json_value value, unsigned types) {
    if (has_type(value, types))
        return 0;
    char expected[128] UNINITIALIZED;
    list_types(types, expected, sizeof expected);
    if (json_is(value, JSON_NUMBER) && (types & CHAT_INTEGER) != 0) {
        struct span raw = json_raw(value);
        return surface__chat_refuse(
            decode, API_BAD_REQUEST, value, "must be %s of at most 63 bits, not %.*s.", expected,
            (int)(raw.len < SHOWN_MAX_BYTES ? raw.len : SHOWN_MAX_BYTES), raw.ptr);
    }
    return surface__chat_refuse(decode, API_BAD_REQUEST, value, "must be %s, not %s.", expected,
                                json_type_name(json_type(value)));
}

int surface__chat_require(struct chat_decode *decode, struct json_value parent, const char *name,
                          struct json_value value, unsigned types) {
    if (json_present(value))
        return surface__chat_expect(decode, value, types);
    char expected[128] UNINITIALIZED;
    char place[MESSAGE_MAX_BYTES] UNINITIALIZED;
    char text[MESSAGE_MAX_BYTES + 256] UNINITIALIZED;
    const char *outer = json_place(parent, decode->arena);
    list_types(types, expected, sizeof expected);
    (void)snprintf(place, sizeof place, "%.200s%s%s", outer, outer[0] != '\0' ? "." : "", name);
    (void)snprintf(text, sizeof text, "'%s' is required and must be %s.", place, expected);
    char *kept = arena_format(decode->arena, "%s", place);
    return set_error(decode, API_BAD_REQUEST, kept != NULL ? kept : "", text);
}

int surface__chat_members(struct chat_decode *decode, struct json_value object,
                          const struct span *names, size_t count, struct json_value *ret_values) {
    struct json_value duplicate = members_read(object, names, count, ret_values);
    if (json_present(duplicate))
        return surface__chat_refuse(decode, API_BAD_REQUEST, duplicate,
                                    "occurs twice. Send it once.");
    return 0;
}

struct span surface__chat_shown(struct json_value string) {
    struct span text = json_escaped(string);
    if (text.len <= SHOWN_MAX_BYTES)
        return text;
    text.len = SHOWN_MAX_BYTES;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80)
        text.len--;
    return text;
}

int surface__chat_body(struct chat_decode *decode, struct span body) {
    struct json_doc *doc = arena_alloc(decode->arena, sizeof *doc);
    struct json_error error;
    int err = json_parse(doc, body, decode->arena, &error);
    if (err == ERR_TOO_LARGE)
        return surface__chat_too_large(decode);
    if (err < 0) {
        char text[MESSAGE_MAX_BYTES] UNINITIALIZED;
        (void)snprintf(text, sizeof text, "The body is not valid JSON: line %u, column %u: %s.",
                       error.line, error.column, error.what);
        return set_error(decode, API_BAD_REQUEST, "", text);
    }
    decode->top = json_top(doc);
    if (!json_is(decode->top, JSON_OBJECT)) {
        char text[MESSAGE_MAX_BYTES] UNINITIALIZED;
        (void)snprintf(text, sizeof text, "The body must be a JSON object, not %s.",
                       json_type_name(json_type(decode->top)));
        return set_error(decode, API_BAD_REQUEST, "", text);
    }
    return 0;
}

/* Without `model` the first of `models` is meant. */
static void promote_first(struct task *task) {
    struct task_names *models = &task->routing.models;
    task->model = models->names[0];
    models->names++;
    models->count--;
}

int surface__chat_model(struct chat_decode *decode) {
    struct json_value model = decode->kept[KEPT_MODEL];
    if (!json_present(model) && decode->task->routing.models.count > 0) {
        promote_first(decode->task);
        return 0;
    }
    int err = surface__chat_require(decode, decode->top, "model", model, CHAT_STRING);
    if (err < 0)
        return err;
    if (json_string(model, decode->arena, &decode->task->model) < 0)
        return surface__chat_too_large(decode);
    if (decode->task->model.len == 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, model,
                                    "is empty. Name a model; GET /v1/models lists them.");
    if (decode->task->model.len > CHAT_NAME_MAX_BYTES)
        return surface__chat_refuse(decode, API_BAD_REQUEST, model, "is longer than %d bytes.",
                                    CHAT_NAME_MAX_BYTES);
    return 0;
}

static int read_affinity(struct chat_decode *decode) {
    struct json_value key = decode->kept[KEPT_CACHE_KEY];
    if (!json_present(key))
        key = decode->kept[KEPT_USER];
    if (!json_present(key))
        return 0;
    return json_string(key, decode->arena, &decode->task->affinity) == 0
               ? 0
               : surface__chat_too_large(decode);
}

/* Both names are in use; the newer one counts. Clients send round numbers like 32000 whatever the model: dialects clamp. */
static void read_max_tokens(struct chat_decode *decode) {
    struct json_value value = decode->kept[KEPT_MAX_COMPLETION_TOKENS];
    if (!json_present(value))
        value = decode->kept[KEPT_MAX_TOKENS];
    int64_t tokens = 0;
    if (json_i64(value, &tokens) == 0)
        decode->task->chat.max_output_tokens = (uint64_t)tokens;
}

static int read_fields(struct chat_decode *decode) {
    int err = 0;
    for (struct json_iter it = json_each(decode->top); err == 0 && json_next(&it);)
        err = surface__chat_field(decode, it.key, it.value);
    return err;
}

int surface__chat_decode(struct span body, struct arena *arena, struct task *ret_task,
                         struct api_error *ret_error) {
    struct chat_decode decode = {.arena = arena, .task = ret_task, .error = ret_error};
    *ret_task = (struct task){.kind = TASK_CHAT};
    int err = surface__chat_body(&decode, body);
    if (err == 0)
        err = read_fields(&decode);
    if (err == 0)
        err = surface__chat_model(&decode);
    if (err == 0)
        err = surface__chat_require(&decode, decode.top, "messages", decode.kept[KEPT_MESSAGES],
                                    CHAT_ARRAY);
    if (err == 0)
        err = surface__chat_messages(&decode, decode.kept[KEPT_MESSAGES]);
    if (err == 0)
        err = surface__chat_tools(&decode);
    if (err == 0)
        err = read_affinity(&decode);
    if (err == 0)
        read_max_tokens(&decode);
    return err;
}
