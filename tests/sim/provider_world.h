// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Providers with true limits, in virtual time. Each judges what arrives by its own rule, from the arrivals alone; it shares no code
 * with the scheduler, and the scheduler sees nothing of it but answers. Clients ask without end, so that whatever is left
 * unused was left by the scheduler.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rand.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#define ARRIVALS_MAX 200000
#define CLIENTS_MAX  128
#define FLIGHTS_MAX  4096
#define DAY_NS       (86400 * NS_PER_S)

enum rule {
    RULE_ALIGNED,
    RULE_ANCHORED,
    RULE_EXACT,
    RULE_BUCKET,
    RULE_DAY,
    RULE_AT_ONCE,
    RULE_COUNT
};

struct truth {
    enum rule rule;
    uint64_t amount, window_ns;
    int64_t phase_ns;       /* of its clock against ours */
    uint64_t hidden_amount; /* a second rule that nobody tells: that many in hidden_ns; 0 = none */
    uint64_t hidden_ns;
    bool tells; /* limit and remaining in every answer */
};

struct provider_state {
    struct truth truth;
    struct {
        uint64_t at_ns, amount;
    } arrivals[ARRIVALS_MAX];
    uint32_t count;
    uint64_t window_number, window_used, window_from_ns; /* fixed windows */
    __int128 level;                                      /* bucket: amount x ns */
    uint64_t level_ns;
    uint32_t at_once;
    uint64_t accepted, accepted_amount, refused;
};

static inline uint64_t recent(const struct provider_state *p, uint64_t now_ns, uint64_t window_ns) {
    uint64_t sum = 0;
    for (uint32_t i = p->count; i > 0 && now_ns - p->arrivals[i - 1].at_ns < window_ns; i--)
        sum += p->arrivals[i - 1].amount;
    return sum;
}

/* Used by the rule's own count, before this one. */
static inline uint64_t used_by_rule(struct provider_state *p, uint64_t now_ns) {
    const struct truth *truth = &p->truth;
    uint64_t there_ns = now_ns + (uint64_t)(truth->phase_ns + (int64_t)(1000 * NS_PER_S));
    uint64_t number = there_ns / truth->window_ns;
    switch (truth->rule) {
    case RULE_ALIGNED:
    case RULE_DAY:
        if (number != p->window_number)
            p->window_used = 0;
        p->window_number = number;
        return p->window_used;
    case RULE_ANCHORED: /* begins with the first request after the last one ended */
        if (now_ns - p->window_from_ns >= truth->window_ns || p->window_used == 0) {
            p->window_used = 0;
            p->window_from_ns = now_ns;
        }
        return p->window_used;
    case RULE_BUCKET:
        p->level -= (__int128)(now_ns - p->level_ns) * truth->amount;
        p->level = p->level < 0 ? 0 : p->level;
        p->level_ns = now_ns;
        return (uint64_t)((p->level + (__int128)truth->window_ns - 1) / truth->window_ns);
    case RULE_AT_ONCE:
        return p->at_once;
    default:
        return recent(p, now_ns, truth->window_ns);
    }
}

static inline bool judge(struct provider_state *p, uint64_t now_ns, uint64_t amount) {
    const struct truth *truth = &p->truth;
    uint64_t used = used_by_rule(p, now_ns);
    bool fits = used + amount <= truth->amount;
    if (truth->rule == RULE_BUCKET)
        fits = p->level + (__int128)amount * truth->window_ns <=
               (__int128)truth->amount * truth->window_ns;
    if (truth->hidden_amount > 0 &&
        recent(p, now_ns, truth->hidden_ns) + amount > truth->hidden_amount)
        fits = false;
    if (!fits) {
        p->refused++;
        return false;
    }
    p->window_used += amount;
    p->level += (__int128)amount * truth->window_ns;
    p->at_once++;
    p->accepted++;
    p->accepted_amount += amount;
    if (p->count < ARRIVALS_MAX) {
        p->arrivals[p->count].at_ns = now_ns;
        p->arrivals[p->count++].amount = amount;
    }
    return true;
}

/* --- the world --- */

enum happening { HAPPENS_ASK, HAPPENS_SENT, HAPPENS_ARRIVES, HAPPENS_ANSWERS, HAPPENS_TICK };

struct flight { /* an event; of one attempt, or of a client that asks */
    struct heap_node node;
    enum happening what;
    scheduler_ticket ticket;
    uint32_t client;
    uint64_t amount, remaining;
    bool accepted;
    struct flight *next_free;
};

