// SPDX-License-Identifier: Apache-2.0
/*
 * The keyed hash.
 *
 * Why BLAKE2b with its own key input: it is a MAC as it is, and twice as fast as HMAC of anything older. Why no salt and no slow
 * password hash: what is hashed here are long random keys, which cannot be guessed one by one.
 * Promises: the same key and text give the same hash on every machine and in every version; comparing is constant in time.
 * Leaves to others: which key (crypto/subkey.h), tables of hashes (client/, vault/).
 */
#include "crypto/hash.h"

#include "base/check.h"
#include "crypto/key.h"
#include "crypto/ready.h"

#include <sodium.h>

_Static_assert(KEY_BYTES >= crypto_generichash_KEYBYTES_MIN &&
                   KEY_BYTES <= crypto_generichash_KEYBYTES_MAX,
               "a key fits the hash");

void hash_keyed(const struct secret *key, struct span text, uint8_t ret_hash[HASH_BYTES]) {
    struct span bytes = secret_reveal(key);
    crypto__ready();
    check(bytes.len == KEY_BYTES);
    check(crypto_generichash(ret_hash, HASH_BYTES, (const unsigned char *)text.ptr, text.len,
                             (const unsigned char *)bytes.ptr, bytes.len) == 0);
}

bool hash_equal(const uint8_t a[HASH_BYTES], const uint8_t b[HASH_BYTES]) {
    return sodium_memcmp(a, b, HASH_BYTES) == 0;
}
