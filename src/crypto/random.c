// SPDX-License-Identifier: Apache-2.0
/*
 * Random bytes for keys, tokens and nonces.
 *
 * Why no seed and no state of our own: the kernel's generator survives fork, snapshots of virtual machines and our mistakes.
 * Promises: never returns less than asked; a system without randomness ends the process, since nothing secret can be made there.
 * Leaves to others: what the bytes become.
 */
#include "crypto/random.h"

#include "base/check.h"
#include "crypto/ready.h"

#include <sodium.h>

void random_bytes(void *ret_bytes, size_t size) {
    crypto__ready();
    randombytes_buf(ret_bytes, size);
}

uint32_t random_below(uint32_t bound) {
    check(bound > 0);
    crypto__ready();
    return randombytes_uniform(bound);
}
