// SPDX-License-Identifier: Apache-2.0
/*
 * Making keys, and reading them as people write them.
 *
 * Why both hexadecimal and base64: what generators print (openssl rand -hex 32, head -c 32 | base64) must work as it is, and the
 * two cannot be confused, since their lengths differ. Promises: bytes in between are wiped, no allocation is left behind when a text
 * is refused; decoding takes the same time for all texts of one length.
 * Leaves to others: where a key is kept (app/master_key.c).
 */
#include "crypto/key.h"

#include "crypto/random.h"
#include "crypto/ready.h"

#include <sodium.h>

int key_new(struct secret **ret_key) {
    char bytes[KEY_BYTES];
    random_bytes(bytes, sizeof bytes);
    int err = secret_new(span_of(bytes, sizeof bytes), ret_key);
    secret_wipe(bytes, sizeof bytes);
    return err;
}

static bool is_white(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span without_white(struct span text) {
    while (text.len > 0 && is_white(text.ptr[0]))
        text = span_of(text.ptr + 1, text.len - 1);
    while (text.len > 0 && is_white(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static bool read_base64(struct span text, int variant, unsigned char bytes[KEY_BYTES]) {
    size_t length;
    return sodium_base642bin(bytes, KEY_BYTES, text.ptr, text.len, NULL, &length, NULL, variant) ==
               0 &&
           length == KEY_BYTES;
}

static bool read_key(struct span text, unsigned char bytes[KEY_BYTES]) {
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    size_t length;
    if (text.len == 2 * KEY_BYTES)
        return sodium_hex2bin(bytes, KEY_BYTES, text.ptr, text.len, NULL, &length, NULL) == 0 &&
               length == KEY_BYTES;
    for (size_t i = 0; text.len > 0 && i < sizeof variants / sizeof *variants; i++)
        if (read_base64(text, variants[i], bytes))
            return true;
    return false;
}

int key_from_text(struct span text, struct secret **ret_key) {
    unsigned char bytes[KEY_BYTES];
    int err = ERR_INVALID;
    crypto__ready();
    if (read_key(without_white(text), bytes))
        err = secret_new(span_of((const char *)bytes, sizeof bytes), ret_key);
    secret_wipe(bytes, sizeof bytes);
    return err;
}
