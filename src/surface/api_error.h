// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What an API client is told when something goes wrong, before it is put into a wire's form: one row a kind.
 * Status, type and code: docs of the OpenAI API and the behaviour of its clients.
 */
#include "base/dynbuf.h"

/* name, HTTP status, OpenAI type, OpenAI code or NULL, Anthropic type */
#define API_ERROR_TABLE(X)                                                                         \
    X(API_BAD_REQUEST, 400, "invalid_request_error", NULL, "invalid_request_error")                \
    X(API_UNSUPPORTED_PARAMETER, 400, "invalid_request_error", "unsupported_parameter",            \
      "invalid_request_error")                                                                     \
    X(API_CONTEXT_TOO_LONG, 400, "invalid_request_error", "context_length_exceeded",               \
      "invalid_request_error")                                                                     \
    X(API_CONTENT_FILTER, 400, "invalid_request_error", "content_filter", "invalid_request_error") \
    X(API_INVALID_KEY, 401, "invalid_request_error", "invalid_api_key", "authentication_error")    \
    X(API_ORIGIN_REFUSED, 403, "permission_error", "origin_not_allowed", "permission_error")       \
    X(API_FORBIDDEN, 403, "permission_error", "not_allowed", "permission_error")                   \
    X(API_MODEL_NOT_ALLOWED, 403, "permission_error", "model_not_allowed", "permission_error")     \
    X(API_MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found", "not_found_error")     \
    X(API_UNKNOWN_URL, 404, "invalid_request_error", "unknown_url", "not_found_error")             \
    X(API_NOT_FOUND, 404, "invalid_request_error", "not_found", "not_found_error")                 \
    X(API_METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed",                  \
      "invalid_request_error")                                                                     \
    X(API_REQUEST_TIMEOUT, 408, "timeout_error", "request_timeout", "timeout_error")               \
    X(API_CONFLICT, 409, "invalid_request_error", "conflict", "invalid_request_error")             \
    X(API_TOO_LARGE, 413, "invalid_request_error", "request_too_large", "request_too_large")       \
    X(API_UNSUPPORTED_MEDIA, 415, "invalid_request_error", "unsupported_media_type",               \
      "invalid_request_error")                                                                     \
    X(API_EXPECTATION_FAILED, 417, "invalid_request_error", "expectation_failed",                  \
      "invalid_request_error")                                                                     \
    X(API_CONFIG_INVALID, 422, "invalid_request_error", "invalid_configuration",                   \
      "invalid_request_error")                                                                     \
    X(API_HEADERS_TOO_LARGE, 431, "invalid_request_error", "headers_too_large",                    \
      "invalid_request_error")                                                                     \
    X(API_RATE_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error")        \
    X(API_QUEUE_FULL, 429, "rate_limit_error", "queue_full", "rate_limit_error")                   \
    X(API_QUOTA_EXHAUSTED, 429, "insufficient_quota", "insufficient_quota", "rate_limit_error")    \
    X(API_INTERNAL, 500, "server_error", "internal_error", "api_error")                            \
    X(API_NOT_IMPLEMENTED, 501, "invalid_request_error", "not_implemented",                        \
      "invalid_request_error")                                                                     \
    X(API_UPSTREAM_FAILED, 502, "server_error", "upstream_error", "api_error")                     \
    X(API_UNAVAILABLE, 503, "server_error", "service_unavailable", "overloaded_error")             \
    X(API_UPSTREAM_TIMEOUT, 504, "server_error", "upstream_timeout", "timeout_error")              \
    X(API_VERSION_UNSUPPORTED, 505, "invalid_request_error", "http_version_not_supported",         \
      "invalid_request_error")

enum api_error_kind {
#define API_ENUM(name, status, type, code, anthropic_type) name,
    API_ERROR_TABLE(API_ENUM)
#undef API_ENUM
        API_ERROR_KIND_COUNT
};

struct api_error {
    enum api_error_kind kind;
    struct span message; /* plain UTF-8: what was wrong, where, what to do */
    struct span param;   /* plain: "messages[2].content", absent = null */
    struct span code;    /* overrides the row's code; absent = the row's */
    int64_t
        retry_after_ms; /* -1 = unknown; <= 60 s is told by Retry-After, longer by the text only (wire 1.7) */
    bool
        no_client_retry; /* x-should-retry: false: we already tried elsewhere, or waiting is pointless */
};

int api_error_status(enum api_error_kind kind);
const char *api_error_type(enum api_error_kind kind);
const char *api_error_code(enum api_error_kind kind); /* NULL = null */
const char *api_error_anthropic_type(enum api_error_kind kind);
enum api_error_kind api_error_for_status(int status); /* the server's own rejections */
/* {"error":{"message","type","param","code"}} */
int api_error_write_openai(const struct api_error *error, struct dynbuf *out) WARN_UNUSED;
