// SPDX-License-Identifier: Apache-2.0
/*
 * Carries an answer from its attempt to the client.
 *
 * Events were encoded when they came (attempt_answer.c); here their bytes move on. The head of a stream is held until the first
 * real token, so that a failure before it can still be repaired elsewhere; what was encoded of the failed attempt is dropped
 * with it. Backpressure: when the client has not taken STREAM_HIGH_WATER_BYTES, nothing more is read from the provider.
 * Promises: bytes leave in whole events; one head. Leaves to others: what the end means (settle.c).
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/request.h"

/* No other provider will be asked any more, so nobody needs what the client sent: thousands of open streams should not hold
 * thousands of prompts. What is still being sent is pinned by its call. */
static void give_up_body(struct request *r) {
    http_exchange_release_body(r->exchange);
    http_body_unref(r->body);
    r->body = NULL;
}

static int first_token(struct request *r) {
    give_up_body(r);
    r->first_token_ns = request_now_ns(r);
    desk_first_token(r->home->gateway->desk, r->ticket);
    metric_observe_ns(r->home->metrics, METRIC_FIRST_TOKEN_SECONDS,
                      r->first_token_ns - r->accepted_ns);
    return r->head == HEAD_HELD ? respond_stream(r, HEAD_SENT) : 0;
}

/* An answer is handed on once it has shown a real token, or once it has ended well without one (the empty answer of the last
 * candidate is delivered, product 5.7). */
static int pass_on(struct request *r) {
    int err = 0;
    if (r->first_token_ns == 0 && r->attempt->token_seen)
        err = first_token(r);
    if (err == 0 && r->first_token_ns != 0 && r->out.len > 0) {
        err = http_exchange_write(r->exchange, dynbuf_span(&r->out));
        dynbuf_clear(&r->out);
        r->last_write_ns = request_now_ns(r);
    }
    return err;
}

static void balance(struct request *r) {
    bool full = http_exchange_backlog(r->exchange) > STREAM_HIGH_WATER_BYTES;
    if (full)
        attempt_pause(r->attempt);
    else
        attempt_resume(r->attempt);
}

enum step_verdict step_relay(struct request *r) {
    check(r->attempt != NULL);
    if (r->task.chat.stream && pass_on(r) < 0) {
        r->gone = true; /* the connection broke under the write: CANCEL does the rest */
        return STEP_NEXT;
    }
    if (attempt_ended(r->attempt))
        return request_go(r, STEP_SETTLE);
    if (hold_deadline_passed(r)) {
        attempt_end(r->attempt, OUTCOME_CANCELLED, ERR_FIRST_BYTE_TIMEOUT);
        return request_go(r, STEP_SETTLE);
    }
    if (r->task.chat.stream)
        balance(r);
    hold_service(r);
    return request_park(r, PARKED_FOR_ANSWER);
}
