// SPDX-License-Identifier: Apache-2.0
/*
 * Clocks, read in one place.
 *
 * Why so small: policy never reads a clock, it is told the time, so that the simulator can tell it another. Promises:
 * no allocation, no locale, no time zone. Leaves to others: calendars of providers (base/zone).
 */
#include "base/clock.h"

#include "base/check.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_ns(clockid_t id) {
    struct timespec now;
    check(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_mono_ns(void) {
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ns(void) {
#ifdef CLOCK_BOOTTIME
    return read_ns(CLOCK_BOOTTIME);
#else
    return read_ns(CLOCK_MONOTONIC); /* macOS: its monotonic clock runs on during sleep */
#endif
}

uint64_t clock_wall_ms(void) {
    return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

void clock_format_rfc3339(uint64_t wall_ms, char *text, size_t size) {
    struct tm parts;
    time_t seconds = (time_t)(wall_ms / 1000);
    check(size >= 25 && gmtime_r(&seconds, &parts) != NULL);
    size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + length, size - length, ".%03uZ", (unsigned)(wall_ms % 1000));
}
