// SPDX-License-Identifier: Apache-2.0
/*
 * The events: each one finds its ticket, lets the files of policy act, and ends the visit.
 *
 * The hot path is submit and done: a slot from a slab, one pass over the candidates, a counter, an action; no allocation, no
 * scan, no timer unless something rests. Promises: an event for a ticket that has ended changes nothing.
 * Leaves to others: choice (route.c), waiting (queue.c), reservations (ledger.c), blame (bench.c), what follows a failure
 * (ticket.c), the frame of a visit (visit.c), new configurations (configure.c).
 */
#include "scheduler/scheduler.h"

#include "base/mem.h"
#include "scheduler/state.h"

#include <string.h>

#define ATTEMPTS_DEFAULT           3
#define WAITING_DEFAULT            4096
#define WAITING_PER_CLIENT_DEFAULT 64
#define REMOTE_TIMEOUT_DEFAULT_NS  (1 * NS_PER_S)
#define BUDGET_FIRST_TENTHS        500
#define SPREAD_DEFAULT_NS          (300 * NS_PER_MS)
#define GUARD_DEFAULT_MS           1000
#define WALL_STEP_LEAST_MS         20 /* smaller ones are drift; they add up until they count */

void scheduler_config_default(struct scheduler_config *config) {
    *config = (struct scheduler_config){.attempts_max = ATTEMPTS_DEFAULT,
                                        .waiting_max = WAITING_DEFAULT,
                                        .waiting_per_client_max = WAITING_PER_CLIENT_DEFAULT,
                                        .remote_timeout_ns = REMOTE_TIMEOUT_DEFAULT_NS,
                                        .spread_ns = SPREAD_DEFAULT_NS,
                                        .guard_ms = GUARD_DEFAULT_MS};
}

static uint32_t power_of_two_above(uint32_t count) {
    uint32_t power = 16;
    while (power < 2 * count)
        power *= 2;
    return power;
}

struct scheduler *scheduler_new(uint32_t tickets_max, uint64_t seed) {
    check(tickets_max > 0 && tickets_max <= SCHEDULER_TICKETS_MAX);
    struct scheduler *scheduler = mem_zalloc(sizeof *scheduler);
    scheduler->tickets_max = tickets_max;
    scheduler->questions_max = 2 * tickets_max;
    scheduler->clients_mask = power_of_two_above(tickets_max) - 1;
    /* Large blocks of zeros cost no memory until a slot is used for the first time. */
    scheduler->tickets = mem_zalloc(tickets_max * sizeof(struct ticket));
    scheduler->links =
        mem_zalloc((size_t)tickets_max * DEMAND_CANDIDATES_MAX * sizeof(struct list));
    scheduler->questions = mem_zalloc(scheduler->questions_max * sizeof(struct question));
    scheduler->clients =
        mem_zalloc(((size_t)scheduler->clients_mask + 1) * sizeof(struct client_row));
    scheduler->ticket_free = scheduler->question_free = INDEX_NONE;
    scheduler->armed_ns = UINT64_MAX;
    scheduler->budget_tenths = BUDGET_FIRST_TENTHS;
    heap_init(&scheduler->timers);
    list_init(&scheduler->dirty);
    list_init(&scheduler->due);
    list_init(&scheduler->abandoned);
    rand_seed(&scheduler->rand, seed);
    clients_init(&scheduler->book);
    scheduler_config_default(&scheduler->config);
    return scheduler;
}

void scheduler_give_back(struct scheduler *scheduler) {
    size_t used = scheduler->tickets_used;
    if (scheduler->counts.tickets > 0)
        return;
    scheduler->tickets_used = 0;
    scheduler->ticket_free = INDEX_NONE;
    mem_discard(scheduler->tickets, used * sizeof *scheduler->tickets);
    mem_discard(scheduler->links, used * DEMAND_CANDIDATES_MAX * sizeof *scheduler->links);
}

void scheduler_free(struct scheduler *scheduler) {
    if (scheduler == NULL)
        return;
    configure_free_tables(scheduler);
    clients_done(scheduler);
    heap_done(&scheduler->timers);
    mem_free(scheduler->tickets);
    mem_free(scheduler->links);
    mem_free(scheduler->questions);
    mem_free(scheduler->clients);
    mem_free(scheduler);
}

