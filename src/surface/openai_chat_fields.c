// SPDX-License-Identifier: Apache-2.0
/*
 * The members of a chat completions request: one table.
 *
 * Why a table: OpenAI's request has some forty members, and every gateway that handles them by hand forgets a few. Each row
 * says what PAPI does with one: read it, send it on, refuse it with a cure, or drop it. Rows are ordered by length of name,
 * so that finding one compares a handful of names of the same length. Promises: null is the same as absent; a wrong type is
 * a 400 with place, expected and found; a member that is read occurs once; a member that is not known is kept as it is for
 * dialects that take such. Leaves to others: messages and tools (own files), what a provider takes (dialect).
 * Source: the OpenAI API reference, chat completions, 2026-08; `models` and `provider` are OpenRouter's.
 */
#include "base/check.h"
#include "surface/openai_chat.h"

#include <stdio.h>

#define EXTRAS_MAX 256
#define STOPS_MAX  4

enum field_class {
    FIELD_ROUTE,   /* read here */
    FIELD_FORWARD, /* sent on when the provider takes it */
    FIELD_EMULATE, /* refused until it can be carried */
    FIELD_DROP     /* no meaning upstream; never an error */
};

struct field;
typedef int (*field_action)(struct chat_decode *decode, const struct field *field,
                            struct json_value value);

struct field {
    const char *name;
    uint8_t length;
    uint8_t class;  /* enum field_class */
    uint16_t types; /* enum chat_type bits; 0 = any */
    double least;   /* numbers: inclusive range, when least < most */
    double most;
    field_action action;
    unsigned argument;        /* enum chat_kept or enum chat_option */
    const char *const *words; /* strings: the words allowed, NULL-terminated; NULL = any */
    const char *advice;       /* what to do instead, for members that are refused */
};

static const char *const effort_words[] = {"none", "minimal", "low", "medium",
                                           "high", "xhigh",   "max", NULL};
static const char *const verbosity_words[] = {"low", "medium", "high", NULL};

static int keep(struct chat_decode *decode, const struct field *field, struct json_value value) {
    decode->kept[field->argument] = value;
    return 0;
}

static int take_option(struct chat_decode *decode, const struct field *field,
                       struct json_value value) {
    decode->task->chat.options[field->argument] = json_raw(value);
    return 0;
}

static int refuse_field(struct chat_decode *decode, const struct field *field,
                        struct json_value value) {
    return surface__chat_refuse(decode, API_UNSUPPORTED_PARAMETER, value,
                                "is not supported yet. %s", field->advice);
}

static int refuse_true(struct chat_decode *decode, const struct field *field,
                       struct json_value value) {
    return json_is(value, JSON_FALSE) ? 0 : refuse_field(decode, field, value);
}

/* `n` and `top_logprobs`: the smallest number asks for nothing special. */
static int refuse_above_least(struct chat_decode *decode, const struct field *field,
                              struct json_value value) {
    int64_t number = 0;
    int err = json_i64(value, &number);
    return err == 0 && number == (int64_t)field->least ? 0 : refuse_field(decode, field, value);
}

static int read_stop(struct chat_decode *decode, const struct field *field,
                     struct json_value value) {
    uint32_t count = 0;
    for (struct json_iter it = json_each(value); json_next(&it); count++) {
        int err = surface__chat_expect(decode, it.value, CHAT_STRING);
        if (err < 0)
            return err;
    }
    if (count > STOPS_MAX)
        return surface__chat_refuse(decode, API_BAD_REQUEST, value,
                                    "has %u stop sequences, but at most %d are allowed.", count,
                                    STOPS_MAX);
    return json_is(value, JSON_ARRAY) && count == 0 ? 0 : take_option(decode, field, value);
}

static int read_modalities(struct chat_decode *decode, const struct field *field,
                           struct json_value value) {
    for (struct json_iter it = json_each(value); json_next(&it);) {
        int err = surface__chat_expect(decode, it.value, CHAT_STRING);
        if (err < 0)
            return err;
        if (!json_string_is(it.value, "text"))
            return refuse_field(decode, field, it.value);
    }
    return 0;
}

static int read_stream(struct chat_decode *decode, const struct field *field,
                       struct json_value value) {
    (void)field;
    decode->task->chat.stream = json_is(value, JSON_TRUE);
    return 0;
}

