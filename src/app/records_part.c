// SPDX-License-Identifier: Apache-2.0
/*
 * The store as a part of the running gateway.
 *
 * Promises: what is wrong with a disk or a database is a state of the store and a line in the log, never a reason not to start.
 * Leaves to others: the store itself (store/).
 */
#include "app/app_parts.h"

#include "obs/log.h"

int records_start(struct app *app) {
    struct store_config config;
    struct store_state state;
    const char *path = arena_format(&app->arena, "%s/papi.db", app->data_dir);
    if (path == NULL)
        return app_fail("not started: the data directory's name is too long");
    store_config_default(&config);
    config.path = path;
    config.loop_count = 1;
    int err = store_open(&config, &app->store);
    if (err < 0)
        return app_fail("not started: the store cannot be opened: %s", err_text(err));
    store_state(app->store, &state);
    if (state.condition == STORE_IS_DEGRADED)
        log_event(LOG_ERROR, "store.degraded", "reason=\"%s\"", state.reason);
    return 0;
}

void records_stop(struct app *app) {
    store_close(app->store);
    app->store = NULL;
}
