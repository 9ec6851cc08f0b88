// SPDX-License-Identifier: Apache-2.0
/*
 * One try at one route: from a task to bytes on a provider's connection, and the clocks over it.
 *
 * Why its own object: a failed try must leave nothing behind in the request, and a provider that sent its end mark may take a
 * moment to end its transfer while the client already has its answer. Clocks: the first token (keep-alive comments of the
 * provider do not count), then the gap between events; connecting and TLS have their own in http/client. Promises: on_ended
 * is told once; after attempt_release no byte reaches the request. Leaves to others: decoding (attempt_answer.c), what follows.
 */
#include "gateway/attempt.h"

#include "base/check.h"
#include "base/mem.h"
#include "gateway/desk.h"
#include "gateway/request.h"
#include "gateway/upstream.h"

static const struct sm_state states[] = {
    [ATTEMPT_CALLING] = {"calling",
                         SM_BIT(ATTEMPT_SENT) | SM_BIT(ATTEMPT_STREAMING) |
                             SM_BIT(ATTEMPT_COLLECTING) | SM_BIT(ATTEMPT_ENDED),
                         "connecting and sending; an answer may come before all is sent"},
    [ATTEMPT_SENT] = {"sent",
                      SM_BIT(ATTEMPT_STREAMING) | SM_BIT(ATTEMPT_COLLECTING) |
                          SM_BIT(ATTEMPT_ENDED),
                      "the request is out"},
    [ATTEMPT_STREAMING] = {"streaming", SM_BIT(ATTEMPT_ENDED), "events come"},
    [ATTEMPT_COLLECTING] = {"collecting", SM_BIT(ATTEMPT_ENDED), "a whole body comes"},
    [ATTEMPT_ENDED] = {"ended", 0, "the outcome is known"},
};

static void attempt_free(struct attempt *attempt) {
    struct gateway_loop *home = attempt->home;
    check(attempt->call == NULL && attempt->request == NULL);
    loop_timer_clear(home->loop, &attempt->clock);
    if (attempt->decoder != NULL)
        attempt->dialect->decoder_free(attempt->decoder);
    sse_done(&attempt->sse);
    dynbuf_done(&attempt->body);
    catalog_unref(attempt->snapshot);
    home->attempts_open--;
    arena_reset(&attempt->arena);
    attempt->magic = 0;
    shelf_give(&home->attempt_shelf, attempt);
}

static void tell_request(struct attempt *attempt) {
    if (attempt->request != NULL)
        request_resume(attempt->request);
}

/* The call goes with the outcome, but for a good answer: its transfer may end in its own time (linger). */
void attempt_end(struct attempt *attempt, enum outcome outcome, int err) {
    if (attempt_ended(attempt))
        return;
    attempt->outcome = outcome;
    attempt->err = err;
    sm_move(&attempt->sm, ATTEMPT_ENDED);
    bool good = outcome == OUTCOME_OK || outcome == OUTCOME_EMPTY;
    if (attempt->call != NULL && !good) {
        http_call_cancel(attempt->call);
        attempt->call = NULL;
    }
    loop_timer_clear(attempt->home->loop, &attempt->clock);
    if (attempt->call != NULL)
        loop_timer_set(attempt->home->loop, &attempt->clock,
                       loop_now_ns(attempt->home->loop) + ATTEMPT_LINGER_NS);
    tell_request(attempt);
}

static void on_clock(struct loop_timer *timer) {
    struct attempt *attempt = container_of(timer, struct attempt, clock);
    if (attempt_ended(
            attempt)) { /* lingering for the end of a transfer that has nothing more to say */
        if (attempt->call != NULL)
            http_call_cancel(attempt->call);
        attempt->call = NULL;
        if (attempt->request == NULL)
            attempt_free(attempt);
        return;
    }
    if (attempt->paused) { /* the client is slow, not the provider */
        loop_timer_set(attempt->home->loop, timer,
                       loop_now_ns(attempt->home->loop) + attempt->gap_ns);
        return;
    }
    if (attempt->status != 0 && attempt->status != 200)
        attempt_answer_end(attempt); /* its head says enough */
    else if (attempt->token_seen || attempt->body.len > 0)
        attempt_answer_silent(attempt);
    else
        attempt_end(attempt, attempt->blamed ? OUTCOME_FIRST_BYTE_TIMEOUT : OUTCOME_CANCELLED,
                    ERR_FIRST_BYTE_TIMEOUT);
}

