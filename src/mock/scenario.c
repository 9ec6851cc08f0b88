// SPDX-License-Identifier: Apache-2.0
/*
 * Built-in scenarios of papi mock: scripts by name.
 *
 * Each is the same JSON that POST /_mock/script takes, so that a scenario is a starting point to edit. Promises: a test applies every
 * one of them. Leaves to others: playing them (server.c).
 */
#include "mock/server.h"

#include "base/check.h"

#include <stdio.h>

static const struct {
    const char *name;
    const char *about;
    const char *script;
} scenarios[] = {
    {"healthy", "every name under / is a provider that answers well at once", "[]"},
    {"slow", "slow: a second to the first token, 50 ms between tokens",
     "[{\"provider\":\"slow\",\"latency_ms\":1000,\"gap_ms\":50,\"tokens\":40}]"},
    {"429-storm", "storm: 2 requests per minute, else 429; calm: answers",
     "[{\"provider\":\"storm\",\"limit_requests\":2,\"limit_window_ms\":60000},{\"provider\":"
     "\"calm\"}]"},
    {"flaky", "flaky: fails in five ways one after another, then answers; steady: answers",
     "[{\"provider\":\"flaky\",\"faults\":[\"500\",\"cut_before_head\",\"empty_200\",\"error_in_"
     "200\",\"cut_mid_stream\"]},{\"provider\":\"steady\"}]"},
    {"dead", "dead: closes every connection without an answer; alive: answers",
     "[{\"provider\":\"dead\",\"always\":\"cut_before_head\"},{\"provider\":\"alive\"}]"},
    {"stalling", "stalling: accepts and stays silent; alive: answers",
     "[{\"provider\":\"stalling\",\"always\":\"stall_before_head\"},{\"provider\":\"alive\"}]"},
    {"thinking", "thinking: reasoning before the answer",
     "[{\"provider\":\"thinking\",\"reasoning\":true,\"gap_ms\":30,\"tokens\":24}]"},
};

const char *mock_scenario_find(const char *name) {
    for (size_t i = 0; i < array_length(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return scenarios[i].script;
    return NULL;
}

const char *mock_scenario_name(size_t index) {
    return index < array_length(scenarios) ? scenarios[index].name : NULL;
}

void mock_scenario_list(void) {
    for (size_t i = 0; i < array_length(scenarios); i++)
        (void)fprintf(stderr, "  %-10s  %s\n", scenarios[i].name, scenarios[i].about);
}
