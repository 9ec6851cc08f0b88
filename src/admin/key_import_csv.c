// SPDX-License-Identifier: Apache-2.0
/*
 * Keys in CSV (RFC 4180) with a header: comma, semicolon or tab, whichever the header has most.
 *
 * The header names the columns by the words that tools use; a column for the key must be there, the others may. Promises: fields in
 * quotes may hold separators, quotes and line ends; a row that is shorter than the header has empty fields; the buffer is wiped.
 * Leaves to others: whose key it is (key_import.c).
 */
#include "admin/key_import_parts.h"

#include "base/check.h"
#include "base/dynbuf.h"

#include <stdio.h>

#define COLUMNS_MAX   32
#define ROW_MAX_BYTES ((size_t)64 * 1024)

enum column { COLUMN_OTHER, COLUMN_KEY, COLUMN_HINT, COLUMN_ACCOUNT, COLUMN_BILLING };

static const struct {
    const char *word;
    enum column column;
} columns[] = {
    {"key", COLUMN_KEY},          {"api_key", COLUMN_KEY},     {"apikey", COLUMN_KEY},
    {"api key", COLUMN_KEY},      {"token", COLUMN_KEY},       {"secret", COLUMN_KEY},
    {"value", COLUMN_KEY},        {"password", COLUMN_KEY},    {"provider", COLUMN_HINT},
    {"variable", COLUMN_HINT},    {"name", COLUMN_HINT},       {"service", COLUMN_HINT},
    {"title", COLUMN_HINT},       {"model", COLUMN_HINT},      {"url", COLUMN_HINT},
    {"base_url", COLUMN_HINT},    {"account", COLUMN_ACCOUNT}, {"label", COLUMN_ACCOUNT},
    {"username", COLUMN_ACCOUNT}, {"billing", COLUMN_BILLING},
};

struct csv {
    struct span rest;
    char separator;
    unsigned line;            /* of the end of the row */
    struct dynbuf text;       /* decoded fields of the row, one after another */
    size_t ends[COLUMNS_MAX]; /* of each field in `text` */
    uint32_t count;
};

static char take_byte(struct csv *csv) {
    char c = csv->rest.ptr[0];
    csv->rest = span_of(csv->rest.ptr + 1, csv->rest.len - 1);
    return c;
}

static void end_field(struct csv *csv) {
    if (csv->count < COLUMNS_MAX)
        csv->ends[csv->count++] = csv->text.len;
}

static int take_quoted(struct csv *csv) {
    int err = 0;
    (void)take_byte(csv);
    while (csv->rest.len > 0 && err == 0) {
        char c = take_byte(csv);
        bool twice = c == '"' && csv->rest.len > 0 && csv->rest.ptr[0] == '"';
        if (c == '"' && !twice)
            return 0;
        if (twice)
            (void)take_byte(csv);
        csv->line += c == '\n';
        err = dynbuf_append_char(&csv->text, c);
    }
    return err < 0 ? err : ERR_INVALID; /* the quote is not closed */
}

/* ERR_EOF at the end of the text. */
static int next_row(struct csv *csv) {
    int err = 0;
    csv->text.len = 0;
    csv->count = 0;
    if (csv->rest.len == 0)
        return ERR_EOF;
    csv->line++;
    while (csv->rest.len > 0 && err == 0) {
        size_t begin = csv->count > 0 ? csv->ends[csv->count - 1] : 0;
        if (csv->rest.ptr[0] == '"' && csv->text.len == begin) {
            err = take_quoted(csv);
            continue;
        }
        char c = take_byte(csv);
        if (c == '\n')
            break;
        if (c == csv->separator)
            end_field(csv);
        else if (c != '\r')
            err = dynbuf_append_char(&csv->text, c);
    }
    end_field(csv);
    return err;
}

static struct span field(const struct csv *csv, uint32_t index) {
    size_t begin = index > 0 ? csv->ends[index - 1] : 0;
    if (index >= csv->count || csv->ends[index] == begin)
        return SPAN_NONE;
    return span_trim(span_of(dynbuf_span(&csv->text).ptr + begin, csv->ends[index] - begin));
}

static enum column column_of(struct span word) {
    for (size_t i = 0; i < array_length(columns); i++)
        if (span_is_nocase(word, columns[i].word))
            return columns[i].column;
    return COLUMN_OTHER;
}

static char separator_of(struct span line) {
    static const char separators[] = {',', ';', '\t'};
    char best = ',';
    size_t most = 0;
    for (size_t i = 0; i < sizeof separators; i++) {
        size_t count = 0;
        for (size_t j = 0; j < line.len; j++)
            count += line.ptr[j] == separators[i];
        if (count > most) {
            most = count;
            best = separators[i];
        }
    }
    return best;
}

static bool read_header(struct csv *csv, enum column header[COLUMNS_MAX]) {
    struct span rest = csv->rest, line;
    bool has_key = false;
    if (rest.len == 0 || !span_split(&rest, '\n', &line))
        return false;
    csv->separator = separator_of(line);
    if (next_row(csv) < 0)
        return false;
    for (uint32_t i = 0; i < csv->count; i++) {
        header[i] = column_of(field(csv, i));
        has_key = has_key || header[i] == COLUMN_KEY;
    }
    return has_key;
}

static void take_row(struct key_reading *reading, const struct csv *csv,
                     const enum column header[COLUMNS_MAX], unsigned line) {
    char from[32];
    (void)snprintf(from, sizeof from, "line %u", line);
    struct key_found found = {.from = span_text(from), .certain = true};
    for (uint32_t i = 0; i < csv->count; i++) {
        struct span text = field(csv, i);
        if (header[i] == COLUMN_KEY && found.value.len == 0)
            found.value = text;
        else if (header[i] == COLUMN_HINT)
            key_hint(&found, text);
        else if (header[i] == COLUMN_ACCOUNT)
            found.account = text;
        else if (header[i] == COLUMN_BILLING)
            found.billing = text;
    }
    key_take(reading, &found);
}

static int read_rows(struct key_reading *reading, struct csv *csv) {
    enum column header[COLUMNS_MAX] = {COLUMN_OTHER};
    int err = 0;
    if (!read_header(csv, header)) {
        (void)snprintf(reading->import->why, sizeof reading->import->why,
                       "its first line names no column for keys; wanted is a header such as "
                       "provider,key,account");
        return ERR_INVALID;
    }
    while (err == 0) {
        unsigned line = csv->line + 1;
        err = next_row(csv);
        if (err == 0)
            take_row(reading, csv, header, line);
    }
    if (err == ERR_EOF)
        return 0;
    (void)snprintf(reading->import->why, sizeof reading->import->why,
                   "line %u: the row is too long, or a quote in it is not closed", csv->line);
    return ERR_INVALID;
}

int key_read_csv(struct key_reading *reading, struct span text) {
    struct csv csv = {.rest = text, .separator = ','};
    dynbuf_init(&csv.text, ROW_MAX_BYTES);
    int err = read_rows(reading, &csv);
    if (csv.text.data != NULL)
        secret_wipe(csv.text.data, csv.text.capacity);
    dynbuf_done(&csv.text);
    return err;
}
