// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of clients: what is refused and until when, what stays counted after each way a ticket can end, and what becomes of counts
 * when limits change.
 */
#include "unit/scheduler/scheduler_fixture.h"

#include "base/rand.h"

#define ALICE      ((uint64_t)11)
#define BOB        ((uint64_t)22)
#define WALL_START ((int64_t)1773100800000 - 3600000) /* an hour before midnight UTC */

static uint64_t wall_at(uint64_t now_ns) {
    return (uint64_t)WALL_START + (now_ns - 1000 * SECOND) / MS;
}

static void tell_date(struct fixture *f) {
    f->out.count = 0;
    scheduler_wall(f->scheduler, f->now_ns, wall_at(f->now_ns), &f->out);
    fixture_note(f);
}

static void list_zone(struct fixture *f, const struct scheduler_client *rows, uint32_t count,
                      const char *zone_text) {
    struct zone zone;
    assert_int_equal(zone_parse(span_text(zone_text), &zone), 0);
    scheduler_clients(f->scheduler, f->now_ns, rows, count, &zone);
    scheduler_verify(f->scheduler);
}

static void list(struct fixture *f, enum client_limit limit, uint64_t amount) {
    struct scheduler_client row = {.number = ALICE};
    row.limits.amount[limit] = amount;
    list_zone(f, &row, 1, "UTC");
}

static struct fixture *world(enum client_limit limit, uint64_t amount) {
    struct fixture *f = fixture_new(0);
    tell_date(f);
    list(f, limit, amount);
    f->demand.client = ALICE;
    return f;
}

static uint64_t used(const struct fixture *f, enum client_limit limit) {
    struct scheduler_client_limit limits[CLIENT_LIMIT_COUNT];
    assert_true(scheduler_client_state(f->scheduler, f->now_ns, ALICE, limits));
    return limits[limit].used;
}

static uint64_t resets_at(const struct fixture *f, enum client_limit limit) {
    struct scheduler_client_limit limits[CLIENT_LIMIT_COUNT];
    assert_true(scheduler_client_state(f->scheduler, f->now_ns, ALICE, limits));
    return limits[limit].resets_at_ns;
}

/* NULL when it was let in; then ret_ticket is it. */
static const struct action *submit(struct fixture *f, scheduler_ticket *ret_ticket) {
    *ret_ticket = fixture_submit(f);
    return fixture_action(f, ACTION_REFUSE, 0);
}

static void send(struct fixture *f, scheduler_ticket ticket) {
    scheduler_sent(f->scheduler, f->now_ns, ticket);
    scheduler_headers(f->scheduler, f->now_ns, ticket, 200);
    scheduler_verify(f->scheduler);
}

static void serve(struct fixture *f, uint64_t input, uint64_t output) {
    scheduler_ticket ticket;
    const struct scheduler_usage usage = {
        .input_tokens = input, .output_tokens = output, .known = true};
    assert_null(submit(f, &ticket));
    send(f, ticket);
    f->out.count = 0;
    (void)scheduler_done(f->scheduler, f->now_ns, ticket, OUTCOME_OK, &usage, NULL, &f->out);
    fixture_note(f);
}

static void third_of_three_is_the_last(void **state) {
    struct fixture *f = world(CLIENT_REQUESTS_PER_MINUTE, 3);
    scheduler_ticket ticket;
    (void)state;
    for (int i = 0; i < 3; i++)
        serve(f, 10, 10);
    const struct action *refuse = submit(f, &ticket);
    assert_non_null(refuse);
    assert_int_equal(refuse->refusal, REFUSAL_CLIENT_LIMITED);
    assert_int_equal(refuse->client_limit, CLIENT_REQUESTS_PER_MINUTE);
    assert_int_equal(refuse->limit_amount, 3);
    uint64_t at_ns = refuse->retry_at_ns;
    assert_true(at_ns > f->now_ns + 59 * SECOND - 1);
    assert_true(at_ns <= f->now_ns + 60 * SECOND); /* no longer than what is told as Retry-After */
    assert_int_equal(resets_at(f, CLIENT_REQUESTS_PER_MINUTE), at_ns);
    f->now_ns = at_ns - 1;
    assert_non_null(submit(f, &ticket));
    f->now_ns = at_ns; /* the very instant that was told */
    f->demand.wait_until_ns = f->now_ns;
    assert_null(submit(f, &ticket));
    fixture_cancel(f, ticket);
    f->demand.client = BOB; /* not listed: nobody counts */
    for (int i = 0; i < 20; i++)
        serve(f, 1, 1);
    fixture_free(f);
}

