// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Clocks. Read at the edges (loop turn, log line) and passed into policy as numbers. All are nanoseconds or
 * milliseconds since their own zero; only clock_wall_ms is a date (Unix time).
 */
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US ((uint64_t)1000)
#define NS_PER_MS ((uint64_t)1000000)
#define NS_PER_S  ((uint64_t)1000000000)

#define MS_PER_MINUTE ((uint64_t)60 * 1000)
#define MS_PER_HOUR   (60 * MS_PER_MINUTE)
#define MS_PER_DAY    (24 * MS_PER_HOUR)

uint64_t
clock_mono_ns(void); /* CLOCK_MONOTONIC: deadlines; stands still while the machine sleeps */
uint64_t clock_boot_ns(void); /* CLOCK_BOOTTIME: quota windows; runs on while the machine sleeps */
uint64_t clock_wall_ms(void); /* CLOCK_REALTIME: dates */

/* "2026-11-24T10:11:12.345Z", 24 characters and NUL; size must be at least 25. */
void clock_format_rfc3339(uint64_t wall_ms, char *text, size_t size);
