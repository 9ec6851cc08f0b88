// SPDX-License-Identifier: Apache-2.0
/*
 * Vectors from one form of the wire to the other.
 *
 * Why both: clients ask for base64 on their own and some take nothing else, while providers know arrays of numbers best.
 * Promises: order and count stay; what is not a vector of finite numbers is told before anything of it is used. Base64 is
 * read strictly (RFC 4648 section 4: padding, no white space, no bits left over); a slash may stand escaped, as JSON allows.
 * Leaves to others: whose vector it is.
 */
#include "message/vector.h"
#include "base/check.h"
#include "base/err.h"
#include "message/base64.h"
#include "json/skim.h"

#define FLOAT_BYTES 4

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* --- arrays --- */

bool vector_measure(struct span array, uint32_t *ret_count) {
    struct json_skim skim = json_skim(array);
    struct span key, number;
    uint32_t count = 0;
    float value;
    if (json_skim_type(array) != '[')
        return false;
    for (; json_skim_next(&skim, &key, &number); count++) {
        bool is_number = *number.ptr == '-' || (*number.ptr >= '0' && *number.ptr <= '9');
        if (!is_number || count == UINT32_MAX || !float32_read(number, &value))
            return false;
    }
    *ret_count = count;
    return count > 0;
}

/* Groups of three bytes; what is over waits for the next number. */
struct encoder {
    char *at;
    uint32_t bits;
    unsigned count; /* bytes in `bits` */
};

static void encode_byte(struct encoder *encoder, uint8_t byte) {
    encoder->bits = encoder->bits << 8 | byte;
    if (++encoder->count < 3)
        return;
    for (int shift = 18; shift >= 0; shift -= 6)
        *encoder->at++ = letters[encoder->bits >> shift & 63];
    encoder->bits = encoder->count = 0;
}

static void encode_rest(struct encoder *encoder) {
    unsigned count = encoder->count;
    if (count == 0)
        return;
    encoder->bits <<= 8 * (3 - count);
    for (unsigned i = 0; i < 4; i++)
        *encoder->at++ = i <= count ? letters[encoder->bits >> (18 - 6 * i) & 63] : '=';
}

int vector_write_base64(struct span array, struct dynbuf *out) {
    uint32_t count;
    if (!vector_measure(array, &count))
        return ERR_INVALID;
    size_t length = ((size_t)count * FLOAT_BYTES + 2) / 3 * 4;
    int err = dynbuf_reserve(out, length);
    if (err < 0)
        return err;
    struct encoder encoder = {.at = dynbuf_tail(out)};
    struct json_skim skim = json_skim(array);
    struct span key, number;
    while (json_skim_next(&skim, &key, &number)) {
        float value;
        uint32_t bits;
        check(float32_read(number, &value));
        memcpy(&bits, &value, sizeof bits);
        for (unsigned i = 0; i < FLOAT_BYTES; i++, bits >>= 8)
            encode_byte(&encoder, (uint8_t)bits);
    }
    encode_rest(&encoder);
    dynbuf_grew(out, length);
    return 0;
}

/* --- base64 --- */

struct decoder {
    const char *at;
    const char *end;
    uint32_t bits;
    unsigned count; /* bits in `bits` */
};

/* The next byte; -1: there is none. */
static int decode_byte(struct decoder *decoder) {
    while (decoder->count < 8) {
        if (decoder->at < decoder->end && *decoder->at == '\\') /* only \/ may follow */
            decoder->at++;
        int digit = decoder->at < decoder->end ? base64_digit(*decoder->at) : -1;
        if (digit < 0)
            return -1;
        decoder->at++;
        decoder->bits = decoder->bits << 6 | (uint32_t)digit;
        decoder->count += 6;
    }
    decoder->count -= 8;
    return (int)(decoder->bits >> decoder->count & 0xFF);
}

/* False: no more whole numbers, or one that is not finite. */
static bool decode_number(struct decoder *decoder, float *ret_value) {
    uint32_t bits = 0;
    for (unsigned i = 0; i < FLOAT_BYTES; i++) {
        int byte = decode_byte(decoder);
        if (byte < 0)
            return false;
        bits |= (uint32_t)byte << (8 * i);
    }
    memcpy(ret_value, &bits, sizeof bits);
    return (bits >> 23 & 0xFF) != 0xFF;
}

static size_t count_escapes(struct span text) {
    size_t count = 0;
    for (size_t i = 0; i + 1 < text.len; i++)
        count += text.ptr[i] == '\\' && text.ptr[i + 1] == '/';
    return count;
}

bool vector_measure_base64(struct span base64, uint32_t *ret_count) {
    size_t length = base64.len - count_escapes(base64);
    size_t padding = 0;
    while (padding < 2 && padding < base64.len && base64.ptr[base64.len - 1 - padding] == '=')
        padding++;
    struct decoder decoder = {.at = base64.ptr, .end = base64.ptr + base64.len - padding};
    uint32_t count = 0;
    float value;
    if (length == 0 || length % 4 != 0 || (length / 4 * 3 - padding) % FLOAT_BYTES != 0)
        return false;
    size_t expected = (length / 4 * 3 - padding) / FLOAT_BYTES;
    while (decode_number(&decoder, &value))
        count++;
    *ret_count = count;
    /* all was read, and the bits that padding leaves are zero */
    return count == expected && count > 0 && decoder.at == decoder.end &&
           (decoder.bits & ((1u << decoder.count) - 1)) == 0;
}

int vector_write_array(struct span base64, struct dynbuf *out) {
    uint32_t count;
    char text[1 + FLOAT32_TEXT_MAX_BYTES] = "[";
    struct decoder decoder = {.at = base64.ptr, .end = base64.ptr + base64.len};
    float value;
    if (!vector_measure_base64(base64, &count))
        return ERR_INVALID;
    for (uint32_t i = 0; i < count; i++, text[0] = ',') {
        check(decode_number(&decoder, &value));
        int err = dynbuf_append(out, text, 1 + float32_write(value, text + 1));
        if (err < 0)
            return err;
    }
    return dynbuf_append_text(out, "]");
}
