// SPDX-License-Identifier: Apache-2.0
/*
 * Compiles the catalog's files into constant C tables: gen_catalog OUT.c FILE.yaml...
 *
 * Why tables and not a file read at start: the program needs no file beside it, a bad row fails the build and not somebody's
 * start, and the pages are shared and read-only. It runs while building, on the machine that builds; docs/decisions/0006 says more.
 * Each struct is described by a list of its members in order. Before writing, the lists are compared with the structs' own layout,
 * so that a member added to a struct and forgotten here stops the build instead of being zero for ever.
 * Promises: the same files give the same bytes; OUT.c is written only when all is well. Leaves to others: reading and checking
 * (catalog/facts_read.h).
 */
#include "base/check.h"
#include "base/mem.h"
#include "catalog/facts_read.h"
#include "catalog/facts_words.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX_BYTES ((size_t)1024 * 1024)
#define OUT_MAX_BYTES  ((size_t)64 * 1024 * 1024)

/* --- members --- */

enum member_type {
    MEMBER_TEXT, /* const char * */
    MEMBER_LIST, /* const char *const *, ends in NULL; may be NULL */
    MEMBER_BOOL,
    MEMBER_U16,
    MEMBER_U32,
    MEMBER_U64,
    MEMBER_ENUM,     /* written by name */
    MEMBER_STATUSES, /* const uint16_t *, ends in 0 */
    MEMBER_PART,     /* a struct inside */
    MEMBER_ROWS      /* a pointer to rows; how many stands in a uint32_t at `count_offset` */
};

struct member {
    const char *name;
    enum member_type type;
    size_t offset, size, alignment;
    const char *const *enum_names; /* MEMBER_ENUM */
    const struct shape *shape;     /* MEMBER_PART, MEMBER_ROWS */
    size_t count_offset;           /* MEMBER_ROWS */
};

struct shape {
    const char *name; /* "struct fact_limit" */
    size_t size;
    const struct member *members;
    size_t count;
};

#define OF(type, member, kind, names, shape, count)                         \
    {                                                                       \
#member, kind, offsetof(type, member), sizeof(((type *)0)->member), \
            alignof(__typeof__(((type *)0)->member)), names, shape, count   \
    }
#define TEXT(type, member)        OF(type, member, MEMBER_TEXT, NULL, NULL, 0)
#define LIST(type, member)        OF(type, member, MEMBER_LIST, NULL, NULL, 0)
#define BOOL(type, member)        OF(type, member, MEMBER_BOOL, NULL, NULL, 0)
#define U16(type, member)         OF(type, member, MEMBER_U16, NULL, NULL, 0)
#define U32(type, member)         OF(type, member, MEMBER_U32, NULL, NULL, 0)
#define U64(type, member)         OF(type, member, MEMBER_U64, NULL, NULL, 0)
#define ENUM(type, member, names) OF(type, member, MEMBER_ENUM, names, NULL, 0)
#define PART(type, member, shape) OF(type, member, MEMBER_PART, NULL, shape, 0)
#define ROWS(type, member, count, shape) \
    OF(type, member, MEMBER_ROWS, NULL, shape, offsetof(type, count))
