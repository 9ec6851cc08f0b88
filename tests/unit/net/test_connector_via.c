// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting through proxies that the test plays: what they are asked for, which addresses may be reached, TLS behind them.
 */
#include "tls_fixture.h"
#include "via_fixture.h"

/* --- the good ways --- */

static void test_connect(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, "http://");
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL(CONNECT_WORDS));
    proxy_says(&rig, SPAN_LITERAL(HEAD_WORDS));
    assert_int_equal(outcome(&rig), 0);
    assert_carries(&rig);
    rig_close(&rig);
}

/* Each byte on its own, and what follows the head is the origin's. */
static void test_connect_byte_by_byte(void **state) {
    (void)state;
    static const char words[] = HEAD_WORDS "early";
    struct rig rig;
    rig_open(&rig, "http://user:pass@");
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL("CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n"
                                   "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"));
    for (size_t i = 0; i + 1 < sizeof words; i++) {
        proxy_says(&rig, span_of(words + i, 1));
        run_until(rig.dialer.loop, all_said, &rig);
    }
    assert_int_equal(outcome(&rig), 0);
    rig.dialer.end.wanted_bytes = 5;
    run_until(rig.dialer.loop, end_has_bytes, &rig.dialer.end);
    assert_true(span_is(dynbuf_span(&rig.dialer.end.input), "early"));
    rig_close(&rig);
}

/* In one piece with the head: not a byte is lost or taken. */
static void test_bytes_behind_the_head(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, "http://");
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL(CONNECT_WORDS));
    proxy_says(&rig, SPAN_LITERAL(HEAD_WORDS "\r\n\r\nearly"));
    assert_int_equal(outcome(&rig), 0);
    rig.dialer.end.wanted_bytes = 9;
    run_until(rig.dialer.loop, end_has_bytes, &rig.dialer.end);
    assert_true(span_is(dynbuf_span(&rig.dialer.end.input), "\r\n\r\nearly"));
    rig_close(&rig);
}

static void test_socks_by_name(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, "socks5h://u:pw@");
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL("\5\2\0\2"));
    proxy_says(&rig, SPAN_LITERAL("\5\2"));
    proxy_hears(&rig, SPAN_LITERAL("\1\1u\2pw"));
    proxy_says(&rig, SPAN_LITERAL("\1\0"));
    proxy_hears(&rig, SPAN_LITERAL(ASK_NAME));
    proxy_says(&rig, SPAN_LITERAL(SOCKS_END));
    assert_int_equal(outcome(&rig), 0);
    assert_carries(&rig);
    rig_close(&rig);
}

/* Resolved here, judged here, offered one after another. */
static void test_socks_by_address(void **state) {
    (void)state;
    static const char *const addresses[] = {"2600::5", "169.254.169.254", "10.0.0.1", "8.8.4.4"};
    struct rig rig;
    rig_open(&rig, "socks5://");
    dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), addresses, 4);
    dialer_begin(&rig.dialer);
    expect_socks_ask(&rig, SPAN_LITERAL("\5\1\0\4\x26\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\x01\xbb"));
    proxy_says(&rig, SPAN_LITERAL("\5\3\0\1"));
    proxy_is_left(&rig);
    expect_socks_ask(&rig, SPAN_LITERAL("\5\1\0\1\x08\x08\x04\x04\x01\xbb"));
    proxy_says(&rig, SPAN_LITERAL(SOCKS_END));
    assert_int_equal(outcome(&rig), 0);
    assert_carries(&rig);
    rig_close(&rig);
}

static void test_socks_no_address_left(void **state) {
    (void)state;
    static const char *const addresses[] = {"8.8.8.8", "8.8.4.4"};
    struct rig rig;
    rig_open(&rig, "socks5://");
    dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), addresses, 2);
    dialer_begin(&rig.dialer);
    expect_socks_ask(&rig, SPAN_LITERAL("\5\1\0\1\x08\x08\x08\x08\x01\xbb"));
    proxy_says(&rig, SPAN_LITERAL("\5\5\0\1"));
    proxy_is_left(&rig);
    expect_socks_ask(&rig, SPAN_LITERAL("\5\1\0\1\x08\x08\x04\x04\x01\xbb"));
    proxy_says(&rig, SPAN_LITERAL("\5\5\0\1"));
    assert_int_equal(outcome(&rig), ERR_PROXY_TARGET);
    rig_close(&rig);
}

