// SPDX-License-Identifier: Apache-2.0
/* Wrong keys by address: what is counted together, when it is over, and that a flood of addresses takes no more memory. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/wrong_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define START_NS (1000 * NS_PER_S)

static void counts_a_minute(void **state) {
    struct wrong_keys *table = wrong_keys_new(7);
    struct wrong_keys_word word;
    (void)state;
    for (uint32_t i = 1; i <= WRONG_KEYS_A_MINUTE; i++) {
        word = wrong_keys_note(table, "192.0.2.1", START_NS + i);
        assert_int_equal(word.count, i);
        assert_int_equal(word.wait_ns, 0);
    }
    word = wrong_keys_note(table, "192.0.2.1", START_NS + 30 * NS_PER_S);
    assert_int_equal(word.count, WRONG_KEYS_A_MINUTE + 1);
    assert_int_equal(word.wait_ns, 30 * NS_PER_S + 1); /* the minute began with the first */
    word = wrong_keys_note(table, "192.0.2.2", START_NS + 30 * NS_PER_S);
    assert_int_equal(word.count, 1);
    word = wrong_keys_note(table, "192.0.2.1", START_NS + 60 * NS_PER_S + 1);
    assert_int_equal(word.count, 1);
    assert_int_equal(word.wait_ns, 0);
    wrong_keys_free(table);
}

static void knows_who_counts_as_one(void **state) {
    static const struct {
        const char *one, *other;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.3", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true}, /* a /64 is one customer's */
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"::1", "127.0.0.1", false},
        {"unix", "unix", true},
        {"unix", "nonsense", true}, /* what has no address is one place */
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct wrong_keys *table = wrong_keys_new(i);
        (void)wrong_keys_note(table, rows[i].one, START_NS);
        struct wrong_keys_word word = wrong_keys_note(table, rows[i].other, START_NS);
        assert_int_equal(word.count, rows[i].same ? 2 : 1);
        wrong_keys_free(table);
    }
}

/* Many addresses push rows out; an address that goes on is found again and limited all the same. */
static void stays_bounded(void **state) {
    struct wrong_keys *table = wrong_keys_new(3);
    char address[32];
    uint32_t most = 0;
    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        (void)snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        struct wrong_keys_word word = wrong_keys_note(table, address, START_NS + i);
        assert_true(word.count >= 1);
    }
    for (uint32_t i = 0; i <= WRONG_KEYS_A_MINUTE; i++)
        most = wrong_keys_note(table, "192.0.2.9", START_NS + 200000).count;
    assert_int_equal(most, WRONG_KEYS_A_MINUTE + 1);
    wrong_keys_free(table);
    wrong_keys_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_a_minute),
        cmocka_unit_test(knows_who_counts_as_one),
        cmocka_unit_test(stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
