// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals by the generic rules, and what rows can say: each kind of match, each thing a row adds. Providers' own rows are proved
 * by test_golden.c.
 */
#include "base/check.h"
#include "base/dynbuf.h"
#include "provider/signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WALL_MS   1790000000000 /* 2026-09-21T14:13:20Z */
#define SECOND_NS 1000000000ull
#define DAY_NS    (86400 * SECOND_NS)
#define ARENA_CAP ((size_t)4 << 20)

struct fields {
    const char *name[4], *value[4];
};

static struct span get(void *context, const char *name) {
    const struct fields *fields = context;
    for (size_t i = 0; i < 4 && fields->name[i] != NULL; i++)
        if (strcmp(fields->name[i], name) == 0)
            return span_text(fields->value[i]);
    return SPAN_NONE;
}

struct run {
    struct arena arena;
    struct signal_answer answer;
    struct fields fields;
    struct signal_verdict verdict;
};

static void classify(struct run *run) {
    arena_init(&run->arena, NULL, 0, ARENA_CAP);
    run->answer.head = (struct signal_head){get, &run->fields};
    run->answer.wall_ms = WALL_MS;
    signal_classify(&run->answer, &run->arena, &run->verdict);
}

static void test_first_match_wins(void **state) {
    static const struct {
        int status;
        const char *code, *message;
        enum outcome outcome;
    } cases[] = {
        {400, NULL, "bad request", OUTCOME_UNCLEAR},
        {422, NULL, NULL, OUTCOME_UNCLEAR},
        {400, "context_length_exceeded", "too long", OUTCOME_CONTEXT_TOO_LONG},
        {400, NULL, "This model's maximum context length is 8192 tokens.",
         OUTCOME_CONTEXT_TOO_LONG},
        {500, "context_length_exceeded", NULL, OUTCOME_CONTEXT_TOO_LONG},
        {400, "content_filter", NULL, OUTCOME_CONTENT_FILTER},
        {400, NULL, "API key not valid. Please pass a valid API key.", OUTCOME_KEY_REFUSED},
        {401, NULL, NULL, OUTCOME_KEY_REFUSED},
        {403, NULL, NULL, OUTCOME_KEY_REFUSED},
        {402, NULL, NULL, OUTCOME_NO_CREDIT},
        {403, NULL, "Insufficient balance", OUTCOME_NO_CREDIT},
        {404, NULL, NULL, OUTCOME_MODEL_GONE},
        {400, "model_not_found", NULL, OUTCOME_MODEL_GONE},
        {413, NULL, NULL, OUTCOME_TOO_LARGE},
        {429, NULL, NULL, OUTCOME_RATE_LIMITED},
        {429, "insufficient_quota", NULL, OUTCOME_NO_CREDIT},
        {403, NULL, "You exceeded your current quota", OUTCOME_QUOTA_EXHAUSTED},
        {429, NULL, "You exceeded your current quota", OUTCOME_RATE_LIMITED},
        {400, "insufficient_quota", NULL, OUTCOME_NO_CREDIT},
        {429, NULL, "Limit 8000, Requested 9000", OUTCOME_TOO_LARGE},
        {429, NULL, "Limit 8000, Requested 900", OUTCOME_RATE_LIMITED},
        {400, NULL, "Unknown name \"x\" at 'messages[0]': Cannot find field.",
         OUTCOME_UNSUPPORTED_PARAMETER},
        {400, "tool_use_failed", NULL, OUTCOME_TOOL_CALL_MALFORMED},
        {400, "blocked_api_access", NULL, OUTCOME_ACCOUNT_BLOCKED},
        {403, NULL, "User location is not supported for the API use.", OUTCOME_REGION_BLOCKED},
        {451, NULL, NULL, OUTCOME_REGION_BLOCKED},
        {410, NULL, NULL, OUTCOME_MODEL_GONE},
        {408, NULL, NULL, OUTCOME_FIRST_BYTE_TIMEOUT},
        {498, NULL, NULL, OUTCOME_OVERLOADED},
        {200, "rate_limit_exceeded", NULL, OUTCOME_RATE_LIMITED},
        {200, "invalid_api_key", NULL, OUTCOME_KEY_REFUSED},
        {200, NULL, "boom", OUTCOME_SERVER_ERROR},
        {200, NULL, NULL, OUTCOME_SERVER_ERROR},
        {429, NULL, "Limit reached: 50 requests per day", OUTCOME_QUOTA_EXHAUSTED},
        {400, "invalid_type", NULL, OUTCOME_CLIENT_FAULT},
        {500, NULL, NULL, OUTCOME_SERVER_ERROR},
        {500, NULL, "the model is Overloaded", OUTCOME_OVERLOADED},
        {502, NULL, "<html>", OUTCOME_SERVER_ERROR},
        {503, NULL, NULL, OUTCOME_OVERLOADED},
        {529, NULL, NULL, OUTCOME_OVERLOADED},
        {302, NULL, NULL, OUTCOME_BAD_ANSWER},
        {204, NULL, NULL, OUTCOME_BAD_ANSWER},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        enum outcome outcome =
            signal_outcome(cases[i].status, span_text(cases[i].code), span_text(cases[i].message));
        if (outcome != cases[i].outcome)
            print_error("case %zu: %s, expected %s\n", i, outcome_row(outcome)->label,
                        outcome_row(cases[i].outcome)->label);
        assert_int_equal(outcome, cases[i].outcome);
    }
}

