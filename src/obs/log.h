// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The log: one line an event, text or JSON, written by one write(2) to stderr. Any thread. Never holds prompts, answers, keys
 * or query strings: callers pass names, ids and numbers.
 *
 * log_event(LOG_WARN, "provider.down", "provider=%.*s outcome=%s", SPAN_ARG(id), label) — the fields are "key=value" pairs
 * separated by one space; a value with spaces stands in double quotes. Each event name is limited to LOG_EVENTS_PER_SECOND lines;
 * what was held back is told by the next line of that event as "suppressed=N".
 */
#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

#define LOG_LINE_MAX_BYTES    2048
#define LOG_EVENTS_PER_SECOND 50

void log_configure(enum log_level least, enum log_format format);
void log_event(enum log_level level, const char *event, const char *fields_format, ...)
    PRINTF_LIKE(3, 4);
