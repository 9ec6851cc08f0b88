// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The admin plane of a running gateway: what it is told about its place, and the socket papi.sock in the data directory.
 */
#include "admin/admin.h"

#define ADMIN_SOCKET "papi.sock"

struct admin_place {
    const char *data_dir;    /* borrowed, as all */
    const char *config_file; /* NULL = none */
    const struct listen_address *address;
    bool keys_mode;
};

struct admin_plane {
    struct admin admin;
    char listen[80];   /* "127.0.0.1:7274" */
    char *socket_path; /* owned */
};

/* Before gateway_new: adds the endpoints. `app` is handed to the hooks. */
void admin_plane_join(struct admin_plane *plane, struct gateway_config *config, void *app);
/* Before the loops run: tells it where it is, and opens the socket on loop 0. Returns what listener_open_unix does. */
int admin_plane_start(struct admin_plane *plane, const struct admin_place *place,
                      struct gateway_loop *home) WARN_UNUSED;
/* After the loops have ended. */
void admin_plane_stop(struct admin_plane *plane);
