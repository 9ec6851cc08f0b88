// SPDX-License-Identifier: Apache-2.0
/*
 * The text of a client's key.
 *
 * Its 32 bytes are a number of 256 bits, written in 43 digits of base 62 with the greatest first; the checksum is the CRC-32 of
 * all that stands before it (the polynomial of ISO-HDLC, as in zip files), in 6 digits. Letters and digits only, so that a double
 * click selects all of it and no shell or URL changes it. The prefix of an admin's token has one word more, which no digits can
 * spell since they hold no dash.
 * Promises: 256 bits of the system's randomness in each key; what a caller left on the stack is wiped. Leaves to others: who
 * holds a key (table.c), keeping its hash (app).
 */
#include "client/key.h"

#include "base/check.h"
#include "crypto/random.h"

#define BASE            62u
#define KEY_RANDOM      32u
#define KEY_DIGITS      43u
#define CHECKSUM_DIGITS 6u

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const prefixes[CLIENT_ROLE_COUNT] = {
    [CLIENT_USER] = "sk-papi-", [CLIENT_ADMIN] = "sk-papi-admin-"};

/* Half a byte at a time: remainders of 0 to 15. */
static const uint32_t crc_of_half[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static uint32_t crc32_of(struct span bytes) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.ptr[i];
        crc = crc >> 4 ^ crc_of_half[crc & 15];
        crc = crc >> 4 ^ crc_of_half[crc & 15];
    }
    return ~crc;
}

/* The number's remainder by 62, and what is left of it. */
static unsigned take_digit(uint8_t number[KEY_RANDOM]) {
    unsigned rest = 0;
    for (unsigned i = 0; i < KEY_RANDOM; i++) {
        unsigned value = rest << 8 | number[i];
        number[i] = (uint8_t)(value / BASE);
        rest = value % BASE;
    }
    return rest;
}

static void write_checksum(struct span before, char *text) {
    uint32_t sum = crc32_of(before);
    for (unsigned i = CHECKSUM_DIGITS; i-- > 0; sum /= BASE)
        text[i] = digits[sum % BASE];
}

size_t client_key_write(enum client_role role, const uint8_t random[32], char *ret_text) {
    uint8_t number[KEY_RANDOM];
    check((unsigned)role < CLIENT_ROLE_COUNT);
    size_t length = strlen(prefixes[role]);
    memcpy(ret_text, prefixes[role], length);
    memcpy(number, random, sizeof number);
    for (unsigned i = KEY_DIGITS; i-- > 0;)
        ret_text[length + i] = digits[take_digit(number)];
    secret_wipe(number, sizeof number);
    length += KEY_DIGITS;
    write_checksum(span_of(ret_text, length), ret_text + length);
    length += CHECKSUM_DIGITS;
    check(length < CLIENT_KEY_TEXT_MAX_BYTES);
    ret_text[length] = '\0';
    return length;
}

int client_key_make(enum client_role role, struct secret **ret_key) {
    uint8_t random[KEY_RANDOM];
    char text[CLIENT_KEY_TEXT_MAX_BYTES];
    random_bytes(random, sizeof random);
    size_t length = client_key_write(role, random, text);
    int err = secret_new(span_of(text, length), ret_key);
    secret_wipe(random, sizeof random);
    secret_wipe(text, sizeof text);
    return err;
}

void client_id_make(char *ret_id) {
    memcpy(ret_id, "cl_", 3);
    for (size_t i = 3; i < CLIENT_ID_BYTES - 1; i++)
        ret_id[i] = digits[random_below(BASE)];
    ret_id[CLIENT_ID_BYTES - 1] = '\0';
}

void client_key_hash(const struct secret *hash_key, struct span text,
                     struct client_key_hash *ret_hash) {
    hash_keyed(hash_key, text, ret_hash->bytes);
}

/* Which prefix it has; the longer one is asked first. */
static size_t prefix_of(struct span text, enum client_role *ret_role) {
    for (unsigned role = CLIENT_ROLE_COUNT; role-- > 0;)
        if (span_starts_with(text, prefixes[role])) {
            *ret_role = (enum client_role)role;
            return strlen(prefixes[role]);
        }
    return 0;
}

bool client_key_has_shape(struct span text) {
    enum client_role role;
    size_t prefix = prefix_of(text, &role);
    return prefix > 0 && text.len == prefix + KEY_DIGITS + CHECKSUM_DIGITS;
}

enum client_key_form client_key_parse(struct span text, enum client_role *ret_role) {
    char sum[CHECKSUM_DIGITS];
    if (prefix_of(text, ret_role) == 0)
        return CLIENT_KEY_FOREIGN;
    if (!client_key_has_shape(text))
        return CLIENT_KEY_MISTYPED;
    write_checksum(span_of(text.ptr, text.len - CHECKSUM_DIGITS), sum);
    bool right = memcmp(sum, text.ptr + text.len - CHECKSUM_DIGITS, CHECKSUM_DIGITS) == 0;
    return right ? CLIENT_KEY_WELL_FORMED : CLIENT_KEY_MISTYPED;
}
