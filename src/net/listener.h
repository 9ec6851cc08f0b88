// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Listening sockets. Rule (docs/architecture.md, Threads): one probe bind without SO_REUSEPORT, so that a port taken by
 * another program is an error, then one socket with it for each loop.
 */
#include "net/stream.h"

struct listener;

/* "127.0.0.1:7274", "[::1]:0", "localhost:80" (loopback names only, no DNS): parsed, not yet bound. */
struct listen_address {
    char host[64]; /* numeric, without brackets */
    uint16_t port;
};
int listen_address_parse(struct span text, struct listen_address *ret_address) WARN_UNUSED;
bool listen_address_is_loopback(const struct listen_address *address);

/* Binds the probe socket and keeps it until listener_probe_done, so that port 0 becomes one number for all loops.
 * ERR_ADDRESS_IN_USE, ERR_PERMISSION, ERR_ADDRESS_INVALID, ERR_SYSTEM. */
int listener_probe(struct listen_address *address, int *ret_fd) WARN_UNUSED;
void listener_probe_done(int fd);

/* on_accept owns the stream (set a handler, then stream_start). TCP_NODELAY is set. */
int listener_open(struct loop *loop, const struct listen_address *address,
                  void (*on_accept)(void *context, struct stream *stream), void *context,
                  struct listener **ret_listener) WARN_UNUSED;
/* On a socket that was bound and listens already: handed over by another process, or by systemd. Takes the descriptor over, also on an
 * error. One of a Unix socket is kept by the rules of listener_open_unix. ERR_TYPE: it is no listening stream socket. */
int listener_adopt(struct loop *loop, int fd,
                   void (*on_accept)(void *context, struct stream *stream), void *context,
                   struct listener **ret_listener) WARN_UNUSED;
int listener_descriptor(const struct listener *listener); /* borrowed */
bool listener_is_unix(int fd);
/* Where a handed socket listens. ERR_TYPE: it does not. */
int listen_address_of(int fd, struct listen_address *ret_address) WARN_UNUSED;
/* A Unix socket of mode 0600 at `path`. A socket that an earlier run left there is removed: whoever calls holds the lock of that folder.
 * Only the user this process runs as and root are let in, whatever the mode of the file becomes (SO_PEERCRED); their streams say so
 * (stream_peer_is_owner). Closing removes the file, unless somebody else's stands there by then.
 * ERR_TOO_LARGE: longer than LISTENER_UNIX_PATH_MAX_BYTES. ERR_ADDRESS_IN_USE: something that is no socket is there. */
#define LISTENER_UNIX_PATH_MAX_BYTES ((size_t)107) /* sun_path with its NUL; unix(7) */
int listener_open_unix(struct loop *loop, const char *path,
                       void (*on_accept)(void *context, struct stream *stream), void *context,
                       struct listener **ret_listener) WARN_UNUSED;
/* Stops accepting (descriptor shortage, connection cap) and takes it up again. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);
/* How often accepting had to wait because no descriptor was left. */
uint64_t listener_shortages(const struct listener *listener);
void listener_close(struct listener *listener); /* frees itself */
/* The same, but the file of a Unix socket stays: another process listens on it. */
void listener_leave(struct listener *listener);
/* The same, once those whose connections the kernel has already made for it are accepted: closing would reset them. */
void listener_finish(struct listener *listener);
