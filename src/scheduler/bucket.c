// SPDX-License-Identifier: Apache-2.0
/*
 * A bucket that drains evenly: the mirror of a provider's token bucket, and the pacer.
 *
 * It is the generic cell rate algorithm (ITU-T I.371) kept as a level instead of a time of arrival, so that it can be exact in
 * 64 bits without fractions: with g = gcd(rate, ticks of the window), a tick drains rate/g units and an amount of one costs
 * ticks/g. A tick is a microsecond, or as much coarser as it takes for the capacity to fit.
 *
 * Draining is believed only after `delay`: a request is let in by the level of that long ago (as if nothing had drained since),
 * but recorded at its own time. So requests that reach the provider by up to `delay` closer together than they were sent still
 * find its bucket drained as far. What came after an idle time and is no more than the capacity in all needs no draining, so a
 * whole burst may go at once. Rounding of times goes against us: records late, looks early.
 *
 * A correction downwards takes out only what is still inside. Had the amount been smaller, the bucket would have run empty
 * earlier, so of a difference d the part min(d, lowest level since then) is left. The lows since each record are kept as a
 * short rising list; when it is full two neighbours are joined in favour of the lower one.
 */
#include "scheduler/node.h"

#include <string.h>

#define UNITS_MAX ((uint64_t)1 << 62)

static uint64_t divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t divide_up(uint64_t value, uint64_t by) {
    return value / by + (value % by != 0);
}

static uint64_t product(uint64_t a, uint64_t b) {
    uint64_t value;
    return __builtin_mul_overflow(a, b, &value) || value > UNITS_MAX ? UNITS_MAX : value;
}

static void measure(struct bucket *bucket, const struct bucket_shape *shape) {
    static const uint64_t ticks_ns[] = {NS_PER_US, NS_PER_MS, NS_PER_S,
                                        60 * NS_PER_S}; /* the last is enough for any limit */
    check(shape->rate > 0 && shape->window_ns > 0 && shape->burst > 0);
    bucket->most = shape->burst;
    for (size_t i = 0; i < array_length(ticks_ns); i++) {
        uint64_t ticks = divide_up(shape->window_ns, ticks_ns[i]);
        uint64_t common = divisor(shape->rate, ticks);
        bucket->tick_ns = ticks_ns[i];
        bucket->drain = shape->rate / common;
        bucket->cost = ticks / common;
        bucket->delay_ticks = divide_up(shape->delay_ns, ticks_ns[i]);
        bucket->capacity = product(shape->burst, bucket->cost);
        if (bucket->capacity < UNITS_MAX)
            return;
    }
    check(bucket->capacity < UNITS_MAX);
}

void bucket_init(struct bucket *bucket, const struct bucket_shape *shape) {
    *bucket = (struct bucket){0};
    measure(bucket, shape);
}

static uint64_t drained(const struct bucket *bucket, uint64_t ticks) {
    return ticks > bucket->level / bucket->drain ? bucket->level : ticks * bucket->drain;
}

static uint64_t level_at(const struct bucket *bucket, uint64_t tick) {
    if (tick >= bucket->at_tick)
        return bucket->level - drained(bucket, tick - bucket->at_tick);
    return bucket->level + product(bucket->at_tick - tick, bucket->drain);
}

static uint64_t tick_up(const struct bucket *bucket, uint64_t now_ns) {
    uint64_t tick = divide_up(now_ns, bucket->tick_ns);
    return tick > bucket->at_tick ? tick : bucket->at_tick;
}

static void advance(struct bucket *bucket, uint64_t tick) {
    bucket->level = level_at(bucket, tick);
    bucket->at_tick = tick;
}

/* The first tick, looking without delay, at which the level leaves that much room. */
static uint64_t tick_of_room(const struct bucket *bucket, uint64_t amount) {
    uint64_t cost = product(amount, bucket->cost);
    uint64_t room = cost < bucket->capacity ? bucket->capacity - cost : 0;
    if (bucket->level > room)
        return bucket->at_tick + divide_up(bucket->level - room, bucket->drain);
    uint64_t earlier = (room - bucket->level) / bucket->drain;
    return earlier < bucket->at_tick ? bucket->at_tick - earlier : 0;
}

bool bucket_fits(const struct bucket *bucket, uint64_t now_ns, uint64_t amount) {
    if (bucket->burst_sum + amount <= bucket->most)
        return true;
    return now_ns / bucket->tick_ns >= tick_of_room(bucket, amount) + bucket->delay_ticks;
}

uint64_t bucket_used(const struct bucket *bucket, uint64_t now_ns) {
    uint64_t tick = now_ns / bucket->tick_ns;
    uint64_t level = tick > bucket->at_tick ? level_at(bucket, tick) : bucket->level;
    return divide_up(level, bucket->cost);
}

