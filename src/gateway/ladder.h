// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The last requests of a loop with the ladder each climbed: which candidates were asked, why they failed, how long it took and how
 * long it waited. For `papi request ID`, before the store has it, or where there is none. Numbers and names only, never what was asked or answered.
 *
 * One ring for each loop, written by its loop, read by any (a small lock). A record keeps its names itself, and no
 * snapshot alive. The oldest record makes room for the newest.
 */
#include "gateway/request.h"
#include "store/requests.h"

#define LADDER_RECORDS_MAX 256
#define LADDER_RUNGS_MAX   16 /* of a request; later ones are counted only */
#define LADDER_NAME_BYTES  64 /* of the model asked for; longer names are cut */

struct ladder_ring;

struct ladder_ring *ladder_ring_new(void);
void ladder_ring_free(struct ladder_ring *ring); /* NULL is fine */
/* The request's story is over; its numbers are copied. */
void ladder_keep(struct ladder_ring *ring, const struct request *r, uint64_t total_ns);
/* Shows the record of this id as the store would, with its ladder; ERR_NOT_FOUND when no ring has it (any more). Any loop. */
int ladder_find(struct gateway *gateway, struct span id, store_request_cb each,
                void *context) WARN_UNUSED;
