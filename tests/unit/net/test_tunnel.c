// SPDX-License-Identifier: Apache-2.0
/*
 * What is said to a proxy and how its answers are read: whole, byte by byte and at every split, and never a byte further than the
 * tunnel's beginning.
 */
#include "base/check.h"
#include "net/address.h"
#include "net/tunnel.h"
#include "net_fixture.h"

#include <stdio.h>

#define TEXT(bytes) \
    { "" bytes "", sizeof(bytes) - 1 }

/* `heard` is what the proxy says from the first byte on, `said` all that we say. */
struct talk {
    const char *url;
    const char *host;
    const char *address; /* SOCKS5: what the host was resolved to */
    struct span heard;
    struct span said;
    int verdict;
    size_t left; /* bytes of `heard` behind the tunnel's beginning */
};

#define CONNECT "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n"
#define LOGIN   CONNECT "Proxy-Authorization: Basic dTpw\r\n\r\n"

static const struct talk http_talks[] = {
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200 Connection established\r\n\r\n"),
     TEXT(CONNECT "\r\n"), TUNNEL_OPEN, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.0 200\r\n\r\n"), TEXT(CONNECT "\r\n"),
     TUNNEL_OPEN, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 299 \r\nA: b\r\n c\r\n\r\nrest"),
     TEXT(CONNECT "\r\n"), TUNNEL_OPEN, 4},
    {"http://p:1", "api.test", NULL,
     TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\x16\x03\x03"),
     TEXT(CONNECT "\r\n"), TUNNEL_OPEN, 3},
    {"http://u:p@p:1", "api.test", NULL, TEXT("HTTP/1.1 200 OK\r\n\r\n"), TEXT(LOGIN), TUNNEL_OPEN,
     0},
    {"http://u:@p:1", "1.2.3.4", NULL, TEXT("HTTP/1.1 200 OK\r\n\r\n"),
     TEXT("CONNECT 1.2.3.4:443 HTTP/1.1\r\nHost: 1.2.3.4:443\r\nProxy-Authorization: Basic "
          "dTo=\r\n\r\n"),
     TUNNEL_OPEN, 0},
    {"http://%ff%00:%0d%0a@p:1", "::2", NULL, TEXT("HTTP/1.1 200 OK\r\n\r\n"),
     TEXT("CONNECT [::2]:443 HTTP/1.1\r\nHost: [::2]:443\r\nProxy-Authorization: Basic "
          "/wA6DQo=\r\n\r\n"),
     TUNNEL_OPEN, 0},
    /* interim answers */
    {"http://p:1", "api.test", NULL,
     TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nL: m\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx"),
     TEXT(CONNECT "\r\n"), TUNNEL_OPEN, 1},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2000 OK\r\n\r\n"),
     TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL, 7},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 101 Switching\r\n\r\n"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 14},
    /* refusals: told by the status, the rest is not waited for */
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 407"), TEXT(CONNECT "\r\n"), ERR_PROXY_AUTH, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 403"), TEXT(CONNECT "\r\n"), ERR_PROXY_REFUSED,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 302 Found"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_REFUSED, 6},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 401"), TEXT(CONNECT "\r\n"), ERR_PROXY_REFUSED,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 429"), TEXT(CONNECT "\r\n"), ERR_PROXY_REFUSED,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 502"), TEXT(CONNECT "\r\n"), ERR_PROXY_TARGET,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 504"), TEXT(CONNECT "\r\n"), ERR_PROXY_TARGET,
     0},
    /* what is no answer */
    {"http://p:1", "api.test", NULL, TEXT("S"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("\x05"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("\r"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/2"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.2 200"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1  200"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 1},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 +20"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 099"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 600"), TEXT(CONNECT "\r\n"), ERR_PROXY_PROTOCOL,
     0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200\n"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200 OK\n"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200 OK\r\r"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200 OK\r\n\rX"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200 O\0"), TEXT(CONNECT "\r\n"),
     ERR_PROXY_PROTOCOL, 0},
    /* not yet */
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 200 OK\r\n\r"), TEXT(CONNECT "\r\n"),
     TUNNEL_MORE, 0},
    {"http://p:1", "api.test", NULL, TEXT("HTTP/1.1 20"), TEXT(CONNECT "\r\n"), TUNNEL_MORE, 0},
    {"http://p:1", "api.test", NULL, TEXT(""), TEXT(CONNECT "\r\n"), TUNNEL_MORE, 0},
};

