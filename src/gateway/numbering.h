// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Whose numbers are whose: the scheduler counts in the newest snapshot, a request in the one it took at accept, and for a moment after a
 * new configuration these are two.
 *
 * Owned by the desk, under its lock.
 */
#include "catalog/map.h"
#include "scheduler/demand.h"
#include "scheduler/look.h"

struct numbering {
    struct catalog_snapshot
        *now; /* ref: what the scheduler's numbers mean; NULL before the first */
    /* Where `map` leads from, NULL = nowhere: by its address and version, not kept alive, since it holds keys that may be replaced. */
    const struct catalog_snapshot *before;
    uint64_t before_version;
    struct catalog_map map; /* owned */
};

/* The map from the last snapshot to this one, which is the newest from now on; NULL at the first. Valid until the next call here. */
const struct catalog_map *numbering_move(struct numbering *numbering, struct catalog_snapshot *now);
void numbering_free(struct numbering *numbering);

/* NULL: `of` is the newest itself. Any other is mapped, also one of long ago. */
const struct catalog_map *numbering_from(struct numbering *numbering, struct catalog_snapshot *of);
/* The demand in the newest numbers, in *room when they differ; candidates that have gone are no routes. */
const struct demand *numbering_demand(struct numbering *numbering, struct catalog_snapshot *of,
                                      const struct demand *demand, struct demand *room);
/* Limits named in the rows, back in the numbers of `of`. */
void numbering_rows(struct numbering *numbering, struct catalog_snapshot *of,
                    struct scheduler_candidate *rows, uint32_t count);
