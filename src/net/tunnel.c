// SPDX-License-Identifier: Apache-2.0
/*
 * Speaking to a proxy until the tunnel is open.
 *
 * Why a machine without a socket: what a proxy says is said by a stranger, so each byte must do the same at every split, and that
 * can only be tried out without one. Why it says how much it wants: the first byte behind the proxy's last word belongs to whom
 * we are being connected with; reading no further leaves that byte in the kernel, where TLS or HTTP finds it.
 * Why a status alone decides: whatever a proxy says in a 407 or 502 is not the provider's, so it is neither read nor passed on; after
 * a 2xx its framing fields mean nothing (RFC 9110 section 9.3.6), so the head is only searched for its end. Lines end in CR LF.
 * Promises: credentials go out once and only when asked for (SOCKS5) or always (CONNECT, which saves a round trip and is what
 * everybody does); nothing of what was read is kept. Leaves to others: sockets, deadlines, further addresses (connector.c).
 */
#include "net/tunnel.h"

#include "base/check.h"
#include "base/secret.h"
#include "net/address.h"

#include <netinet/in.h>
#include <openssl/evp.h>

/* RFC 1928 section 3 to 5, RFC 1929 section 2 */
enum { SOCKS_VERSION = 5, LOGIN_VERSION = 1, COMMAND_CONNECT = 1 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_REFUSED = 0xff };
enum { KIND_V4 = 1, KIND_NAME = 3, KIND_V6 = 4 };

#define SOCKS_NAME_MAX_BYTES 255
#define REPLY_BYTES          4
#define PORT_BYTES           2
#define PAIR_BYTES           (2 * PROXY_CREDENTIAL_MAX_BYTES + 2)

static void expect(struct tunnel *tunnel, enum tunnel_step step, uint32_t wanted) {
    tunnel->step = (uint8_t)step;
    tunnel->seen = 0;
    tunnel->wanted = wanted;
}

/* --- CONNECT --- */

/* RFC 7617 section 2 */
static int say_basic(const struct proxy *proxy, struct dynbuf *out) {
    unsigned char pair[PAIR_BYTES];
    unsigned char coded[(PAIR_BYTES + 2) / 3 * 4 + 1];
    size_t length = proxy_decode_credential(proxy->user, (char *)pair);
    pair[length++] = ':';
    length += proxy_decode_credential(proxy->password, (char *)pair + length);
    int coded_len = EVP_EncodeBlock(coded, pair, (int)length);
    int err = dynbuf_append_text(out, "Proxy-Authorization: Basic ");
    if (err == 0)
        err = dynbuf_append(out, coded, (size_t)coded_len);
    if (err == 0)
        err = dynbuf_append_text(out, "\r\n");
    secret_wipe(pair, sizeof pair);
    secret_wipe(coded, sizeof coded);
    return err;
}

static int say_connect(const struct tunnel *tunnel, struct dynbuf *out) {
    const struct tunnel_target *target = &tunnel->target;
    bool numeric_v6 = memchr(target->host.ptr, ':', target->host.len) != NULL;
    const char *form = numeric_v6 ? "%s[%.*s]:%u%s" : "%s%.*s:%u%s";
    int err = dynbuf_append_format(out, form, "CONNECT ", SPAN_ARG(target->host), target->port,
                                   " HTTP/1.1\r\n");
    if (err == 0)
        err =
            dynbuf_append_format(out, form, "Host: ", SPAN_ARG(target->host), target->port, "\r\n");
    if (err == 0 && !span_absent(tunnel->proxy->user))
        err = say_basic(tunnel->proxy, out);
    return err == 0 ? dynbuf_append_text(out, "\r\n") : err;
}

