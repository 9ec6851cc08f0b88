// SPDX-License-Identifier: Apache-2.0
/* URLs of proxies, good and bad, and which hosts go around them. */
#include "net/proxy.h"
#include "net_fixture.h"

#include <stdio.h>

struct good_row {
    const char *url;
    enum proxy_kind kind;
    const char *host;
    uint16_t port;
    const char *user, *password; /* decoded; NULL = none */
};

static const struct good_row good[] = {
    {"http://proxy.example:3128", PROXY_HTTP, "proxy.example", 3128, NULL, NULL},
    {"HTTP://Proxy.Example:3128/", PROXY_HTTP, "Proxy.Example", 3128, NULL, NULL},
    {"proxy.example:8080", PROXY_HTTP, "proxy.example", 8080, NULL, NULL},
    {"http://h", PROXY_HTTP, "h", 80, NULL, NULL},
    {"http://h/", PROXY_HTTP, "h", 80, NULL, NULL},
    {"h", PROXY_HTTP, "h", 80, NULL, NULL},
    {"http://:p@h:1", PROXY_HTTP, "h", 1, "", "p"},
    {"localhost:1", PROXY_HTTP, "localhost", 1, NULL, NULL},
    {"user:pw@10.0.0.1:65535", PROXY_HTTP, "10.0.0.1", 65535, "user", "pw"},
    {"http://[::1]:3128", PROXY_HTTP, "::1", 3128, NULL, NULL},
    {"http://a_b-c:1", PROXY_HTTP, "a_b-c", 1, NULL, NULL},
    {"http://u:p@h:1", PROXY_HTTP, "h", 1, "u", "p"},
    {"http://u@h:1", PROXY_HTTP, "h", 1, "u", NULL},
    {"http://u:@h:1", PROXY_HTTP, "h", 1, "u", ""},
    {"http://u:a:b@h:1", PROXY_HTTP, "h", 1, "u", "a:b"},
    {"http://u%40x:p%2f%3A%25%00@h:1", PROXY_HTTP, "h", 1, "u@x", "p/:%\0"},
    {"socks5://h", PROXY_SOCKS5, "h", 1080, NULL, NULL},
    {"socks5://u:p@h:9050/", PROXY_SOCKS5, "h", 9050, "u", "p"},
    {"Socks5H://127.0.0.1:9050", PROXY_SOCKS5H, "127.0.0.1", 9050, NULL, NULL},
    {"socks5h://[fd00::1]", PROXY_SOCKS5H, "fd00::1", 1080, NULL, NULL},
};

static void assert_credential(struct span encoded, const char *expected) {
    char text[PROXY_CREDENTIAL_MAX_BYTES];
    assert_true(span_absent(encoded) == (expected == NULL));
    if (expected == NULL)
        return;
    size_t length = proxy_decode_credential(encoded, text);
    assert_memory_equal(text, expected, length);
    assert_true(length >= strlen(expected)); /* the rows with a NUL end one byte later */
}

static void test_good_urls(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct good_row *row = &good[i];
        struct proxy proxy;
        const char *why = "not set";
        assert_int_equal(proxy_parse(span_text(row->url), &proxy, &why), 0);
        assert_null(why);
        assert_int_equal(proxy.kind, row->kind);
        assert_true(span_is(proxy.host, row->host));
        assert_int_equal(proxy.port, row->port);
        assert_credential(proxy.user, row->user);
        assert_credential(proxy.password, row->password);
    }
}

