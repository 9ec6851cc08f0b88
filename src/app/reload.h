// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Reading the configuration anew while requests run: HUP, and whoever changed something that it reads.
 *
 * What is read: papi.yaml, .env, keys, servers of this machine, authorities of TLS. It is read on a thread of its own and taken into use
 * between two turns of the loops; with any error everything stays as it was. Wishes that arrive while one is under way share the next.
 */
#include "base/dynbuf.h"
#include "base/list.h"

struct app;

#define RELOAD_REPORT_MAX_BYTES ((size_t)256 * 1024)

/* One who wants to know how it went. Owned by who asks, valid until `done`, which is called once, on loop 0's thread. */
struct reload_wish {
    struct list node; /* the reloader's */
    /* err 0: in use, and report has warnings, a line each, with the place they are about; else ERR_INVALID: nothing has changed, and report
     * has the errors. ERR_CANCELLED: the gateway ends. `version` is that of the configuration in use. */
    void (*done)(struct reload_wish *wish, int err, uint64_t version, struct span report);
};

int reload_start(struct app *app);
/* The loops have ended: nothing is read any more, and who waits hears so. */
void reload_end(struct app *app);
void reload_stop(struct app *app); /* once no loop can call it */
/* Any thread. NULL: nobody waits for the end. */
void app_reload(struct app *app, struct reload_wish *wish);
