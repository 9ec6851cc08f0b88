// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The running gateway as one thing: built in order, run, torn down in reverse.
 */
#include <stdbool.h>

struct app_options {
    const char *config_path; /* --config, or NULL */
    const char *data_dir;    /* --data, or NULL */
    const char *listen;      /* --listen, or NULL */
};

/* Serves until TERM or INT; returns the exit code. Errors are told on stderr. */
int app_serve(const struct app_options *options);
