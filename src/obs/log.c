// SPDX-License-Identifier: Apache-2.0
/*
 * The log.
 *
 * Why so small: a gateway that logs each request through a formatter spends more on the log than on the request; requests are
 * recorded elsewhere, the log is for what an operator must know. An event that storms is cut to a fixed number of lines a second and says how many it left out. Promises: never blocks
 * on a lock for long, never allocates, never fails the caller. Leaves to others: what may be said (no prompts, no keys), where lines
 * go (log_out.c).
 */
#include "obs/log.h"

#include "base/clock.h"
#include "base/span.h"
#include "obs/log_out.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#define LOG_BUCKETS 64

struct bucket {
    uint64_t event_hash;
    uint64_t second;
    uint32_t lines;
    uint32_t suppressed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bucket buckets[LOG_BUCKETS]; /* guarded by lock */
static enum log_level least_level = LOG_INFO;
static _Atomic enum log_format line_format = LOG_TEXT; /* read without it: a reload may change it */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_level least, enum log_format format) {
    pthread_mutex_lock(&lock);
    least_level = least;
    line_format = format;
    pthread_mutex_unlock(&lock);
}

/* Returns false when the line must not be written; ret_suppressed counts the lines held back before this one. */
static bool admit(const char *event, uint64_t now_ms, uint32_t *ret_suppressed) {
    uint64_t hash = span_hash(span_text(event));
    struct bucket *bucket = &buckets[hash % LOG_BUCKETS];
    if (bucket->event_hash != hash || bucket->second != now_ms / 1000) {
        *ret_suppressed = bucket->event_hash == hash ? bucket->suppressed : 0;
        *bucket = (struct bucket){.event_hash = hash, .second = now_ms / 1000, .lines = 1};
        return true;
    }
    *ret_suppressed = 0;
    if (bucket->lines >= LOG_EVENTS_PER_SECOND) {
        bucket->suppressed++;
        return false;
    }
    bucket->lines++;
    return true;
}

struct line {
    char text[LOG_LINE_MAX_BYTES];
    size_t length;
};

static void put(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(struct line *line, const char *format, ...) {
    size_t room = sizeof line->text - line->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void put_json_byte(struct line *line, char c) {
    unsigned char byte = (unsigned char)c;
    if (byte == '"' || byte == '\\')
        put(line, "\\%c", c);
    else if (byte < 0x20)
        put(line, "\\u%04x", byte);
    else
        put(line, "%c", c);
}

/* "key=value key="two words"" -> ,"key":"value","key":"two words" */
static void put_json_fields(struct line *line, const char *fields) {
    const char *at = fields;
    while (*at != '\0') {
        put(line, ",\"");
        while (*at != '\0' && *at != '=')
            put_json_byte(line, *at++);
        put(line, "\":\"");
        at += *at == '=';
        char until = *at == '"' ? '"' : ' ';
        at += until == '"';
        while (*at != '\0' && *at != until)
            put_json_byte(line, *at++);
        put(line, "\"");
        at += until == '"' && *at == '"';
        at += *at == ' ';
    }
}

static void format_line(struct line *line, enum log_level level, const char *event,
                        const char *fields, uint64_t now_ms) {
    char when[32];
    clock_format_rfc3339(now_ms, when, sizeof when);
    line->length = 0;
    if (line_format == LOG_TEXT) {
        put(line, "%s %s %s %s", when, level_names[level], event, fields);
    } else {
        put(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when, level_names[level],
            event);
        put_json_fields(line, fields);
        put(line, "}");
    }
    if (line->length > sizeof line->text - 2)
        line->length = sizeof line->text - 2;
    line->text[line->length++] = '\n';
}

void log_event(enum log_level level, const char *event, const char *fields_format, ...) {
    char fields[LOG_LINE_MAX_BYTES / 2];
    struct line line;
    uint32_t suppressed;
    uint64_t now_ms = clock_wall_ms();
    pthread_mutex_lock(&lock);
    bool wanted = level >= least_level && admit(event, now_ms, &suppressed);
    pthread_mutex_unlock(&lock);
    if (!wanted)
        return;
    va_list arguments;
    va_start(arguments, fields_format);
    int length = vsnprintf(fields, sizeof fields, fields_format, arguments);
    va_end(arguments);
    if (length < 0)
        fields[0] = '\0';
    size_t used = strlen(fields);
    if (suppressed > 0)
        (void)snprintf(fields + used, sizeof fields - used, " suppressed=%u", suppressed);
    for (char *c = fields; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' '; /* a value with a line end must not look like a second line */
    format_line(&line, level, event, fields, now_ms);
    log_out_write(line.text, line.length);
}

size_t log_format_lost(uint64_t lines, char *text, size_t size) {
    char fields[64];
    struct line line;
    (void)snprintf(fields, sizeof fields, "lines=%llu", (unsigned long long)lines);
    format_line(&line, LOG_WARN, "log.lost", fields, clock_wall_ms());
    size_t length = line.length < size ? line.length : size;
    memcpy(text, line.text, length);
    return length;
}
