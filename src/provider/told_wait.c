// SPDX-License-Identifier: Apache-2.0
/*
 * How long a refusal asks us to stay away.
 *
 * Why the longest: head, body and prose often differ (Retry-After rounded down, a detail of 17 s beside a day that is used up), and
 * coming back too early is refused again while a little too late costs little. A reset in the head counts only for what is used up:
 * the day's reset beside a minute's refusal is no wait. Promises: waits told plainly are cut to a day (or to the window that is used
 * up, if that is longer), moments to WAIT_RESET_MAX_NS. Leaves to others: whether a row believes it at all (signal.c).
 */
#include "base/check.h"
#include "provider/parts.h"
#include "provider/wait.h"

#define MS_NS 1000000ull

static uint64_t longer(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t shorter(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* A bucket that refills evenly: the time to its full amount tells the time to the part that this request needs. */
static uint64_t part_of_refill_ms(const struct told *told, const struct reading *reading) {
    uint64_t need = reading->unit == LIMIT_REQUESTS ? 1 : told->answer->input_tokens;
    if (!reading->has_limit || reading->limit == 0 || need == 0 || need >= reading->limit)
        return reading->reset_ms;
    return (uint64_t)((double)reading->reset_ms * (double)need / (double)reading->limit) + 1;
}

static uint64_t of_readings(const struct told *told) {
    uint64_t longest_ms = 0;
    for (uint32_t i = 0; i < told->reading_count; i++) {
        const struct reading *reading = &told->readings[i];
        if (!reading->has_reset || (reading->has_remaining && reading->remaining > 0))
            continue;
        longest_ms = longer(longest_ms, reading->reset_is_full ? part_of_refill_ms(told, reading)
                                                               : reading->reset_ms);
    }
    return shorter(longest_ms * MS_NS, WAIT_RESET_MAX_NS);
}

struct longest {
    int64_t wall_ms;
    uint64_t ns;
};

static bool visit_wait(void *context, struct json_value value) {
    struct longest *longest = context;
    struct span text = json_is(value, JSON_STRING) ? json_escaped(value) : json_raw(value);
    uint64_t ns;
    if (wait_until_ns(text, longest->wall_ms, &ns))
        longest->ns = longer(longest->ns, ns);
    return false; /* all of them */
}

static const char *const wait_paths[] = {
    "error.details[].retryDelay",
    "retry_after",
    "error.metadata.retry_after",
    "error.metadata.retry_after_seconds",
};

static uint64_t of_paths(const struct told *told, const char *wait_path) {
    struct longest longest = {.wall_ms = told->answer->wall_ms};
    if (wait_path != NULL && wait_path[0] != '\0')
        (void)told_at(told, wait_path, visit_wait, &longest);
    for (size_t i = 0; i < array_length(wait_paths); i++)
        (void)told_at(told, wait_paths[i], visit_wait, &longest);
    return longest.ns;
}

/* Fields of the provider's own that tell a wait. */
static uint64_t of_rows(const struct told *told) {
    const struct fact_provider *facts = told->answer->facts;
    uint64_t longest_ns = 0;
    uint64_t ns;
    for (uint32_t i = 0; facts != NULL && i < facts->header_count; i++) {
        const struct fact_header *row = &facts->headers[i];
        if (!row->note && row->tells == FACT_TELLS_WAIT &&
            wait_until_ns(signal_head_get(told->head, row->name), told->answer->wall_ms, &ns))
            longest_ns = longer(longest_ns, ns);
    }
    return longest_ns;
}

uint64_t told_wait_ns(const struct told *told, const char *wait_path, uint64_t window_ms) {
    int64_t wall_ms = told->answer->wall_ms;
    uint64_t plain_ns = longer(wait_of_head_ns(told->head, wall_ms), of_rows(told));
    uint64_t moment_ns = of_readings(told);
    plain_ns = longer(plain_ns, of_paths(told, wait_path));
    for (size_t i = 0; i < told->text_count; i++) {
        bool moment;
        uint64_t ns = wait_of_words_ns(told->texts[i], wall_ms, &moment);
        if (moment)
            moment_ns = longer(moment_ns, ns);
        else
            plain_ns = longer(plain_ns, ns);
    }
    uint64_t most_ns = shorter(longer(WAIT_TOLD_MAX_NS, window_ms * MS_NS), WAIT_RESET_MAX_NS);
    return longer(shorter(plain_ns, most_ns), moment_ns);
}
