// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Signals: how a provider says that something is wrong, as rows that provider/signal obeys in the order of the file, the first that
 * matches deciding. The body's own words come before the status.
 */
#include "catalog/fact_words.h"

/* Classes of a provider's signals (providers' documents; order of trial is the order of rows in a file). */
#define FACT_CLASS_TABLE(X)                                        \
    X(FACT_CLASS_RATE_LIMITED, "rate_limited")                     \
    X(FACT_CLASS_UPSTREAM_RATE_LIMITED, "upstream_rate_limited")   \
    X(FACT_CLASS_DAILY_QUOTA, "daily_quota")                       \
    X(FACT_CLASS_MONTHLY_QUOTA, "monthly_quota")                   \
    X(FACT_CLASS_WINDOW_QUOTA, "window_quota")                     \
    X(FACT_CLASS_IP_QUOTA, "ip_quota")                             \
    X(FACT_CLASS_REQUEST_TOO_LARGE, "request_too_large_for_limit") \
    X(FACT_CLASS_CONTEXT_TOO_LONG, "context_too_long")             \
    X(FACT_CLASS_OUT_OF_CREDITS, "out_of_credits")                 \
    X(FACT_CLASS_ACCOUNT_BLOCKED, "account_blocked")               \
    X(FACT_CLASS_NOT_ENTITLED, "not_entitled")                     \
    X(FACT_CLASS_BAD_KEY, "bad_key")                               \
    X(FACT_CLASS_REGION_BLOCKED, "region_blocked")                 \
    X(FACT_CLASS_MODEL_GONE, "model_gone")                         \
    X(FACT_CLASS_OVERLOADED, "overloaded")                         \
    X(FACT_CLASS_UNSUPPORTED_PARAMETER, "unsupported_parameter")   \
    X(FACT_CLASS_BAD_REQUEST, "bad_request")                       \
    X(FACT_CLASS_TOOL_CALL_MALFORMED, "tool_call_malformed")       \
    X(FACT_CLASS_CONTENT_FILTER, "content_filter")                 \
    X(FACT_CLASS_EMPTY_COMPLETION, "empty_completion")             \
    X(FACT_CLASS_ERROR_IN_200, "error_in_200")                     \
    X(FACT_CLASS_SERVER_ERROR, "server_error")                     \
    X(FACT_CLASS_TIMEOUT, "timeout")

/* Whom a signal is about. */
#define FACT_ABOUT_TABLE(X)                                                 \
    X(FACT_ABOUT_REQUEST, "request") /* this request only: nothing rests */ \
    X(FACT_ABOUT_ROUTE, "route")     /* this model for this account */      \
    X(FACT_ABOUT_MODEL, "model")     /* this model for every account */     \
    X(FACT_ABOUT_KEY, "key")                                                \
    X(FACT_ABOUT_ACCOUNT, "account")                                        \
    X(FACT_ABOUT_PROVIDER, "provider") /* also our address */

/* Until when whatever it is about rests, when the provider's own word is missing or not to be believed. */
#define FACT_UNTIL_TABLE(X)                                             \
    X(FACT_UNTIL_NOTHING, "nothing")                                    \
    X(FACT_UNTIL_TIME, "time")   /* least_ms, doubled up to most_ms */  \
    X(FACT_UNTIL_RESET, "reset") /* of the window named by window_ms */ \
    X(FACT_UNTIL_KEY_CHANGES, "key_changes")                            \
    X(FACT_UNTIL_OWNER_ACTS, "owner_acts")                              \
    X(FACT_UNTIL_FOREVER, "forever")

/* How a part of an answer is looked at. All paths are dotted; "[]" stands for any element of an array. */
#define FACT_MATCH_TABLE(X)                                                                        \
    X(FACT_MATCH_IS,                                                                               \
      "is") /* the value at path equals one of the values (numbers by their text) */               \
    X(FACT_MATCH_HAS, "has")   /* the text at path contains one of the values, case ignored */     \
    X(FACT_MATCH_SAYS, "says") /* any text of the body contains one of the values, case ignored */ \
    X(FACT_MATCH_ENDS, "ends") /* the text at path ends in one of the values */                    \
    X(FACT_MATCH_PRESENT, "present")  /* there is something at path */                             \
    X(FACT_MATCH_HEADER_IS, "header") /* the head field `path` equals one of the values */         \
    X(FACT_MATCH_RULE, "rule")        /* a question to the request: fact_rule */

#define FACT_RULE_TABLE(X)                                                                      \
    X(FACT_RULE_NONE, "none")                                                                   \
    X(FACT_RULE_INPUT_OVER_QUOTA,                                                               \
      "input_over_quota")                   /* the prompt is larger than the quotaValue told */ \
    X(FACT_RULE_FORMAT_SENT, "format_sent") /* response_format was sent */                      \
    X(FACT_RULE_JSON_OBJECT_SENT, "json_object_sent")                                           \
    X(FACT_RULE_NO_KEY_SENT, "no_key_sent")

#define FACT_ENUM(name, ...) name,
enum fact_class { FACT_CLASS_TABLE(FACT_ENUM) FACT_CLASS_COUNT };
enum fact_about { FACT_ABOUT_TABLE(FACT_ENUM) FACT_ABOUT_COUNT };
enum fact_until { FACT_UNTIL_TABLE(FACT_ENUM) FACT_UNTIL_COUNT };
enum fact_match_kind { FACT_MATCH_TABLE(FACT_ENUM) FACT_MATCH_COUNT };
enum fact_rule { FACT_RULE_TABLE(FACT_ENUM) FACT_RULE_COUNT };
#undef FACT_ENUM

struct fact_match {
    enum fact_match_kind kind;
    enum fact_rule rule;
    const char *path;
    const char *const *values; /* any of them; NULL for PRESENT and RULE */
};

struct fact_signal {
    enum fact_class class;
    const uint16_t *statuses;         /* ends in 0; an empty list = any */
    const struct fact_match *matches; /* all must hold */
    uint32_t match_count;
    enum fact_about about;
    enum fact_until until;
    uint64_t least_ms, most_ms; /* UNTIL_TIME */
    uint64_t window_ms;         /* of the limit that is used up; 0 = not named */
    enum limit_unit unit;       /* of that limit; LIMIT_UNIT_COUNT = not told */
    uint64_t
        told_least_ms; /* a wait that the provider tells is believed from here on; UINT64_MAX = never */
    const char
        *wait_path;    /* where the body tells a wait (RetryInfo), "" = in its words, if at all */
    bool retry_once;   /* the same request may succeed there at once */
    bool strip_named;  /* leave out the member that the refusal names and ask again */
    const char *strip; /* member to leave out; "" = none */
    bool note;         /* informs only */
    struct fact_evidence evidence;
};
