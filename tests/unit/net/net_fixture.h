// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What tests of src/net share: waiting for a condition on a loop, a listener on a free port, an end of a stream that
 * writes down what it is told, and plain sockets to play a peer with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/dynbuf.h"
#include "base/mem.h"
#include "net/connector.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIXTURE_PATIENCE_NS     (20 * NS_PER_S)
#define FIXTURE_INPUT_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* --- waiting --- */

struct waiter {
    struct loop_timer timer;
    struct loop *loop;
    uint64_t deadline_ns;
    bool (*met)(void *context);
    void *context;
    bool late;
};

static inline void waiter_look(struct loop_timer *timer) {
    struct waiter *waiter = container_of(timer, struct waiter, timer);
    uint64_t now_ns = loop_now_ns(waiter->loop);
    waiter->late = now_ns >= waiter->deadline_ns;
    if (waiter->met(waiter->context) || waiter->late)
        loop_stop(waiter->loop);
    else
        loop_timer_set(waiter->loop, timer, now_ns + NS_PER_MS);
}

static inline void run_until(struct loop *loop, bool (*met)(void *context), void *context) {
    struct waiter waiter = {
        .timer = {.fire = waiter_look},
        .loop = loop,
        .deadline_ns = clock_mono_ns() + FIXTURE_PATIENCE_NS,
        .met = met,
        .context = context,
    };
    loop_timer_set(loop, &waiter.timer, loop_now_ns(loop));
    loop_run(loop);
    loop_timer_clear(loop, &waiter.timer);
    assert_true(met(context));
}

static inline void loop_end(struct loop *loop) {
    assert_true(loop_run_until_idle(loop, clock_mono_ns() + FIXTURE_PATIENCE_NS));
    loop_free(loop);
}

/* --- one end of a stream --- */

struct end {
    struct stream *stream;
    struct dynbuf input;
    int reads;
    int ends;
    int errors;
    int err;
    int drains;
    int closes;
    bool echo;
    size_t wanted_bytes; /* for end_has_bytes */
};

static inline void end_on_read(void *context, struct span bytes) {
    struct end *end = context;
    end->reads++;
    assert_int_equal(dynbuf_append_span(&end->input, bytes), 0);
    if (end->echo)
        assert_int_equal(stream_write(end->stream, bytes), 0);
}

static inline void end_on_end(void *context) {
    ((struct end *)context)->ends++;
}

static inline void end_on_error(void *context, int err) {
    ((struct end *)context)->errors++;
    ((struct end *)context)->err = err;
}

static inline void end_on_drain(void *context) {
    ((struct end *)context)->drains++;
}

static inline void end_on_closed(void *context) {
    ((struct end *)context)->closes++;
    ((struct end *)context)->stream = NULL;
}

static const struct stream_handler end_handler = {
    .on_read = end_on_read,
    .on_end = end_on_end,
    .on_error = end_on_error,
    .on_drain = end_on_drain,
    .on_closed = end_on_closed,
};

static inline void end_init(struct end *end) {
    *end = (struct end){0};
    dynbuf_init(&end->input, FIXTURE_INPUT_MAX_BYTES);
}

static inline void end_take(struct end *end, struct stream *stream) {
    assert_null(end->stream);
    end->stream = stream;
    stream_set_handler(stream, &end_handler, end);
    stream_start(stream);
}

static inline void end_done(struct end *end) {
    if (end->stream != NULL)
        stream_close(end->stream);
}

static inline bool end_is_open(void *context) {
    return ((struct end *)context)->stream != NULL;
}

static inline bool end_is_closed(void *context) {
    return ((struct end *)context)->closes == 1;
}

static inline bool end_has_ended(void *context) {
    return ((struct end *)context)->ends > 0;
}

static inline bool end_has_failed(void *context) {
    return ((struct end *)context)->errors > 0;
}

static inline bool end_has_bytes(void *context) {
    return ((struct end *)context)->input.len >= ((struct end *)context)->wanted_bytes;
}

static inline bool end_is_drained(void *context) {
    return stream_queued_bytes(((struct end *)context)->stream) == 0;
}

/* --- a listener whose one connection becomes an end --- */

struct door {
    struct listener *listener;
    struct listen_address address;
    struct end end;
};

static inline void door_on_accept(void *context, struct stream *stream) {
    end_take(&((struct door *)context)->end, stream);
}

static inline void door_open(struct door *door, struct loop *loop) {
    int probe_fd;
    end_init(&door->end);
    assert_int_equal(listen_address_parse(SPAN_LITERAL("127.0.0.1:0"), &door->address), 0);
    assert_int_equal(listener_probe(&door->address, &probe_fd), 0);
    assert_int_equal(listener_open(loop, &door->address, door_on_accept, door, &door->listener), 0);
    listener_probe_done(probe_fd);
}

static inline void door_close(struct door *door) {
    end_done(&door->end);
    dynbuf_done(&door->end.input);
    listener_close(door->listener);
}

/* --- plain sockets --- */

static inline struct sockaddr_in local_place(uint16_t port) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return place;
}

/* A blocking connection to a port of this machine. */
static inline int dial(uint16_t port) {
    struct sockaddr_in place = local_place(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&place, sizeof place), 0);
    return fd;
}

/* Bound to a free port; the port is given back when it is closed. */
static inline int bound_socket(int type, uint16_t *ret_port) {
    struct sockaddr_in place = local_place(0);
    socklen_t length = sizeof place;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&place, sizeof place), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&place, &length), 0);
    *ret_port = ntohs(place.sin_port);
    return fd;
}

static inline void send_all(int fd, struct span bytes) {
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes = span_of(bytes.ptr + sent, bytes.len - (size_t)sent);
    }
}

static inline void hang_up_hard(int fd) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    assert_int_equal(close(fd), 0);
}
