// SPDX-License-Identifier: Apache-2.0
/*
 * One limit's node: what all shapes have in common, and the table of what they do not.
 *
 * Reserve makes an amount pending; sent moves it into the record of the shape, at that instant; settle corrects the record to
 * what was used in the end. A node is asked two questions: does this fit now, and if not, when will it. The answers agree: what
 * does not fit fits at the time told, if nothing else happens, and not before (with pending amounts taken as sent now).
 * Promises: reserved = settled + released + open; more is never recorded as free than the shape's own rule gives back.
 * Leaves to others: which amount (amount.c), all or nothing over several nodes (ledger.c), what headers say (reading.c).
 */
#include "scheduler/node.h"

struct shape {
    void (*advance)(struct limit_node *node, struct moment moment);
    bool (*fits)(const struct limit_node *node, struct moment moment, uint64_t amount,
                 uint64_t room);
    uint64_t (*free_at)(const struct limit_node *node, struct moment moment, uint64_t amount,
                        uint64_t room);
    uint64_t (*used)(const struct limit_node *node, struct moment moment);
    uint64_t (*record)(struct limit_node *node, struct moment moment, uint64_t amount);
    void (*correct)(struct limit_node *node, struct moment moment, const struct node_end *end);
    void (*set_used)(struct limit_node *node, struct moment moment, uint64_t used);
    uint64_t (*resets_at)(const struct limit_node *node, struct moment moment);
};

static void stay(struct limit_node *node, struct moment moment) {
    (void)node;
    (void)moment;
}

/* --- rolling --- */

static void rolling_advance(struct limit_node *node, struct moment moment) {
    log_advance(&node->as.log, moment.now_ns);
}

/* Beside the window, for nodes of requests. */
static bool paced_fits(const struct limit_node *node, struct moment moment) {
    return node->pace_burst == 0 || (node->pending + 1 <= node->pacer.most &&
                                     bucket_fits(&node->pacer, moment.now_ns, node->pending + 1));
}

static bool rolling_fits(const struct limit_node *node, struct moment moment, uint64_t amount,
                         uint64_t room) {
    return node->as.log.sum + node->pending + amount <= room && paced_fits(node, moment);
}

static uint64_t rolling_free_at(const struct limit_node *node, struct moment moment,
                                uint64_t amount, uint64_t room) {
    uint64_t wanted = node->as.log.sum + node->pending + amount;
    uint64_t free_at_ns = 0;
    if (wanted > room)
        free_at_ns = log_free_at(&node->as.log, moment.now_ns, wanted - room);
    if (!paced_fits(node, moment)) {
        uint64_t paced_ns = bucket_free_at(&node->pacer, moment.now_ns, 1, node->pending);
        free_at_ns = paced_ns > free_at_ns ? paced_ns : free_at_ns;
    }
    return free_at_ns;
}

static uint64_t rolling_used(const struct limit_node *node, struct moment moment) {
    (void)moment;
    return node->as.log.sum;
}

static uint64_t rolling_record(struct limit_node *node, struct moment moment, uint64_t amount) {
    return log_record(&node->as.log, moment.now_ns, amount);
}

static void rolling_correct(struct limit_node *node, struct moment moment,
                            const struct node_end *end) {
    (void)moment;
    log_correct(&node->as.log, end->stamp, end->reserved, end->used);
}

static void rolling_set_used(struct limit_node *node, struct moment moment, uint64_t used) {
    log_set_sum(&node->as.log, moment.now_ns, used);
}

static uint64_t rolling_resets_at(const struct limit_node *node, struct moment moment) {
    return node->as.log.sum == 0 ? FREE_AT_UNKNOWN : log_free_at(&node->as.log, moment.now_ns, 1);
}

/* --- buckets --- */

static bool bucket_node_fits(const struct limit_node *node, struct moment moment, uint64_t amount,
                             uint64_t room) {
    uint64_t kept_free = node_most(node) > room ? node_most(node) - room : 0;
    return amount + node->pending <= room &&
           bucket_fits(&node->as.bucket, moment.now_ns, amount + node->pending + kept_free);
}

