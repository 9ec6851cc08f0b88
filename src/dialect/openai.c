// SPDX-License-Identifier: Apache-2.0
/*
 * The dialect most providers speak: OpenAI's chat completions, and the table of dialects.
 *
 * Why one for all: providers that call themselves compatible differ in details, which are quirks of a catalog row, not
 * dialects of their own. Promises: what dialect.h says. Leaves to others: which provider has which quirk.
 */
#include "dialect/openai.h"

#include "base/check.h"

const struct dialect dialect_openai = {
    .name = "openai",
    .auth = AUTH_BEARER,
    .encode = dialect__openai_encode,
    .decoder_new = dialect__openai_decoder_new,
    .decoder_free = dialect__openai_decoder_free,
    .on_record = dialect__openai_on_record,
    .on_body = dialect__openai_on_body,
    .on_end = dialect__openai_on_end,
    .usage_so_far = dialect__openai_usage_total,
    .is_over = dialect__openai_is_over,
    .can_strip = dialect__openai_can_strip,
};

static const struct dialect *const dialects[] = {&dialect_openai};

const struct dialect *dialect_find(struct span name) {
    for (size_t i = 0; i < array_length(dialects); i++)
        if (span_is(name, dialects[i]->name))
            return dialects[i];
    return NULL;
}
