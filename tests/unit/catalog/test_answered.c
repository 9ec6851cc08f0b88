// SPDX-License-Identifier: Apache-2.0
/* Names of the model that answers: which of them mean that another one did. */
#include "base/check.h"
#include "catalog/answered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Provider p serves m1 as vendor/m1:free and m2 as m2; s, which substitutes, serves m1 as m1-turbo; r is a router. */
static struct catalog_snapshot *build(void) {
    static const struct fact_quirk substitutes = {.kind = FACT_QUIRK_MODEL_SUBSTITUTES};
    static const struct fact_quirk router = {.kind = FACT_QUIRK_ROUTER, .field = "any/free"};
    static const struct fact_provider s_facts = {
        .id = "s", .quirks = &substitutes, .quirk_count = 1};
    static const struct fact_provider r_facts = {.id = "r", .quirks = &router, .quirk_count = 1};
    static const struct {
        const char *id;
        const struct fact_provider *facts;
    } providers[] = {{"p", NULL}, {"s", &s_facts}, {"r", &r_facts}};
    static const struct {
        uint32_t account;
        const char *model, *upstream;
    } routes[] = {{0, "m1", "vendor/m1:free"},
                  {0, "m2", "m2"},
                  {1, "m1", "m1-turbo"},
                  {2, "any", "any/free"}};
    struct catalog_builder *builder = catalog_builder_new();
    struct catalog_snapshot *snapshot = NULL;
    struct span missing;
    const struct span target = SPAN_LITERAL("m2");
    for (uint32_t i = 0; i < array_length(providers); i++) {
        const struct catalog_provider provider = {.id = span_text(providers[i].id),
                                                  .facts = providers[i].facts};
        const struct catalog_group group = {.provider = catalog_add_provider(builder, &provider)};
        const struct catalog_account account = {.provider = i,
                                                .group = catalog_add_group(builder, &group)};
        (void)catalog_add_account(builder, &account);
    }
    for (size_t i = 0; i < array_length(routes); i++) {
        const struct catalog_route route = {.account = routes[i].account,
                                            .upstream_model = span_text(routes[i].upstream),
                                            .automatic = true};
        assert_int_equal(catalog_add_route(builder, span_text(routes[i].model), &route), 0);
    }
    assert_int_equal(catalog_add_alias(builder, SPAN_LITERAL("nick"), &target, 1), 0);
    assert_int_equal(catalog_build(builder, 1, &snapshot, &missing), 0);
    catalog_builder_free(builder);
    return snapshot;
}

static void judges_names(void **state) {
    static const struct {
        uint32_t route;
        const char *answered;
        bool right;
    } cases[] = {
        {0, "vendor/m1:free", true},
        {0, "m1", true},
        {0, "", true},
        {0, "m1-2026-08-01", true},
        {0, "/models/some.gguf", true}, /* nobody we know */
        {0, "m2", false},
        {1, "m1", false},
        {1, "vendor/m1:free", false},
        {1, "M2", true},
        {0, "nick", true}, /* an alias is no model's name */
        {2, "m1-turbo", true},
        {2, "M1-Turbo-0801", true},
        {2, "m1", true},
        {2, "qwen-tiny", false},
        {3, "m2", true}, /* a router names whom it picked */
        {0, "a\\u0041", true},
    };
    struct catalog_snapshot *snapshot = build();
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++)
        if (catalog_answered_right(snapshot, cases[i].route, span_text(cases[i].answered)) !=
            cases[i].right)
            fail_msg("case %zu: '%s'", i, cases[i].answered);
    catalog_unref(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(judges_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
