// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A server on a free loopback port that answers each path with bytes given beforehand, from a thread of its own, so that callers
 * may block. It ends when its listening socket is shut down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CANNED_PATHS_MAX 4

struct canned_path {
    const char *path;  /* "/v1/models"; "" fits all */
    const char *bytes; /* the whole answer; NULL: accepted, never answered */
    size_t step_bytes; /* sent in pieces of this size; 0 = at once */
    bool stays_open;   /* until the peer goes */
};

struct canned_server {
    struct canned_path paths[CANNED_PATHS_MAX];
    uint16_t port;
    int fd;
    pthread_t thread;
    atomic_uint asked;
};

static inline const struct canned_path *canned_find(const struct canned_server *server,
                                                    const char *request) {
    for (size_t i = 0; i < CANNED_PATHS_MAX && server->paths[i].path != NULL; i++) {
        const char *path = server->paths[i].path;
        if (path[0] == '\0' || strncmp(request + 4, path, strlen(path)) == 0)
            return &server->paths[i];
    }
    return NULL;
}

/* Returns when the peer has gone. */
static inline void canned_wait(int fd) {
    char rest[256];
    while (recv(fd, rest, sizeof rest, 0) > 0)
        continue;
}

static inline void canned_send(int fd, const struct canned_path *path) {
    size_t length = strlen(path->bytes);
    size_t step = path->step_bytes > 0 ? path->step_bytes : length;
    for (size_t at = 0; at < length; at += step)
        if (send(fd, path->bytes + at, step < length - at ? step : length - at, MSG_NOSIGNAL) < 0)
            return;
}

static inline void canned_serve(struct canned_server *server, int fd) {
    char request[1024];
    size_t used = 0;
    ssize_t got = 1;
    while (got > 0 && used < sizeof request - 1) {
        got = recv(fd, request + used, sizeof request - 1 - used, 0);
        used += got > 0 ? (size_t)got : 0;
        request[used] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            break;
    }
    const struct canned_path *path = used > 4 ? canned_find(server, request) : NULL;
    atomic_fetch_add(&server->asked, 1);
    if (path != NULL && path->bytes != NULL)
        canned_send(fd, path);
    if (path != NULL && (path->bytes == NULL || path->stays_open))
        canned_wait(fd);
    (void)close(fd);
}

struct canned_visit {
    struct canned_server *server;
    int fd;
    pthread_t thread;
};

static inline void *canned_visit_run(void *argument) {
    struct canned_visit *visit = argument;
    canned_serve(visit->server, visit->fd);
    return NULL;
}

/* At most as many visits as one search makes. */
static inline void *canned_run(void *argument) {
    struct canned_server *server = argument;
    struct canned_visit visits[16];
    size_t count = 0;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0 || count == 16)
            break;
        visits[count] = (struct canned_visit){.server = server, .fd = fd};
        if (pthread_create(&visits[count].thread, NULL, canned_visit_run, &visits[count]) == 0)
            count++;
    }
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(visits[i].thread, NULL);
    return NULL;
}

/* `paths` is set already. */
static inline void canned_open(struct canned_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    atomic_store(&server->asked, 0);
    assert_int_equal(pthread_create(&server->thread, NULL, canned_run, server), 0);
}

static inline void canned_close(struct canned_server *server) {
    (void)shutdown(server->fd, SHUT_RDWR);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    (void)close(server->fd);
}

/* A loopback port that refuses, held until *ret_fd is closed. */
static inline uint16_t canned_closed_port(int *ret_fd) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}
