// SPDX-License-Identifier: Apache-2.0
/*
 * The client with upstreams that do what they should: every form of answer, reuse, large bodies, pausing.
 */
#include "http_upstream.h"

static void test_exchange(void **state) {
    (void)state;
    static const struct span pieces[] = {{"{\"a\":", 5}, {"1}", 2}, {"", 0}};
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    struct http_call_request request = plain_request(&upstream, "POST");
    request.has_body = true;
    request.body_pieces = pieces;
    request.body_piece_count = 3;
    start_request(&upstream, &told, &request);
    accept_peer(&upstream, &peer);
    peer_expect(&peer, "POST /v1/x?y HTTP/1.1\r\nHost: api.example\r\nAccept-Encoding: identity\r\n"
                       "Content-Length: 7\r\n\r\n{\"a\":1}");
    assert_int_equal(told.sent, 1);
    peer_say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    rig_until(upstream.loop, told.body.len == 2);
    assert_int_equal(told.status, 200);
    peer_say(&peer, "llo");
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, 0);
    assert_true(told.seen);
    assert_span(dynbuf_span(&told.body), "hello");
    assert_int_equal(http_client_idle_connections(upstream.client), 1);
    dynbuf_done(&told.body);
    peer_close(&peer);
    rig_until(upstream.loop, http_client_idle_connections(upstream.client) == 0);
    upstream_stop(&upstream);
}

struct answer_row {
    const char *what;
    const char *bytes;
    bool end; /* the upstream closes after it */
    int err;
    int status;
    const char *body;
    bool kept;
};

static const struct answer_row answers[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 0, 200, "hi", true},
    {"nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 0, 200, "", true},
    {"chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nT: x\r\n\r\n", false,
     0, 200, "hi", true},
    {"204", "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", false, 0, 204, "", true},
    {"304", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", false, 0, 304, "", true},
    {"interim",
     "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
     "2\r\n\r\nhi",
     false, 0, 200, "hi", true},
    {"close asked", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", false, 0,
     200, "hi", false},
    {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 0, 200, "hi", false},
    {"1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", false,
     0, 200, "hi", false},
    {"until close", "HTTP/1.1 200 OK\r\n\r\nhi", true, 0, 200, "hi", false},
    {"more than announced", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhimore", false, 0, 200,
     "hi", false},
    {"more after the last chunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP", false, 0, 200,
     "hi", false},
    {"body of a 204", "HTTP/1.1 204 No\r\n\r\nhi", false, 0, 204, "", false},
    {"identity", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
     false, 0, 200, "hi", true},
    {"redirect", "HTTP/1.1 302 F\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
     false, 0, 302, "", true},

    {"end before anything", "", true, ERR_EOF, 0, "", false},
    {"end in the head", "HTTP/1.1 200 OK\r\nContent-Le", true, ERR_TRUNCATED, 0, "", false},
    {"end after an interim", "HTTP/1.1 100 C\r\n\r\n", true, ERR_TRUNCATED, 0, "", false},
    {"end after the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, ERR_TRUNCATED, 200,
     "", false},
    {"end in the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, ERR_TRUNCATED, 200,
     "hel", false},
    {"end in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", true,
     ERR_TRUNCATED, 200, "hel", false},
    {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", true,
     ERR_TRUNCATED, 200, "hi", false},
    {"no final CRLF", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", true,
     ERR_TRUNCATED, 200, "hi", false},
    {"length and coding",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", false,
     ERR_HTTP_FRAMING, 0, "", false},
    {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", false,
     ERR_HTTP_FRAMING, 0, "", false},
    {"chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", false,
     ERR_HTTP_FRAMING, 200, "", false},
    {"no HTTP", "SSH-2.0-OpenSSH\r\n", false, ERR_HTTP_SYNTAX, 0, "", false},
    {"bare LF", "HTTP/1.1 200 OK\n\n", false, ERR_HTTP_SYNTAX, 0, "", false},
    {"2.0", "HTTP/2.0 200 OK\r\n\r\n", false, ERR_HTTP_VERSION, 0, "", false},
    {"upgrade", "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false,
     ERR_HTTP_UPGRADE, 0, "", false},
    {"coded", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", false,
     ERR_UNSUPPORTED, 0, "", false},
};

static void run_answer(const struct answer_row *row, size_t step) {
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    start(&upstream, &told, "GET");
    accept_peer(&upstream, &peer);
    expect_request(&peer);
    size_t len = strlen(row->bytes);
    for (size_t used = 0; used < len; used += step) {
        (void)peer_try_send(&peer,
                            span_of(row->bytes + used, len - used < step ? len - used : step));
        rig_turn(upstream.loop);
    }
    if (row->end)
        peer_finish(&peer);
    rig_until(upstream.loop, told.done == 1);
    if (told.err != row->err)
        fail_msg("%s: %s", row->what, err_name(told.err));
    assert_int_equal(told.status, row->status);
    assert_span(dynbuf_span(&told.body), row->body);
    assert_int_equal(told.seen, len > 0);
    if (step > len) {
        assert_int_equal(http_client_idle_connections(upstream.client), row->kept ? 1 : 0);
    } else if (!row->kept) {
        /* bytes behind the answer that come later close the kept connection then */
        rig_until(upstream.loop, http_client_idle_connections(upstream.client) == 0);
    }
    if (!row->kept)
        rig_until(upstream.loop, peer_over(&peer));
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

static void test_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(answers); i++) {
        run_answer(&answers[i], 1000);
        run_answer(&answers[i], 1);
    }
}

