// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Rows of clients. What they mean belongs to client/; here they are kept. Writing functions are for jobs on the writing side.
 * Keys come as keyed hashes only. Times are milliseconds since 1970 UTC; 0 = never.
 */
#include "store/store.h"

#define STORE_CLIENT_LIMITS         7
#define STORE_CLIENT_KEYS_MAX       2
#define STORE_CLIENT_HASH_BYTES     32
#define STORE_CLIENT_MODELS_MAX     64
#define STORE_CLIENT_TEXT_MAX_BYTES 16384 /* of all models together */

struct store_client {
    struct span id, name;
    struct span role, priority, data_use, group; /* words; absent = none said */
    uint32_t weight;
    /* requests per minute, day, month; tokens per minute, day, month; concurrency. 0 = none */
    uint64_t limits[STORE_CLIENT_LIMITS];
    const struct span *models; /* borrowed; none = all */
    uint32_t model_count;
    uint64_t created_ms, expires_ms, revoked_ms;
    uint64_t
        last_used_ms; /* kept up by the store itself from what is recorded; ignored when writing */
    uint32_t key_count;
    struct {
        uint8_t hash[STORE_CLIENT_HASH_BYTES];
        uint64_t until_ms; /* 0 = as long as the client */
    } keys[STORE_CLIENT_KEYS_MAX];
};
typedef void (*store_client_cb)(void *context, const struct store_client *client);

/* ERR_EXISTS: a client of that id or with that key is there; ERR_TOO_LARGE, ERR_INVALID: beyond the bounds above. */
int store_client_insert(struct store_db *db, const struct store_client *client) WARN_UNUSED;
/* All of the row of that id but created_ms. ERR_NOT_FOUND. */
int store_client_update(struct store_db *db, const struct store_client *client) WARN_UNUSED;
int store_client_delete(struct store_db *db, struct span id) WARN_UNUSED; /* ERR_NOT_FOUND */
int store_client_get(struct store_db *db, struct span id, store_client_cb each,
                     void *context) WARN_UNUSED; /* ERR_NOT_FOUND */
/* In the order they were made. */
int store_clients_each(struct store_db *db, store_client_cb each, void *context) WARN_UNUSED;
