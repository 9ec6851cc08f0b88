// SPDX-License-Identifier: Apache-2.0
/*
 * The past charged again: a scheduler that is told what another one has seen counts no less than that one does, at any later
 * instant, limit by limit; and no more than what is not known allows. Sums of minutes and hours never count less either.
 */
#include "base/rand.h"
#include "scheduler/past.h"
#include "unit/scheduler/limits_fixture.h"

#define DAY_MS       86400000ull
#define LATER_NS     (400 * DAY_MS * MS) /* so that any window lies in the past */
#define ATTEMPTS_MAX 400
#define AMPLE        ((uint64_t)1 << 36)

static const uint32_t every_route[FIXTURE_ROUTES + 1] = {0, 1, 2, 3, FIXTURE_ROUTES};

struct seen { /* one attempt that the live scheduler settled */
    struct scheduler_past past;
    uint64_t sent_ns, settled_ns;
};

struct history {
    struct limits_world *live;
    struct rand rand;
    struct seen seen[ATTEMPTS_MAX];
    uint32_t count;
};

static const struct {
    enum limit_unit unit;
    enum limit_shape shape;
    uint64_t window_ms;
    bool up_front, refused_count;
} rows[] = {
    {LIMIT_REQUESTS, LIMIT_ROLLING, 60000, false, false},
    {LIMIT_TOKENS, LIMIT_ROLLING, 60000, true, false},
    {LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, 90000000, false, true},
    {LIMIT_TOKENS, LIMIT_CALENDAR_DAY, 90000000, false, false},
    {LIMIT_INPUT_TOKENS, LIMIT_REFILL, 3600000, false, false},
    {LIMIT_OUTPUT_TOKENS, LIMIT_ALIGNED, 3600000, false, false},
    {LIMIT_NEURONS, LIMIT_CALENDAR_MONTH, 2678400000, false, false},
    {LIMIT_MICRO_USD, LIMIT_ONCE, 0, false, false},
    {LIMIT_REQUESTS, LIMIT_REFILL, 86400000, false, false},
    {LIMIT_EMBED_INPUTS, LIMIT_ROLLING, 86400000, false, false},
    {LIMIT_OTHER, LIMIT_CALENDAR_MONTH, 2678400000, false, false},
    {LIMIT_CONCURRENT, LIMIT_AT_ONCE, 0, false, false},
    {LIMIT_REQUESTS, LIMIT_ROLLING, 86400000, false, false},
    {LIMIT_REQUESTS, LIMIT_PACER, 60000, false, false},
    {LIMIT_AUDIO_SECONDS, LIMIT_ROLLING, 3600000, false, false},
    {LIMIT_OUTPUT_TOKENS, LIMIT_REFILL, 86400000, true, false},
};

static struct limits_world *world_of(uint64_t now_ns, const struct catalog_limit *limits,
                                     uint32_t count) {
    struct limits_world *w = limits_new(0);
    w->f->now_ns = now_ns;
    for (uint32_t i = 0; i < FIXTURE_ROUTES; i++) {
        w->f->routes[i].unit_cost_input = 150000 * (i + 1);
        w->f->routes[i].unit_cost_output = 610001;
    }
    for (uint32_t i = 0; i < count; i++)
        limits_add(w, limits[i], i % 2 == 0 ? 0xf : 0x5);
    limits_configure(w, NULL);
    return w;
}

static void begin(struct history *h, uint64_t seed) {
    struct catalog_limit limits[LIMITS_MAX];
    *h = (struct history){0};
    rand_seed(&h->rand, seed);
    uint64_t first = rand_below(&h->rand, array_length(rows));
    for (uint32_t i = 0; i < LIMITS_MAX; i++) {
        size_t n = (first + i) % array_length(rows);
        limits[i] = limit_row(rows[n].unit, rows[n].shape, AMPLE, rows[n].window_ms);
        if (rows[n].shape == LIMIT_REFILL) /* one that has not drained at once */
            limits[i].amount = rows[n].unit == LIMIT_REQUESTS ? 2000 : 2000000;
        limits[i].burst = 100;
        limits[i].up_front = rows[n].up_front;
        limits[i].refused_count = rows[n].refused_count;
        assert_return_code(zone_parse(rand_below(&h->rand, 2) ? span_text("UTC")
                                                              : span_text("America/Los_Angeles"),
                                      &limits[i].zone),
                           0);
    }
    h->live = world_of(LATER_NS + rand_below(&h->rand, 3 * DAY_MS) * MS, limits, LIMITS_MAX);
}

static void pass(struct history *h, uint64_t most_ms) {
    h->live->f->now_ns += rand_below(&h->rand, most_ms + 1) * MS;
    h->live->f->out.count = 0;
    scheduler_wall(h->live->f->scheduler, h->live->f->now_ns, limits_wall_ms(h->live),
                   &h->live->f->out);
}

