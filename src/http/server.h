// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * HTTP/1.1 server side (RFC 9112) on a stream: keep-alive, pipelining in order, chunked and Content-Length bodies, Expect:
 * 100-continue, gzip, deflate and zstd bodies with a decoded cap, header and body deadlines, caps. The guard sees every
 * head, chunk line and trailer before the parser.
 *
 * An exchange is one request and its answer. Lifetime: made by the server when a head is complete and valid; on_request
 * comes when the whole body is there (or at once when there is none); the handler must then answer, unless on_gone
 * comes first. on_gone: the client is gone (FIN before the answer ended, reset, deadline); after it nothing may be written.
 * on_finished comes exactly once, last, after the answer is written or the exchange is dead: the exchange is freed when it
 * returns. Requests that are not valid HTTP, too large or too slow are answered by the server itself through on_reject, so
 * that the body of the error is the API's form.
 */
#include "http/body.h"
#include "http/header.h"
#include "net/listener.h"

struct http_server;
struct http_exchange;

struct http_server_limits {
    size_t body_max_bytes;         /* also after decompression; default 32 MiB */
    size_t connections_max;        /* per loop; beyond it accept pauses */
    uint64_t header_timeout_ns;    /* from first byte of a head (or accept) to its end */
    uint64_t body_gap_timeout_ns;  /* longest silence inside a body */
    uint64_t idle_timeout_ns;      /* keep-alive; >= 120 s, so that clients close first */
    uint64_t write_gap_timeout_ns; /* client takes no byte of a waiting answer */
};
void http_server_limits_default(struct http_server_limits *limits);

struct http_request {
    struct span method; /* live as long as the exchange */
    struct span target; /* as sent */
    struct span
        path; /* without query; percent-encoding untouched; absolute-form already reduced to path */
    struct span query; /* without '?', absent when none */
    struct span host;  /* Host field or authority of absolute-form; empty when HTTP/1.0 without */
    const struct http_headers *headers;
    bool http_1_0;
    bool keep_alive; /* after the answer, if nothing speaks against it */
};

struct http_rejection {
    int status;
    int err;                            /* the cause */
    const char *sentence;               /* for people */
    const struct http_request *request; /* NULL: its head could not be read */
    const char *peer;                   /* stream_peer_address */
};

struct http_server_handler {
    /* Head read, body not yet: the handler may already answer (auth, unknown path, too large); the body is then drained. What it neither answers nor gives a context is not heard of again until on_request. Optional. */
    void (*on_head)(void *server_context, struct http_exchange *exchange);
    void (*on_request)(void *server_context, struct http_exchange *exchange);
    void (*on_gone)(void *exchange_context, struct http_exchange *exchange);
    /* Room again after http_exchange_backlog was above STREAM_HIGH_WATER_BYTES. */
    void (*on_drain)(void *exchange_context, struct http_exchange *exchange);
    void (*on_finished)(void *exchange_context, struct http_exchange *exchange);
    /* Fills the answer to an error that the server found itself (status 400, 408, 413, 415, 417, 431, 501, 503, 505): its body,
     * of content type application/json, and further head fields (made with http_write_header). */
    void (*on_reject)(void *server_context, const struct http_rejection *rejection,
                      struct dynbuf *ret_fields, struct dynbuf *ret_body);
};

struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler,
                                    void *server_context);
/* New ones, for what is read from now on; a body that is arriving keeps the size it was promised. */
void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits);
/* Optional: the listener is paused at connections_max and resumed below it. Borrowed; NULL before it is closed. Beyond the
 * cap http_server_accept answers 503. */
void http_server_pause_at_cap(struct http_server *server, struct listener *listener);
/* Takes over an accepted stream. */
void http_server_accept(struct http_server *server, struct stream *stream);
/* Frees what is kept for the next requests: after a burst. */
void http_server_give_back(struct http_server *server);
/* The end comes: every connection closes after its next answer, which says so (Connection: close). One that brings no request within
 * HTTP_DRAIN_GRACE_NS closes then; a request that is on its way when the drain begins is not lost. */
#define HTTP_DRAIN_GRACE_NS ((uint64_t)250 * 1000 * 1000)
void http_server_drain(struct http_server *server);
/* The end does not come after all. */
void http_server_undrain(struct http_server *server);
size_t http_server_connections(const struct http_server *server); /* any thread */
/* Closes what is left; on_gone and on_finished come for live exchanges. Then run the loop until idle. */
void http_server_close_all(struct http_server *server);
void http_server_free(struct http_server *server); /* no connections left */

const struct http_request *http_exchange_request(const struct http_exchange *exchange);
/* The decoded body; borrowed, take a ref to keep it beyond the exchange. NULL when there was none. */
struct http_body *http_exchange_body(const struct http_exchange *exchange);
/* Gives up the exchange's own reference early, so that a long stream does not hold its request in memory. */
void http_exchange_release_body(struct http_exchange *exchange);
void http_exchange_set_context(struct http_exchange *exchange, void *exchange_context);
void *http_exchange_context(const struct http_exchange *exchange);
struct stream *
http_exchange_stream(const struct http_exchange *exchange); /* for peer address only */
uint64_t http_exchange_accepted_ns(
    const struct http_exchange *exchange); /* loop time when the head was complete */

/* `head_fields` is a block of "Name: value\r\n" lines made with http_write_header; the server adds the status line, Date (unless
 * the block begins with one), Content-Length or Transfer-Encoding and Connection. HEAD gets no body, Content-Length as if. Copies. */
int http_exchange_respond(struct http_exchange *exchange, int status, struct span head_fields,
                          struct span body) WARN_UNUSED;
/* A stream: head now, then chunks (HTTP/1.0: until close), then end. */
int http_exchange_start(struct http_exchange *exchange, int status,
                        struct span head_fields) WARN_UNUSED;
int http_exchange_write(struct http_exchange *exchange, struct span bytes) WARN_UNUSED;
int http_exchange_end(struct http_exchange *exchange) WARN_UNUSED;
/* Ends a started answer without its last chunk and closes: the client sees a broken transfer. */
void http_exchange_abort(struct http_exchange *exchange);
/* The connection closes after this answer. */
void http_exchange_close_after(struct http_exchange *exchange);
bool http_exchange_started(const struct http_exchange *exchange); /* the status line was given */
bool http_exchange_gone(const struct http_exchange *exchange);
size_t http_exchange_backlog(
    const struct http_exchange *exchange); /* bytes the client has not taken yet */
