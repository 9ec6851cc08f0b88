// SPDX-License-Identifier: Apache-2.0
/*
 * What of one snapshot is the same in another: pairs by names and keys, never by place.
 */
#include "catalog/map.h"
#include "catalog_fixture.h"

#define MINUTE_MS ((uint64_t)60000)

struct key_row {
    const char *provider, *account, *key; /* key NULL = keyless */
};

struct route_row {
    uint32_t key; /* place in keys */
    const char *upstream, *model;
    uint64_t amount; /* of a limit by the minute for this account and model; 0 = none */
    uint64_t shared; /* of one by the minute for the whole account; 0 = none */
};

struct world {
    struct key_row keys[6];
    struct route_row routes[6];
};

static uint32_t limit_of(struct catalog_builder *builder, uint32_t provider, uint32_t group,
                         enum limit_scope scope, uint64_t amount) {
    const struct catalog_limit limit = {.unit = LIMIT_REQUESTS,
                                        .shape = LIMIT_ROLLING,
                                        .scope = scope,
                                        .amount = amount,
                                        .window_ms = MINUTE_MS,
                                        .provider = provider,
                                        .group = group};
    return catalog_add_limit(builder, &limit);
}

static struct catalog_snapshot *build(const struct world *world) {
    struct catalog_builder *builder = catalog_builder_new();
    uint32_t accounts[6], providers[6], groups[6], shared[6];
    for (uint32_t i = 0; i < 6 && world->keys[i].provider != NULL; i++) {
        const struct key_row *row = &world->keys[i];
        uint32_t before = 0;
        while (before < i && strcmp(world->keys[before].provider, row->provider) != 0)
            before++;
        const struct catalog_provider provider = {.id = span_text(row->provider)};
        providers[i] = before < i ? providers[before] : catalog_add_provider(builder, &provider);
        before = 0;
        while (before < i && (strcmp(world->keys[before].provider, row->provider) != 0 ||
                              strcmp(world->keys[before].account, row->account) != 0))
            before++;
        const struct catalog_group group = {.provider = providers[i],
                                            .name = span_text(row->account)};
        groups[i] = before < i ? groups[before] : catalog_add_group(builder, &group);
        shared[i] = before < i ? shared[before] : LIMIT_NONE;
        struct secret *key = NULL;
        if (row->key != NULL)
            assert_int_equal(secret_new(span_text(row->key), &key), 0);
        const struct catalog_account account = {.provider = providers[i],
                                                .group = groups[i],
                                                .name = span_text(row->account),
                                                .key = key};
        accounts[i] = catalog_add_account(builder, &account);
        secret_unref(key);
    }
    for (uint32_t i = 0; i < 6 && world->routes[i].upstream != NULL; i++) {
        const struct route_row *row = &world->routes[i];
        uint32_t limits[2], count = 0, of = row->key;
        if (row->amount > 0)
            limits[count++] =
                limit_of(builder, providers[of], groups[of], LIMIT_BY_MODEL, row->amount);
        if (row->shared > 0) {
            for (uint32_t k = 0; k < 6 && world->keys[k].provider != NULL; k++)
                if (groups[k] == groups[of] && shared[k] != LIMIT_NONE)
                    shared[of] = shared[k];
            if (shared[of] == LIMIT_NONE)
                shared[of] =
                    limit_of(builder, providers[of], groups[of], LIMIT_BY_ACCOUNT, row->shared);
            limits[count++] = shared[of];
        }
        const struct catalog_route route = {.account = accounts[of],
                                            .upstream_model = span_text(row->upstream),
                                            .limits = limits,
                                            .limit_count = count};
        fixture_route(builder, row->model, &route);
    }
    return fixture_build(builder);
}

static const struct world base = {
    .keys = {{"one", "work", "key-a"}, {"one", "work", "key-b"}, {"two", "default", NULL}},
    .routes = {{0, "big", "m", 10, 100}, {1, "big", "m", 10, 100}, {2, "small", "m", 5, 0}},
};

struct expected {
    struct world now;
    uint32_t accounts[4], routes[4],
        limits[5]; /* of the three, three and four (see assert_maps) of base */
};

static void assert_maps(const struct expected *expected) {
    struct catalog_snapshot *from = build(&base), *to = build(&expected->now);
    struct catalog_map map;
    catalog_map_make(from, to, &map);
    assert_int_equal(map.account_count, 3);
    assert_int_equal(map.route_count, 3);
    assert_int_equal(map.limit_count, 4); /* big of a, shared of work, big of b, small of two */
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(map.accounts[i], expected->accounts[i]);
        assert_int_equal(map.routes[i], expected->routes[i]);
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(map.limits[i], expected->limits[i]);
    catalog_map_free(&map);
    catalog_map_free(&map); /* harmless */
    catalog_unref(from);
    catalog_unref(to);
}

