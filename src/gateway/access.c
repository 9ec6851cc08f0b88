// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of access (product 6).
 *
 * Open mode is for one person on a loopback address; any key is accepted, so the danger is not a stranger with a key but a web
 * page in this person's browser. Hence, for every method: the Host must be a loopback name (a page cannot rebind its DNS name to
 * us), an Origin must be our own or listed (a page cannot post to us), and any sign of a proxy is refused (someone put this port
 * on a network). In keys mode a stranger has no key, so Host and proxies are free; pages of others are still kept out, since
 * a browser may hold a key that its owner did not mean for them.
 * What a head says about another address, host or scheme is believed from trusted proxies alone, and only what the last of them
 * wrote: each hop appends, so whatever stands further left may be the client's invention.
 * Promises: one verdict a request, the first rule that fails. Leaves to others: words and status (authenticate.c), looking keys up.
 */
#include "gateway/access.h"

#include "base/check.h"
#include "gateway/endpoint.h"
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#define KEY_PREFIX "sk-papi-"

/* --- names and addresses --- */

/* An address in full: "127.evil.example" is a name that anybody may register. */
static bool is_loopback_number(struct span host) {
    struct sockaddr_storage address;
    return address_parse(host, 0, &address) == 0 && address_is_loopback(&address);
}

static bool is_loopback_name(struct span host) {
    return span_is_nocase(host, "localhost") || span_ends_with(host, ".localhost") ||
           is_loopback_number(host);
}

/* "[::1]:80" -> "::1", "localhost:80" -> "localhost" */
static struct span host_name(struct span host) {
    if (host.len > 0 && host.ptr[0] == '[') {
        const char *end = memchr(host.ptr, ']', host.len);
        return end != NULL ? span_of(host.ptr + 1, (size_t)(end - host.ptr) - 1) : host;
    }
    const char *colon = host.len > 0 ? memchr(host.ptr, ':', host.len) : NULL;
    return colon != NULL ? span_of(host.ptr, (size_t)(colon - host.ptr)) : host;
}

static bool listed(struct span value, const struct access_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        if (span_equal_nocase(value, list->items[i]))
            return true;
    return false;
}

static bool host_allowed(const struct access_rules *rules, const struct http_request *http) {
    struct span name = host_name(http->host);
    if (http->http_1_0 && http->host.len == 0)
        return true;
    return is_loopback_name(name) || listed(http->host, &rules->hosts) ||
           listed(name, &rules->hosts);
}

/* --- proxies --- */

static const char *sign_of_proxy(const struct http_headers *headers) {
    static const char *const names[] = {"forwarded",         "via",
                                        "x-forwarded-for",   "x-forwarded-host",
                                        "x-forwarded-proto", "x-real-ip"};
    for (size_t i = 0; i < array_length(names); i++)
        if (!span_absent(http_header_get(headers, names[i])))
            return names[i];
    for (size_t i = 0; i < headers->count; i++) {
        struct span name = headers->items[i].name;
        if (name.len > 3 && span_is_nocase(span_of(name.ptr, 3), "cf-"))
            return "cf-*";
        if (name.len > 12 && span_is_nocase(span_of(name.ptr, 12), "x-forwarded-"))
            return "x-forwarded-*";
    }
    return NULL;
}

/* "::ffff:192.0.2.1", as a socket for both families tells it, is 192.0.2.1. */
static bool parse_address(struct span text, struct sockaddr_storage *ret_address) {
    if (text.len > 7 && span_is_nocase(span_of(text.ptr, 7), "::ffff:") &&
        memchr(text.ptr, '.', text.len) != NULL)
        text = span_of(text.ptr + 7, text.len - 7);
    return address_parse(text, 0, ret_address) == 0;
}

static bool is_trusted(const struct access_rules *rules, struct span text) {
    struct sockaddr_storage address;
    if (rules->trusted_proxies.count == 0 || !parse_address(text, &address))
        return false;
    for (uint32_t i = 0; i < rules->trusted_proxies.count; i++)
        if (address_in_network(&address, rules->trusted_proxies.items[i]))
            return true;
    return false;
}

/* The last field of that name: what the proxy next to us wrote. */
static struct span last_field(const struct http_headers *headers, const char *name) {
    for (size_t i = headers->count; i-- > 0;)
        if (span_is_nocase(headers->items[i].name, name))
            return headers->items[i].value;
    return SPAN_NONE;
}

