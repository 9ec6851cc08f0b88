// SPDX-License-Identifier: Apache-2.0
/*
 * A new configuration under live tickets: routes get new numbers and everything that named an old one is renamed.
 *
 * The caller maps routes; accounts and providers follow from the routes they serve (the first mapped one decides). What was
 * learned about them, benches, breakers, durable marks, moves along. Running attempts keep their reservation, now counted at
 * the account their route has become, or nowhere if it has gone. Waiting tickets line up again in their old order; those
 * whose candidates have all gone, and reservations under way at an account that has gone, get a timer that is due now and
 * end through it, so that however many they are, no visit causes more actions than it may.
 * The only event that allocates and that looks at all tickets.
 */
#include "scheduler/state.h"

#include "base/mem.h"
#include "scheduler/past.h"

#include <stdlib.h>
#include <string.h>

struct maps {
    const uint32_t *routes; /* borrowed: the caller's; NULL at the first call */
    uint32_t *accounts, *groups, *models, *providers, *limits; /* owned; old number to new one */
    struct scheduler old;                                      /* tables of before */
};

void configure_free_tables(struct scheduler *scheduler) {
    for (uint32_t i = 0; i < scheduler->config.account_count; i++)
        heap_done(&scheduler->accounts[i].ready);
    mem_free(scheduler->accounts);
    mem_free(scheduler->groups);
    mem_free(scheduler->models);
    mem_free(scheduler->routes);
    mem_free(scheduler->route_limits);
    mem_free(scheduler->nodes);
    mem_free(scheduler->providers);
}

static int validate(const struct scheduler_config *config) {
    for (uint32_t i = 0; i < config->account_count; i++)
        if (config->accounts[i].provider >= config->provider_count ||
            (config->group_count > 0 && config->accounts[i].group >= config->group_count))
            return ERR_RANGE;
    for (uint32_t i = 0; i < config->route_count; i++)
        if (config->routes[i].account >= config->account_count)
            return ERR_RANGE;
    return config->attempts_max == 0 ? ERR_RANGE : configure_check_limits(config);
}

static void *table(size_t count, size_t size) {
    return mem_zalloc((count > 0 ? count : 1) * size);
}

static void heap_presize(struct heap *heap, size_t capacity) {
    if (heap->capacity >= capacity)
        return;
    heap->nodes = mem_realloc(heap->nodes, capacity * sizeof(struct heap_node *));
    heap->capacity = capacity;
}

static void make_accounts(struct scheduler *scheduler, const struct scheduler_config *config) {
    scheduler->accounts = table(config->account_count, sizeof(struct account));
    for (uint32_t i = 0; i < config->account_count; i++) {
        struct account *account = &scheduler->accounts[i];
        account->provider = config->accounts[i].provider;
        account->concurrency_max = config->accounts[i].concurrency_max;
        account->remote = config->accounts[i].remote;
        account->durable = config->accounts[i].durable;
        account->key_mark = config->accounts[i].key_mark;
        account->group = config->group_count > 0 ? config->accounts[i].group : i;
        account->bench.timer = (struct timer){.kind = TIMER_ACCOUNT, .index = i};
        heap_init(&account->ready);
        list_init(&account->of_provider);
        list_init(&account->of_group);
        list_init(&account->dirty);
        list_init(&account->unmarked);
        list_init(&account->due);
        list_append(&scheduler->providers[account->provider].accounts, &account->of_provider);
        list_append(&scheduler->groups[account->group].accounts, &account->of_group);
    }
}

static void make_groups(struct scheduler *scheduler, const struct scheduler_config *config) {
    scheduler->group_count = config->group_count > 0 ? config->group_count : config->account_count;
    scheduler->groups = table(scheduler->group_count, sizeof(struct group));
    for (uint32_t i = 0; i < scheduler->group_count; i++) {
        scheduler->groups[i].bench.timer = (struct timer){.kind = TIMER_GROUP, .index = i};
        list_init(&scheduler->groups[i].accounts);
    }
}

struct model_name {
    uint32_t provider, model, route;
};

