// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler in a random world, in virtual time: 200 seeds of clients that come, wait and leave, providers with moods, a
 * shared ledger that is slow, denies, answers twice or never, a disk that is slow or fails, and configurations that change
 * under all of it. An oracle (scheduler_oracle.h) watches what goes in and out; scheduler_verify looks inside after every
 * event. The same seed must give the same trace. A failing seed names itself: run the program with it as argument.
 */
#include "scheduler/state.h"
#include "sim/scheduler_oracle.h"
#include "sim/scheduler_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEEDS               200
#define EVENTS_PER_SEED_MAX 200000
#define TICKETS_MAX         48

static volatile uint64_t seed_running;

static void name_the_seed(int number) {
    char text[96];
    int length =
        snprintf(text, sizeof text, "failing seed: %llu\n", (unsigned long long)seed_running);
    if (write(STDERR_FILENO, text, (size_t)length) < 0)
        _exit(number);
}

/* --- events --- */

static void on_arrive(struct world *w) {
    struct oracle *o = &w->oracle;
    if (w->arrivals_left == 0)
        return;
    w->arrivals_left--;
    plan(w, EVENT_ARRIVE,
         chance(w, 60) ? random_ms(w, 40) : random_ms(w, chance(w, 99) ? 1500 : 4000000));
    struct business *b = &o->business[o->business_count++];
    *b = (struct business){.live = true, .deadline_ns = UINT64_MAX};
    b->wait_until_ns = o->now_ns + (chance(w, 15) ? 0 : random_ms(w, 20000));
    if (chance(w, 15))
        b->deadline_ns = o->now_ns + random_ms(w, 15000);
    struct demand demand = {.owner = o->business_count,
                            .wait_until_ns = b->wait_until_ns,
                            .deadline_ns = b->deadline_ns,
                            .client = below(w, chance(w, 50) ? 5 : 1000),
                            .input_tokens = below(w, 5000),
                            .output_tokens_max = below(w, 1000)};
    for (uint32_t i = 0; i < o->route_count; i++) {
        uint32_t real = (i + below(w, 2)) % o->route_count;
        if (o->routes[real].index == NOT_THERE || chance(w, 50) ||
            (b->candidate_count > 0 && b->candidates[b->candidate_count - 1] == real))
            continue;
        b->candidates[b->candidate_count++] = real;
        demand.candidates[demand.candidate_count++] = o->routes[real].index;
    }
    scheduler_ticket ticket = scheduler_submit(o->scheduler, o->now_ns, &demand, &w->out);
    if (ticket == 0) {
        o->business_count--;
        full_house++;
        return;
    }
    b->ticket = ticket;
    if (chance(w, 20))
        plan(w, EVENT_CANCEL, random_ms(w, 6000))->business = o->business_count - 1;
}

static enum outcome random_outcome(struct world *w, const struct business *b) {
    return chance(w, w->mood[b->route]) ? (enum outcome)below(w, OUTCOME_COUNT) : OUTCOME_OK;
}

static void on_done(struct world *w, struct business *b) {
    static const uint64_t asked_s[] = {0, 0, 0, 0, 0, 0, 0,  0,    0,
                                       0, 1, 1, 2, 5, 5, 40, 3600, 1000000};
    enum outcome outcome = random_outcome(w, b);
    uint64_t retry_after_ns = outcome_row(outcome)->retry == RETRY_NEVER
                                  ? 0
                                  : asked_s[below(w, array_length(asked_s))] * NS_PER_S;
    struct scheduler_usage usage = {
        .input_tokens = below(w, 1000), .output_tokens = below(w, 1000), .known = chance(w, 80)};
    oracle_done(&w->oracle, b, outcome, retry_after_ns);
    const struct outcome_detail detail = {.scope = BENCH_BY_ROW, .told_ns = retry_after_ns};
    enum done_verdict verdict = scheduler_done(w->oracle.scheduler, w->oracle.now_ns, b->ticket,
                                               outcome, &usage, &detail, &w->out);
    oracle_verdict(&w->oracle, b, outcome, verdict);
    retries_seen += verdict == DONE_RETRYING;
}

static void on_attempt(struct world *w, const struct event *event) {
    struct oracle *o = &w->oracle;
    struct business *b = &o->business[event->business];
    if (!b->running || b->attempts != event->attempt)
        return;
    if (event->kind == EVENT_DONE) {
        on_done(w, b);
    } else if (event->kind == EVENT_SENT) {
        scheduler_sent(o->scheduler, o->now_ns, b->ticket);
    } else if (event->kind == EVENT_HEADERS) {
        scheduler_headers(o->scheduler, o->now_ns, b->ticket, 200);
    } else if (event->kind == EVENT_FIRST_TOKEN) {
        scheduler_first_token(o->scheduler, o->now_ns, b->ticket);
        b->committed = true;
    } else {
        scheduler_progress(o->scheduler, o->now_ns, b->ticket, below(w, 500));
    }
}

