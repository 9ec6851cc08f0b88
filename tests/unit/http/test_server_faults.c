// SPDX-License-Identifier: Apache-2.0
/*
 * The server against clients that are wrong, slow, greedy or gone.
 */
#include "http_served.h"

#include <zlib.h>

struct bad_row {
    const char *bytes;
    int status;
    int err;
};

static const struct bad_row bad_rows[] = {
    {"GET / HTTP/1.1\r\n\r\n", 400, ERR_HTTP_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, ERR_HTTP_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, ERR_HTTP_SYNTAX},
    {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400, ERR_HTTP_SYNTAX},
    {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, ERR_HTTP_SYNTAX},
    {"GET /\r\n\r\n", 400, ERR_HTTP_SYNTAX},
    {"GET / HTTP/1.1\nHost: x\n\n", 400, ERR_HTTP_SYNTAX},
    {"\x16\x03\x01\x02", 400, ERR_HTTP_SYNTAX},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, ERR_HTTP_VERSION},
    {"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 501, ERR_UNSUPPORTED},
    {"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501, ERR_UNSUPPORTED},
    {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501, ERR_UNSUPPORTED},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     ERR_HTTP_FRAMING},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400, ERR_HTTP_FRAMING},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400,
     ERR_HTTP_FRAMING},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", 400,
     ERR_HTTP_FRAMING},
    {"POST / HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nContent-Length: 1\r\n\r\n", 417,
     ERR_UNSUPPORTED},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n", 415,
     ERR_UNSUPPORTED},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain", 400,
     ERR_INVALID},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(bad_rows); i++) {
        struct served served;
        struct peer peer;
        char body[32];
        served_start(&served, NULL);
        peer_connect(&peer, served.loop, served.port);
        peer_say(&peer, bad_rows[i].bytes);
        (void)snprintf(body, sizeof body, "{\"status\":%d}", bad_rows[i].status);
        if (peer_answer(&peer, body) != bad_rows[i].status)
            fail_msg("not %d: %s", bad_rows[i].status, bad_rows[i].bytes);
        peer_expect_end(&peer);
        assert_int_equal(served.rejected, 1);
        assert_int_equal(served.reject_err, bad_rows[i].err);
        assert_int_equal(served.requests, 0);
        peer_close(&peer);
        rig_until(served.loop, http_server_connections(served.server) == 0);
        served_stop(&served);
    }
}

/* All of it is sent before anything is read, as simple clients do; the answer must be readable. */
static void refused_after_sending(const char *head, size_t bytes, int status,
                                  void (*change)(struct http_server_limits *)) {
    struct served served;
    struct peer peer;
    char body[32];
    char *sent = mem_alloc(bytes);
    memset(sent, 'x', bytes);
    served_start(&served, change);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, head);
    peer_send(&peer, span_of(sent, bytes));
    (void)snprintf(body, sizeof body, "{\"status\":%d}", status);
    assert_int_equal(peer_answer(&peer, body), status);
    peer_expect_end(&peer);
    assert_int_equal(served.requests, 0);
    mem_free(sent);
    peer_close(&peer);
    served_stop(&served);
}

static void one_megabyte(struct http_server_limits *limits) {
    limits->body_max_bytes = 1 << 20;
}

static void test_too_large(void **state) {
    (void)state;
    refused_after_sending("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n",
                          (size_t)8 << 20, 413, one_megabyte);
    refused_after_sending("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
                          ((size_t)1 << 20) + 1, 413, one_megabyte);
    refused_after_sending("GET / HTTP/1.1\r\nHost: x\r\nA: ", (size_t)1 << 20, 431, NULL);
}

static void test_too_large_chunked(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    char chunk[65536 + 8];
    memcpy(chunk, "10000\r\n", 7);
    memset(chunk + 7, 'x', 65536);
    served_start(&served, one_megabyte);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 64; i++) {
        peer_send(&peer, span_of(chunk, 7 + 65536));
        peer_say(&peer, "\r\n");
    }
    peer_say(&peer, "0\r\n\r\n");
    assert_int_equal(peer_answer(&peer, "{\"status\":413}"), 413);
    peer_expect_end(&peer);
    assert_int_equal(served.heads, 1);
    assert_int_equal(served.gone, 1);
    peer_close(&peer);
    served_stop(&served);
}

