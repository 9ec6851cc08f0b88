// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Wrong keys, counted by the address they come from, so that guessing and a client in a loop cost little. A table of fixed size,
 * shared by all loops behind a small lock that right keys never meet.
 */
#include "base/span.h"

#define WRONG_KEYS_A_MINUTE \
    ((uint32_t)20) /* this many are answered; further ones are told to wait */
#define WRONG_KEYS_SETS 256
#define WRONG_KEYS_WAYS 4

struct wrong_keys;

struct wrong_keys *wrong_keys_new(uint64_t seed);
void wrong_keys_free(struct wrong_keys *table); /* NULL is fine */

struct wrong_keys_word {
    uint32_t count;   /* of this address in this minute, this one too */
    uint64_t wait_ns; /* 0, or until the minute is over: too many */
};
/* One more from "192.0.2.1" or "2001:db8::1"; of IPv6 the first 64 bits count, since a customer has them all. */
struct wrong_keys_word wrong_keys_note(struct wrong_keys *table, const char *address,
                                       uint64_t now_ns);
