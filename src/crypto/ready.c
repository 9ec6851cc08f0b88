// SPDX-License-Identifier: Apache-2.0
/*
 * Making libsodium ready.
 *
 * Why behind every function instead of a call in main: a caller cannot forget what it need not know, and tests and tools have no
 * common start. Promises: once for the process, whichever thread comes first; afterwards a read of one flag.
 * Leaves to others: nothing.
 */
#include "crypto/ready.h"

#include "base/check.h"

#include <pthread.h>
#include <sodium.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void) {
    check(sodium_init() >= 0);
}

void crypto__ready(void) {
    check(pthread_once(&once, start) == 0);
}
