// SPDX-License-Identifier: Apache-2.0
/*
 * Proxies that refuse, answer too early, break off or fall silent at every byte, or are not there: what it is called, and that
 * nothing is left open.
 */
#include "via_fixture.h"

/* --- refusals --- */

struct refusal {
    const char *scheme;
    struct span words;
    int err;
};

#define SAYS(bytes) \
    { "" bytes "", sizeof(bytes) - 1 }

static const struct refusal refusals[] = {
    {"http://", SAYS("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!"),
     ERR_PROXY_AUTH},
    {"http://", SAYS("HTTP/1.1 403 Forbidden\r\n\r\n"), ERR_PROXY_REFUSED},
    {"http://", SAYS("HTTP/1.1 502 Bad Gateway\r\n\r\n{\"error\":\"x\"}"), ERR_PROXY_TARGET},
    {"http://", SAYS("SSH-2.0-x\r\n"), ERR_PROXY_PROTOCOL},
    {"http://", SAYS("\x15\x03\x01"), ERR_PROXY_PROTOCOL},
    {"socks5h://", SAYS("\5\xff"), ERR_PROXY_AUTH},
    {"socks5h://", SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"), ERR_PROXY_PROTOCOL},
    {"socks5h://u:p@", SAYS("\5\1"), ERR_PROXY_PROTOCOL},
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(refusals); i++) {
        struct rig rig;
        rig_open(&rig, refusals[i].scheme);
        rig.dialer.origin.tls = i % 2 == 0; /* it makes no difference */
        dialer_begin(&rig.dialer);
        proxy_hears_bytes(&rig, 3);
        proxy_says(&rig, refusals[i].words);
        assert_int_equal(outcome(&rig), refusals[i].err);
        rig_close(&rig);
    }
}

/* A SOCKS5 proxy that answers before it is asked: our words would become the tunnel's. */
static void test_answer_too_early(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, "socks5h://");
    dialer_begin(&rig.dialer);
    proxy_hears(&rig, SPAN_LITERAL("\5\1\0"));
    proxy_says(&rig, SPAN_LITERAL("\5\0" SOCKS_END));
    assert_int_equal(outcome(&rig), ERR_PROXY_PROTOCOL);
    rig_close(&rig);
}

/* At every byte of both handshakes the proxy ends, resets or falls silent. */
static void break_off_at(const char *scheme, struct span words, size_t at, int manner) {
    struct rig rig;
    rig_open(&rig, scheme);
    rig.dialer.connect_timeout_ns = manner == 2 ? 60 * NS_PER_MS : FIXTURE_PATIENCE_NS;
    dialer_begin(&rig.dialer);
    proxy_hears_bytes(&rig, 3);
    for (size_t i = 0; i < at; i++) {
        proxy_says(&rig, span_of(words.ptr + i, 1));
        run_until(rig.dialer.loop, all_said, &rig);
        proxy_hears_bytes(&rig, i == 1 && words.ptr[0] == 5 ? 13 : 3);
    }
    if (manner == 0)
        stream_finish(rig.end->stream);
    else if (manner == 1)
        stream_abort(rig.end->stream);
    int err = outcome(&rig);
    if (err != (manner == 2 ? ERR_PROXY_TIMEOUT : ERR_PROXY_PROTOCOL))
        fail_msg("%s at %zu, manner %d: %s", scheme, at, manner, err_name(err));
    rig_close(&rig);
}

static void test_breaks_off(void **state) {
    (void)state;
    static const struct span head = SPAN_LITERAL("HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
    static const struct span socks = SPAN_LITERAL("\5\0" SOCKS_END);
    for (int manner = 0; manner < 2; manner++) {
        for (size_t at = 0; at < head.len; at++)
            break_off_at("http://", head, at, manner);
        for (size_t at = 0; at < socks.len; at++)
            break_off_at("socks5h://", socks, at, manner);
    }
    break_off_at("http://", head, 0, 2);
    break_off_at("http://", head, 20, 2);
    break_off_at("socks5h://", socks, 0, 2);
    break_off_at("socks5h://", socks, 7, 2);
}

/* --- who is blamed for what --- */

static void test_proxy_unreachable(void **state) {
    (void)state;
    uint16_t port;
    char url[64];
    struct dialer dialer;
    dialer_open(&dialer);
    assert_int_equal(close(bound_socket(SOCK_STREAM, &port)), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    dialer.origin.host = SPAN_LITERAL("api.test");
    dialer.origin.port = 443;
    dialer.origin.proxy = span_text(url);
    assert_int_equal(dialer_connect(&dialer), ERR_PROXY_UNREACHABLE);
    dialer.origin.proxy = SPAN_LITERAL("http://169.254.1.1:80");
    assert_int_equal(dialer_connect(&dialer), ERR_PROXY_UNREACHABLE);
    dialer.origin.proxy = SPAN_LITERAL("no proxy's URL");
    assert_int_equal(dialer_connect(&dialer), ERR_PROXY_URL);
    dialer.connect_timeout_ns = 0;
    dialer.origin.proxy = SPAN_LITERAL("http://proxy.test:80");
    assert_int_equal(dialer_connect(&dialer), ERR_PROXY_TIMEOUT);
    /* the origin's own name, with socks5 */
    dialer.origin.proxy = SPAN_LITERAL("socks5://127.0.0.1:9");
    assert_int_equal(dialer_connect(&dialer), ERR_DNS_TIMEOUT);
    dialer_close(&dialer);
}

/* --- cancelling --- */

/* The connection given up at once may have been accepted, or not. */
static const char *const schemes[] = {"http://", "socks5://", "socks5h://"};

static bool somebody_speaks(void *context) {
    struct rig *rig = context;
    for (size_t i = 0; i < rig->accepted; i++)
        if (rig->ends[i].input.len >= 3)
            rig->end = &rig->ends[i];
    return rig->end->input.len >= 3;
}

static void test_cancel(void **state) {
    (void)state;
    for (size_t s = 0; s < array_length(schemes); s++) {
        static const char *const addresses[] = {"8.8.8.8"};
        struct rig rig;
        rig_open(&rig, schemes[s]);
        dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), addresses, 1);
        dialer_begin(&rig.dialer); /* before anything happened */
        connector_cancel(rig.dialer.connector);
        dialer_begin(&rig.dialer); /* in the handshake */
        run_until(rig.dialer.loop, somebody_speaks, &rig);
        connector_cancel(rig.dialer.connector);
        proxy_is_left(&rig);
        assert_false(rig.dialer.done);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_answer_too_early),
        cmocka_unit_test(test_breaks_off), cmocka_unit_test(test_proxy_unreachable),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests_name("net_connector_via_faults", tests, NULL, NULL);
}
