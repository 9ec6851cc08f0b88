// SPDX-License-Identifier: Apache-2.0
/*
 * What a client may call things, and what each name leads to.
 *
 *   0  groq        gpt-oss-120b   openai/gpt-oss-120b
 *   1  google      gemini-flash   gemini-3.8-flash
 *   2  openrouter  gpt-oss-120b   openai/gpt-oss-120b:free
 *   3  openrouter  gpt-oss-120b   openai/gpt-oss-120b        not automatic
 *   4  ollama_local llama3        llama3:latest
 *   5  openai      gpt-4o         gpt-4o                     paid
 *   6  mistral     mistral-large  mistral-large-2512         also known as mistral-large-latest, large
 *   7  nvidia      nemotron       nvidia/nemotron            also known as large
 *   8  cohere      rerank         rerank-v4                  not automatic
 *   9  nvidia      gpt-oss-120b   openai/gpt-oss-120b        not automatic
 *  10  groq        shared-a       shared
 *  11  google      shared-b       shared
 */
#include "catalog_fixture.h"

static const char *const mistral_names[] = {"mistral-large-latest", "large", NULL};
static const char *const nvidia_names[] = {"large", NULL};
static const struct fact_model mistral = {
    .id = "mistral-large", .kind = "chat", .aliases = mistral_names};
static const struct fact_model nemotron = {
    .id = "nemotron", .kind = "chat", .aliases = nvidia_names};

static struct catalog_builder *filled(void) {
    static const char *const providers[] = {"groq",   "google",  "openrouter", "ollama_local",
                                            "openai", "mistral", "nvidia",     "cohere"};
    static const struct {
        uint32_t account;
        const char *model, *upstream;
        bool manual;
    } routes[] = {
        {0, "gpt-oss-120b", "openai/gpt-oss-120b", false},
        {1, "gemini-flash", "gemini-3.8-flash", false},
        {2, "gpt-oss-120b", "openai/gpt-oss-120b:free", false},
        {2, "gpt-oss-120b", "openai/gpt-oss-120b", true},
        {3, "llama3", "llama3:latest", false},
        {4, "gpt-4o", "gpt-4o", false},
        {5, "mistral-large", "mistral-large-2512", false},
        {6, "nemotron", "nvidia/nemotron", false},
        {7, "rerank", "rerank-v4", true},
        {6, "gpt-oss-120b", "openai/gpt-oss-120b", true},
        {0, "shared-a", "shared", false},
        {1, "shared-b", "shared", false},
    };
    struct catalog_builder *builder = catalog_builder_new();
    for (size_t i = 0; i < array_length(providers); i++) {
        const struct catalog_provider provider = {.id = span_text(providers[i]),
                                                  .paid = strcmp(providers[i], "openai") == 0};
        assert_int_equal(fixture_provider(builder, &provider), i);
    }
    for (size_t i = 0; i < array_length(routes); i++) {
        const struct catalog_route route = {.account = routes[i].account,
                                            .upstream_model = span_text(routes[i].upstream),
                                            .automatic = !routes[i].manual};
        fixture_route(builder, routes[i].model, &route);
    }
    const struct catalog_model models[] = {{.facts = &mistral}, {.facts = &nemotron}};
    catalog_describe_model(builder, SPAN_LITERAL("mistral-large"), &models[0]);
    catalog_describe_model(builder, SPAN_LITERAL("nemotron"), &models[1]);
    return builder;
}

