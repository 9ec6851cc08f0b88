// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * HTTP header fields: a list as read, and the one writer.
 *
 * Read fields are spans into the head's bytes. Written fields go through http_write_header, which refuses control and
 * non-ASCII bytes, so that no value of a peer or a config file can split a message.
 */
#include "base/arena.h"
#include "base/dynbuf.h"

#define HTTP_HEADERS_MAX    100         /* fields in one head */
#define HTTP_HEAD_MAX_BYTES (32 * 1024) /* request or status line and all fields */

struct http_header {
    struct span name;
    struct span value; /* trimmed */
};

struct http_headers {
    struct http_header items[HTTP_HEADERS_MAX];
    size_t count;
};

struct span http_header_find(const struct http_headers *headers, struct span name);

/* A copy that lives in the arena; ERR_TOO_LARGE at its cap. */
int http_headers_copy(const struct http_headers *headers, struct arena *arena,
                      struct http_headers **ret_copy) WARN_UNUSED;

/* First field of that name (case ignored), or absent span. */
static inline struct span http_header_get(const struct http_headers *headers, const char *name) {
    return http_header_find(headers, span_text(name)); /* inline: the compiler knows the length */
}

/* How many fields have that name. */
size_t http_header_count(const struct http_headers *headers, const char *name);
/* Whether a comma-separated list field (all fields of that name) has this token (case ignored). */
bool http_header_has_token(const struct http_headers *headers, const char *name, const char *token);

/* "Name: value\r\n"; ERR_INVALID when a byte does not belong, ERR_TOO_LARGE at the buffer's cap. */
int http_write_header(struct dynbuf *out, const char *name, struct span value) WARN_UNUSED;
/* The value in two pieces, so that nobody has to join what must not be copied. */
int http_write_header_joined(struct dynbuf *out, const char *name, struct span before,
                             struct span value) WARN_UNUSED;
/* For names that people give: bytes that may not stand in a field are percent-encoded (RFC 3986 section 2.1), so that a model called
 * "größer-7b" has a field too. */
int http_write_header_encoded(struct dynbuf *out, const char *name, struct span value) WARN_UNUSED;
int http_write_header_u64(struct dynbuf *out, const char *name, uint64_t value) WARN_UNUSED;
/* "HTTP/1.1 200 OK\r\n" and "Date: ...\r\n" (cached per second). */
int http_write_status(struct dynbuf *out, int status) WARN_UNUSED;
/* The status line alone. */
int http_write_status_undated(struct dynbuf *out, int status) WARN_UNUSED;
const char *http_status_text(int status);
