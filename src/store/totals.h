// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Sums of what requests used, by minute and by who, where and how: what roll-ups are made of. For store/ alone.
 */
#include "store/record.h"

/* The names that tell totals apart. */
enum total_name {
    TOTAL_CLIENT,
    TOTAL_PROVIDER,
    TOTAL_ACCOUNT,
    TOTAL_MODEL,
    TOTAL_UPSTREAM,
    TOTAL_OUTCOME,
    TOTAL_COST_UNIT,
    TOTAL_NAMES
};
enum total_value {
    TOTAL_REQUESTS,
    TOTAL_ATTEMPTS,
    TOTAL_INPUT_TOKENS,
    TOTAL_OUTPUT_TOKENS,
    TOTAL_WAITED_MS,
    TOTAL_DURATION_MS,
    TOTAL_CHARGED_INPUT,
    TOTAL_CHARGED_OUTPUT,
    TOTAL_UP_FRONT_INPUT,
    TOTAL_UP_FRONT_OUTPUT,
    TOTAL_INPUTS,
    TOTAL_AUDIO_SECONDS,
    TOTAL_COST,
    TOTAL_VALUES
};

#define TOTAL_KEY_MAX_BYTES (TOTAL_NAMES * (1 + STORE_NAME_MAX_BYTES))
#define TOTALS_ROWS         256

/* Names packed one behind the other, each with its length before it. */
struct total_key {
    uint64_t hash;
    uint64_t minute_ms;
    uint32_t length;
    char bytes[TOTAL_KEY_MAX_BYTES];
};
struct total {
    struct total_key key;
    uint64_t values[TOTAL_VALUES];
    uint64_t latest_ms; /* when the latest of its requests came */
};

/* How many totals a request adds to: one for each attempt, one when there was none. */
uint32_t total_parts(const struct store_request *request);
void total_of(const struct store_request *request, uint32_t part, struct total *ret_total);
void total_key_set(struct total_key *key, uint64_t minute_ms, const struct span *names);
/* Borrowed from the key. */
void total_key_names(const struct total_key *key, struct span *ret_names);
bool total_key_same_names(const struct total_key *a, const struct total_key *b);
/* A name as it is kept: not longer than it may be, whole characters. */
struct span total_name_cut(struct span name);

/* A small table of totals. */
struct totals;
struct totals *totals_new(void);
void totals_free(struct totals *totals); /* NULL is fine */
void totals_clear(struct totals *totals);
/* False when there is no room: the caller empties it first. */
bool totals_add(struct totals *totals, const struct total *total) WARN_UNUSED;
uint32_t totals_count(const struct totals *totals);
const struct total *totals_at(const struct totals *totals, uint32_t index);
