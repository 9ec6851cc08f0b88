// SPDX-License-Identifier: Apache-2.0
/*
 * The last thing a request does: be counted, and be recorded.
 *
 * Numbers and names only; never what was asked or answered. Attempts are noted when they are settled (settle.c) and handed over
 * here, those of a request whose client has gone too. Of those who were not let in few are kept: with a row for each of them anybody
 * without a key could fill the disk; the metrics count them all. Promises: once for each request and each attempt, whatever its end; no
 * allocation, no system call. Leaves to others: keeping rows on disk (store).
 */
#include "store/record.h"
#include "base/check.h"
#include "gateway/ladder.h"
#include "gateway/request.h"
#include "obs/log.h"

#define STRANGERS_AT_ONCE 60 /* on each loop; then one for each */
#define STRANGER_NS       NS_PER_S

static void count(const struct request *r, uint64_t total_ns) {
    struct metric_block *metrics = r->home->metrics;
    metric_add(metrics, METRIC_REQUESTS, (uint32_t)r->status / 100, 1);
    metric_observe_ns(metrics, METRIC_REQUEST_SECONDS, total_ns);
    if (r->status == STATUS_CLIENT_GONE)
        metric_add(metrics, METRIC_CLIENT_GONE, 0, 1);
    if (r->attempts == 0)
        return;
    metric_observe_ns(metrics, METRIC_WAIT_SECONDS, r->queued_ns);
    uint64_t elsewhere_ns = r->queued_ns + r->upstream_ns;
    metric_observe_ns(metrics, METRIC_OVERHEAD_SECONDS,
                      total_ns > elsewhere_ns ? total_ns - elsewhere_ns : 0);
    metric_add(metrics, METRIC_INPUT_TOKENS, 0, (int64_t)r->usage.input_tokens);
    metric_add(metrics, METRIC_OUTPUT_TOKENS, 0, (int64_t)r->usage.output_tokens);
}

static struct span provider_of(const struct request_rung *rung) {
    const struct catalog_snapshot *snapshot = rung->snapshot;
    return snapshot->providers[snapshot->accounts[snapshot->routes[rung->route].account].provider]
        .id;
}

static bool went_well(enum outcome outcome) {
    return outcome == OUTCOME_OK || outcome == OUTCOME_CANCELLED || outcome == OUTCOME_WITHDRAWN;
}

static void tell_failures(const struct request *r) {
    for (const struct request_rung *rung = r->ladder; rung != NULL; rung = rung->next) {
        if (went_well(rung->outcome))
            continue;
        log_event(LOG_WARN, "attempt.failed",
                  "request=%s provider=%.*s outcome=%s status=%d ms=%llu", r->id,
                  SPAN_ARG(provider_of(rung)), outcome_row(rung->outcome)->label, rung->status,
                  (unsigned long long)((rung->ended_ns - rung->started_ns) / NS_PER_MS));
    }
}

/* --- the row --- */

static struct store_charge charge_of(const struct scheduler_kept *kept) {
    return (struct store_charge){
        .input_tokens = kept->input_tokens,
        .output_tokens = kept->output_tokens,
        .input_up_front = kept->input_up_front,
        .output_up_front = kept->output_up_front,
        .inputs = kept->inputs,
        .audio_seconds = kept->audio_seconds,
        .cost = kept->cost,
        .cost_unit = kept->has_cost ? span_text(limit_unit_word(kept->cost_unit)) : SPAN_NONE};
}

/* Dates of instants of the loop's clock. */
struct dates {
    uint64_t now_ns, wall_ms;
};

static uint64_t date_of(const struct dates *dates, uint64_t at_ns) {
    uint64_t ago_ns = dates->now_ns > at_ns ? dates->now_ns - at_ns : 0;
    return dates->wall_ms - ago_ns / NS_PER_MS;
}

static void fill_attempt(const struct request_rung *rung, const struct dates *dates,
                         struct store_attempt *ret_attempt) {
    const struct catalog_snapshot *snapshot = rung->snapshot;
    const struct catalog_route *route = &snapshot->routes[rung->route];
    const struct catalog_account *account = &snapshot->accounts[route->account];
    bool sent = rung->sent_ns != 0;
    *ret_attempt =
        (struct store_attempt){.provider = snapshot->providers[account->provider].id,
                               .account = account->name,
                               .model = snapshot->models[route->model].id,
                               .upstream = route->upstream_model,
                               .outcome = span_text(outcome_row(rung->outcome)->label),
                               .status = (uint32_t)rung->status,
                               .at_ms = date_of(dates, sent ? rung->sent_ns : rung->started_ns),
                               .waited_ms = rung->waited_ns / NS_PER_MS,
                               .duration_ms = (rung->ended_ns - rung->started_ns) / NS_PER_MS,
                               .input_tokens = rung->input_tokens,
                               .output_tokens = rung->output_tokens,
                               .charge = charge_of(&rung->kept)};
}

