// SPDX-License-Identifier: Apache-2.0
/*
 * Tells the client why not, in its wire's form.
 *
 * The gateway's own columns for outcomes and refusals stand here: what a client is told, keyed by the scheduler's enums. Failures
 * of our keys never reach a client as 401, 402 or 403, since it would replace the wrong key (wire 1.6). Before the 200 the answer
 * is a plain error with its status; after it an error event that ends the stream without an end mark. Promises: every refusal
 * says what was wrong and what to do; waits up to 60 s stand in Retry-After, longer ones in the text only (wire 1.7).
 */
#include "base/check.h"
#include "gateway/choose.h"
#include "gateway/desk.h"
#include "gateway/identify.h"

#include <stdio.h>

#define RETRY_AFTER_TOLD_MAX_MS 60000
#define RETRY_SPREAD            10 /* a tenth more at most */
#define EXHAUSTED_MS            (3600 * 1000)

/* outcome -> what the client is told when no candidate is left; `own_words`: the provider's sentence is passed on. */
static const struct {
    enum api_error_kind kind;
    bool own_words;
    const char *sentence;
} told[OUTCOME_COUNT] = {
    [OUTCOME_OK] = {API_INTERNAL, false, "The answer was lost inside the gateway."},
    [OUTCOME_CANCELLED] = {API_UPSTREAM_TIMEOUT, false,
                           "No answer came within the time this request may take."},
    [OUTCOME_WITHDRAWN] = {API_UPSTREAM_TIMEOUT, false,
                           "The request was taken back before it was sent."},
    [OUTCOME_CLIENT_FAULT] = {API_BAD_REQUEST, true,
                              "The provider refused the request as not valid."},
    [OUTCOME_CONTENT_FILTER] = {API_CONTENT_FILTER, true,
                                "The provider's content filter refused the request."},
    [OUTCOME_UNCLEAR] = {API_BAD_REQUEST, true, "The provider refused the request as not valid."},
    [OUTCOME_EMPTY] = {API_UPSTREAM_FAILED, false, "The provider answered with nothing."},
    [OUTCOME_CONTEXT_TOO_LONG] = {API_CONTEXT_TOO_LONG, true,
                                  "This model's maximum context length is exceeded. Please reduce "
                                  "the length of the messages."},
    [OUTCOME_TOO_LARGE] = {API_TOO_LARGE, true,
                           "The request is larger than any configured provider takes. Send less "
                           "text or smaller images."},
    [OUTCOME_UNSUPPORTED_PARAMETER] = {API_UNSUPPORTED_PARAMETER, true,
                                       "The provider does not know a field of the request."},
    [OUTCOME_WOULD_DOWNGRADE] = {API_UNSUPPORTED_PARAMETER, false,
                                 "No provider of this model takes the request as it is, and "
                                 "x-papi-strict forbids to leave anything out."},
    [OUTCOME_TOOL_CALL_MALFORMED] = {API_UPSTREAM_FAILED, false,
                                     "The model wrote a tool call that cannot be read."},
    [OUTCOME_ACCOUNT_BLOCKED] =
        {API_UPSTREAM_FAILED, false,
         "The provider has closed this gateway's account until its operator "
         "acts."},
    [OUTCOME_NOT_ENTITLED] = {API_UPSTREAM_FAILED, false,
                              "This gateway's account may not use the model."},
    [OUTCOME_REGION_BLOCKED] = {API_UPSTREAM_FAILED, false,
                                "The provider does not serve the place this gateway runs in."},
    [OUTCOME_UPSTREAM_RATE_LIMITED] = {API_RATE_LIMITED, false,
                                       "The model is at the limit of whoever runs it."},
    [OUTCOME_KEY_REFUSED] =
        {API_UPSTREAM_FAILED, false,
         "The provider refused this gateway's key. Its operator must replace the key."},
    [OUTCOME_NO_CREDIT] = {API_QUOTA_EXHAUSTED, false,
                           "The provider says this gateway's account has no credit left."},
    [OUTCOME_RATE_LIMITED] = {API_RATE_LIMITED, false,
                              "All providers of this model are at their rate limit."},
    [OUTCOME_QUOTA_EXHAUSTED] = {API_QUOTA_EXHAUSTED, false,
                                 "The quota of all providers of this model is used up."},
    [OUTCOME_MODEL_GONE] =
        {API_UPSTREAM_FAILED, false,
         "The provider no longer knows this model. Its row in papi.yaml should be corrected."},
    [OUTCOME_OVERLOADED] = {API_UPSTREAM_FAILED, false, "The provider is overloaded."},
    [OUTCOME_SERVER_ERROR] = {API_UPSTREAM_FAILED, false, "The provider failed."},
    [OUTCOME_DNS_FAILED] = {API_UPSTREAM_FAILED, false,
                            "The provider's host name could not be resolved; is this "
                            "machine online?"},
    [OUTCOME_CONNECT_REFUSED] = {API_UPSTREAM_FAILED, false,
                                 "The provider refused the connection."},
    [OUTCOME_CONNECT_TIMEOUT] = {API_UPSTREAM_TIMEOUT, false,
                                 "Connecting to the provider took too long."},
    [OUTCOME_PROXY_UNREACHABLE] = {API_UPSTREAM_FAILED, false,
                                   "The proxy in front of the provider cannot be reached."},
    [OUTCOME_PROXY_TIMEOUT] = {API_UPSTREAM_TIMEOUT, false,
                               "The proxy in front of the provider took too long."},
    [OUTCOME_PROXY_AUTH] = {API_UPSTREAM_FAILED, false,
                            "The proxy in front of the provider does not accept this gateway's "
                            "login. Its operator must correct the proxy's user and password."},
    [OUTCOME_PROXY_REFUSED] = {API_UPSTREAM_FAILED, false,
                               "The proxy in front of the provider refuses to connect to it."},
    [OUTCOME_PROXY_TARGET] = {API_UPSTREAM_FAILED, false,
                              "The proxy in front of the provider could not connect to it."},
    [OUTCOME_PROXY_PROTOCOL] = {API_UPSTREAM_FAILED, false,
                                "The proxy in front of the provider broke off, or does not speak "
                                "the protocol that its URL names."},
    [OUTCOME_TLS_TIMEOUT] = {API_UPSTREAM_TIMEOUT, false,
                             "The provider's TLS handshake took too long."},
    [OUTCOME_TLS_EXPIRED] = {API_UPSTREAM_FAILED, false,
                             "The provider's TLS certificate has expired or is not valid yet."},
    [OUTCOME_TLS_HOST] = {API_UPSTREAM_FAILED, false,
                          "The provider's TLS certificate is for another host."},
    [OUTCOME_TLS_UNTRUSTED] =
        {API_UPSTREAM_FAILED, false,
         "The provider's TLS certificate is not signed by a trusted authority."},
    [OUTCOME_TLS_FAILED] = {API_UPSTREAM_FAILED, false,
                            "The TLS handshake with the provider failed."},
    [OUTCOME_ADDRESS_FORBIDDEN] = {API_UPSTREAM_FAILED, false,
                                   "The provider's address is not allowed here; private networks "
                                   "need the setting private_network."},
    [OUTCOME_RESET] = {API_UPSTREAM_FAILED, false, "The provider broke the connection."},
    [OUTCOME_TRUNCATED] = {API_UPSTREAM_FAILED, false,
                           "The provider's answer ended before its end."},
    [OUTCOME_BAD_ANSWER] = {API_UPSTREAM_FAILED, false,
                            "The provider's answer could not be understood."},
    [OUTCOME_WRONG_MODEL] = {API_UPSTREAM_FAILED, false,
                             "The provider answered with another model than was asked for."},
    [OUTCOME_FIRST_BYTE_TIMEOUT] = {API_UPSTREAM_TIMEOUT, false,
                                    "The provider did not begin to answer in time."},
    [OUTCOME_STALLED] = {API_UPSTREAM_TIMEOUT, false,
                         "The provider fell silent in the middle of its answer."},
    [OUTCOME_GATEWAY_FAULT] = {API_INTERNAL, false,
                               "The request could not be written in the provider's form."},
};