static void on_sent(void *context) {
    struct attempt *attempt = cast_checked(context, struct attempt, ATTEMPT_MAGIC);
    if (attempt->sm.state == ATTEMPT_CALLING)
        sm_move(&attempt->sm, ATTEMPT_SENT);
    attempt->sent_ns = loop_now_ns(attempt->home->loop);
    if (attempt->request != NULL)
        desk_sent(attempt->home->gateway->desk, attempt->request->ticket);
}

static void on_head(void *context, const struct http_answer_head *head) {
    struct attempt *attempt = cast_checked(context, struct attempt, ATTEMPT_MAGIC);
    if (attempt->request == NULL || attempt_ended(attempt))
        return;
    desk_headers(attempt->home->gateway->desk, attempt->request->ticket, head->status);
    attempt_answer_begin(attempt, head);
    sm_move(&attempt->sm, attempt->answer_is_stream ? ATTEMPT_STREAMING : ATTEMPT_COLLECTING);
    uint64_t deadline_ns = loop_now_ns(attempt->home->loop) + ATTEMPT_ERROR_BODY_NS;
    if (head->status != 200 && attempt->clock.node.key > deadline_ns)
        loop_timer_set(attempt->home->loop, &attempt->clock, deadline_ns);
}

static void on_body(void *context, struct span bytes) {
    struct attempt *attempt = cast_checked(context, struct attempt, ATTEMPT_MAGIC);
    if (attempt->request == NULL || attempt_ended(attempt))
        return; /* after the end mark: nothing of value */
    if (attempt_answer_bytes(attempt, bytes) < 0)
        attempt_end(attempt, attempt->outcome, attempt->err);
    tell_request(attempt);
}

static void on_done(void *context, int err, bool answer_bytes_seen) {
    struct attempt *attempt = cast_checked(context, struct attempt, ATTEMPT_MAGIC);
    attempt->call = NULL;
    if (!attempt_ended(attempt)) {
        if (err == 0)
            attempt_answer_end(attempt);
        else
            attempt_end(attempt, attempt_outcome_of(err, answer_bytes_seen), err);
    }
    if (attempt->request == NULL)
        attempt_free(attempt);
}

static const struct http_call_handler call_handler = {on_sent, on_head, on_body, on_done};

static int write_head(struct attempt *attempt, const struct catalog_account *account) {
    const struct upstream_fields fields = {.content_type = attempt->upstream.content_type,
                                           .accept = attempt->upstream.accept,
                                           .hop = span_text(attempt->home->gateway->instance)};
    return upstream_write_head(&attempt->snapshot->providers[account->provider], account->key,
                               attempt->dialect, &fields, &attempt->head);
}

static void call(struct attempt *attempt, const struct catalog_provider *provider) {
    const struct http_call_request request = {
        .origin = &attempt->origin,
        .method = attempt->upstream.method,
        .target = attempt->upstream.path,
        .host_header = provider->host_header,
        .head_fields = dynbuf_span(&attempt->head),
        .body_pieces = attempt->upstream.body.pieces,
        .body_piece_count = attempt->upstream.body.count,
        .has_body = true,
        .pinned = attempt->request->body,
        .timeouts = {.connect_ns = provider->timeouts.connect_ms * NS_PER_MS,
                     .tls_ns = provider->timeouts.tls_ms * NS_PER_MS},
    };
    attempt->call = http_call_start(attempt->home->client, &request, &call_handler, attempt);
}

static struct dialect_target target_of(const struct catalog_provider *provider,
                                       const struct catalog_route *route) {
    return (struct dialect_target){.upstream_model = route->upstream_model,
                                   .base_path = provider->base_path,
                                   .output_tokens_max = route->output_tokens_max,
                                   .quirks = route->quirks};
}

