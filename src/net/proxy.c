// SPDX-License-Identifier: Apache-2.0
/*
 * URLs of proxies, and the list of hosts that go around them.
 *
 * Why so strict about the URL: it holds a password, and a '@' or '/' at the wrong place would send that password, or all
 * requests, to another host; what can be read in two ways is refused with the cure. Why the list is read as curl reads it, with networks added as in
 * Go: there is no standard, and these two are what most environments were written for.
 * Promises: no part of the URL stands in a reason; nothing is allocated, nothing resolved. Leaves to others: which proxy counts
 * for a provider (app), talking to it (tunnel.c), judging its address (connector.c).
 */
#include "net/proxy.h"

#include "base/check.h"
#include "net/address.h"

#include <netinet/in.h>

#define PROXY_HOST_MAX_BYTES 253  /* RFC 1035 section 3.1 without the last dot */
#define HTTP_PORT            80   /* RFC 9110 section 4.2.1 */
#define SOCKS_PORT           1080 /* RFC 1928 section 3 */

static const struct {
    const char *prefix;
    enum proxy_kind kind;
    uint16_t port; /* when the URL names none */
} schemes[] = {
    {"http://", PROXY_HTTP, HTTP_PORT},
    {"socks5://", PROXY_SOCKS5, SOCKS_PORT},
    {"socks5h://", PROXY_SOCKS5H, SOCKS_PORT},
};

/* What people write, and what they should. */
static const struct {
    const char *prefix;
    const char *why;
} strangers[] = {
    {"https://", "must not start with https://; TLS to the proxy itself is not spoken, and http:// "
                 "tunnels TLS to the "
                 "provider unbroken"},
    {"socks4://", "must start with socks5:// or socks5h://; SOCKS4 is not spoken"},
    {"socks4a://", "must start with socks5:// or socks5h://; SOCKS4 is not spoken"},
    {"socks://",
     "must start with socks5:// (names are resolved here) or socks5h:// (by the proxy)"},
};

static bool has_prefix(struct span text, const char *prefix) {
    size_t length = strlen(prefix);
    return text.len >= length && span_same_letters(text.ptr, prefix, length);
}

static struct span without_front(struct span text, size_t count) {
    return span_of(text.ptr + count, text.len - count);
}

static const char *place_of(struct span text, char c) {
    return text.len > 0 ? memchr(text.ptr, c, text.len) : NULL;
}

/* --- the URL --- */

