// SPDX-License-Identifier: Apache-2.0
/*
 * Head fields of simulated answers: what providers tell about limits, costs, waits and the time.
 *
 * A dialect is rows of one table: a field, the limit it is about (unit, window, scope), what of it is told, in which form. Fields about
 * limits that a provider does not have are left out, as real ones do. How true they are is a setting (right, absent, stale, lying, day_only);
 * the counts behind them are always exact. Promises: bytes of a field are visible ASCII. Leaves to others: counting (count.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "fake/bodies.h"

#include <stdio.h>
#include <time.h>

enum period { PER_ANY, PER_SECOND, PER_MINUTE, PER_HOUR, PER_DAY, PER_MONTH };
enum tells { TELLS_LIMIT, TELLS_REMAINING, TELLS_RESET, TELLS_COST };
enum form { FORM_INTEGER, FORM_GO, FORM_FLOAT_S, FORM_EPOCH_MS, FORM_EPOCH_S, FORM_RFC3339 };
enum when { WHEN_ALWAYS, WHEN_GOOD, WHEN_REFUSED };

#define ANY_UNIT  FAKE_UNIT_COUNT
#define ANY_SCOPE FAKE_SCOPE_COUNT

struct field_row {
    enum fake_headers dialect;
    const char *name;
    enum fake_unit unit;
    enum period period;
    enum fake_scope scope;
    enum tells tells;
    enum form form;
    enum when when;
};

/* limit, remaining and reset of one window, named by a prefix and a suffix */
#define TRIPLE(dialect, prefix, suffix, unit, period, form)                                     \
    {dialect,   prefix "limit" suffix, unit,         period,                                    \
     ANY_SCOPE, TELLS_LIMIT,           FORM_INTEGER, WHEN_ALWAYS},                              \
        {dialect,   prefix "remaining" suffix, unit,         period,                            \
         ANY_SCOPE, TELLS_REMAINING,           FORM_INTEGER, WHEN_ALWAYS},                      \
    {                                                                                           \
        dialect, prefix "reset" suffix, unit, period, ANY_SCOPE, TELLS_RESET, form, WHEN_ALWAYS \
    }
#define PAIR(dialect, prefix, suffix, unit, period, scope, when)                                \
    {dialect, prefix "limit" suffix, unit, period, scope, TELLS_LIMIT, FORM_INTEGER, when}, {   \
        dialect, prefix "remaining" suffix, unit, period, scope, TELLS_REMAINING, FORM_INTEGER, \
            when                                                                                \
    }
#define ANTHROPIC(kind, unit)                                                                 \
    {HEADERS_ANTHROPIC,                                                                       \
     "anthropic-ratelimit-" kind "-limit",                                                    \
     unit,                                                                                    \
     PER_MINUTE,                                                                              \
     ANY_SCOPE,                                                                               \
     TELLS_LIMIT,                                                                             \
     FORM_INTEGER,                                                                            \
     WHEN_ALWAYS},                                                                            \
        {HEADERS_ANTHROPIC,                                                                   \
         "anthropic-ratelimit-" kind "-remaining",                                            \
         unit,                                                                                \
         PER_MINUTE,                                                                          \
         ANY_SCOPE,                                                                           \
         TELLS_REMAINING,                                                                     \
         FORM_INTEGER,                                                                        \
         WHEN_ALWAYS},                                                                        \
    {                                                                                         \
        HEADERS_ANTHROPIC, "anthropic-ratelimit-" kind "-reset", unit, PER_MINUTE, ANY_SCOPE, \
            TELLS_RESET, FORM_RFC3339, WHEN_ALWAYS                                            \
    }
#define COST(dialect, name, unit) \
    { dialect, name, unit, PER_ANY, ANY_SCOPE, TELLS_COST, FORM_INTEGER, WHEN_GOOD }

