// SPDX-License-Identifier: Apache-2.0
/*
 * Calls through a proxy: a kept connection serves whoever asks for the same origin by the same proxy, and nobody else; what a
 * proxy answers is never the upstream's answer.
 */
#include "http_upstream.h"

#include <stdio.h>

#define HEAD "CONNECT 127.0.0.1:%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"

struct proxied {
    struct upstream upstream; /* its socket plays the proxy */
    char url[96], other_url[96], connect[160];
};

static void proxied_start(struct proxied *proxied) {
    upstream_start(&proxied->upstream);
    unsigned port = proxied->upstream.origin.port;
    (void)snprintf(proxied->url, sizeof proxied->url, "http://127.0.0.1:%u", port);
    (void)snprintf(proxied->other_url, sizeof proxied->other_url, "http://u:p@127.0.0.1:%u", port);
    (void)snprintf(proxied->connect, sizeof proxied->connect, HEAD, port, port);
    proxied->upstream.origin.proxy = span_text(proxied->url);
}

static void told_done(struct proxied *proxied, struct told *told, int err) {
    rig_until(proxied->upstream.loop, told->done == 1);
    assert_int_equal(told->err, err);
    dynbuf_done(&told->body);
}

static void answer(struct proxied *proxied, struct peer *peer, struct told *told) {
    expect_request(peer);
    peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    told_done(proxied, told, 0);
    assert_int_equal(told->status, 200);
}

static void open_tunnel(struct proxied *proxied, struct peer *peer) {
    accept_peer(&proxied->upstream, peer);
    peer_expect(peer, proxied->connect);
    bool logs_in = span_is(proxied->upstream.origin.proxy, proxied->other_url);
    peer_expect(peer, logs_in ? "Proxy-Authorization: Basic dTpw\r\n\r\n" : "\r\n");
    peer_say(peer, "HTTP/1.1 200 Connection established\r\n\r\n");
}

static void test_kept_by_proxy(void **state) {
    (void)state;
    struct proxied proxied;
    struct peer first, second, direct;
    struct told told[5] = {0};
    proxied_start(&proxied);
    struct upstream *upstream = &proxied.upstream;
    start(upstream, &told[0], "GET");
    open_tunnel(&proxied, &first);
    answer(&proxied, &first, &told[0]);
    start(upstream, &told[1], "GET"); /* no new tunnel */
    assert_true(http_call_reused_connection(told[1].call));
    answer(&proxied, &first, &told[1]);
    assert_int_equal(http_client_idle_connections(upstream->client), 1);
    /* another login at the same proxy */
    upstream->origin.proxy = span_text(proxied.other_url);
    start(upstream, &told[2], "GET");
    assert_false(http_call_reused_connection(told[2].call));
    open_tunnel(&proxied, &second);
    answer(&proxied, &second, &told[2]);
    /* and no proxy at all */
    upstream->origin.proxy = SPAN_NONE;
    start(upstream, &told[3], "GET");
    assert_false(http_call_reused_connection(told[3].call));
    accept_peer(upstream, &direct);
    answer(&proxied, &direct, &told[3]);
    assert_int_equal(http_client_idle_connections(upstream->client), 3);
    upstream->origin.proxy = span_text(proxied.url);
    start(upstream, &told[4], "GET");
    answer(&proxied, &first, &told[4]);
    upstream_stop(upstream);
    peer_close(&first);
    peer_close(&second);
    peer_close(&direct);
}

/* A kept connection that the proxy closed is replayed through a new tunnel. */
static void test_stale_tunnel(void **state) {
    (void)state;
    struct proxied proxied;
    struct peer first, second;
    struct told told[2] = {0};
    proxied_start(&proxied);
    start(&proxied.upstream, &told[0], "GET");
    open_tunnel(&proxied, &first);
    answer(&proxied, &first, &told[0]);
    start(&proxied.upstream, &told[1], "GET");
    peer_close(&first);
    open_tunnel(&proxied, &second);
    answer(&proxied, &second, &told[1]);
    upstream_stop(&proxied.upstream);
    peer_close(&second);
}

static const struct {
    const char *words;
    int err;
} refusals[] = {
    {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", ERR_PROXY_AUTH},
    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", ERR_PROXY_REFUSED},
    {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}", ERR_PROXY_TARGET},
    {"no proxy", ERR_PROXY_PROTOCOL},
};

static void test_answers_of_the_proxy(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct proxied proxied;
        struct peer peer;
        struct told told = {0};
        proxied_start(&proxied);
        start(&proxied.upstream, &told, "POST");
        accept_peer(&proxied.upstream, &peer);
        peer_expect(&peer, proxied.connect);
        peer_say(&peer, refusals[i].words);
        told_done(&proxied, &told, refusals[i].err);
        assert_int_equal(told.heads, 0);
        assert_int_equal(told.sent, 0);
        assert_false(told.seen); /* nothing of the upstream's: its quota is given back */
        rig_until(proxied.upstream.loop, peer_over(&peer));
        upstream_stop(&proxied.upstream);
        peer_close(&peer);
    }
}

static void test_cancel_in_the_tunnel(void **state) {
    (void)state;
    struct proxied proxied;
    struct peer peer;
    struct told told = {0};
    proxied_start(&proxied);
    start(&proxied.upstream, &told, "POST");
    accept_peer(&proxied.upstream, &peer);
    peer_expect(&peer, proxied.connect);
    http_call_cancel(told.call);
    rig_until(proxied.upstream.loop, peer_over(&peer));
    assert_int_equal(told.done, 0);
    dynbuf_done(&told.body);
    upstream_stop(&proxied.upstream);
    peer_close(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_by_proxy),
        cmocka_unit_test(test_stale_tunnel),
        cmocka_unit_test(test_answers_of_the_proxy),
        cmocka_unit_test(test_cancel_in_the_tunnel),
    };
    return cmocka_run_group_tests_name("http_client_proxy", tests, NULL, NULL);
}