static const char *take_scheme(struct span *text, struct proxy *proxy) {
    for (size_t i = 0; i < array_length(strangers); i++)
        if (has_prefix(*text, strangers[i].prefix))
            return strangers[i].why;
    for (size_t i = 0; i < array_length(schemes); i++) {
        if (!has_prefix(*text, schemes[i].prefix))
            continue;
        proxy->kind = schemes[i].kind;
        proxy->port = schemes[i].port;
        *text = without_front(*text, strlen(schemes[i].prefix));
        return NULL;
    }
    if (span_contains(*text, "://"))
        return "must start with http://, socks5:// or socks5h://";
    proxy->kind = PROXY_HTTP;
    proxy->port = HTTP_PORT;
    return NULL;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The next byte of percent-encoded text; -1 when a '%' is not followed by two hexadecimal digits. */
static int next_byte(struct span *text) {
    int byte = (unsigned char)text->ptr[0];
    size_t used = 1;
    if (byte == '%') {
        int high = text->len > 2 ? hex_value(text->ptr[1]) : -1;
        int low = text->len > 2 ? hex_value(text->ptr[2]) : -1;
        byte = high < 0 || low < 0 ? -1 : high * 16 + low;
        used = byte < 0 ? 1 : 3;
    }
    *text = without_front(*text, used);
    return byte;
}

static const char *check_credential(struct span encoded, bool is_user) {
    size_t length = 0;
    while (encoded.len > 0) {
        int byte = next_byte(&encoded);
        if (byte < 0)
            return "has a '%' in its user or password that two hexadecimal digits do not follow; "
                   "write %25";
        if (is_user && byte == ':')
            return "has a ':' in its user, which no proxy can tell from the password's"; /* RFC 7617 section 2 */
        length++;
    }
    return length > PROXY_CREDENTIAL_MAX_BYTES ? "has a user or password longer than 255 bytes"
                                               : NULL;
}

size_t proxy_decode_credential(struct span encoded, char *text) {
    size_t length = 0;
    while (encoded.len > 0) {
        check(length < PROXY_CREDENTIAL_MAX_BYTES);
        text[length++] = (char)next_byte(&encoded);
    }
    return length;
}

static const char *take_credentials(struct span *authority, struct proxy *proxy) {
    const char *at = place_of(*authority, '@');
    if (at == NULL)
        return NULL;
    struct span before = span_of(authority->ptr, (size_t)(at - authority->ptr));
    *authority = without_front(*authority, before.len + 1);
    if (place_of(*authority, '@') != NULL)
        return "has more than one '@'; write %40 for one in the user or password";
    const char *colon = place_of(before, ':');
    proxy->user = colon == NULL ? before : span_of(before.ptr, (size_t)(colon - before.ptr));
    if (colon != NULL)
        proxy->password = without_front(before, proxy->user.len + 1);
    /* RFC 7617 section 2 allows an empty user, RFC 1929 section 2 does not. */
    if (proxy->user.len == 0 && (colon == NULL || proxy->kind != PROXY_HTTP))
        return "has no user before its '@'";
    const char *why = check_credential(proxy->user, true);
    return why != NULL ? why : check_credential(proxy->password, false);
}

static const char *check_name(struct span host) {
    struct sockaddr_storage address;
    struct span rest = host, label = SPAN_NONE;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i], lower = (char)(c | 0x20);
        bool good = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '.' || c == '_';
        if (!good)
            return "has a character in its host name that does not belong there";
    }
    while (span_split(&rest, '.', &label))
        if (label.len == 0)
            return "has an empty part in its host name";
    /* Resolvers read 127.1 and 0x7f.1 as addresses, we would not. */
    bool numeric = label.ptr[0] >= '0' && label.ptr[0] <= '9';
    return numeric && address_parse(host, 0, &address) < 0
               ? "has a numeric host that is not four numbers from 0 to 255"
               : NULL;
}

static const char *take_host(struct span *authority, struct proxy *proxy) {
    struct sockaddr_storage address;
    bool brackets = authority->len > 0 && authority->ptr[0] == '[';
    const char *end = place_of(*authority, brackets ? ']' : ':');
    if (brackets && end == NULL)
        return "has '[' without ']'";
    if (brackets) {
        proxy->host = span_of(authority->ptr + 1, (size_t)(end - authority->ptr) - 1);
        *authority = without_front(*authority, proxy->host.len + 2);
        bool v6 = address_parse(proxy->host, 0, &address) == 0 && address.ss_family == AF_INET6;
        return v6 ? NULL : "has brackets around something that is not an IPv6 address";
    }
    proxy->host =
        end == NULL ? *authority : span_of(authority->ptr, (size_t)(end - authority->ptr));
    *authority = without_front(*authority, proxy->host.len);
    if (authority->len > 1 && place_of(without_front(*authority, 1), ':') != NULL)
        return "has more than one ':' after its host; an IPv6 address needs brackets, as in "
               "[::1]:3128";
    if (proxy->host.len == 0)
        return "has no host";
    return proxy->host.len > PROXY_HOST_MAX_BYTES ? "has a host name longer than 253 bytes"
                                                  : check_name(proxy->host);
}