static const struct {
    uint16_t from, to;
    int err;
} statuses[] = {
    {100, 100, 0},
    {102, 199, 0},                 /* skipped */
    {200, 299, 0},                 /* the tunnel is open after this head */
    {300, 406, ERR_PROXY_REFUSED}, /* 403: by its rules */
    {407, 407, ERR_PROXY_AUTH},    /* RFC 9110 section 15.5.8 */
    {408, 499, ERR_PROXY_REFUSED},
    {500, 599, ERR_PROXY_TARGET}, /* 502, 503, 504: it did not get through */
};

static int weigh_status(struct tunnel *tunnel, struct dynbuf *out) {
    (void)out;
    const char *part = tunnel->part;
    uint64_t status;
    bool is_http =
        memcmp(part, "HTTP/1.", 7) == 0 && (part[7] == '0' || part[7] == '1') && part[8] == ' ';
    if (!is_http || !span_to_u64(span_of(part + 9, 3), &status))
        return ERR_PROXY_PROTOCOL;
    tunnel->status = (uint16_t)status;
    tunnel->matched = 0;
    for (size_t i = 0; i < array_length(statuses); i++)
        if (status >= statuses[i].from && status <= statuses[i].to) {
            expect(tunnel, TUNNEL_HEAD, 1);
            return statuses[i].err < 0 ? statuses[i].err : TUNNEL_MORE;
        }
    return ERR_PROXY_PROTOCOL;
}

static int take_head_byte(struct tunnel *tunnel, char byte) {
    bool after_cr = (tunnel->matched & 1) != 0;
    bool first = tunnel->seen == 0;
    tunnel->seen = 1;
    if (++tunnel->head_len > TUNNEL_HEAD_MAX_BYTES || after_cr != (byte == '\n') || byte == '\0')
        return ERR_PROXY_PROTOCOL;
    if (first && byte != ' ' && byte != '\r')
        return ERR_PROXY_PROTOCOL; /* a status of four digits */
    tunnel->matched = byte == '\r' || byte == '\n' ? (uint8_t)(tunnel->matched + 1) : 0;
    if (tunnel->matched < 4)
        return TUNNEL_MORE;
    if (tunnel->status >= 200)
        return TUNNEL_OPEN;
    expect(tunnel, TUNNEL_STATUS, TUNNEL_PART_BYTES);
    return TUNNEL_MORE;
}

/* --- SOCKS5 --- */

static int say_methods(const struct proxy *proxy, struct dynbuf *out) {
    static const unsigned char both[] = {SOCKS_VERSION, 2, METHOD_NONE, METHOD_PASSWORD};
    static const unsigned char none[] = {SOCKS_VERSION, 1, METHOD_NONE};
    return span_absent(proxy->user) ? dynbuf_append(out, none, sizeof none)
                                    : dynbuf_append(out, both, sizeof both);
}

static int say_counted(struct span encoded, struct dynbuf *out) {
    char text[PROXY_CREDENTIAL_MAX_BYTES];
    size_t length = proxy_decode_credential(encoded, text);
    int err = dynbuf_append_char(out, (char)length);
    if (err == 0)
        err = dynbuf_append(out, text, length);
    secret_wipe(text, sizeof text);
    return err;
}

static int say_login(const struct proxy *proxy, struct dynbuf *out) {
    int err = dynbuf_append_char(out, LOGIN_VERSION);
    if (err == 0)
        err = say_counted(proxy->user, out);
    return err == 0 ? say_counted(proxy->password, out) : err;
}

static int say_address(const struct sockaddr_storage *address, struct dynbuf *out) {
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    bool is_v6 = address->ss_family == AF_INET6;
    int err = dynbuf_append_char(out, is_v6 ? KIND_V6 : KIND_V4);
    if (err < 0)
        return err;
    return is_v6 ? dynbuf_append(out, &v6->sin6_addr, sizeof v6->sin6_addr)
                 : dynbuf_append(out, &v4->sin_addr, sizeof v4->sin_addr);
}

