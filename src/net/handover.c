// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors from one process to the next.
 *
 * Why packets: a message and its descriptors belong together, and half a message cannot be read. Promises: only the same user, or root, is
 * talked to (SO_PEERCRED); received descriptors are close-on-exec; too many of them are closed and an error. Leaves to others: what is
 * said (app/upgrade.c).
 */
#include "net/handover.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int make_address(const char *path, struct sockaddr_un *ret_address) {
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) > HANDOVER_ADDRESS_MAX_BYTES)
        return ERR_TOO_LARGE;
    memcpy(ret_address->sun_path, path, strlen(path) + 1);
    return 0;
}

static int open_socket(void) {
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

int handover_listen(const char *path, int *ret_fd) {
    struct sockaddr_un address;
    int err = make_address(path, &address);
    if (err < 0)
        return err;
    int fd = open_socket();
    if (fd < 0)
        return ERR_SYSTEM;
    (void)unlink(path);
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, 0600) < 0 || listen(fd, 4) < 0) {
        err = errno == EACCES || errno == EROFS ? ERR_PERMISSION : ERR_SYSTEM;
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

/* 0 when there is something to read. */
static int await(int fd, uint64_t wait_ms) {
    uint64_t until_ns = clock_mono_ns() + wait_ms * NS_PER_MS;
    for (;;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        uint64_t now_ns = clock_mono_ns();
        uint64_t left_ms = until_ns > now_ns ? (until_ns - now_ns) / NS_PER_MS : 0;
        int ready = poll(&one, 1, (int)(left_ms < 3600000 ? left_ms : 3600000));
        if (ready > 0)
            return 0;
        if (ready == 0)
            return ERR_IDLE_TIMEOUT;
        if (errno != EINTR)
            return ERR_SYSTEM;
    }
}

static bool is_ours(int fd, int *ret_pid) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return false;
    *ret_pid = peer.pid;
    return peer.uid == geteuid() || peer.uid == 0;
}

int handover_accept(int listening_fd, uint64_t wait_ms, int *ret_fd, int *ret_pid) {
    if (await(listening_fd, wait_ms) < 0)
        return ERR_NOT_FOUND;
    int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return ERR_NOT_FOUND;
    if (!is_ours(fd, ret_pid)) {
        (void)close(fd);
        return ERR_NOT_FOUND;
    }
    *ret_fd = fd;
    return 0;
}

int handover_connect(const char *path, int *ret_fd, int *ret_pid) {
    struct sockaddr_un address;
    int err = make_address(path, &address);
    if (err < 0)
        return err;
    int fd = open_socket();
    if (fd < 0)
        return ERR_SYSTEM;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        !is_ours(fd, ret_pid)) {
        (void)close(fd);
        return ERR_NOT_FOUND;
    }
    *ret_fd = fd;
    return 0;
}

int handover_send(int fd, const struct handover_message *message) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(HANDOVER_DESCRIPTORS_MAX * sizeof(int))] = {0};
    size_t bytes = message->descriptor_count * sizeof(int);
    struct iovec part = {.iov_base = (void *)(uintptr_t)message->text, .iov_len = message->length};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (message->length == 0 || message->length > HANDOVER_MESSAGE_MAX_BYTES ||
        message->descriptor_count > HANDOVER_DESCRIPTORS_MAX)
        return ERR_TOO_LARGE;
    if (bytes > 0) {
        head.msg_control = control;
        head.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(rights), message->descriptors, bytes);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &head, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)message->length ? 0 : ERR_EOF;
}

static void take_descriptors(struct msghdr *head, struct handover_message *message) {
    for (struct cmsghdr *rights = CMSG_FIRSTHDR(head); rights != NULL;
         rights = CMSG_NXTHDR(head, rights)) {
        if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
            continue;
        uint32_t count = (uint32_t)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        uint32_t room = HANDOVER_DESCRIPTORS_MAX - message->descriptor_count;
        memcpy(message->descriptors + message->descriptor_count, CMSG_DATA(rights),
               (count < room ? count : room) * sizeof(int));
        message->descriptor_count += count < room ? count : room;
    }
}

static int refuse(struct handover_message *message) {
    for (uint32_t i = 0; i < message->descriptor_count; i++)
        (void)close(message->descriptors[i]);
    message->descriptor_count = 0;
    return ERR_INVALID;
}

int handover_receive(int fd, uint64_t wait_ms, struct handover_message *ret_message) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(HANDOVER_DESCRIPTORS_MAX * sizeof(int))];
    struct iovec part = {.iov_base = ret_message->text, .iov_len = HANDOVER_MESSAGE_MAX_BYTES};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = sizeof control};
    ret_message->length = 0;
    ret_message->descriptor_count = 0;
    int err = await(fd, wait_ms);
    if (err < 0)
        return err;
    ssize_t got;
    do
        got = recvmsg(fd, &head, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return ERR_EOF;
    take_descriptors(&head, ret_message);
    ret_message->length = (size_t)got;
    ret_message->text[got] = '\0';
    return (head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? refuse(ret_message) : 0;
}

void handover_close(int fd) {
    if (fd >= 0)
        (void)close(fd);
}