/* Bodies and heads of providers of which nothing is known. */
static const struct generic_case {
    int status;
    const char *body;
    const char *name[2], *value[2];
    uint64_t input_tokens;
    const char *model;
    enum outcome outcome;
    uint64_t told_ms, window_ms;
    const char *strip;
    uint64_t learned;
} generic_cases[] = {
    {.status = 429,
     .body = "",
     .name = {"retry-after", "retry-after-ms"},
     .value = {"2", "2500"},
     .outcome = OUTCOME_RATE_LIMITED,
     .told_ms = 2500,
     .window_ms = 60000},
    {.status = 429,
     .body = "{\"error\":{\"message\":\"Try again in 1m30s\"}}",
     .name = {"retry-after"},
     .value = {"2"},
     .outcome = OUTCOME_RATE_LIMITED,
     .told_ms = 90000,
     .window_ms = 60000},
    /* a reset of what is not used up is no wait */
    {.status = 429,
     .body = "{}",
     .name = {"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
     .value = {"7", "3h"},
     .outcome = OUTCOME_RATE_LIMITED},
    {.status = 429,
     .body = "{}",
     .name = {"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
     .value = {"0", "90m"},
     .outcome = OUTCOME_RATE_LIMITED,
     .told_ms = 5400000,
     .window_ms = 3600000},
    /* the length of the wait tells that it is a day's limit */
    {.status = 429,
     .body = "slow down",
     .name = {"retry-after"},
     .value = {"30000"},
     .outcome = OUTCOME_QUOTA_EXHAUSTED,
     .told_ms = 30000000,
     .window_ms = 86400000},
    {.status = 429,
     .body = "{\"message\":\"Rate limit of 30 requests per minute, limit: 30\"}",
     .outcome = OUTCOME_RATE_LIMITED,
     .window_ms = 60000,
     .learned = 30},
    /* a day's limit does not come back in 17 s */
    {.status = 429,
     .body = "{\"error\":{\"message\":\"tokens per day (TPD): Limit 200000, Used 199000, Requested "
             "4000\"}}",
     .name = {"retry-after"},
     .value = {"17"},
     .outcome = OUTCOME_QUOTA_EXHAUSTED,
     .window_ms = 86400000,
     .learned = 200000},
    {.status = 429,
     .body = "{\"error\":{\"message\":\"tokens per minute (TPM): Limit 8000, Requested 9,500\"}}",
     .name = {"retry-after"},
     .value = {"17"},
     .outcome = OUTCOME_TOO_LARGE,
     .learned = 8000},
    {.status = 429,
     .body = "{}",
     .name = {"x-ratelimit-limit-tokens"},
     .value = {"6000"},
     .input_tokens = 6001,
     .outcome = OUTCOME_TOO_LARGE},
    {.status = 429,
     .body = "{}",
     .name = {"x-ratelimit-limit-tokens"},
     .value = {"6000"},
     .input_tokens = 6000,
     .outcome = OUTCOME_RATE_LIMITED},
    {.status = 429,
     .body = "{}",
     .name = {"x-ratelimit-limit-requests"},
     .value = {"0"},
     .outcome = OUTCOME_NOT_ENTITLED},
    {.status = 429,
     .body = "{\"error\":{\"message\":\"Quota exceeded, limit: 0, model: x\"}}",
     .outcome = OUTCOME_NOT_ENTITLED},
    /* the bare word says nothing about a window */
    {.status = 429,
     .body = "{\"message\":\"token quota exceeded\",\"param\":\"quota\"}",
     .outcome = OUTCOME_RATE_LIMITED},
    {.status = 429,
     .body = "{\"error\":{\"message\":\"x\",\"metadata\":{\"provider_name\":\"Y\"}}}",
     .outcome = OUTCOME_UPSTREAM_RATE_LIMITED},
    {.status = 429,
     .body = "{\"error\":{\"message\":\"x\",\"metadata\":{\"headers\":{\"X-RateLimit-Remaining\":"
             "\"0\",\"X-RateLimit-Reset\":\"1790000030000\"}}}}",
     .outcome = OUTCOME_RATE_LIMITED,
     .told_ms = 30000,
     .window_ms = 60000},
    {.status = 503,
     .body = "<html>",
     .name = {"retry-after"},
     .value = {"Mon, 21 Sep 2026 14:14:20 GMT"},
     .outcome = OUTCOME_OVERLOADED,
     .told_ms = 60000},
    /* nobody rests for these */
    {.status = 413,
     .body = "",
     .name = {"retry-after"},
     .value = {"31"},
     .outcome = OUTCOME_TOO_LARGE},
    {.status = 401,
     .body = "",
     .name = {"retry-after"},
     .value = {"31"},
     .outcome = OUTCOME_KEY_REFUSED},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"The model `up-1` does not exist\"}}",
     .model = "up-1",
     .outcome = OUTCOME_MODEL_GONE},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"The tool `t` does not exist\"}}",
     .model = "up-1",
     .outcome = OUTCOME_UNCLEAR},
    /* members */
    {.status = 400,
     .body = "{\"error\":{\"message\":\"Unsupported parameter: 'logit_bias' is not supported with "
             "this model.\",\"param\":\"logit_bias\",\"code\":\"unsupported_parameter\"}}",
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = "logit_bias"},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"`logprobs` is not supported with this model\"}}",
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = "logprobs"},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"Unrecognized request argument supplied: top_k\"}}",
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = "top_k"},
    {.status = 422,
     .body = "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"messages\",1,"
             "\"assistant\","
             "\"reasoning_content\"],\"msg\":\"Extra inputs are not permitted\"}]}",
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = "messages[].reasoning_content"},
    {.status = 422,
     .body = "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"x\"],\"msg\":\"Field "
             "required\"}]}",
     .outcome = OUTCOME_UNCLEAR},
    {.status = 400,
     .body =
         "{\"error\":{\"message\":\"'messages.1' : property 'reasoning_content' is unsupported\"}}",
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = "messages[].reasoning_content"},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"Unknown name \\\"name\\\" at 'messages[0]': Cannot find "
             "field.\"}}",
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = "messages[].name"},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"Unknown name \\\"strict\\\" at 'tools[0].function': no\"}}",
     .outcome = OUTCOME_UNCLEAR},
    /* what the provider repeats of the prompt are no words of its own */
    {.status = 422,
     .body = "{\"detail\":[{\"type\":\"missing\",\"msg\":\"Field required\",\"input\":{\"content\":"
             "\"What does 'rate limit exceeded, requests per day' mean?\"}}]}",
     .outcome = OUTCOME_UNCLEAR},
    /* without these there is no request */
    {.status = 400,
     .body = "{\"error\":{\"message\":\"unsupported\",\"param\":\"messages\"}}",
     .outcome = OUTCOME_UNCLEAR},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"unsupported\",\"param\":\"a b\\\"c\"}}",
     .outcome = OUTCOME_UNCLEAR},
    {.status = 400,
     .body = "{\"error\":{\"message\":\"must be a number\",\"param\":\"top_p\"}}",
     .outcome = OUTCOME_UNCLEAR},
    /* errors inside a 200 */
    {.status = 200,
     .body = "{\"error\":{\"message\":\"x\",\"code\":429}}",
     .outcome = OUTCOME_RATE_LIMITED},
    {.status = 200,
     .body = "{\"error\":{\"message\":\"x\",\"code\":503}}",
     .outcome = OUTCOME_OVERLOADED},
    {.status = 200,
     .body = "{\"error\":{\"message\":\"x\",\"code\":\"1301\"}}",
     .outcome = OUTCOME_SERVER_ERROR},
    {.status = 200,
     .body =
         "{\"choices\":[{\"finish_reason\":\"error\",\"error\":{\"code\":502,\"message\":\"m\"}}]}",
     .outcome = OUTCOME_SERVER_ERROR},
    {.status = 200,
     .body = "[{\"error\":{\"code\":400,\"message\":\"m\",\"details\":[{\"reason\":\"API_KEY_"
             "INVALID\"}]}}]",
     .outcome = OUTCOME_KEY_REFUSED},
};

