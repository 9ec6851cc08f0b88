// SPDX-License-Identifier: Apache-2.0
/*
 * Reading the settings of a start.
 *
 * Order: the configuration first, since it may switch .env off. Errors of keys found by themselves do not stop a start (a variable
 * may be there for another program), but they are said, and `papi check` fails. Promises: touches files and the
 * environment, no network. Leaves to others: what becomes of it (configure.c).
 */
#include "app/settings.h"

#include <stdlib.h>

static const char *get_environment(void *context, const char *name) {
    (void)context;
    return getenv(name);
}

int settings_read(struct settings *settings, const char *config_option, const struct facts *facts,
                  struct arena *arena) {
    static const struct facts none = {.compiled = ""};
    const struct config_catalog catalog = known_catalog(facts != NULL ? facts : &none);
    const struct config_environment environment = {.get = get_environment, .catalog = &catalog};
    struct config_credentials_query query = {.environment = &environment};
    bool named;
    *settings = (struct settings){.path = config_find(config_option, &environment, arena, &named)};
    int err = config_load(settings->path, &environment, &settings->config, &settings->report);
    query.variable_count = known_variables(facts != NULL ? facts : &none, arena, &query.variables);
    query.dotenv_path = settings->config->dotenv ? SETTINGS_DOTENV : NULL;
    int keys_err = config_credentials_read(&query, &settings->credentials, &settings->keys_report);
    return err < 0 || keys_err == 0 || keys_err == ERR_INVALID ? err : keys_err;
}

void settings_free(struct settings *settings) {
    config_credentials_free(settings->credentials);
    config_free(settings->config);
    *settings = (struct settings){.path = NULL};
}
