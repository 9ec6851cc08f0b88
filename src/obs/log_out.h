// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Where lines of the log go: standard error or a file, by a thread of its own once log_out_start was called. For log.c.
 */
#include <stddef.h>
#include <stdint.h>

/* A whole line with its end. Never waits for a disk or a reader once the thread runs. */
void log_out_write(const char *line, size_t length);
/* log.c: the line that says how many others there were. Returns its length. */
size_t log_format_lost(uint64_t lines, char *text, size_t size);
