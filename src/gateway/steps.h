// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The story of a request as a table: each step's name, where it may lead, and why. One function a step (gateway/<step>.c); only
 * request.c runs them. A step checks what it needs, does one thing, names the next step or parks.
 *
 * name, function, steps it may lead to, what it does
 *
 * What "the client is gone" means in each: before DISPATCH nothing runs elsewhere, so the story goes on to CANCEL at the next
 * turn; an ANSWER that is given later is no longer waited for; in DISPATCH the ticket is given back; in RELAY the attempt's connection is closed first, then its ticket is settled as
 * cancelled; from RECORD on there is nothing left to undo. CANCEL may be entered from every step before RECORD and does all of
 * that idempotently.
 */
#define STEP_TABLE(X)                                                                          \
    X(STEP_ACCEPT, accept, SM_BIT(STEP_AUTHENTICATE) | SM_BIT(STEP_REJECT),                    \
      "find the endpoint of method and path")                                                  \
    X(STEP_AUTHENTICATE, authenticate,                                                         \
      SM_BIT(STEP_ANSWER) | SM_BIT(STEP_DECODE) | SM_BIT(STEP_REJECT),                         \
      "decide whether this client may ask at all")                                             \
    X(STEP_ANSWER, answer, SM_BIT(STEP_RECORD) | SM_BIT(STEP_REJECT),                          \
      "answer an endpoint that asks no provider")                                              \
    X(STEP_DECODE, decode, SM_BIT(STEP_ADMIT) | SM_BIT(STEP_REJECT),                           \
      "body to task, by the endpoint's surface")                                               \
    X(STEP_ADMIT, admit, SM_BIT(STEP_DISPATCH) | SM_BIT(STEP_REJECT),                          \
      "model name to candidates, and a ticket for them")                                       \
    X(STEP_DISPATCH, dispatch, SM_BIT(STEP_RELAY) | SM_BIT(STEP_SETTLE) | SM_BIT(STEP_REJECT), \
      "wait for a grant, start its attempt")                                                   \
    X(STEP_RELAY, relay, SM_BIT(STEP_SETTLE), "carry events from the attempt to the client")   \
    X(STEP_SETTLE, settle, SM_BIT(STEP_DISPATCH) | SM_BIT(STEP_RECORD) | SM_BIT(STEP_REJECT),  \
      "tell the scheduler how it ended")                                                       \
    X(STEP_REJECT, reject, SM_BIT(STEP_RECORD), "tell the client why not, in its wire's form") \
    X(STEP_CANCEL, cancel, SM_BIT(STEP_RECORD), "the client is gone: undo what still runs")    \
    X(STEP_RECORD, record, SM_BIT(STEP_DONE), "count it")                                      \
    X(STEP_DONE, done, 0, "wait for the last byte to leave, then free")

enum request_step {
#define STEP_ENUM(id, function, next, why) id,
    STEP_TABLE(STEP_ENUM)
#undef STEP_ENUM
        STEP_COUNT
};

enum step_verdict { STEP_NEXT, STEP_PARKED, STEP_FINISHED };

enum parked_reason {
    PARKED_NOT,
    PARKED_FOR_GRANT,
    PARKED_FOR_ANSWER,
    PARKED_FOR_CLIENT,
    PARKED_FOR_JOB
};

struct request;

#define STEP_DECLARE(id, function, next, why) enum step_verdict step_##function(struct request *r);
STEP_TABLE(STEP_DECLARE)
#undef STEP_DECLARE
