// SPDX-License-Identifier: Apache-2.0
/*
 * The table of outcomes, made of the rows in outcome.h.
 *
 * Why a table: what is retried, benched, counted by the breaker and charged must agree in every place that asks, and a new
 * outcome must not be forgotten in one of them. Promises: a row for each value of the enum; anything else is a broken
 * invariant. Leaves to others: what a client is told (gateway/reject.c) and how an answer becomes an outcome (provider/).
 */
#include "scheduler/outcome.h"

#include "base/check.h"

static const struct outcome_row rows[OUTCOME_COUNT] = {
#define OUTCOME_ROW(name, label, retry, scope, seconds, weight, charge) \
    [name] = {label, retry, scope, seconds, weight, charge},
    OUTCOME_TABLE(OUTCOME_ROW)
#undef OUTCOME_ROW
};

bool outcome_find(struct span label, enum outcome *ret_outcome) {
    for (uint32_t i = 0; i < OUTCOME_COUNT; i++) {
        if (!span_is(label, rows[i].label))
            continue;
        *ret_outcome = (enum outcome)i;
        return true;
    }
    return false;
}

const struct outcome_row *outcome_row(enum outcome outcome) {
    check((unsigned)outcome < OUTCOME_COUNT);
    return &rows[outcome];
}
