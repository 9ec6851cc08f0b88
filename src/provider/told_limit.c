// SPDX-License-Identifier: Apache-2.0
/*
 * Which limit a refusal is about, and the numbers that it tells.
 *
 * Why words: the same status and often the same code stand for a minute, a day or a month, and resting for the wrong one costs
 * either a day of quota or a day of refusals. The bare word "quota" says nothing (Cerebras uses it for minutes). Google tells its
 * limits by name (quotaId) and number (quotaValue). Numbers also tell a request that can never fit: "Limit 8000, Requested 9000".
 * Promises: a number is believed only together with what it counts; nothing is allocated. Leaves to others: what follows.
 */
#include "base/check.h"
#include "provider/parts.h"

static const struct window_word {
    const char *words;
    uint64_t window_ms;
    enum limit_unit unit; /* LIMIT_UNIT_COUNT = not told */
} window_words[] = {
    {"tokens per day", TOLD_DAY_MS, LIMIT_TOKENS},
    {"(TPD)", TOLD_DAY_MS, LIMIT_TOKENS},
    {"requests per day", TOLD_DAY_MS, LIMIT_REQUESTS},
    {"(RPD)", TOLD_DAY_MS, LIMIT_REQUESTS},
    {"audio seconds per day", TOLD_DAY_MS, LIMIT_AUDIO_SECONDS},
    {"(ASD)", TOLD_DAY_MS, LIMIT_AUDIO_SECONDS},
    {"free-models-per-day", TOLD_DAY_MS, LIMIT_REQUESTS},
    {"daily free allocation", TOLD_DAY_MS, LIMIT_NEURONS},
    {"calls / day", TOLD_DAY_MS, LIMIT_REQUESTS},
    {"daily call limit", TOLD_DAY_MS, LIMIT_REQUESTS},
    {"RPD limit", TOLD_DAY_MS, LIMIT_REQUESTS},
    {"TPD limit", TOLD_DAY_MS, LIMIT_TOKENS},
    {"audio seconds per hour", TOLD_HOUR_MS, LIMIT_AUDIO_SECONDS},
    {"(ASH)", TOLD_HOUR_MS, LIMIT_AUDIO_SECONDS},
    {"requests per hour", TOLD_HOUR_MS, LIMIT_REQUESTS},
    {"tokens per hour", TOLD_HOUR_MS, LIMIT_TOKENS},
    {"input tokens per min", TOLD_MINUTE_MS, LIMIT_INPUT_TOKENS},
    {"output tokens per min", TOLD_MINUTE_MS, LIMIT_OUTPUT_TOKENS},
    {"tokens per min", TOLD_MINUTE_MS, LIMIT_TOKENS},
    {"(TPM)", TOLD_MINUTE_MS, LIMIT_TOKENS},
    {"requests per min", TOLD_MINUTE_MS, LIMIT_REQUESTS},
    {"(RPM)", TOLD_MINUTE_MS, LIMIT_REQUESTS},
    {"free-models-per-min", TOLD_MINUTE_MS, LIMIT_REQUESTS},
    {"calls / min", TOLD_MINUTE_MS, LIMIT_REQUESTS},
    {"RPM limit", TOLD_MINUTE_MS, LIMIT_REQUESTS},
    {"TPM limit", TOLD_MINUTE_MS, LIMIT_TOKENS},
    {"requests per second", TOLD_SECOND_MS, LIMIT_REQUESTS},
    {"calls / month", TOLD_MONTH_MS, LIMIT_REQUESTS},
    {"monthly included credits", TOLD_MONTH_MS, LIMIT_MICRO_USD},
    {"PerDay", TOLD_DAY_MS, LIMIT_UNIT_COUNT},
    {"PerMinute", TOLD_MINUTE_MS, LIMIT_UNIT_COUNT},
    {"per month", TOLD_MONTH_MS, LIMIT_UNIT_COUNT},
    {"per week", TOLD_WEEK_MS, LIMIT_UNIT_COUNT},
    {"per day", TOLD_DAY_MS, LIMIT_UNIT_COUNT},
    {"per hour", TOLD_HOUR_MS, LIMIT_UNIT_COUNT},
    {"per min", TOLD_MINUTE_MS, LIMIT_UNIT_COUNT},
    {"per second", TOLD_SECOND_MS, LIMIT_UNIT_COUNT},
    {"for 5 hour", 5 * TOLD_HOUR_MS, LIMIT_UNIT_COUNT},
    {"5-hour", 5 * TOLD_HOUR_MS, LIMIT_UNIT_COUNT},
    {"monthly limit", TOLD_MONTH_MS, LIMIT_UNIT_COUNT},
    {"monthly quota", TOLD_MONTH_MS, LIMIT_UNIT_COUNT},
    {"monthly usage limit", TOLD_MONTH_MS, LIMIT_UNIT_COUNT},
    {"weekly/monthly limit", TOLD_WEEK_MS, LIMIT_UNIT_COUNT},
    {"weekly limit", TOLD_WEEK_MS, LIMIT_UNIT_COUNT},
    {"weekly quota", TOLD_WEEK_MS, LIMIT_UNIT_COUNT},
    {"weekly usage limit", TOLD_WEEK_MS, LIMIT_UNIT_COUNT},
    {"daily limit", TOLD_DAY_MS, LIMIT_UNIT_COUNT},
    {"daily quota", TOLD_DAY_MS, LIMIT_UNIT_COUNT},
    {"daily usage limit", TOLD_DAY_MS, LIMIT_UNIT_COUNT},
    {"hourly limit", TOLD_HOUR_MS, LIMIT_UNIT_COUNT},
    {"hourly usage limit", TOLD_HOUR_MS, LIMIT_UNIT_COUNT},
};

