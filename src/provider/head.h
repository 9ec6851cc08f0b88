// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The head of an answer, as whoever holds it lets us look at it. A policy module sees no sockets and no header table of http/.
 */
#include "base/span.h"

struct signal_head {
    /* A field's value, absent when there is none; the span lives as long as the head. NULL = no head at all. */
    struct span (*get)(void *context, const char *lower_case_name);
    void *context; /* borrowed */
};

static inline struct span signal_head_get(struct signal_head head, const char *lower_case_name) {
    return head.get != NULL ? head.get(head.context, lower_case_name) : SPAN_NONE;
}
