// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From the bytes of a head that the guard has passed to its parts. All spans point into those bytes.
 */
#include "http/guard.h"
#include "http/header.h"

struct http_head {
    struct http_headers *headers; /* borrowed: where to put the fields; set by the caller */
    struct span method;           /* requests */
    struct span target;           /* requests */
    int status;                   /* answers */
    bool http_1_0;
    bool keep_alive; /* what version and Connection say (RFC 9112 section 9.3) */
    bool chunked;
    bool has_length;
    uint64_t length;
};

/* `bytes` begins at the guard's head_start. ERR_UNSUPPORTED: a method that is not known. ERR_HTTP_FRAMING: guard and parser
 * disagree. ERR_HTTP_SYNTAX, ERR_HTTP_VERSION otherwise. */
int http_parse_head(const struct http_guard *guard, struct span bytes,
                    struct http_head *head) WARN_UNUSED;
