// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler behind its mutex.
 *
 * Why one mutex: a visit takes a microsecond or less, a request makes about three, so at most a few per cent of a core are
 * spent here even with many loops, and the scheduler stays one plain struct that the simulator can drive. Actions for requests of
 * the visiting loop are handed over at once; those for other loops travel as messages; the wake-up the scheduler asks for is a
 * timer of loop 0, never further away than a second, because timers stand still while a machine sleeps and windows do not.
 * Promises: a decision reaches its request on its own loop, or is given back when the request is gone. Leaves to others: policy.
 *
 * Clocks: the scheduler counts in CLOCK_BOOTTIME (ahead by a year), loops in CLOCK_MONOTONIC; demands are converted here.
 */
#include "gateway/desk.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/numbering.h"
#include "gateway/request.h"

#include <pthread.h>

#define DESK_SLEEP_MAX_NS    NS_PER_S
#define DESK_DATE_NS         (NS_PER_S / 2) /* how old the scheduler's date may be */
#define DESK_SLICE           32             /* limits looked at in one visit */
#define DESK_HANDED_OVER_MAX 4              /* decisions handed over within one visit */
/* The scheduler's clock shows boot time and that much more: what was sent before the machine was booted has a time too. */
#define DESK_AHEAD_NS (SCHEDULER_WINDOW_MAX_MS * NS_PER_MS)

uint64_t desk_clock_ns(void) {
    return clock_boot_ns() + DESK_AHEAD_NS;
}

struct desk {
    pthread_mutex_t lock;
    struct gateway *gateway;     /* borrowed */
    struct scheduler *scheduler; /* owned; guarded by lock */
    struct actions actions;      /* guarded by lock */
    struct numbering numbering;  /* guarded by lock: what the scheduler's indexes mean */
    struct loop *loop;           /* borrowed: loop 0 */
    struct loop_timer timer;     /* loop 0's thread only */
    uint64_t wake_at_ns;         /* guarded by lock; CLOCK_BOOTTIME */
    struct loop_message poke;    /* guarded by lock: one at a time */
    uint64_t date_told_ns;       /* guarded by lock */
    bool poke_under_way;
    bool attached;
};

/* What was decided, and what its indexes mean. */
struct decision {
    struct action action;
    struct catalog_snapshot *snapshot; /* ref; NULL = the loop's own */
};

struct delivery {
    struct loop_message message;
    struct gateway_loop *home; /* borrowed */
    struct decision decision;
};

/* A grant nobody waits for any more is given back; nothing was sent. */
static void give_back(struct gateway_loop *home, const struct action *action) {
    const struct scheduler_usage nothing = {.known = true};
    if (action->kind == ACTION_DISPATCH)
        desk_cancel(home->gateway->desk, home->index, action->ticket, &nothing);
}

static void deliver(struct gateway_loop *home, const struct decision *decision, struct request *r) {
    struct catalog_snapshot *snapshot = decision->snapshot;
    if (r != NULL)
        request_decided(r, &decision->action, snapshot != NULL ? snapshot : home->snapshot);
    else
        give_back(home, &decision->action);
    catalog_unref(snapshot);
}

static void on_delivery(struct loop_message *message) {
    struct delivery *delivery = container_of(message, struct delivery, message);
    const struct action *action = &delivery->decision.action;
    struct request *r = gateway_find(delivery->home, action->owner);
    deliver(delivery->home, &delivery->decision,
            r != NULL && r->ticket == action->ticket ? r : NULL);
    mem_free(delivery);
}

static void send_as_message(struct desk *desk, const struct action *action) {
    struct delivery *delivery = mem_alloc(sizeof *delivery);
    delivery->message.run = on_delivery;
    delivery->home = desk->gateway->loops[OWNER_LOOP(action->owner)];
    delivery->decision = (struct decision){*action, catalog_ref(desk->numbering.now)};
    loop_post(delivery->home->loop, &delivery->message);
}

