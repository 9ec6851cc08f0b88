// SPDX-License-Identifier: Apache-2.0
/*
 * What is in the vault, as one unchanging object.
 *
 * Why all of it is opened at once: there are tens of keys, not thousands, and a reload must not depend on a disk. A key that cannot be
 * opened stays in the list without its secret, so that it can be named. Promises: readers in any thread see a whole state; the
 * last reference wipes the secrets. Leaves to others: which keyring is the right one (vault.c).
 */
#include "vault/parts.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdatomic.h>

#define CONTENTS_ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)

static struct vault__holder *holder_of(const struct vault_contents *contents) {
    return (struct vault__holder *)(uintptr_t)contents;
}

struct vault__holder *vault__new_holder(void) {
    struct vault__holder *holder = mem_zalloc(sizeof *holder);
    atomic_init(&holder->references, 1);
    arena_init(&holder->arena, NULL, 0, CONTENTS_ARENA_MAX_BYTES);
    return holder;
}

const struct vault_contents *vault__no_contents(void) {
    return &vault__new_holder()->contents;
}

const struct vault_contents *vault_contents_ref(const struct vault_contents *contents) {
    check(atomic_fetch_add(&holder_of(contents)->references, 1) > 0);
    return contents;
}

void vault_contents_unref(const struct vault_contents *contents) {
    struct vault__holder *holder = holder_of(contents);
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