static int say_target(const struct tunnel_target *target, struct dynbuf *out) {
    static const unsigned char command[] = {SOCKS_VERSION, COMMAND_CONNECT, 0};
    const unsigned char port[PORT_BYTES] = {(unsigned char)(target->port >> 8),
                                            (unsigned char)target->port};
    struct sockaddr_storage literal;
    const struct sockaddr_storage *address = target->address;
    if (address == NULL && address_parse(target->host, 0, &literal) == 0)
        address = &literal;
    int err = dynbuf_append(out, command, sizeof command);
    if (err == 0 && address != NULL) {
        err = say_address(address, out);
    } else if (err == 0) {
        const unsigned char name[] = {KIND_NAME, (unsigned char)target->host.len};
        err = dynbuf_append(out, name, sizeof name);
        if (err == 0)
            err = dynbuf_append_span(out, target->host);
    }
    return err == 0 ? dynbuf_append(out, port, sizeof port) : err;
}

static int ask_target(struct tunnel *tunnel, struct dynbuf *out) {
    expect(tunnel, TUNNEL_REPLY, REPLY_BYTES);
    int err = say_target(&tunnel->target, out);
    return err < 0 ? err : TUNNEL_MORE;
}

static int weigh_method(struct tunnel *tunnel, struct dynbuf *out) {
    unsigned char method = (unsigned char)tunnel->part[1];
    bool has_login = !span_absent(tunnel->proxy->user);
    if (tunnel->part[0] != SOCKS_VERSION)
        return ERR_PROXY_PROTOCOL;
    if (method == METHOD_NONE)
        return ask_target(tunnel, out);
    if (method == METHOD_REFUSED)
        return ERR_PROXY_AUTH;
    if (method != METHOD_PASSWORD || !has_login)
        return ERR_PROXY_PROTOCOL; /* not offered */
    expect(tunnel, TUNNEL_LOGIN, 2);
    int err = say_login(tunnel->proxy, out);
    return err < 0 ? err : TUNNEL_MORE;
}

static int weigh_login(struct tunnel *tunnel, struct dynbuf *out) {
    if (tunnel->part[0] != LOGIN_VERSION)
        return ERR_PROXY_PROTOCOL;
    return tunnel->part[1] == 0 ? ask_target(tunnel, out) : ERR_PROXY_AUTH;
}

/* RFC 1928 section 6 */
static const int replies[] = {
    [0] = 0,
    [1] = ERR_PROXY_TARGET,  /* general failure */
    [2] = ERR_PROXY_REFUSED, /* not allowed by its rules */
    [3] = ERR_PROXY_TARGET,  /* network unreachable */
    [4] = ERR_PROXY_TARGET,  /* host unreachable */
    [5] = ERR_PROXY_TARGET,  /* connection refused */
    [6] = ERR_PROXY_TARGET,  /* TTL expired */
    [7] = ERR_PROXY_REFUSED, /* command not supported */
    [8] = ERR_PROXY_TARGET,  /* address type not supported: another address may be */
};

static int weigh_reply(struct tunnel *tunnel, struct dynbuf *out) {
    (void)out;
    unsigned char reply = (unsigned char)tunnel->part[1];
    if (tunnel->part[0] != SOCKS_VERSION)
        return ERR_PROXY_PROTOCOL;
    if (reply != 0)
        return reply < array_length(replies) ? replies[reply] : ERR_PROXY_REFUSED;
    switch (tunnel->part[3]) {
    case KIND_V4:
        expect(tunnel, TUNNEL_REST, sizeof(struct in_addr) + PORT_BYTES);
        return TUNNEL_MORE;
    case KIND_V6:
        expect(tunnel, TUNNEL_REST, sizeof(struct in6_addr) + PORT_BYTES);
        return TUNNEL_MORE;
    case KIND_NAME:
        expect(tunnel, TUNNEL_NAME_LEN, 1);
        return TUNNEL_MORE;
    default:
        return ERR_PROXY_PROTOCOL;
    }
}