static void arm(struct desk *desk) {
    if (desk->wake_at_ns == UINT64_MAX)
        return;
    uint64_t boot_ns = desk_clock_ns();
    uint64_t wait_ns = desk->wake_at_ns > boot_ns ? desk->wake_at_ns - boot_ns : 0;
    if (wait_ns > DESK_SLEEP_MAX_NS)
        wait_ns = DESK_SLEEP_MAX_NS;
    loop_timer_set(desk->loop, &desk->timer, clock_mono_ns() + wait_ns);
}

static void on_poke(struct loop_message *message) {
    struct desk *desk = container_of(message, struct desk, poke);
    pthread_mutex_lock(&desk->lock);
    desk->poke_under_way = false;
    if (desk->attached)
        arm(desk);
    pthread_mutex_unlock(&desk->lock);
}

/* Loop 0 sets its timer itself; others ask it to. */
static void on_arm(struct desk *desk, uint32_t home_index, uint64_t time_ns) {
    desk->wake_at_ns = time_ns;
    if (!desk->attached)
        return;
    if (home_index == 0) {
        arm(desk);
    } else if (!desk->poke_under_way) {
        desk->poke_under_way = true;
        loop_post(desk->loop, &desk->poke);
    }
}

/* Caller holds the lock. The first few decisions for the visiting loop come out in `mine`, to be handed over without the lock; a
 * visit that decides more than that (a provider came back, many waiters go) sends the rest as messages like those of others. */
static uint32_t act(struct desk *desk, uint32_t home_index, struct decision *mine) {
    struct gateway_loop *home = desk->gateway->loops[home_index];
    uint32_t mine_count = 0;
    for (uint32_t i = 0; i < desk->actions.count; i++) {
        const struct action *action = &desk->actions.items[i];
        if (action->kind == ACTION_ARM) {
            on_arm(desk, home_index, action->time_ns);
            continue;
        }
        /* remote ledgers and durable marks are asked for only when a configuration names them, and none does here */
        check(action->kind == ACTION_DISPATCH || action->kind == ACTION_REFUSE);
        if (OWNER_LOOP(action->owner) == home_index && mine_count < DESK_HANDED_OVER_MAX)
            mine[mine_count++] = (struct decision){*action, desk->numbering.now != home->snapshot
                                                                ? catalog_ref(desk->numbering.now)
                                                                : NULL};
        else
            send_as_message(desk, action);
    }
    desk->actions.count = 0;
    return mine_count;
}

/* Ends a visit: unlocks, then hands over what concerns the visiting loop. */
static void leave(struct desk *desk, uint32_t home_index) {
    struct decision mine[DESK_HANDED_OVER_MAX];
    struct gateway_loop *home = desk->gateway->loops[home_index];
    uint32_t count = act(desk, home_index, mine);
    pthread_mutex_unlock(&desk->lock);
    for (uint32_t i = 0; i < count; i++)
        deliver(home, &mine[i], gateway_find(home, mine[i].action.owner));
}

/* Caller holds the lock. Calendars follow the date; while nobody asks, nobody needs it. */
static void tell_date(struct desk *desk, uint64_t boot_ns) {
    if (desk->date_told_ns != 0 && boot_ns - desk->date_told_ns < DESK_DATE_NS)
        return;
    desk->date_told_ns = boot_ns;
    scheduler_wall(desk->scheduler, boot_ns, clock_wall_ms(), &desk->actions);
}

static void on_timer(struct loop_timer *timer) {
    struct desk *desk = container_of(timer, struct desk, timer);
    pthread_mutex_lock(&desk->lock);
    uint64_t now_ns = desk_clock_ns();
    tell_date(desk, now_ns);
    if (now_ns < desk->wake_at_ns) {
        arm(desk); /* the cap of a second, not the time */
    } else {
        desk->wake_at_ns = UINT64_MAX;
        scheduler_tick(desk->scheduler, now_ns, &desk->actions);
    }
    leave(desk, 0);
}

