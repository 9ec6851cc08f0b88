// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The words of the catalog's files: one table a column, each row a name for code and a word for people. The reader, its messages and
 * the compiled tables are made from the same rows, so no word can exist in one and be missing in another.
 */
#include "catalog/limit.h"

enum fact_tri { FACT_UNKNOWN, FACT_NO, FACT_YES };
enum fact_confidence { FACT_LOW, FACT_MEDIUM, FACT_HIGH };

struct fact_evidence {
    const char *source; /* "name, date; name, date" */
    const char *note;   /* "" = none */
    enum fact_confidence confidence;
};

/* name, word in the files */
#define FACT_KIND_TABLE(X)                              \
    X(FACT_RECURRING_FREE, "recurring_free")            \
    X(FACT_KEYLESS, "keyless")                          \
    X(FACT_PROMOTIONAL, "promotional")                  \
    X(FACT_ONE_TIME_CREDITS, "one_time_credits")        \
    X(FACT_NEEDS_CARD, "trial_requires_payment_method") \
    X(FACT_RESELLER, "reseller_free")                   \
    X(FACT_LOCAL, "local")                              \
    X(FACT_PAID, "paid")

#define FACT_STATUS_TABLE(X)                                     \
    X(FACT_USABLE, "usable", true)                               \
    X(FACT_USABLE_BUT_VOLATILE, "usable_but_volatile", true)     \
    X(FACT_USABLE_TINY, "usable_tiny", true)                     \
    X(FACT_USABLE_SLOW, "usable_slow", true)                     \
    X(FACT_USABLE_LIMITED_TIME, "usable_limited_time", true)     \
    X(FACT_USABLE_REGION_LIMITED, "usable_region_limited", true) \
    X(FACT_USABLE_ONCE, "usable_once", false)                    \
    X(FACT_NEEDS_A_CARD, "needs_card", false)                    \
    X(FACT_UNCERTAIN, "uncertain", false)                        \
    X(FACT_UNCERTAIN_LEGITIMACY, "uncertain_legitimacy", false)  \
    X(FACT_BILLED, "billed", false)

/* Whether a route may be used without anybody naming it. name, word, free, automatic */
#define FACT_ROUTE_STATUS_TABLE(X)                                 \
    X(FACT_LISTED_FREE, "listed_free", true, true)                 \
    X(FACT_CREDIT_METERED, "credit_metered", true, true)           \
    X(FACT_LIMITED_TIME, "limited_time", true, true)               \
    X(FACT_RETIRING, "retiring", true, true)                       \
    X(FACT_PIN_ONLY, "pin_only", true, false)                      \
    X(FACT_ROUTE_ONE_TIME, "one_time_credits", false, false)       \
    X(FACT_ROUTE_NEEDS_CARD, "needs_card", false, false)           \
    X(FACT_NEEDS_SUBSCRIPTION, "needs_subscription", false, false) \
    X(FACT_PAID_ONLY, "paid_only", false, false)                   \
    X(FACT_HANGS, "hangs", false, false)                           \
    X(FACT_CONFLICTING, "conflicting", false, false)               \
    X(FACT_ROUTE_UNCERTAIN, "uncertain", false, false)             \
    X(FACT_REPORTED, "reported", false, false)                     \
    X(FACT_LISTING_ONLY, "listing_only", false, false)             \
    X(FACT_DISABLED_IN_AUDIT, "disabled_in_audit", false, false)   \
    X(FACT_DELISTED, "delisted", false, false)                     \
    X(FACT_REMOVED, "removed", false, false)                       \
    X(FACT_PROVIDER_RETIRED, "provider_retired", false, false)

/* How requests are charged against token limits. */
#define FACT_CHARGE_TABLE(X)                                       \
    X(FACT_CHARGE_UNKNOWN, "unknown")                              \
    X(FACT_CHARGE_USAGE, "usage")       /* what was really used */ \
    X(FACT_CHARGE_UP_FRONT, "up_front") /* prompt + most output, on admission */

/* What a number in an answer's head tells. */
#define FACT_TELLS_TABLE(X)                                                                     \
    X(FACT_TELLS_LIMIT, "limit")                                                                \
    X(FACT_TELLS_REMAINING, "remaining")                                                        \
    X(FACT_TELLS_UNTIL_FULL, "until_full")   /* time until all is back */                       \
    X(FACT_TELLS_UNTIL_RESET, "until_reset") /* time until the window begins anew */            \
    X(FACT_TELLS_RESET_AT, "reset_at")       /* a moment */                                     \
    X(FACT_TELLS_WAIT, "wait")               /* ask again after this */                         \
    X(FACT_TELLS_COST, "cost")               /* of this request */                              \
    X(FACT_TELLS_FOREIGN, "foreign") /* about somebody else's bucket: not to be counted with */ \
    X(FACT_TELLS_NOTHING, "nothing") /* of quota: an id, a place */

#define FACT_FORM_TABLE(X)                                     \
    X(FACT_FORM_INTEGER, "integer")                            \
    X(FACT_FORM_DECIMAL, "decimal")                            \
    X(FACT_FORM_SECONDS, "seconds") /* also with a fraction */ \
    X(FACT_FORM_GO_DURATION, "go_duration")                    \
    X(FACT_FORM_EPOCH_MS, "epoch_ms")                          \
    X(FACT_FORM_EPOCH_S, "epoch_s")                            \
    X(FACT_FORM_RFC3339, "rfc3339")                            \
    X(FACT_FORM_EPOCH_OR_DURATION, "epoch_or_duration")        \
    X(FACT_FORM_UPSTREAM, "upstream_dependent")                \
    X(FACT_FORM_TEXT, "text")

/* Quality of a model for a class of tasks, in thousandths; see models.yaml for where numbers come from. */
#define FACT_TASK_CLASS_TABLE(X)        \
    X(FACT_TASK_GENERAL, "general")     \
    X(FACT_TASK_CODE, "code")           \
    X(FACT_TASK_REASONING, "reasoning") \
    X(FACT_TASK_LONG, "long")           \
    X(FACT_TASK_VISION, "vision")
enum fact_task_class {
#define FACT_TASK_ENUM(name, word) name,
    FACT_TASK_CLASS_TABLE(FACT_TASK_ENUM)
#undef FACT_TASK_ENUM
        FACT_TASK_CLASS_COUNT
};

#define FACT_ENUM(name, ...) name,
enum fact_kind { FACT_KIND_TABLE(FACT_ENUM) FACT_KIND_COUNT };
enum fact_status { FACT_STATUS_TABLE(FACT_ENUM) FACT_STATUS_COUNT };
enum fact_route_status { FACT_ROUTE_STATUS_TABLE(FACT_ENUM) FACT_ROUTE_STATUS_COUNT };
enum fact_charge { FACT_CHARGE_TABLE(FACT_ENUM) FACT_CHARGE_COUNT };
enum fact_tells { FACT_TELLS_TABLE(FACT_ENUM) FACT_TELLS_COUNT };
enum fact_form { FACT_FORM_TABLE(FACT_ENUM) FACT_FORM_COUNT };
#undef FACT_ENUM
