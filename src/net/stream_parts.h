// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Inside of a stream, for src/net only. stream.c is what the user calls, stream_io.c what the socket says, tls.c lies
 * between socket and user when there is TLS.
 */
#include "net/loop_parts.h"
#include "net/outbox.h"
#include "net/stream.h"

#include <sys/socket.h>

#define STREAM_MAGIC           0x73747265u
#define STREAM_PEER_TEXT_BYTES 48

struct tls;

struct stream {
    uint32_t magic;
    int fd;     /* -1 once closed */
    int polled; /* the events libuv watches now */
    bool connecting : 1;
    bool started : 1;
    bool paused : 1;
    bool ended : 1;  /* the peer's end was told */
    bool failed : 1; /* writing is over */
    bool told : 1;   /* on_error was called */
    bool closing : 1;
    bool finishing : 1; /* FIN when the queue is empty */
    bool finished : 1;  /* FIN sent */
    bool blocked : 1;   /* the kernel took less than we had */
    bool above_low : 1; /* on_drain is owed */
    bool owner : 1;     /* the peer is who runs this process */
    struct loop *loop;
    const struct stream_handler *handler; /* borrowed: static */
    void *context;
    struct outbox *outbox; /* owned; NULL while nothing is queued */
    struct tls *tls;       /* owned; NULL on a plain stream */
    /* While connecting: the connector's, called once. */
    void (*on_connected)(struct stream *stream, int err);
    struct list dirty; /* in loop->dirty */
    uv_poll_t poll;
    char peer[STREAM_PEER_TEXT_BYTES];
};

/* Takes the descriptor over. */
struct stream *stream__new(struct loop *loop, int fd, const struct sockaddr_storage *peer);
/* Begins to connect; on_connected comes later, with an ERR_CONNECT_ class. Nothing is changed on an error. */
int stream__connect(struct stream *stream, const struct sockaddr_storage *peer,
                    void (*on_connected)(struct stream *stream, int err)) WARN_UNUSED;
/* Tells libuv what is waited for. */
void stream__update_poll(struct stream *stream);
void stream__mark_dirty(struct stream *stream);
void stream__flush(struct stream *stream);
/* Calls the handler: the peer's end; an error, once. */
void stream__tell_end(struct stream *stream);
void stream__tell_error(struct stream *stream, int err);
void stream__deliver(struct stream *stream, struct span bytes);

/* One system call: 0 and how much went, ERR_BUSY when the kernel is full, or the error's class. */
int stream__send(struct stream *stream, const struct span *pieces, size_t count,
                 size_t *ret_sent) WARN_UNUSED;
/* Takes `len` bytes off the outbox and releases what is done. */
void stream__consume(struct stream *stream, size_t len);

static inline bool stream__wants_read(const struct stream *stream) {
    return stream->started && !stream->paused && !stream->ended && !stream->told &&
           !stream->closing;
}
