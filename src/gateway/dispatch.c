// SPDX-License-Identifier: Apache-2.0
/*
 * Waits for the scheduler's word and acts on it: a grant starts an attempt, a refusal goes to REJECT.
 *
 * Nothing is polled: the desk resumes the request. While it waits the client's clock runs (hold.c). Promises: one attempt at
 * a time; a grant is acted on once. Leaves to others: what the attempt brings (relay.c), what a refusal is called (reject.c).
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/request.h"

/* Time this attempt has for its first token. The last candidate gets all that is left (scheduling 3); earlier ones leave some
 * to those after them, by their provider's own limit. */
static uint64_t first_token_deadline_ns(const struct request *r, const struct action *grant) {
    const struct catalog_route *route = &r->snapshot->routes[grant->route];
    const struct catalog_provider *provider =
        &r->snapshot->providers[r->snapshot->accounts[route->account].provider];
    uint64_t now_ns = request_now_ns(r);
    uint64_t total_ns =
        r->accepted_ns + (r->task.chat.stream ? FIRST_TOKEN_MAX_NS : FIRST_BYTE_MAX_NS);
    uint64_t own_ms =
        r->task.chat.stream ? provider->timeouts.first_token_ms : provider->timeouts.first_byte_ms;
    uint64_t deadline_ns = total_ns < r->deadline_ns ? total_ns : r->deadline_ns;
    if (own_ms > 0 && now_ns + own_ms * NS_PER_MS < deadline_ns)
        deadline_ns = now_ns + own_ms * NS_PER_MS;
    if (grant->first_token_deadline_ns != 0 && grant->first_token_deadline_ns < deadline_ns)
        deadline_ns = grant->first_token_deadline_ns;
    return deadline_ns;
}

static enum step_verdict start(struct request *r, const struct action *grant) {
    uint64_t now_ns = request_now_ns(r);
    r->granted_ns = now_ns;
    r->queued_ns += now_ns - r->submitted_ns;
    r->attempts++;
    if (r->head == HEAD_HELD)
        r->identity.model = r->snapshot->models[r->snapshot->routes[grant->route].model].id;
    r->attempt = attempt_start(r, grant->route, first_token_deadline_ns(r, grant));
    return request_go(r, STEP_RELAY);
}

enum step_verdict step_dispatch(struct request *r) {
    if (!r->decided) {
        if (hold_deadline_passed(r)) {
            desk_cancel(r->home->gateway->desk, r->home->index, r->ticket, &r->usage);
            r->ticket = 0;
            return request_fail(
                r, API_RATE_LIMITED, NULL,
                "No provider had room within the %llu ms this request allowed.",
                (unsigned long long)((r->deadline_ns - r->accepted_ns) / NS_PER_MS));
        }
        hold_service(r);
        return request_park(r, PARKED_FOR_GRANT);
    }
    const struct action decision = r->decision;
    r->decided = false;
    check(r->attempt == NULL);
    if (decision.kind == ACTION_DISPATCH)
        return start(r, &decision);
    check(decision.kind == ACTION_REFUSE);
    r->ticket = 0; /* it ended with the refusal */
    return request_go(r, r->empty_seen ? STEP_SETTLE : STEP_REJECT);
}
