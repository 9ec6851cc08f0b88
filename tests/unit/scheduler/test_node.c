// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes of the ledger against oracles that keep every request: no shape ever lets through what its provider would refuse, with
 * ways of different length and clocks that differ; the time told for the next one is exact; corrections never free more than
 * there was.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "scheduler/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND     NS_PER_S
#define MS         NS_PER_MS
#define START_NS   (1000 * SECOND)
#define SENDS_MAX  8192
#define WALL_START ((int64_t)1773000000000) /* in March 2026 */

struct send {
    uint64_t at_ns, arrives_ns, amount;
};

/* What a provider has seen, in order of arrival. */
struct oracle {
    struct send sends[SENDS_MAX];
    uint32_t count;
};

static const struct wall wall = {START_NS, WALL_START};

static struct moment at(uint64_t now_ns) {
    return (struct moment){now_ns, &wall};
}

static struct limit_node node_of(enum limit_shape shape, uint64_t amount, uint64_t window_ms,
                                 uint64_t burst) {
    const struct catalog_limit limit = {.unit = LIMIT_TOKENS,
                                        .shape = shape,
                                        .amount = amount,
                                        .window_ms = window_ms,
                                        .burst = burst,
                                        .zone = zone_utc};
    const struct node_setting setting = {300 * MS, 1000};
    struct limit_node node;
    node_init(&node, &limit, &setting);
    list_init(&node.parked);
    return node;
}

static uint64_t take(struct limit_node *node, uint64_t now_ns, uint64_t amount) {
    node_reserve(node, amount);
    uint64_t stamp = node_sent(node, at(now_ns), amount);
    node_answered(node, amount);
    return stamp;
}

static void finish(struct limit_node *node, uint64_t now_ns, const struct node_end *end) {
    (void)node_settle(node, at(now_ns), end);
    node_verify(node);
}

static void note(struct oracle *oracle, uint64_t at_ns, uint64_t delay_ns, uint64_t amount) {
    assert_true(oracle->count < SENDS_MAX);
    struct send send = {at_ns, at_ns + delay_ns, amount};
    uint32_t place = oracle->count++;
    for (; place > 0 && oracle->sends[place - 1].arrives_ns > send.arrives_ns; place--)
        oracle->sends[place] = oracle->sends[place - 1];
    oracle->sends[place] = send;
}

/* The most that any interval of that length holds, both ends included. */
static uint64_t most_in(const struct oracle *oracle, uint64_t window_ns) {
    uint64_t most = 0, sum = 0;
    uint32_t first = 0;
    for (uint32_t i = 0; i < oracle->count; i++) {
        sum += oracle->sends[i].amount;
        while (oracle->sends[i].arrives_ns - oracle->sends[first].arrives_ns >= window_ns)
            sum -= oracle->sends[first++].amount;
        most = sum > most ? sum : most;
    }
    return most;
}

/* By how much a bucket of `amount` that refills in the window overflows, in amount x ns; exact. */
static void never_overflows(const struct oracle *oracle, uint64_t amount, uint64_t window_ns) {
    __int128 level = 0, capacity = (__int128)amount * window_ns;
    uint64_t last_ns = 0;
    for (uint32_t i = 0; i < oracle->count; i++) {
        level -= (__int128)(oracle->sends[i].arrives_ns - last_ns) * amount;
        level = level < 0 ? 0 : level;
        level += (__int128)oracle->sends[i].amount * window_ns;
        assert_true(level <= capacity);
        last_ns = oracle->sends[i].arrives_ns;
    }
}

