// SPDX-License-Identifier: Apache-2.0
/*
 * A ticket: one request's business here, from submit until it ends, and the policy of what follows a failure.
 *
 * Placing a ticket: the first candidate not asked in this round that is open and has room; else waiting for those, if the wait
 * can fit; else the panic rule of route.c; else, if all that is left was asked before, a second round after a short random
 * rest. None of it possible: the ticket ends, at once and with the time when room may come.
 * After a failure: nothing once a token reached the client; a second opinion is asked at one other provider, never waited
 * for, and whatever it says the first answer stands; other failures go on to the next candidate within attempts_max, paying
 * the retry budget where outcome.h says so. A quick refusal (under a second) is not an attempt; one that would be repeated
 * word for word (context too long) strikes the candidate out for this ticket. Where asking again may help (outcome_detail.again)
 * the same candidate comes first, once, whatever the class; it costs an attempt.
 * Promises: every ticket ends exactly once; a freed slot's old name finds nothing. Leaves to others: counting (ledger.c).
 */
#include "scheduler/state.h"

#include <string.h>

#define QUICK_NS           (1 * NS_PER_S)
#define REST_FIRST_NS      (50 * NS_PER_MS)
#define REST_DOUBLINGS_MAX 5

/* --- the slab --- */

struct ticket *ticket_new(struct scheduler *scheduler) {
    uint32_t slot = scheduler->ticket_free;
    if (slot != INDEX_NONE)
        scheduler->ticket_free = scheduler->tickets[slot].next_free;
    else if (scheduler->tickets_used < scheduler->tickets_max)
        slot = scheduler->tickets_used++;
    else
        return NULL;
    struct ticket *ticket = &scheduler->tickets[slot];
    /* The candidates behind are written by the caller, as many as there are. */
    memset(ticket, 0, offsetof(struct ticket, candidates));
    ticket->slot = slot;
    ticket->generation =
        ++scheduler->generation > 0 ? scheduler->generation : ++scheduler->generation;
    ticket->timer = (struct timer){.kind = TIMER_TICKET, .index = slot};
    ticket->route = ticket->account = ticket->question = ticket->candidate = INDEX_NONE;
    list_init(&ticket->unmarked);
    scheduler->counts.tickets++;
    return ticket;
}

void ticket_free(struct visit *visit, struct ticket *ticket) {
    struct scheduler *scheduler = visit->scheduler;
    clients_settle(scheduler, visit->now_ns, ticket);
    check(ticket->linked == 0 && ticket->account == INDEX_NONE && ticket->question == INDEX_NONE);
    heap_remove(&scheduler->timers, &ticket->timer.node);
    ticket_move(scheduler, ticket, TICKET_FREE);
    ticket->next_free = scheduler->ticket_free;
    scheduler->ticket_free = ticket->slot;
    scheduler->counts.tickets--;
}

struct ticket *ticket_find(const struct scheduler *scheduler, scheduler_ticket id) {
    uint32_t slot = (uint32_t)id;
    if (slot >= scheduler->tickets_used)
        return NULL;
    struct ticket *ticket = &scheduler->tickets[slot];
    return ticket->state != TICKET_FREE && ticket->generation == (uint32_t)(id >> 32) ? ticket
                                                                                      : NULL;
}

scheduler_ticket ticket_id(const struct ticket *ticket) {
    return (uint64_t)ticket->generation << 32 | ticket->slot;
}

static void count_state(struct scheduler_counts *counts, enum ticket_state state, uint32_t change) {
    if (state == TICKET_WAITING)
        counts->waiting += change;
    else if (state == TICKET_RESERVING)
        counts->reserving += change;
    else if (state != TICKET_FREE)
        counts->running += change;
}

void ticket_move(struct scheduler *scheduler, struct ticket *ticket, enum ticket_state state) {
    count_state(&scheduler->counts, ticket->state, UINT32_MAX); /* minus one */
    count_state(&scheduler->counts, state, 1);
    ticket->state = state;
}

void ticket_arm(struct visit *visit, struct ticket *ticket, uint64_t time_ns) {
    if (time_ns == UINT64_MAX)
        heap_remove(&visit->scheduler->timers, &ticket->timer.node);
    else
        heap_set(&visit->scheduler->timers, &ticket->timer.node, time_ns);
}

struct action *ticket_action(struct visit *visit, enum action_kind kind,
                             const struct ticket *ticket) {
    check(visit->out->count < SCHEDULER_ACTIONS_MAX);
    struct action *action = &visit->out->items[visit->out->count++];
    *action = (struct action){.kind = kind,
                              .ticket = ticket_id(ticket),
                              .owner = ticket->owner,
                              .route = ticket->route,
                              .account = ticket->account,
                              .attempt = ticket->attempts,
                              .last = ticket->last,
                              .limit = LIMIT_NONE};
    return action;
}

