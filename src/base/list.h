// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Intrusive doubly linked list. A node is in one list at most; an unlinked node points to itself, so removing twice is
 * harmless and "am I queued" needs no flag. Owner of the elements: whoever embeds the node.
 */
#include "base/check.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_INIT(name) ((struct list){&(name), &(name)})

static inline void list_init(struct list *list) {
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct list *list) {
    return list->next == list;
}

static inline bool list_linked(const struct list *node) {
    return node->next != node;
}

static inline void list_insert_before(struct list *place, struct list *node) {
    check(node->next == node);
    node->next = place;
    node->prev = place->prev;
    place->prev->next = node;
    place->prev = node;
}

static inline void list_append(struct list *list, struct list *node) {
    list_insert_before(list, node);
}

static inline void list_prepend(struct list *list, struct list *node) {
    list_insert_before(list->next, node);
}

static inline void list_remove(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* First node, taken out; NULL when empty. */
static inline struct list *list_pop(struct list *list) {
    struct list *node = list->next;
    if (node == list)
        return NULL;
    list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from) {
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* `next_node` lets the body remove `node`. */
#define list_for_each(node, next_node, head)                                        \
    for (struct list *node = (head)->next, *next_node = node->next; node != (head); \
         node = next_node, next_node = node->next)
