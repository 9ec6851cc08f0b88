// SPDX-License-Identifier: Apache-2.0
/*
 * Values of the limits, headers, signals and quirks that this build carries which must not change unseen, and the order of signals.
 */
#include "base/check.h"
#include "support/built_in_facts.h"

#define MINUTE_MS ((uint64_t)60000)
#define HOUR_MS   ((uint64_t)3600000)
#define DAY_MS    ((uint64_t)86400000)
#define MONTH_MS  (31 * DAY_MS)

/* --- limits --- */

static const struct limit_row {
    const char *provider;
    enum limit_unit unit;
    uint64_t amount, window_ms;
    enum limit_shape shape;
    enum limit_scope scope;
    const char *zone, *plan, *upstream; /* NULL: all models */
} limit_rows[] = {
    {"groq", LIMIT_REQUESTS, 30, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "openai/gpt-oss-120b"},
    {"groq", LIMIT_REQUESTS, 1000, DAY_MS, LIMIT_REFILL, LIMIT_BY_MODEL, "", "",
     "qwen/qwen3.8-27b"},
    {"groq", LIMIT_TOKENS, 8000, MINUTE_MS, LIMIT_REFILL, LIMIT_BY_MODEL, "", "",
     "openai/gpt-oss-20b"},
    {"groq", LIMIT_TOKENS, 200000, DAY_MS, LIMIT_REFILL, LIMIT_BY_MODEL, "", "",
     "openai/gpt-oss-120b"},
    {"groq", LIMIT_AUDIO_SECONDS, 7200, HOUR_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "whisper-large-v3-turbo"},
    {"google", LIMIT_REQUESTS, 5, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "gemini-3.8-flash"},
    {"google", LIMIT_REQUESTS, 20, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_MODEL,
     "America/Los_Angeles", "", "gemini-2.5-flash"},
    {"google", LIMIT_REQUESTS, 500, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_MODEL,
     "America/Los_Angeles", "", "gemini-3.5-flash-lite"},
    {"google", LIMIT_INPUT_TOKENS, 250000, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "gemini-3.1-flash-lite"},
    {"google", LIMIT_INPUT_TOKENS, 250000, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "gemini-3-flash-preview"},
    {"google", LIMIT_REQUESTS, 10, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_MODEL,
     "America/Los_Angeles", "", "gemini-2.5-flash-preview-tts"},
    {"openrouter", LIMIT_REQUESTS, 20, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_ACCOUNT, "", "", NULL},
    {"openrouter", LIMIT_REQUESTS, 50, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_ACCOUNT, "UTC",
     "default", NULL},
    {"openrouter", LIMIT_REQUESTS, 1000, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_ACCOUNT, "UTC",
     "topped_up", NULL},
    {"mistral", LIMIT_REQUESTS, 1, 1000, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "", NULL},
    {"mistral", LIMIT_TOKENS, 500000, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "", NULL},
    {"mistral", LIMIT_TOKENS, 1000000000, MONTH_MS, LIMIT_CALENDAR_MONTH, LIMIT_BY_MODEL, "UTC", "",
     NULL},
    {"mistral", LIMIT_MICRO_USD, 10000000, MONTH_MS, LIMIT_CALENDAR_MONTH, LIMIT_BY_ACCOUNT, "UTC",
     "", NULL},
    {"cloudflare", LIMIT_NEURONS, 10000000, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_ACCOUNT, "UTC", "",
     NULL},
    {"cohere", LIMIT_REQUESTS, 1000, MONTH_MS, LIMIT_CALENDAR_MONTH, LIMIT_BY_ACCOUNT, "UTC", "",
     NULL},
    {"cohere", LIMIT_EMBED_INPUTS, 2000, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_TASK, "", "", NULL},
    {"zai", LIMIT_CONCURRENT, 1, 0, LIMIT_AT_ONCE, LIMIT_BY_MODEL, "", "", NULL},
    {"ollama_cloud", LIMIT_OTHER, 0, 5 * HOUR_MS, LIMIT_ROLLING, LIMIT_BY_ACCOUNT, "", "", NULL},
    {"ollama_cloud", LIMIT_OTHER, 0, 7 * DAY_MS, LIMIT_ROLLING, LIMIT_BY_ACCOUNT, "", "", NULL},
    {"huggingface", LIMIT_MICRO_USD, 100000, MONTH_MS, LIMIT_CALENDAR_MONTH, LIMIT_BY_ACCOUNT,
     "UTC", "", NULL},
    {"kilo", LIMIT_REQUESTS, 200, HOUR_MS, LIMIT_ROLLING, LIMIT_BY_IP, "", "", NULL},
    {"llm7", LIMIT_TOKENS, 500000, DAY_MS, LIMIT_ROLLING, LIMIT_BY_IP, "", "anonymous", NULL},
    {"llm7", LIMIT_REQUESTS, 60, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_ACCOUNT, "", "token", NULL},
    {"ovhcloud", LIMIT_REQUESTS, 2, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_IP_MODEL, "", "anonymous",
     NULL},
    {"ovhcloud", LIMIT_REQUESTS, 400, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "paid", NULL},
    {"vercel", LIMIT_MICRO_USD, 5000000, 30 * DAY_MS, LIMIT_ROLLING, LIMIT_BY_ACCOUNT, "", "",
     NULL},
    {"modelscope", LIMIT_REQUESTS, 2000, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_ACCOUNT,
     "Asia/Shanghai", "", NULL},
    {"modelscope", LIMIT_REQUESTS, 500, DAY_MS, LIMIT_CALENDAR_DAY, LIMIT_BY_MODEL, "Asia/Shanghai",
     "", NULL},
    {"siliconflow", LIMIT_TOKENS, 50000, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "Qwen/Qwen3-8B"},
    {"pollinations", LIMIT_OTHER, 1, HOUR_MS, LIMIT_ROLLING, LIMIT_BY_IP, "", "publishable", NULL},
    {"qianfan", LIMIT_REQUESTS, 0, MINUTE_MS, LIMIT_ROLLING, LIMIT_BY_MODEL, "", "",
     "ernie-speed-128k"},
    {"cerebras", LIMIT_MICRO_USD, 5000000, 0, LIMIT_ONCE, LIMIT_BY_ACCOUNT, "", "", NULL},
    {"cerebras", LIMIT_TOKENS, 30000, MINUTE_MS, LIMIT_REFILL, LIMIT_BY_MODEL, "", "", NULL},
    {"jina", LIMIT_TOKENS, 10000000, 0, LIMIT_ONCE, LIMIT_BY_KEY, "", "", NULL},
    {"vllm", LIMIT_CONCURRENT, 1, 0, LIMIT_AT_ONCE, LIMIT_BY_SERVER, "", "", NULL},
};

