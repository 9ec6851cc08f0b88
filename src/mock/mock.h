// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * papi mock: providers played over real HTTP.
 *
 * Ownership: the options and their texts are the caller's and stay valid until mock_run returns.
 */
#include <stdbool.h>
#include <stdint.h>

struct mock_options {
    const char *listen;   /* --listen ADDRESS:PORT; NULL = the default */
    const char *scenario; /* --scenario NAME or FILE; NULL = the default */
    uint64_t seed;        /* --seed */
    bool has_seed;        /* else one from the system, printed at start */
};

/* Runs until TERM or INT and returns an exit code: 0 ended as asked, 1 failed (said so on stderr). */
int mock_run(const struct mock_options *options);