static struct scheduler_usage some_usage(struct history *h, const struct demand *demand) {
    struct scheduler_usage usage = {.known = rand_below(&h->rand, 4) != 0};
    usage.input_tokens = demand->input_tokens - 20 + rand_below(&h->rand, 40);
    usage.output_tokens = rand_below(&h->rand, 900);
    if (rand_below(&h->rand, 5) == 0) {
        usage.has_cost = true;
        usage.cost_unit = rand_below(&h->rand, 2) ? LIMIT_MICRO_USD : LIMIT_NEURONS;
        usage.cost = rand_below(&h->rand, 5000);
    }
    return usage;
}

/* Those that let the next attempt go at once, and of each charge. */
static enum outcome some_outcome(struct history *h) {
    static const enum outcome others[] = {OUTCOME_CANCELLED,      OUTCOME_CLIENT_FAULT,
                                          OUTCOME_CONTENT_FILTER, OUTCOME_GATEWAY_FAULT,
                                          OUTCOME_TOO_LARGE,      OUTCOME_WOULD_DOWNGRADE};
    return rand_below(&h->rand, 3) != 0 ? OUTCOME_OK
                                        : others[rand_below(&h->rand, array_length(others))];
}

static void one_attempt(struct history *h) {
    struct fixture *f = h->live->f;
    f->demand = (struct demand){.candidates = {(uint32_t)rand_below(&h->rand, FIXTURE_ROUTES)},
                                .candidate_count = 1,
                                .never_wait = true,
                                .deadline_ns = UINT64_MAX,
                                .input_tokens = 50 + rand_below(&h->rand, 3000),
                                .output_tokens_max =
                                    rand_below(&h->rand, 2) ? 0 : 1 + rand_below(&h->rand, 1500),
                                .inputs = rand_below(&h->rand, 9),
                                .audio_seconds = rand_below(&h->rand, 90)};
    scheduler_ticket ticket = fixture_submit(f);
    const struct action *dispatch = fixture_action(f, ACTION_DISPATCH, 0);
    if (dispatch == NULL)
        return;
    struct scheduler_promise promise = {.input_tokens = f->demand.input_tokens,
                                        .output_tokens = dispatch->tokens,
                                        .output_tokens_max = f->demand.output_tokens_max,
                                        .inputs = f->demand.inputs,
                                        .audio_seconds = f->demand.audio_seconds};
    struct seen *seen = &h->seen[h->count++];
    seen->past = (struct scheduler_past){.routes = &every_route[f->demand.candidates[0]],
                                         .route_count = 1,
                                         .outcome = some_outcome(h),
                                         .count = 1};
    struct scheduler_usage usage = some_usage(h, &f->demand);
    seen->sent_ns = f->now_ns;
    scheduler_sent(f->scheduler, f->now_ns, ticket);
    pass(h, 20000);
    seen->settled_ns = f->now_ns;
    f->out.count = 0;
    (void)scheduler_done(f->scheduler, f->now_ns, ticket, seen->past.outcome, &usage, NULL,
                         &f->out);
    fixture_note(f);
    if (seen->past.outcome == OUTCOME_TOO_LARGE)
        fixture_cancel(f, ticket);
    scheduler_keep(&promise, seen->past.outcome, &usage, &seen->past.kept);
}

static void live_through(struct history *h) {
    uint64_t pace_ms = 1000ull << rand_below(&h->rand, 11); /* a minute's worth to days */
    for (uint32_t i = 0; i < ATTEMPTS_MAX; i++) {
        one_attempt(h);
        pass(h, pace_ms);
    }
    assert_true(h->count > ATTEMPTS_MAX / 2);
    pass(h, rand_below(&h->rand, 2) ? 1000 : 2 * 3600 * 1000);
}

static struct limits_world *after_a_restart(const struct history *h) {
    return world_of(h->live->f->now_ns, h->live->limits, h->live->count);
}

/* How much a refilling limit may differ: what drains while an attempt is under way. Mixed sums of prompt and answer too. */
static uint64_t more_at_most(const struct catalog_limit *limit, uint64_t used) {
    uint64_t drains = limit->shape == LIMIT_REFILL
                          ? 1 + limit->amount * 21000 * ATTEMPTS_MAX / limit->window_ms
                          : 0;
    bool mixed = limit->unit == LIMIT_TOKENS || limit->unit == LIMIT_NEURONS ||
                 limit->unit == LIMIT_MICRO_USD;
    return drains + (mixed ? used / 4 : 0);
}

