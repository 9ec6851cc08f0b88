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
#include "app/app_parts.h"
#include "gateway/desk.h"
#include "obs/log.h"
#include "store/store.h"
#include "vault/vault.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_NAME "first"

struct row_reading {
    struct app *app;            /* borrowed */
    struct secret *hash_key;    /* owned; NULL = none is known */
    struct client_table *table; /* owned */
};

static int run_read(struct store_db *db, void *context) {
    struct row_reading *reading = context;
    return client_rows_table(db, reading->hash_key, &reading->table);
}

static void reading_done(struct row_reading *reading) {
    client_table_unref(reading->table);
    secret_unref(reading->hash_key);
}

/* Lists their limits, charged with what was used, and lets nobody in. */
static int read_limits(struct app *app) {
    struct row_reading reading = {.app = app, .hash_key = vault_clients_key(app->vault)};
    int err = app->store != NULL ? store_run(app->store, STORE_READ, run_read, &reading) : 0;
    char why[VAULT_WHY_BYTES];
    bool locked = err == ERR_SEAL && vault_look(app->vault, why) == VAULT_LOCKED;
    app->clients_unread = err < 0;
    if (err < 0 && !locked)
        roster_set_unread(app->gateway->roster); /* nobody is refused for what nobody could read */
    if (err < 0)
        log_event(LOG_ERROR, "clients.unread", "error=\"%s\" effect=\"no key is known\"",
                  err_text(err));
    if (reading.table != NULL) {
        desk_clients(app->gateway->desk, reading.table, &app->admin.clients_zone);
        clients_charge(app);
    }
    reading_done(&reading);
    return err;
}

/* On the store's thread, between its jobs: no client that is changed meanwhile is forgotten. */
static void publish(void *context, int err) {
    struct row_reading *reading = context;
    if (err == 0)
        gateway_clients(reading->app->gateway, reading->table, &reading->app->admin.clients_zone);
}

static void let_in(struct app *app) {
    struct row_reading reading = {.app = app, .hash_key = vault_clients_key(app->vault)};
    int err = app->store != NULL
                  ? store_run_then(app->store, STORE_WRITE, run_read, publish, &reading)
                  : 0;
    app->clients_unread = app->clients_unread || err < 0;
    reading_done(&reading);
}

void clients_join(struct app *app) {
    app->admin.clients_zone = zone_utc;
    if (read_limits(app) == 0)
        let_in(app);
}

void clients_again(struct app *app) {
    if (!app->clients_unread)
        return;
    clients_join(app);
    if (!app->clients_unread)
        log_event(LOG_INFO, "clients.read", "was=unread");
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

/* The commands want the directory as it was given here. */
static const char *data_option(const struct app *app) {
    return app->options->data_dir != NULL ? " --data " : "";
}

static const char *data_named(const struct app *app) {
    return app->options->data_dir != NULL ? app->options->data_dir : "";
}

static int make_first(struct app *app) {
    struct first first = {.vault = app->vault};
    int err = store_run(app->store, STORE_WRITE, run_first, &first);
    vault_settle(app->vault, err);
    if (err == 0) {
        gateway_clients(app->gateway, first.table, &app->admin.clients_zone);
        (void)printf("  first key     %.*s\n"
                     "                shown this once; more: papi client add NAME%s%s\n",
                     SPAN_ARG(secret_reveal(first.key)), data_option(app), data_named(app));
    }
    client_table_unref(first.table);
    secret_unref(first.key);
    return err;
}

static void tell_no_clients(struct app *app) {
    char why[VAULT_WHY_BYTES];
    if (app->store == NULL)
        (void)printf("  no clients    every request needs a key, and without a store there can be "
                     "none: set store: {url: \"sqlite:\"}\n");
    else if (vault_look(app->vault, why) == VAULT_LOCKED)
        (void)printf("  no clients    the vault is locked, so no key is recognised: %s\n", why);
    else
        (void)printf("  no clients    every request needs a key, and nobody has one yet: papi "
                     "client add NAME%s%s\n",
                     data_option(app), data_named(app));
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
        tell_no_clients(app);
    (void)fflush(stdout);
}
