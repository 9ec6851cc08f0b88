// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Where a body ends: Content-Length, chunked, until close, or none (RFC 9112 section 6), the same for both directions.
 * Holds no bytes; the same result at every split. Chunk lines and trailers are checked byte by byte here, before anything else
 * sees them; trailers are counted and dropped, whatever their names.
 */
#include "base/err.h"
#include "base/span.h"

#define HTTP_CHUNK_EXTENSION_MAX_BYTES  256         /* in one chunk line */
#define HTTP_CHUNK_EXTENSIONS_MAX_BYTES (16 * 1024) /* in one body */
#define HTTP_TRAILERS_MAX_BYTES         (8 * 1024)

enum http_framing {
    HTTP_FRAMING_NONE,
    HTTP_FRAMING_LENGTH,
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_CLOSE
};

struct http_reader {
    uint64_t left; /* bytes still to come: of the body, or of the chunk */
    uint32_t extensions;
    uint32_t trailers;
    uint16_t line_extension;
    uint8_t framing; /* enum http_framing */
    uint8_t place;   /* inside chunked framing; reader.c */
    uint8_t digits;
};

enum http_read {
    HTTP_READ_MORE = 1,  /* all bytes used, the body goes on */
    HTTP_READ_BYTES = 2, /* *ret_bytes is part of the body */
    HTTP_READ_END = 3,   /* the body is complete; what is left belongs to something else */
};

void http_reader_init(struct http_reader *reader, enum http_framing framing, uint64_t length);
/* Takes bytes off the front of `rest`. ERR_HTTP_FRAMING, ERR_HTTP_SYNTAX, ERR_HTTP_HEADER_TOO_LARGE. */
int http_reader_next(struct http_reader *reader, struct span *rest,
                     struct span *ret_bytes) WARN_UNUSED;
/* Takes `count` bytes of a Content-Length body that were read elsewhere; at most http_reader_direct. */
void http_reader_skip(struct http_reader *reader, size_t count);
/* How many of the next bytes are plain body; 0 when a line comes first. */
uint64_t http_reader_direct(const struct http_reader *reader);
bool http_reader_ended(const struct http_reader *reader);
/* The peer's end: 0 when that is where the body ends, else ERR_TRUNCATED. */
int http_reader_finish(struct http_reader *reader) WARN_UNUSED;
