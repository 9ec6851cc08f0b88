// SPDX-License-Identifier: Apache-2.0
/*
 * Skimming: each kind of value at each place, and the same members that the index finds.
 */
#include "json_fixture.h"
#include "json/skim.h"

static const char *const texts[] = {
    "{}",
    "[]",
    " [ ] ",
    "null",
    "\"a\"",
    "{\"a\":1}",
    " { \"a\" : 1 , \"b\" : [ 1 , { } ] } ",
    "[1,-2.5e3,true,false,null,\"x\"]",
    "[[],[[]],{\"a\":[]},\"]\",\"\\\"]\",\"\\\\\"]",
    "{\"a\":\"}\",\"b\\\"\":{\"c\":\"{\"},\"\":null}",
    "{\"a\\\\\":1,\"b\":\"\\\\\\\"\",\"c\":2}",
    "[\n1\t,\r2\n]",
    "{\"x\":[[[[1,2],3],4],5],\"y\":6}",
};

static void finds_what_the_index_finds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena arena;
        struct json_doc doc;
        struct span key, value;
        struct json_skim skim = json_skim(span_text(texts[i]));
        arena_init(&arena, NULL, 0, 1 << 20);
        assert_int_equal(json_parse(&doc, span_text(texts[i]), &arena, NULL), 0);
        for (struct json_iter it = json_each(json_top(&doc)); json_next(&it);) {
            assert_true(json_skim_next(&skim, &key, &value));
            assert_true(span_equal(key, json_escaped(it.key)));
            assert_int_equal(span_absent(key), !json_present(it.key));
            if (!span_equal(value, json_raw(it.value)))
                fail_msg("%s: %.*s", texts[i], SPAN_ARG(value));
            assert_int_equal(json_skim_type(value), *json_raw(it.value).ptr);
        }
        assert_false(json_skim_next(&skim, &key, &value));
        assert_false(json_skim_next(&skim, &key, &value));
        arena_reset(&arena);
    }
}

static void tells_types(void **state) {
    (void)state;
    assert_int_equal(json_skim_type(SPAN_LITERAL(" \n[")), '[');
    assert_int_equal(json_skim_type(SPAN_LITERAL("")), '\0');
    assert_int_equal(json_skim_type(SPAN_LITERAL("-1")), '-');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_the_index_finds),
        cmocka_unit_test(tells_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
