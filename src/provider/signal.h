// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a provider's refusal means: status, head and body into an outcome and what it adds to that outcome's row.
 *
 * The provider's own rows (catalog/fact_signal.h) are tried first, in their order, then the generic ones (rule.c); the first that
 * matches decides. A body's own words come before the status. Numbers that say "this request can never fit" come before both.
 * Pure; called for failures only.
 */
#include "base/arena.h"
#include "catalog/facts.h"
#include "provider/head.h"
#include "scheduler/outcome.h"

#define SIGNAL_BODY_MAX_BYTES ((size_t)64 * 1024) /* of a body; more is not looked at */

struct signal_answer {
    int status; /* 200: an error object in an answer that began well; the status that it names decides, if it names one */
    struct span body; /* any bytes: JSON, text, HTML, nothing */
    struct signal_head head;
    const struct fact_provider *facts; /* borrowed; NULL = nothing is known of this provider */
    struct span upstream_model;        /* its id there; absent = none */
    uint64_t input_tokens;             /* of the prompt, estimated; 0 = unknown */
    bool format_sent, json_object_sent,
        key_sent; /* response_format of any kind, of kind json_object; a key of ours */
    int64_t wall_ms;
};

struct signal_verdict {
    enum outcome outcome;
    struct outcome_detail detail;
    const struct fact_signal *row; /* of the provider; NULL = a generic rule */
    const char *rule; /* name of the generic rule that decided the outcome; NULL = the row did */
    struct span message,
        code; /* of the body, escaped (fit to stand between quotes); absent when it has none */
    struct span
        strip; /* member of the request to leave out before the same candidate is asked once more, "NAME", or
                        * "messages[].NAME" for a member of each message; absent = none */
    bool
        strip_here; /* a value of it was refused, or our row guesses that it is to blame: nothing to remember */
    bool retry_once;        /* the same request may succeed there at once */
    uint64_t learned_limit; /* an amount told in words or in quotaValue; 0 = none */
    enum limit_unit learned_unit;
    uint64_t learned_window_ms;
};

/* Texts of the verdict live in the body, in the rows or in the arena. */
void signal_classify(const struct signal_answer *answer, struct arena *arena,
                     struct signal_verdict *ret_verdict);
/* The generic rules alone, for those who hold no more than this. `code` and `message` as the body gave them (escaped text is fine),
 * absent when it gave none. Status 200: unknown. */
enum outcome signal_outcome(int status, struct span code, struct span message);
