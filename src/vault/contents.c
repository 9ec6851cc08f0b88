// SPDX-License-Identifier: Apache-2.0
/*
 * What is in the vault, as one unchanging object.
 *
 * Why all of it is opened at once: there are tens of keys, not thousands, and a reload must not depend on a disk. A key that cannot be
 * opened stays in the list without its secret, so that it can be named. Promises: readers in any thread see a whole state; the
 * last reference wipes the secrets. Leaves to others: which keyring is the right one (vault.c).
 */
#include "vault/parts.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"

#include <stdatomic.h>

#define CONTENTS_ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)

struct holder {
    struct vault_contents contents; /* first: a pointer to it is one to the holder */
    atomic_int references;
    struct arena arena;
    struct vault_key *keys;
    struct vault_pause *pauses;
};

struct reading {
    struct holder *holder;
    const struct keyring *ring;
    uint32_t key_room, pause_room;
    int err;
};

struct seal_labels vault__key_labels(struct span provider, struct span account,
                                     struct span billing) {
    return (struct seal_labels){
        .items = {SPAN_LITERAL("provider-key"), provider, account, billing}, .count = 4};
}

static struct holder *holder_of(const struct vault_contents *contents) {
    return (struct holder *)(uintptr_t)contents;
}

static struct holder *new_holder(void) {
    struct holder *holder = mem_zalloc(sizeof *holder);
    atomic_init(&holder->references, 1);
    arena_init(&holder->arena, NULL, 0, CONTENTS_ARENA_MAX_BYTES);
    return holder;
}

const struct vault_contents *vault__no_contents(void) {
    return &new_holder()->contents;
}

const struct vault_contents *vault_contents_ref(const struct vault_contents *contents) {
    check(atomic_fetch_add(&holder_of(contents)->references, 1) > 0);
    return contents;
}

void vault_contents_unref(const struct vault_contents *contents) {
    struct holder *holder = holder_of(contents);
    if (contents == NULL || atomic_fetch_sub(&holder->references, 1) != 1)
        return;
    for (uint32_t i = 0; i < contents->key_count; i++)
        secret_unref(holder->keys[i].key);
    arena_reset(&holder->arena);
    mem_free(holder);
}

bool vault_is_paused(const struct vault_contents *contents, struct span provider,
                     struct span account) {
    for (uint32_t i = 0; contents != NULL && i < contents->pause_count; i++) {
        const struct vault_pause *pause = &contents->pauses[i];
        if (span_equal(pause->provider, provider) &&
            (pause->account.len == 0 || span_equal(pause->account, account)))
            return true;
    }
    return false;
}

/* --- reading the store --- */

static void count_key(void *context, const struct store_key *key) {
    struct reading *reading = context;
    (void)key;
    reading->key_room++;
}

static void count_pause(void *context, const struct store_pause *pause) {
    struct reading *reading = context;
    (void)pause;
    reading->pause_room++;
}

static struct span copy(struct reading *reading, struct span text) {
    struct span copied = SPAN_LITERAL("");
    if (text.len > 0 && reading->err == 0)
        reading->err = arena_copy(&reading->holder->arena, text, &copied);
    return copied;
}

static void take_key(void *context, const struct store_key *from) {
    struct reading *reading = context;
    struct vault_contents *contents = &reading->holder->contents;
    if (contents->key_count == reading->key_room || reading->err < 0)
        return;
    struct vault_key *key = &reading->holder->keys[contents->key_count++];
    const struct seal_labels labels =
        vault__key_labels(from->provider, from->account, from->billing);
    *key = (struct vault_key){.provider = copy(reading, from->provider),
                              .account = copy(reading, from->account),
                              .billing = copy(reading, from->billing),
                              .created_ms = from->created_ms};
    size_t shown = from->fingerprint.len < FINGERPRINT_SHOWN_CHARS ? from->fingerprint.len
                                                                   : FINGERPRINT_SHOWN_CHARS;
    if (shown > 0)
        memcpy(key->fingerprint, from->fingerprint.ptr, shown);
    if (reading->ring->vault == NULL ||
        seal_open(reading->ring->vault, &labels, from->sealed, &key->key) < 0)
        contents->closed_count++;
}

static void take_pause(void *context, const struct store_pause *from) {
    struct reading *reading = context;
    struct vault_contents *contents = &reading->holder->contents;
    if (contents->pause_count == reading->pause_room || reading->err < 0)
        return;
    reading->holder->pauses[contents->pause_count++] = (struct vault_pause){
        .provider = copy(reading, from->provider), .account = copy(reading, from->account)};
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static int read_rows(struct reading *reading, struct store_db *db) {
    struct holder *holder = reading->holder;
    int err = store_keys_each(db, count_key, reading);
    if (err == 0)
        err = store_pauses_each(db, count_pause, reading);
    if (err < 0)
        return err;
    reading->key_room = least(reading->key_room, VAULT_KEYS_MAX);
    reading->pause_room = least(reading->pause_room, VAULT_PAUSES_MAX);
    holder->keys = arena_zalloc(&holder->arena, (reading->key_room + 1) * sizeof *holder->keys);
    holder->pauses =
        arena_zalloc(&holder->arena, (reading->pause_room + 1) * sizeof *holder->pauses);
    holder->contents.keys = holder->keys;
    holder->contents.pauses = holder->pauses;
    err = store_keys_each(db, take_key, reading);
    if (err == 0)
        err = store_pauses_each(db, take_pause, reading);
    return err < 0 ? err : reading->err;
}

int vault__read(struct vault_view *view, struct store_db *db) {
    struct reading reading = {.holder = new_holder(), .ring = &view->ring};
    int err = read_rows(&reading, db);
    if (err < 0) {
        vault_contents_unref(&reading.holder->contents);
        return err;
    }
    vault_contents_unref(view->contents);
    view->contents = &reading.holder->contents;
    return 0;
}