struct provider_world {
    struct scheduler *scheduler;
    struct provider_state provider;
    struct rand rand;
    struct heap events;
    struct flight pool[FLIGHTS_MAX];
    struct flight *free_flights;
    struct flight *tick;
    struct actions out;
    struct catalog_limit limits[4];
    struct scheduler_account accounts[2];
    struct scheduler_route routes[2];
    struct scheduler_config config;
    uint32_t client_count;
    uint64_t now_ns, end_ns;
    uint64_t delay_least_ns, delay_most_ns; /* of the way there */
    uint64_t answer_most_ns, think_most_ns;
    uint64_t wait_ns;     /* how long clients wait; UINT64_MAX = as long as it takes */
    uint64_t tokens_most; /* of a request, input and output each */
    uint64_t dispatched, turned_away;
};

static inline struct flight *fly(struct provider_world *w, enum happening what, uint64_t delay_ns) {
    struct flight *flight = w->free_flights;
    check(flight != NULL);
    w->free_flights = flight->next_free;
    *flight = (struct flight){.what = what};
    heap_insert(&w->events, &flight->node, w->now_ns + delay_ns);
    return flight;
}

static inline uint64_t between(struct provider_world *w, uint64_t least, uint64_t most) {
    return least + rand_below(&w->rand, most - least + 1);
}

static inline void ask_again(struct provider_world *w, uint32_t client, uint64_t least_ns) {
    fly(w, HAPPENS_ASK, least_ns + between(w, 0, w->think_most_ns))->client = client;
}

static inline void heed(struct provider_world *w) {
    for (uint32_t i = 0; i < w->out.count; i++) {
        const struct action *action = &w->out.items[i];
        if (action->kind == ACTION_DISPATCH) {
            struct flight *flight = fly(w, HAPPENS_SENT, between(w, 0, 40 * NS_PER_MS));
            flight->ticket = action->ticket;
            flight->client = (uint32_t)(action->owner >> 32);
            flight->amount = (uint32_t)action->owner;
            w->dispatched++;
        } else if (action->kind == ACTION_REFUSE) {
            uint64_t in_ns = action->retry_at_ns > w->now_ns ? action->retry_at_ns - w->now_ns : 0;
            ask_again(w, (uint32_t)(action->owner >> 32), in_ns);
            w->turned_away++;
        } else if (action->kind == ACTION_ARM) {
            uint64_t at_ns = action->time_ns > w->now_ns ? action->time_ns : w->now_ns;
            if (w->tick == NULL)
                w->tick = fly(w, HAPPENS_TICK, 0);
            heap_set(&w->events, &w->tick->node, at_ns);
        }
    }
    w->out.count = 0;
}

static inline void ask(struct provider_world *w, uint32_t client) {
    uint64_t input = w->tokens_most > 0 ? between(w, 1, w->tokens_most) : 0;
    uint64_t output = w->tokens_most > 0 ? between(w, 1, w->tokens_most) : 0;
    uint64_t amount = w->tokens_most > 0 ? input + output : 1;
    struct demand demand = {.owner = (uint64_t)client << 32 | amount,
                            .candidate_count = w->config.route_count,
                            .candidates = {client % 2, 1 - client % 2},
                            .client = client + 1,
                            .input_tokens = input,
                            .output_tokens_max = output,
                            .output_tokens_likely = output,
                            .wait_until_ns =
                                w->wait_ns == UINT64_MAX ? UINT64_MAX : w->now_ns + w->wait_ns,
                            .deadline_ns = UINT64_MAX};
    if (w->config.route_count == 1)
        demand.candidates[0] = 0;
    check(scheduler_submit(w->scheduler, w->now_ns, &demand, &w->out) != 0);
}

static inline void answers(struct provider_world *w, const struct flight *flight) {
    struct scheduler_usage usage = {.known = true, .output_tokens = flight->amount};
    if (w->provider.truth.tells) {
        const struct scheduler_reading reading = {.unit = w->limits[0].unit,
                                                  .window_ms = w->limits[0].window_ms,
                                                  .has_limit = true,
                                                  .limit = w->provider.truth.amount,
                                                  .has_remaining = true,
                                                  .remaining = flight->remaining};
        scheduler_reading(w->scheduler, w->now_ns, flight->ticket,
                          (struct scheduler_readings){&reading, 1}, &w->out);
        heed(w);
    }
    enum outcome outcome = flight->accepted ? OUTCOME_OK : OUTCOME_RATE_LIMITED;
    if (flight->accepted)
        w->provider.at_once--;
    if (scheduler_done(w->scheduler, w->now_ns, flight->ticket, outcome, &usage, NULL, &w->out) ==
        DONE_FINISHED)
        ask_again(w, flight->client, 0);
}

