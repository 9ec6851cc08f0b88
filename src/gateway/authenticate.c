// SPDX-License-Identifier: Apache-2.0
/*
 * Second step: may this client ask at all?
 *
 * Open mode (product 6) is for one person on a loopback address; any key is accepted, so the danger is not a stranger with a
 * key but a web page in this person's browser. Hence three rules for every method: the Host must be a loopback name (a page
 * cannot rebind its DNS name to us), an Origin must be our own or listed (a page cannot post to us), and any sign of a proxy is
 * refused (someone put this port on a network). POST needs a JSON type, since a form post needs no preflight.
 * Promises: a refusal names the cure. Leaves to others: client keys.
 */
#include "gateway/request.h"

#include "base/check.h"
#include "net/address.h"

#include <stdio.h>

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

static bool listed(struct span value, const struct span *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (span_equal_nocase(value, list[i]))
            return true;
    return false;
}

static bool host_allowed(const struct gateway_config *config, struct span host) {
    return is_loopback_name(host_name(host)) || listed(host, config->hosts, config->host_count) ||
           listed(host_name(host), config->hosts, config->host_count);
}

/* Our own pages: scheme http, the same authority as Host. */
static bool origin_is_own(struct span origin, struct span host) {
    return span_starts_with(origin, "http://") &&
           span_equal_nocase(span_of(origin.ptr + 7, origin.len - 7), host);
}

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

static bool cross_site(const struct http_headers *headers) {
    struct span site = http_header_get(headers, "sec-fetch-site");
    return span_is_nocase(site, "cross-site") || span_is_nocase(site, "same-site");
}

static bool ends_with_nocase(struct span text, const char *end) {
    size_t length = strlen(end);
    return text.len > length && span_is_nocase(span_of(text.ptr + text.len - length, length), end);
}

/* Without parameters: a page may send "text/plain; x=json" to anybody without asking. */
static bool content_type_allowed(struct span type) {
    const char *parameters = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;
    if (parameters != NULL)
        type.len = (size_t)(parameters - type.ptr);
    type = span_trim(type);
    return ends_with_nocase(type, "/json") || ends_with_nocase(type, "+json") ||
           (type.len >= 10 && span_is_nocase(span_of(type.ptr, 10), "multipart/"));
}

/* The two below go to REJECT themselves when they return false. */
static bool refuse(struct request *r, const char *format, struct span value)
    __attribute__((format(printf, 2, 0)));

static bool refuse(struct request *r, const char *format, struct span value) {
    if (value.len > 200)
        value.len = 200;
    (void)request_fail(r, API_ORIGIN_REFUSED, NULL, format, SPAN_ARG(value));
    return false;
}

/* A second Origin must not hide behind the first. */
bool authenticate_origin_allowed(const struct gateway_config *config,
                                 const struct http_request *http) {
    struct span origin = http_header_get(http->headers, "origin");
    return !span_absent(origin) && http_header_count(http->headers, "origin") == 1 &&
           host_allowed(config, http->host) &&
           (origin_is_own(origin, http->host) || listed(origin, config->cors, config->cors_count));
}

void authenticate_origin(struct request *r) {
    r->cors =
        authenticate_origin_allowed(gateway_config_of(r->home), http_exchange_request(r->exchange));
}

static bool check_origin(struct request *r, const struct http_request *http) {
    struct span origin = http_header_get(http->headers, "origin");
    if (span_absent(origin))
        return !cross_site(http->headers) ||
               refuse(r,
                      "A page of another site (%.*s) may not use this gateway. Add its origin to "
                      "the setting cors if it should.",
                      http_header_get(http->headers, "sec-fetch-site"));
    return r->cors ||
           refuse(
               r,
               "The origin %.*s may not use this gateway. Add it to the setting cors if it should.",
               origin);
}

static bool check_client(struct request *r, const struct http_request *http) {
    const char *proxy = sign_of_proxy(http->headers);
    if (proxy != NULL)
        return refuse(
            r,
            "This request came through a proxy (%.*s), but this gateway runs without client keys "
            "for one person on this "
            "machine. Call its loopback address directly; behind a proxy, client keys are needed.",
            span_text(proxy));
    if (!(http->http_1_0 && http->host.len == 0) &&
        !host_allowed(gateway_config_of(r->home), http->host))
        return refuse(r,
                      "The Host %.*s is not a loopback name. Use 127.0.0.1 or localhost, or add "
                      "the name to the setting hosts.",
                      http->host);
    return check_origin(r, http);
}

enum step_verdict step_authenticate(struct request *r) {
    const struct http_request *http = http_exchange_request(r->exchange);
    unsigned method = endpoint_method_of(http->method);
    if (r->endpoint->access == ACCESS_CLIENT && !check_client(r, http))
        return STEP_NEXT; /* to REJECT */
    if (method == METHOD_OPTIONS || r->endpoint->answer != NULL)
        return request_go(r, STEP_ANSWER);
    if (method == METHOD_POST) {
        struct span type = http_header_get(http->headers, "content-type");
        if (!content_type_allowed(type))
            return request_fail(r, API_UNSUPPORTED_MEDIA, NULL,
                                "Content-Type is %s%.*s%s; send application/json.",
                                type.len > 0 ? "'" : "",
                                (int)(type.len == 0    ? 7
                                      : type.len < 100 ? type.len
                                                       : 100),
                                type.len > 0 ? type.ptr : "missing", type.len > 0 ? "'" : "");
    }
    return request_go(r, STEP_DECODE);
}
