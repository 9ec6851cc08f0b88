// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals by what all providers share: the rules tried when no row of the provider's own decides.
 *
 * Why words before status: the same 400 means "your prompt is too long" (try a larger model), "your key is not valid" (ours: try
 * another account) or "you sent nonsense" (tell the client), and only the body says which. So each kind of refusal is first looked
 * for by code and words under any status that has been seen with it, and the bare statuses come last. Numeric codes of single
 * providers stand in their rows: 1113 means no money at one and nothing at another. Promises: total; the first rule that matches
 * decides. Leaves to others: what follows from an outcome (scheduler/outcome.h).
 */
#include "base/check.h"
#include "provider/parts.h"

#include <ctype.h>

static bool never_fits(const struct told *told) {
    struct told_limit limit;
    return told_never_fits(told, &limit);
}

static bool names_a_long_window(const struct told *told) {
    return told_limit_of(told, 0, LIMIT_UNIT_COUNT).window_ms > TOLD_HOUR_MS;
}

static bool visit_text(void *context, struct json_value value) {
    (void)context;
    return json_escaped(value).len > 0;
}

/* A gateway that names whose refusal it passes on. */
static bool is_of_upstream(const struct told *told) {
    return told_at(told, "error.metadata.provider_name", visit_text, NULL);
}

static const char *const words_of_absence[] = {"not found",      "does not exist", "not available",
                                               "no longer",      "not supported",  "deprecated",
                                               "decommissioned", "not exist",      "unknown model"};

/* As a word of its own: "a" is no part of "that". */
static bool has_name(struct span text, const char *id, size_t length) {
    size_t at = span_find_nocase(text, span_text(id));
    return at != SIZE_MAX && (at == 0 || !isalnum((unsigned char)text.ptr[at - 1])) &&
           (at + length == text.len || !isalnum((unsigned char)text.ptr[at + length]));
}

static bool names_our_model(const struct told *told) {
    char id[128];
    struct span model = told->answer->upstream_model;
    if (model.len == 0 || model.len >= sizeof id)
        return false;
    memcpy(id, model.ptr, model.len);
    id[model.len] = '\0';
    for (size_t i = 0; i < told->text_count; i++)
        for (size_t j = 0; j < array_length(words_of_absence); j++)
            if (has_name(told->texts[i], id, model.len) &&
                span_contains_nocase(told->texts[i], words_of_absence[j]))
                return true;
    return false;
}

static bool names_a_member(const struct told *told) {
    return !span_absent(told_member(told, false));
}