static int by_model(const void *a, const void *b) {
    const struct model_name *first = a, *second = b;
    if (first->provider != second->provider)
        return first->provider < second->provider ? -1 : 1;
    if (first->model != second->model)
        return first->model < second->model ? -1 : 1;
    return first->route < second->route ? -1 : first->route > second->route;
}

/* One place for each model at each provider. */
static void make_models(struct scheduler *scheduler, uint32_t route_count) {
    struct model_name *names = table(route_count, sizeof *names);
    scheduler->models = table(route_count, sizeof(struct model_place));
    scheduler->model_count = 0;
    for (uint32_t i = 0; i < route_count; i++) {
        const struct route *route = &scheduler->routes[i];
        names[i] =
            (struct model_name){scheduler->accounts[route->account].provider, route->model, i};
    }
    qsort(names, route_count, sizeof *names, by_model);
    for (uint32_t i = 0; i < route_count; i++) {
        if (i == 0 || names[i].provider != names[i - 1].provider ||
            names[i].model != names[i - 1].model) {
            struct model_place *place = &scheduler->models[scheduler->model_count];
            place->bench.timer =
                (struct timer){.kind = TIMER_MODEL, .index = scheduler->model_count++};
            list_init(&place->routes);
        }
        struct route *route = &scheduler->routes[names[i].route];
        route->model_place = scheduler->model_count - 1;
        list_append(&scheduler->models[route->model_place].routes, &route->of_model);
    }
    mem_free(names);
}

static void make_routes(struct scheduler *scheduler, const struct scheduler_config *config) {
    scheduler->routes = table(config->route_count, sizeof(struct route));
    size_t *routes_of = table(config->account_count, sizeof(size_t));
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct route *route = &scheduler->routes[i];
        route->account = config->routes[i].account;
        route->model = config->routes[i].model;
        route->bench.timer = (struct timer){.kind = TIMER_ROUTE, .index = i};
        route->breaker.timer = (struct timer){.kind = TIMER_BREAKER, .index = i};
        route->wake = (struct timer){.kind = TIMER_PARKED, .index = i};
        route->unit_cost_input = config->routes[i].unit_cost_input;
        route->unit_cost_output = config->routes[i].unit_cost_output;
        list_init(&route->waiters);
        list_init(&route->of_model);
        routes_of[route->account]++;
    }
    for (uint32_t i = 0; i < config->account_count; i++)
        heap_presize(&scheduler->accounts[i].ready, routes_of[i] + 1);
    mem_free(routes_of);
}

static void make_tables(struct scheduler *scheduler, const struct scheduler_config *config) {
    scheduler->providers = table(config->provider_count, sizeof(struct provider));
    for (uint32_t i = 0; i < config->provider_count; i++) {
        scheduler->providers[i].bench.timer = (struct timer){.kind = TIMER_PROVIDER, .index = i};
        list_init(&scheduler->providers[i].accounts);
    }
    make_groups(scheduler, config);
    make_accounts(scheduler, config);
    make_routes(scheduler, config);
    make_models(scheduler, config->route_count);
    configure_make_limits(scheduler, config);
    scheduler->config = *config;
    scheduler->config.accounts = NULL;
    scheduler->config.routes = NULL;
    scheduler->config.limits = NULL;
    scheduler->config.limit_map = NULL;
    scheduler->config.past = NULL;
    size_t timers_max = scheduler->tickets_max + 3 * (size_t)config->route_count +
                        scheduler->model_count + config->account_count;
    heap_presize(&scheduler->timers,
                 timers_max + scheduler->group_count + config->provider_count + 1);
}

/* --- maps --- */

static uint32_t *map_of_none(uint32_t count) {
    uint32_t *map = table(count, sizeof(uint32_t));
    memset(map, 0xff, count * sizeof(uint32_t)); /* INDEX_NONE */
    return map;
}

static uint32_t new_route(const struct scheduler *scheduler, const struct maps *maps,
                          uint32_t old) {
    if (old == INDEX_NONE || maps->routes == NULL || old >= maps->old.config.route_count)
        return INDEX_NONE;
    uint32_t index = maps->routes[old];
    return index < scheduler->config.route_count ? index : INDEX_NONE;
}

