// SPDX-License-Identifier: Apache-2.0
/*
 * Which routes may serve a request.
 *
 * Why one pass with numbered tests: each route is tested in the order of enum catalog_lack and fails at one of them. When none
 * passes all, the highest test that any route reached is the reason, since all routes that got so far failed there; what the
 * client is told is then true of every candidate that mattered, and neither more nor less.
 * Promises: no allocation, at most CATALOG_ROUTES_PER_MODEL_MAX routes, each at most once; embeddings never change their model,
 * whatever an alias says. Leaves to others: who goes first (scheduler), words for people (gateway).
 */
#include "catalog/internal.h"

#define CONTEXT_MARGIN_NUMERATOR   5 /* estimates of prompts are off by up to a quarter (wire 5) */
#define CONTEXT_MARGIN_DENOMINATOR 4
#define NOT_ORDERED                CATALOG_WISH_NAMES_MAX

struct search {
    const struct catalog_whole *whole;
    const struct catalog_wish *wish;
    struct catalog_choice *choice;
    /* Providers by index, as the wish names them. */
    uint32_t order[CATALOG_WISH_NAMES_MAX], only[CATALOG_WISH_NAMES_MAX],
        ignore[CATALOG_WISH_NAMES_MAX];
    uint32_t order_count, only_count, ignore_count;
    bool is_limited; /* only those of `only` */
    bool looks_at_providers;
    uint32_t model;         /* EMBED: the only one; UINT32_MAX = none yet */
    uint64_t can_any;       /* bits of the routes that reached the test of capabilities */
    enum catalog_lack lack; /* the highest test a route failed */
};

static bool listed(const uint32_t *list, uint32_t count, uint32_t provider) {
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == provider)
            return true;
    return false;
}

static const struct catalog_provider *provider_of(const struct search *search, uint32_t route) {
    const struct catalog_snapshot *public = &search->whole->public;
    return &public->providers[public->accounts[public->routes[route].account].provider];
}

/* --- the tests, one for each lack --- */

static bool fits_kind(struct search *search, uint32_t route) {
    const struct catalog_snapshot *public = &search->whole->public;
    uint32_t index = public->routes[route].model;
    enum catalog_kind kind = public->models[index].kind;
    if (kind != search->wish->kind && kind != CATALOG_ANY) {
        search->choice->kind = kind;
        return false;
    }
    if (search->wish->kind != CATALOG_EMBED)
        return true;
    if (search->model == UINT32_MAX)
        search->model = index;
    return search->model == index;
}

static bool fits_provider(struct search *search, uint32_t route) {
    uint32_t provider = (uint32_t)(provider_of(search, route) - search->whole->public.providers);
    return (!search->is_limited || listed(search->only, search->only_count, provider)) &&
           !listed(search->ignore, search->ignore_count, provider);
}

/* Terms of providers that nobody has facts about are for the operator who named them to know. A pool for the public is neither a
 * test nor its operator's own use; what is unknown counts as forbidden there. */
static bool fits_audience(struct search *search, uint32_t route) {
    const struct catalog_provider *provider = provider_of(search, route);
    if (search->wish->audience == CATALOG_FOR_SELF || provider->facts == NULL || provider->local)
        return true;
    const struct fact_terms *terms = &provider->facts->terms;
    if (search->wish->audience == CATALOG_FOR_GROUP)
        return terms->third_party != FACT_NO;
    return terms->third_party == FACT_YES && terms->production == FACT_YES;
}

/* Unknown may mean yes. What is sent to this machine itself is seen by nobody else. */
static bool fits_data_use(struct search *search, uint32_t route) {
    const struct catalog_provider *provider = provider_of(search, route);
    bool stays = provider->local || provider->allow_loopback;
    return search->wish->data_use == CATALOG_DATA_ANY || provider->trains == FACT_NO ||
           (provider->trains == FACT_UNKNOWN && stays);
}

static bool fits_capability(struct search *search, uint32_t route) {
    uint64_t can = search->whole->public.routes[route].can;
    search->can_any |= can;
    return (search->wish->needs & ~can) == 0;
}

static bool fits_parameter(struct search *search, uint32_t route) {
    return search->wish->accepts == NULL || search->wish->accepts(search->wish->context, route);
}

