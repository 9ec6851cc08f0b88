// SPDX-License-Identifier: Apache-2.0
/*
 * Looking things up in facts.
 *
 * Why without an index: the tables are constant, small (dozens of providers, some hundred models) and asked when a configuration
 * is read or a person asks, never while a request passes. Providers stand in the order of their ids, so that a binary search
 * finds them; models stand in the order of their file, which is for people.
 * Promises: pure, no allocation. Leaves to others: what follows from a fact (discover.c, limit_plan.c, the dialects).
 */
#include "catalog/facts.h"

#include "base/check.h"

const struct fact_provider *facts_provider(const struct facts *facts, struct span id) {
    uint32_t low = 0;
    uint32_t high = facts->provider_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = span_order(id, span_text(facts->providers[middle].id));
        if (order == 0)
            return &facts->providers[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct fact_model *facts_model(const struct facts *facts, struct span id) {
    for (uint32_t i = 0; i < facts->model_count; i++)
        if (span_is(id, facts->models[i].id))
            return &facts->models[i];
    return NULL;
}

static const struct {
    bool free, automatic;
} route_statuses[FACT_ROUTE_STATUS_COUNT] = {
#define ROW(name, word, free, automatic) [name] = {free, automatic},
    FACT_ROUTE_STATUS_TABLE(ROW)
#undef ROW
};

bool fact_route_free(enum fact_route_status status) {
    check(status < FACT_ROUTE_STATUS_COUNT);
    return route_statuses[status].free;
}

bool fact_route_automatic(enum fact_route_status status) {
    check(status < FACT_ROUTE_STATUS_COUNT);
    return route_statuses[status].automatic;
}
