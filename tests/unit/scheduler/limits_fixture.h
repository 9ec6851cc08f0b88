// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The fixture's four routes with limits: each test names rows and which routes count in them.
 */
#include "unit/scheduler/scheduler_fixture.h"

#define LIMITS_MAX 8
#define WALL_START ((uint64_t)1773100800000 - 3600000) /* an hour before midnight UTC */

struct limits_world {
    struct fixture *f;
    struct catalog_limit limits[LIMITS_MAX];
    uint32_t count;
    uint32_t of_route[FIXTURE_ROUTES][SCHEDULER_LIMITS_PER_ROUTE_MAX];
};

static inline struct catalog_limit limit_row(enum limit_unit unit, enum limit_shape shape,
                                             uint64_t amount, uint64_t window_ms) {
    return (struct catalog_limit){
        .unit = unit, .shape = shape, .amount = amount, .window_ms = window_ms, .zone = zone_utc};
}

static inline uint64_t limits_wall_ms(const struct limits_world *w) {
    return WALL_START + w->f->now_ns / MS;
}

static inline struct limits_world *limits_new(uint32_t concurrency_max) {
    struct limits_world *w = mem_zalloc(sizeof *w);
    w->f = fixture_new(concurrency_max);
    return w;
}

static inline void limits_free(struct limits_world *w) {
    fixture_free(w->f);
    mem_free(w);
}

/* routes: a bit for each that counts in it */
static inline uint32_t limits_add(struct limits_world *w, struct catalog_limit limit,
                                  uint32_t routes) {
    w->limits[w->count] = limit;
    for (uint32_t i = 0; i < FIXTURE_ROUTES; i++)
        if ((routes >> i & 1) != 0)
            w->of_route[i][w->f->routes[i].limit_count++] = w->count;
    return w->count++;
}

static inline void limits_configure(struct limits_world *w, const uint32_t *limit_map) {
    for (uint32_t i = 0; i < FIXTURE_ROUTES; i++)
        w->f->routes[i].limits = w->of_route[i];
    w->f->config.limits = w->limits;
    w->f->config.limit_count = w->count;
    w->f->config.limit_map = limit_map;
    fixture_configure(w->f, (const uint32_t[]){0, 1, 2, 3});
    w->f->out.count = 0;
    scheduler_wall(w->f->scheduler, w->f->now_ns, limits_wall_ms(w), &w->f->out);
    fixture_note(w->f);
}

static inline struct scheduler_limit limits_state(const struct limits_world *w, uint32_t limit) {
    struct scheduler_limit state;
    assert_true(scheduler_limit_state(w->f->scheduler, w->f->now_ns, limit, &state));
    return state;
}

static inline uint64_t limits_used(const struct limits_world *w, uint32_t limit) {
    return limits_state(w, limit).used;
}

/* Ticks at every wake-up that is asked for until `until_ns`, and sends what is let go; how many that were. */
static inline uint32_t limits_run(struct limits_world *w, uint64_t until_ns) {
    uint32_t dispatches = 0;
    for (int steps = 0; w->f->armed_ns <= until_ns && steps < 100000; steps++) {
        uint64_t at_ns = w->f->armed_ns > w->f->now_ns ? w->f->armed_ns : w->f->now_ns;
        w->f->armed_ns = UINT64_MAX;
        fixture_tick(w->f, at_ns);
        dispatches += fixture_count(w->f, ACTION_DISPATCH);
        const struct action *dispatch;
        for (uint32_t n = 0; (dispatch = fixture_action(w->f, ACTION_DISPATCH, n)) != NULL; n++)
            scheduler_sent(w->f->scheduler, w->f->now_ns, dispatch->ticket);
    }
    if (until_ns > w->f->now_ns)
        w->f->now_ns = until_ns;
    return dispatches;
}

static inline const struct action *limits_refused(const struct limits_world *w) {
    return fixture_action(w->f, ACTION_REFUSE, 0);
}
