// SPDX-License-Identifier: Apache-2.0
/*
 * Seeded randomness: the same on every machine, without bias, within bounds.
 *
 * The first numbers of seed 0 are those of the published generators: splitmix64 gives the state, xoshiro256** the rest;
 * both are written out a second time here.
 */
#include "base_fixture.h"

#include "base/rand.h"

static uint64_t reference_splitmix(uint64_t *x) {
    *x += 0x9E3779B97F4A7C15u;
    uint64_t z = *x;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotated(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

static void repeats(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, 42, UINT64_MAX};
    for (size_t i = 0; i < LENGTH_OF(seeds); i++) {
        struct rand a;
        struct rand b;
        uint64_t seed = seeds[i];
        uint64_t s[4];
        for (int k = 0; k < 4; k++)
            s[k] = reference_splitmix(&seed);
        rand_seed(&a, seeds[i]);
        rand_seed(&b, seeds[i]);
        for (int k = 0; k < 100; k++) {
            uint64_t expected = rotated(s[1] * 5, 7) * 9;
            uint64_t shifted = s[1] << 17;
            uint64_t t[4] = {s[0] ^ s[3] ^ s[1], s[1] ^ s[2] ^ s[0], s[2] ^ s[0] ^ shifted,
                             rotated(s[3] ^ s[1], 45)};
            for (int n = 0; n < 4; n++)
                s[n] = t[n];
            assert_true(rand_u64(&a) == expected);
            assert_true(rand_u64(&b) == expected);
        }
    }
    /* first output of splitmix64 for seed 0, as published with it */
    uint64_t zero = 0;
    assert_true(reference_splitmix(&zero) == 0xE220A8397B1DCDAFu);
}

static void stays_below(void **state) {
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 7, 1000, UINT64_MAX / 2 + 2, UINT64_MAX};
    struct rand rand;
    rand_seed(&rand, 5);
    for (size_t i = 0; i < LENGTH_OF(bounds); i++)
        for (int k = 0; k < 2000; k++)
            assert_true(rand_below(&rand, bounds[i]) < bounds[i]);
}

static void spreads_evenly(void **state) {
    (void)state;
    enum { SIDES = 6, THROWS = 60000 };
    unsigned seen[SIDES] = {0};
    double sum = 0;
    struct rand rand;
    rand_seed(&rand, 6);
    for (int k = 0; k < THROWS; k++) {
        seen[rand_below(&rand, SIDES)]++;
        double unit = rand_unit(&rand);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
    }
    for (int k = 0; k < SIDES; k++)
        assert_in_range(seen[k], 9600, 10400);
    assert_true(sum > THROWS * 0.49 && sum < THROWS * 0.51);
}

static void seeds_from_the_system(void **state) {
    (void)state;
    uint64_t first = rand_entropy();
    assert_true(rand_entropy() != first || rand_entropy() != first);
}

static void below_nothing(void) {
    struct rand rand;
    rand_seed(&rand, 1);
    (void)rand_below(&rand, 0);
}

static void ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(below_nothing));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats),          cmocka_unit_test(stays_below),
        cmocka_unit_test(spreads_evenly),   cmocka_unit_test(seeds_from_the_system),
        cmocka_unit_test(ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
