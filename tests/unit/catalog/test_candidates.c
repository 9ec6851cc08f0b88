// SPDX-License-Identifier: Apache-2.0
/*
 * Filters: what a request needs and wishes against what routes are, by rows and against a slow reference.
 */
#include "base/rand.h"
#include "catalog_fixture.h"

#define TOOLS  ((uint64_t)1)
#define VISION CATALOG_CAN_VISION
#define JSON   ((uint64_t)4)

static const struct fact_provider open_terms = {
    .terms = {.third_party = FACT_YES, .production = FACT_YES}};
static const struct fact_provider test_terms = {
    .terms = {.third_party = FACT_YES, .production = FACT_NO}};
static const struct fact_provider own_terms = {
    .terms = {.third_party = FACT_NO, .production = FACT_YES}};
static const struct fact_provider no_terms = {.terms = {.third_party = FACT_UNKNOWN}};

/*
 *   0  a  m    tools          8000 of 1000    open terms, does not train
 *   1  b  m    tools, vision  4000            terms for tests, trains
 *   2  c  m    vision         unknown         unknown terms, unknown whether it trains
 *   3  d  m    tools, JSON    100000          local: no terms, unknown whether it trains
 *   4  e  e1   embeddings                     own use only
 *   5  a  e1   embeddings
 *   6  b  e2   embeddings
 *   7  e  any  any task
 */
static struct catalog_snapshot *snapshot_of_all(void) {
    static const struct catalog_provider providers[] = {
        {.id = SPAN_LITERAL("a"), .facts = &open_terms, .trains = FACT_NO},
        {.id = SPAN_LITERAL("bee"), .facts = &test_terms, .trains = FACT_YES},
        {.id = SPAN_LITERAL("see_three"), .facts = &no_terms},
        {.id = SPAN_LITERAL("lab"), .local = true},
        {.id = SPAN_LITERAL("google"), .facts = &own_terms, .trains = FACT_NO},
    };
    static const struct {
        const char *model;
        uint32_t account;
        uint64_t can, context, output;
    } routes[] = {
        {"m", 0, TOOLS, 8000, 1000}, {"m", 1, TOOLS | VISION, 4000, 0},
        {"m", 2, VISION, 0, 0},      {"m", 3, TOOLS | JSON, 100000, 0},
        {"e1", 4, 0, 0, 0},          {"e1", 0, 0, 0, 0},
        {"e2", 1, 0, 0, 0},          {"any", 4, 0, 0, 0},
    };
    struct catalog_builder *builder = catalog_builder_new();
    for (size_t i = 0; i < array_length(providers); i++)
        (void)fixture_provider(builder, &providers[i]);
    for (size_t i = 0; i < array_length(routes); i++) {
        const struct catalog_route route = {.account = routes[i].account,
                                            .can = routes[i].can,
                                            .context_tokens = routes[i].context,
                                            .output_tokens_max = routes[i].output,
                                            .automatic = true};
        fixture_route(builder, routes[i].model, &route);
    }
    const struct catalog_model chat = {.kind = CATALOG_CHAT}, embed = {.kind = CATALOG_EMBED};
    catalog_describe_model(builder, SPAN_LITERAL("m"), &chat);
    catalog_describe_model(builder, SPAN_LITERAL("e1"), &embed);
    catalog_describe_model(builder, SPAN_LITERAL("e2"), &embed);
    fixture_alias(builder, "embeds", "e1", "e2", NULL);
    fixture_alias(builder, "both", "e1", "m", NULL);
    return fixture_build(builder);
}

