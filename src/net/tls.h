// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * TLS between a connected stream and its user, for src/net only: OpenSSL over memory, so that the loop keeps every system
 * call. A stream with stream->tls set gives received bytes to tls__receive and lets tls__flush send.
 */
#include "net/stream_parts.h"

struct tls_store;

/* What the loop's TLS connections share: contexts by CA file, sessions by origin. Nothing is loaded before the first use. */
struct tls_store *tls_store_new(void);
void tls_store_free(struct tls_store *store);
/* Certificates are read anew at the next handshake. */
void tls_store_reload(struct tls_store *store);
/* Reads the system's authorities anew, for all stores from their reload on. ERR_NOT_FOUND: none could be read, the old ones stay. */
int tls_reload_authorities(void) WARN_UNUSED;

struct tls_request {
    struct span host;
    uint16_t port;
    struct span ca_file; /* or absent */
    /* 0 or ERR_TLS_*, ERR_RESET; once; the stream is not started then. Not called after stream_close. */
    void (*on_done)(void *context, int err);
    void *context;
};

/* Starts a client's handshake; what fails at once is an ERR_TLS_ class and on_done will not come. */
int tls_start(struct tls_store *store, struct stream *stream,
              const struct tls_request *request) WARN_UNUSED;
bool tls_session_reused(const struct stream *stream);

/* From stream.c and stream_io.c. */
void tls__receive(struct stream *stream, struct span bytes);
void tls__resume(struct stream *stream);
void tls__peer_closed(struct stream *stream);
/* True if a handshake was under way and has been told. */
bool tls__handshake_lost(struct stream *stream, int err);
/* 0 also when the socket is full: then the stream is blocked. */
int tls__flush(struct stream *stream) WARN_UNUSED;
size_t tls__unsent_bytes(const struct stream *stream);
/* Says goodbye if that can be done at once. */
void tls__close(struct stream *stream);
void tls__free(struct stream *stream);
