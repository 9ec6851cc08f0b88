// SPDX-License-Identifier: Apache-2.0
/*
 * Members of a known set, found in one pass.
 */
#include "base/check.h"
#include "message/members.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct span names[] = {MEMBER_NAME("id"), MEMBER_NAME("no"), MEMBER_NAME("name")};

static const struct {
    const char *text;
    const char *raw[3];    /* NULL: absent */
    const char *duplicate; /* NULL: none */
} cases[] = {
    {"{}", {NULL, NULL, NULL}, NULL},
    {"{\"id\":1,\"no\":[2,{\"id\":9}],\"name\":\"x\"}", {"1", "[2,{\"id\":9}]", "\"x\""}, NULL},
    {"{\"x\":1,\"i\":2,\"ids\":3,\"nam\":4}", {NULL, NULL, NULL}, NULL},
    {"{\"id\":null,\"no\":false}", {NULL, "false", NULL}, NULL},
    {"{\"id\":1,\"id\":2}", {"1", NULL, NULL}, "2"},
    {"{\"id\":null,\"id\":2}", {NULL, NULL, NULL}, "2"},
    {"{\"\\u0069d\":1}", {"1", NULL, NULL}, NULL},
    {"{\"id\":1,\"\\u0069d\":null}", {"1", NULL, NULL}, "null"},
    {"{\"other\":1,\"other\":2}", {NULL, NULL, NULL}, NULL},
    {"[\"id\",\"no\"]", {NULL, NULL, NULL}, NULL},
    {"\"id\"", {NULL, NULL, NULL}, NULL},
};

static void assert_raw(struct json_value value, const char *expected) {
    assert_int_equal(json_present(value), expected != NULL);
    if (expected != NULL)
        assert_true(span_is(json_raw(value), expected));
}

static void finds_members(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct arena arena;
        struct json_doc doc;
        struct json_value found[3];
        arena_init(&arena, NULL, 0, 65536);
        assert_int_equal(json_parse(&doc, span_text(cases[i].text), &arena, NULL), 0);
        struct json_value duplicate =
            members_read(json_top(&doc), names, array_length(names), found);
        for (size_t j = 0; j < array_length(names); j++)
            assert_raw(found[j], cases[i].raw[j]);
        assert_raw(duplicate, cases[i].duplicate);
        arena_reset(&arena);
    }
}

static void absent_has_no_members(void **state) {
    struct json_value found[3];
    (void)state;
    assert_false(json_present(
        members_read((struct json_value){NULL, 0}, names, array_length(names), found)));
    for (size_t j = 0; j < array_length(names); j++)
        assert_false(json_present(found[j]));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_members),
                                       cmocka_unit_test(absent_has_no_members)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
