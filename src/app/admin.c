// SPDX-License-Identifier: Apache-2.0
/*
 * The admin plane of a running gateway: what it is told about its place, and the socket papi.sock in the data directory.
 *
 * The socket is opened under the lock of the data directory, so what an earlier run left there can be removed without asking.
 * Promises: nobody but the owner of this process and root is let in. Leaves to others: endpoints (admin/), the lock (data_dir.c).
 */
#include "app/app_parts.h"

#include "app/reload.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/handover.h"

#include <sys/stat.h>

struct asked {
    struct reload_wish wish;
    struct admin_reload *reload; /* borrowed */
};

static void on_reloaded(struct reload_wish *wish, int err, uint64_t version, struct span report) {
    struct asked *asked = container_of(wish, struct asked, wish);
    asked->reload->done(asked->reload, err, version, report);
    mem_free(asked);
}

static void reload_for_admin(void *app, struct admin_reload *reload) {
    struct asked *asked = mem_zalloc(sizeof *asked);
    list_init(&asked->wish.node);
    asked->reload = reload;
    asked->wish.done = on_reloaded;
    app_reload(app, &asked->wish);
}

/* Before the loops run: what stays as it is, since they read it without asking. */
static void begin(struct app *app) {
    struct admin *admin = &app->admin;
    admin->started_ms = clock_wall_ms();
    admin->started_ns = clock_boot_ns();
    admin->app = app;
    admin->data_dir = app->data_dir;
    admin->store = app->store;
    admin->vault = app->vault;
    admin->board = app->board;
    admin->facts = known_facts;
    admin->reload = reload_for_admin;
}

/* At the start and for each configuration after it. */
void admin_join(struct app *app, struct gateway_config *config) {
    struct admin *admin = &app->admin;
    if (admin->app == NULL)
        begin(app);
    atomic_store(&admin->keys_mode, config->access.keys);
    atomic_store(&admin->config_loaded_ms, clock_wall_ms());
    config->more_endpoints = admin_parts;
    config->more_endpoint_parts = admin_part_count;
    config->more_context = admin;
}

/* What the admin plane tells of this process lives as long as it, whatever is reloaded. */
static int describe(struct app *app) {
    const char *path = app->now->settings.path;
    const char *listen = address_text(&app->arena, &app->address);
    if (path != NULL)
        app->admin.config_file = arena_format(&app->arena, "%s", path);
    if (listen == NULL || (path != NULL && app->admin.config_file == NULL))
        return ERR_TOO_LARGE;
    app->admin.listen[0] = listen;
    app->admin.listen_count = 1;
    return 0;
}

/* The socket of the process before, as long as its name still leads to one. */
static int open_socket(struct app *app, const char *path) {
    struct stat found;
    int fd = app->heir.owner_fd;
    if (fd < 0 || lstat(path, &found) < 0 || !S_ISSOCK(found.st_mode))
        return gateway_loop_listen_owner(app->loops[0].home, path);
    app->heir.owner_fd = -1;
    return gateway_loop_adopt_owner(app->loops[0].home, fd);
}

int admin_start(struct app *app) {
    provider_rows_publish(app, app->now);
    const char *path = arena_format(&app->arena, "%s/" ADMIN_SOCKET, app->data_dir);
    int err = path != NULL ? describe(app) : ERR_TOO_LARGE;
    if (err == 0)
        err = open_socket(app, path);
    if (err == ERR_TOO_LARGE)
        return app_fail("not started: the path %s/" ADMIN_SOCKET
                        " is longer than the %zu bytes that a socket's may have; give a shorter "
                        "directory with --data DIR",
                        app->data_dir, LISTENER_UNIX_PATH_MAX_BYTES);
    if (err < 0)
        return app_fail("not started: the socket %s cannot be opened: %s", path, err_text(err));
    return 0;
}