#define NO CATALOG_GONE

static void test_same(void **state) {
    (void)state;
    assert_maps(&(struct expected){base, {0, 1, 2}, {0, 1, 2}, {0, 1, 2, 3}});
}

static void test_everything_moved(void **state) {
    (void)state;
    assert_maps(
        &(struct expected){{.keys = {{"new", "x", "k"},
                                     {"two", "default", NULL},
                                     {"one", "work", "key-b"},
                                     {"one", "work", "key-a"}},
                            .routes = {{0, "n", "n", 1, 0},
                                       {1, "small", "m", 5, 0},
                                       {2, "big", "m", 10, 100},
                                       {3, "big", "m", 10, 100}}},
                           {3, 2, 1},
                           {3, 2, 1},
                           /* limits of new: n 0, small 1, big of b 2, shared 3, big of a 4 */
                           {4, 3, 2, 1}});
}

static void test_amounts_changed(void **state) {
    (void)state;
    assert_maps(&(struct expected){
        {.keys = {{"one", "work", "key-a"}, {"one", "work", "key-b"}, {"two", "default", NULL}},
         .routes = {{0, "big", "m", 99, 7}, {1, "big", "m", 3, 7}, {2, "small", "m", 1, 0}}},
        {0, 1, 2},
        {0, 1, 2},
        {0, 1, 2, 3}});
}

static void test_replaced_key_follows(void **state) {
    (void)state;
    assert_maps(&(struct expected){
        {.keys = {{"one", "work", "key-new"},
                  {"one", "work", "key-a"},
                  {"two", "default", "now-with-key"}},
         .routes = {{0, "big", "m", 10, 100}, {1, "big", "m", 10, 100}, {2, "small", "m", 5, 0}}},
        {1, 0, 2},
        {1, 0, 2},
        {2, 1, 0, 3}});
}

static void test_another_account_is_another(void **state) {
    (void)state;
    assert_maps(&(struct expected){
        {.keys = {{"one", "home", "key-a"}, {"one", "work", "key-b"}, {"three", "default", NULL}},
         .routes = {{0, "big", "m", 10, 100}, {1, "big", "m", 10, 100}, {2, "small", "m", 5, 0}}},
        {NO, 1, NO},
        {NO, 1, NO},
        /* now: big of home 0, shared of home 1, big of b 2, shared of work 3 */
        {NO, 3, 2, NO}});
}

static void test_model_called_otherwise(void **state) {
    (void)state;
    assert_maps(&(struct expected){
        {.keys = {{"one", "work", "key-a"}, {"one", "work", "key-b"}, {"two", "default", NULL}},
         .routes = {{0, "big", "renamed", 10, 100},
                    {1, "bigger", "m", 10, 100},
                    {2, "small", "m", 5, 0}}},
        {0, 1, 2},
        {0, NO, 2},
        {0, 1, NO, 3}});
}

static void test_all_gone(void **state) {
    (void)state;
    assert_maps(&(struct expected){
        {.keys = {{"one", "work", "key-a"}}}, {0, NO, NO}, {NO, NO, NO}, {NO, NO, NO, NO}});
    assert_maps(
        &(struct expected){{.keys = {{NULL}}}, {NO, NO, NO}, {NO, NO, NO}, {NO, NO, NO, NO}});
}

/* The same way twice is two ways: each has its own successor. */
static void test_twins(void **state) {
    (void)state;
    static const struct world twins = {
        .keys = {{"one", "work", "key-a"}},
        .routes = {{0, "big", "m", 10, 0}, {0, "big", "n", 10, 0}, {0, "big", "m", 10, 0}}};
    struct catalog_snapshot *from = build(&twins), *to = build(&twins);
    struct catalog_map map;
    catalog_map_make(from, to, &map);
    assert_int_equal(map.routes[1], 1);
    assert_true(map.routes[0] != map.routes[2]);
    assert_true(map.routes[0] + map.routes[2] == 2);
    assert_int_equal(catalog_map_back(map.routes, map.route_count, 1), 1);
    assert_int_equal(catalog_map_back(map.routes, map.route_count, 7), CATALOG_GONE);
    catalog_map_free(&map);
    catalog_unref(from);
    catalog_unref(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_everything_moved),
        cmocka_unit_test(test_amounts_changed),
        cmocka_unit_test(test_replaced_key_follows),
        cmocka_unit_test(test_another_account_is_another),
        cmocka_unit_test(test_model_called_otherwise),
        cmocka_unit_test(test_all_gone),
        cmocka_unit_test(test_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
