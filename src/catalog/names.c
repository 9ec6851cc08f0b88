// SPDX-License-Identifier: Apache-2.0
/*
 * What each name leads to, computed once when a snapshot is built.
 *
 * Names claim their place kind by kind in the order of enum catalog_name_kind, each with all its routes; the first kind to claim
 * a name keeps it. Routes that may not be chosen by themselves stand behind pins only: a pin of a unified id leads to them when
 * the provider has no other for that model, a pin of an upstream id always; other names of theirs are known, but empty. A name
 * that belongs to several models is ambiguous and empty too, so that its meanings can be listed. Then aliases are laid over all
 * this: an alias wins, and keeps what it hides, so that one that names itself means the model of that name.
 * Why ladders apart: a name's routes come one by one while routes are looked at in order; only when all are known are they
 * packed into the arena.
 * Promises: at most CATALOG_ROUTES_PER_MODEL_MAX routes a name, none twice. Leaves to others: unfolding aliases (aliases.c),
 * looking names up (resolve.c), the ladders of auto (ladder.c).
 */
#include "catalog/internal.h"

#include "base/mem.h"

#include <stdio.h>

#define PIN_MAX_BYTES 512

struct naming {
    const struct catalog_snapshot *public; /* borrowed: of `whole` */
    struct catalog_whole *whole;           /* borrowed */
    struct ladder *ladders;                /* owned: of each name */
    uint32_t *models;                      /* owned: of each name, the model of its routes */
    uint32_t ladder_count;
};

/* A name of a kind; new ones are copied when `text` is not the arena's. NULL when another kind has it. */
static struct catalog_name *claim(struct naming *naming, enum catalog_name_kind kind,
                                  struct span text, bool copied) {
    struct catalog_whole *whole = naming->whole;
    uint64_t hash = span_hash(text);
    uint32_t *slot = catalog__slot(whole, text, hash);
    if (*slot != 0)
        return whole->names[*slot - 1].kind == kind ? &whole->names[*slot - 1] : NULL;
    if (copied)
        check(arena_copy(&whole->arena, text, &text) == 0);
    GROW(naming->ladders, naming->ladder_count);
    naming->ladders[naming->ladder_count].count = 0;
    naming->ladder_count++;
    naming->models[whole->name_count] = UINT32_MAX;
    struct catalog_name *name = &whole->names[whole->name_count];
    *name = (struct catalog_name){.name = text, .hash = hash, .kind = kind};
    *slot = ++whole->name_count;
    return name;
}

/* Whether a route may stand behind a name that has these already. */
static bool admitted(const struct naming *naming, enum catalog_name_kind kind,
                     const struct ladder *ladder, uint32_t route) {
    if (catalog_route_automatic(naming->public, route) || kind == NAME_PIN_UPSTREAM)
        return true;
    return (kind == NAME_PIN_ID || kind == NAME_PIN_OTHER_ID) &&
           (ladder->count == 0 || !catalog_route_automatic(naming->public, ladder->routes[0]));
}

static void add(struct naming *naming, enum catalog_name_kind kind, struct span text, bool copied,
                uint32_t route) {
    struct catalog_name *name = claim(naming, kind, text, copied);
    if (name == NULL)
        return;
    size_t index = (size_t)(name - naming->whole->names);
    struct ladder *ladder = &naming->ladders[index];
    uint32_t model = naming->public->routes[route].model;
    if (!admitted(naming, kind, ladder, route))
        return;
    if (naming->models[index] != UINT32_MAX && naming->models[index] != model &&
        kind != NAME_PIN_UPSTREAM)
        name->ambiguous = true;
    naming->models[index] = model;
    catalog__ladder_add(ladder, route);
}

static void add_pin(struct naming *naming, enum catalog_name_kind kind, struct span rest,
                    uint32_t route) {
    const struct catalog_snapshot *public = naming->public;
    struct span provider =
        public->providers[public->accounts[public->routes[route].account].provider].id;
    char text[PIN_MAX_BYTES];
    int length = snprintf(text, sizeof text, "%.*s/%.*s", SPAN_ARG(provider), SPAN_ARG(rest));
    if (length > 0 && (size_t)length < sizeof text)
        add(naming, kind, span_of(text, (size_t)length), true, route);
}

static void add_other_ids(struct naming *naming, enum catalog_name_kind kind, uint32_t route) {
    const struct fact_model *facts =
        naming->public->models[naming->public->routes[route].model].facts;
    if (facts == NULL || facts->aliases == NULL)
        return;
    for (const char *const *other = facts->aliases; *other != NULL; other++) {
        if (kind == NAME_OTHER_ID)
            add(naming, kind, span_text(*other), true, route);
        else
            add_pin(naming, kind, span_text(*other), route);
    }
}

static void add_route(struct naming *naming, enum catalog_name_kind kind, uint32_t index) {
    const struct catalog_route *route = &naming->public->routes[index];
    struct span id = naming->public->models[route->model].id;
    if (kind == NAME_ID)
        add(naming, kind, id, false, index);
    else if (kind == NAME_PIN_ID)
        add_pin(naming, kind, id, index);
    else if (kind == NAME_PIN_UPSTREAM)
        add_pin(naming, kind, route->upstream_model, index);
    else if (kind == NAME_UPSTREAM)
        add(naming, kind, route->upstream_model, false, index);
    else
        add_other_ids(naming, kind, index);
}

