// SPDX-License-Identifier: Apache-2.0
/*
 * An arena: one lifetime, one free.
 *
 * Why: a request makes dozens of small things that all die with it; freeing them one by one is where gateways leak.
 * Blocks double from 4 KiB to 64 KiB; a request for more than a block gets a block of its own. Under AddressSanitizer the
 * unused part of a block is poisoned, so that overruns inside an arena are found too. Promises: 16-byte alignment, no
 * growth beyond cap_bytes. Leaves to others: choosing lifetimes (architecture: connection, request, attempt).
 */
#include "base/arena.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define poison(start, size)   ASAN_POISON_MEMORY_REGION(start, size)
#define unpoison(start, size) ASAN_UNPOISON_MEMORY_REGION(start, size)
#else
#define poison(start, size)   ((void)(start))
#define unpoison(start, size) ((void)(start))
#endif

#define ARENA_BLOCK_MIN_BYTES ((size_t)4096)
#define ARENA_BLOCK_MAX_BYTES ((size_t)65536)
#define ARENA_ALIGN           ((size_t)16)

struct arena_block {
    struct arena_block *older; /* owned */
    size_t size_bytes;
};

#define BLOCK_HEADER_BYTES ((sizeof(struct arena_block) + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1))

static void use_first(struct arena *arena) {
    arena->next = arena->first;
    arena->end = arena->first != NULL ? arena->first + arena->first_bytes : NULL;
}

void arena_init(struct arena *arena, void *first, size_t first_bytes, size_t cap_bytes) {
    check(((uintptr_t)first & (ARENA_ALIGN - 1)) == 0);
    *arena = (struct arena){.first = first, .first_bytes = first_bytes, .cap_bytes = cap_bytes};
    use_first(arena);
}

void arena_reset(struct arena *arena) {
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *older = block->older;
        unpoison(block, block->size_bytes);
        mem_free(block);
        block = older;
    }
    if (arena->first != NULL)
        unpoison(arena->first, arena->first_bytes);
    arena->blocks = NULL;
    arena->used_bytes = 0;
    use_first(arena);
}

static int add_block(struct arena *arena, size_t size) {
    size_t block_bytes = ARENA_BLOCK_MIN_BYTES;
    while (block_bytes < arena->used_bytes && block_bytes < ARENA_BLOCK_MAX_BYTES)
        block_bytes *= 2;
    if (size > SIZE_MAX - BLOCK_HEADER_BYTES)
        return ERR_TOO_LARGE;
    if (block_bytes < size + BLOCK_HEADER_BYTES)
        block_bytes = size + BLOCK_HEADER_BYTES;
    if (block_bytes > arena->cap_bytes - arena->used_bytes)
        return ERR_TOO_LARGE;
    struct arena_block *block = mem_try_alloc(block_bytes);
    if (block == NULL)
        return ERR_NOMEM;
    block->older = arena->blocks;
    block->size_bytes = block_bytes;
    arena->blocks = block;
    arena->used_bytes += block_bytes;
    arena->next = (char *)block + BLOCK_HEADER_BYTES;
    arena->end = (char *)block + block_bytes;
    poison(arena->next, (size_t)(arena->end - arena->next));
    return 0;
}

void *arena_try_alloc(struct arena *arena, size_t size) {
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (rounded < size)
        return NULL;
    if (rounded == 0)
        rounded = ARENA_ALIGN;
    if ((size_t)(arena->end - arena->next) < rounded && add_block(arena, rounded) < 0)
        return NULL;
    void *pointer = arena->next;
    if (pointer ==
        arena
            ->first) /* not earlier: storage of an arena that holds nothing is its owner's to reuse */
        poison(arena->first, arena->first_bytes);
    arena->next += rounded;
    unpoison(pointer, size);
    return pointer;
}

void *arena_alloc(struct arena *arena, size_t size) {
    void *pointer = arena_try_alloc(arena, size);
    check(pointer != NULL);
    return pointer;
}

void *arena_zalloc(struct arena *arena, size_t size) {
    return memset(arena_alloc(arena, size), 0, size);
}

int arena_copy(struct arena *arena, struct span span, struct span *ret_copy) {
    char *copy = arena_try_alloc(arena, span.len + 1);
    if (copy == NULL)
        return ERR_TOO_LARGE;
    if (span.len > 0)
        memcpy(copy, span.ptr, span.len);
    copy[span.len] = '\0';
    *ret_copy = span_of(copy, span.len);
    return 0;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    check(length >= 0);
    char *text = arena_try_alloc(arena, (size_t)length + 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}
