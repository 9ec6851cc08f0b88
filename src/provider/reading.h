// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Numbers in the head of an answer: how much a provider allows, what is left and when it comes back; what the answer cost.
 *
 * What a field does not say is unknown, never 0. What it says wrongly (negative, too large, text, a reset that is past) counts as
 * not said; a rest above the limit and a reset beyond the window are cut. No allocation; called for every answer.
 */
#include "catalog/facts.h"
#include "provider/head.h"

#define READINGS_MAX 16

struct reading {
    enum limit_unit unit;
    bool any_unit;          /* `unit` says nothing */
    uint64_t window_ms;     /* 0 = any: told without a window */
    enum limit_scope scope; /* of the limit it tells about */
    bool has_limit, has_remaining, has_reset;
    uint64_t limit, remaining; /* neurons in thousandths, credit in millionths of a dollar */
    uint64_t reset_ms;         /* from now */
    bool reset_is_full; /* time until all is back (a bucket), not until the window begins anew */
};

/* Rows of one window gathered into one reading. Obeys the provider's rows; without rows that tell of limits (or without facts) the
 * names that many share: OpenAI's x-ratelimit-*, Anthropic's, RateLimit of the IETF in both its forms. Returns how many; at most
 * READINGS_MAX, the rest is left out. */
uint32_t reading_collect(const struct fact_provider *facts, struct signal_head head,
                         int64_t wall_ms, struct reading *ret_readings);
/* What this answer cost, by the provider's rows; false when no head field tells. */
bool reading_cost(const struct fact_provider *facts, struct signal_head head,
                  enum limit_unit *ret_unit, uint64_t *ret_amount);
