// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of this folder share; nobody else includes it (tests may).
 *
 * Routes, accounts and providers are tables by index, rebuilt by configure; tickets and questions are slabs. A waiting ticket
 * hangs on every route that could serve it (a list per route, by arrival), and a route that is open and waited for stands in
 * its account's `ready` heap by the arrival of its first waiter. So a freed place finds its heir in O(log routes), heads that
 * nobody can take cost nothing, and no event looks at all tickets. Whatever ends by time (bench, breaker, wait, question) is a
 * timer in one heap.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/rand.h"
#include "scheduler/client_book.h"
#include "scheduler/node.h"
#include "scheduler/scheduler.h"

#include <stddef.h>

#define INDEX_NONE   UINT32_MAX
#define LOOKS_MAX    64 /* waiters of one route that are asked whether they fit */
#define ACTIONS_ROOM 16 /* loops of a visit stop here, so that the event itself always finds room */

enum timer_kind {
    TIMER_TICKET,
    TIMER_ROUTE,
    TIMER_BREAKER,
    TIMER_PARKED,
    TIMER_MODEL,
    TIMER_ACCOUNT,
    TIMER_GROUP,
    TIMER_PROVIDER
};

struct timer {
    struct heap_node node; /* first: the heap hands it back; key = time */
    enum timer_kind kind;
    uint32_t index;
};

/* A cooldown. In force while its timer runs. */
struct bench {
    struct timer timer;
    uint64_t
        since_ns; /* begin of the last strike: failures of attempts older than that belong to it */
    uint32_t strikes;   /* since the last success; doubles the time */
    bool firm;          /* the provider asked for it or it concerns quota: never overridden */
    bool until_changed; /* no time ends it: its timer stands at UINT64_MAX */
};

struct breaker {
    struct timer timer;
    uint64_t since_ns;
    uint32_t weight; /* consecutive failures */
    uint32_t opened; /* times in a row */
    bool half_open;
};

enum shut { SHUT_BENCH = 1, SHUT_BREAKER = 2, SHUT_PROBE = 4, SHUT_MODEL = 8 };

struct provider {
    uint32_t shut;
    struct list accounts;
    struct bench bench;
};

/* A quota account: all keys that are counted together. */
struct group {
    uint32_t shut;
    struct list accounts;
    struct bench bench;
};

/* A model at a provider, for all of its accounts. */
struct model_place {
    struct list routes;
    struct bench bench;
};

struct account {
    uint32_t provider, group, in_flight, concurrency_max, shut;
    uint64_t key_mark;
    bool remote, durable;
    struct heap
        ready; /* routes that are open and waited for, by arrival of the first waiter; presized */
    struct list of_provider, of_group;
    struct list dirty; /* in scheduler.dirty: may have become able to serve a waiter */
    struct bench bench;
    struct list unmarked; /* tickets resting until a mark covers them */
    struct list due;      /* in scheduler.due: some of them may go on */
    uint64_t numbered;    /* last number given out; those up to mark_durable are free to give */
    uint64_t mark_asked, mark_durable;
    bool asking;
};

/* Where a route hangs at one of its nodes while it is parked. */
struct route_limit {
    uint32_t node, route;
    struct list parked; /* in node.parked */
};

/* How long answers were: a mean and a mean distance from it, in sixteenths of a token. */
struct habit {
    uint64_t mean_16, spread_16;
    uint32_t seen; /* up to HABIT_SEEN_MAX */
};

struct route {
    uint32_t account, model, shut, model_place;
    uint32_t first_limit, limit_count; /* in scheduler.route_limits */
    uint32_t
        full_last; /* which of them was full last: asked first, since it most likely still is */
    uint64_t unit_cost_input, unit_cost_output;
    struct habit output;
    bool parked; /* none of its first waiters fits its nodes; `wake` or a node that frees ends it */
    struct timer wake;
    struct list of_model;
    struct heap_node ready;
    struct list waiters; /* links, by arrival */
    struct bench bench;
    struct breaker breaker;
};

enum ticket_state {
    TICKET_FREE,
    TICKET_WAITING,
    TICKET_RESERVING,
    TICKET_GRANTED,
    TICKET_SENT,
    TICKET_ANSWERING
};

/* What a ticket holds at one node. */
struct holding {
    uint32_t node; /* INDEX_NONE: the limit is not there any more */
    uint64_t amount, stamp;
    uint64_t answered_before; /* running total of the node when this was sent */
};

