// SPDX-License-Identifier: Apache-2.0
/*
 * How one subject's use of one limit is counted, for each shape, and the most it ever was.
 *
 * Exact throughout: logs of every use, whole numbers, 128 bits where a product needs them; no slots, no rounding in anybody's favour.
 * A shape is four answers: how long until an amount fits, what taking it changes, how much is used, when it is back.
 * Promises: an amount for which the wait is 0 may be taken; after waiting exactly what was said it fits, if nobody else came.
 * Leaves to others: who is counted together and what is charged when (limit.c), dates (calendar.c).
 */
#include "fake/limit.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

typedef unsigned __int128 wide;

/* --- logs --- */

static struct fake_use *use_at(const struct fake_log *log, uint32_t index) {
    return &log->uses[(log->first + index) % log->capacity];
}

static void log_grow(struct fake_log *log) {
    uint32_t capacity = log->capacity == 0 ? 16 : log->capacity * 2;
    struct fake_use *uses = mem_alloc(capacity * sizeof *uses);
    for (uint32_t i = 0; i < log->count; i++)
        uses[i] = *use_at(log, i);
    mem_free(log->uses);
    log->uses = uses;
    log->capacity = capacity;
    log->first = 0;
}

static void log_drop_oldest(struct fake_log *log) {
    log->sum -= use_at(log, 0)->amount;
    log->first = (log->first + 1) % log->capacity;
    log->count--;
}

/* An interval ends now and is open at its begin: what is exactly a window old is outside. */
static void log_advance(struct fake_log *log, uint64_t now_ns, uint64_t window_ns) {
    while (log->count > 0 && use_at(log, 0)->at_ns + window_ns <= now_ns)
        log_drop_oldest(log);
}

static void log_add(struct fake_log *log, uint64_t at_ns, uint64_t amount) {
    if (amount == 0)
        return;
    log->sum += amount;
    if (log->count > 0 && use_at(log, log->count - 1)->at_ns == at_ns) {
        use_at(log, log->count - 1)->amount += amount;
        return;
    }
    if (log->count == FAKE_LOG_MAX) {
        log_drop_oldest(log);
        log->lossy = true;
    }
    if (log->count == log->capacity)
        log_grow(log);
    log->count++;
    *use_at(log, log->count - 1) = (struct fake_use){at_ns, amount};
}

void fake_count_done(struct fake_count *count) {
    mem_free(count->log.uses);
    mem_free(count->accepted.log.uses);
    mem_free(count->arrived.log.uses);
    *count = (struct fake_count){0};
}

/* --- shapes --- */

static uint64_t window_ns(const struct fake_limit *limit) {
    return limit->window_ms * NS_PER_MS;
}

static uint64_t until_ns(int64_t then_ms, int64_t now_ms) {
    check(then_ms > now_ms);
    return (uint64_t)(then_ms - now_ms) * NS_PER_MS;
}

/* Number of the window that counts by dates or by multiples of its length. */
static int64_t window_number(const struct fake_limit *limit, int64_t wall_ms) {
    if (limit->shape == FAKE_DAY)
        return fake_zone_day(&limit->zone, wall_ms);
    if (limit->shape == FAKE_MONTH)
        return fake_zone_month(&limit->zone, wall_ms);
    return wall_ms / (int64_t)limit->window_ms;
}

static int64_t window_end_ms(const struct fake_limit *limit, int64_t wall_ms) {
    if (limit->shape == FAKE_DAY)
        return fake_zone_next_day_ms(&limit->zone, wall_ms);
    if (limit->shape == FAKE_MONTH)
        return fake_zone_next_month_ms(&limit->zone, wall_ms);
    return (wall_ms / (int64_t)limit->window_ms + 1) * (int64_t)limit->window_ms;
}

static void advance_numbered(const struct fake_limit *limit, struct fake_count *count,
                             struct fake_moment moment) {
    int64_t window = window_number(limit, moment.wall_ms);
    if (count->begun &&
        window <= count->window) /* a clock that was set back opens no window again */
        return;
    count->used_before = count->begun && window == count->window + 1 ? count->used : 0;
    count->used = 0;
    count->window = window;
    count->begun = true;
}

