// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The vault: provider keys that were given to this instance, sealed in the store, and which providers and accounts are paused.
 *
 * Functions that take a `db` belong into a job of the store (store/store.h), which makes each of them one transaction; the others may
 * be called by any thread. What is in the vault is held open in memory, as an unchanging object shared by reference: readers need no
 * store. After a writing job ends, vault_settle makes what it wrote visible, or forgets it.
 */
#include "store/keys.h"
#include "vault/keyring.h"

#define VAULT_WHY_BYTES         512
#define VAULT_KEYS_MAX          4096
#define VAULT_PAUSES_MAX        4096
#define VAULT_ACCOUNT_MAX_BYTES 64
#define VAULT_EXTRA_MAX_BYTES   128

struct vault_key {
    struct span provider, account;
    struct span billing;                           /* "free", "paid"; "" = not said */
    char fingerprint[FINGERPRINT_SHOWN_CHARS + 1]; /* in the open */
    struct secret *key;                            /* ref; NULL = it cannot be opened */
    uint64_t created_ms;
};
struct vault_pause {
    struct span provider, account; /* account "" = the whole provider */
};

/* Not secret, but needed with a key: what fills a {brace} of a provider's address, as CLOUDFLARE_ACCOUNT_ID. */
struct vault_extra {
    struct span name, value;
};

struct vault_contents {
    const struct vault_key *keys;
    const struct vault_pause *pauses;
    const struct vault_extra *extras;
    uint32_t key_count, pause_count, extra_count;
    uint32_t closed_count; /* keys that cannot be opened */
};
const struct vault_contents *vault_contents_ref(const struct vault_contents *contents);
void vault_contents_unref(const struct vault_contents *contents); /* NULL is fine */
bool vault_is_paused(
    const struct vault_contents *contents, struct span provider,
    struct span account); /* the account, or its whole provider; NULL contents: nothing is */

/* Where the master key comes from; called on the store's thread, one at a time. */
struct vault_master {
    /* ERR_NOT_FOUND: there is none, and none was to be made. `ret_next`: of a rotation that was cut, or NULL. Both are refs. */
    int (*open)(void *context, bool may_make, struct secret **ret_key, struct secret **ret_next,
                char ret_why[VAULT_WHY_BYTES]);
    /* A rotation that was cut has been carried through (the next key is the one), or has never happened. */
    void (*end_rotation)(void *context, bool carried_through);
    void *context; /* borrowed */
};

enum vault_state {
    VAULT_UNREAD, /* the store could not be asked yet */
    VAULT_EMPTY,  /* nothing was ever put in; there may be no master key */
    VAULT_OPEN,
    VAULT_LOCKED, /* sealed with a master key that is not here */
};

struct vault;
struct vault *vault_new(const struct vault_master *master);
void vault_free(struct vault *vault);

/* Reads all. 0 also when it stays locked: see vault_look. An error is the store's. */
int vault_open(struct vault *vault, struct store_db *db) WARN_UNUSED;
/* Opens it, making a master key if nothing has needed one before. ERR_SEAL: it is locked. */
int vault_need(struct vault *vault, struct store_db *db) WARN_UNUSED;
/* The same, for a job that hashes keys of clients; a ref. */
int vault_need_clients_key(struct vault *vault, struct store_db *db,
                           struct secret **ret_key) WARN_UNUSED;
void vault_settle(struct vault *vault, int err);
/* `ret_why`: what is wrong and the cure, "" unless locked. */
enum vault_state vault_look(struct vault *vault, char ret_why[VAULT_WHY_BYTES]);
/* Never NULL; empty before it was read. */
const struct vault_contents *vault_get(struct vault *vault);
/* The key that clients' keys are hashed with, a ref; NULL unless it is open. */
struct secret *vault_clients_key(struct vault *vault);
/* 0 and the text shown; ERR_NOT_FOUND without a master key. */
int vault_fingerprint(struct vault *vault, const struct secret *key,
                      char ret_text[FINGERPRINT_SHOWN_CHARS + 1]) WARN_UNUSED;

struct vault_entry {
    struct span provider, account, billing;
    struct secret *key; /* borrowed */
    uint64_t now_ms;
};
/* 1 to VAULT_ACCOUNT_MAX_BYTES letters, digits, '-', '_', '.', '@' and '+'. */
bool vault_account_fits(struct span account);
/* ERR_EXISTS: the provider has that key already (in any account). ERR_SEAL: locked. ERR_TOO_LARGE: VAULT_KEYS_MAX. ERR_INVALID: the
 * account's name. */
int vault_add(struct vault *vault, struct store_db *db,
              const struct vault_entry *entry) WARN_UNUSED;
/* A variable's name, and letters, digits, '-', '_' and '.'; each at most VAULT_EXTRA_MAX_BYTES. */
bool vault_extra_fits(const struct vault_extra *extra);
/* ERR_INVALID: it does not fit; ERR_TOO_LARGE: all together are more than STORE_NOTE_MAX_BYTES. */
int vault_set_extra(struct vault *vault, struct store_db *db,
                    const struct vault_extra *extra) WARN_UNUSED;
/* Of one account, or of all when it is absent; also what cannot be opened. */
int vault_remove(struct vault *vault, struct store_db *db, struct span provider,
                 struct span account, uint32_t *ret_removed) WARN_UNUSED;
/* account "" = the whole provider; resuming a provider resumes its accounts too. */
int vault_pause(struct vault *vault, struct store_db *db, const struct vault_pause *pause,
                uint64_t now_ms) WARN_UNUSED;
int vault_resume(struct vault *vault, struct store_db *db,
                 const struct vault_pause *pause) WARN_UNUSED;

/* Seals everything anew. ERR_SEAL: something cannot be opened, nothing is changed. The caller stages the next key before and puts it
 * in place after (app/master_key.h). */
int vault_rotate(struct vault *vault, struct store_db *db, const struct secret *next,
                 uint32_t *ret_resealed) WARN_UNUSED;
/* A locked vault forgets what it holds, the hashing key of clients too, and goes on with the master key that is there, or a new one.
 * ERR_UNSUPPORTED: it is not locked. */
int vault_start_over(struct vault *vault, struct store_db *db, uint32_t *ret_forgotten) WARN_UNUSED;
