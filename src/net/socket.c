// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets without a loop.
 *
 * Why: three places make sockets (listener, connector, tests of both) and must agree on flags and on what an errno means.
 * A shortage of our own (descriptors, local ports, memory) is ERR_SYSTEM, never a fault of the peer, so that no provider
 * is blamed for it.
 * Promises: no descriptor leaks on an error. Leaves to others: when to read, write and close.
 */
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/un.h>
#include <unistd.h>

struct errno_row {
    int system_error;
    int err;
};

static const struct errno_row connect_rows[] = {
    {ECONNREFUSED, ERR_CONNECT_REFUSED},     {ECONNRESET, ERR_CONNECT_REFUSED},
    {ETIMEDOUT, ERR_CONNECT_TIMEOUT},        {ENETUNREACH, ERR_CONNECT_UNREACHABLE},
    {EHOSTUNREACH, ERR_CONNECT_UNREACHABLE}, {ENETDOWN, ERR_CONNECT_UNREACHABLE},
    {EHOSTDOWN, ERR_CONNECT_UNREACHABLE},    {EACCES, ERR_CONNECT_UNREACHABLE},
    {EPERM, ERR_CONNECT_UNREACHABLE},        {EINVAL, ERR_CONNECT_UNREACHABLE},
    {EAFNOSUPPORT, ERR_CONNECT_UNREACHABLE}, {ENOENT, ERR_NOT_FOUND},
};

int socket_connect_class(int system_error) {
    for (size_t i = 0; i < sizeof connect_rows / sizeof connect_rows[0]; i++)
        if (connect_rows[i].system_error == system_error)
            return connect_rows[i].err;
    return ERR_SYSTEM;
}

int socket_error_class(int system_error) {
    return system_error == ENOMEM || system_error == ENOBUFS ? ERR_SYSTEM : ERR_RESET;
}

int socket_open(int family, int *ret_fd) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? ERR_UNSUPPORTED : ERR_SYSTEM;
    *ret_fd = fd;
    return 0;
}

int socket_accept(int listening_fd, int *ret_fd, struct sockaddr_storage *ret_peer) {
    for (;;) {
        socklen_t length = sizeof *ret_peer;
        int fd = accept4(listening_fd, (struct sockaddr *)ret_peer, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return ERR_NOT_FOUND;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return ERR_BUSY;
        /* Anything else is the fate of that one connection (accept(2), Error handling). */
        if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || errno == EFAULT)
            return ERR_BUSY;
    }
}

void socket_set_no_delay(int fd) {
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void socket_set_reset(int fd) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

socklen_t socket_address_len(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_UNIX)
        return sizeof(struct sockaddr_un);
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}
