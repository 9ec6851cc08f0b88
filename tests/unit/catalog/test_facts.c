// SPDX-License-Identifier: Apache-2.0
/*
 * The facts that this build carries: how many there are, values of providers, routes and models that must not change unseen, and
 * what must hold for all rows.
 */
#include "base/check.h"
#include "support/built_in_facts.h"

static const struct fact_model *model(const char *id) {
    const struct fact_model *found = facts_model(facts, span_text(id));
    if (found == NULL)
        print_error("no model %s\n", id);
    assert_non_null(found);
    return found;
}

/* --- counts --- */

static void test_counts(void **state) {
    (void)state;
    uint32_t paid = 0, limits = 0, headers = 0, signals = 0, routes = 0, listed_free = 0;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *one = &facts->providers[i];
        if (one->kind == FACT_PAID) {
            paid++;
            continue;
        }
        limits += one->limit_count;
        headers += one->header_count;
        signals += one->signal_count;
        routes += one->route_count;
        for (uint32_t k = 0; k < one->route_count; k++)
            listed_free += one->routes[k].status == FACT_LISTED_FREE;
    }
    for (uint32_t i = 0; i < facts->dropped_count; i++)
        routes += facts->dropped[i].route_count;
    assert_int_equal(facts->provider_count - paid, 46);
    assert_int_equal(paid, 2);
    assert_int_equal(facts->model_count, 132);
    assert_int_equal(facts->dropped_count, 15);
    assert_int_equal(routes, 239);
    assert_int_equal(listed_free, 184);
    assert_int_equal(limits, 110);
    /* 49 were collected. Two families are written out: Cerebras' four windows (12 rows for one), Mistral's windows and old
     * names (13 more). */
    assert_int_equal(headers, 49 - 1 + 12 + 13);
    /* 120 were collected; 11 of them say two things at once and are two rows. Mistral's limit of zero has four names, and its
     * refusal may have no body. */
    assert_int_equal(signals, 120 + 11 + 4);
    assert_string_equal(facts->compiled, "2026-11-22");
}

/* --- routes and models --- */

static const struct fact_route *route(const char *id, const char *upstream) {
    const struct fact_provider *of = provider(id);
    for (uint32_t i = 0; i < of->route_count; i++)
        if (strcmp(of->routes[i].upstream, upstream) == 0)
            return &of->routes[i];
    print_error("%s has no %s\n", id, upstream);
    fail();
    return NULL;
}

static void test_routes(void **state) {
    (void)state;
    const struct fact_route *llama =
        route("cloudflare", "@cf/meta/llama-3.3-70b-instruct-fp8-fast");
    assert_int_equal(llama->cost_input_micro, 26668);
    assert_int_equal(llama->cost_output_micro, 204805);
    assert_int_equal(llama->context_tokens, 24000);
    assert_string_equal(llama->model, "llama-3.3-70b");
    assert_int_equal(route("cloudflare", "@cf/baai/bge-m3")->cost_input_micro, 1075);
    assert_int_equal(route("cloudflare", "@cf/baai/bge-m3")->cost_output_micro, 0);
    assert_int_equal(route("groq", "openai/gpt-oss-120b")->output_tokens_max, 65536);
    assert_int_equal(route("groq", "llama-3.3-70b-versatile")->status, FACT_REMOVED);
    assert_string_equal(route("groq", "llama-3.3-70b-versatile")->since, "2026-08-16");
    assert_int_equal(route("zai", "glm-4.5-flash")->status, FACT_RETIRING);
    assert_int_equal(route("mistral", "mistral-small-2506")->status, FACT_PIN_ONLY);
    assert_int_equal(route("nvidia", "moonshotai/kimi-k3")->status, FACT_HANGS);
    assert_int_equal(route("huggingface", "BAAI/bge-m3")->status, FACT_CREDIT_METERED);
    assert_int_equal(route("poolside", "laguna-s-2.1")->status, FACT_LIMITED_TIME);
    assert_string_equal(facts->dropped[0].id, "github_models");
    assert_int_equal(facts->dropped[0].routes[0].status, FACT_PROVIDER_RETIRED);
}

static void test_models(void **state) {
    (void)state;
    const struct fact_model *oss = model("gpt-oss-120b");
    assert_int_equal(oss->context_tokens, 131072);
    assert_int_equal(oss->tools, FACT_YES);
    assert_int_equal(oss->json_schema, FACT_YES);
    assert_string_equal(oss->reasoning_levels, "low,medium,high");
    assert_int_equal(oss->quality[FACT_TASK_GENERAL], 850);
    assert_true(oss->quality_estimated);
    const struct fact_model *gemini = model("gemini-3.8-flash");
    assert_true(gemini->text && gemini->image && gemini->audio && gemini->video);
    assert_true(lists(gemini->aliases, "gemini-flash-latest"));
    assert_int_equal(model("qwen3-32b")->quality[FACT_TASK_GENERAL], 862);
    assert_false(model("qwen3-32b")->quality_estimated);
    assert_int_equal(model("qwen3-32b")->quality[FACT_TASK_VISION], 0);
    assert_int_equal(model("codestral")->quality[FACT_TASK_CODE], 456);
    assert_int_equal(model("glm-4.7-flash")->json_schema, FACT_NO);
    assert_int_equal(model("big-pickle")->tools, FACT_UNKNOWN);
    assert_int_equal(model("big-pickle")->quality[FACT_TASK_GENERAL], 0);
    assert_int_equal(model("bge-m3")->dimensions, 1024);
    assert_string_equal(model("bge-m3")->kind, "embedding");
    assert_string_equal(model("auto-kilo-free")->kind, "router");
    assert_null(facts_model(facts, SPAN_LITERAL("gpt-oss-120")));
}

