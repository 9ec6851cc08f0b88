// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A growing buffer with a cap. Owner: whoever embeds it; dynbuf_done gives the memory back. Spans into it are valid
 * until the next append, reserve, consume or done. Appends that would pass the cap change nothing and return
 * ERR_TOO_LARGE.
 */
#include "base/err.h"
#include "base/span.h"

struct dynbuf {
    char *data; /* owned */
    size_t len;
    size_t start; /* consumed bytes at the front */
    size_t capacity;
    size_t cap_bytes; /* most it may ever hold */
};

void dynbuf_init(struct dynbuf *buf, size_t cap_bytes);
void dynbuf_done(struct dynbuf *buf);
/* Keeps the memory for the next use. */
void dynbuf_clear(struct dynbuf *buf);
int dynbuf_append_format(struct dynbuf *buf, const char *format, ...) WARN_UNUSED PRINTF_LIKE(2, 3);
/* Room for `len` more bytes at dynbuf_tail; dynbuf_grew says how many were written there. */
int dynbuf_reserve(struct dynbuf *buf, size_t len) WARN_UNUSED;
/* Takes bytes off the front, O(1) amortised. */
void dynbuf_consume(struct dynbuf *buf, size_t len);

static inline struct span dynbuf_span(const struct dynbuf *buf) {
    return span_of(buf->data != NULL ? buf->data + buf->start : "", buf->len);
}

static inline char *dynbuf_tail(struct dynbuf *buf) {
    return buf->data + buf->start + buf->len;
}

static inline void dynbuf_grew(struct dynbuf *buf, size_t len) {
    buf->len += len;
}

/* Bytes that fit without growing; for reads straight into the buffer. */
static inline size_t dynbuf_room(const struct dynbuf *buf) {
    return buf->capacity - buf->start - buf->len;
}

/* Inline, since nearly every append fits and many are of a constant text, which then costs a few stores. */
static inline WARN_UNUSED int dynbuf_append(struct dynbuf *buf, const void *data, size_t len) {
    if (len > dynbuf_room(buf)) {
        int err = dynbuf_reserve(buf, len);
        if (err < 0)
            return err;
    }
    if (len > 0)
        memcpy(dynbuf_tail(buf), data, len);
    buf->len += len;
    return 0;
}

static inline WARN_UNUSED int dynbuf_append_span(struct dynbuf *buf, struct span span) {
    return dynbuf_append(buf, span.ptr, span.len);
}

static inline WARN_UNUSED int dynbuf_append_text(struct dynbuf *buf, const char *text) {
    return dynbuf_append(buf, text, strlen(text));
}

static inline WARN_UNUSED int dynbuf_append_char(struct dynbuf *buf, char c) {
    return dynbuf_append(buf, &c, 1);
}
