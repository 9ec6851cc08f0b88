// SPDX-License-Identifier: Apache-2.0
/*
 * Streams, as their users see them.
 *
 * Why nothing is sent from here: all of a turn's writes to a stream should leave in one system call, and a handler that
 * writes must never find itself called back from inside. So a write queues and marks the stream; the loop flushes marked
 * streams before it sleeps. Why a pause does nothing at first: most pauses end before another byte arrives; only when one
 * does is the socket taken out of epoll (stream_io.c).
 * Promises: on_closed exactly once, never from inside another call; every release exactly once, at the latest before
 * on_closed. Leaves to others: sockets (stream_io.c), TLS (tls.c).
 */
#include "net/stream.h"

#include "base/check.h"
#include "base/mem.h"
#include "net/socket.h"
#include "net/stream_parts.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <unistd.h>

static void write_peer(struct stream *stream, const struct sockaddr_storage *peer) {
    const void *address = NULL;
    if (peer->ss_family == AF_INET)
        address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
    else if (peer->ss_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    if (address == NULL ||
        inet_ntop(peer->ss_family, address, stream->peer, sizeof stream->peer) == NULL)
        memcpy(stream->peer, "unix", sizeof "unix");
}

struct stream *stream__new(struct loop *loop, int fd, const struct sockaddr_storage *peer) {
    struct stream *stream = mem_zalloc(sizeof *stream);
    stream->magic = STREAM_MAGIC;
    stream->fd = fd;
    stream->loop = loop;
    list_init(&stream->dirty);
    check(uv_poll_init(&loop->uv, &stream->poll, fd) == 0);
    stream->poll.data = stream;
    write_peer(stream, peer);
    loop__opened(loop);
    return stream;
}

void stream_set_handler(struct stream *stream, const struct stream_handler *handler,
                        void *context) {
    stream->handler = handler;
    stream->context = context;
}

struct loop *stream_loop(const struct stream *stream) {
    return stream->loop;
}

void stream_start(struct stream *stream) {
    check(stream->magic == STREAM_MAGIC && stream->handler != NULL && !stream->closing);
    stream->started = true;
    stream__update_poll(stream);
    if (stream->tls != NULL)
        tls__resume(stream);
}

void stream_pause(struct stream *stream) {
    stream->paused = true;
}

void stream_resume(struct stream *stream) {
    check(stream->magic == STREAM_MAGIC);
    if (!stream->paused || stream->closing)
        return;
    stream->paused = false;
    stream__update_poll(stream);
    if (stream->tls != NULL)
        tls__resume(stream);
}

/* --- writing --- */

static bool writable(const struct stream *stream) {
    check(stream->magic == STREAM_MAGIC);
    return !stream->failed && !stream->closing && !stream->finishing;
}

static struct outbox *box_of(struct stream *stream) {
    if (stream->outbox == NULL)
        stream->outbox = outbox_take(stream->loop);
    return stream->outbox;
}

static void queued(struct stream *stream) {
    if (stream_queued_bytes(stream) > STREAM_LOW_WATER_BYTES)
        stream->above_low = true;
    stream__mark_dirty(stream);
}

int stream_write(struct stream *stream, struct span bytes) {
    if (!writable(stream))
        return ERR_RESET;
    if (bytes.len == 0)
        return 0;
    int err = outbox_copy(box_of(stream), bytes);
    /* Also after a failure: the flush gives an unused outbox back. */
    queued(stream);
    return err;
}

int stream_write_borrowed(struct stream *stream, struct span bytes, void (*release)(void *argument),
                          void *argument) {
    if (!writable(stream))
        return ERR_RESET;
    const struct outbox_segment segment = {
        .bytes = bytes.ptr != NULL ? bytes.ptr : "",
        .len = bytes.len,
        .release = release,
        .argument = argument,
    };
    outbox_borrow(box_of(stream), &segment);
    queued(stream);
    return 0;
}

size_t stream_queued_bytes(const struct stream *stream) {
    size_t plain = stream->outbox != NULL ? stream->outbox->bytes : 0;
    return stream->tls != NULL ? plain + tls__unsent_bytes(stream) : plain;
}

void stream_finish(struct stream *stream) {
    check(stream->magic == STREAM_MAGIC);
    if (!writable(stream))
        return;
    stream->finishing = true;
    stream__mark_dirty(stream);
}

/* --- the end --- */

static void release_all(struct stream *stream) {
    struct outbox *box = stream->outbox;
    struct outbox_segment done;
    if (box == NULL)
        return;
    do {
        size_t all = box->bytes;
        outbox_consume(box, &all, &done);
        if (done.release != NULL)
            done.release(done.argument);
    } while (!outbox_empty(box) || done.release != NULL);
    stream->outbox = NULL;
    outbox_give(stream->loop, box);
}

static void on_poll_closed(uv_handle_t *handle) {
    struct stream *stream = cast_checked(handle->data, struct stream, STREAM_MAGIC);
    loop__wake(stream->loop);
    release_all(stream);
    if (stream->tls != NULL)
        tls__free(stream);
    if (stream->handler != NULL && stream->handler->on_closed != NULL)
        stream->handler->on_closed(stream->context);
    loop__closed(stream->loop);
    stream->magic = 0;
    mem_free(stream);
}

void stream_close(struct stream *stream) {
    check(stream->magic == STREAM_MAGIC);
    if (stream->closing)
        return;
    if (stream->tls != NULL)
        tls__close(stream);
    stream->closing = true;
    stream->polled = 0;
    list_remove(&stream->dirty);
    uv_close((uv_handle_t *)&stream->poll, on_poll_closed);
    (void)close(stream->fd);
    stream->fd = -1;
}

void stream_abort(struct stream *stream) {
    check(stream->magic == STREAM_MAGIC);
    if (stream->closing)
        return;
    stream->failed = true; /* no close_notify either */
    socket_set_reset(stream->fd);
    stream_close(stream);
}

/* --- what it is --- */

const char *stream_peer_address(const struct stream *stream) {
    return stream->peer;
}

bool stream_peer_is_loopback(const struct stream *stream) {
    struct span peer = span_text(stream->peer);
    return span_starts_with(peer, "127.") || span_is(peer, "::1") ||
           span_starts_with(peer, "::ffff:127.") || span_is(peer, "unix");
}

bool stream_peer_is_owner(const struct stream *stream) {
    return stream->owner;
}

bool stream_is_tls(const struct stream *stream) {
    return stream->tls != NULL;
}