static uint64_t bucket_size(const struct fake_limit *limit) {
    if (limit->burst != 0)
        return limit->burst;
    return limit->shape == FAKE_SPACED ? 1 : limit->amount;
}

static void advance_debt(const struct fake_limit *limit, struct fake_count *count,
                         uint64_t now_ns) {
    if (now_ns <= count->debt_at_ns)
        return;
    wide back = (wide)(now_ns - count->debt_at_ns) * limit->amount;
    count->debt = count->debt > back ? count->debt - back : 0;
    count->debt_at_ns = now_ns;
}

/* Brings a count to the present; everything else reads what is left. */
static void advance(const struct fake_limit *limit, struct fake_count *count,
                    struct fake_moment moment) {
    switch (limit->shape) {
    case FAKE_ROLLING:
        log_advance(&count->log, moment.now_ns, window_ns(limit));
        break;
    case FAKE_ANCHORED:
        if (count->begun && (uint64_t)count->window + window_ns(limit) <= moment.now_ns) {
            count->begun = false;
            count->used = 0;
        }
        break;
    case FAKE_REFILL:
    case FAKE_SPACED:
        advance_debt(limit, count, moment.now_ns);
        break;
    case FAKE_FIXED:
    case FAKE_SLIDING:
    case FAKE_DAY:
    case FAKE_MONTH:
        advance_numbered(limit, count, moment);
        break;
    default:
        break;
    }
}

static uint64_t wait_rolling(const struct fake_limit *limit, const struct fake_count *count,
                             uint64_t now_ns, uint64_t amount) {
    uint64_t sum = count->log.sum;
    if (sum + amount <= limit->amount && count->log.count < FAKE_LOG_MAX)
        return 0;
    for (uint32_t i = 0; i < count->log.count; i++) {
        const struct fake_use *use = use_at(&count->log, i);
        sum -= use->amount;
        if (sum + amount <= limit->amount)
            return use->at_ns + window_ns(limit) - now_ns;
    }
    return FAKE_NEVER;
}

static uint64_t wait_debt(const struct fake_limit *limit, const struct fake_count *count,
                          uint64_t amount) {
    wide window = window_ns(limit);
    wide room = (wide)(bucket_size(limit) - amount) * window;
    if (count->debt <= room)
        return 0;
    return (uint64_t)((count->debt - room + limit->amount - 1) / limit->amount);
}

/* Of a fixed window with `before` in the one before it: the first instant of it at which `inside + amount` fit, in ms from its
 * begin; its length when there is none. The rule is before * (1 - passed) + inside + amount <= limit. */
static uint64_t sliding_fits_at_ms(const struct fake_limit *limit, uint64_t before, uint64_t inside,
                                   uint64_t amount) {
    if (inside + amount > limit->amount)
        return limit->window_ms;
    uint64_t room = limit->amount - inside - amount;
    if (before <= room)
        return 0;
    return limit->window_ms - (uint64_t)((wide)room * limit->window_ms / before);
}

static uint64_t wait_sliding(const struct fake_limit *limit, const struct fake_count *count,
                             int64_t wall_ms, uint64_t amount) {
    uint64_t passed_ms = (uint64_t)(wall_ms % (int64_t)limit->window_ms);
    uint64_t at_ms = sliding_fits_at_ms(limit, count->used_before, count->used, amount);
    if (at_ms <= passed_ms)
        return 0;
    if (at_ms < limit->window_ms)
        return (at_ms - passed_ms) * NS_PER_MS;
    at_ms = limit->window_ms - passed_ms + sliding_fits_at_ms(limit, count->used, 0, amount);
    return at_ms * NS_PER_MS;
}

/* Most that may ever be asked for at once. */
static uint64_t largest(const struct fake_limit *limit) {
    return limit->shape == FAKE_REFILL || limit->shape == FAKE_SPACED ? bucket_size(limit)
                                                                      : limit->amount;
}

