// SPDX-License-Identifier: Apache-2.0
/*
 * From a mapping of a catalog file to a row in memory, by a table of fields.
 *
 * Why one walker: every kind of row then complains in the same words (file, line, column, what, the nearest known word), and a new
 * field is one line of a table. Reading goes on after a complaint, so that one run shows everything that is wrong.
 * Promises: no row is used that had a complaint; memory stays within the arena's cap, since each row first asks for room and no
 * row needs more than that. Leaves to others: what values mean together (the schemas' `finish`), what files mean together
 * (facts_read.c).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

#define ROOM_BYTES          ((size_t)2 * 1024 * 1024) /* more than any list of rows needs */
#define COMPLAINT_MAX_BYTES 512

bool facts_has_room(struct facts_reader *reader) {
    if (reader->arena->cap_bytes - reader->arena->used_bytes < ROOM_BYTES)
        reader->full = true;
    return !reader->full;
}

void facts_complain(struct facts_reader *reader, const struct yaml_node *at, const char *format,
                    ...) {
    struct facts_report *report = reader->report;
    if (report->count < FACTS_COMPLAINTS_MAX) {
        char text[COMPLAINT_MAX_BYTES];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        for (char *c = text; *c != '\0'; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                *c = '?'; /* words of the file, shown on a terminal */
        const char *kept = arena_format(reader->arena, "%s", text);
        report->complaints[report->count] =
            (struct facts_complaint){.file = reader->file,
                                     .line = at != NULL ? at->line : 0,
                                     .column = at != NULL ? at->column : 0,
                                     .text = kept != NULL ? kept : "no room for the message"};
    }
    report->count++;
}

void *facts_alloc(struct facts_reader *reader, size_t size) {
    return arena_zalloc(reader->arena, size > 0 ? size : 1);
}

/* --- defaults --- */

static const char *const no_words[] = {NULL};

void facts_set_defaults(const struct schema *schema, void *row) {
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        char *at = (char *)row + field->offset;
        const char *text = "";
        const char *const *list = no_words;
        if (field->type == FIELD_TEXT || field->type == FIELD_DATE)
            memcpy(at, &text, sizeof text);
        else if (field->type == FIELD_LIST)
            memcpy(at, &list, sizeof list);
    }
}

/* --- one field --- */

static bool read_yes(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    uint32_t value;
    if (!facts_word(reader, node, &words_tri, &value))
        return false;
    if (value == FACT_UNKNOWN) {
        facts_complain(reader, node, "this must be yes or no, not unknown");
        return false;
    }
    *(bool *)at = value == FACT_YES;
    return true;
}

static bool read_word(struct facts_reader *reader, const struct field *field,
                      const struct yaml_node *node, void *at) {
    uint32_t value;
    if (!facts_word(reader, node, field->words, &value))
        return false;
    unsigned as_enum = value; /* enums without negative values are unsigned */
    memcpy(at, &as_enum, sizeof as_enum);
    return true;
}

static bool read_text(struct facts_reader *reader, const struct field *field,
                      const struct yaml_node *node, void *at) {
    uint32_t value;
    const char *text = facts_text(reader, node);
    if (text == NULL || (field->words != NULL && !facts_word(reader, node, field->words, &value)))
        return false;
    memcpy(at, &text, sizeof text);
    return true;
}

static bool read_list(struct facts_reader *reader, const struct field *field,
                      const struct yaml_node *node, void *at) {
    const char *const *list = facts_list(reader, node, field->words);
    if (list == NULL)
        return false;
    memcpy(at, &list, sizeof list);
    return true;
}

static bool read_number(struct facts_reader *reader, const struct field *field,
                        const struct yaml_node *node, void *at) {
    uint64_t value;
    if (!facts_scaled(reader, node, field->type == FIELD_MILLIONTHS ? 1000000 : 1, &value))
        return false;
    if (value == 0 || (field->type == FIELD_NUMBER_32 && value > UINT32_MAX)) {
        facts_complain(reader, node,
                       value == 0 ? "0 says nothing: leave the field out"
                                  : "this is larger than 4294967295");
        return false;
    }
    uint32_t narrow = (uint32_t)value;
    if (field->type == FIELD_NUMBER_32)
        memcpy(at, &narrow, sizeof narrow);
    else
        memcpy(at, &value, sizeof value);
    return true;
}

