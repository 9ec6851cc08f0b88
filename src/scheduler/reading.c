// SPDX-License-Identifier: Apache-2.0
/*
 * What providers say about our limits, and whose number is right: the clamp.
 *
 * An answer to q says that u of the limit were used when its head was written. Whatever had been answered before q was sent is in
 * u; only requests that overlapped q may be missing. So the true count lies between u and u + overlap, and ours is moved into
 * that interval, no further: a number that was overtaken by others does no harm, lost counts and uses by others raise ours, and
 * what we counted too much comes down. A bucket may have drained a little since, so its lower bound gives that much away.
 * What we must be raised by again and again is somebody else's use of the same account: its rate, times three round trips, is
 * kept free for them (at most a quarter of the limit).
 *
 * A told limit replaces ours both ways. A window that no limit of the route has, told as used up, rests the route until its
 * reset. Promises: a head that says nothing changes nothing. Leaves to others: reading heads (provider/).
 */
#include "scheduler/state.h"

#define TOLD_REST_MAX_NS    (24 * 3600 * NS_PER_S)
#define FOREIGN_HALF_MS     60000 /* how long a rate of foreign use is remembered, about */
#define FOREIGN_PER_S_MAX   ((uint64_t)1 << 40)
#define ROUND_TRIP_LEAST_MS 50
#define ROUND_TRIP_MOST_MS  5000
#define ROUND_TRIPS_FREE    3
#define MARGIN_PART         4 /* of the limit at most */
#define WINDOW_APART_MAX    500
#define SCOPE_DIFFERS       1
#define AMOUNT_DIFFERS      2

static bool may_be_told(const struct limit_node *node) {
    return node->shape != LIMIT_AT_ONCE && node->shape != LIMIT_PACER;
}

/* How badly a reading fits a node, in no unit; UINT64_MAX = not at all. The window decides; where it is not said, the amount. */
static uint64_t misfit(const struct limit_node *node, const struct scheduler_reading *reading) {
    if (!may_be_told(node) || (!reading->any_unit && node->unit != reading->unit))
        return UINT64_MAX;
    uint64_t scope = node->scope != reading->scope ? SCOPE_DIFFERS : 0;
    if (reading->window_ms == 0) {
        uint64_t amount = reading->has_limit && node->amount != reading->limit ? AMOUNT_DIFFERS : 0;
        return (node->window_ns / NS_PER_MS) * 8 + scope + (amount > 0 ? UINT64_MAX / 4 : 0);
    }
    uint64_t apart = holding_windows_apart(node->window_ns / NS_PER_MS, reading->window_ms);
    return apart > WINDOW_APART_MAX ? UINT64_MAX : apart * 8 + scope;
}

static const struct holding *match(const struct scheduler *scheduler, const struct ticket *ticket,
                                   const struct scheduler_reading *reading) {
    const struct holding *found = NULL;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < ticket->holding_count; i++) {
        const struct holding *holding = &ticket->holdings[i];
        if (holding->node == INDEX_NONE)
            continue;
        uint64_t how = misfit(&scheduler->nodes[holding->node], reading);
        if (how >= least)
            continue;
        least = how;
        found = holding;
    }
    return found;
}

/* The provider's own count; false when it did not tell it. */
static bool used_there(const struct limit_node *node, const struct scheduler_reading *reading,
                       uint64_t *ret_used) {
    if (reading->has_remaining) {
        *ret_used = node->amount > reading->remaining ? node->amount - reading->remaining : 0;
        return true;
    }
    if (!reading->has_reset || !reading->reset_is_full || node->shape != LIMIT_REFILL ||
        reading->reset_ms > SCHEDULER_WINDOW_MAX_MS)
        return false;
    uint64_t used = bucket_amount_of(&node->as.bucket, reading->reset_ms * NS_PER_MS);
    *ret_used = used < node->amount ? used : node->amount;
    return true;
}

static uint64_t bounded(uint64_t value, uint64_t least, uint64_t most) {
    return value < least ? least : value > most ? most : value;
}

