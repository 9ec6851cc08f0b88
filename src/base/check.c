// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a process whose invariant broke.
 *
 * Writes one line with write(2), which allocates nothing and takes no lock, then aborts. Promises: prints no data of
 * a request, only the place and the text of the condition. Leaves to others: restarting (systemd, a person).
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *file, int line, const char *condition) {
    char text[512];
    int length =
        snprintf(text, sizeof text, "papi: broken invariant at %s:%d: %s\n", file, line, condition);
    if (length > (int)sizeof text - 1)
        length = (int)sizeof text - 1;
    if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
        abort();
    abort();
}