static bool is_limit(const struct fact_limit *limit, const struct limit_row *row) {
    bool all = limit->models == NULL;
    return limit->unit == row->unit && limit->amount == row->amount &&
           limit->window_ms == row->window_ms && limit->shape == row->shape &&
           limit->scope == row->scope && strcmp(limit->zone, row->zone) == 0 &&
           strcmp(limit->plan, row->plan) == 0 && all == (row->upstream == NULL) &&
           facts_models_match(limit->models, span_text(row->upstream != NULL ? row->upstream : ""));
}

static void test_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(limit_rows); i++) {
        const struct fact_provider *of = provider(limit_rows[i].provider);
        uint32_t found = 0;
        for (uint32_t k = 0; k < of->limit_count; k++)
            found += is_limit(&of->limits[k], &limit_rows[i]);
        if (found != 1)
            print_error("%s, row %zu: %u such limits\n", limit_rows[i].provider, i, found);
        assert_int_equal(found, 1);
    }
}

static void test_limits_of_unknown_rules(void **state) {
    (void)state;
    const struct fact_provider *nvidia = provider("nvidia");
    assert_true(nvidia->limits[0].shape_known);
    assert_false(nvidia->limits[1].shape_known);
    assert_int_equal(nvidia->limits[1].shape, LIMIT_ROLLING);
    assert_int_equal(nvidia->limits[1].amount, 10000);
    assert_int_equal(provider("cloudflare")->limits[1].scope, LIMIT_BY_TASK);
    assert_true(lists(provider("cloudflare")->limits[1].tasks, "chat"));
    assert_null(provider("cloudflare")->limits[0].tasks);
    assert_string_equal(provider("aihorde")->limits[0].unit_word, "kudos");
}