static void filters_by_what_is_needed(void **state) {
    const struct {
        struct catalog_wish wish;
        const char *expected;
    } rows[] = {
        {{.name = SPAN_LITERAL("m")}, "0 1 2 3"},
        {{.needs = TOOLS}, "0 1 3"},
        {{.needs = VISION}, "1 2"},
        {{.needs = TOOLS | VISION}, "1"},
        {{.needs = JSON | VISION}, "no capability"},
        {{.needs = 1 << 9}, "no capability"},
        /* context: the prompt and a quarter, and the answer; unknown passes */
        {{.input_tokens = 3200}, "0 1 2 3"},
        {{.input_tokens = 3201}, "0 2 3"},
        {{.input_tokens = 6400}, "0 2 3"},
        {{.input_tokens = 6401}, "2 3"},
        {{.input_tokens = 3000, .output_tokens_max = 250}, "0 1 2 3"},
        {{.input_tokens = 3000, .output_tokens_max = 251}, "0 2 3"},
        {{.input_tokens = 100, .output_tokens_max = 99000}, "0 2 3"}, /* a's answer is clamped */
        {{.input_tokens = 6000, .output_tokens_max = 99000}, "2"},
        {{.input_tokens = 90000, .needs = TOOLS}, "no context"},
        {{.input_tokens = UINT64_MAX, .output_tokens_max = UINT64_MAX, .needs = TOOLS},
         "no context"},
        /* prompts that must not be trained on */
        {{.data_use = CATALOG_DATA_NO_TRAINING}, "0 3"},
        {{.data_use = CATALOG_DATA_NO_TRAINING, .needs = VISION}, "no capability"},
        {{.name = SPAN_LITERAL("bee/m"), .data_use = CATALOG_DATA_NO_TRAINING}, "no data use"},
        {{.name = SPAN_LITERAL("see_three/m"), .data_use = CATALOG_DATA_NO_TRAINING},
         "no data use"},
        /* terms */
        {{.audience = CATALOG_FOR_GROUP}, "0 1 2 3"},
        {{.audience = CATALOG_FOR_PUBLIC}, "0 3"},
        {{.name = SPAN_LITERAL("any"), .audience = CATALOG_FOR_GROUP}, "no audience"},
        {{.name = SPAN_LITERAL("see_three/m"), .audience = CATALOG_FOR_PUBLIC}, "no audience"},
        /* kinds of tasks */
        {{.kind = CATALOG_EMBED}, "no kind"},
        {{.name = SPAN_LITERAL("e1")}, "no kind"},
        {{.name = SPAN_LITERAL("e1"), .kind = CATALOG_EMBED}, "4 5"},
        {{.name = SPAN_LITERAL("e1"), .kind = CATALOG_OTHER}, "no kind"},
        {{.name = SPAN_LITERAL("any"), .kind = CATALOG_EMBED}, "7"},
        {{.name = SPAN_LITERAL("any"), .kind = CATALOG_OTHER}, "7"},
        {{.name = SPAN_LITERAL("any")}, "7"},
        {{.name = SPAN_LITERAL("both")}, "0 1 2 3"},
        {{.name = SPAN_LITERAL("both"), .kind = CATALOG_EMBED}, "4 5"},
        {{.name = SPAN_LITERAL("auto"), .kind = CATALOG_EMBED}, "7"},
        /* embeddings never change their model, even when the first one cannot */
        {{.name = SPAN_LITERAL("embeds"), .kind = CATALOG_EMBED}, "4 5"},
        {{.name = SPAN_LITERAL("embeds"), .kind = CATALOG_EMBED, .audience = CATALOG_FOR_PUBLIC},
         "5"},
        {{.name = SPAN_LITERAL("embeds"), .kind = CATALOG_EMBED, .needs = TOOLS}, "no capability"},
    };
    (void)state;
    struct catalog_snapshot *snapshot = snapshot_of_all();
    for (size_t i = 0; i < array_length(rows); i++) {
        struct catalog_wish wish = rows[i].wish;
        if (span_absent(wish.name))
            wish.name = SPAN_LITERAL("m");
        fixture_expect(snapshot, &wish, rows[i].expected);
    }
    catalog_unref(snapshot);
}

