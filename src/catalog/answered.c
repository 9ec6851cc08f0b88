// SPDX-License-Identifier: Apache-2.0
/*
 * Did the model answer that was asked?
 *
 * Why not a plain comparison: providers write the name of the answering model in many ways (with a date, without the owner, as the
 * path of a file), and refusing all of those would break good providers. So a name counts against a provider only when it is the
 * name of another model that we know, or when the provider is known to put another model in silently and the name does not even
 * contain the one asked for.
 * Promises: pure, no allocation; the usual case is one comparison. Leaves to others: what follows (OUTCOME_WRONG_MODEL).
 */
#include "catalog/answered.h"

#include "catalog/internal.h"

/* "nvidia/nemotron-3-super:free" -> "nemotron-3-super" */
static struct span core_of(struct span name) {
    const char *slash = name.len > 0 ? memrchr(name.ptr, '/', name.len) : NULL;
    if (slash != NULL)
        name = span_of(slash + 1, name.len - (size_t)(slash + 1 - name.ptr));
    const char *colon = name.len > 0 ? memchr(name.ptr, ':', name.len) : NULL;
    return colon != NULL && colon > name.ptr ? span_of(name.ptr, (size_t)(colon - name.ptr)) : name;
}

static bool has(struct span text, struct span part) {
    return part.len > 0 && span_find_nocase(text, part) != SIZE_MAX;
}

static bool fits(struct span asked, struct span answered) {
    return has(answered, asked) || has(asked, answered);
}

static bool has_quirk(const struct fact_provider *facts, enum fact_quirk_kind kind,
                      struct span upstream) {
    for (uint32_t i = 0; facts != NULL && i < facts->quirk_count; i++) {
        const struct fact_quirk *quirk = &facts->quirks[i];
        if (quirk->kind == kind &&
            (kind == FACT_QUIRK_ROUTER ? span_is(upstream, quirk->field)
                                       : facts_models_match(quirk->models, upstream)))
            return true;
    }
    return false;
}

/* Whether the name is the id of a model here, or what some provider calls one, and never the model of `route`. */
static bool is_another(const struct catalog_snapshot *snapshot, const struct catalog_route *route,
                       struct span answered) {
    const struct catalog_whole *whole = catalog__whole(snapshot);
    uint32_t slot = *catalog__slot(whole, answered, span_hash(answered));
    bool named = false;
    if (slot == 0)
        return false;
    const struct catalog_name *found = &whole->names[slot - 1];
    for (uint32_t i = 0; i < found->route_count; i++) {
        const struct catalog_route *other = &snapshot->routes[found->routes[i]];
        if (other->model == route->model)
            return false;
        named = named || span_equal(other->upstream_model, answered) ||
                span_equal(snapshot->models[other->model].id, answered);
    }
    return named;
}

bool catalog_answered_right(const struct catalog_snapshot *snapshot, uint32_t index,
                            struct span answered) {
    const struct catalog_route *route = &snapshot->routes[index];
    if (answered.len == 0 || span_equal(answered, route->upstream_model) ||
        memchr(answered.ptr, '\\', answered.len) != NULL)
        return true;
    const struct fact_provider *facts =
        snapshot->providers[snapshot->accounts[route->account].provider].facts;
    if (has_quirk(facts, FACT_QUIRK_ROUTER, route->upstream_model))
        return true;
    if (is_another(snapshot, route, answered))
        return false;
    return !has_quirk(facts, FACT_QUIRK_MODEL_SUBSTITUTES, route->upstream_model) ||
           fits(core_of(route->upstream_model), core_of(answered)) ||
           fits(core_of(snapshot->models[route->model].id), core_of(answered));
}
