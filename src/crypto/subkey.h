// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Subkeys: from the one master key, a key for each purpose, so that what one part holds is of no use to another. The table is the
 * only place where purposes are named; a row is never changed or used again, since what it protects would be lost.
 */
#include "base/secret.h"

/* name, context of the derivation (8 bytes), number, what for */
#define SUBKEY_TABLE(X)                                                             \
    X(SUBKEY_VAULT, "papivalt", 1, "seals provider keys")                           \
    X(SUBKEY_FINGERPRINT, "papifing", 2, "tells provider keys apart, in the open")  \
    X(SUBKEY_CLIENTS, "papiclnt", 3, "hashes the keys of clients and admin tokens") \
    X(SUBKEY_JOURNAL, "papijrnl", 4, "marks what the journal holds as ours")

enum subkey {
#define SUBKEY_ENUM(name, context, number, purpose) name,
    SUBKEY_TABLE(SUBKEY_ENUM)
#undef SUBKEY_ENUM
        SUBKEY_COUNT
};

/* `master` has KEY_BYTES; so has the subkey. Only memory can fail. */
int subkey_derive(const struct secret *master, enum subkey purpose,
                  struct secret **ret_key) WARN_UNUSED;