static void note_foreign(struct limit_node *node, uint64_t now_ns, uint64_t raise,
                         uint64_t round_trip_ms) {
    uint64_t last_ns = node->told_ns;
    node->told_ns = now_ns;
    if (last_ns == 0)
        return; /* what was there before we looked is nobody's rate */
    uint64_t gap_ms = (now_ns - last_ns) / NS_PER_MS + 1;
    uint64_t rate_milli = raise > FOREIGN_PER_S_MAX ? FOREIGN_PER_S_MAX : raise * 1000000 / gap_ms;
    rate_milli = rate_milli < FOREIGN_PER_S_MAX ? rate_milli : FOREIGN_PER_S_MAX;
    /* The weight of now grows with the time that it stands for. */
    uint64_t weight = bounded(gap_ms * 1024 / (gap_ms + FOREIGN_HALF_MS), 1, 1023);
    node->foreign_milli = (node->foreign_milli * (1024 - weight) + rate_milli * weight) / 1024;
    uint64_t trip_ms = bounded(round_trip_ms, ROUND_TRIP_LEAST_MS, ROUND_TRIP_MOST_MS);
    uint64_t margin = (node->foreign_milli * trip_ms / 1000 * ROUND_TRIPS_FREE + 999) / 1000;
    node->margin = margin < node->amount / MARGIN_PART ? margin : node->amount / MARGIN_PART;
}

/* True when there may be more room than before. */
static bool clamp(struct limit_node *node, struct moment moment, const struct holding *holding,
                  uint64_t used_there, uint64_t round_trip_ms) {
    uint64_t overlap = node->unanswered + (node->answered - holding->answered_before);
    overlap = overlap > holding->amount ? overlap - holding->amount : 0; /* its own is counted */
    uint64_t most = used_there + overlap, least = used_there;
    if (node->shape == LIMIT_REFILL) {
        uint64_t drained = bucket_amount_of(&node->as.bucket, node->spread_ns);
        least = least > drained ? least - drained : 0;
    }
    uint64_t ours = node_used(node, moment), margin = node->margin;
    note_foreign(node, moment.now_ns, least > ours ? least - ours : 0, round_trip_ms);
    uint64_t used = bounded(ours, least, most);
    if (used != ours)
        node_set_used(node, moment, used);
    return used < ours || node->margin < margin;
}

static void apply(struct visit *visit, const struct ticket *ticket, const struct holding *holding,
                  const struct scheduler_reading *reading) {
    struct scheduler *scheduler = visit->scheduler;
    struct limit_node *node = &scheduler->nodes[holding->node];
    struct moment moment = moment_of(scheduler, visit->now_ns);
    uint64_t used, amount = node->amount;
    if (reading->has_limit && reading->limit > 0) {
        node_set_amount(node, moment, reading->limit);
        node->guessed = false;
    }
    bool freed = node->amount > amount;
    if (used_there(node, reading, &used)) {
        uint64_t round_trip_ms = (visit->now_ns - ticket->sent_ns) / NS_PER_MS;
        freed = clamp(node, moment, holding, used, round_trip_ms) || freed;
    }
    if (freed)
        node_freed(scheduler, holding->node);
}

static void rest_unknown(struct visit *visit, const struct ticket *ticket,
                         const struct scheduler_reading *reading) {
    if (!reading->has_limit || !reading->has_remaining || reading->remaining > 0 ||
        !reading->has_reset || reading->reset_ms == 0)
        return;
    uint64_t most_ms = TOLD_REST_MAX_NS / NS_PER_MS;
    uint64_t rest_ms = reading->reset_ms < most_ms ? reading->reset_ms : most_ms;
    bench_route(visit, ticket->route, rest_ms * NS_PER_MS);
}

static bool sensible(const struct scheduler_reading *reading) {
    return (unsigned)reading->unit < LIMIT_UNIT_COUNT &&
           (!reading->has_limit || reading->limit <= SCHEDULER_AMOUNT_MAX) &&
           (!reading->has_remaining || reading->remaining <= SCHEDULER_AMOUNT_MAX);
}

void scheduler_reading(struct scheduler *scheduler, uint64_t now_ns, scheduler_ticket id,
                       struct scheduler_readings readings, struct actions *out) {
    struct visit visit = {.scheduler = scheduler, .now_ns = now_ns, .out = out};
    visit_begin(&visit);
    struct ticket *ticket = ticket_find(scheduler, id);
    bool running = ticket != NULL && ticket->state >= TICKET_GRANTED && ticket->route != INDEX_NONE;
    if (running)
        ledger_sent(scheduler, now_ns, ticket); /* whoever answers has it */
    for (uint32_t i = 0; i < readings.count && running; i++) {
        const struct scheduler_reading *reading = &readings.rows[i];
        if (!sensible(reading))
            continue;
        const struct holding *holding = match(scheduler, ticket, reading);
        if (holding != NULL)
            apply(&visit, ticket, holding, reading);
        else
            rest_unknown(&visit, ticket, reading);
    }
    visit_end(&visit);
}
