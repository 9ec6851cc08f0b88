// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a provider's model id is meant by a row of facts.
 *
 * A row names ids or patterns in which each '*' stands for any run of bytes ("gemma-3*", "*:free"). Ids are compared byte by
 * byte: several providers tell models apart by case. Promises: no allocation, time bounded by the lengths' product.
 * Leaves to others: what the row says.
 */
#include "catalog/facts.h"

static bool fits(struct span pattern, struct span id) {
    size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;
    while (i < id.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = i;
        } else if (p < pattern.len && pattern.ptr[p] == id.ptr[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) { /* the last star takes one byte more */
            p = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool facts_models_match(const char *const *patterns, struct span upstream) {
    if (patterns == NULL)
        return true;
    for (; *patterns != NULL; patterns++)
        if (fits(span_text(*patterns), upstream))
            return true;
    return false;
}