#define SHAPE(type, members) \
    { #type, sizeof(type), members, array_length(members) }

/* --- names of enums, from the tables that make them --- */

#define NAME(name, ...)         [name] = #name,
#define NAMES(list, table, end) static const char *const list[] = {table(NAME) end}
#define END(name)               [name] = #name, NULL
#define NO_END                  NULL
NAMES(kind_names, FACT_KIND_TABLE, NO_END);
NAMES(status_names, FACT_STATUS_TABLE, NO_END);
NAMES(route_status_names, FACT_ROUTE_STATUS_TABLE, NO_END);
NAMES(charge_names, FACT_CHARGE_TABLE, NO_END);
NAMES(tells_names, FACT_TELLS_TABLE, NO_END);
NAMES(form_names, FACT_FORM_TABLE, NO_END);
NAMES(unit_names, LIMIT_UNIT_TABLE, END(LIMIT_UNIT_COUNT));
NAMES(shape_names, LIMIT_SHAPE_TABLE, NO_END);
NAMES(scope_names, LIMIT_SCOPE_TABLE, NO_END);
NAMES(class_names, FACT_CLASS_TABLE, NO_END);
NAMES(about_names, FACT_ABOUT_TABLE, NO_END);
NAMES(until_names, FACT_UNTIL_TABLE, NO_END);
NAMES(match_names, FACT_MATCH_TABLE, NO_END);
NAMES(rule_names, FACT_RULE_TABLE, NO_END);
NAMES(quirk_names, FACT_QUIRK_TABLE, NO_END);
static const char *const tri_names[] = {"FACT_UNKNOWN", "FACT_NO", "FACT_YES", NULL};
static const char *const confidence_names[] = {"FACT_LOW", "FACT_MEDIUM", "FACT_HIGH", NULL};

/* --- shapes --- */

static const struct member evidence_members[] = {
    TEXT(struct fact_evidence, source),
    TEXT(struct fact_evidence, note),
    ENUM(struct fact_evidence, confidence, confidence_names),
};
static const struct shape evidence_shape = SHAPE(struct fact_evidence, evidence_members);

static const struct member limit_members[] = {
    ENUM(struct fact_limit, unit, unit_names),
    ENUM(struct fact_limit, shape, shape_names),
    ENUM(struct fact_limit, scope, scope_names),
    BOOL(struct fact_limit, shape_known),
    BOOL(struct fact_limit, refused_count),
    U64(struct fact_limit, amount),
    U64(struct fact_limit, window_ms),
    TEXT(struct fact_limit, zone),
    TEXT(struct fact_limit, unit_word),
    LIST(struct fact_limit, models),
    LIST(struct fact_limit, tasks),
    TEXT(struct fact_limit, plan),
    PART(struct fact_limit, evidence, &evidence_shape),
};
static const struct shape limit_shape = SHAPE(struct fact_limit, limit_members);

static const struct member header_members[] = {
    TEXT(struct fact_header, name),
    ENUM(struct fact_header, tells, tells_names),
    ENUM(struct fact_header, form, form_names),
    ENUM(struct fact_header, unit, unit_names),
    BOOL(struct fact_header, any_unit),
    U64(struct fact_header, window_ms),
    ENUM(struct fact_header, scope, scope_names),
    BOOL(struct fact_header, errors_only),
    BOOL(struct fact_header, note),
    PART(struct fact_header, evidence, &evidence_shape),
};
static const struct shape header_shape = SHAPE(struct fact_header, header_members);

static const struct member match_members[] = {
    ENUM(struct fact_match, kind, match_names),
    ENUM(struct fact_match, rule, rule_names),
    TEXT(struct fact_match, path),
    LIST(struct fact_match, values),
};
static const struct shape match_shape = SHAPE(struct fact_match, match_members);

static const struct member signal_members[] = {
    ENUM(struct fact_signal, class, class_names),
    OF(struct fact_signal, statuses, MEMBER_STATUSES, NULL, NULL, 0),
    ROWS(struct fact_signal, matches, match_count, &match_shape),
    U32(struct fact_signal, match_count),
    ENUM(struct fact_signal, about, about_names),
    ENUM(struct fact_signal, until, until_names),
    U64(struct fact_signal, least_ms),
    U64(struct fact_signal, most_ms),
    U64(struct fact_signal, window_ms),
    ENUM(struct fact_signal, unit, unit_names),
    U64(struct fact_signal, told_least_ms),
    TEXT(struct fact_signal, wait_path),
    BOOL(struct fact_signal, retry_once),
    BOOL(struct fact_signal, strip_named),
    TEXT(struct fact_signal, strip),
    BOOL(struct fact_signal, note),
    PART(struct fact_signal, evidence, &evidence_shape),
};
static const struct shape signal_shape = SHAPE(struct fact_signal, signal_members);

static const struct member quirk_members[] = {
    ENUM(struct fact_quirk, kind, quirk_names),
    TEXT(struct fact_quirk, field),
    TEXT(struct fact_quirk, value),
    LIST(struct fact_quirk, models),
    PART(struct fact_quirk, evidence, &evidence_shape),
};
static const struct shape quirk_shape = SHAPE(struct fact_quirk, quirk_members);

static const struct member route_members[] = {
    TEXT(struct fact_route, model),
    TEXT(struct fact_route, upstream),
    U64(struct fact_route, context_tokens),
    U64(struct fact_route, output_tokens_max),
    ENUM(struct fact_route, status, route_status_names),
    TEXT(struct fact_route, since),
    U64(struct fact_route, cost_input_micro),
    U64(struct fact_route, cost_output_micro),
    PART(struct fact_route, evidence, &evidence_shape),
};
static const struct shape route_shape = SHAPE(struct fact_route, route_members);

static const struct member plan_members[] = {
    TEXT(struct fact_plan, name),
    TEXT(struct fact_plan, about),
};
static const struct shape plan_shape = SHAPE(struct fact_plan, plan_members);

static const struct member stream_members[] = {
    TEXT(struct fact_stream, usage),
    LIST(struct fact_stream, reasoning),
    LIST(struct fact_stream, extras),
    TEXT(struct fact_stream, tool_calls),
    ENUM(struct fact_stream, done_mark, tri_names),
    ENUM(struct fact_stream, comments, tri_names),
    TEXT(struct fact_stream, comment),
    TEXT(struct fact_stream, errors),
    TEXT(struct fact_stream, finish),
};
static const struct shape stream_shape = SHAPE(struct fact_stream, stream_members);

static const struct member terms_members[] = {
    ENUM(struct fact_terms, card, tri_names),
    ENUM(struct fact_terms, phone, tri_names),
    ENUM(struct fact_terms, real_name, tri_names),
    ENUM(struct fact_terms, trains, tri_names),
    ENUM(struct fact_terms, logs, tri_names),
    ENUM(struct fact_terms, third_party, tri_names),
    ENUM(struct fact_terms, production, tri_names),
    ENUM(struct fact_terms, commercial, tri_names),
    ENUM(struct fact_terms, minors, tri_names),
    TEXT(struct fact_terms, regions),
    TEXT(struct fact_terms, note),
};
static const struct shape terms_shape = SHAPE(struct fact_terms, terms_members);

static const struct member provider_members[] = {
    TEXT(struct fact_provider, id),
    TEXT(struct fact_provider, name),
    TEXT(struct fact_provider, short_id),
    ENUM(struct fact_provider, kind, kind_names),
    ENUM(struct fact_provider, status, status_names),
    BOOL(struct fact_provider, on),
    BOOL(struct fact_provider, keyless_safe),
    LIST(struct fact_provider, env),
    LIST(struct fact_provider, env_extra),
    TEXT(struct fact_provider, dialect),
    TEXT(struct fact_provider, unusable),
    TEXT(struct fact_provider, base_url),
    LIST(struct fact_provider, other_base_urls),
    TEXT(struct fact_provider, native_api),
    TEXT(struct fact_provider, native_about),
    TEXT(struct fact_provider, auth_header),
    TEXT(struct fact_provider, auth_scheme),
    TEXT(struct fact_provider, key_prefix),
    ENUM(struct fact_provider, key_is_billed, tri_names),
    TEXT(struct fact_provider, key_url),
    TEXT(struct fact_provider, key_note),
    LIST(struct fact_provider, optional_headers),
    ENUM(struct fact_provider, charge, charge_names),
    TEXT(struct fact_provider, default_plan),
    ROWS(struct fact_provider, plans, plan_count, &plan_shape),
    U32(struct fact_provider, plan_count),
    PART(struct fact_provider, terms, &terms_shape),
    ROWS(struct fact_provider, limits, limit_count, &limit_shape),
    ROWS(struct fact_provider, headers, header_count, &header_shape),
    ROWS(struct fact_provider, signals, signal_count, &signal_shape),
    ROWS(struct fact_provider, quirks, quirk_count, &quirk_shape),
    ROWS(struct fact_provider, routes, route_count, &route_shape),
    U32(struct fact_provider, limit_count),
    U32(struct fact_provider, header_count),
    U32(struct fact_provider, signal_count),
    U32(struct fact_provider, quirk_count),
    U32(struct fact_provider, route_count),
    PART(struct fact_provider, stream, &stream_shape),
    TEXT(struct fact_provider, error_shape),
    LIST(struct fact_provider, accepts),
    LIST(struct fact_provider, endpoints),
    LIST(struct fact_provider, native_endpoints),
    LIST(struct fact_provider, not_told),
    TEXT(struct fact_provider, key_probe),
    ENUM(struct fact_provider, probe_proves_key, tri_names),
    ENUM(struct fact_provider, probe_costs_quota, tri_names),
    TEXT(struct fact_provider, probe_note),
    TEXT(struct fact_provider, quota_endpoint),
    LIST(struct fact_provider, quota_fields),
    U64(struct fact_provider, quota_cached_ms),
    ENUM(struct fact_provider, quota_costs_quota, tri_names),
    TEXT(struct fact_provider, quota_note),
    PART(struct fact_provider, evidence, &evidence_shape),
};
static const struct shape provider_shape = SHAPE(struct fact_provider, provider_members);

static const struct member model_members[] = {
    TEXT(struct fact_model, id),
    TEXT(struct fact_model, kind),
    TEXT(struct fact_model, family),
    LIST(struct fact_model, aliases),
    U64(struct fact_model, context_tokens),
    U64(struct fact_model, output_tokens_max),
    BOOL(struct fact_model, text),
    BOOL(struct fact_model, image),
    BOOL(struct fact_model, audio),
    BOOL(struct fact_model, video),
    ENUM(struct fact_model, tools, tri_names),
    ENUM(struct fact_model, reasoning, tri_names),
    ENUM(struct fact_model, json_object, tri_names),
    ENUM(struct fact_model, json_schema, tri_names),
    TEXT(struct fact_model, reasoning_levels),
    U32(struct fact_model, dimensions),
    U16(struct fact_model, quality),
    BOOL(struct fact_model, quality_estimated),
    TEXT(struct fact_model, quality_source),
    PART(struct fact_model, evidence, &evidence_shape),
};
static const struct shape model_shape = SHAPE(struct fact_model, model_members);

static const struct member dropped_members[] = {
    TEXT(struct fact_dropped, id),
    TEXT(struct fact_dropped, name),
    TEXT(struct fact_dropped, reason),
    TEXT(struct fact_dropped, since),
    ROWS(struct fact_dropped, routes, route_count, &route_shape),
    U32(struct fact_dropped, route_count),
    PART(struct fact_dropped, evidence, &evidence_shape),
};
static const struct shape dropped_shape = SHAPE(struct fact_dropped, dropped_members);

static const struct member facts_members[] = {
    TEXT(struct facts, compiled),
    ROWS(struct facts, providers, provider_count, &provider_shape),
    ROWS(struct facts, models, model_count, &model_shape),
    ROWS(struct facts, dropped, dropped_count, &dropped_shape),
    U32(struct facts, provider_count),
    U32(struct facts, model_count),
    U32(struct facts, dropped_count),
};
static const struct shape facts_shape = SHAPE(struct facts, facts_members);

/* Nothing of a struct may be missing above: each member begins where the one before ends, but for alignment. */
static void check_shape(const struct shape *shape) {
    size_t end = 0;
    size_t alignment = 1;
    for (size_t i = 0; i < shape->count; i++) {
        const struct member *member = &shape->members[i];
        size_t expected = (end + member->alignment - 1) / member->alignment * member->alignment;
        if (member->offset != expected) {
            (void)fprintf(stderr, "gen_catalog: %s has a member before %s that is not listed\n",
                          shape->name, member->name);
            exit(2);
        }
        end = member->offset + member->size;
        alignment = member->alignment > alignment ? member->alignment : alignment;
        if (member->shape != NULL)
            check_shape(member->shape);
    }
    if ((end + alignment - 1) / alignment * alignment != shape->size) {
        (void)fprintf(stderr, "gen_catalog: %s has a member at its end that is not listed\n",
                      shape->name);
        exit(2);
    }
}

/* --- writing --- */

static void put(struct dynbuf *out, const char *text) {
    if (dynbuf_append_text(out, text) < 0)
        exit(2);
}

#define put_format(out, ...)                            \
    do {                                                \
        if (dynbuf_append_format(out, __VA_ARGS__) < 0) \
            exit(2);                                    \
    } while (0)

static void put_text(struct dynbuf *out, const char *text) {
    put(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\' || byte == '?') /* '?': no trigraphs */
            put_format(out, "\\%c", *text);
        else if (byte < 0x20 || byte >= 0x7f)
            put_format(out, "\\%03o", byte);
        else
            put_format(out, "%c", *text);
    }
    put(out, "\"");
}

static void put_list(struct dynbuf *out, const char *const *list) {
    if (list == NULL) {
        put(out, "NULL");
        return;
    }
    put(out, "(const char *const[]){");
    for (; *list != NULL; list++) {
        put_text(out, *list);
        put(out, ", ");
    }
    put(out, "NULL}");
}

static void put_statuses(struct dynbuf *out, const uint16_t *statuses) {
    put(out, "(const uint16_t[]){");
    for (; *statuses != 0; statuses++)
        put_format(out, "%u, ", *statuses);
    put(out, "0}");
}

static void put_enum(struct dynbuf *out, const struct member *member, const void *at) {
    unsigned value;
    unsigned known = 0;
    memcpy(&value, at, sizeof value);
    while (member->enum_names[known] != NULL)
        known++;
    check(value < known);
    put(out, member->enum_names[value]);
}

static void put_number(struct dynbuf *out, const struct member *member, const void *at) {
    if (member->type == MEMBER_U16) { /* also arrays */
        put(out, "{");
        for (size_t i = 0; i < member->size / sizeof(uint16_t); i++)
            put_format(out, "%u, ", ((const uint16_t *)at)[i]);
        put(out, "}");
    } else if (member->type == MEMBER_U32) {
        put_format(out, "%u", *(const uint32_t *)at);
    } else {
        put_format(out, "UINT64_C(%llu)", (unsigned long long)*(const uint64_t *)at);
    }
}

static void put_struct(struct dynbuf *out, const struct shape *shape, const void *row);

static void put_rows(struct dynbuf *out, const struct member *member, const void *row) {
    const char *rows;
    uint32_t count;
    memcpy(&rows, (const char *)row + member->offset, sizeof rows);
    memcpy(&count, (const char *)row + member->count_offset, sizeof count);
    if (count == 0) {
        put(out, "NULL");
        return;
    }
    put_format(out, "(const %s[]){\n", member->shape->name);
    for (uint32_t i = 0; i < count; i++) {
        put_struct(out, member->shape, rows + i * member->shape->size);
        put(out, ",\n");
    }
    put(out, "}");
}

static void put_member(struct dynbuf *out, const struct member *member, const void *row) {
    const char *at = (const char *)row + member->offset;
    const void *pointer = NULL;
    switch (member->type) {
    case MEMBER_TEXT:
    case MEMBER_LIST:
    case MEMBER_STATUSES:
        memcpy(&pointer, at, sizeof pointer);
        if (member->type == MEMBER_TEXT)
            put_text(out, pointer != NULL ? pointer : "");
        else if (member->type == MEMBER_LIST)
            put_list(out, pointer);
        else
            put_statuses(out, pointer);
        return;
    case MEMBER_BOOL:
        put(out, *(const bool *)at ? "true" : "false");
        return;
    case MEMBER_U16:
    case MEMBER_U32:
    case MEMBER_U64:
        put_number(out, member, at);
        return;
    case MEMBER_ENUM:
        put_enum(out, member, at);
        return;
    case MEMBER_PART:
        put_struct(out, member->shape, at);
        return;
    case MEMBER_ROWS:
        put_rows(out, member, row);
        return;
    }
}

static void put_struct(struct dynbuf *out, const struct shape *shape, const void *row) {
    put(out, "{");
    for (size_t i = 0; i < shape->count; i++) {
        put_format(out, ".%s = ", shape->members[i].name);
        put_member(out, &shape->members[i], row);
        put(out, ", ");
    }
    put(out, "}");
}

/* --- the program --- */

/* The bytes live as long as the program. */
static bool read_file(const char *path, struct facts_file *ret_file) {
    FILE *file = fopen(path, "rb");
    char *bytes = mem_alloc(FILE_MAX_BYTES);
    size_t length = 0;
    bool good = file != NULL;
    if (good) {
        length = fread(bytes, 1, FILE_MAX_BYTES, file);
        good = ferror(file) == 0 && length < FILE_MAX_BYTES;
    }
    if (file != NULL)
        (void)fclose(file);
    if (!good)
        (void)fprintf(stderr, "gen_catalog: %s cannot be read\n", path);
    *ret_file = (struct facts_file){span_text(path), span_of(bytes, length)};
    return good;
}

static bool write_file(const char *path, struct span text) {
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(text.ptr, 1, text.len, file) == text.len;
    if (file != NULL)
        good = fclose(file) == 0 && good;
    if (!good)
        (void)fprintf(stderr, "gen_catalog: %s cannot be written\n", path);
    return good;
}

static void complain(const struct facts_report *report, int err) {
    struct dynbuf text;
    dynbuf_init(&text, OUT_MAX_BYTES);
    if (facts_report_write(report, &text) == 0)
        (void)fwrite(dynbuf_span(&text).ptr, 1, text.len, stderr);
    (void)fprintf(stderr, "gen_catalog: %s\n", err_text(err));
}

int main(int argc, char **argv) {
    static struct facts_file files[FACTS_FILES_MAX];
    static struct facts_report report;
    struct facts facts;
    struct arena arena;
    struct dynbuf out;
    if (argc < 3 || argc - 2 > FACTS_FILES_MAX) {
        (void)fprintf(stderr, "usage: gen_catalog OUT.c FILE.yaml...\n");
        return 2;
    }
    check_shape(&facts_shape);
    for (int i = 2; i < argc; i++)
        if (!read_file(argv[i], &files[i - 2]))
            return 1;
    arena_init(&arena, NULL, 0, FACTS_ARENA_MAX_BYTES);
    int err = facts_read(files, (size_t)argc - 2, &arena, &facts, &report);
    if (err < 0) {
        complain(&report, err);
        return 1;
    }
    dynbuf_init(&out, OUT_MAX_BYTES);
    put(&out,
        "/* Made by tools/gen_catalog from src/catalog/facts. */\n#include \"catalog/facts.h\"\n\n"
        "const struct facts facts_built_in = ");
    put_struct(&out, &facts_shape, &facts);
    put(&out, ";\n");
    return write_file(argv[1], dynbuf_span(&out)) ? 0 : 1;
}
