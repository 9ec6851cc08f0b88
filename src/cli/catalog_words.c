// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of the catalog in words.
 *
 * Why not printed as they are: "requests, 60000 ms, 30" is how a ledger counts, "30 requests a minute" is how a provider's page and
 * its reader put it. What is unknown is said to be unknown. Promises: texts are cut, never longer than they may be.
 * Leaves to others: layout (page.c), which rows are shown.
 */
#include "cli/catalog_words.h"

#include "base/check.h"

#include <stdio.h>

static const struct {
    uint64_t ms;
    const char *word;
} windows[] = {
    {1000, "a second"},
    {60000, "a minute"},
    {3600000, "an hour"},
    {86400000, "a day"},
    {7 * 86400000ull, "a week"},
    {31 * 86400000ull, "a month"},
    {30 * 86400000ull, "in 30 days"},
};

static void window_text(const struct fact_limit *limit, char *text, size_t size) {
    if (limit->shape == LIMIT_AT_ONCE || limit->unit == LIMIT_CONCURRENT) {
        (void)snprintf(text, size, "%s", limit->unit == LIMIT_CONCURRENT ? "" : " at once");
        return;
    }
    if (limit->window_ms == 0) {
        (void)snprintf(text, size, " once");
        return;
    }
    for (size_t i = 0; i < array_length(windows); i++)
        if (windows[i].ms == limit->window_ms) {
            (void)snprintf(text, size, " %s", windows[i].word);
            return;
        }
    bool hours = limit->window_ms % 3600000 == 0;
    (void)snprintf(text, size, " in %llu %s",
                   (unsigned long long)(limit->window_ms / (hours ? 3600000 : 1000)),
                   hours ? "hours" : "s");
}

/* What is counted in thousandths or millionths is told whole. */
static uint64_t scale_of(enum limit_unit unit) {
    return unit == LIMIT_NEURONS ? 1000 : unit == LIMIT_MICRO_USD ? 1000000 : 1;
}

void catalog_amount_text(const struct fact_limit *limit, char text[CATALOG_AMOUNT_TEXT_BYTES]) {
    uint64_t scale = scale_of(limit->unit), rest = limit->amount % scale;
    int length = snprintf(text, CATALOG_AMOUNT_TEXT_BYTES, "%llu",
                          (unsigned long long)(limit->amount / scale));
    if (rest > 0)
        text[length++] = '.';
    for (; rest > 0; rest %= scale) {
        rest *= 10;
        text[length++] = (char)('0' + (char)(rest / scale));
    }
    text[length] = '\0';
}

static const struct {
    const char *one, *more;
} units[LIMIT_UNIT_COUNT] = {
    [LIMIT_REQUESTS] = {"request", "requests"},
    [LIMIT_TOKENS] = {"token", "tokens"},
    [LIMIT_INPUT_TOKENS] = {"token of prompts", "tokens of prompts"},
    [LIMIT_OUTPUT_TOKENS] = {"token of answers", "tokens of answers"},
    [LIMIT_CONCURRENT] = {"request at once", "requests at once"},
    [LIMIT_NEURONS] = {"neuron", "neurons"},
    [LIMIT_AUDIO_SECONDS] = {"second of sound", "seconds of sound"},
    [LIMIT_EMBED_INPUTS] = {"text to embed", "texts to embed"},
    [LIMIT_MICRO_USD] = {"USD of credit", "USD of credit"},
};

void catalog_limit_text(const struct fact_limit *limit, char text[CATALOG_LIMIT_TEXT_BYTES]) {
    char window[32], amount[CATALOG_AMOUNT_TEXT_BYTES];
    const char *unit = limit->unit == LIMIT_OTHER               ? limit->unit_word
                       : limit->amount == scale_of(limit->unit) ? units[limit->unit].one
                                                                : units[limit->unit].more;
    window_text(limit, window, sizeof window);
    catalog_amount_text(limit, amount);
    if (limit->amount == 0)
        (void)snprintf(text, CATALOG_LIMIT_TEXT_BYTES, "%s%s, how many is not published", unit,
                       window);
    else
        (void)snprintf(text, CATALOG_LIMIT_TEXT_BYTES, "%s %s%s", amount, unit, window);
}

const char *catalog_confidence_word(enum fact_confidence confidence) {
    static const char *const words[] = {
        [FACT_LOW] = "low", [FACT_MEDIUM] = "medium", [FACT_HIGH] = "high"};
    return words[confidence];
}

void catalog_join(const char *const *items, const char *between, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; items != NULL && items[i] != NULL && length < size; i++) {
        int more = snprintf(text + length, size - length, "%s%s", i > 0 ? between : "", items[i]);
        length += more > 0 ? (size_t)more : 0;
    }
}

uint32_t catalog_free_routes(const struct fact_provider *provider) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < provider->route_count; i++)
        count += fact_route_free(provider->routes[i].status);
    return count;
}

const struct fact_route *catalog_route_of(const struct fact_provider *provider, const char *model) {
    for (uint32_t i = 0; i < provider->route_count; i++)
        if (strcmp(provider->routes[i].model, model) == 0)
            return &provider->routes[i];
    return NULL;
}