/* --- headers --- */

static const struct header_row {
    const char *provider, *name;
    enum fact_tells tells;
    enum fact_form form;
    enum limit_unit unit;
    uint64_t window_ms;
    enum limit_scope scope;
    bool errors_only, note;
} header_rows[] = {
    {"groq", "x-ratelimit-limit-requests", FACT_TELLS_LIMIT, FACT_FORM_INTEGER, LIMIT_REQUESTS,
     DAY_MS, LIMIT_BY_MODEL, false, false},
    {"groq", "x-ratelimit-reset-requests", FACT_TELLS_UNTIL_FULL, FACT_FORM_GO_DURATION,
     LIMIT_REQUESTS, DAY_MS, LIMIT_BY_MODEL, false, false},
    {"groq", "x-groq-region", FACT_TELLS_NOTHING, FACT_FORM_TEXT, LIMIT_REQUESTS, 0,
     LIMIT_BY_ACCOUNT, false, true},
    {"openrouter", "x-ratelimit-reset", FACT_TELLS_RESET_AT, FACT_FORM_EPOCH_MS, LIMIT_REQUESTS, 0,
     LIMIT_BY_ACCOUNT, true, false},
    {"mistral", "x-ratelimit-remaining-req-10-second", FACT_TELLS_REMAINING, FACT_FORM_INTEGER,
     LIMIT_REQUESTS, 10000, LIMIT_BY_MODEL, false, false},
    {"mistral", "x-ratelimit-limit-tokens-month", FACT_TELLS_LIMIT, FACT_FORM_INTEGER, LIMIT_TOKENS,
     MONTH_MS, LIMIT_BY_MODEL, false, false},
    {"mistral", "x-ratelimit-tokens-query-cost", FACT_TELLS_COST, FACT_FORM_INTEGER, LIMIT_TOKENS,
     0, LIMIT_BY_MODEL, false, false},
    {"cloudflare", "cf-ai-neurons", FACT_TELLS_COST, FACT_FORM_DECIMAL, LIMIT_NEURONS, 0,
     LIMIT_BY_ACCOUNT, false, false},
    {"cohere", "x-endpoint-monthly-call-limit", FACT_TELLS_LIMIT, FACT_FORM_INTEGER, LIMIT_REQUESTS,
     MONTH_MS, LIMIT_BY_ACCOUNT, false, false},
    {"huggingface", "x-ratelimit-*", FACT_TELLS_FOREIGN, FACT_FORM_UPSTREAM, LIMIT_REQUESTS, 0,
     LIMIT_BY_ACCOUNT, false, true},
    {"modelscope", "modelscope-ratelimit-model-requests-remaining", FACT_TELLS_REMAINING,
     FACT_FORM_INTEGER, LIMIT_REQUESTS, DAY_MS, LIMIT_BY_MODEL, false, false},
    {"cerebras", "x-ratelimit-reset-requests-day", FACT_TELLS_UNTIL_RESET, FACT_FORM_SECONDS,
     LIMIT_REQUESTS, DAY_MS, LIMIT_BY_MODEL, false, false},
    {"cerebras", "x-ratelimit-remaining-tokens-hour", FACT_TELLS_REMAINING, FACT_FORM_INTEGER,
     LIMIT_TOKENS, HOUR_MS, LIMIT_BY_MODEL, false, false},
    {"sambanova", "x-ratelimit-reset-requests-day", FACT_TELLS_UNTIL_RESET,
     FACT_FORM_EPOCH_OR_DURATION, LIMIT_REQUESTS, DAY_MS, LIMIT_BY_MODEL, false, false},
    {"opencode_zen", "retry-after", FACT_TELLS_WAIT, FACT_FORM_SECONDS, LIMIT_REQUESTS, 0,
     LIMIT_BY_IP, true, false},
    {"anthropic", "anthropic-ratelimit-output-tokens-reset", FACT_TELLS_RESET_AT, FACT_FORM_RFC3339,
     LIMIT_OUTPUT_TOKENS, MINUTE_MS, LIMIT_BY_ACCOUNT, false, false},
};

