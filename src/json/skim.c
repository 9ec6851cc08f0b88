// SPDX-License-Identifier: Apache-2.0
/*
 * Skimming a valid text.
 *
 * Why beside the scanner: its index takes 16 bytes for each value, which is more than the text itself when the values are
 * numbers, and a whole batch of vectors would pass any sensible cap. Here a value is passed over by looking for its end
 * alone. Promises: each byte of a container is looked at once for each level that is skimmed; no allocation; no recursion.
 * Leaves to others: whether the text is JSON (json_validate), names that are escaped.
 */
#include "json/skim.h"

static const char *skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* From the opening quote to one past the closing one. */
static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

static const char *skip_container(const char *at, const char *end) {
    size_t depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        depth += *at == '[' || *at == '{';
        depth -= *at == ']' || *at == '}';
        at++;
    } while (depth > 0 && at < end);
    return at;
}

static const char *skip_value(const char *at, const char *end) {
    if (at == end)
        return end;
    if (*at == '"')
        return skip_string(at, end);
    if (*at == '[' || *at == '{')
        return skip_container(at, end);
    while (at < end && *at != ',' && *at != ']' && *at != '}' && *at > ' ')
        at++;
    return at;
}

char json_skim_type(struct span raw) {
    const char *end = raw.ptr + raw.len;
    const char *at = skip_space(raw.ptr, end);
    return at < end ? *at : '\0';
}

struct json_skim json_skim(struct span container) {
    const char *end = container.ptr + container.len;
    const char *at = skip_space(container.ptr, end);
    if (at == end || (*at != '[' && *at != '{'))
        return (struct json_skim){end, end};
    return (struct json_skim){at + 1, end};
}

bool json_skim_next(struct json_skim *skim, struct span *ret_key, struct span *ret_value) {
    const char *at = skip_space(skim->at, skim->end);
    *ret_key = SPAN_NONE;
    if (at < skim->end && *at == ',')
        at = skip_space(at + 1, skim->end);
    if (at == skim->end || *at == ']' || *at == '}')
        return false;
    const char *after = skip_value(at, skim->end);
    const char *colon = *at == '"' ? skip_space(after, skim->end) : skim->end;
    if (colon < skim->end && *colon == ':') {
        *ret_key = span_of(at + 1, (size_t)(after - at) - 2);
        at = skip_space(colon + 1, skim->end);
        after = skip_value(at, skim->end);
    }
    *ret_value = span_of(at, (size_t)(after - at));
    skim->at = after;
    return true;
}
