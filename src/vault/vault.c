// SPDX-License-Identifier: Apache-2.0
/*
 * The vault: which keyring opens it, and what can be seen of it.
 *
 * How the right master key is known: the first time something is put in, a known word is sealed with it and kept as a note. A master
 * key that does not open the word is another one; then nothing is added that the right one could not open, and the keys that are
 * there are listed as closed. How a rotation survives a crash: the next key lies beside the present one before anything is sealed
 * with it; all is sealed anew in one transaction, the word too; so the word tells which of the two keys is the one, at any instant.
 * Promises: a job's changes are seen by nobody before they were committed; no secret is copied out of struct secret.
 * Leaves to others: files and variables of master keys (app/), when to read (app/), what keys are for (app/offer.c).
 */
#include "vault/parts.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>

#define NOTE_CHECK   "vault.check"
#define NOTE_CLIENTS "vault.clients"
#define CHECK_WORD   "papi"

/* --- views --- */

static struct secret *ref_or_null(struct secret *secret) {
    return secret != NULL ? secret_ref(secret) : NULL;
}

static void copy_view(struct vault_view *to, const struct vault_view *from) {
    *to = *from;
    to->ring = (struct keyring){ref_or_null(from->ring.vault), ref_or_null(from->ring.fingerprint),
                                ref_or_null(from->ring.clients)};
    to->contents = vault_contents_ref(from->contents);
}

static void drop_view(struct vault_view *view) {
    keyring_done(&view->ring);
    vault_contents_unref(view->contents);
    view->contents = NULL;
}

struct vault *vault_new(const struct vault_master *master) {
    struct vault *vault = mem_zalloc(sizeof *vault);
    vault->master = *master;
    check(pthread_mutex_init(&vault->lock, NULL) == 0);
    vault->now.contents = vault__no_contents();
    return vault;
}

void vault_free(struct vault *vault) {
    if (vault == NULL)
        return;
    if (vault->edited)
        drop_view(&vault->next);
    drop_view(&vault->now);
    check(pthread_mutex_destroy(&vault->lock) == 0);
    mem_free(vault);
}

struct vault_view *vault__edit(struct vault *vault) {
    if (!vault->edited)
        copy_view(&vault->next, &vault->now); /* only this thread changes `now` */
    vault->edited = true;
    return &vault->next;
}

void vault_settle(struct vault *vault, int err) {
    if (!vault->edited)
        return;
    vault->edited = false;
    struct vault_view gone = vault->next;
    if (err == 0) {
        check(pthread_mutex_lock(&vault->lock) == 0);
        gone = vault->now;
        vault->now = vault->next;
        check(pthread_mutex_unlock(&vault->lock) == 0);
    }
    drop_view(&gone);
}

enum vault_state vault_look(struct vault *vault, char ret_why[VAULT_WHY_BYTES]) {
    check(pthread_mutex_lock(&vault->lock) == 0);
    enum vault_state state = vault->now.state;
    memcpy(ret_why, vault->now.why, VAULT_WHY_BYTES);
    check(pthread_mutex_unlock(&vault->lock) == 0);
    return state;
}

const struct vault_contents *vault_get(struct vault *vault) {
    check(pthread_mutex_lock(&vault->lock) == 0);
    const struct vault_contents *contents = vault_contents_ref(vault->now.contents);
    check(pthread_mutex_unlock(&vault->lock) == 0);
    return contents;
}

struct secret *vault_clients_key(struct vault *vault) {
    check(pthread_mutex_lock(&vault->lock) == 0);
    struct secret *key = ref_or_null(vault->now.ring.clients);
    check(pthread_mutex_unlock(&vault->lock) == 0);
    return key;
}

int vault_fingerprint(struct vault *vault, const struct secret *key,
                      char ret_text[FINGERPRINT_SHOWN_CHARS + 1]) {
    char whole[FINGERPRINT_BYTES];
    check(pthread_mutex_lock(&vault->lock) == 0);
    struct keyring ring = {.fingerprint = ref_or_null(vault->now.ring.fingerprint)};
    check(pthread_mutex_unlock(&vault->lock) == 0);
    if (ring.fingerprint == NULL)
        return ERR_NOT_FOUND;
    keyring_fingerprint(&ring, key, whole);
    keyring_done(&ring);
    memcpy(ret_text, whole, FINGERPRINT_SHOWN_CHARS);
    ret_text[FINGERPRINT_SHOWN_CHARS] = '\0';
    return 0;
}

/* --- notes --- */

static struct seal_labels note_labels(const char *name) {
    return (struct seal_labels){.items = {SPAN_LITERAL("note"), span_text(name)}, .count = 2};
}

int vault__write_note(const struct keyring *ring, const char *name, const struct secret *plain,
                      struct store_db *db) {
    const struct seal_labels labels = note_labels(name);
    struct dynbuf sealed;
    dynbuf_init(&sealed, STORE_NOTE_MAX_BYTES);
    int err = seal_close(ring->vault, &labels, plain, &sealed);
    if (err == 0)
        err = store_note_set(db, span_text(name), dynbuf_span(&sealed));
    dynbuf_done(&sealed);
    return err;
}

