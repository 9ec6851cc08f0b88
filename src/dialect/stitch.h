// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A writer onto a rope: short pieces are copied together, long ones borrowed. A body of many small members becomes one
 * piece, and one with a long history a few. Failures are remembered by the rope.
 */
#include "base/rope.h"

struct stitch {
    struct rope *rope; /* borrowed */
    char *block;       /* borrowed: the rope's arena; the copied bytes of the open piece */
    size_t used;
    size_t capacity;
    size_t block_bytes;
};

void stitch_init(struct stitch *stitch, struct rope *rope);
/* For one value of many: takes little memory. */
void stitch_init_short(struct stitch *stitch, struct rope *rope);
/* The bytes must outlive the rope. */
void stitch_add(struct stitch *stitch, struct span piece);
void stitch_add_u64(struct stitch *stitch, uint64_t number);
/* `,"name":"escaped"` */
void stitch_add_member_string(struct stitch *stitch, const char *name, struct span escaped);
/* Pieces of another rope. */
void stitch_add_rope(struct stitch *stitch, const struct rope *rope);
/* Before the rope is read or written otherwise. */
void stitch_flush(struct stitch *stitch);
/* All of a rope in one piece, in its arena; absent when there is no room. */
struct span stitch_flatten(const struct rope *rope);

#define STITCH_LITERAL(stitch, text) stitch_add(stitch, SPAN_LITERAL(text))
