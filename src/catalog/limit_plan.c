// SPDX-License-Identifier: Apache-2.0
/*
 * Which requests share one count.
 *
 * Why a table of who shares what: a published limit is one sentence ("30 requests a minute per organization and model"), but the
 * ledger needs one count for each organization and each model that is really asked. So a row and what its scope holds fixed
 * (account, model, task, key, or our address) name one limit; a second route with the same name shares it. Two keys of one
 * account therefore share a count by construction, and two accounts never do.
 * A limit of unknown size says that there is a wall but not where: one request at a time and one per second until refusals have
 * told more. So does a route about which nothing that we can count is known; a unit that only the provider can count (credit,
 * kudos) adds nothing beside others.
 * Promises: pure; the same rows give the same limits in the same order. Leaves to others: counting (scheduler).
 */
#include "catalog/limit_plan.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define PLANNER_ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define UNKNOWN_SPACING_MS      1000
#define ROW_UNKNOWN             (UINT32_MAX - 1) /* rows of unknown size share one pair of limits */
#define SECOND_MS               ((uint64_t)1000)
#define DAY_MS                  (24 * 3600 * SECOND_MS)

/* What a scope holds fixed. */
static const struct {
    bool group, account, model, task;
} fixed[LIMIT_SCOPE_COUNT] = {
    [LIMIT_BY_ACCOUNT] = {.group = true},
    [LIMIT_BY_MODEL] = {.group = true, .model = true},
    [LIMIT_BY_TASK] = {.group = true, .task = true},
    [LIMIT_BY_KEY] = {.group = true, .account = true},
    [LIMIT_BY_IP] = {0},
    [LIMIT_BY_IP_MODEL] = {.model = true},
    [LIMIT_BY_SERVER] = {.group = true},
};

struct made {
    uint32_t provider, row, part, group, account, limit;
    struct span model, task; /* owned: arena; "" = not fixed */
};

struct limit_planner {
    struct catalog_builder *builder; /* borrowed */
    struct made *made;               /* owned */
    uint32_t made_count;
    struct arena arena; /* owned */
};

struct limit_planner *limit_planner_new(struct catalog_builder *builder) {
    struct limit_planner *planner = mem_zalloc(sizeof *planner);
    planner->builder = builder;
    arena_init(&planner->arena, NULL, 0, PLANNER_ARENA_MAX_BYTES);
    return planner;
}

void limit_planner_free(struct limit_planner *planner) {
    if (planner == NULL)
        return;
    mem_free(planner->made);
    arena_reset(&planner->arena);
    mem_free(planner);
}

static bool same(const struct made *a, const struct made *b) {
    return a->provider == b->provider && a->row == b->row && a->part == b->part &&
           a->group == b->group && a->account == b->account && span_equal(a->model, b->model) &&
           span_equal(a->task, b->task);
}

static struct made wanted_for(const struct limit_subject *subject, enum limit_scope scope,
                              uint32_t row, uint32_t part) {
    return (struct made){.provider = subject->provider,
                         .row = row,
                         .part = part,
                         .group = fixed[scope].group ? subject->group : LIMIT_NONE,
                         .account = fixed[scope].account ? subject->account : LIMIT_NONE,
                         .model = fixed[scope].model ? subject->upstream : SPAN_LITERAL(""),
                         .task = fixed[scope].task ? subject->task : SPAN_LITERAL("")};
}

static uint32_t make(struct limit_planner *planner, struct made wanted,
                     const struct catalog_limit *limit) {
    for (uint32_t i = 0; i < planner->made_count; i++)
        if (same(&planner->made[i], &wanted))
            return planner->made[i].limit;
    if ((planner->made_count & (planner->made_count - 1)) == 0)
        planner->made = mem_realloc(
            planner->made, (planner->made_count > 0 ? 2 * (size_t)planner->made_count : 1) *
                               sizeof *planner->made);
    struct catalog_limit copy = *limit;
    copy.provider = wanted.provider;
    copy.group = wanted.group;
    check(arena_copy(&planner->arena, wanted.model, &wanted.model) == 0);
    check(arena_copy(&planner->arena, wanted.task, &wanted.task) == 0);
    wanted.limit = catalog_add_limit(planner->builder, &copy);
    planner->made[planner->made_count++] = wanted;
    return wanted.limit;
}

/* The limits of one route while they are gathered. */
struct gathering {
    struct limit_planner *planner;
    const struct limit_subject *subject;
    uint32_t *limits;
    uint32_t *count;
};

/* `part` tells apart what one row makes several of. */
static int add(const struct gathering *to, uint32_t row, uint32_t part,
               const struct catalog_limit *limit) {
    uint32_t index = make(to->planner, wanted_for(to->subject, limit->scope, row, part), limit);
    for (uint32_t i = 0; i < *to->count; i++)
        if (to->limits[i] == index)
            return 0;
    if (*to->count == LIMIT_ROUTE_MAX)
        return ERR_TOO_LARGE;
    to->limits[(*to->count)++] = index;
    return 0;
}

/* --- what the facts state --- */

static const struct {
    uint64_t ms;
    const char *word;
} windows[] = {{SECOND_MS, "a second"},
               {60 * SECOND_MS, "a minute"},
               {3600 * SECOND_MS, "an hour"},
               {DAY_MS, "a day"},
               {30 * DAY_MS, "in 30 days"}};