static void test_headers(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(header_rows); i++) {
        const struct header_row *row = &header_rows[i];
        const struct fact_provider *of = provider(row->provider);
        uint32_t at = 0;
        while (at < of->header_count && strcmp(of->headers[at].name, row->name) != 0)
            at++;
        if (at == of->header_count)
            print_error("%s has no %s\n", row->provider, row->name);
        assert_true(at < of->header_count);
        const struct fact_header *header = &of->headers[at];
        assert_int_equal(header->tells, row->tells);
        assert_int_equal(header->form, row->form);
        assert_int_equal(header->unit, row->unit);
        assert_int_equal(header->window_ms, row->window_ms);
        assert_int_equal(header->scope, row->scope);
        assert_int_equal(header->errors_only, row->errors_only);
        assert_int_equal(header->note, row->note);
    }
    assert_true(provider("groq")->headers[6].any_unit);
}

/* --- signals --- */

/* The first row of a class: what it looks for and what follows. */
static const struct signal_row {
    const char *provider;
    enum fact_class class;
    uint16_t status; /* 0 = any */
    enum fact_match_kind match;
    const char *path, *value;
    enum fact_about about;
    enum fact_until until;
    uint64_t least_ms, most_ms, window_ms;
} signal_rows[] = {
    {"groq", FACT_CLASS_REQUEST_TOO_LARGE, 413, FACT_MATCH_SAYS, "", "Request too large for model",
     FACT_ABOUT_REQUEST, FACT_UNTIL_NOTHING, 0, 0, 0},
    {"groq", FACT_CLASS_DAILY_QUOTA, 429, FACT_MATCH_SAYS, "", "(TPD)", FACT_ABOUT_ROUTE,
     FACT_UNTIL_TIME, 5 * MINUTE_MS, HOUR_MS, DAY_MS},
    {"groq", FACT_CLASS_TOOL_CALL_MALFORMED, 400, FACT_MATCH_IS, "error.code", "tool_use_failed",
     FACT_ABOUT_REQUEST, FACT_UNTIL_NOTHING, 0, 0, 0},
    {"google", FACT_CLASS_DAILY_QUOTA, 429, FACT_MATCH_SAYS, "", "PerDay", FACT_ABOUT_ROUTE,
     FACT_UNTIL_RESET, 0, 0, DAY_MS},
    {"google", FACT_CLASS_NOT_ENTITLED, 429, FACT_MATCH_SAYS, "", "limit: 0", FACT_ABOUT_ROUTE,
     FACT_UNTIL_TIME, DAY_MS, DAY_MS, 0},
    {"google", FACT_CLASS_BAD_KEY, 400, FACT_MATCH_SAYS, "", "API_KEY_INVALID", FACT_ABOUT_KEY,
     FACT_UNTIL_KEY_CHANGES, 0, 0, 0},
    {"google", FACT_CLASS_REGION_BLOCKED, 400, FACT_MATCH_SAYS, "", "location is not supported",
     FACT_ABOUT_PROVIDER, FACT_UNTIL_OWNER_ACTS, 0, 0, 0},
    {"openrouter", FACT_CLASS_DAILY_QUOTA, 429, FACT_MATCH_SAYS, "", "free-models-per-day",
     FACT_ABOUT_ACCOUNT, FACT_UNTIL_RESET, 0, 0, DAY_MS},
    {"openrouter", FACT_CLASS_UPSTREAM_RATE_LIMITED, 429, FACT_MATCH_SAYS, "",
     "Provider returned error", FACT_ABOUT_MODEL, FACT_UNTIL_TIME, 30000, 120000, 0},
    {"openrouter", FACT_CLASS_CONTENT_FILTER, 403, FACT_MATCH_PRESENT, "error.metadata.reasons",
     NULL, FACT_ABOUT_REQUEST, FACT_UNTIL_NOTHING, 0, 0, 0},
    {"mistral", FACT_CLASS_NOT_ENTITLED, 429, FACT_MATCH_HEADER_IS, "x-ratelimit-limit-req-minute",
     "0", FACT_ABOUT_ROUTE, FACT_UNTIL_TIME, DAY_MS, DAY_MS, 0},
    {"mistral", FACT_CLASS_RATE_LIMITED, 429, FACT_MATCH_IS, "code", "1300", FACT_ABOUT_ROUTE,
     FACT_UNTIL_TIME, 20000, 60000, 0},
    {"cloudflare", FACT_CLASS_DAILY_QUOTA, 429, FACT_MATCH_IS, "errors[].code", "4006",
     FACT_ABOUT_ACCOUNT, FACT_UNTIL_RESET, 0, 0, DAY_MS},
    {"cloudflare", FACT_CLASS_OVERLOADED, 503, FACT_MATCH_IS, "errors[].code", "3040",
     FACT_ABOUT_MODEL, FACT_UNTIL_TIME, 30000, 120000, 0},
    {"cohere", FACT_CLASS_MONTHLY_QUOTA, 429, FACT_MATCH_SAYS, "", "API calls / month",
     FACT_ABOUT_ACCOUNT, FACT_UNTIL_RESET, 0, 0, MONTH_MS},
    {"cohere", FACT_CLASS_EMPTY_COMPLETION, 422, FACT_MATCH_SAYS, "", "No valid response generated",
     FACT_ABOUT_REQUEST, FACT_UNTIL_NOTHING, 0, 0, 0},
    {"nvidia", FACT_CLASS_OVERLOADED, 400, FACT_MATCH_SAYS, "",
     "DEGRADED function cannot be invoked", FACT_ABOUT_MODEL, FACT_UNTIL_TIME, 10 * MINUTE_MS,
     10 * MINUTE_MS, 0},
    {"zai", FACT_CLASS_OUT_OF_CREDITS, 0, FACT_MATCH_IS, "error.code", "1113", FACT_ABOUT_ACCOUNT,
     FACT_UNTIL_OWNER_ACTS, 0, 0, 0},
    {"ollama_cloud", FACT_CLASS_WINDOW_QUOTA, 429, FACT_MATCH_SAYS, "", "weekly usage limit",
     FACT_ABOUT_ACCOUNT, FACT_UNTIL_TIME, 6 * HOUR_MS, 7 * DAY_MS, 7 * DAY_MS},
    {"kilo", FACT_CLASS_MODEL_GONE, 404, FACT_MATCH_ENDS, "error.code", "_FREE_DISCONTINUED",
     FACT_ABOUT_MODEL, FACT_UNTIL_FOREVER, 0, 0, 0},
    {"opencode_zen", FACT_CLASS_IP_QUOTA, 401, FACT_MATCH_IS, "error.type", "FreeUsageLimitError",
     FACT_ABOUT_PROVIDER, FACT_UNTIL_TIME, HOUR_MS, HOUR_MS, 0},
    {"reka", FACT_CLASS_UNSUPPORTED_PARAMETER, 400, FACT_MATCH_RULE, "", NULL, FACT_ABOUT_REQUEST,
     FACT_UNTIL_NOTHING, 0, 0, 0},
    {"cerebras", FACT_CLASS_RATE_LIMITED, 429, FACT_MATCH_IS, "code", "token_quota_exceeded",
     FACT_ABOUT_ROUTE, FACT_UNTIL_TIME, 20000, 60000, MINUTE_MS},
    {"llamacpp", FACT_CLASS_CONTEXT_TOO_LONG, 400, FACT_MATCH_IS, "error.type",
     "exceed_context_size_error", FACT_ABOUT_REQUEST, FACT_UNTIL_NOTHING, 0, 0, 0},
};

