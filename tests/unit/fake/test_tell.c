// SPDX-License-Identifier: Apache-2.0
/*
 * What providers tell: head fields of every dialect, errors of every dialect, byte for byte where a gateway reads them, valid JSON
 * everywhere.
 */
#include "fake_fixture.h"

/* The second of two requests, half a minute later. */
static void ask_second(struct fake_world *world, struct fake_plan *ret_plan) {
    struct fake_provider *provider = fake_provider_get(world, SPAN_LITERAL("a"));
    struct fake_question question = question_plain();
    struct fake_plan first;
    struct dynbuf out;
    dynbuf_init(&out, OUT_MAX_BYTES);
    question.input_tokens = 100;
    question.max_tokens = 50;
    fake_ask(world, provider, &question, &first);
    assert_int_equal(fake_body(&first, &out), 0);
    fake_plan_over(&first, question.now_ns, false);
    question.now_ns += 30 * NS_PER_S;
    question.wall_ms += 30000;
    fake_ask(world, provider, &question, ret_plan);
    dynbuf_done(&out);
}

static void check_fields(const char *text, const char *expected) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_plan plan;
    script(world, text);
    ask_second(world, &plan);
    struct span fields = dynbuf_span(&plan.fields);
    if (!span_is(fields, expected))
        print_error("%s\n--- got\n%.*s--- expected\n%s", text, SPAN_ARG(fields), expected);
    assert_true(span_is(fields, expected));
    fake_plan_over(&plan, plan.question.now_ns, false);
    fake_world_free(world);
}

#define LIMITS                                                                              \
    "\"limits\":[{\"requests\":30,\"per\":\"minute\"},{\"requests\":1000,\"per\":\"day\","  \
    "\"shape\":"                                                                            \
    "\"refill\"},{\"tokens\":8000,\"per\":\"minute\",\"shape\":\"refill\",\"charge\":\"up_" \
    "front\"}]"
#define WITH(dialect) "{\"provider\":\"a\",\"headers\":\"" dialect "\"," LIMITS "}"

