// SPDX-License-Identifier: Apache-2.0
/*
 * Kept memory for objects that come and go with every request.
 *
 * Why: the C library's quick lists end at one kilobyte; requests, attempts and calls carry their first arena block or head
 * inside and are larger, so that each would cost a search and a merge of free blocks. Promises: last given, first taken, so
 * that the memory is warm. Under AddressSanitizer nothing is kept, so that a use after the end is still seen there. Leaves to
 * others: clearing the objects, when to give memory back after a burst.
 */
#include "base/shelf.h"

#include "base/mem.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SHELF_KEEPS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHELF_KEEPS 0
#endif
#endif
#ifndef SHELF_KEEPS
#define SHELF_KEEPS 1
#endif

void shelf_init(struct shelf *shelf, uint32_t most) {
    *shelf = (struct shelf){.most = SHELF_KEEPS ? most : 0};
}

void *shelf_take(struct shelf *shelf, size_t size_bytes) {
    void *object = shelf->first;
    if (object == NULL)
        return mem_alloc(size_bytes);
    memcpy(&shelf->first, object, sizeof shelf->first);
    shelf->kept--;
    return object;
}

void shelf_give(struct shelf *shelf, void *object) {
    if (shelf->kept >= shelf->most) {
        mem_free(object);
        return;
    }
    memcpy(object, &shelf->first, sizeof shelf->first);
    shelf->first = object;
    shelf->kept++;
}

void shelf_clear(struct shelf *shelf) {
    while (shelf->first != NULL) {
        void *object = shelf->first;
        memcpy(&shelf->first, object, sizeof shelf->first);
        mem_free(object);
    }
    shelf->kept = 0;
}
