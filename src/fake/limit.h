// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * True limits: how a simulated provider counts, exactly. Own arithmetic throughout, so that what checks the scheduler
 * has none of its mistakes.
 *
 * A limit is a rule; a count is what one subject (an account, a model of an account, everybody) has used of it. Times
 * come in as a moment: a clock that never goes back for windows, and the provider's own wall clock for dates.
 */
#include "base/dynbuf.h"
#include "base/rand.h"

#define FAKE_LIMITS_MAX      16
#define FAKE_SUBJECTS_MAX    64 /* of one limit; further ones share the last */
#define FAKE_LOG_MAX         (1u << 18)
#define FAKE_MODEL_MAX_BYTES 128
#define FAKE_AMOUNT_MAX      1000000000000ll
#define FAKE_NEVER           UINT64_MAX

/* name, word, what is counted */
#define FAKE_UNIT_TABLE(X)                                                                         \
    X(FAKE_REQUESTS, "requests", "requests")                                                       \
    X(FAKE_TOKENS, "tokens", "tokens of prompts and answers together")                             \
    X(FAKE_INPUT_TOKENS, "input_tokens", "tokens of prompts")                                      \
    X(FAKE_OUTPUT_TOKENS, "output_tokens", "tokens of answers")                                    \
    X(FAKE_NEURONS, "neurons", "thousandths of units of work, `neurons_per_token` for each token") \
    X(FAKE_EMBED_INPUTS, "embed_inputs", "texts to embed")

/* name, word, how it comes back */
#define FAKE_SHAPE_TABLE(X)                                                                      \
    X(FAKE_ROLLING, "rolling", "exact log: no interval of the window's length holds more")       \
    X(FAKE_FIXED, "fixed",                                                                       \
      "windows at multiples of their length since 1970 by the provider's clock")                 \
    X(FAKE_ANCHORED, "anchored", "a window begins at the first use after the last one")          \
    X(FAKE_SLIDING, "sliding", "this fixed window, and of the last one the part not yet passed") \
    X(FAKE_REFILL, "refill", "a bucket that refills evenly; holds `burst`, else the amount")     \
    X(FAKE_SPACED, "spaced", "the amount evenly over the window; at once only `burst`, else 1")  \
    X(FAKE_DAY, "day", "from midnight to midnight in `zone`")                                    \
    X(FAKE_MONTH, "month", "from the first of the month in `zone`")                              \
    X(FAKE_ONCE, "once", "never comes back")                                                     \
    X(FAKE_CONCURRENT, "concurrent", "given back when an answer ends")

/* name, word, who shares one count */
#define FAKE_SCOPE_TABLE(X)                                                          \
    X(FAKE_BY_IP, "ip", "everybody together")                                        \
    X(FAKE_BY_ACCOUNT, "account", "each key, or what `accounts` says it belongs to") \
    X(FAKE_BY_MODEL, "model", "each model of an account")

/* name, word, when tokens are counted */
#define FAKE_CHARGE_TABLE(X)                                                       \
    X(FAKE_CHARGE_USAGE, "usage",                                                  \
      "what was really used, when the answer ends; let in while anything is left") \
    X(FAKE_CHARGE_UP_FRONT, "up_front", "prompt and the most output asked for, on arrival")

#define FAKE_WORD_ENUM(name, ...) name,
enum fake_unit { FAKE_UNIT_TABLE(FAKE_WORD_ENUM) FAKE_UNIT_COUNT };
enum fake_shape { FAKE_SHAPE_TABLE(FAKE_WORD_ENUM) FAKE_SHAPE_COUNT };
enum fake_scope { FAKE_SCOPE_TABLE(FAKE_WORD_ENUM) FAKE_SCOPE_COUNT };
enum fake_charge { FAKE_CHARGE_TABLE(FAKE_WORD_ENUM) FAKE_CHARGE_COUNT };

/* A fixed distance from UTC, or the Pacific coast of the United States with its daylight time. */
struct fake_zone {
    bool pacific;
    int32_t offset_s; /* east of UTC */
};

