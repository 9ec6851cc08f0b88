// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Provider keys as the vault sealed them, which providers are paused, and small notes. Nothing here is ever plain: `sealed` is
 * opaque, `fingerprint` tells keys apart without telling them.
 */
#include "store/store.h"

#define STORE_SEALED_MAX_BYTES 8192
#define STORE_NOTE_MAX_BYTES   4096

struct store_key {
    struct span provider, account, fingerprint; /* together: which key */
    struct span billing;                        /* word; absent = not said */
    struct span sealed;
    uint64_t created_ms;
};
typedef void (*store_key_cb)(void *context, const struct store_key *key);

int store_key_insert(struct store_db *db, const struct store_key *key) WARN_UNUSED; /* ERR_EXISTS */
/* Billing and sealed of a key that is there. ERR_NOT_FOUND. */
int store_key_update(struct store_db *db, const struct store_key *key) WARN_UNUSED;
/* Of one account, or of all when it is absent. */
int store_keys_delete(struct store_db *db, struct span provider, struct span account,
                      uint32_t *ret_deleted) WARN_UNUSED;
/* By provider and account, then in the order they came. */
int store_keys_each(struct store_db *db, store_key_cb each, void *context) WARN_UNUSED;

struct store_pause {
    struct span provider;
    struct span account; /* empty = the whole provider */
    uint64_t since_ms;
};
typedef void (*store_pause_cb)(void *context, const struct store_pause *pause);

/* Twice is harmless, in both directions. */
int store_pause_set(struct store_db *db, const struct store_pause *pause) WARN_UNUSED;
int store_pause_clear(struct store_db *db, struct span provider, struct span account) WARN_UNUSED;
int store_pauses_each(struct store_db *db, store_pause_cb each, void *context) WARN_UNUSED;

/* A value by name: what this instance is called, how its master key is recognised. */
int store_note_set(struct store_db *db, struct span name, struct span value) WARN_UNUSED;
/* Copies at most `size` bytes. ERR_NOT_FOUND; ERR_TOO_LARGE. */
int store_note_get(struct store_db *db, struct span name, void *ret_value, size_t size,
                   size_t *ret_length) WARN_UNUSED;