static void test_unknown_provider(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(generic_cases); i++) {
        const struct generic_case *c = &generic_cases[i];
        struct run run = {.answer = {.status = c->status,
                                     .body = span_text(c->body),
                                     .input_tokens = c->input_tokens,
                                     .upstream_model = span_text(c->model)}};
        for (size_t j = 0; j < array_length(c->name); j++) {
            run.fields.name[j] = c->name[j];
            run.fields.value[j] = c->value[j];
        }
        classify(&run);
        const struct signal_verdict *v = &run.verdict;
        if (v->outcome != c->outcome || v->detail.told_ns / 1000000 != c->told_ms ||
            v->detail.window_ns / 1000000 != c->window_ms ||
            !span_equal(v->strip, span_text(c->strip)) ||
            (c->learned > 0 && v->learned_limit != c->learned))
            fail_msg("case %zu: %s by %s, told %llu ms, window %llu ms, strip %.*s, learned %llu",
                     i, outcome_row(v->outcome)->label, v->rule,
                     (unsigned long long)(v->detail.told_ns / 1000000),
                     (unsigned long long)(v->detail.window_ns / 1000000), SPAN_ARG(v->strip),
                     (unsigned long long)v->learned_limit);
        assert_null(v->row);
        assert_non_null(v->rule);
        arena_reset(&run.arena);
    }
}