static inline void happens(struct provider_world *w, struct flight *flight) {
    struct flight *next;
    switch (flight->what) {
    case HAPPENS_ASK:
        ask(w, flight->client);
        break;
    case HAPPENS_SENT:
        scheduler_sent(w->scheduler, w->now_ns, flight->ticket);
        next = fly(w, HAPPENS_ARRIVES, between(w, w->delay_least_ns, w->delay_most_ns));
        next->ticket = flight->ticket;
        next->client = flight->client;
        next->amount = flight->amount;
        break;
    case HAPPENS_ARRIVES:
        next = fly(w, HAPPENS_ANSWERS, between(w, 5 * NS_PER_MS, w->answer_most_ns));
        next->ticket = flight->ticket;
        next->client = flight->client;
        next->amount = flight->amount;
        next->accepted = judge(&w->provider, w->now_ns, flight->amount);
        uint64_t used = used_by_rule(&w->provider, w->now_ns);
        next->remaining = used < w->provider.truth.amount ? w->provider.truth.amount - used : 0;
        break;
    case HAPPENS_ANSWERS:
        answers(w, flight);
        break;
    default:
        w->tick = NULL;
        scheduler_tick(w->scheduler, w->now_ns, &w->out);
    }
}

static inline struct provider_world *provider_world_new(uint64_t seed, const struct truth *truth) {
    struct provider_world *w = mem_zalloc(sizeof *w);
    rand_seed(&w->rand, seed);
    heap_init(&w->events);
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        w->pool[i].next_free = w->free_flights;
        w->free_flights = &w->pool[i];
    }
    w->scheduler = scheduler_new(256, seed);
    w->provider.truth = *truth;
    w->now_ns = 2000 * NS_PER_S + rand_below(&w->rand, 100 * NS_PER_S);
    w->delay_least_ns = 20 * NS_PER_MS;
    w->delay_most_ns = 300 * NS_PER_MS;
    w->answer_most_ns = 3 * NS_PER_S;
    w->think_most_ns = 200 * NS_PER_MS;
    w->wait_ns = UINT64_MAX;
    w->client_count = 50;
    scheduler_config_default(&w->config);
    w->config.accounts = w->accounts;
    w->config.routes = w->routes;
    w->config.limits = w->limits;
    w->config.account_count = w->config.route_count = w->config.provider_count = 1;
    w->config.waiting_per_client_max = 0;
    return w;
}

static inline void provider_world_free(struct provider_world *w) {
    scheduler_free(w->scheduler);
    heap_done(&w->events);
    mem_free(w);
}

static inline void provider_world_configure(struct provider_world *w) {
    static const uint32_t all[] = {0, 1, 2, 3};
    for (uint32_t i = 0; i < w->config.route_count; i++) {
        w->routes[i] = (struct scheduler_route){
            .account = i, .limits = all, .limit_count = w->config.limit_count};
        w->accounts[i] = (struct scheduler_account){.group = 0};
    }
    w->config.account_count = w->config.route_count;
    w->config.group_count = 1;
    check(scheduler_configure(w->scheduler, w->now_ns, &w->config, NULL, &w->out) == 0);
    /* dates run 1000 s ahead of the boot clock, as the provider's own do */
    scheduler_wall(w->scheduler, w->now_ns, w->now_ns / NS_PER_MS + 1000000, &w->out);
    heed(w);
    for (uint32_t i = 0; i < w->client_count; i++)
        ask_again(w, i, 0);
}

/* Runs on for that long; every so many events the inside of the scheduler is looked at. */
static inline void provider_world_run(struct provider_world *w, uint64_t length_ns,
                                      uint32_t verify_every) {
    struct heap_node *first;
    uint64_t end_ns = w->now_ns + length_ns;
    for (uint32_t events = 0; (first = heap_first(&w->events)) != NULL && first->key <= end_ns;
         events++) {
        struct flight *flight = container_of(first, struct flight, node);
        w->now_ns = first->key;
        heap_remove(&w->events, first);
        happens(w, flight);
        flight->next_free = w->free_flights;
        w->free_flights = flight;
        heed(w);
        if (events % verify_every == 0)
            scheduler_verify(w->scheduler);
    }
    w->now_ns = end_ns;
}
