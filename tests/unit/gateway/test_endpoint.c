// SPDX-License-Identifier: Apache-2.0
/*
 * Paths as clients write them, and the endpoints they mean.
 */
#include "base/check.h"
#include "gateway/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_normalise(void **state) {
    static const struct {
        const char *path, *expected;
    } cases[] = {
        {"/", "/"},
        {"//", "/"},
        {"/v1", "/"},
        {"/v1/", "/"},
        {"/v1/chat/completions", "/chat/completions"},
        {"/chat/completions", "/chat/completions"},
        {"/v1/v1/chat/completions", "/chat/completions"},
        {"/api/v1/chat/completions", "/chat/completions"},
        {"//v1//chat///completions//", "/chat/completions"},
        {"/v1/models/a/b", "/models/a/b"},
        {"/v10/models", "/v10/models"},
        {"/api/hello", "/api/hello"},
        {"/api/v1x", "/api/v1x"},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, NULL, 0, 65536);
    for (size_t i = 0; i < array_length(cases); i++) {
        struct span normal = endpoint_normalise(span_text(cases[i].path), &arena);
        if (!span_is(normal, cases[i].expected))
            print_error("%s -> %.*s\n", cases[i].path, SPAN_ARG(normal));
        assert_true(span_is(normal, cases[i].expected));
    }
    arena_reset(&arena);
}

static struct endpoint_match find(const char *path, unsigned method) {
    static const struct endpoint rows[] = {
        {"/admin/v1/things", METHODS_READ, ACCESS_ADMIN, NULL, answer_health, "list", NULL},
        {"/admin/v1/things", METHOD_POST, ACCESS_ADMIN, NULL, answer_health, "add", NULL},
        {"/admin/v1/things/*/pause", METHOD_POST, ACCESS_ADMIN, NULL, answer_health, "pause", NULL},
        {"/admin/v1/things/*", METHODS_READ, ACCESS_ADMIN, NULL, answer_health, "one", NULL},
        {"/admin/v1/things/*", METHOD_PATCH | METHOD_DELETE, ACCESS_ADMIN, NULL, answer_health,
         "change", NULL},
        {"/models", METHOD_PUT, ACCESS_ADMIN, NULL, answer_health, "never found", NULL},
    };
    static const struct endpoint_part part = {rows, array_length(rows)};
    static const struct endpoint_part *const parts[] = {&part};
    return endpoint_find(parts, 1, span_text(path), method);
}

static void test_find(void **state) {
    (void)state;
    assert_int_equal(find("/chat/completions", METHOD_POST).endpoint->methods, METHOD_POST);
    struct endpoint_match model = find("/models/org/name", METHOD_GET);
    assert_non_null(model.endpoint);
    assert_true(span_is(model.rest, "org/name"));
    assert_null(find("/models/", METHOD_GET).endpoint);
    assert_null(find("/chat/completionsx", METHOD_POST).endpoint);
    assert_null(find("/nothing", METHOD_GET).endpoint);
}

/* The method chooses among rows of one path; a method that none has is told with all that are allowed. */
static void test_find_by_method(void **state) {
    (void)state;
    static const struct {
        const char *path;
        unsigned method;
        const char *about, *rest, *allow;
    } cases[] = {
        {"/admin/v1/things", METHOD_GET, "list", NULL, "GET, HEAD, POST, OPTIONS"},
        {"/admin/v1/things", METHOD_POST, "add", NULL, "GET, HEAD, POST, OPTIONS"},
        {"/admin/v1/things", METHOD_DELETE, "list", NULL, "GET, HEAD, POST, OPTIONS"},
        {"/admin/v1/things/a", METHOD_HEAD, "one", "a", "GET, HEAD, PATCH, DELETE, OPTIONS"},
        {"/admin/v1/things/a", METHOD_PATCH, "change", "a", "GET, HEAD, PATCH, DELETE, OPTIONS"},
        {"/admin/v1/things/a/pause", METHOD_POST, "pause", "a", "POST, OPTIONS"},
        {"/admin/v1/things/a/pause", METHOD_GET, "pause", "a", "POST, OPTIONS"},
        {"/admin/v1/things/a/b/pause", METHOD_GET, "one", "a/b/pause",
         "GET, HEAD, PATCH, DELETE, OPTIONS"},
        {"/admin/v1/things//pause", METHOD_GET, "one", "/pause",
         "GET, HEAD, PATCH, DELETE, OPTIONS"},
        {"/admin/v1/things/", METHOD_GET, NULL, NULL, NULL},
        {"/models", METHOD_PUT, "what can be asked for", NULL, "GET, HEAD, OPTIONS"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct endpoint_match match = find(cases[i].path, cases[i].method);
        char allow[64];
        if (cases[i].about == NULL) {
            assert_null(match.endpoint);
            continue;
        }
        assert_non_null(match.endpoint);
        assert_string_equal(match.endpoint->about, cases[i].about);
        assert_true(span_equal(match.rest, span_text(cases[i].rest)));
        endpoint_allow(match.allowed, allow, sizeof allow);
        assert_string_equal(allow, cases[i].allow);
    }
}

static void test_why_not(void **state) {
    (void)state;
    assert_non_null(endpoint_why_not(SPAN_LITERAL("/files")));
    assert_non_null(endpoint_why_not(SPAN_LITERAL("/files/abc")));
    assert_null(endpoint_why_not(SPAN_LITERAL("/filesystem")));
    assert_null(endpoint_why_not(SPAN_LITERAL("/nothing")));
}

static void test_allow(void **state) {
    char text[64];
    (void)state;
    endpoint_allow(~0u, text, sizeof text);
    assert_string_equal(text, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    endpoint_allow(0, text, sizeof text);
    assert_string_equal(text, "OPTIONS");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),      cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_by_method), cmocka_unit_test(test_why_not),
        cmocka_unit_test(test_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
