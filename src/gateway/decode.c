// SPDX-License-Identifier: Apache-2.0
/*
 * From body to task, and what the headers add to it.
 *
 * The surface does the work; this step gives it the body and reads the x-papi-* headers that concern time and data (product 4).
 * Promises: an error names the place in the body. Leaves to others: which models exist (admit.c).
 */
#include "gateway/request.h"

#include "base/check.h"

/* Goes to REJECT itself when it returns false. */
static bool read_deadline(struct request *r) {
    struct span text =
        http_header_get(http_exchange_request(r->exchange)->headers, "x-papi-deadline-ms");
    uint64_t deadline_ms = 0;
    if (span_absent(text))
        return true;
    if (!span_to_u64(text, &deadline_ms) || deadline_ms == 0 || deadline_ms > 24u * 3600 * 1000) {
        (void)request_fail(r, API_BAD_REQUEST, NULL,
                           "The header x-papi-deadline-ms must be a whole number of milliseconds "
                           "from 1 to 86400000.");
        return false;
    }
    r->deadline_ns = r->accepted_ns + deadline_ms * NS_PER_MS;
    r->wait_longer = true;
    return true;
}

/* As read_deadline. A client may ask for more care than the instance takes, not for less. */
static bool read_data_use(struct request *r) {
    struct span text = http_header_get(http_exchange_request(r->exchange)->headers, "x-papi-data");
    if (span_absent(text) || span_is_nocase(text, "any"))
        return true;
    r->no_training = span_is_nocase(text, "no-training");
    if (!r->no_training)
        (void)request_fail(r, API_BAD_REQUEST, NULL,
                           "The header x-papi-data must be 'no-training' or 'any'.");
    return r->no_training;
}

/* As read_deadline. */
static bool read_strict(struct request *r) {
    struct span text =
        http_header_get(http_exchange_request(r->exchange)->headers, "x-papi-strict");
    bool no = span_absent(text) || span_is(text, "0") || span_is_nocase(text, "false") ||
              span_is_nocase(text, "no");
    r->strict = span_is(text, "1") || span_is_nocase(text, "true") || span_is_nocase(text, "yes");
    if (!no && !r->strict)
        (void)request_fail(r, API_BAD_REQUEST, NULL,
                           "The header x-papi-strict must be 'true' or 'false'.");
    return no || r->strict;
}

enum step_verdict step_decode(struct request *r) {
    if (!read_deadline(r) || !read_data_use(r) || !read_strict(r))
        return STEP_NEXT; /* to REJECT */
    struct span hop = http_header_get(http_exchange_request(r->exchange)->headers, "x-papi-hop");
    if (span_is(hop, r->home->gateway->instance))
        return request_fail(r, API_BAD_REQUEST, NULL,
                            "This request was sent by this same gateway: a provider's base_url "
                            "points back at it. Correct the base_url.");
    struct span body = r->body != NULL ? http_body_bytes(r->body) : SPAN_LITERAL("");
    r->error = (struct api_error){.retry_after_ms = -1};
    if (r->surface->decode(body, &r->arena, &r->task, &r->error) < 0) {
        r->has_error = true;
        return request_go(r, STEP_REJECT);
    }
    if (arena_copy(&r->arena, r->task.model, &r->task.model) <
        0) /* outlives the body in long streams */
        return request_fail(r, API_BAD_REQUEST, "model", "The name of the model is too long.");
    r->encoder = r->surface->encoder_new(&r->arena, &r->task);
    r->identity.created_s = clock_wall_ms() / 1000;
    return request_go(r, STEP_ADMIT);
}
