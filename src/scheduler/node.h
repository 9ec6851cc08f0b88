// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A node of the ledger: how much of one limit is used, and when more comes back. docs/internals/limits.md says what each shape
 * promises. Inside this folder only (tests may).
 *
 * An amount goes through three places: it is `pending` from its reservation until the request was sent, since what has not been
 * sent cannot begin to age; then it is recorded in the shape; its settlement corrects the record. Every function takes the time;
 * asking moves a node's state forward to it, which changes no answer.
 */
#include "base/clock.h"
#include "base/list.h"
#include "catalog/limit.h"
#include "scheduler/config.h"

#define LOG_SLOTS            64
#define BUCKET_LOWS          16
#define FREE_AT_UNKNOWN      0          /* when another request ends */
#define FREE_AT_NEVER        UINT64_MAX /* not by time */
#define STAMP_NONE           UINT64_MAX
#define NODE_SPREAD_LEAST_NS (50 * NS_PER_MS)
#define NODE_SPREAD_MOST_NS  (2 * NS_PER_S)

/* Boot time and date at one moment, as told last. */
struct wall {
    uint64_t boot_ns;
    int64_t ms;
};
int64_t wall_ms_at(const struct wall *wall, uint64_t now_ns);
/* The first instant at which the date is that or later. */
uint64_t wall_boot_ns(const struct wall *wall, int64_t wall_ms);

struct moment {
    uint64_t now_ns;
    const struct wall *wall; /* borrowed */
};

/* ROLLING: amounts by the slot of time they were sent in; a slot is dropped whole once all of it is old. */
struct log {
    uint64_t slot_ns; /* width: 63 of them cover the window and the spread */
    uint64_t head;    /* newest slot that may hold something: time / slot_ns */
    uint64_t next_ns; /* when the slot after it begins: until then nothing moves */
    uint64_t sum;
    uint64_t slots[LOG_SLOTS]; /* by number modulo LOG_SLOTS */
};

/* REFILL, PACER: a bucket of `capacity` units that drains evenly. Units are chosen so that the arithmetic is exact: a tick drains
 * `drain` of them, an amount of one costs `cost`. */
struct bucket {
    uint64_t tick_ns, drain, cost, capacity, delay_ticks;
    uint64_t level, at_tick; /* at that tick */
    uint64_t most, burst_sum,
        burst_since; /* amounts; recorded since it was idle, and from which record on */
    /* levels just before later records, the smallest of each stretch, rising: how much of an old amount is still inside */
    struct {
        uint64_t sequence, level;
    } lows[BUCKET_LOWS];
    uint32_t low_count;
    uint64_t sequence;
};

/* CALENDAR_DAY, CALENDAR_MONTH, ALIGNED: a counter for the period that ends at end_ms, and one for the next that counts what is
 * sent around its end. */
struct period {
    bool begun;
    int64_t end_ms;    /* never moves back */
    uint64_t until_ns; /* nothing moves before, unless the date is set */
    uint64_t serial;
    uint64_t used, next_used;
};

/* What refusals of a limit whose amount is a guess have taught (learn.c). */
struct guess {
    uint64_t accepted, accepted_ns;  /* the largest use without a refusal */
    uint64_t refused_at, refused_ns; /* the least use at one; 0 = none is remembered */
    uint64_t changed_ns;
};

struct limit_node { /* what every look needs stands first */
    enum limit_unit unit;
    enum limit_shape shape;
    enum limit_scope scope;
    bool up_front, refused_count, guessed;
    bool goes_on; /* it was there before the last configuration */
    uint64_t amount;
    uint64_t pending; /* reserved, not sent */
    uint64_t margin;  /* kept free for others who use the same account */
    uint64_t pace_burst;
    uint64_t
        waiting; /* tickets in the queue that can go nowhere else and take one each (queue.c) */
    union {
        struct log log;
        struct bucket bucket;
        struct period period;
        uint64_t count; /* AT_ONCE, ONCE */
    } as;
    uint64_t configured; /* amount in the configuration */
    uint64_t window_ns, burst, spread_ns;
    int64_t guard_ms;
    struct zone zone;
    struct bucket pacer; /* ROLLING: in force while pace_burst > 0 (learn.c) */
    uint64_t paced_ns;
    struct guess guess;
    uint64_t told_ns,
        foreign_milli; /* last reading; use by others a second, in thousandths (reading.c) */
    uint64_t unanswered, answered; /* sent and not answered; running total of answered amounts */
    uint64_t reserved, settled, released,
        open;           /* conservation: reserved = settled + released + open */
    struct list parked; /* places of routes that wait for it */
};

/* node.c */
struct node_setting {
    uint64_t spread_ns;
    uint64_t guard_ms;
};
void node_init(struct limit_node *node, const struct catalog_limit *limit,
               const struct node_setting *setting);
