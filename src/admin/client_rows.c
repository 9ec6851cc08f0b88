// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of clients: read, shown, and made into a table.
 *
 * The store keeps words and numbers; what they mean is client/'s. A word that this version does not know (written by a newer one)
 * is taken for the strictest reading: no admin, no training. Promises: no key is here but the one that was just made; the table
 * knows either every client or nobody. Leaves to others: changing rows (clients.c), who may.
 */
#include "admin/client_rows.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>

#define TEXTS_MAX_BYTES ((size_t)512 * 1024 * 1024)

/* --- one row --- */

static int copy(struct arena *arena, struct span *text, int err) {
    return err == 0 && !span_absent(*text) ? arena_copy(arena, *text, text) : err;
}

int client_rows_keep(struct arena *arena, const struct store_client *row,
                     struct client_kept *ret_kept) {
    ret_kept->row = *row;
    int err = copy(arena, &ret_kept->row.id, 0);
    err = copy(arena, &ret_kept->row.name, err);
    err = copy(arena, &ret_kept->row.role, err);
    err = copy(arena, &ret_kept->row.priority, err);
    err = copy(arena, &ret_kept->row.data_use, err);
    err = copy(arena, &ret_kept->row.group, err);
    check(row->model_count <= STORE_CLIENT_MODELS_MAX);
    for (uint32_t i = 0; i < row->model_count; i++) {
        ret_kept->models[i] = row->models[i];
        err = copy(arena, &ret_kept->models[i], err);
    }
    ret_kept->row.models = ret_kept->models;
    ret_kept->found = err == 0;
    return err;
}

struct search {
    struct span name;
    struct arena *arena;
    struct client_kept *kept;
    uint32_t count;
    bool revoked_too;
    int err;
};

static void on_found(void *context, const struct store_client *row) {
    struct search *search = context;
    search->count++;
    search->err = client_rows_keep(search->arena, row, search->kept);
}

static void on_row(void *context, const struct store_client *row) {
    struct search *search = context;
    bool meant = row->revoked_ms == 0 || search->revoked_too;
    if (meant && span_equal(row->name, search->name) && search->err == 0)
        on_found(context, row);
}

int client_rows_find(struct store_db *db, struct span name, struct arena *arena,
                     struct client_kept *ret_kept) {
    struct search search = {.name = name, .arena = arena, .kept = ret_kept};
    int err = store_client_get(db, name, on_found, &search);
    if (err == ERR_NOT_FOUND) {
        err = store_clients_each(db, on_row, &search);
        search.revoked_too = err == 0 && search.count == 0; /* nobody else has that name */
        if (search.revoked_too)
            err = store_clients_each(db, on_row, &search);
        if (err == 0 && search.count != 1)
            err = search.count == 0 ? ERR_NOT_FOUND : ERR_DUPLICATE;
    }
    return err == 0 ? search.err : err;
}

/* --- as JSON --- */

static void put_limits(struct json_writer *writer, const struct store_client *row) {
    _Static_assert((int)STORE_CLIENT_LIMITS == (int)CLIENT_LIMIT_COUNT, "one column each");
    json_open_object(writer, "limits");
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        const char *word = client_limit_word((enum client_limit)i);
        if (row->limits[i] > 0)
            json_put_u64(writer, word, row->limits[i]);
        else
            json_put_null(writer, word);
    }
    json_close_object(writer);
}

void client_rows_put(struct json_writer *writer, const struct store_client *row, struct span key) {
    static const struct span user = SPAN_LITERAL("client"), normal = SPAN_LITERAL("normal");
    json_open_object(writer, NULL);
    json_put_text(writer, "id", row->id);
    json_put_text(writer, "name", row->name);
    json_put_text(writer, "role", span_absent(row->role) ? user : row->role);
    json_put_time(writer, "created_at", (int64_t)row->created_ms);
    json_put_time(writer, "expires_at", (int64_t)row->expires_ms);
    json_put_time(writer, "revoked_at", (int64_t)row->revoked_ms);
    if (row->model_count == 0) {
        json_put_null(writer, "models");
    } else {
        json_open_list(writer, "models");
        for (uint32_t i = 0; i < row->model_count; i++)
            json_put_text(writer, NULL, row->models[i]);
        json_close_list(writer);
    }
    put_limits(writer, row);
    json_put_text(writer, "data_use", row->data_use);
    json_put_text(writer, "priority", span_absent(row->priority) ? normal : row->priority);
    json_put_time(writer, "last_used_at", (int64_t)row->last_used_ms);
    if (!span_absent(key))
        json_put_text(writer, "key", key);
    json_close_object(writer);
}

