// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An arena: everything with one lifetime, freed at once. Owner: whoever embeds it. Bounded by cap_bytes; arena_try_alloc
 * returns NULL beyond it (sizes a peer can choose), arena_alloc aborts (small fixed sizes; callers keep those far below
 * the cap). The first block may be given from outside (inline storage of an object from a slab) and is never freed.
 */
#include "base/err.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned, newest first */
    char *next;
    char *end;
    char *first; /* borrowed: storage given at init, or NULL */
    size_t first_bytes;
    size_t used_bytes; /* blocks allocated so far */
    size_t cap_bytes;
};

void arena_init(struct arena *arena, void *first, size_t first_bytes, size_t cap_bytes);
/* Frees all blocks; the arena may be used again. */
void arena_reset(struct arena *arena);
__attribute__((returns_nonnull)) void *arena_alloc(struct arena *arena, size_t size);
__attribute__((returns_nonnull)) void *arena_zalloc(struct arena *arena, size_t size);
void *arena_try_alloc(struct arena *arena, size_t size);
/* ret_copy untouched on failure; the copy is followed by a NUL that is not counted. */
int arena_copy(struct arena *arena, struct span span, struct span *ret_copy) WARN_UNUSED;
/* NULL when the cap is reached. */
char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