struct desk *desk_new(struct gateway *gateway, uint32_t tickets_max, uint64_t seed) {
    struct desk *desk = mem_zalloc(sizeof *desk);
    check(pthread_mutex_init(&desk->lock, NULL) == 0);
    desk->gateway = gateway;
    desk->scheduler = scheduler_new(tickets_max, seed);
    desk->timer.fire = on_timer;
    desk->poke.run = on_poke;
    desk->wake_at_ns = UINT64_MAX;
    return desk;
}

void desk_free(struct desk *desk) {
    scheduler_free(desk->scheduler);
    numbering_free(&desk->numbering);
    check(pthread_mutex_destroy(&desk->lock) == 0);
    mem_free(desk);
}

void desk_attach(struct desk *desk, struct loop *loop) {
    pthread_mutex_lock(&desk->lock);
    desk->loop = loop;
    desk->attached = true;
    pthread_mutex_unlock(&desk->lock);
}

void desk_detach(struct desk *desk) {
    pthread_mutex_lock(&desk->lock);
    desk->attached = false;
    loop_timer_clear(desk->loop, &desk->timer);
    pthread_mutex_unlock(&desk->lock);
}

static struct scheduler_account map_account(const struct catalog_account *from) {
    return (struct scheduler_account){
        .provider = from->provider,
        .group = from->group,
        .concurrency_max = from->concurrency_max,
        .key_mark = from->key != NULL ? span_hash(secret_reveal(from->key)) : 0};
}

static struct scheduler_route map_route(const struct catalog_route *from) {
    return (struct scheduler_route){.account = from->account,
                                    .model = from->model,
                                    .limits = from->limits,
                                    .limit_count = from->limit_count,
                                    .unit_cost_input = from->unit_cost_input,
                                    .unit_cost_output = from->unit_cost_output};
}

void desk_configure(struct desk *desk, uint32_t home_index, struct catalog_snapshot *snapshot,
                    const struct gateway_config *settings, struct desk_past past) {
    struct scheduler_account *accounts =
        mem_zalloc((snapshot->account_count + 1) * sizeof *accounts);
    struct scheduler_route *routes = mem_zalloc((snapshot->route_count + 1) * sizeof *routes);
    struct scheduler_config config;
    for (uint32_t i = 0; i < snapshot->account_count; i++)
        accounts[i] = map_account(&snapshot->accounts[i]);
    for (uint32_t i = 0; i < snapshot->route_count; i++)
        routes[i] = map_route(&snapshot->routes[i]);
    scheduler_config_default(&config);
    config.accounts = accounts;
    config.routes = routes;
    config.account_count = snapshot->account_count;
    config.route_count = snapshot->route_count;
    config.provider_count = snapshot->provider_count;
    config.limits = snapshot->limits;
    config.limit_count = snapshot->limit_count;
    config.group_count = snapshot->group_count;
    config.past = past.rows;
    config.past_count = past.count;
    config.attempts_max = settings->attempts_max;
    config.waiting_max = settings->queue_max_waiting;
    if (!settings->access.keys)
        config.waiting_per_client_max = 0; /* open mode: one person */
    pthread_mutex_lock(&desk->lock);
    const struct catalog_map *map = numbering_move(&desk->numbering, snapshot);
    config.limit_map = map != NULL ? map->limits : NULL;
    uint64_t boot_ns = desk_clock_ns();
    check(scheduler_configure(desk->scheduler, boot_ns, &config, map != NULL ? map->routes : NULL,
                              &desk->actions) == 0);
    desk->date_told_ns = 0;
    tell_date(desk, boot_ns);
    leave(desk, home_index);
    mem_free(accounts);
    mem_free(routes);
}

/* UINT64_MAX stays what it is: never. A machine that never slept has both clocks equal, so the difference is signed: read one
 * after the other they differ by nanoseconds in either direction. */
static uint64_t to_boot(uint64_t mono_ns, int64_t offset_ns) {
    return mono_ns == UINT64_MAX ? UINT64_MAX : mono_ns + (uint64_t)offset_ns;
}

