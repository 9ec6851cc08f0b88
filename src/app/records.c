// SPDX-License-Identifier: Apache-2.0
/*
 * The store of a running gateway, from the settings to the end.
 *
 * Why here: config knows no store and the store knows no config. Promises: every setting of `store` arrives; what a disk does
 * wrong is told once in the log and keeps nobody from being served. Leaves to others: charging limits with what is remembered
 * (seed.c), what is recorded (gateway/record.c).
 */
#include "app/records.h"

#include "app/app_parts.h"
#include "app/configure.h"
#include "obs/log.h"
#include "store/store.h"

#define DAY_MS (24 * 3600 * (uint64_t)1000)

/* Whole days, rounded up: nothing goes earlier than was asked for. */
static uint32_t days_of(uint64_t ms) {
    return (uint32_t)((ms + DAY_MS - 1) / DAY_MS);
}

static struct store_keep keep_of(const struct config *config) {
    return (struct store_keep){.requests_days = days_of(config->keep_requests_ms),
                               .minutes_days = days_of(config->keep_minutes_ms),
                               .hours_days = days_of(config->keep_hours_ms),
                               .days_days = days_of(config->keep_days_ms)};
}

static void tell_state(struct store *store) {
    struct store_state state;
    store_state(store, &state);
    if (state.set_aside[0] != '\0')
        log_event(LOG_ERROR, "store.damaged", "set_aside=%s", state.set_aside);
    if (state.condition == STORE_IS_DEGRADED)
        log_event(LOG_ERROR, "store.degraded", "reason=\"%s\"", state.reason);
}

int records_start(struct app *app) {
    const struct config *config = app->now->settings.config;
    struct store_config store_config;
    struct gateway_config gateway_config;
    struct store_url url;
    int err = store_url_parse(config->store_url, app->data_dir, &url);
    if (err == 0 && url.kind == STORE_OFF)
        return 0;
    configure_gateway(config, &gateway_config);
    store_config_default(&store_config);
    store_config.path = url.path;
    store_config.loop_count = gateway_config.loop_count;
    store_config.keep = keep_of(config);
    if (err == 0)
        err = store_open(&store_config, &app->store);
    if (err < 0)
        return app_fail("not started: the store %.*s cannot be set up: %s; `store: {url: off}` "
                        "goes without",
                        SPAN_ARG(config->store_url), err_text(err));
    tell_state(app->store);
    return 0;
}

/* After the loops: the last request was recorded. */
void records_stop(struct app *app) {
    store_close(app->store);
    app->store = NULL;
}

void records_keep(struct store *store, const struct config *config) {
    const struct store_keep keep = keep_of(config);
    store_set_keep(store, &keep);
}