/* A client that waits for 100 is told at once. */
static void test_too_large_expecting(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, one_megabyte);
    peer_connect(&peer, served.loop, served.port);
    peer_say(
        &peer,
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 8388608\r\n\r\n");
    assert_int_equal(peer_answer(&peer, "{\"status\":413}"), 413);
    peer_expect_end(&peer);
    peer_close(&peer);
    served_stop(&served);
}

static size_t gzip(char *out, size_t room, size_t zeros) {
    char *plain = mem_zalloc(zeros);
    z_stream zlib = {.next_in = (Bytef *)plain,
                     .avail_in = (uInt)zeros,
                     .next_out = (Bytef *)out,
                     .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&zlib, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    size_t bytes = room - zlib.avail_out;
    (void)deflateEnd(&zlib);
    mem_free(plain);
    return bytes;
}

static void test_gzip(void **state) {
    (void)state;
    static const struct {
        size_t zeros;
        int status;
        const char *body;
    } rows[] = {{1000, 200, "1000"},
                {1 << 20, 200, "1048576"},
                {(1 << 20) + 1, 413, "{\"status\":413}"},
                {100 << 20, 413, "{\"status\":413}"}};
    char *coded = mem_alloc(1 << 20);
    for (size_t i = 0; i < array_length(rows); i++) {
        struct served served;
        struct peer peer;
        char head[200];
        size_t bytes = gzip(coded, 1 << 20, rows[i].zeros);
        served_start(&served, one_megabyte);
        peer_connect(&peer, served.loop, served.port);
        (void)snprintf(head, sizeof head,
                       "POST /size HTTP/1.1\r\nHost: x\r\nContent-Encoding: "
                       "gzip\r\nContent-Length: %zu\r\n\r\n",
                       bytes);
        peer_say(&peer, head);
        peer_send(&peer, span_of(coded, bytes));
        assert_int_equal(peer_answer(&peer, rows[i].body), rows[i].status);
        peer_close(&peer);
        served_stop(&served);
    }
    mem_free(coded);
}

static void test_memory_cap(void **state) {
    (void)state;
    http_bodies_set_cap(100000);
    struct served served;
    struct peer peer;
    char *bytes = mem_zalloc(200000);
    served_start(&served, NULL);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
    peer_send(&peer, span_of(bytes, 200000));
    peer_expect(&peer, "HTTP/1.1 503 Service Unavailable\r\n");
    peer_expect(&peer, "Retry-After: 1\r\n");
    peer_expect(&peer, "{\"status\":503}");
    peer_expect_end(&peer);
    mem_free(bytes);
    peer_close(&peer);
    served_stop(&served);
    http_bodies_set_cap(HTTP_BODIES_DEFAULT_MAX_BYTES);
}

static void short_times(struct http_server_limits *limits) {
    limits->header_timeout_ns = 60 * NS_PER_MS;
    limits->body_gap_timeout_ns = 60 * NS_PER_MS;
    limits->idle_timeout_ns = 60 * NS_PER_MS;
    limits->write_gap_timeout_ns = 60 * NS_PER_MS;
}

static void test_slow(void **state) {
    (void)state;
    static const struct {
        const char *start;
        const char *drop; /* said again and again, a byte at a time */
        int status;
    } rows[] = {
        {"GET / HT", NULL, 408},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: ", "x", 408},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", NULL, 408},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x", 408},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT", NULL, 408},
        {"", NULL, 0},
        {"\r\n", NULL, 0},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct served served;
        struct peer peer;
        served_start(&served, short_times);
        peer_connect(&peer, served.loop, served.port);
        peer_say(&peer, rows[i].start);
        uint64_t bound_ns = clock_mono_ns() + RIG_BOUND_NS;
        while (!peer_over(&peer) && !peer_has(&peer, "\"status\"") && clock_mono_ns() < bound_ns) {
            if (rows[i].drop != NULL)
                (void)peer_try_send(&peer, span_text(rows[i].drop));
            rig_turn(served.loop);
        }
        if (rows[i].status != 0)
            peer_expect(&peer, "HTTP/1.1 408 Request Timeout\r\n");
        else
            peer_expect_end(&peer);
        peer_close(&peer);
        served_stop(&served);
    }
}

static void test_idle(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, short_times);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(peer_answer(&peer, "hello"), 200);
    peer_expect_end(&peer);
    assert_int_equal(served.rejected, 0);
    peer_close(&peer);
    served_stop(&served);
}

