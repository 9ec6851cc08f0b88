// SPDX-License-Identifier: Apache-2.0
/*
 * Body framing.
 *
 * Why not the parser's: chunk lines are where request smuggling lives now (RFC 9112 section 7.1): signs, 0x, spaces, long
 * extensions, bare LF, a missing CRLF after the data. A machine of thirteen places that accepts the grammar and nothing else
 * is shorter than the list of what a lenient parser must be talked out of, needs no buffer, and cannot give another
 * answer when bytes are cut differently. Data itself is handed out in runs, not byte by byte.
 * Promises: never hands out more body than framed; bounded extensions and trailers; trailers reach nobody. Leaves to others:
 * body size caps, content codings.
 */
#include "http/reader.h"

#include "base/check.h"
#include "http/grammar.h"

#define SIZE_DIGITS_MAX 16

enum place {
    SIZE_FIRST, /* a digit must come */
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* start of a trailer line, or CR of the last line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    ENDED,
    PLACES,
};

void http_reader_init(struct http_reader *reader, enum http_framing framing, uint64_t length) {
    *reader = (struct http_reader){.framing = (uint8_t)framing, .place = SIZE_FIRST};
    if (framing == HTTP_FRAMING_LENGTH)
        reader->left = length;
}

static int move_to(struct http_reader *reader, enum place place) {
    reader->place = (uint8_t)place;
    return 0;
}

static int on_size_first(struct http_reader *reader, char byte) {
    int value = http_hex_value(byte);
    if (value < 0)
        return ERR_HTTP_FRAMING;
    reader->left = (uint64_t)value;
    reader->digits = 1;
    reader->line_extension = 0;
    return move_to(reader, SIZE);
}

static int on_size(struct http_reader *reader, char byte) {
    int value = http_hex_value(byte);
    if (value >= 0) {
        if (++reader->digits > SIZE_DIGITS_MAX)
            return ERR_HTTP_FRAMING;
        reader->left = reader->left << 4 | (uint64_t)value;
        return 0;
    }
    if (byte == '\r')
        return move_to(reader, SIZE_LF);
    return byte == ';' ? move_to(reader, EXTENSION) : ERR_HTTP_FRAMING;
}

static int on_extension(struct http_reader *reader, char byte) {
    if (byte == '\r')
        return move_to(reader, SIZE_LF);
    reader->extensions++;
    if (!http_byte_is(byte, HTTP_BYTE_TEXT) ||
        ++reader->line_extension > HTTP_CHUNK_EXTENSION_MAX_BYTES ||
        reader->extensions > HTTP_CHUNK_EXTENSIONS_MAX_BYTES)
        return ERR_HTTP_FRAMING;
    return 0;
}

static int on_size_lf(struct http_reader *reader, char byte) {
    if (byte != '\n')
        return ERR_HTTP_FRAMING;
    return move_to(reader, reader->left > 0 ? DATA : TRAILER_FIRST);
}

static int on_data_cr(struct http_reader *reader, char byte) {
    return byte == '\r' ? move_to(reader, DATA_LF) : ERR_HTTP_FRAMING;
}

static int on_data_lf(struct http_reader *reader, char byte) {
    return byte == '\n' ? move_to(reader, SIZE_FIRST) : ERR_HTTP_FRAMING;
}

static int on_trailer_first(struct http_reader *reader, char byte) {
    if (byte == '\r')
        return move_to(reader, LAST_LF);
    return http_byte_is(byte, HTTP_BYTE_TOKEN) ? move_to(reader, TRAILER_NAME) : ERR_HTTP_SYNTAX;
}

static int on_trailer_name(struct http_reader *reader, char byte) {
    if (byte == ':')
        return move_to(reader, TRAILER_VALUE);
    return http_byte_is(byte, HTTP_BYTE_TOKEN) ? 0 : ERR_HTTP_SYNTAX;
}

static int on_trailer_value(struct http_reader *reader, char byte) {
    if (byte == '\r')
        return move_to(reader, TRAILER_LF);
    return http_byte_is(byte, HTTP_BYTE_TEXT) ? 0 : ERR_HTTP_SYNTAX;
}

