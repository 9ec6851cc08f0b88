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

#define STOPPING_RETRY_MS 2000

/* Time an attempt has for its first token: its provider's own limit, and what the request has left of its total. Who had less
 * than half of its own time because others used up the rest is not blamed for it. The client's own deadline is not looked at
 * here: it ends the request, and no provider answers for a client in a hurry. */
static struct attempt_patience patience_of(const struct request *r, uint32_t route) {
    const struct catalog_account *account =
        &r->snapshot->accounts[r->snapshot->routes[route].account];
    const struct catalog_provider *provider = &r->snapshot->providers[account->provider];
    uint64_t now_ns = request_now_ns(r);
    uint64_t total_ns = r->accepted_ns + request_patience_ns(r);
    uint64_t own_ns = NS_PER_MS * (r->task.chat.stream ? provider->timeouts.first_token_ms
                                                       : provider->timeouts.first_byte_ms);
    uint64_t deadline_ns = now_ns + own_ns < total_ns ? now_ns + own_ns : total_ns;
    return (struct attempt_patience){deadline_ns, deadline_ns >= now_ns + own_ns / 2};
}

static enum step_verdict start(struct request *r, const struct action *grant) {
    uint64_t now_ns = request_now_ns(r);
    r->granted_ns = now_ns;
    r->waited_ns = now_ns - r->submitted_ns;
    r->queued_ns += r->waited_ns;
    r->attempts++;
    r->output_promised = grant->tokens;
    if (r->head == HEAD_HELD)
        r->identity.model = r->snapshot->models[r->snapshot->routes[grant->route].model].id;
    r->attempt = attempt_start(r, grant->route, patience_of(r, grant->route));
    return request_go(r, STEP_RELAY);
}

/* The drain is over: who would have served it is about to end. */
static enum step_verdict refuse_stopping(struct request *r) {
    desk_cancel(r->home->gateway->desk, r->home->index, r->ticket, &r->usage);
    r->ticket = 0;
    enum step_verdict verdict = request_fail(
        r, API_UNAVAILABLE, NULL,
        "This gateway is stopping, and no provider had room in time. Ask again in a moment.");
    r->error.retry_after_ms = STOPPING_RETRY_MS;
    return verdict;
}

enum step_verdict step_dispatch(struct request *r) {
    if (!r->decided) {
        if (hold_deadline_passed(r)) {
            /* The desk says the same a moment later: both must tell the client the same. */
            desk_cancel(r->home->gateway->desk, r->home->index, r->ticket, &r->usage);
            r->ticket = 0;
            r->decision = (struct action){.kind = ACTION_REFUSE, .refusal = REFUSAL_DEADLINE};
            return request_go(r, r->empty_seen ? STEP_SETTLE : STEP_REJECT);
        }
        if (r->home->stopping)
            return refuse_stopping(r);
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
