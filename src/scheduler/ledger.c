// SPDX-License-Identifier: Apache-2.0
/*
 * Reservations: what a ticket holds at an account, from the moment it is chosen until it is settled or given back, exactly once.
 *
 * Requests at once are counted here for each account, the limits of providers at the nodes of the route (holding.c); both are
 * taken before anything is asked elsewhere, and come back if that fails. An account whose counts live in a shared ledger is asked
 * there first (a question, whose answer may come late, never, or after its ticket has gone: such a grant is given back), and an
 * account with durable marks lets a grant go only when a number covering it is on disk. Numbers are made durable CHUNK at a time,
 * one ask under way per account, so that many grants share one sync.
 * A silent or refusing ledger closes its account for a moment: the ticket tries its next candidate or waits.
 *
 * Promises: reserved = settled + released + open at every moment; a question is answered or abandoned once.
 * Leaves to others: who gets a reservation (route.c, queue.c), what follows a failure (ticket.c).
 */
#include "scheduler/state.h"

#define CHUNK                16
#define REST_AFTER_DENIED_NS (250 * NS_PER_MS)
#define REST_AFTER_LOST_NS   (1 * NS_PER_S)

/* --- questions --- */

static struct question *question_evict(struct scheduler *scheduler) {
    /* At most one per ticket is not abandoned and there are twice as many, so one of these exists. */
    check(!list_empty(&scheduler->abandoned));
    struct list *oldest = list_pop(&scheduler->abandoned);
    return container_of(oldest, struct question, node);
}

static struct question *question_new(struct scheduler *scheduler) {
    struct question *question;
    if (scheduler->question_free != INDEX_NONE) {
        question = &scheduler->questions[scheduler->question_free];
        scheduler->question_free = question->next_free;
    } else if (scheduler->questions_used < scheduler->questions_max) {
        uint32_t slot = scheduler->questions_used++;
        question = &scheduler->questions[slot];
        question->slot = slot;
        list_init(&question->node);
    } else {
        question = question_evict(scheduler);
    }
    question->generation++;
    question->open = true;
    return question;
}

static uint64_t question_id(const struct question *question) {
    return (uint64_t)question->generation << 32 | question->slot;
}

static struct question *question_find(const struct scheduler *scheduler, uint64_t grant) {
    uint32_t slot = (uint32_t)grant;
    if (slot >= scheduler->questions_used)
        return NULL;
    struct question *question = &scheduler->questions[slot];
    return question->open && question->generation == (uint32_t)(grant >> 32) ? question : NULL;
}

static void question_close(struct scheduler *scheduler, struct question *question) {
    list_remove(&question->node);
    question->open = false;
    question->ticket = 0;
    question->next_free = scheduler->question_free;
    scheduler->question_free = question->slot;
}

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void remote_action(struct visit *visit, struct ticket *ticket, enum action_kind kind,
                          uint64_t tokens) {
    struct action *action = ticket_action(visit, kind, ticket);
    action->account = ticket->account;
    action->requests = 1;
    action->tokens = tokens;
    action->grant = ticket->grant;
}

static void ask_remote(struct visit *visit, struct ticket *ticket) {
    struct question *question = question_new(visit->scheduler);
    question->ticket = ticket_id(ticket);
    question->account = ticket->account;
    question->tokens = ticket->tokens_reserved;
    ticket->question = question->slot;
    ticket->grant = question_id(question);
    remote_action(visit, ticket, ACTION_NEED_REMOTE_GRANT, ticket->tokens_reserved);
}

/* --- grants --- */

static void arm_reserving(struct visit *visit, struct ticket *ticket) {
    uint64_t time_ns = saturating_add(visit->now_ns, visit->scheduler->config.remote_timeout_ns);
    if (ticket->deadline_ns < time_ns)
        time_ns = ticket->deadline_ns + 1;
    ticket_arm(visit, ticket, time_ns);
}

static void grant(struct visit *visit, struct ticket *ticket) {
    struct scheduler *scheduler = visit->scheduler;
    ticket_arm(visit, ticket, UINT64_MAX);
    ticket_move(scheduler, ticket, TICKET_GRANTED);
    ticket->granted_ns = visit->now_ns;
    ticket->output_seen = 0;
    if (ticket->candidate != INDEX_NONE)
        ticket->asked |= (uint64_t)1 << ticket->candidate;
    if (ticket->attempts++ > 0)
        scheduler->counts.retried++;
    scheduler->counts.dispatched++;
    struct action *action = ticket_action(visit, ACTION_DISPATCH, ticket);
    if (ticket->route != INDEX_NONE)
        action->tokens = amount_likely_output(&scheduler->routes[ticket->route], ticket);
}

/* It was not asked, so it may be later. */
static void return_unasked(struct visit *visit, struct ticket *ticket) {
    ledger_abandon(visit, ticket);
    if (ticket->candidate != INDEX_NONE)
        ticket->tried &= ~((uint64_t)1 << ticket->candidate);
    ticket_place_or_refuse(visit, ticket);
}

