// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of endpoints: what each row must have so that it can be served, checked and described; and that each is described.
 */
#include "admin/describe.h"
#include "base/check.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROWS_MAX 200

struct rows {
    const struct endpoint *rows[ROWS_MAX];
    uint32_t count;
};

static void collect(void *context, const struct endpoint *row) {
    struct rows *rows = context;
    assert_true(rows->count < ROWS_MAX);
    rows->rows[rows->count++] = row;
}

static void check_members(const struct schema_member *members, const char *where) {
    for (const struct schema_member *member = members; member->name != NULL; member++) {
        if (member->about == NULL || *member->about == '\0')
            fail_msg("%s.%s says nothing about itself", where, member->name);
        assert_int_equal(member->type == SCHEMA_OBJECT, member->of != NULL);
        assert_int_equal(member->type == SCHEMA_WORD, member->words != NULL);
        assert_true(member->most == 0 || member->least <= member->most);
        for (const struct schema_member *other = member + 1; other->name != NULL; other++)
            assert_string_not_equal(member->name, other->name);
    }
}

static void test_rows_are_whole(void **state) {
    struct rows all = {.count = 0};
    (void)state;
    describe_each(collect, &all);
    assert_true(all.count > 15);
    for (uint32_t i = 0; i < all.count; i++) {
        const struct endpoint *row = all.rows[i];
        print_message("%s\n", row->path);
        assert_non_null(row->doc);
        assert_non_null(row->doc->operation);
        assert_true(row->about != NULL && *row->about != '\0');
        assert_non_null(describe_method(row)); /* one method beside HEAD */
        assert_true((row->surface != NULL) != (row->answer != NULL));
        assert_int_equal(strchr(row->path, '*') != NULL, row->doc->rest != NULL);
        assert_int_equal(strncmp(row->path, "/admin/", 7) == 0, row->access == ACCESS_ADMIN);
        if (row->doc->query != NULL)
            check_members(row->doc->query, row->path);
        for (const struct schema_member *member = row->doc->query;
             member != NULL && member->name != NULL; member++)
            assert_true(member->type != SCHEMA_OBJECT && member->type != SCHEMA_ANY &&
                        (member->flags & SCHEMA_LIST) == 0);
        for (uint32_t j = 0; j < i; j++) {
            assert_string_not_equal(row->doc->operation, all.rows[j]->doc->operation);
            if (strcmp(row->path, all.rows[j]->path) == 0)
                assert_int_equal(row->methods & all.rows[j]->methods, 0);
        }
    }
}

/* A row that an earlier one hides would never be served. */
static void test_rows_are_found(void **state) {
    struct rows all = {.count = 0};
    (void)state;
    describe_each(collect, &all);
    for (uint32_t i = 0; i < all.count; i++) {
        char path[200];
        const char *star = strchr(all.rows[i]->path, '*');
        int before =
            star != NULL ? (int)(star - all.rows[i]->path) : (int)strlen(all.rows[i]->path);
        (void)snprintf(path, sizeof path, "%.*s%s%s", before, all.rows[i]->path,
                       star != NULL ? "x" : "", star != NULL ? star + 1 : "");
        struct endpoint_match match =
            endpoint_find(admin_parts, admin_part_count, span_text(path), all.rows[i]->methods);
        if (match.endpoint != all.rows[i])
            fail_msg("%s is hidden", all.rows[i]->path);
    }
}

static void test_schemas_are_whole(void **state) {
    const struct schema *schemas[DESCRIBE_SCHEMAS_MAX];
    (void)state;
    uint32_t count = describe_schemas(schemas);
    assert_true(count > 15);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(schemas[i]->about != NULL && *schemas[i]->about != '\0');
        check_members(schemas[i]->members, schemas[i]->name);
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(schemas[i]->name, schemas[j]->name);
    }
}

static void test_every_row_is_described(void **state) {
    struct rows all = {.count = 0};
    struct json_doc doc;
    struct arena arena;
    struct dynbuf out;
    uint32_t operations = 0;
    (void)state;
    describe_each(collect, &all);
    arena_init(&arena, NULL, 0, 16 * 1024 * 1024);
    dynbuf_init(&out, ADMIN_ANSWER_MAX_BYTES);
    assert_int_equal(describe_openapi(&out), 0);
    assert_int_equal(json_parse(&doc, dynbuf_span(&out), &arena, NULL), 0);
    struct json_value paths = json_get(json_top(&doc), "paths");
    for (uint32_t i = 0; i < all.count; i++) {
        char path[200];
        describe_path(all.rows[i], path, sizeof path);
        struct json_value operation = json_get(json_get(paths, path), describe_method(all.rows[i]));
        assert_true(
            json_string_is(json_get(operation, "operationId"), all.rows[i]->doc->operation));
    }
    for (struct json_iter it = json_each(paths); json_next(&it);)
        operations += json_count(it.value);
    assert_int_equal(operations, all.count);
    dynbuf_done(&out);
    arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_rows_are_found),
        cmocka_unit_test(test_schemas_are_whole),
        cmocka_unit_test(test_every_row_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