static void test_head_method(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    start(&upstream, &told, "HEAD");
    accept_peer(&upstream, &peer);
    expect_request(&peer);
    peer_say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, 0);
    assert_int_equal(http_client_idle_connections(upstream.client), 1);
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

/* The next call is started from on_done and takes the connection that has just become free. */
static void test_reuse(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told second = {0};
    struct told first = {.next = &second};
    upstream_start(&upstream);
    first.next_on = &upstream;
    start(&upstream, &first, "GET");
    accept_peer(&upstream, &peer);
    expect_request(&peer);
    assert_false(http_call_reused_connection(first.call));
    peer_say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    expect_request(&peer);
    assert_int_equal(first.done, 1);
    assert_true(http_call_reused_connection(second.call));
    peer_say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
    rig_until(upstream.loop, second.done == 1);
    assert_span(dynbuf_span(&second.body), "b");
    dynbuf_done(&first.body);
    dynbuf_done(&second.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

/* An answer before the request is fully sent stands; the rest is not sent. */
static void test_early_answer(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    size_t big_bytes = (size_t)32 << 20;
    char *big = mem_zalloc(big_bytes);
    struct span piece = span_of(big, big_bytes);
    upstream_start(&upstream);
    struct http_call_request request = plain_request(&upstream, "POST");
    request.has_body = true;
    request.body_pieces = &piece;
    request.body_piece_count = 1;
    start_request(&upstream, &told, &request);
    accept_peer(&upstream, &peer);
    for (int i = 0; i < 5; i++)
        rig_turn(upstream.loop);
    assert_int_equal(told.sent, 0);
    peer_say(&peer, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, 0);
    assert_int_equal(told.status, 413);
    assert_int_equal(http_client_idle_connections(upstream.client), 0);
    mem_free(big); /* nothing reads it any more */
    rig_until(upstream.loop, peer_over(&peer));
    assert_true(peer.in.len < big_bytes);
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

static void test_big_request(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    size_t big_bytes = (size_t)8 << 20;
    char *big = mem_alloc(big_bytes);
    memset(big, 'x', big_bytes);
    struct span pieces[100];
    for (size_t i = 0; i < 100; i++)
        pieces[i] = span_of(big + i * (big_bytes / 100), big_bytes / 100);
    upstream_start(&upstream);
    struct http_call_request request = plain_request(&upstream, "POST");
    request.has_body = true;
    request.body_pieces = pieces;
    request.body_piece_count = 100;
    start_request(&upstream, &told, &request);
    accept_peer(&upstream, &peer);
    peer_expect(&peer, "\r\n\r\n");
    rig_until(upstream.loop, (peer_poll(&peer), peer.in.len == big_bytes / 100 * 100));
    rig_until(upstream.loop, told.sent == 1);
    peer_say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, 0);
    assert_int_equal(http_client_idle_connections(upstream.client), 1);
    mem_free(big);
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

static void test_pause(void **state) {
    (void)state;
    struct upstream upstream;
    struct peer peer;
    struct told told = {0};
    upstream_start(&upstream);
    struct http_call_request request = plain_request(&upstream, "GET");
    request.timeouts.gap_ns = 60 * NS_PER_MS;
    start_request(&upstream, &told, &request);
    accept_peer(&upstream, &peer);
    peer_say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    rig_until(upstream.loop, told.body.len == 2);
    http_call_pause(told.call);
    peer_say(&peer, "cd");
    uint64_t later_ns = clock_mono_ns() + 200 * NS_PER_MS;
    rig_until(upstream.loop, clock_mono_ns() > later_ns);
    assert_int_equal(told.body.len, 2); /* and the gap clock stood still */
    assert_int_equal(told.done, 0);
    http_call_resume(told.call);
    rig_until(upstream.loop, told.done == 1);
    assert_int_equal(told.err, 0);
    assert_span(dynbuf_span(&told.body), "abcd");
    dynbuf_done(&told.body);
    peer_close(&peer);
    upstream_stop(&upstream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),     cmocka_unit_test(test_answers),
        cmocka_unit_test(test_head_method),  cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_early_answer), cmocka_unit_test(test_big_request),
        cmocka_unit_test(test_pause),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
