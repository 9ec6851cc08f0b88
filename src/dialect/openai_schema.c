// SPDX-License-Identifier: Apache-2.0
/*
 * Tools and the format of answers, as a provider's reading of JSON Schema allows.
 *
 * Why a walk: providers refuse a request for one keyword they do not know, at any depth, while a tool may well have a
 * parameter called "$schema" or "additionalProperties". So keywords are looked for only where JSON Schema has keywords: the
 * names inside `properties` and the like are not, nor is anything inside values that are data (enum, default, ...).
 * Promises: what no quirk speaks of stays as bytes, all tools in one piece when none needs a change; order is kept.
 * Leaves to others: what a schema means; a reference whose target is left out is the row's choice.
 * Source: JSON Schema 2020-12, core, sections 7 to 10; validation, section 6.
 */
#include "base/check.h"
#include "dialect/openai.h"

/* Keywords whose value maps names to schemas. */
static const char *const maps[] = {"properties", "patternProperties", "$defs", "definitions",
                                   "dependentSchemas"};
/* Keywords whose value is data. */
static const char *const data[] = {"enum",    "const",    "default",          "examples",
                                   "example", "required", "dependentRequired"};

static bool is_one_of(struct json_value key, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (json_string_is(key, names[i]))
            return true;
    return false;
}

static const char *unwanted(struct openai_writer *writer, struct json_value key) {
    for (size_t i = 0; i < writer->quirks->schema_name_count; i++)
        if (json_string_is(key, writer->quirks->schema_names[i]))
            return writer->quirks->schema_names[i];
    return NULL;
}

static void add_schema(struct openai_writer *writer, struct stitch *out, struct json_value schema);

/* The value of a keyword, or of a name in a map. Depth is bounded by the scanner's. */
static void add_value(struct openai_writer *writer, struct stitch *out, struct json_value key,
                      struct json_value value, bool in_map) {
    bool map = !in_map && is_one_of(key, maps, array_length(maps));
    if (!in_map && is_one_of(key, data, array_length(data))) {
        stitch_add(out, json_raw(value));
    } else if (map && json_is(value, JSON_OBJECT)) {
        const char *before = "{\"";
        for (struct json_iter it = json_each(value); json_next(&it); before = ",\"") {
            stitch_add(out, span_text(before));
            stitch_add(out, json_escaped(it.key));
            STITCH_LITERAL(out, "\":");
            add_value(writer, out, it.key, it.value, true);
        }
        stitch_add(out, json_count(value) == 0 ? SPAN_LITERAL("{}") : SPAN_LITERAL("}"));
    } else if (json_is(value, JSON_ARRAY)) {
        const char *before = "[";
        for (struct json_iter it = json_each(value); json_next(&it); before = ",") {
            stitch_add(out, span_text(before));
            add_schema(writer, out, it.value);
        }
        stitch_add(out, json_count(value) == 0 ? SPAN_LITERAL("[]") : SPAN_LITERAL("]"));
    } else {
        add_schema(writer, out, value);
    }
}

/* A schema: an object, or anything else as it is (true, false). */
static void add_schema(struct openai_writer *writer, struct stitch *out, struct json_value schema) {
    const char *before = "{\"";
    if (!json_is(schema, JSON_OBJECT)) {
        stitch_add(out, json_raw(schema));
        return;
    }
    for (struct json_iter it = json_each(schema); json_next(&it);) {
        const char *name = unwanted(writer, it.key);
        if (name != NULL) {
            dialect__openai_dropped(writer, name);
            continue;
        }
        stitch_add(out, span_text(before));
        stitch_add(out, json_escaped(it.key));
        STITCH_LITERAL(out, "\":");
        add_value(writer, out, it.key, it.value, false);
        before = ",\"";
    }
    stitch_add(out, before[0] == '{' ? SPAN_LITERAL("{}") : SPAN_LITERAL("}"));
}

static struct span schema_of(struct openai_writer *writer, struct json_value schema) {
    struct rope rope;
    struct stitch out;
    rope_init(&rope, writer->out.rope->arena);
    stitch_init_short(&out, &rope);
    add_schema(writer, &out, schema);
    stitch_flush(&out);
    return stitch_flatten(&rope);
}

static struct json_value parse(struct openai_writer *writer, struct span raw) {
    struct arena *arena = writer->out.rope->arena;
    struct json_doc *doc = arena_try_alloc(arena, sizeof *doc);
    if (doc != NULL && json_parse(doc, raw, arena, NULL) == 0)
        return json_top(doc);
    dialect__openai_no_room(&writer->out); /* the surface has checked that it is JSON */
    return (struct json_value){NULL, 0};
}

static bool drops_strict(const struct openai_writer *writer) {
    return writer->quirks->drop_strict || dialect__openai_strips(writer, SPAN_LITERAL("strict"));
}

