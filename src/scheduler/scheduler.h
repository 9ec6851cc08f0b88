// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The scheduler: decides who goes where and when, and owns retry policy. One struct driven by events; no sockets, no clock, no
 * allocation on the hot path, no lock (gateway/desk.c puts one around it), so that the same code runs live and in the simulator.
 *
 * Every event takes the time (CLOCK_BOOTTIME ns) and a list for the actions it causes. A ticket is one request's business here:
 * submit makes it; it ends by REFUSE, by cancel, or by done with an outcome after which nothing more will be tried
 * (scheduler_done returns DONE_FINISHED). An event for a ticket that has ended is ignored, so late ones do no harm; a remote
 * grant that comes for one is given back (ACTION_REMOTE_RELEASE).
 *
 *   submit ──► WAITING ──► RESERVING ──► GRANTED ──► SENT ──► ANSWERING ──► done
 *                 ▲  (remote, durable)      │          │          │
 *                 └─────────────────────────┴── done(failed), next candidate
 * RESERVING rests until remote_grant / durable_done: a shared ledger one round trip away needs no other interface.
 */
#include "scheduler/clients.h"
#include "scheduler/config.h"
#include "scheduler/demand.h"
#include "scheduler/look.h"
#include "scheduler/outcome.h"

#define SCHEDULER_ACTIONS_MAX \
    160 /* what one visit may cause; before it none, or those of one other visit */
#define SCHEDULER_DISPATCH_PER_VISIT 64 /* the rest is re-armed for now */
#define SCHEDULER_TICKETS_MAX        (1u << 24)

typedef uint64_t scheduler_ticket; /* slot | generation << 32; 0 is none */

enum refusal {
    REFUSAL_NONE,
    REFUSAL_NO_CANDIDATE, /* nothing configured can serve it */
    REFUSAL_TOO_LARGE,    /* larger than any candidate's limit can ever allow */
    REFUSAL_LIMITED,      /* waiting cannot fit; retry_at_ns says when room comes, 0 = unknown */
    REFUSAL_QUEUE_FULL,
    REFUSAL_WAIT_OVER, /* it waited as long as it may */
    REFUSAL_FAILED,    /* candidates were tried and failed; `last` says how */
    REFUSAL_DEADLINE,  /* the client's total deadline */
    REFUSAL_CLIENT_LIMITED, /* a limit of its own; retry_at_ns: 0 = when one of its requests ends, UINT64_MAX = never */
    REFUSAL_COUNT
};

enum action_kind {
    ACTION_DISPATCH,          /* send ticket's request by route */
    ACTION_REFUSE,            /* the ticket has ended */
    ACTION_NEED_REMOTE_GRANT, /* ask the shared ledger; answer by scheduler_remote_grant(grant) */
    ACTION_REMOTE_RELEASE, /* give a grant back: its ticket had gone, or the outcome releases it */
    ACTION_REMOTE_SETTLE,  /* tell the shared ledger what was used */
    ACTION_NEED_DURABLE, /* make node's mark durable; answer by scheduler_durable_done(node, mark) */
    ACTION_ARM           /* call scheduler_tick at time_ns (replaces the time before) */
};

struct action {
    enum action_kind kind;
    scheduler_ticket ticket;
    uint64_t owner;
    uint32_t route;                   /* DISPATCH */
    uint32_t attempt;                 /* DISPATCH: 1, 2, ... */
    uint64_t first_token_deadline_ns; /* DISPATCH: 0 = the gateway's own */
    enum refusal refusal;             /* REFUSE */
    enum outcome last;    /* REFUSE: outcome of the last attempt, OUTCOME_OK when none was made */
    uint64_t retry_at_ns; /* REFUSE: when room may come, 0 = unknown */
    /* REFUSE, TOO_LARGE: the largest that any candidate takes at once, of which unit, by which limit */
    uint64_t limit_amount;
    enum limit_unit limit_unit;
    uint32_t limit;
    enum client_limit
        client_limit; /* REFUSE, CLIENT_LIMITED: which; limit_amount is what it allows */
    uint32_t account; /* REMOTE_*: account index */
    uint64_t requests,
        tokens;     /* REMOTE_*: amounts; DISPATCH: output tokens that are likely (past.h) */
    uint64_t grant; /* REMOTE_*: id of the question */
    uint32_t node;  /* NEED_DURABLE */
    uint64_t mark;
    uint64_t time_ns; /* ARM */
};