static const struct rule rules[] = {
    /* what stood in the answer */
    {.name = "content_filter",
     .least = 400,
     .most = 499,
     .codes = {"content_filter", "content_policy_violation", "data_inspection_failed",
               "moderation_blocked"},
     .words = {"content management policy"},
     .outcome = OUTCOME_CONTENT_FILTER},
    /* accounts */
    {.name = "account_blocked",
     .least = 400,
     .most = 499,
     .codes = {"blocked_api_access", "customer_verification_required", "PAYMENT_METHOD_REQUIRED",
               "enforced_spend_limit_reached", "account_deactivated", "organization_restricted"},
     .words = {"bind your alibaba cloud account", "spend limit", "spending limit", "spend cap"},
     .outcome = OUTCOME_ACCOUNT_BLOCKED},
    {.name = "not_entitled",
     .least = 400,
     .most = 499,
     .codes = {"PAID_MODEL_AUTH_REQUIRED", "ModelError", "free_tier_model_not_available"},
     .words = {"requires a subscription", "requires a paid plan"},
     .outcome = OUTCOME_NOT_ENTITLED},
    {.name = "limit_zero",
     .least = 429,
     .most = 429,
     .when = told_limit_is_zero,
     .outcome = OUTCOME_NOT_ENTITLED},
    /* the size of the request */
    {.name = "never_fits",
     .least = 400,
     .most = 499,
     .when = never_fits,
     .outcome = OUTCOME_TOO_LARGE},
    {.name = "context_too_long",
     .least = 400,
     .most = 599,
     .codes = {"context_length_exceeded", "exceed_context_size_error"},
     .words = {"maximum context length", "prompt is too long", "exceeds the available context size",
               "input token count", "context length exceeded", "exceeds the context window",
               "context window of this model", "reduce the length of the messages"},
     .outcome = OUTCOME_CONTEXT_TOO_LONG},
    {.name = "too_large",
     .least = 400,
     .most = 499,
     .codes = {"request_too_large", "tokens_limit_reached"},
     .words = {"Request too large for model"},
     .outcome = OUTCOME_TOO_LARGE},
    {.name = "payload", .least = 413, .most = 413, .outcome = OUTCOME_TOO_LARGE},
    /* quota that only a reset brings back */
    {.name = "address_quota",
     .least = 400,
     .most = 499,
     .codes = {"FreeUsageLimitError", "PROMOTION_MODEL_LIMIT_REACHED"},
     .outcome = OUTCOME_QUOTA_EXHAUSTED,
     .scope = BENCH_PROVIDER,
     .rest_s = 3600},
    {.name = "named_window",
     .least = 429,
     .most = 429,
     .when = names_a_long_window,
     .outcome = OUTCOME_QUOTA_EXHAUSTED,
     .told_least_ms = TOLD_MINUTE_MS},
    {.name = "named_window_without_money",
     .least = 402,
     .most = 402,
     .words = {"monthly included credits", "weekly usage limit", "daily free allocation"},
     .outcome = OUTCOME_QUOTA_EXHAUSTED,
     .told_least_ms = TOLD_MINUTE_MS},
    /* money */
    {.name = "budget_in_flight",
     .least = 402,
     .most = 402,
     .codes = {"openrouter_in_flight_budget"},
     .outcome = OUTCOME_RATE_LIMITED},
    {.name = "out_of_credits",
     .least = 400,
     .most = 499,
     .codes = {"insufficient_quota", "insufficient_balance", "insufficient_user_quota",
               "CreditsError", "AllocationQuota.FreeTierOnly", "billing_not_active",
               "insufficient_credits"},
     .words = {"insufficient balance", "credit balance is too low", "insufficient credit",
               "out of credits", "insufficient funds"},
     .outcome = OUTCOME_NO_CREDIT},
    {.name = "payment_required", .least = 402, .most = 402, .outcome = OUTCOME_NO_CREDIT},
    {.name = "quota_under_another_status",
     .least = 400,
     .most = 403,
     .codes = {"quota_exceeded", "usage_limit_reached", "daily_limit_exceeded"},
     .words = {"exceeded your current quota", "quota exceeded", "exceeded your quota",
               "quota has been exceeded", "quota exhausted", "usage limit reached",
               "has been used up", "quota is used up"},
     .outcome = OUTCOME_QUOTA_EXHAUSTED,
     .told_least_ms = TOLD_MINUTE_MS},
    /* busy */
    {.name = "overloaded",
     .least = 400,
     .most = 599,
     .codes = {"queue_exceeded", "overloaded_error", "server_overloaded", "engine_overloaded",
               "service_unavailable", "UNAVAILABLE", "slow_down", "unavailable_error"},
     .words = {"DEGRADED function cannot be invoked", "is overloaded", "currently overloaded",
               "temporarily overloaded", "high demand", "Loading model", "at capacity",
               "no capacity", "out of capacity"},
     .outcome = OUTCOME_OVERLOADED},
    {.name = "upstream_rate_limited",
     .least = 429,
     .most = 429,
     .words = {"temporarily rate-limited upstream", "Provider returned error"},
     .when = is_of_upstream,
     .outcome = OUTCOME_UPSTREAM_RATE_LIMITED},
    {.name = "rate_limited",
     .least = 400,
     .most = 599,
     .codes = {"rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests",
               "RESOURCE_EXHAUSTED", "Throttling", "Throttling.RateQuota", "TooManyRequests"},
     .words = {"rate limit exceeded", "rate limit reached", "too many requests"},
     .outcome = OUTCOME_RATE_LIMITED},
    {.name = "status_429", .least = 429, .most = 429, .outcome = OUTCOME_RATE_LIMITED},
    /* where we stand, and who we are */
    {.name = "region",
     .least = 400,
     .most = 499,
     .codes = {"unsupported_country_region_territory", "region_not_supported"},
     .words = {"location is not supported", "region, or territory not supported",
               "unsupported country", "not available in your country",
               "not available in your region", "country is not supported"},
     .outcome = OUTCOME_REGION_BLOCKED},
    {.name = "status_451", .least = 451, .most = 451, .outcome = OUTCOME_REGION_BLOCKED},
    {.name = "key",
     .least = 400,
     .most = 499,
     .codes = {"invalid_api_key", "API_KEY_INVALID", "authentication_error", "UNAUTHENTICATED",
               "invalid_authentication", "invalid_token", "token_expired"},
     .words = {"api key not valid", "invalid api key", "incorrect api key", "invalid api token",
               "api key expired", "invalid authentication"},
     .outcome = OUTCOME_KEY_REFUSED},
    /* the model */
    {.name = "model_gone",
     .least = 400,
     .most = 499,
     .codes = {"model_not_found", "invalid_model", "NotFoundError", "model_not_available",
               "model_decommissioned", "model_deprecated", "model_not_supported"},
     .words = {"No endpoints found", "Not found for account", "no longer available to new users",
               "has been decommissioned", "reached its end of life", "has been deprecated"},
     .when = names_our_model,
     .outcome = OUTCOME_MODEL_GONE},
    {.name = "status_401", .least = 401, .most = 401, .outcome = OUTCOME_KEY_REFUSED},
    {.name = "status_403", .least = 403, .most = 403, .outcome = OUTCOME_KEY_REFUSED},
    {.name = "status_404", .least = 404, .most = 404, .outcome = OUTCOME_MODEL_GONE},
    {.name = "status_410",
     .least = 410,
     .most = 410,
     .outcome = OUTCOME_MODEL_GONE,
     .until_changed = true},
    {.name = "status_498", .least = 498, .most = 498, .outcome = OUTCOME_OVERLOADED},
    {.name = "status_408", .least = 408, .most = 408, .outcome = OUTCOME_FIRST_BYTE_TIMEOUT},
    /* the request */
    {.name = "tool_call_malformed",
     .least = 400,
     .most = 499,
     .codes = {"tool_use_failed"},
     .outcome = OUTCOME_TOOL_CALL_MALFORMED,
     .retry_once = true},
    {.name = "empty_completion",
     .least = 400,
     .most = 499,
     .words = {"No valid response generated"},
     .outcome = OUTCOME_EMPTY,
     .retry_once = true},
    {.name = "unsupported_parameter",
     .least = 400,
     .most = 422,
     .codes = {"unsupported_parameter", "unknown_parameter", "UNSUPPORTED_OPENAI_PARAMS",
               "extra_forbidden", "unsupported_value"},
     .when = names_a_member,
     .outcome = OUTCOME_UNSUPPORTED_PARAMETER,
     .strip = true},
    {.name = "client",
     .least = 400,
     .most = 422,
     .codes = {"invalid_value", "invalid_type", "missing_required_parameter", "invalid_image_url",
               "invalid_base64", "image_parse_error", "invalid_json", "string_above_max_length",
               "array_above_max_length"},
     .outcome = OUTCOME_CLIENT_FAULT},
    {.name = "bad_request", .least = 400, .most = 499, .outcome = OUTCOME_UNCLEAR},
    /* the server */
    {.name = "status_503", .least = 503, .most = 503, .outcome = OUTCOME_OVERLOADED},
    {.name = "status_529", .least = 529, .most = 529, .outcome = OUTCOME_OVERLOADED},
    {.name = "overloaded_server",
     .least = 500,
     .most = 599,
     .words = {"overloaded"},
     .outcome = OUTCOME_OVERLOADED},
    {.name = "server_error", .least = 500, .most = 599, .outcome = OUTCOME_SERVER_ERROR},
};

