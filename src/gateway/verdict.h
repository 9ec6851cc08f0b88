// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a provider's answer tells beside its events: why it refused, what its head says of limits, what the answer cost.
 */
#include "gateway/attempt.h"
#include "provider/reading.h"

/* Keeps the head of a refusal until its body is there. */
void verdict_keep_head(struct attempt *attempt, const struct http_headers *headers);
/* A refusal: fills outcome, detail, words and what to leave out of the next try. `status` 200 = an error inside an answer. */
void verdict_judge(struct attempt *attempt, int status, struct span body);
/* Words of an error, escaped, kept in the attempt's arena; absent ones stay so. */
void verdict_keep_words(struct attempt *attempt, struct span message, struct span code);
/* Tells the desk what the head of any answer says of limits, and notes what it cost. */
void verdict_read_head(struct attempt *attempt, const struct http_headers *headers);
