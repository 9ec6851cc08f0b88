// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A rope: bytes as a list of spans, for a body that is mostly somebody else's bytes (a client's 5 MiB image copied into
 * an upstream request without copying). Pieces are borrowed, or copied into the rope's arena by rope_add_copy; a failed
 * add is remembered and told by rope_error, so that writers need not check each step.
 */
#include "base/arena.h"

struct rope {
    struct arena *arena; /* borrowed: holds the array and copied pieces */
    struct span *pieces; /* borrowed: arena */
    size_t count;
    size_t capacity;
    size_t total_bytes;
    int err;
};

void rope_init(struct rope *rope, struct arena *arena);
/* The bytes must outlive the rope. Empty spans are dropped; a piece that continues the last one in memory is merged. */
void rope_add(struct rope *rope, struct span piece);
void rope_add_text(struct rope *rope, const char *literal);
void rope_add_copy(struct rope *rope, struct span piece);
int rope_error(const struct rope *rope) WARN_UNUSED;
