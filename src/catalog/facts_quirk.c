// SPDX-License-Identifier: Apache-2.0
/*
 * The schema of quirks: {drop: [logprobs, top_logprobs], ...}, {rename: {seed: random_seed}, ...}, {keep_strict: yes, ...}.
 *
 * The kind is the first field of its row, and what stands behind it has one of four forms: names, pairs of a name and a value, a
 * value, or yes. A row with several names or pairs becomes as many rows in memory, so that code sees one deviation a row.
 * Promises: values that go into requests are JSON where the kind says so. Leaves to others: obeying (dialect/).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"
#include "json/json.h"

#define FACT_WORD "fact" /* the kind `note` in files, since every row may have a note */

enum operand {
    OPERAND_NAMES,  /* field, or a list of them */
    OPERAND_PAIRS,  /* {field: text} */
    OPERAND_JSON,   /* {field: JSON in quotes} */
    OPERAND_NUMBER, /* {field: number} */
    OPERAND_VALUE,  /* text */
    OPERAND_YES
};

static const enum operand operands[FACT_QUIRK_COUNT] = {
    [FACT_QUIRK_DROP] = OPERAND_NAMES,          [FACT_QUIRK_RENAME] = OPERAND_PAIRS,
    [FACT_QUIRK_FORCE] = OPERAND_JSON,          [FACT_QUIRK_FORCE_WITH_TOOLS] = OPERAND_JSON,
    [FACT_QUIRK_DEFAULT] = OPERAND_JSON,        [FACT_QUIRK_AT_LEAST] = OPERAND_NUMBER,
    [FACT_QUIRK_NOT_ZERO] = OPERAND_NUMBER,     [FACT_QUIRK_DROP_IN_MESSAGES] = OPERAND_NAMES,
    [FACT_QUIRK_CONTENT_STRING] = OPERAND_YES,  [FACT_QUIRK_CONTENT_NOT_NULL] = OPERAND_YES,
    [FACT_QUIRK_NO_NULLS] = OPERAND_YES,        [FACT_QUIRK_SYSTEM_TO_USER] = OPERAND_YES,
    [FACT_QUIRK_DEVELOPER_ROLE] = OPERAND_YES,  [FACT_QUIRK_TOOL_IDS_9] = OPERAND_YES,
    [FACT_QUIRK_TOOL_CHOICE_ANY] = OPERAND_YES, [FACT_QUIRK_SCHEMA_DROP] = OPERAND_NAMES,
    [FACT_QUIRK_KEEP_STRICT] = OPERAND_YES,     [FACT_QUIRK_KEEP_EXTRAS] = OPERAND_YES,
    [FACT_QUIRK_KEEP_REASONING] = OPERAND_YES,  [FACT_QUIRK_NO_STREAM_OPTIONS] = OPERAND_YES,
    [FACT_QUIRK_STOP_ARRAY] = OPERAND_YES,      [FACT_QUIRK_SIGNATURE] = OPERAND_PAIRS,
    [FACT_QUIRK_INPUT_TYPE] = OPERAND_VALUE,    [FACT_QUIRK_TOTAL_HAS_REASONING] = OPERAND_YES,
    [FACT_QUIRK_GUARD_WORDS] = OPERAND_VALUE,   [FACT_QUIRK_CANNOT] = OPERAND_NAMES,
    [FACT_QUIRK_NO_KEY_HEADER] = OPERAND_YES,   [FACT_QUIRK_ANONYMOUS_KEY] = OPERAND_VALUE,
    [FACT_QUIRK_USER_AGENT] = OPERAND_VALUE,    [FACT_QUIRK_MODEL_SUBSTITUTES] = OPERAND_YES,
    [FACT_QUIRK_ROUTER] = OPERAND_NAMES,        [FACT_QUIRK_NOTE] = OPERAND_NAMES,
};

static const char *const lacking_names[] = {"tools",       "stream", "json_schema",
                                            "json_object", "vision", "tool_choice_required"};
static const struct word_list lacking = {"capability", lacking_names, array_length(lacking_names)};

/* A row as it stands in the file. */
struct draft {
    struct fact_quirk quirk; /* without field and value */
    const char **fields, **values;
    uint32_t count; /* of both */
};

static void add(struct draft *draft, const char *field, const char *value) {
    if (field == NULL || value == NULL)
        return; /* complained about */
    draft->fields[draft->count] = field;
    draft->values[draft->count++] = value;
}

static void read_names(struct facts_reader *reader, const struct yaml_node *node,
                       struct draft *draft) {
    const char *const *names =
        facts_list(reader, node, draft->quirk.kind == FACT_QUIRK_CANNOT ? &lacking : NULL);
    for (uint32_t i = 0; i < facts_list_length(names); i++)
        add(draft, names[i], "");
}

