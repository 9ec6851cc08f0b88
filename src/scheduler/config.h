// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the scheduler is configured with: plain tables by index, copied.
 *
 * An account here is one key. Accounts of one group (quota account) are counted together by their provider: a limit is one node
 * of the ledger, and the routes of all keys that share it name the same index.
 */
#include "catalog/limit.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULER_LIMITS_PER_ROUTE_MAX 16
#define SCHEDULER_AMOUNT_MAX           ((uint64_t)1 << 40)
#define SCHEDULER_WINDOW_MAX_MS        ((uint64_t)366 * 24 * 3600 * 1000)

struct scheduler_account {
    uint32_t provider;
    uint32_t group;           /* quota account; below group_count */
    uint32_t concurrency_max; /* 0 = none */
    bool remote;              /* grants come from a shared ledger */
    bool durable;             /* grants wait for durable marks */
    uint64_t key_mark; /* differs when the key does: a rest that only a new key ends is over then */
};

struct scheduler_route {
    uint32_t account;
    uint32_t model;
    const uint32_t *limits; /* borrowed for the call: indexes of the limits that it counts in */
    uint32_t limit_count;
    uint64_t unit_cost_input, unit_cost_output; /* millionths of a unit (neurons, credit) a token */
};

struct scheduler_past;

struct scheduler_config {
    const struct scheduler_account *accounts;
    const struct scheduler_route *routes;
    const struct catalog_limit *limits; /* labels are not needed */
    const uint32_t
        *limit_map; /* old limit -> the same one now, or UINT32_MAX; NULL = none goes on */
    const struct scheduler_past *past; /* charged before anybody is let go; NULL = nothing */
    uint32_t past_count;
    uint32_t account_count, route_count, provider_count, limit_count;
    uint32_t group_count;            /* 0 = every account is a group of its own */
    uint32_t attempts_max;           /* that cost quota or time; default 3 */
    uint32_t waiting_max;            /* queue places in all; default 4096 */
    uint32_t waiting_per_client_max; /* default 64, 0 = no bound (open mode) */
    uint64_t remote_timeout_ns;      /* a grant not answered by then counts as lost */
    uint64_t spread_ns; /* by how much ways to a provider differ in length; default 300 ms */
    uint64_t guard_ms;  /* around the resets of calendars; default 1 s */
};
void scheduler_config_default(struct scheduler_config *config);
