// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of clients.
 *
 * A client's counters live in an entry that stays where it is for as long as the client is listed, whatever is configured
 * meanwhile, so that tickets under way find theirs without any map. A node that was once made is kept, also while its limit is
 * off: put back, it knows what was used. Of an estimate only the guess about the answer bends to a small limit (amount.c): a
 * prompt that is larger than a limit allows is refused for good.
 *
 * Counting begins at submit, not when something is sent: it is the client's own rate, and the time in the queue is ours. Since
 * there is one clock, calendars have no guard band and windows no spread.
 * Promises: all of a client's limits or none; every holding is settled exactly once, when its ticket ends; a refusal changes
 * nothing. Leaves to others: who is who (client/), what a refusal says (gateway/reject.c), keeping sums over a restart (store).
 */
#include "scheduler/clients.h"

#include "base/mem.h"
#include "scheduler/state.h"

#define SLOTS_LEAST 16u
#define MINUTE_MS   \
    ((uint64_t)59 * \
     1000) /* and up to one slot more: 60 s at most, so that a wait is told (wire 1.7) */
#define LONGEST_DAY_MS ((uint64_t)25 * 3600 * 1000)
#define LONG_MONTH_MS  ((uint64_t)31 * 24 * 3600 * 1000)

static const struct {
    enum limit_unit unit;
    enum limit_shape shape;
    uint64_t window_ms;
} kinds[CLIENT_LIMIT_COUNT] = {
    [CLIENT_REQUESTS_PER_MINUTE] = {LIMIT_REQUESTS, LIMIT_ROLLING, MINUTE_MS},
    [CLIENT_REQUESTS_PER_DAY] = {LIMIT_REQUESTS, LIMIT_CALENDAR_DAY, LONGEST_DAY_MS},
    [CLIENT_REQUESTS_PER_MONTH] = {LIMIT_REQUESTS, LIMIT_CALENDAR_MONTH, LONG_MONTH_MS},
    [CLIENT_TOKENS_PER_MINUTE] = {LIMIT_TOKENS, LIMIT_ROLLING, MINUTE_MS},
    [CLIENT_TOKENS_PER_DAY] = {LIMIT_TOKENS, LIMIT_CALENDAR_DAY, LONGEST_DAY_MS},
    [CLIENT_TOKENS_PER_MONTH] = {LIMIT_TOKENS, LIMIT_CALENDAR_MONTH, LONG_MONTH_MS},
    [CLIENT_CONCURRENCY] = {LIMIT_CONCURRENT, LIMIT_AT_ONCE, 0},
};

/* --- the book --- */

void clients_init(struct client_book *book) {
    *book = (struct client_book){.zone = zone_utc, .mask = SLOTS_LEAST - 1};
    book->slots = mem_zalloc(SLOTS_LEAST * sizeof *book->slots);
}

static void entry_free(struct client_entry *entry) {
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        mem_free(entry->nodes[i]);
    mem_free(entry);
}

static void let_go(struct ticket *ticket) {
    struct client_entry *entry = ticket->share.entry;
    ticket->share.entry = NULL;
    check(entry->open > 0);
    if (--entry->open == 0 && !entry->listed)
        entry_free(entry);
}

/* At the end of all: tickets that are still open go too. */
void clients_done(struct scheduler *scheduler) {
    const struct client_book *book = &scheduler->book;
    for (uint32_t slot = 0; slot < scheduler->tickets_used; slot++)
        if (scheduler->tickets[slot].share.entry != NULL)
            let_go(&scheduler->tickets[slot]);
    for (uint32_t i = 0; i <= book->mask; i++)
        if (book->slots[i] != NULL)
            entry_free(book->slots[i]);
    mem_free(book->slots);
}

static uint32_t place_of(const struct client_book *book, uint64_t number) {
    uint32_t place = (uint32_t)((number * 0x9e3779b97f4a7c15u) >> 32) & book->mask;
    while (book->slots[place] != NULL && book->slots[place]->number != number)
        place = (place + 1) & book->mask;
    return place;
}

static struct client_entry *entry_of(const struct scheduler *scheduler, uint64_t number) {
    return number != 0 ? scheduler->book.slots[place_of(&scheduler->book, number)] : NULL;
}

/* What a limit that is off allows. */
static uint64_t amount_in_force(const struct client_entry *entry, enum client_limit limit) {
    uint64_t amount = entry->limits.amount[limit];
    return amount > 0 && amount < SCHEDULER_AMOUNT_MAX ? amount : SCHEDULER_AMOUNT_MAX;
}

static struct limit_node *node_of(const struct scheduler *scheduler, struct client_entry *entry,
                                  enum client_limit limit) {
    static const struct node_setting exact = {0};
    if (entry->nodes[limit] != NULL)
        return entry->nodes[limit];
    const struct catalog_limit row = {.unit = kinds[limit].unit,
                                      .shape = kinds[limit].shape,
                                      .window_ms = kinds[limit].window_ms,
                                      .amount = amount_in_force(entry, limit),
                                      .zone = scheduler->book.zone};
    entry->nodes[limit] = mem_alloc(sizeof *entry->nodes[limit]);
    node_init(entry->nodes[limit], &row, &exact);
    return entry->nodes[limit];
}

