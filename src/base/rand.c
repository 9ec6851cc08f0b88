// SPDX-License-Identifier: Apache-2.0
/*
 * Seeded randomness.
 *
 * Why own code: runs of the simulator must repeat on every machine and every C library, and random() promises neither.
 * Promises: the same seed gives the same numbers everywhere. Leaves to others: anything secret (crypto/).
 */
#include "base/rand.h"

#include "base/check.h"

#include <sys/random.h>

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rand_seed(struct rand *rand, uint64_t seed) {
    for (int i = 0; i < 4; i++)
        rand->state[i] = splitmix(&seed);
}

static uint64_t rotate_left(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

uint64_t rand_u64(struct rand *rand) {
    uint64_t *s = rand->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *rand, uint64_t bound) {
    check(bound > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value = rand_u64(rand);
    while (value >= limit)
        value = rand_u64(rand);
    return value % bound;
}

double rand_unit(struct rand *rand) {
    return (double)(rand_u64(rand) >> 11) * 0x1.0p-53;
}

uint64_t rand_entropy(void) {
    uint64_t seed;
    check(getentropy(&seed, sizeof seed) == 0);
    return seed;
}