static void make_maps(const struct scheduler *scheduler, struct maps *maps) {
    maps->accounts = map_of_none(maps->old.config.account_count);
    maps->groups = map_of_none(maps->old.group_count);
    maps->models = map_of_none(maps->old.model_count);
    maps->providers = map_of_none(maps->old.config.provider_count);
    for (uint32_t i = 0; i < maps->old.config.route_count; i++) {
        uint32_t index = new_route(scheduler, maps, i);
        if (index == INDEX_NONE)
            continue;
        uint32_t old_account = maps->old.routes[i].account;
        uint32_t account = scheduler->routes[index].account;
        uint32_t *mapped = &maps->accounts[old_account];
        *mapped = *mapped == INDEX_NONE ? account : *mapped;
        mapped = &maps->groups[maps->old.accounts[old_account].group];
        *mapped = *mapped == INDEX_NONE ? scheduler->accounts[account].group : *mapped;
        mapped = &maps->models[maps->old.routes[i].model_place];
        *mapped = *mapped == INDEX_NONE ? scheduler->routes[index].model_place : *mapped;
        mapped = &maps->providers[maps->old.accounts[old_account].provider];
        *mapped = *mapped == INDEX_NONE ? scheduler->accounts[account].provider : *mapped;
    }
}

/* --- what was learned --- */

/* Takes the timer of `from` out of the heap in any case; `to` is NULL when nothing follows it. */
static bool move_timer(struct scheduler *scheduler, struct timer *from, struct timer *to) {
    bool running = heap_linked(&from->node);
    uint64_t time_ns = from->node.key;
    heap_remove(&scheduler->timers, &from->node);
    if (to == NULL || !running || (heap_linked(&to->node) && to->node.key >= time_ns))
        return false;
    heap_set(&scheduler->timers, &to->node, time_ns);
    return true;
}

static void move_bench(struct scheduler *scheduler, struct bench *from, struct bench *to,
                       uint32_t *shut) {
    bool moved = move_timer(scheduler, &from->timer, to == NULL ? NULL : &to->timer);
    if (to == NULL)
        return;
    if (moved)
        *shut |= SHUT_BENCH;
    if (from->strikes < to->strikes)
        return;
    to->strikes = from->strikes;
    to->since_ns = from->since_ns;
    to->firm = from->firm || to->firm;
    to->until_changed = from->until_changed || to->until_changed;
}

static void move_breaker(struct scheduler *scheduler, struct breaker *from, struct route *to) {
    if (move_timer(scheduler, &from->timer, to == NULL ? NULL : &to->breaker.timer))
        to->shut |= SHUT_BREAKER;
    if (to == NULL)
        return;
    to->breaker.since_ns = from->since_ns;
    to->breaker.weight = from->weight;
    to->breaker.opened = from->opened;
    to->breaker.half_open = from->half_open && (to->shut & SHUT_BREAKER) == 0;
}

static void move_account(struct scheduler *scheduler, struct account *from, struct account *to) {
    move_bench(scheduler, &from->bench, to == NULL ? NULL : &to->bench,
               to == NULL ? NULL : &to->shut);
    if (to == NULL || from->mark_asked <= to->mark_asked)
        return;
    to->mark_asked = from->mark_asked;
    to->mark_durable = from->mark_durable;
    to->numbered = from->numbered;
    to->asking = from->asking;
}

static void move_groups(struct scheduler *scheduler, struct maps *maps) {
    for (uint32_t i = 0; i < maps->old.group_count; i++) {
        uint32_t index = maps->groups[i];
        struct group *to = index == INDEX_NONE ? NULL : &scheduler->groups[index];
        move_bench(scheduler, &maps->old.groups[i].bench, to == NULL ? NULL : &to->bench,
                   to == NULL ? NULL : &to->shut);
    }
}

static void move_models(struct scheduler *scheduler, struct maps *maps) {
    for (uint32_t i = 0; i < maps->old.model_count; i++) {
        uint32_t index = maps->models[i], shut = 0;
        struct model_place *to = index == INDEX_NONE ? NULL : &scheduler->models[index];
        move_bench(scheduler, &maps->old.models[i].bench, to == NULL ? NULL : &to->bench, &shut);
        if (to == NULL || shut == 0)
            continue;
        for (struct list *node = to->routes.next; node != &to->routes; node = node->next)
            container_of(node, struct route, of_model)->shut |= SHUT_MODEL;
    }
}

