// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How an attempt can end: the one table of outcomes. Retry class, breaker weight, what is charged and the metric label stand
 * here; what a client is told stands in gateway/reject.c, keyed by the same enum.
 *
 * Charges (docs/internals/attempts): keep = the provider may have counted it; release = it never reached the provider.
 */
#include <stdbool.h>
#include <stdint.h>

enum retry_class {
    RETRY_NEVER,          /* success, the client's fault, or the client is gone */
    RETRY_ELSEWHERE,      /* next candidate, costs retry budget */
    RETRY_ELSEWHERE_FREE, /* next candidate; a quick refusal that cost neither quota nor time */
    RETRY_SECOND_OPINION  /* one other provider, then the first answer stands */
};

enum bench_scope { BENCH_NOTHING, BENCH_ROUTE, BENCH_ACCOUNT, BENCH_PROVIDER };

enum charge { CHARGE_USAGE, CHARGE_KEEP, CHARGE_RELEASE, CHARGE_REQUEST_ONLY };

/* name, label, retry class, bench scope, bench base seconds, breaker weight, charge */
#define OUTCOME_TABLE(X)                                                                           \
    X(OUTCOME_OK, "ok", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_USAGE)                            \
    X(OUTCOME_CANCELLED, "cancelled", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_KEEP)               \
    X(OUTCOME_CLIENT_FAULT, "client_fault", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_REQUEST_ONLY) \
    X(OUTCOME_CONTENT_FILTER, "content_filter", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_USAGE)    \
    X(OUTCOME_UNCLEAR, "unclear_400", RETRY_SECOND_OPINION, BENCH_NOTHING, 0, 0,                   \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_EMPTY, "empty", RETRY_SECOND_OPINION, BENCH_NOTHING, 0, 0, CHARGE_USAGE)             \
    X(OUTCOME_CONTEXT_TOO_LONG, "context_too_long", RETRY_ELSEWHERE_FREE, BENCH_NOTHING, 0, 0,     \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_TOO_LARGE, "too_large", RETRY_ELSEWHERE_FREE, BENCH_NOTHING, 0, 0,                   \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_KEY_REFUSED, "key_refused", RETRY_ELSEWHERE_FREE, BENCH_ACCOUNT, 600, 0,             \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_NO_CREDIT, "no_credit", RETRY_ELSEWHERE_FREE, BENCH_ACCOUNT, 3600, 0,                \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_RATE_LIMITED, "rate_limited", RETRY_ELSEWHERE_FREE, BENCH_ROUTE, 20, 0,              \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_QUOTA_EXHAUSTED, "quota_exhausted", RETRY_ELSEWHERE_FREE, BENCH_ROUTE, 3600, 0,      \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_MODEL_GONE, "model_gone", RETRY_ELSEWHERE_FREE, BENCH_ROUTE, 3600, 0,                \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_OVERLOADED, "overloaded", RETRY_ELSEWHERE, BENCH_ROUTE, 10, 1, CHARGE_KEEP)          \
    X(OUTCOME_SERVER_ERROR, "server_error", RETRY_ELSEWHERE, BENCH_NOTHING, 0, 1, CHARGE_KEEP)     \
    X(OUTCOME_DNS_FAILED, "dns_failed", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 5, 1,                \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_CONNECT_REFUSED, "connect_refused", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 2, 1,      \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_CONNECT_TIMEOUT, "connect_timeout", RETRY_ELSEWHERE, BENCH_PROVIDER, 10, 1,          \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_TLS_TIMEOUT, "tls_timeout", RETRY_ELSEWHERE, BENCH_PROVIDER, 10, 1, CHARGE_RELEASE)  \
    X(OUTCOME_TLS_EXPIRED, "tls_expired", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 60, 1,             \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_TLS_HOST, "tls_wrong_host", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 60, 1,             \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_TLS_UNTRUSTED, "tls_untrusted", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 60, 1,         \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_TLS_FAILED, "tls_failed", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 10, 1,               \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_ADDRESS_FORBIDDEN, "address_forbidden", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 60, 0, \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_RESET, "reset", RETRY_ELSEWHERE, BENCH_NOTHING, 0, 1, CHARGE_KEEP)                   \
    X(OUTCOME_TRUNCATED, "truncated", RETRY_ELSEWHERE, BENCH_NOTHING, 0, 1, CHARGE_KEEP)           \
    X(OUTCOME_BAD_ANSWER, "bad_answer", RETRY_ELSEWHERE, BENCH_NOTHING, 0, 1, CHARGE_KEEP)         \
    X(OUTCOME_WRONG_MODEL, "wrong_model", RETRY_ELSEWHERE, BENCH_ROUTE, 60, 1, CHARGE_USAGE)       \
    X(OUTCOME_FIRST_BYTE_TIMEOUT, "first_byte_timeout", RETRY_ELSEWHERE, BENCH_ROUTE, 10, 1,       \
      CHARGE_KEEP)                                                                                 \
    X(OUTCOME_STALLED, "stalled", RETRY_ELSEWHERE, BENCH_ROUTE, 10, 1, CHARGE_KEEP)                \
    X(OUTCOME_GATEWAY_FAULT, "gateway_fault", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_KEEP)

enum outcome {
#define OUTCOME_ENUM(name, label, retry, scope, seconds, weight, charge) name,
    OUTCOME_TABLE(OUTCOME_ENUM)
#undef OUTCOME_ENUM
        OUTCOME_COUNT
};

struct outcome_row {
    const char *label;
    enum retry_class retry;
    enum bench_scope bench;
    uint32_t bench_s;
    uint32_t breaker_weight;
    enum charge charge;
};

const struct outcome_row *outcome_row(enum outcome outcome);