/* Each way to end: what stays of a request and of its tokens. */
static void ends_are_settled_once(void **state) {
    static const struct {
        enum outcome outcome;
        bool sent;
        uint64_t requests, tokens; /* usage told: 90 + 10 */
    } rows[] = {
        {OUTCOME_OK, true, 1, 100},          {OUTCOME_CONTENT_FILTER, true, 1, 100},
        {OUTCOME_CLIENT_FAULT, true, 1, 0},  {OUTCOME_GATEWAY_FAULT, true, 1, 100},
        {OUTCOME_CLIENT_FAULT, false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 5);
        struct scheduler_client row = {.number = ALICE};
        row.limits.amount[CLIENT_REQUESTS_PER_DAY] = 5;
        row.limits.amount[CLIENT_TOKENS_PER_DAY] = 100000;
        row.limits.amount[CLIENT_CONCURRENCY] = 1;
        list_zone(f, &row, 1, "UTC");
        scheduler_ticket ticket;
        assert_null(submit(f, &ticket));
        assert_int_equal(used(f, CLIENT_CONCURRENCY), 1);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 1);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), 150); /* the estimate */
        if (rows[i].sent)
            send(f, ticket);
        assert_int_equal(fixture_done(f, ticket, rows[i].outcome), DONE_FINISHED);
        assert_int_equal(fixture_done(f, ticket, rows[i].outcome), DONE_FINISHED); /* late */
        fixture_cancel(f, ticket);
        assert_int_equal(used(f, CLIENT_CONCURRENCY), 0);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), rows[i].requests);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), rows[i].tokens);
        fixture_free(f);
    }
}

/* What was sent was read by the provider, whether or not anybody waited for its answer. */
static void leaving_early_is_not_free(void **state) {
    struct fixture *f = world(CLIENT_TOKENS_PER_DAY, 100000);
    scheduler_ticket ticket;
    (void)state;
    assert_null(submit(f, &ticket));
    fixture_cancel(f, ticket); /* granted, not sent */
    assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), 0);
    assert_null(submit(f, &ticket));
    send(f, ticket);
    fixture_cancel(f, ticket);
    assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), f->demand.input_tokens);
    fixture_free(f);
}

static void failover_adds_up(void **state) {
    struct fixture *f = world(CLIENT_TOKENS_PER_DAY, 100000);
    scheduler_ticket ticket;
    (void)state;
    assert_null(submit(f, &ticket));
    send(f, ticket);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_WRONG_MODEL), DONE_RETRYING);
    assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), 150); /* still the estimate */
    send(f, ticket);
    assert_int_equal(fixture_done(f, ticket, OUTCOME_OK), DONE_FINISHED);
    assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), 200); /* both were used */
    fixture_free(f);
}

static void refused_costs_nothing(void **state) {
    struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 5);
    scheduler_ticket ticket;
    (void)state;
    f->demand.candidate_count = 0; /* nobody can */
    assert_int_equal(submit(f, &ticket)->refusal, REFUSAL_NO_CANDIDATE);
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 0);
    f->demand.candidate_count = 1; /* its provider refuses */
    assert_null(submit(f, &ticket));
    send(f, ticket);
    (void)fixture_done_after(f, ticket, OUTCOME_RATE_LIMITED, 3600 * SECOND);
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 0);
    f->demand.candidates[0] = 1; /* gone before anything was sent */
    assert_null(submit(f, &ticket));
    fixture_cancel(f, ticket);
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 0);
    assert_null(submit(f, &ticket)); /* and after */
    send(f, ticket);
    fixture_cancel(f, ticket);
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 1);
    fixture_free(f);
}