#define ASK_NAME   \
    "\5\1\0\3\x08" \
    "api.test\x01\xbb"
#define ASK_V4 "\5\1\0\1\x09\x08\x07\x06\x01\xbb"
#define ASK_V6 "\5\1\0\4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x01\xbb"
#define END_V4 "\5\0\0\1\1\2\3\4\0\x50"

static const struct talk socks_talks[] = {
    {"socks5h://p", "api.test", NULL, TEXT("\5\0" END_V4), TEXT("\5\1\0" ASK_NAME), TUNNEL_OPEN, 0},
    {"socks5h://p", "9.8.7.6", NULL, TEXT("\5\0" END_V4 "x"), TEXT("\5\1\0" ASK_V4), TUNNEL_OPEN,
     1},
    {"socks5h://p", "2001:db8::1", NULL, TEXT("\5\0" END_V4), TEXT("\5\1\0" ASK_V6), TUNNEL_OPEN,
     0},
    {"socks5://p", "api.test", "9.8.7.6", TEXT("\5\0" END_V4), TEXT("\5\1\0" ASK_V4), TUNNEL_OPEN,
     0},
    {"socks5://p", "api.test", "2001:db8::1", TEXT("\5\0" END_V4), TEXT("\5\1\0" ASK_V6),
     TUNNEL_OPEN, 0},
    /* the forms of its own end */
    {"socks5h://p", "api.test", NULL,
     TEXT("\5\0\5\0\0\4"
          "0123456789abcdef\0\1"
          "xy"),
     TEXT("\5\1\0" ASK_NAME), TUNNEL_OPEN, 2},
    {"socks5h://p", "api.test", NULL,
     TEXT("\5\0\5\0\0\3\4here\0\1"
          "x"),
     TEXT("\5\1\0" ASK_NAME), TUNNEL_OPEN, 1},
    {"socks5h://p", "api.test", NULL,
     TEXT("\5\0\5\0\0\3\0\0\1"
          "x"),
     TEXT("\5\1\0" ASK_NAME), TUNNEL_OPEN, 1},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\0\0\2"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_PROTOCOL, 0},
    /* logging in */
    {"socks5h://u:pw@p", "api.test", NULL, TEXT("\5\2\1\0" END_V4),
     TEXT("\5\2\0\2\1\1u\2pw" ASK_NAME), TUNNEL_OPEN, 0},
    {"socks5h://u@p", "api.test", NULL, TEXT("\5\2\1\0" END_V4), TEXT("\5\2\0\2\1\1u\0" ASK_NAME),
     TUNNEL_OPEN, 0},
    {"socks5h://u:%00%ff@p", "api.test", NULL, TEXT("\5\2\1\0" END_V4),
     TEXT("\5\2\0\2\1\1u\2\0\xff" ASK_NAME), TUNNEL_OPEN, 0},
    {"socks5h://u:pw@p", "api.test", NULL, TEXT("\5\0" END_V4), TEXT("\5\2\0\2" ASK_NAME),
     TUNNEL_OPEN, 0},
    {"socks5h://u:pw@p", "api.test", NULL, TEXT("\5\2\1\1"), TEXT("\5\2\0\2\1\1u\2pw"),
     ERR_PROXY_AUTH, 0},
    {"socks5h://u:pw@p", "api.test", NULL, TEXT("\5\2\5"), TEXT("\5\2\0\2\1\1u\2pw"),
     ERR_PROXY_PROTOCOL, 0},
    {"socks5h://u:pw@p", "api.test", NULL, TEXT("\5\xff"), TEXT("\5\2\0\2"), ERR_PROXY_AUTH, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\xff"), TEXT("\5\1\0"), ERR_PROXY_AUTH, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\2"), TEXT("\5\1\0"), ERR_PROXY_PROTOCOL, 0},
    {"socks5h://u:pw@p", "api.test", NULL, TEXT("\5\1"), TEXT("\5\2\0\2"), ERR_PROXY_PROTOCOL, 0},
    /* refusals */
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\1\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_TARGET, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\2\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_REFUSED, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\3\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_TARGET, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\4\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_TARGET, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\5\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_TARGET, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\7\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_REFUSED, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\x08\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_TARGET, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\x09\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_REFUSED, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\xff\0\1"), TEXT("\5\1\0" ASK_NAME),
     ERR_PROXY_REFUSED, 0},
    /* what is no answer */
    {"socks5h://p", "api.test", NULL, TEXT("H"), TEXT("\5\1\0"), ERR_PROXY_PROTOCOL, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\4"), TEXT("\5\1\0"), ERR_PROXY_PROTOCOL, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\0"), TEXT("\5\1\0"), ERR_PROXY_PROTOCOL, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0H"), TEXT("\5\1\0" ASK_NAME), ERR_PROXY_PROTOCOL,
     0},
    /* not yet */
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5\0\0\1\1\2\3\4\0"), TEXT("\5\1\0" ASK_NAME),
     TUNNEL_MORE, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5\0\5"), TEXT("\5\1\0" ASK_NAME), TUNNEL_MORE, 0},
    {"socks5h://p", "api.test", NULL, TEXT("\5"), TEXT("\5\1\0"), TUNNEL_MORE, 0},
    {"socks5h://p", "api.test", NULL, TEXT(""), TEXT("\5\1\0"), TUNNEL_MORE, 0},
};