static void entry_change(struct scheduler *scheduler, uint64_t now_ns, struct client_entry *entry) {
    struct moment moment = moment_of(scheduler, now_ns);
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        struct limit_node *node = entry->nodes[i];
        if (node == NULL)
            continue;
        (void)node_used(node, moment); /* in the zone it was counted in */
        node->zone = scheduler->book.zone;
        node_date_set(node);
        node_set_amount(node, moment, amount_in_force(entry, (enum client_limit)i));
        node->configured = node->amount;
    }
}

/* The old entry goes over with its counts. */
static void take_over(struct client_book *book, const struct client_book *old,
                      const struct scheduler_client *row) {
    uint32_t place = place_of(book, row->number);
    check(row->number != 0 && book->slots[place] == NULL);
    struct client_entry *entry = old->slots[place_of(old, row->number)];
    if (entry == NULL) {
        entry = mem_zalloc(sizeof *entry);
        entry->number = row->number;
    }
    entry->listed = true;
    entry->limits = row->limits;
    book->slots[place] = entry;
    book->count++;
}

void scheduler_clients(struct scheduler *scheduler, uint64_t now_ns,
                       const struct scheduler_client *rows, uint32_t count,
                       const struct zone *zone) {
    struct client_book old = scheduler->book, *book = &scheduler->book;
    uint32_t slots = SLOTS_LEAST;
    while (slots < count * 2)
        slots *= 2;
    *book = (struct client_book){.mask = slots - 1, .zone = *zone};
    book->slots = mem_zalloc(slots * sizeof *book->slots);
    for (uint32_t i = 0; i <= old.mask; i++)
        if (old.slots[i] != NULL)
            old.slots[i]->listed = false;
    for (uint32_t i = 0; i < count; i++)
        take_over(book, &old, &rows[i]);
    for (uint32_t i = 0; i <= old.mask; i++) {
        struct client_entry *entry = old.slots[i];
        if (entry != NULL && entry->listed)
            entry_change(scheduler, now_ns, entry);
        else if (entry != NULL && entry->open == 0)
            entry_free(entry);
    }
    mem_free(old.slots);
}

void clients_date_set(struct scheduler *scheduler) {
    for (uint32_t i = 0; i <= scheduler->book.mask; i++)
        for (unsigned k = 0; scheduler->book.slots[i] != NULL && k < CLIENT_LIMIT_COUNT; k++)
            if (scheduler->book.slots[i]->nodes[k] != NULL)
                node_date_set(scheduler->book.slots[i]->nodes[k]);
}

/* --- a ticket's way --- */

static uint64_t wanted(const struct scheduler *scheduler, const struct limit_node *node,
                       const struct ticket *ticket) {
    static const struct route nowhere = {0};
    bool known = ticket->candidate_count > 0;
    return amount_wanted(node, known ? &scheduler->routes[ticket->candidates[0]] : &nowhere,
                         ticket);
}

bool clients_allow(const struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket) {
    struct client_entry *entry = entry_of(scheduler, ticket->client);
    struct moment moment = moment_of(scheduler, now_ns);
    bool allowed = true;
    uint64_t latest_ns = 0;
    for (unsigned i = 0; entry != NULL && i < CLIENT_LIMIT_COUNT; i++) {
        if (entry->limits.amount[i] == 0)
            continue;
        struct limit_node *node = node_of(scheduler, entry, (enum client_limit)i);
        uint64_t amount = wanted(scheduler, node, ticket);
        if (node_fits(node, moment, amount))
            continue;
        uint64_t free_at_ns = node_free_at(node, moment, amount);
        if (allowed || free_at_ns > latest_ns) {
            latest_ns = free_at_ns;
            ticket->share.full = (enum client_limit)i;
            ticket->share.full_amount = entry->limits.amount[i];
        }
        allowed = false;
    }
    if (!allowed)
        ticket->retry_at_ns = latest_ns;
    return allowed;
}

void clients_take(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket) {
    struct client_entry *entry = entry_of(scheduler, ticket->client);
    struct moment moment = moment_of(scheduler, now_ns);
    if (entry == NULL)
        return;
    ticket->share.entry = entry;
    entry->open++;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        struct client_holding *holding = &ticket->client_holdings[i];
        *holding = (struct client_holding){0};
        if (entry->limits.amount[i] == 0 && entry->nodes[i] == NULL)
            continue;
        struct limit_node *node = node_of(scheduler, entry, (enum client_limit)i);
        holding->amount = wanted(scheduler, node, ticket);
        node_reserve(node, holding->amount);
        holding->stamp = node_sent(node, moment, holding->amount);
        node_answered(node, holding->amount);
    }
}

