// SPDX-License-Identifier: Apache-2.0
/*
 * Building a snapshot and what each name leads to.
 *
 * The catalog of these tests: provider a (two accounts) and provider b.
 *   route 0, 1  a/x   unified m1, upstream vendor/m1      accounts a1, a2
 *   route 2, 3  a/x   unified m2, upstream shared         accounts a1, a2
 *   route 4     b     unified m1, upstream m1
 *   route 5     b     unified m3:latest, upstream shared
 */
#include "base/check.h"
#include "catalog/candidates.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static uint32_t add_group(struct catalog_builder *builder, uint32_t provider) {
    const struct catalog_group group = {.provider = provider, .name = SPAN_LITERAL("default")};
    return catalog_add_group(builder, &group);
}

static void add_route(struct catalog_builder *builder, const char *id, uint32_t account,
                      const char *upstream) {
    struct catalog_route route = {.account = account,
                                  .upstream_model = span_text(upstream),
                                  .context_tokens = 100 + account,
                                  .automatic = true};
    assert_int_equal(catalog_add_route(builder, span_text(id), &route), 0);
}

static struct catalog_builder *builder_filled(void) {
    struct catalog_builder *builder = catalog_builder_new();
    struct catalog_provider a = {.id = SPAN_LITERAL("a"),
                                 .dialect = SPAN_LITERAL("openai"),
                                 .host = SPAN_LITERAL("a.example"),
                                 .host_header = SPAN_LITERAL("a.example:8443"),
                                 .base_path = SPAN_LITERAL("/v1"),
                                 .port = 8443,
                                 .tls = true,
                                 .timeouts = {.gap_ms = 5}};
    struct catalog_provider b = {.id = SPAN_LITERAL("b"), .ca_file = SPAN_LITERAL("/ca")};
    struct secret *key = NULL;
    assert_int_equal(secret_new(SPAN_LITERAL("sk-1"), &key), 0);
    assert_int_equal(catalog_add_provider(builder, &a), 0);
    assert_int_equal(catalog_add_provider(builder, &b), 1);
    const struct catalog_group groups[] = {{.provider = 0, .name = SPAN_LITERAL("a1")},
                                           {.provider = 0, .name = SPAN_LITERAL("a2")},
                                           {.provider = 1, .name = SPAN_LITERAL("default")}};
    for (uint32_t i = 0; i < array_length(groups); i++)
        assert_int_equal(catalog_add_group(builder, &groups[i]), i);
    struct catalog_account a1 = {
        .provider = 0, .name = SPAN_LITERAL("a1"), .key = key, .concurrency_max = 4};
    struct catalog_account a2 = {.provider = 0, .group = 1, .name = SPAN_LITERAL("a2")};
    struct catalog_account b1 = {
        .provider = 1, .group = 2, .name = SPAN_LITERAL("default"), .key = key};
    assert_int_equal(catalog_add_account(builder, &a1), 0);
    assert_int_equal(catalog_add_account(builder, &a2), 1);
    assert_int_equal(catalog_add_account(builder, &b1), 2);
    secret_unref(key);
    add_route(builder, "m1", 0, "vendor/m1");
    add_route(builder, "m1", 1, "vendor/m1");
    add_route(builder, "m2", 0, "shared");
    add_route(builder, "m2", 1, "shared");
    add_route(builder, "m1", 2, "m1");
    add_route(builder, "m3:latest", 2, "shared");
    return builder;
}

static void add_alias(struct catalog_builder *builder, const char *name, const char *target,
                      const char *second) {
    struct span targets[] = {span_text(target), span_text(second)};
    assert_int_equal(catalog_add_alias(builder, span_text(name), targets, second != NULL ? 2 : 1),
                     0);
}

static struct catalog_snapshot *build(struct catalog_builder *builder) {
    struct catalog_snapshot *snapshot = NULL;
    struct span missing = SPAN_NONE;
    int err = catalog_build(builder, 7, &snapshot, &missing);
    if (err < 0)
        fail_msg("not built: %s: %.*s", err_name(err), SPAN_ARG(missing));
    catalog_builder_free(builder);
    return snapshot;
}

