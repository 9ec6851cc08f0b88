// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of a provider's answer into events and an outcome.
 *
 * A stream is split into server-sent events and decoded as it comes; a whole answer, or the body of an error, is collected
 * within a cap. Each event goes to the request's encoder at once, so nothing is kept twice. Promises: success only by a legal end
 * of both the transfer and the wire; an error inside a 200 is a failure; what is not understood is a failure. Leaves to others:
 * classes of refusals (provider/signal), the client's side (relay.c).
 */
#include "base/check.h"
#include "catalog/answered.h"
#include "gateway/request.h"
#include "gateway/verdict.h"
#include "provider/signal.h"

static int broken(struct attempt *attempt, enum outcome outcome, int err) {
    attempt->outcome = outcome;
    attempt->err = err;
    return err;
}

/* An error inside a 200: what its body says decides. */
static void on_error_event(struct attempt *attempt, const struct event *event) {
    if (!span_absent(event->raw)) {
        verdict_judge(attempt, 200, event->raw);
    } else { /* not an error of the provider's wording, but an answer that says that it broke off */
        int status = event->error_status != 0 ? event->error_status : 200;
        attempt->outcome = signal_outcome(status, event->error_code, event->error_message);
        verdict_keep_words(attempt, event->error_message, event->error_code);
    }
    attempt->error_seen = true;
}

static int on_event(void *context, const struct event *event) {
    struct attempt *attempt = context;
    struct request *r = attempt->request;
    attempt->events++;
    if (event->kind == EVENT_START &&
        !catalog_answered_right(attempt->snapshot, attempt->route, event->upstream_model)) {
        attempt->outcome = OUTCOME_WRONG_MODEL; /* product 5.8; no token has come yet */
        attempt->error_seen = true;
        return 0;
    }
    if (event->kind == EVENT_ERROR) {
        on_error_event(attempt, event);
        return 0;
    }
    if (event->kind == EVENT_USAGE) {
        attempt->usage = event->usage;
        attempt->usage_known = true;
    }
    if (!attempt->token_seen && event_is_token(event))
        attempt->token_seen = true;
    return r->task.chat.stream ? r->surface->stream_event(r->encoder, &r->identity, event, &r->out)
                               : r->surface->reply_event(r->encoder, event);
}

static int on_record(void *context, const struct sse_event *record) {
    struct attempt *attempt = context;
    if (attempt->error_seen || attempt->dialect->is_over(attempt->decoder))
        return 0; /* nothing after an error or the end mark counts */
    return attempt->dialect->on_record(attempt->decoder, record->data);
}

void attempt_answer_prepare(struct attempt *attempt) {
    sse_init(&attempt->sse, SSE_EVENT_MAX_BYTES, on_record, attempt);
}

static bool is_event_stream(const struct http_headers *headers) {
    struct span type = http_header_get(headers, "content-type");
    return type.len >= 17 && span_is_nocase(span_of(type.ptr, 17), "text/event-stream");
}

void attempt_answer_begin(struct attempt *attempt, const struct http_answer_head *head) {
    attempt->status = head->status;
    attempt->answer_is_stream = head->status == 200 && is_event_stream(head->headers);
    verdict_read_head(attempt, head->headers);
    if (head->status != 200) {
        verdict_keep_head(attempt, head->headers);
        attempt->body.cap_bytes = ATTEMPT_ERROR_BODY_MAX_BYTES;
    } else {
        attempt->decoder = attempt->dialect->decoder_new(
            &attempt->arena, &attempt->request->task,
            attempt->snapshot->routes[attempt->route].quirks, on_event, attempt);
    }
    if (head->has_length && head->length_bytes <= ATTEMPT_ERROR_BODY_MAX_BYTES &&
        dynbuf_reserve(&attempt->body, head->length_bytes) < 0)
        attempt->body.cap_bytes = 0; /* out of memory: the first byte will say so */
}

