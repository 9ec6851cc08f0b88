// SPDX-License-Identifier: Apache-2.0
/*
 * The roster: the present table of clients behind a lock, and a number that tells whether it is still the one a loop knows.
 *
 * Why not a message to each loop, as for snapshots: a key that was revoked must be refused by every request from then on, and
 * who publishes is a thread of the store, for which loops may be gone already. A look that sees the new number sees the table,
 * since the number is written after it, under the same lock that the look then takes.
 * Promises: whoever begins after roster_publish returned sees that table or a later one; a table is freed with the last request
 * that took it. Leaves to others: what is in a table (client/).
 */
#include "gateway/roster.h"

#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

struct roster {
    pthread_mutex_t lock;
    struct client_table *table; /* ref */
    _Atomic uint64_t version;   /* written under the lock */
    atomic_bool unread;
};

struct roster *roster_new(void) {
    struct roster *roster = mem_zalloc(sizeof *roster);
    check(pthread_mutex_init(&roster->lock, NULL) == 0);
    return roster;
}

void roster_free(struct roster *roster) {
    if (roster == NULL)
        return;
    client_table_unref(roster->table);
    check(pthread_mutex_destroy(&roster->lock) == 0);
    mem_free(roster);
}

void roster_publish(struct roster *roster, struct client_table *table) {
    check(pthread_mutex_lock(&roster->lock) == 0);
    struct client_table *old = roster->table;
    atomic_store(&roster->unread, false);
    roster->table = table != NULL ? client_table_ref(table) : NULL;
    atomic_fetch_add_explicit(&roster->version, 1, memory_order_release);
    check(pthread_mutex_unlock(&roster->lock) == 0);
    client_table_unref(old);
}

void roster_set_unread(struct roster *roster) {
    atomic_store(&roster->unread, true);
}

bool roster_is_unread(const struct roster *roster) {
    return atomic_load(&roster->unread);
}

struct client_table *roster_look(struct roster *roster, struct roster_view *view) {
    if (atomic_load_explicit(&roster->version, memory_order_acquire) == view->version)
        return view->table;
    struct client_table *old = view->table;
    check(pthread_mutex_lock(&roster->lock) == 0);
    view->table = roster->table != NULL ? client_table_ref(roster->table) : NULL;
    view->version = atomic_load_explicit(&roster->version, memory_order_relaxed);
    check(pthread_mutex_unlock(&roster->lock) == 0);
    client_table_unref(old);
    return view->table;
}

void roster_view_done(struct roster_view *view) {
    client_table_unref(view->table);
    *view = (struct roster_view){0};
}