static uint64_t bucket_node_free_at(const struct limit_node *node, struct moment moment,
                                    uint64_t amount, uint64_t room) {
    uint64_t kept_free = node_most(node) > room ? node_most(node) - room : 0;
    return bucket_free_at(&node->as.bucket, moment.now_ns, amount + kept_free, node->pending);
}

static uint64_t bucket_node_used(const struct limit_node *node, struct moment moment) {
    return bucket_used(&node->as.bucket, moment.now_ns);
}

static uint64_t bucket_node_record(struct limit_node *node, struct moment moment, uint64_t amount) {
    return bucket_record(&node->as.bucket, moment.now_ns, amount);
}

static void bucket_node_correct(struct limit_node *node, struct moment moment,
                                const struct node_end *end) {
    bucket_correct(&node->as.bucket, moment.now_ns, end->stamp, end->reserved, end->used);
}

/* A request that went out has been let through, whatever became of it. */
static void pacer_correct(struct limit_node *node, struct moment moment,
                          const struct node_end *end) {
    if (node->unit != LIMIT_REQUESTS)
        bucket_node_correct(node, moment, end);
}

static void bucket_node_set_used(struct limit_node *node, struct moment moment, uint64_t used) {
    bucket_set_used(&node->as.bucket, moment.now_ns, used);
}

static uint64_t bucket_node_resets_at(const struct limit_node *node, struct moment moment) {
    uint64_t used = bucket_used(&node->as.bucket, moment.now_ns);
    uint64_t most = node_most(node);
    if (used == 0)
        return FREE_AT_UNKNOWN;
    return bucket_free_at(&node->as.bucket, moment.now_ns, used >= most ? 1 : most - used + 1, 0);
}

/* --- dates --- */

static bool period_node_fits(const struct limit_node *node, struct moment moment, uint64_t amount,
                             uint64_t room) {
    (void)moment;
    return period_fits(node, amount, room);
}

static uint64_t period_used(const struct limit_node *node, struct moment moment) {
    (void)moment;
    const struct period *period = &node->as.period;
    return period->used > period->next_used ? period->used : period->next_used;
}

static void period_node_correct(struct limit_node *node, struct moment moment,
                                const struct node_end *end) {
    (void)moment;
    period_correct(node, end->stamp, end->reserved, end->used);
}

static void period_set_used(struct limit_node *node, struct moment moment, uint64_t used) {
    (void)moment;
    node->as.period.used = used;
    if (node->as.period.next_used > used)
        node->as.period.next_used = used;
}

/* --- counters without time --- */

static bool count_fits(const struct limit_node *node, struct moment moment, uint64_t amount,
                       uint64_t room) {
    (void)moment;
    return node->as.count + node->pending + amount <= room;
}

static uint64_t at_once_free_at(const struct limit_node *node, struct moment moment,
                                uint64_t amount, uint64_t room) {
    (void)node;
    (void)moment;
    (void)amount;
    (void)room;
    return FREE_AT_UNKNOWN;
}

static uint64_t once_free_at(const struct limit_node *node, struct moment moment, uint64_t amount,
                             uint64_t room) {
    (void)moment;
    return node->as.count + amount > room ? FREE_AT_NEVER : FREE_AT_UNKNOWN;
}

static uint64_t count_used(const struct limit_node *node, struct moment moment) {
    (void)moment;
    return node->as.count;
}

static uint64_t count_record(struct limit_node *node, struct moment moment, uint64_t amount) {
    (void)moment;
    node->as.count += amount;
    return 0;
}

static void count_correct(struct limit_node *node, struct moment moment,
                          const struct node_end *end) {
    (void)moment;
    uint64_t with = node->as.count + end->used;
    node->as.count = with > end->reserved ? with - end->reserved : 0;
}

static void count_set_used(struct limit_node *node, struct moment moment, uint64_t used) {
    (void)moment;
    node->as.count = used;
}

static void leave_used(struct limit_node *node, struct moment moment, uint64_t used) {
    (void)node;
    (void)moment;
    (void)used;
}

