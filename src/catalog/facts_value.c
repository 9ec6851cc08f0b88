// SPDX-License-Identifier: Apache-2.0
/*
 * Single values of the catalog's files: texts, lists, words, amounts, durations, sources, names.
 *
 * Why amounts are read digit by digit: a tenth of a dollar must become exactly 100000 millionths, which no binary fraction gives.
 * Why sources are keys: the same twenty documents stand behind a thousand rows; each is written once, in sources.yaml, and every
 * row carries the whole text after reading.
 * Promises: a value that does not fit is a complaint with its place and, for words, the nearest known one; nothing is guessed.
 * Leaves to others: which values go together.
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

#define SOURCES_MAX 8 /* of one row */
#define NAMES_MAX   8192

const char *facts_text(struct facts_reader *reader, const struct yaml_node *node) {
    if (node->type != YAML_SCALAR || yaml_is_null(node)) {
        facts_complain(reader, node, "this must be a text");
        return NULL;
    }
    if (node->text.len > FACTS_TEXT_MAX_BYTES) {
        facts_complain(reader, node, "texts have at most %d bytes", FACTS_TEXT_MAX_BYTES);
        return NULL;
    }
    for (size_t i = 0; i < node->text.len; i++) {
        if ((unsigned char)node->text.ptr[i] < ' ') {
            facts_complain(reader, node, "control characters are not allowed");
            return NULL;
        }
    }
    return node->text.ptr; /* in the arena, with a NUL behind it */
}

bool facts_word(struct facts_reader *reader, const struct yaml_node *node,
                const struct word_list *words, uint32_t *ret_value) {
    if (node->type != YAML_SCALAR) {
        facts_complain(reader, node, "a %s is a single word", words->what);
        return false;
    }
    *ret_value = words_find(words, node->text);
    if (*ret_value == words->count)
        facts_complain(reader, node, "unknown %s '%.*s'; the nearest known is '%s'", words->what,
                       SPAN_ARG(node->text), words_nearest(words, node->text));
    return *ret_value < words->count;
}

const char *const *facts_list(struct facts_reader *reader, const struct yaml_node *node,
                              const struct word_list *words) {
    bool single = node->type == YAML_SCALAR;
    if (node->type == YAML_MAPPING || node->count > FACTS_WORDS_MAX) {
        facts_complain(reader, node, "this must be a list of at most %d texts", FACTS_WORDS_MAX);
        return NULL;
    }
    uint32_t count = single ? 1 : node->count;
    const char **list = facts_alloc(reader, (count + 1) * sizeof *list);
    const struct yaml_node *item = single ? node : node->first;
    bool good = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value;
        list[i] = facts_text(reader, item);
        good = list[i] != NULL && good;
        if (list[i] != NULL && words != NULL)
            good = facts_word(reader, item, words, &value) && good;
        item = single ? NULL : item->next;
    }
    return good ? list : NULL;
}

uint32_t facts_list_length(const char *const *list) {
    uint32_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

/* --- numbers --- */

/* "0.031818" at scale 1000000 is 31818; false when a digit would be lost or the amount is beyond the maximum. */
static bool scaled(struct span text, uint64_t scale, uint64_t *ret_value) {
    uint64_t value = 0;
    bool fraction = false, digits = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !fraction && digits) {
            fraction = true;
            digits = false;
            continue;
        }
        if (c < '0' || c > '9' || (fraction && scale == 1))
            return false;
        if (fraction)
            scale /= 10;
        digits = true;
        value = value * 10 + (uint64_t)(c - '0');
        if (value > FACTS_AMOUNT_MAX)
            return false;
    }
    if (!digits || value > FACTS_AMOUNT_MAX / scale)
        return false;
    *ret_value = value * scale;
    return true;
}

bool facts_scaled(struct facts_reader *reader, const struct yaml_node *node, uint64_t scale,
                  uint64_t *ret_value) {
    if (node->type == YAML_SCALAR && scaled(node->text, scale, ret_value))
        return true;
    if (scale == 1)
        facts_complain(reader, node, "this must be a whole number up to 10^15, digits only");
    else
        facts_complain(reader, node, "this must be a number with at most %u digits after the point",
                       (unsigned)(scale == 1000 ? 3 : 6));
    return false;
}

