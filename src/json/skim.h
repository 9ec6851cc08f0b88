// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Members and elements of a container one after another, straight from its text: no index, so that the memory a text takes
 * does not grow with what is in it. For texts of millions of numbers, of which a few places are looked at.
 *
 * The text must have passed json_validate or json_parse; nothing is checked again. Spans point into it.
 */
#include "base/span.h"

struct json_skim {
    const char *at;
    const char *end;
};

/* The first byte that is no white space tells what a raw value is: '{', '[', '"', a digit or '-', t, f, n. */
char json_skim_type(struct span raw);
/* Of an object or array; anything else has no members. */
struct json_skim json_skim(struct span container);
/* ret_key: the name, escaped; absent in arrays. ret_value: raw. */
bool json_skim_next(struct json_skim *skim, struct span *ret_key, struct span *ret_value);
