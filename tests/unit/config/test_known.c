// SPDX-License-Identifier: Apache-2.0
/*
 * Providers that the caller's catalog knows by name, choices of who is asked, proxies and their variables.
 *
 * The catalog here knows two providers and two models.
 */
#include "config_fixture.h"

static bool knows_provider(void *context, struct span id) {
    assert_string_equal(context, "catalog");
    return span_is(id, "groq") || span_is(id, "openai");
}

static bool knows_model(void *context, struct span name) {
    assert_string_equal(context, "catalog");
    return span_is(name, "gpt-oss-120b") || span_is(name, "groq/openai/gpt-oss-120b");
}

static const char *nearest_provider(void *context, struct span id) {
    assert_string_equal(context, "catalog");
    return span_is(id, "grok") ? "groq" : NULL;
}

static bool knows_plan(void *context, struct span provider, struct span plan) {
    assert_string_equal(context, "catalog");
    return span_is(provider, "groq") && (span_is(plan, "topped_up") || span_is(plan, "paid"));
}

static bool knows_zone(void *context, struct span zone) {
    assert_string_equal(context, "catalog");
    return span_is(zone, "Asia/Shanghai");
}

static int parse(const char *yaml, struct config **ret_config, struct config_report *ret_report) {
    static char context[] = "catalog";
    static const struct config_catalog catalog = {knows_provider, knows_model, nearest_provider,
                                                  knows_plan,     knows_zone,  context};
    const struct config_environment environment = {.get = fixture_get, .catalog = &catalog};
    return config_parse(span_text(yaml), "/nowhere/t.yaml", &environment, ret_config, ret_report);
}

static const struct example incomplete[] = {
    {"providers: {grok: {keys: [env:GOOD]}}\n",
     "t:1:13: error: the catalog knows no provider 'grok'; did you mean 'groq'? Another one needs "
     "base_url and models\n"},
    {"providers: {grok: {base_url: http://localhost:1}}\n",
     "t:1:13: error: 'providers.grok.models' is missing; list the models it serves, such as "
     "models: [qwen3-8b]\n"},
    {"providers: {mine: {enabled: yes}}\n",
     "t:1:13: error: 'providers.mine.base_url' is missing; give the address of its API, such as "
     "https://api.example.com/v1\n"
     "t:1:13: error: 'providers.mine.models' is missing; list the models it serves, such as "
     "models: [qwen3-8b]\n"},
    {"providers: {grok: {base_url: http://localhost:1, models: [m]}}\n", ""},
    {"providers: {groq: {enabled: no}}\n", ""},
    {"providers: {groq: {}, groq: {}}\n",
     "t:1:23: error: 'groq' is set twice; the first one is at 1:13\n"},
    {"providers: {groq: {base_url: ftp://x}}\n",
     "t:1:30: error: 'providers.groq.base_url' must start with http:// or https://\n"},
    {"providers: {groq: {plan: huge}}\n",
     "t:1:26: error: 'providers.groq' has no plan 'huge' that the catalog knows\n"},
    {"providers: {openai: {keys: [{key: env:GOOD, plan: paid}]}}\n",
     "t:1:28: error: 'providers.openai' has no plan 'paid' that the catalog knows\n"},
    {"providers: {groq: {limits: [{requests: 5, per: day, zone: Asia/Shanghai}]}}\n", ""},
    {"providers: {groq: {limits: [{requests: 5, per: day, zone: Asia/Shangai}]}}\n",
     "t:1:53: error: 'providers.groq.limits.zone' is no zone that PAPI knows; use one such as "
     "America/Los_Angeles, or a POSIX rule\n"},
    {"models: {aliases: {a: [gpt-oss-120b, groq/openai/gpt-oss-120b, auto]}}\n", ""},
    {"models: {aliases: {'gpt-*': gpt-oss-120b}}\n", ""},
};

static void asks_the_catalog(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(incomplete); i++) {
        struct config *config;
        struct config_report report;
        int err = parse(incomplete[i].yaml, &config, &report);
        fixture_expect_report(&report, incomplete[i].yaml, incomplete[i].report);
        assert_int_equal(err, report.errors > 0 ? ERR_INVALID : 0);
        config_free(config);
    }
}

static const char known[] =
    "audience: group\n"
    "keyless: off\n"
    "local_servers: off\n"
    "dotenv: off\n"
    "providers:\n"
    "  groq:\n"
    "    keys: [{key: env:GOOD, account: work, billing: free}, {key: env:GOOD, account: own, plan: "
    "paid}]\n"
    "    billing: unknown\n"
    "    plan: topped_up\n"
    "    data_use: no-training\n"
    "    proxy: none\n"
    "    user_agent: papi-gateway (tests)\n"
    "  openai: {tier: paid, models: [{id: gpt, free: no}, {id: gift, free: yes}, plain]}\n"
    "  lab: {base_url: http://localhost:1, models: [m], data_use: trains, proxy: "
    "'socks5h://[::1]:9'}\n";