struct run {
    struct proxy proxy;
    struct sockaddr_storage address;
    struct tunnel tunnel;
    struct dynbuf out;
};

static void run_begin(struct run *run, const struct talk *talk) {
    const char *why;
    assert_int_equal(proxy_parse(span_text(talk->url), &run->proxy, &why), 0);
    struct tunnel_target target = {.host = span_text(talk->host), .port = 443};
    if (talk->address != NULL) {
        assert_int_equal(address_parse(span_text(talk->address), 443, &run->address), 0);
        target.address = &run->address;
    }
    dynbuf_init(&run->out, 4 * TUNNEL_SAY_MAX_BYTES);
    assert_int_equal(tunnel_begin(&run->tunnel, &run->proxy, &target, &run->out), 0);
}

/* In pieces of at most `most`, the first one of `first`; wanted: never more than tunnel_wants says. */
static void play(const struct talk *talk, size_t first, size_t most, bool wanted) {
    struct run run;
    struct span rest = talk->heard;
    int verdict = TUNNEL_MORE;
    run_begin(&run, talk);
    for (bool begun = false; rest.len > 0 && verdict == TUNNEL_MORE; begun = true) {
        size_t length = begun ? most : first;
        if (wanted)
            length = tunnel_wants(&run.tunnel);
        assert_true(length > 0);
        length = length < rest.len ? length : rest.len;
        struct span piece = span_of(rest.ptr, length);
        verdict = tunnel_feed(&run.tunnel, &piece, &run.out);
        assert_true(!wanted || verdict < 0 || piece.len == 0);
        assert_true(verdict != TUNNEL_MORE || piece.len == 0);
        rest = span_of(rest.ptr + length - piece.len, rest.len - length + piece.len);
    }
    if (verdict != talk->verdict || (verdict == TUNNEL_OPEN && rest.len != talk->left))
        fail_msg("%s: %.*s: %s, %zu left", talk->url, SPAN_ARG(talk->heard), err_name(verdict),
                 rest.len);
    if (!wanted && verdict < 0)
        assert_int_equal(rest.len, talk->left);
    assert_int_equal(run.out.len, talk->said.len);
    assert_memory_equal(dynbuf_span(&run.out).ptr, talk->said.ptr, talk->said.len);
    dynbuf_done(&run.out);
}

static void play_all(const struct talk *talks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t length = talks[i].heard.len + 1;
        for (size_t first = 1; first <= length; first++)
            play(&talks[i], first, length, false);
        play(&talks[i], 1, 1, false);
        play(&talks[i], 2, 3, false);
        play(&talks[i], 0, 0, true);
    }
}

static void test_http(void **state) {
    (void)state;
    play_all(http_talks, array_length(http_talks));
}

static void test_socks(void **state) {
    (void)state;
    play_all(socks_talks, array_length(socks_talks));
}

