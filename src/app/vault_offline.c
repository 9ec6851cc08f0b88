// SPDX-License-Identifier: Apache-2.0
/*
 * Working on a vault without a gateway.
 *
 * A rotation in four durable steps: the next key is written beside the present one; everything is sealed anew in one transaction; the
 * next key takes the present one's name; the old one is gone. Whatever is cut, the known word in the database tells at the next
 * opening which of the two files is the key (vault/vault.c).
 * Promises: the lock of the data directory is held all the time. Leaves to others: what commands say.
 */
#include "app/vault_offline.h"

#include "app/data_dir.h"
#include "app/master_key.h"
#include "crypto/key.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define OFFLINE_ARENA_MAX_BYTES ((size_t)64 * 1024)

struct rotation {
    struct vault *vault;
    const struct secret *next;
    uint32_t count;
};

static int fail(struct vault_offline *offline, int err, const char *what) {
    (void)snprintf(offline->why, sizeof offline->why, "%s %s: %s", offline->data_dir, what,
                   err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    return err;
}

static int open_store(struct vault_offline *offline) {
    struct store_config config;
    struct store_state state;
    store_config_default(&config);
    config.loop_count = 1;
    config.path = arena_format(&offline->arena, "%s/papi.db", offline->data_dir);
    if (config.path == NULL)
        return fail(offline, ERR_TOO_LARGE, "cannot be used");
    int err = store_open(&config, &offline->store);
    if (err < 0)
        return fail(offline, err, "cannot be used");
    store_state(offline->store, &state);
    if (state.condition == STORE_IS_OK)
        return 0;
    (void)snprintf(offline->why, sizeof offline->why, "%s cannot be used: %s", config.path,
                   state.reason);
    return ERR_STORE;
}

int vault_offline_open(struct vault_offline *offline, const char *data) {
    *offline = (struct vault_offline){.lock_fd = -1};
    arena_init(&offline->arena, NULL, 0, OFFLINE_ARENA_MAX_BYTES);
    offline->data_dir = data_dir_find(data, &offline->arena);
    if (offline->data_dir == NULL || access(offline->data_dir, F_OK) != 0) {
        (void)snprintf(offline->why, sizeof offline->why,
                       "no PAPI runs, and there is no data directory %s: start `papi serve` once, "
                       "or name another with --data DIR",
                       offline->data_dir != NULL ? offline->data_dir : "");
        return ERR_NOT_FOUND;
    }
    int err = data_dir_lock(offline->data_dir, &offline->lock_fd);
    if (err == ERR_BUSY) {
        (void)snprintf(offline->why, sizeof offline->why,
                       "%s is in use by a PAPI that cannot be asked now", offline->data_dir);
        return err;
    }
    if (err < 0)
        return fail(offline, err, "cannot be used");
    offline->place.data_dir = offline->data_dir;
    err = master_key_take_environment(&offline->place.given);
    if (err < 0)
        return fail(offline, err, "cannot be opened with what stands in " MASTER_KEY_VARIABLE);
    err = open_store(offline);
    if (err == 0)
        offline->vault = vault_place_open(&offline->place, offline->store);
    return err;
}

void vault_offline_close(struct vault_offline *offline) {
    store_close(offline->store);
    vault_free(offline->vault);
    secret_unref(offline->place.given);
    if (offline->lock_fd >= 0)
        data_dir_unlock(offline->lock_fd);
    arena_reset(&offline->arena);
}

static int run_rotate(struct store_db *db, void *context) {
    struct rotation *rotation = context;
    return vault_rotate(rotation->vault, db, rotation->next, &rotation->count);
}

static int run_start_over(struct store_db *db, void *context) {
    struct rotation *rotation = context;
    return vault_start_over(rotation->vault, db, &rotation->count);
}

static int run_need(struct store_db *db, void *context) {
    return vault_need(context, db);
}

static int work(struct vault_offline *offline, int (*run)(struct store_db *db, void *context),
                void *context) {
    int err = store_run(offline->store, STORE_WRITE, run, context);
    vault_settle(offline->vault, err);
    return err;
}

static int fail_work(struct vault_offline *offline, int err) {
    char why[VAULT_WHY_BYTES];
    if (err == ERR_SEAL && vault_look(offline->vault, why) == VAULT_LOCKED)
        (void)snprintf(offline->why, sizeof offline->why, "%s", why);
    else if (err == ERR_SEAL)
        (void)snprintf(offline->why, sizeof offline->why,
                       "some keys cannot be opened and would be lost: remove them first (papi "
                       "provider remove), or restore the database");
    else
        (void)fail(offline, err, "cannot be changed");
    return err;
}

static int rotate_file(struct vault_offline *offline, struct rotation *rotation) {
    int err = master_key_stage(offline->data_dir, rotation->next);
    if (err < 0)
        return fail(offline, err, "cannot take a new key file");
    err = work(offline, run_rotate, rotation);
    /* After an error of a disk nobody knows which of the two it is: the next opening finds out and ends this. */
    if (err == ERR_SEAL && master_key_abandon(offline->data_dir) < 0)
        return fail(offline, ERR_SYSTEM, "keeps a file key.new that could not be removed");
    if (err < 0)
        return fail_work(offline, err);
    err = master_key_commit(offline->data_dir);
    return err < 0 ? fail(offline, err, "keeps its new key as key.new; the next start ends this")
                   : 0;
}

int vault_offline_rotate(struct vault_offline *offline, struct secret *next,
                         uint32_t *ret_resealed) {
    struct secret *fresh = NULL;
    int err = work(offline, run_need, offline->vault);
    if (err < 0)
        return fail_work(offline, err);
    if (next == NULL)
        err = key_new(&fresh);
    if (err < 0)
        return fail(offline, err, "cannot be sealed anew");
    struct rotation rotation = {.vault = offline->vault, .next = next != NULL ? next : fresh};
    if (offline->place.given == NULL) {
        err = rotate_file(offline, &rotation);
    } else {
        err = work(offline, run_rotate, &rotation);
        if (err < 0)
            (void)fail_work(offline, err);
    }
    *ret_resealed = rotation.count;
    secret_unref(fresh);
    return err;
}

int vault_offline_start_over(struct vault_offline *offline, uint32_t *ret_forgotten) {
    struct rotation rotation = {.vault = offline->vault};
    int err = work(offline, run_start_over, &rotation);
    *ret_forgotten = rotation.count;
    if (err == ERR_UNSUPPORTED)
        (void)snprintf(offline->why, sizeof offline->why,
                       "the vault opens: there is nothing to start over");
    else if (err < 0)
        (void)fail_work(offline, err);
    return err;
}