static bool has_status(const struct fact_signal *signal, uint16_t status) {
    const uint16_t *known = signal->statuses;
    while (*known != 0 && *known != status)
        known++;
    return *known == status;
}

static bool looks_for(const struct fact_signal *signal, const struct signal_row *row) {
    for (uint32_t i = 0; i < signal->match_count; i++) {
        const struct fact_match *match = &signal->matches[i];
        if (match->kind == row->match && strcmp(match->path, row->path) == 0 &&
            (row->value == NULL ? match->values == NULL : lists(match->values, row->value)))
            return true;
    }
    return false;
}

static void test_signals(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(signal_rows); i++) {
        const struct signal_row *row = &signal_rows[i];
        const struct fact_provider *of = provider(row->provider);
        uint32_t at = 0;
        while (at < of->signal_count && of->signals[at].class != row->class)
            at++;
        assert_true(at < of->signal_count);
        const struct fact_signal *signal = &of->signals[at];
        if (!looks_for(signal, row) || !has_status(signal, row->status))
            print_error("%s, %s\n", row->provider, fact_class_word(row->class));
        assert_true(looks_for(signal, row));
        assert_true(row->status == 0 ? signal->statuses[0] == 0 : has_status(signal, row->status));
        assert_int_equal(signal->about, row->about);
        assert_int_equal(signal->until, row->until);
        assert_int_equal(signal->least_ms, row->least_ms);
        assert_int_equal(signal->most_ms, row->most_ms);
        assert_int_equal(signal->window_ms, row->window_ms);
    }
}

