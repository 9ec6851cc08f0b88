// SPDX-License-Identifier: Apache-2.0
/*
 * The catalog's names for the readers of settings and keys.
 *
 * Why here: config knows no catalog, so that it can be tested and fuzzed alone; this file answers its questions from the tables.
 * A model is known when any provider serves it, used or not: a key that is missing today is no error of the file. Leaves to
 * others: what may be used (catalog), what is served now (snapshot).
 */
#include "app/known.h"

#include "base/check.h"

#define NEAR_DISTANCE_MAX 2

const struct facts *const known_facts = &facts_built_in;

static bool knows_provider(void *context, struct span id) {
    const struct facts *facts = context;
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (span_is(id, facts->providers[i].id))
            return true;
    return false;
}

/* "groq/openai/gpt-oss-120b" without "groq/"; absent when the name is no pin of this provider. */
static struct span pin_of(const struct fact_provider *provider, struct span name) {
    size_t length = strlen(provider->id);
    if (name.len <= length + 1 || !span_starts_with(name, provider->id) || name.ptr[length] != '/')
        return SPAN_NONE;
    return span_of(name.ptr + length + 1, name.len - length - 1);
}

static bool serves(const struct fact_provider *provider, struct span name) {
    struct span pin = pin_of(provider, name);
    for (uint32_t i = 0; i < provider->route_count; i++) {
        const struct fact_route *route = &provider->routes[i];
        if (span_is(name, route->upstream) || (name.len > 0 && span_is(name, route->model)))
            return true;
        if (!span_absent(pin) && (span_is(pin, route->upstream) || span_is(pin, route->model)))
            return true;
    }
    return false;
}

static bool is_alias(const struct fact_model *model, struct span name) {
    for (const char *const *alias = model->aliases; alias != NULL && *alias != NULL; alias++)
        if (span_is(name, *alias))
            return true;
    return false;
}

static bool knows_model(void *context, struct span name) {
    const struct facts *facts = context;
    if (span_ends_with(name, ":latest"))
        name.len -= strlen(":latest");
    for (uint32_t i = 0; i < facts->model_count; i++)
        if (span_is(name, facts->models[i].id) || is_alias(&facts->models[i], name))
            return true;
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (serves(&facts->providers[i], name))
            return true;
    return false;
}

static const char *nearest_provider(void *context, struct span id) {
    const struct facts *facts = context;
    const char *nearest = NULL;
    size_t best = NEAR_DISTANCE_MAX + 1;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const char *known = facts->providers[i].id;
        size_t distance = span_distance(id, span_text(known));
        if (distance < best && distance < id.len) {
            best = distance;
            nearest = known;
        }
    }
    return nearest;
}

static bool knows_zone(void *context, struct span name) {
    struct zone zone;
    (void)context;
    return zone_parse(name, &zone) == 0;
}

static bool knows_plan(void *context, struct span id, struct span plan) {
    const struct facts *facts = context;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *provider = &facts->providers[i];
        for (uint32_t j = 0; span_is(id, provider->id) && j < provider->plan_count; j++)
            if (span_is(plan, provider->plans[j].name))
                return true;
    }
    return false;
}

struct config_catalog known_catalog(const struct facts *facts) {
    return (struct config_catalog){.knows_provider = knows_provider,
                                   .knows_model = knows_model,
                                   .nearest_provider = nearest_provider,
                                   .knows_plan = knows_plan,
                                   .knows_zone = knows_zone,
                                   .context = (void *)(uintptr_t)facts};
}

static uint32_t count_texts(const char *const *texts) {
    uint32_t count = 0;
    while (texts != NULL && texts[count] != NULL)
        count++;
    return count;
}

uint32_t known_variables(const struct facts *facts, struct arena *arena,
                         const struct config_variable **ret_variables) {
    uint32_t count = 0, room = 1;
    for (uint32_t i = 0; i < facts->provider_count; i++)
        room += count_texts(facts->providers[i].env) + count_texts(facts->providers[i].env_extra);
    struct config_variable *variables = arena_alloc(arena, room * sizeof *variables);
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *provider = &facts->providers[i];
        for (const char *const *name = provider->env; name != NULL && *name != NULL; name++)
            variables[count++] = (struct config_variable){*name, i, false};
        for (const char *const *name = provider->env_extra; name != NULL && *name != NULL; name++)
            variables[count++] = (struct config_variable){*name, i, true};
    }
    *ret_variables = variables;
    return count;
}
