// SPDX-License-Identifier: Apache-2.0
/*
 * Shapes of limits against a plain list of what was let in: every short sequence of gaps and amounts, for every shape. A count may let in
 * exactly what the list says fits, and the wait it tells is the first instant at which the list says so.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fake/limit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STEPS      5
#define CHOICES    8 /* 4 gaps, 2 amounts */
#define WINDOW_MS  4
#define BEGIN_MS   1000001 /* in the middle of a fixed window */
#define WAITS_MOST 24

struct past {
    int64_t at_ms[STEPS];
    uint64_t amounts[STEPS];
    int count;
};

static uint64_t sum_between(const struct past *past, int64_t from_ms, int64_t to_ms) {
    uint64_t sum = 0;
    for (int i = 0; i < past->count; i++)
        if (past->at_ms[i] >= from_ms && past->at_ms[i] < to_ms)
            sum += past->amounts[i];
    return sum;
}

static bool fits_anchored(const struct fake_limit *limit, const struct past *past, int64_t at_ms,
                          uint64_t amount) {
    int64_t begin_ms = INT64_MIN / 2;
    for (int i = 0; i < past->count; i++)
        if (past->at_ms[i] >= begin_ms + WINDOW_MS)
            begin_ms = past->at_ms[i];
    if (at_ms >= begin_ms + WINDOW_MS)
        return amount <= limit->amount;
    return sum_between(past, begin_ms, begin_ms + WINDOW_MS) + amount <= limit->amount;
}

static bool fits_sliding(const struct fake_limit *limit, const struct past *past, int64_t at_ms,
                         uint64_t amount) {
    int64_t begin_ms = at_ms / WINDOW_MS * WINDOW_MS;
    uint64_t before = sum_between(past, begin_ms - WINDOW_MS, begin_ms);
    uint64_t inside = sum_between(past, begin_ms, begin_ms + WINDOW_MS);
    uint64_t left_ms = (uint64_t)(begin_ms + WINDOW_MS - at_ms);
    return before * left_ms + (inside + amount) * WINDOW_MS <= limit->amount * WINDOW_MS;
}

/* A bucket of `size`, told in thousandths of what comes back in a millisecond, from full. */
static bool fits_bucket(const struct fake_limit *limit, const struct past *past, int64_t at_ms,
                        uint64_t amount, uint64_t size) {
    int64_t level = (int64_t)size * WINDOW_MS;
    int64_t last_ms = past->count > 0 ? past->at_ms[0] : at_ms;
    for (int i = 0; i <= past->count; i++) {
        int64_t then_ms = i < past->count ? past->at_ms[i] : at_ms;
        level += (then_ms - last_ms) * (int64_t)limit->amount;
        level = level > (int64_t)size * WINDOW_MS ? (int64_t)size * WINDOW_MS : level;
        last_ms = then_ms;
        if (i < past->count)
            level -= (int64_t)past->amounts[i] * WINDOW_MS;
    }
    return level >= (int64_t)amount * WINDOW_MS;
}

static bool list_says_it_fits(const struct fake_limit *limit, const struct past *past,
                              int64_t at_ms, uint64_t amount) {
    int64_t fixed_ms = at_ms / WINDOW_MS * WINDOW_MS;
    switch (limit->shape) {
    case FAKE_ROLLING:
        return sum_between(past, at_ms - WINDOW_MS + 1, at_ms + 1) + amount <= limit->amount;
    case FAKE_FIXED:
        return sum_between(past, fixed_ms, fixed_ms + WINDOW_MS) + amount <= limit->amount;
    case FAKE_ANCHORED:
        return fits_anchored(limit, past, at_ms, amount);
    case FAKE_SLIDING:
        return fits_sliding(limit, past, at_ms, amount);
    case FAKE_REFILL:
        return fits_bucket(limit, past, at_ms, amount,
                           limit->burst != 0 ? limit->burst : limit->amount);
    case FAKE_SPACED:
        return fits_bucket(limit, past, at_ms, amount, limit->burst != 0 ? limit->burst : 1);
    default:
        return sum_between(past, INT64_MIN, INT64_MAX) + amount <= limit->amount;
    }
}

static struct fake_moment moment_at(int64_t at_ms) {
    return (struct fake_moment){(uint64_t)at_ms * NS_PER_MS, at_ms};
}