static void attempts_are_counted_as_they_were(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct history *h = mem_zalloc(sizeof *h);
        begin(h, seed);
        live_through(h);
        struct limits_world *again = after_a_restart(h);
        for (uint32_t i = 0; i < h->count; i++) {
            struct scheduler_past past = h->seen[i].past;
            past.age_ms = (again->f->now_ns - h->seen[i].sent_ns) / MS;
            past.took_ms = (h->seen[i].settled_ns - h->seen[i].sent_ns) / MS;
            scheduler_replay(again->f->scheduler, again->f->now_ns, &past);
        }
        scheduler_verify(again->f->scheduler);
        for (uint32_t later = 0; later < 20; later++) {
            for (uint32_t i = 0; i < again->count; i++) {
                uint64_t was = limits_used(h->live, i), is = limits_used(again, i);
                if (is < was || is > was + more_at_most(&again->limits[i], was))
                    fail_msg("seed %llu limit %u %d later %u: %llu was %llu",
                             (unsigned long long)seed, i, again->limits[i].shape, later,
                             (unsigned long long)is, (unsigned long long)was);
            }
            pass(h, 1000ull << later);
            again->f->now_ns = h->live->f->now_ns;
            again->f->out.count = 0;
            scheduler_wall(again->f->scheduler, again->f->now_ns, limits_wall_ms(again),
                           &again->f->out);
        }
        limits_free(again);
        limits_free(h->live);
        mem_free(h);
    }
}

/* --- sums --- */

static void add_kept(struct scheduler_past *sum, const struct scheduler_past *one) {
    sum->count++;
    sum->kept.input_tokens += one->kept.input_tokens;
    sum->kept.output_tokens += one->kept.output_tokens;
    sum->kept.input_up_front += one->kept.input_up_front;
    sum->kept.output_up_front += one->kept.output_up_front;
    sum->kept.inputs += one->kept.inputs;
    sum->kept.audio_seconds += one->kept.audio_seconds;
    sum->kept.cost += one->kept.cost;
}

static bool summed_with(const struct seen *a, const struct seen *b, uint64_t span_ns) {
    return a->settled_ns / span_ns == b->settled_ns / span_ns && a->past.routes == b->past.routes &&
           a->past.outcome == b->past.outcome && a->past.kept.has_cost == b->past.kept.has_cost &&
           a->past.kept.cost_unit == b->past.kept.cost_unit;
}

static void replay_sums(const struct history *h, struct limits_world *again, uint64_t span_ns) {
    bool *done = mem_zalloc(ATTEMPTS_MAX);
    for (uint32_t i = 0; i < h->count; i++) {
        if (done[i])
            continue;
        struct scheduler_past sum = h->seen[i].past;
        uint64_t end_ns = (h->seen[i].settled_ns / span_ns + 1) * span_ns;
        for (uint32_t k = i + 1; k < h->count; k++) {
            if (!summed_with(&h->seen[i], &h->seen[k], span_ns))
                continue;
            add_kept(&sum, &h->seen[k].past);
            done[k] = true;
        }
        sum.age_ms = end_ns < again->f->now_ns ? (again->f->now_ns - end_ns) / MS : 0;
        scheduler_replay(again->f->scheduler, again->f->now_ns, &sum);
    }
    mem_free(done);
}

static void sums_never_count_less(void **state) {
    (void)state;
    static const uint64_t spans_ms[] = {60000, 3600000, DAY_MS};
    for (uint64_t seed = 1; seed <= 90; seed++) {
        struct history *h = mem_zalloc(sizeof *h);
        begin(h, seed);
        live_through(h);
        struct limits_world *again = after_a_restart(h);
        replay_sums(h, again, spans_ms[seed % array_length(spans_ms)] * MS);
        scheduler_verify(again->f->scheduler);
        for (uint32_t i = 0; i < again->count; i++)
            if (limits_used(again, i) < limits_used(h->live, i))
                fail_msg("seed %llu limit %u %d %d: %llu was %llu", (unsigned long long)seed, i,
                         again->limits[i].shape, again->limits[i].unit,
                         (unsigned long long)limits_used(again, i),
                         (unsigned long long)limits_used(h->live, i));
        limits_free(again);
        limits_free(h->live);
        mem_free(h);
    }
}

/* --- edges --- */

static struct scheduler_past requests_ago(uint64_t count, uint64_t age_ms) {
    return (struct scheduler_past){.routes = every_route,
                                   .route_count = 1,
                                   .outcome = OUTCOME_OK,
                                   .count = count,
                                   .age_ms = age_ms};
}

static void replay(struct limits_world *w, struct scheduler_past past) {
    scheduler_replay(w->f->scheduler, w->f->now_ns, &past);
    scheduler_verify(w->f->scheduler);
}