static uint64_t sum(uint64_t a, uint64_t b) {
    uint64_t both;
    bool over = __builtin_add_overflow(a, b, &both);
    return over || both > SCHEDULER_AMOUNT_MAX ? SCHEDULER_AMOUNT_MAX : both;
}

/* Of an attempt that failed without a word about tokens, the client had none; one that it left itself was sent for it. */
void clients_note(struct ticket *ticket, enum charge charge, const struct scheduler_usage *usage) {
    bool tokens = charge == CHARGE_USAGE || charge == CHARGE_KEEP;
    bool known = usage != NULL && usage->known;
    if (ticket->share.entry == NULL || !ticket->sent || (!tokens && charge != CHARGE_REQUEST_ONLY))
        return;
    ticket->share.counts = true;
    uint64_t used = known ? sum(usage->input_tokens, usage->output_tokens)
                          : sum(ticket->input_tokens, ticket->output_seen);
    if (tokens && (known || charge == CHARGE_USAGE || ticket->committed || ticket->share.left))
        ticket->share.tokens = sum(ticket->share.tokens, used);
}

static uint64_t used_of(const struct client_share *share, enum client_limit limit) {
    if (!share->counts || kinds[limit].unit == LIMIT_CONCURRENT)
        return 0;
    return kinds[limit].unit == LIMIT_TOKENS ? share->tokens : 1;
}

void clients_settle(struct scheduler *scheduler, uint64_t now_ns, struct ticket *ticket) {
    struct client_entry *entry = ticket->share.entry;
    if (entry == NULL)
        return;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        const struct client_holding *holding = &ticket->client_holdings[i];
        if (holding->amount == 0)
            continue;
        const struct node_end end = {.stamp = holding->stamp,
                                     .reserved = holding->amount,
                                     .used = used_of(&ticket->share, (enum client_limit)i),
                                     .kept = ticket->share.counts};
        (void)node_settle(entry->nodes[i], moment_of(scheduler, now_ns), &end);
    }
    let_go(ticket);
}

void scheduler_client_replay(struct scheduler *scheduler, uint64_t now_ns,
                             const struct scheduler_client_past *past) {
    struct client_entry *entry = entry_of(scheduler, past->number);
    struct moment moment = moment_of(scheduler, now_ns);
    for (unsigned i = 0; entry != NULL && i < CLIENT_LIMIT_COUNT; i++) {
        uint64_t amount = kinds[i].unit == LIMIT_TOKENS ? past->tokens : past->requests;
        enum client_past_limits its =
            kinds[i].shape == LIMIT_ROLLING ? CLIENT_PAST_MINUTES : CLIENT_PAST_LONG;
        if (entry->limits.amount[i] != 0 &&
            (past->limits == CLIENT_PAST_ALL || past->limits == its))
            node_replay(node_of(scheduler, entry, (enum client_limit)i), moment, past->age_ms,
                        amount);
    }
}

/* --- looking --- */

bool scheduler_client_state(const struct scheduler *scheduler, uint64_t now_ns, uint64_t number,
                            struct scheduler_client_limit ret_limits[CLIENT_LIMIT_COUNT]) {
    struct client_entry *entry = entry_of(scheduler, number);
    struct moment moment = moment_of(scheduler, now_ns);
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        ret_limits[i] = (struct scheduler_client_limit){0};
        if (entry == NULL || entry->limits.amount[i] == 0)
            continue;
        struct limit_node *node = node_of(scheduler, entry, (enum client_limit)i);
        uint64_t used = node_used(node, moment);
        ret_limits[i] = (struct scheduler_client_limit){
            .amount = node->amount,
            .used = used,
            .remaining = used < node->amount ? node->amount - used : 0,
            .resets_at_ns = used > 0 ? node_resets_at(node, moment) : 0};
    }
    return entry != NULL;
}

static void verify_entry(const struct scheduler *scheduler, const struct client_entry *entry) {
    uint64_t open[CLIENT_LIMIT_COUNT] = {0};
    uint32_t tickets = 0;
    for (uint32_t slot = 0; slot < scheduler->tickets_used; slot++) {
        const struct ticket *ticket = &scheduler->tickets[slot];
        if (ticket->state == TICKET_FREE || ticket->share.entry != entry)
            continue;
        tickets++;
        for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
            open[i] += ticket->client_holdings[i].amount;
    }
    check(entry->open == tickets);
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        if (entry->nodes[i] == NULL)
            continue;
        node_verify(entry->nodes[i]);
        check(entry->nodes[i]->open == open[i] && entry->nodes[i]->pending == 0);
    }
}

void clients_verify(const struct scheduler *scheduler) {
    uint32_t count = 0;
    for (uint32_t i = 0; i <= scheduler->book.mask; i++) {
        if (scheduler->book.slots[i] == NULL)
            continue;
        count++;
        check(scheduler->book.slots[i]->listed);
        verify_entry(scheduler, scheduler->book.slots[i]);
    }
    check(count == scheduler->book.count);
}
