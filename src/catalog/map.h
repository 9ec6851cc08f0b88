// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What of one snapshot is the same thing in another: by names and keys, since indexes move with every configuration.
 *
 * A route is (key, model at the provider, model here); a key is itself, and one that was replaced is followed by the one that came in its
 * place in the same account. A limit is the same when it has the same unit, shape, window and scope over a route that goes on; its amount
 * may differ. Pure.
 */
#include "catalog/snapshot.h"

#define CATALOG_GONE UINT32_MAX

struct catalog_map {
    uint32_t *accounts; /* owned: old index to new one, or CATALOG_GONE; no two lead to the same */
    uint32_t *routes;
    uint32_t *limits;
    uint32_t account_count, route_count, limit_count; /* of the old snapshot */
};

void catalog_map_make(const struct catalog_snapshot *from, const struct catalog_snapshot *to,
                      struct catalog_map *ret_map);
void catalog_map_free(struct catalog_map *map); /* also one that is all zero */
/* Backwards: the old index that leads to `index`, or CATALOG_GONE. */
uint32_t catalog_map_back(const uint32_t *map, uint32_t count, uint32_t index);
