// SPDX-License-Identifier: Apache-2.0
/*
 * Aliases, unfolded to routes.
 *
 * A target is looked up exactly as a client's name would be, so an alias can name whatever a client can: a model, a pin, auto,
 * another alias further down, a name that a pattern catches. Depth first; an alias is entered once, so the depth is bounded by
 * their number. An alias that names itself means what had that name before.
 * Why all problems are collected: nobody likes to repair a file one message at a time.
 * Promises: routes in the order of the targets, none twice; a failed alias stops no other. Leaves to others: where in the file a
 * target stands (config, by its index).
 */
#include "catalog/internal.h"

#include "base/mem.h"

#define PROBLEMS_MAX 64

struct unfolding {
    struct catalog_builder *builder;
    const struct catalog_whole *whole;
    struct ladder *ladders; /* of each alias */
    uint8_t *states;        /* owned: of each alias, 0 untouched, 1 being unfolded, 2 done */
};

static void report(struct unfolding *unfolding, const struct catalog_problem *problem,
                   struct span choice) {
    struct catalog_builder *builder = unfolding->builder;
    if (builder->problem_count == PROBLEMS_MAX)
        return;
    GROW(builder->problems, builder->problem_count);
    struct catalog_problem *copy = &builder->problems[builder->problem_count++];
    *copy = *problem;
    if (!span_absent(choice))
        check(arena_copy(&builder->arena, choice, &copy->choice) == 0); /* the snapshot goes away */
}

static void unfold(struct unfolding *unfolding, uint32_t index);

static void join(struct ladder *ladder, const uint32_t *routes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        catalog__ladder_add(ladder, routes[i]);
}

/* A name that is no alias, or what an alias hides. */
static void join_name(struct unfolding *unfolding, const struct catalog_name *name, uint32_t index,
                      uint32_t target) {
    struct catalog_problem problem = {.kind = name->ambiguous ? CATALOG_TARGET_AMBIGUOUS
                                                              : CATALOG_TARGET_PINNED,
                                      .alias = index,
                                      .target = target};
    struct span choice = SPAN_NONE;
    if (!name->ambiguous && !catalog__only_pinned(name)) {
        join(&unfolding->ladders[index], name->routes, name->route_count);
        return;
    }
    (void)catalog__choices(unfolding->whole, name, &choice, 1);
    report(unfolding, &problem, choice);
}

static void unfold_target(struct unfolding *unfolding, uint32_t index, uint32_t target) {
    const struct alias_entry *entry = &unfolding->builder->aliases[index];
    const struct catalog_name *name = catalog__lookup(unfolding->whole, entry->targets[target]);
    struct catalog_problem problem = {
        .kind = CATALOG_TARGET_UNKNOWN, .alias = index, .target = target};
    if (name != NULL && name->kind == NAME_ALIAS && name->alias == index && name->behind != 0)
        name = &unfolding->whole->names[name->behind - 1];
    if (name == NULL) {
        struct span nearest = SPAN_NONE;
        (void)catalog_suggest(&unfolding->whole->public, entry->targets[target], &nearest, 1);
        report(unfolding, &problem, nearest);
    } else if (name->kind != NAME_ALIAS) {
        join_name(unfolding, name, index, target);
    } else if (unfolding->states[name->alias] == 1) {
        problem.kind = CATALOG_TARGET_CIRCLE;
        problem.back_to = unfolding->builder->aliases[name->alias].name;
        report(unfolding, &problem, SPAN_NONE);
    } else {
        unfold(unfolding, name->alias);
        const struct ladder *more = &unfolding->ladders[name->alias];
        join(&unfolding->ladders[index], more->routes, more->count);
    }
}

static void unfold(struct unfolding *unfolding, uint32_t index) {
    if (unfolding->states[index] != 0)
        return;
    unfolding->states[index] = 1;
    for (uint32_t i = 0; i < unfolding->builder->aliases[index].target_count; i++)
        unfold_target(unfolding, index, i);
    unfolding->states[index] = 2;
}

/* In the order of the file, whatever order they were found in. */
static void sort_problems(struct catalog_builder *builder) {
    for (uint32_t i = 1; i < builder->problem_count; i++) {
        struct catalog_problem moved = builder->problems[i];
        uint32_t at = i;
        for (; at > 0 && (builder->problems[at - 1].alias > moved.alias ||
                          (builder->problems[at - 1].alias == moved.alias &&
                           builder->problems[at - 1].target > moved.target));
             at--)
            builder->problems[at] = builder->problems[at - 1];
        builder->problems[at] = moved;
    }
}

int catalog__unfold_aliases(struct catalog_builder *builder, const struct catalog_whole *whole,
                            struct ladder *ret_ladders, struct span *ret_missing) {
    struct unfolding unfolding = {.builder = builder, .whole = whole, .ladders = ret_ladders};
    unfolding.states = mem_zalloc(builder->alias_count + 1);
    builder->problem_count = 0;
    mem_free(builder->problems);
    builder->problems = NULL;
    for (uint32_t i = 0; i < builder->alias_count; i++)
        unfold(&unfolding, i);
    mem_free(unfolding.states);
    if (builder->problem_count == 0)
        return 0;
    sort_problems(builder);
    const struct catalog_problem *first = &builder->problems[0];
    *ret_missing = builder->aliases[first->alias].given[first->target];
    return first->kind == CATALOG_TARGET_CIRCLE ? ERR_INVALID : ERR_NOT_FOUND;
}

uint32_t catalog_problem_count(const struct catalog_builder *builder) {
    return builder->problem_count;
}

const struct catalog_problem *catalog_problem_at(const struct catalog_builder *builder,
                                                 uint32_t index) {
    check(index < builder->problem_count);
    return &builder->problems[index];
}
