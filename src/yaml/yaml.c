// SPDX-License-Identifier: Apache-2.0
/*
 * From libyaml's events to a tree with places.
 *
 * Why a tree of our own: libyaml's loses nothing but is made for documents that refer to themselves; a configuration file is
 * a small plain tree, and what matters is that every complaint can name its line and column. So anchors, aliases and tags
 * are refused rather than followed, which also means that the tree is never larger than the text.
 * Shape: one loop takes events; containers stand on a short stack; a mapping holds back its key until the value comes.
 * Promises: bounded depth, nodes and keys; no recursion; no pointer into the text.
 * Leaves to others: what the values mean (config/).
 */
#include "yaml/yaml.h"

#include "base/check.h"

#include <yaml.h>

struct level {
    struct yaml_node *node;
    struct yaml_node *last; /* child added last */
    struct yaml_node *key;  /* mapping: key waiting for its value */
};

struct builder {
    yaml_parser_t parser;
    struct arena *arena; /* borrowed */
    struct yaml_error *error;
    struct span text;
    struct yaml_node *root;
    struct level levels[YAML_DEPTH_MAX];
    uint32_t depth;
    uint32_t nodes;
    unsigned documents;
};

#define refuse(builder, code, at_line, at_column, ...)                     \
    ((builder)->error->line = (unsigned)(at_line),                         \
     (builder)->error->column = (unsigned)(at_column),                     \
     (builder)->error->text = arena_format((builder)->arena, __VA_ARGS__), \
     (builder)->error->err = (code))

#define refuse_at(builder, code, mark, ...) \
    refuse(builder, code, (mark).line + 1, (mark).column + 1, __VA_ARGS__)

bool yaml_is_null(const struct yaml_node *node) {
    return node->type == YAML_SCALAR && node->plain &&
           (node->text.len == 0 || span_is(node->text, "~") || span_is_nocase(node->text, "null"));
}

const char *yaml_type_name(const struct yaml_node *node) {
    static const char *const names[] = {"a single value", "a list", "a mapping"};
    return names[node->type];
}

/* Where byte `offset` of the text is: for the reader's errors, which carry no mark. */
static int refuse_bytes(struct builder *b) {
    size_t offset = b->parser.problem_offset < b->text.len ? b->parser.problem_offset : b->text.len;
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        unsigned char byte = (unsigned char)b->text.ptr[i];
        if (byte == '\n') {
            line++;
            column = 1;
        } else if ((byte & 0xc0) != 0x80) {
            column++;
        }
    }
    bool control = span_contains(span_text(b->parser.problem), "control");
    return control ? refuse(b, ERR_INVALID, line, column, "control characters are not allowed")
                   : refuse(b, ERR_UTF8, line, column, "not valid UTF-8");
}

/* The byte at a mark; libyaml counts characters, so lines and columns are found again. */
static char byte_at(const struct builder *b, yaml_mark_t mark) {
    struct span rest = b->text, line = SPAN_NONE;
    for (size_t i = 0; i <= mark.line; i++)
        if (!span_split(&rest, '\n', &line))
            return '\0';
    size_t characters = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (((unsigned char)line.ptr[i] & 0xc0) == 0x80)
            continue;
        if (characters++ == mark.column)
            return line.ptr[i];
    }
    return '\0';
}

static int refuse_syntax(struct builder *b) {
    const yaml_parser_t *parser = &b->parser;
    if (parser->error == YAML_READER_ERROR)
        return refuse_bytes(b);
    if (parser->error == YAML_MEMORY_ERROR)
        return refuse(b, ERR_NOMEM, 0, 0, "out of memory");
    yaml_mark_t mark = parser->problem_mark;
    if (byte_at(b, mark) == '\t')
        return refuse_at(b, ERR_INVALID, mark, "a tab cannot indent YAML; use spaces");
    if (parser->context == NULL)
        return refuse_at(b, ERR_INVALID, mark, "not valid YAML: %s", parser->problem);
    return refuse_at(b, ERR_INVALID, mark, "not valid YAML: %s %s", parser->problem,
                     parser->context);
}

static struct yaml_node *node_new(struct builder *b, enum yaml_type type,
                                  const yaml_event_t *event) {
    struct yaml_node *node =
        b->nodes < YAML_NODES_MAX ? arena_try_alloc(b->arena, sizeof *node) : NULL;
    if (node == NULL) {
        (void)refuse_at(b, ERR_TOO_LARGE, event->start_mark, "more than %d values", YAML_NODES_MAX);
        return NULL;
    }
    b->nodes++;
    *node = (struct yaml_node){.type = type,
                               .line = (unsigned)event->start_mark.line + 1,
                               .column = (unsigned)event->start_mark.column + 1};
    return node;
}

