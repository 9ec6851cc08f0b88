// SPDX-License-Identifier: Apache-2.0
/*
 * A refusal, taken apart once: its texts, its codes, its values by path.
 *
 * Why all texts and not the message alone: providers put the telling word anywhere (a reason in a list of details, the upstream's
 * own body as a string inside metadata), and compatible endpoints wrap another shape around it. So a path is also tried where other
 * shapes put the same member, and words are looked for in every string. Promises: any bytes are accepted; texts, codes and depth are
 * bounded; a body that is no JSON is one text. Leaves to others: what it means (rule.c, signal.c).
 */
#include "base/check.h"
#include "catalog/error_shape.h"
#include "provider/parts.h"

static void keep_text(struct told *told, struct span text) {
    if (text.len > TOLD_WORDS_MAX_BYTES - told->text_bytes)
        text.len = TOLD_WORDS_MAX_BYTES - told->text_bytes;
    if (text.len == 0 || told->text_count == TOLD_TEXTS_MAX)
        return;
    told->text_bytes += text.len;
    told->texts[told->text_count++] = text;
}

static void add_text(struct told *told, struct json_value value) {
    struct span text;
    if (told->text_count < TOLD_TEXTS_MAX && json_string(value, told->arena, &text) == 0)
        keep_text(told, text);
}

/* Members in which a provider repeats what it was sent or what it made of it: no words of its own, and "rate limit exceeded" in a
 * prompt is no refusal. */
static const char *const echoes[] = {"input",    "flagged_input", "failed_generation",
                                     "messages", "prompt",        "content"};

static bool is_echo(struct json_value key) {
    for (size_t i = 0; json_present(key) && i < array_length(echoes); i++)
        if (json_string_is(key, echoes[i]))
            return true;
    return false;
}

static void add_texts(struct told *told, struct json_value value) {
    if (json_is(value, JSON_STRING)) {
        add_text(told, value);
        return;
    }
    for (struct json_iter it = json_each(value); json_next(&it);)
        if (!is_echo(it.key))
            add_texts(told, it.value); /* as deep as the parser allows */
}

static const char *const code_paths[] = {
    "code",
    "type",
    "status",
    "error_type",
    "error_code",
    "error.error_code",
    "error.reason",
    "error.metadata.limit_source",
    "error.metadata.error_type",
    "error.metadata.code",
    "error.error.code",
    "error.error.type",
    "details[].reason",
    "error.details[].reason",
    "detail[].type",
    "detail.code",
};

static bool add_code(void *context, struct json_value value) {
    struct told *told = context;
    struct span code = json_is(value, JSON_NUMBER) ? json_raw(value) : json_escaped(value);
    if (code.len > 0 && told->code_count < TOLD_CODES_MAX)
        told->codes[told->code_count++] = code;
    return false; /* all of them */
}

/* Google's compatible endpoint wraps an error in a list; a stream may carry it in its choice. */
static struct json_value find_root(struct json_value top) {
    if (json_is(top, JSON_ARRAY))
        top = json_path(top, "0");
    struct json_value choice = json_path(top, "choices.0");
    if (!json_present(json_get(top, "error")) && json_present(json_get(choice, "error")))
        return choice;
    return top;
}

static void read_json(struct told *told, struct json_value top) {
    struct error_shape shape;
    told->root = find_root(top);
    shape = error_shape_of(told->root);
    told->message = shape.message;
    told->code = shape.code;
    if (told->status == 0)
        told->status = shape.status;
    add_texts(told, told->root);
    for (size_t i = 0; i < array_length(code_paths); i++)
        (void)told_at(told, code_paths[i], add_code, told);
}

/* OpenRouter repeats head fields in error.metadata.headers, where they also reach us inside a 200. */
static struct span get_head(void *context, const char *lower_case_name) {
    const struct told *told = context;
    struct span value = signal_head_get(told->answer->head, lower_case_name);
    if (!span_absent(value))
        return value;
    struct json_value headers = json_path(told->root, "error.metadata.headers");
    for (struct json_iter it = json_each(headers); json_next(&it);)
        if (span_is_nocase(json_escaped(it.key), lower_case_name))
            return json_is(it.value, JSON_STRING) ? json_escaped(it.value) : json_raw(it.value);
    return SPAN_NONE;
}

void told_read(struct told *told, const struct signal_answer *answer, struct arena *arena) {
    struct json_doc *doc = arena_alloc(arena, sizeof *doc);
    *told = (struct told){.answer = answer, .arena = arena, .body = answer->body};
    told->status = answer->status == 200 ? 0 : answer->status;
    if (told->body.len > SIGNAL_BODY_MAX_BYTES)
        told->body.len = SIGNAL_BODY_MAX_BYTES;
    if (told->body.len > 0 && json_parse(doc, told->body, arena, NULL) == 0) {
        read_json(told, json_top(doc));
    } else if (told->body.len > 0) {
        told->message = error_shape_plain(told->body, arena);
        keep_text(told, told->body);
    }
    told->head = (struct signal_head){.get = get_head, .context = told};
    told->reading_count =
        reading_collect(answer->facts, told->head, answer->wall_ms, told->readings);
}

bool told_says(const struct told *told, const char *words) {
    for (size_t i = 0; i < told->text_count; i++)
        if (span_contains_nocase(told->texts[i], words))
            return true;
    return false;
}

bool told_code(const struct told *told, const char *code) {
    for (size_t i = 0; i < told->code_count; i++)
        if (span_is_nocase(told->codes[i], code))
            return true;
    return false;
}

