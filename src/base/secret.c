// SPDX-License-Identifier: Apache-2.0
/*
 * Secrets in memory.
 *
 * Why: provider keys are other people's trust. Each lives on its own mapping, excluded from core dumps (MADV_DONTDUMP)
 * and locked against swapping where the limits allow it, and is wiped before the mapping goes. Promises: no printing
 * function, constant-time comparison, reference counting across threads. Leaves to others: keeping them on disk (vault/).
 */
#include "base/secret.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

struct secret {
    char *page; /* owned mapping */
    size_t len;
    atomic_int references;
};

#define SECRET_PAGE_BYTES SECRET_MAX_BYTES

int secret_new(struct span bytes, struct secret **ret_secret) {
    if (bytes.len > SECRET_MAX_BYTES)
        return ERR_TOO_LARGE;
    char *page =
        mmap(NULL, SECRET_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return ERR_NOMEM;
#ifdef MADV_DONTDUMP
    (void)madvise(page, SECRET_PAGE_BYTES, MADV_DONTDUMP);
#endif
    (void)mlock(
        page,
        SECRET_PAGE_BYTES); /* refused under a small RLIMIT_MEMLOCK: then only swap could hold it */
    if (bytes.len > 0)
        memcpy(page, bytes.ptr, bytes.len);
    struct secret *secret = mem_alloc(sizeof *secret);
    secret->page = page;
    secret->len = bytes.len;
    atomic_init(&secret->references, 1);
    *ret_secret = secret;
    return 0;
}

struct secret *secret_ref(struct secret *secret) {
    check(atomic_fetch_add(&secret->references, 1) > 0);
    return secret;
}

void secret_unref(struct secret *secret) {
    if (secret == NULL || atomic_fetch_sub(&secret->references, 1) != 1)
        return;
    secret_wipe(secret->page, SECRET_PAGE_BYTES);
    check(munmap(secret->page, SECRET_PAGE_BYTES) == 0);
    mem_free(secret);
}

struct span secret_reveal(const struct secret *secret) {
    return span_of(secret->page, secret->len);
}

bool secret_equal(const struct secret *secret, struct span bytes) {
    unsigned difference = secret->len != bytes.len;
    for (size_t i = 0; i < bytes.len; i++)
        difference |= (unsigned)(unsigned char)(secret->page[i % SECRET_PAGE_BYTES] ^ bytes.ptr[i]);
    return difference == 0;
}

void secret_wipe(void *memory, size_t size) {
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory"); /* the store must happen */
}

void secret_harden_process(void) {
    struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
#ifdef __linux__
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
