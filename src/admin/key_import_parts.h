// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the readers of the three formats share. Not for others. */
#include "admin/key_import.h"

#define HINTS_MAX 8

/* A value that may be a key, and what stands around it. All spans live during the call. */
struct key_found {
    struct span hints
        [HINTS_MAX]; /* what may tell the provider, best first: a variable, an id, "groq/llama", a URL */
    uint32_t hint_count;
    struct span value;
    struct span account, billing; /* absent = not said */
    struct span from;
    bool certain; /* it stands where keys stand: that it tells no provider is worth a word */
};

struct key_reading {
    const struct facts *facts;
    struct key_import *import;
};

void key_take(struct key_reading *reading, const struct key_found *found);
void key_hint(struct key_found *found,
              struct span hint); /* absent and empty ones are passed over */
void key_skip(struct key_reading *reading, struct span from, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* 0, or ERR_INVALID after import->why was written. */
int key_read_env(struct key_reading *reading, struct span text) WARN_UNUSED;
int key_read_json(struct key_reading *reading, struct span text) WARN_UNUSED;
int key_read_csv(struct key_reading *reading, struct span text) WARN_UNUSED;
