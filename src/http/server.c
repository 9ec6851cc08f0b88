// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP/1.1 server: its connections and exchanges, made and freed.
 *
 * Why the halves are apart: reading (server_read.c) and writing (server_write.c) of one connection go on at the same time, an
 * answer may come before its request is complete, and both may end the connection; what they share is one state, one
 * exchange at most, and one timer (server_turn.c). Exchanges are kept for reuse, since each is a few kilobytes that
 * every request needs, and an idle connection must not hold one.
 * Promises: a connection is freed in its stream's on_closed and nowhere else. Leaves to others: routes, bodies of errors.
 */
#include "http/server.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/server_parts.h"

/* Under AddressSanitizer every exchange is memory of its own, so that use after the end is found. */
#if defined(__SANITIZE_ADDRESS__)
#define EXCHANGE_SPARES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXCHANGE_SPARES 0
#endif
#endif
#ifndef EXCHANGE_SPARES
#define EXCHANGE_SPARES HTTP_EXCHANGE_SPARES
#endif

static const size_t exchange_spares = EXCHANGE_SPARES;

void http_server_limits_default(struct http_server_limits *limits) {
    *limits = (struct http_server_limits){
        .body_max_bytes = (size_t)32 * 1024 * 1024,
        .connections_max = 10000,
        .header_timeout_ns = 10 * NS_PER_S,
        .body_gap_timeout_ns = 30 * NS_PER_S,
        .idle_timeout_ns = 150 * NS_PER_S,
        .write_gap_timeout_ns = 60 * NS_PER_S,
    };
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler,
                                    void *server_context) {
    check(handler->on_request != NULL);
    struct http_server *server = mem_zalloc(sizeof *server);
    server->loop = loop;
    server->limits = *limits;
    server->handler = handler;
    server->context = server_context;
    list_init(&server->connections);
    dynbuf_init(&server->scratch, HTTP_ANSWER_HEAD_MAX_BYTES);
    return server;
}

/* Accepting goes on as soon as there is room again. */
static void resume_listener(struct http_server *server) {
    if (!server->listener_paused || server->draining ||
        server->connection_count >= server->limits.connections_max)
        return;
    server->listener_paused = false;
    listener_resume(server->listener);
}

void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits) {
    server->limits = *limits;
    resume_listener(server);
}

void http_server_give_back(struct http_server *server) {
    while (server->spares != NULL) {
        struct http_exchange *spare = server->spares;
        server->spares = spare->next_spare;
        mem_free(spare);
    }
    server->spare_count = 0;
}

void http_server_free(struct http_server *server) {
    check(server->connection_count == 0);
    http_server_give_back(server);
    dynbuf_done(&server->scratch);
    mem_free(server);
}

void http_server_pause_at_cap(struct http_server *server, struct listener *listener) {
    server->listener = listener;
    server->listener_paused = false;
}

static struct http_exchange *take_spare(struct http_server *server) {
    struct http_exchange *exchange = server->spares;
    if (exchange == NULL)
        return mem_alloc(sizeof *exchange);
    server->spares = exchange->next_spare;
    server->spare_count--;
    return exchange;
}

struct http_exchange *http__exchange_new(struct http_connection *connection, struct span head) {
    struct http_exchange *exchange = take_spare(connection->server);
    exchange->magic = EXCHANGE_MAGIC;
    exchange->answer = ANSWER_NONE;
    exchange->known = false;
    exchange->gone = false;
    exchange->owes_gone = false;
    exchange->head_only = false;
    exchange->chunked = false;
    exchange->close_after = false;
    exchange->connection = connection;
    exchange->context = NULL;
    exchange->body = NULL;
    exchange->next_spare = NULL;
    exchange->accepted_ns = loop_now_ns(connection->server->loop);
    exchange->request = (struct http_request){.headers = &exchange->headers};
    exchange->headers.count = 0;
    bool is_long = head.len > sizeof exchange->head;
    exchange->long_head = is_long ? mem_alloc(head.len) : NULL;
    memcpy(is_long ? exchange->long_head : exchange->head, head.ptr, head.len);
    return exchange;
}

void http__exchange_free(struct http_exchange *exchange) {
    struct http_server *server = exchange->connection->server;
    http_body_unref(exchange->body);
    mem_free(exchange->long_head);
    exchange->magic = 0;
    if (server->spare_count >= exchange_spares) {
        mem_free(exchange);
        return;
    }
    exchange->next_spare = server->spares;
    server->spares = exchange;
    server->spare_count++;
}

static void on_error(void *context, int err) {
    struct http_connection *connection =
        cast_checked(context, struct http_connection, CONNECTION_MAGIC);
    (void)err;
    http__connection_close(connection);
}

