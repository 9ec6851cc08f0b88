// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A look at a database from outside, whoever has it open: is it there, can it be read, is it whole. Changes nothing.
 */
#include "base/err.h"

#include <stdint.h>

#define STORE_LOOK_SECONDS 5 /* a database that takes longer is told as not looked through */

enum store_sight {
    STORE_SIGHT_WHOLE,
    STORE_SIGHT_ABSENT,
    STORE_SIGHT_PARTLY, /* what was looked at in time is whole */
    STORE_SIGHT_DAMAGED,
    STORE_SIGHT_UNREADABLE /* or locked, or no database */
};

struct store_look {
    enum store_sight sight;
    uint32_t sealed_keys; /* of providers, that lie in it; 0 where that cannot be told */
    char says[160];       /* SQLite's words; "" when there is nothing to add */
};

/* `deadline_ns`: of clock_mono_ns. */
void store_look(const char *path, uint64_t deadline_ns, struct store_look *ret);