static int on_trailer_lf(struct http_reader *reader, char byte) {
    return byte == '\n' ? move_to(reader, TRAILER_FIRST) : ERR_HTTP_SYNTAX;
}

static int on_last_lf(struct http_reader *reader, char byte) {
    return byte == '\n' ? move_to(reader, ENDED) : ERR_HTTP_SYNTAX;
}

static int (*const on_byte[PLACES])(struct http_reader *reader, char byte) = {
    [SIZE_FIRST] = on_size_first,
    [SIZE] = on_size,
    [EXTENSION] = on_extension,
    [SIZE_LF] = on_size_lf,
    [DATA_CR] = on_data_cr,
    [DATA_LF] = on_data_lf,
    [TRAILER_FIRST] = on_trailer_first,
    [TRAILER_NAME] = on_trailer_name,
    [TRAILER_VALUE] = on_trailer_value,
    [TRAILER_LF] = on_trailer_lf,
    [LAST_LF] = on_last_lf,
};

static int take_byte(struct http_reader *reader, char byte) {
    bool in_trailers = reader->place >= TRAILER_FIRST;
    if (in_trailers && ++reader->trailers > HTTP_TRAILERS_MAX_BYTES)
        return ERR_HTTP_HEADER_TOO_LARGE;
    return on_byte[reader->place](reader, byte);
}

static void take_front(struct span *rest, uint64_t left, struct span *ret_bytes) {
    size_t count = rest->len < left ? rest->len : (size_t)left;
    *ret_bytes = span_of(rest->ptr, count);
    rest->ptr += count;
    rest->len -= count;
}

static int next_chunked(struct http_reader *reader, struct span *rest, struct span *ret_bytes) {
    while (reader->place != ENDED && rest->len > 0) {
        if (reader->place == DATA) {
            take_front(rest, reader->left, ret_bytes);
            http_reader_skip(reader, ret_bytes->len);
            return HTTP_READ_BYTES;
        }
        int err = take_byte(reader, *rest->ptr);
        if (err < 0)
            return err;
        rest->ptr++;
        rest->len--;
    }
    return reader->place == ENDED ? HTTP_READ_END : HTTP_READ_MORE;
}

int http_reader_next(struct http_reader *reader, struct span *rest, struct span *ret_bytes) {
    if (reader->framing == HTTP_FRAMING_CHUNKED)
        return next_chunked(reader, rest, ret_bytes);
    if (http_reader_ended(reader))
        return HTTP_READ_END;
    if (rest->len == 0)
        return HTTP_READ_MORE;
    if (reader->framing == HTTP_FRAMING_CLOSE) {
        take_front(rest, UINT64_MAX, ret_bytes);
    } else {
        take_front(rest, reader->left, ret_bytes);
        reader->left -= ret_bytes->len;
    }
    return HTTP_READ_BYTES;
}

void http_reader_skip(struct http_reader *reader, size_t count) {
    check(count <= http_reader_direct(reader));
    if (reader->framing == HTTP_FRAMING_CLOSE)
        return;
    reader->left -= count;
    if (reader->framing == HTTP_FRAMING_CHUNKED && reader->left == 0)
        reader->place = DATA_CR;
}

uint64_t http_reader_direct(const struct http_reader *reader) {
    switch (reader->framing) {
    case HTTP_FRAMING_LENGTH:
        return reader->left;
    case HTTP_FRAMING_CHUNKED:
        return reader->place == DATA ? reader->left : 0;
    case HTTP_FRAMING_CLOSE:
        return UINT64_MAX;
    default:
        return 0;
    }
}

bool http_reader_ended(const struct http_reader *reader) {
    switch (reader->framing) {
    case HTTP_FRAMING_LENGTH:
        return reader->left == 0;
    case HTTP_FRAMING_CHUNKED:
        return reader->place == ENDED;
    case HTTP_FRAMING_CLOSE:
        return false;
    default:
        return true;
    }
}

int http_reader_finish(struct http_reader *reader) {
    if (reader->framing == HTTP_FRAMING_CLOSE)
        reader->framing = HTTP_FRAMING_NONE;
    return http_reader_ended(reader) ? 0 : ERR_TRUNCATED;
}
