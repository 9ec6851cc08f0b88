// SPDX-License-Identifier: Apache-2.0
/*
 * Deriving subkeys (libsodium's KDF, BLAKE2b with context and number).
 *
 * Why derived and not random: one file of 32 bytes is all that must be kept and backed up. Promises: the same master key gives the
 * same subkeys for ever (a test holds the values); the bytes in between are wiped.
 * Leaves to others: the master key (app/master_key.c).
 */
#include "crypto/subkey.h"

#include "base/check.h"
#include "crypto/key.h"
#include "crypto/ready.h"

#include <sodium.h>

_Static_assert(crypto_kdf_KEYBYTES == KEY_BYTES, "a master key is a key of the derivation");

static const struct {
    char context[crypto_kdf_CONTEXTBYTES + 1];
    uint64_t number;
} purposes[SUBKEY_COUNT] = {
#define SUBKEY_ROW(name, context, number, purpose) {context, number},
    SUBKEY_TABLE(SUBKEY_ROW)
#undef SUBKEY_ROW
};

int subkey_derive(const struct secret *master, enum subkey purpose, struct secret **ret_key) {
    struct span bytes = secret_reveal(master);
    unsigned char derived[KEY_BYTES];
    crypto__ready();
    check(bytes.len == KEY_BYTES && purpose < SUBKEY_COUNT);
    check(crypto_kdf_derive_from_key(derived, sizeof derived, purposes[purpose].number,
                                     purposes[purpose].context,
                                     (const unsigned char *)bytes.ptr) == 0);
    int err = secret_new(span_of((const char *)derived, sizeof derived), ret_key);
    secret_wipe(derived, sizeof derived);
    return err;
}