static void a_prompt_too_large_never_fits(void **state) {
    struct fixture *f = world(CLIENT_TOKENS_PER_MINUTE, 99);
    scheduler_ticket ticket;
    (void)state;
    const struct action *refuse = submit(f, &ticket);
    assert_non_null(refuse);
    assert_int_equal(refuse->refusal, REFUSAL_CLIENT_LIMITED);
    assert_int_equal(refuse->retry_at_ns, UINT64_MAX);
    f->demand.input_tokens = 60; /* 50 more may be answered: that is a guess */
    assert_null(submit(f, &ticket));
    assert_int_equal(used(f, CLIENT_TOKENS_PER_MINUTE), 99);
    fixture_free(f);
}

static void concurrency_comes_back(void **state) {
    struct fixture *f = world(CLIENT_CONCURRENCY, 2);
    scheduler_ticket tickets[2], third;
    (void)state;
    assert_null(submit(f, &tickets[0]));
    assert_null(submit(f, &tickets[1]));
    const struct action *refuse = submit(f, &third);
    assert_int_equal(refuse->client_limit, CLIENT_CONCURRENCY);
    assert_int_equal(refuse->retry_at_ns, 0);
    fixture_cancel(f, tickets[0]);
    assert_null(submit(f, &third));
    send(f, tickets[1]);
    (void)fixture_done(f, tickets[1], OUTCOME_OK);
    (void)fixture_done(f, third, OUTCOME_OK);
    assert_int_equal(used(f, CLIENT_CONCURRENCY), 0);
    fixture_free(f);
}

/* The latest of several is told. */
static void names_the_longest_wait(void **state) {
    struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 1);
    struct scheduler_client row = {.number = ALICE};
    scheduler_ticket ticket;
    (void)state;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        row.limits.amount[i] = 1000;
    row.limits.amount[CLIENT_REQUESTS_PER_MINUTE] = 1;
    row.limits.amount[CLIENT_REQUESTS_PER_DAY] = 1;
    list_zone(f, &row, 1, "UTC");
    serve(f, 10, 10);
    const struct action *refuse = submit(f, &ticket);
    assert_int_equal(refuse->client_limit, CLIENT_REQUESTS_PER_DAY);
    assert_int_equal(refuse->retry_at_ns, f->now_ns + 3600 * SECOND); /* midnight */
    f->now_ns = refuse->retry_at_ns - 1;
    f->demand.wait_until_ns = f->now_ns + SECOND;
    tell_date(f);
    assert_non_null(submit(f, &ticket));
    f->now_ns++;
    tell_date(f);
    assert_null(submit(f, &ticket));
    fixture_free(f);
}

/* A month that was begun keeps its end; the next one has that of the zone. */
static void months_end_in_their_zone(void **state) {
    struct fixture *f = world(CLIENT_REQUESTS_PER_MONTH, 1);
    struct scheduler_client row = {.number = ALICE};
    scheduler_ticket ticket;
    (void)state;
    row.limits.amount[CLIENT_REQUESTS_PER_MONTH] = 1;
    serve(f, 1, 1);
    const struct action *refuse = submit(f, &ticket);
    assert_int_equal(wall_at(refuse->retry_at_ns), 1775001600000); /* 2026-04-01 UTC */
    list_zone(f, &row, 1, "Asia/Shanghai");
    refuse = submit(f, &ticket);
    assert_int_equal(wall_at(refuse->retry_at_ns), 1775001600000);
    f->now_ns = refuse->retry_at_ns;
    f->demand.wait_until_ns = f->now_ns;
    tell_date(f);
    serve(f, 1, 1);
    refuse = submit(f, &ticket);
    assert_int_equal(wall_at(refuse->retry_at_ns), 1777593600000 - 8 * 3600 * 1000);
    fixture_free(f);
}

static void changed_limits_keep_counts(void **state) {
    struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 2);
    scheduler_ticket running, ticket;
    (void)state;
    serve(f, 1, 1);
    assert_null(submit(f, &running));
    assert_non_null(submit(f, &ticket));
    list(f, CLIENT_REQUESTS_PER_DAY, 3); /* raised under way */
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 2);
    serve(f, 1, 1);
    assert_non_null(submit(f, &ticket));
    list(f, CLIENT_CONCURRENCY, 9); /* off, but still counted */
    send(f, running);
    (void)fixture_done(f, running, OUTCOME_OK);
    serve(f, 1, 1);
    list(f, CLIENT_REQUESTS_PER_DAY, 4); /* back */
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 4);
    assert_non_null(submit(f, &ticket));
    list(f, CLIENT_REQUESTS_PER_DAY, 1); /* below what is used */
    assert_non_null(submit(f, &ticket));
    fixture_free(f);
}

