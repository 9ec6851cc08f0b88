// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a loader has to say: messages with their place, collected, since nobody likes to repair a file one message at a time.
 *
 * Texts live in the arena of whatever was loaded. No message ever holds a key or a password.
 */
#include "base/arena.h"
#include "base/dynbuf.h"

#define CONFIG_MESSAGES_MAX 64

struct config_place {
    unsigned line, column; /* 0 = no place in a file (environment) */
};

struct config_message {
    bool warning;
    unsigned line, column; /* 0 = no place in a file (environment) */
    const char *text;      /* what, where, what to do */
};

struct config_report {
    struct config_message items[CONFIG_MESSAGES_MAX];
    uint32_t count; /* more than the array holds: the first ones */
    uint32_t errors;
};

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

/* Adds one message; control characters become '?', and what does not fit is cut. */
void config_report_add(struct config_report *report, struct arena *arena,
                       enum config_severity severity, struct config_place place, const char *text);
/* "papi.yaml:12:3: error: unknown setting 'lisen'; did you mean 'listen'?" one line each. */
int config_report_write(const struct config_report *report, const char *name,
                        struct dynbuf *out) WARN_UNUSED;
