// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A client under test, and an upstream that is a plain socket in the hands of the test.
 */
#include "http_rig.h"

#include "http/client.h"

struct upstream {
    struct loop *loop;
    int listening;
    struct origin origin;
    struct net_context *net;
    struct http_client *client;
    struct http_client_limits limits;
};

/* What one call was told. */
struct told {
    struct http_call *call;
    struct dynbuf body;
    int status;
    int err;
    unsigned sent, heads, done;
    bool seen;
    bool cancel_in_head, cancel_in_body;
    struct upstream *next_on; /* on_done starts the next call here */
    struct told *next;
};

static inline void upstream_start(struct upstream *upstream) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *upstream = (struct upstream){.loop = loop_new()};
    upstream->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(upstream->listening >= 0);
    assert_int_equal(bind(upstream->listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(upstream->listening, 16), 0);
    assert_int_equal(getsockname(upstream->listening, (struct sockaddr *)&address, &length), 0);
    upstream->origin = (struct origin){
        .host = SPAN_LITERAL("127.0.0.1"), .port = ntohs(address.sin_port), .allow_loopback = true};
    upstream->net = net_context_new(upstream->loop);
    http_client_limits_default(&upstream->limits);
    upstream->client = http_client_new(upstream->net, upstream->loop, &upstream->limits);
}

static inline void upstream_stop(struct upstream *upstream) {
    http_client_close_all(upstream->client);
    assert_int_equal(http_client_idle_connections(upstream->client), 0);
    uint64_t bound_ns = clock_mono_ns() + RIG_BOUND_NS;
    (void)loop_run_until_idle(upstream->loop, clock_mono_ns() + 20 * NS_PER_MS);
    http_client_free(upstream->client);
    net_context_free(upstream->net);
    assert_true(loop_run_until_idle(upstream->loop, bound_ns));
    loop_free(upstream->loop);
    if (upstream->listening >= 0)
        (void)close(upstream->listening);
}

static inline bool try_accept(struct upstream *upstream, int *fd) {
    *fd = accept(upstream->listening, NULL, NULL);
    return *fd >= 0;
}

static inline void accept_peer(struct upstream *upstream, struct peer *peer) {
    int fd = -1;
    rig_until(upstream->loop, try_accept(upstream, &fd));
    peer_init(peer, upstream->loop, fd);
}

static inline void on_sent(void *context) {
    struct told *told = context;
    told->sent++;
}

static inline void on_head(void *context, const struct http_answer_head *head) {
    struct told *told = context;
    told->heads++;
    told->status = head->status;
    if (told->cancel_in_head)
        http_call_cancel(told->call);
}

static inline void on_body(void *context, struct span bytes) {
    struct told *told = context;
    assert_int_equal(told->heads, 1);
    assert_int_equal(dynbuf_append_span(&told->body, bytes), 0);
    if (told->cancel_in_body)
        http_call_cancel(told->call);
}

static inline void start(struct upstream *upstream, struct told *told, const char *method);

static inline void on_done(void *context, int err, bool answer_bytes_seen) {
    struct told *told = context;
    told->done++;
    told->err = err;
    told->seen = answer_bytes_seen;
    if (told->next != NULL)
        start(told->next_on, told->next, "GET");
}

static const struct http_call_handler handler = {
    .on_sent = on_sent, .on_head = on_head, .on_body = on_body, .on_done = on_done};

static inline struct http_call_request plain_request(const struct upstream *upstream,
                                                     const char *method) {
    return (struct http_call_request){
        .origin = &upstream->origin,
        .method = method,
        .target = SPAN_LITERAL("/v1/x?y"),
        .host_header = SPAN_LITERAL("api.example"),
        .head_fields = SPAN_LITERAL("Accept-Encoding: identity\r\n"),
        .timeouts = {.connect_ns = 5 * NS_PER_S,
                     .tls_ns = 5 * NS_PER_S,
                     .first_byte_ns = 5 * NS_PER_S,
                     .gap_ns = 5 * NS_PER_S},
    };
}

static inline void start_request(struct upstream *upstream, struct told *told,
                                 const struct http_call_request *request) {
    dynbuf_init(&told->body, (size_t)64 << 20);
    told->call = http_call_start(upstream->client, request, &handler, told);
    assert_int_equal(told->done, 0);
}

static inline void start(struct upstream *upstream, struct told *told, const char *method) {
    struct http_call_request request = plain_request(upstream, method);
    start_request(upstream, told, &request);
}

static inline void expect_request(struct peer *peer) {
    peer_expect(peer, "Host: api.example\r\nAccept-Encoding: identity\r\n\r\n");
}
