// SPDX-License-Identifier: Apache-2.0
/*
 * The table of docs/internals/attempts.md: every way an attempt can end.
 *
 * Written from scheduler/outcome.h itself, in its order, since that table is what is obeyed. Promises: a row for each outcome, in
 * words that the page explains. Leaves to others: the prose around it, and what a client is told (gateway/reject.c).
 */
#include "cli/reference.h"
#include "scheduler/outcome.h"

static const char *const retries[] = {
    [RETRY_NEVER] = "nobody",
    [RETRY_ELSEWHERE] = "elsewhere",
    [RETRY_ELSEWHERE_FREE] = "elsewhere, free when quick",
    [RETRY_SECOND_OPINION] = "one other provider",
};
static const char *const scopes[] = {
    [BENCH_NOTHING] = "", [BENCH_ROUTE] = "route",     [BENCH_MODEL] = "model",
    [BENCH_KEY] = "key",  [BENCH_ACCOUNT] = "account", [BENCH_PROVIDER] = "provider",
};
static const char *const charges[] = {
    [CHARGE_USAGE] = "usage",     [CHARGE_KEEP] = "keep",
    [CHARGE_RELEASE] = "release", [CHARGE_REQUEST_ONLY] = "request only",
    [CHARGE_REFUSED] = "refused",
};

static void put_rest(struct page *page, const struct outcome_row *row) {
    static const struct {
        uint32_t seconds;
        const char *unit;
    } units[] = {{3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (row->bench_s < units[i].seconds || row->bench_s % units[i].seconds != 0)
        i++;
    page_add(page, "%s, %u %s", scopes[row->bench], row->bench_s / units[i].seconds, units[i].unit);
}

void reference_outcomes(struct page *page) {
    page_add(page, "| outcome | asked next | rests | breaker | charge |\n"
                   "| --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_row *row = outcome_row((enum outcome)i);
        page_add(page, "| `%s` | %s | ", row->label, retries[row->retry]);
        if (row->bench != BENCH_NOTHING)
            put_rest(page, row);
        page_add(page, " | %u | %s |\n", row->breaker_weight, charges[row->charge]);
    }
}