static const struct {
    enum api_error_kind kind;
    const char *sentence;
} refused[REFUSAL_COUNT] = {
    [REFUSAL_NONE] = {API_INTERNAL, "The request was refused without a reason."},
    [REFUSAL_NO_CANDIDATE] = {API_UNAVAILABLE,
                              "No configured provider can serve this model any more."},
    [REFUSAL_TOO_LARGE] = {API_BAD_REQUEST,
                           "The request is larger than any provider's limit allows."},
    [REFUSAL_LIMITED] = {API_RATE_LIMITED,
                         "All providers of this model are busy or resting after errors."},
    [REFUSAL_QUEUE_FULL] = {API_QUEUE_FULL, "Too many requests are waiting here already."},
    [REFUSAL_WAIT_OVER] = {API_RATE_LIMITED, "No provider of this model had room in time."},
    [REFUSAL_FAILED] = {API_UPSTREAM_FAILED, "All providers of this model failed."},
    [REFUSAL_CLIENT_LIMITED] = {API_RATE_LIMITED, "A limit of this API key is used up."},
    [REFUSAL_DEADLINE] = {API_UPSTREAM_TIMEOUT,
                          "No answer came within the time this request may take."},
};

static void set_message(struct request *r, const char *sentence, int64_t wait_ms) {
    char *text;
    if (wait_ms >= 0)
        text =
            arena_format(&r->arena, "%s Room is expected in %lld.%01lld s. Tried: %u.", sentence,
                         (long long)wait_ms / 1000, (long long)wait_ms % 1000 / 100, r->attempts);
    else
        text = arena_format(&r->arena, "%s Tried: %u.", sentence, r->attempts);
    r->error.message = span_text(text != NULL ? text : sentence);
}

