// SPDX-License-Identifier: Apache-2.0
/*
 * Building a snapshot.
 *
 * Why a builder: the snapshot is one block of immutable arrays, while what goes in comes one by one and refers to what
 * comes later (an alias to an alias further down). So the builder collects in growing arrays, and catalog_build lays
 * everything out in the snapshot's own arena; names.c computes what each name leads to.
 * Promises: texts and keys are copied or referenced, nothing of the caller's is kept. A failed build changes nothing of the
 * builder but its list of problems.
 * Leaves to others: where the facts come from (config, later catalog/facts).
 */
#include "catalog/internal.h"

#include "base/mem.h"

#define ARENA_MAX_BYTES ((size_t)1024 * 1024 * 1024)

#define COPY_ARRAY(arena, from, count)                                            \
    ((count) > 0 ? memcpy(arena_alloc((arena), (count) * sizeof *(from)), (from), \
                          (count) * sizeof *(from))                               \
                 : NULL)

static struct span copy_text(struct arena *arena, struct span text) {
    struct span copy = SPAN_NONE;
    if (!span_absent(text))
        check(arena_copy(arena, text, &copy) == 0);
    return copy;
}

struct catalog_builder *catalog_builder_new(void) {
    struct catalog_builder *builder = mem_zalloc(sizeof *builder);
    arena_init(&builder->arena, NULL, 0, ARENA_MAX_BYTES);
    return builder;
}

void catalog_builder_free(struct catalog_builder *builder) {
    if (builder == NULL)
        return;
    for (uint32_t i = 0; i < builder->account_count; i++)
        secret_unref(builder->accounts[i].key);
    mem_free(builder->providers);
    mem_free(builder->accounts);
    mem_free(builder->routes);
    mem_free(builder->models);
    mem_free(builder->aliases);
    mem_free(builder->groups);
    mem_free(builder->limits);
    mem_free(builder->quirks);
    mem_free(builder->problems);
    arena_reset(&builder->arena);
    mem_free(builder);
}

static struct catalog_provider copy_provider(struct arena *arena,
                                             const struct catalog_provider *from) {
    struct catalog_provider copy = *from;
    copy.id = copy_text(arena, from->id);
    copy.dialect = copy_text(arena, from->dialect);
    copy.host = copy_text(arena, from->host);
    copy.host_header = copy_text(arena, from->host_header);
    copy.base_path = copy_text(arena, from->base_path);
    copy.private_network = copy_text(arena, from->private_network);
    copy.ca_file = copy_text(arena, from->ca_file);
    copy.proxy = copy_text(arena, from->proxy);
    copy.user_agent = copy_text(arena, from->user_agent);
    return copy;
}

uint32_t catalog_add_provider(struct catalog_builder *builder,
                              const struct catalog_provider *provider) {
    GROW(builder->providers, builder->provider_count);
    builder->providers[builder->provider_count] = copy_provider(&builder->arena, provider);
    return builder->provider_count++;
}

uint32_t catalog_add_group(struct catalog_builder *builder, const struct catalog_group *group) {
    check(group->provider < builder->provider_count);
    GROW(builder->groups, builder->group_count);
    struct catalog_group *copy = &builder->groups[builder->group_count];
    *copy = *group;
    copy->name = copy_text(&builder->arena, group->name);
    copy->plan = copy_text(&builder->arena, group->plan);
    return builder->group_count++;
}

uint32_t catalog_add_limit(struct catalog_builder *builder, const struct catalog_limit *limit) {
    check(limit->provider < builder->provider_count && limit->amount > 0);
    check(limit->group < builder->group_count || limit->group == LIMIT_NONE);
    GROW(builder->limits, builder->limit_count);
    struct catalog_limit *copy = &builder->limits[builder->limit_count];
    *copy = *limit;
    copy->label = copy_text(&builder->arena, limit->label);
    return builder->limit_count++;
}

const struct dialect_quirks *catalog_add_quirks(struct catalog_builder *builder, const void *quirks,
                                                size_t size) {
    GROW(builder->quirks, builder->quirks_count);
    struct quirks_entry *entry = &builder->quirks[builder->quirks_count++];
    *entry = (struct quirks_entry){
        .bytes = memcpy(arena_alloc(&builder->arena, size), quirks, size), .size = size};
    return entry->bytes;
}