/* A request that runs long is no reason to end anything. */
static void test_long_run(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    served_start(&served, short_times);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_until(served.loop, served.held != NULL);
    uint64_t later_ns = clock_mono_ns() + 300 * NS_PER_MS;
    rig_until(served.loop, clock_mono_ns() > later_ns);
    served_answer(served.held, "at last");
    assert_int_equal(peer_answer(&peer, "at last"), 200);
    peer_close(&peer);
    served_stop(&served);
}

static void test_never_reads(void **state) {
    (void)state;
    struct served served;
    struct peer peer;
    char *chunk = mem_zalloc(65536);
    served_start(&served, short_times);
    peer_connect(&peer, served.loop, served.port);
    peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_until(served.loop, served.held != NULL);
    assert_int_equal(http_exchange_start(served.held, 200, SPAN_NONE), 0);
    while (http_exchange_backlog(served.held) <= 64 * STREAM_HIGH_WATER_BYTES)
        assert_int_equal(http_exchange_write(served.held, span_of(chunk, 65536)), 0);
    rig_until(served.loop, served.finished == 1);
    assert_int_equal(served.gone, 1);
    rig_until(served.loop, http_server_connections(served.server) == 0);
    mem_free(chunk);
    peer_close(&peer);
    served_stop(&served);
}

static void end_politely(struct peer *peer) {
    peer_finish(peer);
}

static void test_gone(void **state) {
    (void)state;
    static void (*const ways[])(struct peer *) = {end_politely, peer_reset, peer_close};
    for (size_t i = 0; i < 2 * array_length(ways); i++) {
        struct served served;
        struct peer peer;
        served_start(&served, NULL);
        peer_connect(&peer, served.loop, served.port);
        peer_say(&peer, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        rig_until(served.loop, served.held != NULL);
        if (i % 2 == 1) {
            assert_int_equal(http_exchange_start(served.held, 200, SPAN_NONE), 0);
            assert_int_equal(http_exchange_write(served.held, SPAN_LITERAL("part")), 0);
            rig_turn(served.loop);
        }
        ways[i / 2](&peer);
        rig_until(served.loop, served.finished == 1);
        assert_int_equal(served.gone, 1);
        rig_until(served.loop, http_server_connections(served.server) == 0);
        peer_close(&peer);
        served_stop(&served);
    }
}

static void test_gone_in_body(void **state) {
    (void)state;
    static const char *const parts[] = {
        "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        "POST /hold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n\x1f",
    };
    for (size_t i = 0; i < array_length(parts); i++) {
        struct served served;
        struct peer peer;
        served_start(&served, NULL);
        peer_connect(&peer, served.loop, served.port);
        peer_say(&peer, parts[i]);
        rig_until(served.loop, served.heads == 1);
        peer_finish(&peer);
        rig_until(served.loop, served.finished == 1);
        assert_int_equal(served.gone, 1);
        assert_int_equal(served.requests, 0);
        peer_close(&peer);
        served_stop(&served);
    }
}

static void two_connections(struct http_server_limits *limits) {
    limits->connections_max = 2;
}

static void test_connection_cap(void **state) {
    (void)state;
    struct served served;
    struct peer peers[4];
    served_start(&served, two_connections);
    for (size_t i = 0; i < array_length(peers); i++) {
        peer_connect(&peers[i], served.loop, served.port);
        peer_say(&peers[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    unsigned answered = 0;
    for (size_t i = 0; i < array_length(peers); i++) {
        rig_until(served.loop, peer_has(&peers[i], "\r\n\r\n"));
        answered += peer_has(&peers[i], "hello") ? 1 : 0;
        assert_true(http_server_connections(served.server) <= 4);
        peer_close(&peers[i]);
    }
    assert_true(answered >= 2);
    rig_until(served.loop, http_server_connections(served.server) == 0);
    struct peer again;
    peer_connect(&again, served.loop, served.port);
    peer_say(&again, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(peer_answer(&again, "hello"), 200);
    peer_close(&again);
    served_stop(&served);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_too_large_chunked),
        cmocka_unit_test(test_too_large_expecting),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_memory_cap),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_never_reads),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_gone_in_body),
        cmocka_unit_test(test_connection_cap),
    };
    return cmocka_run_group_tests_name("http_server_faults", tests, NULL, NULL);
}