static struct attempt *attempt_new(struct request *r, uint32_t route) {
    struct attempt *attempt = shelf_take(&r->home->attempt_shelf, sizeof *attempt);
    memset(attempt, 0, offsetof(struct attempt, inline_block));
    attempt->magic = ATTEMPT_MAGIC;
    sm_init(&attempt->sm, states, ATTEMPT_CALLING);
    attempt->home = r->home;
    attempt->request = r;
    attempt->snapshot = catalog_ref(r->snapshot);
    attempt->route = route;
    attempt->started_ns = loop_refresh_now_ns(r->home->loop);
    attempt->clock.fire = on_clock;
    attempt->detail.scope = BENCH_BY_ROW;
    arena_init(&attempt->arena, attempt->inline_block, sizeof attempt->inline_block,
               ATTEMPT_ARENA_MAX_BYTES);
    dynbuf_init(&attempt->body, ATTEMPT_BODY_MAX_BYTES);
    r->home->attempts_open++;
    return attempt;
}

/* What this route is known to refuse, and what it refused of this very request. Names are copied: the loop may learn others
 * while the attempt runs. One that there is no room for is sent, and refused. */
static void choose_strips(struct attempt *attempt, const struct request *r) {
    struct dialect_strips strips = {.count = 0};
    if (!span_absent(r->strip.name) && r->strip.route == attempt->route)
        strips.names[strips.count++] = r->strip.name;
    left_out_add(&r->home->left_out, r->snapshot->version, attempt->route, &strips);
    for (uint32_t i = 0; i < strips.count; i++)
        if (arena_copy(&attempt->arena, strips.names[i],
                       &attempt->strips.names[attempt->strips.count]) == 0)
            attempt->strips.count++;
}

struct attempt *attempt_start(struct request *r, uint32_t route_index,
                              struct attempt_patience patience) {
    struct attempt *attempt = attempt_new(r, route_index);
    const struct catalog_route *route = &r->snapshot->routes[route_index];
    const struct catalog_account *account = &r->snapshot->accounts[route->account];
    const struct catalog_provider *provider = &r->snapshot->providers[account->provider];
    struct dialect_target target = target_of(provider, route);
    attempt->dialect = dialect_find(provider->dialect);
    check(attempt->dialect != NULL); /* the configuration was checked against the same table */
    attempt->origin = upstream_origin(provider);
    attempt->blamed = patience.blames;
    attempt->gap_ns = provider->timeouts.gap_ms * NS_PER_MS;
    attempt_answer_prepare(attempt);
    choose_strips(attempt, r);
    target.strips = attempt->strips;
    int err = attempt->dialect->encode(&r->task, &target, &attempt->arena, &attempt->upstream);
    if (err == 0 && r->strict && attempt->upstream.dropped_count > 0) {
        attempt_end(attempt, OUTCOME_WOULD_DOWNGRADE, 0);
        return attempt;
    }
    if (err == 0)
        err = write_head(attempt, account);
    if (err == 0) {
        loop_timer_set(r->home->loop, &attempt->clock, patience.deadline_ns);
        call(attempt, provider);
    }
    upstream_wipe_head(&attempt->head);
    if (err < 0)
        attempt_end(attempt, OUTCOME_GATEWAY_FAULT, err);
    return attempt;
}

void attempt_pause(struct attempt *attempt) {
    if (attempt->paused || attempt->call == NULL)
        return;
    attempt->paused = true;
    http_call_pause(attempt->call);
}

void attempt_resume(struct attempt *attempt) {
    if (!attempt->paused || attempt->call == NULL)
        return;
    attempt->paused = false;
    http_call_resume(attempt->call);
    if (!attempt_ended(attempt) && attempt->token_seen) /* what it sent meanwhile is not read yet */
        loop_timer_set(attempt->home->loop, &attempt->clock,
                       loop_now_ns(attempt->home->loop) + attempt->gap_ns);
}

void attempt_release(struct attempt *attempt) {
    attempt->request = NULL;
    bool lingers = attempt->call != NULL && attempt_ended(attempt);
    if (attempt->call != NULL && !lingers) {
        http_call_cancel(attempt->call);
        attempt->call = NULL;
    }
    if (lingers)
        attempt_resume(attempt); /* a paused transfer would never end */
    else
        attempt_free(attempt);
}
