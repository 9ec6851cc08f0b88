// SPDX-License-Identifier: Apache-2.0
/*
 * The one place that calls malloc.
 *
 * Why: a gateway that cannot get 200 bytes cannot answer either, so small allocations abort with a clear line instead
 * of spreading NULL paths that nobody tests. Growth that a peer controls uses the try forms below, always under a named
 * cap, and that failure is tested. Promises: mem_alloc and friends never return NULL. Leaves to others: caps.
 */
#include "base/mem.h"

#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void *mem_alloc(size_t size) {
    void *pointer = malloc(size > 0 ? size : 1);
    check(pointer != NULL);
    return pointer;
}

void *mem_zalloc(size_t size) {
    void *pointer = calloc(1, size > 0 ? size : 1);
    check(pointer != NULL);
    return pointer;
}

void *mem_realloc(void *pointer, size_t size) {
    void *moved = realloc(pointer, size > 0 ? size : 1);
    check(moved != NULL);
    return moved;
}

void *mem_try_alloc(size_t size) {
    return malloc(size > 0 ? size : 1);
}

void *mem_try_realloc(void *pointer, size_t size) {
    return realloc(pointer, size > 0 ? size : 1);
}

char *mem_strndup(const char *text, size_t length) {
    char *copy = mem_alloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *mem_strdup(const char *text) {
    return mem_strndup(text, strlen(text));
}

void mem_free(void *pointer) {
    free(pointer);
}

void mem_trim(void) {
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void mem_discard(void *pointer, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *first = (char *)(((uintptr_t)pointer + page - 1) & ~(uintptr_t)(page - 1));
    char *end = (char *)(((uintptr_t)pointer + size) & ~(uintptr_t)(page - 1));
    if (first < end)
        (void)madvise(first, (size_t)(end - first), MADV_DONTNEED); /* a hint */
}