/* A new key starts with a clean slate. */
static void lift_changed_keys(struct scheduler *scheduler, const struct maps *maps) {
    for (uint32_t i = 0; i < maps->old.config.account_count; i++) {
        uint32_t index = maps->accounts[i];
        if (index != INDEX_NONE &&
            maps->old.accounts[i].key_mark != scheduler->accounts[index].key_mark)
            bench_lift_account(scheduler, index);
    }
}

static void move_learned(struct scheduler *scheduler, struct maps *maps) {
    move_groups(scheduler, maps);
    move_models(scheduler, maps);
    for (uint32_t i = 0; i < maps->old.config.provider_count; i++) {
        uint32_t index = maps->providers[i];
        struct provider *to = index == INDEX_NONE ? NULL : &scheduler->providers[index];
        move_bench(scheduler, &maps->old.providers[i].bench, to == NULL ? NULL : &to->bench,
                   to == NULL ? NULL : &to->shut);
    }
    for (uint32_t i = 0; i < maps->old.config.account_count; i++) {
        uint32_t index = maps->accounts[i];
        move_account(scheduler, &maps->old.accounts[i],
                     index == INDEX_NONE ? NULL : &scheduler->accounts[index]);
    }
    for (uint32_t i = 0; i < maps->old.config.route_count; i++) {
        uint32_t index = new_route(scheduler, maps, i);
        struct route *to = index == INDEX_NONE ? NULL : &scheduler->routes[index];
        move_bench(scheduler, &maps->old.routes[i].bench, to == NULL ? NULL : &to->bench,
                   to == NULL ? NULL : &to->shut);
        move_breaker(scheduler, &maps->old.routes[i].breaker, to);
        heap_remove(&scheduler->timers, &maps->old.routes[i].wake.node);
        if (to != NULL)
            to->output = maps->old.routes[i].output;
    }
    lift_changed_keys(scheduler, maps);
}

/* --- tickets --- */

/* The mask's bits at their new places: bit i moves to places[i]. */
static uint64_t move_bits(uint64_t mask, const uint32_t *places) {
    uint64_t moved = 0;
    for (uint64_t rest = mask; rest != 0; rest &= rest - 1) {
        uint32_t place = places[__builtin_ctzll(rest)];
        if (place != INDEX_NONE)
            moved |= (uint64_t)1 << place;
    }
    return moved;
}

static void rename_candidates(const struct scheduler *scheduler, const struct maps *maps,
                              struct ticket *ticket) {
    uint32_t places[DEMAND_CANDIDATES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < ticket->candidate_count; i++) {
        uint32_t index = new_route(scheduler, maps, ticket->candidates[i]);
        places[i] = index == INDEX_NONE ? INDEX_NONE : count;
        if (index != INDEX_NONE)
            ticket->candidates[count++] = index;
    }
    ticket->candidate_count = count;
    ticket->live = move_bits(ticket->live, places);
    ticket->tried = move_bits(ticket->tried, places);
    ticket->asked = move_bits(ticket->asked, places);
    ticket->again = move_bits(ticket->again, places);
    ticket->linked = move_bits(ticket->linked, places);
    if (ticket->candidate != INDEX_NONE)
        ticket->candidate = places[ticket->candidate];
}

static void rename_reservation(struct scheduler *scheduler, const struct maps *maps,
                               struct ticket *ticket) {
    bool at_account = ticket->account != INDEX_NONE;
    uint32_t account = at_account ? maps->accounts[ticket->account] : INDEX_NONE;
    ticket->route = new_route(scheduler, maps, ticket->route);
    if (ticket->route != INDEX_NONE)
        account = scheduler->routes[ticket->route].account;
    ticket->account = account;
    for (uint32_t i = 0; i < ticket->holding_count; i++)
        if (ticket->holdings[i].node != INDEX_NONE)
            ticket->holdings[i].node = maps->limits[ticket->holdings[i].node];
    if (account != INDEX_NONE)
        scheduler->accounts[account].in_flight++;
    if (ticket->route == INDEX_NONE || (scheduler->routes[ticket->route].shut & SHUT_PROBE) != 0)
        ticket->probe = false;
    else if (ticket->probe)
        scheduler->routes[ticket->route].shut |= SHUT_PROBE;
}