/* clang-format off */
static const struct field_row rows[] = {
    TRIPLE(HEADERS_GROQ, "x-ratelimit-", "-requests", FAKE_REQUESTS, PER_DAY, FORM_GO),
    TRIPLE(HEADERS_GROQ, "x-ratelimit-", "-tokens", FAKE_TOKENS, PER_MINUTE, FORM_GO),
    {HEADERS_OPENROUTER, "X-RateLimit-Limit", ANY_UNIT, PER_ANY, ANY_SCOPE, TELLS_LIMIT, FORM_INTEGER, WHEN_REFUSED},
    {HEADERS_OPENROUTER, "X-RateLimit-Remaining", ANY_UNIT, PER_ANY, ANY_SCOPE, TELLS_REMAINING, FORM_INTEGER, WHEN_REFUSED},
    {HEADERS_OPENROUTER, "X-RateLimit-Reset", ANY_UNIT, PER_ANY, ANY_SCOPE, TELLS_RESET, FORM_EPOCH_MS, WHEN_REFUSED},
    PAIR(HEADERS_MISTRAL, "x-ratelimit-", "-req-second", FAKE_REQUESTS, PER_SECOND, ANY_SCOPE, WHEN_ALWAYS),
    PAIR(HEADERS_MISTRAL, "x-ratelimit-", "-req-minute", FAKE_REQUESTS, PER_MINUTE, ANY_SCOPE, WHEN_ALWAYS),
    PAIR(HEADERS_MISTRAL, "x-ratelimit-", "-tokens-minute", FAKE_TOKENS, PER_MINUTE, ANY_SCOPE, WHEN_ALWAYS),
    PAIR(HEADERS_MISTRAL, "x-ratelimit-", "-tokens-month", FAKE_TOKENS, PER_MONTH, ANY_SCOPE, WHEN_ALWAYS),
    COST(HEADERS_MISTRAL, "x-ratelimit-tokens-query-cost", FAKE_TOKENS),
    COST(HEADERS_CLOUDFLARE, "cf-ai-neurons", FAKE_NEURONS),
    {HEADERS_COHERE, "x-endpoint-monthly-call-limit", FAKE_REQUESTS, PER_MONTH, ANY_SCOPE, TELLS_LIMIT, FORM_INTEGER, WHEN_ALWAYS},
    PAIR(HEADERS_COHERE, "x-trial-endpoint-call-", "", FAKE_REQUESTS, PER_MINUTE, ANY_SCOPE, WHEN_GOOD),
    COST(HEADERS_COHERE, "num_tokens", FAKE_TOKENS),
    PAIR(HEADERS_MODELSCOPE, "modelscope-ratelimit-requests-", "", FAKE_REQUESTS, PER_DAY, FAKE_BY_ACCOUNT, WHEN_ALWAYS),
    PAIR(HEADERS_MODELSCOPE, "modelscope-ratelimit-model-requests-", "", FAKE_REQUESTS, PER_DAY, FAKE_BY_MODEL, WHEN_ALWAYS),
    TRIPLE(HEADERS_CEREBRAS, "x-ratelimit-", "-requests-minute", FAKE_REQUESTS, PER_MINUTE, FORM_FLOAT_S),
    TRIPLE(HEADERS_CEREBRAS, "x-ratelimit-", "-requests-hour", FAKE_REQUESTS, PER_HOUR, FORM_FLOAT_S),
    TRIPLE(HEADERS_CEREBRAS, "x-ratelimit-", "-requests-day", FAKE_REQUESTS, PER_DAY, FORM_FLOAT_S),
    TRIPLE(HEADERS_CEREBRAS, "x-ratelimit-", "-tokens-minute", FAKE_TOKENS, PER_MINUTE, FORM_FLOAT_S),
    TRIPLE(HEADERS_CEREBRAS, "x-ratelimit-", "-tokens-hour", FAKE_TOKENS, PER_HOUR, FORM_FLOAT_S),
    TRIPLE(HEADERS_CEREBRAS, "x-ratelimit-", "-tokens-day", FAKE_TOKENS, PER_DAY, FORM_FLOAT_S),
    TRIPLE(HEADERS_SAMBANOVA, "x-ratelimit-", "-requests", FAKE_REQUESTS, PER_MINUTE, FORM_EPOCH_S),
    TRIPLE(HEADERS_SAMBANOVA, "x-ratelimit-", "-requests-day", FAKE_REQUESTS, PER_DAY, FORM_EPOCH_S),
    ANTHROPIC("requests", FAKE_REQUESTS),
    ANTHROPIC("tokens", FAKE_TOKENS),
    ANTHROPIC("input-tokens", FAKE_INPUT_TOKENS),
    ANTHROPIC("output-tokens", FAKE_OUTPUT_TOKENS),
};
/* clang-format on */

static enum period period_of(const struct fake_limit *limit) {
    uint64_t ms = fake_limit_window_ms(limit);
    if (ms == 0)
        return PER_ANY;
    if (ms <= 1000)
        return PER_SECOND;
    if (ms <= 60000)
        return PER_MINUTE;
    if (ms <= 3600000)
        return PER_HOUR;
    return ms <= 86400000 ? PER_DAY : PER_MONTH;
}

struct numbers {
    uint64_t limit, remaining, reset_ms;
};

static struct fake_moment moment_of(const struct fake_plan *plan) {
    const struct fake_settings *settings = &plan->provider->script.settings;
    return (struct fake_moment){plan->question.now_ns,
                                (int64_t)plan->question.wall_ms + settings->clock_skew_ms};
}

