// SPDX-License-Identifier: Apache-2.0
/*
 * Which counts a request falls under, whether all of them let it in, and what each is charged.
 *
 * Each limit has one count for each subject (hash of account, or of account and model). A request that one limit refuses is charged by
 * none, but for those that count refusals too. Where several refuse, the one with the longest wait speaks, so that what is said about
 * waiting is true. A foreign user takes its share in pieces spread over the window, by seed, where they fit.
 * Promises: what was charged is settled once, also when limits were changed meanwhile. Leaves to others: how a shape counts (count.c).
 */
#include "fake/admit.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define FOREIGN_PIECES 64 /* of a window */

static const char *const unit_words[] = {
#define WORD(name, word, about) word,
    FAKE_UNIT_TABLE(WORD)};
static const char *const shape_words[] = {FAKE_SHAPE_TABLE(WORD)};
static const char *const scope_words[] = {FAKE_SCOPE_TABLE(WORD)};
#undef WORD

const char *fake_unit_word(enum fake_unit unit) {
    return unit_words[unit];
}

const char *fake_shape_word(enum fake_shape shape) {
    return shape_words[shape];
}

const char *fake_scope_word(enum fake_scope scope) {
    return scope_words[scope];
}

uint64_t fake_limit_window_ms(const struct fake_limit *limit) {
    if (limit->shape == FAKE_DAY)
        return 86400000;
    if (limit->shape == FAKE_MONTH)
        return UINT64_C(30) * 86400000;
    return limit->window_ms;
}

void fake_limit_name(const struct fake_limit *limit, char *text, size_t size) {
    char window[48] = "";
    if (limit->window_ms != 0)
        (void)snprintf(window, sizeof window, " per %llu ms", (unsigned long long)limit->window_ms);
    (void)snprintf(text, size, "%llu %s%s, %s, by %s", (unsigned long long)limit->amount,
                   unit_words[limit->unit], window, shape_words[limit->shape],
                   scope_words[limit->scope]);
}

/* --- rules --- */

static void rule_done(struct fake_rule *rule) {
    for (uint32_t i = 0; i < rule->count_count; i++)
        fake_count_done(&rule->counts[i]);
    mem_free(rule->counts);
    *rule = (struct fake_rule){0};
}

void fake_rules_done(struct fake_rules *rules) {
    for (uint32_t i = 0; i < rules->count; i++)
        rule_done(&rules->rows[i]);
    rules->count = 0;
}

static bool counts_alike(const struct fake_limit *a, const struct fake_limit *b) {
    return a->unit == b->unit && a->shape == b->shape && a->scope == b->scope &&
           a->window_ms == b->window_ms && a->zone.pacific == b->zone.pacific &&
           a->zone.offset_s == b->zone.offset_s && strcmp(a->model, b->model) == 0;
}

static void take_over(struct fake_rules *old, struct fake_rule *rule) {
    for (uint32_t i = 0; i < old->count; i++) {
        struct fake_rule *before = &old->rows[i];
        if (before->serial == 0 || !counts_alike(&before->limit, &rule->limit))
            continue;
        rule->counts = before->counts;
        rule->count_count = before->count_count;
        rule->serial = before->serial;
        *before = (struct fake_rule){0};
        return;
    }
}

void fake_rules_set(struct fake_rules *rules, const struct fake_limit *limits, uint32_t count) {
    struct fake_rules old = *rules;
    check(count <= FAKE_LIMITS_MAX);
    memset(rules->rows, 0, sizeof rules->rows);
    rules->count = count;
    for (uint32_t i = 0; i < count; i++) {
        rules->rows[i].limit = limits[i];
        take_over(&old, &rules->rows[i]);
        if (rules->rows[i].serial == 0)
            rules->rows[i].serial = ++rules->serials;
    }
    fake_rules_done(&old);
}

/* --- subjects --- */

static uint64_t subject_of(const struct fake_limit *limit, const struct fake_work *work) {
    if (limit->scope == FAKE_BY_IP)
        return 1;
    return limit->scope == FAKE_BY_ACCOUNT
               ? work->account
               : (work->account ^ span_hash(work->model)) * 0x9e3779b97f4a7c15u;
}

