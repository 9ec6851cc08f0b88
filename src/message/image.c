// SPDX-License-Identifier: Apache-2.0
/*
 * Image sizes for token estimates.
 *
 * Why at all: an image costs tokens by its size, not by its bytes, and base64 must never be counted as text. Only as much of the
 * base64 as the size needs is decoded: 32 bytes for PNG, GIF and WebP, the segments before the frame for JPEG (cameras put
 * thumbnails there, so up to 64 KiB). Promises: any bytes are fine; nothing is allocated. Leaves to others: what an image costs
 * (measure.c).
 * Formats: PNG (W3C, IHDR), GIF89a, RFC 9649 (WebP), JPEG (ITU-T T.81, B.2).
 */
#include "message/image.h"

#include "base/check.h"
#include "message/base64.h"

#include <string.h>

#define URL_LEAST      16
#define JPEG_MAX_BYTES ((size_t)64 * 1024)
#define SIDE_MAX       65535

/* The bytes behind base64 text, one at a time from any place. */
struct source {
    struct span text;
};

/* The alphabet for URLs (RFC 4648 section 5) is taken too. */
static int value_of(char c) {
    return base64_digit(c == '-' ? '+' : c == '_' ? '/' : c);
}

/* -1 behind the end. */
static int byte_at(const struct source *source, size_t index) {
    size_t at = index / 3 * 4 + index % 3;
    if (at + 1 >= source->text.len)
        return -1;
    int first = value_of(source->text.ptr[at]), second = value_of(source->text.ptr[at + 1]);
    if (first < 0 || second < 0)
        return -1;
    unsigned shift = 2 * (unsigned)(index % 3);
    return ((first << (2 + shift)) | (second >> (4 - shift))) & 0xff;
}

static bool bytes_are(const struct source *source, size_t at, const char *wanted, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (byte_at(source, at + i) != (unsigned char)wanted[i])
            return false;
    return true;
}

/* `count` bytes as a number, the first byte highest; UINT32_MAX behind the end. */
static uint32_t big(const struct source *source, size_t at, size_t count) {
    uint32_t number = 0;
    for (size_t i = 0; i < count; i++) {
        int byte = byte_at(source, at + i);
        if (byte < 0)
            return UINT32_MAX;
        number = number << 8 | (uint32_t)byte;
    }
    return number;
}

static uint32_t little(const struct source *source, size_t at, size_t count) {
    uint32_t number = 0;
    for (size_t i = count; i-- > 0;) {
        int byte = byte_at(source, at + i);
        if (byte < 0)
            return UINT32_MAX;
        number = number << 8 | (uint32_t)byte;
    }
    return number;
}

struct size {
    uint32_t width, height;
};

static struct size size_of_webp(const struct source *source) {
    if (bytes_are(source, 12, "VP8X", 4))
        return (struct size){little(source, 24, 3) + 1, little(source, 27, 3) + 1};
    if (bytes_are(source, 12, "VP8L", 4)) {
        uint32_t bits = little(source, 21, 4);
        return (struct size){(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
    }
    if (bytes_are(source, 12, "VP8 ", 4))
        return (struct size){little(source, 26, 2) & 0x3fff, little(source, 28, 2) & 0x3fff};
    return (struct size){0};
}

/* Frames are announced by C0 to CF, but for C4, C8 and CC, which are tables. */
static bool begins_frame(int marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static struct size size_of_jpeg(const struct source *source) {
    size_t at = 2;
    while (at < JPEG_MAX_BYTES && byte_at(source, at) == 0xff) {
        int marker = byte_at(source, at + 1);
        if (begins_frame(marker))
            return (struct size){big(source, at + 7, 2), big(source, at + 5, 2)};
        uint32_t length = big(source, at + 2, 2);
        if (marker == 0xff)
            at++; /* fill bytes */
        else if (length < 2 || length == UINT32_MAX)
            break;
        else
            at += 2 + (size_t)length;
    }
    return (struct size){0};
}

static struct size size_of(const struct source *source) {
    if (bytes_are(source, 0, "\x89PNG\r\n\x1a\n", 8))
        return (struct size){big(source, 16, 4), big(source, 20, 4)};
    if (bytes_are(source, 0, "GIF8", 4))
        return (struct size){little(source, 6, 2), little(source, 8, 2)};
    if (bytes_are(source, 0, "RIFF", 4) && bytes_are(source, 8, "WEBP", 4))
        return size_of_webp(source);
    return bytes_are(source, 0, "\xff\xd8", 2) ? size_of_jpeg(source) : (struct size){0};
}

bool image_size_of_url(struct span url, uint32_t *ret_width, uint32_t *ret_height) {
    if (!span_starts_with(url, "data:") || url.len < URL_LEAST)
        return false;
    const char *comma = memchr(url.ptr, ',', url.len < 256 ? url.len : 256);
    if (comma == NULL)
        return false;
    const struct source source = {span_of(comma + 1, url.len - (size_t)(comma + 1 - url.ptr))};
    struct size size = size_of(&source);
    *ret_width = size.width;
    *ret_height = size.height;
    return size.width > 0 && size.height > 0 && size.width <= SIDE_MAX && size.height <= SIDE_MAX;
}