static const struct rule unnamed = {.name = "error_without_a_status",
                                    .outcome = OUTCOME_SERVER_ERROR};
/* 2xx other than 200, redirects: nothing that these APIs answer with */
static const struct rule foreign = {.name = "not_this_api", .outcome = OUTCOME_BAD_ANSWER};

static bool by_code(const struct rule *rule, const struct told *told) {
    for (size_t i = 0; i < array_length(rule->codes) && rule->codes[i] != NULL; i++)
        if (told_code(told, rule->codes[i]))
            return true;
    return false;
}

static bool by_words(const struct rule *rule, const struct told *told) {
    for (size_t i = 0; i < array_length(rule->words) && rule->words[i] != NULL; i++)
        if (told_says(told, rule->words[i]))
            return true;
    return false;
}

static bool is_bare(const struct rule *rule) {
    return rule->codes[0] == NULL && rule->words[0] == NULL && rule->when == NULL;
}

/* An error inside a 200 without a status: what it says counts as under any status. */
static bool applies(const struct rule *rule, const struct told *told) {
    if (told->status != 0 && (told->status < rule->least || told->status > rule->most))
        return false;
    if (is_bare(rule))
        return told->status != 0;
    return by_code(rule, told) || by_words(rule, told) || (rule->when != NULL && rule->when(told));
}

const struct rule *rule_find(const struct told *told) {
    for (size_t i = 0; i < array_length(rules); i++)
        if (applies(&rules[i], told))
            return &rules[i];
    return told->status == 0 ? &unnamed : &foreign;
}

bool rule_is_clients(const struct told *told) {
    for (size_t i = 0; i < array_length(rules); i++)
        if (rules[i].outcome == OUTCOME_CLIENT_FAULT && applies(&rules[i], told))
            return true;
    return false;
}
