// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Numbers in providers' header fields.
 */
#include "base/span.h"

#define READING_RETRY_AFTER_MAX_NS (24ull * 3600 * 1000000000) /* longer is not believed */

/* How long the provider asks us to stay away: the longer of both fields, 0 when neither says anything usable. Retry-After is
 * whole or fractional seconds, a Go duration ("1m30s", "585ms") or an HTTP date (RFC 9110, 10.2.3); the past counts as 0. */
uint64_t reading_retry_after_ns(struct span retry_after_ms, struct span retry_after,
                                uint64_t wall_ms);
/* "1m26.4s", "585ms", "7.66s", "2h", "12.5" (seconds); false when it is none of these. */
bool reading_duration_ns(struct span text, uint64_t *ret_ns);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate) to Unix milliseconds. */
bool reading_http_date_ms(struct span text, uint64_t *ret_wall_ms);
