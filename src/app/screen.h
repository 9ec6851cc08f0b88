// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The start screen: one screen that tells where PAPI listens, what it found, who may see prompts, what to set to get more. */
#include "config/config.h"
#include "net/listener.h"

struct screen {
    const struct config *config;
    const struct listen_address *address;
    const char *data_dir;
    uint32_t loops;
    uint32_t model_count;
};
void screen_print(const struct screen *screen);
