// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An attempt: one try to have a request answered by one route. The second machine: its own object, arena and clocks.
 *
 * Lifetime: started by DISPATCH, owned by its request until attempt_release; it may outlive the request for a moment (a
 * provider that sent its end mark but not the end of the transfer). Freed when released and its call is done or cancelled.
 * It decodes what comes into events, which go to the request's encoder at once; everything else is stored and the request is
 * resumed. Nothing here decides what happens next: that is the scheduler's, told by SETTLE.
 *
 *   CALLING ──► SENT ──► STREAMING ──► ENDED        an answer as events
 *      │         ├─────► COLLECTING ──► ENDED       a whole body, or the body of an error
 *      └─────────┴────────────┴───────► ENDED       with the outcome of the failure
 */
#include "base/clock.h"
#include "base/sm.h"
#include "dialect/dialect.h"
#include "gateway/gateway.h"
#include "http/sse.h"
#include "scheduler/demand.h"
#include "scheduler/outcome.h"

#define ATTEMPT_MAGIC           0x41545450u
#define ATTEMPT_INLINE_BYTES    4096
#define ATTEMPT_ARENA_MAX_BYTES ((size_t)96 * 1024 * 1024)
#define ATTEMPT_BODY_MAX_BYTES  ((size_t)32 * 1024 * 1024) /* a whole answer */
#define ATTEMPT_ERROR_BODY_MAX_BYTES \
    ((size_t)64 * 1024)                      /* the body of an error; more is not read */
#define ATTEMPT_LINGER_NS     (1 * NS_PER_S) /* for the end of a transfer after its end mark */
#define ATTEMPT_ERROR_BODY_NS (5 * NS_PER_S) /* for the body of an error after its head */

enum attempt_state {
    ATTEMPT_CALLING,
    ATTEMPT_SENT,
    ATTEMPT_STREAMING,
    ATTEMPT_COLLECTING,
    ATTEMPT_ENDED
};

/* How long an attempt may stay without a first token, and whether its provider is to blame if it does. */
struct attempt_patience {
    uint64_t deadline_ns;
    bool blames;
};

struct request;

struct attempt {
    uint32_t magic;
    struct sm sm;
    struct gateway_loop *home;         /* borrowed */
    struct request *request;           /* borrowed; NULL once released */
    struct catalog_snapshot *snapshot; /* ref */
    uint32_t route;
    struct http_call *call; /* borrowed; NULL when done */
    struct origin origin;
    const struct dialect *dialect;   /* borrowed, static */
    struct dialect_request upstream; /* arena */
    struct dialect_decoder *decoder; /* owned, freed with the attempt */
    struct sse_decoder sse;
    struct dynbuf body;      /* COLLECTING */
    struct dynbuf head;      /* upstream head fields, wiped after use */
    struct loop_timer clock; /* first token, gap, linger */
    bool blamed;             /* for saying nothing until its first deadline */
    uint64_t gap_ns;
    uint64_t started_ns, sent_ns; /* sent: 0 = not yet */
    uint64_t events;              /* decoded so far: what counts as progress */

    /* what the request reads */
    enum outcome outcome; /* in ENDED */
    int err;              /* the mishap behind it, 0 when none */
    int status;           /* HTTP status, 0 before */
    bool answer_is_stream;
    bool token_seen;
    bool error_seen; /* an error inside a 200 */
    bool paused;
    bool counted;                      /* its time is in the request's upstream_ns */
    struct outcome_detail detail;      /* what the provider's signal adds to the outcome */
    struct http_headers *refusal_head; /* borrowed: arena; NULL while the answer is good */
    struct dialect_strips strips;      /* arena: members left out of this try */
    struct span strip; /* arena: one more to leave out when the same route is asked again */
    bool strip_holds;  /* for other requests too */
    bool has_cost;     /* the head told what the answer cost */
    enum limit_unit cost_unit;
    uint64_t cost;
    struct span error_message, error_code; /* escaped, arena; absent when none */
    struct usage usage;
    bool usage_known;

    struct arena arena;
    _Alignas(16) char inline_block[ATTEMPT_INLINE_BYTES];
};

/* Encodes and sends. Ends with OUTCOME_GATEWAY_FAULT later in the turn when the request cannot be encoded. */
struct attempt *attempt_start(struct request *request, uint32_t route,
                              struct attempt_patience patience);
static inline bool attempt_ended(const struct attempt *attempt) {
    return attempt->sm.state == ATTEMPT_ENDED;
}
/* Backpressure of the client. */
void attempt_pause(struct attempt *attempt);
void attempt_resume(struct attempt *attempt);
/* The request wants nothing more of it: closes the connection of an unfinished call; frees now or when the call is done. */
void attempt_release(struct attempt *attempt);

/* attempt_answer.c: bytes of the answer into events and an outcome. */
void attempt_answer_prepare(struct attempt *attempt);
void attempt_answer_begin(struct attempt *attempt, const struct http_answer_head *head);
/* Non-zero: the answer is broken, attempt->outcome says how. */
int attempt_answer_bytes(struct attempt *attempt, struct span bytes) WARN_UNUSED;
void attempt_answer_end(struct attempt *attempt);
/* Silence for longer than the gap: the end, when the wire's own end was seen and only the transfer's is missing. */
void attempt_answer_silent(struct attempt *attempt);
void attempt_end(struct attempt *attempt, enum outcome outcome, int err);
/* What the provider said it used, or what was seen of an answer that has no end. */
struct scheduler_usage attempt_usage(const struct attempt *attempt);
enum outcome attempt_outcome_of(int err, bool answer_bytes_seen);