static uint64_t not_by_time(const struct limit_node *node, struct moment moment) {
    (void)node;
    (void)moment;
    return FREE_AT_UNKNOWN;
}

static const struct shape shapes[LIMIT_SHAPE_COUNT] = {
    [LIMIT_ROLLING] = {rolling_advance, rolling_fits, rolling_free_at, rolling_used, rolling_record,
                       rolling_correct, rolling_set_used, rolling_resets_at},
    [LIMIT_REFILL] = {stay, bucket_node_fits, bucket_node_free_at, bucket_node_used,
                      bucket_node_record, bucket_node_correct, bucket_node_set_used,
                      bucket_node_resets_at},
    [LIMIT_CALENDAR_DAY] = {period_advance, period_node_fits, period_free_at, period_used,
                            period_record, period_node_correct, period_set_used, period_opens_at},
    [LIMIT_CALENDAR_MONTH] = {period_advance, period_node_fits, period_free_at, period_used,
                              period_record, period_node_correct, period_set_used, period_opens_at},
    [LIMIT_ALIGNED] = {period_advance, period_node_fits, period_free_at, period_used, period_record,
                       period_node_correct, period_set_used, period_opens_at},
    [LIMIT_AT_ONCE] = {stay, count_fits, at_once_free_at, count_used, count_record, count_correct,
                       leave_used, not_by_time},
    [LIMIT_ONCE] = {stay, count_fits, once_free_at, count_used, count_record, count_correct,
                    count_set_used, not_by_time},
    [LIMIT_PACER] = {stay, bucket_node_fits, bucket_node_free_at, bucket_node_used,
                     bucket_node_record, pacer_correct, leave_used, bucket_node_resets_at},
};

/* --- making and measuring --- */

static uint64_t pacer_burst(const struct limit_node *node, uint64_t burst) {
    uint64_t most = node->amount > 1 ? node->amount - 1 : 1;
    return burst == 0 ? 1 : burst < most ? burst : most;
}

/* At most `burst` at once and `amount` in any window, ways that differ by the spread included. */
static struct bucket_shape pacer_shape(const struct limit_node *node, uint64_t burst) {
    uint64_t inside = pacer_burst(node, burst);
    uint64_t rate = node->amount > inside ? node->amount - inside : 1;
    return (struct bucket_shape){
        .rate = rate, .window_ns = node->window_ns + node->spread_ns, .burst = inside};
}

static struct bucket_shape refill_shape(const struct limit_node *node) {
    return (struct bucket_shape){.rate = node->amount,
                                 .window_ns = node->window_ns,
                                 .burst = node->amount,
                                 .delay_ns = node->spread_ns};
}

static struct bucket_shape bucket_shape(const struct limit_node *node) {
    return node->shape == LIMIT_REFILL ? refill_shape(node) : pacer_shape(node, node->burst);
}

static bool is_bucket(const struct limit_node *node) {
    return node->shape == LIMIT_REFILL || node->shape == LIMIT_PACER;
}

void node_init(struct limit_node *node, const struct catalog_limit *limit,
               const struct node_setting *setting) {
    *node = (struct limit_node){.unit = limit->unit,
                                .shape = limit->shape,
                                .scope = limit->scope,
                                .up_front = limit->up_front,
                                .refused_count = limit->refused_count,
                                .guessed = limit->guessed,
                                .zone = limit->zone,
                                .amount = limit->amount,
                                .configured = limit->amount,
                                .window_ns = limit->window_ms * NS_PER_MS,
                                .burst = limit->burst,
                                .spread_ns = setting->spread_ns,
                                .guard_ms = (int64_t)setting->guard_ms};
    /* A band as wide as a short window would leave nothing between two. */
    if (limit->shape == LIMIT_ALIGNED && setting->guard_ms > limit->window_ms / 4)
        node->guard_ms = (int64_t)(limit->window_ms / 4);
    list_init(&node->parked);
    if (node->shape == LIMIT_ROLLING)
        log_init(&node->as.log, node->window_ns, node->spread_ns);
    if (is_bucket(node)) {
        struct bucket_shape shape = bucket_shape(node);
        bucket_init(&node->as.bucket, &shape);
    }
}