/* --- providers --- */

static void test_providers(void **state) {
    (void)state;
    const struct fact_provider *cloudflare = provider("cloudflare");
    assert_string_equal(cloudflare->env[0], "CLOUDFLARE_API_TOKEN");
    assert_string_equal(cloudflare->env_extra[0], "CLOUDFLARE_ACCOUNT_ID");
    assert_string_equal(cloudflare->base_url,
                        "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1");
    assert_string_equal(provider("google")->env[0], "GEMINI_API_KEY");
    assert_string_equal(provider("google")->env[1], "GOOGLE_API_KEY");
    assert_int_equal(provider("google")->terms.trains, FACT_YES);
    assert_int_equal(provider("groq")->charge, FACT_CHARGE_UP_FRONT);
    assert_int_equal(provider("cerebras")->charge, FACT_CHARGE_UP_FRONT);
    assert_false(provider("cerebras")->on);
    assert_true(provider("groq")->on);
    assert_false(provider("orcarouter")->on);
    assert_true(provider("ovhcloud")->keyless_safe);
    assert_int_equal(provider("ovhcloud")->key_is_billed, FACT_YES);
    assert_false(provider("kilo")->keyless_safe);
    assert_string_equal(provider("openrouter")->default_plan, "default");
    assert_int_equal(provider("openrouter")->plan_count, 2);
    assert_string_equal(provider("openrouter")->key_probe, "GET /key");
    assert_int_equal(provider("openrouter")->quota_cached_ms, 60000);
    assert_true(
        lists(provider("openrouter")->quota_fields, "data.free_model_daily_requests.remaining"));
    assert_int_equal(provider("openrouter")->stream.comments, FACT_YES);
    assert_int_equal(provider("ollama_local")->stream.comments, FACT_UNKNOWN);
    assert_string_equal(provider("watsonx")->dialect, "");
    assert_false(provider("watsonx")->on);
    assert_string_equal(provider("anthropic")->dialect, "");
    assert_int_equal(provider("openai")->kind, FACT_PAID);
    assert_false(provider("openai")->on);
    assert_string_equal(provider("aihorde")->auth_header, "apikey");
    assert_int_equal(provider("nvidia")->terms.commercial, FACT_NO);
    assert_true(lists(provider("groq")->stream.extras, "executed_tools"));
    assert_null(facts_provider(facts, SPAN_LITERAL("groqq")));
    assert_null(facts_provider(facts, SPAN_LITERAL("")));
}

static void test_names_are_unique(void **state) {
    (void)state;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *a = &facts->providers[i];
        assert_int_equal(strlen(a->short_id), 2);
        assert_ptr_equal(facts_provider(facts, span_text(a->id)), a);
        for (uint32_t k = i + 1; k < facts->provider_count; k++) {
            const struct fact_provider *b = &facts->providers[k];
            assert_string_not_equal(a->id, b->id);
            assert_string_not_equal(a->short_id, b->short_id);
            for (const char *const *name = a->env; *name != NULL; name++)
                assert_false(lists(b->env, *name));
        }
    }
    for (uint32_t i = 0; i < facts->model_count; i++)
        assert_ptr_equal(facts_model(facts, span_text(facts->models[i].id)), &facts->models[i]);
}

/* --- what holds for all rows --- */

static void assert_evidence(const struct fact_evidence *evidence, const char *of) {
    if (evidence->source == NULL || evidence->source[0] == '\0')
        print_error("%s: a row without a source\n", of);
    assert_non_null(evidence->source);
    assert_true(evidence->source[0] != '\0');
    assert_non_null(evidence->note);
}