static int read_stream_options(struct chat_decode *decode, const struct field *field,
                               struct json_value value) {
    static const struct span names[] = {SPAN_LITERAL("include_usage"),
                                        SPAN_LITERAL("include_obfuscation")};
    struct json_value found[array_length(names)];
    int err = surface__chat_members(decode, value, names, array_length(names), found);
    for (size_t i = 0; err == 0 && i < array_length(names); i++)
        if (json_present(found[i]))
            err = surface__chat_expect(decode, found[i], CHAT_BOOL);
    (void)field;
    decode->task->chat.include_usage = json_is(found[0], JSON_TRUE);
    return err;
}

static int read_models(struct chat_decode *decode, const struct field *field,
                       struct json_value value) {
    (void)field;
    return surface__chat_models(decode, value);
}

static int read_provider(struct chat_decode *decode, const struct field *field,
                         struct json_value value) {
    (void)field;
    return surface__chat_provider(decode, value);
}

struct format_word {
    const char *word;
    enum response_format format;
    uint64_t need;
};

static const struct format_word formats[] = {
    {"text", FORMAT_TEXT, 0},
    {"json_object", FORMAT_JSON_OBJECT, CAN_JSON_OBJECT},
    {"json_schema", FORMAT_JSON_SCHEMA, CAN_JSON_SCHEMA},
};

static int read_schema(struct chat_decode *decode, struct json_value format,
                       struct json_value schema) {
    static const struct span names[] = {SPAN_LITERAL("name"), SPAN_LITERAL("schema")};
    struct json_value found[array_length(names)];
    int err = surface__chat_require(decode, format, "json_schema", schema, CHAT_OBJECT);
    if (err == 0)
        err = surface__chat_members(decode, schema, names, array_length(names), found);
    if (err == 0)
        err = surface__chat_require(decode, schema, "name", found[0], CHAT_STRING);
    if (err == 0 && json_present(found[1]))
        err = surface__chat_expect(decode, found[1], CHAT_OBJECT);
    return err;
}

static int read_response_format(struct chat_decode *decode, const struct field *field,
                                struct json_value value) {
    static const struct span names[] = {SPAN_LITERAL("type"), SPAN_LITERAL("json_schema")};
    struct json_value found[array_length(names)];
    struct task_chat *chat = &decode->task->chat;
    (void)field;
    int err = surface__chat_members(decode, value, names, array_length(names), found);
    if (err == 0)
        err = surface__chat_require(decode, value, "type", found[0], CHAT_STRING);
    if (err < 0)
        return err;
    const struct format_word *row = formats;
    while (row < formats + array_length(formats) && !json_string_is(found[0], row->word))
        row++;
    if (row == formats + array_length(formats))
        return surface__chat_refuse(
            decode, API_BAD_REQUEST, found[0],
            "must be \"text\", \"json_object\" or \"json_schema\", not \"%.*s\".",
            SPAN_ARG(surface__chat_shown(found[0])));
    chat->format = row->format;
    decode->task->needs |= row->need;
    chat->format_raw = json_raw(value);
    surface__chat_count(decode, chat->format_raw);
    return row->format == FORMAT_JSON_SCHEMA ? read_schema(decode, value, found[1]) : 0;
}

#define ADVICE_AUDIO    "Ask for text only, and leave `audio` out."
#define ADVICE_TOOLS    "Use `tools` and `tool_choice` instead."
#define ADVICE_LOGPROBS "Leave it out, or set it to false or 0."

/* length of the name, class, types, range, action and what it needs */
#define FIELD(text, class_, types_, ...) \
    { .name = text, .length = sizeof(text) - 1, .class = class_, .types = types_, __VA_ARGS__ }
#define RANGE(least_, most_)     .least = (least_), .most = (most_)
#define KEEP(slot)               .action = keep, .argument = (slot)
#define OPTION(option)           .action = take_option, .argument = (option)
#define REFUSE(action_, advice_) .action = (action_), .advice = (advice_)