/* The window named first in a text; of two that begin at one place, the first row. */
static const struct window_word *window_of(struct span text) {
    const struct window_word *found = NULL;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < array_length(window_words); i++) {
        size_t at = span_find_nocase(text, span_text(window_words[i].words));
        if (at < first) {
            first = at;
            found = &window_words[i];
        }
    }
    return found;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "10,000" after what may stand between a word and its number. */
static bool number_after(struct span text, size_t at, uint64_t *ret_value) {
    static const char *const fillers[] = {" ", ":", "=", "ed to", "of", "is", "a"};
    char digits[20];
    size_t count = 0;
    for (size_t i = 0; i < array_length(fillers);) {
        size_t length = strlen(fillers[i]);
        bool here = text.len - at >= length && memcmp(text.ptr + at, fillers[i], length) == 0;
        at += here ? length : 0;
        i = here ? 0 : i + 1;
    }
    for (; at < text.len && count < sizeof digits; at++) {
        bool comma =
            text.ptr[at] == ',' && count > 0 && at + 1 < text.len && is_digit(text.ptr[at + 1]);
        if (!is_digit(text.ptr[at]) && !comma)
            break;
        if (!comma)
            digits[count++] = text.ptr[at];
    }
    return span_to_u64(span_of(digits, count), ret_value);
}

/* The number behind the first `word` that has one. */
static bool number_of(struct span text, const char *word, uint64_t *ret_value) {
    size_t passed = 0;
    for (;;) {
        size_t at =
            span_find_nocase(span_of(text.ptr + passed, text.len - passed), span_text(word));
        if (at == SIZE_MAX)
            return false;
        passed += at + strlen(word);
        if (number_after(text, passed, ret_value))
            return true;
    }
}

static struct told_limit limit_in(struct span text) {
    const struct window_word *window = window_of(text);
    struct told_limit limit = {.unit = LIMIT_UNIT_COUNT};
    if (window != NULL) {
        limit.window_ms = window->window_ms;
        limit.unit = window->unit;
    }
    if (!number_of(text, "limit", &limit.amount))
        (void)number_of(text, "allocation", &limit.amount);
    (void)number_of(text, "requested", &limit.requested);
    if (limit.unit == LIMIT_NEURONS)
        limit.amount = limit.amount < UINT64_MAX / 1000 ? limit.amount * 1000 : 0;
    return limit;
}

/* --- Google's violations --- */

struct violations {
    const struct told *told;
    uint64_t window_ms; /* looked for; 0 = the longest */
    bool input_only;
    struct told_limit best;
};

static struct told_limit limit_of_violation(const struct told *told, struct json_value value) {
    struct told_limit limit = {.unit = LIMIT_UNIT_COUNT};
    struct json_value number = json_get(value, "quotaValue");
    struct span id;
    if (json_string(json_get(value, "quotaId"), told->arena, &id) < 0)
        return limit;
    const struct window_word *window = window_of(id);
    limit.window_ms = window != NULL ? window->window_ms : 0;
    if (span_contains(id, "InputTokens"))
        limit.unit = LIMIT_INPUT_TOKENS;
    else if (span_contains(id, "Requests"))
        limit.unit = LIMIT_REQUESTS;
    else if (span_contains(id, "Tokens"))
        limit.unit = LIMIT_TOKENS;
    (void)span_to_u64(json_is(number, JSON_STRING) ? json_escaped(number) : json_raw(number),
                      &limit.amount);
    return limit;
}