/* What is told of one rule; false when this request does not fall under it. */
static bool read_rule(struct fake_plan *plan, uint32_t row, struct numbers *ret) {
    struct fake_rules *rules = &plan->provider->rules;
    const struct fake_limit *limit = &rules->rows[row].limit;
    struct fake_moment moment = moment_of(plan);
    struct fake_count *count = fake_rule_count(rules, row, &plan->work, moment);
    if (count == NULL || limit->shape == FAKE_CONCURRENT)
        return false;
    uint64_t used = fake_count_used(limit, count, moment);
    ret->limit = limit->amount;
    ret->remaining = used < limit->amount ? limit->amount - used : 0;
    if (plan->provider->script.settings.headers_are == TRUTH_LYING)
        ret->remaining = rand_below(&plan->rand, 2 * limit->amount + 1);
    ret->reset_ms = (fake_count_reset_ns(limit, count, moment) + NS_PER_MS - 1) / NS_PER_MS;
    return true;
}

static bool hidden(const struct fake_plan *plan, const struct fake_limit *limit) {
    return plan->provider->script.settings.headers_are == TRUTH_DAY_ONLY &&
           period_of(limit) < PER_DAY;
}

static bool find_numbers(struct fake_plan *plan, const struct field_row *row, struct numbers *ret) {
    const struct fake_rules *rules = &plan->provider->rules;
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct fake_limit *limit = &rules->rows[i].limit;
        if ((row->unit != ANY_UNIT && row->unit != limit->unit) || hidden(plan, limit) ||
            (row->period != PER_ANY && row->period != period_of(limit)) ||
            (row->scope != ANY_SCOPE && row->scope != limit->scope) ||
            (row->when == WHEN_REFUSED && limit != plan->verdict.limit))
            continue;
        if (read_rule(plan, i, ret))
            return true;
    }
    return false;
}

/* --- forms --- */

static int write_date(struct dynbuf *out, int64_t wall_ms) {
    char text[48];
    struct tm parts;
    time_t when = (time_t)(wall_ms / 1000);
    check(gmtime_r(&when, &parts) != NULL);
    (void)strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    return dynbuf_append_text(out, text);
}

static int write_reset(const struct fake_plan *plan, enum form form, uint64_t reset_ms,
                       struct dynbuf *out) {
    unsigned long long at_ms = (unsigned long long)moment_of(plan).wall_ms + reset_ms;
    char text[32];
    switch (form) {
    case FORM_GO:
        return fake_write_go_duration(out, reset_ms);
    case FORM_FLOAT_S:
        return dynbuf_append_format(out, "%.6f", (double)reset_ms / 1000);
    case FORM_EPOCH_MS:
        return dynbuf_append_format(out, "%llu", at_ms);
    case FORM_EPOCH_S:
        return dynbuf_append_format(out, "%llu", (at_ms + 999) / 1000);
    case FORM_RFC3339:
        clock_format_rfc3339((at_ms + 999) / 1000 * 1000, text, sizeof text);
        return dynbuf_append_format(out, "%.19sZ", text);
    default:
        return dynbuf_append_format(out, "%llu", (unsigned long long)reset_ms / 1000);
    }
}

static int write_cost(const struct fake_plan *plan, const struct field_row *row,
                      struct dynbuf *out) {
    uint64_t tokens = plan->work.input_tokens + plan->tokens;
    if (row->unit == FAKE_NEURONS)
        return dynbuf_append_format(out, "%s: %.4f\r\n", row->name,
                                    (double)(tokens * plan->work.neurons_per_token) / 1000);
    return dynbuf_append_format(out, "%s: %llu\r\n", row->name, (unsigned long long)tokens);
}

static int write_row(struct fake_plan *plan, const struct field_row *row, struct dynbuf *out) {
    struct numbers numbers;
    bool good = plan->status < 400;
    if ((row->when == WHEN_GOOD && !good) || (row->when == WHEN_REFUSED && good))
        return 0;
    if (row->tells == TELLS_COST)
        return write_cost(plan, row, out);
    if (!find_numbers(plan, row, &numbers))
        return 0;
    int err = dynbuf_append_format(out, "%s: ", row->name);
    if (err == 0 && row->tells == TELLS_RESET)
        err = write_reset(plan, row->form, numbers.reset_ms, out);
    else if (err == 0)
        err = dynbuf_append_format(
            out, "%llu",
            (unsigned long long)(row->tells == TELLS_LIMIT ? numbers.limit : numbers.remaining));
    return err == 0 ? dynbuf_append_text(out, "\r\n") : err;
}