/* "0 1 4"; "" when unknown. */
static void expect(const struct catalog_snapshot *snapshot, const char *name, const char *routes) {
    uint32_t found[CATALOG_ROUTES_PER_MODEL_MAX];
    char text[512] = "";
    size_t used = 0;
    uint32_t count = catalog_resolve(snapshot, span_text(name), found);
    for (uint32_t i = 0; i < count; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%u", i > 0 ? " " : "", found[i]);
    if (strcmp(text, routes) != 0)
        fail_msg("'%s' leads to '%s', expected '%s'", name, text, routes);
}

static void resolves_names(void **state) {
    static const char *const rows[][2] = {
        {"m1", "0 1 4"},
        {"m2", "2 3"},
        {"m3:latest", "5"},
        {"m3", "5"},
        {"auto", "0 1 2 3 4 5"},
        {"a/m1", "0 1"},
        {"b/m1", "4"},
        {"a/vendor/m1", "0 1"},
        {"a/shared", "2 3"},
        {"b/shared", "5"},
        {"vendor/m1", "0 1"},
        {"m1:latest", "0 1 4"},
        {"a/m1:latest", "0 1"},
        {"b/m3", "5"},
        {"openai/m1", "0 1 4"},
        {"openai/a/m1", "0 1"},
        {"openai/auto", "0 1 2 3 4 5"},
        {"litellm_proxy/m2", "2 3"},
        {"openai/m1:latest", "0 1 4"},
        {"auto:smart", "0 1 2 3 4 5"},
        {"claude-papi-auto", "0 1 2 3 4 5"},
        {"M1", "0 1 4"},
        {"A/Vendor/M1", "0 1"},
        {"m1:free", "0 1 4"},
        {"a/vendor/m1:nitro", "0 1"},
        /* Ambiguous, unknown, nonsense: */
        {"shared", ""},
        {"m4", ""},
        {"a/", ""},
        {"c/m1", ""},
        {"b/m2", ""},
        {"", ""},
        {"openai/", ""},
        {":latest", ""},
        {"auto:slow", ""},
        {"a/auto", ""},
        {"openai/openai/m1", ""},
    };
    (void)state;
    struct catalog_snapshot *snapshot = build(builder_filled());
    for (size_t i = 0; i < array_length(rows); i++)
        expect(snapshot, rows[i][0], rows[i][1]);
    catalog_unref(snapshot);
}

static void unfolds_aliases(void **state) {
    (void)state;
    struct catalog_builder *builder = builder_filled();
    add_alias(builder, "late", "first", "m2"); /* an alias further down; then more */
    add_alias(builder, "first", "b/m1", "a/m1");
    add_alias(builder, "m2", "m2", "auto"); /* names itself: the model, then the rest */
    add_alias(builder, "claude-*", "m3", NULL);
    add_alias(builder, "claude-*-mini", "m1", NULL);
    add_alias(builder, "*", "late", NULL);
    add_alias(builder, "via", "claude-9-mini", NULL); /* through a pattern */
    add_alias(builder, "tag:latest", "m1", NULL);
    add_alias(builder, "prefixed", "openai/m1", NULL);
    struct catalog_snapshot *snapshot = build(builder);
    static const char *const rows[][2] = {
        {"late", "4 0 1 2 3 5"},   {"first", "4 0 1"},
        {"m2", "2 3 0 1 4 5"},     {"a/m2", "2 3"},
        {"claude-3", "5"},         {"claude-3-mini", "0 1 4"},
        {"claude-", "5"},          {"claude--mini", "0 1 4"},
        {"claude-mini", "5"},      {"whatever", "4 0 1 2 3 5"},
        {"via", "0 1 4"},          {"tag", "0 1 4"},
        {"tag:latest", "0 1 4"},   {"prefixed", "0 1 4"},
        {"m1", "0 1 4"},           {"shared", ""},
        {"first:latest", "4 0 1"},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        expect(snapshot, rows[i][0], rows[i][1]);
    assert_int_equal(catalog_alias_count(snapshot), 6);
    assert_true(span_is(catalog_alias_name(snapshot, 0), "late"));
    assert_true(span_is(catalog_alias_name(snapshot, 3), "via"));
    catalog_unref(snapshot);
}

static void refuses_aliases_that_lead_nowhere(void **state) {
    static const struct {
        const char *names[3], *targets[3];
        int err;
        const char *missing;
    } rows[] = {
        {{"x"}, {"nothing"}, ERR_NOT_FOUND, "nothing"},
        {{"x"}, {"shared"}, ERR_NOT_FOUND, "shared"},
        {{"x"}, {"x"}, ERR_INVALID, "x"},
        {{"x", "y", "z"}, {"y", "z", "x"}, ERR_INVALID, "x"},
        {{"p-*"}, {"p-1"}, ERR_INVALID, "p-1"},
        {{"x"}, {"auto:slow"}, ERR_NOT_FOUND, "auto:slow"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct catalog_builder *builder = builder_filled();
        struct catalog_snapshot *snapshot = NULL;
        struct span missing = SPAN_NONE;
        for (size_t j = 0; j < 3 && rows[i].names[j] != NULL; j++)
            add_alias(builder, rows[i].names[j], rows[i].targets[j], NULL);
        assert_int_equal(catalog_build(builder, 1, &snapshot, &missing), rows[i].err);
        assert_null(snapshot);
        assert_true(span_is(missing, rows[i].missing));
        catalog_builder_free(builder);
    }
}

static void keeps_what_was_added(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = build(builder_filled());
    assert_int_equal(snapshot->version, 7);
    assert_int_equal(snapshot->provider_count, 2);
    assert_int_equal(snapshot->account_count, 3);
    assert_int_equal(snapshot->route_count, 6);
    assert_int_equal(snapshot->model_count, 3);
    const struct catalog_provider *a = &snapshot->providers[0];
    assert_true(span_is(a->id, "a") && span_is(a->dialect, "openai") &&
                span_is(a->host, "a.example"));
    assert_true(span_is(a->host_header, "a.example:8443") && span_is(a->base_path, "/v1"));
    assert_true(a->port == 8443 && a->tls && a->timeouts.gap_ms == 5);
    assert_true(span_absent(a->ca_file) && span_absent(a->private_network));
    assert_true(span_is(snapshot->providers[1].ca_file, "/ca"));
    assert_true(secret_equal(snapshot->accounts[0].key, SPAN_LITERAL("sk-1")));
    assert_int_equal(snapshot->accounts[0].concurrency_max, 4);
    assert_null(snapshot->accounts[1].key);
    assert_int_equal(snapshot->accounts[2].provider, 1);
    assert_true(span_is(snapshot->routes[4].upstream_model, "m1"));
    assert_int_equal(snapshot->routes[4].account, 2);
    assert_int_equal(snapshot->routes[4].model, 0);
    assert_int_equal(snapshot->routes[4].context_tokens, 102);
    const struct catalog_model *model = catalog_find_model(snapshot, SPAN_LITERAL("m1"));
    assert_int_equal(model->route_count, 3);
    assert_int_equal(model->routes[2], 4);
    assert_null(catalog_find_model(snapshot, SPAN_LITERAL("m3")));
    catalog_unref(snapshot);
}

static void builds_without_anything(void **state) {
    (void)state;
    struct catalog_snapshot *snapshot = build(catalog_builder_new());
    struct span names[3];
    expect(snapshot, "auto", "");
    expect(snapshot, "m1", "");
    assert_int_equal(catalog_suggest(snapshot, SPAN_LITERAL("m1"), names, 3), 0);
    assert_int_equal(catalog_alias_count(snapshot), 0);
    catalog_unref(snapshot);
    catalog_unref(NULL);
    catalog_builder_free(NULL);
}

static void suggests_names(void **state) {
    static const struct {
        const char *asked, *suggested;
    } rows[] = {
        {"gpt-oss-12b", "gpt-oss-120b"},
        {"GPT-OSS-120B", "gpt-oss-120b"},
        {"llama", "llama-3.3-70b llama-fast"},
        {"lama-fast", "llama-fast"},
        {"zzzzzzzzzzzz", ""},
        {"both", "p/both q/both"},
        {"openai/gpt-oss-120", "gpt-oss-120b"},
    };
    (void)state;
    struct catalog_builder *builder = catalog_builder_new();
    struct catalog_provider p = {.id = SPAN_LITERAL("p")}, q = {.id = SPAN_LITERAL("q")};
    (void)catalog_add_provider(builder, &p);
    (void)catalog_add_provider(builder, &q);
    struct catalog_account first = {.provider = 0}, second = {.provider = 1};
    first.group = add_group(builder, first.provider);
    second.group = add_group(builder, second.provider);
    (void)catalog_add_account(builder, &first);
    (void)catalog_add_account(builder, &second);
    add_route(builder, "gpt-oss-120b", 0, "both");
    add_route(builder, "llama-3.3-70b", 1, "both");
    add_alias(builder, "llama-fast", "llama-3.3-70b", NULL);
    add_alias(builder, "never-*", "auto", NULL);
    struct catalog_snapshot *snapshot = build(builder);
    for (size_t i = 0; i < array_length(rows); i++) {
        struct span names[4];
        char text[256] = "";
        size_t used = 0;
        uint32_t count = catalog_suggest(snapshot, span_text(rows[i].asked), names, 4);
        for (uint32_t j = 0; j < count; j++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", j > 0 ? " " : "",
                                     SPAN_ARG(names[j]));
        struct span rest = span_text(rows[i].suggested), name;
        if (rows[i].suggested[0] == '\0' && count > 0)
            fail_msg("for '%s' got '%s'", rows[i].asked, text);
        while (rows[i].suggested[0] != '\0' && span_split(&rest, ' ', &name)) {
            bool found = false;
            for (uint32_t j = 0; j < count; j++)
                found = found || span_equal(names[j], name);
            if (!found)
                fail_msg("for '%s' got '%s'", rows[i].asked, text);
        }
        struct span only[1];
        assert_int_equal(catalog_suggest(snapshot, span_text(rows[i].asked), only, 1),
                         count > 0 ? 1 : 0);
        assert_true(count == 0 || span_equal(only[0], names[0]));
        assert_int_equal(catalog_suggest(snapshot, span_text(rows[i].asked), only, 0), 0);
    }
    catalog_unref(snapshot);
}

static void caps_routes(void **state) {
    (void)state;
    struct catalog_builder *builder = catalog_builder_new();
    struct catalog_provider provider = {.id = SPAN_LITERAL("p")};
    struct catalog_account account = {.provider = 0};
    struct catalog_route route = {.account = 0, .automatic = true};
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    char name[CATALOG_NAME_MAX_BYTES + 2];
    (void)catalog_add_provider(builder, &provider);
    account.group = add_group(builder, account.provider);
    (void)catalog_add_account(builder, &account);
    for (int i = 0; i < CATALOG_ROUTES_PER_MODEL_MAX; i++)
        assert_int_equal(catalog_add_route(builder, SPAN_LITERAL("m"), &route), 0);
    assert_int_equal(catalog_add_route(builder, SPAN_LITERAL("m"), &route), ERR_TOO_LARGE);
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof name, "other-%d", i);
        assert_int_equal(catalog_add_route(builder, span_text(name), &route), 0);
    }
    memset(name, 'n', sizeof name - 1);
    assert_int_equal(catalog_add_route(builder, span_of(name, CATALOG_NAME_MAX_BYTES), &route), 0);
    assert_int_equal(catalog_add_route(builder, span_of(name, CATALOG_NAME_MAX_BYTES + 1), &route),
                     ERR_INVALID);
    struct catalog_snapshot *snapshot = build(builder);
    assert_int_equal(catalog_resolve(snapshot, SPAN_LITERAL("m"), routes),
                     CATALOG_ROUTES_PER_MODEL_MAX);
    assert_int_equal(catalog_resolve(snapshot, SPAN_LITERAL("auto"), routes),
                     CATALOG_ROUTES_PER_MODEL_MAX);
    assert_int_equal(catalog_resolve(snapshot, SPAN_LITERAL("p/other-2999"), routes), 1);
    assert_int_equal(catalog_resolve(snapshot, span_of(name, CATALOG_NAME_MAX_BYTES), routes), 1);
    catalog_unref(snapshot);
}

#define THREADS 4
#define ROUNDS  2000

static void *take_and_drop(void *argument) {
    struct catalog_snapshot *snapshot = argument;
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    for (int i = 0; i < ROUNDS; i++) {
        struct catalog_snapshot *own = catalog_ref(snapshot);
        check(catalog_resolve(own, SPAN_LITERAL("m1"), routes) == 3);
        catalog_unref(own);
    }
    catalog_unref(snapshot);
    return NULL;
}

static void is_shared_between_threads(void **state) {
    pthread_t threads[THREADS];
    (void)state;
    struct catalog_snapshot *snapshot = build(builder_filled());
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop, catalog_ref(snapshot)),
                         0);
    catalog_unref(snapshot);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_names),
        cmocka_unit_test(unfolds_aliases),
        cmocka_unit_test(refuses_aliases_that_lead_nowhere),
        cmocka_unit_test(keeps_what_was_added),
        cmocka_unit_test(builds_without_anything),
        cmocka_unit_test(suggests_names),
        cmocka_unit_test(caps_routes),
        cmocka_unit_test(is_shared_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
