// SPDX-License-Identifier: Apache-2.0
/*
 * Golden files, read and replayed.
 *
 * Why one reader: each golden test has sections of its own, but the form of the files is one, so that who reads one can read all.
 * Promises: every case of every file runs, or the test fails. Leaves to others: what sections mean.
 */
#include "support/golden.h"

#include "base/check.h"
#include "base/mem.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)

struct reader {
    const char *const *names;
    void (*run)(void *context, const struct golden_case *golden);
    void *context;
    struct golden_case golden;
    struct span *open;
    unsigned cases;
};

static void close_section(struct reader *reader, const char *end) {
    struct span *section = reader->open;
    if (section == NULL)
        return;
    section->len = (size_t)(end - section->ptr);
    while (section->len > 0 && section->ptr[section->len - 1] == '\n')
        section->len--;
    reader->open = NULL;
}

static void close_case(struct reader *reader) {
    if (reader->golden.name[0] != '\0')
        reader->run(reader->context, &reader->golden);
}

static void open_case(struct reader *reader, struct span name) {
    const char *file = reader->golden.file;
    close_case(reader);
    reader->golden = (struct golden_case){.file = file};
    (void)snprintf(reader->golden.name, sizeof reader->golden.name, "%.*s", SPAN_ARG(name));
    reader->cases++;
}

static void open_section(struct reader *reader, struct span name, const char *begin) {
    size_t i = 0;
    while (reader->names[i] != NULL && !span_is(name, reader->names[i]))
        i++;
    if (reader->names[i] == NULL || i >= GOLDEN_SECTIONS_MAX)
        fail_msg("%s: %s: unknown section %.*s", reader->golden.file, reader->golden.name,
                 SPAN_ARG(name));
    reader->open = &reader->golden.sections[i];
    *reader->open = span_of(begin, 0);
}

static void run_text(struct reader *reader, struct span text) {
    struct span line;
    const char *end = text.ptr + text.len;
    while (span_split(&text, '\n', &line)) {
        bool is_case = span_starts_with(line, "=== ");
        if (!is_case && !span_starts_with(line, "== "))
            continue;
        close_section(reader, line.ptr);
        if (is_case)
            open_case(reader, span_of(line.ptr + 4, line.len - 4));
        else
            open_section(reader, span_of(line.ptr + 3, line.len - 3), line.ptr + line.len + 1);
    }
    close_section(reader, end);
    close_case(reader);
}

static void run_file(struct reader *reader, const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = mem_alloc(FILE_MAX_BYTES);
    size_t length = fread(text, 1, FILE_MAX_BYTES, file);
    assert_true(length > 0 && length < FILE_MAX_BYTES);
    (void)fclose(file);
    reader->golden = (struct golden_case){.file = strrchr(path, '/') + 1};
    run_text(reader, span_of(text, length));
    mem_free(text);
}

static int is_text(const struct dirent *entry) {
    return span_ends_with(span_text(entry->d_name), ".txt");
}

unsigned golden_run(const char *folder, const char *const *names,
                    void (*run)(void *context, const struct golden_case *golden), void *context) {
    struct reader reader = {.names = names, .run = run, .context = context};
    struct dirent **entries;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/tests/golden/%s", PAPI_SOURCE_DIR, folder);
    int count = scandir(path, &entries, is_text, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/tests/golden/%s/%s", PAPI_SOURCE_DIR, folder,
                       entries[i]->d_name);
        run_file(&reader, path);
        free(entries[i]);
    }
    free(entries);
    return reader.cases;
}

bool golden_expect(const struct golden_case *golden, const char *what, struct span expected,
                   struct span actual) {
    while (actual.len > 0 && actual.ptr[actual.len - 1] == '\n')
        actual.len--;
    if (span_absent(expected) || span_equal(actual, expected))
        return true;
    (void)fprintf(stderr, /* print_error cuts long texts */
                  "%s: %s: %s differs\n--- expected\n%.*s\n--- actual\n%.*s\n---\n", golden->file,
                  golden->name, what, SPAN_ARG(expected), SPAN_ARG(actual));
    return false;
}
