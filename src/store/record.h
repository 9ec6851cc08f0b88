// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What is kept of a request: who, when, how long, how many tokens, how each attempt ended. Never what was asked or answered.
 *
 * Names are text and not indexes, since indexes change with every configuration. Times are milliseconds since 1970 UTC.
 */
#include "store/store.h"

#define STORE_ATTEMPTS_MAX   64  /* of one request; later ones are left out */
#define STORE_NAME_MAX_BYTES 128 /* longer names are cut */

/* What an attempt left charged with the provider's limits; the words are the scheduler's (scheduler/past.h). */
struct store_charge {
    uint64_t input_tokens, output_tokens;
    uint64_t input_up_front, output_up_front;
    uint64_t inputs, audio_seconds;
    uint64_t cost;
    struct span cost_unit; /* the unit's word; absent = no cost was told */
};

struct store_attempt {
    struct span provider, account;
    struct span model;    /* unified id */
    struct span upstream; /* the provider's name for it */
    struct span outcome;  /* label */
    uint32_t status;      /* of the provider's answer; 0 = none */
    uint64_t at_ms;       /* sent */
    uint64_t waited_ms;   /* for room, before it */
    uint64_t duration_ms;
    uint64_t input_tokens, output_tokens; /* used, as reported or estimated */
    struct store_charge charge;
};

struct store_request {
    struct span id;
    struct span client; /* its id; absent in open mode */
    struct span endpoint;
    struct span model;    /* asked for */
    struct span served;   /* unified id that answered; absent = none */
    struct span provider; /* that answered, else the last one asked; absent = none */
    struct span account;
    struct span error; /* code; absent = it went well */
    uint32_t status;   /* told to the client */
    bool stream;
    bool has_first_token;
    uint64_t at_ms; /* accepted */
    uint64_t queued_ms, first_token_ms, duration_ms;
    uint64_t input_tokens, output_tokens;
    uint32_t attempts;                  /* made; may be more than are listed */
    const struct store_attempt *ladder; /* borrowed */
    uint32_t ladder_count;
};

/* By the thread of that loop alone; copies, never blocks, never fails: when the journal is full the row is dropped and counted,
 * and totals are added all the same. Loop indexes are 0 .. loop_count-1 of the config. */
void store_record(struct store *store, uint32_t loop_index, const struct store_request *request);
