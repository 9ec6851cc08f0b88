// SPDX-License-Identifier: Apache-2.0
/*
 * From rows of facts to what a dialect obeys.
 *
 * Why compiled: rows are written for people, one sentence of a provider's page each, and a request must not pay for
 * reading them. Here a row becomes a flag, a bit or an entry of a small array, once for each route of a snapshot. What is
 * dropped cannot be promised: a provider that gets no response_format cannot do json_schema, whatever its row of models says.
 * Promises: an order of rows that means nothing; a row that cannot be kept is counted, never half obeyed.
 * Leaves to others: where rows come from (catalog), how they are obeyed (openai_*.c), kinds about heads and keys (gateway).
 */
#include "dialect/quirks.h"

#include "base/check.h"
#include "catalog/facts.h"

#define AT(name) (offsetof(struct dialect_quirks, name))

/* Kinds that are a flag. */
static const struct {
    enum fact_quirk_kind kind;
    size_t offset;
} flags[] = {
    {FACT_QUIRK_CONTENT_STRING, AT(content_string_only)},
    {FACT_QUIRK_CONTENT_NOT_NULL, AT(content_never_null)},
    {FACT_QUIRK_NO_NULLS, AT(no_nulls)},
    {FACT_QUIRK_SYSTEM_TO_USER, AT(system_to_user)},
    {FACT_QUIRK_DEVELOPER_ROLE, AT(developer_role)},
    {FACT_QUIRK_TOOL_IDS_9, AT(tool_ids_9)},
    {FACT_QUIRK_TOOL_CHOICE_ANY, AT(tool_choice_any)},
    {FACT_QUIRK_KEEP_EXTRAS, AT(keep_extras)},
    {FACT_QUIRK_KEEP_REASONING, AT(keep_reasoning)},
    {FACT_QUIRK_NO_STREAM_OPTIONS, AT(no_stream_usage)},
    {FACT_QUIRK_STOP_ARRAY, AT(stop_array)},
    {FACT_QUIRK_TOTAL_HAS_REASONING, AT(total_has_reasoning)},
};

static const struct {
    const char *word;
    uint64_t can;
} capabilities[] = {
    {"tools", CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED},
    {"stream", CAN_STREAM},
    {"json_schema", CAN_JSON_SCHEMA},
    {"json_object", CAN_JSON_OBJECT},
    {"vision", CAN_VISION},
    {"tool_choice_required", CAN_TOOL_CHOICE_REQUIRED},
};

/* What a provider cannot do that does not get a member. */
static const struct {
    const char *field;
    uint64_t can;
} carried_by[] = {
    {"tools", CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED},
    {"tool_choice", CAN_TOOL_CHOICE_REQUIRED},
    {"response_format", CAN_JSON_SCHEMA | CAN_JSON_OBJECT},
    {"stream", CAN_STREAM},
    {"dimensions", CAN_DIMENSIONS},
};

static const char *const member_names[MEMBER_OPTIONS] = {
    [MEMBER_TOOLS] = "tools",
    [MEMBER_TOOL_CHOICE] = "tool_choice",
    [MEMBER_RESPONSE_FORMAT] = "response_format",
    [MEMBER_MAX_TOKENS] = "max_completion_tokens",
    [MEMBER_STREAM_OPTIONS] = "stream_options",
    [MEMBER_DIMENSIONS] = "dimensions",
    [MEMBER_ENCODING_FORMAT] = "encoding_format",
};

const char *dialect_member_name(enum dialect_member member) {
    check(member < MEMBER_OTHER);
    return member < MEMBER_OPTIONS ? member_names[member]
                                   : chat_option_name((enum chat_option)(member - MEMBER_OPTIONS));
}

static enum dialect_member member_of(struct span head) {
    if (span_is(head, "max_tokens"))
        return MEMBER_MAX_TOKENS;
    for (enum dialect_member i = 0; i < MEMBER_OTHER; i++)
        if (span_is(head, dialect_member_name(i)))
            return i;
    return MEMBER_OTHER;
}