bool ticket_too_large(const struct scheduler *scheduler, const struct ticket *ticket, uint64_t mask,
                      uint32_t *ret_limit) {
    *ret_limit = INDEX_NONE;
    for (uint64_t rest = mask; rest != 0; rest &= rest - 1) {
        uint32_t index = ticket->candidates[__builtin_ctzll(rest)];
        uint32_t limit = holding_too_small(scheduler, index, ticket);
        if (limit == INDEX_NONE)
            return false;
        if (*ret_limit == INDEX_NONE ||
            node_most(&scheduler->nodes[limit]) > node_most(&scheduler->nodes[*ret_limit]))
            *ret_limit = limit;
    }
    return mask != 0;
}

void ticket_refuse(struct visit *visit, struct ticket *ticket, enum refusal refusal) {
    struct action *action = ticket_action(visit, ACTION_REFUSE, ticket);
    action->refusal = refusal;
    uint32_t limit = INDEX_NONE;
    if (refusal == REFUSAL_TOO_LARGE &&
        ticket_too_large(visit->scheduler, ticket, ticket->live, &limit)) {
        action->limit = limit;
        action->limit_amount = node_most(&visit->scheduler->nodes[limit]);
        action->limit_unit = visit->scheduler->nodes[limit].unit;
    }
    if (refusal == REFUSAL_CLIENT_LIMITED) {
        action->client_limit = ticket->share.full;
        action->limit_amount = ticket->share.full_amount;
    }
    action->retry_at_ns = ticket->retry_at_ns;
    visit->scheduler->counts.refused++;
    ticket_free(visit, ticket);
}

/* --- where to --- */

static bool take_candidate(struct visit *visit, struct ticket *ticket, uint32_t candidate) {
    if (candidate == INDEX_NONE)
        return false;
    ledger_reserve(visit, ticket, candidate);
    return true;
}

static uint32_t pick(const struct visit *visit, const struct ticket *ticket, uint64_t mask) {
    return route_pick(visit->scheduler, visit->now_ns, ticket, mask);
}

static enum refusal place_among(struct visit *visit, struct ticket *ticket, uint64_t mask) {
    struct scheduler *scheduler = visit->scheduler;
    /* While others are still to be served, this one lines up behind them. */
    bool first = list_empty(&scheduler->dirty) || ticket->second_opinion;
    if (first && take_candidate(visit, ticket, pick(visit, ticket, mask)))
        return REFUSAL_NONE;
    if (ticket->second_opinion)
        return REFUSAL_FAILED;
    enum refusal refusal = queue_enter(visit, ticket, mask);
    if (refusal == REFUSAL_NONE)
        return REFUSAL_NONE;
    if (!first && take_candidate(visit, ticket, pick(visit, ticket, mask)))
        return REFUSAL_NONE;
    if (refusal == REFUSAL_LIMITED &&
        take_candidate(visit, ticket, route_panic(scheduler, visit->now_ns, ticket, mask)))
        return REFUSAL_NONE;
    return refusal;
}

uint32_t ticket_choice(const struct scheduler *scheduler, uint64_t now_ns,
                       const struct ticket *ticket, uint64_t mask) {
    uint32_t candidate = route_pick_later(scheduler, now_ns, ticket, mask);
    if (candidate != INDEX_NONE ||
        queue_would_hold(scheduler, now_ns, ticket, mask) != REFUSAL_LIMITED)
        return candidate;
    return route_panic(scheduler, now_ns, ticket, mask);
}

/* Full jitter, so that many who failed together do not return together. */
static bool rest(struct visit *visit, struct ticket *ticket) {
    uint32_t doublings = ticket->rounds < REST_DOUBLINGS_MAX ? ticket->rounds : REST_DOUBLINGS_MAX;
    uint64_t until_ns =
        visit->now_ns + 1 + rand_below(&visit->scheduler->rand, REST_FIRST_NS << doublings);
    if (until_ns >= ticket->deadline_ns)
        return false;
    ticket->rounds++;
    ticket->resting = true;
    ticket_move(visit->scheduler, ticket, TICKET_WAITING);
    ticket_arm(visit, ticket, until_ns);
    return true;
}

enum refusal ticket_place(struct visit *visit, struct ticket *ticket) {
    uint64_t fresh = ticket->live & ~ticket->tried;
    enum refusal refusal = REFUSAL_NO_CANDIDATE;
    if (visit->now_ns >= ticket->deadline_ns)
        return REFUSAL_DEADLINE;
    if (fresh != 0)
        refusal = place_among(visit, ticket, fresh);
    if (refusal == REFUSAL_NONE || (ticket->tried & ticket->live) == 0 || ticket->second_opinion)
        return refusal;
    if (ticket->never_wait)
        return refusal;
    ticket->tried = 0;
    if (pick(visit, ticket, ticket->live) != INDEX_NONE)
        return rest(visit, ticket) ? REFUSAL_NONE : REFUSAL_DEADLINE;
    return queue_enter(visit, ticket, ticket->live);
}

void ticket_place_or_refuse(struct visit *visit, struct ticket *ticket) {
    enum refusal refusal = ticket_place(visit, ticket);
    if (refusal == REFUSAL_NONE)
        return;
    bool failed = ticket->attempts > 0 && refusal != REFUSAL_DEADLINE;
    ticket_refuse(visit, ticket, failed ? REFUSAL_FAILED : refusal);
}

