// SPDX-License-Identifier: Apache-2.0
/*
 * A growing buffer with a cap.
 *
 * Why: every byte a peer can make us keep sits in one of these, so no buffer of the program grows without a named
 * maximum. It grows by doubling (bounded by the cap), and gives consumed bytes at its front back by moving the rest
 * only when room is needed. Promises: a failed append leaves the buffer as it was. Leaves to others: naming the caps.
 */
#include "base/dynbuf.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define DYNBUF_FIRST_BYTES 256

void dynbuf_init(struct dynbuf *buf, size_t cap_bytes) {
    *buf = (struct dynbuf){.cap_bytes = cap_bytes};
}

void dynbuf_done(struct dynbuf *buf) {
    mem_free(buf->data);
    *buf = (struct dynbuf){.cap_bytes = buf->cap_bytes};
}

void dynbuf_clear(struct dynbuf *buf) {
    buf->len = 0;
    buf->start = 0;
}

static int grow(struct dynbuf *buf, size_t needed) {
    size_t capacity = buf->capacity > 0 ? buf->capacity : DYNBUF_FIRST_BYTES;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buf->cap_bytes)
        capacity = buf->cap_bytes;
    char *moved = mem_try_realloc(buf->data, capacity);
    if (moved == NULL)
        return ERR_NOMEM;
    buf->data = moved;
    buf->capacity = capacity;
    return 0;
}

int dynbuf_reserve(struct dynbuf *buf, size_t len) {
    if (len <= dynbuf_room(buf))
        return 0;
    if (len > buf->cap_bytes || buf->len > buf->cap_bytes - len)
        return ERR_TOO_LARGE;
    if (buf->start > 0) {
        memmove(buf->data, buf->data + buf->start, buf->len);
        buf->start = 0;
    }
    return buf->len + len <= buf->capacity ? 0 : grow(buf, buf->len + len);
}

int dynbuf_append_format(struct dynbuf *buf, const char *format, ...) {
    va_list arguments;
    size_t room = dynbuf_room(buf);
    va_start(arguments, format);
    int length = vsnprintf(room > 0 ? dynbuf_tail(buf) : NULL, room, format, arguments);
    va_end(arguments);
    check(length >= 0);
    if ((size_t)length >= room) { /* cut off: once more, with room for its NUL too */
        int err = dynbuf_reserve(buf, (size_t)length + 1);
        if (err < 0)
            return err;
        va_start(arguments, format);
        (void)vsnprintf(dynbuf_tail(buf), (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    buf->len += (size_t)length;
    return 0;
}

void dynbuf_consume(struct dynbuf *buf, size_t len) {
    check(len <= buf->len);
    buf->len -= len;
    buf->start = buf->len > 0 ? buf->start + len : 0;
}
