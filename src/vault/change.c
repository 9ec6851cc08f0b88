// SPDX-License-Identifier: Apache-2.0
/*
 * Changing what is in the vault.
 *
 * Each function is one transaction of the store together with what else its job does. Why the same key is refused in a second
 * account: the provider counts by key, so two accounts with one key would promise twice what there is. Why a rotation refuses when one
 * row does not open: it would be sealed with a key that nobody has any more, and nobody would notice until it is gone.
 * Promises: what is written can be opened by the view that is seen afterwards. Leaves to others: files of master keys, and telling
 * loops (app/).
 */
#include "vault/parts.h"

#include "base/mem.h"

static int has_key(const struct vault_view *view, const struct vault_entry *entry) {
    for (uint32_t i = 0; i < view->contents->key_count; i++) {
        const struct vault_key *key = &view->contents->keys[i];
        if (key->key != NULL && span_equal(key->provider, entry->provider) &&
            secret_equal(key->key, secret_reveal(entry->key)))
            return ERR_EXISTS;
    }
    return view->contents->key_count < VAULT_KEYS_MAX ? 0 : ERR_TOO_LARGE;
}

static int insert(const struct keyring *ring, struct store_db *db,
                  const struct vault_entry *entry) {
    const struct seal_labels labels =
        vault__key_labels(entry->provider, entry->account, entry->billing);
    char fingerprint[FINGERPRINT_BYTES];
    struct dynbuf sealed;
    keyring_fingerprint(ring, entry->key, fingerprint);
    dynbuf_init(&sealed, STORE_SEALED_MAX_BYTES);
    int err = seal_close(ring->vault, &labels, entry->key, &sealed);
    if (err == 0) {
        const struct store_key row = {.provider = entry->provider,
                                      .account = entry->account,
                                      .fingerprint = span_text(fingerprint),
                                      .billing = entry->billing,
                                      .sealed = dynbuf_span(&sealed),
                                      .created_ms = entry->now_ms};
        err = store_key_insert(db, &row);
    }
    dynbuf_done(&sealed);
    return err;
}

/* Letters, digits and what else `more` has. */
static bool is_plain(struct span text, const char *more, size_t most) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(more, c) == NULL))
            return false;
    }
    return text.len > 0 && text.len <= most;
}

bool vault_account_fits(struct span account) {
    return is_plain(account, "-_.@+", VAULT_ACCOUNT_MAX_BYTES);
}

/* The value becomes a part of an address: as in config/credentials.c, it cannot lead it elsewhere. */
bool vault_extra_fits(const struct vault_extra *extra) {
    return is_plain(extra->name, "_", VAULT_EXTRA_MAX_BYTES) &&
           is_plain(extra->value, "-_.", VAULT_EXTRA_MAX_BYTES);
}

int vault_add(struct vault *vault, struct store_db *db, const struct vault_entry *entry) {
    if (!vault_account_fits(entry->account))
        return ERR_INVALID;
    int err = vault_need(vault, db);
    if (err < 0)
        return err;
    struct vault_view *view = vault__edit(vault);
    err = has_key(view, entry);
    if (err == 0)
        err = insert(&view->ring, db, entry);
    return err == 0 ? vault__read(view, db) : err;
}

static int append_extra(struct dynbuf *text, const struct vault_extra *extra) {
    return dynbuf_append_format(text, "%.*s=%.*s\n", SPAN_ARG(extra->name), SPAN_ARG(extra->value));
}

/* All that are there, and `more` (NULL = none) in place of the one of its name. */
static int write_extras(const struct vault_contents *contents, const struct keyring *ring,
                        const struct vault_extra *more, struct store_db *db) {
    struct dynbuf text;
    struct secret *note = NULL;
    int err = 0;
    dynbuf_init(&text, SECRET_MAX_BYTES - SEAL_EXTRA_BYTES);
    for (uint32_t i = 0; i < contents->extra_count && err == 0; i++)
        if (more == NULL || !span_equal(contents->extras[i].name, more->name))
            err = append_extra(&text, &contents->extras[i]);
    if (err == 0 && more != NULL)
        err = append_extra(&text, more);
    if (err == 0)
        err = secret_new(dynbuf_span(&text), &note);
    if (err == 0)
        err = vault__write_note(ring, VAULT__NOTE_EXTRAS, note, db);
    secret_unref(note);
    dynbuf_done(&text);
    return err;
}

int vault_set_extra(struct vault *vault, struct store_db *db, const struct vault_extra *extra) {
    if (!vault_extra_fits(extra))
        return ERR_INVALID;
    int err = vault_need(vault, db);
    if (err < 0)
        return err;
    struct vault_view *view = vault__edit(vault);
    err = write_extras(view->contents, &view->ring, extra, db);
    return err == 0 ? vault__read(view, db) : err;
}

