// SPDX-License-Identifier: Apache-2.0
/*
 * What each name leads to, computed once when a snapshot is built.
 *
 * Names claim their place in the order of product 4: auto, unified id, pin, upstream id, each with all its routes; the first
 * kind to claim a name keeps it. An upstream id that belongs to several unified models is kept as ambiguous (no routes), so
 * that the choices can be listed. Then aliases are unfolded over these names and laid over them: an alias wins. An alias
 * that names itself means the model of that name. Patterns stand apart, the longest first. Names ending in ":latest" are
 * also known without it where that name is free.
 * Why drafts: a ladder grows while routes are looked at in order; only when all are known are they packed into the arena.
 * Promises: at most CATALOG_ROUTES_PER_MODEL_MAX routes a name, none twice.
 */
#include "catalog/internal.h"

#include "base/mem.h"

#define ALIAS_DEPTH_MAX 1024

struct ladder {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t count;
};

enum kind {
    KIND_AUTO,
    KIND_ID,
    KIND_PIN_ID,
    KIND_PIN_UPSTREAM,
    KIND_UPSTREAM,
    KIND_WITHOUT_LATEST,
    KIND_ALIAS
};

struct draft {
    struct span name;
    uint64_t hash;
    enum kind kind;
    bool ambiguous;
    uint32_t model; /* of its first route */
    struct ladder ladder;
};

struct drafts {
    const struct catalog_builder *builder;
    struct catalog_whole *whole;
    struct draft *items; /* owned */
    uint32_t count;
    uint32_t *slots; /* owned: index + 1 into items */
    uint32_t mask;
    struct ladder *aliases; /* owned: one for each alias of the builder */
    uint8_t *states;        /* owned: 0 untouched, 1 being unfolded, 2 done */
    struct span missing;
};

static void ladder_add(struct ladder *ladder, uint32_t route) {
    for (uint32_t i = 0; i < ladder->count; i++)
        if (ladder->routes[i] == route)
            return;
    if (ladder->count < CATALOG_ROUTES_PER_MODEL_MAX)
        ladder->routes[ladder->count++] = route;
}

static void ladder_join(struct ladder *ladder, const struct ladder *more) {
    for (uint32_t i = 0; i < more->count; i++)
        ladder_add(ladder, more->routes[i]);
}

static uint32_t *slot_of(struct drafts *drafts, struct span name, uint64_t hash) {
    uint32_t i = (uint32_t)hash & drafts->mask;
    while (drafts->slots[i] != 0) {
        const struct draft *draft = &drafts->items[drafts->slots[i] - 1];
        if (draft->hash == hash && span_equal(draft->name, name))
            break;
        i = (i + 1) & drafts->mask;
    }
    return &drafts->slots[i];
}

static struct draft *find(struct drafts *drafts, struct span name) {
    uint32_t at = *slot_of(drafts, name, span_hash(name));
    return at != 0 ? &drafts->items[at - 1] : NULL;
}

/* The draft of a name, new or of the same kind; NULL when another kind has it. Names are kept, not copied. */
static struct draft *claim(struct drafts *drafts, enum kind kind, struct span name) {
    uint64_t hash = span_hash(name);
    uint32_t *slot = slot_of(drafts, name, hash);
    if (*slot != 0)
        return drafts->items[*slot - 1].kind == kind ? &drafts->items[*slot - 1] : NULL;
    GROW(drafts->items, drafts->count);
    struct draft *draft = &drafts->items[drafts->count];
    *draft = (struct draft){.name = name, .hash = hash, .kind = kind, .model = UINT32_MAX};
    *slot = ++drafts->count;
    return draft;
}

static struct span pin_name(struct drafts *drafts, uint32_t account, struct span rest) {
    struct span provider =
        drafts->whole->public.providers[drafts->whole->public.accounts[account].provider].id;
    char *name =
        arena_format(&drafts->whole->arena, "%.*s/%.*s", SPAN_ARG(provider), SPAN_ARG(rest));
    check(name != NULL);
    return span_text(name);
}

static struct span name_of(struct drafts *drafts, enum kind kind,
                           const struct catalog_route *route) {
    struct span id = drafts->whole->public.models[route->model].id;
    switch ((int)kind) {
    case KIND_AUTO:
        return SPAN_LITERAL("auto");
    case KIND_ID:
        return id;
    case KIND_PIN_ID:
        return pin_name(drafts, route->account, id);
    case KIND_PIN_UPSTREAM:
        return pin_name(drafts, route->account, route->upstream_model);
    default:
        return route->upstream_model;
    }
}

