// SPDX-License-Identifier: Apache-2.0
/*
 * The schemas of models.yaml and dropped.yaml.
 *
 * A model's quality is written as numbers in thousandths for each class of tasks, since a person must be able to see and change
 * what routing believes; where each comes from stands beside it. A class that nobody knows is left out: unknown is not bad.
 * Promises: ids and aliases are unique among all of them. Leaves to others: what becomes of an unknown quality (the builder of a
 * snapshot guesses low).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

#define QUALITY_MAX 1000

/* --- quality --- */

struct quality {
    uint16_t values[FACT_TASK_CLASS_COUNT];
    bool estimated;
    struct fact_evidence evidence;
};

static void read_quality_value(struct facts_reader *reader, const struct yaml_node *node,
                               void *at) {
    uint64_t value;
    if (!facts_scaled(reader, node, 1, &value))
        return;
    if (value < 1 || value > QUALITY_MAX)
        facts_complain(reader, node, "quality is 1 to %d thousandths; unknown is left out",
                       QUALITY_MAX);
    else
        ((struct quality *)at)->values[words_find(&words_task_class, node->key->text)] =
            (uint16_t)value;
}

#define CLASS_FIELD(name, word) {word, FIELD_READ, false, 0, NULL, read_quality_value},
static const struct field quality_fields[] = {
    FACT_TASK_CLASS_TABLE(CLASS_FIELD) FIELD(struct quality, estimated, FIELD_YES),
    {"source", FIELD_READ, true, offsetof(struct quality, evidence), NULL, facts_read_source},
    NAMED("note", struct quality, evidence.note, FIELD_TEXT),
};
static const struct schema quality_schema =
    SCHEMA("a quality", struct quality, quality_fields, NULL);

static void read_quality(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_model *model = at;
    struct quality *quality = facts_alloc(reader, sizeof *quality);
    facts_set_defaults(&quality_schema, quality);
    quality->evidence.note = "";
    if (!facts_read_row(reader, node, &quality_schema, quality))
        return;
    memcpy(model->quality, quality->values, sizeof model->quality);
    model->quality_estimated = quality->estimated;
    model->quality_source = quality->evidence.source;
    if (quality->evidence.note[0] != '\0')
        model->quality_source =
            arena_format(reader->arena, "%s: %s", quality->evidence.source, quality->evidence.note);
    check(model->quality_source != NULL); /* the row asked for room */
}

/* --- models --- */

static void read_reads(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_model *model = at;
    const char *const *words = facts_list(reader, node, &words_reads);
    bool *flags[] = {&model->text, &model->image, &model->audio, &model->video};
    check(array_length(flags) == words_reads.count);
    for (uint32_t i = 0; i < facts_list_length(words); i++)
        *flags[words_find(&words_reads, span_text(words[i]))] = true;
}

static void finish_model(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    struct fact_model *model = row;
    facts_take_name(reader, facts_child(node, "id"), "model", model->id);
    for (uint32_t i = 0; i < facts_list_length(model->aliases); i++)
        facts_take_name(reader, facts_child(node, "aliases"), "model", model->aliases[i]);
    if (model->reasoning_levels[0] != '\0' && model->reasoning != FACT_YES)
        facts_complain(reader, node, "levels of reasoning without reasoning: yes");
    if (model->dimensions > 0 && strcmp(model->kind, "embedding") != 0)
        facts_complain(reader, facts_child(node, "dimensions"), "only embeddings have dimensions");
}

#define TRI(name) OF_WORDS(#name, struct fact_model, name, FIELD_WORD, words_tri)
static const struct field model_fields[] = {
    REQUIRED("id", struct fact_model, id, FIELD_TEXT),
    REQUIRED_OF_WORDS("kind", struct fact_model, kind, FIELD_TEXT, words_model_kind),
    FIELD(struct fact_model, family, FIELD_TEXT),
    FIELD(struct fact_model, aliases, FIELD_LIST),
    NAMED("context", struct fact_model, context_tokens, FIELD_NUMBER),
    NAMED("output", struct fact_model, output_tokens_max, FIELD_NUMBER),
    {"reads", FIELD_READ, true, 0, NULL, read_reads},
    TRI(tools),
    TRI(reasoning),
    NAMED("levels", struct fact_model, reasoning_levels, FIELD_TEXT),
    TRI(json_object),
    TRI(json_schema),
    FIELD(struct fact_model, dimensions, FIELD_NUMBER_32),
    {"quality", FIELD_READ, false, 0, NULL, read_quality},
    EVIDENCE(struct fact_model),
};
const struct schema facts_model_schema =
    SCHEMA("a model", struct fact_model, model_fields, finish_model);

/* --- dropped providers --- */

static void read_dropped_routes(struct facts_reader *reader, const struct yaml_node *node,
                                void *at) {
    struct fact_dropped *dropped = at;
    dropped->routes = facts_read_rows(reader, node, &facts_route_schema, &dropped->route_count);
}

static void finish_dropped(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    facts_take_name(reader, facts_child(node, "id"), "id", ((struct fact_dropped *)row)->id);
}

static const struct field dropped_fields[] = {
    REQUIRED("id", struct fact_dropped, id, FIELD_TEXT),
    REQUIRED("name", struct fact_dropped, name, FIELD_TEXT),
    REQUIRED("reason", struct fact_dropped, reason, FIELD_TEXT),
    FIELD(struct fact_dropped, since, FIELD_DATE),
    {"routes", FIELD_READ, false, 0, NULL, read_dropped_routes},
    EVIDENCE(struct fact_dropped),
};
const struct schema facts_dropped_schema =
    SCHEMA("a dropped provider", struct fact_dropped, dropped_fields, finish_dropped);