/* Its rules will not change with the address. */
static void test_socks_refused_is_not_asked_again(void **state) {
    (void)state;
    static const char *const addresses[] = {"8.8.8.8", "8.8.4.4"};
    struct rig rig;
    rig_open(&rig, "socks5://");
    dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), addresses, 2);
    dialer_begin(&rig.dialer);
    expect_socks_ask(&rig, SPAN_LITERAL("\5\1\0\1\x08\x08\x08\x08\x01\xbb"));
    proxy_says(&rig, SPAN_LITERAL("\5\2\0\1"));
    assert_int_equal(outcome(&rig), ERR_PROXY_REFUSED);
    rig_close(&rig);
}

/* The proxy's name is resolved here, its address may be anywhere but where nobody's may be. */
static void test_proxy_by_name(void **state) {
    (void)state;
    static const char *const addresses[] = {"169.254.169.254", "127.0.0.1"};
    struct rig rig;
    char url[64];
    rig_open(&rig, "http://");
    (void)snprintf(url, sizeof url, "http://proxy.test:%u", rig.address.port);
    rig.dialer.origin.proxy = span_text(url);
    dialer_name(&rig.dialer, SPAN_LITERAL("proxy.test"), addresses, 2);
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL(CONNECT_WORDS));
    proxy_says(&rig, SPAN_LITERAL(HEAD_WORDS));
    assert_int_equal(outcome(&rig), 0);
    rig_close(&rig);
}

static const char *const forbidden[] = {
    "127.0.0.1", "::1", "localhost", "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"};
static const char *const schemes[] = {"http://", "socks5://", "socks5h://"};

/* A literal that may not be reached directly may not be reached through a proxy either, and the proxy hears nothing of it. */
static void test_forbidden_origins(void **state) {
    (void)state;
    static const char *const inside[] = {"10.0.0.1", "127.0.0.1"};
    for (size_t s = 0; s < array_length(schemes); s++) {
        struct rig rig;
        rig_open(&rig, schemes[s]);
        for (size_t i = 0; i < array_length(forbidden); i++) {
            rig.dialer.origin.host = span_text(forbidden[i]);
            assert_int_equal(dialer_connect(&rig.dialer), ERR_ADDRESS_FORBIDDEN);
        }
        assert_int_equal(rig.accepted, 0);
        rig_close(&rig);
    }
    struct rig rig;
    rig_open(&rig, "socks5://");
    dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), inside, 2);
    assert_int_equal(dialer_connect(&rig.dialer), ERR_ADDRESS_FORBIDDEN);
    assert_int_equal(rig.accepted, 0);
    rig_close(&rig);
}

static void test_allowed_origins(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, "http://");
    rig.dialer.origin.host = SPAN_LITERAL("10.1.2.3");
    rig.dialer.origin.private_network = SPAN_LITERAL("10.1.2.0/24");
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL("CONNECT 10.1.2.3:443 HTTP/1.1\r\nHost: 10.1.2.3:443\r\n\r\n"));
    proxy_says(&rig, SPAN_LITERAL(HEAD_WORDS));
    assert_int_equal(outcome(&rig), 0);
    rig_close(&rig);
    rig_open(&rig, "socks5h://");
    rig.dialer.origin.host = SPAN_LITERAL("localhost");
    rig.dialer.origin.allow_loopback = true;
    dialer_begin(&rig.dialer);
    expect_socks_ask(&rig, SPAN_LITERAL("\5\1\0\3\x09localhost\x01\xbb"));
    proxy_says(&rig, SPAN_LITERAL(SOCKS_END));
    assert_int_equal(outcome(&rig), 0);
    rig_close(&rig);
}

static void test_impossible_origins(void **state) {
    (void)state;
    static const char long_name[300] = {[0 ... 298] = 'a'};
    const struct span hosts[] = {SPAN_LITERAL(""), SPAN_LITERAL("a\r\nX: y"), SPAN_LITERAL("a\0b"),
                                 span_text(long_name)};
    struct rig rig;
    rig_open(&rig, "http://");
    for (size_t i = 0; i < array_length(hosts); i++) {
        rig.dialer.origin.host = hosts[i];
        assert_int_equal(dialer_connect(&rig.dialer), ERR_DNS_NOT_FOUND);
    }
    assert_int_equal(rig.accepted, 0);
    rig_close(&rig);
}