static void move_unmarked(struct scheduler *scheduler, struct maps *maps) {
    for (uint32_t i = 0; i < maps->old.config.account_count; i++) {
        struct list *node;
        while ((node = list_pop(&maps->old.accounts[i].unmarked)) != NULL) {
            struct ticket *ticket = container_of(node, struct ticket, unmarked);
            if (ticket->route == INDEX_NONE)
                continue;
            struct account *account = &scheduler->accounts[ticket->account];
            list_append(&account->unmarked, node);
            if (!list_linked(&account->due))
                list_append(&scheduler->due, &account->due);
        }
    }
}

static int by_arrival(const void *a, const void *b) {
    const struct ticket *first = *(struct ticket *const *)a;
    const struct ticket *second = *(struct ticket *const *)b;
    return first->arrival < second->arrival ? -1 : first->arrival > second->arrival;
}

static void line_up_again(struct visit *visit, struct ticket **waiting, size_t count) {
    qsort(waiting, count, sizeof *waiting, by_arrival);
    for (size_t i = 0; i < count; i++) {
        uint64_t mask = waiting[i]->live & ~waiting[i]->tried;
        if (mask == 0) {
            waiting[i]->tried = 0;
            mask = waiting[i]->live;
        }
        waiting[i]->linked = 0;
        if (mask != 0)
            queue_link(visit, waiting[i], mask);
        else
            ticket_arm(visit, waiting[i], visit->now_ns);
    }
}

static void move_tickets(struct visit *visit, struct maps *maps) {
    struct scheduler *scheduler = visit->scheduler;
    struct ticket **waiting = table(scheduler->counts.waiting, sizeof *waiting);
    size_t waiting_count = 0;
    for (uint32_t slot = 0; slot < scheduler->tickets_used; slot++) {
        struct ticket *ticket = &scheduler->tickets[slot];
        if (ticket->state == TICKET_FREE)
            continue;
        bool linked = ticket->linked != 0;
        rename_candidates(scheduler, maps, ticket);
        if (ticket->state == TICKET_WAITING) {
            if (linked)
                waiting[waiting_count++] = ticket;
            continue;
        }
        rename_reservation(scheduler, maps, ticket);
        if (ticket->state == TICKET_RESERVING && ticket->route == INDEX_NONE)
            ticket_arm(visit, ticket, visit->now_ns);
    }
    move_unmarked(scheduler, maps);
    for (uint32_t slot = 0; slot < scheduler->questions_used; slot++) {
        struct question *question = &scheduler->questions[slot];
        if (question->open && question->account != INDEX_NONE)
            question->account = maps->accounts[question->account];
    }
    line_up_again(visit, waiting, waiting_count);
    mem_free(waiting);
}

int scheduler_configure(struct scheduler *scheduler, uint64_t now_ns,
                        const struct scheduler_config *config, const uint32_t *route_map,
                        struct actions *out) {
    int err = validate(config);
    if (err < 0)
        return err;
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    struct maps maps = {.routes = route_map, .old = *scheduler};
    list_init(&scheduler->dirty);
    list_init(&scheduler->due);
    memset(scheduler->clients, 0,
           ((size_t)scheduler->clients_mask + 1) * sizeof(struct client_row));
    make_tables(scheduler, config);
    make_maps(scheduler, &maps);
    maps.limits = configure_move_limits(scheduler, now_ns, &maps.old, config->limit_map);
    for (uint32_t i = 0; i < config->past_count; i++)
        scheduler_replay(scheduler, now_ns, &config->past[i]);
    move_learned(scheduler, &maps);
    move_tickets(&visit, &maps);
    configure_free_tables(&maps.old);
    mem_free(maps.limits);
    mem_free(maps.accounts);
    mem_free(maps.groups);
    mem_free(maps.models);
    mem_free(maps.providers);
    visit_begin(&visit);
    visit_end(&visit);
    return 0;
}
