// SPDX-License-Identifier: Apache-2.0
/*
 * papi serve: built in order, run, torn down in reverse.
 *
 * The parts and their order stand in one table; each has a file of its own and says itself what hinders it. Promises: every failure
 * to start is one clear line that says what to do, and exit code 1; nothing is open at exit. Leaves to others: the parts
 * (app_parts.h), parsing arguments (cli/).
 */
#include "app/app.h"

#include "app/app_parts.h"
#include "base/check.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#define APP_ARENA_MAX_BYTES ((size_t)1024 * 1024)

static const struct app_part parts[] = {
    {"settings", settings_start, settings_stop}, /* configuration, .env, keys */
    {"log", log_begin, log_end},
    {"place", place_start, place_stop},       /* the data directory, locked */
    {"address", address_start, address_stop}, /* where to listen; taken or not */
    {"claim", heir_claim, heir_stop}, /* --upgrade: from here on what one process alone may have */
    {"keeper", keeper_start,
     keeper_stop}, /* lets another process take over, and tells it by its end that all is written */
    {"records", records_start, records_stop},       /* the store */
    {"vault", vault_start, vault_stop},             /* keys that were given to this instance */
    {"simulator", simulator_start, simulator_stop}, /* --demo */
    {"pool", pool_start, NULL},                     /* who serves which model */
    {"reload", reload_start, reload_stop},          /* reads all of it anew */
    {"loops", loops_start, loops_stop},             /* the gateway, listening */
    {"admin", admin_start, NULL},                   /* papi.sock */
};

int app_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("papi: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return -1;
}

/* Every connection needs a descriptor here and one upstream; the soft limit is often 1024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int app_serve(const struct app_options *options) {
    struct app app = {.options = options, .lock_fd = -1, .probe_fd = -1, .heir = HEIR_NONE};
    int err = vault_take_environment(&app);
    arena_init(&app.arena, NULL, 0, APP_ARENA_MAX_BYTES);
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that went away is an error of the write, */
    (void)signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow any more */
    raise_descriptor_limit();
    for (size_t i = 0; i < array_length(parts) && err == 0; i++)
        err = parts[i].start(&app);
    if (err == 0)
        err = loops_run(&app);
    for (size_t i = array_length(parts); i-- > 0;)
        if (parts[i].stop != NULL)
            parts[i].stop(&app);
    arena_reset(&app.arena);
    return err == 0 ? 0 : 1;
}
