// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Content codings of request bodies: gzip, deflate (zlib and raw), zstd, streaming into a body with a cap on what comes out.
 */
#include "http/body_fill.h"
#include "http/header.h"

enum http_coding { HTTP_CODING_IDENTITY, HTTP_CODING_GZIP, HTTP_CODING_DEFLATE, HTTP_CODING_ZSTD };

/* What Content-Encoding says; ERR_UNSUPPORTED for an unknown coding or more than one. */
int http_coding_of(const struct http_headers *headers, enum http_coding *ret_coding) WARN_UNUSED;

struct http_decoder;
/* Not for identity. ERR_NOMEM. */
int http_decoder_new(enum http_coding coding, size_t decoded_max_bytes,
                     struct http_decoder **ret_decoder) WARN_UNUSED;
void http_decoder_free(struct http_decoder *decoder); /* NULL is fine */
/* ERR_TOO_LARGE beyond the cap, ERR_INVALID for bytes that are no such coding, ERR_BUSY from the body. */
int http_decoder_feed(struct http_decoder *decoder, struct span bytes,
                      struct http_body *body) WARN_UNUSED;
/* ERR_INVALID when the coded bytes stopped before their end. */
int http_decoder_finish(const struct http_decoder *decoder) WARN_UNUSED;
