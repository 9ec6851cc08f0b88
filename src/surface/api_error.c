// SPDX-License-Identifier: Apache-2.0
/*
 * Errors of the API: the table behind the enum, and OpenAI's form of it.
 *
 * Why all four members always: clients read message, type, param and code without looking whether they are there, and a
 * code that is a number breaks the typed ones. Promises: one line of JSON whatever the bytes of the texts. Leaves to others:
 * retry headers, which follow from retry_after_ms and no_client_retry.
 */
#include "surface/api_error.h"

#include "base/check.h"
#include "json/json.h"

static const struct {
    int status;
    const char *type;
    const char *code;
    const char *anthropic_type;
} rows[API_ERROR_KIND_COUNT] = {
#define API_ROW(name, status, type, code, anthropic_type) \
    [name] = {status, type, code, anthropic_type},
    API_ERROR_TABLE(API_ROW)
#undef API_ROW
};

/* What the server refuses before a surface sees it. */
static const enum api_error_kind kinds_of_server[] = {
    API_UNKNOWN_URL,       API_METHOD_NOT_ALLOWED,  API_REQUEST_TIMEOUT,   API_TOO_LARGE,
    API_UNSUPPORTED_MEDIA, API_EXPECTATION_FAILED,  API_HEADERS_TOO_LARGE, API_NOT_IMPLEMENTED,
    API_UNAVAILABLE,       API_VERSION_UNSUPPORTED,
};

int api_error_status(enum api_error_kind kind) {
    check(kind < API_ERROR_KIND_COUNT);
    return rows[kind].status;
}

const char *api_error_type(enum api_error_kind kind) {
    check(kind < API_ERROR_KIND_COUNT);
    return rows[kind].type;
}

const char *api_error_code(enum api_error_kind kind) {
    check(kind < API_ERROR_KIND_COUNT);
    return rows[kind].code;
}

const char *api_error_anthropic_type(enum api_error_kind kind) {
    check(kind < API_ERROR_KIND_COUNT);
    return rows[kind].anthropic_type;
}

enum api_error_kind api_error_for_status(int status) {
    for (size_t i = 0; i < array_length(kinds_of_server); i++)
        if (rows[kinds_of_server[i]].status == status)
            return kinds_of_server[i];
    return status >= 500 ? API_INTERNAL : API_BAD_REQUEST;
}

static int write_member(struct dynbuf *out, const char *name, struct span text) {
    int err = dynbuf_append_format(out, ",\"%s\":", name);
    if (err < 0)
        return err;
    return span_absent(text) ? dynbuf_append_text(out, "null") : json_write_string(out, text);
}

int api_error_write_openai(const struct api_error *error, struct dynbuf *out) {
    check(error->kind < API_ERROR_KIND_COUNT);
    struct span code = span_absent(error->code) ? span_text(rows[error->kind].code) : error->code;
    int err = dynbuf_append_text(out, "{\"error\":{\"message\":");
    if (err == 0)
        err = json_write_string(out, error->message);
    if (err == 0)
        err = write_member(out, "type", span_text(rows[error->kind].type));
    if (err == 0)
        err = write_member(out, "param", error->param);
    if (err == 0)
        err = write_member(out, "code", code);
    return err == 0 ? dynbuf_append_text(out, "}}") : err;
}