int vault__read_note(const struct keyring *ring, const char *name, struct store_db *db,
                     struct secret **ret_plain) {
    const struct seal_labels labels = note_labels(name);
    char sealed[STORE_NOTE_MAX_BYTES] UNINITIALIZED;
    size_t length;
    int err = store_note_get(db, span_text(name), sealed, sizeof sealed, &length);
    if (err < 0)
        return err;
    err = seal_open(ring->vault, &labels, span_of(sealed, length), ret_plain);
    return err == ERR_NOMEM || err == 0 ? err : ERR_SEAL;
}

int vault__bind(const struct keyring *ring, bool clients_kept, struct store_db *db) {
    struct secret *word;
    int err = secret_new(SPAN_LITERAL(CHECK_WORD), &word);
    if (err < 0)
        return err;
    err = vault__write_note(ring, NOTE_CHECK, word, db);
    if (err == 0 && clients_kept)
        err = vault__write_note(ring, NOTE_CLIENTS, ring->clients, db);
    secret_unref(word);
    return err;
}

/* --- which master key --- */

struct candidates {
    struct secret *key, *next; /* owned; NULL = none */
};

static void drop(struct candidates *candidates) {
    secret_unref(candidates->key);
    secret_unref(candidates->next);
}

/* 0: this is the one. ERR_SEAL: another. ERR_NOT_FOUND: nothing was sealed yet. */
static int try_ring(struct keyring *ring, struct store_db *db) {
    struct secret *word = NULL, *clients = NULL;
    int err = vault__read_note(ring, NOTE_CHECK, db, &word);
    secret_unref(word);
    if (err < 0)
        return err;
    err = vault__read_note(ring, NOTE_CLIENTS, db, &clients);
    if (err == 0) {
        secret_unref(ring->clients);
        ring->clients = clients;
    }
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int try_key(const struct secret *key, struct store_db *db, struct keyring *ret_ring) {
    int err = keyring_derive(key, ret_ring);
    if (err < 0)
        return err;
    err = try_ring(ret_ring, db);
    if (err < 0 && err != ERR_NOT_FOUND)
        keyring_done(ret_ring);
    return err;
}

static int choose_ring(struct vault *vault, const struct candidates *candidates,
                       struct store_db *db, struct keyring *ret_ring) {
    int err = ERR_SEAL;
    if (candidates->next != NULL) {
        err = try_key(candidates->next, db, ret_ring);
        if (err == ERR_NOT_FOUND)
            keyring_done(ret_ring);
        if (err != 0 && err != ERR_SEAL && err != ERR_NOT_FOUND)
            return err;
    }
    bool carried_through = err == 0;
    if (!carried_through)
        err = try_key(candidates->key, db, ret_ring);
    bool known = err == 0 || err == ERR_NOT_FOUND;
    if (candidates->next != NULL && known)
        vault->master.end_rotation(vault->master.context, carried_through);
    return err;
}

/* --- opening --- */

static bool is_used(const struct vault_view *view, struct store_db *db) {
    char sealed[STORE_NOTE_MAX_BYTES] UNINITIALIZED;
    size_t length;
    return view->contents->key_count > 0 ||
           store_note_get(db, SPAN_LITERAL(NOTE_CHECK), sealed, sizeof sealed, &length) == 0;
}

static void close_view(struct vault_view *view, enum vault_state state) {
    keyring_done(&view->ring);
    view->state = state;
    if (state != VAULT_LOCKED)
        view->why[0] = '\0';
}

static int unlock(struct vault *vault, struct vault_view *view, struct candidates *candidates,
                  struct store_db *db) {
    int err = choose_ring(vault, candidates, db, &view->ring);
    if (err == ERR_NOT_FOUND)
        err = vault__bind(&view->ring, false, db);
    if (err == 0) {
        view->state = VAULT_OPEN;
        view->why[0] = '\0';
        return vault__read(view, db);
    }
    close_view(view, VAULT_LOCKED);
    if (err != ERR_SEAL)
        return err;
    (void)snprintf(view->why, sizeof view->why,
                   "the vault was sealed with another master key: put back the file `key` of its "
                   "data directory, or the PAPI_VAULT_KEY, of that time; if it is lost, `papi "
                   "provider rekey --start-over` forgets what was sealed with it");
    return 0;
}

static int open_view(struct vault *vault, struct vault_view *view, struct store_db *db,
                     bool wanted) {
    struct candidates candidates = {NULL, NULL};
    keyring_done(&view->ring);
    int err = vault__read(view, db);
    if (err < 0)
        return err;
    bool used = is_used(view, db);
    err = vault->master.open(vault->master.context, wanted && !used, &candidates.key,
                             &candidates.next, view->why);
    if (err == 0) {
        err = unlock(vault, view, &candidates, db);
    } else {
        close_view(view, err == ERR_NOT_FOUND && !used ? VAULT_EMPTY : VAULT_LOCKED);
        err = 0; /* no matter of the store: it is told by the state */
    }
    drop(&candidates);
    return err;
}

int vault_open(struct vault *vault, struct store_db *db) {
    return open_view(vault, vault__edit(vault), db, false);
}

int vault_need(struct vault *vault, struct store_db *db) {
    struct vault_view *view = vault__edit(vault);
    if (view->state == VAULT_OPEN)
        return 0;
    int err = open_view(vault, view, db, true);
    if (err < 0)
        return err;
    return view->state == VAULT_OPEN ? 0 : ERR_SEAL;
}

int vault_need_clients_key(struct vault *vault, struct store_db *db, struct secret **ret_key) {
    int err = vault_need(vault, db);
    if (err == 0)
        *ret_key = secret_ref(vault__edit(vault)->ring.clients);
    return err;
}
