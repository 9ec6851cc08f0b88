// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting: first come, first served, among those that can be served.
 *
 * A waiter hangs on the list of each route that could serve it, in order of arrival. A route that is open and waited for stands
 * in its account's `ready` heap by its first waiter. When an account gets a free place, or it or a route of it opens, it
 * becomes dirty, and queue_serve hands its places to the first of its ready routes. So a head that no candidate can take is
 * never looked at and holds nobody up, and one place costs O(log routes) however many wait.
 * Whoever waits for a limit: when none of a route's first LOOKS_MAX waiters fits the nodes of its limits, the route is parked. It
 * leaves the heap, hangs on the nodes that hold those waiters up, and is looked at again when one of them frees or at the first
 * instant at which one of the waiters would fit. So a large head lets smaller ones behind it pass, and nothing is polled.
 * A ticket that comes back after a failed attempt keeps its arrival and so goes before those that came later; finding its
 * place among older ones is bounded, beyond that it stands a little too far in front.
 * Promises: after queue_serve said true no ticket waits at a route that is open and has room; never more waiters than
 * configured, in all and per client. Leaves to others: when waiting ends by time (ticket.c).
 */
#include "scheduler/state.h"

static struct list *links_of(const struct scheduler *scheduler, const struct ticket *ticket) {
    return &scheduler->links[(size_t)ticket->slot * DEMAND_CANDIDATES_MAX];
}

struct ticket *queue_ticket_of(const struct scheduler *scheduler, const struct list *link) {
    return &scheduler->tickets[(size_t)(link - scheduler->links) / DEMAND_CANDIDATES_MAX];
}

/* --- how many wait for each client: open addressing, linear probing, no tombstones --- */

static uint32_t client_home(const struct scheduler *scheduler, uint64_t client) {
    return (uint32_t)((client * 0x9e3779b97f4a7c15u) >> 32) & scheduler->clients_mask;
}

static uint32_t client_place(const struct scheduler *scheduler, uint64_t client) {
    uint32_t place = client_home(scheduler, client);
    while (scheduler->clients[place].waiting > 0 && scheduler->clients[place].client != client)
        place = (place + 1) & scheduler->clients_mask;
    return place;
}

static void client_add(struct scheduler *scheduler, uint64_t client) {
    struct client_row *row = &scheduler->clients[client_place(scheduler, client)];
    row->client = client;
    row->waiting++;
}

static void client_remove(struct scheduler *scheduler, uint64_t client) {
    uint32_t hole = client_place(scheduler, client);
    check(scheduler->clients[hole].waiting > 0);
    if (--scheduler->clients[hole].waiting > 0)
        return;
    uint32_t mask = scheduler->clients_mask;
    for (uint32_t place = (hole + 1) & mask; scheduler->clients[place].waiting > 0;
         place = (place + 1) & mask) {
        uint32_t home = client_home(scheduler, scheduler->clients[place].client);
        if (((place - home) & mask) < ((place - hole) & mask))
            continue;
        scheduler->clients[hole] = scheduler->clients[place];
        scheduler->clients[place].waiting = 0;
        hole = place;
    }
}

uint32_t queue_client_waiting(const struct scheduler *scheduler, uint64_t client) {
    return scheduler->clients[client_place(scheduler, client)].waiting;
}

static bool client_full(const struct scheduler *scheduler, uint64_t client) {
    uint32_t limit = scheduler->config.waiting_per_client_max;
    if (limit == 0 || client == 0)
        return false;
    return queue_client_waiting(scheduler, client) >= limit;
}

/* --- routes and accounts that changed --- */

static void take_down(struct scheduler *scheduler, struct route *route) {
    route->parked = false;
    heap_remove(&scheduler->timers, &route->wake.node);
    for (uint32_t i = 0; i < route->limit_count; i++)
        list_remove(&scheduler->route_limits[route->first_limit + i].parked);
}

void queue_route_changed(struct scheduler *scheduler, uint32_t index) {
    struct route *route = &scheduler->routes[index];
    struct heap *ready = &scheduler->accounts[route->account].ready;
    if (route->parked && list_empty(&route->waiters))
        take_down(scheduler, route);
    if (list_empty(&route->waiters) || route->shut != 0 || route->parked) {
        heap_remove(ready, &route->ready);
        return;
    }
    uint64_t arrival = queue_ticket_of(scheduler, route->waiters.next)->arrival;
    if (!heap_linked(&route->ready) || route->ready.key != arrival)
        heap_set(ready, &route->ready, arrival);
}

void queue_account_changed(struct scheduler *scheduler, uint32_t index) {
    struct account *account = &scheduler->accounts[index];
    if (heap_first(&account->ready) != NULL && !list_linked(&account->dirty))
        list_append(&scheduler->dirty, &account->dirty);
}

