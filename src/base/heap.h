// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Intrusive 4-ary min-heap of u64 keys (times, tags). A node is in one heap at most and knows its place, so removing
 * and re-keying are O(log n). Equal keys leave in the order of `sequence`, given at insertion, so that runs repeat.
 * Owner of the nodes: whoever embeds them; the heap owns its array of pointers.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t sequence;
    size_t place; /* 1-based place in the array, 0 = in no heap */
};

struct heap {
    struct heap_node **nodes; /* owned array of borrowed nodes */
    size_t count;
    size_t capacity;
    uint64_t next_sequence;
};

void heap_init(struct heap *heap);
/* The heap must be empty or its nodes dead. */
void heap_done(struct heap *heap);
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);
/* No-op for a node in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Inserts or moves. */
void heap_set(struct heap *heap, struct heap_node *node, uint64_t key);

static inline struct heap_node *heap_first(const struct heap *heap) {
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

static inline bool heap_linked(const struct heap_node *node) {
    return node->place != 0;
}