static bool read_duration(struct facts_reader *reader, const struct field *field,
                          const struct yaml_node *node, void *at) {
    uint64_t ms;
    if (!facts_duration(reader, node, field->type == FIELD_PERIOD, &ms))
        return false;
    memcpy(at, &ms, sizeof ms);
    return true;
}

static bool read_date(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    const char *text = facts_text(reader, node);
    if (text == NULL)
        return false;
    static const char form[] = "dddd-dd-dd"; /* or without the day */
    size_t length = strlen(text);
    bool good = length == sizeof form - 1 || length == sizeof "dddd-dd" - 1;
    for (size_t i = 0; good && i < length; i++)
        good = form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i];
    if (!good)
        facts_complain(reader, node, "'%s' is not a date like 2026-09-14 or 2026-09", text);
    else
        memcpy(at, &text, sizeof text);
    return good;
}

static bool read_field(struct facts_reader *reader, const struct field *field,
                       const struct yaml_node *node, void *row) {
    void *at = (char *)row + field->offset;
    uint32_t before = reader->report->count;
    switch (field->type) {
    case FIELD_TEXT:
        return read_text(reader, field, node, at);
    case FIELD_YES:
        return read_yes(reader, node, at);
    case FIELD_WORD:
        return read_word(reader, field, node, at);
    case FIELD_LIST:
    case FIELD_SOME:
        return read_list(reader, field, node, at);
    case FIELD_NUMBER:
    case FIELD_NUMBER_32:
    case FIELD_MILLIONTHS:
        return read_number(reader, field, node, at);
    case FIELD_DURATION:
    case FIELD_PERIOD:
        return read_duration(reader, field, node, at);
    case FIELD_DATE:
        return read_date(reader, node, at);
    case FIELD_READ:
        field->read(reader, node, at);
        return reader->report->count == before;
    }
    return false;
}

/* --- rows --- */

static const struct field *find_field(const struct schema *schema, struct span name) {
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (span_is(name, schema->fields[i].name))
            return &schema->fields[i];
    return NULL;
}

static void complain_unknown(struct facts_reader *reader, const struct schema *schema,
                             const struct yaml_node *key) {
    const char *best = "";
    size_t best_distance = SIZE_MAX;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        size_t distance = span_distance(key->text, span_text(schema->fields[i].name));
        if (distance < best_distance) {
            best = schema->fields[i].name;
            best_distance = distance;
        }
    }
    facts_complain(reader, key, "unknown field '%.*s' of %s; the nearest known is '%s'",
                   SPAN_ARG(key->text), schema->what, best);
}

static void complain_missing(struct facts_reader *reader, const struct schema *schema,
                             const struct yaml_node *node) {
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].required && facts_child(node, schema->fields[i].name) == NULL)
            facts_complain(reader, node, "%s lacks '%s'", schema->what, schema->fields[i].name);
}

bool facts_read_row(struct facts_reader *reader, const struct yaml_node *node,
                    const struct schema *schema, void *row) {
    uint32_t before = reader->report->count;
    if (!facts_has_room(reader))
        return false;
    if (node->type != YAML_MAPPING) {
        facts_complain(reader, node, "%s must be a mapping, not %s", schema->what,
                       yaml_type_name(node));
        return false;
    }
    bool good = true;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        const struct field *field = find_field(schema, child->key->text);
        if (field == NULL)
            complain_unknown(reader, schema, child->key);
        else
            good = read_field(reader, field, child, row) && good;
    }
    complain_missing(reader, schema, node);
    good = good && reader->report->count == before;
    if (good && schema->finish != NULL)
        schema->finish(reader, node, row);
    return good && reader->report->count == before;
}

void *facts_read_rows(struct facts_reader *reader, const struct yaml_node *node,
                      const struct schema *schema, uint32_t *ret_count) {
    *ret_count = 0;
    if (node->type != YAML_SEQUENCE || node->count > FACTS_ROWS_MAX) {
        facts_complain(reader, node, "this must be a list of at most %d rows", FACTS_ROWS_MAX);
        return NULL;
    }
    if (node->count == 0 || !facts_has_room(reader))
        return NULL;
    char *rows = facts_alloc(reader, node->count * schema->size);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        void *row = rows + *ret_count * schema->size;
        facts_set_defaults(schema, row);
        if (facts_read_row(reader, child, schema, row))
            ++*ret_count;
    }
    return rows;
}

const struct yaml_node *facts_child(const struct yaml_node *mapping, const char *key) {
    const struct yaml_node *child = mapping->first;
    while (child != NULL && !span_is(child->key->text, key))
        child = child->next;
    return child;
}
