// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that ask no provider: liveness, readiness, metrics, the root, and browsers' preflights.
 *
 * Promises: none of them waits for anything. Leaves to others: who may read them (authenticate.c), the list of models (list.c).
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/later.h"
#include "gateway/take.h"
#include "obs/log.h"
#include "store/store.h"

#define ANSWER_MAX_BYTES ((size_t)8 * 1024 * 1024)

int answer_health(struct request *r) {
    return respond_whole(r, 200, "text/plain; charset=utf-8", SPAN_LITERAL("ok\n"));
}

int answer_ready(struct request *r) {
    struct gateway *gateway = r->home->gateway;
    if (atomic_load_explicit(&gateway->draining, memory_order_relaxed))
        return respond_whole(r, 503, "text/plain; charset=utf-8", SPAN_LITERAL("draining\n"));
    if (!desk_any_open(gateway->desk))
        return respond_whole(r, 503, "text/plain; charset=utf-8",
                             SPAN_LITERAL("no provider can be asked now\n"));
    return respond_whole(r, 200, "text/plain; charset=utf-8", SPAN_LITERAL("ready\n"));
}

int answer_metrics(struct request *r) {
    struct gateway *gateway = r->home->gateway;
    struct store_state state;
    struct dynbuf body;
    for (uint32_t i = 0; i < gateway->loop_count; i++)
        metric_set(gateway->metric_blocks[i], METRIC_CONNECTIONS,
                   (int64_t)http_server_connections(gateway->loops[i]->server));
    metric_set(gateway->metric_blocks[0], METRIC_LOG_LOST, (int64_t)log_lost());
    store_state(gateway->store, &state);
    metric_set(gateway->metric_blocks[0], METRIC_DETAILS_DROPPED, (int64_t)state.details_dropped);
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    return respond_body(r, 200, "text/plain; version=0.0.4; charset=utf-8",
                        metric_write(gateway->metric_blocks, gateway->loop_count, &body), &body);
}

int answer_root(struct request *r) {
    return respond_whole(r, 200, "text/plain; charset=utf-8",
                         SPAN_LITERAL("PAPI is running. Point an OpenAI client at /v1; GET "
                                      "/v1/models lists what can be asked for.\n"));
}

/* Preflight (Fetch standard): echo what is asked for, since a bare * does not cover Authorization. */
static int answer_options(struct request *r) {
    const struct http_request *http = http_exchange_request(r->exchange);
    struct span asked = http_header_get(http->headers, "access-control-request-headers");
    struct dynbuf head;
    char allow[64];
    endpoint_allow(r->allowed, allow, sizeof allow);
    int err = respond_head(r, &head, NULL);
    if (err == 0)
        err = http_write_header(&head, "Allow", span_text(allow));
    if (err == 0)
        err = http_write_header(&head, "Access-Control-Allow-Methods",
                                SPAN_LITERAL("GET, POST, PUT, PATCH, DELETE, OPTIONS"));
    if (!span_absent(asked) && http_write_header(&head, "Access-Control-Allow-Headers", asked) < 0)
        asked = SPAN_NONE; /* bytes that no field name has: the browser will refuse by itself */
    if (err == 0)
        err = http_write_header(&head, "Access-Control-Max-Age", SPAN_LITERAL("86400"));
    if (err == 0)
        err = http_exchange_respond(r->exchange, 204, dynbuf_span(&head), SPAN_NONE);
    dynbuf_done(&head);
    r->status = 204;
    r->answered = err == 0;
    return err;
}

enum step_verdict step_answer(struct request *r) {
    unsigned method = endpoint_method_of(http_exchange_request(r->exchange)->method);
    int err = 0;
    if (r->later == NULL && method == METHOD_OPTIONS)
        err = answer_options(r);
    else if (r->later == NULL && (r->endpoint->access != ACCESS_ADMIN || take_check(r)))
        err = r->endpoint->answer(r);
    else if (r->later == NULL)
        return STEP_NEXT; /* to REJECT */
    else if (r->later_done)
        err = later_finish(r);
    else
        err = ANSWER_LATER; /* woken by something else */
    if (err == ANSWER_LATER) {
        check(r->later != NULL);
        return request_park(r, PARKED_FOR_JOB);
    }
    if (r->has_error)
        return STEP_NEXT; /* the endpoint went to REJECT */
    if (err < 0 && !r->answered)
        return request_fail(r, API_INTERNAL, NULL, "The answer could not be written: %s.",
                            err_text(err));
    return request_go(r, STEP_RECORD);
}