static const char *const bad[][2] = {
    {"", "host"},
    {"http://", "host"},
    {"http:///", "host"},
    {"http://h:", "port"},
    {"http://h:0", "port"},
    {"http://h:65536", "port"},
    {"http://h:+1", "port"},
    {"http://h:1x", "port"},
    {"http://:3128", "host"},
    {"https://secret:word@h:1", "https://"},
    {"socks4://h:1", "SOCKS4"},
    {"socks4a://h:1", "SOCKS4"},
    {"socks://h:1", "socks5h://"},
    {"ftp://h:1", "http://"},
    {"http://h:1/path", "after its port"},
    {"http://h:1//", "after its port"},
    {"http://u:se/cret@h:1", "%2F"},
    {"http://h:1?secret", "port"},
    {"http://h:1#secret", "port"},
    {"http://u:sec@ret@h:1", "%40"},
    {"http://@h:1", "user"},
    {"socks5://:secret@h:1", "user"},
    {"http://u%3Ax:secret@h:1", "':'"},
    {"http://u:secret%@h:1", "%25"},
    {"http://u:secret%4@h:1", "%25"},
    {"http://u:secret%4g@h:1", "%25"},
    {"http://u:sec ret@h:1", "blank"},
    {"http://u:sec\nret@h:1", "blank"},
    {"http://u:s\xc3\xa9"
     "cret@h:1",
     "ASCII"},
    {"http://h\r\nX: y:1", "blank"},
    {"http://a..b:1", "empty part"},
    {"http://a.b.:1", "empty part"},
    {"http://h!:1", "character"},
    {"http://127.1:1", "numeric"},
    {"http://0x7f.0x1:1", "numeric"},
    {"http://1.2.3.256:1", "numeric"},
    {"http://::1:3128", "brackets"},
    {"http://[::1:3128", "']'"},
    {"http://[h]:1", "brackets"},
    {"http://[127.0.0.1]:1", "brackets"},
    {"http://[::1]3128", "port"},
};

static void test_bad_urls(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct proxy proxy;
        const char *why = NULL;
        assert_int_equal(proxy_parse(span_text(bad[i][0]), &proxy, &why), ERR_INVALID);
        if (why == NULL || strstr(why, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], why != NULL ? why : "no reason");
        assert_null(strstr(why, "secret"));
    }
}

static void test_long_parts(void **state) {
    (void)state;
    char url[2048], part[300];
    struct proxy proxy;
    const char *why;
    memset(part, 'a', sizeof part);
    (void)snprintf(url, sizeof url, "http://%.255s:%.255s@%.253s:1", part, part, part);
    assert_int_equal(proxy_parse(span_text(url), &proxy, &why), 0);
    (void)snprintf(url, sizeof url, "http://u:p@%.254s:1", part);
    assert_int_equal(proxy_parse(span_text(url), &proxy, &why), ERR_INVALID);
    assert_non_null(strstr(why, "253"));
    (void)snprintf(url, sizeof url, "http://%.256s:p@h:1", part);
    assert_int_equal(proxy_parse(span_text(url), &proxy, &why), ERR_INVALID);
    assert_non_null(strstr(why, "255"));
    (void)snprintf(url, sizeof url, "http://u:%.256s@h:1", part);
    assert_int_equal(proxy_parse(span_text(url), &proxy, &why), ERR_INVALID);
    /* what counts is the decoded length */
    (void)snprintf(url, sizeof url, "http://u:%%61%.254s@h:1", part);
    assert_int_equal(proxy_parse(span_text(url), &proxy, &why), 0);
    assert_int_equal(proxy_parse(SPAN_LITERAL("http://h\0:1"), &proxy, &why), ERR_INVALID);
}

/* --- around the proxy --- */

struct around_row {
    const char *list;
    const char *host;
    uint16_t port;
    bool bypassed;
};