struct ticket {
    struct timer timer;
    enum ticket_state state;
    uint32_t slot, generation, candidate_count;
    uint64_t owner, client, wait_until_ns, deadline_ns, input_tokens, output_tokens_max;
    uint64_t output_tokens_likely, inputs, audio_seconds;
    uint64_t arrival;
    /* candidates, a bit each */
    uint64_t live;   /* may be asked at all */
    uint64_t tried;  /* asked in this round */
    uint64_t asked;  /* ever */
    uint64_t again;  /* given back to the round once, since asking again may help */
    uint64_t linked; /* waits for these */
    /* the reservation */
    uint32_t route, account, candidate, question;
    uint64_t grant, tokens_reserved, granted_ns, output_seen;
    uint64_t key_mark; /* of the key it was granted with */
    struct list unmarked;
    uint32_t holding_count;
    bool remote_held, probe, sent, answered, never_wait;
    uint64_t sent_ns;
    /* the story */
    bool committed, second_opinion, resting;
    uint32_t attempts, costly, rounds;
    enum outcome last;
    uint64_t retry_at_ns;
    uint32_t next_free;
    struct client_share share;
    uint32_t candidates[DEMAND_CANDIDATES_MAX]; /* from here on written as far as it is used */
    struct client_holding client_holdings[CLIENT_LIMIT_COUNT];
    struct holding holdings[SCHEDULER_LIMITS_PER_ROUTE_MAX];
};

/* A question to a shared ledger. Outlives its ticket, so that a late grant can be given back. */
struct question {
    struct list node; /* in scheduler.abandoned once its ticket has gone */
    uint32_t slot, generation, account, next_free;
    scheduler_ticket ticket; /* 0 = abandoned */
    uint64_t tokens;
    bool open;
};

struct client_row {
    uint64_t client;
    uint32_t waiting; /* 0 = empty */
};

struct scheduler {
    struct scheduler_config config; /* its tables point nowhere; counts and numbers hold */
    struct provider *providers;     /* owned, as all below */
    struct account *accounts;
    struct group *groups;
    struct model_place *models;
    struct route *routes;
    struct limit_node *nodes;
    struct route_limit *route_limits;
    struct ticket *tickets;
    uint32_t generation; /* of the last ticket made; a slot's own would be lost with its memory */
    struct list *links;  /* DEMAND_CANDIDATES_MAX per ticket */
    struct question *questions;
    struct client_row *clients;
    struct client_book book; /* those with limits of their own */
    uint32_t group_count, model_count, node_count;
    struct wall wall;
    uint32_t tickets_max, tickets_used, ticket_free; /* used: slots ever touched */
    uint32_t questions_max, questions_used, question_free;
    uint32_t clients_mask;
    struct heap timers;
    struct list dirty, due, abandoned;
    struct rand rand;
    uint64_t next_arrival;
    uint64_t armed_ns; /* the wake-up that was asked for; UINT64_MAX = none */
    uint64_t
        next_mark; /* durable marks are unique among all accounts, so that a stale answer fits nobody else */
    uint32_t budget_tenths;
    struct scheduler_counts counts;
};

/* One event being handled. */
struct visit {
    struct scheduler *scheduler;
    uint64_t now_ns;
    struct actions *out;
    uint32_t dispatches_left, timers_left, looks_left;
};

/* ticket.c */
struct ticket *ticket_new(struct scheduler *scheduler);
void ticket_free(struct visit *visit, struct ticket *ticket);
struct ticket *ticket_find(const struct scheduler *scheduler,
                           scheduler_ticket id); /* NULL when it has ended */
scheduler_ticket ticket_id(const struct ticket *ticket);
void ticket_take_demand(const struct scheduler *scheduler, struct ticket *ticket,
                        const struct demand *demand);
/* The only mover: keeps the counts of states. */
void ticket_move(struct scheduler *scheduler, struct ticket *ticket, enum ticket_state state);
struct action *ticket_action(struct visit *visit, enum action_kind kind,
                             const struct ticket *ticket);
/* Ends it; it holds nothing any more. */
void ticket_refuse(struct visit *visit, struct ticket *ticket, enum refusal refusal);
/* Reserves, queues or rests it. REFUSAL_NONE: done; else why it cannot be, and the ticket is as before. */
enum refusal ticket_place(struct visit *visit, struct ticket *ticket);
/* Whether each of these candidates has a limit that can never hold it; then `ret_limit` is the widest of those. */
bool ticket_too_large(const struct scheduler *scheduler, const struct ticket *ticket, uint64_t mask,
                      uint32_t *ret_limit);
