// SPDX-License-Identifier: Apache-2.0
/*
 * Translating between a request's snapshot and the scheduler's.
 *
 * Nearly always both are the same and nothing is done. After a reload the requests of a moment bring the numbers of the snapshot before,
 * whose map is kept; one that brings an older one pays for a map of its own. The snapshot before is known by its address and version, no
 * two of which are alike, so that it and its keys go with the last request that took it. Promises: a number never means another thing than
 * it meant to who brought it. Leaves to others: what is the same (catalog/map.c), what moves along (scheduler).
 */
#include "gateway/numbering.h"

#include "base/mem.h"

static void lead_from(struct numbering *numbering, const struct catalog_snapshot *before) {
    catalog_map_free(&numbering->map);
    numbering->before = before;
    numbering->before_version = before->version;
    catalog_map_make(before, numbering->now, &numbering->map);
}

const struct catalog_map *numbering_move(struct numbering *numbering,
                                         struct catalog_snapshot *now) {
    struct catalog_snapshot *before = numbering->now;
    numbering->now = catalog_ref(now);
    if (before == NULL)
        return NULL;
    lead_from(numbering, before);
    catalog_unref(before);
    return &numbering->map;
}

void numbering_free(struct numbering *numbering) {
    catalog_map_free(&numbering->map);
    catalog_unref(numbering->now);
    *numbering = (struct numbering){0};
}

const struct catalog_map *numbering_from(struct numbering *numbering, struct catalog_snapshot *of) {
    if (of == numbering->now)
        return NULL;
    if (of != numbering->before || of->version != numbering->before_version)
        lead_from(numbering, of);
    return &numbering->map;
}

static uint32_t moved(const uint32_t *map, uint32_t count, uint32_t index) {
    return index < count ? map[index] : CATALOG_GONE;
}

const struct demand *numbering_demand(struct numbering *numbering, struct catalog_snapshot *of,
                                      const struct demand *demand, struct demand *room) {
    const struct catalog_map *map = numbering_from(numbering, of);
    if (map == NULL)
        return demand;
    *room = *demand;
    for (uint32_t i = 0; i < room->candidate_count; i++)
        room->candidates[i] = moved(map->routes, map->route_count, room->candidates[i]);
    return room;
}

void numbering_rows(struct numbering *numbering, struct catalog_snapshot *of,
                    struct scheduler_candidate *rows, uint32_t count) {
    const struct catalog_map *map = numbering_from(numbering, of);
    for (uint32_t i = 0; i < count && map != NULL; i++)
        if (rows[i].limit != LIMIT_NONE)
            rows[i].limit = catalog_map_back(map->limits, map->limit_count, rows[i].limit);
}