/* The provider's own sentence was kept escaped (settle.c). */
static bool use_own_words(struct request *r) {
    struct span plain;
    if (span_absent(r->error.message) || r->error.message.len == 0 ||
        json_unescape(r->error.message, &r->arena, &plain) < 0)
        return false;
    r->error.message = plain;
    return true;
}

static int64_t wait_ms_until(uint64_t at_ns) {
    uint64_t now_ns = desk_clock_ns();
    if (at_ns == 0)
        return -1;
    return at_ns > now_ns ? (int64_t)((at_ns - now_ns) / NS_PER_MS) : 0;
}

/* A client's deadline that passed while nobody had room, before anybody was asked, is a lack of room. */
static enum refusal refusal_of(const struct request *r) {
    if (r->decision.kind != ACTION_REFUSE)
        return REFUSAL_NONE;
    return r->decision.refusal == REFUSAL_DEADLINE && r->attempts == 0 ? REFUSAL_WAIT_OVER
                                                                       : r->decision.refusal;
}

/* Which of those that can do this has room first, and when. */
struct opening {
    uint64_t at_ns; /* 0 = nobody knows */
    uint32_t route;
    uint32_t limit; /* that is used up; LIMIT_NONE = another reason */
};

static struct opening first_opening(struct request *r) {
    struct scheduler_candidate rows[DEMAND_CANDIDATES_MAX];
    struct catalog_choice choice;
    struct demand demand;
    struct opening first = {.limit = LIMIT_NONE};
    uint64_t now_ns;
    choose_candidates(r, &choice);
    choose_demand(r, &choice, &demand);
    desk_explain(r->home->gateway->desk, r->snapshot, &demand, rows, &now_ns);
    for (uint32_t i = 0; i < demand.candidate_count; i++) {
        uint64_t at_ns = rows[i].available_at_ns;
        if (at_ns != 0 && at_ns != UINT64_MAX && (first.at_ns == 0 || at_ns < first.at_ns))
            first = (struct opening){
                .at_ns = at_ns, .route = demand.candidates[i], .limit = rows[i].limit};
    }
    return first;
}

