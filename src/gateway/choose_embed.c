// SPDX-License-Identifier: Apache-2.0
/*
 * What is special about choosing who makes vectors.
 *
 * A context holds one text, so the longest decides; all of them together are what limits count. Promises: an answer that could not
 * be held is refused before anybody is asked. Leaves to others: that vectors come from one model only (catalog).
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
