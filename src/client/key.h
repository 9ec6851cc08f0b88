// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Keys of clients: "sk-papi-" or "sk-papi-admin-", 32 random bytes as 43 digits of base 62, a checksum of 6.
 *
 * The text is shown once and kept nowhere; what is stored is its hash under a key of this instance's own, so that a stolen
 * database tells nobody a key and lets nobody try any. The checksum tells a mistyped key from a revoked one, and a key of ours
 * from somebody else's, without asking anybody.
 */
#include "base/secret.h"
#include "client/client.h"
#include "crypto/hash.h"

#define CLIENT_KEY_TEXT_MAX_BYTES 64

struct client_key_hash {
    uint8_t bytes[HASH_BYTES];
};

enum client_key_form {
    CLIENT_KEY_FOREIGN,  /* not made by any PAPI: another service's key, a placeholder */
    CLIENT_KEY_MISTYPED, /* meant to be one, but its checksum is wrong or something is missing */
    CLIENT_KEY_WELL_FORMED
};

/* From 32 random bytes of the system's. */
int client_key_make(enum client_role role, struct secret **ret_key) WARN_UNUSED;
/* From bytes of the caller's, for tests of the form. ret_text has CLIENT_KEY_TEXT_MAX_BYTES; returns its length. */
size_t client_key_write(enum client_role role, const uint8_t random[32], char *ret_text);
/* A fresh id, CLIENT_ID_BYTES with its NUL. */
void client_id_make(char *ret_id);
enum client_key_form client_key_parse(struct span text, enum client_role *ret_role);
/* Under a secret of this instance's own. */
void client_key_hash(const struct secret *hash_key, struct span text,
                     struct client_key_hash *ret_hash);
/* Whether it looks like a key of ours, its checksum aside. */
bool client_key_has_shape(struct span text);
