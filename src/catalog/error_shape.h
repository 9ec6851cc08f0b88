// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Where the words of an error stand in a body, in any of the shapes that providers use.
 */
#include "json/json.h"

struct error_shape {
    struct span message; /* escaped; absent when not found */
    struct span code;    /* escaped, or the text of a number; absent when not found */
    int status;          /* named inside; 0 when none */
};

/* Any JSON value that may tell of an error. */
struct error_shape error_shape_of(struct json_value body);
/* Message of a body that is no JSON: its text, escaped and cut; absent for a page of HTML and for nothing. */
struct span error_shape_plain(struct span body, struct arena *arena);
