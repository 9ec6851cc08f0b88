// SPDX-License-Identifier: Apache-2.0
/*
 * Listening sockets.
 *
 * Why a probe: with SO_REUSEPORT the kernel lets a second program of the same user share the port and take half of the
 * connections, silently. So one socket binds without it and fails if anybody has the port; then it gives SO_REUSEADDR up
 * and takes SO_REUSEPORT on, after which our own loops may bind beside it and another probe may not (the kernel compares
 * the flags of both sockets). It never listens, so it gets no connection. SO_REUSEADDR at its bind is for connections of
 * an earlier run that are in TIME_WAIT.
 * When no descriptor is left, accepting stops for a moment instead of spinning on a socket that stays readable.
 * A Unix socket is for the owner of this process alone: a file of mode 0600, and each peer is asked who it is.
 * Promises: accepted sockets are non-blocking and send at once (TCP_NODELAY is inherited). Leaves to others: how many
 * connections are too many.
 */
#include "net/listener.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/loop_parts.h"
#include "net/socket.h"
#include "net/stream_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER_MAGIC       0x6c697374u
#define LISTENER_BACKLOG     4096
#define LISTENER_ACCEPTS_MAX 16
#define LISTENER_SHORTAGE_NS (100 * NS_PER_MS)

struct listener {
    uint32_t magic;
    int fd;
    bool paused;
    bool closing;
    struct loop *loop;
    void (*on_accept)(void *context, struct stream *stream);
    void *context;
    uint64_t shortages;
    struct loop_timer retry;
    uv_poll_t poll;
    char *path; /* owned; of a Unix socket, else NULL */
    dev_t device;
    ino_t inode; /* of the file at path when it was ours */
};

/* --- addresses --- */

/* "[::1]:80" -> "::1", "80"; the last colon of anything else divides host and port. */
static bool split_host(struct span text, struct span *ret_host, struct span *ret_port) {
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    *ret_port = span_of(text.ptr + colon, text.len - colon);
    *ret_host = span_of(text.ptr, colon - 1);
    bool bracketed =
        ret_host->len >= 2 && ret_host->ptr[0] == '[' && ret_host->ptr[ret_host->len - 1] == ']';
    if (!bracketed)
        return memchr(ret_host->ptr, ':', ret_host->len) == NULL;
    *ret_host = span_of(ret_host->ptr + 1, ret_host->len - 2);
    return true;
}

int listen_address_parse(struct span text, struct listen_address *ret_address) {
    struct listen_address address;
    struct sockaddr_storage parsed;
    struct span host, port_text;
    uint64_t port;
    if (span_absent(text) || !split_host(text, &host, &port_text) ||
        !span_to_u64(port_text, &port) || port > UINT16_MAX)
        return ERR_ADDRESS_INVALID;
    if (span_is_nocase(host, "localhost"))
        host = SPAN_LITERAL("127.0.0.1");
    if (host.len >= sizeof address.host || address_parse(host, (uint16_t)port, &parsed) < 0)
        return ERR_ADDRESS_INVALID;
    memcpy(address.host, host.ptr, host.len);
    address.host[host.len] = '\0';
    address.port = (uint16_t)port;
    *ret_address = address;
    return 0;
}

bool listen_address_is_loopback(const struct listen_address *address) {
    struct sockaddr_storage parsed;
    return address_parse(span_text(address->host), address->port, &parsed) == 0 &&
           address_is_loopback(&parsed);
}

/* --- binding --- */

static int bind_class(int system_error) {
    if (system_error == EADDRINUSE)
        return ERR_ADDRESS_IN_USE;
    if (system_error == EACCES || system_error == EPERM)
        return ERR_PERMISSION;
    return system_error == EADDRNOTAVAIL ? ERR_ADDRESS_INVALID : ERR_SYSTEM;
}

static int set_flag(int fd, int option, int value) {
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) == 0 ? 0 : ERR_SYSTEM;
}

static int open_bound(const struct listen_address *address, bool share_port, int *ret_fd) {
    struct sockaddr_storage place;
    int fd;
    int err = address_parse(span_text(address->host), address->port, &place);
    if (err == 0)
        err = socket_open(place.ss_family, &fd);
    if (err < 0)
        return err == ERR_UNSUPPORTED ? ERR_ADDRESS_INVALID : err;
    err = set_flag(fd, SO_REUSEADDR, 1);
    if (err == 0 && share_port)
        err = set_flag(fd, SO_REUSEPORT, 1);
    if (err == 0 && bind(fd, (const struct sockaddr *)&place, socket_address_len(&place)) < 0)
        err = bind_class(errno);
    if (err < 0)
        (void)close(fd);
    else
        *ret_fd = fd;
    return err;
}

