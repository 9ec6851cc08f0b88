// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The client behind a request: who it is, what it may ask for, and what is left of its limits. */
#include "gateway/request.h"

/* Looks the key up and notes its client, if it may ask: r->client. Of any other verdict there is a sentence for its owner. */
enum client_verdict identify_key(struct request *r, struct span key);
const char *identify_sentence(enum client_verdict verdict);

/* Whether its client may ask for what goes by that name; true when there is none. */
bool identify_may_name(const struct request *r, struct span name);
/* Whether it may be served by that route, in a request whose names do not all stand in its list. */
bool identify_may_use(const struct request *r, uint32_t route);
/* Whether routes must be looked at one by one: some name of the request is not in the client's list. */
bool identify_is_narrowed(const struct request *r);
/* 403; goes to REJECT. */
enum step_verdict identify_refuse_model(struct request *r);

/* limits.c: x-ratelimit-* of its own limits (wire 1.8); nothing when it has none. */
int limits_fields(struct request *r, struct dynbuf *head);
/* "1.5s", "6m0s" as in OpenAI's field; size at least LIMITS_DURATION_BYTES. */
#define LIMITS_DURATION_BYTES 48
void limits_duration(int64_t wait_ms, char *text);
/* What REJECT tells of a refusal by one of them: kind, message, wait. */
void limits_explain(struct request *r);