static void tells_sizes_and_bits(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = snapshot_of_all();
    struct catalog_choice choice;
    struct catalog_wish wish = {.name = SPAN_LITERAL("m"), .needs = TOOLS, .input_tokens = 90000};
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.context_tokens, 100000);
    wish.data_use = CATALOG_DATA_NO_TRAINING;
    wish.ignore = &(const struct span){"lab", 3};
    wish.ignore_count = 1;
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.context_tokens, 8000); /* the largest that all else allows */
    wish = (struct catalog_wish){.name = SPAN_LITERAL("m"), .needs = TOOLS | JSON | 1 << 9};
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.missing, 1 << 9);
    wish.needs = JSON | VISION; /* each is there, not in one */
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.missing, 0);
    assert_int_equal(choice.lack, CATALOG_LACKS_CAPABILITY);
    wish = (struct catalog_wish){.name = SPAN_LITERAL("e1")};
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.kind, CATALOG_EMBED);
    catalog_unref(snapshot);
}

/* Words of a list, for wishes written in one line. */
struct words {
    struct span items[20];
    uint32_t count;
};

static struct words words_of(const char *text) {
    struct words words = {.count = 0};
    struct span rest = span_text(text), word;
    while (text != NULL && span_split(&rest, ' ', &word))
        words.items[words.count++] = word;
    return words;
}

static void obeys_wishes_about_providers(void **state) {
    static const struct {
        const char *order, *only, *ignore, *fallbacks, *expected;
        bool no_fallbacks;
        uint32_t idle_order, idle_ignore, idle_fallbacks;
    } rows[] = {
        {.order = "lab bee", .expected = "3 1 0 2"},
        {.order = "bee nobody lab", .expected = "1 3 0 2", .idle_order = 2},
        {.order = "nobody", .expected = "0 1 2 3", .idle_order = 1},
        {.order = "lab bee", .no_fallbacks = true, .expected = "3 1"},
        {.order = "nobody lab", .no_fallbacks = true, .expected = "3", .idle_order = 1},
        {.order = "nobody", .no_fallbacks = true, .expected = "no provider", .idle_order = 1},
        {.no_fallbacks = true, .expected = "0"},
        {.only = "lab bee", .expected = "1 3"},
        {.only = "lab bee", .order = "lab a", .expected = "3 1"},
        {.only = "bee", .order = "lab", .no_fallbacks = true, .expected = "no provider"},
        {.only = "google", .expected = "no provider"},
        {.only = "gemini", .expected = "no provider"}, /* another word for the same */
        {.only = "lab googel", .expected = "no provider name: google"},
        {.only = "be", .expected = "no provider name: bee"},
        {.only = "LAB See-Three", .expected = "2 3"},
        {.ignore = "lab a", .expected = "1 2"},
        {.ignore = "lab nobody a", .expected = "1 2", .idle_ignore = 2},
        {.ignore = "lab a bee see_three", .expected = "no provider"},
        {.only = "lab a", .ignore = "a", .expected = "3"},
        {.fallbacks = "any", .expected = "0 1 2 3 7"},
        {.fallbacks = "any m bee/m", .expected = "0 1 2 3 7"},
        {.fallbacks = "none any nil", .expected = "0 1 2 3 7", .idle_fallbacks = 5},
        {.fallbacks = "any", .only = "google", .expected = "7"},
        {.fallbacks = "e1", .expected = "0 1 2 3"},
        {.fallbacks = "any", .order = "google", .expected = "7 0 1 2 3"},
        {.fallbacks = "any", .order = "google", .no_fallbacks = true, .expected = "7"},
        /* the seventeenth is not looked at */
        {.ignore = "x x x x x x x x x x x x x x x x a",
         .expected = "0 1 2 3",
         .idle_ignore = 0xffff},
    };
    (void)state;
    struct catalog_snapshot *snapshot = snapshot_of_all();
    for (size_t i = 0; i < array_length(rows); i++) {
        struct words order = words_of(rows[i].order), only = words_of(rows[i].only),
                     ignore = words_of(rows[i].ignore), fallbacks = words_of(rows[i].fallbacks);
        const struct catalog_wish wish = {.name = SPAN_LITERAL("m"),
                                          .order = order.items,
                                          .order_count = order.count,
                                          .only = only.items,
                                          .only_count = only.count,
                                          .ignore = ignore.items,
                                          .ignore_count = ignore.count,
                                          .fallbacks = fallbacks.items,
                                          .fallback_count = fallbacks.count,
                                          .no_fallbacks = rows[i].no_fallbacks};
        struct catalog_choice choice;
        fixture_expect(snapshot, &wish, rows[i].expected);
        catalog_candidates(snapshot, &wish, &choice);
        assert_int_equal(choice.idle_order, rows[i].idle_order);
        assert_int_equal(choice.idle_ignore, rows[i].idle_ignore);
        assert_int_equal(choice.idle_fallbacks, rows[i].idle_fallbacks);
    }
    catalog_unref(snapshot);
}

