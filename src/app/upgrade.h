// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One process takes over from another: docs/internals/life-cycle.md. Two sides: the keeper (of whoever serves) and the heir (of
 * `papi serve --upgrade`).
 *
 *   heir                      keeper
 *   "papi-upgrade 1"     ──►
 *                        ◄──  "sockets" + where it listens, the listening descriptors, that of papi.sock last
 *   (has read its configuration)
 *   "ready"              ──►  stops accepting
 *                        ◄──  "running" lines, as often as needed; "yours" + the lock of the data directory
 *   (builds its gateway on the sockets)
 *   "built"              ──►
 *                        ◄──  "go"; drains, ends
 * Until "go" the keeper goes on as if nothing had happened when the heir goes away; from then on the heir serves.
 */
#include "gateway/desk.h"
#include "net/handover.h"

#include <pthread.h>

#define UPGRADE_SOCKET "upgrade.sock"

struct app;

struct heir {
    int fd; /* to the keeper; -1 = none */
    int keeper_pid;
    int sockets[HANDOVER_DESCRIPTORS_MAX]; /* owned: listening, of the keeper or of systemd */
    uint32_t socket_count;
    int owner_fd;           /* owned: papi.sock of the keeper; -1 = none */
    const char *running;    /* arena: lines; NULL = none */
    scheduler_ticket *held; /* owned: what the keeper still runs */
    uint32_t held_count;
    pthread_t thread; /* waits for the keeper's end */
    bool waits;
};
#define HEIR_NONE \
    { .fd = -1, .owner_fd = -1 }
/* Sockets that systemd has opened (LISTEN_FDS), if any. */
void heir_take_environment(struct app *app);
/* With --upgrade: connects and gets the sockets. fd stays -1 when nobody serves. */
int heir_begin(struct app *app);
/* A part of app.c, as the rest; everything that needs no lock is built: asks for the lock, and gets it or fails. */
int heir_claim(struct app *app);
/* The gateway is made and not running yet: what the keeper still runs is counted. */
void heir_hold(struct app *app);
/* Everything is built and nobody accepted: the keeper's last word. */
int heir_serving(struct app *app);
void heir_end(struct app *app); /* loops have ended */
void heir_stop(struct app *app);

/* Of every process that serves. begin: once the lock is ours and loops are there. */
int keeper_start(struct app *app);
int keeper_begin(struct app *app);
void keeper_end(struct app *app); /* loops have ended */
void keeper_stop(struct app *app);
