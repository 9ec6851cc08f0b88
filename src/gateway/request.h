// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A request: one client's question from its head to its last byte. Driven by request.c alone through the table in steps.h.
 *
 * Lifetime: made when the HTTP server hands over an exchange, freed when its story is over and the exchange has finished,
 * whichever comes last. Its arena holds the decoded task and all texts of answer and errors. Callbacks of the network and of
 * the desk only store what they bring and call request_resume; the story goes on once per loop turn.
 */
#include "base/arena.h"
#include "base/sm.h"
#include "gateway/attempt.h"
#include "gateway/desk.h"
#include "gateway/endpoint.h"
#include "gateway/gateway.h"
#include "gateway/rung.h"
#include "gateway/steps.h"
#include "surface/surface.h"

#define REQUEST_MAGIC        0x52455155u
#define REQUEST_INLINE_BYTES 4096
#define REQUEST_ARENA_MAX_BYTES \
    ((size_t)96 * 1024 * 1024) /* index of a 32 MiB body plus what is written from it */
#define REQUEST_OUT_MAX_BYTES ((size_t)48 * 1024 * 1024) /* an answer of 32 MiB, encoded */
#define REQUEST_ID_BYTES      24
#define STATUS_CLIENT_GONE    499 /* recorded, never sent (wire 1.6) */

#define CLIENT_HOLD_NS      (25 * NS_PER_S)  /* product 5: how long the 200 of a stream is held */
#define CLIENT_KEEPALIVE_NS (15 * NS_PER_S)  /* wire 1.5 */
#define FIRST_TOKEN_MAX_NS  (120 * NS_PER_S) /* product 5.6: streams */
#define FIRST_BYTE_MAX_NS   (300 * NS_PER_S) /* product 5.6: whole answers */

/* What of the answer's head the client has: nothing; a 200 before any token; a 200 with all that is known. */
enum request_head { HEAD_HELD, HEAD_EARLY, HEAD_SENT };

struct later;
struct taken;

struct request {
    uint32_t magic;
    struct sm sm;
    enum parked_reason parked;
    struct gateway_loop *home;         /* borrowed */
    struct http_exchange *exchange;    /* borrowed; NULL once finished */
    struct http_body *body;            /* ref; NULL when there is none */
    struct catalog_snapshot *snapshot; /* ref */
    struct client_table *clients;      /* ref; NULL when nobody is known */
    const struct client *client;       /* borrowed: clients; NULL: nobody, or the owner */
    struct loop_task resume;
    struct loop_timer clock; /* hold, keep-alive, the client's own deadline */
    uint32_t slot, generation;
    char id[REQUEST_ID_BYTES];

    const struct endpoint *endpoint; /* borrowed, static */
    unsigned allowed;                /* methods of the path, enum endpoint_method bits */
    struct span path_rest;           /* what follows a prefix endpoint */
    const struct surface
        *surface; /* borrowed, static; for errors also before an endpoint is known */
    struct task task;
    struct surface_encoder *encoder; /* owned by the surface, freed with the request */
    struct surface_identity identity;

    scheduler_ticket ticket;
    struct action
        decision; /* the desk's last word; decision.ticket != 0 when there is one to act on */
    bool decided;
    struct attempt *attempt;                   /* owned until it is detached */
    struct request_rung *ladder, *ladder_last; /* borrowed: arena; attempts that have ended */
    uint32_t attempts;
    enum outcome last_outcome;
    /* What the last attempt's refusal named, to be left out when the same route is asked again. */
    struct {
        struct span name; /* arena; absent = nothing */
        uint32_t route;
        bool holds; /* for other requests too */
    } strip;
    uint64_t input_tokens;    /* of the prompt, estimated */
    uint64_t output_promised; /* reserved for the answer of the last attempt */
    struct scheduler_usage usage;

    enum request_head head;
    struct dynbuf out;   /* encoded, not yet given to the exchange */
    struct taken *taken; /* arena: query and body of an admin endpoint (take.h) */
    struct later *later; /* borrowed: what the answer waits for; NULL = nothing */
    bool later_done;     /* it came back */
    bool owner;          /* came by the Unix socket: whoever runs this gateway */
    bool let_in;         /* it may ask: from here on it is somebody's request */
    bool gone;           /* the client is */
    bool cors;           /* Origin may read the answer */
    bool wait_longer;    /* the client set x-papi-deadline-ms */
    bool narrowed;       /* a name it asks for is not in its client's list: models are looked at */
    bool no_training;    /* the client set x-papi-data: no-training */
    bool strict;         /* the client set x-papi-strict: nothing is left out or passed over */
    bool answered;       /* the answer is ended */
    bool story_over;
    bool empty_seen;        /* a provider answered well, but with nothing */
    bool unclear_seen;      /* a provider refused for a reason that may be its own */
    struct span warning;    /* for x-papi-warning: wishes that were passed over; absent = none */
    struct api_error error; /* what REJECT tells */
    bool has_error;
    int status;

    uint64_t accepted_ns, submitted_ns, granted_ns, first_token_ns, last_write_ns;
    uint64_t queued_ns, upstream_ns; /* summed over attempts */
    uint64_t waited_ns;              /* for the last grant */
    uint64_t deadline_ns;            /* the client's own; UINT64_MAX when none */

    struct arena arena;
    _Alignas(16) char inline_block[REQUEST_INLINE_BYTES];
};

/* REQUEST_ID_BYTES of text with its NUL. */
void request_make_id(struct rand *rand, char *id);
struct request *request_new(struct gateway_loop *home, struct http_exchange *exchange);
/* Runs the story later in this turn; harmless when it is already due or over. */
void request_resume(struct request *r);
/* Names the next step; a move outside the table is a broken invariant. */
enum step_verdict request_go(struct request *r, enum request_step next);
enum step_verdict request_park(struct request *r, enum parked_reason reason);
/* Fills r->error and goes to REJECT. `message` may use printf forms; it is kept in the arena. */
enum step_verdict request_fail(struct request *r, enum api_error_kind kind, const char *param,
                               const char *format, ...) PRINTF_LIKE(4, 5);
/* The desk's word for this request, on its own loop, in the numbers of `snapshot`: the request goes on with that one. */
void request_decided(struct request *r, const struct action *decision,
                     struct catalog_snapshot *snapshot);
/* Exchange callbacks (accept.c gives them to the server). */
void request_on_gone(void *context, struct http_exchange *exchange);
void request_on_drain(void *context, struct http_exchange *exchange);
void request_on_finished(void *context, struct http_exchange *exchange);

uint64_t request_owner(const struct request *r);
/* Product 5.6: how long a request may go without a first token, or as a whole answer without its first byte. */
static inline uint64_t request_patience_ns(const struct request *r) {
    return r->task.chat.stream ? FIRST_TOKEN_MAX_NS : FIRST_BYTE_MAX_NS;
}
static inline uint64_t request_now_ns(const struct request *r) {
    return loop_now_ns(r->home->loop);
}

#include "gateway/respond.h"