/* The foreign user lives in a steady state: it was there a window before anybody looked. */
static void foreign_begin(const struct fake_rules *rules, const struct fake_limit *limit,
                          struct fake_count *count, uint64_t now_ns) {
    uint64_t window_ns = fake_limit_window_ms(limit) * NS_PER_MS;
    rand_seed(&count->foreign, rules->seed ^ count->subject);
    count->foreign_next_ns = now_ns > window_ns ? now_ns - window_ns : 0;
    if (limit->shape == FAKE_CONCURRENT)
        count->foreign_used = limit->amount * limit->foreign_permille / 1000;
}

/* What it could not get it asks for again, so that it gets its share also where we take all there is. */
static void foreign_take(const struct fake_limit *limit, struct fake_count *count,
                         struct fake_moment moment, uint64_t piece) {
    while (count->foreign_waiting > 0 && fake_count_wait_ns(limit, count, moment, piece) == 0) {
        fake_count_take(limit, count, moment, piece);
        count->foreign_waiting -= piece < count->foreign_waiting ? piece : count->foreign_waiting;
    }
}

static void foreign_advance(const struct fake_limit *limit, struct fake_count *count,
                            struct fake_moment moment) {
    uint64_t share = limit->amount * limit->foreign_permille / 1000;
    uint64_t window_ns = fake_limit_window_ms(limit) * NS_PER_MS;
    if (share == 0 || window_ns == 0)
        return;
    uint64_t piece = share / FOREIGN_PIECES + (share < FOREIGN_PIECES);
    double gap_ns = (double)window_ns * (double)piece / (double)share;
    if (count->foreign_next_ns + 2 * window_ns < moment.now_ns)
        count->foreign_next_ns = moment.now_ns - window_ns;
    while (count->foreign_next_ns <= moment.now_ns) {
        uint64_t ago_ns = moment.now_ns - count->foreign_next_ns;
        struct fake_moment then = {count->foreign_next_ns,
                                   moment.wall_ms - (int64_t)(ago_ns / NS_PER_MS)};
        if (count->foreign_waiting < share)
            count->foreign_waiting += piece;
        foreign_take(limit, count, then, piece);
        count->foreign_next_ns += 1 + (uint64_t)(gap_ns * (0.5 + rand_unit(&count->foreign)));
    }
    foreign_take(limit, count, moment, piece); /* it asks again as often as we do, and before us */
}

struct fake_count *fake_rule_count(struct fake_rules *rules, uint32_t row,
                                   const struct fake_work *work, struct fake_moment moment) {
    struct fake_rule *rule = &rules->rows[row];
    struct fake_count *count = NULL;
    if (rule->limit.model[0] != '\0' && !span_is(work->model, rule->limit.model))
        return NULL;
    uint64_t subject = subject_of(&rule->limit, work);
    for (uint32_t i = 0; i < rule->count_count && count == NULL; i++)
        if (rule->counts[i].subject == subject)
            count = &rule->counts[i];
    if (count == NULL && rule->count_count == FAKE_SUBJECTS_MAX)
        count = &rule->counts[FAKE_SUBJECTS_MAX - 1];
    if (count == NULL) {
        rule->counts = mem_realloc(rule->counts, (rule->count_count + 1) * sizeof *rule->counts);
        count = &rule->counts[rule->count_count++];
        *count = (struct fake_count){.subject = subject};
        foreign_begin(rules, &rule->limit, count, moment.now_ns);
    }
    foreign_advance(&rule->limit, count, moment);
    return count;
}

/* --- charges --- */

static bool at_the_end(const struct fake_limit *limit) {
    bool token_like = limit->unit != FAKE_REQUESTS && limit->unit != FAKE_EMBED_INPUTS;
    return token_like && limit->charge == FAKE_CHARGE_USAGE && limit->shape != FAKE_CONCURRENT;
}

static uint64_t amount_of(const struct fake_limit *limit, const struct fake_work *work) {
    uint64_t tokens = work->input_tokens + work->output_tokens;
    if (limit->shape == FAKE_CONCURRENT)
        return 1;
    switch (limit->unit) {
    case FAKE_REQUESTS:
        return 1;
    case FAKE_TOKENS:
        return tokens;
    case FAKE_INPUT_TOKENS:
        return work->input_tokens;
    case FAKE_OUTPUT_TOKENS:
        return work->output_tokens;
    case FAKE_NEURONS:
        return tokens * work->neurons_per_token;
    default:
        return work->embed_inputs;
    }
}