/* The place of the first row that says a word; the order decides what is believed. */
static uint32_t place_of(const char *id, const char *value) {
    const struct fact_provider *of = provider(id);
    for (uint32_t i = 0; i < of->signal_count; i++)
        for (uint32_t k = 0; k < of->signals[i].match_count; k++)
            if (lists(of->signals[i].matches[k].values, value))
                return i;
    print_error("%s never says %s\n", id, value);
    fail();
    return 0;
}

static void test_order_of_signals(void **state) {
    (void)state;
    assert_true(place_of("google", "limit: 0") < place_of("google", "PerDay"));
    assert_true(place_of("google", "PerDay") < place_of("google", "PerMinute"));
    assert_true(place_of("google", "GenerateContentInputTokensPerModelPerMinute-FreeTier") <
                place_of("google", "PerMinute"));
    assert_true(place_of("groq", "(TPD)") < place_of("groq", "per minute"));
    assert_true(place_of("groq", "tokens per minute") < place_of("groq", "per minute"));
    assert_true(place_of("mistral", "0") < place_of("mistral", "1300"));
    assert_true(place_of("cloudflare", "3036") < place_of("cloudflare", "capacity"));
    assert_true(place_of("siliconflow", "balance") < place_of("siliconflow", "real"));
    assert_int_equal(provider("google")->signals[place_of("google", "PerDay")].told_least_ms,
                     60000);
    assert_string_equal(provider("google")->signals[place_of("google", "PerDay")].wait_path,
                        "error.details[].retryDelay");
    assert_int_equal(
        provider("mistral")->signals[place_of("mistral", "0")].told_least_ms == UINT64_MAX, 1);
    assert_true(provider("google")->signals[place_of("google", "Unknown name")].strip_named);
    assert_string_equal(provider("cloudflare")->signals[place_of("cloudflare", "5025")].strip,
                        "response_format");
    assert_int_equal(provider("groq")->signals[place_of("groq", "per minute")].unit,
                     LIMIT_UNIT_COUNT);
}

static bool shares_status(const struct fact_signal *a, const struct fact_signal *b) {
    const uint16_t *status = b->statuses;
    while (*status != 0 && !has_status(a, *status))
        status++;
    return *status != 0;
}

/* A row that looks at the status only would hide every row behind it with that status. */
static void test_no_signal_is_hidden(void **state) {
    (void)state;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *of = &facts->providers[i];
        for (uint32_t k = 0; k < of->signal_count; k++) {
            const struct fact_signal *first = &of->signals[k];
            bool bare = first->match_count == 0 && !first->note;
            for (uint32_t n = k + 1; n < of->signal_count && bare; n++)
                assert_false(shares_status(first, &of->signals[n]));
        }
    }
}

/* --- quirks --- */

