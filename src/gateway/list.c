// SPDX-License-Identifier: Apache-2.0
/*
 * The list of models, and one of them.
 *
 * Names that stand for several models come first (auto and its variants, then the configured aliases, at last the one that
 * Anthropic's clients show), then each model once. A model that only pins reach is listed by its pins, since its id alone would
 * be refused; a model that an alias hides is listed as the alias. What a name can do is what its routes can do together; how
 * many providers serve it now is the desk's word at this moment.
 * Promises: never waits for a provider: the list is what the snapshot of this loop knows. Leaves to others: the wire (surface).
 */
#include "base/check.h"
#include "gateway/choose.h"
#include "gateway/desk.h"
#include "gateway/identify.h"
#include "gateway/listing.h"

#define LIST_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct listing {
    struct request *r;
    const struct catalog_snapshot *snapshot;
    bool *open;                 /* of each route: could be asked now; borrowed: arena */
    uint8_t *seen;              /* of each provider, for counting; borrowed: arena */
    struct surface_model *rows; /* borrowed: arena */
    uint32_t count, room;
};

static bool begin(struct listing *listing, struct request *r) {
    *listing = (struct listing){.r = r, .snapshot = r->snapshot};
    listing->open = arena_try_alloc(&r->arena, r->snapshot->route_count + 1);
    listing->seen = arena_try_alloc(&r->arena, r->snapshot->provider_count + 1);
    if (listing->open == NULL || listing->seen == NULL)
        return false;
    desk_open_routes(r->home->gateway->desk, r->snapshot, listing->open);
    return true;
}

static uint32_t provider_of(const struct listing *listing, uint32_t route) {
    return listing->snapshot->accounts[listing->snapshot->routes[route].account].provider;
}

/* Providers of these routes, of all or of those that are open. */
static uint32_t count_providers(struct listing *listing, const uint32_t *routes, uint32_t count,
                                bool only_open) {
    uint32_t found = 0;
    memset(listing->seen, 0, listing->snapshot->provider_count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *seen = &listing->seen[provider_of(listing, routes[i])];
        if ((only_open && !listing->open[routes[i]]) || *seen != 0)
            continue;
        *seen = 1;
        found++;
    }
    return found;
}

