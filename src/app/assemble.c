// SPDX-License-Identifier: Apache-2.0
/*
 * Building the pool's snapshot.
 *
 * Providers come in the order of the offers, so that what the configuration names comes first among equals. Aliases may name models
 * that only providers without a key would serve: such a target is left out with a warning, not an error, since the same file must
 * work on the next machine. Promises: the report tells every problem with its place. Leaves to others: one provider
 * (assemble_provider.c), names (catalog), whether to start (app.c).
 */
#include "app/assemble.h"

#include "app/assemble_parts.h"
#include "base/check.h"
#include "catalog/candidates.h"

#define TEXTS_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* Whether some provider of the catalog serves a model of that name, in use or not. */
static bool in_catalog(const struct assembling *assembling, struct span name) {
    const struct facts *facts = assembling->sources->facts;
    const char *slash = name.len > 0 ? memchr(name.ptr, '/', name.len) : NULL;
    struct span model =
        slash != NULL ? span_of(slash + 1, name.len - (size_t)(slash + 1 - name.ptr)) : name;
    if (facts_model(facts, name) != NULL || (slash != NULL && facts_model(facts, model) != NULL))
        return true;
    for (uint32_t i = 0; i < facts->provider_count; i++)
        for (uint32_t j = 0; j < facts->providers[i].route_count; j++) {
            struct span upstream = span_text(facts->providers[i].routes[j].upstream);
            if (span_equal(upstream, name) || (slash != NULL && span_equal(upstream, model)))
                return true;
        }
    return false;
}

/* Of a provider that the configuration switches off. */
static bool is_switched_off(const struct config *config, struct span name) {
    for (uint32_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        bool pinned = name.len > provider->id.len && span_starts_with(name, "") &&
                      memcmp(name.ptr, provider->id.ptr, provider->id.len) == 0 &&
                      name.ptr[provider->id.len] == '/';
        if (provider->disabled && pinned)
            return true;
        for (uint32_t j = 0; provider->disabled && j < provider->model_count; j++)
            if (span_equal(provider->models[j].id, name) ||
                span_equal(provider->models[j].upstream, name))
                return true;
    }
    return false;
}

static void report_problem(struct assembling *assembling, const struct catalog_problem *problem) {
    const struct config_alias *alias = &assembling->config->aliases[problem->alias];
    struct config_place place = alias->places[problem->target];
    struct span name = alias->targets[problem->target], choice = problem->choice;
    bool near = !span_absent(choice);
    switch (problem->kind) {
    case CATALOG_TARGET_UNKNOWN:
        config_report_error(assembling->config, assembling->report, place,
                            "alias '%.*s' names '%.*s', which no provider serves%s%.*s%s",
                            SPAN_ARG(alias->name), SPAN_ARG(name), near ? "; did you mean '" : "",
                            SPAN_ARG(choice), near ? "'?" : "");
        break;
    case CATALOG_TARGET_AMBIGUOUS:
        config_report_error(assembling->config, assembling->report, place,
                            "'%.*s' means several models; say which, such as %.*s", SPAN_ARG(name),
                            SPAN_ARG(choice));
        break;
    case CATALOG_TARGET_PINNED:
        config_report_error(assembling->config, assembling->report, place,
                            "alias '%.*s' names '%.*s', which is never chosen by itself; name "
                            "who shall serve it: %.*s",
                            SPAN_ARG(alias->name), SPAN_ARG(name), SPAN_ARG(choice));
        break;
    case CATALOG_TARGET_CIRCLE:
        config_report_error(assembling->config, assembling->report, place,
                            "'%.*s' leads back to alias '%.*s'", SPAN_ARG(name),
                            SPAN_ARG(problem->back_to));
        break;
    }
}

/* A target that nobody serves now, but that is no mistake. */
static bool is_idle(const struct assembling *assembling, const struct catalog_problem *problem) {
    const struct config_alias *alias = &assembling->config->aliases[problem->alias];
    struct span name = alias->targets[problem->target];
    return problem->kind == CATALOG_TARGET_UNKNOWN &&
           (in_catalog(assembling, name) || is_switched_off(assembling->config, name));
}

static void leave_out(struct assembling *assembling, uint32_t alias_index, uint32_t target) {
    struct config_alias *alias = &assembling->config->aliases[alias_index];
    config_report_warning(assembling->config, assembling->report, alias->places[target],
                          "alias '%.*s': '%.*s' is left out, no provider in use serves it",
                          SPAN_ARG(alias->name), SPAN_ARG(alias->targets[target]));
    alias->target_count--;
    for (uint32_t i = target; i < alias->target_count; i++) {
        alias->targets[i] = alias->targets[i + 1];
        alias->places[i] = alias->places[i + 1];
    }
}

