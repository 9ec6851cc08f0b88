// SPDX-License-Identifier: Apache-2.0
/*
 * GET /openapi.json: the API and the admin plane as OpenAPI 3.1.
 *
 * HEAD and OPTIONS are left out: every path that has GET has HEAD, every path has OPTIONS. Promises: valid OpenAPI, made from the
 * tables at each call. Leaves to others: what there is to describe (describe.c).
 */
#include "admin/describe.h"

#include "base/check.h"
#include "gateway/endpoint_docs.h"

#include <stdio.h>

static void put_type(struct json_writer *writer, const char *type, unsigned flags) {
    if ((flags & SCHEMA_NULLABLE) == 0) {
        json_put_word(writer, "type", type);
        return;
    }
    json_open_list(writer, "type");
    json_put_word(writer, NULL, type);
    json_put_word(writer, NULL, "null");
    json_close_list(writer);
}

static void put_reference(struct json_writer *writer, const struct schema *schema) {
    char text[96];
    (void)snprintf(text, sizeof text, "#/components/schemas/%s", schema->name);
    json_put_word(writer, "$ref", text);
}

static void put_words(struct json_writer *writer, const char *words, unsigned flags) {
    struct span rest = span_text(words), word;
    json_open_list(writer, "enum");
    while (span_split(&rest, '|', &word))
        json_put_text(writer, NULL, word);
    if ((flags & SCHEMA_NULLABLE) != 0)
        json_put_null(writer, NULL);
    json_close_list(writer);
}

static void put_bounds(struct json_writer *writer, const struct schema_member *member,
                       const char *least, const char *most) {
    json_put_u64(writer, least, member->least);
    if (member->most > 0)
        json_put_u64(writer, most, member->most);
}

/* The members of one value's schema, without brackets. */
static void put_value(struct json_writer *writer, const struct schema_member *member,
                      unsigned flags) {
    switch (member->type) {
    case SCHEMA_TEXT:
        put_type(writer, "string", flags);
        put_bounds(writer, member, "minLength", "maxLength");
        break;
    case SCHEMA_WORD:
        put_type(writer, "string", flags);
        put_words(writer, member->words, flags);
        break;
    case SCHEMA_TIME:
        put_type(writer, "string", flags);
        json_put_word(writer, "format", "date-time");
        break;
    case SCHEMA_WHOLE:
        put_type(writer, "integer", flags);
        put_bounds(writer, member, "minimum", "maximum");
        break;
    case SCHEMA_NUMBER:
        put_type(writer, "number", flags);
        break;
    case SCHEMA_FLAG:
        put_type(writer, "boolean", flags);
        break;
    case SCHEMA_OBJECT:
        if ((flags & SCHEMA_NULLABLE) == 0) {
            put_reference(writer, member->of);
            break;
        }
        json_open_list(writer, "anyOf");
        json_open_object(writer, NULL);
        put_reference(writer, member->of);
        json_close_object(writer);
        json_open_object(writer, NULL);
        json_put_word(writer, "type", "null");
        json_close_object(writer);
        json_close_list(writer);
        break;
    case SCHEMA_ANY:
        break;
    }
}

static void put_member(struct json_writer *writer, const char *name,
                       const struct schema_member *member) {
    json_open_object(writer, name);
    if ((member->flags & SCHEMA_LIST) != 0) {
        put_type(writer, "array", member->flags);
        json_open_object(writer, "items");
        put_value(writer, member, 0);
        json_close_object(writer);
    } else {
        put_value(writer, member, member->flags);
    }
    json_put_word(writer, "description", member->about);
    if ((member->flags & SCHEMA_SECRET) != 0)
        json_put_word(writer, "format", "password");
    json_close_object(writer);
}

static void put_schema(struct json_writer *writer, const struct schema *schema) {
    json_open_object(writer, schema->name);
    json_put_word(writer, "type", "object");
    json_put_word(writer, "description", schema->about);
    json_open_object(writer, "properties");
    for (const struct schema_member *member = schema->members; member->name != NULL; member++)
        put_member(writer, member->name, member);
    json_close_object(writer);
    json_open_list(writer, "required");
    for (const struct schema_member *member = schema->members; member->name != NULL; member++)
        if ((member->flags & SCHEMA_OPTIONAL) == 0)
            json_put_word(writer, NULL, member->name);
    json_close_list(writer);
    json_put_flag(writer, "additionalProperties", schema->open);
    json_close_object(writer);
}

