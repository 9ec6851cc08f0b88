// SPDX-License-Identifier: Apache-2.0
/*
 * Words of errors in the shapes that servers have been seen to send, and in what is no error at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "catalog/error_shape.h"

static const struct {
    const char *body;
    const char *message; /* NULL: absent */
    const char *code;
} error_bodies[] = {
    {"{\"error\":{\"message\":\"m \\\"q\\\"\",\"type\":\"t\",\"param\":null,\"code\":\"c\"}}",
     "m \\\"q\\\"", "c"},
    {"{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"code\":null}}", "m",
     "insufficient_quota"},
    {"{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":null}}", "m", NULL},
    {"{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}", "m",
     "RESOURCE_EXHAUSTED"},
    {"[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}]", "m",
     "RESOURCE_EXHAUSTED"},
    {"{\"error\":\"m\"}", "m", NULL},
    {"{\"message\":\"m\",\"code\":1300}", "m", "1300"},
    {"{\"object\":\"error\",\"message\":\"m\",\"type\":\"NotFoundError\",\"param\":null,\"code\":"
     "404}",
     "m", "NotFoundError"},
    {"{\"detail\":\"m\"}", "m", NULL},
    {"{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"m\",\"type\":\"missing\"}]}", "m", "missing"},
    {"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}", "m",
     NULL},
    {"{\"errors\":{\"code\":1008,\"message\":\"m\"}}", "m", "1008"},
    {"{\"error\":{\"message\":\"m\"},\"error_type\":\"t\"}", "m", "t"},
    {"{\"errors\":[{\"code\":3036,\"message\":\"m\"}],\"success\":false}", "m", "3036"},
    {"{\"error\":{\"code\":\"1302\",\"message\":\"m\"}}", "m", "1302"},
    {"{\"error_msg\":\"m\"}", "m", NULL},
    {"{}", NULL, NULL},
    {"[]", NULL, NULL},
    {"7", NULL, NULL},
    {"", NULL, NULL},
    {"<html><body>502 Bad Gateway</body></html>", NULL, NULL},
    {"  upstream \"x\" timed out\r\n", "upstream \\\"x\\\" timed out\\r\\n", NULL},
    {"\xFF\xFE", "\xEF\xBF\xBD\xEF\xBF\xBD", NULL},
};

static void assert_text(struct span actual, const char *expected) {
    assert_int_equal(span_absent(actual), expected == NULL);
    if (expected != NULL && !span_is(actual, expected))
        fail_msg("%.*s is not %s", SPAN_ARG(actual), expected);
}

static void read_error(struct span body, struct arena *arena, struct span *ret_message,
                       struct span *ret_code) {
    struct json_doc *doc = arena_alloc(arena, sizeof *doc);
    *ret_code = SPAN_NONE;
    if (json_parse(doc, body, arena, NULL) < 0) {
        *ret_message = error_shape_plain(body, arena);
        return;
    }
    struct error_shape error = error_shape_of(json_top(doc));
    *ret_message = error.message;
    *ret_code = error.code;
}

static void reads_error_bodies(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(error_bodies); i++) {
        struct arena arena;
        struct span message, code;
        arena_init(&arena, NULL, 0, 65536);
        read_error(span_text(error_bodies[i].body), &arena, &message, &code);
        assert_text(message, error_bodies[i].message);
        assert_text(code, error_bodies[i].code);
        arena_reset(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_error_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