static bool visit_violation(void *context, struct json_value value) {
    struct violations *violations = context;
    struct told_limit limit = limit_of_violation(violations->told, value);
    bool wanted = violations->window_ms == 0 || limit.window_ms == violations->window_ms;
    if (violations->input_only && limit.unit != LIMIT_INPUT_TOKENS)
        return false;
    if (wanted && limit.window_ms > violations->best.window_ms)
        violations->best = limit;
    return false; /* all of them */
}

static struct told_limit of_violations(const struct told *told, uint64_t window_ms,
                                       bool input_only) {
    struct violations violations = {told, window_ms, input_only, {.unit = LIMIT_UNIT_COUNT}};
    (void)told_at(told, "error.details[].violations[]", visit_violation, &violations);
    return violations.best;
}

static bool fits(struct told_limit limit, uint64_t window_ms, enum limit_unit unit) {
    return limit.window_ms > 0 && (window_ms == 0 || limit.window_ms == window_ms) &&
           (unit == LIMIT_UNIT_COUNT || limit.unit == LIMIT_UNIT_COUNT || limit.unit == unit);
}

struct told_limit told_limit_of(const struct told *told, uint64_t window_ms, enum limit_unit unit) {
    struct told_limit limit = of_violations(told, window_ms, false);
    for (size_t i = 0; i < told->text_count && !fits(limit, window_ms, unit); i++)
        limit = limit_in(told->texts[i]);
    if (!fits(limit, window_ms, unit))
        limit = (struct told_limit){.unit = LIMIT_UNIT_COUNT};
    if (limit.window_ms == 0)
        limit.window_ms = window_ms;
    if (limit.unit == LIMIT_UNIT_COUNT)
        limit.unit = unit;
    return limit;
}

/* --- requests that can never fit --- */

static bool numbers_never_fit(const struct told *told, struct told_limit *ret_limit) {
    for (size_t i = 0; i < told->text_count; i++) {
        struct told_limit limit = limit_in(told->texts[i]);
        if (limit.amount == 0 || limit.requested <= limit.amount)
            continue;
        *ret_limit = limit;
        return true;
    }
    return false;
}

static bool quota_never_fits(const struct told *told, struct told_limit *ret_limit) {
    struct told_limit limit = of_violations(told, 0, true);
    if (limit.amount == 0 || told->answer->input_tokens <= limit.amount)
        return false;
    *ret_limit = limit;
    return true;
}

/* A prompt above what the head says a minute holds. */
static bool reading_never_fits(const struct told *told, struct told_limit *ret_limit) {
    for (uint32_t i = 0; i < told->reading_count; i++) {
        const struct reading *reading = &told->readings[i];
        bool of_prompts = reading->unit == LIMIT_TOKENS || reading->unit == LIMIT_INPUT_TOKENS;
        if (!of_prompts || reading->any_unit || reading->window_ms > TOLD_MINUTE_MS ||
            !reading->has_limit || reading->limit == 0 ||
            told->answer->input_tokens <= reading->limit)
            continue;
        *ret_limit = (struct told_limit){
            .window_ms = reading->window_ms, .unit = reading->unit, .amount = reading->limit};
        return true;
    }
    return false;
}

bool told_never_fits(const struct told *told, struct told_limit *ret_limit) {
    bool may_be = told->status == 0 || told->status == 413 || told->status == 429;
    return may_be && (numbers_never_fit(told, ret_limit) || quota_never_fits(told, ret_limit) ||
                      reading_never_fits(told, ret_limit));
}

bool told_limit_is_zero(const struct told *told) {
    uint64_t amount;
    for (size_t i = 0; i < told->text_count; i++)
        if (number_of(told->texts[i], "limit:", &amount) && amount == 0)
            return true;
    for (uint32_t i = 0; i < told->reading_count; i++)
        if (told->readings[i].unit == LIMIT_REQUESTS && told->readings[i].has_limit &&
            told->readings[i].limit == 0)
            return true;
    return false;
}
