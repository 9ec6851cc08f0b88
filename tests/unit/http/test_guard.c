// SPDX-License-Identifier: Apache-2.0
/*
 * The guard and the parser behind it: every smuggling form by name, whole and byte by byte.
 *
 * Each head is fed at once and one byte at a time; both must give the same verdict, and an accepted head must parse.
 */
#include "http_fixture.h"

#include "http/parse.h"

#include <stdio.h>

struct row {
    const char *what;
    const char *bytes;
    int verdict;
};

static int feed_whole(enum http_side side, struct span bytes, struct http_guard *guard,
                      size_t *end) {
    http_guard_init(guard, side);
    return http_guard_feed(guard, bytes, end);
}

static int feed_slowly(enum http_side side, struct span bytes, size_t *end) {
    struct http_guard guard;
    http_guard_init(&guard, side);
    int verdict = HTTP_GUARD_MORE;
    for (size_t len = 1; len <= bytes.len && verdict == HTTP_GUARD_MORE; len++)
        verdict = http_guard_feed(&guard, span_of(bytes.ptr, len), end);
    return verdict;
}

static int parse(const struct http_guard *guard, struct span bytes, size_t end,
                 struct http_head *head) {
    size_t start = guard->head_start;
    return http_parse_head(guard, span_of(bytes.ptr + start, end - start), head);
}

static void run_rows(enum http_side side, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct span bytes = span_text(rows[i].bytes);
        struct http_headers headers;
        struct http_head head = {.headers = &headers};
        struct http_guard guard;
        size_t end = 0;
        size_t slow_end = 0;
        int verdict = feed_whole(side, bytes, &guard, &end);
        int slow = feed_slowly(side, bytes, &slow_end);
        assert_int_equal(verdict, slow);
        /* only methods are left to the parser: the guard finds everything else without it */
        if (rows[i].verdict != ERR_UNSUPPORTED && verdict != rows[i].verdict)
            fail_msg("%s: the guard says %s", rows[i].what, err_name(verdict));
        if (verdict == HTTP_GUARD_DONE)
            verdict = parse(&guard, bytes, end, &head);
        if (verdict != rows[i].verdict)
            fail_msg("%s: %s, not %s", rows[i].what, err_name(verdict), err_name(rows[i].verdict));
        assert_int_equal(end, slow_end);
    }
}

#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST /v1 HTTP/1.1\r\nHost: a\r\n"

