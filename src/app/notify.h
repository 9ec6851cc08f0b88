// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Words to the service manager that started this process (sd_notify(3)); without one they go nowhere. */
#include "base/err.h"

#include <stdint.h>

struct app;

/* "READY=1\nSTATUS=..." and the like. */
void notify_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* Once loops run: a sign of life from all of them as often as the manager wants it (WATCHDOG_USEC). */
void notify_watch(struct app *app);
void notify_unwatch(struct app *app);
