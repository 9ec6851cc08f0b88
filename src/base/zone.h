// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Time zones: when the next day or month begins somewhere. Rules are POSIX TZ strings ("PST8PDT,M3.2.0,M11.1.0"); a few zones are
 * known by name, others come from the last line of a TZif file (RFC 8536, 3.3). No system call, no global state.
 *
 * Times are milliseconds since 1970 UTC. Days have 23, 24 or 25 hours (or others, where a zone's rule says so).
 */
#include "base/err.h"
#include "base/span.h"

struct
    zone_change { /* when daylight time begins or ends: POSIX Mm.w.d, Jn or n, and the local time of day */
    uint8_t kind; /* 'M', 'J' or 'n'; 0 = none */
    uint8_t month, week;
    uint16_t day;
    int32_t time_s;
};

struct zone {
    int32_t standard_s; /* seconds east of UTC */
    int32_t daylight_s; /* the same while daylight time; equal when there is none */
    struct zone_change begins, ends;
};

extern const struct zone zone_utc;

/* A name that PAPI knows ("UTC", "America/Los_Angeles", ...) or a POSIX rule. ERR_NOT_FOUND: neither, never UTC by itself. */
int zone_parse(struct span text, struct zone *ret_zone) WARN_UNUSED;
/* The rule in the footer of a TZif file's bytes. ERR_INVALID: not such a file. */
int zone_from_tzif(struct span bytes, struct zone *ret_zone) WARN_UNUSED;
/* Names that zone_parse knows without a file; NULL after the last. */
const char *zone_name(size_t index);
int32_t zone_offset_s(const struct zone *zone, int64_t at_ms);
/* Begin of the local day or month that `at_ms` lies in, and of the next one. A midnight that a zone skips counts as the first
 * instant after it. */
int64_t zone_day_begin_ms(const struct zone *zone, int64_t at_ms);
int64_t zone_day_next_ms(const struct zone *zone, int64_t at_ms);
int64_t zone_month_begin_ms(const struct zone *zone, int64_t at_ms);
int64_t zone_month_next_ms(const struct zone *zone, int64_t at_ms);
