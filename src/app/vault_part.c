// SPDX-License-Identifier: Apache-2.0
/*
 * The vault as a part of the running gateway: its master key's files, reading it at the start, and saying what cannot be opened.
 *
 * Why a locked vault does not hinder a start: keys of the environment and the configuration still serve, and whoever runs this must be able
 * to ask what is wrong. Promises: one clear line for each thing that cannot be opened, with the cure. Leaves to others: sealing (vault/),
 * the key's file (master_key.c), using keys (offer.c).
 */
#include "app/vault_part.h"
#include "app/app_parts.h"
#include "app/master_key.h"

#include "obs/log.h"

#include <stdio.h>

static int open_master(void *context, bool may_make, struct secret **ret_key,
                       struct secret **ret_next, char ret_why[VAULT_WHY_BYTES]) {
    struct vault_place *place = context;
    struct master_key master;
    int err = master_key_open(place->data_dir, place->given, may_make, &master);
    if (err < 0) {
        (void)snprintf(ret_why, VAULT_WHY_BYTES, "%s", master.why);
        return err;
    }
    if (master.made)
        log_event(LOG_INFO, "vault.key_made",
                  "file=\"%s/" MASTER_KEY_FILE "\" note=\"back it up apart from the database\"",
                  place->data_dir);
    *ret_key = secret_ref(master.key);
    *ret_next = master.next != NULL ? secret_ref(master.next) : NULL;
    master_key_close(&master);
    return 0;
}

static void end_rotation(void *context, bool carried_through) {
    struct vault_place *place = context;
    int err =
        carried_through ? master_key_commit(place->data_dir) : master_key_abandon(place->data_dir);
    log_event(err < 0 ? LOG_ERROR : LOG_WARN, "vault.rotation_ended", "carried_through=%s%s",
              carried_through ? "yes" : "no", err < 0 ? " error=\"the files stay\"" : "");
}

static int run_open(struct store_db *db, void *context) {
    return vault_open(context, db);
}

static void settle(void *context, int err) {
    vault_settle(context, err);
}

static int open_in(struct vault *vault, struct store *store) {
    return store_run_then(store, STORE_WRITE, run_open, settle, vault);
}

struct vault *vault_place_open(struct vault_place *place, struct store *store) {
    const struct vault_master master = {open_master, end_rotation, place};
    struct vault *vault = vault_new(&master);
    int err = store != NULL ? open_in(vault, store) : 0;
    if (err < 0)
        log_event(LOG_ERROR, "vault.unread", "error=\"%s\" cure=\"mend the store, then reload\"",
                  err_text(err));
    return vault;
}

static void tell_closed(struct vault *vault) {
    char why[VAULT_WHY_BYTES];
    bool locked = vault_look(vault, why) == VAULT_LOCKED;
    const struct vault_contents *contents = vault_get(vault);
    if (locked)
        log_event(LOG_ERROR, "vault.locked", "keys=%u why=\"%s\"", contents->closed_count, why);
    for (uint32_t i = 0; i < contents->key_count; i++) {
        const struct vault_key *key = &contents->keys[i];
        if (key->key == NULL)
            log_event(LOG_ERROR, "vault.key_closed",
                      "provider=%.*s account=%.*s fingerprint=%s cure=\"%s, or give it anew: papi "
                      "provider remove %.*s, papi provider add %.*s\"",
                      SPAN_ARG(key->provider), SPAN_ARG(key->account), key->fingerprint,
                      locked ? "put the master key back" : "restore the database",
                      SPAN_ARG(key->provider), SPAN_ARG(key->provider));
    }
    vault_contents_unref(contents);
}

int vault_start(struct app *app) {
    app->vault_place.data_dir = app->data_dir;
    app->vault = vault_place_open(&app->vault_place, app->store);
    app->board = provider_board_new();
    tell_closed(app->vault);
    return 0;
}

void vault_again(struct app *app) {
    char why[VAULT_WHY_BYTES];
    enum vault_state before = vault_look(app->vault, why);
    if (app->store == NULL || (before != VAULT_UNREAD && before != VAULT_LOCKED))
        return;
    int err = open_in(app->vault, app->store);
    if (err < 0)
        log_event(LOG_ERROR, "vault.unread", "error=\"%s\"", err_text(err));
    else
        tell_closed(app->vault);
    if (vault_look(app->vault, why) == VAULT_OPEN)
        log_event(LOG_INFO, "vault.opened", "was=%s", before == VAULT_LOCKED ? "locked" : "unread");
}

void vault_stop(struct app *app) {
    vault_free(app->vault);
    provider_board_free(app->board);
    secret_unref(app->vault_place.given);
    app->vault = NULL;
    app->board = NULL;
    app->vault_place.given = NULL;
}

int vault_take_environment(struct app *app) {
    if (master_key_take_environment(&app->vault_place.given) == 0)
        return 0;
    return app_fail("not started: " MASTER_KEY_VARIABLE " holds no key: wanted are 64 hexadecimal "
                    "digits, or base64 of 32 bytes (openssl rand -hex 32)");
}