/* Asks again and again; takes whatever fits, and checks what is said when it does not. */
static void saturate(struct limit_node *node, struct oracle *oracle, struct rand *rand,
                     uint64_t length_ns) {
    uint64_t now_ns = START_NS + rand_below(rand, SECOND);
    uint64_t end_ns = now_ns + length_ns;
    uint64_t largest = node_most(node) < 12 ? node_most(node) : node_most(node) / 3;
    while (now_ns < end_ns && oracle->count < SENDS_MAX - 1) {
        uint64_t amount = rand_below(rand, 4) > 0 ? 1 : 1 + rand_below(rand, largest);
        if (node_fits(node, at(now_ns), amount)) {
            (void)take(node, now_ns, amount);
            note(oracle, now_ns, rand_below(rand, 300 * MS + 1), amount);
            now_ns += rand_below(rand, 3) > 0 ? 0 : rand_below(rand, node->window_ns / 8);
            continue;
        }
        uint64_t free_at_ns = node_free_at(node, at(now_ns), amount);
        assert_true(free_at_ns > now_ns && free_at_ns != FREE_AT_NEVER);
        assert_false(node_fits(node, at(free_at_ns - 1), amount));
        assert_true(node_fits(node, at(free_at_ns), amount));
        now_ns = free_at_ns + (rand_below(rand, 2) > 0 ? 0 : rand_below(rand, node->window_ns));
    }
}

/* --- rolling --- */

static void rolling_keeps_every_interval(void **state) {
    (void)state;
    static const uint64_t amounts[] = {1, 2, 3, 5, 30, 1000, 123456789};
    static const uint64_t windows_ms[] = {1000, 60000, 86400000};
    struct oracle *oracle = mem_zalloc(sizeof *oracle);
    for (size_t i = 0; i < array_length(amounts) * array_length(windows_ms) * 10; i++) {
        struct rand rand;
        rand_seed(&rand, i);
        uint64_t amount = amounts[i % array_length(amounts)];
        uint64_t window_ms = windows_ms[i / array_length(amounts) % array_length(windows_ms)];
        struct limit_node node = node_of(LIMIT_ROLLING, amount, window_ms, 0);
        oracle->count = 0;
        saturate(&node, oracle, &rand, 20 * window_ms * MS);
        assert_true(oracle->count > 8);
        assert_true(most_in(oracle, window_ms * MS) <= amount);
        node_verify(&node);
    }
    mem_free(oracle);
}

/* Every sequence of small gaps, small limits: the slots are never more lenient than a log of all, and at most one slot later. */
static void slots_against_the_exact_log(void **state) {
    (void)state;
    const uint64_t whole_ns = 63000 * MS; /* slots of a second */
    static const uint64_t gaps_ms[] = {0, 1, 999, 1000, 31500, 62999, 63000, 64000};
    for (uint64_t amount = 1; amount <= 3; amount++) {
        for (uint32_t code = 0; code < 8u * 8 * 8 * 8 * 8; code++) {
            struct limit_node node = node_of(LIMIT_ROLLING, amount, 62700, 0);
            uint64_t sent_ns[6], now_ns = START_NS + 500 * MS;
            uint32_t count = 0;
            for (uint32_t step = 0, rest = code; step < 5; step++, rest /= 8) {
                now_ns += gaps_ms[rest % 8] * MS;
                uint64_t inside = 0, surely_inside = 0;
                for (uint32_t i = 0; i < count; i++) {
                    inside += now_ns - sent_ns[i] < whole_ns;
                    surely_inside += now_ns - sent_ns[i] < whole_ns + SECOND;
                }
                bool fits = node_fits(&node, at(now_ns), 1);
                assert_true(!fits || inside < amount);
                assert_true(fits || surely_inside >= amount);
                if (!fits)
                    continue;
                (void)take(&node, now_ns, 1);
                sent_ns[count++] = now_ns;
            }
        }
    }
}

static void rolling_is_used_well(void **state) {
    (void)state;
    struct limit_node node = node_of(LIMIT_ROLLING, 30, 60000, 0);
    uint64_t taken = 0;
    for (uint64_t now_ns = START_NS; now_ns < START_NS + 3600 * SECOND; now_ns += 100 * MS)
        while (node_fits(&node, at(now_ns), 1)) {
            (void)take(&node, now_ns, 1);
            taken++;
        }
    assert_in_range(taken, 30 * 60 * 97 / 100, 30 * 61);
}

