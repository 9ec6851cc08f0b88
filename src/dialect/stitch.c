// SPDX-License-Identifier: Apache-2.0
/*
 * Short pieces copied together, long ones borrowed.
 *
 * Why: a request written anew is mostly punctuation and small values around one long run of the client's bytes. As a rope
 * of its smallest parts it would have dozens of pieces, each with its cost at the socket; copying all of it would double
 * every image. The border is where a copy costs about as much as another piece. Promises: order is kept, bytes are those
 * given. Leaves to others: keeping borrowed bytes alive, asking the rope for its error.
 */
#include "dialect/stitch.h"

#define STITCH_BLOCK_BYTES       2048 /* pieces of up to half of it are copied */
#define STITCH_SHORT_BLOCK_BYTES 256

void stitch_init(struct stitch *stitch, struct rope *rope) {
    *stitch = (struct stitch){.rope = rope, .block_bytes = STITCH_BLOCK_BYTES};
}

void stitch_init_short(struct stitch *stitch, struct rope *rope) {
    *stitch = (struct stitch){.rope = rope, .block_bytes = STITCH_SHORT_BLOCK_BYTES};
}

void stitch_flush(struct stitch *stitch) {
    if (stitch->used == 0)
        return;
    rope_add(stitch->rope, span_of(stitch->block, stitch->used));
    stitch->block += stitch->used;
    stitch->capacity -= stitch->used;
    stitch->used = 0;
}

static bool make_room(struct stitch *stitch, size_t len) {
    if (len <= stitch->capacity - stitch->used)
        return true;
    stitch_flush(stitch);
    stitch->block = arena_try_alloc(stitch->rope->arena, stitch->block_bytes);
    stitch->capacity = stitch->block != NULL ? stitch->block_bytes : 0;
    if (stitch->block == NULL && stitch->rope->err == 0)
        stitch->rope->err = ERR_TOO_LARGE;
    return stitch->block != NULL;
}

void stitch_add(struct stitch *stitch, struct span piece) {
    if (piece.len > stitch->block_bytes / 2) {
        stitch_flush(stitch);
        rope_add(stitch->rope, piece);
        return;
    }
    if (piece.len == 0 || !make_room(stitch, piece.len))
        return;
    memcpy(stitch->block + stitch->used, piece.ptr, piece.len);
    stitch->used += piece.len;
}

void stitch_add_u64(struct stitch *stitch, uint64_t number) {
    char digits[20];
    char *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    stitch_add(stitch, span_of(at, (size_t)(digits + sizeof digits - at)));
}

void stitch_add_member_string(struct stitch *stitch, const char *name, struct span escaped) {
    STITCH_LITERAL(stitch, ",\"");
    stitch_add(stitch, span_text(name));
    STITCH_LITERAL(stitch, "\":\"");
    stitch_add(stitch, escaped);
    STITCH_LITERAL(stitch, "\"");
}

void stitch_add_rope(struct stitch *stitch, const struct rope *rope) {
    if (rope->err != 0 && stitch->rope->err == 0)
        stitch->rope->err = rope->err;
    for (size_t i = 0; i < rope->count; i++)
        stitch_add(stitch, rope->pieces[i]);
}

struct span stitch_flatten(const struct rope *rope) {
    char *bytes = rope->err == 0 ? arena_try_alloc(rope->arena, rope->total_bytes) : NULL;
    if (bytes == NULL)
        return SPAN_NONE;
    size_t length = 0;
    for (size_t i = 0; i < rope->count; i++) {
        memcpy(bytes + length, rope->pieces[i].ptr, rope->pieces[i].len);
        length += rope->pieces[i].len;
    }
    return span_of(bytes, length);
}