/* Two of 1000 requests a day were used, 30 s have passed: 2 * 86.4 - 30 s. Of tokens 150 came back, 150 are used: 150 / 8000 of a minute. */
static void test_heads(void **state) {
    static const struct {
        const char *script, *fields;
    } cases[] = {
        {WITH("none"), ""},
        {WITH("groq"),
         "x-ratelimit-limit-requests: 1000\r\nx-ratelimit-remaining-requests: 998\r\n"
         "x-ratelimit-reset-requests: 2m22.8s\r\nx-ratelimit-limit-tokens: 8000\r\n"
         "x-ratelimit-remaining-tokens: 7850\r\nx-ratelimit-reset-tokens: 1.125s\r\n"},
        {WITH("openrouter"), ""},
        {WITH("mistral"),
         "x-ratelimit-limit-req-minute: 30\r\nx-ratelimit-remaining-req-minute: 28\r\n"
         "x-ratelimit-limit-tokens-minute: 8000\r\n"
         "x-ratelimit-remaining-tokens-minute: 7850\r\n"
         "x-ratelimit-tokens-query-cost: 108\r\n"},
        {WITH("cloudflare"), "cf-ai-neurons: 5.4000\r\n"},
        {WITH("cohere"),
         "x-trial-endpoint-call-limit: 30\r\nx-trial-endpoint-call-remaining: 28\r\n"
         "num_tokens: 108\r\n"},
        {WITH("modelscope"), "modelscope-ratelimit-requests-limit: 1000\r\n"
                             "modelscope-ratelimit-requests-remaining: 998\r\n"},
        {WITH("cerebras"),
         "x-ratelimit-limit-requests-minute: 30\r\nx-ratelimit-remaining-requests-minute: 28\r\n"
         "x-ratelimit-reset-requests-minute: 60.000000\r\nx-ratelimit-limit-requests-day: 1000\r\n"
         "x-ratelimit-remaining-requests-day: 998\r\nx-ratelimit-reset-requests-day: 142.800000\r\n"
         "x-ratelimit-limit-tokens-minute: 8000\r\nx-ratelimit-remaining-tokens-minute: 7850\r\n"
         "x-ratelimit-reset-tokens-minute: 1.125000\r\n"},
        {WITH("sambanova"),
         "x-ratelimit-limit-requests: 30\r\nx-ratelimit-remaining-requests: 28\r\n"
         "x-ratelimit-reset-requests: 1732000090\r\nx-ratelimit-limit-requests-day: 1000\r\n"
         "x-ratelimit-remaining-requests-day: 998\r\nx-ratelimit-reset-requests-day: "
         "1732000173\r\n"},
        {WITH("anthropic"), "anthropic-ratelimit-requests-limit: 30\r\n"
                            "anthropic-ratelimit-requests-remaining: 28\r\n"
                            "anthropic-ratelimit-requests-reset: 2024-11-19T07:08:10Z\r\n"
                            "anthropic-ratelimit-tokens-limit: 8000\r\n"
                            "anthropic-ratelimit-tokens-remaining: 7850\r\n"
                            "anthropic-ratelimit-tokens-reset: 2024-11-19T07:07:12Z\r\n"},
        {WITH("ietf"),
         "RateLimit-Policy: \"requests-60\";q=30;w=60, \"requests-86400\";q=1000;w=86400, "
         "\"tokens-60\";q=8000;w=60\r\n"
         "RateLimit: \"requests-60\";r=28;t=60, \"requests-86400\";r=998;t=143, "
         "\"tokens-60\";r=7850;t=2\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++)
        check_fields(cases[i].script, cases[i].fields);
}

static void test_how_true(void **state) {
    (void)state;
    check_fields("{\"provider\":\"a\",\"headers\":\"groq\",\"headers_are\":\"absent\"," LIMITS "}",
                 "");
    check_fields(
        "{\"provider\":\"a\",\"headers\":\"mistral\",\"headers_are\":\"stale\",\"limits\":[{"
        "\"requests\":30,\"per\":\"minute\"}]}",
        "x-ratelimit-limit-req-minute: 30\r\nx-ratelimit-remaining-req-minute: 29\r\n"
        "x-ratelimit-tokens-query-cost: 108\r\n");
    check_fields(
        "{\"provider\":\"a\",\"headers\":\"cerebras\",\"headers_are\":\"day_only\"," LIMITS "}",
        "x-ratelimit-limit-requests-day: 1000\r\nx-ratelimit-remaining-requests-day: 998\r\n"
        "x-ratelimit-reset-requests-day: 142.800000\r\n");
}

/* Wrong numbers, but not always: some seed tells too much and some too little. */
static void test_lying(void **state) {
    uint32_t above = 0, below = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct fake_world *world = fake_world_new(seed);
        struct fake_plan plan;
        uint64_t told;
        script(world,
               "{\"provider\":\"a\",\"headers\":\"cohere\",\"headers_are\":\"lying\",\"limits\":[{"
               "\"requests\":10,\"per\":\"minute\"}]}");
        ask_second(world, &plan);
        struct span rest = dynbuf_span(&plan.fields), line;
        assert_true(span_split(&rest, '\n', &line) &&
                    span_is(line, "x-trial-endpoint-call-limit: 10\r"));
        assert_true(span_split(&rest, '\n', &line) && line.len > 34);
        assert_true(span_to_u64(span_of(line.ptr + 33, line.len - 34), &told));
        assert_true(told <= 20);
        above += told > 8;
        below += told < 8;
        fake_plan_over(&plan, plan.question.now_ns, false);
        fake_world_free(world);
    }
    assert_true(above > 5 && below > 5);
}

/* --- errors --- */

static void body_of(struct fake_world *world, uint32_t asked, struct dynbuf *out,
                    struct fake_plan *ret_plan) {
    struct fake_provider *provider = fake_provider_get(world, SPAN_LITERAL("a"));
    struct fake_question question = question_plain();
    question.input_tokens = 100;
    question.max_tokens = 50;
    for (uint32_t i = 0; i < asked; i++) {
        dynbuf_clear(out);
        fake_ask(world, provider, &question, ret_plan);
        assert_int_equal(fake_body(ret_plan, out), 0);
        fake_plan_over(ret_plan, question.now_ns, false);
    }
}

#define RATE  "\"limits\":[{\"requests\":1,\"per\":\"minute\"}]"
#define DAILY "\"limits\":[{\"requests\":1,\"per\":\"day\",\"zone\":\"UTC\"}]"
#define TOKENS \
    "\"limits\":[{\"tokens\":200,\"per\":\"day\",\"shape\":\"refill\",\"charge\":\"up_front\"}]"
#define BIG                  "\"limits\":[{\"tokens\":120,\"per\":\"minute\",\"charge\":\"up_front\"}]"
#define WORDS(dialect, rest) "{\"provider\":\"a\",\"errors\":\"" dialect "\"," rest "}"

static const struct {
    const char *script;
    int status;
    const char *body;
} refusals[] = {
    {WORDS("groq", TOKENS), 429,
     "{\"error\":{\"message\":\"Rate limit reached for model `some-model` in organization "
     "`org_mock` service tier `on_demand` on tokens per day (TPD): Limit 200, Used 150, "
     "Requested "
     "150. Please try again in "
     "12h0m0s.\",\"type\":\"tokens\",\"param\":null,\"code\":\"rate_limit_"
     "exceeded\"}}"},
    {WORDS("groq", BIG), 413,
     "{\"error\":{\"message\":\"Request too large for model `some-model` in organization "
     "`org_mock` service tier `on_demand` on tokens per minute (TPM): Limit 120, Requested "
     "150, "
     "please reduce your message size and try "
     "again.\",\"type\":\"tokens\",\"param\":null,\"code\":"
     "\"rate_limit_exceeded\"}}"},
    {WORDS("google", DAILY), 429,
     "[{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota. * Quota "
     "exceeded for "
     "metric: requests, limit: 1, model: some-model\\nPlease retry in 60800.000s.\",\"status\":"
     "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/"
     "google.rpc.QuotaFailure\","
     "\"violations\":[{\"quotaMetric\":\"generativelanguage.googleapis.com/"
     "generate_content_free_tier_"
     "requests\",\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel-FreeTier\","
     "\"quotaDimensions\":{\"location\":\"global\",\"model\":\"some-model\"},\"quotaValue\":"
     "\"1\"}]},{"
     "\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"60800s\"}]}}]"},
    {WORDS("openrouter", DAILY), 429,
     "{\"error\":{\"message\":\"Rate limit exceeded: free-models-per-day. \",\"code\":429,"
     "\"metadata\":{\"headers\":{\"X-RateLimit-Limit\":\"1\",\"X-RateLimit-Remaining\":\"0\","
     "\"X-RateLimit-Reset\":\"1732060800000\"}}},\"user_id\":\"user_mock\"}"},
    {WORDS("mistral", RATE), 429,
     "{\"object\":\"error\",\"message\":\"Rate limit "
     "exceeded\",\"type\":\"rate_limited\",\"param\":"
     "null,\"code\":\"1300\"}"},
    {WORDS("cloudflare", DAILY), 429,
     "{\"success\":false,\"errors\":[{\"code\":4006,\"message\":\"you have used up your daily "
     "free "
     "allocation of 10,000 neurons\"}],\"messages\":[],\"result\":{}}"},
    {WORDS("nvidia", RATE), 429,
     "{\"type\":\"about:blank\",\"title\":\"Too Many "
     "Requests\",\"status\":429,\"detail\":\"Too Many "
     "Requests\"}"},
    {WORDS("zai", RATE), 429,
     "{\"error\":{\"code\":\"1303\",\"message\":\"The API is called too frequently\"}}"},
    {WORDS("ollama", RATE), 429, "{\"error\":\"you (mock) have reached your hourly usage limit\"}"},
    {WORDS("huggingface", DAILY), 402,
     "{\"error\":\"You have exceeded your monthly included credits for Inference "
     "Providers.\"}"},
    {WORDS("opencode", RATE), 429,
     "{\"type\":\"error\",\"error\":{\"type\":\"FreeUsageLimitError\",\"message\":\"Rate limit "
     "exceeded. Please try again later.\"}}"},
    {WORDS("siliconflow", RATE), 429,
     "{\"code\":50603,\"message\":\"Request was rejected due to rate "
     "limiting.\",\"data\":null}"},
    {WORDS("cerebras", RATE), 429,
     "{\"message\":\"Requests per minute limit exceeded - too many requests "
     "sent.\",\"type\":\"too_"
     "many_requests_error\",\"param\":\"\",\"code\":\"request_quota_exceeded\"}"},
    {WORDS("anthropic", RATE), 429,
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This request "
     "would "
     "exceed your organization's rate limit of 1 requests per minute\"}}"},
    {WORDS("plain", RATE), 429,
     "{\"error\":{\"message\":\"Rate limit reached, please slow down\",\"type\":\"mock_error\","
     "\"param\":null,\"code\":null}}"},
};

static void test_refusals_in_their_words(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(refusals); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_plan plan;
        struct dynbuf out;
        dynbuf_init(&out, OUT_MAX_BYTES);
        script(world, refusals[i].script);
        body_of(world, 2, &out, &plan);
        if (!span_is(dynbuf_span(&out), refusals[i].body))
            print_error("%s\n--- got\n%.*s\n--- expected\n%s\n", refusals[i].script,
                        SPAN_ARG(dynbuf_span(&out)), refusals[i].body);
        assert_true(span_is(dynbuf_span(&out), refusals[i].body));
        assert_int_equal(plan.status, refusals[i].status);
        dynbuf_done(&out);
        fake_world_free(world);
    }
}

