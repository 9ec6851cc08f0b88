// SPDX-License-Identifier: Apache-2.0
/*
 * Head fields of answers.
 *
 * Every answer carries the request id under both names that SDKs read; the fields that tell who answered come only when that is
 * known (product 4, wire 1.8); browsers' fields come on errors and streams too, else a page sees a network error instead of the
 * reason. Promises: nothing of an upstream's head is passed on. Leaves to others: bodies.
 */
#include "gateway/identify.h"

#include "base/check.h"

#define HEAD_MAX_BYTES    8192
#define WARNING_MAX_BYTES 2048 /* more than DIALECT_DROPPED_MAX names */

int respond_browser_fields(struct dynbuf *head, struct span origin) {
    int err = http_write_header(head, "Access-Control-Allow-Origin", origin);
    if (err == 0)
        err = http_write_header(head, "Vary", SPAN_LITERAL("Origin"));
    if (err == 0)
        err = http_write_header(
            head, "Access-Control-Expose-Headers",
            SPAN_LITERAL("x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, "
                         "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
                         "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
                         "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, "
                         "x-papi-provider, x-papi-model, "
                         "x-papi-attempts, x-papi-queued-ms, x-papi-overhead-us, x-papi-warning"));
    return err;
}

int respond_id_fields(struct dynbuf *head, struct span request_id) {
    int err = http_write_header(head, "x-request-id", request_id);
    return err == 0 ? http_write_header(head, "request-id", request_id) : err;
}

/* Who looks for servers on this machine (app/local_servers.c) learns that this is a gateway. Only where nothing was sent to us. */
static int hop_field(const struct request *r, struct dynbuf *head) {
    const struct http_headers *asked = http_exchange_request(r->exchange)->headers;
    if (r->body != NULL || span_absent(http_header_get(asked, "x-papi-hop")))
        return 0;
    return http_write_header(head, "x-papi-hop", span_text(r->home->gateway->instance));
}

int respond_head(struct request *r, struct dynbuf *head, const char *content_type) {
    dynbuf_init(head, HEAD_MAX_BYTES);
    int err = dynbuf_reserve(head, 1024); /* usually all of it: one allocation */
    if (err == 0 && content_type != NULL)
        err = http_write_header(head, "Content-Type", span_text(content_type));
    if (err == 0)
        err = respond_id_fields(head, r->identity.request_id);
    if (err == 0)
        err = hop_field(r, head);
    if (err == 0)
        err = limits_fields(r, head);
    if (err == 0 && r->cors)
        err = respond_browser_fields(
            head, http_header_get(http_exchange_request(r->exchange)->headers, "origin"));
    return err;
}

/* Wishes that were passed over, and fields of the request that this provider does not take. */
static int warning_field(const struct request *r, struct dynbuf *head) {
    const struct attempt *attempt = r->attempt;
    uint32_t dropped = attempt != NULL ? attempt->upstream.dropped_count : 0;
    struct dynbuf text;
    int err = 0;
    if (dropped == 0 && span_absent(r->warning))
        return 0;
    dynbuf_init(&text, WARNING_MAX_BYTES);
    if (!span_absent(r->warning))
        err = dynbuf_append_format(&text, "%.*s%s", SPAN_ARG(r->warning), dropped > 0 ? "; " : "");
    if (err == 0 && dropped > 0)
        err = dynbuf_append_text(&text, "dropped:");
    for (uint32_t i = 0; i < dropped && err == 0; i++)
        err = dynbuf_append_format(&text, "%s %s", i > 0 ? "," : "", attempt->upstream.dropped[i]);
    if (err == 0)
        err = http_write_header_encoded(head, "x-papi-warning", dynbuf_span(&text));
    dynbuf_done(&text);
    return err;
}

/* Own work: all of the time since the request was read but the waiting and the upstream's. */
static uint64_t overhead_ns(const struct request *r) {
    uint64_t now_ns = loop_refresh_now_ns(r->home->loop);
    bool runs = r->attempt != NULL && !r->attempt->counted;
    uint64_t upstream_ns = r->upstream_ns + (runs ? now_ns - r->attempt->started_ns : 0);
    uint64_t total_ns = now_ns - r->accepted_ns;
    return total_ns > upstream_ns + r->queued_ns ? total_ns - upstream_ns - r->queued_ns : 0;
}

int respond_route_fields(struct request *r, struct dynbuf *head) {
    int err = 0;
    if (r->attempt != NULL) {
        const struct catalog_route *route = &r->snapshot->routes[r->attempt->route];
        const struct catalog_account *account = &r->snapshot->accounts[route->account];
        err = http_write_header(head, "x-papi-provider",
                                r->snapshot->providers[account->provider].id);
        if (err == 0)
            err = http_write_header_encoded(head, "x-papi-model", route->upstream_model);
    }
    if (err == 0)
        err = http_write_header_u64(head, "x-papi-attempts", r->attempts);
    if (err == 0)
        err = http_write_header_u64(head, "x-papi-queued-ms", r->queued_ns / NS_PER_MS);
    if (err == 0)
        err = http_write_header_u64(head, "x-papi-overhead-us", overhead_ns(r) / NS_PER_US);
    return err == 0 ? warning_field(r, head) : err;
}

/* Proxies between us and the client must neither buffer nor compress a stream (wire 1.8). */
static int stream_fields(struct request *r, struct dynbuf *head) {
    int err = respond_head(r, head, r->surface->stream_content_type);
    if (err == 0)
        err = http_write_header(head, "Cache-Control", SPAN_LITERAL("no-cache, no-transform"));
    return err == 0 ? http_write_header(head, "X-Accel-Buffering", SPAN_LITERAL("no")) : err;
}

int respond_stream(struct request *r, enum request_head form) {
    struct dynbuf head;
    int err = stream_fields(r, &head);
    if (err == 0 && form == HEAD_SENT)
        err = respond_route_fields(r, &head);
    if (err == 0)
        err = http_exchange_start(r->exchange, 200, dynbuf_span(&head));
    dynbuf_done(&head);
    if (err == 0)
        r->head = form;
    r->status = 200;
    return err;
}

int respond_body(struct request *r, int status, const char *content_type, int err,
                 struct dynbuf *body) {
    if (err == 0)
        err = respond_whole(r, status, content_type, dynbuf_span(body));
    dynbuf_done(body);
    return err;
}

int respond_whole(struct request *r, int status, const char *content_type, struct span body) {
    struct dynbuf head;
    int err = respond_head(r, &head, content_type);
    if (err == 0)
        err = http_exchange_respond(r->exchange, status, dynbuf_span(&head), body);
    dynbuf_done(&head);
    r->status = status;
    r->answered = err == 0;
    return err;
}
