// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The pool: from everything that was found (facts, configuration, keys, servers) to the snapshot that requests are routed by.
 */
#include "app/offer.h"
#include "catalog/snapshot.h"

struct assembly {
    struct catalog_snapshot *snapshot; /* ref of the caller */
    struct offers offers;              /* arena: all providers, used or not */
};

/* Problems are added to the report (the configuration's); ERR_INVALID when there are errors. Texts of the offers live in the arena
 * and in what the sources hold. */
int assemble(const struct offer_sources *sources, struct config *config,
             struct config_report *report, struct arena *arena,
             struct assembly *ret_assembly) WARN_UNUSED;