static void rolling_corrects_its_own_slot(void **state) {
    (void)state;
    struct limit_node node = node_of(LIMIT_ROLLING, 100, 60000, 0);
    uint64_t stamp = take(&node, START_NS, 60);
    (void)take(&node, START_NS + 30 * SECOND, 40);
    assert_false(node_fits(&node, at(START_NS + 31 * SECOND), 1));
    finish(&node, START_NS + 31 * SECOND, &(struct node_end){stamp, 60, 20, true});
    assert_int_equal(node_used(&node, at(START_NS + 31 * SECOND)), 60);
    assert_true(node_fits(&node, at(START_NS + 31 * SECOND), 40));
    /* The rest of it leaves with its own slot, not later. */
    assert_int_equal(node_used(&node, at(START_NS + 62 * SECOND)), 40);
    /* A correction of what has gone already changes nothing. */
    stamp = take(&node, START_NS + 62 * SECOND, 10);
    finish(&node, START_NS + 200 * SECOND, &(struct node_end){stamp, 10, 90, true});
    assert_int_equal(node_used(&node, at(START_NS + 200 * SECOND)), 0);
}

static void what_is_not_sent_does_not_age(void **state) {
    (void)state;
    for (enum limit_shape shape = 0; shape < LIMIT_SHAPE_COUNT; shape++) {
        struct limit_node node = node_of(shape, 4, 60000, 3);
        node_reserve(&node, 3);
        uint64_t now_ns = START_NS + 4 * 86400 * SECOND;
        assert_false(node_fits(&node, at(now_ns), 2));
        uint64_t stamp = node_sent(&node, at(now_ns), 3);
        assert_false(node_fits(&node, at(now_ns), 2));
        node_answered(&node, 3);
        finish(&node, now_ns, &(struct node_end){stamp, 3, 0, false});
        assert_int_equal(node.open, 0);
        assert_int_equal(node.released, 3);
        node_reserve(&node, 2); /* given back before it was sent */
        finish(&node, now_ns, &(struct node_end){STAMP_NONE, 2, 0, false});
        assert_int_equal(node.pending, 0);
        assert_int_equal(node.released, 5);
    }
}

/* --- buckets --- */

static void refill_never_overflows(void **state) {
    (void)state;
    static const struct {
        uint64_t amount, window_ms;
    } rows[] = {{1, 1000},          {1, 60000},
                {7, 60000},         {30, 60000},
                {14400, 86400000},  {1000000, 60000},
                {999983, 86400000}, {3, 2592000000},
                {500, 1000},        {1099511627775, 2678400000}};
    struct oracle *oracle = mem_zalloc(sizeof *oracle);
    for (size_t i = 0; i < array_length(rows) * 20; i++) {
        struct rand rand;
        rand_seed(&rand, i);
        uint64_t amount = rows[i % array_length(rows)].amount;
        uint64_t window_ms = rows[i % array_length(rows)].window_ms;
        struct limit_node node = node_of(LIMIT_REFILL, amount, window_ms, 0);
        oracle->count = 0;
        saturate(&node, oracle, &rand, 10 * window_ms * MS);
        assert_true(oracle->count >= 5);
        never_overflows(oracle, amount, window_ms * MS);
    }
    mem_free(oracle);
}

static void refill_is_used_well(void **state) {
    (void)state;
    static const struct {
        uint64_t amount, window_ms;
    } rows[] = {{30, 60000}, {1, 60000}, {6000, 60000}, {1000, 86400000}};
    for (size_t i = 0; i < array_length(rows); i++) {
        uint64_t window_ns = rows[i].window_ms * MS, taken = 0, now_ns = START_NS;
        struct limit_node node = node_of(LIMIT_REFILL, rows[i].amount, rows[i].window_ms, 0);
        while (now_ns < START_NS + 50 * window_ns) {
            if (node_fits(&node, at(now_ns), 1)) {
                (void)take(&node, now_ns, 1);
                taken++;
            } else {
                now_ns = node_free_at(&node, at(now_ns), 1);
            }
        }
        assert_in_range(taken, 50 * rows[i].amount * 99 / 100, 51 * rows[i].amount + 1);
    }
}