int listener_probe(struct listen_address *address, int *ret_fd) {
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    int fd;
    int err = open_bound(address, false, &fd);
    if (err < 0)
        return err;
    if (set_flag(fd, SO_REUSEADDR, 0) < 0 || set_flag(fd, SO_REUSEPORT, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &length) < 0) {
        (void)close(fd);
        return ERR_SYSTEM;
    }
    address->port = address_port(&bound);
    *ret_fd = fd;
    return 0;
}

void listener_probe_done(int fd) {
    (void)close(fd);
}

/* --- accepting --- */

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(struct listener *listener, bool on) {
    check((on ? uv_poll_start(&listener->poll, UV_READABLE, on_poll)
              : uv_poll_stop(&listener->poll)) == 0);
}

/* Who may connect is a matter of the file's mode; a mode can be changed by mistake, the peer's user cannot be made up. */
static bool is_owner(int fd) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void on_retry(struct loop_timer *timer) {
    struct listener *listener = container_of(timer, struct listener, retry);
    if (!listener->paused)
        watch(listener, true);
}

static void wait_for_descriptors(struct listener *listener) {
    listener->shortages++;
    watch(listener, false);
    loop_timer_set(listener->loop, &listener->retry,
                   loop_now_ns(listener->loop) + LISTENER_SHORTAGE_NS);
}

/* One that waits; false when there is none, or no descriptor for it. */
static bool accept_one(struct listener *listener) {
    struct sockaddr_storage peer = {0};
    int fd;
    int err = socket_accept(listener->fd, &fd, &peer);
    if (err == ERR_BUSY && !listener->closing)
        wait_for_descriptors(listener);
    if (err < 0)
        return false;
    if (listener->path != NULL && !is_owner(fd)) {
        (void)close(fd);
        return true;
    }
    struct stream *stream = stream__new(listener->loop, fd, &peer);
    stream->owner = listener->path != NULL;
    listener->on_accept(listener->context, stream);
    return true;
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    struct listener *listener = cast_checked(handle->data, struct listener, LISTENER_MAGIC);
    (void)events;
    loop__wake(listener->loop);
    if (status < 0) {
        wait_for_descriptors(listener);
        return;
    }
    for (int i = 0; i < LISTENER_ACCEPTS_MAX && !listener->paused && !listener->closing; i++)
        if (!accept_one(listener))
            return;
}

int listen_address_of(int fd, struct listen_address *ret_address) {
    struct sockaddr_storage place = {0};
    socklen_t length = sizeof place;
    int type = 0;
    socklen_t type_length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) < 0 || type != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&place, &length) < 0 ||
        (place.ss_family != AF_INET && place.ss_family != AF_INET6))
        return ERR_TYPE;
    const void *bytes =
        place.ss_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(void *)&place)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(void *)&place)->sin6_addr;
    ret_address->port = address_port(&place);
    return inet_ntop(place.ss_family, bytes, ret_address->host, sizeof ret_address->host) != NULL
               ? 0
               : ERR_TYPE;
}

/* Takes the bound descriptor over, also on an error. */
static int start(struct loop *loop, int fd, const struct listener *form,
                 struct listener **ret_listener) {
    if (listen(fd, LISTENER_BACKLOG) < 0) {
        int err = bind_class(errno);
        (void)close(fd);
        return err;
    }
    struct listener *listener = mem_zalloc(sizeof *listener);
    *listener = *form;
    listener->magic = LISTENER_MAGIC;
    listener->fd = fd;
    listener->loop = loop;
    listener->retry.fire = on_retry;
    check(uv_poll_init(&loop->uv, &listener->poll, fd) == 0);
    listener->poll.data = listener;
    loop__opened(loop);
    watch(listener, true);
    *ret_listener = listener;
    return 0;
}

int listener_open(struct loop *loop, const struct listen_address *address,
                  void (*on_accept)(void *context, struct stream *stream), void *context,
                  struct listener **ret_listener) {
    const struct listener form = {.on_accept = on_accept, .context = context};
    int fd;
    int err = open_bound(address, true, &fd);
    if (err < 0)
        return err;
    socket_set_no_delay(fd);
    return start(loop, fd, &form, ret_listener);
}

/* --- Unix sockets --- */

static void keep_path(struct listener *form, const char *path, const struct stat *bound) {
    form->path = mem_alloc(strlen(path) + 1);
    memcpy(form->path, path, strlen(path) + 1);
    form->device = bound->st_dev;
    form->inode = bound->st_ino;
}