/* The first name decides what is said when none leads anywhere; any that does makes it go on. */
static void goes_on_behind_names_that_lead_nowhere(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = snapshot_of_all();
    const struct span known[] = {SPAN_LITERAL("nil"), SPAN_LITERAL("m")};
    struct catalog_wish wish = {
        .name = SPAN_LITERAL("none"), .fallbacks = known, .fallback_count = 2};
    struct catalog_choice choice;
    fixture_expect(snapshot, &wish, "0 1 2 3");
    catalog_candidates(snapshot, &wish, &choice);
    assert_true(choice.idle_name && choice.idle_fallbacks == 1);
    wish.fallback_count = 1;
    fixture_expect(snapshot, &wish, "no name");
    wish.fallback_count = 2;
    wish.needs = 1 << 9;
    fixture_expect(snapshot, &wish, "no capability");
    catalog_unref(snapshot);
}

static bool odd(const void *context, uint32_t route) {
    ++*(uint32_t *)(uintptr_t)context;
    return route % 2 == 1;
}

static bool never(const void *context, uint32_t route) {
    (void)context;
    (void)route;
    return false;
}

static void asks_the_caller_about_parameters(void **state) {
    uint32_t calls = 0;
    (void)state;
    struct catalog_snapshot *snapshot = snapshot_of_all();
    struct catalog_wish wish = {
        .name = SPAN_LITERAL("m"), .needs = TOOLS, .accepts = odd, .context = &calls};
    fixture_expect(snapshot, &wish, "1 3");
    assert_int_equal(calls, 3); /* only of those that can */
    wish.accepts = never;
    fixture_expect(snapshot, &wish, "no parameter");
    catalog_unref(snapshot);
}

/* --- against a slow reference --- */

#define ROUNDS    20000
#define PROVIDERS 12
#define MODELS    20
#define ROUTES    120

static struct catalog_snapshot *random_snapshot(struct rand *rand) {
    static const struct fact_provider *const facts[] = {&open_terms, &test_terms, &own_terms,
                                                        &no_terms, NULL};
    struct catalog_builder *builder = catalog_builder_new();
    char name[24];
    for (uint32_t i = 0; i < PROVIDERS; i++) {
        (void)snprintf(name, sizeof name, "p%u", i);
        const struct catalog_provider provider = {.id = span_text(name),
                                                  .facts =
                                                      facts[rand_below(rand, array_length(facts))],
                                                  .trains = (enum fact_tri)rand_below(rand, 3),
                                                  .local = rand_below(rand, 8) == 0,
                                                  .allow_loopback = rand_below(rand, 8) == 0,
                                                  .paid = rand_below(rand, 8) == 0};
        (void)fixture_provider(builder, &provider);
    }
    for (uint32_t i = 0; i < ROUTES; i++) {
        uint32_t model = i < MODELS ? i : (uint32_t)rand_below(rand, MODELS);
        (void)snprintf(name, sizeof name, "m%u", model);
        const struct catalog_route route = {.account = (uint32_t)rand_below(rand, PROVIDERS),
                                            .can = rand_below(rand, 4) == 0 ? rand_below(rand, 256)
                                                                            : 255,
                                            .context_tokens = rand_below(rand, 3) * 4000,
                                            .output_tokens_max = rand_below(rand, 3) * 500,
                                            .automatic = rand_below(rand, 6) != 0};
        fixture_route(builder, name, &route);
    }
    for (uint32_t i = 0; i < MODELS; i++) {
        (void)snprintf(name, sizeof name, "m%u", i);
        const struct catalog_model model = {.kind = (enum catalog_kind)rand_below(rand, 4)};
        catalog_describe_model(builder, span_text(name), &model);
    }
    return fixture_build(builder);
}

