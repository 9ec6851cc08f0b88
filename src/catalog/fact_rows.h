// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Rows of a provider's file that only tell: limits, numbers in heads of answers, streams, terms, routes, plans.
 */
#include "catalog/fact_words.h"

struct fact_limit {
    enum limit_unit unit;
    enum limit_shape shape; /* an unknown rule is LIMIT_ROLLING with shape_known false */
    enum limit_scope scope;
    bool shape_known;
    bool refused_count;    /* refused requests count too */
    uint64_t amount;       /* 0 = there is a limit, its size is not published */
    uint64_t window_ms;    /* 0 for AT_ONCE and ONCE; a day has 24 hours here, a month 31 days */
    const char *zone;      /* calendars; "" else */
    const char *unit_word; /* the provider's own word of LIMIT_OTHER; "" else */
    const char *const *models; /* upstream ids, or patterns with one '*'; NULL = all free routes */
    const char *const *tasks;  /* words of message/task.h task_kind_name; NULL = all */
    const char *
        plan; /* "" = everybody; "anonymous", "token", "topped_up", "paid": see fact_provider.plan */
    struct fact_evidence evidence;
};

struct fact_header {
    const char *name; /* lower case */
    enum fact_tells tells;
    enum fact_form form;
    enum limit_unit unit;
    bool any_unit;
    uint64_t window_ms;     /* 0 = of none, or any */
    enum limit_scope scope; /* of the limit it tells about */
    bool errors_only;       /* sent on refusals only */
    bool note;
    struct fact_evidence evidence;
};

struct fact_stream {
    const char *usage;            /* where usage comes, in words */
    const char *const *reasoning; /* members that carry reasoning */
    const char *const *extras;    /* further members seen in deltas */
    const char *tool_calls;       /* "whole", "fragments", "unknown", ... */
    enum fact_tri done_mark, comments;
    const char *comment; /* the text of such comments; "" = unknown */
    const char *errors;  /* errors inside a 200, in words; "" = none known */
    const char *finish;  /* what is unusual about finish reasons, in words; "" = nothing known */
};

struct fact_terms {
    enum fact_tri card, phone, real_name; /* to get a key */
    enum fact_tri trains, logs;           /* on what the free tier is sent */
    enum fact_tri third_party, production, commercial, minors;
    const char *regions; /* "" = nothing known */
    const char *note;
};

struct fact_route {
    const char *model;                          /* unified id; "" = its own name only */
    const char *upstream;                       /* id at the provider */
    uint64_t context_tokens, output_tokens_max; /* 0 = unknown: the model's own */
    enum fact_route_status status;
    const char *since; /* date of the status, "" = none */
    uint64_t cost_input_micro,
        cost_output_micro; /* neurons a token, in millionths; 0 = not metered so */
    struct fact_evidence evidence;
};

struct fact_plan {     /* a variant of the free tier an owner may have */
    const char *name;  /* "topped_up" */
    const char *about; /* "bought credits of 10 USD or more once" */
};
