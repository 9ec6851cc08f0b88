// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Rows of the start screen from what others know. All rows are put into the arena and borrow texts of where they come from. */
#include "app/local_servers.h"
#include "app/screen.h"
#include "config/config.h"

/* The providers that the configuration names and does not switch off. */
void screen_take_config(struct screen *screen, const struct config *config, struct arena *arena);
void screen_take_servers(struct screen *screen, const struct local_servers *servers,
                         struct arena *arena);
