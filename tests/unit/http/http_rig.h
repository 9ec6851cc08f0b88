// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Real sockets for tests of http/: a loop, and peers that are plain non-blocking sockets driven by the test itself, so that each
 * byte goes out when the test says so. Everything waits for conditions, with one generous bound.
 */
#include "http_fixture.h"

#include "base/clock.h"
#include "base/dynbuf.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define RIG_BOUND_NS (20 * NS_PER_S)
#define RIG_TURN_NS  NS_PER_MS

struct peer {
    struct loop *loop;
    int fd;
    struct dynbuf in; /* all that was received and not taken yet */
    bool ended;
    bool reset;
};

static inline void rig_turn(struct loop *loop) {
    (void)loop_run_until_idle(loop, clock_mono_ns() + RIG_TURN_NS);
}

/* Runs the loop until the condition holds. */
#define rig_until(loop, condition)                              \
    do {                                                        \
        uint64_t rig_bound_ns = clock_mono_ns() + RIG_BOUND_NS; \
        while (!(condition)) {                                  \
            if (clock_mono_ns() >= rig_bound_ns)                \
                fail_msg("waited in vain for: %s", #condition); \
            rig_turn(loop);                                     \
        }                                                       \
    } while (0)

static inline void peer_init(struct peer *peer, struct loop *loop, int fd) {
    *peer = (struct peer){.loop = loop, .fd = fd};
    dynbuf_init(&peer->in, (size_t)64 << 20);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int one = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
}

static inline void peer_connect(struct peer *peer, struct loop *loop, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    peer_init(peer, loop, fd);
}

static inline void peer_close(struct peer *peer) {
    if (peer->fd >= 0)
        (void)close(peer->fd);
    peer->fd = -1;
    dynbuf_done(&peer->in);
}

static inline void peer_finish(struct peer *peer) {
    assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
}

static inline void peer_reset(struct peer *peer) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    peer_close(peer);
}

/* False when the other side is gone. */
static inline bool peer_try_send(struct peer *peer, struct span bytes) {
    uint64_t bound_ns = clock_mono_ns() + RIG_BOUND_NS;
    while (bytes.len > 0 && clock_mono_ns() < bound_ns) {
        ssize_t sent = send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent > 0)
            bytes = span_of(bytes.ptr + sent, bytes.len - (size_t)sent);
        else if (errno == EAGAIN)
            rig_turn(peer->loop);
        else
            return false;
    }
    return bytes.len == 0;
}

static inline void peer_send(struct peer *peer, struct span bytes) {
    assert_true(peer_try_send(peer, bytes));
}

static inline void peer_say(struct peer *peer, const char *text) {
    peer_send(peer, span_text(text));
}

static inline void peer_poll(struct peer *peer) {
    for (;;) {
        assert_int_equal(dynbuf_reserve(&peer->in, 65536), 0);
        ssize_t got = recv(peer->fd, dynbuf_tail(&peer->in), 65536, 0);
        if (got > 0) {
            dynbuf_grew(&peer->in, (size_t)got);
            continue;
        }
        if (got == 0)
            peer->ended = true;
        else if (errno != EAGAIN)
            peer->reset = true;
        return;
    }
}

static inline bool peer_has(struct peer *peer, const char *text) {
    peer_poll(peer);
    return span_contains(dynbuf_span(&peer->in), text);
}

/* Waits for the text and takes everything up to its end. */
static inline void peer_expect(struct peer *peer, const char *text) {
    rig_until(peer->loop, peer_has(peer, text) || peer->ended || peer->reset);
    struct span in = dynbuf_span(&peer->in);
    const char *at = memmem(in.ptr, in.len, text, strlen(text));
    if (at == NULL)
        fail_msg("not received: %s; but: %.*s", text, SPAN_ARG(in));
    dynbuf_consume(&peer->in, (size_t)(at - in.ptr) + strlen(text));
}

static inline bool peer_over(struct peer *peer) {
    peer_poll(peer);
    return peer->ended || peer->reset;
}

/* An orderly end, nothing more received. */
static inline void peer_expect_end(struct peer *peer) {
    rig_until(peer->loop, peer_over(peer));
    assert_true(peer->ended);
    assert_span(dynbuf_span(&peer->in), "");
}

/* Takes a whole answer with Content-Length; returns its status. */
static inline int peer_answer(struct peer *peer, const char *body) {
    rig_until(peer->loop, peer_has(peer, "\r\n\r\n") || peer->ended || peer->reset);
    struct span in = dynbuf_span(&peer->in);
    if (!span_starts_with(in, "HTTP/1.1 "))
        fail_msg("no answer, but: %.*s", SPAN_ARG(in));
    int status = (in.ptr[9] - '0') * 100 + (in.ptr[10] - '0') * 10 + in.ptr[11] - '0';
    char length[64];
    (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    if (!span_contains(in, length))
        fail_msg("not %s: %.*s", length, SPAN_ARG(in));
    peer_expect(peer, "\r\n\r\n");
    if (strlen(body) > 0)
        peer_expect(peer, body);
    return status;
}
