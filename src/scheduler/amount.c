// SPDX-License-Identifier: Apache-2.0
/*
 * How much of a limit a request takes: what is reserved for it, and what it has used in the end. One row for each unit.
 *
 * Output is not known before it is there. A provider that charges the most a request may produce gets exactly that reserved; for
 * the others it is what the caller expects, else what answers of this route were like (mean and 1.6 mean distances above it,
 * about nine of ten), else OUTPUT_FIRST_GUESS; never more than the request allows. Usage that was told corrects it.
 * Promises: no overflow whatever callers and providers claim. Leaves to others: which charge (outcome.h, holding.c).
 */
#include "scheduler/past.h"
#include "scheduler/state.h"

#define OUTPUT_FIRST_GUESS 500
#define HABIT_SEEN_MAX     16
#define MILLION            1000000
#define TOKENS_MAX         ((uint64_t)1 << 40)

struct parts {
    uint64_t input, output;
};

static uint64_t bounded(uint64_t amount) {
    return amount < TOKENS_MAX ? amount : TOKENS_MAX;
}

uint64_t amount_likely_output(const struct route *route, const struct ticket *ticket) {
    uint64_t likely = ticket->output_tokens_likely;
    if (likely == 0 && route->output.seen > 0)
        likely = (route->output.mean_16 + route->output.spread_16 * 8 / 5 + 15) / 16;
    if (likely == 0)
        likely = OUTPUT_FIRST_GUESS;
    if (ticket->output_tokens_max > 0 && ticket->output_tokens_max < likely)
        likely = ticket->output_tokens_max;
    return bounded(likely);
}

static uint64_t at_cost(uint64_t tokens, uint64_t millionths) {
    uint64_t cost;
    if (__builtin_mul_overflow(tokens, millionths, &cost))
        return SCHEDULER_AMOUNT_MAX;
    return bounded(cost / MILLION + (cost % MILLION != 0));
}

static uint64_t both_at_cost(const struct route *route, struct parts tokens) {
    uint64_t input, output, sum;
    if (__builtin_mul_overflow(tokens.input, route->unit_cost_input, &input) ||
        __builtin_mul_overflow(tokens.output, route->unit_cost_output, &output) ||
        __builtin_add_overflow(input, output, &sum))
        return SCHEDULER_AMOUNT_MAX;
    return at_cost(sum, 1);
}

static uint64_t of_tokens(enum limit_unit unit, const struct route *route, struct parts tokens) {
    if (unit == LIMIT_TOKENS)
        return tokens.input + tokens.output;
    if (unit == LIMIT_INPUT_TOKENS)
        return tokens.input;
    if (unit == LIMIT_OUTPUT_TOKENS)
        return tokens.output;
    return both_at_cost(route, tokens);
}

static bool follows_tokens(enum limit_unit unit) {
    static const bool follow[LIMIT_UNIT_COUNT] = {[LIMIT_TOKENS] = true,
                                                  [LIMIT_INPUT_TOKENS] = true,
                                                  [LIMIT_OUTPUT_TOKENS] = true,
                                                  [LIMIT_NEURONS] = true,
                                                  [LIMIT_MICRO_USD] = true};
    return follow[unit];
}

bool amount_is_rounded(enum limit_unit unit) {
    return unit == LIMIT_NEURONS || unit == LIMIT_MICRO_USD;
}

bool amount_same_for_all(const struct limit_node *node) {
    return node->shape == LIMIT_AT_ONCE ||
           (!follows_tokens(node->unit) && node->unit != LIMIT_AUDIO_SECONDS &&
            node->unit != LIMIT_EMBED_INPUTS);
}

/* A guess about the answer alone never makes a request too large for a limit. */
static uint64_t with_guess(const struct limit_node *node, uint64_t likely, uint64_t least) {
    uint64_t most = node_most(node);
    if (likely <= most)
        return likely;
    return least < most ? most : least;
}

