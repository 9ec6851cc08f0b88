// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Golden files: cases as people read them, sections of text under a name.
 *
 *   === name of a case
 *   == section     one of the names given; its text goes to the next heading, without empty lines at its end
 * What stands before the first section of a case is a comment.
 */
#include "base/span.h"

#define GOLDEN_SECTIONS_MAX 8

struct golden_case {
    const char *file; /* "groq.txt" */
    char name[128];
    struct span sections[GOLDEN_SECTIONS_MAX]; /* absent when not given */
};

/* Runs all cases of all *.txt of a folder of tests/golden ("" = itself), in the order of their names; returns how many there were.
 * Fails the test on a file that cannot be read or a section of another name. `names` ends in NULL. */
unsigned golden_run(const char *folder, const char *const *names,
                    void (*run)(void *context, const struct golden_case *golden), void *context);
/* Whether a section is as expected (a section that is not given expects nothing); prints both when it is not. Empty lines at the
 * end of `actual` do not count. */
bool golden_expect(const struct golden_case *golden, const char *what, struct span expected,
                   struct span actual);
