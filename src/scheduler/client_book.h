// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the scheduler keeps of clients with limits (clients.c); inside this folder only (tests may). */
#include "scheduler/clients.h"
#include "scheduler/node.h"
#include "scheduler/outcome.h"

struct ticket;
struct scheduler_usage;

struct client_entry {
    uint64_t number;
    struct client_limits limits;
    struct limit_node *nodes[CLIENT_LIMIT_COUNT]; /* owned; NULL: nothing was counted yet */
    uint32_t open;                                /* tickets that hold something of it */
    bool listed;                                  /* else it goes with the last of them */
};

struct client_book {
    struct client_entry *
        *slots; /* owned: open addressing by number, as are the entries; NULL = empty */
    uint32_t mask, count;
    struct zone zone;
};

/* What a ticket holds of one limit. */
struct client_holding {
    uint64_t amount, stamp; /* amount 0: nothing */
};

/* A ticket's part. */
struct client_share {
    struct client_entry *entry; /* borrowed: it lives as long as this ticket is open; NULL = none */
    uint64_t tokens;            /* used by the attempts so far */
    bool counts;                /* one of them reached a provider that did not refuse it */
    bool left;                  /* the client did, while a provider worked for it */
    enum client_limit full;     /* REFUSAL_CLIENT_LIMITED: which, and how much of it is allowed */
    uint64_t full_amount;
};

void clients_init(struct client_book *book);
void clients_done(struct scheduler *scheduler);
/* Whether its limits let the ticket in; else share.full and retry_at_ns say which does not, and when it will: 0 = unknown,
 * FREE_AT_NEVER = it is too large for it. */
bool clients_allow(const struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket);
/* After that: counts it. */
void clients_take(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket);
/* An attempt of the ticket has ended so. */
void clients_note(struct ticket *ticket, enum charge charge, const struct scheduler_usage *usage);
/* The ticket ends. */
void clients_settle(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket);
void clients_date_set(struct scheduler *scheduler);
void clients_verify(const struct scheduler *scheduler);