static void on_cancel(struct world *w, struct business *b) {
    struct scheduler_usage usage = {.input_tokens = 10, .output_tokens = 5, .known = chance(w, 50)};
    if (b->live) {
        if (b->running)
            oracle_stop_running(&w->oracle, b);
        oracle_end(&w->oracle, b, &w->oracle.cancelled);
    }
    scheduler_cancel(w->oracle.scheduler, w->oracle.now_ns, b->ticket, &usage, &w->out);
}

static void on_remote(struct world *w, const struct event *event) {
    struct oracle *o = &w->oracle;
    enum grant_state *state = oracle_grant(o, event->word);
    if (*state == GRANT_ASKED && event->verdict == REMOTE_OK) {
        *state = GRANT_HELD;
        o->held++;
    } else if (*state == GRANT_ASKED) {
        *state = GRANT_RETURNED;
    }
    scheduler_remote_grant(o->scheduler, o->now_ns, event->word, event->verdict, &w->out);
}

static void on_durable(struct world *w, const struct event *event) {
    for (uint32_t i = 0; i < w->oracle.account_count; i++) {
        if (w->mark_of[i] != event->word)
            continue;
        w->oracle.accounts[i].marks_left = DURABLE_AT_ONCE;
        w->mark_of[i] = 0;
    }
    scheduler_durable_done(w->oracle.scheduler, w->oracle.now_ns, event->node_index, event->word,
                           &w->out);
}

/* Something for a ticket that has ended, or that never was. */
static void on_stray(struct world *w) {
    struct oracle *o = &w->oracle;
    if (w->arrivals_left > 0)
        plan(w, EVENT_STRAY, random_ms(w, 15000));
    if (o->business_count == 0)
        return;
    const struct business *b = &o->business[below(w, o->business_count)];
    scheduler_remote_grant(o->scheduler, o->now_ns, rand_u64(&w->rand), REMOTE_OK, &w->out);
    scheduler_durable_done(o->scheduler, o->now_ns, below(w, 20), rand_u64(&w->rand), &w->out);
    if (b->live)
        return;
    scheduler_sent(o->scheduler, o->now_ns, b->ticket);
    scheduler_headers(o->scheduler, o->now_ns, b->ticket, 500);
    scheduler_first_token(o->scheduler, o->now_ns, b->ticket);
    scheduler_progress(o->scheduler, o->now_ns, b->ticket, 7);
    scheduler_cancel(o->scheduler, o->now_ns, b->ticket, NULL, &w->out);
    must(o, scheduler_done(o->scheduler, o->now_ns, b->ticket, OUTCOME_RESET, NULL, NULL,
                           &w->out) == DONE_FINISHED);
}

/* --- configurations --- */

/* What does not go on under a route that stays is forgotten by both sides. */
static void forget(struct world *w, const bool *stays) {
    struct oracle *o = &w->oracle;
    bool account_stays[REAL_MAX] = {false}, provider_stays[REAL_MAX] = {false};
    bool group_stays[REAL_MAX] = {false}, model_stays[REAL_MAX][MODELS_MAX] = {{false}};
    for (uint32_t i = 0; i < o->route_count; i++) {
        if (!stays[i]) {
            o->routes[i].not_before_ns = 0;
            continue;
        }
        const struct real_account *account = &o->accounts[o->routes[i].account];
        account_stays[o->routes[i].account] = true;
        group_stays[account->group] = true;
        provider_stays[account->provider] = true;
        model_stays[account->provider][o->routes[i].model] = true;
    }
    for (uint32_t i = 0; i < REAL_MAX * MODELS_MAX; i++)
        if (!model_stays[i / MODELS_MAX][i % MODELS_MAX])
            o->model_not_before_ns[i / MODELS_MAX][i % MODELS_MAX] = 0;
    for (uint32_t i = 0; i < o->account_count; i++) {
        if (!provider_stays[o->accounts[i].provider])
            o->provider_not_before_ns[o->accounts[i].provider] = 0;
        if (!group_stays[o->accounts[i].group])
            o->group_not_before_ns[o->accounts[i].group] = 0;
        if (account_stays[i])
            continue;
        o->accounts[i].not_before_ns = 0;
        o->accounts[i].running = 0;
        o->accounts[i].marks_left = 0;
        w->mark_of[i] = 0;
    }
    for (uint32_t i = 0; i < o->business_count; i++) {
        struct business *b = &o->business[i];
        if (b->running && !account_stays[b->account])
            b->counted = false;
        b->nameless = b->nameless || (b->running && !stays[b->route]);
        uint32_t count = 0;
        for (uint32_t c = 0; c < b->candidate_count; c++)
            if (stays[b->candidates[c]])
                b->candidates[count++] = b->candidates[c];
        b->candidate_count = count;
    }
}

