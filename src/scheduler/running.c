// SPDX-License-Identifier: Apache-2.0
/*
 * What is under way, told and taken over.
 *
 * Why a ticket of its own: concurrency, pacing and windows are all charged by the one way that every request goes, and given back by it.
 * Promises: a held ticket counts as a running one until it is done. Leaves to others: who is told and when (app/), and what has no room
 * any more here (scheduler_replay).
 */
#include "scheduler/running.h"

#include "scheduler/state.h"

/* Where it is asked, or will be first if it waits; INDEX_NONE = nowhere. */
static uint32_t route_of(const struct ticket *ticket) {
    if (ticket->state == TICKET_WAITING)
        return ticket->live != 0 ? ticket->candidates[__builtin_ctzll(ticket->live)] : INDEX_NONE;
    return ticket->state == TICKET_GRANTED || ticket->state == TICKET_SENT ||
                   ticket->state == TICKET_ANSWERING
               ? ticket->route
               : INDEX_NONE;
}

bool scheduler_next_running(const struct scheduler *scheduler, uint64_t now_ns, uint32_t *slot,
                            struct scheduler_running *ret_row) {
    while (*slot < scheduler->tickets_used) {
        const struct ticket *ticket = &scheduler->tickets[(*slot)++];
        uint32_t route = route_of(ticket);
        if (route == INDEX_NONE)
            continue;
        *ret_row = (struct scheduler_running){
            .route = route,
            .client = ticket->client,
            .age_ms = ticket->state == TICKET_WAITING ? 0 : (now_ns - ticket->granted_ns) / 1000000,
            .promise = {.input_tokens = ticket->input_tokens,
                        .output_tokens = amount_likely_output(&scheduler->routes[route], ticket),
                        .output_tokens_max = ticket->output_tokens_max,
                        .inputs = ticket->inputs,
                        .audio_seconds = ticket->audio_seconds}};
        return true;
    }
    return false;
}

/* Takes the DISPATCH of the ticket out of the actions; false when there is none. */
static bool take_dispatch(struct actions *out, scheduler_ticket ticket) {
    for (uint32_t i = 0; i < out->count; i++) {
        const struct action *action = &out->items[i];
        if (action->ticket != ticket ||
            (action->kind != ACTION_DISPATCH && action->kind != ACTION_REFUSE))
            continue;
        bool granted = action->kind == ACTION_DISPATCH;
        for (uint32_t k = i + 1; k < out->count; k++)
            out->items[k - 1] = out->items[k];
        out->count--;
        return granted;
    }
    return false;
}

/* It was let in by the other one, so nobody asks again; at its end it costs what was likely, since nothing will be known. */
static void hold_client(struct scheduler *scheduler, uint64_t now_ns,
                        const struct scheduler_running *row, scheduler_ticket id) {
    struct ticket *ticket = ticket_find(scheduler, id);
    ticket->client = row->client;
    ticket->output_seen = row->promise.output_tokens;
    clients_take(scheduler, now_ns, ticket);
}

scheduler_ticket scheduler_hold(struct scheduler *scheduler, uint64_t now_ns,
                                const struct scheduler_running *row, struct actions *out) {
    const struct scheduler_promise *promise = &row->promise;
    const struct demand demand = {.owner = UINT64_MAX,
                                  .candidates = {row->route},
                                  .candidate_count = 1,
                                  .input_tokens = promise->input_tokens,
                                  .output_tokens_max = promise->output_tokens_max,
                                  .output_tokens_likely = promise->output_tokens,
                                  .inputs = promise->inputs,
                                  .audio_seconds = promise->audio_seconds,
                                  .wait_until_ns = now_ns,
                                  .deadline_ns = UINT64_MAX,
                                  .priority = PRIORITY_NORMAL,
                                  .never_wait = true};
    scheduler_ticket ticket = scheduler_submit(scheduler, now_ns, &demand, out);
    if (ticket == 0 || !take_dispatch(out, ticket))
        return 0;
    hold_client(scheduler, now_ns, row, ticket);
    scheduler_sent(scheduler, now_ns, ticket);
    return ticket;
}