static void reads_what_is_said(void **state) {
    struct config *config;
    struct config_report report;
    (void)state;
    assert_int_equal(parse(known, &config, &report), 0);
    fixture_expect_report(&report, known, "");
    assert_int_equal(config->audience, CONFIG_GROUP);
    assert_int_equal(config->data_use, CONFIG_DATA_NO_TRAINING);
    assert_int_equal(config->keyless, CONFIG_KEYLESS_OFF);
    assert_int_equal(config->local_servers, CONFIG_LOCAL_OFF);
    assert_false(config->dotenv);
    const struct config_provider *groq = &config->providers[0];
    assert_true(span_absent(groq->type) && span_absent(groq->host) && groq->models == NULL);
    assert_int_equal(groq->tier, CONFIG_TIER_NOT_SAID);
    assert_int_equal(groq->billing, CONFIG_BILLING_UNKNOWN);
    assert_int_equal(groq->training, CONFIG_NO_TRAINING);
    assert_span(groq->proxy, "none");
    assert_span(groq->user_agent, "papi-gateway (tests)");
    assert_int_equal(groq->key_count, 2);
    assert_int_equal(groq->keys[0].billing, CONFIG_BILLING_FREE);
    assert_span(groq->keys[0].plan, "topped_up");
    assert_span(groq->keys[0].source, "t.yaml:7");
    assert_int_equal(groq->keys[1].billing, CONFIG_BILLING_UNKNOWN);
    assert_span(groq->keys[1].plan, "paid");
    const struct config_provider *openai = &config->providers[1];
    assert_int_equal(openai->key_count, 0);
    assert_int_equal(openai->tier, CONFIG_TIER_PAID);
    assert_int_equal(openai->models[0].free, CONFIG_NO);
    assert_int_equal(openai->models[1].free, CONFIG_YES);
    assert_int_equal(openai->models[2].free, CONFIG_NOT_SAID);
    const struct config_provider *lab = &config->providers[2];
    assert_span(lab->type, "openai");
    assert_int_equal(lab->key_count, 1);
    assert_null(lab->keys[0].key);
    assert_int_equal(lab->keys[0].billing, CONFIG_BILLING_UNKNOWN);
    assert_int_equal(lab->training, CONFIG_TRAINS);
    assert_span(lab->proxy, "socks5h://[::1]:9");
    config_free(config);
}

static void says_what_may_be_done_with_prompts(void **state) {
    static const struct {
        const char *yaml;
        enum config_data_use data_use;
    } rows[] = {
        {"", CONFIG_DATA_ANY},
        {"audience: self\n", CONFIG_DATA_ANY},
        {"audience: group\n", CONFIG_DATA_NO_TRAINING},
        {"audience: public\n", CONFIG_DATA_NO_TRAINING},
        {"audience: public\nrouting: {data_use: any}\n", CONFIG_DATA_ANY},
        {"routing: {data_use: no-training}\n", CONFIG_DATA_NO_TRAINING},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct config *config = fixture_accept(rows[i].yaml, NULL);
        assert_int_equal(config->data_use, rows[i].data_use);
        config_free(config);
    }
}

struct proxies {
    const char *yaml;
    const char *variables[9];
    const char *https, *http, *around; /* "" = none */
};

static const struct proxies proxies[] = {
    {"", {NULL}, "", "", ""},
    {"proxy: http://a:1\n", {NULL}, "http://a:1", "http://a:1", ""},
    {"proxy: a.example:3128\n", {NULL}, "a.example:3128", "a.example:3128", ""},
    {"proxy: http://a:1\n",
     {"HTTPS_PROXY", "http://b:2", "NO_PROXY", "c,.d", NULL},
     "http://a:1",
     "http://a:1",
     "c,.d"},
    {"proxy: none\n", {"HTTPS_PROXY", "http://b:2", NULL}, "", "", ""},
    {"proxy: none\n", {"HTTPS_PROXY", "nonsense://b", NULL}, "", "", ""},
    {"", {"HTTPS_PROXY", "http://b:2", NULL}, "http://b:2", "", ""},
    {"", {"HTTP_PROXY", "http://b:2", NULL}, "", "http://b:2", ""},
    {"",
     {"ALL_PROXY", "socks5://u:p%40@b:2", NULL},
     "socks5://u:p%40@b:2",
     "socks5://u:p%40@b:2",
     ""},
    {"",
     {"ALL_PROXY", "socks5://b:2", "HTTPS_PROXY", "http://c:3/", NULL},
     "http://c:3/",
     "socks5://b:2",
     ""},
    {"",
     {"https_proxy", "http://small:1", "HTTPS_PROXY", "http://large:2", "no_proxy", "x", NULL},
     "http://small:1",
     "",
     "x"},
    {"", {"HTTPS_PROXY", "", "NO_PROXY", "", NULL}, "", "", ""},
    {"",
     {"PAPI_PROXY", "http://p:1", "HTTPS_PROXY", "http://b:2", NULL},
     "http://p:1",
     "http://p:1",
     ""},
};

static void finds_proxies(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(proxies); i++) {
        struct config *config = fixture_accept(proxies[i].yaml, proxies[i].variables);
        assert_span(config->proxy_https, proxies[i].https);
        assert_span(config->proxy_http, proxies[i].http);
        assert_span(config->no_proxy, proxies[i].around);
        config_free(config);
    }
}

static void refuses_proxies_without_a_word_of_them(void **state) {
    static const char *const bad[] = {"HTTPS_PROXY", "https://user:secret@b:2", "http_proxy",
                                      "http://b:secret", NULL};
    struct config_report report;
    struct config *config;
    (void)state;
    assert_int_equal(fixture_parse("", bad, &config, &report), ERR_INVALID);
    fixture_expect_report(&report, "(environment)",
                          "error: environment variable HTTPS_PROXY must start with http://, "
                          "socks5:// or socks5h://; `proxy: none` ignores it\n"
                          "error: environment variable http_proxy has a port that is not a number "
                          "from 1 to 65535; `proxy: none` ignores it\n");
    config_free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_the_catalog),
        cmocka_unit_test(reads_what_is_said),
        cmocka_unit_test(says_what_may_be_done_with_prompts),
        cmocka_unit_test(finds_proxies),
        cmocka_unit_test(refuses_proxies_without_a_word_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
