// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The inside of a world. Internal to fake/. */
#include "fake/answer.h"

struct fake_later { /* a script whose time has not come */
    uint64_t at_ns;
    size_t length;
    char *text; /* owned */
};

struct fake_world {
    struct fake_provider *providers[FAKE_PROVIDERS_MAX]; /* owned */
    uint32_t count;
    uint64_t seed;
    struct rand rand;
    struct fake_later later[FAKE_LATER_MAX];
    uint32_t later_count;
    bool begun; /* a time is known; until then `at_ns` of later scripts counts from the begin */
    uint64_t now_ns; /* latest time known */
    size_t replay_bytes;
};

uint64_t fake_account(const struct fake_provider *provider, struct span key); /* hash */

/* --- script.c --- */
void fake_state_hold(struct fake_script_state *state); /* one more reference to each replay in it */
void fake_state_release(struct fake_script_state *state); /* one less, and none left in it */
/* Applies a script whose time has come: `after_ms` means nothing any more. */
int fake_script_now(struct fake_world *world, struct json_value object, struct arena *arena,
                    struct fake_problem *ret_problem) WARN_UNUSED;

/* --- replay.c --- */
/* {"status": 429, "headers": {...}, "body": {...} or "text"}. NULL and the problem when it cannot be used. */
struct fake_replay *fake_replay_new(struct fake_world *world, struct json_value object,
                                    struct arena *arena, struct fake_problem *ret_problem);
