// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Who is used, and why not: the rules of zero configuration as one pure decision per provider and one per route.
 *
 * The caller says what it found (keys, what the configuration names) and what the operator wants; the answer is a verdict with its
 * sentence, for the start screen, `papi provider list` and explain. Nothing here sends anything.
 */
#include "catalog/facts.h"

enum discover_keyless { KEYLESS_SAFE, KEYLESS_ALL, KEYLESS_OFF };
enum discover_audience { AUDIENCE_SELF, AUDIENCE_GROUP, AUDIENCE_PUBLIC };
enum discover_billing { BILLING_UNKNOWN, BILLING_FREE, BILLING_PAID };

/* What the operator wants of all providers. */
struct discover_policy {
    enum discover_keyless keyless;
    enum discover_audience audience;
    bool no_training; /* only providers known not to train on prompts */
};

/* What is known of one provider besides its facts. */
struct discover_case {
    const struct fact_provider *facts; /* NULL = only configured: always used unless disabled */
    bool named;                        /* the configuration has a section for it */
    bool disabled;                     /* ... that says enabled: no */
    bool paid;                         /* ... that says tier: paid */
    bool paused;                       /* by its owner: itself, or all its accounts */
    bool has_key;                      /* some key was found */
    bool found;                        /* FACT_LOCAL: it answered on loopback */
    bool extra_missing;                /* base_url needs a variable that is not set */
    enum fact_tri trains; /* what the configuration says; FACT_UNKNOWN = the facts' word */
};

/* name, whether it is used, what people are told; %s = what is missing or asked for */
#define DISCOVER_TABLE(X)                                                                 \
    X(DISCOVER_USED, true, "in use")                                                      \
    X(DISCOVER_USED_KEYLESS, true, "in use without a key")                                \
    X(DISCOVER_DISABLED, false, "switched off by enabled: no")                            \
    X(DISCOVER_PAUSED, false, "paused; `papi provider resume` goes on with it")           \
    X(DISCOVER_NO_KEY, false, "no key found; set %s")                                     \
    X(DISCOVER_NOT_RUNNING, false, "no such server answers on this machine")              \
    X(DISCOVER_EXTRA_MISSING, false, "key found; also needs %s")                          \
    X(DISCOVER_NO_WIRE, false, "not usable: %s")                                          \
    X(DISCOVER_ONLY_BILLS, false,                                                         \
      "key found, not used, since it only bills; tier: paid allows it")                   \
    X(DISCOVER_OFF, false,                                                                \
      "key found, off by default (%s); naming it under providers turns it on")            \
    X(DISCOVER_KEYLESS_OFF, false, "works without a key; keyless: all turns it on")       \
    X(DISCOVER_AUDIENCE, false, "its terms do not allow this audience, or do not say so") \
    X(DISCOVER_TRAINS, false, "may train on prompts; data_use: any allows it")

enum discover_verdict {
#define DISCOVER_ENUM(name, used, sentence) name,
    DISCOVER_TABLE(DISCOVER_ENUM)
#undef DISCOVER_ENUM
        DISCOVER_VERDICT_COUNT
};

enum discover_verdict discover_provider(const struct discover_case *provider,
                                        const struct discover_policy *policy);
bool discover_used(enum discover_verdict verdict);
#define DISCOVER_SENTENCE_SIZE 160
/* The sentence, with what is missing filled in; text of at least DISCOVER_SENTENCE_SIZE bytes. */
void discover_sentence(enum discover_verdict verdict, const struct fact_provider *facts, char *text,
                       size_t size);
/* What it does with prompts, by the configuration's word before the facts'. */
enum fact_tri discover_trains(const struct discover_case *provider);

/* How a route of a used provider may be reached. */
enum discover_reach { REACH_NOT, REACH_BY_NAME_ONLY, REACH_AUTOMATIC };
/* `listed`: the configuration lists this model for the provider. */
enum discover_reach discover_route(const struct discover_case *provider,
                                   const struct fact_route *route, bool listed);
