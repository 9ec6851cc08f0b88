// SPDX-License-Identifier: Apache-2.0
/*
 * Clients of a running gateway, from the store to the loops, and the first of them.
 *
 * They are read before anybody is served, so that no key is refused that will be known a moment later. A gateway that needs keys and
 * has no client makes one at its start and shows its key, but on a terminal only: anywhere else the line would stay in a log, so
 * there the command that makes one is told instead.
 * Promises: a key is written to a terminal or nowhere. Leaves to others: changing clients later (admin/clients.c), judging keys.
 */
#include "admin/client_rows.h"
#include "app/late.h"
#include "obs/log.h"
#include "store/store.h"
#include "vault/vault.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_NAME "first"

struct row_reading {
    struct secret *hash_key;    /* borrowed; NULL = none is known */
    struct client_table *table; /* owned */
};

static int run_read(struct store_db *db, void *context) {
    struct row_reading *reading = context;
    return client_rows_table(db, reading->hash_key, &reading->table);
}

void clients_join(struct app *app) {
    struct row_reading reading = {.hash_key = vault_clients_key(app->vault)};
    int err = app->store != NULL ? store_run(app->store, STORE_READ, run_read, &reading) : 0;
    char why[VAULT_WHY_BYTES];
    bool vault_unread = app->store != NULL && vault_look(app->vault, why) == VAULT_UNREAD;
    if (err < 0)
        log_event(LOG_ERROR, "clients.unread", "error=\"%s\" effect=\"no key is known\"",
                  err_text(err));
    app->admin.clients_zone = zone_utc;
    gateway_clients(app->gateway, reading.table, &app->admin.clients_zone);
    if (vault_unread || (err < 0 && err != ERR_SEAL))
        late_note(app);
    else if (reading.table != NULL)
        clients_charge(app);
    client_table_unref(reading.table);
    secret_unref(reading.hash_key);
}

/* --- the first --- */

struct first {
    struct vault *vault;        /* borrowed */
    struct secret *key;         /* owned */
    struct client_table *table; /* owned */
};

static int insert(struct store_db *db, struct first *first, const struct secret *hash_key) {
    char id[CLIENT_ID_BYTES];
    struct client_key_hash hash;
    struct store_client row = {.name = SPAN_LITERAL(FIRST_NAME),
                               .weight = CLIENT_WEIGHT_DEFAULT,
                               .created_ms = clock_wall_ms(),
                               .key_count = 1};
    client_id_make(id);
    row.id = span_text(id);
    client_key_hash(hash_key, secret_reveal(first->key), &hash);
    memcpy(row.keys[0].hash, hash.bytes, sizeof hash.bytes);
    return store_client_insert(db, &row);
}

static int run_first(struct store_db *db, void *context) {
    struct first *first = context;
    struct secret *hash_key;
    int err = client_key_make(CLIENT_USER, &first->key);
    if (err == 0)
        err = vault_need_clients_key(first->vault, db, &hash_key);
    if (err < 0)
        return err;
    err = insert(db, first, hash_key);
    if (err == 0)
        err = client_rows_table(db, hash_key, &first->table);
    secret_unref(hash_key);
    return err;
}

static int make_first(struct app *app) {
    struct first first = {.vault = app->vault};
    int err = store_run(app->store, STORE_WRITE, run_first, &first);
    vault_settle(app->vault, err);
    if (err == 0) {
        gateway_clients(app->gateway, first.table, &app->admin.clients_zone);
        (void)printf("  first key     %.*s\n"
                     "                shown this once; more: papi client add NAME\n",
                     SPAN_ARG(secret_reveal(first.key)));
    }
    client_table_unref(first.table);
    secret_unref(first.key);
    return err;
}

void clients_greet(struct app *app) {
    struct roster_view view = {0};
    const struct client_table *table = roster_look(app->gateway->roster, &view);
    bool none = table == NULL || client_table_count_active(table, (int64_t)clock_wall_ms()) == 0;
    roster_view_done(&view);
    if (!app->admin.keys_mode || !none || roster_is_unread(app->gateway->roster))
        return;
    bool shown =
        isatty(STDOUT_FILENO) != 0 && app->store != NULL && table == NULL && make_first(app) == 0;
    if (!shown)
        (void)printf("  no clients    every request needs a key, and nobody has one yet: papi "
                     "client add NAME\n");
    (void)fflush(stdout);
}