/* --- events --- */

/* What a demand says about a ticket; also for a look at what would become of it. */
void ticket_take_demand(const struct scheduler *scheduler, struct ticket *ticket,
                        const struct demand *demand) {
    ticket->owner = demand->owner;
    ticket->client = demand->client;
    ticket->input_tokens = demand->input_tokens;
    ticket->output_tokens_max = demand->output_tokens_max;
    ticket->output_tokens_likely = demand->output_tokens_likely;
    ticket->inputs = demand->inputs;
    ticket->audio_seconds = demand->audio_seconds;
    ticket->never_wait = demand->never_wait;
    ticket->wait_until_ns = demand->never_wait ? 0 : demand->wait_until_ns;
    ticket->deadline_ns = demand->deadline_ns;
    check(demand->candidate_count <= DEMAND_CANDIDATES_MAX);
    uint32_t count = 0;
    for (uint32_t i = 0; i < demand->candidate_count; i++)
        if (demand->candidates[i] < scheduler->config.route_count)
            ticket->candidates[count++] = demand->candidates[i];
    ticket->candidate_count = count;
    ticket->live = count == DEMAND_CANDIDATES_MAX ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

/* Its client's own limits come first: what they refuse leaves no trace anywhere. */
static void submit(struct visit *visit, struct ticket *ticket) {
    if (!clients_allow(visit->scheduler, visit->now_ns, ticket)) {
        ticket_refuse(visit, ticket, REFUSAL_CLIENT_LIMITED);
        return;
    }
    clients_take(visit->scheduler, visit->now_ns, ticket);
    ticket_place_or_refuse(visit, ticket);
}

scheduler_ticket scheduler_submit(struct scheduler *scheduler, uint64_t now_ns,
                                  const struct demand *demand, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    struct ticket *ticket = ticket_new(scheduler);
    scheduler_ticket id = 0;
    if (ticket != NULL) {
        ticket_take_demand(scheduler, ticket, demand);
        ticket->arrival = scheduler->next_arrival++;
        scheduler->counts.submitted++;
        id = ticket_id(ticket);
        submit(&visit, ticket);
    }
    visit_end(&visit);
    return id;
}

static void cancel(struct visit *visit, struct ticket *ticket,
                   const struct scheduler_usage *usage) {
    struct scheduler *scheduler = visit->scheduler;
    if (ticket->state == TICKET_WAITING && ticket->linked != 0)
        queue_leave(scheduler, ticket);
    else if (ticket->state == TICKET_RESERVING)
        ledger_abandon(visit, ticket);
    else if (ticket->state == TICKET_GRANTED)
        ledger_settle(visit, ticket, CHARGE_RELEASE, usage); /* nothing was sent */
    else if (ticket->state != TICKET_WAITING) {
        ticket->share.left = true;
        ledger_settle(visit, ticket, outcome_row(OUTCOME_CANCELLED)->charge, usage);
    }
    scheduler->counts.cancelled++;
    ticket_free(visit, ticket);
}

void scheduler_cancel(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id,
                      const struct scheduler_usage *usage, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    struct ticket *ticket = ticket_find(scheduler, id);
    if (ticket != NULL)
        cancel(&visit, ticket, usage);
    visit_end(&visit);
}

void scheduler_remote_grant(struct scheduler *scheduler, uint64_t now_ns, uint64_t grant,
                            enum remote_verdict verdict, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    ledger_answer(&visit, grant, verdict);
    visit_end(&visit);
}

void scheduler_durable_done(struct scheduler *scheduler, uint64_t now_ns, uint32_t node,
                            uint64_t mark, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    ledger_durable(&visit, node, mark);
    visit_end(&visit);
}

void scheduler_sent(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id) {
    struct ticket *ticket = ticket_find(scheduler, id);
    if (ticket == NULL || ticket->state != TICKET_GRANTED)
        return;
    ledger_sent(scheduler, now_ns, ticket);
    ticket_move(scheduler, ticket, TICKET_SENT);
}

/* Whoever answers was sent to and has counted the request. */
static void answering(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket) {
    if (ticket->state != TICKET_GRANTED && ticket->state != TICKET_SENT)
        return;
    ledger_sent(scheduler, now_ns, ticket);
    holding_answered(scheduler, ticket);
    ticket_move(scheduler, ticket, TICKET_ANSWERING);
}

void scheduler_headers(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id,
                       int status) {
    (void)status;
    struct ticket *ticket = ticket_find(scheduler, id);
    if (ticket != NULL)
        answering(scheduler, now_ns, ticket);
}

void scheduler_first_token(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id) {
    struct ticket *ticket = ticket_find(scheduler, id);
    if (ticket == NULL || ticket->state < TICKET_GRANTED)
        return;
    answering(scheduler, now_ns, ticket);
    ticket->committed = true;
}

void scheduler_progress(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id,
                        uint64_t output_tokens) {
    (void)now_ns;
    struct ticket *ticket = ticket_find(scheduler, id);
    if (ticket != NULL && ticket->state >= TICKET_GRANTED && output_tokens > ticket->output_seen)
        ticket->output_seen = output_tokens;
}

static enum done_verdict attempt_done(struct visit *visit, struct ticket *ticket,
                                      enum outcome outcome, const struct scheduler_usage *usage,
                                      const struct outcome_detail *detail) {
    static const struct outcome_detail nothing = {.scope = BENCH_BY_ROW};
    struct scheduler *scheduler = visit->scheduler;
    detail = detail != NULL ? detail : &nothing;
    learn_note(visit, ticket, outcome, detail);
    bench_note(visit, ticket, outcome, detail);
    ledger_settle(visit, ticket, outcome_row(outcome)->charge, usage);
    ticket->last = outcome;
    if (outcome == OUTCOME_OK)
        budget_earn(scheduler);
    if (ticket_retry(visit, ticket, outcome, detail->again))
        return DONE_RETRYING;
    scheduler->counts.finished++;
    ticket_free(visit, ticket);
    return DONE_FINISHED;
}

enum done_verdict scheduler_done(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id,
                                 enum outcome outcome, const struct scheduler_usage *usage,
                                 const struct outcome_detail *detail, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    struct ticket *ticket = ticket_find(scheduler, id);
    enum done_verdict verdict = DONE_FINISHED;
    if (ticket != NULL && ticket->state >= TICKET_GRANTED)
        verdict = attempt_done(&visit, ticket, outcome, usage, detail);
    else if (ticket != NULL)
        verdict = DONE_RETRYING; /* of an attempt settled before; its next word is still to come */
    visit_end(&visit);
    return verdict;
}

void scheduler_tick(struct scheduler *scheduler, uint64_t now_ns, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    visit_end(&visit);
}

void scheduler_lift(struct scheduler *scheduler, uint64_t now_ns, uint32_t account,
                    struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    if (account < scheduler->config.account_count)
        bench_lift_account(scheduler, account);
    visit_end(&visit);
}

void scheduler_wall(struct scheduler *scheduler, uint64_t now_ns, uint64_t wall_ms,
                    struct actions *out) {
    int64_t step_ms = (int64_t)wall_ms - wall_ms_at(&scheduler->wall, now_ns);
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    if (step_ms >= WALL_STEP_LEAST_MS || step_ms <= -WALL_STEP_LEAST_MS) {
        scheduler->wall = (struct wall){now_ns, (int64_t)wall_ms};
        /* Whoever waits for a date waits for another instant now. */
        for (uint32_t i = 0; i < scheduler->node_count; i++) {
            node_date_set(&scheduler->nodes[i]);
            node_freed(scheduler, i);
        }
        clients_date_set(scheduler);
    }
    visit_end(&visit);
}

void scheduler_limit_spread(struct scheduler *scheduler, uint64_t now_ns, uint32_t limit,
                            uint64_t spread_ns) {
    if (limit >= scheduler->node_count)
        return;
    node_set_spread(&scheduler->nodes[limit], moment_of(scheduler, now_ns), spread_ns);
    node_freed(scheduler, limit);
}
