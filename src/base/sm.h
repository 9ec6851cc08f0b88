// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Checked state machines: a table names each state and the states it may move to; a move outside the table is a broken
 * invariant. Used by gateway/request and gateway/attempt.
 */
#include "base/check.h"

#include <stdint.h>

struct sm_state {
    const char *name;
    uint64_t allowed_next; /* bit per state */
    const char *why;       /* one line for docs and traces */
};

#define SM_BIT(state) ((uint64_t)1 << (state))

struct sm {
    const struct sm_state *table; /* borrowed, static */
    unsigned state;
};

static inline void sm_init(struct sm *sm, const struct sm_state *table, unsigned initial) {
    sm->table = table;
    sm->state = initial;
}

static inline void sm_move(struct sm *sm, unsigned next) {
    check((sm->table[sm->state].allowed_next & SM_BIT(next)) != 0);
    sm->state = next;
}

static inline const char *sm_name(const struct sm *sm) {
    return sm->table[sm->state].name;
}
