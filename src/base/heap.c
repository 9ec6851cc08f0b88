// SPDX-License-Identifier: Apache-2.0
/*
 * Intrusive 4-ary min-heap.
 *
 * Why 4-ary: half the levels of a binary heap and the children of a node share a cache line, which is what counts when
 * most timers are set and removed before they fire. Promises: O(log n) insert, remove and move, stable among equal keys.
 * Leaves to others: the meaning of the keys and the lifetime of the nodes.
 */
#include "base/heap.h"

#include "base/check.h"
#include "base/mem.h"

#define HEAP_ARITY          4
#define HEAP_FIRST_CAPACITY 64

void heap_init(struct heap *heap) {
    *heap = (struct heap){0};
}

void heap_done(struct heap *heap) {
    mem_free(heap->nodes);
    *heap = (struct heap){0};
}

static bool before(const struct heap_node *a, const struct heap_node *b) {
    return a->key < b->key || (a->key == b->key && a->sequence < b->sequence);
}

static void put(struct heap *heap, size_t place, struct heap_node *node) {
    heap->nodes[place] = node;
    node->place = place + 1;
}

static void sift_up(struct heap *heap, size_t place, struct heap_node *node) {
    while (place > 0) {
        size_t parent = (place - 1) / HEAP_ARITY;
        if (!before(node, heap->nodes[parent]))
            break;
        put(heap, place, heap->nodes[parent]);
        place = parent;
    }
    put(heap, place, node);
}

static size_t least_child(const struct heap *heap, size_t place) {
    size_t first = place * HEAP_ARITY + 1;
    size_t end = first + HEAP_ARITY < heap->count ? first + HEAP_ARITY : heap->count;
    size_t least = first;
    for (size_t child = first + 1; child < end; child++)
        if (before(heap->nodes[child], heap->nodes[least]))
            least = child;
    return least;
}

static void sift_down(struct heap *heap, size_t place, struct heap_node *node) {
    while (place * HEAP_ARITY + 1 < heap->count) {
        size_t child = least_child(heap, place);
        if (!before(heap->nodes[child], node))
            break;
        put(heap, place, heap->nodes[child]);
        place = child;
    }
    put(heap, place, node);
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key) {
    check(node->place == 0);
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity > 0 ? heap->capacity * 2 : HEAP_FIRST_CAPACITY;
        heap->nodes = mem_realloc(heap->nodes, heap->capacity * sizeof(struct heap_node *));
    }
    node->key = key;
    node->sequence = heap->next_sequence++;
    heap->count++;
    sift_up(heap, heap->count - 1, node);
}

void heap_remove(struct heap *heap, struct heap_node *node) {
    if (node->place == 0)
        return;
    size_t place = node->place - 1;
    check(place < heap->count && heap->nodes[place] == node);
    node->place = 0;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last == node)
        return;
    if (place > 0 && before(last, heap->nodes[(place - 1) / HEAP_ARITY]))
        sift_up(heap, place, last);
    else
        sift_down(heap, place, last);
}

void heap_set(struct heap *heap, struct heap_node *node, uint64_t key) {
    heap_remove(heap, node);
    heap_insert(heap, node, key);
}