static void meter(const struct fake_limit *limit, struct fake_meter *meter,
                  struct fake_moment moment, uint64_t amount) {
    if (limit->shape != FAKE_CONCURRENT)
        fake_meter_add(limit, meter, moment, amount);
    else if (amount > meter->most)
        meter->most = amount;
}

/* Counts what arrived, admitted or not; of what is charged at the end, the end will tell. */
static void note_arrival(const struct fake_limit *limit, struct fake_count *count,
                         struct fake_moment moment, uint64_t amount) {
    if (limit->shape == FAKE_CONCURRENT)
        meter(limit, &count->arrived, moment, count->open + 1);
    else if (!at_the_end(limit))
        meter(limit, &count->arrived, moment, amount);
}

static void charge(const struct fake_limit *limit, struct fake_count *count,
                   struct fake_moment moment, uint64_t amount) {
    fake_count_take(limit, count, moment, amount);
    meter(limit, &count->accepted, moment, limit->shape == FAKE_CONCURRENT ? count->open : amount);
}

/* Refuses with the longest wait; charges nothing yet. */
static struct fake_verdict look(struct fake_rules *rules, const struct fake_work *work,
                                struct fake_moment moment) {
    struct fake_verdict verdict = {0};
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct fake_limit *limit = &rules->rows[i].limit;
        struct fake_count *count = fake_rule_count(rules, i, work, moment);
        if (count == NULL)
            continue;
        uint64_t amount = amount_of(limit, work);
        note_arrival(limit, count, moment, amount);
        uint64_t asked = at_the_end(limit) ? 1 : amount;
        uint64_t wait_ns = asked == 0 ? 0 : fake_count_wait_ns(limit, count, moment, asked);
        count->refused_requests += wait_ns > 0;
        if (wait_ns <= verdict.wait_ns)
            continue;
        verdict =
            (struct fake_verdict){limit, wait_ns, fake_count_used(limit, count, moment), amount};
    }
    return verdict;
}

struct fake_verdict fake_rules_admit(struct fake_rules *rules, const struct fake_work *work,
                                     struct fake_moment moment,
                                     uint32_t ret_serials[FAKE_LIMITS_MAX]) {
    struct fake_verdict verdict = look(rules, work, moment);
    memset(ret_serials, 0, FAKE_LIMITS_MAX * sizeof *ret_serials);
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct fake_limit *limit = &rules->rows[i].limit;
        struct fake_count *count = fake_rule_count(rules, i, work, moment);
        if (count == NULL)
            continue;
        if (verdict.limit != NULL) {
            if (limit->refused_count && !at_the_end(limit) && limit->shape != FAKE_CONCURRENT)
                fake_count_take(limit, count, moment, amount_of(limit, work));
            continue;
        }
        ret_serials[i] = rules->rows[i].serial;
        count->accepted_requests++;
        if (!at_the_end(limit))
            charge(limit, count, moment, amount_of(limit, work));
    }
    return verdict;
}

static bool was_charged(uint32_t serial, const uint32_t serials[FAKE_LIMITS_MAX]) {
    for (uint32_t i = 0; i < FAKE_LIMITS_MAX; i++)
        if (serials[i] != 0 && serials[i] == serial)
            return true;
    return false;
}

void fake_rules_settle(struct fake_rules *rules, const struct fake_work *work,
                       struct fake_moment moment, const uint32_t serials[FAKE_LIMITS_MAX]) {
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct fake_limit *limit = &rules->rows[i].limit;
        if (!was_charged(rules->rows[i].serial, serials))
            continue;
        struct fake_count *count = fake_rule_count(rules, i, work, moment);
        if (count == NULL)
            continue;
        if (limit->shape == FAKE_CONCURRENT) {
            check(count->open > 0);
            count->open--;
        } else if (at_the_end(limit)) {
            charge(limit, count, moment, amount_of(limit, work));
            meter(limit, &count->arrived, moment, amount_of(limit, work));
        }
    }
}