static const char *window_word(const struct catalog_limit *limit, char *text, size_t size) {
    if (limit->shape == LIMIT_CALENDAR_MONTH)
        return "a month";
    if (limit->shape == LIMIT_ONCE)
        return "once";
    if (limit->shape == LIMIT_AT_ONCE)
        return "at once";
    for (size_t i = 0; i < array_length(windows); i++)
        if (windows[i].ms == limit->window_ms)
            return windows[i].word;
    (void)snprintf(text, size, "in %llu s", (unsigned long long)(limit->window_ms / SECOND_MS));
    return text;
}

static struct span label_of(struct limit_planner *planner, const struct catalog_limit *limit) {
    char window[32];
    const char *unit = limit->unit == LIMIT_CONCURRENT ? "requests" : limit_unit_word(limit->unit);
    uint64_t shown = limit->unit == LIMIT_NEURONS ? limit->amount / 1000 : limit->amount;
    const char *text = arena_format(&planner->arena, "%llu %s %s", (unsigned long long)shown, unit,
                                    window_word(limit, window, sizeof window));
    return text != NULL ? span_text(text) : SPAN_LITERAL("");
}

/* No list means all. */
static bool is_listed(const char *const *words, struct span word) {
    if (words == NULL)
        return true;
    while (*words != NULL && !span_is(word, *words))
        words++;
    return *words != NULL;
}

/* The plan an owner has: stated, else anonymous without a key where there is such a thing, else the default. */
static struct span plan_of(const struct limit_subject *subject) {
    const struct fact_provider *facts = subject->facts;
    if (subject->plan.len > 0)
        return subject->plan;
    for (uint32_t i = 0; i < facts->plan_count && !subject->has_key; i++)
        if (strcmp(facts->plans[i].name, "anonymous") == 0)
            return SPAN_LITERAL("anonymous");
    return span_text(facts->default_plan);
}

static bool applies(const struct fact_limit *row, const struct limit_subject *subject) {
    return (row->plan[0] == '\0' || span_is(plan_of(subject), row->plan)) &&
           is_listed(row->tasks, subject->task) &&
           facts_models_match(row->models, subject->upstream);
}

static bool is_countable(const struct fact_limit *row) {
    return row->amount > 0 && row->unit != LIMIT_OTHER && row->unit != LIMIT_MICRO_USD;
}

static int add_unknown(const struct gathering *to, enum limit_scope scope) {
    struct catalog_limit one = {.unit = LIMIT_CONCURRENT,
                                .shape = LIMIT_AT_ONCE,
                                .scope = scope,
                                .amount = 1,
                                .guessed = true,
                                .label = SPAN_LITERAL("1 request at once (size not published)")};
    struct catalog_limit pace = {.unit = LIMIT_REQUESTS,
                                 .shape = LIMIT_PACER,
                                 .scope = scope,
                                 .amount = 1,
                                 .burst = 1,
                                 .window_ms = UNKNOWN_SPACING_MS,
                                 .guessed = true,
                                 .label = SPAN_LITERAL("1 request a second (size not published)")};
    int err = add(to, ROW_UNKNOWN, 0, &one);
    return err == 0 ? add(to, ROW_UNKNOWN, 1, &pace) : err;
}

static bool counts_tokens(enum limit_unit unit) {
    return unit == LIMIT_TOKENS || unit == LIMIT_INPUT_TOKENS || unit == LIMIT_OUTPUT_TOKENS;
}

static int add_row(const struct gathering *to, uint32_t row) {
    const struct fact_limit *from = &to->subject->facts->limits[row];
    if (from->amount == 0)
        return add_unknown(to, from->scope);
    if (!is_countable(from))
        return 0;
    struct catalog_limit limit = {.unit = from->unit,
                                  .shape = from->shape,
                                  .scope = from->scope,
                                  .amount = from->amount,
                                  .window_ms = from->window_ms,
                                  .zone = zone_utc,
                                  .refused_count = from->refused_count,
                                  .up_front = counts_tokens(from->unit) &&
                                              to->subject->facts->charge == FACT_CHARGE_UP_FRONT};
    if (from->zone[0] != '\0' && zone_parse(span_text(from->zone), &limit.zone) < 0)
        return ERR_NOT_FOUND;
    limit.label = label_of(to->planner, &limit);
    return add(to, row, 0, &limit);
}

int limit_plan_facts(struct limit_planner *planner, const struct limit_subject *subject,
                     uint32_t *ret_limits, uint32_t *count) {
    const struct gathering to = {planner, subject, ret_limits, count};
    const struct fact_provider *facts = subject->facts;
    uint32_t before = *count;
    int err = 0;
    for (uint32_t row = 0; row < facts->limit_count && err == 0; row++) {
        if (applies(&facts->limits[row], subject))
            err = add_row(&to, row);
    }
    /* Nothing that we can count is known: as careful as with a limit of unknown size. A server of our own has none. */
    if (err == 0 && *count == before && facts->kind != FACT_LOCAL && facts->kind != FACT_PAID)
        err = add_unknown(&to, LIMIT_BY_ACCOUNT);
    return err;
}

int limit_plan_stated(struct limit_planner *planner, const struct limit_subject *subject,
                      const struct catalog_limit *stated, uint32_t *ret_limits, uint32_t *count) {
    const struct gathering to = {planner, subject, ret_limits, count};
    struct catalog_limit limit = *stated;
    if (limit.label.len == 0)
        limit.label = label_of(planner, &limit);
    return add(&to, subject->row, 0, &limit);
}
