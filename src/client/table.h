// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * All clients of this instance, as they are at one moment: made whole, never changed, shared by reference. Loops hold one each
 * and get another when something changed; a request keeps the one it began with until its end.
 *
 * Who is asked by key: the key is hashed under a secret of this instance's own, the hash leads to its place, and what stands
 * there is compared in constant time; so neither places nor times tell anything about keys.
 */
#include "base/secret.h"
#include "client/key.h"

#define CLIENTS_MAX 1000000u

struct client_table;

/* A client as it is stored. All borrowed for the call. */
struct client_row {
    struct client client; /* without name, models and number */
    struct span name;
    const struct span *models; /* patterns; model_count of them */
    uint32_t key_count;
    struct {
        struct client_key_hash hash;
        int64_t until_ms; /* 0 = as long as the client */
    } keys[CLIENT_KEYS_MAX];
};

enum client_verdict {
    CLIENT_KNOWN,
    CLIENT_NO_KEY,       /* nothing was presented */
    CLIENT_FOREIGN_KEY,  /* no key of any PAPI */
    CLIENT_MISTYPED_KEY, /* its checksum is wrong */
    CLIENT_UNKNOWN_KEY,  /* well-formed, but not of this instance, or deleted */
    CLIENT_EXPIRED,
    CLIENT_REVOKED,
    CLIENT_REPLACED, /* the key before the present one, and its time is over */
    CLIENT_VERDICT_COUNT
};

/* hash_key is referenced. ERR_DUPLICATE: two rows of one id, or of one key; ERR_TOO_LARGE, ERR_RANGE: a row beyond the bounds of
 * client.h. No rows: a table that knows nobody. */
int client_table_new(const struct client_row *rows, uint32_t count, struct secret *hash_key,
                     struct client_table **ret_table) WARN_UNUSED;
struct client_table *client_table_ref(struct client_table *table);
void client_table_unref(struct client_table *table); /* NULL is fine */

/* ret_client: also set when it has expired or been revoked; else NULL. Borrowed: the table. */
enum client_verdict client_table_find(const struct client_table *table, struct span key,
                                      int64_t now_ms, const struct client **ret_client);
uint32_t client_table_count(const struct client_table *table);
/* Those whom their key lets in at that time. */
uint32_t client_table_count_active(const struct client_table *table, int64_t now_ms);
const struct client *client_table_at(const struct client_table *table, uint32_t index);
const struct client *client_table_by_id(const struct client_table *table,
                                        struct span id); /* NULL */
struct span client_name(const struct client_table *table, const struct client *client);
/* The client's patterns, one after the other: `at` begins at 0. False after the last. */
bool client_model(const struct client_table *table, const struct client *client, uint32_t *at,
                  struct span *ret_pattern);
/* Whether it may ask for that model by that name. */
bool client_may_use(const struct client_table *table, const struct client *client,
                    struct span model);
/* What the table takes, its own block and all. */
size_t client_table_bytes(const struct client_table *table);
