// SPDX-License-Identifier: Apache-2.0
/*
 * Content codings.
 *
 * Why streaming into the body: ten gigabytes of zeros fit into ten megabytes of gzip, so the output is bounded while it
 * is made, never after. One shape for both libraries: "take some input, fill the room behind the body". Window memory
 * is bounded too: 32 KiB for zlib by its format, 8 MiB for zstd (RFC 9659 asks decoders for no more). Some clients
 * send raw deflate where zlib framing is meant (RFC 9110 section 8.4.1.2); the first two bytes tell them apart.
 * Promises: the same result at every split; members or frames one after another are one body; anything behind the end is an
 * error, as is a missing end or a wrong checksum. Leaves to others: encoding answers, body framing.
 */
#include "http/decode.h"

#include "base/check.h"
#include "base/mem.h"

#include <zlib.h>
#include <zstd.h>

#define ZSTD_WINDOW_LOG_MAX 23

struct http_decoder {
    enum http_coding coding;
    size_t decoded_max_bytes;
    size_t decoded_bytes;
    z_stream zlib;
    ZSTD_DStream *zstd;       /* owned */
    unsigned char first_byte; /* deflate: held until the second one tells the framing */
    bool has_first_byte;
    bool opened; /* zlib: inflateInit2 was called */
    bool at_end; /* a member or frame just ended */
};

static const struct coding_name {
    const char *name;
    enum http_coding coding;
} coding_names[] = {
    {"identity", HTTP_CODING_IDENTITY}, {"gzip", HTTP_CODING_GZIP}, {"x-gzip", HTTP_CODING_GZIP},
    {"deflate", HTTP_CODING_DEFLATE},   {"zstd", HTTP_CODING_ZSTD},
};

int http_coding_of(const struct http_headers *headers, enum http_coding *ret_coding) {
    struct span value = http_header_get(headers, "content-encoding");
    if (span_absent(value)) {
        *ret_coding = HTTP_CODING_IDENTITY;
        return 0;
    }
    if (http_header_count(headers, "content-encoding") > 1)
        return ERR_UNSUPPORTED;
    for (size_t i = 0; i < array_length(coding_names); i++) {
        if (span_is_nocase(value, coding_names[i].name)) {
            *ret_coding = coding_names[i].coding;
            return 0;
        }
    }
    return ERR_UNSUPPORTED;
}

static int open_zlib(struct http_decoder *decoder, int window_bits) {
    int result = inflateInit2(&decoder->zlib, window_bits);
    decoder->opened = result == Z_OK;
    return decoder->opened ? 0 : ERR_NOMEM;
}

static int open_zstd(struct http_decoder *decoder) {
    decoder->zstd = ZSTD_createDStream();
    if (decoder->zstd == NULL)
        return ERR_NOMEM;
    size_t result = ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    return ZSTD_isError(result) ? ERR_NOMEM : 0;
}

int http_decoder_new(enum http_coding coding, size_t decoded_max_bytes,
                     struct http_decoder **ret_decoder) {
    check(coding != HTTP_CODING_IDENTITY);
    struct http_decoder *decoder = mem_zalloc(sizeof *decoder);
    decoder->coding = coding;
    decoder->decoded_max_bytes = decoded_max_bytes;
    int err = 0;
    if (coding == HTTP_CODING_GZIP)
        err = open_zlib(decoder, 16 + MAX_WBITS);
    else if (coding == HTTP_CODING_ZSTD)
        err = open_zstd(decoder);
    if (err < 0) {
        http_decoder_free(decoder);
        return err;
    }
    *ret_decoder = decoder;
    return 0;
}

void http_decoder_free(struct http_decoder *decoder) {
    if (decoder == NULL)
        return;
    if (decoder->opened)
        (void)inflateEnd(&decoder->zlib);
    (void)ZSTD_freeDStream(decoder->zstd);
    mem_free(decoder);
}

