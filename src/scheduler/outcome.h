// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How an attempt can end: the one table of outcomes. Retry class, breaker weight, what is charged and the metric label stand
 * here; what a client is told stands in gateway/reject.c, keyed by the same enum.
 *
 * Charges (docs/internals/attempts): keep = the provider may have counted it; release = it never reached the provider.
 */
#include "catalog/limit.h"
#include <stdbool.h>
#include <stdint.h>

enum retry_class {
    RETRY_NEVER,          /* success, the client's fault, or the client is gone */
    RETRY_ELSEWHERE,      /* next candidate, costs retry budget */
    RETRY_ELSEWHERE_FREE, /* next candidate; a quick refusal that cost neither quota nor time */
    RETRY_SECOND_OPINION  /* one other provider, then the first answer stands */
};

/* Whom a failure is about. ROUTE: this model for this account (key); MODEL: this model for all accounts of its provider; KEY: one key;
 * ACCOUNT: all keys of a quota account; PROVIDER: all there is, also when it is our address that is refused. */
enum bench_scope {
    BENCH_NOTHING,
    BENCH_ROUTE,
    BENCH_MODEL,
    BENCH_KEY,
    BENCH_ACCOUNT,
    BENCH_PROVIDER,
    BENCH_BY_ROW
};

/* What stays charged of a reservation. USAGE: what was used; KEEP: all of it, the provider may have counted it; RELEASE: nothing;
 * REQUEST_ONLY: the request, no tokens; REFUSED: no tokens, the request in short windows, in long ones only where the provider is
 * known to count refusals. */
enum charge { CHARGE_USAGE, CHARGE_KEEP, CHARGE_RELEASE, CHARGE_REQUEST_ONLY, CHARGE_REFUSED };

/* name, label, retry class, bench scope, bench base seconds, breaker weight, charge */
#define OUTCOME_TABLE(X)                                                                           \
    X(OUTCOME_OK, "ok", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_USAGE)                            \
    X(OUTCOME_CANCELLED, "cancelled", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_KEEP)               \
    X(OUTCOME_WITHDRAWN, "withdrawn", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_RELEASE)            \
    X(OUTCOME_CLIENT_FAULT, "client_fault", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_REQUEST_ONLY) \
    X(OUTCOME_CONTENT_FILTER, "content_filter", RETRY_NEVER, BENCH_NOTHING, 0, 0, CHARGE_USAGE)    \
    X(OUTCOME_UNCLEAR, "unclear_400", RETRY_SECOND_OPINION, BENCH_NOTHING, 0, 0,                   \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_EMPTY, "empty", RETRY_SECOND_OPINION, BENCH_NOTHING, 0, 0, CHARGE_USAGE)             \
    X(OUTCOME_CONTEXT_TOO_LONG, "context_too_long", RETRY_ELSEWHERE_FREE, BENCH_NOTHING, 0, 0,     \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_TOO_LARGE, "too_large", RETRY_ELSEWHERE_FREE, BENCH_NOTHING, 0, 0, CHARGE_REFUSED)   \
    X(OUTCOME_UNSUPPORTED_PARAMETER, "unsupported_parameter", RETRY_SECOND_OPINION, BENCH_NOTHING, \
      0, 0, CHARGE_REQUEST_ONLY)                                                                   \
    X(OUTCOME_WOULD_DOWNGRADE, "would_downgrade", RETRY_ELSEWHERE_FREE, BENCH_NOTHING, 0, 0,       \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_TOOL_CALL_MALFORMED, "tool_call_malformed", RETRY_ELSEWHERE, BENCH_NOTHING, 0, 0,    \
      CHARGE_USAGE)                                                                                \
    X(OUTCOME_ACCOUNT_BLOCKED, "account_blocked", RETRY_ELSEWHERE_FREE, BENCH_ACCOUNT, 86400, 0,   \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_NOT_ENTITLED, "not_entitled", RETRY_ELSEWHERE_FREE, BENCH_ROUTE, 86400, 0,           \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_REGION_BLOCKED, "region_blocked", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 86400, 0,    \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_KEY_REFUSED, "key_refused", RETRY_ELSEWHERE_FREE, BENCH_KEY, 600, 0,                 \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_NO_CREDIT, "no_credit", RETRY_ELSEWHERE_FREE, BENCH_ACCOUNT, 3600, 0,                \
      CHARGE_REQUEST_ONLY)                                                                         \
    X(OUTCOME_RATE_LIMITED, "rate_limited", RETRY_ELSEWHERE_FREE, BENCH_ROUTE, 20, 0,              \
      CHARGE_REFUSED)                                                                              \
    X(OUTCOME_UPSTREAM_RATE_LIMITED, "upstream_rate_limited", RETRY_ELSEWHERE_FREE, BENCH_MODEL,   \
      30, 0, CHARGE_REFUSED)                                                                       \
    X(OUTCOME_QUOTA_EXHAUSTED, "quota_exhausted", RETRY_ELSEWHERE_FREE, BENCH_ROUTE, 3600, 0,      \
      CHARGE_REFUSED)                                                                              \
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
    X(OUTCOME_PROXY_UNREACHABLE, "proxy_unreachable", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 2, 1,  \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_PROXY_TIMEOUT, "proxy_timeout", RETRY_ELSEWHERE, BENCH_PROVIDER, 10, 1,              \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_PROXY_AUTH, "proxy_auth", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 60, 0,               \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_PROXY_REFUSED, "proxy_refused", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 60, 0,         \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_PROXY_TARGET, "proxy_target", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 5, 1,            \
      CHARGE_RELEASE)                                                                              \
    X(OUTCOME_PROXY_PROTOCOL, "proxy_protocol", RETRY_ELSEWHERE_FREE, BENCH_PROVIDER, 10, 1,       \
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
/* The outcome of that label; false: there is none. */
bool outcome_find(struct span label, enum outcome *ret_outcome);

/* What a provider's own signal adds to the row of its outcome. All zero with scope BENCH_BY_ROW adds nothing. */
struct outcome_detail {
    enum bench_scope scope; /* BENCH_BY_ROW: the row's */
    uint64_t
        bench_ns; /* rest when the provider told no time; 0 = the row's. Doubled up to bench_most_ns. */
    uint64_t bench_most_ns; /* 0 = the row's way of doubling */
    uint64_t told_ns; /* the provider's own wait, from now; 0 = none told or not to be believed */
    uint64_t
        window_ns; /* of the limit that is used up: rest until the ledger's window of that length comes back; 0 = not named */
    enum limit_unit window_unit; /* LIMIT_UNIT_COUNT = not told */
    bool until_changed;          /* no time brings it back: a new key or a new configuration does */
    bool
        again; /* the same candidate may be asked once more at once: its provider said so, or the request will be another */
};