static bool read_port(struct span text, uint16_t *ret_port) {
    uint64_t port;
    if (text.len > 5 || !span_to_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static const char *take_port(struct span rest, struct proxy *proxy) {
    if (rest.len == 0)
        return NULL;
    if (rest.ptr[0] != ':')
        return "has something else than a port after its host";
    return read_port(without_front(rest, 1), &proxy->port)
               ? NULL
               : "has a port that is not a number from 1 to 65535";
}

static const char *parse(struct span url, struct proxy *proxy) {
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || (unsigned char)url.ptr[i] >= 0x7f)
            return "has a blank or a character outside ASCII; write it percent-encoded";
    const char *why = take_scheme(&url, proxy);
    if (why != NULL)
        return why;
    const char *slash = place_of(url, '/');
    bool only_slash = slash != NULL && slash == url.ptr + url.len - 1;
    if (slash != NULL && !only_slash)
        return "must end after its port; write %2F for a '/' in the user or password";
    struct span authority = only_slash ? span_of(url.ptr, url.len - 1) : url;
    if ((why = take_credentials(&authority, proxy)) != NULL ||
        (why = take_host(&authority, proxy)) != NULL)
        return why;
    return take_port(authority, proxy);
}

int proxy_parse(struct span url, struct proxy *ret_proxy, const char **ret_why) {
    struct proxy proxy = {.user = SPAN_NONE, .password = SPAN_NONE};
    *ret_why = parse(url, &proxy);
    if (*ret_why != NULL)
        return ERR_INVALID;
    *ret_proxy = proxy;
    return 0;
}

/* --- around the proxy --- */

/* What is compared: a name without a dot at its end, or an address in one of its spellings. */
struct place {
    struct span name;
    bool numeric;
    struct sockaddr_storage address;
};

/* ::ffff:a.b.c.d is a.b.c.d (RFC 4291 section 2.5.5.2). */
static void unwrap_mapped(struct sockaddr_storage *address) {
    const struct in6_addr v6 = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6))
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    memcpy(&v4.sin_addr, v6.s6_addr + 12, sizeof v4.sin_addr);
    memset(address, 0, sizeof *address);
    memcpy(address, &v4, sizeof v4);
}

static struct place place_named(struct span host) {
    struct place place = {.name = host};
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        place.name = span_of(host.ptr + 1, host.len - 2);
    place.numeric = address_parse(place.name, 0, &place.address) == 0;
    if (place.numeric)
        unwrap_mapped(&place.address);
    else if (place.name.len > 0 && place.name.ptr[place.name.len - 1] == '.')
        place.name.len--;
    return place;
}

static bool is_under(struct span name, struct span parent) {
    if (name.len <= parent.len || parent.len == 0)
        return false;
    size_t front = name.len - parent.len;
    return name.ptr[front - 1] == '.' && span_equal_nocase(without_front(name, front), parent);
}

static bool is_this_machine(const struct place *place) {
    static const struct span local = SPAN_LITERAL("localhost");
    if (place->numeric)
        return address_is_loopback(&place->address);
    return span_equal_nocase(place->name, local) || is_under(place->name, local);
}

/* Takes ":port" off; false: the item is for another port, or for none there is. */
static bool take_item_port(struct span *item, uint16_t port) {
    const char *bracket = place_of(*item, ']');
    struct span behind =
        bracket != NULL ? span_of(bracket, (size_t)(item->ptr + item->len - bracket)) : *item;
    const char *colon = place_of(behind, ':');
    uint16_t wanted;
    /* Several without brackets: an IPv6 address, which has no port then. */
    if (colon == NULL ||
        memchr(colon + 1, ':', (size_t)(item->ptr + item->len - colon) - 1) != NULL)
        return true;
    struct span digits = span_of(colon + 1, (size_t)(item->ptr + item->len - colon) - 1);
    *item = span_of(item->ptr, (size_t)(colon - item->ptr));
    return read_port(digits, &wanted) && wanted == port;
}

static bool item_matches(struct span item, const struct place *host, uint16_t port) {
    if (span_is(item, "*"))
        return true;
    if (!take_item_port(&item, port))
        return false;
    if (host->numeric && place_of(item, '/') != NULL)
        return address_in_network(&host->address, item);
    if (span_starts_with(item, "*."))
        item = without_front(item, 1);
    if (item.len > 1 && item.ptr[0] == '.')
        item = without_front(item, 1);
    struct place named = place_named(item);
    if (named.numeric || host->numeric)
        return named.numeric && host->numeric &&
               address_is_same_host(&named.address, &host->address);
    return span_equal_nocase(host->name, named.name) || is_under(host->name, named.name);
}

bool proxy_bypassed(struct span no_proxy, struct span host, uint16_t port) {
    const struct place place = place_named(host);
    if (is_this_machine(&place))
        return true;
    size_t at = 0;
    while (at < no_proxy.len) {
        size_t start = at;
        while (at < no_proxy.len && strchr(", \t\r\n", no_proxy.ptr[at]) == NULL)
            at++;
        struct span item = span_of(no_proxy.ptr + start, at - start);
        if (item.len > 0 && item_matches(item, &place, port))
            return true;
        at++;
    }
    return false;
}