uint64_t node_most(const struct limit_node *node) {
    return node->shape == LIMIT_PACER ? pacer_burst(node, node->burst) : node->amount;
}

/* What may be in use; the margin never shuts out a request that fits by itself. */
static uint64_t room_for(const struct limit_node *node, uint64_t amount) {
    uint64_t most = node_most(node);
    uint64_t room = most > node->margin ? most - node->margin : 0;
    return room > amount || amount > most ? room : amount;
}

/* --- questions --- */

/* Its functions, once its state has been moved forward. */
static const struct shape *moved(struct limit_node *node, struct moment moment) {
    shapes[node->shape].advance(node, moment);
    return &shapes[node->shape];
}

bool node_fits(struct limit_node *node, struct moment moment, uint64_t amount) {
    if (node->shape == LIMIT_ROLLING) { /* most are: not by way of the table */
        log_advance(&node->as.log, moment.now_ns);
        return amount == 0 || rolling_fits(node, moment, amount, room_for(node, amount));
    }
    return amount == 0 || moved(node, moment)->fits(node, moment, amount, room_for(node, amount));
}

uint64_t node_free_at(struct limit_node *node, struct moment moment, uint64_t amount) {
    if (amount > node_most(node))
        return FREE_AT_NEVER;
    return moved(node, moment)->free_at(node, moment, amount, room_for(node, amount));
}

uint64_t node_used(struct limit_node *node, struct moment moment) {
    return moved(node, moment)->used(node, moment);
}

bool node_may_fit_when_settled(struct limit_node *node, struct moment moment, uint64_t amount) {
    if (node->open == 0)
        return false;
    uint64_t used = node_used(node, moment);
    uint64_t settled = used > node->unanswered ? used - node->unanswered : 0;
    return amount + settled <= room_for(node, amount);
}

uint64_t node_turn_at(struct limit_node *node, struct moment moment, uint64_t amount,
                      uint64_t ahead) {
    uint64_t most = node_most(node);
    if (amount == 0 || amount > most)
        return amount == 0 ? 0 : FREE_AT_NEVER;
    if (is_bucket(node)) { /* drains, whoever comes */
        bool fits = ahead + amount <= most && node_fits(node, moment, ahead + amount);
        uint64_t kept_free = most - room_for(node, amount);
        return fits ? 0
                    : bucket_free_at(&node->as.bucket, moment.now_ns, amount + kept_free,
                                     node->pending + ahead);
    }
    /* Those ahead fill so many whole windows; the rest of them go in the same one. */
    uint64_t rounds = (ahead + amount - 1) / most, together = (ahead + amount - 1) % most + 1;
    if (rounds == 0 && node_fits(node, moment, together))
        return 0;
    uint64_t free_at_ns =
        node_fits(node, moment, together) ? moment.now_ns : node_free_at(node, moment, together);
    if (free_at_ns == FREE_AT_UNKNOWN || free_at_ns == FREE_AT_NEVER)
        return free_at_ns;
    return free_at_ns + rounds * (node->window_ns + node->spread_ns);
}

uint64_t node_resets_at(struct limit_node *node, struct moment moment) {
    return moved(node, moment)->resets_at(node, moment);
}

/* --- an amount's way --- */

void node_reserve(struct limit_node *node, uint64_t amount) {
    node->pending += amount;
    node->reserved += amount;
    node->open += amount;
}

uint64_t node_sent(struct limit_node *node, struct moment moment, uint64_t amount) {
    const struct shape *shape = &shapes[node->shape];
    check(node->pending >= amount);
    node->pending -= amount;
    node->unanswered += amount;
    shape->advance(node, moment);
    if (node->shape == LIMIT_ROLLING && node->pace_burst > 0)
        (void)bucket_record(&node->pacer, moment.now_ns, amount);
    return shape->record(node, moment, amount);
}

void node_answered(struct limit_node *node, uint64_t amount) {
    check(node->unanswered >= amount);
    node->unanswered -= amount;
    node->answered += amount;
}

