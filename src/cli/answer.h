// SPDX-License-Identifier: Apache-2.0
#pragma once
/* An answer of the running PAPI, read for people: members that are missing are absent texts, zeros and falses. */
#include "json/json.h"

struct answer {
    struct arena arena; /* owned */
    struct json_doc doc;
    struct json_value top;
};

/* False after complaining; then nothing of it may be used. The body must live as long. */
bool answer_read(struct answer *answer, struct span body);
void answer_done(struct answer *answer);
/* Decoded; absent also for null. */
struct span answer_text(struct answer *answer, struct json_value object, const char *name);
int64_t answer_number(struct json_value object, const char *name);
bool answer_is_true(struct json_value object, const char *name);
/* "2026-11-24T10:11:12Z" as "2026-11-24 10:11:12"; what is no time stays as it is. */
struct span answer_time(struct answer *answer, struct json_value object, const char *name);