static void demand_to_boot(struct demand *demand, uint64_t boot_ns) {
    int64_t offset_ns = (int64_t)(boot_ns - clock_mono_ns());
    demand->wait_until_ns = to_boot(demand->wait_until_ns, offset_ns);
    demand->deadline_ns = to_boot(demand->deadline_ns, offset_ns);
}

scheduler_ticket desk_submit(struct desk *desk, uint32_t home_index, struct catalog_snapshot *of,
                             struct demand *demand) {
    struct demand renumbered UNINITIALIZED;
    uint64_t boot_ns = desk_clock_ns();
    demand_to_boot(demand, boot_ns);
    pthread_mutex_lock(&desk->lock);
    tell_date(desk, boot_ns);
    scheduler_ticket ticket = scheduler_submit(
        desk->scheduler, boot_ns, numbering_demand(&desk->numbering, of, demand, &renumbered),
        &desk->actions);
    leave(desk, home_index);
    return ticket;
}

void desk_cancel(struct desk *desk, uint32_t home_index, scheduler_ticket ticket,
                 const struct scheduler_usage *usage) {
    pthread_mutex_lock(&desk->lock);
    scheduler_cancel(desk->scheduler, desk_clock_ns(), ticket, usage, &desk->actions);
    leave(desk, home_index);
}

void desk_sent(struct desk *desk, scheduler_ticket ticket) {
    pthread_mutex_lock(&desk->lock);
    scheduler_sent(desk->scheduler, desk_clock_ns(), ticket);
    pthread_mutex_unlock(&desk->lock);
}

void desk_headers(struct desk *desk, scheduler_ticket ticket, int status) {
    pthread_mutex_lock(&desk->lock);
    scheduler_headers(desk->scheduler, desk_clock_ns(), ticket, status);
    pthread_mutex_unlock(&desk->lock);
}

void desk_first_token(struct desk *desk, scheduler_ticket ticket) {
    pthread_mutex_lock(&desk->lock);
    scheduler_first_token(desk->scheduler, desk_clock_ns(), ticket);
    pthread_mutex_unlock(&desk->lock);
}

enum done_verdict desk_done(struct desk *desk, uint32_t home_index, scheduler_ticket ticket,
                            enum outcome outcome, const struct scheduler_usage *usage,
                            const struct outcome_detail *detail) {
    pthread_mutex_lock(&desk->lock);
    enum done_verdict verdict = scheduler_done(desk->scheduler, desk_clock_ns(), ticket, outcome,
                                               usage, detail, &desk->actions);
    leave(desk, home_index);
    return verdict;
}

void desk_readings(struct desk *desk, uint32_t home_index, scheduler_ticket ticket,
                   const struct reading *readings, uint32_t count) {
    struct scheduler_reading told[READINGS_MAX] UNINITIALIZED;
    check(count <= READINGS_MAX);
    for (uint32_t i = 0; i < count; i++)
        told[i] = (struct scheduler_reading){.unit = readings[i].unit,
                                             .any_unit = readings[i].any_unit,
                                             .window_ms = readings[i].window_ms,
                                             .scope = readings[i].scope,
                                             .has_limit = readings[i].has_limit,
                                             .has_remaining = readings[i].has_remaining,
                                             .has_reset = readings[i].has_reset,
                                             .limit = readings[i].limit,
                                             .remaining = readings[i].remaining,
                                             .reset_ms = readings[i].reset_ms,
                                             .reset_is_full = readings[i].reset_is_full};
    pthread_mutex_lock(&desk->lock);
    scheduler_reading(desk->scheduler, desk_clock_ns(), ticket,
                      (struct scheduler_readings){.rows = told, .count = count}, &desk->actions);
    leave(desk, home_index);
}

void desk_explain(struct desk *desk, struct catalog_snapshot *of, struct demand *demand,
                  struct scheduler_candidate *ret_rows, uint64_t *ret_now_ns) {
    struct demand renumbered UNINITIALIZED;
    pthread_mutex_lock(&desk->lock);
    *ret_now_ns = desk_clock_ns();
    demand_to_boot(demand, *ret_now_ns);
    scheduler_explain(desk->scheduler, *ret_now_ns,
                      numbering_demand(&desk->numbering, of, demand, &renumbered), ret_rows);
    numbering_rows(&desk->numbering, of, ret_rows, demand->candidate_count);
    pthread_mutex_unlock(&desk->lock);
}

