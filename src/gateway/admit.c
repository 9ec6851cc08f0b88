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
            "No provider is in use. Give one a key by `papi provider add`, set its variable, such "
            "as "
            "GROQ_API_KEY, or name one in papi.yaml; `papi check` tells what is read.");
    choose_candidates(r, &choice);
    if (choice.route_count == 0)
        return choose_fail(r, &choice);
    if (r->task.kind == TASK_EMBED && !choose_embed_fits(r, &choice))
        return STEP_NEXT; /* to REJECT */
    choose_warn(r, &choice);
    if (r->strict && !span_absent(r->warning))
        return request_fail(r, API_BAD_REQUEST, NULL,
                            "x-papi-strict forbids to pass over a wish: %.*s.",
                            SPAN_ARG(r->warning));
    choose_demand(r, &choice, &demand);
    r->submitted_ns = request_now_ns(r);
    hold_arm(r);
    sm_move(&r->sm, STEP_DISPATCH); /* the desk may decide before the call returns */
    r->ticket = desk_submit(r->home->gateway->desk, r->home->index, r->snapshot, &demand);
    if (r->ticket == 0 && !r->decided)
        return request_fail(r, API_QUEUE_FULL, NULL,
                            "Too many requests are waiting here already. Try again in a moment.");
    return STEP_NEXT;
}
