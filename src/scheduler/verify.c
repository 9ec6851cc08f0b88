// SPDX-License-Identifier: Apache-2.0
/*
 * Invariants, all of them, from scratch: what the other files keep step by step is counted again here.
 *
 * Costs a walk over everything, so it is for tests after every event, not for the data path. A broken one ends the process
 * with its place. Leaves to others: what only an observer from outside can know (tests/sim).
 */
#include "scheduler/state.h"

#include "base/mem.h"

static void verify_heap(const struct heap *heap) {
    for (size_t i = 0; i < heap->count; i++) {
        check(heap->nodes[i]->place == i + 1);
        check(i == 0 || heap->nodes[(i - 1) / 4]->key <= heap->nodes[i]->key);
    }
}

static size_t verify_list(const struct list *list) {
    size_t count = 0;
    for (const struct list *node = list->next; node != list; node = node->next) {
        check(node->next->prev == node && node->prev->next == node);
        count++;
    }
    return count;
}

struct sums {
    uint64_t *open, *pending, *unanswered, *lined_up; /* per node */
    uint32_t waiting, reserving, running, tickets, linked, probes, abandoned;
};

static void verify_reservation(const struct scheduler *scheduler, const struct ticket *ticket) {
    bool holds = ticket->state >= TICKET_RESERVING;
    check(holds || (ticket->account == INDEX_NONE && ticket->route == INDEX_NONE));
    check(holds || (!ticket->probe && !ticket->remote_held && !list_linked(&ticket->unmarked)));
    check((ticket->question != INDEX_NONE) <= (ticket->state == TICKET_RESERVING));
    if (ticket->question != INDEX_NONE) {
        const struct question *question = &scheduler->questions[ticket->question];
        check(question->open && question->ticket == ticket_id(ticket));
        check(!ticket->remote_held && !list_linked(&ticket->unmarked));
    }
    if (ticket->probe)
        check((scheduler->routes[ticket->route].shut & SHUT_PROBE) != 0);
    if (ticket->route != INDEX_NONE)
        check(scheduler->routes[ticket->route].account == ticket->account);
}

static void verify_ticket(const struct scheduler *scheduler, const struct ticket *ticket) {
    uint64_t all = ticket->candidate_count == DEMAND_CANDIDATES_MAX
                       ? UINT64_MAX
                       : ((uint64_t)1 << ticket->candidate_count) - 1;
    check(((ticket->live | ticket->tried | ticket->asked | ticket->again | ticket->linked) &
           ~all) == 0);
    check((ticket->linked & ~ticket->live) == 0);
    check((ticket->linked != 0) <= (ticket->state == TICKET_WAITING));
    check(!ticket->resting || (ticket->state == TICKET_WAITING && ticket->linked == 0));
    /* Nobody is forgotten: whoever rests has a list or a clock that brings it back. */
    if (ticket->state == TICKET_WAITING)
        check(ticket->linked != 0 || heap_linked(&ticket->timer.node));
    if (ticket->state == TICKET_RESERVING)
        check(heap_linked(&ticket->timer.node) || list_linked(&ticket->unmarked) ||
              ticket->question != INDEX_NONE);
    if (ticket->state >= TICKET_GRANTED)
        check(!heap_linked(&ticket->timer.node));
    check(ticket->holding_count == 0 || ticket->state >= TICKET_RESERVING);
    check(!ticket->sent || ticket->holding_count == 0 || ticket->state >= TICKET_SENT);
    verify_reservation(scheduler, ticket);
}

static void add_waiting(const struct scheduler *scheduler, const struct sums *sums,
                        const struct ticket *ticket) {
    if (ticket->linked == 0 || (ticket->linked & (ticket->linked - 1)) != 0)
        return;
    uint32_t index = ticket->candidates[__builtin_ctzll(ticket->linked)];
    const struct route *route = &scheduler->routes[index];
    for (uint32_t i = 0; i < route->limit_count; i++) {
        uint32_t node = scheduler->route_limits[route->first_limit + i].node;
        sums->lined_up[node] += amount_same_for_all(&scheduler->nodes[node]);
    }
}

