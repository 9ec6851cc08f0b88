// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the files of the vault share: vault.c keeps and opens, contents.c reads all, change.c writes. Not for others. */
#include "vault/vault.h"

#include "crypto/seal.h"

#include <pthread.h>

/* What can be seen of a vault at one moment. Jobs work on a copy, which takes its place when they were committed. */
struct vault_view {
    enum vault_state state;
    char why[VAULT_WHY_BYTES];
    struct keyring ring;                   /* owned; empty unless open */
    const struct vault_contents *contents; /* ref; never NULL */
};

struct vault {
    struct vault_master master;
    pthread_mutex_t lock; /* guards `now` */
    struct vault_view now;
    struct vault_view next; /* the store's writing thread only */
    bool edited;            /* there is a `next` */
};

/* The copy that the running job works on. */
struct vault_view *vault__edit(struct vault *vault);
/* Reads all of the store with the view's ring into the view. */
int vault__read(struct vault_view *view, struct store_db *db) WARN_UNUSED;
/* An object with nothing in it; one ref. */
const struct vault_contents *vault__no_contents(void);

struct seal_labels vault__key_labels(struct span provider, struct span account,
                                     struct span billing);
/* Writes what the master key is recognised by, and the clients' hashing key where it is no longer the derived one. */
int vault__bind(const struct keyring *ring, bool clients_kept, struct store_db *db) WARN_UNUSED;