static void test_every_row_has_evidence(void **state) {
    (void)state;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *of = &facts->providers[i];
        assert_evidence(&of->evidence, of->id);
        for (uint32_t k = 0; k < of->limit_count; k++)
            assert_evidence(&of->limits[k].evidence, of->id);
        for (uint32_t k = 0; k < of->header_count; k++)
            assert_evidence(&of->headers[k].evidence, of->id);
        for (uint32_t k = 0; k < of->signal_count; k++)
            assert_evidence(&of->signals[k].evidence, of->id);
        for (uint32_t k = 0; k < of->quirk_count; k++)
            assert_evidence(&of->quirks[k].evidence, of->id);
        for (uint32_t k = 0; k < of->route_count; k++) {
            assert_evidence(&of->routes[k].evidence, of->id);
            assert_true(of->routes[k].model[0] == '\0' ||
                        facts_model(facts, span_text(of->routes[k].model)) != NULL);
        }
    }
    for (uint32_t i = 0; i < facts->model_count; i++)
        assert_evidence(&facts->models[i].evidence, facts->models[i].id);
    for (uint32_t i = 0; i < facts->dropped_count; i++)
        assert_evidence(&facts->dropped[i].evidence, facts->dropped[i].id);
    assert_string_equal(provider("groq")->limits[0].evidence.source,
                        "pauljones0/freellmpool provider registry, 2026-09-18; "
                        "mnfst/awesome-free-llm-apis data.json, 2026-10-05");
    assert_int_equal(provider("groq")->limits[0].evidence.confidence, FACT_HIGH);
}

static void test_what_is_on_can_be_found(void **state) {
    (void)state;
    uint32_t on = 0;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *of = &facts->providers[i];
        on += of->on;
        assert_true(!of->on || of->env[0] != NULL || of->kind == FACT_LOCAL);
        assert_true(!of->on || of->dialect[0] != '\0');
        assert_true((of->dialect[0] == '\0') == (of->unusable[0] != '\0'));
        assert_true(of->kind != FACT_RESELLER || !of->on);
    }
    assert_true(on > 20);
}

/* What nothing can obey is marked; all else says for whom and how long. */
static void test_rows_that_only_inform(void **state) {
    (void)state;
    uint32_t signals = 0, quirks = 0;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *of = &facts->providers[i];
        for (uint32_t k = 0; k < of->signal_count; k++) {
            const struct fact_signal *signal = &of->signals[k];
            signals += signal->note;
            assert_true(signal->note || signal->match_count > 0 || signal->statuses[0] != 0);
            assert_true(signal->until != FACT_UNTIL_TIME ||
                        (signal->least_ms > 0 && signal->most_ms >= signal->least_ms));
        }
        for (uint32_t k = 0; k < of->quirk_count; k++) {
            quirks += of->quirks[k].kind == FACT_QUIRK_NOTE;
            assert_true(of->quirks[k].kind != FACT_QUIRK_NOTE ||
                        of->quirks[k].evidence.note[0] != '\0');
        }
    }
    assert_int_equal(signals, 2);
    assert_true(quirks > 0);
}

/* --- patterns and words --- */

static void test_patterns(void **state) {
    (void)state;
    const char *const some[] = {"gemini-*-flash", "lite", "*:free", NULL};
    assert_true(facts_models_match(NULL, SPAN_LITERAL("anything")));
    assert_true(facts_models_match(some, SPAN_LITERAL("gemini-3.8-flash")));
    assert_true(facts_models_match(some, SPAN_LITERAL("lite")));
    assert_true(facts_models_match(some, SPAN_LITERAL("x/y:free")));
    assert_true(facts_models_match(some, SPAN_LITERAL(":free")));
    assert_false(facts_models_match(some, SPAN_LITERAL("gemini-3.8-flash-lite")));
    assert_false(facts_models_match(some, SPAN_LITERAL("gemini-flash")));
    assert_false(facts_models_match(some, SPAN_LITERAL("Lite")));
    assert_false(facts_models_match(some, SPAN_LITERAL("")));
    const char *const none[] = {NULL};
    assert_false(facts_models_match(none, SPAN_LITERAL("lite")));
}

static void test_words(void **state) {
    (void)state;
    assert_string_equal(fact_kind_word(FACT_NEEDS_CARD), "trial_requires_payment_method");
    assert_string_equal(fact_status_word(FACT_USABLE_TINY), "usable_tiny");
    assert_string_equal(fact_route_status_word(FACT_ROUTE_ONE_TIME), "one_time_credits");
    assert_string_equal(fact_class_word(FACT_CLASS_REQUEST_TOO_LARGE),
                        "request_too_large_for_limit");
    assert_string_equal(fact_tri_word(FACT_YES), "yes");
    assert_string_equal(limit_unit_word(LIMIT_MICRO_USD), "usd_credit");
    assert_string_equal(limit_unit_word(LIMIT_UNIT_COUNT), "unknown");
    assert_string_equal(limit_shape_word(LIMIT_REFILL), "refill");
    assert_string_equal(limit_scope_word(LIMIT_BY_IP_MODEL), "ip_model");
    assert_true(fact_route_free(FACT_PIN_ONLY));
    assert_false(fact_route_automatic(FACT_PIN_ONLY));
    assert_true(fact_route_automatic(FACT_LISTED_FREE));
    assert_false(fact_route_free(FACT_ROUTE_ONE_TIME));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_every_row_has_evidence),
        cmocka_unit_test(test_what_is_on_can_be_found),
        cmocka_unit_test(test_rows_that_only_inform),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
