// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Simulated providers: what a provider would answer, as a plan of steps, without sockets and without a clock. Used by `papi mock`
 * over HTTP. Shares no code with the scheduler: what checks it must not have its mistakes.
 *
 * A world holds any number of providers by name; a name that is asked for comes to exist with default settings. Everything is
 * decided by the seed, the settings and the order of questions. Times are nanoseconds of whatever clock the caller uses.
 */
#include "base/dynbuf.h"
#include "base/rand.h"
#include "fake/fault.h"
#include "json/json.h"

#define FAKE_NAME_MAX_BYTES    64
#define FAKE_PROVIDERS_MAX     256
#define FAKE_FAULTS_QUEUED_MAX 256
#define FAKE_WINDOW_MAX        4096 /* requests a window limit can count exactly */
#define FAKE_TEXT_MAX_BYTES    4096

enum fake_retry_form { RETRY_FORM_SECONDS, RETRY_FORM_MS, RETRY_FORM_DATE, RETRY_FORM_NONE };

struct fake_settings {
    uint64_t latency_ms;     /* until the head of the answer */
    uint64_t gap_ms;         /* between two tokens of a stream */
    uint32_t tokens;         /* words of an answer */
    bool reasoning;          /* some words of reasoning first */
    uint32_t limit_requests; /* per window; 0 = no limit */
    uint64_t limit_window_ms;
    uint32_t concurrency; /* at once; 0 = no limit */
    enum fake_retry_form retry_form;
    uint64_t retry_after_ms;
    char text[FAKE_TEXT_MAX_BYTES]; /* said instead of made-up words; plain UTF-8, "" = made up */
};

struct fake_stats {
    uint64_t requests, answered, refused_by_limit, closed_by_client;
    uint64_t faults[FAULT_COUNT];
    uint32_t open_now, open_most;
};

struct fake_provider {
    char name[FAKE_NAME_MAX_BYTES];
    struct fake_settings settings;
    struct fake_stats stats;
    enum fault always;                        /* when the queue is empty */
    enum fault queue[FAKE_FAULTS_QUEUED_MAX]; /* one for each coming request */
    uint32_t queue_first, queue_count;
    uint64_t arrivals_ns[FAKE_WINDOW_MAX]; /* exact log of the window limit, a ring */
    uint32_t arrivals_first, arrivals_count;
};

struct fake_world;
struct fake_world *fake_world_new(uint64_t seed);
void fake_world_free(struct fake_world *world);
/* NULL when the name is too long or there are FAKE_PROVIDERS_MAX already. */
struct fake_provider *fake_provider_get(struct fake_world *world, struct span name);
uint32_t fake_provider_count(const struct fake_world *world);
struct fake_provider *fake_provider_at(struct fake_world *world, uint32_t index);
void fake_world_reset(
    struct fake_world *world); /* settings, scripts and statistics back to the start */

struct fake_question {
    uint64_t now_ns, wall_ms;
    struct span model;     /* escaped */
    struct span tool_name; /* escaped; present: a tool must be called */
    uint64_t prompt_bytes;
    bool stream, include_usage, json;
};

enum fake_step { FAKE_SEND, FAKE_STALL, FAKE_CUT, FAKE_END };

/* One answer being played. Spans of the question must live as long as it. */
struct fake_plan {
    struct fake_provider *provider; /* borrowed */
    struct fake_question question;
    const struct fault_row *fault;
    int status;
    const char *content_type;
    char retry_fields[128]; /* "Retry-After: 7\r\n" or "" */
    uint64_t latency_ns, gap_ns;
    uint32_t tokens, position;
    uint64_t word_seed;
    char id[32];
};

/* Counts the request and decides how it will be answered. fake_plan_over must follow. */
void fake_ask(struct fake_world *world, struct fake_provider *provider,
              const struct fake_question *question, struct fake_plan *ret_plan);
/* Whole answers and errors: the body. */
int fake_body(struct fake_plan *plan, struct dynbuf *out) WARN_UNUSED;
/* Streams: appends the bytes of the next step; ret_delay_ns is how long before they are sent. */
int fake_next(struct fake_plan *plan, struct dynbuf *out, enum fake_step *ret_step,
              uint64_t *ret_delay_ns) WARN_UNUSED;
void fake_plan_over(struct fake_plan *plan, bool closed_by_client);

/* {"a": {"requests": 3, ...}} */
int fake_write_stats(struct fake_world *world, struct dynbuf *out) WARN_UNUSED;
/* One provider's settings and script from an object: {"provider": "a", "faults": ["429", "500"], "always": "none", "latency_ms": 5, ...}.
 * ret_problem names what cannot be read. */
int fake_script(struct fake_world *world, struct json_value object, struct arena *arena,
                const char **ret_problem) WARN_UNUSED;