static int weigh_name_len(struct tunnel *tunnel, struct dynbuf *out) {
    (void)out;
    expect(tunnel, TUNNEL_REST, (uint32_t)(unsigned char)tunnel->part[0] + PORT_BYTES);
    return TUNNEL_MORE;
}

static int weigh_rest(struct tunnel *tunnel, struct dynbuf *out) {
    (void)tunnel;
    (void)out;
    return TUNNEL_OPEN;
}

/* --- both --- */

static int (*const weigh[])(struct tunnel *tunnel, struct dynbuf *out) = {
    [TUNNEL_STATUS] = weigh_status,     [TUNNEL_METHOD] = weigh_method,
    [TUNNEL_LOGIN] = weigh_login,       [TUNNEL_REPLY] = weigh_reply,
    [TUNNEL_NAME_LEN] = weigh_name_len, [TUNNEL_REST] = weigh_rest,
};

/* The first byte that cannot be right ends it: junk shorter than a part must not be waited upon. */
static bool fits(const struct tunnel *tunnel, char byte) {
    static const char version[] = "HTTP/1.";
    if (tunnel->step == TUNNEL_STATUS)
        return tunnel->seen >= sizeof version - 1 || byte == version[tunnel->seen];
    if (tunnel->seen > 0 || tunnel->step == TUNNEL_REST || tunnel->step == TUNNEL_NAME_LEN)
        return true;
    return byte == (tunnel->step == TUNNEL_LOGIN ? LOGIN_VERSION : SOCKS_VERSION);
}

static int take_byte(struct tunnel *tunnel, char byte, struct dynbuf *out) {
    if (tunnel->step == TUNNEL_HEAD)
        return take_head_byte(tunnel, byte);
    if (!fits(tunnel, byte))
        return ERR_PROXY_PROTOCOL;
    if (tunnel->step == TUNNEL_STATUS && ++tunnel->head_len > TUNNEL_HEAD_MAX_BYTES)
        return ERR_PROXY_PROTOCOL;
    if (tunnel->seen < TUNNEL_PART_BYTES)
        tunnel->part[tunnel->seen] = byte;
    return ++tunnel->seen < tunnel->wanted ? TUNNEL_MORE : weigh[tunnel->step](tunnel, out);
}

bool tunnel_can_ask_for(struct span host) {
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.ptr[i] <= ' ' || (unsigned char)host.ptr[i] >= 0x7f)
            return false;
    return host.len > 0 && host.len <= SOCKS_NAME_MAX_BYTES;
}

int tunnel_begin(struct tunnel *tunnel, const struct proxy *proxy,
                 const struct tunnel_target *target, struct dynbuf *out) {
    *tunnel = (struct tunnel){.proxy = proxy, .target = *target};
    check(tunnel_can_ask_for(target->host));
    int err = dynbuf_reserve(out, TUNNEL_SAY_MAX_BYTES);
    if (err < 0)
        return err;
    if (proxy->kind == PROXY_HTTP) {
        expect(tunnel, TUNNEL_STATUS, TUNNEL_PART_BYTES);
        return say_connect(tunnel, out);
    }
    expect(tunnel, TUNNEL_METHOD, 2);
    return say_methods(proxy, out);
}

size_t tunnel_wants(const struct tunnel *tunnel) {
    return tunnel->step == TUNNEL_HEAD ? 4u - tunnel->matched : tunnel->wanted - tunnel->seen;
}

int tunnel_feed(struct tunnel *tunnel, struct span *bytes, struct dynbuf *out) {
    int verdict = TUNNEL_MORE;
    while (bytes->len > 0 && verdict == TUNNEL_MORE) {
        char byte = bytes->ptr[0];
        *bytes = span_of(bytes->ptr + 1, bytes->len - 1);
        verdict = take_byte(tunnel, byte, out);
    }
    return verdict;
}
