// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One scheduler in virtual time for the tables of this folder: four routes at three accounts of three providers. Every call
 * verifies the invariants afterwards.
 *
 *   route 0 ─ account 0 ─ provider 0      route 1 ─ account 1 ─ provider 1
 *   route 2 ─ account 2 ─ provider 2      route 3 ─ account 2
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "scheduler/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE_ROUTES    4
#define FIXTURE_ACCOUNTS  3
#define FIXTURE_PROVIDERS 3
#define MS                NS_PER_MS
#define SECOND            NS_PER_S

struct fixture {
    struct scheduler *scheduler;
    struct scheduler_config config;
    struct scheduler_account accounts[FIXTURE_ACCOUNTS];
    struct scheduler_route routes[FIXTURE_ROUTES];
    struct demand demand; /* what submit asks; tests change it */
    struct actions out;
    uint64_t now_ns;
    uint64_t armed_ns;
};

static inline void fixture_note(struct fixture *f) {
    scheduler_verify(f->scheduler);
    for (uint32_t i = 0; i < f->out.count; i++)
        if (f->out.items[i].kind == ACTION_ARM)
            f->armed_ns = f->out.items[i].time_ns;
}

static inline void fixture_configure(struct fixture *f, const uint32_t *route_map) {
    f->out.count = 0;
    assert_int_equal(scheduler_configure(f->scheduler, f->now_ns, &f->config, route_map, &f->out),
                     0);
    fixture_note(f);
}

static inline struct fixture *fixture_new(uint32_t concurrency_max) {
    struct fixture *f = mem_zalloc(sizeof *f);
    f->now_ns = 1000 * SECOND;
    f->armed_ns = UINT64_MAX;
    f->scheduler = scheduler_new(512, 7);
    scheduler_config_default(&f->config);
    f->config.accounts = f->accounts;
    f->config.routes = f->routes;
    f->config.account_count = FIXTURE_ACCOUNTS;
    f->config.route_count = FIXTURE_ROUTES;
    f->config.provider_count = FIXTURE_PROVIDERS;
    for (uint32_t i = 0; i < FIXTURE_ACCOUNTS; i++)
        f->accounts[i] =
            (struct scheduler_account){.provider = i, .concurrency_max = concurrency_max};
    for (uint32_t i = 0; i < FIXTURE_ROUTES; i++)
        f->routes[i].account = i < FIXTURE_ACCOUNTS ? i : FIXTURE_ACCOUNTS - 1;
    fixture_configure(f, NULL);
    f->demand = (struct demand){.candidates = {0, 1, 2},
                                .candidate_count = 3,
                                .wait_until_ns = f->now_ns + 25 * SECOND,
                                .deadline_ns = UINT64_MAX,
                                .input_tokens = 100,
                                .output_tokens_max = 50};
    return f;
}

static inline void fixture_free(struct fixture *f) {
    scheduler_free(f->scheduler);
    mem_free(f);
}

static inline scheduler_ticket fixture_submit(struct fixture *f) {
    f->out.count = 0;
    scheduler_ticket ticket = scheduler_submit(f->scheduler, f->now_ns, &f->demand, &f->out);
    fixture_note(f);
    return ticket;
}

static inline enum done_verdict fixture_done_detail(struct fixture *f, scheduler_ticket ticket,
                                                    enum outcome outcome,
                                                    struct outcome_detail detail) {
    struct scheduler_usage usage = {.input_tokens = 90, .output_tokens = 10, .known = true};
    f->out.count = 0;
    enum done_verdict verdict =
        scheduler_done(f->scheduler, f->now_ns, ticket, outcome, &usage, &detail, &f->out);
    fixture_note(f);
    return verdict;
}

static inline enum done_verdict fixture_done_after(struct fixture *f, scheduler_ticket ticket,
                                                   enum outcome outcome, uint64_t retry_after_ns) {
    return fixture_done_detail(
        f, ticket, outcome,
        (struct outcome_detail){.scope = BENCH_BY_ROW, .told_ns = retry_after_ns});
}

static inline enum done_verdict fixture_done(struct fixture *f, scheduler_ticket ticket,
                                             enum outcome outcome) {
    return fixture_done_after(f, ticket, outcome, 0);
}

static inline void fixture_cancel(struct fixture *f, scheduler_ticket ticket) {
    f->out.count = 0;
    scheduler_cancel(f->scheduler, f->now_ns, ticket, NULL, &f->out);
    fixture_note(f);
}

static inline void fixture_tick(struct fixture *f, uint64_t now_ns) {
    f->now_ns = now_ns;
    f->out.count = 0;
    scheduler_tick(f->scheduler, now_ns, &f->out);
    fixture_note(f);
}

static inline void fixture_grant(struct fixture *f, uint64_t grant, enum remote_verdict verdict) {
    f->out.count = 0;
    scheduler_remote_grant(f->scheduler, f->now_ns, grant, verdict, &f->out);
    fixture_note(f);
}

static inline void fixture_durable(struct fixture *f, uint32_t node, uint64_t mark) {
    f->out.count = 0;
    scheduler_durable_done(f->scheduler, f->now_ns, node, mark, &f->out);
    fixture_note(f);
}

/* The n-th action of that kind in the last visit, NULL when there are not so many. */
static inline const struct action *fixture_action(const struct fixture *f, enum action_kind kind,
                                                  uint32_t n) {
    for (uint32_t i = 0; i < f->out.count; i++)
        if (f->out.items[i].kind == kind && n-- == 0)
            return &f->out.items[i];
    return NULL;
}

static inline uint32_t fixture_count(const struct fixture *f, enum action_kind kind) {
    uint32_t count = 0;
    while (fixture_action(f, kind, count) != NULL)
        count++;
    return count;
}

/* Route of the only dispatch of the last visit, UINT32_MAX when there was none. */
static inline uint32_t fixture_dispatched(const struct fixture *f) {
    const struct action *action = fixture_action(f, ACTION_DISPATCH, 0);
    return action == NULL ? UINT32_MAX : action->route;
}

static inline void fixture_route_shut_until(const struct fixture *f, uint32_t route,
                                            uint64_t until_ns) {
    uint64_t open_at_ns;
    assert_false(scheduler_route_open(f->scheduler, f->now_ns, route, &open_at_ns));
    assert_int_equal(open_at_ns, until_ns);
}

static inline bool fixture_route_open(const struct fixture *f, uint32_t route) {
    uint64_t open_at_ns;
    return scheduler_route_open(f->scheduler, f->now_ns, route, &open_at_ns);
}