/* Vectors that pass the cap are the doing of whoever asked for so many, and would be as many elsewhere. */
static enum outcome outcome_of_size(struct attempt *attempt) {
    if (attempt->request->task.kind != TASK_EMBED)
        return OUTCOME_BAD_ANSWER;
    verdict_keep_words(
        attempt,
        SPAN_LITERAL("The vectors of this request are more than an answer may hold here. "
                     "Send fewer texts at once."),
        SPAN_NONE);
    return OUTCOME_CLIENT_FAULT;
}

static int outcome_of_decoding(struct attempt *attempt, int err) {
    if (err == ERR_TOO_LARGE)
        return broken(attempt, outcome_of_size(attempt), err);
    return broken(attempt, err == ERR_INVALID ? OUTCOME_BAD_ANSWER : OUTCOME_GATEWAY_FAULT, err);
}

static int stream_bytes(struct attempt *attempt, struct span bytes) {
    struct loop *loop = attempt->home->loop;
    uint64_t events_before = attempt->events;
    int err = sse_feed(&attempt->sse, bytes);
    if (err < 0)
        return outcome_of_decoding(attempt, err);
    if (attempt->error_seen)
        return broken(attempt, attempt->outcome, ERR_INVALID);
    if (attempt->dialect->is_over(attempt->decoder)) {
        attempt_answer_end(attempt);
        return 0;
    }
    if (attempt->token_seen && attempt->gap_ns > 0 &&
        attempt->events != events_before) /* comments are no progress */
        loop_timer_set(loop, &attempt->clock, loop_now_ns(loop) + attempt->gap_ns);
    return 0;
}

int attempt_answer_bytes(struct attempt *attempt, struct span bytes) {
    if (attempt->answer_is_stream)
        return stream_bytes(attempt, bytes);
    int err = dynbuf_append_span(&attempt->body, bytes);
    if (err < 0 && attempt->status != 200)
        return 0; /* the head of an error body tells enough */
    if (err < 0)
        return broken(attempt, outcome_of_size(attempt), err);
    if (attempt->status == 200 && attempt->gap_ns > 0)
        loop_timer_set(attempt->home->loop, &attempt->clock,
                       loop_now_ns(attempt->home->loop) + attempt->gap_ns);
    return 0;
}

static void end_refused(struct attempt *attempt) {
    verdict_judge(attempt, attempt->status, dynbuf_span(&attempt->body));
    attempt_end(attempt, attempt->outcome, 0);
}

static const enum outcome outcome_of_end[] = {
    [DIALECT_COMPLETE] = OUTCOME_OK,       [DIALECT_TRUNCATED] = OUTCOME_TRUNCATED,
    [DIALECT_EMPTY] = OUTCOME_EMPTY,       [DIALECT_GUARD] = OUTCOME_BAD_ANSWER,
    [DIALECT_FAILED] = OUTCOME_BAD_ANSWER,
};

void attempt_answer_end(struct attempt *attempt) {
    if (attempt->status != 200) {
        end_refused(attempt);
        return;
    }
    int err = 0;
    if (!attempt->answer_is_stream)
        err = attempt->dialect->on_body(attempt->decoder, dynbuf_span(&attempt->body));
    if (err < 0) {
        (void)outcome_of_decoding(attempt, err);
        attempt_end(attempt, attempt->outcome, err);
        return;
    }
    enum dialect_end end = attempt->dialect->on_end(attempt->decoder);
    if (attempt->error_seen) {
        attempt_end(attempt, attempt->outcome, 0);
        return;
    }
    attempt_end(attempt, outcome_of_end[end], end == DIALECT_TRUNCATED ? ERR_TRUNCATED : 0);
}

