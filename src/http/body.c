// SPDX-License-Identifier: Apache-2.0
/*
 * Request bodies in memory.
 *
 * Why refcounted: a body is read once and then belongs to the request and to each upstream attempt that sends parts of it, some
 * of which outlive the request. Why counted for the whole process: 32 MiB a request is fine until a hundred come at once;
 * then the next one is told to come later, instead of the machine swapping. The counter is one atomic, touched per growth
 * step and not per read. Promises: memory follows bytes that arrived, at most doubling ahead of them.
 * Leaves to others: the cap of a single body (server.c), spooling to disk.
 */
#include "base/check.h"
#include "base/mem.h"
#include "http/body_fill.h"

#include <stdatomic.h>

#define BODY_MAGIC 0x68626f64u

struct http_body {
    uint32_t magic;
    uint32_t references;
    char *bytes; /* owned */
    size_t len;
    size_t capacity;
};

static _Atomic size_t all_max = HTTP_BODIES_DEFAULT_MAX_BYTES;
static _Atomic size_t all_bytes;

void http_bodies_set_cap(size_t all_max_bytes) {
    atomic_store(&all_max, all_max_bytes);
}

size_t http_bodies_in_memory(void) {
    return atomic_load(&all_bytes);
}

struct http_body *http_body_new(void) {
    struct http_body *body = mem_alloc(sizeof *body);
    *body = (struct http_body){.magic = BODY_MAGIC, .references = 1};
    return body;
}

struct http_body *http_body_ref(struct http_body *body) {
    check(body->magic == BODY_MAGIC && body->references > 0);
    body->references++;
    return body;
}

void http_body_unref(struct http_body *body) {
    if (body == NULL)
        return;
    check(body->magic == BODY_MAGIC && body->references > 0);
    if (--body->references > 0)
        return;
    body->magic = 0;
    atomic_fetch_sub(&all_bytes, body->capacity);
    mem_free(body->bytes);
    mem_free(body);
}

struct span http_body_bytes(const struct http_body *body) {
    return body != NULL && body->len > 0 ? span_of(body->bytes, body->len) : span_of("", 0);
}

static bool count_more(size_t bytes) {
    size_t before = atomic_fetch_add(&all_bytes, bytes);
    if (before + bytes <= atomic_load(&all_max))
        return true;
    atomic_fetch_sub(&all_bytes, bytes);
    return false;
}

static size_t next_capacity(const struct http_body *body, size_t total_bytes) {
    size_t step = body->capacity > HTTP_BODY_STEP_BYTES ? body->capacity : HTTP_BODY_STEP_BYTES;
    size_t most = body->capacity + step;
    return total_bytes < most ? total_bytes : most;
}

int http_body_reserve(struct http_body *body, size_t total_bytes) {
    check(total_bytes > body->len);
    if (body->capacity > body->len)
        return 0;
    size_t capacity = next_capacity(body, total_bytes);
    size_t more = capacity - body->capacity;
    if (!count_more(more))
        return ERR_BUSY;
    char *moved = mem_try_realloc(body->bytes, capacity);
    if (moved == NULL) {
        atomic_fetch_sub(&all_bytes, more);
        return ERR_BUSY;
    }
    body->bytes = moved;
    body->capacity = capacity;
    return 0;
}

struct http_body_room http_body_room(struct http_body *body) {
    return (struct http_body_room){body->bytes + body->len, body->capacity - body->len};
}

void http_body_grew(struct http_body *body, size_t count) {
    check(count <= body->capacity - body->len);
    body->len += count;
}

/* Without an announced length: doubling from a small first step. */
static size_t estimate_total(const struct http_body *body, size_t needed, size_t total_bytes) {
    size_t total = total_bytes;
    if (total_bytes == 0)
        total = body->capacity > 0 ? 2 * body->capacity : HTTP_BODY_FIRST_BYTES;
    return total > needed ? total : needed;
}

int http_body_append(struct http_body *body, struct span bytes, size_t total_bytes) {
    while (bytes.len > 0) {
        size_t total = estimate_total(body, body->len + bytes.len, total_bytes);
        int err = http_body_reserve(body, total);
        if (err < 0)
            return err;
        struct http_body_room room = http_body_room(body);
        size_t count = bytes.len < room.bytes ? bytes.len : room.bytes;
        memcpy(room.start, bytes.ptr, count);
        http_body_grew(body, count);
        bytes = span_of(bytes.ptr + count, bytes.len - count);
    }
    return 0;
}
