// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Rows of the start screen from the assembled pool. All rows are put into the arena and borrow texts of where they come from. */
#include "app/assemble.h"
#include "app/screen.h"

/* Everybody: used with a key or by the configuration, used without a key, not used although a key is there, and what to set. */
void screen_take_pool(struct screen *screen, const struct assembly *assembly, struct arena *arena);
void screen_take_servers(struct screen *screen, const struct local_servers *servers,
                         struct arena *arena);
