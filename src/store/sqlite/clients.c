// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of clients and of the hashes of their keys.
 *
 * Models are kept as one text, a pattern a line: a pattern cannot hold a line break. Promises: what is written is read back the same;
 * a hash belongs to one client. Leaves to others: what any of it means (client/).
 */
#include "store/clients.h"

#include "base/check.h"
#include "base/dynbuf.h"
#include "store/sqlite/db.h"

#define CLIENT_COLUMNS                                                          \
    "id, name, role, priority, data_use, team, weight, requests_per_minute, "   \
    "requests_per_day, requests_per_month, tokens_per_minute, tokens_per_day, " \
    "tokens_per_month, concurrency, models, expires_ms, revoked_ms, created_ms, last_used_ms"

static int check_client(const struct store_client *client) {
    size_t bytes = 0;
    if (client->id.len == 0 || client->key_count > STORE_CLIENT_KEYS_MAX)
        return ERR_INVALID;
    if (client->model_count > STORE_CLIENT_MODELS_MAX)
        return ERR_TOO_LARGE;
    for (uint32_t i = 0; i < client->model_count; i++) {
        struct span model = client->models[i];
        if (model.len == 0 || memchr(model.ptr, '\n', model.len) != NULL)
            return ERR_INVALID;
        bytes += model.len + 1;
    }
    return bytes > STORE_CLIENT_TEXT_MAX_BYTES ? ERR_TOO_LARGE : 0;
}

static int join_models(const struct store_client *client, struct dynbuf *out) {
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < client->model_count; i++) {
        err = dynbuf_append_span(out, client->models[i]);
        if (err == 0)
            err = dynbuf_append_char(out, '\n');
    }
    return err;
}

/* From the name on to revoked_ms, in the order of the columns. */
static void bind_client(struct statement *statement, const struct store_client *client,
                        struct span models) {
    bind_text(statement, client->name);
    bind_text_or_null(statement, client->role);
    bind_text_or_null(statement, client->priority);
    bind_text_or_null(statement, client->data_use);
    bind_text_or_null(statement, client->group);
    bind_int(statement, client->weight);
    for (int i = 0; i < STORE_CLIENT_LIMITS; i++)
        bind_int(statement, client->limits[i]);
    bind_text_or_null(statement, client->model_count > 0 ? models : SPAN_NONE);
    bind_int(statement, client->expires_ms);
    bind_int(statement, client->revoked_ms);
}

static int write_keys(struct store_db *db, const struct store_client *client) {
    struct statement drop = db_statement(db, "DELETE FROM client_key WHERE client=?");
    bind_text(&drop, client->id);
    int err = statement_run(&drop);
    for (uint32_t i = 0; err == 0 && i < client->key_count; i++) {
        struct statement add = db_statement(
            db, "INSERT INTO client_key(hash, client, place, until_ms) VALUES(?,?,?,?)");
        bind_blob(&add, span_of((const char *)client->keys[i].hash, sizeof client->keys[i].hash));
        bind_text(&add, client->id);
        bind_int(&add, i);
        bind_int(&add, client->keys[i].until_ms);
        err = statement_run(&add);
    }
    return err;
}

int store_client_insert(struct store_db *db, const struct store_client *client) {
    struct dynbuf models;
    int err = check_client(client);
    if (err < 0)
        return err;
    dynbuf_init(&models, STORE_CLIENT_TEXT_MAX_BYTES);
    err = join_models(client, &models);
    if (err == 0) {
        struct statement insert =
            db_statement(db, "INSERT INTO client(" CLIENT_COLUMNS
                             ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0)");
        bind_text(&insert, client->id);
        bind_client(&insert, client, dynbuf_span(&models));
        bind_int(&insert, client->created_ms);
        err = statement_run(&insert);
    }
    dynbuf_done(&models);
    return err < 0 ? err : write_keys(db, client);
}