static const char *kind_of(const struct catalog_model *model) {
    static const char *const words[] = {[CATALOG_CHAT] = "chat",
                                        [CATALOG_EMBED] = "embedding",
                                        [CATALOG_OTHER] = "other",
                                        [CATALOG_ANY] = "chat"};
    return model->facts != NULL ? model->facts->kind : words[model->kind];
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* What only a model has is told where all routes are of one. */
static void describe_model(struct listing *listing, const uint32_t *routes, uint32_t count,
                           struct surface_model *row) {
    const struct catalog_snapshot *snapshot = listing->snapshot;
    uint32_t index = snapshot->routes[routes[0]].model;
    for (uint32_t i = 1; i < count; i++)
        if (snapshot->routes[routes[i]].model != index)
            return;
    row->kind = kind_of(&snapshot->models[index]);
    if (snapshot->models[index].kind == CATALOG_EMBED)
        row->needs_served = 0; /* those are abilities in a conversation */
    row->created_s = snapshot->models[index].created_s;
    row->dimensions = snapshot->models[index].dimensions;
    if (count_providers(listing, routes, count, false) == 1)
        row->owned_by = snapshot->providers[provider_of(listing, routes[0])].id;
}

/* What of it this client may use. */
static uint32_t keep_allowed(const struct request *r, struct span name, uint32_t *routes,
                             uint32_t count) {
    uint32_t kept = 0;
    bool all = identify_may_name(r, name);
    for (uint32_t i = 0; i < count; i++)
        if (all || identify_may_use(r, routes[i]))
            routes[kept++] = routes[i];
    return kept;
}

/* False when the name leads nowhere by itself, or not this client. */
static bool describe_name(struct listing *listing, struct span name,
                          struct surface_model *ret_row) {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t count =
        keep_allowed(listing->r, name, routes, catalog_resolve(listing->snapshot, name, routes));
    if (count == 0)
        return false;
    *ret_row = (struct surface_model){.id = name, .owned_by = SPAN_LITERAL("papi"), .kind = "chat"};
    for (uint32_t i = 0; i < count; i++) {
        const struct catalog_route *route = &listing->snapshot->routes[routes[i]];
        ret_row->needs_served |= route->can;
        ret_row->context_tokens = larger(ret_row->context_tokens, route->context_tokens);
        ret_row->output_tokens_max = larger(ret_row->output_tokens_max, route->output_tokens_max);
    }
    ret_row->providers = count_providers(listing, routes, count, true);
    describe_model(listing, routes, count, ret_row);
    return true;
}

/* --- all of them --- */

static void add(struct listing *listing, struct span name) {
    check(listing->count < listing->room);
    listing->count += describe_name(listing, name, &listing->rows[listing->count]);
}

static bool is_alias(const struct listing *listing, struct span name) {
    for (uint32_t i = 0; i < catalog_alias_count(listing->snapshot); i++)
        if (span_equal(catalog_alias_name(listing->snapshot, i), name))
            return true;
    return false;
}

/* The variants of auto stand first, names for the lists of other clients behind the aliases. */
static void add_autos(struct listing *listing, bool first) {
    for (uint32_t i = 0; !span_absent(catalog_auto_name(i)); i++) {
        struct span name = catalog_auto_name(i);
        if (span_starts_with(name, "auto") == first && !is_alias(listing, name))
            add(listing, name);
    }
}

static void add_model(struct listing *listing, struct span id) {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    struct span pins[CATALOG_CHOICES_MAX];
    if (is_alias(listing, id))
        return;
    if (catalog_resolve(listing->snapshot, id, routes) > 0) {
        add(listing, id);
        return;
    }
    uint32_t count = catalog_suggest(listing->snapshot, id, pins, CATALOG_CHOICES_MAX);
    for (uint32_t i = 0; i < count; i++)
        add(listing, pins[i]);
}

static uint32_t rows_max(const struct catalog_snapshot *snapshot) {
    uint32_t most = catalog_alias_count(snapshot) + snapshot->model_count + snapshot->route_count;
    for (uint32_t i = 0; !span_absent(catalog_auto_name(i)); i++)
        most++;
    return most;
}

int listing_all(struct request *r, const struct surface_model **ret_rows, uint32_t *ret_count) {
    struct listing listing;
    if (!begin(&listing, r))
        return ERR_TOO_LARGE;
    listing.room = rows_max(r->snapshot);
    listing.rows = arena_try_alloc(&r->arena, listing.room * sizeof *listing.rows);
    if (listing.rows == NULL)
        return ERR_TOO_LARGE;
    add_autos(&listing, true);
    for (uint32_t i = 0; i < catalog_alias_count(r->snapshot); i++)
        add(&listing, catalog_alias_name(r->snapshot, i));
    add_autos(&listing, false);
    for (uint32_t i = 0; i < r->snapshot->model_count; i++)
        add_model(&listing, r->snapshot->models[i].id);
    *ret_rows = listing.rows;
    *ret_count = listing.count;
    return 0;
}

int answer_models(struct request *r) {
    const struct surface_model *rows;
    uint32_t count;
    struct dynbuf body;
    int err = listing_all(r, &rows, &count);
    if (err < 0)
        return err;
    dynbuf_init(&body, LIST_MAX_BYTES);
    return respond_body(r, 200, "application/json", surface_models_list(rows, count, &body), &body);
}

/* --- one of them --- */

int listing_one(struct request *r, struct span name, struct surface_model *ret_row) {
    struct listing listing;
    struct catalog_choice choice;
    if (!begin(&listing, r))
        return ERR_TOO_LARGE;
    if (describe_name(&listing, name, ret_row))
        return 0;
    const struct catalog_wish wish = {.name = name};
    catalog_candidates(r->snapshot, &wish, &choice);
    if (choice.route_count == 0) {
        (void)choose_fail(r, &choice);
        return ERR_NOT_FOUND;
    }
    r->task.model = name;
    (void)identify_refuse_model(r);
    return ERR_NOT_FOUND;
}

int answer_model(struct request *r) {
    struct surface_model row;
    struct dynbuf body;
    int err = listing_one(r, endpoint_percent_decode(r->path_rest, &r->arena), &row);
    if (err < 0)
        return err;
    dynbuf_init(&body, LIST_MAX_BYTES);
    return respond_body(r, 200, "application/json", surface_models_one(&row, &body), &body);
}