/* Whom a fresh ticket is sent to at once; INDEX_NONE: it waits or is refused. */
uint32_t ticket_choice(const struct scheduler *scheduler, uint64_t now_ns,
                       const struct ticket *ticket, uint64_t mask);
void ticket_place_or_refuse(struct visit *visit, struct ticket *ticket);
/* Whether a failed attempt is followed by another; places the ticket if so. `again`: as outcome_detail. */
bool ticket_retry(struct visit *visit, struct ticket *ticket, enum outcome outcome, bool again);
void ticket_timer(struct visit *visit, struct ticket *ticket);
void ticket_arm(struct visit *visit, struct ticket *ticket,
                uint64_t time_ns); /* UINT64_MAX = never */

/* route.c: which candidate. Masks are bits of the ticket's candidates. */
uint32_t route_pick(const struct scheduler *scheduler, uint64_t now_ns, const struct ticket *ticket,
                    uint64_t mask); /* INDEX_NONE */
/* As pick will once the timers that are due have run. */
uint32_t route_pick_later(const struct scheduler *scheduler, uint64_t now_ns,
                          const struct ticket *ticket, uint64_t mask);
/* When its turn may come at the first of them, those ahead in the queue counted: 0 = unknown (one is merely full),
 * UINT64_MAX = never. */
uint64_t route_earliest(const struct scheduler *scheduler, uint64_t now_ns,
                        const struct ticket *ticket, uint64_t mask);
/* When this ticket could go there, as far as benches and limits say; 0 = now or unknown, UINT64_MAX = never. */
uint64_t route_free_at(const struct scheduler *scheduler, uint64_t now_ns, uint32_t route,
                       const struct ticket *ticket);
uint32_t route_shut_bits(const struct scheduler *scheduler, const struct route *route);
uint32_t route_panic(const struct scheduler *scheduler, uint64_t now_ns,
                     const struct ticket *ticket, uint64_t mask);
uint64_t route_shut_until(const struct scheduler *scheduler, const struct route *route);
/* Shut by more than our own guess: quota, keys, or the provider's own word. */
bool route_shut_firmly(const struct scheduler *scheduler, const struct route *route);
bool route_account_has_room(const struct account *account);

/* bench.c */
void bench_note(struct visit *visit, const struct ticket *ticket, enum outcome outcome,
                const struct outcome_detail *detail);
/* The route rests for that long, since its provider said so. */
void bench_route(struct visit *visit, uint32_t route, uint64_t duration_ns);
void bench_lift_account(struct scheduler *scheduler, uint32_t account);
/* Closes an account for a moment without blame: its ledger said no or nothing. */
void bench_account(struct visit *visit, uint32_t account, uint64_t duration_ns);
void bench_probe_begin(struct scheduler *scheduler, struct ticket *ticket);
void bench_probe_end(struct scheduler *scheduler, struct ticket *ticket);
void bench_timer(struct visit *visit, const struct timer *timer);

/* queue.c */
enum refusal queue_enter(struct visit *visit, struct ticket *ticket, uint64_t mask);
/* Whether it may wait: REFUSAL_NONE, TOO_LARGE, LIMITED or QUEUE_FULL. */
enum refusal queue_would_hold(const struct scheduler *scheduler, uint64_t now_ns,
                              const struct ticket *ticket, uint64_t mask);
/* As enter, without asking whether it may. */
void queue_link(struct visit *visit, struct ticket *ticket, uint64_t mask);
void queue_leave(struct scheduler *scheduler, struct ticket *ticket);
/* The route's waiters or its being open changed. */
void queue_route_changed(struct scheduler *scheduler, uint32_t route);
/* One of the route's waiters may fit now. */
void queue_unpark(struct scheduler *scheduler, uint32_t route);
void queue_account_changed(struct scheduler *scheduler, uint32_t account);
struct ticket *queue_ticket_of(const struct scheduler *scheduler, const struct list *link);
uint32_t queue_client_waiting(const struct scheduler *scheduler, uint64_t client);
/* Serves waiters of accounts that changed; false when the visit's share is used up before they are done. */
bool queue_serve(struct visit *visit);

