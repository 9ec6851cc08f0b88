// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The heap. Small allocations of fixed size abort on failure, so that no caller carries half-checked NULL paths; sizes
 * that a peer can choose go through a capped arena or dynbuf instead, which return an error.
 */
#include <stddef.h>

__attribute__((returns_nonnull, malloc)) void *mem_alloc(size_t size);
__attribute__((returns_nonnull, malloc)) void *mem_zalloc(size_t size);
__attribute__((returns_nonnull)) void *mem_realloc(void *pointer, size_t size);
/* NULL on failure: for sizes that follow from what a peer sent, within a named cap. */
__attribute__((malloc)) void *mem_try_alloc(size_t size);
void *mem_try_realloc(void *pointer, size_t size);
__attribute__((returns_nonnull, malloc)) char *mem_strdup(const char *text);
__attribute__((returns_nonnull, malloc)) char *mem_strndup(const char *text, size_t length);
void mem_free(void *pointer); /* NULL is fine */
/* Gives free pages back to the system: after a burst, not on the data path (it may take a millisecond). */
void mem_trim(void);
/* The bytes are not needed any more: whole pages of them go back to the system; what is read there afterwards is undefined. */
void mem_discard(void *pointer, size_t size);
