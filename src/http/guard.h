// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The guard: checks a head line by line, as strictly as RFC 9112 allows, before any parser sees it, in both directions.
 * Its verdict is the same at every split of the bytes. Holds no memory: the caller keeps the bytes of the head and hands in
 * all of them from its first byte each time (at any address); only new lines are looked at.
 */
#include "base/err.h"
#include "base/span.h"

/* Empty lines before a request line that are forgiven (RFC 9112 section 2.2). */
#define HTTP_EMPTY_LINES_MAX 4

enum http_side { HTTP_SIDE_REQUEST, HTTP_SIDE_ANSWER };

struct http_guard {
    size_t head_start; /* offset of the request or status line */
    size_t line_start; /* offset of the first line not checked yet */
    size_t scanned;    /* no line end before this offset */
    uint64_t length;   /* Content-Length, when has_length */
    uint32_t fields;
    uint16_t host_fields;
    uint16_t length_fields;
    uint16_t encoding_fields;
    uint8_t empty_lines;
    uint8_t side; /* enum http_side */
    bool has_start_line;
    bool has_length;
    bool chunked;
    bool http_1_0;
    bool
        framing_bad; /* a length or coding that is not exactly right; told at the end of the head */
};

enum http_guard_verdict { HTTP_GUARD_DONE = 0, HTTP_GUARD_MORE = 1 };

void http_guard_init(struct http_guard *guard, enum http_side side);
/*
 * HTTP_GUARD_MORE; or HTTP_GUARD_DONE with the offset just after the head; or ERR_HTTP_SYNTAX, ERR_HTTP_FRAMING,
 * ERR_HTTP_HEADER_TOO_LARGE, ERR_HTTP_VERSION.
 */
int http_guard_feed(struct http_guard *guard, struct span bytes, size_t *ret_head_end) WARN_UNUSED;
