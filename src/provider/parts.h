// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private to provider/: the parts of signal_classify. told.c reads a body once, told_wait.c finds the wait, told_limit.c the window
 * and the numbers, told_member.c the member of the request that is refused, rule.c holds the generic rules, signal.c joins them.
 */
#include "provider/reading.h"
#include "provider/signal.h"
#include "json/json.h"

#define TOLD_TEXTS_MAX       128 /* strings of a body that are looked at */
#define TOLD_CODES_MAX       24
#define TOLD_PATH_BYTES      64                 /* of one step of a path */
#define TOLD_WORDS_MAX_BYTES ((size_t)8 * 1024) /* of all texts together; more is not looked at */

#define TOLD_SECOND_MS 1000ull
#define TOLD_MINUTE_MS 60000ull
#define TOLD_HOUR_MS   3600000ull
#define TOLD_DAY_MS    86400000ull
#define TOLD_WEEK_MS   (7 * TOLD_DAY_MS)
#define TOLD_MONTH_MS  (31 * TOLD_DAY_MS)

/* An answer, taken apart. */
struct told {
    const struct signal_answer *answer; /* borrowed */
    struct arena *arena;                /* borrowed */
    struct signal_head
        head; /* the answer's fields, and those that a gateway passes on in its body */
    struct json_value root;    /* absent: no JSON */
    struct span body;          /* at most SIGNAL_BODY_MAX_BYTES of it */
    struct span message, code; /* escaped */
    struct span
        texts[TOLD_TEXTS_MAX]; /* every string of it, decoded; or all of a body that is no JSON */
    struct span codes[TOLD_CODES_MAX]; /* what stands where codes, types and reasons stand */
    size_t text_count, code_count, text_bytes;
    int status; /* that counts; 0 = an error in a 200 that names none */
    struct reading readings[READINGS_MAX];
    uint32_t reading_count;
};

void told_read(struct told *told, const struct signal_answer *answer, struct arena *arena);
bool told_says(const struct told *told, const char *words); /* any text has them, case ignored */
bool told_code(const struct told *told, const char *code);  /* any code equals it, case ignored */
bool told_matches(const struct told *told, const struct fact_match *match);

/* Visits the values at a dotted path ("[]" = any element) until `visit` says true; also at the places where other shapes put the
 * same: below "error" and "errors", in "errors[]", at the top. */
typedef bool (*told_visit)(void *context, struct json_value value);
bool told_at(const struct told *told, const char *path, told_visit visit, void *context);

/* The longest wait that head, body and words tell; 0 = none. A wait told plainly is cut to a day, or to a longer `window_ms`. */
uint64_t told_wait_ns(const struct told *told, const char *wait_path, uint64_t window_ms);

struct told_limit {
    uint64_t window_ms;   /* 0 = not named */
    enum limit_unit unit; /* LIMIT_UNIT_COUNT = not named */
    uint64_t amount;      /* 0 = not told */
    uint64_t requested;   /* 0 = not told */
};

/* Which limit tripped by the body's words, with the numbers that stand there. `window_ms` and `unit` as far as they are known
 * (0, LIMIT_UNIT_COUNT): what the numbers must belong to. */
struct told_limit told_limit_of(const struct told *told, uint64_t window_ms, enum limit_unit unit);
/* Whether this request alone is larger than the limit, whatever the time. */
bool told_never_fits(const struct told *told, struct told_limit *ret_limit);
/* Whether the words or the head say that the limit is zero: no quota of this kind for us at all. */
bool told_limit_is_zero(const struct told *told);

/* The member that a refusal names, as signal_verdict.strip; absent = none that may be left out. `certain`: it is known to be about
 * one, so that a bare `param` is enough. */
struct span told_member(const struct told *told, bool certain);

struct rule {
    const char *name;
    uint16_t least, most;  /* statuses, inclusive; 0 = the body said nothing at all */
    const char *codes[10]; /* any of them; NULL after the last */
    const char *words[12]; /* any of them */
    bool (*when)(const struct told *told); /* or this */
    enum outcome outcome;
    enum bench_scope scope;
    uint32_t rest_s;        /* 0 = the outcome's */
    uint64_t told_least_ms; /* shorter waits are not believed */
    bool until_changed, retry_once, strip;
};

const struct rule *rule_find(const struct told *told);
/* Whether the refusal is the client's own fault without doubt. */
bool rule_is_clients(const struct told *told);
