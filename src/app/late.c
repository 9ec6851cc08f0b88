// SPDX-License-Identifier: Apache-2.0
/*
 * What could not be read at the start, since the store was down, is read as soon as it is back.
 *
 * Without this a database that was locked for a moment (a backup, a slow disk) would leave a gateway that knows no client and no key
 * of the vault until somebody starts it again. The store gets well by itself; a timer of loop 0 looks for that and then wishes for a
 * reload, whose thread reads vault and clients before it reads all else.
 * Promises: no table takes the place of a newer one; nobody is let in before what was used is charged. Leaves to others: getting
 * well (store/writer.c), using the vault's keys (load.c), limits of the past (clients_past.c, seed.c).
 */
#include "app/late.h"

#include "admin/client_rows.h"
#include "app/reload.h"
#include "base/clock.h"
#include "obs/log.h"
#include "vault/vault.h"

#include <semaphore.h>

#define LOOK_NS NS_PER_S

struct late_reading {
    struct store_job job;
    struct app *app;            /* borrowed */
    struct client_table *table; /* owned; NULL = there are no clients */
    sem_t over;
    int err;
};

/* --- on the store's thread --- */

static int run(struct store_db *db, struct store_job *job) {
    struct late_reading *reading = container_of(job, struct late_reading, job);
    struct vault *vault = reading->app->vault;
    struct secret *hash_key;
    int err = vault_open(vault, db);
    if (err == 0)
        err = client_rows_table(db, NULL, &reading->table);
    if (err != ERR_SEAL)
        return err;
    err = vault_need_clients_key(vault, db, &hash_key); /* there are some */
    if (err == 0) {
        err = client_rows_table(db, hash_key, &reading->table);
        secret_unref(hash_key);
    }
    return err == ERR_SEAL ? 0 : err; /* a locked vault is no matter of the store */
}

static void done(struct store_job *job, int err) {
    struct late_reading *reading = container_of(job, struct late_reading, job);
    struct app *app = reading->app;
    vault_settle(app->vault, err);
    if (err == 0)
        desk_clients(app->gateway->desk, reading->table, &app->admin.clients_zone);
    reading->err = err;
    (void)sem_post(&reading->over);
}

/* --- on the reloader's --- */

bool late_read(struct app *app) {
    struct late_reading reading = {.job = {.run = run, .done = done}, .app = app};
    if (!atomic_load(&app->late.unread))
        return false;
    (void)sem_init(&reading.over, 0, 0);
    reading.err = store_submit(app->store, STORE_WRITE, &reading.job);
    if (reading.err == 0)
        while (sem_wait(&reading.over) < 0)
            continue; /* a signal */
    (void)sem_destroy(&reading.over);
    if (reading.err == 0) {
        atomic_store(&app->late.unread, false);
        if (reading.table != NULL)
            clients_charge(app);
        roster_publish_late(app->gateway->roster, reading.table);
        log_event(LOG_INFO, "store.read_late", "clients=%u",
                  reading.table != NULL ? client_table_count(reading.table) : 0);
    }
    client_table_unref(reading.table);
    return reading.err == 0;
}

/* --- on loop 0 --- */

static void on_look(struct loop_timer *timer) {
    struct app *app = container_of(timer, struct app, late.timer);
    struct store_state state;
    if (app->draining || !atomic_load(&app->late.unread))
        return;
    store_state(app->store, &state);
    if (state.condition == STORE_IS_OK)
        app_reload(app, NULL);
    loop_timer_set(app->loops[0].loop, timer, loop_now_ns(app->loops[0].loop) + LOOK_NS);
}

void late_note(struct app *app) {
    atomic_store(&app->late.unread, true);
    roster_set_unread(app->gateway->roster);
}

void late_begin(struct app *app) {
    app->late.timer.fire = on_look;
    if (atomic_load(&app->late.unread))
        loop_timer_set(app->loops[0].loop, &app->late.timer,
                       loop_now_ns(app->loops[0].loop) + LOOK_NS);
}

void late_end(struct app *app) {
    if (loop_timer_armed(&app->late.timer))
        loop_timer_clear(app->loops[0].loop, &app->late.timer);
}
