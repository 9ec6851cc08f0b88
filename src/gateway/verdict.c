// SPDX-License-Identifier: Apache-2.0
/*
 * Joins an attempt's answer with what is known of its provider.
 *
 * The provider's rows and the generic rules decide (provider/signal); here they are given the head, the body and what had been asked.
 * The head is gone when the body comes, so that of a refusal is copied, within the same bounds that it was read in.
 * Promises: words of a body are kept escaped in the attempt's arena. Leaves to others: what follows from the outcome (scheduler,
 * reject.c).
 */
#include "gateway/verdict.h"

#include "base/check.h"
#include "base/redact.h"
#include "gateway/desk.h"
#include "gateway/request.h"
#include "provider/signal.h"

static struct span get_field(void *context, const char *name) {
    const struct http_headers *headers = context;
    return http_header_get(headers, name);
}

static struct signal_head head_of(const struct http_headers *headers) {
    return (struct signal_head){headers != NULL ? get_field : NULL, (void *)(uintptr_t)headers};
}

void verdict_keep_head(struct attempt *attempt, const struct http_headers *headers) {
    if (http_headers_copy(headers, &attempt->arena, &attempt->refusal_head) < 0)
        attempt->refusal_head = NULL; /* then it is judged by status and body */
}

static const struct catalog_provider *provider_of(const struct attempt *attempt,
                                                  const struct catalog_account **ret_account) {
    const struct catalog_snapshot *snapshot = attempt->snapshot;
    *ret_account = &snapshot->accounts[snapshot->routes[attempt->route].account];
    return &snapshot->providers[(*ret_account)->provider];
}

static struct span keep(struct attempt *attempt, struct span text) {
    struct span copy = SPAN_NONE;
    if (span_absent(text) || arena_copy(&attempt->arena, text, &copy) < 0)
        return SPAN_NONE;
    return copy;
}

/* The provider's own words, without the key it was asked with: they may go on to a client. */
static struct span keep_words(struct attempt *attempt, struct span text) {
    const struct catalog_account *account;
    char *kept = span_absent(text) ? NULL : arena_try_alloc(&attempt->arena, text.len + 1);
    (void)provider_of(attempt, &account);
    if (kept == NULL)
        return SPAN_NONE;
    memcpy(kept, text.ptr, text.len);
    if (account->key != NULL)
        (void)redact_secret(account->key, kept, text.len);
    return span_of(kept, text.len);
}

void verdict_keep_words(struct attempt *attempt, struct span message, struct span code) {
    attempt->error_message = keep_words(attempt, message);
    attempt->error_code = keep_words(attempt, code);
}

/* What was left out already, or cannot be, makes no other request. */
static bool can_strip(const struct attempt *attempt, struct span name) {
    for (uint32_t i = 0; i < attempt->strips.count; i++)
        if (span_equal(attempt->strips.names[i], name))
            return false;
    return !span_absent(name) && attempt->dialect->can_strip(name);
}

void verdict_judge(struct attempt *attempt, int status, struct span body) {
    const struct catalog_account *account;
    const struct catalog_provider *provider = provider_of(attempt, &account);
    const struct request *r = attempt->request;
    bool chat = r->task.kind == TASK_CHAT;
    const struct signal_answer answer = {
        .status = status,
        .body = body,
        .head = head_of(attempt->refusal_head),
        .facts = provider->facts,
        .upstream_model = attempt->snapshot->routes[attempt->route].upstream_model,
        .input_tokens = r->input_tokens,
        .format_sent = chat && r->task.chat.format != FORMAT_UNSET,
        .json_object_sent = chat && r->task.chat.format == FORMAT_JSON_OBJECT,
        .key_sent = account->key != NULL,
        .wall_ms = (int64_t)clock_wall_ms(),
    };
    struct signal_verdict verdict;
    signal_classify(&answer, &attempt->arena, &verdict);
    attempt->outcome = verdict.outcome;
    attempt->detail = verdict.detail;
    verdict_keep_words(attempt, verdict.message, verdict.code);
    if (can_strip(attempt, verdict.strip))
        attempt->strip = keep(attempt, verdict.strip);
    attempt->strip_holds = !verdict.strip_here;
    attempt->detail.again = verdict.retry_once || !span_absent(attempt->strip);
}

void verdict_read_head(struct attempt *attempt, const struct http_headers *headers) {
    const struct catalog_account *account;
    const struct catalog_provider *provider = provider_of(attempt, &account);
    struct reading readings[READINGS_MAX] UNINITIALIZED;
    struct signal_head head = head_of(headers);
    attempt->has_cost = reading_cost(provider->facts, head, &attempt->cost_unit, &attempt->cost);
    uint32_t count = reading_collect(provider->facts, head, (int64_t)clock_wall_ms(), readings);
    if (count > 0)
        desk_readings(attempt->home->gateway->desk, attempt->home->index, attempt->request->ticket,
                      readings, count);
}