/* The queue ran low: an answer that was waiting for that is finished now, one that goes on may produce more. */
static void on_drain(void *context) {
    struct http_connection *connection =
        cast_checked(context, struct http_connection, CONNECTION_MAGIC);
    struct http_exchange *exchange = connection->exchange;
    const struct http_server *server = connection->server;
    if (exchange == NULL)
        return;
    if (exchange->answer == ANSWER_ENDED)
        loop_defer(server->loop, &connection->task);
    else if (exchange->known && !exchange->gone && server->handler->on_drain != NULL)
        server->handler->on_drain(exchange->context, exchange);
}

static void on_closed(void *context) {
    struct http_connection *connection =
        cast_checked(context, struct http_connection, CONNECTION_MAGIC);
    struct http_server *server = connection->server;
    if (connection->exchange != NULL)
        http__connection_finish_exchange(connection);
    loop_undefer(&connection->task);
    loop_timer_clear(server->loop, &connection->timer);
    http_decoder_free(connection->decoder);
    dynbuf_done(&connection->input);
    list_remove(&connection->node);
    server->connection_count--;
    connection->magic = 0;
    mem_free(connection);
    resume_listener(server);
}

static const struct stream_handler stream_handler = {
    .on_read = http__connection_on_read,
    .on_buffer = http__connection_on_buffer,
    .on_end = http__connection_on_end,
    .on_error = on_error,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

static struct http_connection *connection_new(struct http_server *server, struct stream *stream) {
    struct http_connection *connection = mem_zalloc(sizeof *connection);
    connection->magic = CONNECTION_MAGIC;
    connection->state = CONNECTION_HEAD;
    connection->server = server;
    connection->stream = stream;
    connection->timer.fire = http__connection_fire;
    loop_task_init(&connection->task, http__connection_turn);
    dynbuf_init(&connection->input, HTTP_INPUT_MAX_BYTES);
    http_guard_init(&connection->guard, HTTP_SIDE_REQUEST);
    list_init(&connection->node);
    list_append(&server->connections, &connection->node);
    server->connection_count++;
    return connection;
}

void http_server_accept(struct http_server *server, struct stream *stream) {
    bool full = server->connection_count >= server->limits.connections_max;
    struct http_connection *connection = connection_new(server, stream);
    stream_set_handler(stream, &stream_handler, connection);
    stream_start(stream);
    if (full) {
        http__connection_reject(connection, REJECT_CONNECTIONS);
        return;
    }
    http__connection_set_deadline(
        connection,
        loop_now_ns(server->loop) +
            (server->draining ? HTTP_DRAIN_GRACE_NS : server->limits.header_timeout_ns));
    if (server->listener != NULL && !server->listener_paused &&
        server->connection_count >= server->limits.connections_max) {
        server->listener_paused = true;
        listener_pause(server->listener);
    }
}

static bool idle(const struct http_connection *connection) {
    return connection->state == CONNECTION_HEAD && !connection->head_started;
}

void http_server_drain(struct http_server *server) {
    struct list *all = &server->connections;
    server->draining = true;
    for (struct list *node = all->next, *next = node->next; node != all;
         node = next, next = node->next) {
        struct http_connection *connection = container_of(node, struct http_connection, node);
        if (idle(connection))
            http__connection_set_deadline(connection,
                                          loop_now_ns(server->loop) + HTTP_DRAIN_GRACE_NS);
    }
}

void http_server_undrain(struct http_server *server) {
    server->draining = false;
    resume_listener(server);
}

size_t http_server_connections(const struct http_server *server) {
    return server->connection_count;
}

void http_server_close_all(struct http_server *server) {
    struct list *all = &server->connections;
    server->draining = true;
    for (struct list *node = all->next, *next = node->next; node != all;
         node = next, next = node->next)
        http__connection_close(container_of(node, struct http_connection, node));
}

const struct http_request *http_exchange_request(const struct http_exchange *exchange) {
    check(exchange->magic == EXCHANGE_MAGIC);
    return &exchange->request;
}

struct http_body *http_exchange_body(const struct http_exchange *exchange) {
    return exchange->body;
}

void http_exchange_release_body(struct http_exchange *exchange) {
    http_body_unref(exchange->body);
    exchange->body = NULL;
}

void http_exchange_set_context(struct http_exchange *exchange, void *exchange_context) {
    exchange->context = exchange_context;
}

void *http_exchange_context(const struct http_exchange *exchange) {
    return exchange->context;
}

struct stream *http_exchange_stream(const struct http_exchange *exchange) {
    return exchange->connection->stream;
}

uint64_t http_exchange_accepted_ns(const struct http_exchange *exchange) {
    return exchange->accepted_ns;
}

void http_exchange_close_after(struct http_exchange *exchange) {
    exchange->close_after = true;
}

bool http_exchange_started(const struct http_exchange *exchange) {
    return exchange->answer != ANSWER_NONE;
}

bool http_exchange_gone(const struct http_exchange *exchange) {
    return exchange->gone;
}

size_t http_exchange_backlog(const struct http_exchange *exchange) {
    return stream_queued_bytes(exchange->connection->stream);
}