static void note_low(struct bucket *bucket) {
    while (bucket->low_count > 0 && bucket->lows[bucket->low_count - 1].level >= bucket->level)
        bucket->low_count--;
    if (bucket->low_count == BUCKET_LOWS) {
        /* The two oldest become one: the lower level, for records up to the later one. */
        bucket->lows[0].sequence = bucket->lows[1].sequence;
        memmove(&bucket->lows[1], &bucket->lows[2], (BUCKET_LOWS - 2) * sizeof bucket->lows[0]);
        bucket->low_count--;
    }
    bucket->lows[bucket->low_count].sequence = bucket->sequence;
    bucket->lows[bucket->low_count++].level = bucket->level;
}

static uint64_t lowest_since(const struct bucket *bucket, uint64_t stamp) {
    for (uint32_t i = 0; i < bucket->low_count; i++)
        if (bucket->lows[i].sequence > stamp)
            return bucket->lows[i].level < bucket->level ? bucket->lows[i].level : bucket->level;
    return bucket->level;
}

/* The lows of later records fall with the level: without the amount they would have been lower by as much. */
static void lower_since(struct bucket *bucket, uint64_t stamp, uint64_t taken) {
    uint32_t first = 0, kept = 0;
    while (first < bucket->low_count && bucket->lows[first].sequence <= stamp)
        first++;
    for (uint32_t i = first; i < bucket->low_count; i++)
        bucket->lows[i].level -= taken;
    for (uint32_t i = 0; i < bucket->low_count; i++) {
        if (i < first && first < bucket->low_count &&
            bucket->lows[i].level >= bucket->lows[first].level)
            continue; /* the list stays rising */
        bucket->lows[kept++] = bucket->lows[i];
    }
    bucket->low_count = kept;
}

uint64_t bucket_record(struct bucket *bucket, uint64_t now_ns, uint64_t amount) {
    uint64_t trusted = now_ns / bucket->tick_ns;
    trusted = trusted > bucket->delay_ticks ? trusted - bucket->delay_ticks : 0;
    if (trusted >= bucket->at_tick && level_at(bucket, trusted) == 0) {
        bucket->burst_sum = 0;
        bucket->burst_since = bucket->sequence;
    }
    advance(bucket, tick_up(bucket, now_ns));
    bucket->sequence++;
    bucket->burst_sum += amount;
    note_low(bucket);
    uint64_t cost = product(amount, bucket->cost);
    bucket->level = cost > UNITS_MAX - bucket->level ? UNITS_MAX : bucket->level + cost;
    return bucket->sequence;
}

uint64_t bucket_free_at(const struct bucket *bucket, uint64_t now_ns, uint64_t amount,
                        uint64_t pending) {
    struct bucket later = *bucket;
    if (pending > 0)
        (void)bucket_record(&later, now_ns, pending);
    uint64_t tick = tick_of_room(&later, amount) + later.delay_ticks;
    uint64_t free_at_ns = product(tick, later.tick_ns);
    return free_at_ns > now_ns ? free_at_ns : now_ns + 1;
}

void bucket_correct(struct bucket *bucket, uint64_t now_ns, uint64_t stamp, uint64_t from,
                    uint64_t to) {
    if (to > from) {
        (void)bucket_record(bucket, now_ns, to - from);
        return;
    }
    advance(bucket, tick_up(bucket, now_ns));
    if (stamp > bucket->burst_since)
        bucket->burst_sum -= from - to < bucket->burst_sum ? from - to : bucket->burst_sum;
    uint64_t cost = product(from - to, bucket->cost);
    uint64_t inside = lowest_since(bucket, stamp);
    uint64_t taken = cost < inside ? cost : inside;
    bucket->level -= taken;
    lower_since(bucket, stamp, taken);
}

void bucket_set_used(struct bucket *bucket, uint64_t now_ns, uint64_t used) {
    advance(bucket, tick_up(bucket, now_ns));
    bucket->sequence++;
    bucket->level = product(used, bucket->cost);
    bucket->burst_since = bucket->sequence;
    bucket->burst_sum = bucket->most; /* where it stands is known, not how it came there */
    /* Whatever was inside before is not taken out again by its own settlement. */
    bucket->low_count = 1;
    bucket->lows[0].sequence = bucket->sequence;
    bucket->lows[0].level = 0;
}

uint64_t bucket_amount_of(const struct bucket *bucket, uint64_t duration_ns) {
    return divide_up(product(divide_up(duration_ns, bucket->tick_ns), bucket->drain), bucket->cost);
}

void bucket_reshape(struct bucket *bucket, uint64_t now_ns, const struct bucket_shape *shape) {
    uint64_t used = bucket_used(bucket, now_ns);
    uint64_t sequence = bucket->sequence;
    bool fresh = bucket->level == 0 && bucket->at_tick == 0;
    bucket_init(bucket, shape);
    bucket->sequence = sequence;
    if (!fresh)
        bucket_set_used(bucket, now_ns, used);
}