uint32_t catalog_add_account(struct catalog_builder *builder,
                             const struct catalog_account *account) {
    check(account->provider < builder->provider_count);
    check(account->group < builder->group_count);
    GROW(builder->accounts, builder->account_count);
    struct catalog_account *copy = &builder->accounts[builder->account_count];
    *copy = *account;
    copy->name = copy_text(&builder->arena, account->name);
    copy->key = account->key != NULL ? secret_ref(account->key) : NULL;
    return builder->account_count++;
}

static uint32_t model_of(struct catalog_builder *builder, struct span id) {
    for (uint32_t i = 0; i < builder->model_count; i++)
        if (span_equal(builder->models[i].id, id))
            return i;
    GROW(builder->models, builder->model_count);
    builder->models[builder->model_count] =
        (struct model_entry){.id = copy_text(&builder->arena, id)};
    return builder->model_count++;
}

int catalog_add_route(struct catalog_builder *builder, struct span model_id,
                      const struct catalog_route *route) {
    check(route->account < builder->account_count);
    if (model_id.len == 0 || model_id.len > CATALOG_NAME_MAX_BYTES)
        return ERR_INVALID;
    uint32_t index = model_of(builder, model_id);
    struct model_entry *model = &builder->models[index];
    if (model->route_count == CATALOG_ROUTES_PER_MODEL_MAX)
        return ERR_TOO_LARGE;
    GROW(builder->routes, builder->route_count);
    struct catalog_route *copy = &builder->routes[builder->route_count];
    *copy = *route;
    copy->model = index;
    copy->upstream_model = copy_text(
        &builder->arena, span_absent(route->upstream_model) ? model_id : route->upstream_model);
    copy->limits = COPY_ARRAY(&builder->arena, route->limits, route->limit_count);
    model->routes[model->route_count++] = builder->route_count++;
    return 0;
}

void catalog_describe_model(struct catalog_builder *builder, struct span model_id,
                            const struct catalog_model *model) {
    uint32_t index = model_of(builder, model_id); /* may move the models */
    struct model_entry *entry = &builder->models[index];
    entry->about = *model;
    entry->described = true;
}

int catalog_add_alias(struct catalog_builder *builder, struct span alias,
                      const struct span *targets, size_t target_count) {
    if (alias.len == 0 || alias.len > CATALOG_NAME_MAX_BYTES)
        return ERR_INVALID;
    if (target_count > CATALOG_ROUTES_PER_MODEL_MAX)
        return ERR_TOO_LARGE;
    GROW(builder->aliases, builder->alias_count);
    struct alias_entry *entry = &builder->aliases[builder->alias_count++];
    *entry = (struct alias_entry){.name = copy_text(&builder->arena, alias),
                                  .target_count = (uint32_t)target_count};
    size_t bytes = (target_count > 0 ? target_count : 1) * sizeof *entry->targets;
    entry->targets = arena_zalloc(&builder->arena, bytes);
    entry->given = arena_zalloc(&builder->arena, bytes);
    for (size_t i = 0; i < target_count; i++) {
        entry->targets[i] = copy_text(&builder->arena, targets[i]);
        entry->given[i] = targets[i];
    }
    return 0;
}

/* --- laying out --- */

static const struct catalog_provider *lay_providers(const struct catalog_builder *builder,
                                                    struct arena *arena) {
    struct catalog_provider *copies =
        COPY_ARRAY(arena, builder->providers, builder->provider_count);
    for (uint32_t i = 0; i < builder->provider_count; i++)
        copies[i] = copy_provider(arena, &builder->providers[i]);
    return copies;
}

static const struct catalog_account *lay_accounts(const struct catalog_builder *builder,
                                                  struct arena *arena) {
    struct catalog_account *copies = COPY_ARRAY(arena, builder->accounts, builder->account_count);
    for (uint32_t i = 0; i < builder->account_count; i++) {
        copies[i].name = copy_text(arena, copies[i].name);
        copies[i].key = copies[i].key != NULL ? secret_ref(copies[i].key) : NULL;
    }
    return copies;
}

