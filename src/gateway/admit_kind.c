// SPDX-License-Identifier: Apache-2.0
/*
 * Which of a name's routes serve a kind of task.
 *
 * Why vectors are special: those of two models cannot be compared, not even when they are of one length, and an index filled by
 * both finds nothing. So an embed task has the routes of one model only, the first of that kind that its name leads to, and
 * fails when these fail. A model that nothing is known of but its name may be either: its provider decides. Promises: order is
 * kept; what cannot fit is refused before anybody is asked. Leaves to others: capabilities (admit.c), which route is first.
 */
#include "gateway/request.h"

#include "message/tokens.h"

#define NUMBER_MIN_BYTES      8 /* of a number in an array, with its comma: most have more */
#define CONTEXT_SLACK_PERCENT 125

uint64_t admit_can(const struct request *r, uint32_t index) {
    const struct catalog_route *route = &r->snapshot->routes[index];
    return route->can | (CAN_DIMENSIONS & ~dialect_quirks_cannot(route->quirks));
}

static const struct catalog_model *model_of(const struct request *r, uint32_t route) {
    return &r->snapshot->models[r->snapshot->routes[route].model];
}

static bool is_embed(const struct catalog_model *model) {
    return model->kind == CATALOG_EMBED;
}

static bool is_unknown(const struct catalog_model *model) {
    return model->kind == CATALOG_CHAT && model->facts == NULL;
}

static bool is_chat(const struct catalog_model *model) {
    return model->kind == CATALOG_CHAT;
}

static uint32_t keep(const struct request *r, uint32_t *routes, uint32_t count,
                     bool (*fits)(const struct catalog_model *model), bool one_model) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct catalog_model *model = model_of(r, routes[i]);
        bool other = one_model && kept > 0 && model != model_of(r, routes[0]);
        if (fits(model) && !other)
            routes[kept++] = routes[i];
    }
    return kept;
}

uint32_t admit_kind(const struct request *r, uint32_t *routes, uint32_t count) {
    if (r->task.kind != TASK_EMBED)
        return keep(r, routes, count, is_chat, false);
    for (uint32_t i = 0; i < count; i++)
        if (is_embed(model_of(r, routes[i])))
            return keep(r, routes, count, is_embed, true);
    return keep(r, routes, count, is_unknown, true);
}

enum step_verdict admit_wrong_kind(struct request *r) {
    if (r->task.kind == TASK_EMBED)
        return request_fail(r, API_BAD_REQUEST, "model",
                            "The model '%.*s' gives no embeddings. Name a model that does; in "
                            "papi.yaml, say so with {id: NAME, kind: embed}.",
                            SPAN_ARG(r->task.model));
    return request_fail(r, API_BAD_REQUEST, "model",
                        "The model '%.*s' is not for chat. Send it to the endpoint of its kind, "
                        "such as /v1/embeddings.",
                        SPAN_ARG(r->task.model));
}

/* The longest text against a route's context window; only clear cases, since this is an estimate. */
static bool fits_context(const struct catalog_route *route, struct span longest) {
    uint64_t most = route->context_tokens * CONTEXT_SLACK_PERCENT / 100;
    return route->context_tokens == 0 || longest.len <= most || tokens_estimate(longest) <= most;
}

static struct span longest_of(const struct task_embed *embed) {
    struct span longest = SPAN_LITERAL("");
    for (uint32_t i = 0; i < embed->input_count; i++)
        if (embed->inputs[i].len > longest.len)
            longest = embed->inputs[i];
    return longest;
}

bool admit_embed_fits(struct request *r, const uint32_t *routes, uint32_t count) {
    const struct task_embed *embed = &r->task.embed;
    struct span longest = longest_of(embed);
    uint64_t context = 0;
    uint64_t dimensions =
        embed->dimensions > 0 ? embed->dimensions : model_of(r, routes[0])->dimensions;
    if (embed->input_count * dimensions * NUMBER_MIN_BYTES > ATTEMPT_BODY_MAX_BYTES) {
        (void)request_fail(r, API_BAD_REQUEST, "input",
                           "%u vectors of %llu numbers are more than an answer may hold here "
                           "(%zu MiB). Send fewer texts at once.",
                           embed->input_count, (unsigned long long)dimensions,
                           ATTEMPT_BODY_MAX_BYTES >> 20);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct catalog_route *route = &r->snapshot->routes[routes[i]];
        if (fits_context(route, longest))
            return true;
        context = route->context_tokens > context ? route->context_tokens : context;
    }
    (void)request_fail(r, API_CONTEXT_TOO_LONG, "input",
                       "This model's maximum context length is %llu tokens, but the longest text "
                       "needs about %llu tokens. Please reduce the length of the input.",
                       (unsigned long long)context, (unsigned long long)tokens_estimate(longest));
    return false;
}
