// SPDX-License-Identifier: Apache-2.0
/*
 * Deriving the keyring.
 *
 * Why all at once: whoever holds it needs no master key any more, so that one can go as soon as the ring is made. Why the clients'
 * key is a member that can be put in: a rotation of the master key must not turn the keys of all clients away, so their hashing key
 * stays what it was, sealed with the new one (vault.c).
 * Promises: a ring is whole or empty. Leaves to others: the purposes (crypto/subkey.h), where the master key comes from.
 */
#include "vault/keyring.h"

#include "crypto/hash.h"
#include "crypto/subkey.h"

int keyring_derive(const struct secret *master, struct keyring *ret_ring) {
    *ret_ring = (struct keyring){.vault = NULL};
    int err = subkey_derive(master, SUBKEY_VAULT, &ret_ring->vault);
    if (err == 0)
        err = subkey_derive(master, SUBKEY_FINGERPRINT, &ret_ring->fingerprint);
    if (err == 0)
        err = subkey_derive(master, SUBKEY_CLIENTS, &ret_ring->clients);
    if (err < 0)
        keyring_done(ret_ring);
    return err;
}

void keyring_done(struct keyring *ring) {
    secret_unref(ring->vault);
    secret_unref(ring->fingerprint);
    secret_unref(ring->clients);
    *ring = (struct keyring){.vault = NULL};
}

void keyring_fingerprint(const struct keyring *ring, const struct secret *key,
                         char ret_text[FINGERPRINT_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[HASH_BYTES];
    hash_keyed(ring->fingerprint, secret_reveal(key), hash);
    for (size_t i = 0; i < HASH_BYTES; i++) {
        ret_text[2 * i] = digits[hash[i] >> 4];
        ret_text[2 * i + 1] = digits[hash[i] & 15];
    }
    ret_text[2 * HASH_BYTES] = '\0';
}