/* A bucket that knew all amounts from the start holds as much or less; and as much, when it never ran empty. */
static void corrections_free_what_is_inside(void **state) {
    (void)state;
    struct {
        uint64_t at_ns, reserved, used, stamp;
        bool settled;
    } requests[64];
    uint64_t exact = 0, compared = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct rand rand;
        rand_seed(&rand, seed);
        struct limit_node node = node_of(LIMIT_REFILL, 1000000, 1000000, 0); /* one a ms */
        uint64_t now_ns = START_NS;
        for (uint32_t i = 0; i < array_length(requests); i++) {
            now_ns += rand_below(&rand, 1 + seed % 60) * MS;
            requests[i].at_ns = now_ns;
            requests[i].reserved = 1 + rand_below(&rand, 40);
            requests[i].used = rand_below(&rand, requests[i].reserved + 1);
            requests[i].settled = false;
            requests[i].stamp = take(&node, now_ns, requests[i].reserved);
            uint32_t other = (uint32_t)rand_below(&rand, i + 1);
            if (!requests[other].settled && rand_below(&rand, 3) > 0) {
                requests[other].settled = true;
                finish(&node, now_ns,
                       &(struct node_end){requests[other].stamp, requests[other].reserved,
                                          requests[other].used, true});
            }
            uint64_t level = 0; /* in hindsight, amounts = milliseconds */
            for (uint32_t k = 0; k <= i; k++) {
                uint64_t gap = k == 0 ? 0 : (requests[k].at_ns - requests[k - 1].at_ns) / MS;
                level = level > gap ? level - gap : 0;
                level += requests[k].settled ? requests[k].used : requests[k].reserved;
            }
            uint64_t used = node_used(&node, at(now_ns));
            assert_true(used >= level);
            exact += used == level;
            compared++;
        }
    }
    assert_true(exact > compared / 2);
}

static void a_pacer_keeps_bursts_and_windows(void **state) {
    (void)state;
    static const uint64_t amounts[] = {1, 2, 3, 4, 5, 30, 1000};
    struct oracle *oracle = mem_zalloc(sizeof *oracle);
    for (size_t i = 0; i < array_length(amounts) * 40; i++) {
        struct rand rand;
        rand_seed(&rand, i);
        uint64_t amount = amounts[i % array_length(amounts)];
        uint64_t burst = rand_below(&rand, amount + 3);
        struct limit_node node = node_of(LIMIT_PACER, amount, 60000, burst);
        uint64_t most = node_most(&node);
        assert_in_range(most, 1, burst > 1 ? burst : 1);
        oracle->count = 0;
        saturate(&node, oracle, &rand, 1200 * SECOND);
        assert_true(oracle->count > 5);
        assert_true(most_in(oracle, 60 * SECOND) <= amount);
        uint64_t at_once = 0;
        for (uint32_t k = 0; k < oracle->count; k++) { /* sent in one instant */
            uint64_t sum = 0;
            for (uint32_t n = 0; n < oracle->count && k % 16 == 0; n++)
                if (oracle->sends[n].at_ns == oracle->sends[k].at_ns)
                    sum += oracle->sends[n].amount;
            at_once = sum > at_once ? sum : at_once;
        }
        assert_true(at_once <= most);
    }
    mem_free(oracle);
}

/* Takes all it can for a while, after one request and a pause. */
static void pace(struct limit_node *node, uint64_t pause_ns) {
    struct oracle oracle = {.count = 0};
    uint64_t now_ns = START_NS;
    while (now_ns < START_NS + 200 * SECOND) {
        if (!node_fits(node, at(now_ns), 1)) {
            now_ns = node_free_at(node, at(now_ns), 1);
            continue;
        }
        (void)take(node, now_ns, 1);
        note(&oracle, now_ns, oracle.count % 3 == 0 ? 300 * MS : 0, 1);
        now_ns += oracle.count == 1 ? pause_ns : 0;
    }
    assert_true(most_in(&oracle, 60 * SECOND) <= node->amount);
}

/* Exhaustive for small ones: N requests with interval W/(N-b) and burst b never exceed N in a window. */
static void pacers_of_small_limits(void **state) {
    (void)state;
    for (uint64_t amount = 1; amount <= 6; amount++)
        for (uint64_t burst = 1; burst < amount || burst == 1; burst++)
            for (uint64_t pause_ms = 0; pause_ms < 60300; pause_ms += 501) {
                struct limit_node node = node_of(LIMIT_PACER, amount, 60000, burst);
                pace(&node, pause_ms * MS);
            }
}

