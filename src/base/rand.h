// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Randomness as a value: one struct, one seed, the same numbers every run. Not for secrets (crypto/ makes those).
 * Generator: xoshiro256** seeded by splitmix64 (Blackman and Vigna, public domain description).
 */
#include <stdint.h>

struct rand {
    uint64_t state[4];
};

void rand_seed(struct rand *rand, uint64_t seed);
uint64_t rand_u64(struct rand *rand);
/* 0 .. bound-1 without bias; bound > 0 */
uint64_t rand_below(struct rand *rand, uint64_t bound);
/* 0 <= x < 1 */
double rand_unit(struct rand *rand);
/* A seed from the system, for production. */
uint64_t rand_entropy(void);
