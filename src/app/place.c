// SPDX-License-Identifier: Apache-2.0
/*
 * Where a gateway lives: its data directory, its address, and the simulator beside it.
 *
 * Promises: each thing that is taken or forbidden is one line that says what to do. Leaves to others: the directory itself
 * (data_dir.c), listening (loops.c).
 */
#include "app/app_parts.h"
#include "app/data_dir.h"
#include "obs/log.h"

#include <errno.h>
#include <string.h>

int place_start(struct app *app) {
    app->data_dir = data_dir_find(app->options->data_dir, &app->arena);
    if (app->data_dir == NULL)
        return app_fail(
            "not started: without HOME the data directory must be given: --data DIR or PAPI_DATA");
    heir_take_environment(app);
    int err = heir_begin(app);
    if (err < 0 || app->heir.fd >= 0)
        return err; /* the lock comes when everything else is there */
    err = data_dir_lock(app->data_dir, &app->lock_fd);
    if (err == ERR_BUSY)
        return app_fail("not started: another papi serves %s; stop it, take over from it with "
                        "--upgrade, or give this one a directory of its own with --data DIR",
                        app->data_dir);
    if (err < 0)
        return app_fail(
            "not started: the data directory %s cannot be used: %s; give another with --data DIR",
            app->data_dir, err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    return 0;
}

void place_stop(struct app *app) {
    if (app->lock_fd >= 0)
        data_dir_unlock(app->lock_fd);
    app->lock_fd = -1;
}

const char *address_text(struct arena *arena, const struct listen_address *address) {
    bool v6 = strchr(address->host, ':') != NULL;
    return arena_format(arena, "%s%s%s:%u", v6 ? "[" : "", address->host, v6 ? "]" : "",
                        address->port);
}

/* It listens already, whatever the configuration says. */
static int use_handed_socket(struct app *app) {
    struct listen_address wanted = app->address;
    const char *text, *why;
    if (listen_address_of(app->heir.sockets[0], &app->address) < 0)
        return app_fail("not started: descriptor %d, which was handed over to listen on, is no "
                        "listening TCP socket",
                        app->heir.sockets[0]);
    text = address_text(&app->arena, &app->address);
    why = config_listen_refused(app->now->settings.config, span_text(text));
    if (why != NULL)
        return app_fail("not started: the address %s, which was handed over to listen on, %s", text,
                        why);
    if (wanted.port != 0 &&
        (wanted.port != app->address.port || strcmp(wanted.host, app->address.host) != 0))
        log_event(LOG_WARN, "listen.kept",
                  "handed=%s port=%u configured=%s:%u cure=\"the new address needs a restart\"",
                  app->address.host, app->address.port, wanted.host, wanted.port);
    return 0;
}

int address_start(struct app *app) {
    const char *option = app->options->listen;
    struct span text = option != NULL ? span_text(option) : app->now->settings.config->listen;
    if (listen_address_parse(text, &app->address) < 0)
        return app_fail(
            "not started: '%.*s' is no address to listen on; use for example 127.0.0.1:7274",
            SPAN_ARG(text));
    if (app->heir.socket_count > 0)
        return use_handed_socket(app);
    int err = listener_probe(&app->address, &app->probe_fd);
    if (err == ERR_ADDRESS_IN_USE)
        return app_fail("not started: %.*s is taken by another program; stop it, or choose "
                        "another port with --listen 127.0.0.1:PORT "
                        "(0 = any free one)",
                        SPAN_ARG(text));
    if (err < 0)
        return app_fail("not started: cannot listen on %.*s: %s", SPAN_ARG(text), err_text(err));
    return 0;
}

void address_stop(struct app *app) {
    if (app->probe_fd >= 0)
        listener_probe_done(app->probe_fd);
    app->probe_fd = -1;
}

int simulator_start(struct app *app) {
    int err = app->options->demo ? demo_start(&app->demo) : 0;
    if (err < 0)
        return app_fail("not started: the simulated providers of --demo cannot be played: %s",
                        err_text(err));
    return 0;
}

void simulator_stop(struct app *app) {
    demo_stop(&app->demo);
}
