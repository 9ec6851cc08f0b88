// SPDX-License-Identifier: Apache-2.0
/*
 * /_mock/...: statistics, scripts, what was received, a fresh start.
 *
 * Scripts are JSON; a scenario's file may be YAML too, which is turned into JSON with the place of each value kept, so that a mistake is
 * told with line and column of the file as it was written. Promises: a script with a mistake says where and what is nearest; the scripts before
 * it in a list have been applied. Leaves to others: what scripts mean (fake/script.c).
 */
#include "mock/server.h"

#include "base/check.h"
#include "yaml/yaml.h"

struct place {
    unsigned line, column;
};

/* Where each value of the JSON stands in the text it was made from: by index of node, in order. */
struct places {
    struct place *items; /* borrowed: arena */
    uint32_t count, capacity;
};

/* --- places --- */

static struct place place_in_text(struct json_value value) {
    struct place place = {1, 1};
    struct span raw = json_raw(value);
    const char *text = value.doc->text.ptr;
    for (const char *at = text; at < raw.ptr; at++) {
        place.column++;
        if (*at == '\n')
            place = (struct place){place.line + 1, 1};
    }
    return place;
}

static const char *with_place(const struct fake_problem *problem, const struct places *places,
                              struct arena *arena) {
    if (!json_present(problem->at))
        return problem->text;
    struct place place = places != NULL && problem->at.index < places->count
                             ? places->items[problem->at.index]
                             : place_in_text(problem->at);
    return arena_format(arena, "line %u, column %u: %s", place.line, place.column, problem->text);
}

static int apply_json(struct mock *mock, struct span text, struct arena *arena,
                      const struct places *places, const char **ret_problem) {
    struct json_doc doc;
    struct json_error error;
    struct fake_problem problem = {0};
    if (json_parse(&doc, text, arena, &error) < 0) {
        *ret_problem =
            arena_format(arena, "line %u, column %u: %s", error.line, error.column, error.what);
        return ERR_INVALID;
    }
    struct json_value top = json_top(&doc);
    int err = 0;
    if (!json_is(top, JSON_ARRAY))
        err = fake_script(mock->world, top, arena, &problem);
    else
        for (struct json_iter it = json_each(top); err == 0 && json_next(&it);)
            err = fake_script(mock->world, it.value, arena, &problem);
    if (err < 0)
        *ret_problem = with_place(&problem, places, arena);
    return err;
}

int mock_apply_script(struct mock *mock, struct span text, struct arena *arena,
                      const char **ret_problem) {
    return apply_json(mock, text, arena, NULL, ret_problem);
}

/* --- YAML --- */

static void note_place(struct places *places, const struct yaml_node *node) {
    check(places->count < places->capacity);
    places->items[places->count++] = (struct place){node->line, node->column};
}

static int write_scalar(const struct yaml_node *node, struct dynbuf *out) {
    static const char *const trues[] = {"true", "yes", "on"};
    static const char *const falses[] = {"false", "no", "off"};
    for (size_t i = 0; node->plain && i < array_length(trues); i++) {
        if (span_is(node->text, trues[i]))
            return dynbuf_append_text(out, "true");
        if (span_is(node->text, falses[i]))
            return dynbuf_append_text(out, "false");
    }
    if (yaml_is_null(node))
        return dynbuf_append_text(out, "null");
    bool digits = node->text.len > 0 && strchr("-0123456789", node->text.ptr[0]) != NULL;
    if (node->plain && digits && json_validate(node->text) == 0)
        return dynbuf_append_span(out, node->text);
    return json_write_string(out, node->text);
}

/* As JSON, noting the place of each value in the order that json_parse gives them numbers. The depth is the reader's: at most YAML_DEPTH_MAX. */
static int write_node(const struct yaml_node *node, struct places *places, struct dynbuf *out) {
    bool mapping = node->type == YAML_MAPPING;
    note_place(places, node);
    if (node->type == YAML_SCALAR)
        return write_scalar(node, out);
    int err = dynbuf_append_text(out, mapping ? "{" : "[");
    for (const struct yaml_node *child = node->first; child != NULL && err == 0;
         child = child->next) {
        if (child != node->first)
            err = dynbuf_append_text(out, ",");
        if (err == 0 && mapping) {
            note_place(places, child->key);
            err = json_write_string(out, child->key->text);
        }
        if (err == 0 && mapping)
            err = dynbuf_append_text(out, ":");
        if (err == 0)
            err = write_node(child, places, out);
    }
    return err == 0 ? dynbuf_append_text(out, mapping ? "}" : "]") : err;
}

