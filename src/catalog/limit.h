// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A limit: how much of a unit may be used in a window, by whom it is shared, and how the window comes back. One row of a
 * snapshot's table; the scheduler keeps a node of its ledger for each, under the same index.
 *
 * Shapes: docs/internals of the scheduler say what each promises. Sources: the catalog's rows carry them.
 */
#include "base/span.h"
#include "base/zone.h"

#define LIMIT_NONE UINT32_MAX

/* name, word in the catalog and in papi.yaml, what is counted */
#define LIMIT_UNIT_TABLE(X)                                                  \
    X(LIMIT_REQUESTS, "requests", "requests")                                \
    X(LIMIT_TOKENS, "tokens", "tokens of prompts and answers together")      \
    X(LIMIT_INPUT_TOKENS, "input_tokens", "tokens of prompts")               \
    X(LIMIT_OUTPUT_TOKENS, "output_tokens", "tokens of answers")             \
    X(LIMIT_CONCURRENT, "concurrent", "requests at once")                    \
    X(LIMIT_NEURONS, "neurons", "Cloudflare's unit of work, in thousandths") \
    X(LIMIT_AUDIO_SECONDS, "audio_seconds", "seconds of sound")              \
    X(LIMIT_EMBED_INPUTS, "embed_inputs", "texts to embed")                  \
    X(LIMIT_MICRO_USD, "usd_credit", "credit in millionths of a dollar")     \
    X(LIMIT_OTHER, "other", "a unit that only the provider can count (usage units, pollen, kudos)")

enum limit_unit {
#define LIMIT_UNIT_ENUM(name, word, about) name,
    LIMIT_UNIT_TABLE(LIMIT_UNIT_ENUM)
#undef LIMIT_UNIT_ENUM
        LIMIT_UNIT_COUNT
};

/* name, word, how the window comes back */
#define LIMIT_SHAPE_TABLE(X)                                                                       \
    X(LIMIT_ROLLING, "rolling",                                                                    \
      "no interval of the window's length holds more; also for unknown rules")                     \
    X(LIMIT_REFILL, "refill", "a bucket of the amount that refills evenly over the window")        \
    X(LIMIT_CALENDAR_DAY, "day", "from midnight to midnight in a zone")                            \
    X(LIMIT_CALENDAR_MONTH, "month", "from the first of the month in a zone")                      \
    X(LIMIT_ALIGNED, "aligned", "windows that begin at multiples of their length since 1970, UTC") \
    X(LIMIT_AT_ONCE, "at_once", "given back when a request ends")                                  \
    X(LIMIT_ONCE, "once", "never comes back")                                                      \
    X(LIMIT_PACER, "pacer", "spaced: at most `burst` at once and `amount` in any window")

enum limit_shape {
#define LIMIT_SHAPE_ENUM(name, word, about) name,
    LIMIT_SHAPE_TABLE(LIMIT_SHAPE_ENUM)
#undef LIMIT_SHAPE_ENUM
        LIMIT_SHAPE_COUNT
};

/* Which requests share one count. name, word, sharing */
#define LIMIT_SCOPE_TABLE(X)                                                                    \
    X(LIMIT_BY_ACCOUNT, "account", "all keys and models of an account (organization, project)") \
    X(LIMIT_BY_MODEL, "model", "all keys of an account, for each model")                        \
    X(LIMIT_BY_TASK, "task", "all keys of an account, for each kind of task")                   \
    X(LIMIT_BY_KEY, "key", "one key")                                                           \
    X(LIMIT_BY_IP, "ip", "our address: all accounts of the provider")                           \
    X(LIMIT_BY_IP_MODEL, "ip_model", "our address, for each model")                             \
    X(LIMIT_BY_SERVER, "server", "a server of our own")

enum limit_scope {
#define LIMIT_SCOPE_ENUM(name, word, about) name,
    LIMIT_SCOPE_TABLE(LIMIT_SCOPE_ENUM)
#undef LIMIT_SCOPE_ENUM
        LIMIT_SCOPE_COUNT
};

struct catalog_limit {
    enum limit_unit unit;
    enum limit_shape shape;
    enum limit_scope scope;
    uint64_t amount;    /* at least 1 */
    uint64_t window_ms; /* 0 for AT_ONCE and ONCE; for calendars the longest it can be */
    uint64_t burst;     /* PACER: at once; else 0 */
    struct zone zone;   /* calendars */
    uint32_t provider;
    uint32_t
        group; /* quota account (catalog_group) it belongs to; LIMIT_NONE = the provider's, by address */
    struct span label; /* "30 requests a minute", for people */
    bool up_front;     /* tokens are charged as prompt + most output when the request is admitted */
    bool guessed;      /* nobody tells the amount: it may be learned from what happens */
    bool refused_count; /* a request refused by the provider still counts in this window */
};