static const struct row requests[] = {
    {"plain", GET "Host: a\r\n\r\n", 0},
    {"no white space before the value", GET "Host:a\r\n\r\n", 0},
    {"tabs around the value", GET "Host:\ta\t\r\n\r\n", 0},
    {"empty value", GET "Host: a\r\nX:\r\n\r\n", 0},
    {"latin-1 in a value", GET "Host: a\r\nX: caf\xe9\r\n\r\n", 0},
    {"length", POST "Content-Length: 5\r\n\r\n", 0},
    {"largest length", POST "Content-Length: 18446744073709551615\r\n\r\n", 0},
    {"chunked in capitals", POST "Transfer-Encoding: CHUNKED\r\n\r\n", 0},
    {"empty lines before", "\r\n\r\n" GET "Host: a\r\n\r\n", 0},
    {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0},
    {"absolute target", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"unfinished", GET "Host: a\r\n", HTTP_GUARD_MORE},
    {"nothing", "", HTTP_GUARD_MORE},

    {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bare LF after a field", GET "Host: a\nX: b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bare LF at the end", GET "Host: a\r\n\n", ERR_HTTP_SYNTAX},
    {"bare LF first", "\n" GET "Host: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bare CR before a name", GET "Host: a\r\n\rX: b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bare CR in a name", GET "Host: a\r\nX\rY: b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bare CR in a value", GET "Host: a\r\nX: b\rc\r\n\r\n", ERR_HTTP_SYNTAX},
    {"two CR", GET "Host: a\r\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bare CR in the target", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"too many empty lines", "\r\n\r\n\r\n\r\n\r\n" GET "Host: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"delete byte in a value", GET "Host: a\r\nX: b\x7f\r\n\r\n", ERR_HTTP_SYNTAX},
    {"control byte in a long value", GET "Host: a\r\nX: 0123456789\x01xyz0123456789\r\n\r\n",
     ERR_HTTP_SYNTAX},
    {"folded line", GET "Host: a\r\nX: b\r\n c\r\n\r\n", ERR_HTTP_SYNTAX},
    {"folded by tab", GET "Host: a\r\nX: b\r\n\tc\r\n\r\n", ERR_HTTP_SYNTAX},
    {"white space before the first field", GET " Host: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"space before the colon", GET "Host : a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"tab before the colon", POST "Content-Length\t: 5\r\n\r\n", ERR_HTTP_SYNTAX},
    {"no name", GET "Host: a\r\n: b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"no colon", GET "Host: a\r\nX\r\n\r\n", ERR_HTTP_SYNTAX},
    {"name that is no token", GET "Host: a\r\nX(Y): b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"name beyond ASCII", GET "Host: a\r\nX\xe9: b\r\n\r\n", ERR_HTTP_SYNTAX},

    {"length and coding", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     ERR_HTTP_FRAMING},
    {"coding and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     ERR_HTTP_FRAMING},
    {"different lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_HTTP_FRAMING},
    {"the same length twice", POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n",
     ERR_HTTP_FRAMING},
    {"length with a plus", POST "Content-Length: +5\r\n\r\n", ERR_HTTP_FRAMING},
    {"negative length", POST "Content-Length: -5\r\n\r\n", ERR_HTTP_FRAMING},
    {"length list", POST "Content-Length: 5,5\r\n\r\n", ERR_HTTP_FRAMING},
    {"length with a space inside", POST "Content-Length: 5 5\r\n\r\n", ERR_HTTP_FRAMING},
    {"hexadecimal length", POST "Content-Length: 0x5\r\n\r\n", ERR_HTTP_FRAMING},
    {"empty length", POST "Content-Length:\r\n\r\n", ERR_HTTP_FRAMING},
    {"length of 2^64", POST "Content-Length: 18446744073709551616\r\n\r\n", ERR_HTTP_FRAMING},
    {"unknown coding", POST "Transfer-Encoding: gzip\r\n\r\n", ERR_HTTP_FRAMING},
    {"identity coding", POST "Transfer-Encoding: identity\r\n\r\n", ERR_HTTP_FRAMING},
    {"coding list", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_HTTP_FRAMING},
    {"chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", ERR_HTTP_FRAMING},
    {"chunked in two fields",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_HTTP_FRAMING},
    {"chunked with a parameter", POST "Transfer-Encoding: chunked;q=1\r\n\r\n", ERR_HTTP_FRAMING},
    {"chunked and more", POST "Transfer-Encoding: xchunked\r\n\r\n", ERR_HTTP_FRAMING},
    {"empty coding", POST "Transfer-Encoding:\r\n\r\n", ERR_HTTP_FRAMING},
    {"chunked on 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_HTTP_FRAMING},
    {"vertical tab before chunked",
     POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n",
     ERR_HTTP_SYNTAX},

    {"0.9", "GET /\r\n\r\n", ERR_HTTP_SYNTAX},
    {"0.9 with bare LF", "GET /\n\n", ERR_HTTP_SYNTAX},
    {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"tab instead of space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"bytes beyond ASCII in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
     ERR_HTTP_SYNTAX},
    {"lower case version", "GET / http/1.1\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", ERR_HTTP_VERSION},
    {"1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", ERR_HTTP_VERSION},
    {"0.9 with a version", "GET / HTTP/0.9\r\n\r\n", ERR_HTTP_VERSION},
    {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ERR_HTTP_VERSION},
    {"no host", GET "\r\n", ERR_HTTP_SYNTAX},
    {"two hosts", GET "Host: a\r\nHost: a\r\n\r\n", ERR_HTTP_SYNTAX},
    {"two hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_UNSUPPORTED},
};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct row answers[] = {
    {"plain", OK "\r\n", 0},
    {"no reason", "HTTP/1.1 200 \r\n\r\n", 0},
    {"no reason and no space", "HTTP/1.1 200\r\n\r\n", 0},
    {"1.0", "HTTP/1.0 200 OK\r\n\r\n", 0},
    {"interim", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0},
    {"reason beyond ASCII", "HTTP/1.1 200 \xe9\r\n\r\n", 0},
    {"length", OK "Content-Length: 0\r\n\r\n", 0},
    {"chunked", OK "Transfer-Encoding: chunked\r\n\r\n", 0},
    {"upgrade", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 0},

    {"0.9", "hello world, no head\r\n", ERR_HTTP_SYNTAX},
    {"2.0", "HTTP/2.0 200 OK\r\n\r\n", ERR_HTTP_VERSION},
    {"2 without a dot", "HTTP/2 200 OK\r\n\r\n", ERR_HTTP_SYNTAX},
    {"status 99", "HTTP/1.1 99 Low\r\n\r\n", ERR_HTTP_SYNTAX},
    {"status 1000", "HTTP/1.1 1000 High\r\n\r\n", ERR_HTTP_SYNTAX},
    {"status 600", "HTTP/1.1 600 High\r\n\r\n", ERR_HTTP_SYNTAX},
    {"status in letters", "HTTP/1.1 abc Odd\r\n\r\n", ERR_HTTP_SYNTAX},
    {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", ERR_HTTP_SYNTAX},
    {"control byte in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n", ERR_HTTP_SYNTAX},
    {"empty line first", "\r\n" OK "\r\n", ERR_HTTP_SYNTAX},
    {"bare LF", "HTTP/1.1 200 OK\n\r\n", ERR_HTTP_SYNTAX},
    {"bare CR", OK "A: b\rc\r\n\r\n", ERR_HTTP_SYNTAX},
    {"folded line", OK "A: b\r\n c\r\n\r\n", ERR_HTTP_SYNTAX},
    {"space before the colon", OK "A : b\r\n\r\n", ERR_HTTP_SYNTAX},
    {"length and coding", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     ERR_HTTP_FRAMING},
    {"different lengths", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_HTTP_FRAMING},
    {"length list", OK "Content-Length: 5, 5\r\n\r\n", ERR_HTTP_FRAMING},
    {"length with a plus", OK "Content-Length: +5\r\n\r\n", ERR_HTTP_FRAMING},
    {"coding list", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_HTTP_FRAMING},
    {"identity coding", OK "Transfer-Encoding: identity\r\n\r\n", ERR_HTTP_FRAMING},
    {"chunked on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_HTTP_FRAMING},
};

static void test_requests(void **state) {
    (void)state;
    run_rows(HTTP_SIDE_REQUEST, requests, array_length(requests));
}

static void test_answers(void **state) {
    (void)state;
    run_rows(HTTP_SIDE_ANSWER, answers, array_length(answers));
}

static void test_nul_bytes(void **state) {
    (void)state;
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: bc\r\n\r\n";
    for (size_t i = 0; i < sizeof head - 1; i++) {
        char bytes[sizeof head];
        memcpy(bytes, head, sizeof head);
        bytes[i] = '\0';
        struct http_guard guard;
        size_t end = 0;
        int verdict = feed_whole(HTTP_SIDE_REQUEST, span_of(bytes, sizeof head - 1), &guard, &end);
        assert_true(verdict == ERR_HTTP_SYNTAX ||
                    (verdict == HTTP_GUARD_MORE && i == sizeof head - 2));
    }
}

static char *big_head(size_t fields, size_t value_bytes, size_t *ret_len) {
    char *bytes = mem_alloc(64 + fields * (value_bytes + 8));
    size_t len = 0;
    len += (size_t)snprintf(bytes, 64, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 0; i < fields; i++) {
        memcpy(bytes + len, "X: ", 3);
        memset(bytes + len + 3, 'v', value_bytes);
        memcpy(bytes + len + 3 + value_bytes, "\r\n", 2);
        len += value_bytes + 5;
    }
    memcpy(bytes + len, "\r\n", 2);
    *ret_len = len + 2;
    return bytes;
}

static void test_caps(void **state) {
    (void)state;
    static const struct {
        size_t fields;
        size_t value_bytes;
        int verdict;
    } rows[] = {
        {99, 10, HTTP_GUARD_DONE},
        {100, 10, ERR_HTTP_HEADER_TOO_LARGE},
        {10000, 1, ERR_HTTP_HEADER_TOO_LARGE},
        {1, HTTP_HEAD_MAX_BYTES - 32, HTTP_GUARD_DONE},
        {1, HTTP_HEAD_MAX_BYTES - 31, ERR_HTTP_HEADER_TOO_LARGE},
        {1, 1024 * 1024, ERR_HTTP_HEADER_TOO_LARGE},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        size_t len;
        char *bytes = big_head(rows[i].fields, rows[i].value_bytes, &len);
        struct http_guard guard;
        size_t end = 0;
        assert_int_equal(feed_whole(HTTP_SIDE_REQUEST, span_of(bytes, len), &guard, &end),
                         rows[i].verdict);
        if (len < 2 * HTTP_HEAD_MAX_BYTES)
            assert_int_equal(feed_slowly(HTTP_SIDE_REQUEST, span_of(bytes, len), &end),
                             rows[i].verdict);
        mem_free(bytes);
    }
}

static void test_parts(void **state) {
    (void)state;
    struct span bytes = SPAN_LITERAL("\r\nPOST /v1/x?y=1 HTTP/1.1\r\nHost: a.b:1\r\nX-Y: \t z \r\n"
                                     "Connection: foo, Close\r\nContent-Length: 12\r\n\r\nrest");
    struct http_headers headers;
    struct http_head head = {.headers = &headers};
    struct http_guard guard;
    size_t end = 0;
    assert_int_equal(feed_whole(HTTP_SIDE_REQUEST, bytes, &guard, &end), HTTP_GUARD_DONE);
    assert_int_equal(end, bytes.len - 4);
    assert_int_equal(parse(&guard, bytes, end, &head), 0);
    assert_span(head.method, "POST");
    assert_span(head.target, "/v1/x?y=1");
    assert_false(head.keep_alive);
    assert_false(head.chunked);
    assert_true(head.has_length);
    assert_int_equal(head.length, 12);
    assert_int_equal(headers.count, 4);
    assert_span(http_header_get(&headers, "x-y"), "z");
    assert_true(span_absent(http_header_get(&headers, "x-z")));
    assert_true(http_header_has_token(&headers, "connection", "close"));
    assert_false(http_header_has_token(&headers, "connection", "clos"));
}

static void test_keep_alive(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        bool keep_alive;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x\r\nConnection: close\r\n\r\n",
         false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct http_headers headers;
        struct http_head head = {.headers = &headers};
        struct http_guard guard;
        size_t end = 0;
        struct span bytes = span_text(rows[i].bytes);
        assert_int_equal(feed_whole(HTTP_SIDE_REQUEST, bytes, &guard, &end), HTTP_GUARD_DONE);
        assert_int_equal(parse(&guard, bytes, end, &head), 0);
        assert_int_equal(head.keep_alive, rows[i].keep_alive);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),  cmocka_unit_test(test_answers),
        cmocka_unit_test(test_nul_bytes), cmocka_unit_test(test_caps),
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_keep_alive),
    };
    return cmocka_run_group_tests_name("http_guard", tests, NULL, NULL);
}
