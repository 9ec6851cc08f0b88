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

static void test_find(void **state) {
    struct span rest;
    (void)state;
    const struct endpoint *chat = endpoint_find(SPAN_LITERAL("/chat/completions"), &rest);
    assert_non_null(chat);
    assert_int_equal(chat->methods, METHOD_POST);
    const struct endpoint *model = endpoint_find(SPAN_LITERAL("/models/org/name"), &rest);
    assert_non_null(model);
    assert_true(span_is(rest, "org/name"));
    assert_null(endpoint_find(SPAN_LITERAL("/models/"), &rest));
    assert_null(endpoint_find(SPAN_LITERAL("/chat/completionsx"), &rest));
    assert_null(endpoint_find(SPAN_LITERAL("/nothing"), &rest));
}

static void test_why_not(void **state) {
    (void)state;
    assert_non_null(endpoint_why_not(SPAN_LITERAL("/files")));
    assert_non_null(endpoint_why_not(SPAN_LITERAL("/files/abc")));
    assert_null(endpoint_why_not(SPAN_LITERAL("/filesystem")));
    assert_null(endpoint_why_not(SPAN_LITERAL("/nothing")));
}

static void test_allow(void **state) {
    struct span rest;
    char text[64];
    (void)state;
    endpoint_allow(endpoint_find(SPAN_LITERAL("/models"), &rest), text, sizeof text);
    assert_string_equal(text, "GET, HEAD, OPTIONS");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_why_not),
        cmocka_unit_test(test_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