static uint64_t sum(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool fits_context(struct search *search, uint32_t route) {
    const struct catalog_route *of = &search->whole->public.routes[route];
    uint64_t input = search->wish->input_tokens;
    uint64_t output = search->wish->output_tokens_max;
    if (of->context_tokens == 0)
        return true;
    if (of->context_tokens > search->choice->context_tokens)
        search->choice->context_tokens = of->context_tokens;
    if (of->output_tokens_max != 0 && output > of->output_tokens_max)
        output = of->output_tokens_max; /* the dialect clamps it */
    input = input < UINT64_MAX / CONTEXT_MARGIN_NUMERATOR
                ? input * CONTEXT_MARGIN_NUMERATOR / CONTEXT_MARGIN_DENOMINATOR
                : UINT64_MAX;
    return sum(input, output) <= of->context_tokens;
}

/* The first test a route fails; called for each candidate of each request, so nothing here is indirect. */
static enum catalog_lack first_failed(struct search *search, uint32_t route) {
    if (!fits_kind(search, route))
        return CATALOG_LACKS_KIND;
    if (search->looks_at_providers) {
        if (!fits_provider(search, route))
            return CATALOG_LACKS_PROVIDER;
        if (!fits_audience(search, route))
            return CATALOG_LACKS_AUDIENCE;
        if (!fits_data_use(search, route))
            return CATALOG_LACKS_DATA_USE;
    }
    if (!fits_capability(search, route))
        return CATALOG_LACKS_CAPABILITY;
    if (!fits_parameter(search, route))
        return CATALOG_LACKS_PARAMETER;
    return fits_context(search, route) ? CATALOG_LACKS_NOTHING : CATALOG_LACKS_CONTEXT;
}

static bool fits(struct search *search, uint32_t route) {
    enum catalog_lack lack = first_failed(search, route);
    if (lack > search->lack)
        search->lack = lack;
    return lack == CATALOG_LACKS_NOTHING;
}

/* --- names --- */

static void take_routes(struct search *search, const struct catalog_name *name, bool first) {
    struct catalog_choice *choice = search->choice;
    for (uint32_t i = 0; i < name->route_count; i++) {
        if (choice->route_count == CATALOG_ROUTES_PER_MODEL_MAX)
            return;
        if ((first || !listed(choice->routes, choice->route_count, name->routes[i])) &&
            fits(search, name->routes[i]))
            choice->routes[choice->route_count++] = name->routes[i];
    }
}

/* Why a name leads to no route at all; NOTHING when it does. */
static enum catalog_lack lack_of_name(const struct catalog_name *name) {
    if (name == NULL)
        return CATALOG_LACKS_NAME;
    if (name->ambiguous)
        return CATALOG_LACKS_CHOICE;
    if (catalog__only_pinned(name))
        return CATALOG_LACKS_PIN;
    return name->route_count == 0 ? CATALOG_LACKS_ROUTES : CATALOG_LACKS_NOTHING;
}

/* False when the name leads nowhere; the first such name is told when no other leads anywhere. */
static bool take_name(struct search *search, struct span text, bool first) {
    const struct catalog_name *name = catalog__lookup(search->whole, text);
    enum catalog_lack lack = lack_of_name(name);
    struct catalog_choice *choice = search->choice;
    if (lack == CATALOG_LACKS_NOTHING) {
        take_routes(search, name, first);
        return true;
    }
    if (!first)
        return false;
    search->lack = lack;
    if (lack == CATALOG_LACKS_CHOICE || lack == CATALOG_LACKS_PIN)
        choice->choice_count =
            catalog__choices(search->whole, name, choice->choices, CATALOG_CHOICES_MAX);
    return false;
}

static uint32_t capped(uint32_t count) {
    return count < CATALOG_WISH_NAMES_MAX ? count : CATALOG_WISH_NAMES_MAX;
}

static void take_names(struct search *search) {
    const struct catalog_wish *wish = search->wish;
    uint32_t count = capped(wish->fallback_count);
    search->choice->idle_name = !take_name(search, wish->name, true);
    for (uint32_t i = 0; i < count; i++)
        if (!take_name(search, wish->fallbacks[i], false))
            search->choice->idle_fallbacks |= (uint32_t)1 << i;
}

/* --- providers --- */

/* Names to indexes; returns a bit for each name that is none. */
static uint32_t find_providers(const struct search *search, const struct span *names,
                               uint32_t count, uint32_t *ret_list, uint32_t *ret_count) {
    uint32_t idle = 0;
    *ret_count = 0;
    for (uint32_t i = 0; i < capped(count); i++) {
        uint32_t found = catalog_find_provider(&search->whole->public, names[i]);
        if (found == UINT32_MAX)
            idle |= (uint32_t)1 << i;
        else
            ret_list[(*ret_count)++] = found;
    }
    return idle;
}

static size_t provider_distance(const struct search *search, struct span name, uint32_t index) {
    return span_distance(name, search->whole->public.providers[index].id);
}

static void choose_nearest_provider(struct search *search, struct span name) {
    struct catalog_choice *choice = search->choice;
    const struct catalog_snapshot *public = &search->whole->public;
    uint32_t best = 0;
    choice->name = name;
    if (public->provider_count == 0)
        return;
    for (uint32_t i = 1; i < public->provider_count; i++)
        if (provider_distance(search, name, i) < provider_distance(search, name, best))
            best = i;
    choice->choices[choice->choice_count++] = public->providers[best].id;
}

/* False when `only` names a provider that is not here. */
static bool read_providers(struct search *search) {
    const struct catalog_wish *wish = search->wish;
    uint32_t unknown =
        find_providers(search, wish->only, wish->only_count, search->only, &search->only_count);
    search->is_limited = wish->only_count > 0;
    search->choice->idle_order =
        find_providers(search, wish->order, wish->order_count, search->order, &search->order_count);
    search->choice->idle_ignore = find_providers(search, wish->ignore, wish->ignore_count,
                                                 search->ignore, &search->ignore_count);
    if (unknown != 0) {
        search->lack = CATALOG_LACKS_PROVIDER_NAME;
        choose_nearest_provider(search, wish->only[__builtin_ctz(unknown)]);
        return false;
    }
    if (!wish->no_fallbacks || wish->order_count == 0)
        return true;
    uint32_t count = 0; /* those of `order` that `only` allows, too */
    for (uint32_t i = 0; i < search->order_count; i++)
        if (!search->is_limited || listed(search->only, search->only_count, search->order[i]))
            search->order[count++] = search->order[i];
    search->order_count = search->only_count = count;
    memcpy(search->only, search->order, count * sizeof search->only[0]);
    search->is_limited = true;
    return true;
}

static bool names_providers(const struct catalog_wish *wish) {
    return wish->order_count + wish->only_count + wish->ignore_count > 0;
}

static uint32_t place_of(const struct search *search, uint32_t route) {
    uint32_t provider = (uint32_t)(provider_of(search, route) - search->whole->public.providers);
    for (uint32_t i = 0; i < search->order_count; i++)
        if (search->order[i] == provider)
            return i;
    return NOT_ORDERED;
}

/* Those of the ordered providers first, in that order; the rest as it stands. */
static void put_in_order(struct search *search) {
    struct catalog_choice *choice = search->choice;
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t count = 0;
    if (search->order_count == 0)
        return;
    for (uint32_t place = 0; place <= NOT_ORDERED; place++)
        for (uint32_t i = 0; i < choice->route_count; i++)
            if (place_of(search, choice->routes[i]) == place)
                routes[count++] = choice->routes[i];
    memcpy(choice->routes, routes, count * sizeof routes[0]);
}

static void keep_first_provider(struct search *search) {
    struct catalog_choice *choice = search->choice;
    uint32_t count = 0;
    const struct catalog_provider *first =
        choice->route_count > 0 ? provider_of(search, choice->routes[0]) : NULL;
    for (uint32_t i = 0; i < choice->route_count; i++)
        if (provider_of(search, choice->routes[i]) == first)
            choice->routes[count++] = choice->routes[i];
    choice->route_count = count;
}

static void begin(struct search *search, const struct catalog_snapshot *snapshot,
                  const struct catalog_wish *wish, struct catalog_choice *ret_choice) {
    search->whole = catalog__whole(snapshot);
    search->wish = wish;
    search->choice = ret_choice;
    search->order_count = search->only_count = search->ignore_count = 0;
    search->is_limited = false;
    search->model = UINT32_MAX;
    search->can_any = 0;
    search->lack = CATALOG_LACKS_NOTHING;
    ret_choice->route_count = ret_choice->choice_count = 0;
    ret_choice->kind = wish->kind;
    ret_choice->name = wish->name;
    ret_choice->missing = ret_choice->context_tokens = 0;
    ret_choice->idle_name = false;
    ret_choice->idle_fallbacks = ret_choice->idle_order = ret_choice->idle_ignore = 0;
    search->looks_at_providers = names_providers(wish) || wish->audience != CATALOG_FOR_SELF ||
                                 wish->data_use != CATALOG_DATA_ANY;
}

void catalog_candidates(const struct catalog_snapshot *snapshot, const struct catalog_wish *wish,
                        struct catalog_choice *ret_choice) {
    struct search search;
    begin(&search, snapshot, wish, ret_choice);
    if (!names_providers(wish) || read_providers(&search))
        take_names(&search);
    put_in_order(&search);
    if (wish->no_fallbacks && wish->order_count == 0)
        keep_first_provider(&search);
    ret_choice->missing = wish->needs & ~search.can_any;
    ret_choice->lack = ret_choice->route_count > 0 ? CATALOG_LACKS_NOTHING : search.lack;
}

uint32_t catalog_left_out(const struct catalog_snapshot *snapshot, const struct catalog_wish *wish,
                          uint32_t *ret_routes, enum catalog_lack *ret_lacks) {
    struct search search;
    struct catalog_choice choice;
    uint32_t count = 0;
    begin(&search, snapshot, wish, &choice);
    if (names_providers(wish))
        (void)read_providers(&search);
    const struct catalog_name *name = catalog__lookup(search.whole, wish->name);
    for (uint32_t i = 0; name != NULL && i < name->route_count; i++) {
        enum catalog_lack lack = first_failed(&search, name->routes[i]);
        if (lack == CATALOG_LACKS_NOTHING)
            continue;
        ret_routes[count] = name->routes[i];
        ret_lacks[count++] = lack;
    }
    return count;
}
