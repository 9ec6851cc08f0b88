// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * All providers, used or not, with their accounts, as the admin plane shows them: made by app/ with each configuration that is loaded,
 * read by handlers on any loop. What changes from moment to moment (who rests) is looked up when it is asked for.
 */
#include "base/arena.h"
#include "catalog/discover.h"

struct board_account {
    struct span name, source; /* source: a word, "vault" */
    struct span billing, plan;
    struct span fingerprint; /* absent = there is no key, or no master key to tell it by */
    bool paused;
};

struct board_provider {
    struct span id, name;
    const struct fact_provider *facts; /* NULL = only configured */
    enum discover_verdict verdict;
    struct span reason; /* why it is not used; absent when it is */
    enum fact_tri trains;
    struct board_account *accounts;
    uint32_t account_count;
    uint32_t closed_keys; /* in the vault, that cannot be opened */
};

struct provider_list {
    struct board_provider *providers;
    uint32_t count;
    struct arena arena;     /* all texts */
    _Atomic int references; /* the board's and readers' */
};

struct provider_board;
struct provider_board *provider_board_new(void);
void provider_board_free(struct provider_board *board); /* NULL is fine */

/* An empty list with one ref, to be filled and hung up. */
struct provider_list *provider_list_new(void);
void provider_list_unref(struct provider_list *list); /* NULL is fine */
/* Any thread. The board takes over the ref. */
void provider_board_put(struct provider_board *board, struct provider_list *list);
/* A ref; never NULL. */
struct provider_list *provider_board_get(struct provider_board *board);
const struct board_provider *provider_list_find(const struct provider_list *list, struct span id);
/* NULL = it has none of that name. */
const struct board_account *board_account_find(const struct board_provider *provider,
                                               struct span account);
