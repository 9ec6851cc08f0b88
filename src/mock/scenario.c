// SPDX-License-Identifier: Apache-2.0
/*
 * Built-in scenarios of papi mock: scripts by name.
 *
 * Each is the same JSON that POST /_mock/script takes, so that a scenario is a starting point to edit. Promises: a test applies every
 * one of them. Leaves to others: playing them (server.c), the pool of "demo" (demo.c).
 */
#include "mock/server.h"

#include "base/check.h"

static const struct {
    const char *name;
    const char *about;
    const char *script; /* NULL: written by a function */
} scenarios[] = {
    {"demo", "five believable free providers: demo-swift, -broad, -market, -mind, -trial", NULL},
    {"healthy", "every name under / is a provider that answers well at once", "[]"},
    {"slow", "slow: a second to the first token, 50 ms between tokens",
     "[{\"provider\":\"slow\",\"latency_ms\":1000,\"gap_ms\":50,\"tokens\":40}]"},
    {"429-storm", "storm: 2 requests per minute, else 429; calm: answers",
     "[{\"provider\":\"storm\",\"limit_requests\":2,\"limit_window_ms\":60000},{\"provider\":"
     "\"calm\"}]"},
    {"outage", "east and west: 503 after 10 s, for 30 s; steady: 5 requests per minute",
     "[{\"provider\":\"east\"},{\"provider\":\"east\",\"after_ms\":10000,\"always\":\"503\"},"
     "{\"provider\":\"east\",\"after_ms\":40000,\"always\":\"none\"},"
     "{\"provider\":\"west\"},{\"provider\":\"west\",\"after_ms\":10000,\"always\":"
     "\"cut_before_head\"},{\"provider\":\"west\",\"after_ms\":40000,\"always\":\"none\"},"
     "{\"provider\":\"steady\",\"limits\":[{\"requests\":5,\"per\":\"minute\"}]}]"},
    {"day-end",
     "zoned, skewed: 20 requests a day, half of it used by others; a day ends in 1 to 2 "
     "minutes",
     NULL},
    {"lying-headers", "liar, stale, silent: 10 requests per minute, wrong, old and no head fields",
     "[{\"provider\":\"liar\",\"headers\":\"cerebras\",\"headers_are\":\"lying\",\"limits\":[{"
     "\"requests\":10,\"per\":\"minute\"}]},"
     "{\"provider\":\"stale\",\"headers\":\"sambanova\",\"headers_are\":\"stale\",\"limits\":[{"
     "\"requests\":10,\"per\":\"minute\"}]},"
     "{\"provider\":\"silent\",\"headers\":\"groq\",\"headers_are\":\"absent\",\"retry_form\":"
     "\"none\",\"limits\":[{\"requests\":10,\"per\":\"minute\"}]}]"},
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

/* Nobody waits for midnight: one provider lives in a zone where it is near, the other has a clock that is ahead. */
static int write_day_end(uint64_t wall_ms, struct dynbuf *out) {
    uint64_t minute_of_day = wall_ms / 60000 % 1440;
    int64_t east = 1438 - (int64_t)minute_of_day; /* minutes from UTC at which it is 23:58 now */
    int64_t offset = east > 12 * 60 ? east - 1440 : east;
    uint64_t skew_ms = 86400000 - 90000 - wall_ms % 86400000;
    if (wall_ms % 86400000 > 86400000 - 90000)
        skew_ms = 0;
    return dynbuf_append_format(
        out,
        "[{\"provider\":\"zoned\",\"limits\":[{\"requests\":20,\"per\":\"day\",\"zone\":\"%c%02d:%"
        "02d"
        "\",\"foreign\":0.5}]},{\"provider\":\"skewed\",\"clock_skew_ms\":%llu,\"limits\":[{"
        "\"requests\":20,\"per\":\"day\",\"zone\":\"UTC\",\"foreign\":0.5}]}]\n",
        offset < 0 ? '-' : '+', (int)((offset < 0 ? -offset : offset) / 60),
        (int)((offset < 0 ? -offset : offset) % 60), (unsigned long long)skew_ms);
}

int mock_scenario_write(const char *name, uint64_t wall_ms, struct dynbuf *out) {
    if (strcmp(name, "demo") == 0)
        return mock_demo_write(out);
    if (strcmp(name, "day-end") == 0)
        return write_day_end(wall_ms, out);
    for (size_t i = 0; i < array_length(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return dynbuf_append_text(out, scenarios[i].script);
    return ERR_NOT_FOUND;
}

const char *mock_scenario_name(size_t index) {
    return index < array_length(scenarios) ? scenarios[index].name : NULL;
}

const char *mock_scenario_about(size_t index) {
    return index < array_length(scenarios) ? scenarios[index].about : NULL;
}
