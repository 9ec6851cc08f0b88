// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Lines of a .env, one after another: for keys found by themselves (credentials.c) and keys that are imported (admin/).
 */
#include "base/secret.h"

#define DOTENV_VALUE_MAX_BYTES ((size_t)4 * SECRET_MAX_BYTES)

struct dotenv_entry {
    struct span name;  /* in the text; empty: a line that is neither an assignment nor a comment */
    struct span value; /* decoded; until the next call */
    bool assigns;      /* a name and '=' behind it */
    const char *why;   /* NULL, or why there is no value: static, goes on after the name */
    unsigned line, column; /* of the name */
    unsigned last_line;    /* beyond `line` where a quote made us pass over lines */
};

struct dotenv {
    struct span rest;
    unsigned line;
    size_t used_bytes;
    char value[DOTENV_VALUE_MAX_BYTES];
};

void dotenv_begin(struct dotenv *dotenv, struct span text);
/* The next line that is neither empty nor a comment. False at the end. */
bool dotenv_next(struct dotenv *dotenv, struct dotenv_entry *ret_entry);
/* Wipes the last value. */
void dotenv_end(struct dotenv *dotenv);