/* The most that one request may take. */
uint64_t node_most(const struct limit_node *node);
bool node_fits(struct limit_node *node, struct moment moment, uint64_t amount);
/* When an amount that does not fit now will, if nothing else happens; FREE_AT_*. Exact, and later than now. */
uint64_t node_free_at(struct limit_node *node, struct moment moment, uint64_t amount);
/* Recorded, without what is pending. */
uint64_t node_used(struct limit_node *node, struct moment moment);
/* When something of what is used comes back; FREE_AT_*. */
uint64_t node_resets_at(struct limit_node *node, struct moment moment);
/* Answers under way take what was reserved for them, maybe less: whether it can fit as soon as they end. */
bool node_may_fit_when_settled(struct limit_node *node, struct moment moment, uint64_t amount);
/* As free_at, for one who stands behind `ahead` in amounts; FREE_AT_*, 0 also when it fits now. */
uint64_t node_turn_at(struct limit_node *node, struct moment moment, uint64_t amount,
                      uint64_t ahead);
void node_reserve(struct limit_node *node, uint64_t amount);
/* Returns the stamp by which the record is found again. */
uint64_t node_sent(struct limit_node *node, struct moment moment, uint64_t amount);
void node_answered(struct limit_node *node, uint64_t amount);
/* The end of a reservation that was sent, or (stamp STAMP_NONE) was not. kept: it counts as settled, else as released. */
struct node_end {
    uint64_t stamp, reserved, used;
    bool kept;
};
/* True when there is more room than before. */
bool node_settle(struct limit_node *node, struct moment moment, const struct node_end *end);
/* The machine's date was set. */
void node_date_set(struct limit_node *node);
/* Replaces what is recorded; a raise counts as new, a cut comes out of the oldest. */
void node_set_used(struct limit_node *node, struct moment moment, uint64_t used);
/* Another limit than before; what is used stays. */
void node_set_amount(struct limit_node *node, struct moment moment, uint64_t amount);
/* Takes over what another node of the same limit has counted and learned. */
void node_adopt(struct limit_node *node, const struct limit_node *from, struct moment moment);
void node_set_spread(struct limit_node *node, struct moment moment, uint64_t spread_ns);
/* At most that many at once beside the window; 0 or the whole amount: no pacing. */
void node_set_pace(struct limit_node *node, struct moment moment, uint64_t burst);
void node_verify(const struct limit_node *node);

/* log.c */
void log_init(struct log *log, uint64_t window_ns, uint64_t spread_ns);
void log_advance(struct log *log, uint64_t now_ns);
uint64_t log_record(struct log *log, uint64_t now_ns, uint64_t amount); /* stamp */
/* As if it had been recorded that long ago. */
void log_replay(struct log *log, uint64_t now_ns, uint64_t age_ns, uint64_t amount);
void log_correct(struct log *log, uint64_t stamp, uint64_t from, uint64_t to);
void log_set_sum(struct log *log, uint64_t now_ns, uint64_t sum);
/* When `need` of the sum has been dropped; advanced before. */
uint64_t log_free_at(const struct log *log, uint64_t now_ns, uint64_t need);
void log_resize(struct log *log, uint64_t now_ns, uint64_t window_ns, uint64_t spread_ns);

/* bucket.c */
struct bucket_shape {
    uint64_t rate, window_ns; /* drains `rate` in `window_ns` */
    uint64_t burst;           /* capacity */
    uint64_t delay_ns;        /* draining is believed only after it */
};
void bucket_init(struct bucket *bucket, const struct bucket_shape *shape);
/* As init, but keeps what is inside. */
void bucket_reshape(struct bucket *bucket, uint64_t now_ns, const struct bucket_shape *shape);
uint64_t bucket_free_at(const struct bucket *bucket, uint64_t now_ns, uint64_t amount,
                        uint64_t pending);
bool bucket_fits(const struct bucket *bucket, uint64_t now_ns, uint64_t amount);
uint64_t bucket_used(const struct bucket *bucket, uint64_t now_ns);              /* rounded up */
uint64_t bucket_record(struct bucket *bucket, uint64_t now_ns, uint64_t amount); /* stamp */
void bucket_correct(struct bucket *bucket, uint64_t now_ns, uint64_t stamp, uint64_t from,
                    uint64_t to);
void bucket_set_used(struct bucket *bucket, uint64_t now_ns, uint64_t used);
/* Amount inside when it takes that long to empty, rounded up. */
uint64_t bucket_amount_of(const struct bucket *bucket, uint64_t duration_ns);

/* period.c; node->as.period */
void period_advance(struct limit_node *node, struct moment moment);
bool period_fits(const struct limit_node *node, uint64_t amount, uint64_t room);
uint64_t period_free_at(const struct limit_node *node, struct moment moment, uint64_t amount,
                        uint64_t room);
uint64_t period_opens_at(const struct limit_node *node, struct moment moment);
uint64_t period_record(struct limit_node *node, struct moment moment, uint64_t amount);
void period_correct(struct limit_node *node, uint64_t stamp, uint64_t from, uint64_t to);
/* As if it had been recorded that long ago. */
void period_replay(struct limit_node *node, struct moment moment, uint64_t age_ms, uint64_t amount);

/* replay.c: charges an amount that was sent that long ago, maybe before the clock of limits began. */
void node_replay(struct limit_node *node, struct moment moment, uint64_t age_ms, uint64_t amount);