/* --- operations --- */

static void put_parameters(struct json_writer *writer, const struct endpoint_doc *doc) {
    json_open_list(writer, "parameters");
    if (doc->rest != NULL) {
        json_open_object(writer, NULL);
        json_put_word(writer, "name", doc->rest);
        json_put_word(writer, "in", "path");
        json_put_flag(writer, "required", true);
        json_open_object(writer, "schema");
        json_put_word(writer, "type", "string");
        json_put_u64(writer, "minLength", 1);
        json_close_object(writer);
        json_close_object(writer);
    }
    for (const struct schema_member *member = doc->query; member != NULL && member->name != NULL;
         member++) {
        json_open_object(writer, NULL);
        json_put_word(writer, "name", member->name);
        json_put_word(writer, "in", "query");
        json_put_word(writer, "description", member->about);
        json_put_flag(writer, "required", (member->flags & SCHEMA_OPTIONAL) == 0);
        json_open_object(writer, "schema");
        put_value(writer, member, 0);
        json_close_object(writer);
        json_close_object(writer);
    }
    json_close_list(writer);
}

static void open_content(struct json_writer *writer, const char *type) {
    json_open_object(writer, "content");
    json_open_object(writer, type);
    json_open_object(writer, "schema");
}

static void close_content(struct json_writer *writer) {
    json_close_object(writer);
    json_close_object(writer);
    json_close_object(writer);
}

static void put_page_members(struct json_writer *writer, const struct schema *of) {
    const struct schema_member members[] = {
        M_WORD("object", 0, "list", "what this is"),
        M_OBJECT("data", SCHEMA_LIST, of, "a page of them"),
        M_FLAG("has_more", 0, "there are more behind next_cursor"),
        M_TEXT("next_cursor", SCHEMA_NULLABLE, "for ?cursor= of the next call"),
    };
    json_put_word(writer, "type", "object");
    json_open_object(writer, "properties");
    for (size_t i = 0; i < array_length(members); i++)
        put_member(writer, members[i].name, &members[i]);
    json_close_object(writer);
    json_open_list(writer, "required");
    for (size_t i = 0; i < array_length(members); i++)
        json_put_word(writer, NULL, members[i].name);
    json_close_list(writer);
    json_put_flag(writer, "additionalProperties", false);
}

static void put_good_answer(struct json_writer *writer, const struct endpoint *row) {
    const struct endpoint_doc *doc = row->doc;
    char status[16];
    (void)snprintf(status, sizeof status, "%d", doc->status > 0 ? doc->status : 200);
    json_open_object(writer, status);
    json_put_word(writer, "description", row->about);
    open_content(writer, doc->gives_type != NULL ? doc->gives_type : "application/json");
    if (doc->gives == NULL)
        json_put_word(writer, "type", doc->gives_type != NULL ? "string" : "object");
    else if (doc->gives_list)
        put_page_members(writer, doc->gives);
    else
        put_reference(writer, doc->gives);
    json_close_object(writer);
    json_close_object(writer);
    if (doc->streams) {
        json_open_object(writer, "text/event-stream");
        json_open_object(writer, "schema");
        json_put_word(writer, "type", "string");
        json_close_object(writer);
        json_close_object(writer);
    }
    json_close_object(writer);
    json_close_object(writer);
}

static void put_answers(struct json_writer *writer, const struct endpoint *row) {
    json_open_object(writer, "responses");
    put_good_answer(writer, row);
    json_open_object(writer, "default");
    json_put_word(writer, "description", "refused or failed, and why");
    if (row->access == ACCESS_PUBLIC) {
        open_content(writer, "text/plain");
        json_put_word(writer, "type", "string");
    } else {
        open_content(writer, "application/json");
        put_reference(writer, &schema_error);
    }
    close_content(writer);
    json_close_object(writer);
    json_close_object(writer);
}

static const char *tag_of(const struct endpoint *row) {
    switch (row->access) {
    case ACCESS_ADMIN:
        return "admin";
    case ACCESS_CLIENT:
        return strncmp(row->path, "/papi/", 6) == 0 ? "papi" : "openai";
    default:
        return "probes";
    }
}

