// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals of providers into outcomes.
 *
 * Why words before status: the same 400 means "your prompt is too long" (try a larger model), "your key is not valid" (ours: try
 * another account) or "you sent nonsense" (tell the client), and only the body says which. The rows are the general ones that
 * OpenAI-compatible servers share; rows of single providers belong to their catalog files. Promises: total; the first row that
 * matches decides. Leaves to others: what follows from an outcome (scheduler/outcome.h).
 */
#include "provider/signal.h"

#include "base/check.h"

struct rule {
    int status_least, status_most; /* inclusive */
    const char *code;              /* equal, case ignored; NULL = any */
    const char *words;             /* contained in the message, case ignored; NULL = any */
    enum outcome outcome;
};

static const struct rule rules[] = {
    /* the prompt against the model's window (OpenAI, vLLM, llama.cpp, Anthropic, Gemini wording) */
    {400, 599, "context_length_exceeded", NULL, OUTCOME_CONTEXT_TOO_LONG},
    {400, 499, "exceed_context_size_error", NULL, OUTCOME_CONTEXT_TOO_LONG},
    {400, 499, NULL, "maximum context length", OUTCOME_CONTEXT_TOO_LONG},
    {400, 499, NULL, "prompt is too long", OUTCOME_CONTEXT_TOO_LONG},
    {400, 499, NULL, "exceeds the available context size", OUTCOME_CONTEXT_TOO_LONG},
    {400, 499, NULL, "input token count", OUTCOME_CONTEXT_TOO_LONG},
    /* filters */
    {400, 499, "content_filter", NULL, OUTCOME_CONTENT_FILTER},
    {400, 499, "content_policy_violation", NULL, OUTCOME_CONTENT_FILTER},
    /* money and quota, under whatever status */
    {400, 499, "insufficient_quota", NULL, OUTCOME_QUOTA_EXHAUSTED},
    {400, 499, NULL, "insufficient balance", OUTCOME_NO_CREDIT},
    {400, 499, NULL, "credit balance is too low", OUTCOME_NO_CREDIT},
    {402, 402, NULL, NULL, OUTCOME_NO_CREDIT},
    {429, 429, NULL, "per day", OUTCOME_QUOTA_EXHAUSTED},
    {429, 429, NULL, NULL, OUTCOME_RATE_LIMITED},
    {400, 599, "rate_limit_exceeded", NULL, OUTCOME_RATE_LIMITED},
    /* our key */
    {400, 499, "invalid_api_key", NULL, OUTCOME_KEY_REFUSED},
    {400, 400, NULL, "api key not valid", OUTCOME_KEY_REFUSED},
    {401, 401, NULL, NULL, OUTCOME_KEY_REFUSED},
    {403, 403, NULL, NULL, OUTCOME_KEY_REFUSED},
    /* the model */
    {400, 499, "model_not_found", NULL, OUTCOME_MODEL_GONE},
    {404, 404, NULL, NULL, OUTCOME_MODEL_GONE},
    {410, 410, NULL, NULL, OUTCOME_MODEL_GONE},
    {413, 413, NULL, NULL, OUTCOME_TOO_LARGE},
    {408, 408, NULL, NULL, OUTCOME_FIRST_BYTE_TIMEOUT},
    /* the request, in words that leave no doubt */
    {400, 422, "invalid_value", NULL, OUTCOME_CLIENT_FAULT},
    {400, 422, "invalid_type", NULL, OUTCOME_CLIENT_FAULT},
    {400, 422, "missing_required_parameter", NULL, OUTCOME_CLIENT_FAULT},
    {400, 422, "invalid_image_url", NULL, OUTCOME_CLIENT_FAULT},
    {400, 422, "invalid_base64", NULL, OUTCOME_CLIENT_FAULT},
    {400, 499, NULL, NULL, OUTCOME_UNCLEAR},
    /* the server */
    {503, 503, NULL, NULL, OUTCOME_OVERLOADED},
    {498, 498, NULL, NULL, OUTCOME_OVERLOADED},
    {529, 529, NULL, NULL, OUTCOME_OVERLOADED},
    {500, 599, NULL, "overloaded", OUTCOME_OVERLOADED},
    {500, 599, NULL, NULL, OUTCOME_SERVER_ERROR},
};

static bool matches(const struct rule *rule, int status, struct span code, struct span message) {
    return status >= rule->status_least && status <= rule->status_most &&
           (rule->code == NULL || span_is_nocase(code, rule->code)) &&
           (rule->words == NULL || span_contains_nocase(message, rule->words));
}

enum outcome signal_outcome(int status, struct span code, struct span message) {
    for (size_t i = 0; i < array_length(rules); i++)
        if (matches(&rules[i], status, code, message))
            return rules[i].outcome;
    return OUTCOME_BAD_ANSWER; /* 2xx other than 200, redirects: nothing that this API answers with */
}
