// SPDX-License-Identifier: Apache-2.0
/*
 * Which head field carries a key.
 *
 * Why in pieces: whoever writes the head puts them straight into its buffer, so that the key exists twice for no longer than it must.
 * A provider's row of facts may name a field of its own; what some providers want to see from those who have no key (an anonymous
 * one) is a quirk. Promises: pure; holds no key. Leaves to others: the key itself, and wiping what it was written to.
 */
#include "base/check.h"
#include "dialect/dialect.h"

static const struct dialect_key_field forms[] = {
    [AUTH_BEARER] = {.name = "Authorization", .before = {"Bearer ", 7}},
    [AUTH_X_API_KEY] = {.name = "x-api-key"},
    [AUTH_X_GOOG_API_KEY] = {.name = "x-goog-api-key"},
    [AUTH_NONE] = {.name = NULL},
};

static struct span anonymous_key(const struct fact_provider *facts) {
    for (uint32_t i = 0; facts != NULL && i < facts->quirk_count; i++)
        if (facts->quirks[i].kind == FACT_QUIRK_ANONYMOUS_KEY)
            return span_text(facts->quirks[i].value);
    return SPAN_NONE;
}

struct dialect_key_field dialect_key_field(const struct dialect *dialect,
                                           const struct fact_provider *facts) {
    struct dialect_key_field field = forms[dialect->auth];
    if (field.name == NULL)
        return field;
    field.anonymous = anonymous_key(facts);
    if (facts != NULL && strcmp(facts->auth_scheme, "header") == 0) {
        field.name = facts->auth_header;
        field.before = SPAN_NONE;
    }
    return field;
}