/* Removed while a request runs, and made anew before it ends. */
static void outlives_its_client(void **state) {
    struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 2);
    scheduler_ticket before, between, after;
    (void)state;
    assert_null(submit(f, &before));
    list_zone(f, NULL, 0, "UTC");
    assert_null(submit(f, &between));
    list(f, CLIENT_REQUESTS_PER_DAY, 2);
    assert_null(submit(f, &after));
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 1);
    fixture_cancel(f, before);
    send(f, between);
    (void)fixture_done(f, between, OUTCOME_OK);
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), 1);
    list_zone(f, NULL, 0, "UTC"); /* `after` is still open when all ends */
    fixture_free(f);
}

/* What was used before the start counts where it belongs, also when the machine itself has just started. */
static void replays_the_past(void **state) {
    static const struct {
        uint64_t age_ms;
        bool minute, day, month;
    } rows[] = {
        {0, true, true, true},
        {58000, true, true, true},
        {61000, false, true, true},
        {22 * 3600000, false, true, true},
        {23 * 3600000 + 1, false, false, true}, /* yesterday: an hour is left of today */
        {8 * (uint64_t)86400000, false, false, true},
        {10 * (uint64_t)86400000, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 100);
        struct scheduler_client row = {.number = ALICE};
        const struct scheduler_client_past past = {0, ALICE, rows[i].age_ms, 2, 500};
        const struct scheduler_client_past other = {0, BOB, rows[i].age_ms, 2, 500};
        for (unsigned k = 0; k < CLIENT_LIMIT_COUNT; k++)
            row.limits.amount[k] = 1000;
        list_zone(f, &row, 1, "UTC");
        scheduler_client_replay(f->scheduler, f->now_ns, &past);
        scheduler_client_replay(f->scheduler, f->now_ns, &other);
        scheduler_verify(f->scheduler);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_MINUTE), rows[i].minute ? 2 : 0);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), rows[i].day ? 2 : 0);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_MONTH), rows[i].month ? 2 : 0);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_MINUTE), rows[i].minute ? 500 : 0);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), rows[i].day ? 500 : 0);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_MONTH), rows[i].month ? 500 : 0);
        assert_int_equal(used(f, CLIENT_CONCURRENCY), 0);
        serve(f, 1, 1);
        fixture_free(f);
    }
}

/* Sums of a day say nothing of this minute, and those of a minute are in the day's already. */
static void replays_sums_for_the_limits_they_are_of(void **state) {
    (void)state;
    static const enum client_past_limits kinds[] = {CLIENT_PAST_ALL, CLIENT_PAST_MINUTES,
                                                    CLIENT_PAST_LONG};
    for (size_t i = 0; i < array_length(kinds); i++) {
        struct fixture *f = world(CLIENT_REQUESTS_PER_DAY, 100);
        struct scheduler_client row = {.number = ALICE};
        const struct scheduler_client_past past = {kinds[i], ALICE, 1000, 2, 500};
        for (unsigned k = 0; k < CLIENT_LIMIT_COUNT; k++)
            row.limits.amount[k] = 1000;
        list_zone(f, &row, 1, "UTC");
        scheduler_client_replay(f->scheduler, f->now_ns, &past);
        bool minute = kinds[i] != CLIENT_PAST_LONG, longer = kinds[i] != CLIENT_PAST_MINUTES;
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_MINUTE), minute ? 2 : 0);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_MINUTE), minute ? 500 : 0);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_DAY), longer ? 2 : 0);
        assert_int_equal(used(f, CLIENT_REQUESTS_PER_MONTH), longer ? 2 : 0);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_DAY), longer ? 500 : 0);
        assert_int_equal(used(f, CLIENT_TOKENS_PER_MONTH), longer ? 500 : 0);
        fixture_free(f);
    }
}

/* --- at random, against a plain list of what was used when --- */

struct past {
    uint64_t at_ns, tokens;
    scheduler_ticket ticket; /* 0 = it has ended */
};

static uint64_t in_minute(const struct past *past, size_t count, uint64_t now_ns, bool tokens) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        if (past[i].at_ns + 59 * SECOND > now_ns)
            sum += tokens ? past[i].tokens : 1;
    return sum;
}

