// SPDX-License-Identifier: Apache-2.0
/*
 * The server on real sockets: requests in every form that is right, and answers to them.
 */
#include "http_served.h"

static void test_keep_alive(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    for (unsigned i = 1; i <= 3; i++) {
        peer_say(&peer, "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(peer_answer(&peer, "hello"), 200);
        rig_until(served.loop, served.finished == i);
        assert_int_equal(http_server_connections(served.server), 1);
    }
    assert_int_equal(served.gone, 0);
    peer_close(&peer);
    rig_until(served.loop, http_server_connections(served.server) == 0);
    served_stop(&served);
}

static void test_head_byte_by_byte(void **state) {
    (void)state;
    static const char bytes[] =
        "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        peer_send(&peer, span_of(bytes + i, 1));
        rig_turn(served.loop);
    }
    assert_int_equal(peer_answer(&peer, "hello"), 200);
    peer_close(&peer);
    served_stop(&served);
}

static void test_pipelining(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n"
                    "GET /last HTTP/1.1\r\nHost: x\r\n");
    rig_until(served.loop, served.held != NULL);
    for (int i = 0; i < 5; i++)
        rig_turn(served.loop);
    assert_int_equal(served.requests, 1);
    served_answer(served.held, "one");
    assert_int_equal(peer_answer(&peer, "one"), 200);
    assert_int_equal(peer_answer(&peer, "two"), 200);
    assert_int_equal(peer_answer(&peer, "three"), 200);
    peer_say(&peer, "\r\n");
    assert_int_equal(peer_answer(&peer, "hello"), 200);
    peer_close(&peer);
    served_stop(&served);
}

static void test_second_malformed(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET  /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c "
                    "HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(peer_answer(&peer, "hello"), 200);
    assert_int_equal(peer_answer(&peer, "{\"status\":400}"), 400);
    peer_expect_end(&peer);
    assert_int_equal(served.requests, 1);
    peer_close(&peer);
    served_stop(&served);
}

/* More read-ahead than is kept: reading pauses, and goes on when the answer is out. */
static void test_long_pipeline(void **state) {
    (void)state;
    static const char request[] = "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n";
    enum { COUNT = 40, BODY = 30000 };
    struct served served;
    struct peer peer;
    size_t each = sizeof request - 1 + BODY;
    char *bytes = mem_alloc(COUNT * each);
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(bytes + i * each, request, sizeof request - 1);
        memset(bytes + i * each + sizeof request - 1, 'x', BODY);
    }
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_send(&peer, span_of(bytes, 8 * each));
    rig_until(served.loop, served.held != NULL);
    for (int i = 0; i < 20; i++)
        rig_turn(served.loop);
    assert_int_equal(served.requests, 1);
    served_answer(served.held, "one");
    peer_send(&peer, span_of(bytes + 8 * each, (COUNT - 8) * each));
    assert_int_equal(peer_answer(&peer, "one"), 200);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(peer_answer(&peer, "30000"), 200);
    mem_free(bytes);
    peer_close(&peer);
    served_stop(&served);
}

static void send_big_body(struct peer *peer, size_t bytes, bool chunked) {
    char head[200];
    char *body = mem_alloc(bytes);
    memset(body, 'x', bytes);
    if (chunked)
        (void)snprintf(
            head, sizeof head,
            "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", bytes);
    else
        (void)snprintf(head, sizeof head,
                       "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", bytes);
    peer_say(peer, head);
    peer_send(peer, span_of(body, bytes));
    if (chunked)
        peer_say(peer, "\r\n0\r\n\r\n");
    mem_free(body);
}

static void test_big_bodies(void **state) {
    (void)state;
    static const size_t sizes[] = {100,    16383,           16384,           65536,
                                   100000, (size_t)5 << 20, (size_t)32 << 20};
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    for (size_t i = 0; i < 2 * array_length(sizes); i++) {
        char size[32];
        (void)snprintf(size, sizeof size, "%zu", sizes[i / 2]);
        send_big_body(&peer, sizes[i / 2], i % 2 == 1);
        assert_int_equal(peer_answer(&peer, size), 200);
    }
    peer_close(&peer);
    served_stop(&served);
}

/* A length alone takes no memory. */
static void test_announced_only(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\nx");
    rig_until(served.loop, served.heads == 1);
    for (int i = 0; i < 5; i++)
        rig_turn(served.loop);
    assert_true(http_bodies_in_memory() <= (size_t)256 * 1024);
    peer_close(&peer);
    rig_until(served.loop, served.gone == 1);
    served_stop(&served);
}

static void test_stream(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    for (int i = 0; i < 2; i++) {
        peer_say(&peer, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_expect(
            &peer,
            "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n12\r\ntwotwotwotwotwotwo\r\n0\r\n\r\n");
    }
    peer_say(&peer, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    peer_expect(&peer, "Connection: close\r\n\r\nonetwotwotwotwotwotwo");
    peer_expect_end(&peer);
    peer_close(&peer);
    served_stop(&served);
}

static void test_head_and_no_content(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: x\r\n\r\nGET "
                    "/empty HTTP/1.1\r\nHost: x\r\n\r\n"
                    "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, "Content-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n");
    peer_expect(&peer, "Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 204 No Content\r\n");
    peer_expect(&peer, " GMT\r\n\r\nHTTP/1.1 200 OK\r\n");
    peer_expect(&peer, "Content-Length: 5\r\n\r\nhello");
    peer_close(&peer);
    served_stop(&served);
}

static void test_closing(void **state) {
    (void)state;
    static const struct {
        const char *request;
        bool closes;
        const char *says;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true, "Connection: close\r\n"},
        {"GET / HTTP/1.0\r\n\r\n", true, "Connection: close\r\n"},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false, "Connection: keep-alive\r\n"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, "HTTP/1.1 200 OK\r\n"},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct served served;
        struct peer peer;
        served_start(&served, NULL);
        peer_connect(&peer, served.loop, served.port);
        peer_say(&peer, rows[i].request);
        peer_expect(&peer, rows[i].says);
        peer_expect(&peer, "\r\nhello");
        if (rows[i].closes)
            peer_expect_end(&peer);
        else
            assert_false(peer_over(&peer));
        peer_close(&peer);
        rig_until(served.loop, http_server_connections(served.server) == 0);
        served_stop(&served);
    }
}