static int apply_yaml(struct mock *mock, struct span text, struct arena *arena,
                      const char **ret_problem) {
    struct yaml_node *root = NULL;
    struct yaml_error error;
    struct places places = {.capacity = YAML_NODES_MAX * 2};
    struct dynbuf json;
    if (yaml_parse(text, arena, &root, &error) < 0) {
        *ret_problem =
            arena_format(arena, "line %u, column %u: %s", error.line, error.column, error.text);
        return ERR_INVALID;
    }
    places.items = arena_try_alloc(arena, places.capacity * sizeof *places.items);
    if (root == NULL || places.items == NULL) {
        *ret_problem = "line 1, column 1: there is nothing in it";
        return ERR_INVALID;
    }
    dynbuf_init(&json, YAML_TEXT_MAX_BYTES * 8);
    int err = write_node(root, &places, &json);
    if (err == 0)
        err = apply_json(mock, dynbuf_span(&json), arena, &places, ret_problem);
    dynbuf_done(&json);
    return err;
}

int mock_apply_file(struct mock *mock, struct span text, struct arena *arena,
                    const char **ret_problem) {
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n", text.ptr[i]) != NULL && text.ptr[i] != '\0')
            continue;
        if (text.ptr[i] == '{' || text.ptr[i] == '[')
            return mock_apply_script(mock, text, arena, ret_problem);
        return apply_yaml(mock, text, arena, ret_problem);
    }
    *ret_problem = "line 1, column 1: there is nothing in it";
    return ERR_INVALID;
}

/* --- paths --- */

static void answer_stats(struct mock *mock, struct http_exchange *exchange) {
    struct dynbuf body;
    dynbuf_init(&body, MOCK_OUT_MAX_BYTES);
    fake_world_advance(mock->world, loop_now_ns(mock->loop));
    if (fake_write_stats(mock->world, &body) == 0)
        mock_answer(exchange, 200, dynbuf_span(&body));
    else
        http_exchange_abort(exchange);
    dynbuf_done(&body);
}

static void answer_script(struct mock *mock, struct http_exchange *exchange) {
    struct arena arena;
    const char *problem = NULL;
    arena_init(&arena, NULL, 0, MOCK_ARENA_MAX_BYTES);
    fake_world_advance(mock->world, loop_now_ns(mock->loop));
    if (http_exchange_body(exchange) == NULL)
        mock_answer_problem(exchange, 400, "a script is expected as the body");
    else if (mock_apply_script(mock, http_body_bytes(http_exchange_body(exchange)), &arena,
                               &problem) < 0)
        mock_answer_problem(exchange, 400, problem != NULL ? problem : "the script cannot be read");
    else
        mock_answer(exchange, 200, SPAN_LITERAL("{\"ok\":true}\n"));
    arena_reset(&arena);
}

static void answer_reset(struct mock *mock, struct http_exchange *exchange) {
    fake_world_reset(mock->world);
    mock_kept_clear(mock);
    mock_answer(exchange, 200, SPAN_LITERAL("{\"ok\":true}\n"));
}

static void answer_requests(struct mock *mock, struct http_exchange *exchange) {
    struct span query = http_exchange_request(exchange)->query;
    struct span provider = SPAN_NONE;
    struct dynbuf body;
    if (span_starts_with(query, "provider="))
        provider = span_of(query.ptr + 9, query.len - 9);
    dynbuf_init(&body, MOCK_OUT_MAX_BYTES);
    if (mock_kept_write(mock, provider, &body) == 0)
        mock_answer(exchange, 200, dynbuf_span(&body));
    else
        http_exchange_abort(exchange);
    dynbuf_done(&body);
}

static const struct {
    const char *method, *path;
    void (*answer)(struct mock *mock, struct http_exchange *exchange);
} paths[] = {
    {"GET", "/_mock/stats", answer_stats},
    {"GET", "/_mock/requests", answer_requests},
    {"POST", "/_mock/script", answer_script},
    {"POST", "/_mock/reset", answer_reset},
};

bool mock_steer(struct mock *mock, struct http_exchange *exchange) {
    const struct http_request *http = http_exchange_request(exchange);
    for (size_t i = 0; i < array_length(paths); i++)
        if (span_is(http->path, paths[i].path) && span_is(http->method, paths[i].method)) {
            paths[i].answer(mock, exchange);
            return true;
        }
    return false;
}