/* Those that may be chosen by themselves first: they decide what a pin leads to. */
static void claim_routes(struct naming *naming, enum catalog_name_kind kind) {
    for (int automatic = 1; automatic >= 0; automatic--)
        for (uint32_t i = 0; i < naming->public->route_count; i++)
            if (catalog_route_automatic(naming->public, i) == (automatic == 1))
                add_route(naming, kind, i);
}

static void claim_auto(struct naming *naming) {
    for (uint32_t i = 0; !span_absent(catalog_auto_name(i)); i++) {
        (void)claim(naming, NAME_AUTO, catalog_auto_name(i), false);
        catalog__lay_auto(naming->public, i, &naming->ladders[i]);
    }
}

/* --- packing --- */

static void pack(struct catalog_whole *whole, struct catalog_name *name,
                 const struct ladder *ladder) {
    size_t bytes = ladder->count * sizeof ladder->routes[0];
    name->routes = memcpy(arena_alloc(&whole->arena, bytes), ladder->routes, bytes);
    name->route_count = name->ambiguous ? 0 : ladder->count;
}

static uint32_t other_id_count(const struct fact_model *facts) {
    uint32_t count = 0;
    while (facts != NULL && facts->aliases != NULL && facts->aliases[count] != NULL)
        count++;
    return count;
}

static uint32_t auto_count(void) {
    uint32_t count = 0;
    while (!span_absent(catalog_auto_name(count)))
        count++;
    return count;
}

/* More than can be claimed. */
static uint32_t names_max(const struct catalog_snapshot *public, uint32_t alias_count) {
    uint32_t most = auto_count() + public->model_count + 3 * public->route_count + alias_count;
    for (uint32_t i = 0; i < public->model_count; i++)
        most += other_id_count(public->models[i].facts) * (1 + public->models[i].route_count);
    return most;
}

static void make_room(struct catalog_whole *whole, uint32_t names) {
    uint32_t slots = 8;
    while (slots < 2 * names)
        slots *= 2;
    whole->slot_mask = slots - 1;
    whole->slots = arena_zalloc(&whole->arena, slots * sizeof *whole->slots);
    whole->names = arena_alloc(&whole->arena, names * sizeof *whole->names);
}

/* --- aliases over all --- */

static struct span copy_text(struct catalog_whole *whole, struct span text) {
    struct span copy = SPAN_NONE;
    check(arena_copy(&whole->arena, text, &copy) == 0);
    return copy;
}

static void lay_pattern(struct catalog_whole *whole, uint32_t alias, struct span text) {
    uint32_t at = whole->pattern_count++;
    for (; at > 0 && whole->patterns[at - 1].name.len < text.len; at--)
        whole->patterns[at] = whole->patterns[at - 1];
    whole->patterns[at] = (struct catalog_name){.name = text, .kind = NAME_ALIAS, .alias = alias};
}

/* The first of two aliases of one name counts; config refuses the second. */
static void lay_alias(struct catalog_whole *whole, uint32_t alias, struct span text) {
    uint64_t hash = span_hash(text);
    uint32_t *slot = catalog__slot(whole, text, hash);
    if (*slot != 0 && whole->names[*slot - 1].kind == NAME_ALIAS)
        return;
    whole->names[whole->name_count] = (struct catalog_name){
        .name = text, .hash = hash, .kind = NAME_ALIAS, .alias = alias, .behind = *slot};
    *slot = ++whole->name_count;
    whole->aliases[whole->alias_count++] = text;
}

static void lay_aliases(const struct catalog_builder *builder, struct catalog_whole *whole) {
    uint32_t count = builder->alias_count;
    whole->patterns = arena_zalloc(&whole->arena, count * sizeof *whole->patterns);
    whole->aliases = arena_zalloc(&whole->arena, count * sizeof *whole->aliases);
    for (uint32_t i = 0; i < count; i++) {
        struct span text = copy_text(whole, builder->aliases[i].name);
        if (memchr(text.ptr, '*', text.len) != NULL)
            lay_pattern(whole, i, text);
        else
            lay_alias(whole, i, text);
    }
}

static void pack_aliases(struct catalog_whole *whole, const struct ladder *ladders) {
    for (uint32_t i = 0; i < whole->name_count; i++)
        if (whole->names[i].kind == NAME_ALIAS)
            pack(whole, &whole->names[i], &ladders[whole->names[i].alias]);
    for (uint32_t i = 0; i < whole->pattern_count; i++)
        pack(whole, &whole->patterns[i], &ladders[whole->patterns[i].alias]);
}

int catalog__lay_names(struct catalog_builder *builder, struct catalog_whole *whole,
                       struct span *ret_missing) {
    struct naming naming = {.public = &whole->public, .whole = whole};
    uint32_t most = names_max(naming.public, builder->alias_count);
    make_room(whole, most);
    naming.models = mem_alloc(most * sizeof *naming.models);
    claim_auto(&naming);
    for (enum catalog_name_kind kind = NAME_ID; kind <= NAME_UPSTREAM; kind++)
        claim_routes(&naming, kind);
    for (uint32_t i = 0; i < whole->name_count; i++)
        pack(whole, &whole->names[i], &naming.ladders[i]);
    mem_free(naming.models);
    mem_free(naming.ladders);
    lay_aliases(builder, whole);
    struct ladder *ladders = mem_zalloc((builder->alias_count + 1) * sizeof *ladders);
    int err = catalog__unfold_aliases(builder, whole, ladders, ret_missing);
    if (err == 0)
        pack_aliases(whole, ladders);
    mem_free(ladders);
    return err;
}