/* --- dates --- */

static int64_t wall_of(const struct send *send, int64_t skew_ms) {
    return wall_ms_at(&wall, send->arrives_ns) + skew_ms;
}

static void no_period_holds_more(void **state) {
    (void)state;
    static const enum limit_shape shapes[] = {LIMIT_CALENDAR_DAY, LIMIT_CALENDAR_MONTH,
                                              LIMIT_ALIGNED};
    static const char *const zones[] = {"UTC", "America/Los_Angeles", "Asia/Kolkata"};
    struct oracle *oracle = mem_zalloc(sizeof *oracle);
    for (size_t i = 0; i < 90; i++) {
        struct rand rand;
        rand_seed(&rand, i);
        enum limit_shape shape = shapes[i % 3];
        uint64_t window_ms = shape == LIMIT_ALIGNED        ? 60000
                             : shape == LIMIT_CALENDAR_DAY ? 90000000
                                                           : 2682000000;
        struct limit_node node = node_of(shape, 1 + rand_below(&rand, 40), window_ms, 0);
        assert_int_equal(zone_parse(span_text(zones[i / 3 % 3]), &node.zone), 0);
        oracle->count = 0;
        saturate(&node, oracle, &rand, 30 * window_ms * MS);
        assert_true(oracle->count > 20);
        /* Whichever way their clock is off by less than the guard and the way there. */
        for (int64_t skew_ms = -999; skew_ms <= 699; skew_ms += 283) {
            uint64_t sum = 0;
            int64_t end_ms = INT64_MIN;
            for (uint32_t k = 0; k < oracle->count; k++) {
                int64_t ms = wall_of(&oracle->sends[k], skew_ms);
                sum = ms >= end_ms ? 0 : sum;
                sum += oracle->sends[k].amount;
                assert_true(sum <= node.amount);
                if (shape == LIMIT_ALIGNED)
                    end_ms = (ms / 60000 + 1) * 60000;
                else
                    end_ms = shape == LIMIT_CALENDAR_DAY ? zone_day_next_ms(&node.zone, ms)
                                                         : zone_month_next_ms(&node.zone, ms);
            }
        }
    }
    mem_free(oracle);
}

static void days_of_23_and_25_hours(void **state) {
    (void)state;
    static const struct {
        int64_t begin_ms; /* midnight in Los Angeles */
        uint64_t hours;
    } rows[] = {{1772956800000, 23} /* 8 March 2026 */,
                {1793516400000, 25} /* 1 November */,
                {1773039600000, 24}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct wall local = {START_NS, rows[i].begin_ms + 3600000};
        struct limit_node node = node_of(LIMIT_CALENDAR_DAY, 1, 90000000, 0);
        assert_int_equal(zone_parse(span_text("America/Los_Angeles"), &node.zone), 0);
        struct moment moment = {START_NS, &local};
        node_reserve(&node, 1);
        (void)node_sent(&node, moment, 1);
        uint64_t opens_ns = START_NS + (rows[i].hours - 1) * 3600 * SECOND + SECOND;
        assert_int_equal(node_free_at(&node, moment, 1), opens_ns);
        assert_int_equal(node_resets_at(&node, moment), opens_ns);
        assert_false(node_fits(&node, (struct moment){opens_ns - 1, &local}, 1));
        assert_true(node_fits(&node, (struct moment){opens_ns, &local}, 1));
    }
}