struct actions {
    uint32_t count;
    struct action items[SCHEDULER_ACTIONS_MAX];
};

enum remote_verdict { REMOTE_OK, REMOTE_DENIED, REMOTE_LOST };
/* RETRYING: a DISPATCH or REFUSE for the ticket comes, now or later. FINISHED: the ticket has ended, no REFUSE follows; after a
 * second opinion (OUTCOME_UNCLEAR, OUTCOME_EMPTY) that did not succeed it is the first answer that stands. */
enum done_verdict { DONE_FINISHED, DONE_RETRYING };

struct scheduler;
/* tickets_max: live tickets; memory is allocated here and in configure only. */
struct scheduler *scheduler_new(uint32_t tickets_max, uint64_t seed);
void scheduler_free(struct scheduler *scheduler);

/* While there are no tickets: gives the memory back that a burst of them has touched. */
void scheduler_give_back(struct scheduler *scheduler);

/* --- events --- */
/* Routes get new numbers: tickets not yet granted are refused with REFUSAL_NO_CANDIDATE if none of theirs is left (the desk
 * passes `route_map[old] = new or UINT32_MAX`, NULL at the first call); running ones keep their reservation until done. */
int scheduler_configure(struct scheduler *scheduler, uint64_t now_ns,
                        const struct scheduler_config *config, const uint32_t *route_map,
                        struct actions *out) WARN_UNUSED;
/* 0 when no ticket is free (a REFUSE action is then not given: the caller answers QUEUE_FULL). */
scheduler_ticket scheduler_submit(struct scheduler *scheduler, uint64_t now_ns,
                                  const struct demand *demand, struct actions *out);
/* The client is gone, in any state. A running attempt is settled as OUTCOME_CANCELLED with this usage. */
void scheduler_cancel(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket ticket,
                      const struct scheduler_usage *usage, struct actions *out);
void scheduler_remote_grant(struct scheduler *scheduler, uint64_t now_ns, uint64_t grant,
                            enum remote_verdict verdict, struct actions *out);
void scheduler_durable_done(struct scheduler *scheduler, uint64_t now_ns, uint32_t node,
                            uint64_t mark, struct actions *out);
void scheduler_sent(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket ticket);
void scheduler_headers(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket ticket,
                       int status);
/* A token reached the client: from now on no other candidate is tried for this ticket. */
void scheduler_first_token(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket ticket);
void scheduler_progress(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket ticket,
                        uint64_t output_tokens);
/* What the head of the ticket's answer said about limits; before its end. */
void scheduler_reading(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket ticket,
                       struct scheduler_readings readings, struct actions *out);
/* detail: what the provider's signal adds to the outcome, NULL = nothing. */
enum done_verdict scheduler_done(struct scheduler *scheduler, uint64_t now_ns,
                                 scheduler_ticket ticket, enum outcome outcome,
                                 const struct scheduler_usage *usage,
                                 const struct outcome_detail *detail, struct actions *out);
/* Ends what keeps an account (key) and its group from being asked, since somebody mended it. */
void scheduler_lift(struct scheduler *scheduler, uint64_t now_ns, uint32_t account,
                    struct actions *out);
/* The date, for limits that come back at midnight somewhere: at configure and at least once a second. */
void scheduler_wall(struct scheduler *scheduler, uint64_t now_ns, uint64_t wall_ms,
                    struct actions *out);
/* How much the ways to a limit's provider differ in length, measured; 50 ms to 2 s are believed. */
void scheduler_limit_spread(struct scheduler *scheduler, uint64_t now_ns, uint32_t limit,
                            uint64_t spread_ns);
void scheduler_tick(struct scheduler *scheduler, uint64_t now_ns, struct actions *out);