/* What was open when it was chosen may have been benched, or configured smaller, while the ledger was asked. */
static void grant_if_still_open(struct visit *visit, struct ticket *ticket) {
    const struct route *route = &visit->scheduler->routes[ticket->route];
    bool shut = ticket->probe ? route_shut_firmly(visit->scheduler, route)
                              : route_shut_until(visit->scheduler, route) > visit->now_ns;
    const struct account *account = &visit->scheduler->accounts[ticket->account];
    bool crowded = account->concurrency_max > 0 && account->in_flight > account->concurrency_max;
    if (shut || crowded)
        return_unasked(visit, ticket);
    else
        grant(visit, ticket);
}

static void ask_durable(struct visit *visit, struct account *account) {
    if (account->asking)
        return;
    account->asking = true;
    visit->scheduler->next_mark += CHUNK;
    account->mark_asked = visit->scheduler->next_mark;
    const struct ticket *first = container_of(account->unmarked.next, struct ticket, unmarked);
    struct action *action = ticket_action(visit, ACTION_NEED_DURABLE, first);
    action->node = (uint32_t)(account - visit->scheduler->accounts);
    action->mark = account->mark_asked;
}

static void grant_when_durable(struct visit *visit, struct ticket *ticket) {
    struct account *account = &visit->scheduler->accounts[ticket->account];
    if (!account->durable) {
        grant_if_still_open(visit, ticket);
        return;
    }
    if (account->numbered < account->mark_durable && list_empty(&account->unmarked)) {
        account->numbered++;
        grant_if_still_open(visit, ticket);
        return;
    }
    list_append(&account->unmarked, &ticket->unmarked);
    arm_reserving(visit, ticket);
    ask_durable(visit, account);
}

void ledger_reserve(struct visit *visit, struct ticket *ticket, uint32_t candidate) {
    struct scheduler *scheduler = visit->scheduler;
    ticket->route = ticket->candidates[candidate];
    ticket->account = scheduler->routes[ticket->route].account;
    ticket->candidate = candidate;
    ticket->tried |= (uint64_t)1 << candidate;
    ticket->granted_ns = visit->now_ns;
    struct account *account = &scheduler->accounts[ticket->account];
    ticket->key_mark = account->key_mark;
    account->in_flight++;
    holding_take(scheduler, ticket);
    scheduler->counts.reserved++;
    if (visit->dispatches_left > 0)
        visit->dispatches_left--;
    bench_probe_begin(scheduler, ticket);
    if (!account->remote && !account->durable) {
        grant(visit, ticket);
        return;
    }
    ticket_move(scheduler, ticket, TICKET_RESERVING);
    ticket->tokens_reserved = saturating_add(ticket->input_tokens, ticket->output_tokens_max);
    if (account->remote) {
        ask_remote(visit, ticket);
        arm_reserving(visit, ticket);
    } else {
        grant_when_durable(visit, ticket);
    }
}

/* --- the end of a reservation --- */

static void give_place_back(struct scheduler *scheduler, struct ticket *ticket) {
    bench_probe_end(scheduler, ticket);
    if (ticket->account != INDEX_NONE) {
        struct account *account = &scheduler->accounts[ticket->account];
        check(account->in_flight > 0);
        account->in_flight--;
        queue_account_changed(scheduler, ticket->account);
    }
    ticket->account = INDEX_NONE;
    ticket->route = INDEX_NONE;
    ticket->remote_held = false;
}

void ledger_abandon(struct visit *visit, struct ticket *ticket) {
    struct scheduler *scheduler = visit->scheduler;
    check(ticket->state == TICKET_RESERVING);
    list_remove(&ticket->unmarked);
    if (ticket->question != INDEX_NONE) {
        struct question *question = &scheduler->questions[ticket->question];
        question->ticket = 0;
        list_append(&scheduler->abandoned, &question->node);
        ticket->question = INDEX_NONE;
    }
    if (ticket->remote_held)
        remote_action(visit, ticket, ACTION_REMOTE_RELEASE, ticket->tokens_reserved);
    scheduler->counts.released++;
    holding_settle(scheduler, visit->now_ns, ticket, CHARGE_RELEASE, NULL);
    give_place_back(scheduler, ticket);
}

void ledger_sent(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket) {
    check(ticket->state >= TICKET_GRANTED);
    holding_sent(scheduler, now_ns, ticket);
}

static uint64_t tokens_charged(const struct ticket *ticket, enum charge charge,
                               const struct scheduler_usage *usage) {
    uint64_t seen = saturating_add(ticket->input_tokens, ticket->output_seen);
    if (usage != NULL && usage->known)
        seen = saturating_add(usage->input_tokens, usage->output_tokens);
    if (charge == CHARGE_REQUEST_ONLY || charge == CHARGE_REFUSED)
        return 0;
    if (charge == CHARGE_USAGE && usage != NULL && usage->known)
        return seen;
    return seen > ticket->tokens_reserved ? seen : ticket->tokens_reserved;
}

