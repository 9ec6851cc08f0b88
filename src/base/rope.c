// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes as a list of spans.
 *
 * Why: an upstream request is written anew from the task, yet most of it is bytes that the client sent; a rope lets the
 * socket gather both without a copy. Promises: total_bytes is the exact body length; neighbours in memory are merged, so
 * that an untouched run is one piece. Leaves to others: keeping borrowed bytes alive.
 */
#include "base/rope.h"

#define ROPE_FIRST_PIECES 16

void rope_init(struct rope *rope, struct arena *arena) {
    *rope = (struct rope){.arena = arena};
}

static int grow(struct rope *rope) {
    size_t capacity = rope->capacity > 0 ? rope->capacity * 2 : ROPE_FIRST_PIECES;
    struct span *pieces = arena_try_alloc(rope->arena, capacity * sizeof(struct span));
    if (pieces == NULL)
        return ERR_TOO_LARGE;
    if (rope->count > 0)
        memcpy(pieces, rope->pieces, rope->count * sizeof(struct span));
    rope->pieces = pieces;
    rope->capacity = capacity;
    return 0;
}

void rope_add(struct rope *rope, struct span piece) {
    if (piece.len == 0 || rope->err != 0)
        return;
    rope->total_bytes += piece.len;
    if (rope->count > 0) {
        struct span *last = &rope->pieces[rope->count - 1];
        if (last->ptr + last->len == piece.ptr) {
            last->len += piece.len;
            return;
        }
    }
    if (rope->count == rope->capacity) {
        rope->err = grow(rope);
        if (rope->err != 0)
            return;
    }
    rope->pieces[rope->count++] = piece;
}

void rope_add_text(struct rope *rope, const char *literal) {
    rope_add(rope, span_text(literal));
}

void rope_add_copy(struct rope *rope, struct span piece) {
    struct span copy;
    int err = rope->err != 0 ? rope->err : arena_copy(rope->arena, piece, &copy);
    if (err == 0)
        rope_add(rope, copy);
    else
        rope->err = err;
}

int rope_error(const struct rope *rope) {
    return rope->err;
}
