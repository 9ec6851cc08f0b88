// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A server under test: its handler answers by path and counts what it is told.
 *
 * /echo gives the body back; /size its length; /stream a chunked answer; /hold keeps the exchange for the test; /early is
 * answered when its head is there; /big has 4 MiB; /empty is 204.
 */
#include "http_rig.h"

#include "http/server.h"

#define SERVED_BIG_BYTES ((size_t)4 << 20)

struct served {
    struct loop *loop;
    struct listener *listener;
    struct http_server *server;
    struct http_server_limits limits;
    uint16_t port;
    struct http_exchange *held;
    unsigned heads, requests, gone, finished, drained, rejected;
    int reject_err;
};

static inline void served_answer(struct http_exchange *exchange, const char *text) {
    assert_int_equal(
        http_exchange_respond(exchange, 200, SPAN_LITERAL("X-Test: yes\r\n"), span_text(text)), 0);
}

static inline void served_on_head(void *context, struct http_exchange *exchange) {
    struct served *served = context;
    served->heads++;
    http_exchange_set_context(exchange, served);
    if (span_is(http_exchange_request(exchange)->path, "/early"))
        assert_int_equal(http_exchange_respond(exchange, 401, SPAN_NONE, SPAN_LITERAL("who?")), 0);
}

static inline void served_stream(struct http_exchange *exchange) {
    assert_int_equal(http_exchange_start(exchange, 200, SPAN_LITERAL("X-Test: yes\r\n")), 0);
    assert_int_equal(http_exchange_write(exchange, SPAN_LITERAL("one")), 0);
    assert_int_equal(http_exchange_write(exchange, SPAN_LITERAL("")), 0);
    assert_int_equal(http_exchange_write(exchange, SPAN_LITERAL("twotwotwotwotwotwo")), 0);
    assert_int_equal(http_exchange_end(exchange), 0);
}

static inline void served_big(struct http_exchange *exchange) {
    char *bytes = mem_alloc(SERVED_BIG_BYTES);
    memset(bytes, 'b', SERVED_BIG_BYTES);
    assert_int_equal(
        http_exchange_respond(exchange, 200, SPAN_NONE, span_of(bytes, SERVED_BIG_BYTES)), 0);
    mem_free(bytes);
}

static inline void served_on_request(void *context, struct http_exchange *exchange) {
    struct served *served = context;
    struct span path = http_exchange_request(exchange)->path;
    struct span body = http_body_bytes(http_exchange_body(exchange));
    char size[32];
    served->requests++;
    if (span_is(path, "/echo"))
        assert_int_equal(http_exchange_respond(exchange, 200, SPAN_NONE, body), 0);
    else if (span_is(path, "/size")) {
        (void)snprintf(size, sizeof size, "%zu", body.len);
        served_answer(exchange, size);
    } else if (span_is(path, "/stream"))
        served_stream(exchange);
    else if (span_is(path, "/big"))
        served_big(exchange);
    else if (span_is(path, "/empty"))
        assert_int_equal(http_exchange_respond(exchange, 204, SPAN_NONE, SPAN_NONE), 0);
    else if (span_is(path, "/hold"))
        served->held = exchange;
    else
        served_answer(exchange, "hello");
}

static inline void served_on_gone(void *context, struct http_exchange *exchange) {
    struct served *served = context;
    served->gone++;
    assert_true(http_exchange_gone(exchange));
    assert_int_equal(http_exchange_respond(exchange, 200, SPAN_NONE, SPAN_NONE), ERR_RESET);
}

static inline void served_on_drain(void *context, struct http_exchange *exchange) {
    struct served *served = context;
    (void)exchange;
    served->drained++;
}

static inline void served_on_finished(void *context, struct http_exchange *exchange) {
    struct served *served = context;
    served->finished++;
    if (served->held == exchange)
        served->held = NULL;
}

static inline void served_on_reject(void *context, const struct http_rejection *rejection,
                                    struct dynbuf *ret_fields, struct dynbuf *ret_body) {
    struct served *served = context;
    served->rejected++;
    served->reject_err = rejection->err;
    assert_true(strlen(rejection->sentence) > 10);
    assert_int_equal(http_write_header(ret_fields, "x-rejected", SPAN_LITERAL("yes")), 0);
    assert_int_equal(dynbuf_append_format(ret_body, "{\"status\":%d}", rejection->status), 0);
}

static const struct http_server_handler served_handler = {
    .on_head = served_on_head,
    .on_request = served_on_request,
    .on_gone = served_on_gone,
    .on_drain = served_on_drain,
    .on_finished = served_on_finished,
    .on_reject = served_on_reject,
};

static inline void served_on_accept(void *context, struct stream *stream) {
    struct served *served = context;
    http_server_accept(served->server, stream);
}

static inline void served_start(struct served *served,
                                void (*change)(struct http_server_limits *limits)) {
    struct listen_address address;
    int probe;
    *served = (struct served){.loop = loop_new()};
    http_server_limits_default(&served->limits);
    if (change != NULL)
        change(&served->limits);
    served->server = http_server_new(served->loop, &served->limits, &served_handler, served);
    assert_int_equal(listen_address_parse(SPAN_LITERAL("127.0.0.1:0"), &address), 0);
    assert_int_equal(listener_probe(&address, &probe), 0);
    assert_int_equal(
        listener_open(served->loop, &address, served_on_accept, served, &served->listener), 0);
    listener_probe_done(probe);
    served->port = address.port;
    http_server_pause_at_cap(served->server, served->listener);
}

/* Nothing may be left: connections, bodies, exchanges without their end. */
static inline void served_stop(struct served *served) {
    http_server_pause_at_cap(served->server, NULL);
    listener_close(served->listener);
    http_server_close_all(served->server);
    assert_true(loop_run_until_idle(served->loop, clock_mono_ns() + RIG_BOUND_NS));
    assert_int_equal(http_server_connections(served->server), 0);
    assert_int_equal(http_bodies_in_memory(), 0);
    assert_int_equal(served->heads, served->finished);
    http_server_free(served->server);
    loop_free(served->loop);
}
