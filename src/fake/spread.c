// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers that vary: latencies, gaps, lengths of answers.
 *
 * The normal deviate is the sum of twelve uniform ones less six: no tables, the same on every machine, and tails that end at six
 * sigma, which suits latencies. Promises: never negative; a constant draws nothing, so that it does not move the numbers after it.
 * Leaves to others: which numbers vary (script.c says), what they mean.
 */
#include "fake/provider.h"

#include <math.h>

#define SPREAD_MOST 1e12 /* far beyond what anybody waits for; keeps sums in range */

double fake_spread_sample(const struct fake_spread *spread, struct rand *rand) {
    double value = spread->low;
    if (spread->kind == SPREAD_UNIFORM)
        value += (spread->high - spread->low) * rand_unit(rand);
    if (spread->kind == SPREAD_LOGNORMAL) {
        double normal = -6;
        for (int i = 0; i < 12; i++)
            normal += rand_unit(rand);
        value *= exp(spread->high * normal);
    }
    return value < SPREAD_MOST ? value : SPREAD_MOST;
}