/* --- limits --- */

void queue_unpark(struct scheduler *scheduler, uint32_t index) {
    struct route *route = &scheduler->routes[index];
    take_down(scheduler, route);
    queue_route_changed(scheduler, index);
    queue_account_changed(scheduler, route->account);
}

static void hang(struct scheduler *scheduler, struct route_limit *place) {
    if (!list_linked(&place->parked))
        list_append(&scheduler->nodes[place->node].parked, &place->parked);
}

static void wake_by(struct scheduler *scheduler, struct route *route, uint64_t time_ns) {
    bool known = time_ns != FREE_AT_UNKNOWN && time_ns != FREE_AT_NEVER;
    if (known && (!heap_linked(&route->wake.node) || route->wake.node.key > time_ns))
        heap_set(&scheduler->timers, &route->wake.node, time_ns);
}

enum look { LOOK_FITS, LOOK_HELD_UP, LOOK_ALL_HELD_UP };

/* Hangs the route on the nodes that hold the ticket up. A node that takes the same from everybody holds up all. */
static enum look look(struct visit *visit, uint32_t index, const struct ticket *ticket) {
    struct scheduler *scheduler = visit->scheduler;
    struct route *route = &scheduler->routes[index];
    struct moment moment = moment_of(scheduler, visit->now_ns);
    struct route_limit *places = &scheduler->route_limits[route->first_limit];
    uint64_t latest_ns = 0;
    bool by_time = true, fits = true;
    for (uint32_t i = 0; i < route->limit_count; i++) {
        struct limit_node *node = &scheduler->nodes[places[i].node];
        uint64_t amount = amount_wanted(node, route, ticket);
        if (node_fits(node, moment, amount))
            continue;
        uint64_t free_at_ns = node_free_at(node, moment, amount);
        hang(scheduler, &places[i]);
        if (amount_same_for_all(node)) {
            wake_by(scheduler, route, free_at_ns);
            return LOOK_ALL_HELD_UP;
        }
        fits = false;
        by_time = by_time && free_at_ns != FREE_AT_UNKNOWN;
        latest_ns = free_at_ns > latest_ns ? free_at_ns : latest_ns;
    }
    if (!fits && by_time)
        wake_by(scheduler, route, latest_ns);
    return fits ? LOOK_FITS : LOOK_HELD_UP;
}

/* The first waiter of the route that fits; else the route is parked. */
static struct ticket *first_that_fits(struct visit *visit, uint32_t index) {
    struct scheduler *scheduler = visit->scheduler;
    struct route *route = &scheduler->routes[index];
    enum look seen = LOOK_HELD_UP;
    const struct list *link = route->waiters.next;
    for (int looks = 0; looks < LOOKS_MAX && link != &route->waiters && seen == LOOK_HELD_UP;
         looks++, link = link->next) {
        struct ticket *ticket = queue_ticket_of(scheduler, link);
        visit->looks_left -= visit->looks_left > 0;
        seen = look(visit, index, ticket);
        if (seen == LOOK_FITS) {
            take_down(scheduler, route);
            return ticket;
        }
    }
    route->parked = true;
    queue_route_changed(scheduler, index);
    return NULL;
}

/* A new waiter of a route that is parked, or that had none. */
static void join(struct visit *visit, uint32_t index, const struct ticket *ticket) {
    struct route *route = &visit->scheduler->routes[index];
    if (look(visit, index, ticket) != LOOK_FITS)
        route->parked = true;
    else if (route->parked)
        queue_unpark(visit->scheduler, index);
}

/* --- in and out --- */

static void insert_by_arrival(const struct scheduler *scheduler, struct list *waiters,
                              struct list *link) {
    uint64_t arrival = queue_ticket_of(scheduler, link)->arrival;
    struct list *place = waiters;
    if (!list_empty(waiters) && queue_ticket_of(scheduler, waiters->prev)->arrival > arrival) {
        place = waiters->next;
        for (int looks = 0;
             looks < LOOKS_MAX && queue_ticket_of(scheduler, place)->arrival < arrival; looks++)
            place = place->next;
    }
    list_insert_before(place, link);
}

