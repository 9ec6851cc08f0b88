// SPDX-License-Identifier: Apache-2.0
/*
 * What the catalog's tables answer to the readers of settings and keys, with tables of three providers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/known.h"
#include "base/check.h"

static const char *const google_env[] = {"GEMINI_API_KEY", "GOOGLE_API_KEY", NULL};
static const char *const cloudflare_env[] = {"CLOUDFLARE_API_TOKEN", NULL};
static const char *const cloudflare_extra[] = {"CLOUDFLARE_ACCOUNT_ID", NULL};
static const char *const watsonx_env[] = {"WATSONX_API_KEY", NULL};
static const char *const aliases[] = {"gpt-oss:120b", NULL};

static const struct fact_route google_routes[] = {
    {.model = "gemini-flash", .upstream = "models/gemini-3-flash"},
    {.model = "", .upstream = "own"}};
static const struct fact_route cloudflare_routes[] = {
    {.model = "gpt-oss-120b", .upstream = "@cf/openai/gpt-oss-120b"}};

static const struct fact_plan plans[] = {{"tier1", "billing is set up"}};

static const struct fact_provider providers[] = {
    {.id = "google",
     .plans = plans,
     .plan_count = 1,
     .dialect = "openai",
     .env = google_env,
     .routes = google_routes,
     .route_count = 2},
    {.id = "cloudflare",
     .dialect = "openai",
     .env = cloudflare_env,
     .env_extra = cloudflare_extra,
     .routes = cloudflare_routes,
     .route_count = 1},
    {.id = "watsonx", .dialect = "", .env = watsonx_env},
    {.id = "keyless", .dialect = "openai"},
};
static const struct fact_model models[] = {{.id = "gpt-oss-120b", .aliases = aliases}};
static const struct facts facts = {.compiled = "2026-11-22",
                                   .providers = providers,
                                   .provider_count = array_length(providers),
                                   .models = models,
                                   .model_count = 1};

static void knows_names(void **state) {
    static const char *const known[] = {"gpt-oss-120b",          "gpt-oss:120b",
                                        "gemini-flash",          "own",
                                        "models/gemini-3-flash", "google/models/gemini-3-flash",
                                        "google/gemini-flash",   "cloudflare/gpt-oss-120b",
                                        "gpt-oss-120b:latest",   "google/own"};
    static const char *const unknown[] = {
        "", "gpt", "google", "google/", "google/gpt-oss-120b", "groq/own", "googleown", ":latest"};
    const struct config_catalog catalog = known_catalog(&facts);
    (void)state;
    for (size_t i = 0; i < array_length(known); i++)
        if (!catalog.knows_model(catalog.context, span_text(known[i])))
            fail_msg("'%s' is known", known[i]);
    for (size_t i = 0; i < array_length(unknown); i++)
        if (catalog.knows_model(catalog.context, span_text(unknown[i])))
            fail_msg("'%s' is not known", unknown[i]);
    assert_true(catalog.knows_provider(catalog.context, SPAN_LITERAL("watsonx")));
    assert_false(catalog.knows_provider(catalog.context, SPAN_LITERAL("goog")));
    const struct span google = SPAN_LITERAL("google"), tier = SPAN_LITERAL("tier1");
    assert_true(catalog.knows_plan(catalog.context, google, tier));
    assert_false(catalog.knows_plan(catalog.context, google, SPAN_LITERAL("tier")));
    assert_false(catalog.knows_plan(catalog.context, SPAN_LITERAL("cloudflare"), tier));
    assert_false(catalog.knows_plan(catalog.context, SPAN_LITERAL("nobody"), tier));
}

static void names_the_nearest(void **state) {
    static const char *const rows[][2] = {{"gogle", "google"},
                                          {"cloudflair", "cloudflare"},
                                          {"keyles", "keyless"},
                                          {"lab", NULL},
                                          {"x", NULL},
                                          {"", NULL},
                                          {"cloudflare2", "cloudflare"}};
    const struct config_catalog catalog = known_catalog(&facts);
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        const char *nearest = catalog.nearest_provider(catalog.context, span_text(rows[i][0]));
        if (rows[i][1] == NULL)
            assert_null(nearest);
        else
            assert_string_equal(nearest, rows[i][1]);
    }
}

static void lists_variables(void **state) {
    static const struct config_variable expected[] = {{"GEMINI_API_KEY", 0, false},
                                                      {"GOOGLE_API_KEY", 0, false},
                                                      {"CLOUDFLARE_API_TOKEN", 1, false},
                                                      {"CLOUDFLARE_ACCOUNT_ID", 1, true},
                                                      {"WATSONX_API_KEY", 2, false}};
    const struct config_variable *variables;
    struct arena arena;
    (void)state;
    arena_init(&arena, NULL, 0, 65536);
    assert_int_equal(known_variables(&facts, &arena, &variables), array_length(expected));
    for (size_t i = 0; i < array_length(expected); i++) {
        assert_string_equal(variables[i].name, expected[i].name);
        assert_int_equal(variables[i].provider, expected[i].provider);
        assert_int_equal(variables[i].plain, expected[i].plain);
    }
    arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_names),
        cmocka_unit_test(names_the_nearest),
        cmocka_unit_test(lists_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
