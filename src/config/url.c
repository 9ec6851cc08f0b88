// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses: base URLs (RFC 3986), listen addresses, networks.
 *
 * Why here and not in net/: these are rules about what a file may say, they need no socket and must name their reason.
 * A base URL is where other people's keys are sent, so whatever could be read in two ways is refused: credentials before
 * the host, query and fragment, numeric hosts that are not four plain decimal numbers (0x7f.1, 127.1), dot segments,
 * broken percent-encoding. A URL without a path means its /v1, as every OpenAI client writes it.
 * Promises: spans point into the text; no name is looked up.
 * Leaves to others: the check of the address actually connected to (net/connector.c).
 */
#include "config/parts.h"

#include <arpa/inet.h>

#define HOST_MAX_BYTES 253 /* RFC 1035 section 3.1 without the last dot */

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* 16 bytes in network order; IPv4 as ::ffff:a.b.c.d. */
static bool parse_ip(struct span host, unsigned char address[16]) {
    char text[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (strlen(text) != host.len)
        return false;
    if (inet_pton(AF_INET6, text, address) == 1)
        return true;
    memset(address, 0, 10);
    memset(address + 10, 0xff, 2);
    return inet_pton(AF_INET, text, address + 12) == 1;
}

struct block {
    unsigned char address[16];
    unsigned bits;
};

static bool in_block(const unsigned char address[16], const struct block *block) {
    unsigned whole = block->bits / 8, rest = block->bits % 8;
    if (memcmp(address, block->address, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ block->address[whole]) >> (8 - rest)) == 0;
}

#define V4(a, b, c, d, length) \
    { {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (length) }

static const struct block loopbacks[] = {
    V4(127, 0, 0, 0, 8),
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128},
};

/* RFC 1918, RFC 6598, RFC 4193 */
static const struct block privates[] = {
    V4(10, 0, 0, 0, 8),    V4(172, 16, 0, 0, 12), V4(192, 168, 0, 0, 16),
    V4(100, 64, 0, 0, 10), {{0xfc}, 7},
};

/* RFC 1122 section 3.2.1.3, RFC 3927, RFC 4291 sections 2.5.2 and 2.5.6 */
static const struct block forbidden[] = {
    V4(0, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16),
    {{0}, 128},
    {{0xfe, 0x80}, 10},
};

static bool in_any(const unsigned char address[16], const struct block *blocks, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (in_block(address, &blocks[i]))
            return true;
    return false;
}

#define IN_ANY(address, blocks) in_any(address, blocks, sizeof(blocks) / sizeof((blocks)[0]))

bool config__host_is_loopback(struct span host) {
    unsigned char address[16];
    if (parse_ip(host, address))
        return IN_ANY(address, loopbacks);
    return span_is_nocase(host, "localhost") ||
           (host.len > 10 && span_is_nocase(span_of(host.ptr + host.len - 10, 10), ".localhost"));
}

bool config__host_is_forbidden(struct span host) {
    unsigned char address[16];
    return parse_ip(host, address) && IN_ANY(address, forbidden);
}

static bool parse_network(struct span text, struct block *ret_block) {
    struct span rest = text, host = SPAN_NONE;
    uint64_t bits;
    if (!span_split(&rest, '/', &host) || !parse_ip(host, ret_block->address))
        return false;
    bool v4 = memchr(host.ptr, ':', host.len) == NULL;
    uint64_t most = v4 ? 32 : 128;
    if (span_absent(rest))
        bits = most;
    else if (!span_to_u64(rest, &bits) || bits > most)
        return false;
    ret_block->bits = (unsigned)(v4 ? bits + 96 : bits);
    return true;
}

const char *config__check_network(struct span text) {
    struct block block;
    if (!parse_network(text, &block))
        return "must be a network such as 10.1.2.0/24 or fd00:1::/32";
    for (unsigned bit = block.bits; bit < 128; bit++)
        if ((block.address[bit / 8] & (0x80 >> (bit % 8))) != 0)
            return "has bits set behind its length; write the network's first address, such as "
                   "10.1.2.0/24";
    return NULL;
}

bool config__host_is_private(struct span host, struct span network) {
    unsigned char address[16];
    struct block block;
    if (!parse_ip(host, address) || !IN_ANY(address, privates))
        return false;
    return span_absent(network) || !parse_network(network, &block) || !in_block(address, &block);
}

const char *config__check_host_name(struct span host) {
    struct span rest = host, label = SPAN_NONE;
    unsigned char address[16];
    if (host.len > HOST_MAX_BYTES)
        return "has a host name longer than 253 bytes";
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if ((unsigned char)c >= 0x80)
            return "has a host name outside ASCII; write it in its xn-- form";
        if (!is_alnum(c) && c != '-' && c != '.' && c != '_')
            return "has a character in its host name that does not belong there";
    }
    while (span_split(&rest, '.', &label))
        if (label.len == 0 && !span_absent(rest))
            return "has an empty part in its host name";
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        return "has a dot at the end of its host name";
    bool numeric = label.len > 0;
    for (size_t i = 0; i < label.len; i++)
        numeric = numeric && label.ptr[i] >= '0' && label.ptr[i] <= '9';
    if ((numeric || span_starts_with(label, "0x")) && !parse_ip(host, address))
        return "has a numeric host that is not four numbers from 0 to 255";
    return NULL;
}

