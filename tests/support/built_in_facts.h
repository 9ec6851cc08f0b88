// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The facts of this build, for tests that ask for what must be there.
 */
#include "catalog/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct facts *const facts = &facts_built_in;

static inline const struct fact_provider *provider(const char *id) {
    const struct fact_provider *found = facts_provider(facts, span_text(id));
    if (found == NULL)
        print_error("no provider %s\n", id);
    assert_non_null(found);
    return found;
}

/* Whether a list that ends in NULL holds a word. */
static inline bool lists(const char *const *list, const char *word) {
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}
