// SPDX-License-Identifier: Apache-2.0
/*
 * Content codings nobody asked for: gzip, broken gzip, a gzip bomb (RFC 1951, RFC 1952).
 *
 * Written by hand, since a good compressor cannot make broken output on purpose: stored blocks for what is to be read, and one block with
 * the fixed code, whose every 13 bits mean "the byte before, 258 times more", for the bomb. Promises: "gzip" is a valid member with the
 * right checksum and length. Leaves to others: the head field that goes with it (world.c).
 */
#include "fake/answer.h"

#include "base/check.h"

#define STORED_MAX_BYTES 65535
#define BOMB_BYTES       (256 * 1024)
#define BOMB_REPEATS     (BOMB_BYTES * 8 / 13)

bool fault_is_coded(const struct fault_row *row) {
    return row->play >= PLAY_GZIP && row->play <= PLAY_GZIP_BOMB;
}

static uint32_t crc32_of(struct span bytes) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static int write_le(struct dynbuf *out, uint32_t value, size_t bytes) {
    int err = 0;
    for (size_t i = 0; i < bytes && err == 0; i++)
        err = dynbuf_append_char(out, (char)(value >> (8 * i) & 0xff));
    return err;
}

static int write_stored(struct dynbuf *out, struct span plain) {
    int err = 0;
    size_t at = 0;
    do {
        size_t length = plain.len - at < STORED_MAX_BYTES ? plain.len - at : STORED_MAX_BYTES;
        err = dynbuf_append_char(out, at + length == plain.len);
        if (err == 0)
            err = write_le(out, (uint32_t)length, 2);
        if (err == 0)
            err = write_le(out, ~(uint32_t)length & 0xffff, 2);
        if (err == 0)
            err = dynbuf_append(out, plain.ptr + at, length);
        at += length;
    } while (err == 0 && at < plain.len);
    return err;
}

struct bits {
    struct dynbuf *out;
    uint64_t held;
    unsigned count;
    int err;
};

static void put_bits(struct bits *bits, uint32_t value, unsigned count) {
    bits->held |= (uint64_t)value << bits->count;
    bits->count += count;
    while (bits->count >= 8) {
        if (bits->err == 0)
            bits->err = dynbuf_append_char(bits->out, (char)(bits->held & 0xff));
        bits->held >>= 8;
        bits->count -= 8;
    }
}

/* Huffman codes go in from their first bit, all else from its last: hence the codes read backwards. */
static int write_bomb(struct dynbuf *out) {
    struct bits bits = {.out = out};
    put_bits(&bits, 1, 1);    /* the last block */
    put_bits(&bits, 1, 2);    /* fixed codes */
    put_bits(&bits, 0x0c, 8); /* literal 0: 00110000 */
    for (uint32_t i = 0; i < BOMB_REPEATS; i++)
        put_bits(&bits, 0xa3, 13); /* length 258: 11000101; distance 1: 00000 */
    put_bits(&bits, 0, 7);         /* end of block */
    put_bits(&bits, 0, 7);         /* to a whole byte */
    return bits.err;
}

int fake_write_coded(enum fault_play play, struct span plain, struct dynbuf *out) {
    static const char head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, (char)0xff};
    size_t from = out->len;
    if (play == PLAY_GZIP_PLAIN)
        return dynbuf_append_span(out, plain);
    int err = dynbuf_append(out, head, sizeof head);
    if (err == 0)
        err = play == PLAY_GZIP_BOMB ? write_bomb(out) : write_stored(out, plain);
    if (err == 0)
        err = write_le(out, crc32_of(plain) ^ (play == PLAY_GZIP_SUM), 4);
    if (err == 0)
        err = write_le(out, (uint32_t)plain.len, 4);
    if (err == 0 && play == PLAY_GZIP_CUT)
        out->len = from + (out->len - from) / 2;
    return err;
}
