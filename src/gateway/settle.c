// SPDX-License-Identifier: Apache-2.0
/*
 * The attempt has ended: tell the scheduler how, exactly once, and go where that leads.
 *
 * A good answer is finished here (its end mark, or the whole body); a failed one goes back to DISPATCH when the scheduler tries
 * another candidate, else to REJECT. Promises: the encoder forgets a failed attempt before the next begins; after the first
 * token nothing is tried again (scheduler_first_token told it so). Leaves to others: which candidate is next.
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/request.h"

static void climb(struct request *r) {
    struct attempt *attempt = r->attempt;
    uint64_t now_ns = request_now_ns(r);
    if (r->attempts <= REQUEST_LADDER_MAX)
        r->ladder[r->attempts - 1] = (struct request_rung){
            attempt->route, attempt->outcome, attempt->started_ns, now_ns, attempt->status};
    r->upstream_ns += now_ns - attempt->started_ns;
    attempt->counted = true;
    r->last_outcome = attempt->outcome;
    r->usage = attempt_usage(attempt);
    metric_add(r->home->metrics, METRIC_ATTEMPTS, (uint32_t)attempt->outcome, 1);
}

/* What the provider said, for REJECT: the attempt's arena goes, the words stay. Of a request asked twice because the first
 * refusal was unclear, the first words stand (product 5.7). */
static void keep_words(struct request *r) {
    struct attempt *attempt = r->attempt;
    if (r->unclear_seen)
        return;
    r->unclear_seen = attempt->outcome == OUTCOME_UNCLEAR;
    if (arena_copy(&r->arena, attempt->error_message, &r->error.message) < 0 ||
        span_absent(attempt->error_message))
        r->error.message = SPAN_NONE;
    if (arena_copy(&r->arena, attempt->error_code, &r->error.code) < 0 ||
        span_absent(attempt->error_code))
        r->error.code = SPAN_NONE;
}

static int finish_stream(struct request *r) {
    int err = r->surface->stream_end(r->encoder, &r->identity, &r->out);
    if (err == 0 && r->head == HEAD_HELD)
        err = respond_stream(r); /* an empty answer: no token ever called for its head */
    if (err == 0)
        err = http_exchange_write(r->exchange, dynbuf_span(&r->out));
    dynbuf_clear(&r->out);
    r->status = 200;
    r->answered = true;
    return err == 0 ? http_exchange_end(r->exchange) : err;
}

static int finish_reply(struct request *r) {
    struct dynbuf head;
    int err = r->surface->reply_end(r->encoder, &r->identity, &r->out);
    if (err < 0)
        return err;
    err = respond_head(r, &head, "application/json");
    if (err == 0)
        err = respond_route_fields(r, &head);
    if (err == 0)
        err = http_exchange_respond(r->exchange, 200, dynbuf_span(&head), dynbuf_span(&r->out));
    dynbuf_done(&head);
    r->status = 200;
    r->answered = true;
    return err;
}

static bool delivers(enum outcome outcome) {
    return outcome == OUTCOME_OK || outcome == OUTCOME_EMPTY;
}

static enum step_verdict deliver(struct request *r) {
    int err = r->task.chat.stream ? finish_stream(r) : finish_reply(r);
    if (err < 0 && !r->answered)
        return request_fail(r, API_INTERNAL, NULL, "The answer could not be written: %s.",
                            err_text(err));
    r->gone = r->gone || err < 0; /* it was answered as far as the client let us */
    return request_go(r, STEP_RECORD);
}

/* The second opinion on an empty answer failed too: then the empty answer stands (product 5.7). */
static enum step_verdict deliver_empty(struct request *r) {
    const struct event events[] = {
        {.kind = EVENT_START},
        {.kind = EVENT_FINISH, .finish = FINISH_STOP},
        {.kind = EVENT_USAGE, .usage = {.input_tokens = r->usage.input_tokens, .estimated = true}}};
    int err = 0;
    for (size_t i = 0; i < array_length(events) && err == 0; i++)
        err = r->task.chat.stream
                  ? r->surface->stream_event(r->encoder, &r->identity, &events[i], &r->out)
                  : r->surface->reply_event(r->encoder, &events[i]);
    if (err < 0)
        return request_fail(r, API_INTERNAL, NULL, "The answer could not be written: %s.",
                            err_text(err));
    return deliver(r);
}

static void leave_attempt(struct request *r) {
    attempt_release(r->attempt);
    r->attempt = NULL;
}

enum step_verdict step_settle(struct request *r) {
    if (r->attempt == NULL)
        return deliver_empty(r);
    struct attempt *attempt = r->attempt;
    climb(r);
    enum done_verdict verdict = desk_done(r->home->gateway->desk, r->home->index, r->ticket,
                                          attempt->outcome, &r->usage, attempt->retry_after_ns);
    r->empty_seen = r->empty_seen || attempt->outcome == OUTCOME_EMPTY;
    if (!delivers(attempt->outcome))
        keep_words(r);
    if (verdict == DONE_RETRYING) {
        leave_attempt(r);
        r->surface->encoder_reset(r->encoder);
        dynbuf_clear(&r->out);
        r->submitted_ns = request_now_ns(r);
        return request_go(r, STEP_DISPATCH);
    }
    r->ticket = 0;
    enum step_verdict next = delivers(attempt->outcome) ? deliver(r) : request_go(r, STEP_REJECT);
    leave_attempt(r);
    return next;
}
