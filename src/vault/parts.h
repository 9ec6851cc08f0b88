// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the files of the vault share: vault.c keeps and opens, contents.c reads all, change.c writes. Not for others. */
#include "vault/vault.h"

#include "base/arena.h"
#include "crypto/seal.h"

#include <pthread.h>
#include <stdatomic.h>

/* Contents with what they consist of. */
struct vault__holder {
    struct vault_contents contents; /* first: a pointer to it is one to the holder */
    atomic_int references;
    struct arena arena;
    struct vault_key *keys;
    struct vault_pause *pauses;
    struct vault_extra *extras;
};

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
struct vault__holder *vault__new_holder(void);
/* An object with nothing in it; one ref. */
const struct vault_contents *vault__no_contents(void);

struct seal_labels vault__key_labels(struct span provider, struct span account,
                                     struct span billing);
#define VAULT__NOTE_EXTRAS "vault.extras" /* lines NAME=value */
int vault__write_note(const struct keyring *ring, const char *name, const struct secret *plain,
                      struct store_db *db) WARN_UNUSED;
/* ERR_NOT_FOUND: there is none; ERR_SEAL: not with this ring. */
int vault__read_note(const struct keyring *ring, const char *name, struct store_db *db,
                     struct secret **ret_plain) WARN_UNUSED;
/* Writes what the master key is recognised by, and the clients' hashing key where it is no longer the derived one. */
int vault__bind(const struct keyring *ring, bool clients_kept, struct store_db *db) WARN_UNUSED;
