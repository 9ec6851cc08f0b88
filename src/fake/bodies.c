// SPDX-License-Identifier: Apache-2.0
/*
 * Errors in the form and the words of each provider.
 *
 * Words come from a table (error_table.h) with the true numbers of the limit that refuses filled in; a form is a function that puts code,
 * type and words where that provider has them. Promises: always valid JSON; what is said about limits and waits is what was counted.
 * Leaves to others: head fields (headers.c), when an error is due (world.c).
 */
#include "fake/bodies.h"

#include "base/check.h"
#include "base/clock.h"
#include "fake/error_table.h"

#include <stdio.h>

struct words_row {
    enum fake_bodies dialect;
    enum fake_kind kind;
    int status;
    const char *code, *type, *words;
};

static const struct words_row rows[] = {
#define WORDS_ROW(dialect, kind, status, code, type, words) \
    {BODIES_##dialect, KIND_##kind, status, code, type, words},
    FAKE_ERROR_TABLE(WORDS_ROW)
#undef WORDS_ROW
};

/* An error, ready to be put into a form. */
struct telling {
    struct fake_plan *plan;
    const struct words_row *row; /* NULL: the fault's own words */
    int status;                  /* of the error, also where it comes under a 200 */
    struct span code, type, words;
};

static const struct words_row *find_row(enum fake_bodies dialect, enum fake_kind kind) {
    for (size_t i = 0; i < array_length(rows); i++)
        if (rows[i].dialect == dialect && rows[i].kind == kind)
            return &rows[i];
    return NULL;
}

int fake_error_status(enum fake_bodies dialect, enum fake_kind kind, int status) {
    const struct words_row *row = find_row(dialect, kind);
    return row != NULL && row->status != 0 ? row->status : status;
}

/* --- numbers in words --- */

static const struct {
    uint64_t most_ms;
    const char *per, *letter, *id;
} periods[] = {
    {1000, "second", "S", "PerSecond"},
    {60000, "minute", "M", "PerMinute"},
    {3600000, "hour", "H", "PerHour"},
    {86400000, "day", "D", "PerDay"},
    {UINT64_C(7) * 86400000, "week", "W", "PerWeek"},
};

static size_t period_of(const struct fake_plan *plan) {
    uint64_t window_ms = plan->kind == KIND_DAY ? 86400000 : 60000;
    if (plan->verdict.limit != NULL)
        window_ms = fake_limit_window_ms(&plan->refusing);
    for (size_t i = 0; i < array_length(periods); i++)
        if (window_ms <= periods[i].most_ms)
            return i;
    return array_length(periods);
}

static const char *period_word(const struct fake_plan *plan) {
    size_t period = period_of(plan);
    return period < array_length(periods) ? periods[period].per : "month";
}

static const char *unit_of(const struct fake_plan *plan) {
    return plan->verdict.limit == NULL || plan->refusing.unit == FAKE_REQUESTS ? "requests"
                                                                               : "tokens";
}

/* 1h23m45.6s, 7.66s, 585ms: as Go prints a duration. */
int fake_write_go_duration(struct dynbuf *out, uint64_t ms) {
    unsigned long long hours = ms / 3600000;
    unsigned long long minutes = ms / 60000 % 60;
    char seconds[24];
    if (ms < 1000)
        return dynbuf_append_format(out, "%llums", (unsigned long long)ms);
    (void)snprintf(seconds, sizeof seconds, "%llu.%03u", (unsigned long long)(ms / 1000 % 60),
                   (unsigned)(ms % 1000));
    size_t length = strlen(seconds);
    while (seconds[length - 1] == '0')
        length--;
    length -= seconds[length - 1] == '.';
    int err = hours > 0 ? dynbuf_append_format(out, "%lluh", hours) : 0;
    if (err == 0 && (hours > 0 || minutes > 0))
        err = dynbuf_append_format(out, "%llum", minutes);
    return err == 0 ? dynbuf_append_format(out, "%.*ss", (int)length, seconds) : err;
}

static int put_name(struct fake_plan *plan, struct span name, struct dynbuf *out) {
    bool limited = plan->verdict.limit != NULL;
    unsigned long long limit = limited ? plan->refusing.amount : 30;
    const char *unit = unit_of(plan);
    size_t period = period_of(plan);
    if (span_is(name, "model"))
        return dynbuf_append_span(out, plan->question.model);
    if (span_is(name, "limit"))
        return dynbuf_append_format(out, "%llu", limit);
    if (span_is(name, "used"))
        return dynbuf_append_format(out, "%llu",
                                    limited ? (unsigned long long)plan->verdict.used : limit);
    if (span_is(name, "requested"))
        return dynbuf_append_format(
            out, "%llu",
            (unsigned long long)(limited ? plan->verdict.requested : plan->work.input_tokens));
    if (span_is(name, "unit"))
        return dynbuf_append_text(out, unit);
    if (span_is(name, "Unit"))
        return dynbuf_append_text(out, unit[0] == 'r' ? "Requests" : "Tokens");
    if (span_is(name, "per"))
        return dynbuf_append_text(out, period_word(plan));
    if (span_is(name, "short"))
        return dynbuf_append_format(out, "%cP%s", unit[0] == 'r' ? 'R' : 'T',
                                    period < array_length(periods) ? periods[period].letter : "M");
    if (span_is(name, "wait"))
        return fake_write_go_duration(out, plan->wait_ms);
    if (span_is(name, "whole"))
        return dynbuf_append_format(out, "%llu", (unsigned long long)(plan->wait_ms + 999) / 1000);
    check(span_is(name, "seconds"));
    return dynbuf_append_format(out, "%llu.%03u", (unsigned long long)(plan->wait_ms / 1000),
                                (unsigned)(plan->wait_ms % 1000));
}

/* The model's name is escaped already; rows hold a few characters that are not. So: escaped text. */
static int put_words(struct fake_plan *plan, const char *words, struct dynbuf *out) {
    int err = 0;
    for (const char *at = words; *at != '\0' && err == 0;) {
        const char *close = *at == '{' ? strchr(at, '}') : NULL;
        if (close != NULL) {
            err = put_name(plan, span_of(at + 1, (size_t)(close - at) - 1), out);
            at = close + 1;
            continue;
        }
        if (*at == '"')
            err = dynbuf_append_text(out, "\\\"");
        else if (*at == '\n')
            err = dynbuf_append_text(out, "\\n");
        else
            err = dynbuf_append_char(out, *at);
        at++;
    }
    return err;
}

/* --- forms --- */

#define ARG SPAN_ARG

static int form_openai(const struct telling *told, struct dynbuf *out) {
    const char *quote = told->code.len > 0 ? "\"" : "";
    return dynbuf_append_format(
        out,
        "{\"error\":{\"message\":\"%.*s\",\"type\":\"%.*s\",\"param\":null,\"code\":%s%.*s%s}}",
        ARG(told->words), ARG(told->type), quote,
        ARG(told->code.len > 0 ? told->code : SPAN_LITERAL("null")), quote);
}

/* The ids that Google's clients tell windows by. */
static int put_quota(struct fake_plan *plan, struct dynbuf *out) {
    size_t period = period_of(plan);
    const char *per = period < array_length(periods) ? periods[period].id : "PerMonth";
    bool requests = unit_of(plan)[0] == 'r';
    return dynbuf_append_format(
        out,
        "{\"@type\":\"type.googleapis.com/"
        "google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":"
        "\"generativelanguage.googleapis.com/generate_content_free_tier_%s\",\"quotaId\":"
        "\"%s%s%s-FreeTier\",\"quotaDimensions\":{\"location\":\"global\",\"model\":"
        "\"%.*s\"},\"quotaValue\":\"%llu\"}]},{\"@type\":\"type.googleapis.com/"
        "google.rpc.RetryInfo\","
        "\"retryDelay\":\"%llus\"}",
        requests ? "requests" : "input_token_count",
        requests ? "GenerateRequests" : "GenerateContentInputTokensPerModel", per,
        requests ? "PerProjectPerModel" : "", ARG(plan->question.model),
        (unsigned long long)(plan->verdict.limit != NULL ? plan->refusing.amount : 30),
        (unsigned long long)(plan->wait_ms + 999) / 1000);
}

static int form_google(const struct telling *told, struct dynbuf *out) {
    enum fake_kind kind = told->plan->kind;
    int err = dynbuf_append_format(
        out, "[{\"error\":{\"code\":%d,\"message\":\"%.*s\",\"status\":\"%.*s\",\"details\":[",
        told->status, ARG(told->words),
        ARG(told->code.len > 0 ? told->code : SPAN_LITERAL("UNKNOWN")));
    if (err == 0 && told->type.len > 0)
        err = dynbuf_append_format(
            out, "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"%.*s\"}",
            ARG(told->type));
    if (err == 0 && (kind == KIND_RATE || kind == KIND_DAY || kind == KIND_TOO_LARGE))
        err = put_quota(told->plan, out);
    return err == 0 ? dynbuf_append_text(out, "]}}]") : err;
}

static int form_openrouter(const struct telling *told, struct dynbuf *out) {
    int err =
        dynbuf_append_format(out, "{\"error\":{\"message\":\"%.*s\",\"code\":%d,\"metadata\":{",
                             ARG(told->words), told->status);
    if (err == 0 && span_is(told->type, "provider"))
        err = dynbuf_append_text(out, "\"provider_name\":\"Mock\",\"raw\":\"mock\"");
    else if (err == 0 && told->type.len > 0)
        err = dynbuf_append_format(out, "\"limit_source\":\"%.*s\"", ARG(told->type));
    else if (err == 0 && told->plan->verdict.limit != NULL)
        err = dynbuf_append_format(
            out,
            "\"headers\":{\"X-RateLimit-Limit\":\"%llu\",\"X-RateLimit-Remaining\":\"0\","
            "\"X-RateLimit-Reset\":\"%llu\"}",
            (unsigned long long)told->plan->refusing.amount,
            (unsigned long long)(told->plan->question.wall_ms + told->plan->wait_ms));
    return err == 0 ? dynbuf_append_text(out, "}},\"user_id\":\"user_mock\"}") : err;
}

static int form_mistral(const struct telling *told, struct dynbuf *out) {
    if (span_is(told->type, "detail"))
        return dynbuf_append_format(out, "{\"detail\":\"%.*s\"}", ARG(told->words));
    if (span_is(told->type, "detail_list"))
        return dynbuf_append_format(
            out, "{\"detail\":[{\"type\":\"%.*s\",\"loc\":[\"body\",\"x\"],\"msg\":\"%.*s\"}]}",
            ARG(told->code), ARG(told->words));
    return dynbuf_append_format(out,
                                "{\"object\":\"error\",\"message\":\"%.*s\",\"type\":\"%.*s\","
                                "\"param\":null,\"code\":\"%.*s\"}",
                                ARG(told->words), ARG(told->type), ARG(told->code));
}

static int form_cloudflare(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(
        out,
        "{\"success\":false,\"errors\":[{\"code\":%.*s,\"message\":\"%.*s\"}],\"messages\":[],"
        "\"result\":{}}",
        ARG(told->code.len > 0 ? told->code : SPAN_LITERAL("3043")), ARG(told->words));
}

static int form_cohere(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(out, "{\"id\":\"%s\",\"message\":\"%.*s\"}", told->plan->id,
                                ARG(told->words));
}

static int form_problem(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(
        out, "{\"type\":\"about:blank\",\"title\":\"%.*s\",\"status\":%d,\"detail\":\"%.*s\"}",
        ARG(told->code.len > 0 ? told->code : SPAN_LITERAL("Error")), told->status,
        ARG(told->words));
}

static int form_zai(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(out, "{\"error\":{\"code\":\"%.*s\",\"message\":\"%.*s\"}}",
                                ARG(told->code.len > 0 ? told->code : SPAN_LITERAL("500")),
                                ARG(told->words));
}

static int form_text(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(out, "{\"error\":\"%.*s\"}", ARG(told->words));
}

/* {"type":"error","error":{"type":...,"message":...}}: Anthropic and those who took it over. */
static int form_typed(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(
        out, "{\"type\":\"error\",\"error\":{\"type\":\"%.*s\",\"message\":\"%.*s\"}}",
        ARG(told->type.len > 0 ? told->type : SPAN_LITERAL("api_error")), ARG(told->words));
}

static int form_siliconflow(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(out, "{\"code\":%.*s,\"message\":\"%.*s\",\"data\":null}",
                                ARG(told->code.len > 0 ? told->code : SPAN_LITERAL("50000")),
                                ARG(told->words));
}

static int form_cerebras(const struct telling *told, struct dynbuf *out) {
    bool tokens = told->plan->kind == KIND_RATE && unit_of(told->plan)[0] == 't';
    return dynbuf_append_format(
        out, "{\"message\":\"%.*s\",\"type\":\"%.*s\",\"param\":\"%s\",\"code\":\"%.*s\"}",
        ARG(told->words), ARG(tokens ? SPAN_LITERAL("too_many_tokens_error") : told->type),
        tokens ? "quota" : "", ARG(tokens ? SPAN_LITERAL("token_quota_exceeded") : told->code));
}

static int form_llamacpp(const struct telling *told, struct dynbuf *out) {
    return dynbuf_append_format(
        out, "{\"error\":{\"code\":%d,\"message\":\"%.*s\",\"type\":\"%.*s\"}}", told->status,
        ARG(told->words), ARG(told->type.len > 0 ? told->type : SPAN_LITERAL("server_error")));
}

static int (*const forms[BODIES_COUNT])(const struct telling *told, struct dynbuf *out) = {
    [BODIES_PLAIN] = form_openai,          [BODIES_OPENAI] = form_openai,
    [BODIES_GROQ] = form_openai,           [BODIES_GOOGLE] = form_google,
    [BODIES_OPENROUTER] = form_openrouter, [BODIES_MISTRAL] = form_mistral,
    [BODIES_CLOUDFLARE] = form_cloudflare, [BODIES_COHERE] = form_cohere,
    [BODIES_NVIDIA] = form_problem,        [BODIES_ZAI] = form_zai,
    [BODIES_OLLAMA] = form_text,           [BODIES_HUGGINGFACE] = form_text,
    [BODIES_OPENCODE] = form_typed,        [BODIES_SILICONFLOW] = form_siliconflow,
    [BODIES_CEREBRAS] = form_cerebras,     [BODIES_ANTHROPIC] = form_typed,
    [BODIES_LLAMACPP] = form_llamacpp,
};

/* "plain" says the same under every dialect-free test: the fault's words, one type. */
static int tell_plain(struct telling *told, struct dynbuf *out) {
    told->type = SPAN_LITERAL("mock_error");
    told->code = told->plan->kind == KIND_CLIENT ? SPAN_LITERAL("invalid_type") : SPAN_NONE;
    told->words = span_text(told->plan->fault->words);
    return form_openai(told, out);
}

int fake_write_error(struct fake_plan *plan, struct dynbuf *out) {
    enum fake_bodies dialect = plan->provider->script.settings.errors;
    struct telling told = {
        .plan = plan, .row = find_row(dialect, plan->kind), .status = plan->status};
    struct dynbuf words, type;
    if (dialect == BODIES_PLAIN)
        return tell_plain(&told, out);
    if (told.status == 200)
        told.status = fake_error_status(dialect, plan->kind, plan->kind == KIND_RATE ? 429 : 500);
    dynbuf_init(&words, FAKE_FIELDS_MAX_BYTES + plan->question.model.len * 2);
    dynbuf_init(&type, FAKE_FIELDS_MAX_BYTES);
    int err = put_words(plan, told.row != NULL ? told.row->words : plan->fault->words, &words);
    if (err == 0)
        err = put_words(plan, told.row != NULL ? told.row->type : "api_error", &type);
    told.words = dynbuf_span(&words);
    told.type = dynbuf_span(&type);
    told.code = told.row != NULL ? span_text(told.row->code) : SPAN_LITERAL("");
    if (err == 0)
        err = forms[dialect](&told, out);
    dynbuf_done(&words);
    dynbuf_done(&type);
    return err;
}
