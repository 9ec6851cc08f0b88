// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of sealed provider keys, of paused providers, and notes.
 *
 * Promises: bytes come back as they were given; nothing here can open what is sealed. Leaves to others: sealing (vault/).
 */
#include "store/keys.h"

#include "store/sqlite/db.h"

int store_key_insert(struct store_db *db, const struct store_key *key) {
    if (key->sealed.len > STORE_SEALED_MAX_BYTES)
        return ERR_TOO_LARGE;
    struct statement insert = db_statement(
        db, "INSERT INTO provider_key(provider, account, fingerprint, billing, sealed, created_ms) "
            "VALUES(?,?,?,?,?,?)");
    bind_text(&insert, key->provider);
    bind_text(&insert, key->account);
    bind_text(&insert, key->fingerprint);
    bind_text_or_null(&insert, key->billing);
    bind_blob(&insert, key->sealed);
    bind_int(&insert, key->created_ms);
    return statement_run(&insert);
}

int store_key_update(struct store_db *db, const struct store_key *key) {
    if (key->sealed.len > STORE_SEALED_MAX_BYTES)
        return ERR_TOO_LARGE;
    struct statement update =
        db_statement(db, "UPDATE provider_key SET billing=?, sealed=? WHERE provider=? AND "
                         "account=? AND fingerprint=?");
    bind_text_or_null(&update, key->billing);
    bind_blob(&update, key->sealed);
    bind_text(&update, key->provider);
    bind_text(&update, key->account);
    bind_text(&update, key->fingerprint);
    return statement_change_one(&update);
}

int store_keys_delete(struct store_db *db, struct span provider, struct span account,
                      uint32_t *ret_deleted) {
    struct statement statement = db_statement(
        db, "DELETE FROM provider_key WHERE provider=?1 AND (?2 IS NULL OR account=?2)");
    bind_text(&statement, provider);
    bind_text_or_null(&statement, account);
    int err = statement_run(&statement);
    *ret_deleted = err == 0 ? (uint32_t)sqlite3_changes(db->sqlite) : 0;
    return err;
}

int store_keys_each(struct store_db *db, store_key_cb each, void *context) {
    struct statement row =
        db_statement(db, "SELECT provider, account, fingerprint, billing, sealed, created_ms FROM "
                         "provider_key ORDER BY provider, account, number");
    int err = statement_step(&row);
    for (; err > 0; err = statement_step(&row))
        each(context, &(struct store_key){.provider = column_span(&row, 0),
                                          .account = column_span(&row, 1),
                                          .fingerprint = column_span(&row, 2),
                                          .billing = column_span(&row, 3),
                                          .sealed = column_span(&row, 4),
                                          .created_ms = column_int(&row, 5)});
    statement_done(&row);
    return err;
}

/* --- pauses ------------------------------------------------------------------------------------------------------- */

int store_pause_set(struct store_db *db, const struct store_pause *pause) {
    struct statement statement = db_statement(
        db, "INSERT OR IGNORE INTO provider_pause(provider, account, since_ms) VALUES(?,?,?)");
    bind_text(&statement, pause->provider);
    bind_text(&statement, pause->account);
    bind_int(&statement, pause->since_ms);
    return statement_run(&statement);
}

int store_pause_clear(struct store_db *db, struct span provider, struct span account) {
    struct statement statement =
        db_statement(db, "DELETE FROM provider_pause WHERE provider=? AND account=?");
    bind_text(&statement, provider);
    bind_text(&statement, account);
    return statement_run(&statement);
}

int store_pauses_each(struct store_db *db, store_pause_cb each, void *context) {
    struct statement row = db_statement(
        db, "SELECT provider, account, since_ms FROM provider_pause ORDER BY provider, account");
    int err = statement_step(&row);
    for (; err > 0; err = statement_step(&row))
        each(context, &(struct store_pause){.provider = column_span(&row, 0),
                                            .account = column_span(&row, 1),
                                            .since_ms = column_int(&row, 2)});
    statement_done(&row);
    return err;
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

int store_note_set(struct store_db *db, struct span name, struct span value) {
    if (value.len > STORE_NOTE_MAX_BYTES)
        return ERR_TOO_LARGE;
    struct statement statement =
        db_statement(db, "INSERT OR REPLACE INTO note(name, value) VALUES(?,?)");
    bind_text(&statement, name);
    bind_blob(&statement, value);
    return statement_run(&statement);
}

int store_note_get(struct store_db *db, struct span name, void *ret_value, size_t size,
                   size_t *ret_length) {
    struct statement row = db_statement(db, "SELECT value FROM note WHERE name=?");
    bind_text(&row, name);
    int err = statement_step(&row);
    if (err > 0) {
        struct span value = column_span(&row, 0);
        *ret_length = value.len;
        if (value.len > 0 && value.len <= size)
            memcpy(ret_value, value.ptr, value.len);
        err = value.len <= size ? 0 : ERR_TOO_LARGE;
    } else if (err == 0) {
        err = ERR_NOT_FOUND;
    }
    statement_done(&row);
    return err;
}