/* --- rows --- */

static const char *const word_x[] = {"x", NULL};
static const char *const numbers[] = {"3036", "4006", NULL};
static const char *const suffix[] = {"_GONE", NULL};
static const char *const zero[] = {"0", NULL};
static const uint16_t status_429[] = {429, 0};

#define WITH(match_kind, match_path, match_values) \
    { .kind = (match_kind), .path = (match_path), .values = (match_values) }
#define RULE(match_rule) \
    { .kind = FACT_MATCH_RULE, .rule = (match_rule), .path = "" }

static const struct match_case {
    struct fact_match match;
    int status;
    const char *body;
    bool fits;
} match_cases[] = {
    {WITH(FACT_MATCH_IS, "error.code", word_x), 429, "{\"error\":{\"code\":\"x\"}}", true},
    {WITH(FACT_MATCH_IS, "error.code", word_x), 429, "{\"code\":\"x\"}", true},
    {WITH(FACT_MATCH_IS, "code", word_x), 429, "{\"error\":{\"code\":\"\\u0078\"}}", true},
    {WITH(FACT_MATCH_IS, "code", word_x), 429, "[{\"error\":{\"code\":\"x\"}}]", true},
    {WITH(FACT_MATCH_IS, "code", word_x), 429, "{\"code\":\"xx\"}", false},
    {WITH(FACT_MATCH_IS, "code", word_x), 400, "{\"code\":\"x\"}", false},
    {WITH(FACT_MATCH_IS, "code", word_x), 200, "{\"code\":\"x\"}", true},
    {WITH(FACT_MATCH_IS, "code", word_x), 200, "{\"code\":\"x\",\"status\":500}", false},
    {WITH(FACT_MATCH_IS, "errors[].code", numbers), 429,
     "{\"errors\":[{\"code\":1},{\"code\":3036}]}", true},
    {WITH(FACT_MATCH_IS, "errors[].code", numbers), 429, "{\"error\":{\"code\":4006}}", true},
    {WITH(FACT_MATCH_IS, "errors[].code", numbers), 429, "{\"errors\":[{\"code\":30360}]}", false},
    {WITH(FACT_MATCH_IS, "code", word_x), 429, "x", false},
    {WITH(FACT_MATCH_IS, "code", word_x), 429, "", false},
    {WITH(FACT_MATCH_HAS, "message", word_x), 429, "{\"message\":\"aXb\"}", true},
    {WITH(FACT_MATCH_HAS, "message", word_x), 429, "{\"message\":\"ab\",\"x\":\"x\"}", false},
    {WITH(FACT_MATCH_HAS, "message", word_x), 429, "no json, X", true},
    {WITH(FACT_MATCH_SAYS, "", word_x), 429, "{\"a\":[{\"b\":\"..X..\"}]}", true},
    {WITH(FACT_MATCH_SAYS, "", word_x), 429, "{\"x\":1}", false},
    {WITH(FACT_MATCH_SAYS, "", word_x), 429, "<html>X", true},
    {WITH(FACT_MATCH_ENDS, "code", suffix), 429, "{\"code\":\"M_GONE\"}", true},
    {WITH(FACT_MATCH_ENDS, "code", suffix), 429, "{\"code\":\"M_GONE2\"}", false},
    {WITH(FACT_MATCH_PRESENT, "error.failed_generation", NULL), 429,
     "{\"error\":{\"failed_generation\":\"\"}}", true},
    {WITH(FACT_MATCH_PRESENT, "error.failed_generation", NULL), 429,
     "{\"error\":{\"failed_generation\":null}}", false},
    {WITH(FACT_MATCH_PRESENT, "error.failed_generation", NULL), 429, "{}", false},
    {WITH(FACT_MATCH_HEADER_IS, "x-left", zero), 429, "", true},
    {WITH(FACT_MATCH_HEADER_IS, "x-right", zero), 429, "", false},
    {WITH(FACT_MATCH_HEADER_IS, "x-none", zero), 429, "", false},
    {RULE(FACT_RULE_FORMAT_SENT), 429, "", true},
    {RULE(FACT_RULE_JSON_OBJECT_SENT), 429, "", false},
    {RULE(FACT_RULE_NO_KEY_SENT), 429, "", true},
    {RULE(FACT_RULE_NONE), 429, "", false},
};

