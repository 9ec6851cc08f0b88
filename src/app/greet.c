// SPDX-License-Identifier: Apache-2.0
/*
 * The start screen of this gateway.
 *
 * Promises: every name in it is one that can be typed. Leaves to others: rows (screen_rows.c), columns and lines (screen.c).
 */
#include "app/app_parts.h"
#include "app/screen_rows.h"
#include "obs/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define USUAL_URL "http://127.0.0.1:7274" /* where `papi chat` looks by itself */

/* What `make run` built is not in PATH: what was typed works again. A name that a shell would take apart is left out. */
static struct span called_as(void) {
    struct span name = span_text(program_invocation_name);
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && strchr("/._-+", name.ptr[i]) == NULL)
            return SPAN_NONE;
    return name;
}

void greet(struct app *app) {
    const struct listen_address *address = &app->address;
    const struct config *config = app->now->settings.config;
    struct arena *arena = &app->now->arena;
    bool v6 = strchr(address->host, ':') != NULL;
    const char *url = arena_format(arena, "http://%s%s%s:%u", v6 ? "[" : "", address->host,
                                   v6 ? "]" : "", address->port);
    struct screen screen = {
        .url = span_text(url),
        .usual_url = url != NULL && strcmp(url, USUAL_URL) == 0,
        .keys = config->auth == CONFIG_AUTH_KEYS,
        .network = !listen_address_is_loopback(address),
        .unencrypted = config->insecure_http,
        .program = called_as(),
        .config_path = config->file,
        .data_dir = span_text(app->data_dir),
        .ignored_config = span_absent(config->file) && access("papi.yaml", F_OK) == 0,
        .loops = app->loop_count,
        .demo_port = app->demo.port,
        .models = app->now->assembly.snapshot->model_count,
        .aliases = config->alias_count,
        .no_training = config->data_use == CONFIG_DATA_NO_TRAINING,
        .keyless_off = config->keyless == CONFIG_KEYLESS_OFF,
    };
    screen_take_pool(&screen, &app->now->assembly, arena);
    screen_take_servers(&screen, &app->now->servers, arena);
    screen_print(&screen);
    /* `papi serve | head` has gone by now: there is nothing more to say to it, and nothing wrong. */
    if (ferror(stdout) && freopen("/dev/null", "w", stdout) == NULL)
        log_event(LOG_WARN, "screen.not_shown", "error=\"%s\"", strerror(errno));
}