static void test_expect(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer,
             "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    peer_expect(&peer, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_say(&peer, "hi");
    assert_int_equal(peer_answer(&peer, "hi"), 200);
    /* the body is already there */
    peer_say(
        &peer,
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nho");
    assert_int_equal(peer_answer(&peer, "ho"), 200);
    /* answered without the body: nothing can follow */
    peer_say(
        &peer,
        "POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    peer_expect(&peer, "HTTP/1.1 401 Unauthorized\r\n");
    peer_expect(&peer, "Connection: close\r\n\r\nwho?");
    peer_expect_end(&peer);
    peer_close(&peer);
    served_stop(&served);
}

static void test_early_answer(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nfirst part");
    assert_int_equal(peer_answer(&peer, "who?"), 401);
    rig_until(served.loop, served.finished == 1);
    char *rest = mem_zalloc(99990);
    peer_send(&peer, span_of(rest, 99990));
    mem_free(rest);
    peer_say(&peer, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(peer_answer(&peer, "hello"), 200);
    assert_int_equal(served.requests, 1);
    peer_close(&peer);
    served_stop(&served);
}

static void test_big_answer(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    for (int i = 0; i < 2; i++) {
        peer_say(&peer, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_expect(&peer, "\r\n\r\n");
        rig_until(served.loop, (peer_poll(&peer), peer.in.len == SERVED_BIG_BYTES));
        dynbuf_clear(&peer.in);
    }
    peer_say(&peer, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(peer_answer(&peer, "hello"), 200);
    peer_expect_end(&peer);
    peer_close(&peer);
    served_stop(&served);
}

/* A client that half-closes after its answer began to arrive still gets all of it. */
static void test_big_answer_then_half_close(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_until(served.loop, served.requests == 1);
    peer_finish(&peer);
    peer_expect(&peer, "\r\n\r\n");
    rig_until(served.loop, peer_over(&peer));
    assert_true(peer.ended);
    assert_int_equal(peer.in.len, SERVED_BIG_BYTES);
    peer_close(&peer);
    served_stop(&served);
}

static void test_backpressure(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    char *chunk = mem_zalloc(65536);
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_until(served.loop, served.held != NULL);
    struct http_exchange *exchange = served.held;
    assert_int_equal(http_exchange_start(exchange, 200, SPAN_NONE), 0);
    while (http_exchange_backlog(exchange) <= 32 * STREAM_HIGH_WATER_BYTES)
        assert_int_equal(http_exchange_write(exchange, span_of(chunk, 65536)), 0);
    for (int i = 0; i < 5; i++)
        rig_turn(served.loop);
    assert_int_equal(served.drained, 0);
    rig_until(served.loop, (peer_poll(&peer), served.drained == 1));
    assert_int_equal(http_exchange_end(exchange), 0);
    peer_expect(&peer, "\r\n0\r\n\r\n");
    mem_free(chunk);
    peer_close(&peer);
    served_stop(&served);
}

static void test_abort(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_until(served.loop, served.held != NULL);
    assert_int_equal(http_exchange_start(served.held, 200, SPAN_NONE), 0);
    assert_int_equal(http_exchange_write(served.held, SPAN_LITERAL("part")), 0);
    http_exchange_abort(served.held);
    peer_expect(&peer, "4\r\npart\r\n");
    peer_expect_end(&peer);
    peer_close(&peer);
    rig_until(served.loop, served.finished == 1);
    assert_int_equal(served.gone, 0);
    served_stop(&served);
}

static void test_drain(void **state) {
    (void)state;
    struct served served;
    struct peer idle;
    struct peer busy;
    served_start(&served, NULL);
    peer_connect(&idle, served.loop, served.port);
    peer_connect(&busy, served.loop, served.port);
    peer_say(&idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(peer_answer(&idle, "hello"), 200);
    peer_say(&busy, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_until(served.loop, served.held != NULL);
    http_server_drain(served.server);
    peer_expect_end(&idle);
    rig_until(served.loop, http_server_connections(served.server) == 1);
    served_answer(served.held, "late");
    peer_expect(&busy, "Connection: close\r\n\r\nlate");
    peer_expect_end(&busy);
    peer_close(&idle);
    peer_close(&busy);
    served_stop(&served);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_head_byte_by_byte),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_second_malformed),
        cmocka_unit_test(test_long_pipeline),
        cmocka_unit_test(test_big_bodies),
        cmocka_unit_test(test_announced_only),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_head_and_no_content),
        cmocka_unit_test(test_closing),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_big_answer),
        cmocka_unit_test(test_big_answer_then_half_close),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_drain),
    };
    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
