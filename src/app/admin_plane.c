// SPDX-License-Identifier: Apache-2.0
/*
 * The admin plane of a running gateway.
 *
 * The socket is opened under the lock of the data directory, so what an earlier run left there can be removed without asking.
 * Promises: nobody but the owner of this process and root is let in. Leaves to others: endpoints (admin/), the lock (data_dir.c).
 */
#include "app/admin_plane.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

void admin_plane_join(struct admin_plane *plane, struct gateway_config *config, void *app) {
    uint64_t now_ms = clock_wall_ms();
    plane->admin = (struct admin){.app = app, .started_ms = now_ms, .config_loaded_ms = now_ms};
    config->more_endpoints = admin_parts;
    config->more_endpoint_parts = admin_part_count;
    config->more_context = &plane->admin;
}

int admin_plane_start(struct admin_plane *plane, const struct admin_place *place,
                      struct gateway_loop *home) {
    bool v6 = strchr(place->address->host, ':') != NULL;
    (void)snprintf(plane->listen, sizeof plane->listen, "%s%s%s:%u", v6 ? "[" : "",
                   place->address->host, v6 ? "]" : "", place->address->port);
    plane->admin.data_dir = place->data_dir;
    plane->admin.config_file = place->config_file;
    plane->admin.listen[0] = plane->listen;
    plane->admin.listen_count = 1;
    plane->admin.keys_mode = place->keys_mode;
    size_t length = strlen(place->data_dir) + sizeof "/" ADMIN_SOCKET;
    plane->socket_path = mem_alloc(length);
    (void)snprintf(plane->socket_path, length, "%s/%s", place->data_dir, ADMIN_SOCKET);
    return gateway_loop_listen_owner(home, plane->socket_path);
}

void admin_plane_stop(struct admin_plane *plane) {
    mem_free(plane->socket_path);
    plane->socket_path = NULL;
}
