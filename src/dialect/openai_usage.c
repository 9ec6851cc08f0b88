// SPDX-License-Identifier: Apache-2.0
/*
 * Token counts as providers report them.
 *
 * Why so tolerant: usage decides what an account has left, and providers report it in the last chunk, in every chunk, in
 * one of their own members, as null, as strings, negative, or not at all. What is a whole number in range counts; anything
 * else is as if it were missing, and what is missing is estimated and marked. The last report wins, since running totals
 * grow. A total above its parts holds tokens that were thought but not listed: they are output.
 * Promises: one usage, its parts never zero when tokens were seen. Leaves to others: prices and quotas.
 */
#include "base/check.h"
#include "dialect/openai.h"
#include "message/members.h"

#define TOKENS_MAX ((int64_t)1000 * 1000 * 1000 * 1000) /* more is a mistake */

enum usage_member {
    PROMPT,
    COMPLETION,
    TOTAL,
    INPUT,
    OUTPUT,
    PROMPT_DETAILS,
    COMPLETION_DETAILS,
    CACHE_HIT,
    MEMBER_COUNT
};

static const struct span names[] = {
    [PROMPT] = SPAN_LITERAL("prompt_tokens"),
    [COMPLETION] = SPAN_LITERAL("completion_tokens"),
    [TOTAL] = SPAN_LITERAL("total_tokens"),
    [INPUT] = SPAN_LITERAL("input_tokens"),
    [OUTPUT] = SPAN_LITERAL("output_tokens"),
    [PROMPT_DETAILS] = SPAN_LITERAL("prompt_tokens_details"),
    [COMPLETION_DETAILS] = SPAN_LITERAL("completion_tokens_details"),
    [CACHE_HIT] = SPAN_LITERAL("prompt_cache_hit_tokens"),
};

struct counts {
    uint64_t input, output, total;
    bool has_input, has_output, has_total;
};

static bool read_count(struct json_value value, uint64_t *ret_count) {
    int64_t count;
    if (json_i64(value, &count) < 0 || count < 0 || count > TOKENS_MAX)
        return false;
    *ret_count = (uint64_t)count;
    return true;
}

/* What the total has above the prompt was thought, unless it is listed as output: a count of zero is left out. */
static void complete_thought(struct counts *counts) {
    counts->has_output = counts->has_output || (counts->has_total && counts->has_input);
}

/* Each of the three follows from the two others. */
static void complete(struct counts *counts) {
    if (counts->has_total && counts->has_output && !counts->has_input &&
        counts->total >= counts->output) {
        counts->input = counts->total - counts->output;
        counts->has_input = true;
    }
    if (counts->has_total && counts->has_input && !counts->has_output &&
        counts->total >= counts->input) {
        counts->output = counts->total - counts->input;
        counts->has_output = true;
    }
}

void dialect__openai_usage(struct dialect_decoder *decoder, struct json_value usage) {
    struct json_value found[MEMBER_COUNT] UNINITIALIZED;
    struct counts counts = {0};
    struct usage *known = &decoder->usage;
    if (!json_is(usage, JSON_OBJECT))
        return;
    (void)members_read(usage, names, MEMBER_COUNT,
                       found); /* a provider's duplicates are its own affair */
    counts.has_input =
        read_count(found[PROMPT], &counts.input) || read_count(found[INPUT], &counts.input);
    counts.has_output =
        read_count(found[COMPLETION], &counts.output) || read_count(found[OUTPUT], &counts.output);
    counts.has_total = read_count(found[TOTAL], &counts.total);
    if (decoder->quirks != NULL && decoder->quirks->total_has_reasoning)
        complete_thought(&counts);
    complete(&counts);
    if ((!counts.has_input && !counts.has_output) || counts.input + counts.output == 0)
        return;
    uint64_t reasoning = 0;
    (void)read_count(json_get(found[COMPLETION_DETAILS], "reasoning_tokens"), &reasoning);
    if (counts.has_input && counts.has_output && counts.has_total &&
        counts.total > counts.input + counts.output) {
        uint64_t unlisted = counts.total - counts.input - counts.output;
        counts.output += unlisted;
        reasoning = reasoning > unlisted ? reasoning : unlisted;
    }
    if (counts.has_input)
        known->input_tokens = counts.input;
    if (counts.has_output)
        known->output_tokens = counts.output;
    known->reasoning_tokens = reasoning;
    known->cached_tokens = 0;
    if (!read_count(json_get(found[PROMPT_DETAILS], "cached_tokens"), &known->cached_tokens))
        (void)read_count(found[CACHE_HIT], &known->cached_tokens);
    decoder->input_known = decoder->input_known || counts.has_input;
    decoder->output_known = decoder->output_known || counts.has_output;
}

struct usage dialect__openai_usage_total(const struct dialect_decoder *decoder) {
    struct usage usage = decoder->usage;
    if (!decoder->input_known || usage.input_tokens == 0) {
        usage.input_tokens = tokens_of_prompt(decoder->task);
        usage.estimated = true;
    }
    if (decoder->task->kind == TASK_EMBED)
        return usage; /* nothing is written */
    if (!decoder->output_known || (usage.output_tokens == 0 && decoder->token_seen)) {
        usage.output_tokens = tokens_total(&decoder->counter);
        usage.estimated = true;
    }
    return usage;
}