static void only_what_the_window_holds(void **state) {
    (void)state;
    static const struct {
        enum limit_shape shape;
        uint64_t window_ms, age_ms, used;
    } cases[] = {
        {LIMIT_ROLLING, 60000, 0, 7},
        {LIMIT_ROLLING, 60000, 60000, 7}, /* the spread of the ways */
        {LIMIT_ROLLING, 60000, 62000, 0},
        {LIMIT_REFILL, 60000, 0, 7},
        {LIMIT_REFILL, 60000, 30000, 2}, /* five of ten have drained */
        {LIMIT_REFILL, 60000, 60000, 0},
        {LIMIT_CALENDAR_DAY, 90000000, 0, 7},
        {LIMIT_CALENDAR_DAY, 90000000, 82800000, 7}, /* at midnight */
        {LIMIT_CALENDAR_DAY, 90000000, 82801000, 7}, /* whose clock decides is not known */
        {LIMIT_CALENDAR_DAY, 90000000, 82801001, 0},
        {LIMIT_CALENDAR_MONTH, 2678400000, 8 * DAY_MS, 7},
        {LIMIT_CALENDAR_MONTH, 2678400000, 9 * DAY_MS, 0},
        {LIMIT_ALIGNED, 3600000, 3600000, 7},
        {LIMIT_ALIGNED, 3600000, 3601001, 0},
        {LIMIT_ONCE, 0, 399 * DAY_MS, 7},
        {LIMIT_AT_ONCE, 0, 0, 0},
        {LIMIT_ROLLING, 60000, UINT64_MAX, 0},
        {LIMIT_ONCE, 0, UINT64_MAX, 7},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct catalog_limit row =
            limit_row(LIMIT_REQUESTS, cases[i].shape, 10, cases[i].window_ms);
        struct limits_world *w = limits_new(0);
        w->f->now_ns = LATER_NS;
        limits_add(w, row, 1);
        limits_configure(w, NULL);
        /* an hour before the end of a day, month and hour of UTC */
        w->f->out.count = 0;
        scheduler_wall(w->f->scheduler, w->f->now_ns, WALL_START, &w->f->out);
        replay(w, requests_ago(7, cases[i].age_ms));
        if (limits_used(w, 0) != cases[i].used)
            fail_msg("case %zu: %llu", i, (unsigned long long)limits_used(w, 0));
        limits_free(w);
    }
}

static void what_nobody_configured_changes_nothing(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 10, 60000), 1);
    limits_configure(w, NULL);
    struct scheduler_past past = requests_ago(3, 0);
    past.routes = &every_route[FIXTURE_ROUTES];
    replay(w, past);
    past.routes = &(const uint32_t){UINT32_MAX};
    replay(w, past);
    replay(w, requests_ago(0, 0));
    assert_int_equal(limits_used(w, 0), 0);
    past = requests_ago(UINT64_MAX, 0);
    past.kept.input_tokens = UINT64_MAX;
    replay(w, past); /* what cannot be true fills the limit and breaks nothing */
    assert_int_equal(limits_state(w, 0).remaining, 0);
    limits_free(w);
}

static void room_that_was_used_is_not_given_again(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 5, 60000), 1);
    limits_configure(w, NULL);
    replay(w, requests_ago(4, 30000));
    w->f->demand.candidate_count = 1;
    w->f->demand.never_wait = true;
    fixture_submit(w->f);
    assert_int_equal(fixture_dispatched(w->f), 0);
    fixture_submit(w->f);
    assert_int_equal(fixture_dispatched(w->f), UINT32_MAX);
    limits_free(w);
}

/* Two keys of an account: which one it went by is not known, so each one's own limit is charged, and a shared one once. */
static void keys_of_an_account_share_what_they_share(void **state) {
    (void)state;
    struct limits_world *w = limits_new(0);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ROLLING, 10, 60000), 4 | 8);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ONCE, 10, 0), 4);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ONCE, 10, 0), 8);
    limits_add(w, limit_row(LIMIT_REQUESTS, LIMIT_ONCE, 10, 0), 2);
    limits_configure(w, NULL);
    struct scheduler_past past = requests_ago(3, 0);
    past.routes = &every_route[2];
    past.route_count = 3; /* the last of them is not configured */
    replay(w, past);
    assert_int_equal(limits_used(w, 0), 3);
    assert_int_equal(limits_used(w, 1), 3);
    assert_int_equal(limits_used(w, 2), 3);
    assert_int_equal(limits_used(w, 3), 0);
    limits_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_are_counted_as_they_were),
        cmocka_unit_test(sums_never_count_less),
        cmocka_unit_test(only_what_the_window_holds),
        cmocka_unit_test(what_nobody_configured_changes_nothing),
        cmocka_unit_test(room_that_was_used_is_not_given_again),
        cmocka_unit_test(keys_of_an_account_share_what_they_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