/* --- the table --- */

struct gathering {
    struct arena arena;
    struct client_row *rows; /* owned */
    uint32_t count, room;
    int err;
};

static int add_texts(struct gathering *gathering, const struct store_client *from,
                     struct client_row *row) {
    struct arena *arena = &gathering->arena;
    struct span *models = NULL;
    int err = arena_copy(arena, from->name, &row->name);
    if (from->model_count > 0) {
        models = arena_try_alloc(arena, from->model_count * sizeof *models);
        if (models == NULL)
            return ERR_TOO_LARGE;
    }
    for (uint32_t i = 0; i < from->model_count && err == 0; i++)
        err = arena_copy(arena, from->models[i], &models[i]);
    row->models = models;
    return err;
}

static int add_row(struct gathering *gathering, const struct store_client *from) {
    struct client_row *row = &gathering->rows[gathering->count];
    enum client_role role = CLIENT_USER;
    enum client_priority priority = CLIENT_NORMAL;
    (void)client_role_find(from->role, &role);
    (void)client_priority_find(from->priority, &priority);
    if (from->id.len >= CLIENT_ID_BYTES)
        return ERR_TOO_LARGE;
    *row = (struct client_row){
        .client = {.role = (uint8_t)role,
                   .priority = (uint8_t)priority,
                   .no_training = !span_absent(from->data_use) && !span_is(from->data_use, "any"),
                   .weight = (uint16_t)(from->weight > 0 && from->weight <= CLIENT_WEIGHT_MAX
                                            ? from->weight
                                            : CLIENT_WEIGHT_DEFAULT),
                   .model_count = (uint16_t)from->model_count,
                   .expires_ms = (int64_t)from->expires_ms,
                   .revoked_ms = (int64_t)from->revoked_ms},
        .key_count = from->key_count};
    memcpy(row->client.id, from->id.ptr, from->id.len);
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        row->client.limits.amount[i] = from->limits[i];
    for (uint32_t i = 0; i < from->key_count; i++) {
        memcpy(row->keys[i].hash.bytes, from->keys[i].hash, sizeof row->keys[i].hash.bytes);
        row->keys[i].until_ms = (int64_t)from->keys[i].until_ms;
    }
    int err = add_texts(gathering, from, row);
    gathering->count += err == 0;
    return err;
}

static void on_client(void *context, const struct store_client *from) {
    struct gathering *gathering = context;
    if (gathering->err < 0)
        return;
    if (gathering->count == gathering->room) {
        gathering->room = gathering->room > 0 ? 2 * gathering->room : 64;
        gathering->rows = mem_realloc(gathering->rows, gathering->room * sizeof *gathering->rows);
    }
    gathering->err = gathering->count < CLIENTS_MAX ? add_row(gathering, from) : ERR_TOO_LARGE;
}

int client_rows_table(struct store_db *db, struct secret *hash_key,
                      struct client_table **ret_table) {
    struct gathering gathering = {0};
    *ret_table = NULL;
    arena_init(&gathering.arena, NULL, 0, TEXTS_MAX_BYTES);
    int err = store_clients_each(db, on_client, &gathering);
    if (err == 0)
        err = gathering.err;
    if (err == 0 && gathering.count > 0)
        err = hash_key == NULL
                  ? ERR_SEAL
                  : client_table_new(gathering.rows, gathering.count, hash_key, ret_table);
    mem_free(gathering.rows);
    arena_reset(&gathering.arena);
    return err;
}
