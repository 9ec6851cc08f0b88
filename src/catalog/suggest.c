// SPDX-License-Identifier: Apache-2.0
/*
 * Names to say instead: near misses of unknown names, meanings of ambiguous ones, pins of what only pins reach.
 *
 * Why bounded so carefully: an unknown name is the cheapest request to send, and measuring a distance costs the product of two
 * lengths. So names whose lengths or letters differ too much are passed over before anything is measured.
 * Promises: best first, none twice, no allocation. Leaves to others: the sentence around them (gateway).
 */
#include "catalog/internal.h"

#include <stdio.h>

#define SUGGESTIONS_MAX 16
#define PIN_MAX_BYTES   512
#define INSIDE_DISTANCE 3

struct form { /* a way to read what was asked for */
    struct span text;
    uint64_t letters;
};

struct ranking {
    struct form forms[2];
    uint32_t form_count;
    struct span *best;
    size_t *distances;
    uint32_t most;
    uint32_t count;
};

static unsigned char folded(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* One bit for each letter that occurs; several letters may share one. */
static uint64_t letters_of(struct span text) {
    uint64_t letters = 0;
    for (size_t i = 0; i < text.len; i++)
        letters |= (uint64_t)1 << (folded(text.ptr[i]) & 63);
    return letters;
}

static bool has_part(struct span name, struct span part) {
    return part.len >= 3 && span_find_nocase(name, part) != SIZE_MAX;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* SIZE_MAX when it is no near miss. A part of a name counts as one typing error ("llama" finds "llama-3.3-70b"), a known name
 * inside what was asked for as a few. */
static size_t distance_of(const struct form *form, struct span known, uint64_t letters,
                          size_t most_of_use) {
    size_t longest = larger(form->text.len, known.len);
    size_t shortest = form->text.len + known.len - longest;
    size_t most = longest < 3 ? 0 : 1 + longest / 4;
    size_t least = larger((size_t)__builtin_popcountll(form->letters & ~letters),
                          (size_t)__builtin_popcountll(letters & ~form->letters));
    if (has_part(known, form->text))
        return known.len == form->text.len ? 0 : 1;
    size_t distance = has_part(form->text, known) ? INSIDE_DISTANCE : SIZE_MAX;
    if (longest - shortest > most || least > most)
        return distance;
    if (most > most_of_use)
        most = most_of_use;
    size_t measured = span_distance_within(form->text, known, most);
    return measured <= most && measured < distance ? measured : distance;
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

static void consider(struct ranking *ranking, struct span known) {
    uint64_t letters = letters_of(known);
    size_t best = SIZE_MAX;
    /* Only what is nearer than the last one of a full ranking is of use. */
    size_t most = ranking->count > 0 && ranking->count == ranking->most
                      ? ranking->distances[ranking->count - 1]
                      : SIZE_MAX;
    for (uint32_t i = 0; i < ranking->form_count; i++) {
        size_t distance = distance_of(&ranking->forms[i], known, letters, most);
        if (distance < best)
            best = distance;
    }
    if (best < SIZE_MAX)
        rank(ranking, known, best);
}

static void add_form(struct ranking *ranking, struct span text) {
    if (text.len > 0)
        ranking->forms[ranking->form_count++] = (struct form){text, letters_of(text)};
}

/* --- what to say instead of a name that leads nowhere by itself --- */

static uint32_t add_name(const struct catalog_whole *whole, struct span text, struct span *names,
                         uint32_t count) {
    uint32_t at = *catalog__slot(whole, text, span_hash(text));
    if (at == 0 || whole->names[at - 1].route_count == 0)
        return count;
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(names[i], whole->names[at - 1].name))
            return count;
    names[count] = whole->names[at - 1].name;
    return count + 1;
}

static bool has_other_id(const struct catalog_model *model, struct span name) {
    const char *const *other = model->facts != NULL ? model->facts->aliases : NULL;
    while (other != NULL && *other != NULL && !span_is(name, *other))
        other++;
    return other != NULL && *other != NULL;
}

/* Whether a route is one of the meanings of a name. */
static bool is_meant(const struct catalog_whole *whole, const struct catalog_name *name,
                     const struct catalog_route *route) {
    const struct catalog_model *model = &whole->public.models[route->model];
    switch ((int)name->kind) {
    case NAME_ID:
        return span_equal(model->id, name->name);
    case NAME_UPSTREAM:
        return span_equal(route->upstream_model, name->name);
    default:
        return has_other_id(model, name->name);
    }
}

static struct span pin_of(const struct catalog_whole *whole, const struct catalog_route *route,
                          struct span rest, char *text) {
    struct span provider =
        whole->public.providers[whole->public.accounts[route->account].provider].id;
    int length = snprintf(text, PIN_MAX_BYTES, "%.*s/%.*s", SPAN_ARG(provider), SPAN_ARG(rest));
    return length > 0 && length < PIN_MAX_BYTES ? span_of(text, (size_t)length) : SPAN_NONE;
}

uint32_t catalog__choices(const struct catalog_whole *whole, const struct catalog_name *name,
                          struct span *ret_names, uint32_t most) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < whole->public.route_count && count < most; i++) {
        const struct catalog_route *route = &whole->public.routes[i];
        char text[PIN_MAX_BYTES];
        struct span id = whole->public.models[route->model].id;
        struct span rest = name->kind == NAME_UPSTREAM ? route->upstream_model : id;
        if (!is_meant(whole, name, route))
            continue;
        if (name->ambiguous && name->kind == NAME_OTHER_ID)
            count = add_name(whole, id, ret_names, count);
        else
            count = add_name(whole, pin_of(whole, route, rest, text), ret_names, count);
    }
    return count;
}

static struct span last_part(struct span name) {
    const char *slash = memrchr(name.ptr, '/', name.len);
    size_t skipped = slash != NULL ? (size_t)(slash - name.ptr) + 1 : 0;
    return span_of(name.ptr + skipped, name.len - skipped);
}

uint32_t catalog_suggest(const struct catalog_snapshot *snapshot, struct span name,
                         struct span *ret_names, uint32_t most) {
    const struct catalog_whole *whole = catalog__whole(snapshot);
    size_t distances[SUGGESTIONS_MAX];
    struct ranking ranking = {.best = ret_names,
                              .distances = distances,
                              .most = most < SUGGESTIONS_MAX ? most : SUGGESTIONS_MAX};
    if (name.len == 0 || name.len > 2 * CATALOG_NAME_MAX_BYTES)
        return 0;
    const struct catalog_name *known = catalog__lookup(whole, name);
    if (known != NULL && (known->ambiguous || catalog__only_pinned(known)))
        return catalog__choices(whole, known, ret_names, ranking.most);
    add_form(&ranking, name);
    if (last_part(name).len < name.len)
        add_form(&ranking, last_part(name)); /* other tools put words in front */
    for (uint32_t i = 0; i < whole->alias_count; i++)
        consider(&ranking, whole->aliases[i]);
    for (uint32_t i = 0; i < snapshot->model_count; i++)
        if (snapshot->models[i].route_count > 0)
            consider(&ranking, snapshot->models[i].id);
    for (uint32_t i = 0; !span_absent(catalog_auto_name(i)); i++)
        consider(&ranking, catalog_auto_name(i));
    return ranking.count;
}
