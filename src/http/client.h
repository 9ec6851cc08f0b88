// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * HTTP/1.1 client side: a pool of kept connections per loop and origin, one call at a time on each.
 *
 * A call sends one request and delivers one answer as callbacks: on_head, on_body*, on_done exactly once, never from
 * inside a call into this module. After on_done returns the call is freed. http_call_cancel: closes the connection, no
 * callback comes any more, except that `pinned` is released.
 * A kept connection that turns out closed before any byte of the answer came, within a second of sending, is replayed once
 * on a new one, silently; later it is ERR_EOF or ERR_RESET, since the upstream may have done the work.
 * An answer with a Content-Encoding is ERR_UNSUPPORTED without on_head: callers ask for identity.
 * 1xx are skipped (bounded), 101 unasked is ERR_HTTP_UPGRADE, redirects are not followed, no cookies. Bytes after the answer
 * are dropped and the connection closed. An answer that comes before the request is fully sent is delivered; the rest is not sent.
 */
#include "base/rope.h"
#include "http/body.h"
#include "http/header.h"
#include "net/connector.h"

struct http_client;
struct http_call;

struct http_client_limits {
    size_t idle_connections_max; /* per origin */
    uint64_t idle_timeout_ns;    /* a kept connection unused for this long is closed */
    size_t interim_max;          /* 1xx answers skipped */
};
void http_client_limits_default(struct http_client_limits *limits);

struct http_client *http_client_new(struct net_context *net, struct loop *loop,
                                    const struct http_client_limits *limits);
/* Closes kept connections; calls must be done or cancelled; run the loop until idle, then free. */
void http_client_close_all(struct http_client *client);
void http_client_free(struct http_client *client);
size_t http_client_idle_connections(const struct http_client *client);

struct http_timeouts {
    uint64_t connect_ns; /* resolve + TCP + the tunnel of a proxy */
    uint64_t tls_ns;
    uint64_t first_byte_ns; /* request sent -> complete head of the answer */
    uint64_t gap_ns;        /* silence inside the body; 0 = none */
};

struct http_call_request {
    const struct origin *
        origin; /* borrowed until on_done or cancel returns; contents copied as needed for the pool key */
    const char *method;
    struct span target;      /* "/v1/chat/completions": already percent-encoded */
    struct span host_header; /* "api.example.com" or "host:port" */
    struct span
        head_fields; /* "Name: value\r\n" block, copied; must not hold framing fields, Host or Connection */
    const struct span
        *body_pieces; /* borrowed until on_done / cancel; Content-Length is their sum */
    size_t body_piece_count;
    bool has_body;            /* false: no Content-Length at all (GET) */
    struct http_body *pinned; /* ref taken while body bytes may still be read; NULL when none */
    struct http_timeouts timeouts;
};

struct http_answer_head {
    int status;
    const struct http_headers *headers; /* live until on_head returns */
    bool has_length;
    uint64_t length_bytes;
};

struct http_call_handler {
    void (*on_sent)(void *context); /* the whole request is in the kernel; optional */
    void (*on_head)(void *context, const struct http_answer_head *head);
    void (*on_body)(void *context, struct span bytes);
    /* err 0: the answer is complete by its framing. Else its class; `answer_bytes_seen` tells a failure before any byte of the
     * answer from one after. */
    void (*on_done)(void *context, int err, bool answer_bytes_seen);
};

struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_request *request,
                                  const struct http_call_handler *handler, void *context);
void http_call_cancel(struct http_call *call);
/* Backpressure: nothing is read from the socket while paused; the gap clock stands still. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
bool http_call_reused_connection(const struct http_call *call);
