// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Clients as the store keeps them, as JSON, and as the table that requests are judged by. */
#include "base/arena.h"
#include "client/table.h"
#include "store/clients.h"
#include "json/writer.h"

/* A row that outlives the call it came by. */
struct client_kept {
    struct store_client row; /* its texts: arena */
    struct span models[STORE_CLIENT_MODELS_MAX];
    bool found;
};
/* ERR_TOO_LARGE: the arena is full. */
int client_rows_keep(struct arena *arena, const struct store_client *row,
                     struct client_kept *ret_kept) WARN_UNUSED;
/* By id, else by name when one client alone has it. ERR_NOT_FOUND; ERR_DUPLICATE: several have that name. */
int client_rows_find(struct store_db *db, struct span name, struct arena *arena,
                     struct client_kept *ret_kept) WARN_UNUSED;
/* One client as ADMIN shows it; `key` absent = it is not shown. */
void client_rows_put(struct json_writer *writer, const struct store_client *row, struct span key);

/* All of them. hash_key NULL (the vault is locked): ERR_SEAL when there are any, since none could be known by its key. */
int client_rows_table(struct store_db *db, struct secret *hash_key,
                      struct client_table **ret_table) WARN_UNUSED;