uint64_t fake_count_wait_ns(const struct fake_limit *limit, struct fake_count *count,
                            struct fake_moment moment, uint64_t amount) {
    advance(limit, count, moment);
    if (amount > largest(limit))
        return FAKE_NEVER;
    switch (limit->shape) {
    case FAKE_ROLLING:
        return wait_rolling(limit, count, moment.now_ns, amount);
    case FAKE_SLIDING:
        return wait_sliding(limit, count, moment.wall_ms, amount);
    case FAKE_REFILL:
    case FAKE_SPACED:
        return wait_debt(limit, count, amount);
    case FAKE_ANCHORED:
        return count->used + amount <= limit->amount
                   ? 0
                   : (uint64_t)count->window + window_ns(limit) - moment.now_ns;
    case FAKE_ONCE:
        return count->used + amount <= limit->amount ? 0 : FAKE_NEVER;
    case FAKE_CONCURRENT: /* nobody knows when an answer ends: asking again at once is as good as any */
        return count->open + count->foreign_used + amount <= limit->amount ? 0 : 1;
    default:
        return count->used + amount <= limit->amount
                   ? 0
                   : until_ns(window_end_ms(limit, moment.wall_ms), moment.wall_ms);
    }
}

void fake_count_take(const struct fake_limit *limit, struct fake_count *count,
                     struct fake_moment moment, uint64_t amount) {
    advance(limit, count, moment);
    switch (limit->shape) {
    case FAKE_ROLLING:
        log_add(&count->log, moment.now_ns, amount);
        break;
    case FAKE_REFILL:
    case FAKE_SPACED:
        count->debt += (wide)amount * window_ns(limit);
        break;
    case FAKE_CONCURRENT:
        count->open += (uint32_t)amount;
        break;
    case FAKE_ANCHORED:
        if (!count->begun && amount > 0) {
            count->begun = true;
            count->window = (int64_t)moment.now_ns;
        }
        count->used += amount;
        break;
    default:
        count->used += amount;
        break;
    }
}

uint64_t fake_count_used(const struct fake_limit *limit, struct fake_count *count,
                         struct fake_moment moment) {
    advance(limit, count, moment);
    wide window = window_ns(limit);
    uint64_t passed_ms;
    switch (limit->shape) {
    case FAKE_ROLLING:
        return count->log.sum;
    case FAKE_REFILL:
    case FAKE_SPACED:
        return (uint64_t)((count->debt + window - 1) / window);
    case FAKE_CONCURRENT:
        return count->open + count->foreign_used;
    case FAKE_SLIDING:
        passed_ms = (uint64_t)(moment.wall_ms % (int64_t)limit->window_ms);
        return count->used + (uint64_t)((wide)count->used_before * (limit->window_ms - passed_ms) /
                                        limit->window_ms);
    default:
        return count->used;
    }
}

uint64_t fake_count_reset_ns(const struct fake_limit *limit, struct fake_count *count,
                             struct fake_moment moment) {
    advance(limit, count, moment);
    switch (limit->shape) {
    case FAKE_ROLLING:
        return count->log.count == 0 ? 0
                                     : use_at(&count->log, count->log.count - 1)->at_ns +
                                           window_ns(limit) - moment.now_ns;
    case FAKE_REFILL:
    case FAKE_SPACED:
        return (uint64_t)((count->debt + limit->amount - 1) / limit->amount);
    case FAKE_ANCHORED:
        return count->begun ? (uint64_t)count->window + window_ns(limit) - moment.now_ns : 0;
    case FAKE_ONCE:
    case FAKE_CONCURRENT:
        return 0;
    default:
        return until_ns(window_end_ms(limit, moment.wall_ms), moment.wall_ms);
    }
}

/* --- the truth --- */

void fake_meter_add(const struct fake_limit *limit, struct fake_meter *meter,
                    struct fake_moment moment, uint64_t amount) {
    int64_t window;
    switch (limit->shape) {
    case FAKE_ONCE:
        meter->log.sum += amount;
        break;
    case FAKE_DAY:
    case FAKE_MONTH:
        window = window_number(limit, moment.wall_ms);
        if (window != meter->window)
            meter->log.sum = 0;
        meter->window = window;
        meter->log.sum += amount;
        break;
    default:
        log_advance(&meter->log, moment.now_ns, window_ns(limit));
        log_add(&meter->log, moment.now_ns, amount);
        break;
    }
    if (meter->log.sum > meter->most)
        meter->most = meter->log.sum;
}