/* "host", "host:port", "[v6]", "[v6]:port"; port 0 when not given. */
static const char *split_authority(struct span text, struct span *ret_host, struct span *ret_port) {
    unsigned char address[16];
    struct span after;
    *ret_port = SPAN_NONE;
    if (text.len > 0 && text.ptr[0] == '[') {
        const char *close = memchr(text.ptr, ']', text.len);
        if (close == NULL)
            return "has '[' without ']'";
        *ret_host = span_of(text.ptr + 1, (size_t)(close - text.ptr) - 1);
        after = span_of(close + 1, text.len - ret_host->len - 2);
        if (!parse_ip(*ret_host, address) || memchr(ret_host->ptr, ':', ret_host->len) == NULL)
            return "has brackets around something that is not an IPv6 address";
        if (after.len > 0 && after.ptr[0] != ':')
            return "has something else than a port after ']'";
        if (after.len > 0)
            *ret_port = span_of(after.ptr + 1, after.len - 1);
        return NULL;
    }
    const char *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    *ret_host = colon == NULL ? text : span_of(text.ptr, (size_t)(colon - text.ptr));
    if (colon != NULL)
        *ret_port = span_of(colon + 1, text.len - ret_host->len - 1);
    if (colon != NULL && memchr(ret_port->ptr, ':', ret_port->len) != NULL)
        return "has more than one ':'; an IPv6 address needs brackets, as in [::1]:8000";
    return config__check_host_name(*ret_host);
}

static const char *parse_port(struct span text, uint64_t least, uint16_t *ret_port) {
    uint64_t port;
    if (text.len > 5 || !span_to_u64(text, &port) || port < least || port > 65535)
        return least > 0 ? "has a port that is not a number from 1 to 65535"
                         : "has a port that is not a number from 0 to 65535";
    *ret_port = (uint16_t)port;
    return NULL;
}

/* RFC 3986 section 3.3 */
static const char *check_path(struct span path) {
    struct span rest = path, segment = SPAN_NONE;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%' && !(i + 2 < path.len && is_hex(path.ptr[i + 1]) && is_hex(path.ptr[i + 2])))
            return "has a '%' in its path that two hexadecimal digits do not follow";
        if (!is_alnum(c) && (c == '\0' || strchr("-._~!$&'()*+,;=:@%/", c) == NULL))
            return "has a character in its path that must be percent-encoded";
    }
    while (span_split(&rest, '/', &segment))
        if (span_is(segment, ".") || span_is(segment, ".."))
            return "has '.' or '..' in its path";
    return NULL;
}

static const char *strip_scheme(struct span *text, bool *ret_tls) {
    if (text->len >= 7 && span_is_nocase(span_of(text->ptr, 7), "http://")) {
        *text = span_of(text->ptr + 7, text->len - 7);
        *ret_tls = false;
        return NULL;
    }
    if (text->len >= 8 && span_is_nocase(span_of(text->ptr, 8), "https://")) {
        *text = span_of(text->ptr + 8, text->len - 8);
        *ret_tls = true;
        return NULL;
    }
    return "must start with http:// or https://";
}

