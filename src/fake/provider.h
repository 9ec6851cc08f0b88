// SPDX-License-Identifier: Apache-2.0
#pragma once
/* One simulated provider: its settings, what waits in its queue, what it has counted. */
#include "fake/admit.h"
#include "fake/fault.h"
#include "fake/words.h"
#include "json/json.h"

#define FAKE_NAME_MAX_BYTES    64
#define FAKE_PROVIDERS_MAX     256
#define FAKE_FAULTS_QUEUED_MAX 256
#define FAKE_TEXT_MAX_BYTES    4096
#define FAKE_MODELS_MAX        64
#define FAKE_KEYS_MAX          32
#define FAKE_FAILING_MAX       8
#define FAKE_SEEN_MAX \
    32 /* keys, and models, with statistics of their own; the rest share the last */
#define FAKE_DIMENSIONS_MAX    4096
#define FAKE_INPUTS_MAX        2048
#define FAKE_TOKENS_MAX        100000 /* words of one answer */
#define FAKE_FIELDS_MAX_BYTES  (16 * 1024)
#define FAKE_REPLAY_MAX_BYTES  (1024 * 1024)
#define FAKE_REPLAYS_MAX_BYTES ((size_t)128 * 1024 * 1024) /* of all providers together */
#define FAKE_LATER_MAX         256                         /* scripts waiting for their time */

/* How a number varies. */
struct fake_spread {
    enum fake_spread_kind { SPREAD_CONSTANT, SPREAD_UNIFORM, SPREAD_LOGNORMAL } kind;
    double low;  /* the constant; the least; the median */
    double high; /* the most; sigma */
};
double fake_spread_sample(const struct fake_spread *spread, struct rand *rand);

struct fake_settings {
    struct fake_spread latency_ms, gap_ms, tokens;
    uint64_t latency_per_1k_ms; /* more for each thousand tokens of the prompt */
    bool reasoning;             /* some words of reasoning first */
    uint32_t limit_requests;    /* short for one rolling limit by ip; 0 = none */
    uint64_t limit_window_ms;
    uint32_t concurrency; /* short for one concurrent limit by ip; 0 = none */
    enum fake_retry_form retry_form;
    uint64_t retry_after_ms; /* of scripted refusals */
    enum fake_headers headers;
    enum fake_truth headers_are;
    enum fake_bodies errors;
    int64_t clock_skew_ms;
    uint64_t max_tokens_default; /* charged up front when none is asked for */
    uint64_t neurons_per_token;
    uint32_t dimensions;
    char text[FAKE_TEXT_MAX_BYTES]; /* said instead of made-up words; plain UTF-8, "" = made up */
};

struct fake_model {
    char id[FAKE_MODEL_MAX_BYTES];
    uint64_t context_tokens; /* 0 = any */
};

/* A captured answer, to be played as it came. */
struct fake_replay {
    uint32_t refs;
    int status;
    size_t fields_bytes, body_bytes, *counted; /* counted: the world's sum; borrowed */
    char bytes[]; /* head fields, Content-Type among them, then the body */
};
void fake_replay_unref(struct fake_replay *replay); /* NULL is fine */

struct fake_turn { /* what one coming request meets */
    enum fault fault;
    struct fake_replay *replay; /* ref; else the fault */
};

struct
    fake_key { /* what an account's key meets, and where it belongs; keys themselves are not kept */
    uint64_t key, account; /* hashes; account 0 = itself */
    bool any;              /* "*": every key without a row of its own */
    bool has_turn;
    struct fake_turn turn;
};

struct fake_seen {
    char name[FAKE_NAME_MAX_BYTES];
    uint64_t hash, requests, answered, refused;
};

struct fake_stats {
    uint64_t requests, answered, refused_by_limit, closed_by_client, replayed;
    uint64_t input_tokens, output_tokens;
    uint64_t faults[FAULT_COUNT];
    uint32_t open_now, open_most;
    struct fake_seen keys[FAKE_SEEN_MAX], models[FAKE_SEEN_MAX];
    uint32_t key_count, model_count;
};

struct fake_script_state { /* what a script sets; replaced as a whole */
    struct fake_settings settings;
    struct fake_limit limits[FAKE_LIMITS_MAX];
    uint32_t limit_count;
    struct fake_model models[FAKE_MODELS_MAX];
    uint32_t model_count;
    bool models_given; /* others than the listed are gone */
    struct fake_key keys[FAKE_KEYS_MAX];
    uint32_t key_count;
    struct fake_turn always; /* when the queue is empty */
    struct {
        enum fault fault;
        double share;
    } failing[FAKE_FAILING_MAX]; /* by chance, when `always` is a good answer */
    uint32_t failing_count;
    struct fake_turn queue[FAKE_FAULTS_QUEUED_MAX];
    uint32_t queue_first, queue_count;
};

struct fake_provider {
    char name[FAKE_NAME_MAX_BYTES];
    struct fake_script_state script;
    struct fake_rules rules;
    struct fake_stats stats;
    char stale_fields[FAKE_FIELDS_MAX_BYTES / 4]; /* of the answer before */
};
