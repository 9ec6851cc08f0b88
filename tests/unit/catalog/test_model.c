// SPDX-License-Identifier: Apache-2.0
/* From facts to models and abilities; how fast a model is guessed to be. */
#include "catalog/internal.h"
#include "catalog/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void takes_what_facts_say(void **state) {
    static const struct {
        const char *word;
        enum catalog_kind kind;
    } kinds[] = {{"chat", CATALOG_CHAT},    {"chat_code", CATALOG_CHAT},
                 {"router", CATALOG_CHAT},  {"embedding", CATALOG_EMBED},
                 {"rerank", CATALOG_OTHER}, {"audio_speech", CATALOG_OTHER},
                 {"image", CATALOG_OTHER},  {"moderation_chat", CATALOG_OTHER},
                 {"", CATALOG_OTHER}};
    (void)state;
    for (size_t i = 0; i < array_length(kinds); i++) {
        const struct fact_model facts = {
            .id = "x",
            .kind = kinds[i].word,
            .dimensions = 768,
            .quality = {[FACT_TASK_GENERAL] = 410, [FACT_TASK_VISION] = 300}};
        struct catalog_model model = {.created_s = 9, .route_count = 9};
        catalog_model_from_facts(&facts, &model);
        assert_int_equal(model.kind, kinds[i].kind);
        assert_true(span_is(model.id, "x") && model.facts == &facts && model.dimensions == 768);
        assert_true(model.created_s == 0 && model.route_count == 0 && model.routes == NULL);
        assert_int_equal(model.quality[FACT_TASK_GENERAL], 410);
        assert_int_equal(model.quality[FACT_TASK_VISION], 300);
        assert_int_equal(model.quality[FACT_TASK_LONG], 410);
    }
    const struct fact_model nothing = {.id = "y", .kind = "chat"};
    struct catalog_model model;
    catalog_model_from_facts(&nothing, &model);
    for (size_t i = 0; i < FACT_TASK_CLASS_COUNT; i++)
        assert_int_equal(model.quality[i], CATALOG_QUALITY_UNKNOWN);
}

static struct catalog_abilities abilities(enum fact_tri all, const struct fact_provider *provider,
                                          const char *upstream) {
    const struct fact_model model = {.tools = all,
                                     .json_object = all,
                                     .json_schema = all,
                                     .reasoning = all,
                                     .image = all == FACT_YES,
                                     .audio = all == FACT_YES};
    return catalog_abilities_from_facts(&model, provider, span_text(upstream));
}

static void knows_what_unknown_means(void **state) {
    (void)state;
    struct catalog_abilities yes = abilities(FACT_YES, NULL, "u");
    assert_true(yes.stream && yes.tools && yes.json_object && yes.json_schema && yes.reasoning &&
                yes.vision && yes.audio_in);
    struct catalog_abilities no = abilities(FACT_NO, NULL, "u");
    assert_true(no.stream);
    assert_false(no.tools || no.json_object || no.json_schema || no.reasoning || no.vision ||
                 no.audio_in);
    struct catalog_abilities unknown = abilities(FACT_UNKNOWN, NULL, "u");
    assert_true(unknown.stream && unknown.json_object); /* refused loudly, if at all */
    assert_false(unknown.tools || unknown.json_schema || unknown.reasoning);
}

static void obeys_quirks_of_a_provider(void **state) {
    static const char *const some[] = {"small-*", "exact", NULL};
    static const struct fact_quirk quirks[] = {
        {.kind = FACT_QUIRK_CANNOT, .field = "tools", .models = some},
        {.kind = FACT_QUIRK_CANNOT, .field = "json_schema"},
        {.kind = FACT_QUIRK_CANNOT, .field = "tool_choice_required"},
        {.kind = FACT_QUIRK_DROP, .field = "stream"},
    };
    static const struct fact_provider provider = {.quirks = quirks,
                                                  .quirk_count = array_length(quirks)};
    static const struct {
        const char *upstream;
        bool tools;
    } rows[] = {{"small-1", false}, {"small-", false}, {"exact", false},
                {"exact2", true},   {"smal", true},    {"", true}};
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct catalog_abilities found = abilities(FACT_YES, &provider, rows[i].upstream);
        assert_int_equal(found.tools, rows[i].tools);
        assert_true(found.stream && found.json_object && !found.json_schema);
    }
}

static void guesses_speed(void **state) {
    static const struct {
        const char *provider, *model;
        unsigned speed;
    } rows[] = {
        {"p", "llama-3.1-8b", 2},
        {"p", "llama-3.3-70b", 0},
        {"groq", "llama-3.3-70b", 2},
        {"groq", "llama-3.1-8b", 4},
        {"p", "qwen3-30b-a3b", 2},
        {"p", "qwen3.5-397b-a17b", 1},
        {"p", "gpt-oss-120b", 2},
        {"cerebras", "gpt-oss-120b", 4},
        {"p", "qwen3-32b", 1},
        {"p", "gemini-2.5-flash", 2},
        {"p", "gemini-2.5-pro", 0},
        {"p", "unknown", 0},
        {"p", "embeddinggemma-300m", 0},
        {"p", "qwen3-0.6b", 2},
        {"p", "kimi-k3", 1},
        {"p", "llama-4-scout", 1},
        {"p", "b", 0},
        {"p", "-b", 0},
        {"p", "99999999999999b", 0},
        {"p", "", 0},
        {"p", "deepseek-r1-distill-qwen-32b", 1},
        {"p", "ministral-8b-2512", 2},
        {"p", "llama3:8b", 2},
        {"p", "Qwen3-8B", 2},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        unsigned speed = catalog__speed(span_text(rows[i].provider), span_text(rows[i].model));
        if (speed != rows[i].speed)
            fail_msg("%s at %s: %u, expected %u", rows[i].model, rows[i].provider, speed,
                     rows[i].speed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_facts_say),
        cmocka_unit_test(knows_what_unknown_means),
        cmocka_unit_test(obeys_quirks_of_a_provider),
        cmocka_unit_test(guesses_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