const char *config_url_parse(struct span text, struct config_url *ret_url) {
    struct config_url url = {0};
    struct span port = SPAN_NONE;
    const char *why = strip_scheme(&text, &url.tls);
    if (why != NULL)
        return why;
    if (text.len > 0 && memchr(text.ptr, '?', text.len) != NULL)
        return "must not have a query ('?')";
    if (text.len > 0 && memchr(text.ptr, '#', text.len) != NULL)
        return "must not have a fragment ('#')";
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct span authority = slash == NULL ? text : span_of(text.ptr, (size_t)(slash - text.ptr));
    if (slash != NULL)
        url.path = span_of(slash, text.len - authority.len);
    if (authority.len > 0 && memchr(authority.ptr, '@', authority.len) != NULL)
        return "must not hold a user name or password; put the key under 'keys'";
    if ((why = split_authority(authority, &url.host, &port)) != NULL)
        return why;
    if (url.host.len == 0)
        return "has no host";
    url.port = url.tls ? 443 : 80;
    if (!span_absent(port) && (why = parse_port(port, 1, &url.port)) != NULL)
        return why;
    if ((why = check_path(url.path)) != NULL)
        return why;
    while (url.path.len > 0 && url.path.ptr[url.path.len - 1] == '/')
        url.path.len--;
    url.host_is_loopback = config__host_is_loopback(url.host);
    *ret_url = url;
    return NULL;
}

const char *config__parse_address(struct span text, struct span *ret_host, uint16_t *ret_port) {
    unsigned char address[16];
    struct span port;
    const char *why = split_authority(text, ret_host, &port);
    if (text.len == 0 || memchr(text.ptr, ':', text.len) == NULL)
        return "must be ADDRESS:PORT, such as 127.0.0.1:7274";
    if (why != NULL)
        return why;
    if (span_absent(port))
        return "must be ADDRESS:PORT, such as 127.0.0.1:7274";
    if (ret_host->len == 0)
        return "must name its address: 127.0.0.1 for this machine, 0.0.0.0 or [::] for all";
    if (!parse_ip(*ret_host, address) && !span_is_nocase(*ret_host, "localhost"))
        return "must name an address, not a host name (but localhost)";
    return parse_port(port, 0, ret_port);
}

const char *config_listen_malformed(struct span address) {
    struct span host;
    uint16_t port;
    return config__parse_address(address, &host, &port);
}

bool config_listen_is_loopback(struct span address) {
    struct span host;
    uint16_t port;
    return config__parse_address(address, &host, &port) == NULL && config__host_is_loopback(host);
}

/* "user:password": percent-encoded, as a URL holds it (RFC 3986 section 3.2.1). */
static const char *check_userinfo(struct span text) {
    static const char why[] = "has a user or password in a form that no URL has; write special "
                              "characters percent-encoded";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' && !(i + 2 < text.len && is_hex(text.ptr[i + 1]) && is_hex(text.ptr[i + 2])))
            return why;
        if (!is_alnum(c) && (c == '\0' || strchr("-._~!$&'()*+,;=:%", c) == NULL))
            return why;
    }
    return text.len > 0 ? NULL : why;
}

static const char *strip_proxy_scheme(struct span *text) {
    static const char *const schemes[] = {"http://", "socks5://", "socks5h://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (text->len >= length && span_is_nocase(span_of(text->ptr, length), schemes[i])) {
            *text = span_of(text->ptr + length, text->len - length);
            return NULL;
        }
    }
    return span_contains(*text, "://") ? "must start with http://, socks5:// or socks5h://" : NULL;
}

const char *config_proxy_refused(struct span text) {
    struct span host, port;
    uint16_t number;
    const char *why = strip_proxy_scheme(&text);
    if (why != NULL)
        return why;
    if (text.len > 0 && text.ptr[text.len - 1] == '/')
        text.len--;
    const char *at = text.len > 0 ? memrchr(text.ptr, '@', text.len) : NULL;
    if (at != NULL) {
        size_t length = (size_t)(at - text.ptr);
        if ((why = check_userinfo(span_of(text.ptr, length))) != NULL)
            return why;
        text = span_of(at + 1, text.len - length - 1);
    }
    if (text.len > 0 && memchr(text.ptr, '/', text.len) != NULL)
        return "must not have a path";
    if ((why = split_authority(text, &host, &port)) != NULL)
        return why;
    if (host.len == 0)
        return "has no host";
    return span_absent(port) ? NULL : parse_port(port, 1, &number);
}