static struct span head_of(const char *field) {
    return span_of(field, strcspn(field, "."));
}

/* Rules stand in the order they are applied in, else in the order of rows. */
static unsigned rank_of(unsigned kind) {
    static const enum fact_quirk_kind order[] = {FACT_QUIRK_DROP,     FACT_QUIRK_DEFAULT,
                                                 FACT_QUIRK_NOT_ZERO, FACT_QUIRK_AT_LEAST,
                                                 FACT_QUIRK_FORCE,    FACT_QUIRK_FORCE_WITH_TOOLS};
    unsigned rank = 0;
    while (rank < array_length(order) && (unsigned)order[rank] != kind)
        rank++;
    return rank;
}

static bool is_path(const char *field) {
    struct span rest = span_text(field), step;
    while (span_split(&rest, '.', &step))
        if (step.len == 0 || step.len >= DIALECT_STEP_MAX_BYTES)
            return false;
    return field[0] != '\0';
}

static bool add_rule(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    struct span head = head_of(row->field);
    if (quirks->rule_count == DIALECT_RULES_MAX || !is_path(row->field))
        return false;
    struct dialect_rule rule = {.kind = (uint8_t)row->kind,
                                .member = (uint8_t)member_of(head),
                                .head_length = (uint8_t)head.len,
                                .field = row->field,
                                .value = row->value};
    uint32_t at = quirks->rule_count++;
    for (; at > 0 && rank_of(quirks->rules[at - 1].kind) > rank_of(rule.kind); at--)
        quirks->rules[at] = quirks->rules[at - 1];
    quirks->rules[at] = rule;
    quirks->ruled |= (uint32_t)1 << rule.member;
    return true;
}

static bool add_name(const char **names, uint8_t *count, uint8_t most, const char *name) {
    if (*count == most || name[0] == '\0')
        return false;
    names[(*count)++] = name;
    return true;
}

/* --- one function a kind; false: the row cannot be kept --- */

static bool take_drop(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    struct span field = span_text(row->field);
    enum dialect_member member = member_of(field);
    for (size_t i = 0; i < array_length(carried_by); i++)
        if (span_is(field, carried_by[i].field))
            quirks->cannot |= carried_by[i].can;
    if (member == MEMBER_STREAM_OPTIONS)
        quirks->no_stream_usage = true;
    if (member == MEMBER_OTHER)
        return add_rule(quirks, row);
    quirks->drop |= (uint32_t)1 << member;
    return true;
}

/* The output limit has two names of its own. */
static bool take_rename(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    if (member_of(span_text(row->field)) == MEMBER_MAX_TOKENS &&
        member_of(span_text(row->value)) == MEMBER_MAX_TOKENS) {
        quirks->max_tokens_legacy = strcmp(row->value, "max_tokens") == 0;
        return true;
    }
    return row->value[0] != '\0' && strchr(row->field, '.') == NULL && add_rule(quirks, row);
}

static bool take_value(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    return json_validate(span_text(row->value)) == 0 && add_rule(quirks, row);
}

static bool take_plain_value(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    return strchr(row->field, '.') == NULL && take_value(quirks, row);
}

static bool take_message_name(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    static const char *const needed[] = {"role", "content", "tool_calls", "tool_call_id"};
    for (size_t i = 0; i < array_length(needed); i++)
        if (strcmp(row->field, needed[i]) == 0)
            return false;
    return add_name(quirks->message_names, &quirks->message_name_count, DIALECT_MESSAGE_NAMES_MAX,
                    row->field);
}

static bool take_schema_name(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    return add_name(quirks->schema_names, &quirks->schema_name_count, DIALECT_SCHEMA_NAMES_MAX,
                    row->field);
}

static bool take_signature(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    if (!is_path(row->field))
        return false;
    quirks->signature_field = row->field;
    quirks->signature_value = row->value;
    return true;
}

static bool take_keep_strict(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    (void)row;
    quirks->drop_strict = false;
    return true;
}