/* ledger.c */
void ledger_reserve(struct visit *visit, struct ticket *ticket, uint32_t candidate);
/* A reservation that never became an attempt. */
void ledger_abandon(struct visit *visit, struct ticket *ticket);
void ledger_settle(struct visit *visit, struct ticket *ticket, enum charge charge,
                   const struct scheduler_usage *usage);
void ledger_answer(struct visit *visit, uint64_t grant, enum remote_verdict verdict);
void ledger_durable(struct visit *visit, uint32_t account, uint64_t mark);
bool ledger_serve(struct visit *visit); /* grants what became durable; false as queue_serve */
void ledger_lost(struct visit *visit, struct ticket *ticket); /* no answer in time */

void ledger_sent(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket);

/* amount.c: how much of a limit's unit a ticket needs at a route, and has used in the end */
uint64_t amount_wanted(const struct limit_node *node, const struct route *route,
                       const struct ticket *ticket);
uint64_t amount_used(const struct limit_node *node, const struct route *route,
                     const struct ticket *ticket, const struct scheduler_usage *usage,
                     uint64_t reserved);
/* Output tokens that are reserved where real use is charged. */
uint64_t amount_likely_output(const struct route *route, const struct ticket *ticket);
/* Whether every request takes the same of it. */
bool amount_same_for_all(const struct limit_node *node);
/* Whether amounts of the unit are parts of one, rounded up for each request. */
bool amount_is_rounded(enum limit_unit unit);
void amount_learn(struct route *route, const struct scheduler_usage *usage);

/* holding.c: all nodes of a route at once */
bool holding_fits(const struct scheduler *scheduler, uint64_t now_ns, uint32_t route,
                  const struct ticket *ticket);
/* The latest of its nodes' times for a ticket that does not fit; FREE_AT_*. */
uint64_t holding_free_at(const struct scheduler *scheduler, uint64_t now_ns, uint32_t route,
                         const struct ticket *ticket, uint32_t *ret_limit);
/* As free_at, behind those that wait for the same nodes and can go nowhere else; 0 = now or unknown. */
uint64_t holding_turn_at(const struct scheduler *scheduler, uint64_t now_ns, uint32_t route,
                         const struct ticket *ticket);
/* One of those enters or leaves the queue. */
void holding_line_up(struct scheduler *scheduler, uint32_t route, bool in);
/* The smallest limit of the route that can never hold it; INDEX_NONE. */
uint32_t holding_too_small(const struct scheduler *scheduler, uint32_t route,
                           const struct ticket *ticket);
/* The route's limit of about that window (0 = any) and that unit; INDEX_NONE. */
uint32_t holding_match(const struct scheduler *scheduler, uint32_t route, enum limit_unit unit,
                       uint64_t window_ms);
void holding_take(struct scheduler *scheduler, struct ticket *ticket);
void holding_sent(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket);
void holding_answered(struct scheduler *scheduler, struct ticket *ticket);
void holding_settle(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket,
                    enum charge charge, const struct scheduler_usage *usage);
/* What stays of a holding, by the charge of the outcome. */
uint64_t holding_charged(const struct scheduler *scheduler, const struct ticket *ticket,
                         const struct holding *holding, enum charge charge,
                         const struct scheduler_usage *usage);
/* How far two lengths are apart, in thousandths of the shorter. */
uint64_t holding_windows_apart(uint64_t a, uint64_t b);
/* The node has room it had not: whoever is parked at it is looked at again. */
void node_freed(struct scheduler *scheduler, uint32_t node);
struct moment moment_of(const struct scheduler *scheduler, uint64_t now_ns);

/* learn.c: before the attempt is settled */
void learn_note(struct visit *visit, const struct ticket *ticket, enum outcome outcome,
                const struct outcome_detail *detail);

/* budget.c */
bool budget_allows(const struct scheduler *scheduler);
void budget_spend(struct scheduler *scheduler);
void budget_earn(struct scheduler *scheduler);

/* configure.c */
void configure_free_tables(struct scheduler *scheduler);

/* configure_limits.c */
int configure_check_limits(const struct scheduler_config *config) WARN_UNUSED;
void configure_make_limits(struct scheduler *scheduler, const struct scheduler_config *config);
/* Old node to new one, INDEX_NONE = gone; freed by the caller. */
uint32_t *configure_move_limits(struct scheduler *scheduler, uint64_t now_ns,
                                const struct scheduler *old, const uint32_t *limit_map);

/* visit.c */
void visit_begin(struct visit *visit);
void visit_end(struct visit *visit);
bool visit_has_room(const struct visit *visit);