static void test_matches(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(match_cases); i++) {
        const struct match_case *c = &match_cases[i];
        struct fact_signal row = {.class = FACT_CLASS_OVERLOADED,
                                  .statuses = status_429,
                                  .matches = &c->match,
                                  .match_count = 1,
                                  .about = FACT_ABOUT_MODEL,
                                  .strip = ""};
        struct fact_provider facts = {.signals = &row, .signal_count = 1};
        struct run run = {.answer = {.status = c->status,
                                     .body = span_text(c->body),
                                     .facts = &facts,
                                     .format_sent = true},
                          .fields = {{"x-left", "x-right"}, {" 0 ", "00"}}};
        classify(&run);
        if ((run.verdict.row == &row) != c->fits)
            fail_msg("case %zu: %d", i, run.verdict.row == &row);
        arena_reset(&run.arena);
    }
}

static struct signal_verdict obey(const struct fact_signal *row, const char *body,
                                  const char *wait) {
    struct fact_provider facts = {.signals = row, .signal_count = 1};
    struct run run = {.answer = {.status = 429, .body = span_text(body), .facts = &facts},
                      .fields = {{wait != NULL ? "retry-after" : NULL}, {wait}}};
    classify(&run);
    assert_ptr_equal(run.verdict.row, row);
    run.verdict.strip = SPAN_NONE; /* may live in the arena */
    arena_reset(&run.arena);
    return run.verdict;
}

