// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a provider's model id is meant by a row of facts.
 *
 * A row names ids or patterns in which each '*' stands for any run of bytes ("gemma-3*", "*:free"). Ids are compared byte by
 * byte: several providers tell models apart by case. Promises: no allocation.
 * Leaves to others: what the row says.
 */
#include "catalog/facts.h"

bool facts_models_match(const char *const *patterns, struct span upstream) {
    if (patterns == NULL)
        return true;
    for (; *patterns != NULL; patterns++)
        if (span_matches(span_text(*patterns), upstream))
            return true;
    return false;
}
