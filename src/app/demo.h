// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * papi serve --demo: the built-in simulator as further providers, so that everything can be tried without a key or a network.
 */
#include "base/arena.h"
#include "config/config.h"
#include "mock/mock.h"

struct demo {
    struct mock *mock;     /* owned; NULL = not started */
    struct config *config; /* owned; its providers are the pool, its texts live as long */
    uint16_t port;
};

/* Starts the simulator on a free loopback port and says how its providers are asked. What hindered listening, or
 * ERR_NO_MEMORY. */
int demo_start(struct demo *demo) WARN_UNUSED;
void demo_stop(struct demo *demo); /* also one that was not started */