static int take_key(struct builder *b, struct level *level, struct yaml_node *key) {
    if (key->type != YAML_SCALAR)
        return refuse(b, ERR_UNSUPPORTED, key->line, key->column,
                      "a name must be a single value, not %s", yaml_type_name(key));
    if (level->node->count >= YAML_KEYS_MAX)
        return refuse(b, ERR_TOO_LARGE, key->line, key->column, "more than %d names in one mapping",
                      YAML_KEYS_MAX);
    for (const struct yaml_node *child = level->node->first; child != NULL; child = child->next)
        if (span_equal(child->key->text, key->text))
            return refuse(b, ERR_DUPLICATE, key->line, key->column,
                          "'%.*s' is set twice; the first one is at %u:%u", SPAN_ARG(key->text),
                          child->key->line, child->key->column);
    level->key = key;
    return 0;
}

/* Puts a finished scalar or an opened container into what is open around it. */
static int place_node(struct builder *b, struct yaml_node *node) {
    if (b->depth == 0) {
        b->root = node;
        return 0;
    }
    struct level *level = &b->levels[b->depth - 1];
    if (level->node->type == YAML_MAPPING && level->key == NULL)
        return take_key(b, level, node);
    node->key = level->key;
    level->key = NULL;
    if (level->last == NULL)
        level->node->first = node;
    else
        level->last->next = node;
    level->last = node;
    level->node->count++;
    return 0;
}

static int refuse_decoration(struct builder *b, const yaml_event_t *event,
                             const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor != NULL)
        return refuse_at(
            b, ERR_UNSUPPORTED, event->start_mark,
            "'&' starts a YAML anchor, which is not supported; put the value in quotes");
    if (tag != NULL)
        return refuse_at(b, ERR_UNSUPPORTED, event->start_mark,
                         "'!' starts a YAML tag, which is not supported; put the value in quotes");
    return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event) {
    int err = refuse_decoration(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (err < 0)
        return err;
    struct yaml_node *node = node_new(b, YAML_SCALAR, event);
    if (node == NULL)
        return ERR_TOO_LARGE;
    struct span value = span_of((const char *)event->data.scalar.value, event->data.scalar.length);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (arena_copy(b->arena, value, &node->text) < 0)
        return refuse_at(b, ERR_TOO_LARGE, event->start_mark, "too much text");
    return place_node(b, node);
}

static int on_open(struct builder *b, const yaml_event_t *event, enum yaml_type type) {
    bool mapping = type == YAML_MAPPING;
    int err = refuse_decoration(
        b, event, mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
        mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    if (err < 0)
        return err;
    if (b->depth == YAML_DEPTH_MAX)
        return refuse_at(b, ERR_DEPTH, event->start_mark, "nested more than %d levels deep",
                         YAML_DEPTH_MAX);
    struct yaml_node *node = node_new(b, type, event);
    if (node == NULL)
        return ERR_TOO_LARGE;
    err = place_node(b, node);
    b->levels[b->depth++] = (struct level){.node = node};
    return err;
}

static int on_document(struct builder *b, const yaml_event_t *event) {
    if (b->documents++ > 0)
        return refuse_at(b, ERR_UNSUPPORTED, event->start_mark,
                         "a second YAML document; only one is read");
    return 0;
}

static int on_event(struct builder *b, const yaml_event_t *event) {
    switch ((int)event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(b, event);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, YAML_SEQUENCE);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, YAML_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        check(b->depth > 0);
        b->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse_at(
            b, ERR_UNSUPPORTED, event->start_mark,
            "'*' starts a YAML alias, which is not supported; put the value in quotes");
    default:
        return 0;
    }
}

static int run(struct builder *b) {
    bool at_end = false;
    int err = 0;
    while (err == 0 && !at_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event))
            return refuse_syntax(b);
        at_end = event.type == YAML_STREAM_END_EVENT;
        err = on_event(b, &event);
        yaml_event_delete(&event);
    }
    return err;
}

static struct span without_bom(struct span text) {
    return span_starts_with(text, "\xEF\xBB\xBF") ? span_of(text.ptr + 3, text.len - 3) : text;
}

int yaml_parse(struct span text, struct arena *arena, struct yaml_node **ret_root,
               struct yaml_error *ret_error) {
    struct builder b = {.arena = arena, .error = ret_error, .text = without_bom(text)};
    *ret_error = (struct yaml_error){0};
    if (text.len > YAML_TEXT_MAX_BYTES)
        return refuse(&b, ERR_TOO_LARGE, 0, 0, "larger than %d bytes", YAML_TEXT_MAX_BYTES);
    if (!yaml_parser_initialize(&b.parser))
        return refuse(&b, ERR_NOMEM, 0, 0, "out of memory");
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &b.parser, (const unsigned char *)(b.text.len > 0 ? b.text.ptr : ""), b.text.len);
    int err = run(&b);
    yaml_parser_delete(&b.parser);
    if (err < 0) {
        if (ret_error->text == NULL)
            ret_error->text = "too large";
        return err;
    }
    *ret_root = b.root;
    return 0;
}
