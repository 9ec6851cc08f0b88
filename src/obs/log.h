// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The log: one line an event, text or JSON, to standard error or a file. Any thread. Never holds prompts, answers, keys
 * or query strings: callers pass names, ids and numbers.
 *
 * log_event(LOG_WARN, "provider.down", "provider=%.*s outcome=%s", SPAN_ARG(id), label) — the fields are "key=value" pairs
 * separated by one space; a value with spaces stands in double quotes. Each event name is limited to LOG_EVENTS_PER_SECOND lines;
 * what was held back is told by the next line of that event as "suppressed=N".
 */
#include "base/err.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

#define LOG_LINE_MAX_BYTES    2048
#define LOG_EVENTS_PER_SECOND 50

void log_configure(enum log_level least, enum log_format format);
/* From now on lines are written by a thread, so that a disk or a reader that is slow, full or gone holds nobody up; what cannot be
 * written is counted, and told when it works again. log_stop writes what is left, for a second at most. */
void log_start(void);
void log_stop(void);
/* NULL = standard error. Before log_start ERR_SYSTEM (errno) when it cannot be opened; later the old one is kept and the log says so. */
int log_set_file(const char *path) WARN_UNUSED;
/* The file anew by its name: it was moved away. */
void log_reopen(void);
uint64_t log_lost(void); /* lines that could not be written, in all */
void log_event(enum log_level level, const char *event, const char *fields_format, ...)
    PRINTF_LIKE(3, 4);
