// SPDX-License-Identifier: Apache-2.0
/*
 * The client's clock: the held 200, keep-alives, its own deadline.
 *
 * Until CLIENT_HOLD_NS after accept a streaming client sees nothing, so that every failure before the first token stays
 * invisible. Then, if an attempt runs (or the client asked for a longer wait), it gets its 200 and an event that changes nothing
 * every CLIENT_KEEPALIVE_NS, because clients and proxies give up on silent connections (table in product 5, wire 1.5).
 * Promises: keep-alives only between whole events; one timer. Leaves to others: refusing (the scheduler knows wait_until).
 */
#include "base/check.h"
#include "gateway/request.h"

bool hold_deadline_passed(const struct request *r) {
    return r->deadline_ns != UINT64_MAX && request_now_ns(r) >= r->deadline_ns;
}

static uint64_t next_service_ns(const struct request *r) {
    if (!r->task.chat.stream)
        return UINT64_MAX;
    return r->head == HEAD_HELD ? r->accepted_ns + CLIENT_HOLD_NS
                                : r->last_write_ns + CLIENT_KEEPALIVE_NS;
}

void hold_arm(struct request *r) {
    uint64_t due_ns = next_service_ns(r);
    uint64_t now_ns = request_now_ns(r);
    if (due_ns <=
        now_ns) /* waiting without a grant: looked at again when one comes, and once a period */
        due_ns = now_ns + CLIENT_KEEPALIVE_NS;
    if (r->deadline_ns < due_ns)
        due_ns = r->deadline_ns;
    if (due_ns == UINT64_MAX || (loop_timer_armed(&r->clock) && r->clock.node.key <= due_ns))
        return; /* an earlier firing looks again: events need not move the timer */
    loop_timer_set(r->home->loop, &r->clock, due_ns);
}

static int send_keepalive(struct request *r) {
    struct dynbuf frame;
    dynbuf_init(&frame, 4096);
    int err = r->surface->stream_keepalive(r->encoder, &r->identity, &frame);
    if (err == 0)
        err = http_exchange_write(r->exchange, dynbuf_span(&frame));
    dynbuf_done(&frame);
    r->last_write_ns = request_now_ns(r);
    metric_add(r->home->metrics, METRIC_KEEPALIVES, 0, 1);
    return err;
}

/* The 200 before any token: from now on the stream names the model that was asked for (product 5). */
static int open_early(struct request *r) {
    r->identity.model = r->task.model;
    r->surface->encoder_reset(r->encoder);
    dynbuf_clear(&r->out);
    metric_add(r->home->metrics, METRIC_EARLY_HEADS, 0, 1);
    return respond_stream(r, HEAD_EARLY);
}

void hold_service(struct request *r) {
    uint64_t now_ns = request_now_ns(r);
    bool may_open = r->attempt != NULL || r->wait_longer;
    int err = 0;
    if (now_ns >= next_service_ns(r) && (r->head != HEAD_HELD || may_open)) {
        bool silent =
            http_exchange_backlog(r->exchange) == 0; /* else the client has bytes coming */
        if (r->head == HEAD_HELD)
            err = open_early(r);
        if (err == 0 && silent)
            err = send_keepalive(r);
        r->last_write_ns = now_ns;
        if (err < 0) {
            r->gone = true;
            request_resume(r);
        }
    }
    hold_arm(r);
}