/* Takes the last part of a list off its end; false when nothing is left. */
static bool take_last(struct span *list, struct span *ret_part) {
    if (span_absent(*list))
        return false;
    const char *comma = list->len > 0 ? memrchr(list->ptr, ',', list->len) : NULL;
    *ret_part =
        comma != NULL ? span_of(comma + 1, list->len - (size_t)(comma + 1 - list->ptr)) : *list;
    *list = comma != NULL ? span_of(list->ptr, (size_t)(comma - list->ptr)) : SPAN_NONE;
    *ret_part = span_trim(*ret_part);
    return true;
}

static struct span without_quotes(struct span text) {
    return text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"'
               ? span_of(text.ptr + 1, text.len - 2)
               : text;
}

/* "for" of one element of Forwarded (RFC 7239): `for="[2001:db8::1]:80";proto=https` */
static struct span forwarded_part(struct span element, const char *name) {
    struct span pair, key;
    while (span_split(&element, ';', &pair)) {
        if (span_split(&pair, '=', &key) && span_is_nocase(span_trim(key), name) &&
            !span_absent(pair))
            return without_quotes(span_trim(pair));
    }
    return SPAN_NONE;
}

/* --- origins --- */

/* Where our own pages live: as the client sees it, told by a trusted proxy where there is one. */
static bool origin_is_own(const struct access_rules *rules, const struct access_asker *asker,
                          struct span origin) {
    const struct http_headers *headers = asker->http->headers;
    struct span host = asker->http->host, scheme = SPAN_LITERAL("http"), told, list;
    if (is_trusted(rules, span_text(asker->peer))) {
        list = last_field(headers, "x-forwarded-proto");
        if (take_last(&list, &told))
            scheme = told;
        list = last_field(headers, "x-forwarded-host");
        if (take_last(&list, &told))
            host = told;
    }
    if (!span_is_nocase(scheme, "http") && !span_is_nocase(scheme, "https"))
        return false;
    return host.len > 0 && origin.len == scheme.len + 3 + host.len &&
           span_equal_nocase(span_of(origin.ptr, scheme.len), scheme) &&
           memcmp(origin.ptr + scheme.len, "://", 3) == 0 &&
           span_equal_nocase(span_of(origin.ptr + scheme.len + 3, host.len), host);
}

bool access_origin_allowed(const struct access_rules *rules, const struct access_asker *asker) {
    const struct http_headers *headers = asker->http->headers;
    struct span origin = http_header_get(headers, "origin");
    /* A second Origin must not hide behind the first. */
    if (span_absent(origin) || http_header_count(headers, "origin") != 1)
        return false;
    if (!rules->keys && !host_allowed(rules, asker->http))
        return false;
    return origin_is_own(rules, asker, origin) || listed(origin, &rules->cors);
}

static enum access_verdict judge_page(const struct access_rules *rules,
                                      const struct access_asker *asker, struct span *ret_what) {
    struct span site = http_header_get(asker->http->headers, "sec-fetch-site");
    struct span origin = http_header_get(asker->http->headers, "origin");
    *ret_what = span_absent(origin) ? site : origin;
    if (!span_absent(origin))
        return access_origin_allowed(rules, asker) ? ACCESS_GRANTED : ACCESS_FOREIGN_ORIGIN;
    return span_is_nocase(site, "cross-site") || span_is_nocase(site, "same-site")
               ? ACCESS_FOREIGN_SITE
               : ACCESS_GRANTED;
}

static bool peer_is_local(const char *peer) {
    struct sockaddr_storage address;
    return strcmp(peer, "unix") == 0 ||
           (parse_address(span_text(peer), &address) && address_is_loopback(&address));
}

static enum access_verdict judge_open(const struct access_rules *rules,
                                      const struct access_asker *asker, struct span *ret_what) {
    const char *sign = sign_of_proxy(asker->http->headers);
    if (sign != NULL) {
        *ret_what = span_text(sign);
        return ACCESS_THROUGH_PROXY;
    }
    *ret_what = asker->http->host;
    return host_allowed(rules, asker->http) ? ACCESS_GRANTED : ACCESS_FOREIGN_HOST;
}

static enum access_verdict judge_keys(const struct access_rules *rules,
                                      const struct access_asker *asker, struct span *ret_what) {
    *ret_what = span_text(asker->peer);
    bool private_way = rules->insecure_http || peer_is_local(asker->peer) ||
                       is_trusted(rules, span_text(asker->peer));
    return private_way ? ACCESS_GRANTED : ACCESS_UNENCRYPTED;
}

