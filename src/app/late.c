// SPDX-License-Identifier: Apache-2.0
/*
 * What could not be read at the start, since the store was down, is read as soon as it is back.
 *
 * Without this a database that was locked for a moment (a backup, a slow disk) would leave a gateway that knows no client and no key
 * of the vault until somebody reloads it. The store gets well by itself; a timer of loop 0 looks for that and then wishes for a
 * reload, which reads vault and clients too. Promises: no wish while the store is down, none after it was read. Leaves to others:
 * getting well (store/writer.c), reading (reload.c, clients.c).
 */
#include "app/late.h"

#include "app/reload.h"
#include "base/clock.h"
#include "store/store.h"
#include "vault/vault.h"

#define LOOK_NS NS_PER_S

static bool is_late(const struct app *app) {
    char why[VAULT_WHY_BYTES];
    return app->store != NULL &&
           (vault_look(app->vault, why) == VAULT_UNREAD || roster_is_unread(app->gateway->roster));
}

static void on_look(struct loop_timer *timer) {
    struct app *app = container_of(timer, struct app, late);
    struct store_state state;
    if (app->draining || !is_late(app))
        return;
    store_state(app->store, &state);
    if (state.condition == STORE_IS_OK)
        app_reload(app, NULL);
    loop_timer_set(app->loops[0].loop, timer, loop_now_ns(app->loops[0].loop) + LOOK_NS);
}

void late_begin(struct app *app) {
    app->late.fire = on_look;
    if (is_late(app))
        loop_timer_set(app->loops[0].loop, &app->late, loop_now_ns(app->loops[0].loop) + LOOK_NS);
}

void late_end(struct app *app) {
    if (loop_timer_armed(&app->late))
        loop_timer_clear(app->loops[0].loop, &app->late);
}