int store_client_update(struct store_db *db, const struct store_client *client) {
    struct dynbuf models;
    int err = check_client(client);
    if (err < 0)
        return err;
    dynbuf_init(&models, STORE_CLIENT_TEXT_MAX_BYTES);
    err = join_models(client, &models);
    if (err == 0) {
        struct statement update = db_statement(
            db, "UPDATE client SET name=?, role=?, priority=?, data_use=?, team=?, weight=?, "
                "requests_per_minute=?, requests_per_day=?, requests_per_month=?, "
                "tokens_per_minute=?, tokens_per_day=?, tokens_per_month=?, concurrency=?, "
                "models=?, expires_ms=?, revoked_ms=? WHERE id=?");
        bind_client(&update, client, dynbuf_span(&models));
        bind_text(&update, client->id);
        err = statement_change_one(&update);
    }
    dynbuf_done(&models);
    return err < 0 ? err : write_keys(db, client);
}

int store_client_delete(struct store_db *db, struct span id) {
    struct statement statement = db_statement(db, "DELETE FROM client WHERE id=?");
    bind_text(&statement, id);
    return statement_change_one(&statement);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int read_keys(struct store_db *db, struct store_client *client) {
    struct statement keys = db_statement(
        db, "SELECT hash, until_ms FROM client_key WHERE client=? ORDER BY place LIMIT 2");
    bind_text(&keys, client->id);
    int err = statement_step(&keys);
    for (; err > 0; err = statement_step(&keys)) {
        struct span hash = column_span(&keys, 0);
        if (hash.len != STORE_CLIENT_HASH_BYTES || client->key_count == STORE_CLIENT_KEYS_MAX)
            continue;
        memcpy(client->keys[client->key_count].hash, hash.ptr, hash.len);
        client->keys[client->key_count++].until_ms = column_int(&keys, 1);
    }
    statement_done(&keys);
    return err;
}

static void split_models(struct span text, struct span *models, struct store_client *client) {
    struct span model;
    client->models = models;
    while (client->model_count < STORE_CLIENT_MODELS_MAX && span_split(&text, '\n', &model))
        if (model.len > 0)
            models[client->model_count++] = model;
}

static int tell(struct store_db *db, struct statement *row, store_client_cb each, void *context) {
    struct span models[STORE_CLIENT_MODELS_MAX];
    struct store_client client = {
        .id = column_span(row, 0),
        .name = column_span(row, 1),
        .role = column_span(row, 2),
        .priority = column_span(row, 3),
        .data_use = column_span(row, 4),
        .group = column_span(row, 5),
        .weight = (uint32_t)column_int(row, 6),
        .expires_ms = column_int(row, 15),
        .revoked_ms = column_int(row, 16),
        .created_ms = column_int(row, 17),
        .last_used_ms = column_int(row, 18),
    };
    for (int i = 0; i < STORE_CLIENT_LIMITS; i++)
        client.limits[i] = column_int(row, 7 + i);
    split_models(column_span(row, 14), models, &client);
    int err = read_keys(db, &client);
    if (err == 0)
        each(context, &client);
    return err;
}

int store_client_get(struct store_db *db, struct span id, store_client_cb each, void *context) {
    struct statement row = db_statement(db, "SELECT " CLIENT_COLUMNS " FROM client WHERE id=?");
    bind_text(&row, id);
    int err = statement_step(&row);
    if (err > 0)
        err = tell(db, &row, each, context);
    else if (err == 0)
        err = ERR_NOT_FOUND;
    statement_done(&row);
    return err;
}

int store_clients_each(struct store_db *db, store_client_cb each, void *context) {
    struct statement row =
        db_statement(db, "SELECT " CLIENT_COLUMNS " FROM client ORDER BY number");
    int err = statement_step(&row);
    while (err > 0) {
        err = tell(db, &row, each, context);
        if (err == 0)
            err = statement_step(&row);
    }
    statement_done(&row);
    return err;
}
