// SPDX-License-Identifier: Apache-2.0
/*
 * First step: the endpoint of method and path.
 *
 * Also the place where the HTTP server hands requests over: at the head already when it can be refused or answered without its
 * body. Promises: every path out of here is the API's form of an error, also for unknown paths, wrong methods and messages that
 * are no HTTP at all. Leaves to others: whether the client may ask (authenticate.c).
 */
#include "gateway/accept.h"

#include "base/check.h"
#include "base/err.h"
#include "gateway/authenticate.h"
#include "gateway/request.h"

#include <stdio.h>

static const struct {
    int status;
    const char *cure;
} full = {503, "this gateway has too many requests open; try again in a moment"};

/* A request beyond the slots of its loop never becomes one: it is told to come back. */
static void refuse_full(struct gateway_loop *home, struct http_exchange *exchange) {
    struct dynbuf body;
    struct api_error error = {
        .kind = API_UNAVAILABLE, .message = span_text(full.cure), .retry_after_ms = 1000};
    dynbuf_init(&body, 4096);
    if (api_error_write_openai(&error, &body) < 0 ||
        http_exchange_respond(exchange, full.status,
                              SPAN_LITERAL("Content-Type: application/json\r\nRetry-After: 1\r\n"),
                              dynbuf_span(&body)) < 0)
        http_exchange_abort(exchange);
    metric_add(home->metrics, METRIC_REJECTED, API_UNAVAILABLE, 1);
    dynbuf_done(&body);
}

void accept_on_request(void *context, struct http_exchange *exchange) {
    struct gateway_loop *home = context;
    if (http_exchange_context(exchange) != NULL)
        return; /* early.c made one: it is being refused */
    if (home->free_count == 0) {
        refuse_full(home, exchange);
        return;
    }
    struct request *r = request_new(home, exchange);
    http_exchange_set_context(exchange, r);
    if (http_exchange_body(exchange) != NULL)
        r->body = http_body_ref(http_exchange_body(exchange));
    request_resume(r);
}

void accept_on_gone(void *context, struct http_exchange *exchange) {
    if (context != NULL)
        request_on_gone(context, exchange);
}

void accept_on_drain(void *context, struct http_exchange *exchange) {
    if (context != NULL)
        request_on_drain(context, exchange);
}

void accept_on_finished(void *context, struct http_exchange *exchange) {
    if (context != NULL)
        request_on_finished(context, exchange);
}

/* The same head fields as on every other answer; a page whose origin may read it should see the reason. */
static int reject_fields(struct gateway_loop *home, const struct http_rejection *rejection,
                         struct dynbuf *fields) {
    const struct http_request *request = rejection->request;
    char id[REQUEST_ID_BYTES];
    request_make_id(&home->rand, id);
    int err = respond_id_fields(fields, span_of(id, REQUEST_ID_BYTES - 1));
    const struct access_asker asker = {request, rejection->peer};
    if (err == 0 && request != NULL &&
        access_origin_allowed(&gateway_config_of(home)->access, &asker))
        err = respond_browser_fields(fields, http_header_get(request->headers, "origin"));
    return err;
}

void accept_on_reject(void *context, const struct http_rejection *rejection,
                      struct dynbuf *ret_fields, struct dynbuf *ret_body) {
    struct gateway_loop *home = context;
    struct api_error error = {.kind = api_error_for_status(rejection->status),
                              .message = span_text(rejection->sentence),
                              .retry_after_ms = -1};
    char sentence[160];
    if (error.kind == API_TOO_LARGE) {
        (void)snprintf(sentence, sizeof sentence,
                       "The request body is larger than the %zu bytes this gateway takes. Send "
                       "less, or raise the setting limits.body.",
                       gateway_config_of(home)->server.body_max_bytes);
        error.message = span_text(sentence);
    }
    metric_add(home->metrics, METRIC_REJECTED, (uint32_t)error.kind, 1);
    metric_add(home->metrics, METRIC_REQUESTS, (uint32_t)rejection->status / 100, 1);
    if (reject_fields(home, rejection, ret_fields) < 0 ||
        api_error_write_openai(&error, ret_body) < 0)
        dynbuf_clear(ret_body);
}

enum step_verdict step_accept(struct request *r) {
    const struct http_request *http = http_exchange_request(r->exchange);
    struct span path = endpoint_normalise(http->path, &r->arena);
    unsigned method = endpoint_method_of(http->method);
    authenticate_origin(r);
    const struct gateway_config *config = gateway_config_of(r->home);
    struct endpoint_match match =
        endpoint_find(config->more_endpoints, config->more_endpoint_parts, path, method);
    r->endpoint = match.endpoint;
    r->allowed = match.allowed;
    r->path_rest = match.rest;
    if (r->endpoint == NULL) {
        const char *why = endpoint_why_not(path);
        return request_fail(r, API_UNKNOWN_URL, NULL,
                            "Unknown URL %.*s %.*s%s%s. GET /v1/models lists the models; POST "
                            "/v1/chat/completions answers.",
                            SPAN_ARG(http->method),
                            (int)(http->path.len < 200 ? http->path.len : 200), http->path.ptr,
                            why != NULL ? ": " : "", why != NULL ? why : "");
    }
    if ((r->allowed & method) == 0 && method != METHOD_OPTIONS) {
        char allow[64];
        endpoint_allow(r->allowed, allow, sizeof allow);
        return request_fail(r, API_METHOD_NOT_ALLOWED, NULL, "%.*s is not allowed here; use %s.",
                            SPAN_ARG(http->method), allow);
    }
    if (r->endpoint->surface != NULL)
        r->surface = r->endpoint->surface;
    return request_go(r, STEP_AUTHENTICATE);
}