static void claim_routes(struct drafts *drafts, enum kind kind) {
    const struct catalog_snapshot *public = &drafts->whole->public;
    for (uint32_t i = 0; i < public->route_count; i++) {
        const struct catalog_route *route = &public->routes[i];
        struct draft *draft = claim(drafts, kind, name_of(drafts, kind, route));
        if (draft == NULL)
            continue;
        if (kind == KIND_UPSTREAM && draft->model != UINT32_MAX && draft->model != route->model)
            draft->ambiguous = true;
        draft->model = route->model;
        ladder_add(&draft->ladder, i);
    }
}

/* Also under the name without ":latest", where nobody has that. */
static void claim_without_latest(struct drafts *drafts) {
    uint32_t count = drafts->count;
    for (uint32_t i = 0; i < count; i++) {
        struct span shorter = catalog__without_latest(drafts->items[i].name);
        if (shorter.len == drafts->items[i].name.len || find(drafts, shorter) != NULL)
            continue;
        struct draft *draft = claim(drafts, KIND_WITHOUT_LATEST, shorter);
        draft->ladder = drafts->items[i].ladder;
        draft->ambiguous = drafts->items[i].ambiguous;
    }
}

/* --- aliases --- */

static const struct draft *find_form(struct drafts *drafts, struct span name) {
    const struct draft *found = find(drafts, name);
    if (found == NULL)
        found = find(drafts, catalog__without_latest(name));
    if (found == NULL && span_starts_with(name, "openai/"))
        found = find_form(drafts, span_of(name.ptr + 7, name.len - 7));
    return found != NULL && !found->ambiguous ? found : NULL;
}

static uint32_t exact_alias(const struct catalog_builder *builder, struct span name) {
    uint32_t i = 0;
    while (i < builder->alias_count && !span_equal(builder->aliases[i].name, name))
        i++;
    return i;
}

static uint32_t pattern_alias(const struct catalog_builder *builder, struct span name) {
    uint32_t best = builder->alias_count;
    for (uint32_t i = 0; i < builder->alias_count; i++)
        if (catalog__matches(builder->aliases[i].name, name) &&
            (best == builder->alias_count ||
             builder->aliases[i].name.len > builder->aliases[best].name.len))
            best = i;
    return best;
}

static int unfold(struct drafts *drafts, uint32_t index, uint32_t depth);

static int unfold_target(struct drafts *drafts, uint32_t index, uint32_t at, uint32_t depth) {
    const struct catalog_builder *builder = drafts->builder;
    struct span target = builder->aliases[index].targets[at];
    const struct draft *draft = find_form(drafts, target);
    uint32_t alias = exact_alias(builder, target);
    bool itself = alias == index && draft != NULL;
    drafts->missing = builder->aliases[index].given[at];
    if (alias == builder->alias_count && draft == NULL)
        alias = pattern_alias(builder, target);
    if (alias == builder->alias_count || itself) {
        if (draft == NULL)
            return ERR_NOT_FOUND;
        ladder_join(&drafts->aliases[index], &draft->ladder);
        return 0;
    }
    int err = unfold(drafts, alias, depth + 1);
    if (err == 0)
        ladder_join(&drafts->aliases[index], &drafts->aliases[alias]);
    return err;
}

static int unfold(struct drafts *drafts, uint32_t index, uint32_t depth) {
    const struct alias_entry *entry = &drafts->builder->aliases[index];
    int err = 0;
    if (drafts->states[index] == 2)
        return 0;
    if (drafts->states[index] == 1 || depth > ALIAS_DEPTH_MAX)
        return ERR_INVALID;
    drafts->states[index] = 1;
    for (uint32_t i = 0; err == 0 && i < entry->target_count; i++)
        err = unfold_target(drafts, index, i, depth);
    drafts->states[index] = 2;
    return err;
}

static bool is_pattern(struct span name) {
    return memchr(name.ptr, '*', name.len) != NULL;
}

static struct span copy_name(struct drafts *drafts, struct span name) {
    struct span copy = SPAN_NONE;
    check(arena_copy(&drafts->whole->arena, name, &copy) == 0);
    return copy;
}

