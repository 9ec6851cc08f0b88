// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * All limits of one provider together: whether a request is let in, by all or by none, and what it is charged.
 */
#include "fake/limit.h"

struct fake_rule {
    struct fake_limit limit;
    struct fake_count *counts; /* owned; one for each subject seen */
    uint32_t count_count;
    uint32_t serial; /* tells a rule from another that later took its place */
};

struct fake_rules {
    struct fake_rule rows[FAKE_LIMITS_MAX];
    uint32_t count;
    uint32_t serials; /* given so far */
    uint64_t seed;
};

/* What is asked for, in the units of limits. */
struct fake_work {
    uint64_t account;  /* hash */
    struct span model; /* escaped; lives as long as the question */
    uint64_t input_tokens, output_tokens,
        embed_inputs; /* output: the most asked for, later what was said */
    uint64_t neurons_per_token;
};

struct fake_verdict {
    const struct fake_limit
        *limit;               /* borrowed: who refuses, with the longest wait; NULL = let in */
    uint64_t wait_ns;         /* FAKE_NEVER: larger than the limit */
    uint64_t used, requested; /* in units of that limit */
};

void fake_rules_done(struct fake_rules *rules);
/* Takes new limits. A rule that differs in its amount alone, or not at all, keeps its counts. */
void fake_rules_set(struct fake_rules *rules, const struct fake_limit *limits, uint32_t count);
/* Counts the arrival and decides. When let in, `ret_serials` holds which rules were charged (0 = not). */
struct fake_verdict fake_rules_admit(struct fake_rules *rules, const struct fake_work *work,
                                     struct fake_moment moment,
                                     uint32_t ret_serials[FAKE_LIMITS_MAX]);
/* The end of what was let in: charges what is counted at the end and gives back what is held. */
void fake_rules_settle(struct fake_rules *rules, const struct fake_work *work,
                       struct fake_moment moment, const uint32_t serials[FAKE_LIMITS_MAX]);
/* The count of a rule that this work falls under; NULL when it does not. */
struct fake_count *fake_rule_count(struct fake_rules *rules, uint32_t row,
                                   const struct fake_work *work, struct fake_moment moment);
/* "30 requests per 60000 ms, rolling, by account" in a buffer of at least 160 bytes. */
void fake_limit_name(const struct fake_limit *limit, char *text, size_t size);
uint64_t fake_limit_window_ms(const struct fake_limit *limit); /* about, for calendars */
