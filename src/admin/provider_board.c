// SPDX-License-Identifier: Apache-2.0
/*
 * The board of providers.
 *
 * Why a list of its own beside the snapshot: that one holds who can be asked, this one also who cannot, and why. Promises: a reader keeps
 * the list it took, whatever is hung up meanwhile. Leaves to others: filling it (app/provider_rows.c).
 */
#include "admin/provider_board.h"

#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>

#define LIST_ARENA_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct provider_board {
    pthread_mutex_t lock;
    struct provider_list *list; /* ref; guarded by lock */
};

struct provider_list *provider_list_new(void) {
    struct provider_list *list = mem_zalloc(sizeof *list);
    arena_init(&list->arena, NULL, 0, LIST_ARENA_MAX_BYTES);
    list->references = 1;
    return list;
}

void provider_list_unref(struct provider_list *list) {
    if (list == NULL || --list->references > 0)
        return;
    arena_reset(&list->arena);
    mem_free(list);
}

struct provider_board *provider_board_new(void) {
    struct provider_board *board = mem_zalloc(sizeof *board);
    check(pthread_mutex_init(&board->lock, NULL) == 0);
    board->list = provider_list_new();
    return board;
}

void provider_board_free(struct provider_board *board) {
    if (board == NULL)
        return;
    provider_list_unref(board->list);
    check(pthread_mutex_destroy(&board->lock) == 0);
    mem_free(board);
}

void provider_board_put(struct provider_board *board, struct provider_list *list) {
    check(pthread_mutex_lock(&board->lock) == 0);
    struct provider_list *old = board->list;
    board->list = list;
    check(pthread_mutex_unlock(&board->lock) == 0);
    provider_list_unref(old);
}

struct provider_list *provider_board_get(struct provider_board *board) {
    check(pthread_mutex_lock(&board->lock) == 0);
    struct provider_list *list = board->list;
    list->references++;
    check(pthread_mutex_unlock(&board->lock) == 0);
    return list;
}

const struct board_provider *provider_list_find(const struct provider_list *list, struct span id) {
    for (uint32_t i = 0; i < list->count; i++)
        if (span_equal(list->providers[i].id, id))
            return &list->providers[i];
    return NULL;
}

const struct board_account *board_account_find(const struct board_provider *provider,
                                               struct span account) {
    for (uint32_t i = 0; i < provider->account_count; i++)
        if (span_equal(provider->accounts[i].name, account))
            return &provider->accounts[i];
    return NULL;
}
