// SPDX-License-Identifier: Apache-2.0
/*
 * From the name a client sent to routes.
 *
 * Why one table: the builder puts every name that can be said (aliases, auto, unified ids, pins, upstream ids) into one hash
 * table with its finished ladder of routes, the first kind to claim a name keeping it, so the order of product 4 costs
 * nothing at run time. A look-up is one hash; only names that are not in the table try the forms other tools write
 * (":latest", "openai/" in front) and then patterns.
 * Promises: no allocation, no lock, any thread.
 * Leaves to others: what to answer when a name is unknown (surface).
 */
#include "catalog/internal.h"

bool catalog__matches(struct span pattern, struct span name) {
    const char *star = pattern.len > 0 ? memchr(pattern.ptr, '*', pattern.len) : NULL;
    if (star == NULL || name.len + 1 < pattern.len)
        return false;
    size_t head = (size_t)(star - pattern.ptr), tail = pattern.len - head - 1;
    return span_equal(span_of(name.ptr, head), span_of(pattern.ptr, head)) &&
           span_equal(span_of(name.ptr + name.len - tail, tail), span_of(star + 1, tail));
}

struct span catalog__without_latest(struct span name) {
    return span_ends_with(name, ":latest") && name.len > 7 ? span_of(name.ptr, name.len - 7) : name;
}

const struct catalog_name *catalog__find(const struct catalog_whole *whole, struct span name) {
    uint64_t hash = span_hash(name);
    for (uint32_t i = (uint32_t)hash & whole->slot_mask;; i = (i + 1) & whole->slot_mask) {
        const struct catalog_name *slot = &whole->slots[i];
        if (slot->name.ptr == NULL)
            return NULL;
        if (slot->hash == hash && span_equal(slot->name, name))
            return slot;
    }
}

static const char *const foreign_prefixes[] = {"openai/", "litellm_proxy/", "papi/"};

static const struct catalog_name *find_form(const struct catalog_whole *whole, struct span name) {
    const struct catalog_name *found = catalog__find(whole, name);
    struct span shorter = catalog__without_latest(name);
    return found == NULL && shorter.len < name.len ? catalog__find(whole, shorter) : found;
}

static const struct catalog_name *find(const struct catalog_whole *whole, struct span name) {
    const struct catalog_name *found = find_form(whole, name);
    for (size_t i = 0; found == NULL && i < array_length(foreign_prefixes); i++) {
        size_t length = strlen(foreign_prefixes[i]);
        if (span_starts_with(name, foreign_prefixes[i]))
            found = find_form(whole, span_of(name.ptr + length, name.len - length));
    }
    for (uint32_t i = 0; found == NULL && i < whole->pattern_count; i++)
        if (catalog__matches(whole->patterns[i].name, name))
            found = &whole->patterns[i];
    return found;
}

uint32_t catalog_resolve(const struct catalog_snapshot *snapshot, struct span name,
                         uint32_t *ret_routes) {
    const struct catalog_name *found = name.len > 0 && name.len <= 2 * CATALOG_NAME_MAX_BYTES
                                           ? find(catalog__whole(snapshot), name)
                                           : NULL;
    if (found == NULL || found->route_count == 0)
        return 0;
    memcpy(ret_routes, found->routes, found->route_count * sizeof *ret_routes);
    return found->route_count;
}

const struct catalog_model *catalog_find_model(const struct catalog_snapshot *snapshot,
                                               struct span id) {
    for (uint32_t i = 0; i < snapshot->model_count; i++)
        if (span_equal(snapshot->models[i].id, id))
            return &snapshot->models[i];
    return NULL;
}

/* --- suggesting --- */

struct ranking {
    struct span name; /* asked for */
    struct span *best;
    size_t *distances;
    uint32_t most;
    uint32_t count;
};

#define SUGGESTIONS_MAX 16

static bool contains_nocase(struct span haystack, struct span needle) {
    for (size_t i = 0; needle.len > 2 && i + needle.len <= haystack.len; i++)
        if (span_equal_nocase(span_of(haystack.ptr + i, needle.len), needle))
            return true;
    return false;
}

/* A part of a name counts as one typing error: "llama" finds "llama-3.3-70b". */
static size_t distance_of(struct span asked, struct span known) {
    size_t distance = span_distance(asked, known);
    bool part = contains_nocase(known, asked) || contains_nocase(asked, known);
    return part && distance > 1 ? 1 : distance;
}

static void rank(struct ranking *ranking, struct span known, size_t distance) {
    uint32_t at = ranking->count;
    for (uint32_t i = 0; i < ranking->count; i++)
        if (span_equal(ranking->best[i], known))
            return;
    while (at > 0 && ranking->distances[at - 1] > distance)
        at--;
    if (at == ranking->most)
        return;
    if (ranking->count < ranking->most)
        ranking->count++;
    for (uint32_t i = ranking->count - 1; i > at; i--) {
        ranking->best[i] = ranking->best[i - 1];
        ranking->distances[i] = ranking->distances[i - 1];
    }
    ranking->best[at] = known;
    ranking->distances[at] = distance;
}

static struct span last_part(struct span name) {
    const char *slash = memrchr(name.ptr, '/', name.len);
    size_t skipped = slash != NULL ? (size_t)(slash - name.ptr) + 1 : 0;
    return span_of(name.ptr + skipped, name.len - skipped);
}

/* Both the name as asked and its last part, since other tools put prefixes in front. */
static void consider(struct ranking *ranking, struct span known) {
    const struct span forms[] = {ranking->name, last_part(ranking->name)};
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < array_length(forms); i++) {
        size_t distance = distance_of(forms[i], known);
        size_t longest = forms[i].len > known.len ? forms[i].len : known.len;
        if (distance <= 1 + longest / 4 && distance < best)
            best = distance;
    }
    if (best < SIZE_MAX)
        rank(ranking, known, best);
}

/* An upstream id that stands for several models: the pins that say which. */
static void rank_choices(struct ranking *ranking, const struct catalog_whole *whole) {
    for (uint32_t i = 0; i <= whole->slot_mask; i++) {
        const struct catalog_name *slot = &whole->slots[i];
        size_t tail = ranking->name.len;
        if (slot->name.len > tail + 1 && slot->name.ptr[slot->name.len - tail - 1] == '/' &&
            span_equal(span_of(slot->name.ptr + slot->name.len - tail, tail), ranking->name))
            rank(ranking, slot->name, 0);
    }
}

uint32_t catalog_suggest(const struct catalog_snapshot *snapshot, struct span name,
                         struct span *ret_names, uint32_t most) {
    const struct catalog_whole *whole = catalog__whole(snapshot);
    size_t distances[SUGGESTIONS_MAX];
    struct ranking ranking = {.name = name,
                              .best = ret_names,
                              .distances = distances,
                              .most = most < SUGGESTIONS_MAX ? most : SUGGESTIONS_MAX};
    if (name.len == 0 || name.len > 2 * CATALOG_NAME_MAX_BYTES)
        return 0;
    const struct catalog_name *exact = catalog__find(whole, name);
    if (exact != NULL && exact->route_count == 0) {
        rank_choices(&ranking, whole);
        return ranking.count;
    }
    for (uint32_t i = 0; i < whole->alias_count; i++)
        consider(&ranking, whole->aliases[i]);
    for (uint32_t i = 0; i < snapshot->model_count; i++)
        consider(&ranking, snapshot->models[i].id);
    return ranking.count;
}
