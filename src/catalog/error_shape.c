// SPDX-License-Identifier: Apache-2.0
/*
 * Errors as providers word them.
 *
 * Why paths: servers agree on success and on little else; an error is OpenAI's object, a gateway's list, a framework's `detail`, a
 * problem document, or a bare text. The tables hold the places where message and code have been seen, in the order of trust. A
 * code that is a word beats one that is a number, since a number mostly repeats the status. Promises: any bytes are accepted; what
 * is returned is escaped text of the body. Leaves to others: what an error means (provider/signal), which answers tell of errors
 * (the dialects).
 */
#include "catalog/error_shape.h"

#include "base/check.h"

#define PLAIN_MAX_BYTES 500

static const char *const message_paths[] = {
    "error.message",
    "message",
    "detail",
    "errors.0.message",
    "0.error.message",
    "errors.message",
    "error",
    "error.error.message",
    "error_msg",
    "detail.0.msg",
    "msg",
    "error.detail",
    "message.detail.0.msg",
};

static const char *const code_paths[] = {
    "error.code",     "error.status",  "error.type",
    "code",           "errors.0.code", "errors.code",
    "0.error.status", "0.error.code",  "error.error.code",
    "error_type",     "detail.0.type", "message.detail.0.type",
    "type",
};

static const char *const status_paths[] = {
    "error.code", "error.status", "error.status_code", "code",
    "status",     "status_code",  "0.error.code",
};

static struct span find_message(struct json_value body) {
    for (size_t i = 0; i < array_length(message_paths); i++) {
        struct span text = json_escaped(json_path(body, message_paths[i]));
        if (text.len > 0)
            return text;
    }
    return SPAN_NONE;
}

static struct span find_code(struct json_value body) {
    for (size_t i = 0; i < array_length(code_paths); i++) {
        struct span text = json_escaped(json_path(body, code_paths[i]));
        if (text.len > 0 && !span_is(text, "invalid_request_error") &&
            !span_is(text, "error")) /* classes, not causes */
            return text;
    }
    for (size_t i = 0; i < array_length(code_paths); i++) {
        struct json_value value = json_path(body, code_paths[i]);
        if (json_is(value, JSON_NUMBER))
            return json_raw(value);
    }
    return SPAN_NONE;
}

static int find_status(struct json_value body) {
    for (size_t i = 0; i < array_length(status_paths); i++) {
        struct json_value value = json_path(body, status_paths[i]);
        struct span text = json_is(value, JSON_STRING) ? json_escaped(value) : json_raw(value);
        uint64_t status;
        if (span_to_u64(text, &status) && status >= 400 && status <= 599)
            return (int)status;
    }
    return 0;
}

struct error_shape error_shape_of(struct json_value body) {
    return (struct error_shape){find_message(body), find_code(body), find_status(body)};
}

/* A text for people, not a page for browsers. */
struct span error_shape_plain(struct span body, struct arena *arena) {
    struct span text = span_trim(body);
    struct span escaped;
    if (text.len == 0 || text.ptr[0] == '<')
        return SPAN_NONE;
    if (text.len > PLAIN_MAX_BYTES)
        text.len = PLAIN_MAX_BYTES;
    return json_escape(text, arena, &escaped) == 0 ? escaped : SPAN_NONE;
}
