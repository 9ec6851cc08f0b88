// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Every metric, one row: enum, name, kind, label, number of label values, help. A row feeds /metrics and docs/reference.
 * Label values are given by the function registered for the label (metric_label_names), so that no string is kept per event.
 */
#define METRIC_TABLE(X)                                                                            \
    X(METRIC_REQUESTS, "papi_requests_total", METRIC_COUNTER, METRIC_LABEL_STATUS,                 \
      "Requests answered, by HTTP status class")                                                   \
    X(METRIC_REJECTED, "papi_rejected_total", METRIC_COUNTER, METRIC_LABEL_ERROR,                  \
      "Requests refused or failed, by error")                                                      \
    X(METRIC_ATTEMPTS, "papi_attempts_total", METRIC_COUNTER, METRIC_LABEL_OUTCOME,                \
      "Upstream attempts, by outcome")                                                             \
    X(METRIC_CLIENT_GONE, "papi_client_gone_total", METRIC_COUNTER, METRIC_LABEL_NONE,             \
      "Clients that left before their answer ended")                                               \
    X(METRIC_EARLY_HEADS, "papi_early_heads_total", METRIC_COUNTER, METRIC_LABEL_NONE,             \
      "Streams opened before a provider's first token")                                            \
    X(METRIC_KEEPALIVES, "papi_keepalives_total", METRIC_COUNTER, METRIC_LABEL_NONE,               \
      "Keep-alive events sent into silent streams")                                                \
    X(METRIC_INPUT_TOKENS, "papi_input_tokens_total", METRIC_COUNTER, METRIC_LABEL_NONE,           \
      "Tokens read by models, as reported or estimated")                                           \
    X(METRIC_OUTPUT_TOKENS, "papi_output_tokens_total", METRIC_COUNTER, METRIC_LABEL_NONE,         \
      "Tokens written by models, as reported or estimated")                                        \
    X(METRIC_DETAILS_DROPPED, "papi_store_details_dropped_total", METRIC_COUNTER,                  \
      METRIC_LABEL_NONE,                                                                           \
      "Requests whose row was dropped since the store could not keep up; totals have them")        \
    X(METRIC_CONNECTIONS, "papi_client_connections", METRIC_GAUGE, METRIC_LABEL_NONE,              \
      "Open connections of clients")                                                               \
    X(METRIC_REQUESTS_OPEN, "papi_requests_open", METRIC_GAUGE, METRIC_LABEL_NONE,                 \
      "Requests being worked on")                                                                  \
    X(METRIC_LOG_LOST, "papi_log_lines_lost_total", METRIC_COUNTER, METRIC_LABEL_NONE,             \
      "Lines of the log that could not be written")                                                \
    X(METRIC_REQUEST_SECONDS, "papi_request_seconds", METRIC_HISTOGRAM, METRIC_LABEL_NONE,         \
      "Time from request read to answer ended")                                                    \
    X(METRIC_FIRST_TOKEN_SECONDS, "papi_first_token_seconds", METRIC_HISTOGRAM, METRIC_LABEL_NONE, \
      "Time from request read to the first token or byte of the answer")                           \
    X(METRIC_WAIT_SECONDS, "papi_wait_seconds", METRIC_HISTOGRAM, METRIC_LABEL_NONE,               \
      "Time requests waited for room at a provider")                                               \
    X(METRIC_OVERHEAD_SECONDS, "papi_overhead_seconds", METRIC_HISTOGRAM, METRIC_LABEL_NONE,       \
      "Own work per request: all but waiting and upstream")
