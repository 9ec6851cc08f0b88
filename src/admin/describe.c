// SPDX-License-Identifier: Apache-2.0
/*
 * What is served, told row by row.
 *
 * Why from the tables: a description that stands beside what it describes is wrong after the next change. Here a row is found by the
 * same table that routes requests, its query and body are checked by the same members that are written out, and tests hold every
 * answer against its schema. Promises: each row once, each schema once. Leaves to others: the form (openapi.c, cli/).
 */
#include "admin/describe.h"

#include "base/check.h"
#include "gateway/endpoint_docs.h"

#include <stdio.h>

static void each_row(const struct endpoint_part *part,
                     void (*each)(void *context, const struct endpoint *row), void *context) {
    for (uint32_t i = 0; i < part->count; i++)
        each(context, &part->rows[i]);
}

void describe_each(void (*each)(void *context, const struct endpoint *row), void *context) {
    const struct endpoint_part own = endpoint_own();
    each_row(&own, each, context);
    for (uint32_t i = 0; i < admin_part_count; i++)
        each_row(admin_parts[i], each, context);
}

/* Of the ways to write a path (endpoint_normalise) the one that clients' manuals show. */
void describe_path(const struct endpoint *row, char *text, size_t size) {
    const char *base = row->access == ACCESS_CLIENT ? "/v1" : "";
    const char *star = strchr(row->path, '*');
    int length;
    if (star == NULL)
        length = snprintf(text, size, "%s%s", base, row->path);
    else
        length = snprintf(text, size, "%s%.*s{%s}%s", base, (int)(star - row->path), row->path,
                          row->doc->rest, star + 1);
    check(length > 0 && (size_t)length < size);
}

const char *describe_method(const struct endpoint *row) {
    switch (row->methods & ~(unsigned)METHOD_HEAD) {
    case METHOD_GET:
        return "get";
    case METHOD_POST:
        return "post";
    case METHOD_PUT:
        return "put";
    case METHOD_PATCH:
        return "patch";
    case METHOD_DELETE:
        return "delete";
    default:
        return NULL;
    }
}

struct found {
    const struct schema **schemas;
    uint32_t count;
};

static void add(struct found *found, const struct schema *schema) {
    if (schema == NULL)
        return;
    for (uint32_t i = 0; i < found->count; i++)
        if (found->schemas[i] == schema)
            return;
    check(found->count < DESCRIBE_SCHEMAS_MAX);
    found->schemas[found->count++] = schema;
    for (const struct schema_member *member = schema->members; member->name != NULL; member++)
        add(found, member->of);
}

static void add_of_row(void *context, const struct endpoint *row) {
    add(context, row->doc->takes);
    add(context, row->doc->gives);
}

uint32_t describe_schemas(const struct schema *ret_schemas[DESCRIBE_SCHEMAS_MAX]) {
    struct found found = {.schemas = ret_schemas};
    add(&found, &schema_error);
    describe_each(add_of_row, &found);
    return found.count;
}
