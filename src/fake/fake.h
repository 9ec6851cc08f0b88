// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Simulated providers: what a provider would answer, as a plan of steps, without sockets and without a clock. Used by `papi mock`
 * over HTTP. Shares no code with the scheduler: what checks it must not have its mistakes.
 *
 * A world holds any number of providers by name; a name that is asked for comes to exist with default settings. Everything is
 * decided by the seed, the settings and the order of questions. Times are nanoseconds of whatever clock the caller uses.
 */
#include "fake/provider.h"

struct fake_world;
struct fake_world *fake_world_new(uint64_t seed);
void fake_world_free(struct fake_world *world); /* no plan under way */
/* NULL when the name is too long or there are FAKE_PROVIDERS_MAX already. */
struct fake_provider *fake_provider_get(struct fake_world *world, struct span name);
uint32_t fake_provider_count(const struct fake_world *world);
struct fake_provider *fake_provider_at(struct fake_world *world, uint32_t index);
/* Settings, limits, scripts and statistics back to the start. */
void fake_world_reset(struct fake_world *world);
/* Brings the world to a time: scripts that were to be applied later are, when theirs has come. fake_ask does it too. */
void fake_world_advance(struct fake_world *world, uint64_t now_ns);

enum fake_task { FAKE_CHAT, FAKE_EMBED };

struct fake_question {
    uint64_t now_ns, wall_ms;
    enum fake_task task;
    struct span key;       /* as it came; kept nowhere but for its last four characters */
    struct span model;     /* escaped */
    struct span tool_name; /* escaped; present: a tool must be called */
    uint64_t prompt_bytes;
    uint64_t input_tokens;    /* 0 = a fourth of the bytes, and one */
    uint64_t max_tokens;      /* 0 = not given */
    struct json_value inputs; /* FAKE_EMBED: a text, or a list of texts or of token numbers */
    uint32_t dimensions;      /* FAKE_EMBED: 0 = the setting */
    bool base64;              /* FAKE_EMBED */
    bool stream, include_usage, json;
};

enum fake_step { FAKE_SEND, FAKE_STALL, FAKE_CUT, FAKE_END };

/* One answer being played. Spans of the question must live as long as it. */
struct fake_plan {
    struct fake_provider *provider; /* borrowed */
    struct fake_question question;
    const struct fault_row *fault;
    struct fake_replay *replay;  /* ref; NULL = made up here */
    enum fake_kind kind;         /* of an error */
    struct fake_verdict verdict; /* limit != NULL: that limit refuses */
    struct fake_limit refusing;  /* a copy of it, since limits may change meanwhile */
    struct fake_work work;
    uint32_t serials[FAKE_LIMITS_MAX];
    bool admitted;
    int status;
    const char *content_type; /* NULL: the head fields hold it */
    struct dynbuf fields;     /* head fields but Content-Type, "Name: value\r\n" each */
    uint64_t latency_ns;
    uint64_t wait_ms; /* what a 429 tells */
    uint32_t tokens, position, said;
    bool cut_short; /* by the asker's max_tokens */
    uint64_t word_seed;
    struct rand rand; /* of the gaps */
    char id[32];
};

/* Counts the request and decides how it will be answered. fake_plan_over must follow. */
void fake_ask(struct fake_world *world, struct fake_provider *provider,
              const struct fake_question *question, struct fake_plan *ret_plan);
/* Whole answers and errors: the body, with its content coding if it has one. */
int fake_body(struct fake_plan *plan, struct dynbuf *out) WARN_UNUSED;
/* Streams: appends the bytes of the next step; ret_delay_ns is how long before they are sent. */
int fake_next(struct fake_plan *plan, struct dynbuf *out, enum fake_step *ret_step,
              uint64_t *ret_delay_ns) WARN_UNUSED;
/* Whether the answer is a stream of events; else fake_body has all of it. */
bool fake_streams(const struct fake_plan *plan);
/* Charges what is counted at the end, gives back what is held, frees the plan's memory. */
void fake_plan_over(struct fake_plan *plan, uint64_t now_ns, bool closed_by_client);

/* {"a": {"requests": 3, ...}} */
int fake_write_stats(struct fake_world *world, struct dynbuf *out) WARN_UNUSED;
/* {"object": "list", "data": [{"id": ...}]}, as OpenAI's. */
int fake_write_models(const struct fake_provider *provider, struct dynbuf *out) WARN_UNUSED;
/* OpenRouter's GET /key: what that key has used of its requests of the day. */
int fake_write_key(struct fake_provider *provider, const struct fake_question *question,
                   struct dynbuf *out) WARN_UNUSED;

/* How many texts an embedding request has; 0 = none that can be read, or more than FAKE_INPUTS_MAX. */
uint32_t fake_embed_inputs(struct json_value inputs);

struct fake_problem {
    const char *text;     /* in the arena */
    struct json_value at; /* absent: the script as a whole */
};
/* One provider's settings and script from an object: {"provider": "a", "faults": ["429", "500"], "always": "none", "latency_ms": 5, ...};
 * docs/guides/simulator.md has all members. On failure nothing of the object is applied. */
int fake_script(struct fake_world *world, struct json_value object, struct arena *arena,
                struct fake_problem *ret_problem) WARN_UNUSED;
/* The guide's tables of members, faults, dialects. */
int fake_reference_write(struct dynbuf *out) WARN_UNUSED;
