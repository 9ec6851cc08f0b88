// SPDX-License-Identifier: Apache-2.0
/*
 * Counters that begin anew at a date: days and months of a zone, windows aligned to 1970.
 *
 * Whose clock decides is not known to the second, so around each reset there is a guard band [reset-g, reset+g]: what is sent in
 * it counts for the period before and for the one after, and the new period's room opens at reset+g only. A period's end never
 * moves back: when the machine's clock is set back, the count that was begun is kept until the end it had.
 * Promises: no request sent outside the bands is counted in a period it does not belong to as long as clocks differ by less
 * than g. Leaves to others: telling the date (scheduler_wall), which ends can hold a request at all (node.c).
 */
#include "scheduler/node.h"

int64_t wall_ms_at(const struct wall *wall, uint64_t now_ns) {
    if (now_ns >= wall->boot_ns)
        return wall->ms + (int64_t)((now_ns - wall->boot_ns) / NS_PER_MS);
    return wall->ms - (int64_t)((wall->boot_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

uint64_t wall_boot_ns(const struct wall *wall, int64_t wall_ms) {
    if (wall_ms >= wall->ms)
        return wall->boot_ns + (uint64_t)(wall_ms - wall->ms) * NS_PER_MS;
    uint64_t before_ns = (uint64_t)(wall->ms - wall_ms) * NS_PER_MS;
    return before_ns < wall->boot_ns ? wall->boot_ns - before_ns : 0;
}

static int64_t next_end(const struct limit_node *node, int64_t at_ms) {
    if (node->shape == LIMIT_CALENDAR_DAY)
        return zone_day_next_ms(&node->zone, at_ms);
    if (node->shape == LIMIT_CALENDAR_MONTH)
        return zone_month_next_ms(&node->zone, at_ms);
    int64_t length_ms = (int64_t)(node->window_ns / NS_PER_MS);
    int64_t number = at_ms / length_ms - (at_ms % length_ms < 0);
    return (number + 1) * length_ms;
}

uint64_t period_opens_at(const struct limit_node *node, struct moment moment) {
    return wall_boot_ns(moment.wall, node->as.period.end_ms + node->guard_ms);
}

void period_advance(struct limit_node *node, struct moment moment) {
    struct period *period = &node->as.period;
    if (moment.now_ns < period->until_ns)
        return;
    int64_t wall_ms = wall_ms_at(moment.wall, moment.now_ns);
    if (period->begun && wall_ms < period->end_ms + node->guard_ms) {
        period->until_ns = period_opens_at(node, moment);
        return;
    }
    int64_t end_ms = next_end(node, wall_ms - node->guard_ms);
    bool follows = period->begun && end_ms == next_end(node, period->end_ms);
    period->used = follows ? period->next_used : 0;
    period->next_used = 0;
    period->serial += follows ? 1 : 2;
    period->end_ms = end_ms;
    period->begun = true;
    period->until_ns = period_opens_at(node, moment);
}

static bool in_band(const struct limit_node *node, struct moment moment) {
    return wall_ms_at(moment.wall, moment.now_ns) >= node->as.period.end_ms - node->guard_ms;
}

static int64_t begin_of(const struct limit_node *node) {
    int64_t inside_ms = node->as.period.end_ms - 1;
    if (node->shape == LIMIT_CALENDAR_DAY)
        return zone_day_begin_ms(&node->zone, inside_ms);
    if (node->shape == LIMIT_CALENDAR_MONTH)
        return zone_month_begin_ms(&node->zone, inside_ms);
    return node->as.period.end_ms - (int64_t)(node->window_ns / NS_PER_MS);
}

bool period_fits(const struct limit_node *node, uint64_t amount, uint64_t room) {
    const struct period *period = &node->as.period;
    return period->used + node->pending + amount <= room &&
           period->next_used + node->pending + amount <= room;
}

uint64_t period_free_at(const struct limit_node *node, struct moment moment, uint64_t amount,
                        uint64_t room) {
    const struct period *period = &node->as.period;
    uint64_t carried = period->next_used + (in_band(node, moment) ? node->pending : 0);
    if (carried + amount <= room)
        return period_opens_at(node, moment);
    return wall_boot_ns(moment.wall, next_end(node, period->end_ms) + node->guard_ms);
}

uint64_t period_record(struct limit_node *node, struct moment moment, uint64_t amount) {
    struct period *period = &node->as.period;
    bool both = in_band(node, moment);
    period->used += amount;
    if (both)
        period->next_used += amount;
    return period->serial << 1 | both;
}

static void change(uint64_t *used, uint64_t from, uint64_t to) {
    uint64_t cut = from > to ? from - to : 0;
    *used = to > from ? *used + (to - from) : *used - (cut < *used ? cut : *used);
}

void period_correct(struct limit_node *node, uint64_t stamp, uint64_t from, uint64_t to) {
    struct period *period = &node->as.period;
    uint64_t serial = stamp >> 1;
    bool both = (stamp & 1) != 0;
    if (serial == period->serial)
        change(&period->used, from, to);
    if (both && serial == period->serial)
        change(&period->next_used, from, to);
    else if (both && serial + 1 == period->serial)
        change(&period->used, from, to);
}

void period_replay(struct limit_node *node, struct moment moment, uint64_t age_ms,
                   uint64_t amount) {
    struct period *period = &node->as.period;
    int64_t then_ms = wall_ms_at(moment.wall, moment.now_ns) - (int64_t)age_ms;
    if (then_ms < begin_of(node) - node->guard_ms)
        return;
    period->used += amount;
    if (then_ms >= period->end_ms - node->guard_ms)
        period->next_used += amount;
}