static bool take_guard_words(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    struct span rest = span_text(row->value), word;
    while (span_split(&rest, '|', &word))
        if (word.len == 0 || word.len > DIALECT_GUARD_MAX_BYTES)
            return false;
    quirks->guard_words = row->value;
    return row->value[0] != '\0';
}

static bool take_input_type(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    quirks->input_type = row->value;
    return row->value[0] != '\0';
}

static bool take_cannot(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    for (size_t i = 0; i < array_length(capabilities); i++)
        if (strcmp(row->field, capabilities[i].word) == 0) {
            quirks->cannot |= capabilities[i].can;
            return true;
        }
    return false;
}

static bool take_flag(struct dialect_quirks *quirks, const struct fact_quirk *row) {
    for (size_t i = 0; i < array_length(flags); i++)
        if (flags[i].kind == row->kind)
            *(bool *)((char *)quirks + flags[i].offset) = true;
    return true;
}

typedef bool (*take_row)(struct dialect_quirks *quirks, const struct fact_quirk *row);

static const take_row takers[FACT_QUIRK_COUNT] = {
    [FACT_QUIRK_DROP] = take_drop,
    [FACT_QUIRK_RENAME] = take_rename,
    [FACT_QUIRK_FORCE] = take_value,
    [FACT_QUIRK_FORCE_WITH_TOOLS] = take_value,
    [FACT_QUIRK_DEFAULT] = take_plain_value,
    [FACT_QUIRK_AT_LEAST] = take_plain_value,
    [FACT_QUIRK_NOT_ZERO] = take_plain_value,
    [FACT_QUIRK_DROP_IN_MESSAGES] = take_message_name,
    [FACT_QUIRK_CONTENT_STRING] = take_flag,
    [FACT_QUIRK_CONTENT_NOT_NULL] = take_flag,
    [FACT_QUIRK_NO_NULLS] = take_flag,
    [FACT_QUIRK_SYSTEM_TO_USER] = take_flag,
    [FACT_QUIRK_DEVELOPER_ROLE] = take_flag,
    [FACT_QUIRK_TOOL_IDS_9] = take_flag,
    [FACT_QUIRK_TOOL_CHOICE_ANY] = take_flag,
    [FACT_QUIRK_SCHEMA_DROP] = take_schema_name,
    [FACT_QUIRK_KEEP_STRICT] = take_keep_strict,
    [FACT_QUIRK_KEEP_EXTRAS] = take_flag,
    [FACT_QUIRK_KEEP_REASONING] = take_flag,
    [FACT_QUIRK_NO_STREAM_OPTIONS] = take_flag,
    [FACT_QUIRK_STOP_ARRAY] = take_flag,
    [FACT_QUIRK_SIGNATURE] = take_signature,
    [FACT_QUIRK_INPUT_TYPE] = take_input_type,
    [FACT_QUIRK_TOTAL_HAS_REASONING] = take_flag,
    [FACT_QUIRK_GUARD_WORDS] = take_guard_words,
    [FACT_QUIRK_CANNOT] = take_cannot,
};

bool dialect_quirks_obeys(enum fact_quirk_kind kind) {
    check(kind < FACT_QUIRK_COUNT);
    return takers[kind] != NULL;
}

void dialect_quirks_compile(const struct fact_quirk *rows, size_t count, struct span upstream_model,
                            struct dialect_quirks *ret_quirks) {
    memset(ret_quirks, 0, sizeof *ret_quirks);
    ret_quirks->drop_strict = true;
    for (size_t i = 0; i < count; i++) {
        if (!dialect_quirks_obeys(rows[i].kind) ||
            !facts_models_match(rows[i].models, upstream_model))
            continue;
        if (!takers[rows[i].kind](ret_quirks, &rows[i]) && ret_quirks->left_out < UINT8_MAX)
            ret_quirks->left_out++;
    }
    ret_quirks->drop_signatures = ret_quirks->signature_field == NULL;
}

uint64_t dialect_quirks_cannot(const struct dialect_quirks *quirks) {
    return quirks != NULL ? quirks->cannot : 0;
}
