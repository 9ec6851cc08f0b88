// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From limits as the catalog or a configuration states them to the limits of a snapshot: which requests share one count.
 *
 * A planner belongs to one builder. Asked for each route, it finds or makes the limits that the route is under: one for an account, one
 * for each model of it, one for an address, and so on. What is not published becomes what product rules say: one request at a
 * time, one per second.
 */
#include "catalog/snapshot.h"

#define LIMIT_ROUTE_MAX 16 /* limits over one route */

struct limit_planner;

/* Whose route it is. */
struct limit_subject {
    uint32_t provider, group, account; /* indexes in the builder */
    const struct fact_provider *facts;
    struct span plan;     /* of the group; "" = the provider's default */
    struct span upstream; /* model id at the provider */
    struct span task;     /* "chat", "embed", ... */
    bool has_key;
    uint32_t row; /* limit_plan_stated: place of the limit in its list */
};

struct limit_planner *limit_planner_new(struct catalog_builder *builder);
void limit_planner_free(struct limit_planner *planner);
/* Limits the facts state for a route. ERR_TOO_LARGE beyond LIMIT_ROUTE_MAX; ERR_NOT_FOUND: a zone nobody knows. */
int limit_plan_facts(struct limit_planner *planner, const struct limit_subject *subject,
                     uint32_t *ret_limits, uint32_t *count) WARN_UNUSED;
/* A limit the operator states; subject->row tells rows apart. */
int limit_plan_stated(struct limit_planner *planner, const struct limit_subject *subject,
                      const struct catalog_limit *stated, uint32_t *ret_limits,
                      uint32_t *count) WARN_UNUSED;