/* A store that was down when the vault was to be read may be back. */
static int ready(struct vault *vault, struct store_db *db) {
    return vault__edit(vault)->state == VAULT_UNREAD ? vault_open(vault, db) : 0;
}

int vault_remove(struct vault *vault, struct store_db *db, struct span provider,
                 struct span account, uint32_t *ret_removed) {
    int err = ready(vault, db);
    if (err == 0)
        err = store_keys_delete(db, provider, account, ret_removed);
    return err == 0 ? vault__read(vault__edit(vault), db) : err;
}

int vault_pause(struct vault *vault, struct store_db *db, const struct vault_pause *pause,
                uint64_t now_ms) {
    const struct store_pause row = {
        .provider = pause->provider, .account = pause->account, .since_ms = now_ms};
    int err = ready(vault, db);
    if (err == 0)
        err = store_pause_set(db, &row);
    return err == 0 ? vault__read(vault__edit(vault), db) : err;
}

/* All pauses of the provider. The contents are what the store held when the job began. */
static int resume_all(const struct vault_view *view, struct store_db *db, struct span provider) {
    int err = store_pause_clear(db, provider, SPAN_LITERAL(""));
    for (uint32_t i = 0; i < view->contents->pause_count && err == 0; i++) {
        const struct vault_pause *pause = &view->contents->pauses[i];
        if (span_equal(pause->provider, provider) && pause->account.len > 0)
            err = store_pause_clear(db, provider, pause->account);
    }
    return err;
}

int vault_resume(struct vault *vault, struct store_db *db, const struct vault_pause *pause) {
    struct vault_view *view = vault__edit(vault);
    int err = ready(vault, db);
    if (err == 0)
        err = pause->account.len > 0 ? store_pause_clear(db, pause->provider, pause->account)
                                     : resume_all(view, db, pause->provider);
    return err == 0 ? vault__read(view, db) : err;
}

/* --- the master key --- */

/* Rows are deleted and put in anew, since fingerprints change with the key. */
static int reseal(const struct vault_contents *contents, const struct keyring *ring,
                  struct store_db *db) {
    uint32_t deleted;
    int err = 0;
    for (uint32_t i = 0; i < contents->key_count && err == 0; i++)
        err = store_keys_delete(db, contents->keys[i].provider, SPAN_NONE, &deleted);
    for (uint32_t i = 0; i < contents->key_count && err == 0; i++) {
        const struct vault_key *key = &contents->keys[i];
        const struct vault_entry entry = {.provider = key->provider,
                                          .account = key->account,
                                          .billing = key->billing,
                                          .key = key->key,
                                          .now_ms = key->created_ms};
        err = insert(ring, db, &entry);
    }
    return err == 0 ? write_extras(contents, ring, NULL, db) : err;
}

int vault_rotate(struct vault *vault, struct store_db *db, const struct secret *next,
                 uint32_t *ret_resealed) {
    struct keyring ring;
    int err = vault_need(vault, db);
    struct vault_view *view = vault__edit(vault);
    if (err == 0 && view->contents->closed_count > 0)
        err = ERR_SEAL;
    if (err == 0)
        err = keyring_derive(next, &ring);
    if (err < 0)
        return err;
    secret_unref(ring.clients);
    ring.clients = secret_ref(view->ring.clients);
    err = reseal(view->contents, &ring, db);
    if (err == 0)
        err = vault__bind(&ring, true, db);
    if (err < 0) {
        keyring_done(&ring);
        return err;
    }
    *ret_resealed = view->contents->key_count;
    keyring_done(&view->ring);
    view->ring = ring;
    return vault__read(view, db);
}

/* All that is there is closed, or this would not be locked. */
static int forget_all(const struct vault_view *view, struct store_db *db, uint32_t *ret_forgotten) {
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < view->contents->key_count; i++) {
        uint32_t deleted = 0;
        err = store_keys_delete(db, view->contents->keys[i].provider, SPAN_NONE, &deleted);
        *ret_forgotten += deleted;
    }
    return err;
}

int vault_start_over(struct vault *vault, struct store_db *db, uint32_t *ret_forgotten) {
    struct vault_view *view = vault__edit(vault);
    struct secret *key = NULL, *next = NULL;
    int err = ready(vault, db);
    *ret_forgotten = 0;
    if (err < 0)
        return err;
    if (view->state != VAULT_LOCKED)
        return ERR_UNSUPPORTED;
    err = vault->master.open(vault->master.context, true, &key, &next, view->why);
    if (err == 0)
        err = keyring_derive(key, &view->ring);
    if (err == 0)
        err = forget_all(view, db, ret_forgotten);
    if (err == 0)
        err = vault__bind(&view->ring, true, db);
    if (err == 0 && next != NULL)
        vault->master.end_rotation(vault->master.context, false);
    view->state = VAULT_OPEN;
    view->why[0] = '\0';
    secret_unref(key);
    secret_unref(next);
    return err == 0 ? vault__read(view, db) : err;
}