bool node_settle(struct limit_node *node, struct moment moment, const struct node_end *end) {
    const struct shape *shape = &shapes[node->shape];
    check(node->open >= end->reserved);
    node->open -= end->reserved;
    if (end->kept)
        node->settled += end->reserved;
    else
        node->released += end->reserved;
    shape->advance(node, moment);
    if (end->used > end->reserved)
        node->answered +=
            end->used - end->reserved; /* so much more may overlap others (reading.c) */
    if (end->stamp != STAMP_NONE) {
        shape->correct(node, moment, end);
        return end->used < end->reserved;
    }
    check(node->pending >= end->reserved);
    node->pending -= end->reserved;
    if (end->used > 0)
        (void)shape->record(node, moment, end->used);
    return end->used < end->reserved;
}

/* --- other numbers than before --- */

static bool follows_dates(const struct limit_node *node) {
    return shapes[node->shape].advance == period_advance;
}

void node_date_set(struct limit_node *node) {
    if (follows_dates(node))
        node->as.period.until_ns = 0;
}

void node_set_used(struct limit_node *node, struct moment moment, uint64_t used) {
    moved(node, moment)->set_used(node, moment, used);
}

static void reshape(struct limit_node *node, struct moment moment) {
    if (is_bucket(node)) {
        struct bucket_shape shape = bucket_shape(node);
        bucket_reshape(&node->as.bucket, moment.now_ns, &shape);
    } else if (node->shape == LIMIT_ROLLING && node->pace_burst > 0) {
        struct bucket_shape shape = pacer_shape(node, node->pace_burst);
        bucket_reshape(&node->pacer, moment.now_ns, &shape);
    }
}

void node_set_amount(struct limit_node *node, struct moment moment, uint64_t amount) {
    if (amount == node->amount || amount == 0)
        return;
    node->amount = amount < SCHEDULER_AMOUNT_MAX ? amount : SCHEDULER_AMOUNT_MAX;
    reshape(node, moment);
}

void node_set_pace(struct limit_node *node, struct moment moment, uint64_t burst) {
    bool was_off = node->pace_burst == 0;
    node->pace_burst = burst < node->amount ? burst : 0;
    if (node->pace_burst == 0)
        return;
    struct bucket_shape shape = pacer_shape(node, node->pace_burst);
    if (was_off)
        bucket_init(&node->pacer, &shape); /* what is in the window has had its refusal */
    else
        bucket_reshape(&node->pacer, moment.now_ns, &shape);
}

void node_set_spread(struct limit_node *node, struct moment moment, uint64_t spread_ns) {
    if (spread_ns < NODE_SPREAD_LEAST_NS)
        spread_ns = NODE_SPREAD_LEAST_NS;
    if (spread_ns > NODE_SPREAD_MOST_NS)
        spread_ns = NODE_SPREAD_MOST_NS;
    if (spread_ns == node->spread_ns)
        return;
    node->spread_ns = spread_ns;
    if (node->shape == LIMIT_ROLLING)
        log_resize(&node->as.log, moment.now_ns, node->window_ns, spread_ns);
    reshape(node, moment);
}

void node_adopt(struct limit_node *node, const struct limit_node *from, struct moment moment) {
    struct limit_node fresh = *node;
    *node = *from;
    list_init(&node->parked);
    node->waiting = 0; /* tickets line up anew */
    node->scope = fresh.scope;
    node->up_front = fresh.up_front;
    node->refused_count = fresh.refused_count;
    node->zone = fresh.zone;
    node->guard_ms = fresh.guard_ms;
    node->burst = fresh.burst;
    node_date_set(node); /* its zone or guard may be others */
    node->configured = fresh.configured;
    if (from->configured != fresh.configured) {
        node->amount = fresh.configured;
        node->guessed = fresh.guessed;
        node->guess = (struct guess){0};
    }
    reshape(node, moment);
}

void node_verify(const struct limit_node *node) {
    check(node->reserved == node->settled + node->released + node->open);
    check(node->pending + node->unanswered <= node->open);
    if (node->shape != LIMIT_ROLLING)
        return;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LOG_SLOTS; i++)
        sum += node->as.log.slots[i];
    check(sum == node->as.log.sum);
}