static const struct around_row around[] = {
    {NULL, "api.example.com", 443, false},
    {"", "api.example.com", 443, false},
    {" , ,,", "api.example.com", 443, false},
    /* this machine, whatever the list says */
    {NULL, "localhost", 443, true},
    {NULL, "LocalHost.", 443, true},
    {NULL, "ollama.localhost", 443, true},
    {NULL, "127.9.9.9", 80, true},
    {NULL, "::1", 80, true},
    {NULL, "[::1]", 80, true},
    {NULL, "::ffff:127.0.0.1", 80, true},
    {NULL, "notlocalhost", 80, false},
    {NULL, "localhost.example.com", 80, false},
    {NULL, "10.0.0.1", 80, false},
    /* all */
    {"*", "api.example.com", 443, true},
    {"a, *", "10.0.0.1", 443, true},
    {"*", "2001:db8::1", 443, true},
    /* names */
    {"example.com", "example.com", 443, true},
    {"example.com", "api.example.com", 443, true},
    {"example.com", "notexample.com", 443, false},
    {"example.com", "example.com.evil.org", 443, false},
    {"example.com", "com", 443, false},
    {".example.com", "example.com", 443, true},
    {".example.com", "api.example.com", 443, true},
    {".example.com", "notexample.com", 443, false},
    {"*.example.com", "api.example.com", 443, true},
    {"*.example.com", "example.org", 443, false},
    {"EXAMPLE.com", "Api.Example.COM", 443, true},
    {"example.com.", "api.example.com", 443, true},
    {"example.com", "api.example.com.", 443, true},
    {"a.org,example.com", "example.com", 443, true},
    {" a.org  example.com ", "example.com", 443, true},
    {"a.org;example.com", "example.com", 443, false},
    {".", "example.com", 443, false},
    {"com", "example.com", 443, true},
    {"internal", "internal", 80, true},
    {"e*.com", "example.com", 80, false},
    /* ports */
    {"example.com:443", "api.example.com", 443, true},
    {"example.com:443", "api.example.com", 8443, false},
    {".example.com:8443", "api.example.com", 8443, true},
    {"example.com:", "example.com", 443, false},
    {"example.com:x", "example.com", 443, false},
    {"example.com:0443", "example.com", 443, true},
    {"10.1.2.3:80", "10.1.2.3", 80, true},
    {"10.1.2.3:80", "10.1.2.3", 81, false},
    {"10.0.0.0/8:80", "10.1.2.3", 80, true},
    {"10.0.0.0/8:80", "10.1.2.3", 81, false},
    {"[2001:db8::1]:80", "2001:db8::1", 80, true},
    {"[2001:db8::1]:80", "2001:db8::1", 81, false},
    /* addresses and networks */
    {"10.1.2.3", "10.1.2.3", 80, true},
    {"10.1.2.3", "::ffff:10.1.2.3", 80, true},
    {"10.1.2.3", "10.1.2.30", 80, false},
    {"1.2.3", "10.1.2.3", 80, false},
    {".2.3", "10.1.2.3", 80, false},
    {"10.0.0.0/8", "10.255.1.1", 80, true},
    {"10.0.0.0/8", "11.0.0.1", 80, false},
    {"10.0.0.0/8", "10.example.com", 80, false},
    {"10.0.0.0/33", "10.0.0.1", 80, false},
    {"10.0.0.0/x", "10.0.0.1", 80, false},
    {"0.0.0.0/0", "8.8.8.8", 80, true},
    {"0.0.0.0/0", "2001:db8::1", 80, false},
    {"2001:0db8:0::1", "2001:db8::1", 80, true},
    {"[2001:db8::1]", "2001:db8::1", 80, true},
    {"2001:db8::/32", "2001:db8:1::1", 80, true},
    {"2001:db8::/32", "2001:db9::1", 80, false},
    {"::1", "2001:db8::1", 80, false},
};

static void test_bypass(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        const struct around_row *row = &around[i];
        bool bypassed = proxy_bypassed(span_text(row->list), span_text(row->host), row->port);
        if (bypassed != row->bypassed)
            fail_msg("%s for %s:%u", row->list != NULL ? row->list : "(none)", row->host,
                     row->port);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_urls),
        cmocka_unit_test(test_bad_urls),
        cmocka_unit_test(test_long_parts),
        cmocka_unit_test(test_bypass),
    };
    return cmocka_run_group_tests_name("net_proxy", tests, NULL, NULL);
}
