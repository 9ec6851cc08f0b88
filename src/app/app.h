// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The running gateway: builds everything in order, runs it, tears it down in reverse.
 *
 * Ownership: the options and their texts are the caller's and stay valid until app_serve returns.
 */
#include <stdbool.h>

struct app_options {
    const char *config_path; /* --config; NULL = search (config_find) */
    const char *data_dir;    /* --data; NULL = search */
    const char *listen;      /* --listen ADDRESS:PORT; NULL = as configured */
    bool demo;               /* --demo: with the simulated pool */
    bool upgrade;            /* --upgrade: takes over from the one that serves the data directory */
};

/* Runs until TERM or INT and returns an exit code: 0 drained, 1 failed (said so on stderr). */
int app_serve(const struct app_options *options);
