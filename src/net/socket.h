// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Sockets without a loop: making them, and what the system's errors mean in ours. All are non-blocking and close-on-exec.
 */
#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>

/* ERR_SYSTEM (also: no descriptor left), ERR_UNSUPPORTED (no such address family). */
int socket_open(int family, int *ret_fd) WARN_UNUSED;
/* One connection from a listening socket: 0, ERR_NOT_FOUND (none waits), ERR_BUSY (no descriptor or memory left). */
int socket_accept(int listening_fd, int *ret_fd, struct sockaddr_storage *ret_peer) WARN_UNUSED;
void socket_set_no_delay(int fd);
/* Closing it will reset the connection. */
void socket_set_reset(int fd);
/* What a connected socket, or one being connected, failed with. */
int socket_error_class(int system_error);
int socket_connect_class(int system_error);
/* Length of the address by its family. */
socklen_t socket_address_len(const struct sockaddr_storage *address);
