// SPDX-License-Identifier: Apache-2.0
/*
 * Reading everything that a reload replaces: configuration, .env, keys, servers of this machine, and the pool made of them.
 *
 * Why one object: a start and a reload read the same in the same way, and what was read together is thrown away together. Promises:
 * what is in use is not touched by reading anew. Leaves to others: what becomes of it (loops.c at the start, reload.c later), and
 * saying at a start what is wrong is done here too, since it is the same for all of it.
 */
#include "app/app_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "obs/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADED_ARENA_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define REPORT_MAX_BYTES       ((size_t)256 * 1024)

struct loaded *loaded_new(void) {
    struct loaded *loaded = mem_zalloc(sizeof *loaded);
    loaded->version = 1;
    loaded->loaded_at_ms = clock_wall_ms();
    arena_init(&loaded->arena, NULL, 0, LOADED_ARENA_MAX_BYTES);
    return loaded;
}

void loaded_free(struct loaded *loaded) {
    if (loaded == NULL)
        return;
    catalog_unref(loaded->assembly.snapshot);
    vault_contents_unref(loaded->vault);
    local_servers_free(&loaded->servers);
    settings_free(&loaded->settings);
    arena_reset(&loaded->arena);
    mem_free(loaded);
}

const char *loaded_name(const struct loaded *loaded) {
    return loaded->settings.path != NULL ? loaded->settings.path : "environment";
}

/* The address in use, once there is one; the file's own is judged where it is read. After a change of `auth` strangers must not find
 * themselves in open mode at an address that stays open. */
static const char *refuse_address(struct loaded *loaded, const struct app *app) {
    const char *text = address_text(&loaded->arena, &app->address);
    return app->address.host[0] != '\0'
               ? config_listen_refused(loaded->settings.config, span_text(text))
               : NULL;
}

int load_settings(struct loaded *loaded, const struct app *app) {
    struct settings *settings = &loaded->settings;
    int err = settings_read(settings, app->options->config_path, known_facts, &loaded->arena);
    const char *why = err == 0 ? refuse_address(loaded, app) : NULL;
    if (why == NULL)
        return err;
    config_report_error(settings->config, &settings->report, (struct config_place){0, 0},
                        "the address that is listened on %s", why);
    return ERR_INVALID;
}

int load_pool(struct loaded *loaded, const struct app *app, struct config_report *ret_report) {
    struct config *config = loaded->settings.config;
    if (config->local_servers == CONFIG_LOCAL_AUTO)
        local_servers_find(&loaded->servers, getenv("PAPI_LOCAL_PORTS"), app->address.port);
    if (app->vault != NULL && loaded->vault == NULL)
        loaded->vault = vault_get(app->vault);
    const struct offer_sources sources = {.facts = known_facts,
                                          .config = config,
                                          .credentials = loaded->settings.credentials,
                                          .vault = loaded->vault,
                                          .servers = &loaded->servers,
                                          .demo = app->demo.config,
                                          .version = loaded->version};
    return assemble(&sources, config, ret_report, &loaded->arena, &loaded->assembly);
}

/* --- at the start --- */

static void tell_report(const struct config_report *report, const char *name) {
    struct dynbuf text;
    dynbuf_init(&text, REPORT_MAX_BYTES);
    if (config_report_write(report, name, &text) == 0 && text.len > 0)
        (void)fwrite(dynbuf_span(&text).ptr, 1, text.len, stderr);
    dynbuf_done(&text);
}

/* The command that shows the same errors: of the same file. */
static int refuse_config(const struct config_report *report, const struct app_options *options) {
    const char *path = options->config_path;
    return app_fail("not started: the configuration has %u error%s; `papi check%s%s` shows %s",
                    report->errors, report->errors == 1 ? "" : "s",
                    path != NULL ? " --config " : "", path != NULL ? path : "",
                    report->errors == 1 ? "it" : "them");
}

void loaded_configure_log(const struct loaded *loaded) {
    const struct config *config = loaded->settings.config;
    static const char *const levels[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    enum log_level least = LOG_INFO;
    for (size_t i = 0; i < array_length(levels); i++)
        if (span_is(config->log_level, levels[i]))
            least = (enum log_level)i;
    log_configure(least, span_is(config->log_format, "json") ? LOG_JSON : LOG_TEXT);
}

int log_begin(struct app *app) {
    struct span file = app->now->settings.config->log_file;
    loaded_configure_log(app->now);
    if (log_set_file(file.ptr) < 0)
        return app_fail("not started: the log file %.*s cannot be opened: %s", SPAN_ARG(file),
                        strerror(errno));
    log_start();
    return 0;
}

void log_end(struct app *app) {
    (void)app;
    log_stop();
}

int settings_start(struct app *app) {
    app->now = loaded_new();
    const struct settings *settings = &app->now->settings;
    int err = load_settings(app->now, app);
    tell_report(&settings->report, loaded_name(app->now));
    tell_report(&settings->keys_report, SETTINGS_DOTENV);
    if (err < 0)
        return refuse_config(&settings->report, app->options);
    const char *option = app->options->listen;
    const char *why =
        option != NULL ? config_listen_refused(settings->config, span_text(option)) : NULL;
    return why != NULL ? app_fail("not started: --listen %s %s", option, why) : 0;
}

void settings_stop(struct app *app) {
    loaded_free(app->now);
    app->now = NULL;
}

int pool_start(struct app *app) {
    struct config_report report = {0};
    int err = load_pool(app->now, app, &report);
    tell_report(&report, loaded_name(app->now));
    return err < 0 ? refuse_config(&report, app->options) : 0;
}
