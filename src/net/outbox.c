// SPDX-License-Identifier: Apache-2.0
/*
 * The queue of a stream.
 *
 * Why two kinds of pieces: heads and events are small and live for a moment, so copying them into one buffer is cheaper
 * than keeping track of them, and neighbours merge into one piece; bodies are large and already live elsewhere, so they are
 * borrowed. Why outboxes travel: thousands of streams are open, few write in the same turn; the boxes of the latter go
 * round through the loop, so an answer costs no allocation and a silent stream no memory.
 * Promises: order of bytes; a release exactly once. Leaves to others: sending, and calling release.
 */
#include "net/outbox.h"

#include "base/check.h"
#include "base/mem.h"
#include "net/loop_parts.h"
#include "net/stream.h"

#define OUTBOX_SPARES_MAX      64
#define OUTBOX_KEEP_COPY_BYTES ((size_t)16 * 1024)
#define OUTBOX_KEEP_SEGMENTS   16
#define OUTBOX_FIRST_SEGMENTS  4

struct outbox *outbox_take(struct loop *loop) {
    struct outbox *box = loop->spares;
    if (box != NULL) {
        loop->spares = box->next_spare;
        loop->spare_count--;
        return box;
    }
    box = mem_zalloc(sizeof *box);
    dynbuf_init(&box->copies, STREAM_QUEUE_MAX_BYTES);
    return box;
}

void outbox_free(struct outbox *box) {
    dynbuf_done(&box->copies);
    mem_free(box->segments);
    mem_free(box);
}

void outbox_give(struct loop *loop, struct outbox *box) {
    check(outbox_empty(box) && box->bytes == 0);
    if (loop->spare_count >= OUTBOX_SPARES_MAX || box->capacity > OUTBOX_KEEP_SEGMENTS) {
        outbox_free(box);
        return;
    }
    if (box->copies.capacity > OUTBOX_KEEP_COPY_BYTES)
        dynbuf_done(&box->copies);
    dynbuf_clear(&box->copies);
    box->first = 0;
    box->count = 0;
    box->next_spare = loop->spares;
    loop->spares = box;
    loop->spare_count++;
}

static void push(struct outbox *box, const struct outbox_segment *segment) {
    if (box->count == box->capacity && box->first > box->capacity / 2) {
        box->count -= box->first;
        memmove(box->segments, box->segments + box->first, box->count * sizeof *box->segments);
        box->first = 0;
    } else if (box->count == box->capacity) {
        box->capacity = box->capacity > 0 ? box->capacity * 2 : OUTBOX_FIRST_SEGMENTS;
        box->segments = mem_realloc(box->segments, box->capacity * sizeof *box->segments);
    }
    box->segments[box->count++] = *segment;
    box->bytes += segment->len;
}

int outbox_copy(struct outbox *box, struct span bytes) {
    int err = dynbuf_append_span(&box->copies, bytes);
    if (err < 0)
        return err;
    struct outbox_segment *last = outbox_empty(box) ? NULL : &box->segments[box->count - 1];
    if (last != NULL && last->bytes == NULL) {
        last->len += bytes.len;
        box->bytes += bytes.len;
        return 0;
    }
    const struct outbox_segment segment = {.len = bytes.len};
    push(box, &segment);
    return 0;
}

void outbox_borrow(struct outbox *box, const struct outbox_segment *segment) {
    check(segment->bytes != NULL);
    push(box, segment);
}

size_t outbox_peek(const struct outbox *box, struct span *pieces, size_t max) {
    size_t count = 0;
    const char *copied = dynbuf_span(&box->copies).ptr;
    for (size_t i = box->first; i < box->count && count < max; i++) {
        const struct outbox_segment *segment = &box->segments[i];
        if (segment->len == 0)
            continue;
        pieces[count++] = span_of(segment->bytes != NULL ? segment->bytes : copied, segment->len);
        if (segment->bytes == NULL)
            copied += segment->len;
    }
    return count;
}

/* True when the whole piece is gone. */
static bool take_front(struct outbox *box, struct outbox_segment *segment, size_t *len) {
    size_t taken = *len < segment->len ? *len : segment->len;
    if (segment->bytes == NULL)
        dynbuf_consume(&box->copies, taken);
    else
        segment->bytes += taken;
    segment->len -= taken;
    box->bytes -= taken;
    *len -= taken;
    return segment->len == 0;
}

void outbox_consume(struct outbox *box, size_t *len, struct outbox_segment *ret_done) {
    *ret_done = (struct outbox_segment){0};
    while (!outbox_empty(box)) {
        struct outbox_segment *front = &box->segments[box->first];
        if (!take_front(box, front, len))
            break;
        box->first++;
        if (front->release != NULL) {
            *ret_done = *front;
            break;
        }
    }
    if (outbox_empty(box)) {
        box->first = 0;
        box->count = 0;
    }
}