static void add_holdings(const struct sums *sums, const struct ticket *ticket) {
    for (uint32_t i = 0; i < ticket->holding_count; i++) {
        const struct holding *holding = &ticket->holdings[i];
        if (holding->node == INDEX_NONE)
            continue;
        sums->open[holding->node] += holding->amount;
        if (!ticket->sent)
            sums->pending[holding->node] += holding->amount;
        else if (!ticket->answered)
            sums->unanswered[holding->node] += holding->amount;
    }
}

/* Reserved, sent and settled amounts agree with what tickets hold, node by node. */
static void verify_nodes(const struct scheduler *scheduler, const struct sums *sums) {
    for (uint32_t i = 0; i < scheduler->node_count; i++) {
        const struct limit_node *node = &scheduler->nodes[i];
        node_verify(node);
        check(node->open == sums->open[i] && node->pending == sums->pending[i]);
        check(node->unanswered == sums->unanswered[i] && node->waiting == sums->lined_up[i]);
        (void)verify_list(&node->parked);
    }
}

static void verify_tickets(const struct scheduler *scheduler, struct sums *sums) {
    for (uint32_t slot = 0; slot < scheduler->tickets_used; slot++) {
        const struct ticket *ticket = &scheduler->tickets[slot];
        if (ticket->state == TICKET_FREE) {
            check(!heap_linked(&ticket->timer.node));
            continue;
        }
        verify_ticket(scheduler, ticket);
        add_holdings(sums, ticket);
        add_waiting(scheduler, sums, ticket);
        sums->tickets++;
        sums->waiting += ticket->state == TICKET_WAITING;
        sums->reserving += ticket->state == TICKET_RESERVING;
        sums->running += ticket->state >= TICKET_GRANTED;
        sums->linked += (uint32_t)__builtin_popcountll(ticket->linked);
        sums->probes += ticket->probe;
    }
    const struct scheduler_counts *counts = &scheduler->counts;
    check(counts->tickets == sums->tickets && counts->waiting == sums->waiting);
    check(counts->reserving == sums->reserving && counts->running == sums->running);
    check(counts->reserved == counts->settled + counts->released + sums->reserving + sums->running);
    check(counts->submitted ==
          counts->refused + counts->cancelled + counts->finished + sums->tickets);
}

static void verify_shut(const struct bench *bench, uint32_t shut) {
    check(heap_linked(&bench->timer.node) == ((shut & SHUT_BENCH) != 0));
}

/* Who is parked waits and hangs on a node; a clock alone ends it where nobody has to give anything back. */
static void verify_parked(const struct scheduler *scheduler, const struct route *route) {
    uint32_t hanging = 0;
    for (uint32_t i = 0; i < route->limit_count; i++)
        hanging += list_linked(&scheduler->route_limits[route->first_limit + i].parked);
    check(route->parked == (hanging > 0));
    check(!route->parked || !list_empty(&route->waiters));
    check(route->parked || !heap_linked(&route->wake.node));
}

static void verify_route(const struct scheduler *scheduler, uint32_t index, struct sums *sums) {
    const struct route *route = &scheduler->routes[index];
    verify_shut(&route->bench, route->shut);
    check(heap_linked(&route->breaker.timer.node) == ((route->shut & SHUT_BREAKER) != 0));
    check(((route->shut & SHUT_MODEL) != 0) ==
          heap_linked(&scheduler->models[route->model_place].bench.timer.node));
    bool ready = !list_empty(&route->waiters) && route->shut == 0 && !route->parked;
    check(heap_linked(&route->ready) == ready);
    verify_parked(scheduler, route);
    if (heap_linked(&route->ready))
        check(route->ready.key == queue_ticket_of(scheduler, route->waiters.next)->arrival);
    sums->linked -= (uint32_t)verify_list(&route->waiters);
    sums->probes -= (route->shut & SHUT_PROBE) != 0;
}

