// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers of an older snapshot never mean another thing in a newer one.
 */
#include "gateway/numbering.h"

#include "base/check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

/* A provider for each name, with one key, one model of its own and one limit. */
static struct catalog_snapshot *build_with(const char *const *names, struct secret *key,
                                           uint64_t version) {
    struct catalog_builder *builder = catalog_builder_new();
    struct catalog_snapshot *snapshot = NULL;
    struct span missing;
    for (uint32_t i = 0; names[i] != NULL; i++) {
        const struct catalog_provider provider = {.id = span_text(names[i])};
        uint32_t index = catalog_add_provider(builder, &provider);
        const struct catalog_group group = {.provider = index, .name = SPAN_LITERAL("default")};
        uint32_t of = catalog_add_group(builder, &group);
        const struct catalog_account account = {
            .provider = index, .group = of, .name = SPAN_LITERAL("default"), .key = key};
        const struct catalog_limit limit = {
            .unit = LIMIT_REQUESTS, .amount = 5, .window_ms = 1000, .provider = index, .group = of};
        uint32_t limits[] = {catalog_add_limit(builder, &limit)};
        const struct catalog_route route = {.account = catalog_add_account(builder, &account),
                                            .upstream_model = SPAN_LITERAL("m"),
                                            .limits = limits,
                                            .limit_count = 1};
        assert_int_equal(catalog_add_route(builder, span_text(names[i]), &route), 0);
    }
    assert_int_equal(catalog_build(builder, version, &snapshot, &missing), 0);
    catalog_builder_free(builder);
    return snapshot;
}

static struct catalog_snapshot *build(const char *const *names) {
    return build_with(names, NULL, 1);
}

static void assert_demand(struct numbering *numbering, struct catalog_snapshot *of,
                          const uint32_t *expected) {
    struct demand demand = {.candidates = {0, 1, 2}, .candidate_count = 3}, room;
    const struct demand *got = numbering_demand(numbering, of, &demand, &room);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(got->candidates[i], expected[i]);
}

static void test_versions(void **state) {
    (void)state;
    struct catalog_snapshot *first = build((const char *const[]){"a", "b", "c", NULL});
    struct catalog_snapshot *second = build((const char *const[]){"c", "x", "a", NULL});
    struct catalog_snapshot *third = build((const char *const[]){"a", "c", NULL});
    struct numbering numbering = {0};
    assert_null(numbering_move(&numbering, first));
    assert_null(numbering_from(&numbering, first));
    assert_demand(&numbering, first, (const uint32_t[]){0, 1, 2});
    assert_non_null(numbering_move(&numbering, second));
    assert_demand(&numbering, first, (const uint32_t[]){2, CATALOG_GONE, 0});
    assert_demand(&numbering, second, (const uint32_t[]){0, 1, 2});
    assert_non_null(numbering_move(&numbering, third));
    assert_demand(&numbering, second, (const uint32_t[]){1, CATALOG_GONE, 0});
    assert_demand(&numbering, first, (const uint32_t[]){0, CATALOG_GONE, 1}); /* two before */
    assert_demand(&numbering, second, (const uint32_t[]){1, CATALOG_GONE, 0});
    struct scheduler_candidate rows[] = {{.limit = 0}, {.limit = 1}, {.limit = LIMIT_NONE}};
    numbering_rows(&numbering, second, rows, 3);
    assert_int_equal(rows[0].limit, 2); /* a's */
    assert_int_equal(rows[1].limit, 0); /* c's */
    assert_int_equal(rows[2].limit, LIMIT_NONE);
    numbering_free(&numbering);
    catalog_unref(first);
    catalog_unref(second);
    catalog_unref(third); /* AddressSanitizer sees what is kept too long, or not long enough */
}

/* A secret has a page of its own, which goes with it. */
static bool is_mapped(struct span text) {
    unsigned char resident;
    return mincore((void *)(uintptr_t)text.ptr, 1, &resident) == 0 || errno != ENOMEM;
}

/* A key that was replaced is gone with the last request that has it, not with the configuration after the next. */
static void test_old_keys_go(void **state) {
    (void)state;
    struct secret *key;
    assert_int_equal(secret_new(SPAN_LITERAL("sk-old"), &key), 0);
    struct span text = secret_reveal(key);
    struct catalog_snapshot *first = build_with((const char *const[]){"a", "b", "c", NULL}, key, 1);
    struct catalog_snapshot *second = build_with((const char *const[]){"c", "a", NULL}, NULL, 2);
    struct numbering numbering = {0};
    secret_unref(key);
    assert_null(numbering_move(&numbering, first));
    assert_non_null(numbering_move(&numbering, second));
    assert_demand(&numbering, first, (const uint32_t[]){1, CATALOG_GONE, 0});
    assert_true(is_mapped(text));
    catalog_unref(first); /* the last request */
    assert_false(is_mapped(text));
    /* Another one may come to lie where it lay: what it means is asked anew. */
    struct catalog_snapshot lookalike = *second;
    numbering.before = &lookalike;
    assert_demand(&numbering, &lookalike, (const uint32_t[]){0, 1, CATALOG_GONE});
    numbering_free(&numbering);
    catalog_unref(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions),
                                       cmocka_unit_test(test_old_keys_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