static void test_rests(void **state) {
    struct fact_signal row = {.class = FACT_CLASS_DAILY_QUOTA,
                              .about = FACT_ABOUT_ACCOUNT,
                              .until = FACT_UNTIL_RESET,
                              .window_ms = 86400000,
                              .unit = LIMIT_REQUESTS,
                              .told_least_ms = 60000,
                              .strip = ""};
    (void)state;
    struct signal_verdict v = obey(&row, "", "17");
    assert_int_equal(v.outcome, OUTCOME_QUOTA_EXHAUSTED);
    assert_int_equal(v.detail.scope, BENCH_ACCOUNT);
    assert_int_equal(v.detail.told_ns, 0);
    assert_int_equal(v.detail.window_ns, DAY_NS);
    assert_int_equal(v.detail.window_unit, LIMIT_REQUESTS);
    assert_int_equal(obey(&row, "", "61").detail.told_ns, 61 * SECOND_NS);
    assert_int_equal(obey(&row, "", "200000").detail.told_ns, DAY_NS);
    row.window_ms = 7 * 86400000ull; /* a longer window makes longer waits believable */
    assert_int_equal(obey(&row, "", "200000").detail.told_ns, 200000 * SECOND_NS);
    row.told_least_ms = UINT64_MAX;
    assert_int_equal(obey(&row, "", "200000").detail.told_ns, 0);

    row = (struct fact_signal){.class = FACT_CLASS_OVERLOADED,
                               .about = FACT_ABOUT_MODEL,
                               .until = FACT_UNTIL_TIME,
                               .least_ms = 30000,
                               .most_ms = 120000,
                               .unit = LIMIT_UNIT_COUNT,
                               .strip = ""};
    v = obey(&row, "", NULL);
    assert_int_equal(v.outcome, OUTCOME_OVERLOADED);
    assert_int_equal(v.detail.scope, BENCH_MODEL);
    assert_int_equal(v.detail.bench_ns, 30 * SECOND_NS);
    assert_int_equal(v.detail.bench_most_ns, 120 * SECOND_NS);
    assert_false(v.detail.until_changed);
    row.until = FACT_UNTIL_FOREVER;
    assert_true(obey(&row, "", NULL).detail.until_changed);
    row.until = FACT_UNTIL_KEY_CHANGES;
    assert_true(obey(&row, "", NULL).detail.until_changed);
    row.until = FACT_UNTIL_OWNER_ACTS;
    row.least_ms = row.most_ms = 0;
    v = obey(&row, "", NULL);
    assert_false(v.detail.until_changed);
    assert_int_equal(v.detail.bench_ns, DAY_NS);
}

/* About the request only: nobody rests, whatever is told. */
static void test_rests_nobody(void **state) {
    struct fact_signal row = {.class = FACT_CLASS_REQUEST_TOO_LARGE,
                              .about = FACT_ABOUT_REQUEST,
                              .until = FACT_UNTIL_NOTHING,
                              .unit = LIMIT_UNIT_COUNT,
                              .strip = ""};
    (void)state;
    struct signal_verdict v =
        obey(&row, "{\"message\":\"tokens per minute: Limit 8000, Requested 9000\"}", "31");
    assert_int_equal(v.outcome, OUTCOME_TOO_LARGE);
    assert_int_equal(v.detail.scope, BENCH_NOTHING);
    assert_int_equal(v.detail.told_ns, 0);
    assert_int_equal(v.detail.window_ns, 0);
    assert_int_equal(v.learned_limit, 8000);
    assert_int_equal(v.learned_unit, LIMIT_TOKENS);
    assert_int_equal(v.learned_window_ms, 60000);
}