struct scheduler_usage attempt_usage(const struct attempt *attempt) {
    struct usage usage = attempt->usage;
    if (!attempt->usage_known && attempt->token_seen)
        usage = attempt->dialect->usage_so_far(attempt->decoder);
    return (struct scheduler_usage){.input_tokens = usage.input_tokens,
                                    .output_tokens = usage.output_tokens,
                                    .known = attempt->usage_known || attempt->token_seen,
                                    .has_cost = attempt->has_cost,
                                    .cost_unit = attempt->cost_unit,
                                    .cost = attempt->cost};
}

/* A finish reason without an end mark, on a connection that stays open: complete, but not worth waiting for. */
void attempt_answer_silent(struct attempt *attempt) {
    enum dialect_end end = DIALECT_TRUNCATED;
    if (attempt->answer_is_stream && attempt->decoder != NULL)
        end = attempt->dialect->on_end(attempt->decoder);
    if (end == DIALECT_COMPLETE && !attempt->error_seen)
        attempt_end(attempt, OUTCOME_OK, 0);
    else
        attempt_end(attempt, OUTCOME_STALLED, ERR_IDLE_TIMEOUT);
}

static const struct {
    int err;
    enum outcome outcome;
} outcomes_of_err[] = {
    {ERR_DNS_NOT_FOUND, OUTCOME_DNS_FAILED},
    {ERR_DNS_FAILED, OUTCOME_DNS_FAILED},
    {ERR_DNS_TIMEOUT, OUTCOME_DNS_FAILED},
    {ERR_CONNECT_REFUSED, OUTCOME_CONNECT_REFUSED},
    {ERR_CONNECT_UNREACHABLE, OUTCOME_CONNECT_REFUSED},
    {ERR_CONNECT_TIMEOUT, OUTCOME_CONNECT_TIMEOUT},
    {ERR_PROXY_URL, OUTCOME_PROXY_UNREACHABLE},
    {ERR_PROXY_UNREACHABLE, OUTCOME_PROXY_UNREACHABLE},
    {ERR_PROXY_TIMEOUT, OUTCOME_PROXY_TIMEOUT},
    {ERR_PROXY_AUTH, OUTCOME_PROXY_AUTH},
    {ERR_PROXY_REFUSED, OUTCOME_PROXY_REFUSED},
    {ERR_PROXY_TARGET, OUTCOME_PROXY_TARGET},
    {ERR_PROXY_PROTOCOL, OUTCOME_PROXY_PROTOCOL},
    {ERR_TLS_TIMEOUT, OUTCOME_TLS_TIMEOUT},
    {ERR_TLS_EXPIRED, OUTCOME_TLS_EXPIRED},
    {ERR_TLS_HOST, OUTCOME_TLS_HOST},
    {ERR_TLS_UNTRUSTED, OUTCOME_TLS_UNTRUSTED},
    {ERR_TLS_PROTOCOL, OUTCOME_TLS_FAILED},
    {ERR_ADDRESS_FORBIDDEN, OUTCOME_ADDRESS_FORBIDDEN},
    {ERR_TLS_TRUNCATED, OUTCOME_TRUNCATED},
    {ERR_TRUNCATED, OUTCOME_TRUNCATED},
    {ERR_EOF, OUTCOME_RESET},
    {ERR_RESET, OUTCOME_RESET},
    {ERR_STALE, OUTCOME_RESET},
    {ERR_FIRST_BYTE_TIMEOUT, OUTCOME_FIRST_BYTE_TIMEOUT},
    {ERR_HEADER_TIMEOUT, OUTCOME_FIRST_BYTE_TIMEOUT},
    {ERR_IDLE_TIMEOUT, OUTCOME_STALLED},
    {ERR_BODY_TIMEOUT, OUTCOME_STALLED},
};

enum outcome attempt_outcome_of(int err, bool answer_bytes_seen) {
    for (size_t i = 0; i < array_length(outcomes_of_err); i++)
        if (outcomes_of_err[i].err == err)
            return outcomes_of_err[i].outcome;
    return answer_bytes_seen ? OUTCOME_BAD_ANSWER
                             : OUTCOME_RESET; /* HTTP that cannot be read, and the rest */
}
