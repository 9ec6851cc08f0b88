// SPDX-License-Identifier: Apache-2.0
/*
 * Keys in a .env: NAME=value.
 *
 * A file without a single '=' is a list of bare keys, one a line, recognised by their shape. Promises: values that cannot be read as
 * they stand (over several lines, with references) are skipped with the reason when their name is one of a key.
 * Leaves to others: the form (config/dotenv.c), whose key it is (key_import.c).
 */
#include "admin/key_import_parts.h"

#include "base/mem.h"
#include "config/dotenv.h"

#include <stdio.h>

#define FROM_BYTES 160
#define NAME_SHOWN 100

static bool is_called_like_a_key(struct span name) {
    return span_contains_nocase(name, "api_key") || span_contains_nocase(name, "apikey") ||
           span_contains_nocase(name, "token") || span_contains_nocase(name, "secret");
}

static void take_entry(struct key_reading *reading, const struct dotenv_entry *entry) {
    char from[FROM_BYTES];
    (void)snprintf(from, sizeof from, "%.*s (line %u)",
                   (int)(entry->name.len < NAME_SHOWN ? entry->name.len : NAME_SHOWN),
                   entry->name.ptr, entry->line);
    struct key_found found = {.value = entry->value,
                              .from = span_text(from),
                              .certain = is_called_like_a_key(entry->name)};
    key_hint(&found, entry->name);
    if (entry->why == NULL)
        key_take(reading, &found);
    else if (found.certain)
        key_skip(reading, found.from, "%s", entry->why);
}

static void take_bare_lines(struct key_reading *reading, struct span text) {
    struct span line;
    char from[FROM_BYTES];
    for (unsigned number = 1; text.len > 0 && span_split(&text, '\n', &line); number++) {
        (void)snprintf(from, sizeof from, "line %u", number);
        const struct key_found found = {.value = line, .from = span_text(from), .certain = true};
        if (line.len > 0 && line.ptr[0] != '#')
            key_take(reading, &found);
    }
}

int key_read_env(struct key_reading *reading, struct span text) {
    struct dotenv_entry entry;
    if (text.len == 0 || memchr(text.ptr, '=', text.len) == NULL) {
        take_bare_lines(reading, text);
        return 0;
    }
    struct dotenv *dotenv = mem_zalloc(sizeof *dotenv);
    dotenv_begin(dotenv, text);
    while (dotenv_next(dotenv, &entry))
        take_entry(reading, &entry);
    dotenv_end(dotenv);
    mem_free(dotenv);
    return 0;
}