static const struct catalog_provider *provider_of(const struct catalog_snapshot *s,
                                                  uint32_t route) {
    return &s->providers[s->accounts[s->routes[route].account].provider];
}

static bool named(const struct span *names, uint32_t count, struct span name) {
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(names[i], name))
            return true;
    return false;
}

/* Whether a route passes test number `lack`, each written on its own. */
static bool passes(const struct catalog_snapshot *s, const struct catalog_wish *w, uint32_t route,
                   enum catalog_lack lack) {
    const struct catalog_provider *p = provider_of(s, route);
    const struct catalog_route *r = &s->routes[route];
    enum catalog_kind kind = s->models[r->model].kind;
    double output = (double)w->output_tokens_max;
    switch (lack) {
    case CATALOG_LACKS_KIND:
        return kind == CATALOG_ANY || kind == w->kind;
    case CATALOG_LACKS_PROVIDER:
        if (named(w->ignore, w->ignore_count, p->id))
            return false;
        if (w->only_count > 0 && !named(w->only, w->only_count, p->id))
            return false;
        return !(w->no_fallbacks && w->order_count > 0) || named(w->order, w->order_count, p->id);
    case CATALOG_LACKS_AUDIENCE:
        if (p->local || p->facts == NULL || w->audience == CATALOG_FOR_SELF)
            return true;
        return w->audience == CATALOG_FOR_GROUP ? p->facts != &own_terms : p->facts == &open_terms;
    case CATALOG_LACKS_DATA_USE:
        if (w->data_use == CATALOG_DATA_ANY || p->trains == FACT_NO)
            return true;
        return p->trains != FACT_YES && (p->local || p->allow_loopback);
    case CATALOG_LACKS_CAPABILITY:
        return (r->can & w->needs) == w->needs;
    case CATALOG_LACKS_CONTEXT:
        if (r->output_tokens_max > 0 && output > (double)r->output_tokens_max)
            output = (double)r->output_tokens_max;
        return r->context_tokens == 0 ||
               (double)(w->input_tokens * 5 / 4) + output <= (double)r->context_tokens;
    default:
        return true;
    }
}

/* Test after test over what is left. */
static void slow(const struct catalog_snapshot *s, const struct catalog_wish *w,
                 struct catalog_choice *c) {
    uint32_t left[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t count = catalog_resolve(s, w->name, left);
    memset(c, 0, sizeof *c);
    for (enum catalog_lack lack = CATALOG_LACKS_KIND; lack <= CATALOG_LACKS_CONTEXT && count > 0;
         lack++) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < count; i++)
            if (passes(s, w, left[i], lack) &&
                !(lack == CATALOG_LACKS_KIND && w->kind == CATALOG_EMBED && kept > 0 &&
                  s->routes[left[i]].model != s->routes[left[0]].model))
                left[kept++] = left[i];
        count = kept;
        if (count == 0)
            c->lack = lack;
    }
    for (uint32_t place = 0; place <= w->order_count; place++)
        for (uint32_t i = 0; i < count; i++) {
            struct span id = provider_of(s, left[i])->id;
            bool here = place < w->order_count ? span_equal(w->order[place], id)
                                               : !named(w->order, w->order_count, id);
            if (here)
                c->routes[c->route_count++] = left[i];
        }
    if (w->no_fallbacks && w->order_count == 0)
        for (uint32_t i = 1; i < c->route_count; i++)
            if (provider_of(s, c->routes[i]) != provider_of(s, c->routes[0])) {
                memmove(&c->routes[i], &c->routes[i + 1],
                        (c->route_count - i - 1) * sizeof c->routes[0]);
                c->route_count--;
                i--;
            }
}

