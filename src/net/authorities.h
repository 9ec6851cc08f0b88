// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The certificates of authorities that TLS connections trust: which file they come from, and in what state it is. For people who
 * wonder why nothing is trusted; connections read the same places themselves (tls_store.c).
 */
#include "base/err.h"
#include "base/span.h"

struct authorities {
    const char *file;      /* static or of the environment; NULL = none was found */
    uint32_t certificates; /* that could be read */
    uint32_t expired;      /* of them, at the time asked about */
    int64_t newest_ms;     /* when the newest of them began to hold; 0 = none */
};

/* The bundle of the system: the first of the usual files that can be read. */
void authorities_of_system(int64_t wall_ms, struct authorities *ret);
/* One file of PEM certificates. ERR_SYSTEM (errno), ERR_INVALID: not one certificate is in it. */
int authorities_of_file(const char *path, int64_t wall_ms, struct authorities *ret) WARN_UNUSED;
