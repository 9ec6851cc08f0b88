// SPDX-License-Identifier: Apache-2.0
/*
 * The table of members that routes refuse: bounded in every direction, and forgotten with its configuration.
 */
#include "base/check.h"
#include "gateway/left_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint32_t known(const struct left_out *table, uint64_t version, uint32_t route) {
    struct dialect_strips strips = {.count = 0};
    left_out_add(table, version, route, &strips);
    return strips.count;
}

static void each_route_has_its_own(void **state) {
    (void)state;
    struct left_out table = {0};
    struct dialect_strips strips = {.names = {SPAN_LITERAL("mine")}, .count = 1};
    assert_int_equal(known(&table, 1, 7), 0);
    left_out_learn(&table, 1, 7, SPAN_LITERAL("logit_bias"));
    left_out_learn(&table, 1, 7, SPAN_LITERAL("messages[].name"));
    left_out_learn(&table, 1, 7, SPAN_LITERAL("logit_bias"));
    left_out_learn(&table, 1, 9, SPAN_LITERAL("seed"));
    assert_int_equal(known(&table, 1, 8), 0);
    assert_int_equal(known(&table, 1, 9), 1);
    left_out_add(&table, 1, 7, &strips);
    assert_int_equal(strips.count, 3);
    assert_true(span_is(strips.names[0], "mine"));
    assert_true(span_is(strips.names[1], "logit_bias"));
    assert_true(span_is(strips.names[2], "messages[].name"));
    left_out_done(&table);
    assert_int_equal(known(&table, 1, 7), 0);
}

static void a_new_configuration_begins_anew(void **state) {
    (void)state;
    struct left_out table = {0};
    left_out_learn(&table, 2, 7, SPAN_LITERAL("seed"));
    assert_int_equal(known(&table, 3, 7), 0);
    left_out_learn(&table, 3, 5, SPAN_LITERAL("top_k"));
    assert_int_equal(known(&table, 2, 7), 0);
    assert_int_equal(known(&table, 3, 7), 0);
    left_out_learn(&table, 2, 7, SPAN_LITERAL("seed")); /* of a request that began before */
    assert_int_equal(known(&table, 3, 7), 0);
    assert_int_equal(known(&table, 3, 5), 1);
    left_out_done(&table);
}

static void names_have_an_end(void **state) {
    (void)state;
    struct left_out table = {0};
    char name[LEFT_OUT_NAME_MAX_BYTES + 1];
    memset(name, 'x', sizeof name);
    left_out_learn(&table, 1, 1, SPAN_NONE);
    left_out_learn(&table, 1, 1, SPAN_LITERAL(""));
    left_out_learn(&table, 1, 1, span_of(name, sizeof name));
    assert_int_equal(known(&table, 1, 1), 0);
    for (uint32_t i = 1; i < 10; i++) {
        left_out_learn(&table, 1, 1, span_of(name, sizeof name - i));
        assert_int_equal(known(&table, 1, 1), i < LEFT_OUT_NAMES_MAX ? i : LEFT_OUT_NAMES_MAX);
    }
    struct dialect_strips strips = {.count = DIALECT_STRIPS_MAX - 1};
    left_out_add(&table, 1, 1, &strips);
    assert_int_equal(strips.count, DIALECT_STRIPS_MAX);
    assert_int_equal(strips.names[DIALECT_STRIPS_MAX - 1].len, LEFT_OUT_NAME_MAX_BYTES);
    left_out_done(&table);
}

static void the_oldest_route_makes_room(void **state) {
    (void)state;
    struct left_out table = {0};
    for (uint32_t route = 0; route < 2 * LEFT_OUT_ROUTES_MAX + 1; route++) {
        left_out_learn(&table, 1, route, SPAN_LITERAL("seed"));
        left_out_learn(&table, 1, route, SPAN_LITERAL("top_k"));
        for (uint32_t back = 0; back <= route; back++)
            assert_int_equal(known(&table, 1, route - back), back < LEFT_OUT_ROUTES_MAX ? 2 : 0);
    }
    left_out_done(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_has_its_own),
        cmocka_unit_test(a_new_configuration_begins_anew),
        cmocka_unit_test(names_have_an_end),
        cmocka_unit_test(the_oldest_route_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