/* --- TLS through it --- */

static struct authority ours;

static int open_authority(void **state) {
    (void)state;
    authority_open(&ours);
    return 0;
}

static int close_authority(void **state) {
    (void)state;
    authority_close(&ours);
    return 0;
}

static bool hears_head(struct server *server, int fd) {
    size_t length = 0;
    while (length + 1 < sizeof server->preface_heard &&
           strstr(server->preface_heard, "\r\n\r\n") == NULL) {
        if (recv(fd, server->preface_heard + length, 1, 0) != 1)
            return false;
        server->preface_heard[++length] = '\0';
    }
    return true;
}

static bool says_established(struct server *server, int fd) {
    bool heard = hears_head(server, fd);
    send_all(fd, SPAN_LITERAL("HTTP/1.1 200 Connection established\r\n\r\n"));
    return heard;
}

static bool says_too_much(struct server *server, int fd) {
    bool heard = hears_head(server, fd);
    send_all(fd,
             SPAN_LITERAL("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    return heard;
}

static int connect_tls(bool (*preface)(struct server *, int), const char *names, enum manner manner,
                       uint64_t tls_timeout_ns) {
    const struct certificate_wish wish = {names, -3600, DAY_S};
    struct server server;
    struct dialer dialer;
    char url[64];
    server_prepare(&server, &ours, &wish);
    server.preface = preface;
    server_start(&server, manner);
    dialer_open(&dialer);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", server.port);
    dialer.origin = (struct origin){.host = SPAN_LITERAL("api.test"),
                                    .port = 443,
                                    .tls = true,
                                    .ca_file = span_text(ours.file),
                                    .proxy = span_text(url)};
    dialer.tls_timeout_ns = tls_timeout_ns;
    int err = dialer_connect(&dialer);
    if (err == 0) {
        assert_true(stream_is_tls(dialer.end.stream));
        assert_int_equal(stream_write(dialer.end.stream, SPAN_LITERAL("hello")), 0);
        dialer.end.wanted_bytes = 5;
        run_until(dialer.loop, end_has_bytes, &dialer.end);
        assert_true(span_is(dynbuf_span(&dialer.end.input), "hello"));
    }
    dialer_close(&dialer);
    server_close(&server);
    assert_true(span_is(span_text(server.preface_heard), CONNECT_WORDS));
    if (err == 0)
        assert_string_equal(server.sni, "api.test");
    return err;
}

static void test_tls_through(void **state) {
    (void)state;
    assert_int_equal(connect_tls(says_established, "DNS:api.test", SERVE_ECHO, FIXTURE_PATIENCE_NS),
                     0);
    assert_int_equal(connect_tls(says_established, "DNS:proxy.test,IP:127.0.0.1", SERVE_ECHO,
                                 FIXTURE_PATIENCE_NS),
                     ERR_TLS_HOST);
    assert_int_equal(
        connect_tls(says_established, "DNS:api.test", SERVE_HANG_UP, FIXTURE_PATIENCE_NS),
        ERR_TLS_PROTOCOL);
    assert_int_equal(connect_tls(says_established, "DNS:api.test", SERVE_STALL, 30 * NS_PER_MS),
                     ERR_TLS_TIMEOUT);
}

/* An answer in the clear behind the head is never taken for the origin's. */
static void test_nothing_in_the_clear(void **state) {
    (void)state;
    assert_int_equal(connect_tls(says_too_much, "DNS:api.test", SERVE_ECHO, FIXTURE_PATIENCE_NS),
                     ERR_TLS_PROTOCOL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_connect_byte_by_byte),
        cmocka_unit_test(test_bytes_behind_the_head),
        cmocka_unit_test(test_socks_by_name),
        cmocka_unit_test(test_socks_by_address),
        cmocka_unit_test(test_socks_no_address_left),
        cmocka_unit_test(test_socks_refused_is_not_asked_again),
        cmocka_unit_test(test_proxy_by_name),
        cmocka_unit_test(test_forbidden_origins),
        cmocka_unit_test(test_allowed_origins),
        cmocka_unit_test(test_impossible_origins),
        cmocka_unit_test(test_tls_through),
        cmocka_unit_test(test_nothing_in_the_clear),
    };
    return cmocka_run_group_tests_name("net_connector_via", tests, open_authority, close_authority);
}
