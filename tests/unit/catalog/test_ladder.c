// SPDX-License-Identifier: Apache-2.0
/*
 * The ladders of auto: order, caps, who is represented; and a catalog of realistic size.
 */
#include "catalog_fixture.h"

#include "catalog/model.h"

static struct catalog_model model_of(uint16_t general, uint16_t code, uint16_t reasoning) {
    return (struct catalog_model){.quality = {[FACT_TASK_GENERAL] = general,
                                              [FACT_TASK_CODE] = code,
                                              [FACT_TASK_REASONING] = reasoning}};
}

static void add(struct catalog_builder *builder, uint32_t account, const char *model, uint64_t can,
                uint64_t context) {
    const struct catalog_route route = {
        .account = account, .can = can, .context_tokens = context, .automatic = true};
    fixture_route(builder, model, &route);
}

static void ladder(const struct catalog_snapshot *snapshot, const char *name,
                   const char *expected) {
    const struct catalog_wish wish = {.name = span_text(name)};
    fixture_expect(snapshot, &wish, expected);
}

/*
 *   0  slowco  big-235b      can see   1000000
 *   1  slowco  coder-30b               131072
 *   2  groq    big-235b                128000
 *   3  groq    small-8b                  8000
 *   4  lab     mine                    unknown      nothing known of it
 *   5  slowco  thinker-32b   can see   256000
 *   6  slowco  vectors                               embeddings
 */
static void ranks_by_what_a_variant_is_for(void **state) {
    (void)state;
    struct catalog_builder *builder = catalog_builder_new();
    uint32_t slow = fixture_named(builder, "slowco"), groq = fixture_named(builder, "groq"),
             lab = fixture_named(builder, "lab");
    add(builder, slow, "big-235b", CATALOG_CAN_VISION, 1000000);
    add(builder, slow, "coder-30b", 0, 131072);
    add(builder, groq, "big-235b", 0, 128000);
    add(builder, groq, "small-8b", 0, 8000);
    add(builder, lab, "mine", 0, 0);
    add(builder, slow, "thinker-32b", CATALOG_CAN_VISION, 256000);
    add(builder, slow, "vectors", CATALOG_CAN_VISION, 0);
    const struct catalog_model big = model_of(800, 700, 750), coder = model_of(600, 850, 600),
                               small = model_of(400, 350, 300), thinker = model_of(700, 650, 900),
                               vectors = {.kind = CATALOG_EMBED, .quality = {999}};
    catalog_describe_model(builder, SPAN_LITERAL("big-235b"), &big);
    catalog_describe_model(builder, SPAN_LITERAL("coder-30b"), &coder);
    catalog_describe_model(builder, SPAN_LITERAL("small-8b"), &small);
    catalog_describe_model(builder, SPAN_LITERAL("thinker-32b"), &thinker);
    catalog_describe_model(builder, SPAN_LITERAL("vectors"), &vectors);
    fixture_alias(builder, "mixed", "auto:code", "auto:vision", "vectors");
    struct catalog_snapshot *snapshot = fixture_build(builder);
    ladder(snapshot, "auto", "0 2 5 1 3 4");       /* general; unknown models last, but there */
    ladder(snapshot, "auto:smart", "5 0 2 1 3 4"); /* reasoning */
    ladder(snapshot, "claude-papi-auto", "5 0 2 1 3 4");
    ladder(snapshot, "auto:code", "1 0 2 5 3 4");
    ladder(snapshot, "auto:long", "0 5 2 1 3 4"); /* 128000 and 131072 are the same: quality */
    ladder(snapshot, "auto:vision", "0 5");
    ladder(snapshot, "auto:fast", "3 2 5 1 0 4"); /* small and quick machines first */
    ladder(snapshot, "mixed", "1 0 2 5 3 4");     /* none twice; no embeddings in a chat */
    catalog_unref(snapshot);
}

static void fills_unknown_quality(void **state) {
    (void)state;
    struct catalog_builder *builder = catalog_builder_new();
    uint32_t account = fixture_named(builder, "p");
    add(builder, account, "known", 0, 0);
    add(builder, account, "half", 0, 0);
    add(builder, account, "unknown", 0, 0);
    const struct catalog_model known = model_of(500, 600, 700), half = model_of(300, 0, 0);
    catalog_describe_model(builder, SPAN_LITERAL("known"), &known);
    catalog_describe_model(builder, SPAN_LITERAL("half"), &half);
    struct catalog_snapshot *snapshot = fixture_build(builder);
    assert_int_equal(snapshot->models[0].quality[FACT_TASK_CODE], 600);
    assert_int_equal(snapshot->models[0].quality[FACT_TASK_LONG], 500); /* the general one */
    assert_int_equal(snapshot->models[0].kind, CATALOG_CHAT);
    assert_int_equal(snapshot->models[1].quality[FACT_TASK_CODE], 300);
    assert_int_equal(snapshot->models[2].quality[FACT_TASK_CODE], CATALOG_QUALITY_UNKNOWN);
    assert_int_equal(snapshot->models[2].kind, CATALOG_ANY);
    catalog_unref(snapshot);
}