/* clang-format off */
static const struct field fields[] = {
    FIELD("n", FIELD_EMULATE, CHAT_INTEGER, RANGE(1, 128), REFUSE(refuse_above_least, "Ask for one choice, and send the request as often as you need answers.")),
    FIELD("seed", FIELD_FORWARD, CHAT_INTEGER, OPTION(OPTION_SEED)),
    FIELD("stop", FIELD_FORWARD, CHAT_STRING | CHAT_ARRAY, .action = read_stop, .argument = OPTION_STOP),
    FIELD("user", FIELD_ROUTE, CHAT_STRING, KEEP(KEPT_USER)),
    FIELD("audio", FIELD_EMULATE, CHAT_OBJECT, REFUSE(refuse_field, ADVICE_AUDIO)),
    FIELD("model", FIELD_ROUTE, CHAT_STRING, KEEP(KEPT_MODEL)),
    FIELD("store", FIELD_DROP, 0),
    FIELD("tools", FIELD_ROUTE, CHAT_ARRAY, KEEP(KEPT_TOOLS)),
    FIELD("top_p", FIELD_FORWARD, CHAT_NUMBER, RANGE(0, 1), OPTION(OPTION_TOP_P)),
    FIELD("models", FIELD_ROUTE, CHAT_ARRAY, .action = read_models),
    FIELD("stream", FIELD_ROUTE, CHAT_BOOL, .action = read_stream),
    FIELD("logprobs", FIELD_EMULATE, CHAT_BOOL, REFUSE(refuse_true, ADVICE_LOGPROBS)),
    FIELD("messages", FIELD_ROUTE, CHAT_ARRAY, KEEP(KEPT_MESSAGES)),
    FIELD("metadata", FIELD_DROP, 0),
    FIELD("provider", FIELD_ROUTE, CHAT_OBJECT, .action = read_provider),
    FIELD("functions", FIELD_EMULATE, 0, REFUSE(refuse_field, ADVICE_TOOLS)),
    FIELD("verbosity", FIELD_FORWARD, CHAT_STRING, OPTION(OPTION_VERBOSITY), .words = verbosity_words),
    FIELD("logit_bias", FIELD_FORWARD, CHAT_OBJECT, OPTION(OPTION_LOGIT_BIAS)),
    FIELD("max_tokens", FIELD_ROUTE, CHAT_INTEGER, RANGE(1, 9e15), KEEP(KEPT_MAX_TOKENS)),
    FIELD("modalities", FIELD_EMULATE, CHAT_ARRAY, REFUSE(read_modalities, ADVICE_AUDIO)),
    FIELD("moderation", FIELD_DROP, 0),
    FIELD("prediction", FIELD_DROP, 0),
    FIELD("temperature", FIELD_FORWARD, CHAT_NUMBER, RANGE(0, 2), OPTION(OPTION_TEMPERATURE)),
    FIELD("tool_choice", FIELD_ROUTE, CHAT_STRING | CHAT_OBJECT, KEEP(KEPT_TOOL_CHOICE)),
    FIELD("service_tier", FIELD_DROP, 0),
    FIELD("top_logprobs", FIELD_EMULATE, CHAT_INTEGER, RANGE(0, 20), REFUSE(refuse_above_least, ADVICE_LOGPROBS)),
    FIELD("function_call", FIELD_EMULATE, 0, REFUSE(refuse_field, ADVICE_TOOLS)),
    FIELD("stream_options", FIELD_ROUTE, CHAT_OBJECT, .action = read_stream_options),
    FIELD("response_format", FIELD_ROUTE, CHAT_OBJECT, .action = read_response_format),
    FIELD("presence_penalty", FIELD_FORWARD, CHAT_NUMBER, RANGE(-2, 2), OPTION(OPTION_PRESENCE_PENALTY)),
    FIELD("prompt_cache_key", FIELD_ROUTE, CHAT_STRING, KEEP(KEPT_CACHE_KEY)),
    FIELD("reasoning_effort", FIELD_FORWARD, CHAT_STRING, OPTION(OPTION_REASONING_EFFORT), .words = effort_words),
    FIELD("frequency_penalty", FIELD_FORWARD, CHAT_NUMBER, RANGE(-2, 2), OPTION(OPTION_FREQUENCY_PENALTY)),
    FIELD("safety_identifier", FIELD_DROP, 0),
    FIELD("web_search_options", FIELD_DROP, 0),
    FIELD("parallel_tool_calls", FIELD_FORWARD, CHAT_BOOL, OPTION(OPTION_PARALLEL_TOOL_CALLS)),
    FIELD("max_completion_tokens", FIELD_ROUTE, CHAT_INTEGER, RANGE(1, 9e15), KEEP(KEPT_MAX_COMPLETION_TOKENS)),
    FIELD("prompt_cache_retention", FIELD_DROP, 0),
};
/* clang-format on */

