// SPDX-License-Identifier: Apache-2.0
/*
 * Members that are left out because this provider has refused them.
 *
 * Why a list of what stays: without some members there is no request, or one for something else. A vector of another length than
 * was asked for cannot be used; a message without its role, its content or its calls is another message. Such a refusal stands, or
 * another provider is asked. Promises: pure; of what may go, the client is told by whoever leaves it out. Leaves to others: which
 * members a refusal names (provider/told_member.c), who remembers them (gateway/left_out.c).
 */
#include "base/check.h"
#include "dialect/openai.h"

static const char *const needed[] = {"model", "messages", "tools", "stream", "input", "dimensions"};
static const char *const needed_in_messages[] = {"role", "content", "tool_calls", "tool_call_id"};

static bool is_of_messages(struct span name) {
    return span_starts_with(name, DIALECT_IN_MESSAGES);
}

/* Names are used as text. */
static bool is_text(struct span name) {
    return name.len > 0 && memchr(name.ptr, '\0', name.len) == NULL;
}

struct span dialect__openai_strip_of_messages(struct span name) {
    size_t length = is_of_messages(name) ? strlen(DIALECT_IN_MESSAGES) : 0;
    struct span plain = span_of(name.ptr + length, name.len - length);
    bool needs =
        dialect__openai_is_among(needed_in_messages, array_length(needed_in_messages), plain);
    return is_text(plain) && !needs ? plain : SPAN_NONE;
}

bool dialect__openai_can_strip(struct span name) {
    if (is_of_messages(name))
        return !span_absent(dialect__openai_strip_of_messages(name));
    return is_text(name) && !dialect__openai_is_among(needed, array_length(needed), name);
}

bool dialect__openai_strips(const struct openai_writer *writer, struct span name) {
    const struct dialect_strips *strips = &writer->target->strips;
    for (uint32_t i = 0; i < strips->count; i++)
        if (span_equal(strips->names[i], name))
            return dialect__openai_can_strip(name);
    return false;
}