static uint32_t configure_accounts(struct world *w, struct scheduler_account *accounts,
                                   uint32_t *index_of) {
    struct oracle *o = &w->oracle;
    uint32_t turn = below(w, o->account_count); /* numbers change, names do not */
    for (uint32_t i = 0; i < o->account_count; i++) {
        uint32_t real = (i + turn) % o->account_count;
        struct real_account *account = &o->accounts[real];
        if (chance(w, 30))
            account->concurrency_max = chance(w, 20) ? 0 : 1 + below(w, 4);
        accounts[i] = (struct scheduler_account){.provider = account->provider,
                                                 .group = account->group,
                                                 .concurrency_max = account->concurrency_max,
                                                 .remote = account->remote,
                                                 .durable = account->durable};
        w->account_of[i] = real;
        index_of[real] = i;
    }
    return o->account_count;
}

static void on_configure(struct world *w) {
    struct oracle *o = &w->oracle;
    struct scheduler_account accounts[REAL_MAX];
    struct scheduler_route routes[REAL_MAX];
    uint32_t index_of[REAL_MAX], route_map[REAL_MAX];
    bool stays[REAL_MAX];
    bool first = w->config.account_count == 0;
    w->config.account_count = configure_accounts(w, accounts, index_of);
    w->config.route_count = 0;
    uint32_t turn = below(w, o->route_count);
    for (uint32_t i = 0; i < o->route_count; i++) {
        uint32_t real = (i + turn) % o->route_count;
        uint32_t old = o->routes[real].index;
        bool there = chance(w, 85);
        stays[real] = old != NOT_THERE && there;
        o->routes[real].index = there ? w->config.route_count : NOT_THERE;
        if (old != NOT_THERE)
            route_map[old] = o->routes[real].index;
        if (there)
            routes[w->config.route_count++] = (struct scheduler_route){
                .account = index_of[o->routes[real].account], .model = o->routes[real].model};
    }
    forget(w, stays);
    w->config.accounts = accounts;
    w->config.routes = routes;
    must(o, scheduler_configure(o->scheduler, o->now_ns, &w->config, first ? NULL : route_map,
                                &w->out) == 0);
    for (uint32_t i = 0; i < o->route_count; i++)
        w->mood[i] = chance(w, 70) ? below(w, 10) : below(w, 101);
    if (w->arrivals_left > 0)
        plan(w, EVENT_CONFIGURE, random_ms(w, 60000));
}

/* --- one seed --- */

static struct world *world_new(uint64_t seed) {
    struct world *w = mem_zalloc(sizeof *w);
    struct oracle *o = &w->oracle;
    rand_seed(&w->rand, seed);
    heap_init(&w->events);
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        w->pool[i].next_free = w->free_events;
        w->free_events = &w->pool[i];
    }
    o->seed = seed;
    o->now_ns = 5 * NS_PER_S;
    o->armed_ns = UINT64_MAX;
    o->trace = seed;
    o->budget_tenths = 500;
    o->scheduler = scheduler_new(chance(w, 20) ? 8 : TICKETS_MAX, seed);
    o->provider_count = 1 + below(w, 4);
    o->account_count = 1 + below(w, 6);
    o->route_count = 1 + below(w, REAL_MAX);
    for (uint32_t i = 0; i < o->account_count; i++)
        o->accounts[i] = (struct real_account){.provider = below(w, o->provider_count),
                                               .group = i,
                                               .concurrency_max = below(w, 5),
                                               .remote = chance(w, 30),
                                               .durable = chance(w, 30)};
    for (uint32_t i = 1; i < o->account_count; i++)
        if (chance(w, 40)) { /* a second key of another's quota account */
            o->accounts[i].group = o->accounts[i - 1].group;
            o->accounts[i].provider = o->accounts[i - 1].provider;
        }
    for (uint32_t i = 0; i < o->route_count; i++)
        o->routes[i] = (struct real_route){.account = below(w, o->account_count),
                                           .model = below(w, MODELS_MAX),
                                           .index = NOT_THERE};
    scheduler_config_default(&w->config);
    o->attempts_max = w->config.attempts_max = 1 + below(w, 5);
    w->config.provider_count = o->provider_count;
    w->config.group_count = o->account_count;
    w->config.waiting_max = chance(w, 30) ? below(w, 6) : 1000;
    w->config.waiting_per_client_max = chance(w, 30) ? 1 + below(w, 3) : 0;
    w->arrivals_left = chance(w, 70) ? 300 : BUSINESS_MAX;
    return w;
}