/* Room behind the body for the next step of output; one byte beyond the cap, so that reaching it is told from passing it. */
static int find_room(struct http_decoder *decoder, struct http_body *body,
                     struct http_body_room *ret_room) {
    if (decoder->decoded_bytes > decoder->decoded_max_bytes)
        return ERR_TOO_LARGE;
    size_t most = decoder->decoded_max_bytes - decoder->decoded_bytes + 1;
    int err = http_body_reserve(body, decoder->decoded_bytes + most);
    if (err < 0)
        return err;
    *ret_room = http_body_room(body);
    if (ret_room->bytes > most)
        ret_room->bytes = most;
    return 0;
}

static int step_zlib(struct http_decoder *decoder, struct span *rest, struct http_body_room *room) {
    z_stream *zlib = &decoder->zlib;
    if (decoder->at_end) {
        if (decoder->coding != HTTP_CODING_GZIP || inflateReset(zlib) != Z_OK)
            return ERR_INVALID;
        decoder->at_end = false;
    }
    zlib->next_in = (z_const Bytef *)rest->ptr;
    zlib->avail_in = (uInt)rest->len;
    zlib->next_out = (Bytef *)room->start;
    zlib->avail_out = (uInt)room->bytes;
    int result = inflate(zlib, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return ERR_INVALID;
    decoder->at_end = result == Z_STREAM_END;
    *rest = span_of((const char *)zlib->next_in, zlib->avail_in);
    room->bytes -= zlib->avail_out;
    return 0;
}

static int step_zstd(struct http_decoder *decoder, struct span *rest, struct http_body_room *room) {
    ZSTD_inBuffer in = {rest->ptr, rest->len, 0};
    ZSTD_outBuffer out = {room->start, room->bytes, 0};
    size_t result = ZSTD_decompressStream(decoder->zstd, &out, &in);
    if (ZSTD_isError(result))
        return ERR_INVALID;
    decoder->at_end = result == 0;
    *rest = span_of(rest->ptr + in.pos, rest->len - in.pos);
    room->bytes = out.pos;
    return 0;
}

/* Until the input is used up and the output did not fill its room (else more may be waiting inside). */
static int run(struct http_decoder *decoder, struct span rest, struct http_body *body) {
    for (;;) {
        struct http_body_room room;
        int err = find_room(decoder, body, &room);
        if (err < 0)
            return err;
        size_t room_bytes = room.bytes;
        err = decoder->coding == HTTP_CODING_ZSTD ? step_zstd(decoder, &rest, &room)
                                                  : step_zlib(decoder, &rest, &room);
        if (err < 0)
            return err;
        http_body_grew(body, room.bytes);
        decoder->decoded_bytes += room.bytes;
        if (decoder->decoded_bytes > decoder->decoded_max_bytes)
            return ERR_TOO_LARGE;
        bool more_inside = room.bytes == room_bytes && !decoder->at_end;
        if (rest.len == 0 && !more_inside)
            return 0;
    }
}

/* RFC 1950 section 2.2: method 8, and both bytes together a multiple of 31. */
static bool zlib_framed(unsigned first, unsigned second) {
    return (first & 0x0f) == 8 && (first << 8 | second) % 31 == 0;
}

static int open_deflate(struct http_decoder *decoder, struct span *bytes, struct http_body *body) {
    unsigned char byte = (unsigned char)*bytes->ptr;
    if (!decoder->has_first_byte) {
        decoder->first_byte = byte;
        decoder->has_first_byte = true;
        *bytes = span_of(bytes->ptr + 1, bytes->len - 1);
        return 0;
    }
    bool framed = zlib_framed(decoder->first_byte, byte);
    int err = open_zlib(decoder, framed ? MAX_WBITS : -MAX_WBITS);
    if (err < 0)
        return err;
    return run(decoder, span_of((const char *)&decoder->first_byte, 1), body);
}

int http_decoder_feed(struct http_decoder *decoder, struct span bytes, struct http_body *body) {
    while (decoder->coding == HTTP_CODING_DEFLATE && !decoder->opened && bytes.len > 0) {
        int err = open_deflate(decoder, &bytes, body);
        if (err < 0)
            return err;
    }
    return bytes.len > 0 ? run(decoder, bytes, body) : 0;
}

int http_decoder_finish(const struct http_decoder *decoder) {
    return decoder->at_end ? 0 : ERR_INVALID;
}
