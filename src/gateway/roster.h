// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The table of clients in force, shared by all loops. Who changes clients publishes a new table from any thread; a request takes the
 * one in force when it begins. Taking it costs a loop one look at a number, unless it changed.
 */
#include "client/table.h"

struct roster;

/* What one loop holds of it. */
struct roster_view {
    struct client_table *table; /* ref; NULL = there are no clients */
    uint64_t version;
};

struct roster *roster_new(void);
void roster_free(struct roster *roster); /* NULL is fine; views are given back before */
/* Any thread. The table is referenced; NULL = no clients. */
void roster_publish(struct roster *roster, struct client_table *table);
/* The store could not be asked who there is. Until the next roster_publish. */
void roster_set_unread(struct roster *roster);
bool roster_is_unread(const struct roster *roster);
/* The view's own thread: the table in force, borrowed from the view until the next look. NULL = no clients. */
struct client_table *roster_look(struct roster *roster, struct roster_view *view);
void roster_view_done(struct roster_view *view);