/* Where it was bound, "" = nowhere; false for other sockets. */
static bool unix_path(int fd, char path[LISTENER_UNIX_PATH_MAX_BYTES + 1]) {
    struct sockaddr_un place = {0};
    socklen_t length = sizeof place;
    if (getsockname(fd, (struct sockaddr *)&place, &length) < 0 || place.sun_family != AF_UNIX)
        return false;
    memcpy(path, place.sun_path, LISTENER_UNIX_PATH_MAX_BYTES);
    path[LISTENER_UNIX_PATH_MAX_BYTES] = '\0';
    return true;
}

bool listener_is_unix(int fd) {
    char path[LISTENER_UNIX_PATH_MAX_BYTES + 1];
    return unix_path(fd, path);
}

int listener_adopt(struct loop *loop, int fd,
                   void (*on_accept)(void *context, struct stream *stream), void *context,
                   struct listener **ret_listener) {
    struct listener form = {.on_accept = on_accept, .context = context};
    char path[LISTENER_UNIX_PATH_MAX_BYTES + 1];
    struct stat bound = {0};
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        (void)close(fd);
        return ERR_SYSTEM;
    }
    if (unix_path(fd, path)) {
        (void)lstat(path, &bound); /* without one there is nothing to remove at the end */
        keep_path(&form, path, &bound);
    } else {
        socket_set_no_delay(fd);
    }
    int err = start(loop, fd, &form, ret_listener);
    if (err < 0)
        mem_free(form.path);
    return err;
}

static int remove_stale(const char *path) {
    struct stat found;
    if (lstat(path, &found) < 0)
        return errno == ENOENT ? 0 : bind_class(errno);
    if (!S_ISSOCK(found.st_mode))
        return ERR_ADDRESS_IN_USE;
    return unlink(path) == 0 || errno == ENOENT ? 0 : bind_class(errno);
}

/* The mode is set before the name exists, which Linux takes over, and after it, for systems that do not. */
static int bind_unix(int fd, const char *path) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    memcpy(place.sun_path, path, strlen(path) + 1);
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&place, sizeof place) < 0 ||
        chmod(path, 0600) < 0)
        return bind_class(errno);
    return 0;
}

int listener_open_unix(struct loop *loop, const char *path,
                       void (*on_accept)(void *context, struct stream *stream), void *context,
                       struct listener **ret_listener) {
    struct listener form = {.on_accept = on_accept, .context = context};
    struct stat bound = {0};
    int fd;
    if (strlen(path) > LISTENER_UNIX_PATH_MAX_BYTES)
        return ERR_TOO_LARGE;
    int err = remove_stale(path);
    if (err == 0)
        err = socket_open(AF_UNIX, &fd);
    if (err < 0)
        return err;
    err = bind_unix(fd, path);
    if (err == 0 && lstat(path, &bound) < 0)
        err = ERR_SYSTEM;
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    keep_path(&form, path, &bound);
    err = start(loop, fd, &form, ret_listener);
    if (err < 0)
        mem_free(form.path);
    return err;
}

/* A process that took over may have put its own there. */
static void remove_own(const struct listener *listener) {
    struct stat found;
    if (listener->path != NULL && lstat(listener->path, &found) == 0 &&
        found.st_dev == listener->device && found.st_ino == listener->inode)
        (void)unlink(listener->path);
}

void listener_pause(struct listener *listener) {
    check(listener->magic == LISTENER_MAGIC && !listener->closing);
    listener->paused = true;
    watch(listener, false);
}

void listener_resume(struct listener *listener) {
    check(listener->magic == LISTENER_MAGIC && !listener->closing);
    listener->paused = false;
    loop_timer_clear(listener->loop, &listener->retry);
    watch(listener, true);
}

int listener_descriptor(const struct listener *listener) {
    return listener->fd;
}

uint64_t listener_shortages(const struct listener *listener) {
    return listener->shortages;
}

static void on_listener_closed(uv_handle_t *handle) {
    struct listener *listener = cast_checked(handle->data, struct listener, LISTENER_MAGIC);
    loop__closed(listener->loop);
    listener->magic = 0;
    mem_free(listener->path);
    mem_free(listener);
}

void listener_finish(struct listener *listener) {
    check(listener->magic == LISTENER_MAGIC && !listener->closing);
    listener->closing = true; /* a shortage is not waited for */
    for (int i = 0; i < LISTENER_BACKLOG && accept_one(listener); i++)
        continue;
    listener->closing = false;
    listener_close(listener);
}

void listener_close(struct listener *listener) {
    check(listener->magic == LISTENER_MAGIC && !listener->closing);
    listener->closing = true;
    remove_own(listener);
    loop_timer_clear(listener->loop, &listener->retry);
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
    (void)close(listener->fd);
}

void listener_leave(struct listener *listener) {
    mem_free(listener->path);
    listener->path = NULL;
    listener_close(listener);
}
