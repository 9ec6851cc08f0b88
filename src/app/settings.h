// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Everything that a start reads: the configuration and the keys that are there without one. The same for `papi serve` and
 * `papi check`, so that what passes there starts here.
 */
#include "app/known.h"

struct settings {
    const char *path;                       /* of the configuration; NULL = none was found */
    struct config *config;                  /* owned */
    struct config_report report;            /* about the file at `path`, or the environment */
    struct config_credentials *credentials; /* owned */
    struct config_report keys_report;       /* about .env and variables of keys */
};

#define SETTINGS_DOTENV ".env"

/* Reads all, also where something is wrong, so that everything wrong is said at once. 0, or ERR_INVALID when the configuration
 * has errors; keys that cannot be used are left out and told in keys_report. facts NULL: no provider is known by name. */
int settings_read(struct settings *settings, const char *config_option, const struct facts *facts,
                  struct arena *arena) WARN_UNUSED;
void settings_free(struct settings *settings);