#define NAME_LENGTH_MAX 22
_Static_assert(array_length(fields) <= 64, "a bit of fields_seen for each row");

/* Rows of names of length i: from rows_until[i - 1] to before rows_until[i]. Checked against the table in the tests. */
static const uint8_t rows_until[NAME_LENGTH_MAX + 1] = {
    0, 1, 1, 1, 4, 9, 11, 11, 15, 17, 22, 24, 26, 27, 28, 29, 32, 34, 35, 36, 36, 37, 38};

static const struct field *find_field(struct span name) {
    if (name.len == 0 || name.len > NAME_LENGTH_MAX)
        return NULL;
    for (unsigned row = rows_until[name.len - 1]; row < rows_until[name.len]; row++)
        if (memcmp(fields[row].name, name.ptr, name.len) == 0)
            return &fields[row];
    return NULL;
}

static int check_words(struct chat_decode *decode, const struct field *field,
                       struct json_value value) {
    char list[128] UNINITIALIZED;
    size_t length = 0;
    list[0] = '\0';
    for (const char *const *word = field->words; *word != NULL; word++) {
        if (json_string_is(value, *word))
            return 0;
        int written = snprintf(list + length, sizeof list - length, "%s\"%s\"",
                               length > 0 ? ", " : "", *word);
        length += (size_t)written;
        check(length < sizeof list);
    }
    return surface__chat_refuse(decode, API_BAD_REQUEST, value, "must be one of %s, not \"%.*s\".",
                                list, SPAN_ARG(surface__chat_shown(value)));
}

static int check_range(struct chat_decode *decode, const struct field *field,
                       struct json_value value) {
    double number = 0;
    int err = json_double(value, &number);
    if (err == 0 && number >= field->least && number <= field->most)
        return 0;
    struct span raw = json_raw(value);
    if (raw.len > 40)
        raw.len = 40;
    if (field->most > 1e15)
        return surface__chat_refuse(decode, API_BAD_REQUEST, value,
                                    "must be at least %.0f, not %.*s.", field->least,
                                    SPAN_ARG(raw));
    return surface__chat_refuse(decode, API_BAD_REQUEST, value,
                                "must be between %.0f and %.0f, not %.*s.", field->least,
                                field->most, SPAN_ARG(raw));
}

static int add_extra(struct chat_decode *decode, struct json_value key, struct json_value value) {
    struct task_chat *chat = &decode->task->chat;
    if (chat->extras == NULL) {
        uint32_t members = json_count(decode->top);
        uint32_t most = members < EXTRAS_MAX ? members : EXTRAS_MAX;
        chat->extras = arena_try_alloc(decode->arena, most * sizeof *chat->extras);
        if (chat->extras == NULL)
            return surface__chat_too_large(decode);
    }
    if (chat->extra_count == EXTRAS_MAX)
        return surface__chat_refuse(decode, API_BAD_REQUEST, key,
                                    "is one of more than %d members that are not known.",
                                    EXTRAS_MAX);
    chat->extras[chat->extra_count++] = (struct chat_extra){json_escaped(key), json_raw(value)};
    return 0;
}

int surface__chat_field(struct chat_decode *decode, struct json_value key,
                        struct json_value value) {
    struct span name;
    if (json_string(key, decode->arena, &name) < 0)
        return surface__chat_too_large(decode);
    const struct field *field = find_field(name);
    if (field == NULL)
        return add_extra(decode, key, value);
    if (field->class == FIELD_DROP)
        return 0;
    uint64_t bit = (uint64_t)1 << (field - fields);
    if ((decode->fields_seen & bit) != 0)
        return surface__chat_refuse(decode, API_BAD_REQUEST, value, "occurs twice. Send it once.");
    decode->fields_seen |= bit;
    if (json_is(value, JSON_NULL))
        return 0;
    int err = field->types != 0 ? surface__chat_expect(decode, value, field->types) : 0;
    if (err == 0 && field->least < field->most)
        err = check_range(decode, field, value);
    if (err == 0 && field->words != NULL)
        err = check_words(decode, field, value);
    return err == 0 ? field->action(decode, field, value) : err;
}
