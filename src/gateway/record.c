// SPDX-License-Identifier: Apache-2.0
/*
 * The last thing a request does: be counted.
 *
 * Numbers only; never what was asked or answered. Promises: once for each request, whatever its end. Leaves to others: keeping
 * rows on disk (store).
 */
#include "base/check.h"
#include "gateway/ladder.h"
#include "gateway/request.h"
#include "obs/log.h"

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

enum step_verdict step_record(struct request *r) {
    uint64_t total_ns = request_now_ns(r) - r->accepted_ns;
    check(r->ticket == 0 && r->attempt == NULL);
    loop_timer_clear(r->home->loop, &r->clock);
    if (r->exchange != NULL)
        http_exchange_abort(
            r->exchange); /* nothing after an orderly end; else nobody would ever end it */
    count(r, total_ns);
    if (r->endpoint != NULL && r->endpoint->surface != NULL)
        ladder_keep(r->home->ladders, r, total_ns);
    tell_failures(r);
    return request_go(r, STEP_DONE);
}