static void test_bad_requests(void **state) {
    struct fact_signal row = {.class = FACT_CLASS_BAD_REQUEST,
                              .about = FACT_ABOUT_REQUEST,
                              .unit = LIMIT_UNIT_COUNT,
                              .strip = ""};
    (void)state;
    assert_int_equal(obey(&row, "{}", NULL).outcome, OUTCOME_UNCLEAR);
    row.strip = "response_format";
    assert_int_equal(obey(&row, "{}", NULL).outcome, OUTCOME_UNSUPPORTED_PARAMETER);
    row.strip = "";
    row.strip_named = true;
    assert_int_equal(obey(&row, "{\"param\":\"top_k\"}", NULL).outcome,
                     OUTCOME_UNSUPPORTED_PARAMETER);
    assert_int_equal(obey(&row, "{\"param\":\"model\"}", NULL).outcome, OUTCOME_UNCLEAR);
}

/* Rows in their order; notes are passed over; numbers that never fit come before all. */
static void test_order(void **state) {
    struct fact_signal rows[] = {
        {.class = FACT_CLASS_BAD_KEY, .note = true, .strip = ""},
        {.class = FACT_CLASS_DAILY_QUOTA,
         .statuses = status_429,
         .about = FACT_ABOUT_MODEL,
         .unit = LIMIT_UNIT_COUNT,
         .strip = ""},
        {.class = FACT_CLASS_REQUEST_TOO_LARGE,
         .statuses = status_429,
         .about = FACT_ABOUT_REQUEST,
         .unit = LIMIT_UNIT_COUNT,
         .strip = ""},
    };
    struct fact_provider facts = {.signals = rows, .signal_count = array_length(rows)};
    struct run run = {.answer = {.status = 429, .body = SPAN_LITERAL("{}"), .facts = &facts}};
    (void)state;
    classify(&run);
    assert_ptr_equal(run.verdict.row, &rows[1]);
    arena_reset(&run.arena);
    run.answer.body = SPAN_LITERAL("{\"message\":\"Limit 8000, Requested 9000\"}");
    classify(&run);
    assert_ptr_equal(run.verdict.row, &rows[2]);
    assert_int_equal(run.verdict.outcome, OUTCOME_TOO_LARGE);
    arena_reset(&run.arena);
}

/* Sizes that a peer chooses: texts, codes, depth and length are cut, and the status still decides. */
static void test_large_bodies(void **state) {
    struct dynbuf body;
    struct run run = {.answer = {.status = 429}};
    (void)state;
    dynbuf_init(&body, (size_t)1 << 20);
    assert_int_equal(dynbuf_append_text(&body, "{\"errors\":["), 0);
    for (int i = 0; i < 400; i++)
        assert_int_equal(
            dynbuf_append_text(&body, "{\"code\":\"c\",\"message\":\"limit: 5 per day\"},"), 0);
    assert_int_equal(dynbuf_append_text(&body, "1]}"), 0);
    run.answer.body = dynbuf_span(&body);
    classify(&run);
    assert_int_equal(run.verdict.outcome, OUTCOME_QUOTA_EXHAUSTED);
    arena_reset(&run.arena);
    while (body.len < 2 * SIGNAL_BODY_MAX_BYTES)
        assert_int_equal(dynbuf_append_text(&body, "[[[[[[[[[[[[[[[["), 0);
    run.answer.body = dynbuf_span(&body);
    classify(&run);
    assert_int_equal(run.verdict.outcome, OUTCOME_QUOTA_EXHAUSTED);
    arena_reset(&run.arena);
    dynbuf_done(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_match_wins),
        cmocka_unit_test(test_unknown_provider),
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_rests),
        cmocka_unit_test(test_rests_nobody),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_large_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