void ledger_settle(struct visit *visit, struct ticket *ticket, enum charge charge,
                   const struct scheduler_usage *usage) {
    struct scheduler *scheduler = visit->scheduler;
    check(ticket->state >= TICKET_GRANTED);
    if (charge == CHARGE_RELEASE)
        scheduler->counts.released++;
    else
        scheduler->counts.settled++;
    if (ticket->remote_held && charge == CHARGE_RELEASE)
        remote_action(visit, ticket, ACTION_REMOTE_RELEASE, ticket->tokens_reserved);
    else if (ticket->remote_held)
        remote_action(visit, ticket, ACTION_REMOTE_SETTLE, tokens_charged(ticket, charge, usage));
    if (charge == CHARGE_USAGE && usage != NULL && usage->known && ticket->route != INDEX_NONE)
        amount_learn(&scheduler->routes[ticket->route], usage);
    clients_note(ticket, charge, usage);
    holding_settle(scheduler, visit->now_ns, ticket, charge, usage);
    give_place_back(scheduler, ticket);
}

/* --- answers --- */

static void try_elsewhere(struct visit *visit, struct ticket *ticket, uint64_t rest_ns) {
    /* An account that was configured away is not to blame. */
    uint32_t account = ticket->route != INDEX_NONE ? ticket->account : INDEX_NONE;
    if (account != INDEX_NONE)
        bench_account(visit, account, rest_ns);
    return_unasked(visit, ticket);
}

void ledger_answer(struct visit *visit, uint64_t id, enum remote_verdict verdict) {
    struct scheduler *scheduler = visit->scheduler;
    struct question *question = question_find(scheduler, id);
    if (question == NULL)
        return;
    struct ticket *ticket = ticket_find(scheduler, question->ticket);
    if (ticket == NULL) {
        if (verdict == REMOTE_OK) {
            check(visit->out->count < SCHEDULER_ACTIONS_MAX);
            visit->out->items[visit->out->count++] = (struct action){.kind = ACTION_REMOTE_RELEASE,
                                                                     .account = question->account,
                                                                     .requests = 1,
                                                                     .tokens = question->tokens,
                                                                     .grant = id};
        }
        question_close(scheduler, question);
        return;
    }
    check(ticket->state == TICKET_RESERVING && ticket->question == question->slot);
    question_close(scheduler, question);
    ticket->question = INDEX_NONE;
    if (verdict != REMOTE_OK) {
        try_elsewhere(visit, ticket,
                      verdict == REMOTE_DENIED ? REST_AFTER_DENIED_NS : REST_AFTER_LOST_NS);
        return;
    }
    ticket->remote_held = true;
    if (ticket->route == INDEX_NONE)
        return; /* its route was configured away; its timer is due and gives this back */
    grant_when_durable(visit, ticket);
}

void ledger_lost(struct visit *visit, struct ticket *ticket) {
    if (ticket->account != INDEX_NONE && list_linked(&ticket->unmarked))
        visit->scheduler->accounts[ticket->account].asking = false;
    try_elsewhere(visit, ticket, REST_AFTER_LOST_NS);
}

static struct account *account_of_mark(struct scheduler *scheduler, uint32_t node, uint64_t mark) {
    if (node < scheduler->config.account_count && scheduler->accounts[node].mark_asked == mark)
        return &scheduler->accounts[node];
    /* Numbers of accounts change with the configuration; marks do not. */
    for (uint32_t index = 0; index < scheduler->config.account_count; index++)
        if (scheduler->accounts[index].mark_asked == mark)
            return &scheduler->accounts[index];
    return NULL;
}

void ledger_durable(struct visit *visit, uint32_t node, uint64_t mark) {
    struct account *account = mark == 0 ? NULL : account_of_mark(visit->scheduler, node, mark);
    if (account == NULL || mark <= account->mark_durable)
        return;
    account->asking = false;
    account->mark_durable = mark;
    account->numbered = mark - CHUNK;
    if (!list_empty(&account->unmarked) && !list_linked(&account->due))
        list_append(&visit->scheduler->due, &account->due);
}

static bool serve_account(struct visit *visit, struct account *account) {
    while (!list_empty(&account->unmarked) &&
           (!account->durable || account->numbered < account->mark_durable)) {
        if (!visit_has_room(visit))
            return false;
        visit->dispatches_left--;
        struct ticket *ticket = container_of(list_pop(&account->unmarked), struct ticket, unmarked);
        if (account->durable)
            account->numbered++;
        grant_if_still_open(visit, ticket);
    }
    if (!list_empty(&account->unmarked))
        ask_durable(visit, account);
    return true;
}

bool ledger_serve(struct visit *visit) {
    struct scheduler *scheduler = visit->scheduler;
    while (!list_empty(&scheduler->due)) {
        struct account *account = container_of(scheduler->due.next, struct account, due);
        if (!serve_account(visit, account))
            return false;
        list_remove(&account->due);
    }
    return true;
}
