// SPDX-License-Identifier: Apache-2.0
/*
 * The past, charged again: limits of a scheduler that was made after requests had been sent.
 *
 * An amount goes where the shape would have it by now: into the slot of its time, into a bucket that has drained since, into the
 * period that its date lies in. Nothing is reserved or settled by it and nobody is woken, since it only takes room away. Which
 * amount is the same table and the same arithmetic as at a settlement (holding.c, amount.c).
 * Promises: never less than a scheduler that saw it all would count; more only by the width of a slot, by what is not known of
 * sums, and by clocks. Leaves to others: where the past is kept; what refusals taught (learn.c), which is learned anew.
 */
#include "scheduler/past.h"

#include "scheduler/state.h"

/* The clock that limits follow may have begun later: then as old as it is. */
struct ages {
    uint64_t sent_ns, settled_ns;
    uint64_t sent_ms; /* as it is; dates know it */
};

typedef void replay_cb(struct limit_node *node, struct moment moment, struct ages ages,
                       uint64_t amount);

static void into_log(struct limit_node *node, struct moment moment, struct ages ages,
                     uint64_t amount) {
    /* The slots of an age before that clock do not exist. */
    uint64_t whole_ms = (LOG_SLOTS * node->as.log.slot_ns) / NS_PER_MS;
    if (ages.sent_ms <= whole_ms)
        log_replay(&node->as.log, moment.now_ns, ages.sent_ns, amount);
}

/* What was used beyond the reservation was poured in at the settlement. */
static void into_bucket(struct limit_node *node, struct moment moment, struct ages ages,
                        uint64_t amount) {
    (void)bucket_record(&node->as.bucket, moment.now_ns - ages.settled_ns, amount);
}

static void into_pacer(struct limit_node *node, struct moment moment, struct ages ages,
                       uint64_t amount) {
    (void)bucket_record(&node->as.bucket, moment.now_ns - ages.sent_ns, amount);
}

static void into_period(struct limit_node *node, struct moment moment, struct ages ages,
                        uint64_t amount) {
    period_replay(node, moment, ages.sent_ms, amount);
}

static void into_count(struct limit_node *node, struct moment moment, struct ages ages,
                       uint64_t amount) {
    (void)moment;
    (void)ages;
    node->as.count += amount;
}

static replay_cb *const into[LIMIT_SHAPE_COUNT] = {
    [LIMIT_ROLLING] = into_log,         [LIMIT_REFILL] = into_bucket,
    [LIMIT_CALENDAR_DAY] = into_period, [LIMIT_CALENDAR_MONTH] = into_period,
    [LIMIT_ALIGNED] = into_period,      [LIMIT_ONCE] = into_count,
    [LIMIT_PACER] = into_pacer, /* AT_ONCE: whatever ended was given back */
};

/* What stands for the reservation of a request: units that usage says nothing of. */
static uint64_t units_of(const struct limit_node *node, const struct scheduler_past *past) {
    if (node->unit == LIMIT_AUDIO_SECONDS)
        return past->kept.audio_seconds;
    if (node->unit == LIMIT_EMBED_INPUTS)
        return past->kept.inputs;
    return amount_same_for_all(node) ? past->count : 0;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t amount_of(const struct scheduler *scheduler, uint32_t index, uint32_t route,
                          const struct scheduler_past *past) {
    const struct limit_node *node = &scheduler->nodes[index];
    const struct scheduler_kept *kept = &past->kept;
    const struct ticket ticket = {.route = route};
    struct scheduler_usage usage = {
        .known = true,
        .input_tokens = node->up_front ? kept->input_up_front : kept->input_tokens,
        .output_tokens = node->up_front ? kept->output_up_front : kept->output_tokens,
        .has_cost = kept->has_cost,
        .cost_unit = kept->cost_unit,
        .cost = kept->cost};
    const struct holding holding = {.node = index, .amount = units_of(node, past)};
    enum charge charge = outcome_row(past->outcome)->charge;
    uint64_t amount = holding_charged(scheduler, &ticket, &holding, charge, &usage);
    bool told = kept->has_cost && kept->cost_unit == node->unit;
    if (told && (charge == CHARGE_KEEP || node->up_front)) {
        /* The reservation may have been more than the cost that was told: of several, by turns. */
        usage.has_cost = false;
        uint64_t whole = holding_charged(scheduler, &ticket, &holding, charge, &usage);
        amount = past->count > 1 ? amount + whole : larger(amount, whole);
    }
    /* Each of them was rounded up by itself. */
    if (amount > 0 && !told && amount_is_rounded(node->unit))
        amount += past->count - 1;
    return amount < SCHEDULER_AMOUNT_MAX ? amount : SCHEDULER_AMOUNT_MAX;
}

static struct ages ages_at(uint64_t now_ns, uint64_t age_ms, uint64_t took_ms) {
    uint64_t known_ms = age_ms < now_ns / NS_PER_MS ? age_ms : now_ns / NS_PER_MS;
    took_ms = took_ms < known_ms ? took_ms : known_ms;
    return (struct ages){known_ms * NS_PER_MS, (known_ms - took_ms) * NS_PER_MS, age_ms};
}

static void charge(struct limit_node *node, struct moment moment, struct ages ages,
                   uint64_t amount) {
    (void)node_used(node, moment); /* moves it forward to now */
    into[node->shape](node, moment, ages, amount);
}

void node_replay(struct limit_node *node, struct moment moment, uint64_t age_ms, uint64_t amount) {
    if (into[node->shape] != NULL && amount > 0)
        charge(node, moment, ages_at(moment.now_ns, age_ms, 0), amount);
}

static bool counts_in(const struct scheduler *scheduler, uint32_t index, uint32_t node) {
    const struct route *route = &scheduler->routes[index];
    for (uint32_t i = 0; i < route->limit_count; i++)
        if (scheduler->route_limits[route->first_limit + i].node == node)
            return true;
    return false;
}

/* Shared with a route before it. */
static bool charged_before(const struct scheduler *scheduler, const struct scheduler_past *past,
                           uint32_t place, uint32_t node) {
    for (uint32_t i = 0; i < place; i++)
        if (past->routes[i] < scheduler->config.route_count &&
            counts_in(scheduler, past->routes[i], node))
            return true;
    return false;
}

static void replay_route(struct scheduler *scheduler, uint64_t now_ns,
                         const struct scheduler_past *past, uint32_t place) {
    const struct route *route = &scheduler->routes[past->routes[place]];
    struct moment moment = moment_of(scheduler, now_ns);
    const struct ages ages = ages_at(now_ns, past->age_ms, past->took_ms);
    for (uint32_t i = 0; i < route->limit_count; i++) {
        uint32_t index = scheduler->route_limits[route->first_limit + i].node;
        struct limit_node *node = &scheduler->nodes[index];
        if (into[node->shape] == NULL || (past->new_only && node->goes_on) ||
            charged_before(scheduler, past, place, index))
            continue;
        uint64_t amount = amount_of(scheduler, index, past->routes[place], past);
        if (amount == 0)
            continue;
        charge(node, moment, ages, amount);
    }
}

void scheduler_replay(struct scheduler *scheduler, uint64_t now_ns,
                      const struct scheduler_past *past) {
    for (uint32_t i = 0; i < past->route_count && past->count > 0; i++)
        if (past->routes[i] < scheduler->config.route_count)
            replay_route(scheduler, now_ns, past, i);
}