static const char *const known_names[][2] = {
    /* unified ids: routes that may be chosen by themselves, in the order of adding */
    {"gpt-oss-120b", "0 2"},
    {"gemini-flash", "1"},
    {"llama3", "4"},
    {"mistral-large", "6"},
    /* only pins reach what may cost something or may not work */
    {"gpt-4o", "no pin: openai/gpt-4o"},
    {"rerank", "no pin: cohere/rerank"},
    {"rerank-v4", "no pin: cohere/rerank-v4"},
    {"openai/gpt-4o", "5"},
    {"cohere/rerank", "8"},
    {"cohere/rerank-v4", "8"},
    /* a pin of a unified id prefers what is free; one of an upstream id is exact */
    {"groq/gpt-oss-120b", "0"},
    {"openrouter/gpt-oss-120b", "2"},
    {"openrouter/openai/gpt-oss-120b", "3"},
    {"openrouter/openai/gpt-oss-120b:free", "2"},
    {"nvidia/gpt-oss-120b", "9"},
    {"groq/openai/gpt-oss-120b", "0"},
    /* upstream ids: what is automatic of them */
    {"openai/gpt-oss-120b", "0"},
    {"openai/gpt-oss-120b:free", "2"},
    {"gemini-3.8-flash", "1"},
    {"llama3:latest", "4"},
    {"shared", "no choice: groq/shared google/shared"},
    /* what else a model is called */
    {"mistral-large-latest", "6"},
    {"mistral/mistral-large-latest", "6"},
    {"large", "no choice: mistral-large nemotron"},
    {"nvidia/large", "7"},
    {"mistral/large", "6"},
    /* other tools' words for providers */
    {"gemini/gemini-flash", "1"},
    {"gemini/gemini-3.8-flash", "1"},
    {"google-ai-studio/gemini-flash", "1"},
    {"nvidia_nim/nvidia/nemotron", "7"},
    {"nvidia_nim/nemotron", "7"},
    {"cohere_chat/rerank", "8"},
    {"ollama/llama3", "4"},
    {"ollama_chat/llama3:latest", "4"},
    {"litellm_proxy/gpt-oss-120b", "0 2"},
    {"litellm_proxy/groq/gpt-oss-120b", "0"},
    {"openai/gemini-flash", "1"},
    {"papi/auto", "0 1 2 4 6 7 10 11"},
    {"hosted_vllm/llama3", "no name"}, /* that provider is not here */
    {"lm_studio/llama3", "no name"},
    {"gemini/llama3", "no name"}, /* and that one does not serve it */
    {"gemini/", "no name"},
    {"gemini", "no name"},
    /* suffixes */
    {"gpt-oss-120b:latest", "0 2"},
    {"gpt-oss-120b:free", "0 2"},
    {"gpt-oss-120b:nitro", "0 2"},
    {"groq/gpt-oss-120b:floor", "0"},
    {"openai/gpt-4o:free", "no pin: openai/gpt-4o"}, /* it is not, and is never taken for it */
    {"gpt-4o:free", "no pin: openai/gpt-4o"},
    {"nvidia/gpt-oss-120b:free", "no name"},
    {"openai/gpt-4o:nitro", "5"},
    {"gpt-oss-120b:online", "no name"},
    {":free", "no name"},
    /* case, as a last resort */
    {"GPT-OSS-120B", "0 2"},
    {"Groq/GPT-OSS-120b", "0"},
    {"LLAMA3:LATEST", "4"},
    {"Llama3", "4"},
    {"GPT-OSS-120B:free", "0 2"},
    {"openai/GPT-OSS-120B", "0"}, /* differs in case only from what groq calls it */
    {"litellm_proxy/GPT-OSS-120B", "0 2"},
    {"gemini/Gemini-Flash", "1"},
    {"NVIDIA/GPT-OSS-120B:free", "no name"},
    {"GPT-4O", "no pin: openai/gpt-4o"},
    {"Shared", "no choice: groq/shared google/shared"},
    /* auto: no paid, none that is not automatic */
    {"auto", "0 1 2 4 6 7 10 11"},
    {"auto:code", "0 1 2 4 6 7 10 11"},
    {"claude-papi-auto", "0 1 2 4 6 7 10 11"},
    {"AUTO", "0 1 2 4 6 7 10 11"},
    {"auto:vision", "no routes"},
    {"auto:", "no name"},
    {"groq/auto", "no name"},
    /* nothing */
    {"", "no name"},
    {"/", "no name"},
    {"nothing", "no name"},
    {"groq/", "no name"},
    {"/gpt-oss-120b", "no name"},
};

static void leads_names_to_routes(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = fixture_build(filled());
    for (size_t i = 0; i < array_length(known_names); i++) {
        const struct catalog_wish wish = {.name = span_text(known_names[i][0])};
        fixture_expect(snapshot, &wish, known_names[i][1]);
    }
    catalog_unref(snapshot);
}

static void aliases_reach_whatever_they_name(void **state) {
    static const char *const rows[][2] = {
        {"backup", "5 0 1 2 4 6 7 10 11"},
        {"gpt-4o", "5"}, /* an alias of that name makes the paid one reachable on purpose */
        {"openai/gpt-4o", "5"},
        {"quick", "0 2 1"},
        {"gpt-oss-120b", "0 2 6"}, /* names itself, then more */
        {"groq/gpt-oss-120b", "0"},
        {"claude-3", "1"},
        {"claude-3-mini", "0 2 6"},
        {"openai/claude-3", "1"}, /* with a word in front that says nothing */
        {"groq/claude-3", "no name"},
        {"tagged", "4"},
        {"tagged:latest", "4"},
        {"Quick", "0 2 1"},
        {"MIXED", "6"},
        {"mixed", "7"},
        {"Mixed", "no name"}, /* two differ in case only */
        {"auto:fast", "6"},   /* even a name of our own */
    };
    (void)state;
    struct catalog_builder *builder = filled();
    fixture_alias(builder, "backup", "openai/gpt-4o", "auto", NULL);
    fixture_alias(builder, "gpt-4o", "openai/gpt-4o", NULL, NULL);
    fixture_alias(builder, "quick", "groq/gpt-oss-120b", "openrouter/gpt-oss-120b",
                  "gemini/gemini-flash");
    fixture_alias(builder, "gpt-oss-120b", "gpt-oss-120b", "mistral-large", NULL);
    fixture_alias(builder, "claude-*", "gemini-flash", NULL, NULL);
    fixture_alias(builder, "claude-*-mini", "gpt-oss-120b", NULL, NULL);
    fixture_alias(builder, "tagged:latest", "llama3", NULL, NULL);
    fixture_alias(builder, "MIXED", "mistral-large-latest", NULL, NULL);
    fixture_alias(builder, "mixed", "nemotron", NULL, NULL);
    fixture_alias(builder, "auto:fast", "mistral-large", NULL, NULL);
    struct catalog_snapshot *snapshot = fixture_build(builder);
    for (size_t i = 0; i < array_length(rows); i++) {
        const struct catalog_wish wish = {.name = span_text(rows[i][0])};
        fixture_expect(snapshot, &wish, rows[i][1]);
    }
    catalog_unref(snapshot);
}

