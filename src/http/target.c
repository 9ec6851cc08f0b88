// SPDX-License-Identifier: Apache-2.0
/*
 * Request targets.
 *
 * Why: the authority of an absolute-form target wins over Host (RFC 9112 section 3.2.2), and the check against DNS rebinding
 * works on that name, so both are cut out in one place. CONNECT and TRACE are refused before anybody could forward them.
 * Promises: path begins with '/' or is "*" for OPTIONS; percent-encoding stays as sent. Leaves to others: which paths exist.
 */
#include "http/target.h"

#include "http/grammar.h"

static void split_query(struct span path, struct http_target *ret_target) {
    const char *mark = memchr(path.ptr, '?', path.len);
    if (mark == NULL) {
        ret_target->path = path;
        return;
    }
    size_t path_bytes = (size_t)(mark - path.ptr);
    ret_target->path = span_of(path.ptr, path_bytes);
    ret_target->query = span_of(mark + 1, path.len - path_bytes - 1);
}

static bool strip_scheme(struct span *target) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(schemes[i]);
        if (target->len >= length && span_is_nocase(span_of(target->ptr, length), schemes[i])) {
            *target = span_of(target->ptr + length, target->len - length);
            return true;
        }
    }
    return false;
}

static int parse_absolute(struct span target, struct http_target *ret_target) {
    if (!strip_scheme(&target))
        return ERR_HTTP_SYNTAX;
    size_t end = 0;
    while (end < target.len && target.ptr[end] != '/' && target.ptr[end] != '?')
        end++;
    ret_target->authority = span_of(target.ptr, end);
    if (end == 0 || !http_host_valid(ret_target->authority))
        return ERR_HTTP_SYNTAX;
    split_query(span_of(target.ptr + end, target.len - end), ret_target);
    if (ret_target->path.len == 0)
        ret_target->path = SPAN_LITERAL("/");
    return 0;
}

int http_parse_target(struct span method, struct span target, struct http_target *ret_target) {
    *ret_target = (struct http_target){SPAN_NONE, SPAN_NONE, SPAN_NONE};
    if (span_is(method, "CONNECT") || span_is(method, "TRACE"))
        return ERR_UNSUPPORTED;
    if (target.ptr[0] == '/') {
        split_query(target, ret_target);
        return 0;
    }
    if (span_is(target, "*")) {
        ret_target->path = target;
        return span_is(method, "OPTIONS") ? 0 : ERR_HTTP_SYNTAX;
    }
    return parse_absolute(target, ret_target);
}

/* A name or address, then at most a port of digits (RFC 9110, 7.2). */
bool http_host_valid(struct span host) {
    const char *colon = host.len > 0 ? memrchr(host.ptr, ':', host.len) : NULL;
    bool bracketed = host.len > 0 && host.ptr[host.len - 1] == ']';
    if (host.len > 255 + 6 || !http_all_of(host, HTTP_BYTE_HOST))
        return false;
    if (colon == NULL || bracketed)
        return true;
    uint64_t port;
    struct span digits = span_of(colon + 1, host.len - (size_t)(colon - host.ptr) - 1);
    return digits.len == 0 || (span_to_u64(digits, &port) && port <= 65535);
}