struct walk {
    told_visit visit;
    void *context;
};

/* Takes one step of a path off the front and follows it; an array index is a step, too. */
static struct json_value step(struct json_value value, struct span *path, bool *ret_each) {
    char name[TOLD_PATH_BYTES];
    struct span part = SPAN_NONE;
    (void)span_split(path, '.', &part);
    *ret_each = span_ends_with(part, "[]");
    if (*ret_each)
        part.len -= 2;
    if (part.len >= sizeof name)
        return (struct json_value){0};
    if (part.len == 0)
        return value;
    memcpy(name, part.ptr, part.len);
    name[part.len] = '\0';
    return json_path(value, name);
}

static bool walk_on(const struct walk *walk, struct json_value value, struct span path) {
    bool each = false;
    while (!each && path.len > 0 && json_present(value))
        value = step(value, &path, &each);
    if (!json_present(value))
        return false;
    if (!each)
        return walk->visit(walk->context, value);
    for (struct json_iter it = json_each(value); json_next(&it);)
        if (walk_on(walk, it.value, path))
            return true;
    return false;
}

bool told_at(const struct told *told, const char *path, told_visit visit, void *context) {
    const struct walk walk = {visit, context};
    struct span whole = span_text(path);
    struct span tail = whole;
    if (span_starts_with(whole, "error.") || span_starts_with(whole, "errors[]."))
        (void)span_split(&tail, '.', &(struct span){0});
    if (tail.len != whole.len && walk_on(&walk, told->root, whole))
        return true;
    return walk_on(&walk, told->root, tail) ||
           walk_on(&walk, json_get(told->root, "error"), tail) ||
           walk_on(&walk, json_get(told->root, "errors"), tail) ||
           walk_on(&walk, json_path(told->root, "errors.0"), tail);
}

/* --- rows --- */

struct question {
    const struct told *told;
    const struct fact_match *match;
};

static struct span text_of(const struct told *told, struct json_value value) {
    struct span text;
    if (json_is(value, JSON_STRING) && json_string(value, told->arena, &text) == 0)
        return text;
    return json_raw(value);
}

static bool is_one_of(const char *const *values, struct span text) {
    for (; values != NULL && *values != NULL; values++)
        if (span_is(text, *values))
            return true;
    return false;
}

static bool has_one_of(const char *const *values, struct span text) {
    for (; values != NULL && *values != NULL; values++)
        if (span_contains_nocase(text, *values))
            return true;
    return false;
}

static bool ends_in_one_of(const char *const *values, struct span text) {
    for (; values != NULL && *values != NULL; values++)
        if (span_ends_with(text, *values))
            return true;
    return false;
}

static bool visit_is(void *context, struct json_value value) {
    const struct question *question = context;
    return is_one_of(question->match->values, text_of(question->told, value));
}

static bool visit_has(void *context, struct json_value value) {
    const struct question *question = context;
    return has_one_of(question->match->values, text_of(question->told, value));
}

static bool visit_ends(void *context, struct json_value value) {
    const struct question *question = context;
    return ends_in_one_of(question->match->values, text_of(question->told, value));
}

static bool visit_present(void *context, struct json_value value) {
    (void)context;
    return !json_is(value, JSON_NULL);
}

static bool by_path(const struct told *told, const struct fact_match *match, told_visit visit) {
    struct question question = {told, match};
    return told_at(told, match->path, visit, &question);
}

static bool match_is(const struct told *told, const struct fact_match *match) {
    return by_path(told, match, visit_is);
}

/* A body that is no JSON has no paths: all of it may be meant. */
static bool match_has(const struct told *told, const struct fact_match *match) {
    if (!json_present(told->root))
        return has_one_of(match->values, told->body);
    return by_path(told, match, visit_has);
}

static bool match_says(const struct told *told, const struct fact_match *match) {
    for (const char *const *value = match->values; value != NULL && *value != NULL; value++)
        if (told_says(told, *value))
            return true;
    return false;
}

static bool match_ends(const struct told *told, const struct fact_match *match) {
    return by_path(told, match, visit_ends);
}

static bool match_present(const struct told *told, const struct fact_match *match) {
    return by_path(told, match, visit_present);
}

static bool match_header(const struct told *told, const struct fact_match *match) {
    struct span value = signal_head_get(told->head, match->path);
    return !span_absent(value) && is_one_of(match->values, span_trim(value));
}

static bool match_rule(const struct told *told, const struct fact_match *match) {
    struct told_limit limit;
    switch (match->rule) {
    case FACT_RULE_INPUT_OVER_QUOTA:
        return told_never_fits(told, &limit);
    case FACT_RULE_FORMAT_SENT:
        return told->answer->format_sent;
    case FACT_RULE_JSON_OBJECT_SENT:
        return told->answer->json_object_sent;
    case FACT_RULE_NO_KEY_SENT:
        return !told->answer->key_sent;
    default:
        return false;
    }
}

static bool (*const kinds[FACT_MATCH_COUNT])(const struct told *, const struct fact_match *) = {
    [FACT_MATCH_IS] = match_is,           [FACT_MATCH_HAS] = match_has,
    [FACT_MATCH_SAYS] = match_says,       [FACT_MATCH_ENDS] = match_ends,
    [FACT_MATCH_PRESENT] = match_present, [FACT_MATCH_HEADER_IS] = match_header,
    [FACT_MATCH_RULE] = match_rule,
};

bool told_matches(const struct told *told, const struct fact_match *match) {
    check((unsigned)match->kind < FACT_MATCH_COUNT);
    return kinds[match->kind](told, match);
}