static void verify_account(const struct scheduler *scheduler, uint32_t index) {
    const struct account *account = &scheduler->accounts[index];
    uint32_t in_flight = 0;
    for (uint32_t slot = 0; slot < scheduler->tickets_used; slot++)
        in_flight += scheduler->tickets[slot].state != TICKET_FREE &&
                     scheduler->tickets[slot].account == index;
    check(account->in_flight == in_flight);
    check(account->numbered <= account->mark_durable || account->mark_durable == 0);
    check(account->mark_durable <= account->mark_asked);
    verify_shut(&account->bench, account->shut);
    verify_heap(&account->ready);
    (void)verify_list(&account->unmarked);
    /* Nobody waits where a place is free, unless the visit's share was used up (then the account is still dirty). */
    if (heap_first(&account->ready) != NULL && account->shut == 0 &&
        route_account_has_room(account) && scheduler->groups[account->group].shut == 0 &&
        scheduler->providers[account->provider].shut == 0)
        check(list_linked(&account->dirty));
}

static void verify_questions(const struct scheduler *scheduler) {
    size_t abandoned = 0;
    for (uint32_t slot = 0; slot < scheduler->questions_used; slot++) {
        const struct question *question = &scheduler->questions[slot];
        if (!question->open)
            continue;
        const struct ticket *ticket = ticket_find(scheduler, question->ticket);
        check((ticket == NULL) == list_linked(&question->node));
        abandoned += ticket == NULL;
    }
    check(verify_list(&scheduler->abandoned) == abandoned);
}

static void verify_clients(const struct scheduler *scheduler, const struct sums *sums) {
    uint32_t waiting = 0, linked = 0;
    for (uint32_t place = 0; place <= scheduler->clients_mask; place++)
        waiting += scheduler->clients[place].waiting;
    for (uint32_t slot = 0; slot < scheduler->tickets_used; slot++) {
        const struct ticket *ticket = &scheduler->tickets[slot];
        if (ticket->state == TICKET_FREE || ticket->linked == 0)
            continue;
        linked++;
        check(queue_client_waiting(scheduler, ticket->client) > 0);
    }
    check(waiting == linked && linked <= sums->waiting);
}

void scheduler_verify(const struct scheduler *scheduler) {
    size_t bytes = ((size_t)scheduler->node_count + 1) * sizeof(uint64_t);
    struct sums sums = {0};
    sums.open = mem_zalloc(bytes);
    sums.pending = mem_zalloc(bytes);
    sums.unanswered = mem_zalloc(bytes);
    sums.lined_up = mem_zalloc(bytes);
    verify_tickets(scheduler, &sums);
    verify_nodes(scheduler, &sums);
    verify_clients(scheduler, &sums);
    clients_verify(scheduler);
    verify_questions(scheduler);
    verify_heap(&scheduler->timers);
    (void)verify_list(&scheduler->dirty);
    (void)verify_list(&scheduler->due);
    for (uint32_t i = 0; i < scheduler->config.provider_count; i++)
        verify_shut(&scheduler->providers[i].bench, scheduler->providers[i].shut);
    for (uint32_t i = 0; i < scheduler->group_count; i++)
        verify_shut(&scheduler->groups[i].bench, scheduler->groups[i].shut);
    for (uint32_t i = 0; i < scheduler->config.account_count; i++)
        verify_account(scheduler, i);
    for (uint32_t i = 0; i < scheduler->config.route_count; i++)
        verify_route(scheduler, i, &sums);
    check(sums.linked == 0 && sums.probes == 0);
    check(scheduler->budget_tenths <= 500);
    mem_free(sums.open);
    mem_free(sums.pending);
    mem_free(sums.unanswered);
    mem_free(sums.lined_up);
}
