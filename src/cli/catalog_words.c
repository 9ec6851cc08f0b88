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
    {1000, "a second"},  {60000, "a minute"},         {3600000, "an hour"},
    {86400000, "a day"}, {7 * 86400000ull, "a week"}, {31 * 86400000ull, "a month"},
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
    (void)snprintf(text, size, " in %llu s", (unsigned long long)(limit->window_ms / 1000));
}

void catalog_limit_text(const struct fact_limit *limit, char text[CATALOG_LIMIT_TEXT_BYTES]) {
    char window[32];
    const char *unit = limit->unit == LIMIT_OTHER ? limit->unit_word : limit_unit_word(limit->unit);
    window_text(limit, window, sizeof window);
    if (limit->amount == 0)
        (void)snprintf(text, CATALOG_LIMIT_TEXT_BYTES, "%s%s, how many is not published", unit,
                       window);
    else
        (void)snprintf(text, CATALOG_LIMIT_TEXT_BYTES, "%llu %s%s",
                       (unsigned long long)limit->amount, unit, window);
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
