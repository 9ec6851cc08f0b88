// SPDX-License-Identifier: Apache-2.0
/*
 * The tree: its shape, its places, its bounds.
 *
 * Trees are compared by a rendering: scalars as their text (in quotes when they were quoted), lists in [], mappings in
 * {}, each node followed by @line:column.
 */
#include "base/check.h"
#include "base/dynbuf.h"
#include "base/mem.h"
#include "yaml/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void render(struct dynbuf *out, const struct yaml_node *node) {
    static const char *const brackets[][2] = {{"", ""}, {"[", "]"}, {"{", "}"}};
    uint32_t count = 0;
    assert_int_equal(dynbuf_append_text(out, brackets[node->type][0]), 0);
    if (node->type == YAML_SCALAR)
        assert_int_equal(
            dynbuf_append_format(out, node->plain ? "%.*s" : "'%.*s'", SPAN_ARG(node->text)), 0);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        if (count++ > 0)
            assert_int_equal(dynbuf_append_char(out, ' '), 0);
        assert_true((child->key != NULL) == (node->type == YAML_MAPPING));
        if (child->key != NULL)
            assert_int_equal(dynbuf_append_format(out, "%.*s@%u:%u=", SPAN_ARG(child->key->text),
                                                  child->key->line, child->key->column),
                             0);
        render(out, child);
    }
    assert_int_equal(node->count, count);
    assert_int_equal(
        dynbuf_append_format(out, "%s@%u:%u", brackets[node->type][1], node->line, node->column),
        0);
}

static const struct {
    const char *text, *tree;
} accepted[] = {
    {"a", "a@1:1"},
    {"a: 1", "{a@1:1=1@1:4}@1:1"},
    {"a: 1\nb: 'x'\n", "{a@1:1=1@1:4 b@2:1='x'@2:4}@1:1"},
    {"- a\n- \"b\"\n", "[a@1:3 'b'@2:3]@1:1"},
    {"a: [1, {b: c}]\n", "{a@1:1=[1@1:5 {b@1:9=c@1:12}@1:8]@1:4}@1:1"},
    {"{\"a\": [true, null], \"b\": {}}", "{a@1:2=[true@1:8 null@1:14]@1:7 b@1:21={}@1:26}@1:1"},
    {"\xEF\xBB\xBF"
     "a: b",
     "{a@1:1=b@1:4}@1:1"},
    {"a:\n  b: |\n    text\n    more\n", "{a@1:1={b@2:3='text\nmore\n'@2:6}@2:3}@1:1"},
    {"%YAML 1.1\n---\na: b\n...\n", "{a@3:1=b@3:4}@3:1"},
    {"\xC3\xA4: \xE2\x82\xAC # x\n\xC3\xA4\xC3\xA4: y",
     "{\xC3\xA4@1:1=\xE2\x82\xAC@1:4 \xC3\xA4\xC3\xA4@2:1=y@2:5}@1:1"},
    {"a: b\r\nc: d\r\n", "{a@1:1=b@1:4 c@2:1=d@2:4}@1:1"},
    {"url: http://[::1]:8000/v1#x", "{url@1:1=http://[::1]:8000/v1#x@1:6}@1:1"},
    {"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[]@1:16]@1:15]@1:14]@1:13]@1:12]@1:11]@1:"
                                         "10]@1:9]@1:8]@1:7]@1:6]@1:5]@1:4]@1:3]@1:2]@1:1"},
};

static void builds_trees(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(accepted); i++) {
        struct arena arena;
        struct yaml_node *root = NULL;
        struct yaml_error error;
        struct dynbuf tree;
        arena_init(&arena, NULL, 0, 1024 * 1024);
        dynbuf_init(&tree, 65536);
        char *copy = mem_strdup(accepted[i].text);
        if (yaml_parse(span_text(copy), &arena, &root, &error) < 0)
            fail_msg("refused: %s: %s", accepted[i].text, error.text);
        mem_free(copy);
        render(&tree, root);
        if (!span_is(dynbuf_span(&tree), accepted[i].tree))
            fail_msg("for %s got %.*s", accepted[i].text, SPAN_ARG(dynbuf_span(&tree)));
        dynbuf_done(&tree);
        arena_reset(&arena);
    }
}