static void the_guard_band_counts_for_both(void **state) {
    (void)state;
    static const struct {
        int64_t before_ms; /* sent that long before midnight */
        bool counts_after;
    } rows[] = {{1001, false}, {1000, true}, {1, true}, {0, true}, {-999, true}, {-1000, true}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct wall local = {START_NS, 1773100800000 - 10000}; /* ten seconds before midnight UTC */
        struct limit_node node = node_of(LIMIT_CALENDAR_DAY, 2, 90000000, 0);
        uint64_t sent_ns = START_NS + (uint64_t)(10000 - rows[i].before_ms) * MS;
        node_reserve(&node, 1);
        uint64_t stamp = node_sent(&node, (struct moment){sent_ns, &local}, 1);
        node_answered(&node, 1);
        uint64_t after_ns = START_NS + 20 * SECOND;
        assert_int_equal(node_used(&node, (struct moment){after_ns, &local}), rows[i].counts_after);
        struct node_end end = {stamp, 1, 0, true};
        (void)node_settle(&node, (struct moment){after_ns, &local}, &end);
        assert_int_equal(node_used(&node, (struct moment){after_ns, &local}), 0);
    }
}

static void a_clock_set_back_opens_nothing(void **state) {
    (void)state;
    struct wall local = {START_NS, 1773100800000 - 10000};
    struct limit_node node = node_of(LIMIT_CALENDAR_DAY, 1, 90000000, 0);
    struct moment moment = {START_NS + 20 * SECOND, &local};
    node_reserve(&node, 1);
    (void)node_sent(&node, moment, 1); /* ten seconds into the new day */
    local = (struct wall){moment.now_ns, 1773100800000 - 3600000}; /* an hour back */
    moment.now_ns += 10 * SECOND;
    assert_false(node_fits(&node, moment, 1));
    moment.now_ns += 3600 * SECOND; /* midnight comes for the second time */
    assert_false(node_fits(&node, moment, 1));
    assert_int_equal(node_free_at(&node, moment, 1),
                     wall_boot_ns(&local, 1773100800000 + 86400000 + 1000));
}

/* --- other numbers --- */

static void used_can_be_set(void **state) {
    (void)state;
    for (enum limit_shape shape = 0; shape < LIMIT_SHAPE_COUNT; shape++) {
        if (shape == LIMIT_AT_ONCE || shape == LIMIT_PACER)
            continue; /* the provider's word is about another count */
        struct limit_node node = node_of(shape, 100, 60000, 0);
        (void)take(&node, START_NS, 10);
        (void)take(&node, START_NS + 10 * SECOND, 10);
        uint64_t now_ns = START_NS + 12 * SECOND;
        node_set_used(&node, at(now_ns), 77);
        assert_int_equal(node_used(&node, at(now_ns)), 77);
        node_set_used(&node, at(now_ns), 5);
        assert_int_equal(node_used(&node, at(now_ns)), 5);
        node_verify(&node);
        if (shape == LIMIT_ROLLING) { /* the cut came out of the oldest */
            assert_int_equal(node_used(&node, at(START_NS + 65 * SECOND)), 5);
            assert_int_equal(node_used(&node, at(START_NS + 74 * SECOND)), 0);
        }
    }
}

static void another_amount_keeps_what_is_used(void **state) {
    (void)state;
    for (enum limit_shape shape = 0; shape < LIMIT_SHAPE_COUNT; shape++) {
        struct limit_node node = node_of(shape, 100, 60000, 60);
        (void)take(&node, START_NS, 30);
        uint64_t used = node_used(&node, at(START_NS));
        assert_int_equal(used, 30);
        node_set_amount(&node, at(START_NS), 200);
        assert_int_equal(node_used(&node, at(START_NS)), used);
        assert_true(node_fits(&node, at(START_NS), shape == LIMIT_PACER ? 30 : 150));
        node_set_amount(&node, at(START_NS), 10);
        assert_false(node_fits(&node, at(START_NS), 1));
        assert_int_equal(node_free_at(&node, at(START_NS), 11), FREE_AT_NEVER);
        node_set_amount(&node, at(START_NS), 0); /* nobody means that */
        assert_int_equal(node.amount, 10);
    }
}

