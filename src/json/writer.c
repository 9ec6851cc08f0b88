// SPDX-License-Identifier: Apache-2.0
/*
 * Writing JSON member by member.
 *
 * Promises: what was opened and closed in order is well-formed JSON, whatever the texts hold; after an error nothing more is
 * appended. Leaves to others: strings (write.c), and looking at `err`.
 */
#include "json/writer.h"

#include "base/clock.h"
#include "json/json.h"

void json_writer_init(struct json_writer *writer, struct dynbuf *out) {
    *writer = (struct json_writer){.out = out};
}

static void put(struct json_writer *writer, const char *text, size_t len) {
    if (writer->err == 0)
        writer->err = dynbuf_append(writer->out, text, len);
}

/* The comma and the name before a value. */
static void begin(struct json_writer *writer, const char *name) {
    if (writer->follows)
        put(writer, ",", 1);
    writer->follows = true;
    if (name == NULL)
        return;
    if (writer->err == 0)
        writer->err = json_write_string(writer->out, span_text(name));
    put(writer, ":", 1);
}

static void open(struct json_writer *writer, const char *name, const char *bracket) {
    begin(writer, name);
    put(writer, bracket, 1);
    writer->follows = false;
}

static void close(struct json_writer *writer, const char *bracket) {
    put(writer, bracket, 1);
    writer->follows = true;
}

void json_open_object(struct json_writer *writer, const char *name) {
    open(writer, name, "{");
}

void json_close_object(struct json_writer *writer) {
    close(writer, "}");
}

void json_open_list(struct json_writer *writer, const char *name) {
    open(writer, name, "[");
}

void json_close_list(struct json_writer *writer) {
    close(writer, "]");
}

void json_put_raw(struct json_writer *writer, const char *name, struct span json) {
    begin(writer, name);
    put(writer, json.ptr, json.len);
}

void json_put_null(struct json_writer *writer, const char *name) {
    json_put_raw(writer, name, SPAN_LITERAL("null"));
}

void json_put_text(struct json_writer *writer, const char *name, struct span utf8) {
    if (span_absent(utf8)) {
        json_put_null(writer, name);
        return;
    }
    begin(writer, name);
    if (writer->err == 0)
        writer->err = json_write_string(writer->out, utf8);
}

void json_put_word(struct json_writer *writer, const char *name, const char *word) {
    json_put_text(writer, name, span_text(word));
}

void json_put_u64(struct json_writer *writer, const char *name, uint64_t number) {
    begin(writer, name);
    if (writer->err == 0)
        writer->err = dynbuf_append_format(writer->out, "%llu", (unsigned long long)number);
}

void json_put_i64(struct json_writer *writer, const char *name, int64_t number) {
    begin(writer, name);
    if (writer->err == 0)
        writer->err = json_write_i64(writer->out, number);
}

void json_put_flag(struct json_writer *writer, const char *name, bool flag) {
    json_put_raw(writer, name, flag ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
}

void json_put_time(struct json_writer *writer, const char *name, int64_t wall_ms) {
    char text[32];
    if (wall_ms <= 0) {
        json_put_null(writer, name);
        return;
    }
    clock_format_rfc3339((uint64_t)wall_ms, text, sizeof text);
    json_put_word(writer, name, text);
}