static void world_free(struct world *w) {
    scheduler_free(w->oracle.scheduler);
    heap_done(&w->events);
    mem_free(w);
}

static void run_event(struct world *w, const struct event *event) {
    if (event->kind == EVENT_ARRIVE)
        on_arrive(w);
    else if (event->kind <= EVENT_DONE)
        on_attempt(w, event);
    else if (event->kind == EVENT_CANCEL)
        on_cancel(w, &w->oracle.business[event->business]);
    else if (event->kind == EVENT_REMOTE)
        on_remote(w, event);
    else if (event->kind == EVENT_DURABLE)
        on_durable(w, event);
    else if (event->kind == EVENT_TICK)
        scheduler_tick(w->oracle.scheduler, w->oracle.now_ns, &w->out);
    else if (event->kind == EVENT_CONFIGURE)
        on_configure(w);
    else
        on_stray(w);
}

static void observe(struct world *w) {
    struct oracle *o = &w->oracle;
    scheduler_give_back(o->scheduler); /* does something only while no ticket lives */
    scheduler_verify(o->scheduler);
    oracle_forget_the_ended(o);
    oracle_counts(o);
    if (o->armed_ns <= o->now_ns)
        return; /* this visit had too much to do and asked to go on at once */
    for (uint32_t i = o->first_live; i < o->business_count; i++) {
        const struct business *b = &o->business[i];
        if (!b->live || b->running)
            continue;
        const struct ticket *ticket = ticket_find(o->scheduler, b->ticket);
        must(o, ticket != NULL);
        must(o, ticket->state != TICKET_WAITING || ticket->resting || !oracle_could_go(o, b));
        /* Whoever waits longer than it may is forgotten. */
        must(o,
             ticket->state != TICKET_WAITING || ticket->resting || b->wait_until_ns >= o->now_ns);
    }
}

static uint64_t run_seed(uint64_t seed) {
    struct world *w = world_new(seed);
    struct oracle *o = &w->oracle;
    seed_running = seed;
    on_configure(w);
    follow(w);
    plan(w, EVENT_ARRIVE, 0);
    plan(w, EVENT_STRAY, 0);
    struct heap_node *first;
    while ((first = heap_first(&w->events)) != NULL) {
        struct event *event = container_of(first, struct event, node);
        must(o, ++o->event < EVENTS_PER_SEED_MAX);
        must(o, first->key >= o->now_ns);
        o->now_ns = first->key;
        heap_remove(&w->events, first);
        events_hit[event->kind]++;
        if (event == w->tick) {
            w->tick = NULL;
            o->armed_ns = UINT64_MAX;
        }
        run_event(w, event);
        event->next_free = w->free_events;
        w->free_events = event;
        follow(w);
        observe(w);
    }
    struct scheduler_counts counts;
    scheduler_counts(o->scheduler, &counts);
    must(o, counts.tickets == 0 && o->held == 0);
    must(o, counts.submitted == o->refused + o->cancelled + o->finished);
    must(o, counts.submitted == o->business_count);
    uint64_t trace = o->trace;
    world_free(w);
    return trace;
}

static void keeps_its_promises(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

static void the_same_seed_gives_the_same_trace(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed += 20)
        assert_true(run_seed(seed) == run_seed(seed));
    assert_true(run_seed(1) != run_seed(2));
}

static void everything_happened(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(events_hit); i++)
        assert_true(events_hit[i] > 0);
    for (size_t i = 0; i < array_length(actions_hit); i++)
        assert_true(actions_hit[i] > 0);
    static const enum refusal refusals[] = {REFUSAL_NO_CANDIDATE, REFUSAL_LIMITED,
                                            REFUSAL_QUEUE_FULL,   REFUSAL_WAIT_OVER,
                                            REFUSAL_FAILED,       REFUSAL_DEADLINE};
    for (size_t i = 0; i < array_length(refusals); i++)
        assert_true(refusals_hit[refusals[i]] > 0);
    assert_true(late_grants_returned > 0 && retries_seen > 0 && full_house > 0);
}

static void print_what_happened(void) {
    for (size_t i = 0; i < array_length(events_hit); i++)
        printf("event %zu: %llu\n", i, (unsigned long long)events_hit[i]);
    for (size_t i = 0; i < array_length(actions_hit); i++)
        printf("action %zu: %llu\n", i, (unsigned long long)actions_hit[i]);
    for (size_t i = 0; i < array_length(refusals_hit); i++)
        printf("refusal %zu: %llu\n", i, (unsigned long long)refusals_hit[i]);
}

int main(int argc, char **argv) {
    signal(SIGABRT, name_the_seed);
    if (argc > 1) {
        printf("trace %llx\n", (unsigned long long)run_seed(strtoull(argv[1], NULL, 10)));
        print_what_happened();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_promises),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
        cmocka_unit_test(everything_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
