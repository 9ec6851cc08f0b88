// SPDX-License-Identifier: Apache-2.0
/*
 * From the text a client sent to a name of the snapshot.
 *
 * Why one table: every name that can be said stands in it with its finished ladder of routes, so the order of product 4 costs
 * nothing at run time. A look-up is one hash; only texts that are not in the table try, in this order, the forms other tools
 * write (":latest" and OpenRouter's suffixes, their words for providers), patterns, and at last the one name that differs in
 * case only.
 * Promises: no allocation, no lock, any thread; the slow path is bounded by the number of names. Leaves to others: what a request
 * needs of the routes (candidates.c).
 */
#include "catalog/internal.h"

#define ASKED_MAX_BYTES (2 * CATALOG_NAME_MAX_BYTES) /* longer ones are no names */
#define FORM_MAX_BYTES  (ASKED_MAX_BYTES + 64)

bool catalog__matches(struct span pattern, struct span name) {
    const char *star = pattern.len > 0 ? memchr(pattern.ptr, '*', pattern.len) : NULL;
    if (star == NULL || name.len + 1 < pattern.len)
        return false;
    size_t head = (size_t)(star - pattern.ptr), tail = pattern.len - head - 1;
    return span_equal(span_of(name.ptr, head), span_of(pattern.ptr, head)) &&
           span_equal(span_of(name.ptr + name.len - tail, tail), span_of(star + 1, tail));
}

bool catalog_route_automatic(const struct catalog_snapshot *snapshot, uint32_t route) {
    const struct catalog_route *of = &snapshot->routes[route];
    return of->automatic && !snapshot->providers[snapshot->accounts[of->account].provider].paid;
}

uint32_t *catalog__slot(const struct catalog_whole *whole, struct span name, uint64_t hash) {
    uint32_t i = (uint32_t)hash & whole->slot_mask;
    while (whole->slots[i] != 0) {
        const struct catalog_name *found = &whole->names[whole->slots[i] - 1];
        if (found->hash == hash && span_equal(found->name, name))
            break;
        i = (i + 1) & whole->slot_mask;
    }
    return &whole->slots[i];
}

static const struct catalog_name *find(const struct catalog_whole *whole, struct span name) {
    uint32_t at = *catalog__slot(whole, name, span_hash(name));
    return at != 0 ? &whole->names[at - 1] : NULL;
}

/* The one known name that differs in case only; what an alias hides has the alias's text, and counts as it. */
static const struct catalog_name *find_nocase(const struct catalog_whole *whole, struct span name) {
    const struct catalog_name *found = NULL;
    for (uint32_t i = 0; i < whole->name_count; i++) {
        const struct catalog_name *known = &whole->names[i];
        if (!span_equal_nocase(known->name, name))
            continue;
        if (found != NULL && !span_equal(found->name, known->name))
            return NULL;
        found = known; /* the later one, since aliases stand behind what they hide */
    }
    return found;
}

typedef const struct catalog_name *(*finder)(const struct catalog_whole *whole, struct span name);

/* "<head><tail>" as a name. */
static const struct catalog_name *find_joined(const struct catalog_whole *whole, struct span head,
                                              struct span tail, finder look) {
    char text[FORM_MAX_BYTES];
    if (head.len + tail.len > sizeof text)
        return NULL;
    memcpy(text, head.ptr, head.len);
    memcpy(text + head.len, tail.ptr, tail.len);
    return look(whole, span_of(text, head.len + tail.len));
}

/* OpenRouter's wishes behind a name; ":free" must not lead to what may cost something. */
static const struct {
    struct span suffix;
    bool free;
} suffixes[] = {
    {SPAN_LITERAL(":latest"), false},
    {SPAN_LITERAL(":free"), true},
    {SPAN_LITERAL(":nitro"), false},
    {SPAN_LITERAL(":floor"), false},
};

static bool all_automatic(const struct catalog_whole *whole, const struct catalog_name *name) {
    for (uint32_t i = 0; i < name->route_count; i++)
        if (!catalog_route_automatic(&whole->public, name->routes[i]))
            return false;
    return true;
}

static struct span without(struct span name, struct span suffix) {
    size_t rest = name.len - suffix.len;
    bool there = name.len > suffix.len && memcmp(name.ptr + rest, suffix.ptr, suffix.len) == 0;
    return there ? span_of(name.ptr, rest) : name;
}

static const struct catalog_name *find_form(const struct catalog_whole *whole, struct span name,
                                            finder look) {
    const struct catalog_name *found = name.len > 0 ? look(whole, name) : NULL;
    if (found != NULL || name.len == 0)
        return found;
    for (size_t i = 0; found == NULL && i < array_length(suffixes); i++) {
        struct span shorter = without(name, suffixes[i].suffix);
        if (shorter.len < name.len)
            found = look(whole, shorter);
        if (found != NULL && suffixes[i].free && !all_automatic(whole, found))
            found = NULL;
    }
    return found != NULL ? found : find_joined(whole, name, suffixes[0].suffix, look);
}

/* What follows "prefix/"; absent when the name does not begin so. */
static struct span behind(struct span name, const char *prefix) {
    size_t length = strlen(prefix);
    if (!span_starts_with(name, prefix) || name.len <= length + 1 || name.ptr[length] != '/')
        return SPAN_NONE;
    return span_of(name.ptr + length + 1, name.len - length - 1);
}

static const struct catalog_name *find_foreign(const struct catalog_whole *whole, struct span name,
                                               finder look) {
    const struct catalog_name *found = NULL;
    for (size_t i = 0; found == NULL && i < catalog__foreign_count; i++) {
        const char *provider = catalog__foreign[i].provider;
        struct span rest = behind(name, catalog__foreign[i].prefix);
        char text[FORM_MAX_BYTES];
        if (span_absent(rest))
            continue;
        size_t length = provider != NULL ? strlen(provider) : 0;
        if (length + 1 + rest.len > sizeof text)
            continue;
        if (provider != NULL) {
            memcpy(text, provider, length);
            text[length] = '/';
            memcpy(text + length + 1, rest.ptr, rest.len);
            rest = span_of(text, length + 1 + rest.len);
        }
        found = find_form(whole, rest, look);
    }
    return found;
}

static const struct catalog_name *find_pattern(const struct catalog_whole *whole,
                                               struct span name) {
    for (uint32_t i = 0; i < whole->pattern_count; i++)
        if (catalog__matches(whole->patterns[i].name, name))
            return &whole->patterns[i];
    for (size_t i = 0; whole->pattern_count > 0 && i < catalog__foreign_count; i++) {
        struct span rest = behind(name, catalog__foreign[i].prefix);
        if (catalog__foreign[i].provider == NULL && !span_absent(rest))
            return find_pattern(whole, rest);
    }
    return NULL;
}

const struct catalog_name *catalog__lookup(const struct catalog_whole *whole, struct span name) {
    if (name.len == 0 || name.len > ASKED_MAX_BYTES)
        return NULL;
    const struct catalog_name *found = find_form(whole, name, find);
    if (found == NULL)
        found = find_foreign(whole, name, find);
    if (found == NULL)
        found = find_pattern(whole, name);
    if (found == NULL)
        found = find_form(whole, name, find_nocase);
    return found != NULL ? found : find_foreign(whole, name, find_nocase);
}

uint32_t catalog_resolve(const struct catalog_snapshot *snapshot, struct span name,
                         uint32_t *ret_routes) {
    const struct catalog_name *found = catalog__lookup(catalog__whole(snapshot), name);
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
