// SPDX-License-Identifier: Apache-2.0
/*
 * From model name to a ticket.
 *
 * Resolves the name by the order of product 4, drops candidates that cannot do what the task needs, and hands the rest to the
 * scheduler as plain numbers. Promises: an unknown name is a 404 with the nearest names; a pool that cannot do what is asked
 * is a 400 that says what is missing. Leaves to others: who goes first and when (scheduler).
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/request.h"

#include <stdio.h>

#define SUGGESTIONS 3

static const struct {
    uint64_t bit;
    const char *what;
} needs[] = {
    {CAN_TOOLS, "tools"},      {CAN_VISION, "images"},           {CAN_AUDIO_IN, "audio input"},
    {CAN_FILE_IN, "files"},    {CAN_JSON_SCHEMA, "json_schema"}, {CAN_JSON_OBJECT, "json_object"},
    {CAN_STREAM, "streaming"}, {CAN_REASONING, "reasoning"},
};

static enum step_verdict unknown_model(struct request *r) {
    struct span names[SUGGESTIONS];
    struct span model = r->task.model;
    char text[512] = "";
    size_t used = 0;
    uint32_t count = catalog_suggest(r->snapshot, model, names, SUGGESTIONS);
    for (uint32_t i = 0; i < count && used < sizeof text - CATALOG_NAME_MAX_BYTES; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s",
                                 i > 0 ? ", " : " Did you mean: ", SPAN_ARG(names[i]));
    return request_fail(
        r, API_MODEL_NOT_FOUND, "model",
        "The model '%.*s' is not known here.%s%s GET /v1/models lists what can be asked for.",
        (int)(model.len < 200 ? model.len : 200), model.ptr, text, count > 0 ? "?" : "");
}

static enum step_verdict cannot(struct request *r, uint64_t missing) {
    for (size_t i = 0; i < array_length(needs); i++)
        if ((missing & needs[i].bit) != 0)
            return request_fail(r, API_BAD_REQUEST, "model",
                                "No provider of '%.*s' that is configured here can do %s.",
                                SPAN_ARG(r->task.model), needs[i].what);
    return request_fail(r, API_BAD_REQUEST, "model",
                        "No provider of '%.*s' can do all that this request needs.",
                        SPAN_ARG(r->task.model));
}

/* Keeps what can serve; ret_missing: bits that no candidate has. */
static uint32_t filter(const struct request *r, const uint32_t *routes, uint32_t count,
                       struct demand *demand, uint64_t *ret_missing) {
    uint64_t any = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t can = r->snapshot->routes[routes[i]].can;
        any |= can;
        if ((r->task.needs & ~can) == 0)
            demand->candidates[demand->candidate_count++] = routes[i];
    }
    *ret_missing = r->task.needs & ~any;
    return demand->candidate_count;
}

enum step_verdict step_admit(struct request *r) {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX] UNINITIALIZED;
    struct demand demand = {.candidate_count = 0};
    uint64_t missing;
    if (r->snapshot->route_count == 0)
        return request_fail(
            r, API_UNAVAILABLE, NULL,
            "No provider is configured. Name one in papi.yaml; `papi check` tells what is read.");
    uint32_t count = catalog_resolve(r->snapshot, r->task.model, routes);
    if (count == 0)
        return unknown_model(r);
    if (filter(r, routes, count, &demand, &missing) == 0)
        return cannot(r, missing);
    const struct gateway_config *config = &r->home->gateway->config;
    demand.owner = request_owner(r);
    demand.input_tokens = r->task.prompt_bytes / 4 + 1;
    demand.output_tokens_max = r->task.chat.max_output_tokens;
    demand.session = span_hash(r->task.affinity);
    demand.wait_until_ns =
        r->wait_longer ? r->deadline_ns : r->accepted_ns + config->queue_max_wait_ns;
    uint64_t total_ns = r->accepted_ns + request_patience_ns(r);
    demand.deadline_ns = total_ns < r->deadline_ns ? total_ns : r->deadline_ns;
    demand.priority = PRIORITY_NORMAL;
    demand.stream = r->task.chat.stream;
    r->submitted_ns = request_now_ns(r);
    hold_arm(r);
    sm_move(&r->sm, STEP_DISPATCH); /* the desk may decide before the call returns */
    r->ticket = desk_submit(r->home->gateway->desk, r->home->index, &demand);
    if (r->ticket == 0 && !r->decided)
        return request_fail(r, API_QUEUE_FULL, NULL,
                            "Too many requests are waiting here already. Try again in a moment.");
    return STEP_NEXT;
}