static const struct catalog_group *lay_groups(const struct catalog_builder *builder,
                                              struct arena *arena) {
    struct catalog_group *copies = COPY_ARRAY(arena, builder->groups, builder->group_count);
    for (uint32_t i = 0; i < builder->group_count; i++) {
        copies[i].name = copy_text(arena, copies[i].name);
        copies[i].plan = copy_text(arena, copies[i].plan);
    }
    return copies;
}

static const struct catalog_limit *lay_limits(const struct catalog_builder *builder,
                                              struct arena *arena) {
    struct catalog_limit *copies = COPY_ARRAY(arena, builder->limits, builder->limit_count);
    for (uint32_t i = 0; i < builder->limit_count; i++)
        copies[i].label = copy_text(arena, copies[i].label);
    return copies;
}

static void lay_quirks(struct catalog_builder *builder, struct arena *arena) {
    for (uint32_t i = 0; i < builder->quirks_count; i++) {
        struct quirks_entry *entry = &builder->quirks[i];
        entry->laid = memcpy(arena_alloc(arena, entry->size), entry->bytes, entry->size);
    }
}

static const struct dialect_quirks *laid_quirks(const struct catalog_builder *builder,
                                                const struct dialect_quirks *quirks) {
    for (uint32_t i = 0; i < builder->quirks_count; i++)
        if (builder->quirks[i].bytes == (const void *)quirks)
            return builder->quirks[i].laid;
    check(quirks == NULL);
    return NULL;
}

static const struct catalog_route *lay_routes(const struct catalog_builder *builder,
                                              struct arena *arena) {
    struct catalog_route *copies = COPY_ARRAY(arena, builder->routes, builder->route_count);
    for (uint32_t i = 0; i < builder->route_count; i++) {
        copies[i].upstream_model = copy_text(arena, copies[i].upstream_model);
        copies[i].limits = COPY_ARRAY(arena, copies[i].limits, copies[i].limit_count);
        copies[i].quirks = laid_quirks(builder, copies[i].quirks);
    }
    return copies;
}

static const struct catalog_model *lay_models(const struct catalog_builder *builder,
                                              struct arena *arena) {
    if (builder->model_count == 0)
        return NULL;
    struct catalog_model *models = arena_zalloc(arena, builder->model_count * sizeof *models);
    for (uint32_t i = 0; i < builder->model_count; i++) {
        const struct model_entry *entry = &builder->models[i];
        models[i] = entry->about;
        if (!entry->described)
            models[i].kind = CATALOG_ANY;
        catalog__fill_quality(models[i].quality);
        models[i].id = copy_text(arena, entry->id);
        models[i].routes = COPY_ARRAY(arena, entry->routes, entry->route_count);
        models[i].route_count = entry->route_count;
    }
    return models;
}

int catalog_build(struct catalog_builder *builder, uint64_t version,
                  struct catalog_snapshot **ret_snapshot, struct span *ret_missing) {
    struct catalog_whole *whole = mem_zalloc(sizeof *whole);
    struct catalog_snapshot *public = &whole->public;
    atomic_init(&whole->references, 1);
    arena_init(&whole->arena, NULL, 0, ARENA_MAX_BYTES);
    public->version = version;
    public->providers = lay_providers(builder, &whole->arena);
    public->provider_count = builder->provider_count;
    public->accounts = lay_accounts(builder, &whole->arena);
    public->account_count = builder->account_count;
    public->groups = lay_groups(builder, &whole->arena);
    public->group_count = builder->group_count;
    public->limits = lay_limits(builder, &whole->arena);
    public->limit_count = builder->limit_count;
    lay_quirks(builder, &whole->arena);
    public->routes = lay_routes(builder, &whole->arena);
    public->route_count = builder->route_count;
    public->models = lay_models(builder, &whole->arena);
    public->model_count = builder->model_count;
    int err = catalog__lay_names(builder, whole, ret_missing);
    if (err < 0) {
        catalog_unref(public);
        return err;
    }
    *ret_snapshot = public;
    return 0;
}
