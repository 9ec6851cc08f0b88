// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Waits and moments, in every form in which providers write them. All bytes come from a peer: what cannot be read is "nothing
 * said" (false or 0), what is absurd is cut.
 */
#include "base/span.h"
#include "provider/head.h"

#define WAIT_TOLD_MAX_NS  (24ull * 3600 * 1000000000) /* "ask again after": longer is cut to this */
#define WAIT_RESET_MAX_NS (32ull * 24 * 3600 * 1000000000) /* until a named window comes back */

/* "1m26.4s", "585ms", "6m 11.52s", "2 hours", "12.5" (seconds); no sign. Cut to WAIT_RESET_MAX_NS. False when it is none of these. */
bool wait_duration_ns(struct span text, uint64_t *ret_ns);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate of RFC 9110, 5.6.7) to Unix milliseconds. */
bool wait_http_date_ms(struct span text, int64_t *ret_wall_ms);
/* "2026-10-02T18:00:00.25Z", "2026-10-02 18:00:00+08:00" (RFC 3339); also without a zone, which `ret_zoned` tells: then UTC. */
bool wait_stamp_ms(struct span text, int64_t *ret_wall_ms, bool *ret_zoned);

/* From now to what a field tells: a duration, a Unix time in seconds (1e9 to 1e12) or milliseconds (above), an HTTP date or an RFC
 * 3339 moment, told apart by their looks, since providers change from one to another. Cut to WAIT_RESET_MAX_NS. False: cannot be
 * read, or lies in the past.
 * A stamp without a zone is read at UTC+8, where those who write such stamps live (Z.ai, measured 2026-09), and as UTC once that is
 * past: too early costs one more refusal, too late costs hours. */
bool wait_until_ns(struct span text, int64_t wall_ms, uint64_t *ret_ns);

/* Retry-After and retry-after-ms: how long the provider asks us to stay away, the longer of both, 0 when neither says anything
 * usable; the past counts as 0. Cut to WAIT_TOLD_MAX_NS. */
uint64_t wait_retry_after_ns(struct span retry_after_ms, struct span retry_after, int64_t wall_ms);
/* The same of a head, cut to WAIT_RESET_MAX_NS only: for those who know the window. */
uint64_t wait_of_head_ns(struct signal_head head, int64_t wall_ms);

/* The longest wait in prose: "try again in 6m 11.52s", "retry after 20 seconds", "will reset at 2026-09-12 00:35:41". 0 = none.
 * `ret_moment`: it was told as a moment. */
uint64_t wait_of_words_ns(struct span text, int64_t wall_ms, bool *ret_moment);
