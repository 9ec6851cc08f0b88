// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a set of catalog files.
 *
 * Files lean on each other: every row names its sources by the keys of sources.yaml, every route a model of models.yaml. So they are
 * read in that order, whatever order they come in: sources, models, dropped, then the providers in the order of their ids, which
 * is also the order of the tables that come out.
 * Promises: a file that libyaml refuses is one complaint and does not hide those of the others; after any complaint there are no
 * tables. Leaves to others: where files come from (tools/gen_catalog reads the tree's own).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

static struct span base_name(struct span path) {
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/')
            return span_of(path.ptr + i, path.len - i);
    return path;
}

/* NULL when the file is empty or was refused; both are complained about. */
static const struct yaml_node *parse(struct facts_reader *reader, const struct facts_file *file) {
    struct yaml_node *root = NULL;
    struct yaml_error error;
    struct span name = base_name(file->name);
    reader->file = arena_format(reader->arena, "%.*s", SPAN_ARG(file->name));
    reader->stem = span_of(name.ptr, name.len - (sizeof ".yaml" - 1));
    if (reader->file == NULL) {
        reader->full = true;
        return NULL;
    }
    if (yaml_parse(file->bytes, reader->arena, &root, &error) < 0) {
        const struct yaml_node at = {.line = error.line, .column = error.column};
        facts_complain(reader, &at, "%s", error.text != NULL ? error.text : err_text(error.err));
        return NULL;
    }
    if (root == NULL || root->type != YAML_MAPPING) {
        facts_complain(reader, root, "the file must hold a mapping");
        return NULL;
    }
    return root;
}

/* The files with this name, or providers for NULL. */
static bool is_named(const struct facts_file *file, const char *name) {
    struct span base = base_name(file->name);
    if (name != NULL)
        return span_is(base, name);
    return !span_is(base, FACTS_SOURCES_FILE) && !span_is(base, FACTS_MODELS_FILE) &&
           !span_is(base, FACTS_DROPPED_FILE);
}

/* --- sources.yaml --- */

struct source_entry {
    const char *name, *date;
};

static const struct field source_fields[] = {
    REQUIRED("name", struct source_entry, name, FIELD_TEXT),
    FIELD(struct source_entry, date, FIELD_TEXT),
};
static const struct schema source_schema =
    SCHEMA("a source", struct source_entry, source_fields, NULL);

static void read_sources(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    (void)at;
    if (node->type != YAML_MAPPING || node->count > FACTS_ROWS_MAX) {
        facts_complain(reader, node, "sources are at most %d keys", FACTS_ROWS_MAX);
        return;
    }
    const char **keys = facts_alloc(reader, node->count * sizeof *keys);
    reader->source_texts = facts_alloc(reader, node->count * sizeof *keys);
    reader->sources = (struct word_list){.what = "source", .names = keys};
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        struct source_entry entry;
        facts_set_defaults(&source_schema, &entry);
        const char *key = facts_text(reader, child->key);
        if (!facts_read_row(reader, child, &source_schema, &entry) || key == NULL)
            continue;
        const char *text = arena_format(reader->arena, "%s%s%s", entry.name,
                                        entry.date[0] != '\0' ? ", " : "", entry.date);
        check(text != NULL); /* the row asked for room */
        keys[reader->sources.count] = key;
        reader->source_texts[reader->sources.count++] = text;
    }
}

/* --- the other files that are not a provider's --- */

static void read_models(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct facts *facts = at;
    facts->models = facts_read_rows(reader, node, &facts_model_schema, &facts->model_count);
    const char **ids = facts_alloc(reader, facts->model_count * sizeof *ids);
    for (uint32_t i = 0; i < facts->model_count; i++)
        ids[i] = facts->models[i].id;
    reader->model_ids = (struct word_list){"model", ids, facts->model_count};
}

static void read_dropped(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct facts *facts = at;
    facts->dropped = facts_read_rows(reader, node, &facts_dropped_schema, &facts->dropped_count);
}

static const struct field sources_file_fields[] = {
    REQUIRED("compiled", struct facts, compiled, FIELD_DATE),
    {"sources", FIELD_READ, true, 0, NULL, read_sources},
};
static const struct field models_file_fields[] = {
    {"models", FIELD_READ, true, 0, NULL, read_models},
};
static const struct field dropped_file_fields[] = {
    {"dropped", FIELD_READ, true, 0, NULL, read_dropped},
};

