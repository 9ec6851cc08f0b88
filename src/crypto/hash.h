// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A keyed hash (BLAKE2b, 32 bytes): what a secret is recognised by without being kept. Without the key nobody can tell from a hash
 * whether a guess is right. Any thread; no allocation; about half a microsecond for a short text.
 */
#include "base/secret.h"

#include <stdint.h>

#define HASH_BYTES 32

/* `key` has KEY_BYTES. */
void hash_keyed(const struct secret *key, struct span text, uint8_t ret_hash[HASH_BYTES]);
/* In time that does not depend on what they hold. */
bool hash_equal(const uint8_t a[HASH_BYTES], const uint8_t b[HASH_BYTES]);
