// SPDX-License-Identifier: Apache-2.0
/*
 * What refusals teach: rules that a provider has and does not tell.
 *
 * A rate refusal while our count shows room is genuine news. For a limit whose amount is known it means that bursts are unwanted:
 * the shortest rolling window of requests gets a pacer beside it, with half its amount at once, then a half of that for each
 * further refusal, down to one. After a day without one the burst doubles, until it is as large as the limit and the pacer goes.
 * So a hidden rule costs at most log2(N)+1 refusals on the first day and about one a day later.
 *
 * For a limit whose amount is a guess, the refusal at use u says that it is u or less: `refused_at` = min(refused_at, u), and the
 * amount becomes nine tenths of u, but not less than what was once accepted in a window. A window used to nine tenths without
 * a refusal raises the amount by a fiftieth, never up to what was refused. Both memories are forgotten after a week, since
 * limits change. That is bisection with a memory: once found, it costs no refusal until a memory fades.
 *
 * Our count at a refusal is an upper bound of the provider's, since what it refused is taken out of it; of many refused at once
 * the last ones tell nearly the truth, so each may lower the guess further. For pacers, several refusals of one moment are one
 * piece of news: only a request sent after the last change counts.
 * Promises: amounts stay between 1 and GUESS_TIMES_MAX times the configured one. Leaves to others: resting after the refusal
 * (bench.c), numbers told in heads (reading.c).
 */
#include "scheduler/state.h"

#define PACE_WINDOW_MAX_NS (3600 * NS_PER_S)
#define PACE_RISES_NS      (24 * 3600 * NS_PER_S)
#define MEMORY_NS          (7 * 24 * 3600 * NS_PER_S)
#define GUESS_TIMES_MAX    100
#define MINUTE_TOLD_NS     (90 * NS_PER_S)
#define HOUR_TOLD_NS       (2 * 3600 * NS_PER_S)

static bool is_requests(const struct limit_node *node) {
    return node->unit == LIMIT_REQUESTS && node->shape == LIMIT_ROLLING;
}

/* The kind of window that a told wait points to: up to a minute, an hour, or longer. */
static bool wait_fits(const struct limit_node *node, uint64_t told_ns) {
    if (told_ns == 0)
        return true;
    if (told_ns <= MINUTE_TOLD_NS)
        return node->window_ns <= MINUTE_TOLD_NS;
    if (told_ns <= HOUR_TOLD_NS)
        return node->window_ns > MINUTE_TOLD_NS && node->window_ns <= HOUR_TOLD_NS;
    return node->window_ns > HOUR_TOLD_NS;
}

/* The guessed limit that most likely refused: of the window that was named or told, the fullest. */
static const struct holding *guessed_of(const struct scheduler *scheduler, struct moment moment,
                                        const struct ticket *ticket,
                                        const struct outcome_detail *detail) {
    const struct holding *found = NULL;
    uint64_t fullest = 0;
    for (uint32_t i = 0; i < ticket->holding_count; i++) {
        const struct holding *holding = &ticket->holdings[i];
        if (holding->node == INDEX_NONE || !scheduler->nodes[holding->node].guessed)
            continue;
        struct limit_node *node = &scheduler->nodes[holding->node];
        bool named = detail->window_ns == 0 ||
                     holding_windows_apart(node->window_ns, detail->window_ns) <= 500;
        uint64_t share = node_used(node, moment) * 1000 / node->amount + 1;
        if (!named || !wait_fits(node, detail->told_ns) || share <= fullest)
            continue;
        fullest = share;
        found = holding;
    }
    return found;
}

static void forget_old(struct limit_node *node, uint64_t now_ns) {
    struct guess *guess = &node->guess;
    if (now_ns - guess->accepted_ns > MEMORY_NS)
        guess->accepted = 0;
    if (now_ns - guess->refused_ns > MEMORY_NS)
        guess->refused_at = 0;
}