static const struct {
    const char *text;
    size_t len;
    int err;
    unsigned line, column;
    const char *part; /* of the message */
} refused[] = {
#define ROW(literal, ...) \
    { literal, sizeof(literal) - 1, __VA_ARGS__ }
    ROW("a: [", ERR_INVALID, 2, 1, "not valid YAML"),
    ROW("a: &x 1", ERR_UNSUPPORTED, 1, 4, "anchor"),
    ROW("a: &x [1]", ERR_UNSUPPORTED, 1, 4, "anchor"),
    ROW("a: &x {b: 1}\nc: *x", ERR_UNSUPPORTED, 1, 4, "anchor"),
    ROW("a: *x", ERR_UNSUPPORTED, 1, 4, "alias"),
    ROW("*x : 1", ERR_UNSUPPORTED, 1, 1, "alias"),
    ROW("a: !!int 1", ERR_UNSUPPORTED, 1, 4, "tag"),
    ROW("a: !t [1]", ERR_UNSUPPORTED, 1, 4, "tag"),
    ROW("a: ! {b: c}", ERR_UNSUPPORTED, 1, 4, "tag"),
    ROW("a\n---\nb", ERR_UNSUPPORTED, 2, 1, "second YAML document"),
    ROW("x:\n  a: 1\n  b: 2\n  a: 3\n", ERR_DUPLICATE, 4, 3, "the first one is at 2:3"),
    ROW("{[a]: b}", ERR_UNSUPPORTED, 1, 2, "a name must be a single value, not a list"),
    ROW("? {a: b}\n: c", ERR_UNSUPPORTED, 1, 3, "not a mapping"),
    ROW("[[[[[[[[[[[[[[[[[", ERR_DEPTH, 1, 17, "nested more than 16"),
    ROW("a: b\n\tc: d", ERR_INVALID, 2, 1, "tab"),
    ROW("a: \xFF", ERR_UTF8, 1, 4, "UTF-8"),
    ROW("a: 1\n\xC3\xA4: \xC3\x28", ERR_UTF8, 2, 5, "UTF-8"),
    ROW("a: \xED\xA0\x80", ERR_UTF8, 1, 4, "UTF-8"),
    ROW("a: \x01", ERR_INVALID, 1, 4, "control characters"),
    ROW("a: b\0c", ERR_INVALID, 1, 5, "control characters"),
    ROW("\xFF\xFE"
        "a\0",
        ERR_UTF8, 1, 1, "UTF-8"),
};

static void refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(refused); i++) {
        struct arena arena;
        struct yaml_node *root = NULL;
        struct yaml_error error;
        arena_init(&arena, NULL, 0, 1024 * 1024);
        int err = yaml_parse(span_of(refused[i].text, refused[i].len), &arena, &root, &error);
        if (err != refused[i].err || error.line != refused[i].line ||
            error.column != refused[i].column ||
            !span_contains(span_text(error.text), refused[i].part))
            fail_msg("%s: got %s at %u:%u: %s", refused[i].text, err_name(err), error.line,
                     error.column, error.text);
        assert_int_equal(error.err, err);
        assert_null(root);
        arena_reset(&arena);
    }
}

static int parse_repeated(const char *part, size_t count, size_t arena_bytes,
                          struct yaml_error *ret_error) {
    struct dynbuf text;
    struct arena arena;
    struct yaml_node *root;
    dynbuf_init(&text, 4 * YAML_TEXT_MAX_BYTES);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(dynbuf_append_format(&text, part, (unsigned)i), 0);
    arena_init(&arena, NULL, 0, arena_bytes);
    int err = yaml_parse(dynbuf_span(&text), &arena, &root, ret_error);
    arena_reset(&arena);
    dynbuf_done(&text);
    return err;
}

static void keeps_its_bounds(void **state) {
    struct yaml_error error;
    (void)state;
    assert_int_equal(parse_repeated("k%u: x\n", YAML_KEYS_MAX, 64 << 20, &error), 0);
    assert_int_equal(parse_repeated("k%u: x\n", YAML_KEYS_MAX + 1, 64 << 20, &error),
                     ERR_TOO_LARGE);
    assert_int_equal(error.line, YAML_KEYS_MAX + 1);
    assert_int_equal(parse_repeated("- x #%u\n", 1000, 64 << 20, &error), 0);
    assert_int_equal(parse_repeated("- x #%u\n", 1000, 16384, &error), ERR_TOO_LARGE);
    assert_int_equal(parse_repeated("#%9u\n", YAML_TEXT_MAX_BYTES / 11 + 1, 64 << 20, &error),
                     ERR_TOO_LARGE);
    assert_int_equal(parse_repeated("- \n", YAML_NODES_MAX, 64 << 20, &error), ERR_TOO_LARGE);
    assert_non_null(error.text);
}

static void tells_nothing_from_something(void **state) {
    static const struct {
        const char *text;
        bool null;
    } rows[] = {{"[~]", true},   {"[null]", true},      {"[Null]", true}, {"- \n", true},
                {"['']", false}, {"[\"null\"]", false}, {"[no]", false},  {"[[]]", false}};
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct arena arena;
        struct yaml_node *root = NULL;
        struct yaml_error error;
        arena_init(&arena, NULL, 0, 65536);
        assert_int_equal(yaml_parse(span_text(rows[i].text), &arena, &root, &error), 0);
        assert_int_equal(yaml_is_null(root->first), rows[i].null);
        arena_reset(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_trees),
        cmocka_unit_test(refuses),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(tells_nothing_from_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
