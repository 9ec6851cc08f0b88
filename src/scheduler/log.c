// SPDX-License-Identifier: Apache-2.0
/*
 * The log of a rolling window in 64 slots: never more lenient than a log of every request, at a fixed size.
 *
 * Slots are (W+J)/63 wide, rounded up, counted from time zero. An amount stands in the slot of its instant and is dropped when
 * that slot lies 64 behind, so at an age of at least 63 widths = W+J and at most one width more. As J covers how much later or
 * earlier than its neighbours a request may arrive, no interval of W at the provider ever holds more than the limit; that is what
 * every window rule needs, fixed, anchored or rolling alike (docs/internals/limits.md).
 * Promises: a correction finds its own slot as long as that is there; cuts come out of the oldest, raises go into the newest.
 */
#include "scheduler/node.h"

#include <string.h>

static uint64_t width_of(uint64_t window_ns, uint64_t spread_ns) {
    uint64_t whole_ns = window_ns + spread_ns;
    return (whole_ns + LOG_SLOTS - 2) / (LOG_SLOTS - 1);
}

static uint64_t *slot_of(struct log *log, uint64_t number) {
    return &log->slots[number % LOG_SLOTS];
}

static uint64_t oldest_of(const struct log *log) {
    return log->head < LOG_SLOTS - 1 ? 0 : log->head - (LOG_SLOTS - 1);
}

void log_init(struct log *log, uint64_t window_ns, uint64_t spread_ns) {
    *log = (struct log){.slot_ns = width_of(window_ns, spread_ns)};
    check(log->slot_ns > 0);
}

void log_advance(struct log *log, uint64_t now_ns) {
    if (now_ns < log->next_ns)
        return;
    uint64_t number = now_ns / log->slot_ns;
    log->next_ns = (number + 1) * log->slot_ns;
    if (number <= log->head)
        return;
    if (number - log->head >= LOG_SLOTS || log->sum == 0) {
        if (log->sum > 0)
            memset(log->slots, 0, sizeof log->slots);
        log->sum = 0;
        log->head = number;
        return;
    }
    while (log->head < number) {
        uint64_t *slot = slot_of(log, ++log->head);
        log->sum -= *slot;
        *slot = 0;
    }
}

uint64_t log_record(struct log *log, uint64_t now_ns, uint64_t amount) {
    log_advance(log, now_ns);
    *slot_of(log, log->head) += amount;
    log->sum += amount;
    return log->head;
}

void log_replay(struct log *log, uint64_t now_ns, uint64_t age_ns, uint64_t amount) {
    log_advance(log, now_ns);
    uint64_t number = (now_ns - age_ns) / log->slot_ns;
    if (number < oldest_of(log))
        return;
    *slot_of(log, number < log->head ? number : log->head) += amount;
    log->sum += amount;
}

void log_correct(struct log *log, uint64_t stamp, uint64_t from, uint64_t to) {
    if (stamp > log->head || stamp < oldest_of(log))
        return; /* dropped meanwhile */
    uint64_t *slot = slot_of(log, stamp);
    if (to >= from) {
        *slot += to - from;
        log->sum += to - from;
        return;
    }
    /* Part of it may have been cut before. */
    uint64_t cut = from - to < *slot ? from - to : *slot;
    *slot -= cut;
    log->sum -= cut;
}

void log_set_sum(struct log *log, uint64_t now_ns, uint64_t sum) {
    log_advance(log, now_ns);
    if (sum > log->sum) {
        (void)log_record(log, now_ns, sum - log->sum);
        return;
    }
    for (uint64_t number = oldest_of(log); log->sum > sum; number++) {
        uint64_t *slot = slot_of(log, number);
        uint64_t cut = log->sum - sum < *slot ? log->sum - sum : *slot;
        *slot -= cut;
        log->sum -= cut;
    }
}

uint64_t log_free_at(const struct log *log, uint64_t now_ns, uint64_t need) {
    uint64_t number = oldest_of(log);
    uint64_t dropped = 0;
    for (; number <= log->head; number++) {
        dropped += log->slots[number % LOG_SLOTS];
        if (dropped >= need)
            return (number + LOG_SLOTS) * log->slot_ns;
    }
    return (now_ns / log->slot_ns + LOG_SLOTS) * log->slot_ns;
}

void log_resize(struct log *log, uint64_t now_ns, uint64_t window_ns, uint64_t spread_ns) {
    log_advance(log, now_ns);
    struct log old = *log;
    log_init(log, window_ns, spread_ns);
    log_advance(log, now_ns);
    /* An old slot moves to where its end lies, so that nothing is dropped earlier than before. */
    for (uint64_t number = oldest_of(&old); number <= old.head && old.sum > 0; number++) {
        uint64_t amount = old.slots[number % LOG_SLOTS];
        uint64_t end_ns = (number + 1) * old.slot_ns - 1;
        uint64_t place = (end_ns < now_ns ? end_ns : now_ns) / log->slot_ns;
        if (amount == 0 || place < oldest_of(log))
            continue;
        *slot_of(log, place) += amount;
        log->sum += amount;
    }
}
