// SPDX-License-Identifier: Apache-2.0
/*
 * What the facts of a model say, in the snapshot's terms.
 *
 * Why a function of its own: the catalog compiled in, one that came later and the tests all describe models by the same rows, and
 * each rule about what is unknown must be the same for all. Promises: pure; no quality is 0. Leaves to others: which capability
 * bit each ability is (the catalog knows no messages).
 */
#include "catalog/model.h"

#include "catalog/internal.h"

/* Kinds that are not in the list serve tasks of their own (rerank, sound, images, moderation). */
static const struct {
    const char *word;
    enum catalog_kind kind;
} kinds[] = {
    {"chat", CATALOG_CHAT},
    {"chat_code", CATALOG_CHAT},
    {"router", CATALOG_CHAT}, /* picks a model itself; asked like one */
    {"embedding", CATALOG_EMBED},
};

enum catalog_kind catalog_kind_of(const char *fact_kind) {
    for (size_t i = 0; i < array_length(kinds); i++)
        if (strcmp(kinds[i].word, fact_kind) == 0)
            return kinds[i].kind;
    return CATALOG_OTHER;
}

void catalog_model_from_facts(const struct fact_model *facts, struct catalog_model *ret_model) {
    *ret_model = (struct catalog_model){.id = span_text(facts->id),
                                        .kind = catalog_kind_of(facts->kind),
                                        .dimensions = facts->dimensions,
                                        .facts = facts};
    memcpy(ret_model->quality, facts->quality, sizeof ret_model->quality);
    catalog__fill_quality(ret_model->quality);
}

void catalog__fill_quality(uint16_t *quality) {
    if (quality[FACT_TASK_GENERAL] == 0)
        quality[FACT_TASK_GENERAL] = CATALOG_QUALITY_UNKNOWN;
    for (size_t i = 0; i < FACT_TASK_CLASS_COUNT; i++)
        if (quality[i] == 0)
            quality[i] = quality[FACT_TASK_GENERAL];
}

static bool fits(const char *const *patterns, struct span upstream) {
    if (patterns == NULL)
        return true;
    for (; *patterns != NULL; patterns++)
        if (span_is(upstream, *patterns) || catalog__matches(span_text(*patterns), upstream))
            return true;
    return false;
}

/* What FACT_QUIRK_CANNOT calls an ability; tool_choice_required is the dialect's. */
static void take_away(struct catalog_abilities *abilities, const char *field) {
    const struct {
        const char *word;
        bool *ability;
    } words[] = {{"tools", &abilities->tools},
                 {"stream", &abilities->stream},
                 {"json_object", &abilities->json_object},
                 {"json_schema", &abilities->json_schema}};
    for (size_t i = 0; i < array_length(words); i++)
        if (strcmp(field, words[i].word) == 0)
            *words[i].ability = false;
}

struct catalog_abilities catalog_abilities_from_facts(const struct fact_model *model,
                                                      const struct fact_provider *provider,
                                                      struct span upstream) {
    struct catalog_abilities abilities = {
        .stream = true,
        .tools = model->tools == FACT_YES,             /* silent: the model answers in words */
        .json_object = model->json_object != FACT_NO,  /* loud: response_format is refused */
        .json_schema = model->json_schema == FACT_YES, /* silent: any JSON comes */
        .reasoning = model->reasoning == FACT_YES,
        .vision = model->image,
        .audio_in = model->audio,
    };
    for (uint32_t i = 0; provider != NULL && i < provider->quirk_count; i++) {
        const struct fact_quirk *quirk = &provider->quirks[i];
        if (quirk->kind == FACT_QUIRK_CANNOT && fits(quirk->models, upstream))
            take_away(&abilities, quirk->field);
    }
    return abilities;
}
