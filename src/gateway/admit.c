// SPDX-License-Identifier: Apache-2.0
/*
 * From model name to a ticket.
 *
 * Hands the candidates that choose.c finds to the scheduler as plain numbers. Promises: without a candidate the client hears why
 * at once. Leaves to others: which routes may serve (catalog, by choose.c), who goes first and when (scheduler).
 */
#include "base/check.h"
#include "gateway/choose.h"
#include "gateway/desk.h"

_Static_assert(CATALOG_ROUTES_PER_MODEL_MAX <= DEMAND_CANDIDATES_MAX, "all of them are told");

enum step_verdict step_admit(struct request *r) {
    struct catalog_choice choice UNINITIALIZED;
    struct demand demand;
    if (r->snapshot->route_count == 0)
        return request_fail(
            r, API_UNAVAILABLE, NULL,
            "No provider is configured. Name one in papi.yaml; `papi check` tells what is read.");
    choose_candidates(r, &choice);
    if (choice.route_count == 0)
        return choose_fail(r, &choice);
    choose_warn(r, &choice);
    memcpy(demand.candidates, choice.routes, choice.route_count * sizeof choice.routes[0]);
    demand.candidate_count = choice.route_count;
    const struct gateway_config *config = &r->home->gateway->config;
    demand.owner = request_owner(r);
    demand.input_tokens = r->task.prompt_bytes / 4 + 1;
    demand.output_tokens_max = r->task.chat.max_output_tokens;
    demand.client = 0;
    demand.session = span_hash(r->task.affinity);
    demand.wait_until_ns =
        r->wait_longer ? r->deadline_ns : r->accepted_ns + config->queue_max_wait_ns;
    uint64_t total_ns = r->accepted_ns + request_patience_ns(r);
    demand.deadline_ns = total_ns < r->deadline_ns ? total_ns : r->deadline_ns;
    demand.priority = PRIORITY_NORMAL;
    demand.stream = r->task.chat.stream;
    r->submitted_ns = request_now_ns(r);
    hold_arm(r);
    sm_move(&r->sm, STEP_DISPATCH); /* the desk may decide before the call returns */
    r->ticket = desk_submit(r->home->gateway->desk, r->home->index, &demand);
    if (r->ticket == 0 && !r->decided)
        return request_fail(r, API_QUEUE_FULL, NULL,
                            "Too many requests are waiting here already. Try again in a moment.");
    return STEP_NEXT;
}