/* A provider with very many good models leaves room for the one model of each other one. */
static void leaves_nobody_out(void **state) {
    char name[32];
    struct catalog_choice choice;
    (void)state;
    struct catalog_builder *builder = catalog_builder_new();
    uint32_t rich = fixture_named(builder, "rich");
    for (int i = 0; i < 100; i++) {
        const struct catalog_model good = model_of((uint16_t)(500 + i), 0, 0);
        (void)snprintf(name, sizeof name, "good-%d", i);
        add(builder, rich, name, 0, 0);
        catalog_describe_model(builder, span_text(name), &good);
    }
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "poor%d", i);
        add(builder, fixture_named(builder, name), "bad", 0, 0);
    }
    struct catalog_snapshot *snapshot = fixture_build(builder);
    const struct catalog_wish wish = {.name = SPAN_LITERAL("auto")};
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.route_count, 64);
    for (uint32_t i = 0; i < 44; i++)
        assert_int_equal(choice.routes[i], 99 - i); /* the best of the rich one, best first */
    for (uint32_t i = 44; i < 64; i++)
        assert_int_equal(choice.routes[i], 100 + i - 44); /* then all others, in their order */
    catalog_unref(snapshot);
}

/* More quota accounts than room: each provider keeps its best; further keys of an account wait behind all others. */
static void counts_by_quota_account(void **state) {
    char name[32];
    uint32_t of_provider[40] = {0};
    struct catalog_choice choice;
    (void)state;
    struct catalog_builder *builder = catalog_builder_new();
    for (uint32_t p = 0; p < 40; p++) {
        (void)snprintf(name, sizeof name, "p%u", p);
        const struct catalog_provider provider = {.id = span_text(name)};
        (void)catalog_add_provider(builder, &provider);
        for (uint32_t g = 0; g < 2; g++) {
            const struct catalog_group group = {.provider = p, .name = SPAN_LITERAL("g")};
            struct catalog_account account = {.provider = p,
                                              .group = catalog_add_group(builder, &group)};
            for (uint32_t key = 0; key < 3; key++) {
                (void)snprintf(name, sizeof name, "m%u", p);
                add(builder, catalog_add_account(builder, &account), name, 0, 0);
            }
        }
    }
    struct catalog_snapshot *snapshot = fixture_build(builder);
    const struct catalog_wish wish = {.name = SPAN_LITERAL("auto")};
    catalog_candidates(snapshot, &wish, &choice);
    assert_int_equal(choice.route_count, 64);
    for (uint32_t i = 0; i < choice.route_count; i++) {
        assert_int_equal(choice.routes[i] % 3, 0); /* the first key of its account */
        of_provider[choice.routes[i] / 6]++;
    }
    for (uint32_t p = 0; p < 40; p++)
        assert_true(of_provider[p] >= 1);
    catalog_unref(snapshot);
}

/* 46 providers, 132 models, 239 routes, as large as what is known of free tiers. */
static struct catalog_snapshot *realistic(void) {
    char text[48];
    struct catalog_builder *builder = catalog_builder_new();
    for (uint32_t i = 0; i < 46; i++) {
        (void)snprintf(text, sizeof text, "provider_%u", i);
        (void)fixture_named(builder, text);
    }
    for (uint32_t i = 0; i < 239; i++) {
        char upstream[64];
        (void)snprintf(text, sizeof text, "model-%u-%ub", i % 132, 1 + i % 132);
        (void)snprintf(upstream, sizeof upstream, "vendor/%s:free", text);
        const struct catalog_route route = {.account = i * 7 % 46,
                                            .upstream_model = span_text(upstream),
                                            .can = i % 3 == 0 ? CATALOG_CAN_VISION : 0,
                                            .context_tokens = 8192u << i % 6,
                                            .automatic = i % 10 != 9};
        fixture_route(builder, text, &route);
    }
    for (uint32_t i = 0; i < 132; i++) {
        const struct catalog_model model = model_of((uint16_t)(i % 90 * 10), 0, 0);
        (void)snprintf(text, sizeof text, "model-%u-%ub", i, 1 + i);
        catalog_describe_model(builder, span_text(text), &model);
    }
    return fixture_build(builder);
}

/* Providers with a route that may be chosen by itself and can that. */
static uint32_t count_able(const struct catalog_snapshot *snapshot, uint64_t needs) {
    bool seen[46] = {false};
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->route_count; i++) {
        uint32_t provider = snapshot->accounts[snapshot->routes[i].account].provider;
        if (!catalog_route_automatic(snapshot, i) || (needs & ~snapshot->routes[i].can) != 0)
            continue;
        count += !seen[provider];
        seen[provider] = true;
    }
    return count;
}

static void fills_ladders_of_a_real_catalog(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = realistic();
    for (uint32_t variant = 0; !span_absent(catalog_auto_name(variant)); variant++) {
        bool seen[46] = {false};
        uint32_t providers = 0;
        struct catalog_choice choice;
        const struct catalog_wish wish = {.name = catalog_auto_name(variant)};
        catalog_candidates(snapshot, &wish, &choice);
        assert_int_equal(choice.route_count, 64);
        for (uint32_t i = 0; i < choice.route_count; i++) {
            uint32_t provider =
                snapshot->accounts[snapshot->routes[choice.routes[i]].account].provider;
            assert_true(catalog_route_automatic(snapshot, choice.routes[i]));
            providers += !seen[provider];
            seen[provider] = true;
        }
        uint64_t needs = span_is(wish.name, "auto:vision") ? CATALOG_CAN_VISION : 0;
        assert_int_equal(providers, count_able(snapshot, needs));
    }
    catalog_unref(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_by_what_a_variant_is_for),
        cmocka_unit_test(fills_unknown_quality),
        cmocka_unit_test(leaves_nobody_out),
        cmocka_unit_test(counts_by_quota_account),
        cmocka_unit_test(fills_ladders_of_a_real_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
