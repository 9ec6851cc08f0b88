// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a stream has still to send: copies and borrowed bytes in one order. A stream owns an outbox only while it has
 * something queued; empty ones go back to the loop, so that an open but silent stream holds no buffer.
 */
#include "base/dynbuf.h"

struct loop;

struct outbox_segment {
    const char *bytes; /* borrowed until release; NULL: the next `len` bytes of copies */
    size_t len;
    void (*release)(void *argument);
    void *argument;
};

struct outbox {
    struct outbox *next_spare;
    struct dynbuf copies;
    struct outbox_segment *segments; /* owned; first..count are queued */
    size_t first;
    size_t count;
    size_t capacity;
    size_t bytes;
};

struct outbox *outbox_take(struct loop *loop);
/* Must be empty. Gives large memory back to the system and keeps a few small ones for the next writers. */
void outbox_give(struct loop *loop, struct outbox *box);
void outbox_free(struct outbox *box);

/* ERR_TOO_LARGE, ERR_NOMEM; nothing is changed then. */
int outbox_copy(struct outbox *box, struct span bytes) WARN_UNUSED;
void outbox_borrow(struct outbox *box, const struct outbox_segment *segment);

static inline bool outbox_empty(const struct outbox *box) {
    return box->first == box->count;
}

/* The first pieces, at most `max` of them; valid until the next call that changes the box. */
size_t outbox_peek(const struct outbox *box, struct span *pieces, size_t max);

/*
 * Takes up to `*len` bytes off the front, stops after a piece that has a release, and hands that out in *ret_done (else
 * its release is NULL). The caller calls it, when nothing of the box is in its hands, and goes on while *len > 0 or the
 * box starts with a piece of no length.
 */
void outbox_consume(struct outbox *box, size_t *len, struct outbox_segment *ret_done);
