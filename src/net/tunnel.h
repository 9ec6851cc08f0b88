// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What is said between a proxy and us until the tunnel is open, for src/net only: bytes in, bytes out, no socket. HTTP CONNECT
 * (RFC 9110 section 9.3.6, RFC 9112) and SOCKS5 (RFC 1928, RFC 1929).
 */
#include "base/dynbuf.h"
#include "net/proxy.h"

#include <sys/socket.h>

#define TUNNEL_SAY_MAX_BYTES \
    ((size_t)2048) /* the longest we say at once: two names and credentials */
#define TUNNEL_HEAD_MAX_BYTES ((uint32_t)16 * 1024) /* of an HTTP proxy's answer, 1xx included */

struct tunnel_target {
    struct span host; /* borrowed: name or numeric, without brackets */
    const struct sockaddr_storage
        *address; /* borrowed; SOCKS5: what it was resolved to here; NULL: the proxy resolves */
    uint16_t port;
};

enum tunnel_step {
    TUNNEL_STATUS,   /* HTTP: "HTTP/1.1 200" */
    TUNNEL_HEAD,     /* HTTP: up to the empty line */
    TUNNEL_METHOD,   /* SOCKS5: how we may log in */
    TUNNEL_LOGIN,    /* SOCKS5: whether we are */
    TUNNEL_REPLY,    /* SOCKS5: whether it is connected */
    TUNNEL_NAME_LEN, /* SOCKS5: how long the name of its own end is */
    TUNNEL_REST,     /* SOCKS5: its own end, of no interest */
};

#define TUNNEL_PART_BYTES 12 /* "HTTP/1.1 200" */

struct tunnel {
    const struct proxy *proxy; /* borrowed */
    struct tunnel_target target;
    uint8_t step;    /* enum tunnel_step */
    uint8_t matched; /* TUNNEL_HEAD: bytes of CR LF CR LF just seen */
    uint16_t status;
    uint32_t seen;     /* of the part */
    uint32_t wanted;   /* length of the part */
    uint32_t head_len; /* HTTP: all bytes so far */
    char part[TUNNEL_PART_BYTES];
};

enum tunnel_verdict { TUNNEL_OPEN = 0, TUNNEL_MORE = 1 };

/* Whether a host can be told to a proxy: printable ASCII, at most 255 bytes. */
bool tunnel_can_ask_for(struct span host);
/* Appends what is to be said first; such a host was checked. `out` is reserved for TUNNEL_SAY_MAX_BYTES, so that no copy of a
 * password is left behind by growing. ERR_NOMEM. */
int tunnel_begin(struct tunnel *tunnel, const struct proxy *proxy,
                 const struct tunnel_target *target, struct dynbuf *out) WARN_UNUSED;
/* How many bytes may be read now without touching what the tunnel will carry. */
size_t tunnel_wants(const struct tunnel *tunnel);
/*
 * Takes bytes off the front and appends what is to be said next. TUNNEL_MORE: all were taken; TUNNEL_OPEN: what is left of `bytes`
 * came through the tunnel; else ERR_PROXY_AUTH, ERR_PROXY_REFUSED, ERR_PROXY_TARGET or ERR_PROXY_PROTOCOL, and it is over.
 */
int tunnel_feed(struct tunnel *tunnel, struct span *bytes, struct dynbuf *out) WARN_UNUSED;
