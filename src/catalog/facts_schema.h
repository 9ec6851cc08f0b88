// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The schema of the catalog's files: a row of a file is a mapping whose fields a table names. One reader walks all tables.
 */
#include "catalog/facts_read.h"
#include "catalog/facts_words.h"
#include "yaml/yaml.h"

/* A name that must be unique in all files, and where it was first seen. */
struct facts_name {
    const char *name, *what, *file;
    unsigned line;
};

struct facts_reader {
    struct arena *arena;         /* borrowed */
    struct facts_report *report; /* borrowed */
    const char *file;            /* being read */
    struct span stem;            /* "groq" */
    struct word_list sources;    /* keys of sources.yaml */
    const char **source_texts;   /* "name, date" of each */
    struct word_list model_ids;  /* of models.yaml, which is read before providers */
    struct facts_name *names;
    uint32_t name_count;
    bool full; /* the arena's cap was reached: results are worthless */
};

enum field_type {
    FIELD_TEXT, /* const char *; one of `words` if there are any */
    FIELD_YES,  /* bool */
    FIELD_WORD, /* an enum: index in `words` */
    FIELD_LIST, /* const char *const *, never NULL; of `words` if there are any; one value is a list of one */
    FIELD_SOME,       /* the same, NULL when not given: all */
    FIELD_NUMBER,     /* uint64_t, at least 1 */
    FIELD_NUMBER_32,  /* uint32_t, at least 1 */
    FIELD_MILLIONTHS, /* uint64_t: 0.031818 is 31818 */
    FIELD_DURATION,   /* uint64_t of ms: "30s", "24h" */
    FIELD_PERIOD,     /* the same, or second, minute, hour, day, month */
    FIELD_DATE,       /* const char *: 2026-09-14 or 2026-09 */
    FIELD_READ        /* `read` does it */
};

struct field {
    const char *name;
    enum field_type type;
    bool required;
    size_t offset; /* in the row */
    const struct word_list *words;
    /* `at` is the row plus the offset. */
    void (*read)(struct facts_reader *reader, const struct yaml_node *node, void *at);
};

struct schema {
    const char *what; /* "a limit", for messages */
    size_t size;
    const struct field *fields;
    uint32_t field_count;
    /* What one field cannot tell; only when all fields were well; NULL = nothing. */
    void (*finish)(struct facts_reader *reader, const struct yaml_node *node, void *row);
};

#define SCHEMA(about, type, table, finish_row) \
    { about, sizeof(type), table, array_length(table), finish_row }
#define FIELD(type, member, kind) \
    { #member, kind, false, offsetof(type, member), NULL, NULL }
#define NAMED(label, type, member, kind) \
    { label, kind, false, offsetof(type, member), NULL, NULL }
#define REQUIRED(label, type, member, kind) \
    { label, kind, true, offsetof(type, member), NULL, NULL }
#define OF_WORDS(label, type, member, kind, list) \
    { label, kind, false, offsetof(type, member), &(list), NULL }
#define REQUIRED_OF_WORDS(label, type, member, kind, list) \
    { label, kind, true, offsetof(type, member), &(list), NULL }
/* The fields that every row owes: where it comes from and how sure that is. */
#define EVIDENCE(type)                                                               \
    {"source", FIELD_READ, true, offsetof(type, evidence), NULL, facts_read_source}, \
        {"confidence",      FIELD_WORD, true, offsetof(type, evidence.confidence),   \
         &words_confidence, NULL},                                                   \
    {                                                                                \
        "note", FIELD_TEXT, false, offsetof(type, evidence.note), NULL, NULL         \
    }

void facts_complain(struct facts_reader *reader, const struct yaml_node *at, const char *format,
                    ...) PRINTF_LIKE(3, 4);
/* Whether there is memory for what one row needs, which every row and list asks first. */
bool facts_has_room(struct facts_reader *reader);
/* Zeroed; never NULL. */
void *facts_alloc(struct facts_reader *reader, size_t size);
/* Texts to "", lists to empty ones, the rest to zero. */
void facts_set_defaults(const struct schema *schema, void *row);
/* Fills a row from a mapping; false when something was wrong. */
bool facts_read_row(struct facts_reader *reader, const struct yaml_node *node,
                    const struct schema *schema, void *row);
/* A list of rows; NULL and 0 when there is none. */
void *facts_read_rows(struct facts_reader *reader, const struct yaml_node *node,
                      const struct schema *schema, uint32_t *ret_count);
void facts_read_source(struct facts_reader *reader, const struct yaml_node *node, void *evidence);

/* Single values: each complains and gives false (NULL) when it is not one. */
const char *facts_text(struct facts_reader *reader, const struct yaml_node *node);
const char *const *facts_list(struct facts_reader *reader, const struct yaml_node *node,
                              const struct word_list *words);
uint32_t facts_list_length(const char *const *list); /* NULL is 0 */
bool facts_word(struct facts_reader *reader, const struct yaml_node *node,
                const struct word_list *words, uint32_t *ret_value);
/* A decimal number times `scale` (a power of ten), which must come out whole. */
bool facts_scaled(struct facts_reader *reader, const struct yaml_node *node, uint64_t scale,
                  uint64_t *ret_value);
bool facts_duration(struct facts_reader *reader, const struct yaml_node *node, bool period,
                    uint64_t *ret_ms);
/* Ids and patterns: at most one '*' each. */
void facts_check_patterns(struct facts_reader *reader, const struct yaml_node *row,
                          const char *const *patterns);
/* Complains when `name` was taken before, in whatever file; `what` is "short name", "variable", ... */
void facts_take_name(struct facts_reader *reader, const struct yaml_node *at, const char *what,
                     const char *name);
/* A child of a mapping; NULL when it is not there. */
const struct yaml_node *facts_child(const struct yaml_node *mapping, const char *key);

/* Schemas of rows, and what reads the parts of files that are more than rows. */
extern const struct schema facts_limit_schema, facts_header_schema, facts_route_schema,
    facts_stream_schema, facts_terms_schema, facts_signal_schema, facts_model_schema,
    facts_dropped_schema, facts_provider_schema;
struct fact_quirk *facts_read_quirks(struct facts_reader *reader, const struct yaml_node *node,
                                     uint32_t *ret_count);
bool facts_read_provider(struct facts_reader *reader, const struct yaml_node *root,
                         struct fact_provider *ret_provider);
