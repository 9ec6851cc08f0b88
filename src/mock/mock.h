// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * papi mock: providers played over real HTTP, as a program or inside another one.
 *
 * Ownership: the options and their texts are the caller's and stay valid until mock_run returns.
 */
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mock_options {
    const char *listen;   /* --listen ADDRESS:PORT; NULL = the default */
    const char *scenario; /* --scenario NAME or FILE; NULL = none: every name answers well */
    uint64_t seed;        /* --seed */
    bool has_seed;        /* else one from the system, printed at start */
};

/* Runs until TERM or INT and returns an exit code: 0 ended as asked, 1 failed (said so on stderr). */
int mock_run(const struct mock_options *options);
/* Of the index-th built-in scenario; NULL after the last. */
const char *mock_scenario_name(size_t index);
const char *mock_scenario_about(size_t index);

/* --- inside another program: a thread and a loop of its own, on a free loopback port --- */
struct mock;
/* `scenario`: a built-in name. ERR_NOT_FOUND: there is none of that name; else what hindered listening. */
int mock_start(const char *scenario, uint64_t seed, struct mock **ret_mock,
               uint16_t *ret_port) WARN_UNUSED;
/* Cuts what is being played, ends the thread, frees all. */
void mock_stop(struct mock *mock);

/* --- the pool of the scenario "demo", so that a gateway can be configured to match --- */
struct mock_demo_limit {
    const char *unit; /* "requests", "tokens" */
    uint64_t amount;
    const char *per;   /* "minute", "day", "month" */
    const char *shape; /* as in a script: "rolling", "refill", "day", ... */
    const char *zone;  /* calendars; else NULL */
    bool by_model;     /* each model has its own */
};
struct mock_demo_model {
    const char *id, *upstream; /* what clients may call it, what the provider does */
    uint64_t context_tokens;
};
struct mock_demo_provider {
    const char *name, *about;
    const char *base_path; /* "/demo-swift/openai/v1": after http://127.0.0.1:PORT */
    const char *key;       /* accepted; any other is a 401; NULL: keyless */
    const struct mock_demo_model *models;
    size_t model_count;
    const struct mock_demo_limit *limits;
    size_t limit_count;
    const char *settings; /* further members of its script */
};
size_t mock_demo_providers(const struct mock_demo_provider **ret_providers);