/* --- after a failure --- */

static uint64_t of_same_provider(const struct scheduler *scheduler, const struct ticket *ticket) {
    uint64_t mask = 0;
    for (uint32_t i = 0; i < ticket->candidate_count; i++) {
        uint32_t account = scheduler->routes[ticket->candidates[i]].account;
        uint32_t asked = scheduler->routes[ticket->candidates[ticket->candidate]].account;
        if (scheduler->accounts[account].provider == scheduler->accounts[asked].provider)
            mask |= (uint64_t)1 << i;
    }
    return mask;
}

/* The candidates a failed one takes with it. */
static uint64_t struck_out(const struct scheduler *scheduler, const struct ticket *ticket,
                           const struct outcome_row *row) {
    /* Who was asked has gone from the configuration, so nobody knows who another provider is. */
    if (ticket->candidate == INDEX_NONE)
        return row->retry == RETRY_SECOND_OPINION ? UINT64_MAX : 0;
    if (row->retry == RETRY_SECOND_OPINION)
        return of_same_provider(scheduler, ticket) | ticket->asked;
    if (row->retry == RETRY_ELSEWHERE_FREE && row->bench == BENCH_NOTHING)
        return (uint64_t)1 << ticket->candidate;
    return 0;
}

/* The candidate that was asked, once more, if it may be; a second opinion stays one. */
static bool takes_back(struct ticket *ticket) {
    if (ticket->candidate == INDEX_NONE)
        return false;
    uint64_t bit = (uint64_t)1 << ticket->candidate;
    if ((ticket->again & bit) != 0 || (ticket->live & bit) == 0)
        return false;
    ticket->again |= bit;
    ticket->tried &= ~bit;
    return true;
}

/* At once where there is room, else in its turn like any other. */
static bool place_again(struct visit *visit, struct ticket *ticket) {
    uint64_t bit = (uint64_t)1 << ticket->candidate;
    return take_candidate(visit, ticket, pick(visit, ticket, bit)) ||
           (!ticket->second_opinion && ticket_place(visit, ticket) == REFUSAL_NONE);
}

static bool place_elsewhere(struct visit *visit, struct ticket *ticket,
                            const struct outcome_row *row) {
    ticket->live &= ~struck_out(visit->scheduler, ticket, row);
    ticket->second_opinion = row->retry == RETRY_SECOND_OPINION;
    return ticket_place(visit, ticket) == REFUSAL_NONE;
}

bool ticket_retry(struct visit *visit, struct ticket *ticket, enum outcome outcome, bool again) {
    const struct outcome_row *row = outcome_row(outcome);
    if (ticket->committed || row->retry == RETRY_NEVER)
        return false;
    again = again && takes_back(ticket);
    if (ticket->second_opinion && !again)
        return false;
    bool quick = !again && row->retry == RETRY_ELSEWHERE_FREE &&
                 visit->now_ns - ticket->granted_ns < QUICK_NS;
    if (!quick && ++ticket->costly >= visit->scheduler->config.attempts_max)
        return false;
    bool pays = row->retry == RETRY_ELSEWHERE;
    if (pays && !budget_allows(visit->scheduler))
        return false;
    if (again ? !place_again(visit, ticket) : !place_elsewhere(visit, ticket, row))
        return false;
    if (pays)
        budget_spend(visit->scheduler);
    return true;
}

/* --- time --- */

static enum refusal why_over(const struct visit *visit, const struct ticket *ticket) {
    if (visit->now_ns >= ticket->deadline_ns)
        return REFUSAL_DEADLINE;
    if (ticket->attempts > 0)
        return REFUSAL_FAILED;
    return ticket->live == 0 ? REFUSAL_NO_CANDIDATE : REFUSAL_WAIT_OVER;
}

static void wait_over(struct visit *visit, struct ticket *ticket) {
    struct scheduler *scheduler = visit->scheduler;
    if (ticket->resting) {
        ticket->resting = false;
        ticket_place_or_refuse(visit, ticket);
        return;
    }
    uint64_t mask = ticket->linked;
    if (mask != 0)
        queue_leave(scheduler, ticket);
    /* Its turn may have come at this very instant. */
    if (visit->now_ns <= ticket->deadline_ns &&
        take_candidate(visit, ticket, pick(visit, ticket, mask)))
        return;
    uint64_t earliest_ns = route_earliest(scheduler, visit->now_ns, ticket, mask);
    ticket->retry_at_ns = earliest_ns == UINT64_MAX ? 0 : earliest_ns;
    ticket_refuse(visit, ticket, why_over(visit, ticket));
}

void ticket_timer(struct visit *visit, struct ticket *ticket) {
    check(ticket->state == TICKET_WAITING || ticket->state == TICKET_RESERVING);
    if (ticket->state == TICKET_WAITING)
        wait_over(visit, ticket);
    else
        ledger_lost(visit, ticket);
}