enum access_verdict access_judge(const struct access_rules *rules, const struct access_asker *asker,
                                 struct span *ret_what) {
    enum access_verdict verdict =
        rules->keys ? judge_keys(rules, asker, ret_what) : judge_open(rules, asker, ret_what);
    return verdict != ACCESS_GRANTED ? verdict : judge_page(rules, asker, ret_what);
}

bool access_is_local(const struct access_rules *rules, const struct access_asker *asker) {
    struct access_rules open = *rules;
    struct span what;
    open.keys = false;
    /* A proxy on this machine may leave no sign; who named it said that others come that way. */
    return peer_is_local(asker->peer) && !is_trusted(rules, span_text(asker->peer)) &&
           access_judge(&open, asker, &what) == ACCESS_GRANTED;
}

/* --- the client's address --- */

/* "192.0.2.1:4711", "[2001:db8::1]:4711" and without port; absent when it is none, as "unknown" and "_hidden" are. */
static struct span hop_address(struct span hop, struct sockaddr_storage *ret_address) {
    if (parse_address(hop, ret_address))
        return hop;
    hop = host_name(hop);
    return parse_address(hop, ret_address) ? hop : SPAN_NONE;
}

/* From the right, past all proxies that are trusted: the first that is not. `hop` begins as the peer. */
static struct span walk_back(const struct access_rules *rules, const struct http_headers *headers,
                             const char *name, struct span hop) {
    struct sockaddr_storage address;
    for (size_t i = headers->count; i-- > 0;) {
        struct span list = headers->items[i].value, part;
        if (!span_is_nocase(headers->items[i].name, name))
            continue;
        while (is_trusted(rules, hop) && take_last(&list, &part)) {
            if (name[0] == 'f')
                part = forwarded_part(part, "for");
            part = span_absent(part) ? part : hop_address(part, &address);
            if (span_absent(part))
                return hop;
            hop = part;
        }
    }
    return hop;
}

void access_client_address(const struct access_rules *rules, const struct access_asker *asker,
                           char *text) {
    const struct http_headers *headers = asker->http->headers;
    struct span peer = span_text(asker->peer);
    struct span one = walk_back(rules, headers, "x-forwarded-for", peer);
    struct span other = walk_back(rules, headers, "forwarded", peer);
    bool has_one = http_header_count(headers, "x-forwarded-for") > 0;
    bool has_other = http_header_count(headers, "forwarded") > 0;
    /* A proxy writes one of the two and passes the other on: where they differ, neither can be told from an invention. */
    struct span client = has_one && has_other ? (span_equal(one, other) ? one : peer)
                         : has_one            ? one
                                              : other;
    struct sockaddr_storage address;
    if (parse_address(client, &address)) {
        const void *bytes =
            address.ss_family == AF_INET6
                ? (const void *)&((struct sockaddr_in6 *)(void *)&address)->sin6_addr
                : (const void *)&((struct sockaddr_in *)(void *)&address)->sin_addr;
        if (inet_ntop(address.ss_family, bytes, text, ACCESS_ADDRESS_BYTES) != NULL)
            return;
    }
    (void)snprintf(text, ACCESS_ADDRESS_BYTES, "%.*s", (int)(peer.len < 60 ? peer.len : 60),
                   peer.ptr);
}

/* --- keys --- */

static struct span bearer(struct span value) {
    bool right = value.len > 7 && span_is_nocase(span_of(value.ptr, 7), "bearer ");
    return right ? span_trim(span_of(value.ptr + 7, value.len - 7)) : SPAN_NONE;
}

static struct span query_key(struct span query, struct arena *arena) {
    struct span pair, name;
    while (!span_absent(query) && span_split(&query, '&', &pair))
        if (span_split(&pair, '=', &name) && span_is(name, "key") && !span_absent(pair))
            return endpoint_percent_decode(pair, arena);
    return SPAN_NONE;
}

struct span access_key(const struct http_request *http, struct arena *arena) {
    const struct span keys[] = {
        bearer(http_header_get(http->headers, "authorization")),
        http_header_get(http->headers, "x-api-key"),
        http_header_get(http->headers, "x-goog-api-key"),
        http_header_get(http->headers, "api-key"),
        query_key(http->query, arena),
    };
    struct span first = SPAN_NONE;
    for (size_t i = 0; i < array_length(keys); i++) {
        if (span_absent(keys[i]) || keys[i].len == 0)
            continue;
        if (span_starts_with(keys[i], KEY_PREFIX))
            return keys[i];
        first = span_absent(first) ? keys[i] : first;
    }
    return first;
}
