// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A record as flat bytes, as it lies in the journal. For store/ alone; never leaves this machine. */
#include "store/record.h"

/* Names are cut, attempts beyond STORE_ATTEMPTS_MAX left out. A multiple of 8. */
size_t entry_bytes(const struct store_request *request);
/* Writes exactly entry_bytes. */
void entry_write(const struct store_request *request, char *to);
/* Spans point into `bytes`; the ladder has STORE_ATTEMPTS_MAX places. ERR_INVALID: not what entry_write wrote. */
int entry_read(struct span bytes, struct store_request *ret_request,
               struct store_attempt *ret_ladder) WARN_UNUSED;
/* Of bytes whose number is a multiple of 8; against tearing, not against attackers. */
uint64_t entry_checksum(const char *bytes, size_t length, uint64_t seed);