static bool is_number(const char *text) {
    bool digits = false;
    for (; *text != '\0'; text++) {
        digits = digits || (*text >= '0' && *text <= '9');
        if (!((*text >= '0' && *text <= '9') || *text == '.'))
            return false;
    }
    return digits;
}

static void read_pairs(struct facts_reader *reader, const struct yaml_node *node,
                       struct draft *draft) {
    enum operand form = operands[draft->quirk.kind];
    if (node->type != YAML_MAPPING) {
        facts_complain(reader, node, "'%.*s' maps names to values", SPAN_ARG(node->key->text));
        return;
    }
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        const char *value = facts_text(reader, child);
        if (value != NULL && form == OPERAND_JSON && json_validate(span_text(value)) < 0)
            facts_complain(reader, child, "'%s' is not JSON", value);
        if (value != NULL && form == OPERAND_NUMBER && !is_number(value))
            facts_complain(reader, child, "'%s' is not a number", value);
        add(draft, facts_text(reader, child->key), value);
    }
}

static void read_kind(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct draft *draft = at;
    uint32_t yes = FACT_YES;
    if (draft->fields != NULL) {
        facts_complain(reader, node, "a quirk is of one kind");
        return;
    }
    if (node->count > FACTS_WORDS_MAX || (node->type != YAML_SCALAR && node->count == 0)) {
        facts_complain(reader, node, "one to %d names stand here", FACTS_WORDS_MAX);
        return;
    }
    uint32_t room = node->type == YAML_SCALAR ? 1 : node->count;
    draft->quirk.kind = span_is(node->key->text, FACT_WORD)
                            ? FACT_QUIRK_NOTE
                            : words_find(&words_quirk, node->key->text);
    draft->fields = facts_alloc(reader, room * sizeof *draft->fields);
    draft->values = facts_alloc(reader, room * sizeof *draft->values);
    switch (operands[draft->quirk.kind]) {
    case OPERAND_NAMES:
        read_names(reader, node, draft);
        return;
    case OPERAND_PAIRS:
    case OPERAND_JSON:
    case OPERAND_NUMBER:
        read_pairs(reader, node, draft);
        return;
    case OPERAND_VALUE:
        add(draft, "", facts_text(reader, node));
        return;
    case OPERAND_YES:
        if (facts_word(reader, node, &words_tri, &yes) && yes != FACT_YES)
            facts_complain(reader, node, "a quirk that is not there needs no row");
        add(draft, "", "");
        return;
    }
}

static void finish_quirk(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    struct draft *draft = row;
    if (draft->fields == NULL)
        facts_complain(reader, node, "a quirk lacks its kind (drop, rename, note, ...)");
    else if (draft->quirk.kind == FACT_QUIRK_NOTE && draft->quirk.evidence.note[0] == '\0')
        facts_complain(reader, node, "a fact that only informs lacks its text in 'note'");
    facts_check_patterns(reader, node, draft->quirk.models);
}

#define KIND_FIELD(name, word, about) \
    {(name) == FACT_QUIRK_NOTE ? FACT_WORD : (word), FIELD_READ, false, 0, NULL, read_kind},
static const struct field quirk_fields[] = {
    FACT_QUIRK_TABLE(KIND_FIELD) NAMED("models", struct draft, quirk.models, FIELD_SOME),
    {"source", FIELD_READ, true, offsetof(struct draft, quirk.evidence), NULL, facts_read_source},
    REQUIRED_OF_WORDS("confidence", struct draft, quirk.evidence.confidence, FIELD_WORD,
                      words_confidence),
    NAMED("note", struct draft, quirk.evidence.note, FIELD_TEXT),
};
static const struct schema quirk_schema =
    SCHEMA("a quirk", struct draft, quirk_fields, finish_quirk);

struct fact_quirk *facts_read_quirks(struct facts_reader *reader, const struct yaml_node *node,
                                     uint32_t *ret_count) {
    uint32_t draft_count = 0;
    uint32_t total = 0;
    *ret_count = 0;
    const struct draft *drafts = facts_read_rows(reader, node, &quirk_schema, &draft_count);
    for (uint32_t i = 0; i < draft_count; i++)
        total += drafts[i].count;
    if (total > FACTS_ROWS_MAX) {
        facts_complain(reader, node, "these are more than %d quirks", FACTS_ROWS_MAX);
        return NULL;
    }
    struct fact_quirk *quirks = facts_alloc(reader, total * sizeof *quirks);
    for (uint32_t i = 0; i < draft_count; i++) {
        for (uint32_t k = 0; k < drafts[i].count; k++) {
            struct fact_quirk *quirk = &quirks[(*ret_count)++];
            *quirk = drafts[i].quirk;
            quirk->field = drafts[i].fields[k];
            quirk->value = drafts[i].values[k];
        }
    }
    return quirks;
}
