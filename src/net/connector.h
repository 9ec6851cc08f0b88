// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From an origin to a connected stream: resolve (c-ares, last good answer kept, one query per host in flight), try the
 * addresses one after another (each with its share of the connect deadline; the next starts early when one is slow,
 * RFC 8305), TLS with SNI, host check, system CA and session reuse. Addresses that origin forbids (metadata, 0.0.0.0,
 * mapped forms, private ranges unless allowed) are refused after resolution, at every connect.
 *
 * Through a proxy (proxy.h): TCP to the proxy, the tunnel, then TLS through it with the origin's own host. Plain http origins go
 * through the same tunnel, so that the proxy never reads a request or its key. The proxy may stand on any loopback or private
 * address, since whoever names it also decides who is trusted; a numeric origin is judged as without a proxy, and so is a name
 * that is resolved here (socks5).
 *
 * Or to a Unix socket by its path, without names, proxies and rules: who can name a file of this machine is trusted. ERR_NOT_FOUND:
 * there is no such file. ERR_CONNECT_REFUSED: nobody listens on it any more. ERR_TOO_LARGE: the path is longer than the system takes.
 */
#include "base/err.h"
#include "net/stream.h"

struct origin {
    struct span
        host; /* borrowed: as long as whoever made it says; name or numeric, without brackets */
    uint16_t port;
    bool tls;
    bool allow_loopback; /* the config names a loopback address */
    struct span
        private_network; /* "10.1.2.0/24" or absent: other private ranges that may be reached */
    struct span ca_file; /* PEM with additional authorities, or absent: system CA only */
    struct span proxy;   /* its URL, as proxy_parse takes it; absent or empty = direct */
    struct span
        unix_path; /* a Unix socket instead of host and port, which are nothing then; absent = none */
};

struct net_context; /* per loop: resolver, TLS contexts, session cache */
struct net_context *net_context_new(struct loop *loop);
void net_context_free(struct net_context *net); /* nothing may be connecting, no TLS stream open */
/* Certificates of authorities are read anew, for connections from now on. */
void net_context_reload_authorities(struct net_context *net);

struct connector; /* one connection attempt; freed by itself after its callback */

struct connect_request {
    const struct origin *origin;  /* borrowed until the callback */
    uint64_t connect_deadline_ns; /* resolving, TCP and the tunnel together */
    uint64_t tls_timeout_ns;      /* from then on */
    /* err 0: the stream is the caller's. Otherwise a class of base/err.h (ERR_DNS_*, ERR_CONNECT_*, ERR_PROXY_*,
     * ERR_TLS_*, ERR_ADDRESS_FORBIDDEN). Never called from inside connector_start. */
    void (*on_done)(void *context, int err, struct stream *stream);
    void *context;
};
struct connector *connector_start(struct net_context *net, const struct connect_request *request);
/* No callback will come. */
void connector_cancel(struct connector *connector);
