// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A two-way byte stream: TCP or Unix socket, plain or TLS. The one thing HTTP knows of the network.
 *
 * Lifetime: made by a listener or a connector; the user calls stream_close exactly once; on_closed comes exactly once,
 * later, never from inside another call, and is the place where the user frees what belongs to it; the stream itself is
 * freed by net after on_closed returned. After stream_close no other callback comes.
 * Reading starts with stream_start. on_read hands out bytes that live until it returns. on_end: the peer's orderly end
 * (FIN; on TLS only after close_notify, else on_error(ERR_TLS_TRUNCATED)). on_error: reading or writing failed; the user closes.
 * Writing queues; everything queued in one loop turn leaves in one gathering system call at its end. Order is kept.
 */
#include "base/span.h"
#include "net/loop.h"

struct stream;

struct stream_handler {
    void (*on_read)(void *context, struct span bytes);
    /* Optional: where to read into next, so that a large body is not copied; return false for the loop's shared buffer.
     * Both come set to that buffer, so its use can be cut short. The bytes then also come by on_read with the pointer given
     * here. Plain streams only. */
    bool (*on_buffer)(void *context, char **ret_buffer, size_t *ret_size);
    void (*on_end)(void *context);
    void (*on_error)(void *context, int err);
    /* The queue fell to or below the low-water mark after it had been above it. */
    void (*on_drain)(void *context);
    void (*on_closed)(void *context);
};

#define STREAM_HIGH_WATER_BYTES ((size_t)256 * 1024)
#define STREAM_LOW_WATER_BYTES  ((size_t)64 * 1024)

void stream_set_handler(struct stream *stream, const struct stream_handler *handler, void *context);
struct loop *stream_loop(const struct stream *stream);
void stream_start(struct stream *stream);
/* Paused: nothing is read, an end of the peer is not seen. Idempotent. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* Copies. ERR_TOO_LARGE beyond STREAM_QUEUE_MAX_BYTES of queued copies; ERR_RESET after an error. */
#define STREAM_QUEUE_MAX_BYTES ((size_t)64 * 1024 * 1024)
int stream_write(struct stream *stream, struct span bytes) WARN_UNUSED;
/* Borrows: the bytes must live until release(argument) is called (once, also on close; may be NULL for static bytes). */
int stream_write_borrowed(struct stream *stream, struct span bytes, void (*release)(void *argument),
                          void *argument) WARN_UNUSED;
/* Bytes accepted but not yet in the kernel. */
size_t stream_queued_bytes(const struct stream *stream);
/* Sends what is queued, then FIN (TLS: close_notify first). Reading goes on. */
void stream_finish(struct stream *stream);
/* Ends now: queued bytes are dropped (call after on_drain / an empty queue for an orderly end). Idempotent. */
void stream_close(struct stream *stream);
/* Resets the connection (SO_LINGER 0) so that the peer notices at once. */
void stream_abort(struct stream *stream);

/* "127.0.0.1" / "::1" / "unix"; the text lives as long as the stream. */
const char *stream_peer_address(const struct stream *stream);
bool stream_peer_is_loopback(const struct stream *stream);
/* Came by a Unix socket, from the user this process runs as, or from root. */
bool stream_peer_is_owner(const struct stream *stream);
bool stream_is_tls(const struct stream *stream);
