// SPDX-License-Identifier: Apache-2.0
/*
 * The client with upstreams that are slow, cut, stale or gone, and with callers that change their mind.
 */
#include "http_upstream.h"

static void test_endless_interim(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    start(&upstream, &told, "GET");
    accept_peer(&upstream, &peer);
    unsigned said = 0;
    while (told.done == 0 && said < 1000) {
        (void)peer_try_send(&peer, SPAN_LITERAL("HTTP/1.1 102 Processing\r\n\r\n"));
        said++;
        rig_turn(upstream.loop);
    }
    assert_int_equal(told.err, ERR_HTTP_SYNTAX);
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

static void answered_once(struct upstream *upstream, struct peer *peer) {
    struct told told = {0};
    start(upstream, &told, "GET");
    accept_peer(upstream, peer);
    expect_request(peer);
    peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    rig_until(upstream->loop, told.done == 1);
    dynbuf_done(&told.body);
}

/* The upstream closes a kept connection as the next request is written: nobody notices, once. */
static void test_stale(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer old;
    struct peer new;
    struct told told = {0};
    upstream_start(&upstream);
    answered_once(&upstream, &old);
    start(&upstream, &told, "POST"); /* takes the kept connection, whose end is not read yet */
    peer_reset(&old);
    accept_peer(&upstream, &new);
    expect_request(&new);
    assert_int_equal(told.done, 0);
    peer_say(&new, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, 0);
    assert_span(dynbuf_span(&told.body), "b");
    dynbuf_done(&told.body);
    peer_close(&new);
    upstream_stop(&upstream);
}

static void test_stale_twice(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer old;
    struct peer new;
    struct told told = {0};
    upstream_start(&upstream);
    answered_once(&upstream, &old);
    start(&upstream, &told, "POST");
    rig_turn(upstream.loop);
    peer_close(&old);
    accept_peer(&upstream, &new);
    expect_request(&new);
    peer_finish(&new);
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, ERR_EOF);
    assert_false(told.seen);
    dynbuf_done(&told.body);
    peer_close(&new);
    upstream_stop(&upstream);
}

static void test_idle_connection_speaks(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    upstream_start(&upstream);
    answered_once(&upstream, &peer);
    assert_int_equal(http_client_idle_connections(upstream.client), 1);
    peer_say(&peer, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    rig_until(upstream.loop, http_client_idle_connections(upstream.client) == 0);
    rig_until(upstream.loop, peer_over(&peer));
    peer_close(&peer);
    upstream_stop(&upstream);
}

static void test_timeouts(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        int err;
        bool seen;
    } rows[] = {
        {"", ERR_FIRST_BYTE_TIMEOUT, false},
        {"HTTP/1.1 100 Continue\r\n\r\n", ERR_FIRST_BYTE_TIMEOUT, true},
        {"HTTP/1.1 200 OK\r\nX:", ERR_HEADER_TIMEOUT, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", ERR_IDLE_TIMEOUT, true},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct upstream upstream;
        struct peer peer;
        struct told told = {0};
        upstream_start(&upstream);
        struct http_call_request request = plain_request(&upstream, "GET");
        request.timeouts.first_byte_ns = 100 * NS_PER_MS;
        request.timeouts.gap_ns = 100 * NS_PER_MS;
        start_request(&upstream, &told, &request);
        accept_peer(&upstream, &peer);
        peer_say(&peer, rows[i].bytes);
        rig_until(upstream.loop, told.done == 1);
        assert_int_equal(told.err, rows[i].err);
        assert_int_equal(told.seen, rows[i].seen);
        dynbuf_done(&told.body);
        peer_close(&peer);
        upstream_stop(&upstream);
    }
}

/* A head that trickles makes no progress that counts. */
static void test_trickle(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    struct http_call_request request = plain_request(&upstream, "GET");
    request.timeouts.first_byte_ns = 150 * NS_PER_MS;
    start_request(&upstream, &told, &request);
    accept_peer(&upstream, &peer);
    peer_say(&peer, "HTTP/1.1 200 OK\r\nX: ");
    uint64_t bound_ns = clock_mono_ns() + RIG_BOUND_NS;
    while (told.done == 0 && clock_mono_ns() < bound_ns) {
        (void)peer_try_send(&peer, SPAN_LITERAL("x"));
        rig_turn(upstream.loop);
    }
    assert_int_equal(told.err, ERR_HEADER_TIMEOUT);
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

static void test_cancel(void **state) {
    (void)state;
    for (int where = 0; where < 4; where++) {
        struct upstream upstream;
        struct peer peer;
        struct told told = {.cancel_in_head = where == 2, .cancel_in_body = where == 3};
        upstream_start(&upstream);
        start(&upstream, &told, "GET");
        if (where == 0) {
            http_call_cancel(told.call); /* while connecting */
        } else {
            accept_peer(&upstream, &peer);
            expect_request(&peer);
            if (where == 1)
                http_call_cancel(told.call);
            else
                peer_say(
                    &peer,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n");
            rig_until(upstream.loop, peer_over(&peer));
            peer_close(&peer);
        }
        assert_int_equal(told.done, 0);
        assert_int_equal(told.heads, where >= 2 ? 1 : 0);
        assert_int_equal(told.body.len, where == 3 ? 1 : 0);
        dynbuf_done(&told.body);
        upstream_stop(&upstream);
    }
}

/* The upstream sees the end in the same turn in which the call is cancelled. */
static void test_cancel_is_prompt(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    start(&upstream, &told, "GET");
    accept_peer(&upstream, &peer);
    expect_request(&peer);
    http_call_cancel(told.call);
    rig_turn(upstream.loop);
    assert_true(peer_over(&peer));
    peer_close(&peer);
    dynbuf_done(&told.body);
    upstream_stop(&upstream);
}

static void test_refused(void **state) {
    (void)state;
    struct upstream upstream;
    struct told told = {0};
    upstream_start(&upstream);
    (void)close(upstream.listening);
    upstream.listening = -1;
    start(&upstream, &told, "GET");
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, ERR_CONNECT_REFUSED);
    assert_false(told.seen);
    dynbuf_done(&told.body);
    upstream_stop(&upstream);
}

static void test_reset(void **state) {
    (void)state;
    static const char *const parts[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"};
    for (size_t i = 0; i < array_length(parts); i++) {
        struct upstream upstream;
        struct peer peer;
        struct told told = {0};
        upstream_start(&upstream);
        start(&upstream, &told, "GET");
        accept_peer(&upstream, &peer);
        expect_request(&peer);
        peer_say(&peer, parts[i]);
        if (i == 1)
            rig_until(upstream.loop, told.body.len == 3);
        peer_reset(&peer);
        rig_until(upstream.loop, told.done == 1);
        assert_int_equal(told.err, ERR_RESET);
        assert_int_equal(told.seen, i == 1);
        dynbuf_done(&told.body);
        upstream_stop(&upstream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endless_interim), cmocka_unit_test(test_stale),
        cmocka_unit_test(test_stale_twice),     cmocka_unit_test(test_idle_connection_speaks),
        cmocka_unit_test(test_timeouts),        cmocka_unit_test(test_trickle),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_cancel_is_prompt),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests_name("http_client_faults", tests, NULL, NULL);
}