struct fake_limit {
    enum fake_unit unit;
    enum fake_shape shape;
    enum fake_scope scope;
    enum fake_charge charge;
    uint64_t amount;
    uint64_t window_ms; /* 0 for day, month, once and concurrent */
    uint64_t burst;     /* 0 = as the shape says */
    struct fake_zone zone;
    uint32_t
        foreign_permille; /* of the amount, used by somebody else, spread over the window by seed */
    bool refused_count;   /* a refused request counts too */
    char model[FAKE_MODEL_MAX_BYTES]; /* only this model; "" = all */
};

struct fake_moment {
    uint64_t now_ns;
    int64_t wall_ms;
};

/* --- calendar.c --- */
/* "UTC", "America/Los_Angeles", "Asia/Shanghai", "+05:30", "-03:00". False: none of them. */
bool fake_zone_parse(struct span text, struct fake_zone *ret_zone);
int32_t fake_zone_offset_s(const struct fake_zone *zone, int64_t wall_ms);
/* Number of the local day or month: any numbering that changes exactly when the local date does. */
int64_t fake_zone_day(const struct fake_zone *zone, int64_t wall_ms);
int64_t fake_zone_month(const struct fake_zone *zone, int64_t wall_ms);
/* The first millisecond of the next local day or month. */
int64_t fake_zone_next_day_ms(const struct fake_zone *zone, int64_t wall_ms);
int64_t fake_zone_next_month_ms(const struct fake_zone *zone, int64_t wall_ms);

/* --- count.c: one subject's use of one limit --- */
struct fake_use {
    uint64_t at_ns, amount;
};
/* Uses in order of time; grows to FAKE_LOG_MAX. */
struct fake_log {
    struct fake_use *uses; /* owned; a ring */
    uint32_t capacity, first, count;
    uint64_t sum;
    bool lossy; /* the oldest had to be forgotten */
};
/* The most that any interval of the window's length ever held (calendars: any of their windows; once: ever). */
struct fake_meter {
    struct fake_log log;
    int64_t window;
    uint64_t most;
};
struct fake_count {
    uint64_t subject;
    struct fake_log log; /* rolling */
    int64_t window;      /* fixed, sliding, calendars: number of the window; anchored: begin, ns */
    bool begun;          /* window is set */
    uint64_t used, used_before; /* used_before: sliding, of the window before */
    unsigned __int128
        debt; /* refill, spaced: what has still to come back, times the window in ns */
    uint64_t debt_at_ns;
    struct rand foreign;
    uint64_t foreign_next_ns, foreign_used;
    uint64_t foreign_waiting; /* asked for and refused so far; at most its share */
    uint32_t open;
    struct fake_meter accepted, arrived; /* ours, without the foreign user */
    uint64_t accepted_requests, refused_requests;
};
void fake_count_done(struct fake_count *count);
/* How long until this amount fits: 0 = now, FAKE_NEVER = it is larger than the limit. */
uint64_t fake_count_wait_ns(const struct fake_limit *limit, struct fake_count *count,
                            struct fake_moment moment, uint64_t amount);
/* Counts it, whether it fits or not. */
void fake_count_take(const struct fake_limit *limit, struct fake_count *count,
                     struct fake_moment moment, uint64_t amount);
/* Used now, and how long until nothing is used or the window begins anew; for heads and words of answers. */
uint64_t fake_count_used(const struct fake_limit *limit, struct fake_count *count,
                         struct fake_moment moment);
uint64_t fake_count_reset_ns(const struct fake_limit *limit, struct fake_count *count,
                             struct fake_moment moment);
void fake_meter_add(const struct fake_limit *limit, struct fake_meter *meter,
                    struct fake_moment moment, uint64_t amount);

const char *fake_unit_word(enum fake_unit unit);
const char *fake_shape_word(enum fake_shape shape);
const char *fake_scope_word(enum fake_scope scope);