static const struct {
    const char *name;
    struct schema schema;
} common[] = {
    {FACTS_SOURCES_FILE, SCHEMA("this file", struct facts, sources_file_fields, NULL)},
    {FACTS_MODELS_FILE, SCHEMA("this file", struct facts, models_file_fields, NULL)},
    {FACTS_DROPPED_FILE, SCHEMA("this file", struct facts, dropped_file_fields, NULL)},
};

static void read_common(struct facts_reader *reader, const struct facts_file *files, size_t count,
                        struct facts *facts) {
    for (size_t i = 0; i < array_length(common); i++) {
        const struct facts_file *found = NULL;
        for (size_t k = 0; k < count; k++)
            if (is_named(&files[k], common[i].name))
                found = &files[k];
        reader->file = common[i].name;
        const struct yaml_node *root = found != NULL ? parse(reader, found) : NULL;
        if (found == NULL)
            facts_complain(reader, NULL, "this file is missing");
        else if (root != NULL)
            (void)facts_read_row(reader, root, &common[i].schema, facts);
    }
}

/* --- providers --- */

/* Into its place by id: facts_provider searches that order. */
static void insert(struct fact_provider *providers, uint32_t count,
                   const struct fact_provider *added) {
    while (count > 0 && span_order(span_text(providers[count - 1].id), span_text(added->id)) > 0) {
        providers[count] = providers[count - 1];
        count--;
    }
    providers[count] = *added;
}

static void read_providers(struct facts_reader *reader, const struct facts_file *files,
                           size_t count, struct facts *facts) {
    if (!facts_has_room(reader))
        return;
    struct fact_provider *providers = facts_alloc(reader, count * sizeof *providers);
    for (size_t i = 0; i < count && facts_has_room(reader); i++) {
        if (!is_named(&files[i], NULL))
            continue;
        struct fact_provider *one = facts_alloc(reader, sizeof *one);
        const struct yaml_node *root = parse(reader, &files[i]);
        if (root != NULL && facts_read_provider(reader, root, one))
            insert(providers, facts->provider_count++, one);
    }
    facts->providers = providers;
}

static bool check_files(struct facts_reader *reader, const struct facts_file *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        reader->file = arena_format(reader->arena, "%.*s", SPAN_ARG(files[i].name));
        if (!span_ends_with(files[i].name, ".yaml"))
            facts_complain(reader, NULL, "files of a catalog end in .yaml");
        for (size_t k = 0; k < i; k++)
            if (span_equal(base_name(files[i].name), base_name(files[k].name)))
                facts_complain(reader, NULL, "there are two files of this name");
    }
    return reader->report->count == 0;
}

int facts_read(const struct facts_file *files, size_t count, struct arena *arena,
               struct facts *ret_facts, struct facts_report *report) {
    struct facts_reader reader = {.arena = arena, .report = report, .file = "catalog"};
    struct facts facts = {.compiled = ""};
    report->count = 0;
    if (count > FACTS_FILES_MAX) {
        facts_complain(&reader, NULL, "more than %d files", FACTS_FILES_MAX);
        return ERR_INVALID;
    }
    if (!facts_has_room(&reader))
        return ERR_TOO_LARGE;
    if (!check_files(&reader, files, count))
        return ERR_INVALID;
    read_common(&reader, files, count, &facts);
    read_providers(&reader, files, count, &facts);
    if (reader.full)
        return ERR_TOO_LARGE;
    if (report->count > 0)
        return ERR_INVALID;
    *ret_facts = facts;
    return 0;
}

int facts_report_write(const struct facts_report *report, struct dynbuf *out) {
    int err = 0;
    uint32_t kept = report->count < FACTS_COMPLAINTS_MAX ? report->count : FACTS_COMPLAINTS_MAX;
    for (uint32_t i = 0; i < kept && err == 0; i++) {
        const struct facts_complaint *one = &report->complaints[i];
        err = dynbuf_append_format(out, "%s:%u:%u: %s\n", one->file, one->line, one->column,
                                   one->text);
    }
    if (err == 0 && report->count > kept)
        err = dynbuf_append_format(out, "and %u more\n", report->count - kept);
    return err;
}
