// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Members that routes refuse, as one loop has learned them: left out from the start, so that each is refused once and not once a
 * request. Forgotten with the configuration that the routes belong to.
 */
#include "dialect/dialect.h"

#define LEFT_OUT_ROUTES_MAX     64 /* the oldest makes room */
#define LEFT_OUT_NAMES_MAX      4  /* of a route; further ones are not remembered */
#define LEFT_OUT_NAME_MAX_BYTES 80 /* longer ones neither */

_Static_assert(LEFT_OUT_NAMES_MAX < DIALECT_STRIPS_MAX, "and one that the request itself learned");

struct left_out_row;

struct left_out {              /* all zero is empty */
    struct left_out_row *rows; /* owned; NULL until there is something to remember */
    uint64_t version;          /* of the snapshot */
    uint32_t count, next;
};

void left_out_done(struct left_out *table);
void left_out_learn(struct left_out *table, uint64_t version, uint32_t route, struct span name);
/* Adds what the route is known to refuse, in spans that hold until the next left_out_learn. */
void left_out_add(const struct left_out *table, uint64_t version, uint32_t route,
                  struct dialect_strips *strips);