static const struct talk plain = {.url = "http://p:1", .host = "api.test"};

static void feed_times(struct run *run, struct span text, size_t times, int verdict) {
    for (size_t i = 0; i < times; i++) {
        struct span bytes = text;
        assert_int_equal(tunnel_feed(&run->tunnel, &bytes, &run->out), verdict);
    }
}

static void test_head_cap(void **state) {
    (void)state;
    const size_t lines = TUNNEL_HEAD_MAX_BYTES / 16 - 2; /* 17 bytes at the start, 2 at the end */
    struct run run;
    run_begin(&run, &plain);
    feed_times(&run, SPAN_LITERAL("HTTP/1.1 200 OK\r\n"), 1, TUNNEL_MORE);
    feed_times(&run, SPAN_LITERAL("Name: value 56\r\n"), lines, TUNNEL_MORE);
    feed_times(&run, SPAN_LITERAL("\r\n"), 1, TUNNEL_OPEN);
    dynbuf_done(&run.out);
    run_begin(&run, &plain);
    feed_times(&run, SPAN_LITERAL("HTTP/1.1 200 OK\r\n"), 1, TUNNEL_MORE);
    feed_times(&run, SPAN_LITERAL("Name: value 56\r\n"), lines, TUNNEL_MORE);
    feed_times(&run, SPAN_LITERAL("Name: value 56\r\n"), 1, ERR_PROXY_PROTOCOL);
    dynbuf_done(&run.out);
}

/* Interim answers share the cap: a proxy cannot hold us for ever. */
static void test_interim_cap(void **state) {
    (void)state;
    struct run run;
    run_begin(&run, &plain);
    const struct span interim = SPAN_LITERAL("HTTP/1.1 100 X\r\nY: z\r\n\r\n");
    feed_times(&run, interim, TUNNEL_HEAD_MAX_BYTES / interim.len, TUNNEL_MORE);
    feed_times(&run, interim, 1, ERR_PROXY_PROTOCOL);
    dynbuf_done(&run.out);
}

static void test_longest_words(void **state) {
    (void)state;
    char url[2048], host[256];
    memset(host, 'h', 255);
    host[255] = '\0';
    for (int kind = 0; kind < 2; kind++) {
        struct talk talk = {.url = url, .host = host};
        struct run run;
        (void)snprintf(url, sizeof url, "%s://%s:%s@%.253s:1", kind == 0 ? "http" : "socks5h", host,
                       host, host);
        run_begin(&run, &talk);
        const char *memory = run.out.data;
        if (kind == 1) {
            struct span bytes = SPAN_LITERAL("\5\2\1\0");
            assert_int_equal(tunnel_feed(&run.tunnel, &bytes, &run.out), TUNNEL_MORE);
        }
        assert_true(run.out.len > 255 * 3 && run.out.len <= TUNNEL_SAY_MAX_BYTES);
        assert_ptr_equal(run.out.data, memory); /* never grown */
        dynbuf_done(&run.out);
    }
}

static void test_hosts_to_ask_for(void **state) {
    (void)state;
    static const char long_name[257] = {[0 ... 255] = 'a'};
    assert_true(tunnel_can_ask_for(SPAN_LITERAL("api.example.com")));
    assert_true(tunnel_can_ask_for(span_of(long_name, 255)));
    assert_false(tunnel_can_ask_for(span_of(long_name, 256)));
    assert_false(tunnel_can_ask_for(SPAN_NONE));
    assert_false(tunnel_can_ask_for(SPAN_LITERAL("a b")));
    assert_false(tunnel_can_ask_for(SPAN_LITERAL("a\r\nX: y")));
    assert_false(tunnel_can_ask_for(SPAN_LITERAL("a\0b")));
    assert_false(tunnel_can_ask_for(SPAN_LITERAL("\xc3\xa9")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),          cmocka_unit_test(test_socks),
        cmocka_unit_test(test_head_cap),      cmocka_unit_test(test_interim_cap),
        cmocka_unit_test(test_longest_words), cmocka_unit_test(test_hosts_to_ask_for),
    };
    return cmocka_run_group_tests_name("net_tunnel", tests, NULL, NULL);
}