/* A limit that is used up is named: nobody failed. */
static const char *refused_sentence(struct request *r, enum refusal refusal,
                                    const struct opening *opening) {
    const struct catalog_snapshot *snapshot = r->snapshot;
    bool lacks_room = refusal == REFUSAL_LIMITED || refusal == REFUSAL_WAIT_OVER;
    if (!lacks_room || opening->limit == LIMIT_NONE)
        return refused[refusal].sentence;
    const struct catalog_account *account =
        &snapshot->accounts[snapshot->routes[opening->route].account];
    const char *text =
        arena_format(&r->arena,
                     "No provider of this model has room; the first to have it again is %.*s "
                     "(limit: %.*s).",
                     SPAN_ARG(snapshot->providers[account->provider].id),
                     SPAN_ARG(snapshot->limits[opening->limit].label));
    return text != NULL ? text : refused[refusal].sentence;
}

/* Waiting never helps: as with a context that is too small, less text does, and that is the code that makes clients shorten it. */
static void explain_too_large(struct request *r) {
    const struct action *decision = &r->decision;
    bool in_tokens =
        decision->limit_unit == LIMIT_TOKENS || decision->limit_unit == LIMIT_INPUT_TOKENS;
    const char *text = arena_format(
        &r->arena,
        "The request needs about %llu tokens at once, but the largest limit of any provider of "
        "'%.*s' is %llu %s. Please reduce the length of the messages%s.",
        (unsigned long long)(r->input_tokens + r->task.chat.max_output_tokens),
        SPAN_ARG(r->task.model), (unsigned long long)decision->limit_amount,
        limit_unit_word(decision->limit_unit), in_tokens ? " or the answer" : "");
    r->error.kind = in_tokens ? API_CONTEXT_TOO_LONG : API_BAD_REQUEST;
    r->error.message = span_text(text != NULL ? text : refused[REFUSAL_TOO_LARGE].sentence);
}

/* A lack of room for hours is a day or a month used up; clients treat that as final. */
static void note_exhausted(struct request *r, int64_t wait_ms) {
    if (r->error.kind == API_RATE_LIMITED && wait_ms > EXHAUSTED_MS)
        r->error.kind = API_QUOTA_EXHAUSTED;
}

/* From what the scheduler or the last attempt said to an API error. */
static void explain(struct request *r) {
    enum refusal refusal = refusal_of(r);
    enum outcome outcome =
        refusal == REFUSAL_NONE || refusal == REFUSAL_FAILED ? r->last_outcome : OUTCOME_OK;
    int64_t wait_ms = refusal != REFUSAL_NONE ? wait_ms_until(r->decision.retry_at_ns) : -1;
    if (r->unclear_seen)
        outcome = OUTCOME_UNCLEAR;
    bool lacks_room = outcome == OUTCOME_OK ? refusal == REFUSAL_WAIT_OVER
                                            : api_error_status(told[outcome].kind) == 429;
    /* The last one has just refused, or the client's deadline came before the scheduler's word. */
    struct opening opening = {.limit = LIMIT_NONE};
    if (refusal == REFUSAL_LIMITED || refusal == REFUSAL_WAIT_OVER || (lacks_room && wait_ms < 0))
        opening = first_opening(r);
    if (lacks_room && wait_ms < 0)
        wait_ms = wait_ms_until(opening.at_ns);
    if (outcome == OUTCOME_OK && refusal == REFUSAL_TOO_LARGE) {
        explain_too_large(r);
    } else if (outcome == OUTCOME_OK) {
        r->error.kind = refused[refusal].kind;
        set_message(r, refused_sentence(r, refusal, &opening), wait_ms);
    } else {
        r->error.kind = told[outcome].kind;
        if (!told[outcome].own_words || !use_own_words(r))
            set_message(r, told[outcome].sentence, wait_ms);
    }
    note_exhausted(r, wait_ms);
    r->error.param = r->error.code = SPAN_NONE;
    r->error.retry_after_ms = wait_ms;
    r->error.no_client_retry =
        api_error_status(r->error.kind) >= 500 || wait_ms > RETRY_AFTER_TOLD_MAX_MS;
}