/* Takes idle targets out of the aliases, from behind; false when real problems are left, which are told. */
static bool settle_problems(struct assembling *assembling) {
    uint32_t count = catalog_problem_count(assembling->builder);
    bool only_idle = count > 0;
    for (uint32_t i = 0; i < count; i++)
        only_idle = only_idle && is_idle(assembling, catalog_problem_at(assembling->builder, i));
    /* Before anything is taken out: problems know their targets by number. */
    for (uint32_t i = 0; i < count && !only_idle; i++) {
        const struct catalog_problem *problem = catalog_problem_at(assembling->builder, i);
        if (!is_idle(assembling, problem))
            report_problem(assembling, problem);
    }
    for (uint32_t i = count; i-- > 0;) {
        const struct catalog_problem *problem = catalog_problem_at(assembling->builder, i);
        if (is_idle(assembling, problem))
            leave_out(assembling, problem->alias, problem->target);
    }
    return only_idle;
}

static void add_aliases(struct assembling *assembling) {
    struct config *config = assembling->config;
    for (uint32_t i = 0; i < config->alias_count; i++) {
        const struct config_alias *alias = &config->aliases[i];
        int err = catalog_add_alias(assembling->builder, alias->name, alias->targets,
                                    alias->target_count);
        if (err < 0)
            config_report_error(config, assembling->report, (struct config_place){alias->line, 1},
                                "alias '%.*s' cannot be used: %s", SPAN_ARG(alias->name),
                                err_text(err));
    }
}

/* What a file says and has no effect is said, whatever the reason. */
static void warn_of_unused(struct assembling *assembling, const struct offers *offers) {
    char sentence[DISCOVER_SENTENCE_SIZE];
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct offer *offer = &offers->items[i];
        if (offer->config == NULL || offer->config->disabled || discover_used(offer->verdict))
            continue;
        discover_sentence(offer->verdict, offer->facts, sentence, sizeof sentence);
        config_report_warning(assembling->config, assembling->report, assemble_place(offer),
                              "provider '%.*s' is not used: %s", SPAN_ARG(offer->id), sentence);
    }
}

static void fill(struct assembling *assembling, const struct offers *offers) {
    for (uint32_t i = 0; i < offers->count; i++)
        if (discover_used(offers->items[i].verdict) ||
            (assembling->sources->test_keys && offer_can_be_tried(&offers->items[i])))
            assemble_provider(assembling, &offers->items[i]);
    add_aliases(assembling);
}

static int build(struct assembling *assembling, const struct offers *offers,
                 struct assembly *ret_assembly) {
    int err = ERR_INVALID;
    bool again = true;
    for (; again; assembling->again = true) { /* idle targets are gone in the next round */
        struct span missing;
        assembling->builder = catalog_builder_new();
        assembling->planner = limit_planner_new(assembling->builder);
        fill(assembling, offers);
        again = false;
        if (assembling->report->errors == 0) {
            err = catalog_build(assembling->builder, assembling->sources->version,
                                &ret_assembly->snapshot, &missing);
            again = err < 0 && settle_problems(assembling);
        }
        limit_planner_free(assembling->planner);
        catalog_builder_free(assembling->builder);
    }
    return err;
}

int assemble(const struct offer_sources *sources, struct config *config,
             struct config_report *report, struct arena *arena, struct assembly *ret_assembly) {
    struct arena texts;
    struct assembling assembling = {
        .sources = sources, .config = config, .report = report, .arena = &texts};
    *ret_assembly = (struct assembly){0};
    if (offers_gather(sources, arena, &ret_assembly->offers) < 0)
        config_report_warning(config, report, (struct config_place){0, 0},
                              "a provider has more than %d keys; the first are used",
                              OFFER_KEYS_MAX);
    arena_init(&texts, NULL, 0, TEXTS_MAX_BYTES);
    warn_of_unused(&assembling, &ret_assembly->offers);
    int err = build(&assembling, &ret_assembly->offers, ret_assembly);
    arena_reset(&texts);
    if (err < 0 && report->errors == 0)
        config_report_error(config, report, (struct config_place){0, 0},
                            "the pool cannot be built: %s", err_text(err));
    return report->errors > 0 ? ERR_INVALID : 0;
}