bool desk_client_refuses(struct desk *desk, struct catalog_snapshot *of,
                         const struct demand *demand, struct action *ret_refusal) {
    struct demand renumbered UNINITIALIZED;
    pthread_mutex_lock(&desk->lock);
    bool refuses = scheduler_client_refuses(
        desk->scheduler, desk_clock_ns(),
        numbering_demand(&desk->numbering, of, demand, &renumbered), ret_refusal);
    pthread_mutex_unlock(&desk->lock);
    return refuses;
}

/* A limit that has gone counts nothing any more. */
static void look_at_limit(struct desk *desk, uint64_t now_ns, const struct catalog_limit *limit,
                          uint32_t index, struct scheduler_limit *ret_limit) {
    if (!scheduler_limit_state(desk->scheduler, now_ns, index, ret_limit))
        *ret_limit = (struct scheduler_limit){.amount = limit->amount, .remaining = limit->amount};
}

/* In slices, so that requests are not held up by somebody who looks. */
void desk_limits(struct desk *desk, struct catalog_snapshot *of, struct scheduler_limit *ret_limits,
                 uint64_t *ret_now_ns) {
    *ret_now_ns = desk_clock_ns();
    for (uint32_t first = 0; first < of->limit_count; first += DESK_SLICE) {
        pthread_mutex_lock(&desk->lock);
        const struct catalog_map *map = numbering_from(&desk->numbering, of);
        for (uint32_t i = first; i < of->limit_count && i < first + DESK_SLICE; i++)
            look_at_limit(desk, *ret_now_ns, &of->limits[i], map != NULL ? map->limits[i] : i,
                          &ret_limits[i]);
        pthread_mutex_unlock(&desk->lock);
    }
}

void desk_counts(struct desk *desk, struct scheduler_counts *ret_counts) {
    pthread_mutex_lock(&desk->lock);
    scheduler_counts(desk->scheduler, ret_counts);
    pthread_mutex_unlock(&desk->lock);
}

bool desk_any_open(struct desk *desk) {
    uint64_t open_at_ns;
    bool open = false;
    pthread_mutex_lock(&desk->lock);
    uint64_t now_ns = desk_clock_ns();
    for (uint32_t route = 0; route < desk->numbering.now->route_count && !open; route++)
        open = scheduler_route_open(desk->scheduler, now_ns, route, &open_at_ns);
    pthread_mutex_unlock(&desk->lock);
    return open;
}

void desk_open_routes(struct desk *desk, struct catalog_snapshot *of, bool *ret_open) {
    uint64_t open_at_ns;
    pthread_mutex_lock(&desk->lock);
    uint64_t now_ns = desk_clock_ns();
    const struct catalog_map *map = numbering_from(&desk->numbering, of);
    for (uint32_t route = 0; route < of->route_count; route++)
        ret_open[route] = scheduler_route_open(
            desk->scheduler, now_ns, map != NULL ? map->routes[route] : route, &open_at_ns);
    pthread_mutex_unlock(&desk->lock);
}

void desk_route_times(struct desk *desk, struct catalog_snapshot *of, uint64_t *ret_open_at_ns,
                      uint64_t *ret_now_ns) {
    pthread_mutex_lock(&desk->lock);
    uint64_t now_ns = desk_clock_ns();
    const struct catalog_map *map = numbering_from(&desk->numbering, of);
    for (uint32_t i = 0; i < of->route_count; i++) {
        uint64_t open_at_ns = 0;
        bool open = scheduler_route_open(desk->scheduler, now_ns, map != NULL ? map->routes[i] : i,
                                         &open_at_ns);
        ret_open_at_ns[i] = open ? 0 : open_at_ns > now_ns ? open_at_ns : UINT64_MAX;
    }
    pthread_mutex_unlock(&desk->lock);
    *ret_now_ns = now_ns;
}

