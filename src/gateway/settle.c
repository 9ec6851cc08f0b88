// SPDX-License-Identifier: Apache-2.0
/*
 * The attempt has ended, or its client is gone: tell the scheduler how, exactly once, and go where that leads.
 *
 * A good answer is finished here (its end mark, or the whole body); a failed one goes back to DISPATCH when the scheduler tries
 * another candidate, else to REJECT. Promises: the encoder forgets a failed attempt before the next begins; after the first
 * token nothing is tried again (scheduler_first_token told it so). Leaves to others: which candidate is next.
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/later.h"

static void add_rung(struct request *r, const struct request_rung *rung) {
    struct request_rung *kept = arena_try_alloc(&r->arena, sizeof *kept);
    if (kept == NULL)
        return; /* of a request as large as it may get: it is counted and not told */
    *kept = *rung;
    (void)catalog_ref(kept->snapshot);
    if (r->ladder_last != NULL)
        r->ladder_last->next = kept;
    else
        r->ladder = kept;
    r->ladder_last = kept;
}

/* Notes the attempt's end, once. */
static void climb(struct request *r, enum outcome outcome, const struct scheduler_usage *usage) {
    struct attempt *attempt = r->attempt;
    uint64_t now_ns = request_now_ns(r);
    bool chat = r->task.kind == TASK_CHAT;
    bool told = usage->known || outcome == OUTCOME_CANCELLED;
    const struct scheduler_promise promise = {.input_tokens = r->input_tokens,
                                              .output_tokens = r->output_promised,
                                              .output_tokens_max =
                                                  chat ? r->task.chat.max_output_tokens : 0,
                                              .inputs = chat ? 0 : r->task.embed.input_count};
    struct request_rung rung = {.snapshot = attempt->snapshot,
                                .route = attempt->route,
                                .outcome = outcome,
                                .started_ns = attempt->started_ns,
                                .sent_ns = attempt->sent_ns,
                                .ended_ns = now_ns,
                                .waited_ns = r->waited_ns,
                                .status = attempt->status,
                                .input_tokens = told ? usage->input_tokens : 0,
                                .output_tokens = told ? usage->output_tokens : 0};
    scheduler_keep(&promise, outcome, usage, &rung.kept);
    add_rung(r, &rung);
    r->upstream_ns += now_ns - attempt->started_ns;
    attempt->counted = true;
    r->last_outcome = outcome;
    metric_add(r->home->metrics, METRIC_ATTEMPTS, (uint32_t)outcome, 1);
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

/* Before the attempt goes: what to leave out of the next, if its route is asked again. */
static void keep_strip(struct request *r) {
    const struct attempt *attempt = r->attempt;
    if (span_absent(attempt->strip) || arena_copy(&r->arena, attempt->strip, &r->strip.name) < 0)
        return;
    r->strip.route = attempt->route;
    r->strip.holds = attempt->strip_holds;
}

/* A member is remembered once the request went better without it: a refusal may name one and mean another. */
static void learn_strip(struct request *r, bool good) {
    const struct attempt *attempt = r->attempt;
    bool better = good || !span_absent(attempt->strip);
    if (!span_absent(r->strip.name) && r->strip.holds && r->strip.route == attempt->route && better)
        left_out_learn(&r->home->left_out, attempt->snapshot->version, attempt->route,
                       r->strip.name);
}

static int finish_stream(struct request *r) {
    int err = r->surface->stream_end(r->encoder, &r->identity, &r->out);
    if (err == 0 && r->head == HEAD_HELD)
        err = respond_stream(r, HEAD_SENT); /* an empty answer: no token ever called for its head */
    if (err == 0)
        err = http_exchange_write(r->exchange, dynbuf_span(&r->out));
    dynbuf_clear(&r->out);
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
    return err;
}

/* An empty second opinion says nothing against the first one's refusal. */
static bool delivers(const struct request *r, enum outcome outcome) {
    return outcome == OUTCOME_OK || (outcome == OUTCOME_EMPTY && !r->unclear_seen);
}

static enum step_verdict not_written(struct request *r, int err) {
    return request_fail(r, API_INTERNAL, NULL, "The answer could not be written: %s.",
                        err_text(err));
}

static enum step_verdict deliver(struct request *r) {
    int err = r->task.chat.stream ? finish_stream(r) : finish_reply(r);
    if (err < 0 && r->head == HEAD_HELD && !http_exchange_gone(r->exchange))
        return not_written(r, err);
    r->status = 200;
    r->answered = true; /* as far as the client let us; RECORD cuts what could not be ended */
    return request_go(r, STEP_RECORD);
}

/* The second opinion on an empty answer failed too: then the empty answer stands (product 5.7), with what it used: the same as is recorded. */
static enum step_verdict deliver_empty(struct request *r) {
    const struct event events[] = {{.kind = EVENT_START},
                                   {.kind = EVENT_FINISH, .finish = FINISH_STOP},
                                   {.kind = EVENT_USAGE,
                                    .usage = {.input_tokens = r->usage.input_tokens,
                                              .output_tokens = r->usage.output_tokens,
                                              .estimated = !r->usage.known}}};
    int err = 0;
    for (size_t i = 0; i < array_length(events) && err == 0; i++)
        err = r->task.chat.stream
                  ? r->surface->stream_event(r->encoder, &r->identity, &events[i], &r->out)
                  : r->surface->reply_event(r->encoder, &events[i]);
    return err < 0 ? not_written(r, err) : deliver(r);
}

static void leave_attempt(struct request *r) {
    attempt_release(r->attempt);
    r->attempt = NULL;
}

static void drop_attempt(struct request *r) {
    leave_attempt(r);
    r->surface->encoder_reset(r->encoder);
    dynbuf_clear(&r->out);
}

enum step_verdict step_settle(struct request *r) {
    if (r->attempt == NULL)
        return deliver_empty(r);
    enum outcome outcome = r->attempt->outcome;
    const struct scheduler_usage usage = attempt_usage(r->attempt);
    bool good = delivers(r, outcome);
    bool empty_stands = !good && r->empty_seen && r->first_token_ns == 0;
    climb(r, outcome, &usage);
    enum done_verdict verdict = desk_done(r->home->gateway->desk, r->home->index, r->ticket,
                                          outcome, &usage, &r->attempt->detail);
    r->empty_seen = r->empty_seen || outcome == OUTCOME_EMPTY;
    if (!empty_stands)
        r->usage = usage;
    learn_strip(r, good);
    if (!good)
        keep_words(r);
    if (verdict == DONE_RETRYING) {
        keep_strip(r);
        drop_attempt(r);
        r->submitted_ns = request_now_ns(r);
        return request_go(r, STEP_DISPATCH);
    }
    r->ticket = 0;
    if (empty_stands) {
        drop_attempt(r);
        return deliver_empty(r);
    }
    enum step_verdict next = good ? deliver(r) : request_go(r, STEP_REJECT);
    leave_attempt(r);
    return next;
}

/* As the scheduler settles it: what was not sent is given back. */
static enum outcome cancelled_outcome(const struct attempt *attempt) {
    if (attempt_ended(attempt))
        return attempt->outcome;
    return attempt->sm.state == ATTEMPT_CALLING ? OUTCOME_WITHDRAWN : OUTCOME_CANCELLED;
}

enum step_verdict step_cancel(struct request *r) {
    if (r->attempt != NULL) {
        r->usage = attempt_usage(r->attempt);
        enum outcome outcome = cancelled_outcome(r->attempt);
        if (outcome == OUTCOME_CANCELLED && !r->usage.known)
            r->usage.input_tokens = r->input_tokens; /* it was sent: as the client is charged */
        climb(r, outcome, &r->usage);
        leave_attempt(r);
    }
    if (r->ticket != 0) {
        desk_cancel(r->home->gateway->desk, r->home->index, r->ticket, &r->usage);
        r->ticket = 0;
    }
    later_forget(r);
    r->status = STATUS_CLIENT_GONE;
    return request_go(r, STEP_RECORD);
}
