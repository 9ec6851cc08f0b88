// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The members of an object that a reader knows, found in one pass. Names are compared after decoding, so that an escaped
 * name cannot pass as another; the first of two equal names counts.
 */
#include "json/json.h"

/* A name with its length worked out by the compiler. */
#define MEMBER_NAME(text) SPAN_LITERAL(text)

/* Sets ret_values[i] to the member called names[i]: absent when there is none, when it is null, or when `object` is no
 * object. Returns the second of two members of one known name, whatever its value; absent when there is none. */
struct json_value members_read(struct json_value object, const struct span *names, size_t count,
                               struct json_value *ret_values);