static void refused(struct visit *visit, struct limit_node *node, const struct holding *holding) {
    struct guess *guess = &node->guess;
    struct moment moment = moment_of(visit->scheduler, visit->now_ns);
    forget_old(node, visit->now_ns);
    uint64_t used = node_used(node, moment);
    used = used > holding->amount ? used - holding->amount : 0; /* without the one refused */
    if (used >= node->amount)
        return; /* our own count was full: no news */
    if (guess->refused_at == 0 || used < guess->refused_at)
        guess->refused_at = used > 0 ? used : 1;
    guess->refused_ns = guess->changed_ns = visit->now_ns;
    if (guess->accepted >= guess->refused_at)
        guess->accepted = 0; /* it is less than it was */
    uint64_t amount = used * 9 / 10;
    amount = amount > guess->accepted ? amount : guess->accepted;
    node_set_amount(node, moment, amount > 0 ? amount : 1);
}

static void accepted(struct visit *visit, uint32_t index) {
    struct limit_node *node = &visit->scheduler->nodes[index];
    struct guess *guess = &node->guess;
    struct moment moment = moment_of(visit->scheduler, visit->now_ns);
    uint64_t used = node_used(node, moment);
    forget_old(node, visit->now_ns);
    if (used >= guess->accepted) {
        guess->accepted = used;
        guess->accepted_ns = visit->now_ns;
    }
    if (used < node->amount - node->amount / 10 ||
        visit->now_ns - guess->changed_ns < node->window_ns)
        return;
    uint64_t amount = node->amount + (node->amount > 50 ? node->amount / 50 : 1);
    uint64_t most = node->configured < SCHEDULER_AMOUNT_MAX / GUESS_TIMES_MAX
                        ? node->configured * GUESS_TIMES_MAX
                        : SCHEDULER_AMOUNT_MAX;
    if (guess->refused_at > 0 && guess->refused_at - 1 < most)
        most = guess->refused_at - 1;
    if (amount > most)
        return;
    guess->changed_ns = visit->now_ns;
    node_set_amount(node, moment, amount);
    node_freed(visit->scheduler, index);
}

static struct limit_node *shortest_requests(const struct scheduler *scheduler,
                                            const struct ticket *ticket) {
    struct limit_node *found = NULL;
    for (uint32_t i = 0; i < ticket->holding_count; i++) {
        if (ticket->holdings[i].node == INDEX_NONE)
            continue;
        struct limit_node *node = &scheduler->nodes[ticket->holdings[i].node];
        if (is_requests(node) && !node->guessed && node->window_ns <= PACE_WINDOW_MAX_NS &&
            (found == NULL || node->window_ns < found->window_ns))
            found = node;
    }
    return found;
}

static void pace(struct visit *visit, const struct ticket *ticket) {
    struct limit_node *node = shortest_requests(visit->scheduler, ticket);
    struct moment moment = moment_of(visit->scheduler, visit->now_ns);
    if (node == NULL || (node->paced_ns > 0 && ticket->sent_ns <= node->paced_ns) ||
        node->amount < 2 || node_used(node, moment) > node->amount)
        return;
    uint64_t burst = (node->pace_burst > 0 ? node->pace_burst : node->amount) / 2;
    node->paced_ns = visit->now_ns;
    node_set_pace(node, moment, burst > 0 ? burst : 1);
}

static void relax(struct visit *visit, uint32_t index) {
    struct limit_node *node = &visit->scheduler->nodes[index];
    if (node->pace_burst == 0 || visit->now_ns - node->paced_ns < PACE_RISES_NS)
        return;
    node->paced_ns = visit->now_ns;
    node_set_pace(node, moment_of(visit->scheduler, visit->now_ns), node->pace_burst * 2);
    node_freed(visit->scheduler, index);
}

void learn_note(struct visit *visit, const struct ticket *ticket, enum outcome outcome,
                const struct outcome_detail *detail) {
    struct scheduler *scheduler = visit->scheduler;
    if (!ticket->sent)
        return;
    if (outcome == OUTCOME_RATE_LIMITED) {
        const struct holding *holding =
            guessed_of(scheduler, moment_of(scheduler, visit->now_ns), ticket, detail);
        if (holding != NULL)
            refused(visit, &scheduler->nodes[holding->node], holding);
        else
            pace(visit, ticket);
        return;
    }
    for (uint32_t i = 0; i < ticket->holding_count && outcome == OUTCOME_OK; i++) {
        uint32_t index = ticket->holdings[i].node;
        if (index == INDEX_NONE)
            continue;
        relax(visit, index);
        if (scheduler->nodes[index].guessed)
            accepted(visit, index);
    }
}