static const struct quirk_row {
    const char *provider;
    enum fact_quirk_kind kind;
    const char *field, *value, *upstream; /* NULL: all models */
} quirk_rows[] = {
    {"groq", FACT_QUIRK_DROP, "logprobs", "", NULL},
    {"groq", FACT_QUIRK_FORCE, "n", "1", NULL},
    {"groq", FACT_QUIRK_NO_NULLS, "", "", NULL},
    {"groq", FACT_QUIRK_KEEP_STRICT, "", "", "openai/gpt-oss-20b"},
    {"groq", FACT_QUIRK_CANNOT, "tool_choice_required", "", "qwen/qwen3.8-27b"},
    {"groq", FACT_QUIRK_CANNOT, "vision", "", "qwen/qwen3.8-27b"},
    {"google", FACT_QUIRK_RENAME, "max_completion_tokens", "max_tokens", NULL},
    {"google", FACT_QUIRK_SCHEMA_DROP, "$defs", "", NULL},
    {"google", FACT_QUIRK_SIGNATURE, "google.thought_signature", "skip_thought_signature_validator",
     "gemini-3.8-flash"},
    {"google", FACT_QUIRK_SYSTEM_TO_USER, "", "", "gemma-3-27b-it"},
    {"google", FACT_QUIRK_AT_LEAST, "max_tokens", "4096", "gemini-2.5-flash"},
    {"google", FACT_QUIRK_TOTAL_HAS_REASONING, "", "", NULL},
    {"openrouter", FACT_QUIRK_FORCE, "provider.max_price", "{\"prompt\":0,\"completion\":0}", NULL},
    {"openrouter", FACT_QUIRK_ROUTER, "openrouter/free", "", NULL},
    {"mistral", FACT_QUIRK_RENAME, "seed", "random_seed", NULL},
    {"mistral", FACT_QUIRK_TOOL_IDS_9, "", "", NULL},
    {"mistral", FACT_QUIRK_DROP, "reasoning_effort", "", "ministral-8b-2512"},
    {"mistral", FACT_QUIRK_NO_STREAM_OPTIONS, "", "", NULL},
    {"cloudflare", FACT_QUIRK_CONTENT_NOT_NULL, "", "", NULL},
    {"cloudflare", FACT_QUIRK_DEFAULT, "max_tokens", "8192", NULL},
    {"nvidia", FACT_QUIRK_FORCE_WITH_TOOLS, "parallel_tool_calls", "false", NULL},
    {"nvidia", FACT_QUIRK_INPUT_TYPE, "", "query", "nvidia/llama-nemotron-embed-vl-1b-v2"},
    {"kilo", FACT_QUIRK_GUARD_WORDS, "", "safe|unsafe", NULL},
    {"kilo", FACT_QUIRK_NO_KEY_HEADER, "", "", NULL},
    {"llm7", FACT_QUIRK_MODEL_SUBSTITUTES, "", "", NULL},
    {"requesty", FACT_QUIRK_NOT_ZERO, "temperature", "0.01", "mistral/leanstral-1-5"},
    {"opencode_zen", FACT_QUIRK_ANONYMOUS_KEY, "", "public", NULL},
    {"aihorde", FACT_QUIRK_STOP_ARRAY, "", "", NULL},
    {"aihorde", FACT_QUIRK_CANNOT, "stream", "", NULL},
    {"cerebras", FACT_QUIRK_RENAME, "max_tokens", "max_completion_tokens", NULL},
    {"openai", FACT_QUIRK_DEVELOPER_ROLE, "", "", NULL},
    {"groq", FACT_QUIRK_NOTE, "temperature_zero", "", NULL},
};

static void test_quirks(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(quirk_rows); i++) {
        const struct quirk_row *row = &quirk_rows[i];
        const struct fact_provider *of = provider(row->provider);
        uint32_t found = 0;
        for (uint32_t k = 0; k < of->quirk_count; k++) {
            const struct fact_quirk *quirk = &of->quirks[k];
            found += quirk->kind == row->kind && strcmp(quirk->field, row->field) == 0 &&
                     strcmp(quirk->value, row->value) == 0 &&
                     (quirk->models == NULL) == (row->upstream == NULL) &&
                     facts_models_match(quirk->models,
                                        span_text(row->upstream != NULL ? row->upstream : ""));
        }
        if (found != 1)
            print_error("%s, row %zu: %u such quirks\n", row->provider, i, found);
        assert_int_equal(found, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),           cmocka_unit_test(test_limits_of_unknown_rules),
        cmocka_unit_test(test_headers),          cmocka_unit_test(test_signals),
        cmocka_unit_test(test_order_of_signals), cmocka_unit_test(test_no_signal_is_hidden),
        cmocka_unit_test(test_quirks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