static bool by_own_limit(const struct request *r) {
    return refusal_of(r) == REFUSAL_CLIENT_LIMITED;
}

/* The exact time. */
static int reset_fields(int64_t wait_ms, struct dynbuf *head) {
    char text[LIMITS_DURATION_BYTES];
    limits_duration(wait_ms, text);
    int err = http_write_header(head, "x-ratelimit-remaining-requests", SPAN_LITERAL("0"));
    return err == 0 ? http_write_header(head, "x-ratelimit-reset-requests", span_text(text)) : err;
}

static int retry_fields(struct request *r, struct dynbuf *head) {
    int64_t wait_ms = r->error.retry_after_ms;
    int err = 0;
    if (r->error.no_client_retry)
        err = http_write_header(head, "x-should-retry", SPAN_LITERAL("false"));
    if (err == 0 && wait_ms >= 0 && api_error_status(r->error.kind) == 429 && !by_own_limit(r))
        err = reset_fields(wait_ms, head);
    /* Those refused together shall not come back together; a client's own limit is nobody else's. */
    if (wait_ms > 0 && !by_own_limit(r))
        wait_ms += (int64_t)rand_below(&r->home->rand, (uint64_t)wait_ms / RETRY_SPREAD + 1);
    if (err == 0 && wait_ms >= 0 && wait_ms <= RETRY_AFTER_TOLD_MAX_MS) {
        err = http_write_header_u64(head, "Retry-After", (uint64_t)(wait_ms + 999) / 1000);
        if (err == 0)
            err = http_write_header_u64(head, "retry-after-ms", (uint64_t)wait_ms);
    }
    return err;
}

static int answer_error(struct request *r) {
    struct dynbuf head;
    char allow[64];
    int err = respond_head(r, &head, "application/json");
    if (err == 0 && r->error.kind == API_METHOD_NOT_ALLOWED) {
        endpoint_allow(r->allowed, allow, sizeof allow);
        err = http_write_header(&head, "Allow", span_text(allow));
    }
    if (err == 0 && r->error.kind == API_INVALID_KEY) /* RFC 9110 section 11.6.1 */
        err = http_write_header(&head, "WWW-Authenticate", SPAN_LITERAL("Bearer"));
    if (err == 0)
        err = retry_fields(r, &head);
    if (err == 0 && r->attempts > 0)
        err = respond_route_fields(r, &head);
    if (err == 0)
        err = r->surface->error_body(&r->error, &r->out);
    if (err == 0)
        err = http_exchange_respond(r->exchange, api_error_status(r->error.kind),
                                    dynbuf_span(&head), dynbuf_span(&r->out));
    dynbuf_done(&head);
    r->status = api_error_status(r->error.kind);
    return err;
}

/* After the 200 only an event can tell; then the connection ends cleanly, without an end mark (wire 1.7). */
static int answer_in_band(struct request *r) {
    int err = r->surface->stream_error(r->encoder, &r->identity, &r->error, &r->out);
    if (err == 0)
        err = http_exchange_write(r->exchange, dynbuf_span(&r->out));
    http_exchange_close_after(r->exchange);
    return err == 0 ? http_exchange_end(r->exchange) : err;
}

enum step_verdict step_reject(struct request *r) {
    check(r->attempt == NULL || attempt_ended(r->attempt));
    if (!r->has_error && by_own_limit(r))
        limits_explain(r);
    else if (!r->has_error)
        explain(r);
    r->has_error = true;
    dynbuf_clear(&r->out);
    metric_add(r->home->metrics, METRIC_REJECTED, (uint32_t)r->error.kind, 1);
    int err = r->head == HEAD_HELD ? answer_error(r) : answer_in_band(r);
    if (err < 0 && !r->gone)
        http_exchange_abort(r->exchange); /* not even the error could be written */
    r->answered = true;
    return request_go(r, STEP_RECORD);
}