/* An alias takes the place of whatever had its name. */
static void claim_aliases(struct drafts *drafts) {
    for (uint32_t i = 0; i < drafts->builder->alias_count; i++) {
        struct span name = drafts->builder->aliases[i].name;
        if (is_pattern(name))
            continue;
        struct draft *draft = find(drafts, name);
        if (draft == NULL)
            draft = claim(drafts, KIND_ALIAS, copy_name(drafts, name));
        draft->kind = KIND_ALIAS;
        draft->ambiguous = false;
        draft->ladder = drafts->aliases[i];
    }
}

/* --- packing --- */

static struct catalog_name pack(struct drafts *drafts, struct span name,
                                const struct ladder *ladder) {
    struct catalog_name packed = {
        .name = name, .hash = span_hash(name), .route_count = ladder->count};
    size_t bytes = ladder->count * sizeof ladder->routes[0];
    packed.routes = memcpy(arena_alloc(&drafts->whole->arena, bytes), ladder->routes, bytes);
    return packed;
}

static uint32_t mask_for(uint32_t names) {
    uint32_t slots = 8;
    while (slots < 2 * names)
        slots *= 2;
    return slots - 1;
}

static void pack_index(struct drafts *drafts) {
    struct catalog_whole *whole = drafts->whole;
    whole->slot_mask = mask_for(drafts->count);
    whole->slots =
        arena_zalloc(&whole->arena, ((size_t)whole->slot_mask + 1) * sizeof *whole->slots);
    for (uint32_t i = 0; i < drafts->count; i++) {
        struct draft *draft = &drafts->items[i];
        uint32_t at = (uint32_t)draft->hash & whole->slot_mask;
        if (draft->ambiguous)
            draft->ladder.count = 0;
        while (whole->slots[at].name.ptr != NULL)
            at = (at + 1) & whole->slot_mask;
        whole->slots[at] = pack(drafts, draft->name, &draft->ladder);
    }
}

static void pack_aliases(struct drafts *drafts) {
    struct catalog_whole *whole = drafts->whole;
    uint32_t count = drafts->builder->alias_count;
    whole->patterns = arena_zalloc(&whole->arena, count * sizeof *whole->patterns);
    whole->aliases = arena_zalloc(&whole->arena, count * sizeof *whole->aliases);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = copy_name(drafts, drafts->builder->aliases[i].name);
        uint32_t at = whole->pattern_count;
        if (!is_pattern(name)) {
            whole->aliases[whole->alias_count++] = name;
            continue;
        }
        for (; at > 0 && whole->patterns[at - 1].name.len < name.len; at--)
            whole->patterns[at] = whole->patterns[at - 1];
        whole->patterns[at] = pack(drafts, name, &drafts->aliases[i]);
        whole->pattern_count++;
    }
}

static int draft_all(struct drafts *drafts) {
    int err = 0;
    for (enum kind kind = KIND_AUTO; kind <= KIND_UPSTREAM; kind++)
        claim_routes(drafts, kind);
    claim_without_latest(drafts);
    for (uint32_t i = 0; err == 0 && i < drafts->builder->alias_count; i++)
        err = unfold(drafts, i, 0);
    if (err < 0)
        return err;
    claim_aliases(drafts);
    claim_without_latest(drafts);
    return 0;
}

int catalog__lay_names(const struct catalog_builder *builder, struct catalog_whole *whole,
                       struct span *ret_missing) {
    uint32_t names =
        2 * (1 + builder->model_count + 3 * builder->route_count + builder->alias_count);
    struct drafts drafts = {.builder = builder, .whole = whole, .mask = mask_for(names)};
    drafts.slots = mem_zalloc(((size_t)drafts.mask + 1) * sizeof *drafts.slots);
    drafts.aliases = mem_zalloc((builder->alias_count + 1) * sizeof *drafts.aliases);
    drafts.states = mem_zalloc(builder->alias_count + 1);
    int err = draft_all(&drafts);
    if (err < 0) {
        *ret_missing = drafts.missing;
    } else {
        pack_index(&drafts);
        pack_aliases(&drafts);
    }
    mem_free(drafts.items);
    mem_free(drafts.slots);
    mem_free(drafts.aliases);
    mem_free(drafts.states);
    return err;
}
