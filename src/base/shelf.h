// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A shelf: memory of objects of one size that is kept for the next one. Owner: whoever embeds it, on one thread; every
 * object comes from mem_alloc and is given back before shelf_clear. The number kept is bounded by `most`.
 */
#include <stddef.h>
#include <stdint.h>

struct shelf {
    void *first; /* owned: kept memory, each piece begins with the next one's address */
    uint32_t kept;
    uint32_t most;
};

void shelf_init(struct shelf *shelf, uint32_t most);
/* Not cleared. `size_bytes` is the same in every call for one shelf. */
__attribute__((returns_nonnull)) void *shelf_take(struct shelf *shelf, size_t size_bytes);
void shelf_give(struct shelf *shelf, void *object);
/* Gives back what is kept; the shelf may be used on. */
void shelf_clear(struct shelf *shelf);
