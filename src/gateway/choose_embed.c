// SPDX-License-Identifier: Apache-2.0
/*
 * What is special about choosing who makes vectors.
 *
 * Vectors of two models cannot be compared, not even when they are of one length, and an index filled by both finds nothing. So an
 * embed task has the routes of one model only, the first that its name leads to, and fails when these fail. Promises: order is
 * kept; an answer that could not be held is refused before anybody is asked. Leaves to others: kinds and contexts (catalog).
 */
#include "gateway/choose.h"

#include "message/tokens.h"

#define NUMBER_MIN_BYTES 8 /* of a number in an array, with its comma: most have more */

uint64_t choose_embed_tokens(const struct task_embed *embed) {
    struct span longest = SPAN_LITERAL("");
    for (uint32_t i = 0; i < embed->input_count; i++)
        if (embed->inputs[i].len > longest.len)
            longest = embed->inputs[i];
    return tokens_estimate(longest);
}

void choose_embed_keep_model(const struct request *r, struct catalog_choice *choice) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < choice->route_count; i++)
        if (r->snapshot->routes[choice->routes[i]].model ==
            r->snapshot->routes[choice->routes[0]].model)
            choice->routes[kept++] = choice->routes[i];
    choice->route_count = kept;
}

bool choose_embed_fits(struct request *r, const struct catalog_choice *choice) {
    const struct task_embed *embed = &r->task.embed;
    const struct catalog_model *model =
        &r->snapshot->models[r->snapshot->routes[choice->routes[0]].model];
    uint64_t dimensions = embed->dimensions > 0 ? embed->dimensions : model->dimensions;
    if (embed->input_count * dimensions * NUMBER_MIN_BYTES <= ATTEMPT_BODY_MAX_BYTES)
        return true;
    (void)request_fail(r, API_BAD_REQUEST, "input",
                       "%u vectors of %llu numbers are more than an answer may hold here (%zu "
                       "MiB). Send fewer texts at once.",
                       embed->input_count, (unsigned long long)dimensions,
                       ATTEMPT_BODY_MAX_BYTES >> 20);
    return false;
}
