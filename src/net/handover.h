// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Messages with descriptors between two processes of one user on one machine (unix(7), SOCK_SEQPACKET, SCM_RIGHTS). Blocking, for threads
 * that may wait; everything has a deadline.
 */
#include "base/err.h"
#include "base/span.h"

#include <stdint.h>

#define HANDOVER_MESSAGE_MAX_BYTES ((size_t)32 * 1024)
#define HANDOVER_DESCRIPTORS_MAX   ((uint32_t)128)
#define HANDOVER_ADDRESS_MAX_BYTES ((size_t)107)

struct handover_message {
    char text[HANDOVER_MESSAGE_MAX_BYTES + 1]; /* ends with a NUL */
    size_t length;
    int descriptors[HANDOVER_DESCRIPTORS_MAX]; /* owned by whoever received them */
    uint32_t descriptor_count;
};

/* A listening socket at `path`, mode 0600; what is there from before is removed. ERR_TOO_LARGE, ERR_PERMISSION, ERR_SYSTEM. */
int handover_listen(const char *path, int *ret_fd) WARN_UNUSED;
/* One that connected, of the same user or root; ERR_NOT_FOUND: nobody within the time, or somebody else. */
int handover_accept(int listening_fd, uint64_t wait_ms, int *ret_fd, int *ret_pid) WARN_UNUSED;
/* ERR_NOT_FOUND: nobody listens there. */
int handover_connect(const char *path, int *ret_fd, int *ret_pid) WARN_UNUSED;
/* The text of the message and its descriptors, which stay the caller's too. */
int handover_send(int fd, const struct handover_message *message) WARN_UNUSED;
/* ERR_EOF: the other one has gone; ERR_IDLE_TIMEOUT. */
int handover_receive(int fd, uint64_t wait_ms, struct handover_message *ret_message) WARN_UNUSED;
void handover_close(int fd); /* -1 is fine */