static void check_wait(const struct fake_limit *limit, const struct past *past, int64_t at_ms,
                       uint64_t amount, uint64_t wait_ns) {
    int64_t first_ms = 0;
    while (first_ms < WAITS_MOST && !list_says_it_fits(limit, past, at_ms + first_ms, amount))
        first_ms++;
    if (first_ms == WAITS_MOST)
        assert_true(wait_ns == FAKE_NEVER);
    else
        assert_int_equal((wait_ns + NS_PER_MS - 1) / NS_PER_MS, first_ms);
}

/* On copies: after the wait that was told it fits, a nanosecond before it does not (by clocks of dates: a millisecond). */
static void check_edge(const struct fake_limit *limit, const struct fake_count *count,
                       int64_t at_ms, uint64_t amount, uint64_t wait_ns) {
    bool by_date = limit->shape == FAKE_FIXED || limit->shape == FAKE_SLIDING;
    uint64_t step_ns = by_date ? NS_PER_MS : 1;
    struct fake_count copy = *count;
    struct fake_moment then = moment_at(at_ms);
    if (wait_ns == FAKE_NEVER || wait_ns == 0)
        return;
    then.now_ns += wait_ns;
    then.wall_ms += (int64_t)(wait_ns / NS_PER_MS);
    assert_int_equal(fake_count_wait_ns(limit, &copy, then, amount), 0);
    copy = *count;
    then.now_ns -= step_ns;
    then.wall_ms -= by_date;
    assert_int_equal(fake_count_wait_ns(limit, &copy, then, amount), step_ns);
}

static void play(const struct fake_limit *limit, uint32_t sequence) {
    static const int64_t gaps_ms[4] = {0, 1, 3, 9}; /* the last one is longer than two windows */
    struct fake_count count = {0};
    struct past past = {0};
    int64_t at_ms = BEGIN_MS;
    for (int step = 0; step < STEPS; step++) {
        uint64_t amount = 1 + sequence % 2;
        at_ms += gaps_ms[sequence / 2 % 4];
        sequence /= CHOICES;
        uint64_t wait_ns = fake_count_wait_ns(limit, &count, moment_at(at_ms), amount);
        check_wait(limit, &past, at_ms, amount, wait_ns);
        check_edge(limit, &count, at_ms, amount, wait_ns);
        if (wait_ns > 0)
            continue;
        fake_count_take(limit, &count, moment_at(at_ms), amount);
        past.at_ms[past.count] = at_ms;
        past.amounts[past.count++] = amount;
    }
    fake_count_done(&count);
}

static void test_every_short_sequence(void **state) {
    static const struct fake_limit limits[] = {
        {.shape = FAKE_ROLLING, .amount = 3, .window_ms = WINDOW_MS},
        {.shape = FAKE_FIXED, .amount = 3, .window_ms = WINDOW_MS},
        {.shape = FAKE_ANCHORED, .amount = 3, .window_ms = WINDOW_MS},
        {.shape = FAKE_SLIDING, .amount = 3, .window_ms = WINDOW_MS},
        {.shape = FAKE_REFILL, .amount = 3, .window_ms = WINDOW_MS},
        {.shape = FAKE_REFILL, .amount = 3, .window_ms = WINDOW_MS, .burst = 2},
        {.shape = FAKE_SPACED, .amount = 3, .window_ms = WINDOW_MS},
        {.shape = FAKE_SPACED, .amount = 1, .window_ms = WINDOW_MS, .burst = 2},
        {.shape = FAKE_ONCE, .amount = 5},
    };
    uint32_t sequences = 1;
    (void)state;
    for (int i = 0; i < STEPS; i++)
        sequences *= CHOICES;
    for (size_t i = 0; i < array_length(limits); i++)
        for (uint32_t sequence = 0; sequence < sequences; sequence++)
            play(&limits[i], sequence);
}

/* Numbers as large as any provider's, where products pass 64 bits. */
static void test_large_numbers(void **state) {
    const struct fake_limit limit = {
        .shape = FAKE_REFILL, .amount = FAKE_AMOUNT_MAX, .window_ms = UINT64_C(400) * 86400 * 1000};
    struct fake_count count = {0};
    struct fake_moment now = {UINT64_C(1) << 62, INT64_C(1700000000000)};
    (void)state;
    assert_int_equal(fake_count_wait_ns(&limit, &count, now, FAKE_AMOUNT_MAX), 0);
    fake_count_take(&limit, &count, now, FAKE_AMOUNT_MAX);
    assert_int_equal(fake_count_wait_ns(&limit, &count, now, FAKE_AMOUNT_MAX),
                     limit.window_ms * NS_PER_MS);
    assert_int_equal(fake_count_used(&limit, &count, now), FAKE_AMOUNT_MAX);
    assert_int_equal(fake_count_reset_ns(&limit, &count, now), limit.window_ms * NS_PER_MS);
    assert_true(fake_count_wait_ns(&limit, &count, now, FAKE_AMOUNT_MAX + 1) == FAKE_NEVER);
    fake_count_done(&count);
}

