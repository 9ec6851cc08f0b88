// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Reading scripts: what its files share. Internal to fake/. */
#include "fake/world.h"

struct reader {
    struct fake_world *world;        /* borrowed */
    struct arena *arena;             /* borrowed */
    struct fake_problem *problem;    /* borrowed: filled by the first failure */
    struct fake_script_state *state; /* borrowed: what is being built */
    uint64_t after_ms;
};

/* One member of an object: how its value is read into the struct at `place`, and its line in the guide. */
struct member {
    const char *name;
    int (*read)(struct reader *reader, const struct member *member, struct json_value value,
                void *place);
    size_t offset;            /* into the struct */
    double least, most;       /* numbers */
    const char *const *words; /* words; ended by NULL */
    const char *about;
};

/* Fills the problem; always ERR_INVALID. */
int fake_complain(struct reader *reader, struct json_value at, const char *format, ...)
    PRINTF_LIKE(3, 4) WARN_UNUSED;
/* "; did you mean `x`?" or "", in the arena. */
const char *fake_nearest(struct reader *reader, struct span said, const char *const *words);
/* Each member of an object by the table, which a row without a name ends; unknown ones are an error. */
int fake_read_members(struct reader *reader, const struct member *table, struct json_value object,
                      void *place) WARN_UNUSED;

#define MEMBER_READER(name)                                                               \
    int name(struct reader *reader, const struct member *member, struct json_value value, \
             void *place) WARN_UNUSED
MEMBER_READER(fake_read_u64);
MEMBER_READER(fake_read_u32);
MEMBER_READER(fake_read_i64);
MEMBER_READER(fake_read_bool);
MEMBER_READER(fake_read_spread);
MEMBER_READER(fake_read_word); /* into an enum */
MEMBER_READER(fake_read_ignore);
/* --- script_limit.c --- */
MEMBER_READER(fake_read_limits);
/* --- script_turn.c --- */
MEMBER_READER(fake_read_faults);
MEMBER_READER(fake_read_always);
MEMBER_READER(fake_read_failing);
MEMBER_READER(fake_read_models);
MEMBER_READER(fake_read_keys);
MEMBER_READER(fake_read_accounts);
#undef MEMBER_READER

extern const struct member fake_script_members[], fake_limit_members[];
