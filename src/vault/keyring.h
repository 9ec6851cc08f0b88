// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The keys that everything kept secret hangs on, derived from one master key. Owner: whoever holds the struct; keyring_done wipes.
 */
#include "base/secret.h"

struct keyring {
    struct secret *vault;       /* owned; seals provider keys */
    struct secret *fingerprint; /* owned; provider keys are told apart by it, in the open */
    struct secret
        *clients; /* owned; hashes keys of clients and admin tokens; outlives a rotation */
};

/* Only memory can fail; then the ring is empty. `master` has KEY_BYTES. */
int keyring_derive(const struct secret *master, struct keyring *ret_ring) WARN_UNUSED;
void keyring_done(struct keyring *ring); /* an empty one is fine */

#define FINGERPRINT_BYTES       65 /* 64 hexadecimal digits and a NUL */
#define FINGERPRINT_SHOWN_CHARS 8  /* what people are shown of it */

void keyring_fingerprint(const struct keyring *ring, const struct secret *key,
                         char ret_text[FINGERPRINT_BYTES]);