/* Statuses that are a provider's own. */
static void test_statuses(void **state) {
    static const struct {
        const char *dialect, *fault;
        int status;
        const char *holds;
    } cases[] = {
        {"google", "401", 400, "API_KEY_INVALID"},
        {"google", "503", 503, "UNAVAILABLE"},
        {"google", "451", 400, "FAILED_PRECONDITION"},
        {"mistral", "404", 400, "\"1500\""},
        {"mistral", "401", 401, "{\"detail\":\"Unauthorized\"}"},
        {"mistral", "400", 422, "extra_forbidden"},
        {"cloudflare", "503", 429, "3040"},
        {"nvidia", "503", 400, "DEGRADED function cannot be invoked"},
        {"zai", "402", 429, "\"1113\""},
        {"opencode", "402", 401, "CreditsError"},
        {"opencode", "404", 401, "ModelError"},
        {"anthropic", "402", 400, "credit balance is too low"},
        {"huggingface", "404", 400, "does not exist"},
        {"cohere", "401", 401, "invalid api token"},
        {"openai", "402", 429, "insufficient_quota"},
        {"openrouter", "402", 402, "openrouter_credits"},
        {"llamacpp", "context", 400, "exceed_context_size_error"},
        {"groq", "400_credit", 400, "Your credit balance is too low"},
        {"google", "error_in_200", 200, "\"code\":500"},
        {"openrouter", "429_in_200", 200, "\"code\":429"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fake_world *world = fake_world_new(SEED);
        struct fake_plan plan;
        struct dynbuf out;
        char text[160];
        dynbuf_init(&out, OUT_MAX_BYTES);
        (void)snprintf(text, sizeof text,
                       "{\"provider\":\"a\",\"errors\":\"%s\",\"always\":\"%s\"}", cases[i].dialect,
                       cases[i].fault);
        script(world, text);
        body_of(world, 1, &out, &plan);
        if (!span_contains(dynbuf_span(&out), cases[i].holds))
            print_error("%s: %.*s\n", text, SPAN_ARG(dynbuf_span(&out)));
        assert_true(span_contains(dynbuf_span(&out), cases[i].holds));
        assert_int_equal(plan.status, cases[i].status);
        dynbuf_done(&out);
        fake_world_free(world);
    }
}

/* Whatever the dialect, the fault and the model's name: JSON, and a status that says error. */
static void test_all_errors_are_json(void **state) {
    struct fake_world *world = fake_world_new(SEED);
    struct fake_provider *provider = fake_provider_get(world, SPAN_LITERAL("a"));
    struct fake_question question = question_plain();
    (void)state;
    question.model = SPAN_LITERAL("odd \\\"name\\\" \\u00e9 {limit} %s");
    for (uint32_t dialect = 0; dialect < BODIES_COUNT; dialect++)
        for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
            struct fake_plan plan;
            struct dynbuf out;
            enum fault_play play = fault_row((enum fault)fault)->play;
            if (play != PLAY_ERROR && play != PLAY_ERROR_FIRST)
                continue;
            dynbuf_init(&out, OUT_MAX_BYTES);
            provider->script.settings.errors = (enum fake_bodies)dialect;
            provider->script.always.fault = (enum fault)fault;
            fake_ask(world, provider, &question, &plan);
            assert_int_equal(fake_body(&plan, &out), 0);
            if (json_validate(dynbuf_span(&out)) < 0)
                print_error("%u %s: %.*s\n", dialect, plan.fault->name,
                            SPAN_ARG(dynbuf_span(&out)));
            assert_int_equal(json_validate(dynbuf_span(&out)), 0);
            assert_true(play == PLAY_ERROR_FIRST ? plan.status == 200 : plan.status >= 400);
            fake_plan_over(&plan, question.now_ns, false);
            dynbuf_done(&out);
        }
    fake_world_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),    cmocka_unit_test(test_how_true),
        cmocka_unit_test(test_lying),    cmocka_unit_test(test_refusals_in_their_words),
        cmocka_unit_test(test_statuses), cmocka_unit_test(test_all_errors_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