static void end_at_random(struct fixture *f, struct rand *rand, struct past *past, size_t *count,
                          size_t which) {
    struct past ended = past[which];
    uint64_t tokens = rand_below(rand, 150);
    const struct scheduler_usage usage = {
        .input_tokens = tokens / 2, .output_tokens = tokens - tokens / 2, .known = true};
    past[which].ticket = 0;
    past[which].tokens = tokens;
    f->out.count = 0;
    if (rand_below(rand, 4) > 0) {
        scheduler_sent(f->scheduler, f->now_ns, ended.ticket);
        if (rand_below(rand, 3) == 0)
            scheduler_cancel(f->scheduler, f->now_ns, ended.ticket, &usage, &f->out);
        else
            (void)scheduler_done(f->scheduler, f->now_ns, ended.ticket, OUTCOME_OK, &usage, NULL,
                                 &f->out);
    } else {
        scheduler_cancel(f->scheduler, f->now_ns, ended.ticket, &usage, &f->out);
        past[which] = past[--*count];
    }
    fixture_note(f);
}

static void run_at_random(uint64_t seed) {
    enum { STEPS = 400, REQUESTS = 12, TOKENS = 1200, AT_ONCE = 4 };
    struct fixture *f = fixture_new(0);
    struct scheduler_client row = {.number = ALICE};
    struct rand rand;
    struct past past[STEPS];
    size_t count = 0, refused = 0;
    rand_seed(&rand, seed);
    row.limits.amount[CLIENT_REQUESTS_PER_MINUTE] = REQUESTS;
    row.limits.amount[CLIENT_TOKENS_PER_MINUTE] = TOKENS;
    row.limits.amount[CLIENT_CONCURRENCY] = AT_ONCE;
    tell_date(f);
    list_zone(f, &row, 1, "UTC");
    f->demand.client = ALICE;
    f->demand.output_tokens_likely = f->demand.output_tokens_max; /* nothing is learned */
    for (int step = 0; step < STEPS; step++) {
        scheduler_ticket ticket;
        f->now_ns += rand_below(&rand, 6 * SECOND);
        f->demand.wait_until_ns = f->now_ns;
        size_t which = count > 0 ? rand_below(&rand, count) : 0;
        if (count > 0 && past[which].ticket != 0)
            end_at_random(f, &rand, past, &count, which);
        if (rand_below(&rand, 3) == 0)
            continue;
        const struct action *refuse = submit(f, &ticket);
        if (refuse == NULL)
            past[count++] = (struct past){f->now_ns, 150, ticket};
        refused += refuse != NULL;
        /* What is counted is never less than the truth. */
        assert_true(in_minute(past, count, f->now_ns, false) <= REQUESTS);
        assert_true(in_minute(past, count, f->now_ns, true) <= used(f, CLIENT_TOKENS_PER_MINUTE));
    }
    assert_true(refused > 0 && count > 20);
    for (size_t i = count; i-- > 0;)
        if (past[i].ticket != 0)
            end_at_random(f, &rand, past, &count, i);
    assert_int_equal(used(f, CLIENT_CONCURRENCY), 0);
    f->now_ns += 62 * SECOND;
    assert_int_equal(used(f, CLIENT_REQUESTS_PER_MINUTE), 0);
    assert_int_equal(used(f, CLIENT_TOKENS_PER_MINUTE), 0);
    fixture_free(f);
}

static void random_ends_add_up(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        run_at_random(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(third_of_three_is_the_last),
        cmocka_unit_test(ends_are_settled_once),
        cmocka_unit_test(leaving_early_is_not_free),
        cmocka_unit_test(failover_adds_up),
        cmocka_unit_test(refused_costs_nothing),
        cmocka_unit_test(a_prompt_too_large_never_fits),
        cmocka_unit_test(concurrency_comes_back),
        cmocka_unit_test(names_the_longest_wait),
        cmocka_unit_test(months_end_in_their_zone),
        cmocka_unit_test(changed_limits_keep_counts),
        cmocka_unit_test(outlives_its_client),
        cmocka_unit_test(replays_the_past),
        cmocka_unit_test(replays_sums_for_the_limits_they_are_of),
        cmocka_unit_test(random_ends_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