static void put_operation(struct json_writer *writer, const struct endpoint *row) {
    const struct endpoint_doc *doc = row->doc;
    json_open_object(writer, describe_method(row));
    json_put_word(writer, "operationId", doc->operation);
    json_put_word(writer, "summary", row->about);
    json_open_list(writer, "tags");
    json_put_word(writer, NULL, tag_of(row));
    json_close_list(writer);
    put_parameters(writer, doc);
    if (doc->takes != NULL) {
        json_open_object(writer, "requestBody");
        json_put_flag(writer, "required", !doc->takes_optional);
        open_content(writer, "application/json");
        put_reference(writer, doc->takes);
        close_content(writer);
        json_close_object(writer);
    }
    put_answers(writer, row);
    if (row->access == ACCESS_PUBLIC || row->access == ACCESS_PAGE) {
        json_open_list(writer, "security");
        json_close_list(writer);
    }
    json_close_object(writer);
}

/* --- the whole --- */

struct paths {
    const struct endpoint *rows[DESCRIBE_ROWS_MAX];
    uint32_t count;
};

static void collect(void *context, const struct endpoint *row) {
    struct paths *paths = context;
    check(paths->count < DESCRIBE_ROWS_MAX);
    paths->rows[paths->count++] = row;
}

static bool is_first_of_path(const struct paths *paths, uint32_t index) {
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(paths->rows[i]->path, paths->rows[index]->path) == 0)
            return false;
    return true;
}

static void put_paths(struct json_writer *writer) {
    struct paths paths = {.count = 0};
    char path[160];
    describe_each(collect, &paths);
    json_open_object(writer, "paths");
    for (uint32_t i = 0; i < paths.count; i++) {
        if (!is_first_of_path(&paths, i))
            continue;
        describe_path(paths.rows[i], path, sizeof path);
        json_open_object(writer, path);
        for (uint32_t j = i; j < paths.count; j++)
            if (strcmp(paths.rows[j]->path, paths.rows[i]->path) == 0)
                put_operation(writer, paths.rows[j]);
        json_close_object(writer);
    }
    json_close_object(writer);
}

static void put_components(struct json_writer *writer) {
    const struct schema *schemas[DESCRIBE_SCHEMAS_MAX];
    uint32_t count = describe_schemas(schemas);
    json_open_object(writer, "components");
    json_open_object(writer, "schemas");
    for (uint32_t i = 0; i < count; i++)
        put_schema(writer, schemas[i]);
    json_close_object(writer);
    json_open_object(writer, "securitySchemes");
    json_open_object(writer, "key");
    json_put_word(writer, "type", "http");
    json_put_word(writer, "scheme", "bearer");
    json_put_word(writer, "description",
                  "a client's key, sk-papi-...; for /admin an admin token, sk-papi-admin-... Needs "
                  "neither: open mode for all but /admin, and the socket papi.sock.");
    json_close_object(writer);
    json_close_object(writer);
    json_close_object(writer);
}

int describe_openapi(struct dynbuf *out) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_open_object(&writer, NULL);
    json_put_word(&writer, "openapi", "3.1.0");
    json_open_object(&writer, "info");
    json_put_word(&writer, "title", "PAPI");
    json_put_word(&writer, "version", PAPI_VERSION);
    json_put_word(
        &writer, "description",
        "One API for many providers of language models, and the admin API of whoever runs "
        "it. What has GET has HEAD too, and everything has OPTIONS.");
    json_close_object(&writer);
    json_open_list(&writer, "security");
    json_open_object(&writer, NULL);
    json_open_list(&writer, "key");
    json_close_list(&writer);
    json_close_object(&writer);
    json_open_object(&writer, NULL);
    json_close_object(&writer);
    json_close_list(&writer);
    put_paths(&writer);
    put_components(&writer);
    json_close_object(&writer);
    return writer.err;
}

static int answer_openapi(struct request *r) {
    struct dynbuf body;
    dynbuf_init(&body, ADMIN_ANSWER_MAX_BYTES);
    return respond_body(r, 200, "application/json", describe_openapi(&body), &body);
}

static const struct endpoint_doc openapi_doc = {.operation = "getDescription"};
static const struct endpoint rows[] = {
    {"/openapi.json", METHODS_READ, ACCESS_PAGE, NULL, answer_openapi,
     "this description, OpenAPI 3.1", &openapi_doc},
};
const struct endpoint_part admin_openapi_part = {rows, array_length(rows)};
