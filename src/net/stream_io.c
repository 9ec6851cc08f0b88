// SPDX-License-Identifier: Apache-2.0
/*
 * Streams, as their sockets see them.
 *
 * Why uv_poll and our own system calls instead of uv_tcp: the queue stays in our hands (a write that did not fit leaves
 * no copy inside libuv), reads go straight into the loop's one buffer, and a read that did not fill it is not followed by
 * a second one that only learns EAGAIN. Sockets stay registered for reading from start to close, so a request on a kept
 * connection costs no epoll_ctl; only a full socket or a paused stream with bytes waiting changes the registration.
 * A failed write does not hide what the peer said before: an answer that lies in the receive buffer is read first
 * (a server may refuse a body half way and close), then the error is told.
 * Promises: the handler is called from the loop only. Leaves to others: decrypting (tls.c).
 */
#include "base/check.h"
#include "net/socket.h"
#include "net/stream_parts.h"
#include "net/tls.h"

#include <errno.h>
#include <sys/uio.h>

#define STREAM_READS_MAX  4
#define STREAM_PIECES_MAX 64

/* --- what libuv watches --- */

static int wanted_events(const struct stream *stream) {
    int events = stream__wants_read(stream) ? UV_READABLE : 0;
    return stream->connecting || stream->blocked ? events | UV_WRITABLE : events;
}

static void on_poll(uv_poll_t *handle, int status, int events);

void stream__update_poll(struct stream *stream) {
    int events = wanted_events(stream);
    if (stream->closing || events == stream->polled)
        return;
    stream->polled = events;
    check((events == 0 ? uv_poll_stop(&stream->poll)
                       : uv_poll_start(&stream->poll, events, on_poll)) == 0);
}

/* --- telling the user --- */

void stream__deliver(struct stream *stream, struct span bytes) {
    stream->handler->on_read(stream->context, bytes);
}

void stream__tell_end(struct stream *stream) {
    stream->ended = true;
    if (stream->handler->on_end != NULL)
        stream->handler->on_end(stream->context);
}

void stream__tell_error(struct stream *stream, int err) {
    if (stream->told || stream->closing)
        return;
    if (stream->tls != NULL && tls__handshake_lost(stream, err))
        return;
    stream->told = true;
    stream->failed = true;
    stream->blocked = false;
    stream__update_poll(stream);
    if (stream->handler != NULL && stream->handler->on_error != NULL)
        stream->handler->on_error(stream->context, err);
}

/* --- reading --- */

static struct span room_for_read(struct stream *stream) {
    char *place = stream->loop->buffer;
    size_t size = LOOP_BUFFER_BYTES;
    const struct stream_handler *handler = stream->handler;
    bool own = stream->tls == NULL && handler->on_buffer != NULL &&
               handler->on_buffer(stream->context, &place, &size) && size > 0;
    return own ? span_of(place, size) : span_of(stream->loop->buffer, LOOP_BUFFER_BYTES);
}

/* True while it makes sense to read on at once. */
static bool read_once(struct stream *stream) {
    struct span room = room_for_read(stream);
    if (!stream__wants_read(stream))
        return false;
    ssize_t got;
    do
        got = recv(stream->fd, (char *)(uintptr_t)room.ptr, room.len, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        if (stream->tls != NULL)
            tls__receive(stream, span_of(room.ptr, (size_t)got));
        else
            stream__deliver(stream, span_of(room.ptr, (size_t)got));
        return (size_t)got == room.len && stream__wants_read(stream);
    }
    if (got == 0 && stream->tls != NULL)
        tls__peer_closed(stream);
    else if (got == 0)
        stream__tell_end(stream);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        stream__tell_error(stream, socket_error_class(errno));
    return false;
}

static void read_some(struct stream *stream, int reads_max) {
    for (int i = 0; i < reads_max && read_once(stream); i++)
        ;
}

/* --- sending --- */

int stream__send(struct stream *stream, const struct span *pieces, size_t count, size_t *ret_sent) {
    struct iovec parts[STREAM_PIECES_MAX] UNINITIALIZED;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    check(count <= STREAM_PIECES_MAX);
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct iovec){(void *)(uintptr_t)pieces[i].ptr, pieces[i].len};
    ssize_t sent;
    do
        sent = count == 1 ? send(stream->fd, pieces[0].ptr, pieces[0].len, MSG_NOSIGNAL)
                          : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    *ret_sent = sent > 0 ? (size_t)sent : 0;
    if (sent >= 0)
        return 0;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? ERR_BUSY
                                                                       : socket_error_class(errno);
}