uint64_t amount_wanted(const struct limit_node *node, const struct route *route,
                       const struct ticket *ticket) {
    if (node->shape == LIMIT_AT_ONCE)
        return 1;
    if (node->unit == LIMIT_AUDIO_SECONDS)
        return bounded(ticket->audio_seconds);
    if (node->unit == LIMIT_EMBED_INPUTS)
        return bounded(ticket->inputs);
    if (!follows_tokens(node->unit))
        return 1;
    struct parts tokens = {bounded(ticket->input_tokens), amount_likely_output(route, ticket)};
    if (node->up_front && ticket->output_tokens_max > 0) {
        tokens.output = bounded(ticket->output_tokens_max);
        return of_tokens(node->unit, route, tokens);
    }
    return with_guess(node, of_tokens(node->unit, route, tokens),
                      of_tokens(node->unit, route, (struct parts){tokens.input, 0}));
}

uint64_t amount_used(const struct limit_node *node, const struct route *route,
                     const struct ticket *ticket, const struct scheduler_usage *usage,
                     uint64_t reserved) {
    if (usage != NULL && usage->has_cost && usage->cost_unit == node->unit)
        return bounded(usage->cost);
    bool known = usage != NULL && usage->known;
    if (!follows_tokens(node->unit))
        return reserved;
    struct parts tokens = {bounded(known ? usage->input_tokens : ticket->input_tokens),
                           bounded(known ? usage->output_tokens : ticket->output_seen)};
    if (node->up_front && ticket->output_tokens_max > tokens.output)
        tokens.output = bounded(ticket->output_tokens_max); /* charged, whatever came of it */
    uint64_t used = of_tokens(node->unit, route, tokens);
    return known || used > reserved ? used : reserved;
}

void amount_learn(struct route *route, const struct scheduler_usage *usage) {
    struct habit *habit = &route->output;
    uint64_t seen_16 = bounded(usage->output_tokens) * 16;
    if (habit->seen < HABIT_SEEN_MAX)
        habit->seen++;
    uint64_t distance_16 =
        seen_16 > habit->mean_16 ? seen_16 - habit->mean_16 : habit->mean_16 - seen_16;
    if (habit->seen == 1) {
        habit->mean_16 = seen_16;
        habit->spread_16 = seen_16 / 2;
        return;
    }
    /* The first few count as in a plain mean, later ones by a sixteenth. */
    habit->mean_16 = habit->mean_16 - habit->mean_16 / habit->seen + seen_16 / habit->seen;
    habit->spread_16 =
        habit->spread_16 - habit->spread_16 / habit->seen + distance_16 / habit->seen;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return bounded(a > b ? a : b);
}

void scheduler_keep(const struct scheduler_promise *promise, enum outcome outcome,
                    const struct scheduler_usage *usage, struct scheduler_kept *ret_kept) {
    enum charge charge = outcome_row(outcome)->charge;
    bool known = usage != NULL && usage->known;
    *ret_kept = (struct scheduler_kept){0};
    if (charge != CHARGE_USAGE && charge != CHARGE_KEEP)
        return; /* at most the request itself */
    uint64_t input = known ? usage->input_tokens : promise->input_tokens;
    uint64_t output = known ? usage->output_tokens : promise->output_tokens;
    uint64_t most =
        promise->output_tokens_max > 0 ? promise->output_tokens_max : promise->output_tokens;
    bool exact = known && charge == CHARGE_USAGE;
    *ret_kept = (struct scheduler_kept){
        .input_tokens = exact ? bounded(input) : larger(input, promise->input_tokens),
        .output_tokens = exact ? bounded(output) : larger(output, promise->output_tokens),
        .input_up_front = larger(input, promise->input_tokens),
        .output_up_front = larger(output, most),
        .inputs = bounded(promise->inputs),
        .audio_seconds = bounded(promise->audio_seconds)};
    if (usage != NULL && usage->has_cost) {
        ret_kept->has_cost = true;
        ret_kept->cost_unit = usage->cost_unit;
        ret_kept->cost = bounded(usage->cost);
    }
}