static struct span error_of(const struct request *r) {
    const char *code = r->has_error ? api_error_code(r->error.kind) : NULL;
    return r->has_error ? span_text(code != NULL ? code : "bad_request") : SPAN_NONE;
}

static void keep_row(const struct request *r, const struct dates *dates,
                     const struct store_attempt *ladder, uint32_t rungs) {
    const struct store_attempt *last = rungs > 0 ? &ladder[rungs - 1] : NULL;
    bool served = last != NULL && r->ladder_last->outcome == OUTCOME_OK;
    const struct store_request row = {
        .id = r->identity.request_id,
        .client = r->client != NULL ? span_text(r->client->id) : SPAN_NONE,
        .endpoint = span_text(r->endpoint->path),
        .model = r->task.model,
        .served = served ? last->model : SPAN_NONE,
        .provider = last != NULL ? last->provider : SPAN_NONE,
        .account = last != NULL ? last->account : SPAN_NONE,
        .error = error_of(r),
        .status = (uint32_t)r->status,
        .stream = r->task.kind == TASK_CHAT && r->task.chat.stream,
        .has_first_token = r->first_token_ns != 0,
        .at_ms = date_of(dates, r->accepted_ns),
        .queued_ms = r->queued_ns / NS_PER_MS,
        .first_token_ms =
            r->first_token_ns != 0 ? (r->first_token_ns - r->accepted_ns) / NS_PER_MS : 0,
        .duration_ms = (dates->now_ns - r->accepted_ns) / NS_PER_MS,
        .input_tokens = r->usage.input_tokens,
        .output_tokens = r->usage.output_tokens,
        .attempts = r->attempts,
        .ladder = ladder,
        .ladder_count = rungs};
    store_record(r->home->gateway->store, r->home->index, &row);
}

/* Most have one or two attempts; no request has so many that they do not fit in what its arena may hold. */
static void keep(struct request *r) {
    struct store_attempt few[STORE_ATTEMPTS_MAX] UNINITIALIZED;
    struct store_attempt *ladder = few;
    const struct dates dates = {request_now_ns(r), clock_wall_ms()};
    uint32_t count = 0;
    for (const struct request_rung *rung = r->ladder; rung != NULL; rung = rung->next)
        count++;
    if (count > STORE_ATTEMPTS_MAX)
        ladder = arena_try_alloc(&r->arena, count * sizeof *ladder);
    if (ladder == NULL) {
        ladder = few;
        count = STORE_ATTEMPTS_MAX;
    }
    const struct request_rung *rung = r->ladder;
    for (uint32_t i = 0; i < count; i++, rung = rung->next)
        fill_attempt(rung, &dates, &ladder[i]);
    keep_row(r, &dates, ladder, count);
}

static void remember(struct request *r, uint64_t total_ns) {
    ladder_keep(r->home->ladders, r, total_ns);
    if (r->home->gateway->store != NULL)
        keep(r);
}

/* Enough to see that somebody knocks, and why the door stays shut. A preflight is no request at all. */
static bool may_keep_stranger(const struct request *r) {
    struct gateway_loop *home = r->home;
    uint64_t now_ns = request_now_ns(r);
    if (!r->has_error)
        return false;
    if (home->strangers_until_ns < now_ns)
        home->strangers_until_ns = now_ns;
    if (home->strangers_until_ns - now_ns >= STRANGERS_AT_ONCE * STRANGER_NS)
        return false;
    home->strangers_until_ns += STRANGER_NS;
    return true;
}

enum step_verdict step_record(struct request *r) {
    uint64_t total_ns = request_now_ns(r) - r->accepted_ns;
    check(r->ticket == 0 && r->attempt == NULL);
    loop_timer_clear(r->home->loop, &r->clock);
    if (r->exchange != NULL)
        http_exchange_abort(
            r->exchange); /* nothing after an orderly end; else nobody would ever end it */
    count(r, total_ns);
    if (r->endpoint != NULL && r->endpoint->surface != NULL && (r->let_in || may_keep_stranger(r)))
        remember(r, total_ns);
    tell_failures(r);
    return request_go(r, STEP_DONE);
}
