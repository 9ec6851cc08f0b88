// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Who should answer a task, as its client wishes.
 */
#include "base/span.h"

#define TASK_NAMES_MAX 16

struct task_names {
    const struct span *names; /* decoded UTF-8; borrowed: arena */
    uint32_t count;           /* at most TASK_NAMES_MAX */
};

/* Who should answer, as the client wishes; never sent on. All zero: no wish. */
struct task_routing {
    struct task_names models;              /* to try behind task.model, in this order */
    struct task_names order, only, ignore; /* providers */
    bool no_fallbacks;                     /* no provider beyond `order`, or beyond the first one */
    bool no_training;                      /* none that may train on prompts */
    bool require_parameters; /* none that would leave out a parameter of the request */
};
