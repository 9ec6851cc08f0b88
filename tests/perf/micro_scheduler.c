// SPDX-License-Identifier: Apache-2.0
/*
 * How long the scheduler takes to choose: 64 candidates with six limits each, of every shape, in the cases that cost most: the
 * last one is the only one with room, none has, and the common one, where the first has.
 *
 * Why by hand and not in `make test`: times depend on the machine. Each case is measured call by call; the middle, the 99th of a
 * hundred and the slowest are told. The promise is 5 us for the 99th with 64 candidates (docs/internals/limits.md).
 * Build and run: gcc -O2 -Isrc -D_GNU_SOURCE tests/perf/micro_scheduler.c build/release/libpapi_core.a -o micro_scheduler
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#define CANDIDATES 64
#define PER_ROUTE  6
#define CALLS      20000

static struct scheduler_account accounts[CANDIDATES];
static struct scheduler_route routes[CANDIDATES];
static struct catalog_limit limits[CANDIDATES * PER_ROUTE];
static uint32_t limits_of[CANDIDATES][PER_ROUTE];
static uint64_t times_ns[CALLS];

static struct catalog_limit limit_of(uint32_t number, uint64_t amount) {
    static const struct {
        enum limit_unit unit;
        enum limit_shape shape;
        uint64_t window_ms;
    } kinds[PER_ROUTE] = {
        {LIMIT_REQUESTS, LIMIT_ROLLING, 60000},         {LIMIT_TOKENS, LIMIT_REFILL, 60000},
        {LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 90000000}, {LIMIT_TOKENS, LIMIT_ROLLING, 86400000},
        {LIMIT_CONCURRENT, LIMIT_AT_ONCE, 0},           {LIMIT_REQUESTS, LIMIT_ROLLING, 3600000}};
    return (struct catalog_limit){.unit = kinds[number].unit,
                                  .shape = kinds[number].shape,
                                  .window_ms = kinds[number].window_ms,
                                  .amount = amount,
                                  .zone = zone_utc};
}

/* The last limit of every route decides: `open` says which candidates have room. */
static struct scheduler *world(uint64_t open) {
    struct scheduler *scheduler = scheduler_new(4096, 1);
    struct scheduler_config config;
    static struct actions out;
    scheduler_config_default(&config);
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        accounts[i] = (struct scheduler_account){.provider = i, .group = i};
        routes[i] = (struct scheduler_route){
            .account = i, .model = i, .limits = limits_of[i], .limit_count = PER_ROUTE};
        for (uint32_t k = 0; k < PER_ROUTE; k++) {
            bool last = k == PER_ROUTE - 1;
            limits_of[i][k] = i * PER_ROUTE + k;
            limits[i * PER_ROUTE + k] =
                limit_of(k, last && (open >> i & 1) == 0 ? 1 : (uint64_t)1 << 30);
        }
    }
    config.accounts = accounts;
    config.routes = routes;
    config.limits = limits;
    config.account_count = config.route_count = config.provider_count = config.group_count =
        CANDIDATES;
    config.limit_count = CANDIDATES * PER_ROUTE;
    config.waiting_max = 100000;
    check(scheduler_configure(scheduler, NS_PER_S, &config, NULL, &out) == 0);
    for (uint32_t i = 0; i < CANDIDATES; i++) { /* uses up what can be used up */
        struct demand demand = {.candidates = {i},
                                .candidate_count = 1,
                                .input_tokens = 10,
                                .output_tokens_max = 10,
                                .deadline_ns = UINT64_MAX};
        out.count = 0;
        scheduler_ticket ticket = scheduler_submit(scheduler, NS_PER_S, &demand, &out);
        scheduler_sent(scheduler, NS_PER_S, ticket);
        (void)scheduler_done(scheduler, NS_PER_S, ticket, OUTCOME_OK, NULL, NULL, &out);
    }
    return scheduler;
}

static int by_time(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void measure(const char *name, uint64_t open) {
    struct scheduler *scheduler = world(open);
    static struct actions out;
    struct demand demand = {.candidate_count = CANDIDATES,
                            .input_tokens = 10,
                            .output_tokens_max = 10,
                            .deadline_ns = UINT64_MAX};
    for (uint32_t i = 0; i < CANDIDATES; i++)
        demand.candidates[i] = i;
    for (uint32_t i = 0; i < CALLS; i++) {
        uint64_t now_ns = 2 * NS_PER_S + i * NS_PER_MS / 4;
        out.count = 0;
        uint64_t before_ns = clock_mono_ns();
        scheduler_ticket ticket = scheduler_submit(scheduler, now_ns, &demand, &out);
        times_ns[i] = clock_mono_ns() - before_ns;
        out.count = 0;
        scheduler_sent(scheduler, now_ns, ticket);
        (void)scheduler_done(scheduler, now_ns, ticket, OUTCOME_OK, NULL, NULL, &out);
    }
    qsort(times_ns, CALLS, sizeof times_ns[0], by_time);
    printf("%-24s middle %5llu ns   p99 %5llu ns   slowest %6llu ns\n", name,
           (unsigned long long)times_ns[CALLS / 2], (unsigned long long)times_ns[CALLS * 99 / 100],
           (unsigned long long)times_ns[CALLS - 1]);
    scheduler_free(scheduler);
}

int main(void) {
    measure("first has room", 1);
    measure("last has room", (uint64_t)1 << 63);
    measure("none has room, refused", 0);
    return 0;
}
