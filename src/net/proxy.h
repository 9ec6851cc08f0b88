// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Outbound proxies: what their URLs say, and which hosts go around them. Pure; how a proxy is spoken to is tunnel.h.
 *
 *   http://[user:password@]host[:port]     CONNECT (RFC 9110 section 9.3.6), for https and plain origins alike
 *   socks5://[user:password@]host[:port]   SOCKS5 (RFC 1928); names are resolved here
 *   socks5h://...                          the same; names are resolved by the proxy
 */
#include "base/err.h"
#include "base/span.h"

#define PROXY_CREDENTIAL_MAX_BYTES 255 /* RFC 1929 section 2 */

enum proxy_kind { PROXY_HTTP, PROXY_SOCKS5, PROXY_SOCKS5H };

struct proxy {
    enum proxy_kind kind;
    uint16_t port;
    struct span host;           /* borrowed: the URL; name or numeric, without brackets */
    struct span user, password; /* borrowed: the URL; percent-encoded; absent = none */
};

/*
 * ERR_INVALID with words that go on after the setting's name ("must start with ..."); they never hold a part of the URL, which
 * may be a password. "host:port" without a scheme is an HTTP proxy, as everybody's environment has it.
 */
int proxy_parse(struct span url, struct proxy *ret_proxy, const char **ret_why) WARN_UNUSED;
/* The user or password itself: `text` has PROXY_CREDENTIAL_MAX_BYTES; returns how many were written. */
size_t proxy_decode_credential(struct span encoded, char *text);

/*
 * Whether a host is reached without the proxy of the environment or of the whole instance: this machine always is, others by the
 * list. Items are separated by commas or blanks; each is "*", a name (itself and all below it; a leading "." or "*." changes
 * nothing), an address, or a network ("10.0.0.0/8"), all but the first two with an optional ":port" (IPv6 in brackets then). A
 * provider's own proxy is not asked about: it says so itself.
 */
bool proxy_bypassed(struct span no_proxy, struct span host, uint16_t port);
