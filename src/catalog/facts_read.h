// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Reading the catalog's files (src/catalog/facts, docs/internals/catalog.md) into `struct facts`.
 *
 * The build compiles the files of this tree into facts_built_in with it; tests and catalogs that come later from outside use the
 * same. Everything wrong is reported, each with its place and the nearest word that is known, not only the first.
 */
#include "base/arena.h"
#include "base/dynbuf.h"
#include "catalog/facts.h"

#define FACTS_FILES_MAX      256
#define FACTS_ROWS_MAX       1024 /* of one list */
#define FACTS_WORDS_MAX      128  /* of one list of words inside a row */
#define FACTS_TEXT_MAX_BYTES 1024
#define FACTS_AMOUNT_MAX     UINT64_C(1000000000000000) /* 10^15, in the unit's smallest part */
#define FACTS_COMPLAINTS_MAX 200
#define FACTS_ARENA_MAX_BYTES \
    ((size_t)64 * 1024 * 1024) /* enough for every set of files within the caps above */
#define FACTS_MONTH_MS     (UINT64_C(31) * 24 * 3600 * 1000)
#define FACTS_SOURCES_FILE "sources.yaml"
#define FACTS_MODELS_FILE  "models.yaml"
#define FACTS_DROPPED_FILE "dropped.yaml"

struct facts_file {
    struct span
        name; /* "groq.yaml": a provider's is its id; may stand behind a path, which messages keep */
    struct span bytes;
};

struct facts_complaint {
    const char *file;
    unsigned line, column; /* 1-based; 0 = the file as a whole */
    const char *text;      /* what is wrong and what is known */
};

struct facts_report {
    struct facts_complaint complaints[FACTS_COMPLAINTS_MAX];
    uint32_t count; /* of all; the array holds the first ones */
};

/* Texts, tables and complaints live in the arena; the files' bytes may go. ERR_INVALID: the report says why, *ret_facts is
 * untouched. ERR_TOO_LARGE: the arena's cap was reached. */
int facts_read(const struct facts_file *files, size_t count, struct arena *arena,
               struct facts *ret_facts, struct facts_report *report) WARN_UNUSED;
/* "groq.yaml:12:3: unknown field 'amout' of a limit; did you mean ...?", one line each. */
int facts_report_write(const struct facts_report *report, struct dynbuf *out) WARN_UNUSED;
