// SPDX-License-Identifier: Apache-2.0
/*
 * A snapshot's life: shared by reference, freed with the last one.
 *
 * Why refcounts and no locks: a snapshot never changes, so every thread may read it, and a request that began under one
 * configuration ends under it while the next is already published.
 * Promises: accounts' keys live exactly as long as the snapshot. Leaves to others: building (builder.c), names (resolve.c).
 */
#include "catalog/internal.h"

#include "base/mem.h"

_Static_assert(offsetof(struct catalog_whole, public) == 0, "catalog__whole relies on it");

struct catalog_snapshot *catalog_ref(struct catalog_snapshot *snapshot) {
    struct catalog_whole *whole = container_of(snapshot, struct catalog_whole, public);
    check(atomic_fetch_add(&whole->references, 1) > 0);
    return snapshot;
}

void catalog_unref(struct catalog_snapshot *snapshot) {
    if (snapshot == NULL)
        return;
    struct catalog_whole *whole = container_of(snapshot, struct catalog_whole, public);
    int before = atomic_fetch_sub(&whole->references, 1);
    check(before > 0);
    if (before > 1)
        return;
    for (uint32_t i = 0; i < snapshot->account_count; i++)
        secret_unref(snapshot->accounts[i].key);
    arena_reset(&whole->arena);
    mem_free(whole);
}

uint32_t catalog_alias_count(const struct catalog_snapshot *snapshot) {
    return catalog__whole(snapshot)->alias_count;
}

struct span catalog_alias_name(const struct catalog_snapshot *snapshot, uint32_t index) {
    const struct catalog_whole *whole = catalog__whole(snapshot);
    check(index < whole->alias_count);
    return whole->aliases[index];
}