uint32_t desk_running(struct desk *desk, uint32_t *slot, struct scheduler_running *ret_rows,
                      uint32_t most) {
    uint32_t count = 0;
    pthread_mutex_lock(&desk->lock);
    uint64_t now_ns = desk_clock_ns();
    while (count < most && scheduler_next_running(desk->scheduler, now_ns, slot, &ret_rows[count]))
        count++;
    pthread_mutex_unlock(&desk->lock);
    return count;
}

scheduler_ticket desk_hold(struct desk *desk, const struct scheduler_running *row) {
    struct scheduler_past past = {.routes = &row->route,
                                  .route_count = 1,
                                  .outcome = OUTCOME_OK,
                                  .count = 1,
                                  .age_ms = row->age_ms};
    const struct scheduler_client_past used = {.number = row->client,
                                               .age_ms = row->age_ms,
                                               .requests = 1,
                                               .tokens = row->promise.input_tokens +
                                                         row->promise.output_tokens};
    pthread_mutex_lock(&desk->lock);
    uint64_t now_ns = desk_clock_ns();
    scheduler_ticket ticket = scheduler_hold(desk->scheduler, now_ns, row, &desk->actions);
    if (ticket == 0) {
        scheduler_keep(&row->promise, OUTCOME_OK, NULL, &past.kept);
        scheduler_replay(desk->scheduler, now_ns, &past);
        scheduler_client_replay(desk->scheduler, now_ns, &used);
    }
    leave(desk, 0);
    return ticket;
}

void desk_give_back(struct desk *desk) {
    pthread_mutex_lock(&desk->lock);
    scheduler_give_back(desk->scheduler);
    pthread_mutex_unlock(&desk->lock);
}

void desk_replay(struct desk *desk, struct desk_past past) {
    for (uint32_t first = 0; first < past.count; first += DESK_SLICE) {
        pthread_mutex_lock(&desk->lock);
        uint64_t now_ns = desk_clock_ns();
        for (uint32_t i = first; i < past.count && i < first + DESK_SLICE; i++)
            scheduler_replay(desk->scheduler, now_ns, &past.rows[i]);
        pthread_mutex_unlock(&desk->lock);
    }
}

/* The rows are made outside the lock; under it only numbers are compared. */
void desk_clients(struct desk *desk, const struct client_table *clients, const struct zone *zone) {
    uint32_t all = clients != NULL ? client_table_count(clients) : 0, count = 0;
    struct scheduler_client *rows = mem_zalloc((all + (size_t)1) * sizeof *rows);
    for (uint32_t i = 0; i < all; i++) {
        const struct client *client = client_table_at(clients, i);
        if (client->revoked_ms == 0 &&
            client_has_limits(client)) /* revoked for good: no counters */
            rows[count++] = (struct scheduler_client){client->number, client->limits};
    }
    pthread_mutex_lock(&desk->lock);
    scheduler_clients(desk->scheduler, desk_clock_ns(), rows, count, zone);
    pthread_mutex_unlock(&desk->lock);
    mem_free(rows);
}

void desk_clients_replay(struct desk *desk, const struct scheduler_client_past *rows,
                         uint32_t count) {
    for (uint32_t first = 0; first < count; first += DESK_SLICE) {
        pthread_mutex_lock(&desk->lock);
        uint64_t now_ns = desk_clock_ns();
        for (uint32_t i = first; i < count && i < first + DESK_SLICE; i++)
            scheduler_client_replay(desk->scheduler, now_ns, &rows[i]);
        pthread_mutex_unlock(&desk->lock);
    }
}

bool desk_client_limits(struct desk *desk, uint64_t number,
                        struct scheduler_client_limit ret_limits[CLIENT_LIMIT_COUNT],
                        uint64_t *ret_now_ns) {
    pthread_mutex_lock(&desk->lock);
    *ret_now_ns = desk_clock_ns();
    bool known = scheduler_client_state(desk->scheduler, *ret_now_ns, number, ret_limits);
    pthread_mutex_unlock(&desk->lock);
    return known;
}