struct lists {
    struct span order[3], only[3], ignore[3];
};

/* Some provider's id, none twice in a list. */
static uint32_t pick(const struct catalog_snapshot *s, struct rand *rand, struct span *list,
                     uint32_t chance) {
    uint32_t count = 0;
    if (rand_below(rand, chance) != 0)
        return 0;
    for (uint32_t i = 0; i < 3; i++) {
        struct span id = s->providers[rand_below(rand, PROVIDERS)].id;
        if (!named(list, count, id))
            list[count++] = id;
    }
    return count;
}

static void random_wish(const struct catalog_snapshot *s, struct rand *rand, struct lists *lists,
                        struct catalog_wish *wish) {
    *wish = (struct catalog_wish){
        .name = rand_below(rand, 3) == 0 ? catalog_auto_name((uint32_t)rand_below(rand, 6))
                                         : s->models[rand_below(rand, s->model_count)].id,
        .needs = rand_below(rand, 2) == 0 ? 0 : (uint64_t)1 << rand_below(rand, 8),
        .kind = rand_below(rand, 3) == 0 ? CATALOG_EMBED : CATALOG_CHAT,
        .data_use = (enum catalog_data_use)rand_below(rand, 2),
        .audience = (enum catalog_audience)rand_below(rand, 3),
        .input_tokens = rand_below(rand, 9000),
        .output_tokens_max = rand_below(rand, 3000),
        .no_fallbacks = rand_below(rand, 4) == 0,
        .order = lists->order,
        .only = lists->only,
        .ignore = lists->ignore,
    };
    wish->order_count = pick(s, rand, lists->order, 3);
    wish->only_count = pick(s, rand, lists->only, 6);
    wish->ignore_count = pick(s, rand, lists->ignore, 6);
}

static void agrees_with_a_slow_reference(void **state) {
    struct rand rand;
    uint32_t seen[CATALOG_LACKS_CONTEXT + 1] = {0};
    (void)state;
    rand_seed(&rand, 11);
    struct catalog_snapshot *snapshot = NULL;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct lists lists;
        struct catalog_wish wish;
        struct catalog_choice fast, reference;
        if (round % 500 == 0) {
            catalog_unref(snapshot);
            snapshot = random_snapshot(&rand);
        }
        random_wish(snapshot, &rand, &lists, &wish);
        catalog_candidates(snapshot, &wish, &fast);
        slow(snapshot, &wish, &reference);
        if (fast.lack == CATALOG_LACKS_PIN || fast.lack == CATALOG_LACKS_ROUTES)
            reference.lack = fast.lack; /* the reference begins behind names */
        if (fast.lack != reference.lack || fast.route_count != reference.route_count ||
            memcmp(fast.routes, reference.routes, fast.route_count * sizeof fast.routes[0]) != 0)
            fail_msg("round %u: '%.*s': %u routes, no %s; the reference %u, no %s", round,
                     SPAN_ARG(wish.name), fast.route_count, fixture_lack(fast.lack),
                     reference.route_count, fixture_lack(reference.lack));
        seen[fast.lack]++;
    }
    catalog_unref(snapshot);
    const enum catalog_lack all[] = {CATALOG_LACKS_NOTHING,  CATALOG_LACKS_KIND,
                                     CATALOG_LACKS_PROVIDER, CATALOG_LACKS_AUDIENCE,
                                     CATALOG_LACKS_DATA_USE, CATALOG_LACKS_CAPABILITY,
                                     CATALOG_LACKS_CONTEXT};
    for (size_t i = 0; i < array_length(all); i++)
        if (seen[all[i]] < 20)
            fail_msg("'no %s' came %u times", fixture_lack(all[i]), seen[all[i]]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_by_what_is_needed),
        cmocka_unit_test(tells_sizes_and_bits),
        cmocka_unit_test(obeys_wishes_about_providers),
        cmocka_unit_test(goes_on_behind_names_that_lead_nowhere),
        cmocka_unit_test(asks_the_caller_about_parameters),
        cmocka_unit_test(agrees_with_a_slow_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