static const struct {
    const char *word;
    uint64_t ms;
    bool period; /* a word of its own, not a unit behind digits */
} durations[] = {
    {"second", 1000, true},
    {"minute", 60000, true},
    {"hour", 3600000, true},
    {"day", 86400000, true},
    {"month", FACTS_MONTH_MS, true},
    {"ms", 1, false},
    {"s", 1000, false},
    {"m", 60000, false},
    {"h", 3600000, false},
    {"d", 86400000, false},
};

bool facts_duration(struct facts_reader *reader, const struct yaml_node *node, bool period,
                    uint64_t *ret_ms) {
    struct span digits = node->type == YAML_SCALAR ? node->text : SPAN_LITERAL("");
    while (digits.len > 0 && (digits.ptr[digits.len - 1] < '0' || digits.ptr[digits.len - 1] > '9'))
        digits.len--;
    struct span unit = node->type == YAML_SCALAR
                           ? span_of(node->text.ptr + digits.len, node->text.len - digits.len)
                           : SPAN_LITERAL("");
    for (size_t i = 0; i < array_length(durations); i++) {
        uint64_t amount = 1;
        if (!span_is(unit, durations[i].word) || (durations[i].period && !period))
            continue;
        if (durations[i].period ? digits.len > 0
                                : !span_to_u64(digits, &amount) || amount == 0 || amount > 1000000)
            break;
        *ret_ms = amount * durations[i].ms;
        return true;
    }
    facts_complain(reader, node,
                   period ? "this must be second, minute, hour, day, month or like 5h"
                          : "this must be a duration like 500ms, 30s, 10m, 24h, 7d");
    return false;
}

/* --- where a row comes from --- */

static const char *source_text(struct facts_reader *reader, const struct yaml_node *node) {
    uint32_t value;
    if (reader->sources.count == 0) {
        facts_complain(reader, node, "no sources are known: %s is missing or wrong",
                       FACTS_SOURCES_FILE);
        return NULL;
    }
    return facts_word(reader, node, &reader->sources, &value) ? reader->source_texts[value] : NULL;
}

void facts_read_source(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_evidence *evidence = at;
    bool single = node->type == YAML_SCALAR;
    if (node->type == YAML_MAPPING ||
        (!single && (node->count == 0 || node->count > SOURCES_MAX))) {
        facts_complain(reader, node, "this must be one to %d keys of %s", SOURCES_MAX,
                       FACTS_SOURCES_FILE);
        return;
    }
    const char *all = NULL;
    for (const struct yaml_node *item = single ? node : node->first; item != NULL;
         item = single ? NULL : item->next) {
        const char *one = source_text(reader, item);
        if (one == NULL)
            return;
        all = all == NULL ? one : arena_format(reader->arena, "%s; %s", all, one);
        check(all != NULL); /* the row asked for room */
    }
    evidence->source = all;
}

/* --- patterns and names --- */

void facts_check_patterns(struct facts_reader *reader, const struct yaml_node *row,
                          const char *const *patterns) {
    for (uint32_t i = 0; i < facts_list_length(patterns); i++) {
        const char *star = strchr(patterns[i], '*');
        if (patterns[i][0] == '\0' || (star != NULL && strchr(star + 1, '*') != NULL))
            facts_complain(reader, facts_child(row, "models"),
                           "'%s': a pattern of models holds one '*' at most", patterns[i]);
    }
}

void facts_take_name(struct facts_reader *reader, const struct yaml_node *at, const char *what,
                     const char *name) {
    for (uint32_t i = 0; i < reader->name_count; i++) {
        const struct facts_name *other = &reader->names[i];
        if (strcmp(other->what, what) == 0 && strcmp(other->name, name) == 0) {
            facts_complain(reader, at, "%s '%s' is taken: %s:%u", what, name, other->file,
                           other->line);
            return;
        }
    }
    uint32_t count = reader->name_count;
    if (count == NAMES_MAX) {
        facts_complain(reader, at, "more than %d names", NAMES_MAX);
        return;
    }
    if ((count & (count - 1)) == 0) { /* room for 1, 2, 4, 8 ... */
        struct facts_name *more =
            facts_alloc(reader, (count > 0 ? 2 * (size_t)count : 1) * sizeof *more);
        if (count > 0)
            memcpy(more, reader->names, count * sizeof *more);
        reader->names = more;
    }
    reader->names[reader->name_count++] =
        (struct facts_name){.name = name, .what = what, .file = reader->file, .line = at->line};
}