static void a_wider_spread_loses_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct rand rand;
        rand_seed(&rand, seed);
        struct limit_node node = node_of(LIMIT_ROLLING, 100, 60000, 0);
        struct oracle oracle = {.count = 0};
        uint64_t now_ns = START_NS;
        for (int i = 0; i < 2000; i++) {
            now_ns += rand_below(&rand, 2 * SECOND);
            if (i % 50 == 0)
                node_set_spread(&node, at(now_ns), rand_below(&rand, 3 * SECOND));
            assert_in_range(node.spread_ns, NODE_SPREAD_LEAST_NS, NODE_SPREAD_MOST_NS);
            if (!node_fits(&node, at(now_ns), 7))
                continue;
            (void)take(&node, now_ns, 7);
            note(&oracle, now_ns, rand_below(&rand, 50 * MS), 7);
        }
        assert_true(most_in(&oracle, 60 * SECOND) <= 100);
        node_verify(&node);
    }
}

/* The largest amounts in the longest windows, without a common divisor: counted, and never more than stated. */
static void buckets_hold_any_limit(void **state) {
    static const uint64_t amounts[] = {1, 999999999989, SCHEDULER_AMOUNT_MAX - 1,
                                       SCHEDULER_AMOUNT_MAX};
    (void)state;
    for (size_t i = 0; i < array_length(amounts); i++) {
        struct limit_node refill =
            node_of(LIMIT_REFILL, amounts[i], SCHEDULER_WINDOW_MAX_MS - 1, 0);
        struct limit_node pacer =
            node_of(LIMIT_PACER, amounts[i], SCHEDULER_WINDOW_MAX_MS - 1, amounts[i] - 1);
        assert_true(node_fits(&refill, at(START_NS), amounts[i]));
        (void)take(&refill, START_NS, amounts[i]);
        assert_false(node_fits(&refill, at(START_NS + SECOND), amounts[i]));
        uint64_t free_at_ns = node_free_at(&refill, at(START_NS + SECOND), amounts[i]);
        assert_true(free_at_ns >= START_NS + (SCHEDULER_WINDOW_MAX_MS - 1) * MS);
        assert_true(node_fits(&refill, at(free_at_ns), amounts[i]));
        assert_true(node_fits(&pacer, at(START_NS), node_most(&pacer)));
    }
}

/* Such as a chat under a limit of embed inputs: it fits whatever was used, and its turn is now. */
static void nothing_fits_always(void **state) {
    static const enum limit_shape shapes[] = {LIMIT_ROLLING, LIMIT_REFILL, LIMIT_CALENDAR_DAY,
                                              LIMIT_ALIGNED, LIMIT_ONCE,   LIMIT_PACER};
    (void)state;
    for (size_t i = 0; i < array_length(shapes); i++) {
        struct limit_node node = node_of(shapes[i], 10, 60000, 5);
        assert_int_equal(node_turn_at(&node, at(START_NS), 0, 0), 0);
        (void)take(&node, START_NS, node_most(&node));
        node_set_used(&node, at(START_NS), 11); /* the provider counts more than we do */
        assert_true(node_fits(&node, at(START_NS), 0));
        assert_int_equal(node_turn_at(&node, at(START_NS), 0, 0), 0);
        assert_int_equal(node_turn_at(&node, at(START_NS), 0, 3), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rolling_keeps_every_interval),
        cmocka_unit_test(slots_against_the_exact_log),
        cmocka_unit_test(rolling_is_used_well),
        cmocka_unit_test(rolling_corrects_its_own_slot),
        cmocka_unit_test(what_is_not_sent_does_not_age),
        cmocka_unit_test(refill_never_overflows),
        cmocka_unit_test(refill_is_used_well),
        cmocka_unit_test(corrections_free_what_is_inside),
        cmocka_unit_test(a_pacer_keeps_bursts_and_windows),
        cmocka_unit_test(pacers_of_small_limits),
        cmocka_unit_test(no_period_holds_more),
        cmocka_unit_test(days_of_23_and_25_hours),
        cmocka_unit_test(the_guard_band_counts_for_both),
        cmocka_unit_test(a_clock_set_back_opens_nothing),
        cmocka_unit_test(used_can_be_set),
        cmocka_unit_test(another_amount_keeps_what_is_used),
        cmocka_unit_test(a_wider_spread_loses_nothing),
        cmocka_unit_test(nothing_fits_always),
        cmocka_unit_test(buckets_hold_any_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
