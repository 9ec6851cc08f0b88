// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A few short questions to ports of this machine, all at once, in bounded time: for finding servers at the start, before any loop
 * runs. Blocks the caller for at most the time given; a port that nobody listens on costs microseconds.
 *
 * Ownership: the caller's probes; probe_done frees the answers.
 */
#include "base/dynbuf.h"

#define PROBES_MAX 16

struct probe {
    uint16_t port;       /* on 127.0.0.1 */
    struct span request; /* borrowed: sent as it is */
    size_t cap_bytes;    /* of the answer */
    /* Whether an answer needs no more bytes; NULL: it ends when the peer closes. */
    bool (*is_complete)(struct span answer);
    struct dynbuf answer; /* owned: what came, also when err is not 0 */
    /* 0: complete, or ended by the peer. ERR_CONNECT_REFUSED and its like, ERR_RESET, ERR_TOO_LARGE, ERR_SYSTEM,
     * ERR_FIRST_BYTE_TIMEOUT: the time was over. */
    int err;
};

/* At most PROBES_MAX. */
void probe_all(struct probe *probes, size_t count, uint64_t timeout_ms);
void probe_done(struct probe *probe);