void stream__consume(struct stream *stream, size_t len) {
    struct outbox_segment done;
    do {
        outbox_consume(stream->outbox, &len, &done);
        if (done.release != NULL)
            done.release(done.argument);
    } while (done.release != NULL && !stream->closing);
}

/* 0 also when the socket is full: then the stream is blocked. */
static int send_queue(struct stream *stream) {
    struct span pieces[STREAM_PIECES_MAX] UNINITIALIZED;
    stream__consume(stream, 0);
    while (!stream->closing && !outbox_empty(stream->outbox)) {
        size_t count = outbox_peek(stream->outbox, pieces, STREAM_PIECES_MAX);
        size_t asked = 0, sent;
        for (size_t i = 0; i < count; i++)
            asked += pieces[i].len;
        int err = stream__send(stream, pieces, count, &sent);
        if (err < 0 && err != ERR_BUSY)
            return err;
        stream->blocked = sent < asked;
        if (sent > 0)
            stream__consume(stream, sent);
        if (stream->blocked)
            break;
    }
    return 0;
}

static void send_end(struct stream *stream) {
    if (!stream->finishing || stream->finished || stream->blocked)
        return;
    stream->finished = true;
    (void)shutdown(stream->fd, SHUT_WR);
}

/* The empty outbox goes back, and the user hears that there is room. */
static void settle_queue(struct stream *stream) {
    struct outbox *box = stream->outbox;
    if (box != NULL && outbox_empty(box)) {
        stream->outbox = NULL;
        outbox_give(stream->loop, box);
    }
    if (!stream->above_low || stream_queued_bytes(stream) > STREAM_LOW_WATER_BYTES)
        return;
    stream->above_low = false;
    if (stream->handler != NULL && stream->handler->on_drain != NULL)
        stream->handler->on_drain(stream->context);
}

static void write_failed(struct stream *stream, int err) {
    stream->failed = true;
    stream->blocked = false;
    if (stream__wants_read(stream))
        read_some(stream, INT32_MAX);
    stream__tell_error(stream, err);
}

void stream__flush(struct stream *stream) {
    if (stream->failed || stream->connecting)
        return;
    int err = stream->tls != NULL      ? tls__flush(stream)
              : stream->outbox != NULL ? send_queue(stream)
                                       : 0;
    if (stream->closing)
        return;
    if (err < 0) {
        write_failed(stream, err);
        return;
    }
    send_end(stream);
    stream__update_poll(stream);
    settle_queue(stream);
}

void stream__mark_dirty(struct stream *stream) {
    if (!stream->blocked && !stream->connecting && !list_linked(&stream->dirty))
        list_append(&stream->loop->dirty, &stream->dirty);
}

void loop__flush(struct loop *loop) {
    struct list round;
    list_init(&round);
    list_move_all(&round, &loop->dirty);
    for (struct list *node = list_pop(&round); node != NULL; node = list_pop(&round))
        stream__flush(container_of(node, struct stream, dirty));
}

/* --- what the socket says --- */

static void connected(struct stream *stream) {
    int system_error = 0;
    socklen_t length = sizeof system_error;
    check(getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &system_error, &length) == 0);
    stream->connecting = false;
    stream__update_poll(stream);
    stream->on_connected(stream, system_error == 0 ? 0 : socket_connect_class(system_error));
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    struct stream *stream = cast_checked(handle->data, struct stream, STREAM_MAGIC);
    loop__wake(stream->loop);
    if (status < 0) {
        /* EPOLLERR: libuv has stopped watching; the next system call on the socket tells why. */
        stream->polled = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if (stream->connecting) {
        connected(stream);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && stream->blocked) {
        stream->blocked = false;
        stream__flush(stream);
    }
    if (!stream->closing && (events & UV_READABLE) != 0 && stream__wants_read(stream))
        read_some(stream, STREAM_READS_MAX);
    stream__update_poll(stream);
}

int stream__connect(struct stream *stream, const struct sockaddr_storage *peer,
                    void (*on_connected)(struct stream *stream, int err)) {
    int result;
    do
        result = connect(stream->fd, (const struct sockaddr *)peer, socket_address_len(peer));
    while (result < 0 && errno == EINTR);
    if (result < 0 && errno != EINPROGRESS)
        return socket_connect_class(errno);
    stream->connecting = true;
    stream->on_connected = on_connected;
    stream__update_poll(stream);
    return 0;
}