void queue_link(struct visit *visit, struct ticket *ticket, uint64_t mask) {
    struct scheduler *scheduler = visit->scheduler;
    check(ticket->linked == 0);
    ticket->linked = mask;
    if ((mask & (mask - 1)) == 0)
        holding_line_up(scheduler, ticket->candidates[__builtin_ctzll(mask)], true);
    ticket_move(scheduler, ticket, TICKET_WAITING);
    client_add(scheduler, ticket->client);
    for (uint64_t rest = mask; rest != 0; rest &= rest - 1) {
        uint32_t candidate = (uint32_t)__builtin_ctzll(rest);
        uint32_t index = ticket->candidates[candidate];
        struct route *route = &scheduler->routes[index];
        struct list *link = links_of(scheduler, ticket) + candidate;
        bool alone = list_empty(&route->waiters);
        list_init(link);
        insert_by_arrival(scheduler, &route->waiters, link);
        if (alone || route->parked)
            join(visit, index, ticket);
        queue_route_changed(scheduler, index);
        queue_account_changed(scheduler, scheduler->routes[index].account);
    }
}

void queue_leave(struct scheduler *scheduler, struct ticket *ticket) {
    uint64_t linked = ticket->linked;
    ticket->linked = 0;
    if ((linked & (linked - 1)) == 0)
        holding_line_up(scheduler, ticket->candidates[__builtin_ctzll(linked)], false);
    client_remove(scheduler, ticket->client);
    for (uint64_t rest = linked; rest != 0; rest &= rest - 1) {
        uint32_t candidate = (uint32_t)__builtin_ctzll(rest);
        list_remove(links_of(scheduler, ticket) + candidate);
        queue_route_changed(scheduler, ticket->candidates[candidate]);
    }
}

static uint64_t waits_until(const struct ticket *ticket) {
    return ticket->wait_until_ns < ticket->deadline_ns ? ticket->wait_until_ns
                                                       : ticket->deadline_ns;
}

struct wait {
    uint64_t mask, earliest_ns; /* candidates; when the first of them may be asked */
};

static enum refusal may_wait(const struct scheduler *scheduler, uint64_t now_ns,
                             const struct ticket *ticket, struct wait wait) {
    uint32_t limit;
    uint64_t limit_ns = waits_until(ticket), earliest_ns = wait.earliest_ns;
    if (earliest_ns == UINT64_MAX && ticket_too_large(scheduler, ticket, wait.mask, &limit))
        return REFUSAL_TOO_LARGE;
    if (now_ns >= limit_ns || earliest_ns > limit_ns)
        return REFUSAL_LIMITED;
    if (scheduler->counts.waiting >= scheduler->config.waiting_max ||
        client_full(scheduler, ticket->client))
        return REFUSAL_QUEUE_FULL;
    return REFUSAL_NONE;
}

enum refusal queue_would_hold(const struct scheduler *scheduler, uint64_t now_ns,
                              const struct ticket *ticket, uint64_t mask) {
    struct wait wait = {mask, route_earliest(scheduler, now_ns, ticket, mask)};
    return may_wait(scheduler, now_ns, ticket, wait);
}

enum refusal queue_enter(struct visit *visit, struct ticket *ticket, uint64_t mask) {
    struct scheduler *scheduler = visit->scheduler;
    uint64_t earliest_ns = route_earliest(scheduler, visit->now_ns, ticket, mask);
    uint64_t limit_ns = waits_until(ticket);
    ticket->retry_at_ns = earliest_ns == UINT64_MAX ? 0 : earliest_ns;
    enum refusal refusal =
        may_wait(scheduler, visit->now_ns, ticket, (struct wait){mask, earliest_ns});
    if (refusal != REFUSAL_NONE)
        return refusal;
    queue_link(visit, ticket, mask);
    /* The last moment still counts as in time. */
    ticket_arm(visit, ticket, limit_ns == UINT64_MAX ? UINT64_MAX : limit_ns + 1);
    return REFUSAL_NONE;
}

/* --- service --- */

static uint32_t first_ready(const struct scheduler *scheduler, const struct account *account) {
    struct heap_node *first = heap_first(&account->ready);
    if (first == NULL || account->shut != 0 || scheduler->groups[account->group].shut != 0 ||
        scheduler->providers[account->provider].shut != 0 || !route_account_has_room(account))
        return INDEX_NONE;
    return (uint32_t)(container_of(first, struct route, ready) - scheduler->routes);
}

bool queue_serve(struct visit *visit) {
    struct scheduler *scheduler = visit->scheduler;
    while (!list_empty(&scheduler->dirty)) {
        if (!visit_has_room(visit))
            return false;
        struct account *account = container_of(scheduler->dirty.next, struct account, dirty);
        uint32_t route = first_ready(scheduler, account);
        if (route == INDEX_NONE) {
            list_remove(&account->dirty);
            continue;
        }
        struct ticket *ticket = first_that_fits(visit, route);
        if (ticket == NULL)
            continue;
        uint32_t candidate = route_pick(scheduler, visit->now_ns, ticket, ticket->linked);
        check(candidate != INDEX_NONE);
        queue_leave(scheduler, ticket);
        ledger_reserve(visit, ticket, candidate);
    }
    return true;
}
