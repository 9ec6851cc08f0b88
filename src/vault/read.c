// SPDX-License-Identifier: Apache-2.0
/*
 * Reading what the store holds into one object.
 *
 * Rows are counted first and taken second, in the same transaction. A row that does not open keeps its names; notes that do not open
 * are as if they were not there, since the state of the vault tells it already. Promises: no more than VAULT_KEYS_MAX and
 * VAULT_PAUSES_MAX. Leaves to others: which keyring is the right one (vault.c).
 */
#include "vault/parts.h"

struct reading {
    struct vault__holder *holder;
    const struct keyring *ring;
    uint32_t key_room, pause_room;
    int err;
};

struct seal_labels vault__key_labels(struct span provider, struct span account,
                                     struct span billing) {
    return (struct seal_labels){.items = {SPAN_LITERAL("provider-key"), provider, account, billing},
                                .count = 4};
}

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

static uint32_t count_lines(struct span text) {
    uint32_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

static int read_extras(struct reading *reading, struct store_db *db) {
    struct vault_contents *contents = &reading->holder->contents;
    struct secret *note = NULL;
    struct span rest, line, name;
    if (reading->ring->vault == NULL)
        return 0;
    int err = vault__read_note(reading->ring, VAULT__NOTE_EXTRAS, db, &note);
    if (err < 0)
        return err == ERR_NOT_FOUND || err == ERR_SEAL ? 0 : err;
    rest = secret_reveal(note);
    reading->holder->extras =
        arena_zalloc(&reading->holder->arena, (count_lines(rest) + 1) * sizeof(struct vault_extra));
    contents->extras = reading->holder->extras;
    while (rest.len > 0 && span_split(&rest, '\n', &line))
        if (line.len > 0 && span_split(&line, '=', &name))
            reading->holder->extras[contents->extra_count++] =
                (struct vault_extra){.name = copy(reading, name), .value = copy(reading, line)};
    secret_unref(note);
    return reading->err;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static int read_rows(struct reading *reading, struct store_db *db) {
    struct vault__holder *holder = reading->holder;
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
    if (err == 0)
        err = reading->err;
    return err == 0 ? read_extras(reading, db) : err;
}

int vault__read(struct vault_view *view, struct store_db *db) {
    struct reading reading = {.holder = vault__new_holder(), .ring = &view->ring};
    int err = read_rows(&reading, db);
    if (err < 0) {
        vault_contents_unref(&reading.holder->contents);
        return err;
    }
    vault_contents_unref(view->contents);
    view->contents = &reading.holder->contents;
    return 0;
}
