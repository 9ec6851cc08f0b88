// SPDX-License-Identifier: Apache-2.0
/*
 * Proxies. The first byte chooses the kind of proxy and whether we log in, the rest is what it answers: fed at once, in pieces by
 * chance and never more than is wanted; what we say, the verdict and what is left must be the same, and no more may be said than
 * fits. The same bytes are read as a URL and as a list of hosts to go around: no reason may hold a part of the URL.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/rand.h"
#include "net/address.h"
#include "net/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const urls[] = {
    "http://p:1",      "http://user:pass@p:1", "socks5h://p:1",
    "socks5h://u:w@p", "socks5://p:1",         "socks5://u@p:1",
};

struct result {
    struct dynbuf said;
    int verdict;
    size_t left;
};

static int feed_copy(struct tunnel *tunnel, struct span piece, struct dynbuf *out,
                     size_t *ret_left) {
    char *copy = mem_alloc(piece.len);
    memcpy(copy, piece.ptr, piece.len);
    struct span bytes = span_of(copy, piece.len);
    int verdict = tunnel_feed(tunnel, &bytes, out);
    check(verdict != TUNNEL_MORE || bytes.len == 0);
    *ret_left = bytes.len;
    mem_free(copy);
    return verdict;
}

static size_t next_length(struct rand *rand, const struct tunnel *tunnel, size_t most,
                          size_t rest) {
    size_t length = most > 0 ? 1 + (size_t)rand_below(rand, most) : rest;
    if (most == 1) {
        length = tunnel_wants(tunnel);
        check(length > 0);
    }
    return length < rest ? length : rest;
}

/* most: 0 all at once, 1 what is wanted, else pieces up to it. */
static void run(const struct proxy *proxy, struct span bytes, size_t most, struct result *result) {
    struct sockaddr_storage address;
    struct tunnel tunnel;
    struct rand rand;
    rand_seed(&rand, span_hash(bytes) + most);
    check(address_parse(SPAN_LITERAL("9.8.7.6"), 443, &address) == 0);
    const struct tunnel_target target = {
        .host = SPAN_LITERAL("api.test"),
        .address = proxy->kind == PROXY_SOCKS5 ? &address : NULL,
        .port = 443,
    };
    dynbuf_init(&result->said, 2 * TUNNEL_SAY_MAX_BYTES);
    check(tunnel_begin(&tunnel, proxy, &target, &result->said) == 0);
    result->verdict = TUNNEL_MORE;
    while (bytes.len > 0 && result->verdict == TUNNEL_MORE) {
        size_t left, length = next_length(&rand, &tunnel, most, bytes.len);
        result->verdict = feed_copy(&tunnel, span_of(bytes.ptr, length), &result->said, &left);
        check(most != 1 || result->verdict < 0 || left == 0);
        bytes = span_of(bytes.ptr + length - left, bytes.len - length + left);
    }
    result->left = bytes.len;
    check(result->said.len <= TUNNEL_SAY_MAX_BYTES);
}

static void run_handshakes(const struct proxy *proxy, struct span bytes) {
    static const size_t mosts[] = {1, 2, 9, 100};
    struct result whole;
    run(proxy, bytes, 0, &whole);
    for (size_t i = 0; i < array_length(mosts); i++) {
        struct result cut;
        run(proxy, bytes, mosts[i], &cut);
        check(cut.verdict == whole.verdict && cut.left == whole.left);
        check(span_equal(dynbuf_span(&cut.said), dynbuf_span(&whole.said)));
        dynbuf_done(&cut.said);
    }
    dynbuf_done(&whole.said);
}

static void run_texts(struct span text) {
    static const char *const hosts[] = {"api.example.com", "10.1.2.3", "2001:db8::1", ""};
    char credential[PROXY_CREDENTIAL_MAX_BYTES];
    struct proxy proxy;
    const char *why;
    int err = proxy_parse(text, &proxy, &why);
    check((err == 0) == (why == NULL));
    if (err == 0) {
        check(proxy.host.len > 0 && proxy.port > 0 && tunnel_can_ask_for(proxy.host));
        (void)proxy_decode_credential(proxy.user, credential);
        (void)proxy_decode_credential(proxy.password, credential);
    }
    for (size_t i = 0; i < array_length(hosts); i++)
        (void)proxy_bypassed(text, span_text(hosts[i]), 443);
    (void)proxy_bypassed(SPAN_LITERAL("10.0.0.0/8,.example.com,::1"), text, 443);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct proxy proxy;
    const char *why;
    if (size == 0)
        return 0;
    struct span bytes = span_of((const char *)data + 1, size - 1);
    const char *url = urls[data[0] % array_length(urls)];
    check(proxy_parse(span_text(url), &proxy, &why) == 0);
    run_handshakes(&proxy, bytes);
    run_texts(bytes);
    return 0;
}