/* The amounts that Groq's captured heads and words show: 86.4 s for one of 1000 requests a day. */
static void test_refill_as_captured(void **state) {
    const struct fake_limit requests = {
        .shape = FAKE_REFILL, .amount = 1000, .window_ms = 86400000};
    struct fake_count count = {0};
    struct fake_moment now = moment_at(BEGIN_MS);
    (void)state;
    fake_count_take(&requests, &count, now, 1);
    assert_int_equal(fake_count_reset_ns(&requests, &count, now), 86400 * NS_PER_MS);
    fake_count_take(&requests, &count, now, 999);
    assert_int_equal(fake_count_wait_ns(&requests, &count, now, 1), 86400 * NS_PER_MS);
    fake_count_done(&count);
}

static void test_at_once(void **state) {
    const struct fake_limit limit = {.shape = FAKE_CONCURRENT, .amount = 2};
    struct fake_count count = {0};
    struct fake_moment now = moment_at(BEGIN_MS);
    (void)state;
    fake_count_take(&limit, &count, now, 1);
    assert_int_equal(fake_count_wait_ns(&limit, &count, now, 1), 0);
    fake_count_take(&limit, &count, now, 1);
    assert_int_not_equal(fake_count_wait_ns(&limit, &count, now, 1), 0);
    count.open--;
    assert_int_equal(fake_count_wait_ns(&limit, &count, now, 1), 0);
    fake_count_done(&count);
}

static void test_days(void **state) {
    struct fake_limit limit = {.shape = FAKE_DAY, .amount = 2};
    struct fake_count count = {0};
    const int64_t midnight_ms = INT64_C(1732003200000); /* 2024-11-19 00:00 at UTC-8 */
    (void)state;
    assert_true(fake_zone_parse(SPAN_LITERAL("America/Los_Angeles"), &limit.zone));
    fake_count_take(&limit, &count, moment_at(midnight_ms - 1), 2);
    assert_int_equal(fake_count_wait_ns(&limit, &count, moment_at(midnight_ms - 1), 1), NS_PER_MS);
    assert_int_equal(fake_count_wait_ns(&limit, &count, moment_at(midnight_ms), 1), 0);
    assert_int_equal(fake_count_used(&limit, &count, moment_at(midnight_ms)), 0);
    assert_int_equal(fake_count_reset_ns(&limit, &count, moment_at(midnight_ms)),
                     UINT64_C(86400) * NS_PER_S);
    fake_count_done(&count);
}

/* --- the truth: the most of any interval, against all intervals of a list --- */

static void test_meter(void **state) {
    enum { USES = 400 };
    static int64_t at_ms[USES];
    static uint64_t amounts[USES];
    const struct fake_limit limit = {.shape = FAKE_ROLLING, .amount = 1, .window_ms = 50};
    struct fake_meter meter = {0};
    struct rand rand;
    uint64_t most = 0;
    (void)state;
    rand_seed(&rand, 5);
    for (int i = 0; i < USES; i++) {
        at_ms[i] = (i > 0 ? at_ms[i - 1] : 0) +
                   (int64_t)rand_below(&rand, 3) * 10; /* often a window apart */
        amounts[i] = rand_below(&rand, 4);
        fake_meter_add(&limit, &meter, moment_at(at_ms[i]), amounts[i]);
    }
    for (int64_t begin_ms = 0; begin_ms <= at_ms[USES - 1]; begin_ms++) {
        uint64_t sum = 0;
        for (int i = 0; i < USES; i++)
            if (at_ms[i] >= begin_ms && at_ms[i] < begin_ms + 50)
                sum += amounts[i];
        most = sum > most ? sum : most;
    }
    assert_int_equal(meter.most, most);
    assert_true(most > 10);
    mem_free(meter.log.uses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_short_sequence),
        cmocka_unit_test(test_large_numbers),
        cmocka_unit_test(test_refill_as_captured),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_meter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