static void tells_every_target_that_leads_nowhere(void **state) {
    static const struct {
        const char *name, *target;
        enum catalog_problem_kind kind;
        const char *choice;
    } rows[] = {
        {"a", "gpt-4o", CATALOG_TARGET_PINNED, "openai/gpt-4o"},
        {"b", "shared", CATALOG_TARGET_AMBIGUOUS, "groq/shared"},
        {"c", "large", CATALOG_TARGET_AMBIGUOUS, "mistral-large"},
        {"d", "gemini-flesh", CATALOG_TARGET_UNKNOWN, "gemini-flash"},
        {"e", "ff", CATALOG_TARGET_UNKNOWN, NULL},
        {"g", "g", CATALOG_TARGET_CIRCLE, NULL},
        {"h", "zzzzzzzzzzzzzzz", CATALOG_TARGET_UNKNOWN, NULL},
    };
    (void)state;
    struct catalog_builder *builder = filled();
    struct catalog_snapshot *snapshot = NULL;
    struct span missing = SPAN_NONE;
    for (size_t i = 0; i < array_length(rows); i++)
        fixture_alias(builder, rows[i].name, "auto", rows[i].target, NULL);
    assert_int_equal(catalog_build(builder, 1, &snapshot, &missing), ERR_NOT_FOUND);
    assert_true(span_is(missing, "gpt-4o"));
    assert_int_equal(catalog_problem_count(builder), array_length(rows));
    for (uint32_t i = 0; i < array_length(rows); i++) {
        const struct catalog_problem *problem = catalog_problem_at(builder, i);
        assert_int_equal(problem->alias, i);
        assert_int_equal(problem->target, 1);
        assert_int_equal(problem->kind, rows[i].kind);
        if (rows[i].choice == NULL ? !span_absent(problem->choice)
                                   : !span_is(problem->choice, rows[i].choice))
            fail_msg("'%s': '%.*s'", rows[i].target, SPAN_ARG(problem->choice));
    }
    catalog_builder_free(builder);
}

/* A chain as long as there are aliases is followed; its other end back to its begin is a circle. */
static void follows_long_chains(void **state) {
    char names[1001][24];
    (void)state;
    for (int circle = 0; circle <= 1; circle++) {
        struct catalog_builder *builder = filled();
        struct catalog_snapshot *snapshot = NULL;
        struct span missing = SPAN_NONE;
        for (int i = 0; i <= 1000; i++)
            (void)snprintf(names[i], sizeof names[i], "link-%d", i);
        for (int i = 0; i < 1000; i++)
            fixture_alias(builder, names[i], names[i + 1], NULL, NULL);
        fixture_alias(builder, names[1000], circle ? names[0] : "mistral-large", NULL, NULL);
        int err = catalog_build(builder, 1, &snapshot, &missing);
        assert_int_equal(err, circle ? ERR_INVALID : 0);
        if (err == 0) {
            const struct catalog_wish wish = {.name = SPAN_LITERAL("link-0")};
            fixture_expect(snapshot, &wish, "6");
        } else {
            assert_int_equal(catalog_problem_count(builder), 1);
            assert_true(span_is(catalog_problem_at(builder, 0)->back_to, "link-0"));
        }
        catalog_unref(snapshot);
        catalog_builder_free(builder);
    }
}

/* Whatever bytes are asked for, and however long. */
static void survives_any_name(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = fixture_build(filled());
    char text[600];
    struct span names[4];
    for (size_t length = 0; length < sizeof text; length++) {
        for (int fill = 0; fill < 4; fill++) {
            memset(text, "x/:\xff"[fill], length);
            memcpy(text, "openai/", length < 7 ? length : 7);
            const struct catalog_wish wish = {.name = span_of(text, length)};
            fixture_expect(snapshot, &wish, "no name");
            assert_true(catalog_suggest(snapshot, wish.name, names, 4) <= 4);
        }
    }
    catalog_unref(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_names_to_routes),
        cmocka_unit_test(aliases_reach_whatever_they_name),
        cmocka_unit_test(tells_every_target_that_leads_nowhere),
        cmocka_unit_test(follows_long_chains),
        cmocka_unit_test(survives_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
