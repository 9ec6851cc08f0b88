// SPDX-License-Identifier: Apache-2.0
#pragma once
/* USR2: this program is started anew, as it is on disk by now, to take over. */
struct app;

/* On loop 0. */
void successor_start(struct app *app);
/* On loop 0, at SIGCHLD: one that ended without taking over is said. */
void successor_ended(struct app *app);
