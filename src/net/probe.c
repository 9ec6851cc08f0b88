// SPDX-License-Identifier: Apache-2.0
/*
 * Probes: poll(2) over a handful of sockets, one deadline for all.
 *
 * Why not the loop: nothing runs yet when this is asked, everything is decided before the first request, and the wait is short. On
 * loopback a closed port refuses inside connect(2), so that a machine without such servers pays for sockets only.
 * Promises: never longer than the time given; never more memory than the caps; every socket is closed. Leaves to others: what
 * to ask and what an answer means.
 */
#include "net/probe.h"

#include "base/check.h"
#include "base/clock.h"
#include "net/address.h"
#include "net/socket.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define PROBE_READ_BYTES ((size_t)16 * 1024)

struct probe_run {
    struct probe *probe; /* borrowed */
    int fd;              /* -1: done */
    bool connected;
    size_t sent;
};

static void finish(struct probe_run *run, int err) {
    run->probe->err = err;
    if (run->fd >= 0)
        (void)close(run->fd);
    run->fd = -1;
}

static void start(struct probe_run *run) {
    struct sockaddr_storage address;
    int err = address_parse(SPAN_LITERAL("127.0.0.1"), run->probe->port, &address);
    run->fd = -1;
    if (err == 0)
        err = socket_open(AF_INET, &run->fd);
    if (err < 0) {
        finish(run, err);
        return;
    }
    if (connect(run->fd, (const struct sockaddr *)&address, socket_address_len(&address)) == 0)
        run->connected = true;
    else if (errno != EINPROGRESS)
        finish(run, socket_connect_class(errno));
}

static bool is_for_later(int system_error) {
    return system_error == EAGAIN || system_error == EWOULDBLOCK || system_error == EINTR;
}

static void send_rest(struct probe_run *run) {
    struct span request = run->probe->request;
    ssize_t sent = send(run->fd, request.ptr + run->sent, request.len - run->sent, MSG_NOSIGNAL);
    if (sent >= 0)
        run->sent += (size_t)sent;
    else if (!is_for_later(errno))
        finish(run, socket_error_class(errno));
}

static void on_writable(struct probe_run *run) {
    int reason = 0;
    socklen_t length = sizeof reason;
    if (!run->connected) {
        if (getsockopt(run->fd, SOL_SOCKET, SO_ERROR, &reason, &length) < 0)
            reason = errno;
        if (reason != 0) {
            finish(run, socket_connect_class(reason));
            return;
        }
        run->connected = true;
    }
    if (run->sent < run->probe->request.len)
        send_rest(run);
}

static void on_readable(struct probe_run *run) {
    struct probe *probe = run->probe;
    if (dynbuf_reserve(&probe->answer, PROBE_READ_BYTES) < 0) {
        finish(run, ERR_TOO_LARGE);
        return;
    }
    ssize_t got = recv(run->fd, dynbuf_tail(&probe->answer), PROBE_READ_BYTES, 0);
    if (got < 0) {
        if (!is_for_later(errno))
            finish(run, socket_error_class(errno));
        return;
    }
    dynbuf_grew(&probe->answer, (size_t)got);
    if (probe->answer.len > probe->cap_bytes)
        finish(run, ERR_TOO_LARGE);
    else if (got == 0 ||
             (probe->is_complete != NULL && probe->is_complete(dynbuf_span(&probe->answer))))
        finish(run, 0);
}

static short wanted(const struct probe_run *run) {
    bool sending = !run->connected || run->sent < run->probe->request.len;
    return (short)(sending ? POLLOUT : POLLIN);
}

/* How many are still open, in `polled` beside their place. */
static nfds_t collect(struct probe_run *runs, size_t count, struct pollfd *polled, size_t *places) {
    nfds_t open = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs[i].fd < 0)
            continue;
        polled[open] = (struct pollfd){.fd = runs[i].fd, .events = wanted(&runs[i])};
        places[open++] = i;
    }
    return open;
}

static void turn(struct probe_run *run, short events) {
    if ((events & POLLOUT) != 0 || !run->connected)
        on_writable(run);
    else
        on_readable(run);
}

void probe_all(struct probe *probes, size_t count, uint64_t timeout_ms) {
    struct probe_run runs[PROBES_MAX] = {0};
    struct pollfd polled[PROBES_MAX];
    size_t places[PROBES_MAX];
    uint64_t deadline_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;
    nfds_t open;
    check(count <= PROBES_MAX);
    for (size_t i = 0; i < count; i++) {
        runs[i].probe = &probes[i];
        dynbuf_init(&probes[i].answer, probes[i].cap_bytes + PROBE_READ_BYTES);
        start(&runs[i]);
    }
    while ((open = collect(runs, count, polled, places)) > 0) {
        uint64_t now_ns = clock_mono_ns();
        if (now_ns >= deadline_ns)
            break;
        uint64_t left_ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        if (poll(polled, open, (int)left_ms) < 0 && errno != EINTR)
            break;
        for (nfds_t i = 0; i < open; i++)
            if (polled[i].revents != 0)
                turn(&runs[places[i]], polled[i].revents);
    }
    for (size_t i = 0; i < count; i++)
        if (runs[i].fd >= 0)
            finish(&runs[i], ERR_FIRST_BYTE_TIMEOUT);
}

void probe_done(struct probe *probe) {
    dynbuf_done(&probe->answer);
}