/* RateLimit-Policy: "requests-60";q=30;w=60 and RateLimit: "requests-60";r=29;t=60 (draft-ietf-httpapi-ratelimit-headers-10). */
static int write_ietf(struct fake_plan *plan, bool policy, struct dynbuf *out) {
    const struct fake_rules *rules = &plan->provider->rules;
    struct numbers numbers;
    bool first = true;
    int err = 0;
    for (uint32_t i = 0; i < rules->count && err == 0; i++) {
        const struct fake_limit *limit = &rules->rows[i].limit;
        unsigned long long window_s = (fake_limit_window_ms(limit) + 999) / 1000;
        if (window_s == 0 || hidden(plan, limit) || !read_rule(plan, i, &numbers))
            continue;
        err = dynbuf_append_format(out, "%s\"%s-%llu\"",
                                   !first   ? ", "
                                   : policy ? "RateLimit-Policy: "
                                            : "RateLimit: ",
                                   fake_unit_word(limit->unit), window_s);
        first = false;
        if (err == 0 && policy)
            err = dynbuf_append_format(out, ";q=%llu;w=%llu", (unsigned long long)numbers.limit,
                                       window_s);
        else if (err == 0)
            err = dynbuf_append_format(out, ";r=%llu;t=%llu", (unsigned long long)numbers.remaining,
                                       (unsigned long long)(numbers.reset_ms + 999) / 1000);
    }
    return err == 0 && !first ? dynbuf_append_text(out, "\r\n") : err;
}

static int write_dialect(struct fake_plan *plan, struct dynbuf *out) {
    enum fake_headers dialect = plan->provider->script.settings.headers;
    int err = 0;
    for (size_t i = 0; i < array_length(rows) && err == 0; i++)
        if (rows[i].dialect == dialect)
            err = write_row(plan, &rows[i], out);
    if (err == 0 && dialect == HEADERS_IETF)
        err = write_ietf(plan, true, out);
    if (err == 0 && dialect == HEADERS_IETF)
        err = write_ietf(plan, false, out);
    return err;
}

/* Sends what the answer before should have sent. */
static int write_stale(struct fake_plan *plan) {
    struct fake_provider *provider = plan->provider;
    struct dynbuf fresh;
    dynbuf_init(&fresh, sizeof provider->stale_fields - 1);
    int err = dynbuf_append_text(&plan->fields, provider->stale_fields);
    if (err == 0)
        err = write_dialect(plan, &fresh);
    if (err == 0) {
        memcpy(provider->stale_fields, dynbuf_span(&fresh).ptr, fresh.len);
        provider->stale_fields[fresh.len] = '\0';
    }
    dynbuf_done(&fresh);
    return err;
}

static int write_retry(struct fake_plan *plan, struct dynbuf *out) {
    unsigned long long wait_ms = plan->wait_ms;
    int64_t wall_ms = moment_of(plan).wall_ms;
    int err;
    switch (plan->provider->script.settings.retry_form) {
    case RETRY_FORM_SECONDS:
        return dynbuf_append_format(out, "Retry-After: %llu\r\n", (wait_ms + 999) / 1000);
    case RETRY_FORM_FRACTION:
        return dynbuf_append_format(out, "Retry-After: %llu.%03llu\r\n", wait_ms / 1000,
                                    wait_ms % 1000);
    case RETRY_FORM_MS:
        return dynbuf_append_format(out, "retry-after-ms: %llu\r\n", wait_ms);
    case RETRY_FORM_DATE:
    case RETRY_FORM_PAST:
        err = dynbuf_append_text(out, "Retry-After: ");
        if (plan->provider->script.settings.retry_form == RETRY_FORM_PAST)
            return err == 0 ? write_date(out, wall_ms - 3600000) : err;
        return err == 0 ? write_date(out, wall_ms + (int64_t)wait_ms + 999) : err;
    case RETRY_FORM_HUGE:
        return dynbuf_append_text(out, "Retry-After: 4000000000\r\n");
    case RETRY_FORM_NEGATIVE:
        return dynbuf_append_text(out, "Retry-After: -5\r\n");
    case RETRY_FORM_GARBAGE:
        return dynbuf_append_text(out, "Retry-After: soon\r\n");
    default:
        return 0;
    }
}

int fake_write_fields(struct fake_plan *plan) {
    const struct fake_settings *settings = &plan->provider->script.settings;
    struct dynbuf *out = &plan->fields;
    int err = 0;
    if (settings->clock_skew_ms != 0) { /* first, where the server looks for it */
        err = dynbuf_append_text(out, "Date: ");
        if (err == 0)
            err = write_date(out, moment_of(plan).wall_ms);
    }
    if (err == 0 && settings->headers_are == TRUTH_STALE)
        err = write_stale(plan);
    else if (err == 0 && settings->headers_are != TRUTH_ABSENT)
        err = write_dialect(plan, out);
    bool tells_wait = plan->status == 429 || (plan->status == 413 && plan->verdict.limit != NULL);
    return err == 0 && tells_wait ? write_retry(plan, out) : err;
}