/* An object that holds a schema and `strict`, both as the provider takes them. Absent: nothing to change. */
static struct span tidy(struct openai_writer *writer, struct json_value holder, const char *name) {
    struct json_value strict = json_get(holder, "strict");
    struct json_value schema = json_get(holder, name);
    struct json_edit edits[2];
    size_t count = 0;
    struct rope rope;
    if (json_present(strict) && drops_strict(writer)) {
        edits[count++] = (struct json_edit){"strict", SPAN_NONE};
        if (json_is(strict, JSON_TRUE))
            dialect__openai_dropped(writer, "strict");
    }
    if (writer->quirks->schema_name_count > 0 && json_is(schema, JSON_OBJECT)) {
        edits[count] = (struct json_edit){name, schema_of(writer, schema)};
        if (span_absent(edits[count++].replacement))
            dialect__openai_no_room(&writer->out);
    }
    if (count == 0)
        return SPAN_NONE;
    rope_init(&rope, writer->out.rope->arena);
    json_splice(holder, edits, count, &rope);
    struct span tidied = stitch_flatten(&rope);
    if (span_absent(tidied))
        dialect__openai_no_room(&writer->out);
    return tidied;
}

/* `outer` with the object it holds under `name` made tidy. */
static void add_holder(struct openai_writer *writer, struct stitch *out, struct json_value outer,
                       const char *name) {
    const char *schema_name = strcmp(name, "function") == 0 ? "parameters" : "schema";
    struct json_edit edit = {name, tidy(writer, json_get(outer, name), schema_name)};
    struct rope rope;
    if (span_absent(edit.replacement)) {
        stitch_add(out, json_raw(outer));
        return;
    }
    rope_init(&rope, writer->out.rope->arena);
    json_splice(outer, &edit, 1, &rope);
    stitch_add_rope(out, &rope);
}

/* A tool that did not come in this wire. */
static void write_tool(struct openai_writer *writer, struct stitch *out, const struct tool *tool) {
    STITCH_LITERAL(out, "{\"type\":\"function\",\"function\":{\"name\":\"");
    stitch_add(out, tool->name);
    if (!span_absent(tool->description)) {
        STITCH_LITERAL(out, "\",\"description\":\"");
        stitch_add(out, tool->description);
    }
    STITCH_LITERAL(out, "\"");
    if (!span_absent(tool->parameters)) {
        STITCH_LITERAL(out, ",\"parameters\":");
        if (writer->quirks->schema_name_count > 0)
            add_schema(writer, out, parse(writer, tool->parameters));
        else
            stitch_add(out, tool->parameters);
    }
    STITCH_LITERAL(out, "}}");
}

static bool has_strict(const struct task_chat *chat) {
    for (uint32_t i = 0; i < chat->tool_count; i++)
        if (json_present(json_get(json_get(chat->tools[i].source, "function"), "strict")))
            return true;
    return false;
}

struct span dialect__openai_tools(struct openai_writer *writer) {
    const struct task_chat *chat = writer->chat;
    struct rope rope;
    struct stitch out;
    if (chat->tool_count == 0)
        return SPAN_NONE;
    bool change = writer->tools && (writer->quirks->schema_name_count > 0 ||
                                    (drops_strict(writer) && has_strict(chat)));
    if (!span_absent(chat->tools_raw) && !change)
        return chat->tools_raw;
    rope_init(&rope, writer->out.rope->arena);
    stitch_init(&out, &rope);
    for (uint32_t i = 0; i < chat->tool_count; i++) {
        stitch_add(&out, i == 0 ? SPAN_LITERAL("[") : SPAN_LITERAL(","));
        if (json_present(chat->tools[i].source))
            add_holder(writer, &out, chat->tools[i].source, "function");
        else
            write_tool(writer, &out, &chat->tools[i]);
    }
    STITCH_LITERAL(&out, "]");
    stitch_flush(&out);
    struct span tools = stitch_flatten(&rope);
    if (span_absent(tools))
        dialect__openai_no_room(&writer->out);
    return tools;
}

struct span dialect__openai_format(struct openai_writer *writer) {
    const struct task_chat *chat = writer->chat;
    struct rope rope;
    struct stitch out;
    if (chat->format == FORMAT_UNSET)
        return SPAN_NONE;
    if (span_absent(chat->format_raw))
        return chat->format == FORMAT_JSON_OBJECT ? SPAN_LITERAL("{\"type\":\"json_object\"}")
                                                  : SPAN_LITERAL("{\"type\":\"text\"}");
    bool change = writer->quirks->schema_name_count > 0 || drops_strict(writer);
    if (chat->format != FORMAT_JSON_SCHEMA || !change)
        return chat->format_raw;
    rope_init(&rope, writer->out.rope->arena);
    stitch_init_short(&out, &rope);
    add_holder(writer, &out, parse(writer, chat->format_raw), "json_schema");
    stitch_flush(&out);
    return stitch_flatten(&rope);
}
