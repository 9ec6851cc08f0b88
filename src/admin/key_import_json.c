// SPDX-License-Identifier: Apache-2.0
/*
 * Keys in JSON, in whatever shape tools write them.
 *
 * Known: an object of variables; an object of providers with a key, several, or an object each; a list of objects; LiteLLM's model_list;
 * lists of channels of other gateways; a list of bare keys. Rather than one reader for each, one walk: an object that has a member
 * called like a key is an entry, and its other members, and the name it stands under, tell whose. A reference such as
 * os.environ/NAME is no key and is told.
 * Promises: bounded by the parser and by depth; decoded texts are copied nowhere but into secrets. Leaves to others: whose key it is
 * (key_import.c).
 */
#include "admin/key_import_parts.h"

#include "base/check.h"
#include "json/json.h"

#include <stdio.h>

#define JSON_ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define WALK_DEPTH_MAX       16

struct walk {
    struct key_reading *reading;
    struct arena arena;
};

static const char *const key_members[] = {"api_key",      "apiKey", "apikey",   "api-key",
                                          "key",          "keys",   "api_keys", "token",
                                          "access_token", "secret", "value",    "api_token"};
/* Best first. */
static const char *const hint_members[] = {"provider", "provider_id", "custom_llm_provider",
                                           "variable", "env",         "vendor",
                                           "service",  "id",          "name",
                                           "model",    "api_base",    "base_url",
                                           "baseURL",  "url",         "type"};
static const char *const account_members[] = {"account", "label", "alias"};

static struct span text_of(struct walk *walk, struct json_value value) {
    struct span text;
    bool good = json_is(value, JSON_STRING) && json_string(value, &walk->arena, &text) == 0;
    return good ? text : SPAN_NONE;
}

static bool holds_texts(struct json_value value) {
    return json_is(value, JSON_STRING) ||
           (json_is(value, JSON_ARRAY) && json_is(json_path(value, "0"), JSON_STRING));
}

static struct json_value first_of(struct json_value object, const char *const *names,
                                  size_t count) {
    for (size_t i = 0; i < count; i++)
        if (holds_texts(json_get(object, names[i])))
            return json_get(object, names[i]);
    return (struct json_value){NULL, 0};
}

static bool is_reference(struct span text) {
    return span_starts_with(text, "os.environ/") || span_starts_with(text, "${") ||
           span_starts_with(text, "env:");
}

static void take_text(struct walk *walk, struct key_found *found, struct json_value value) {
    const char *place = json_place(value, &walk->arena);
    found->value = text_of(walk, value);
    found->from = span_text(place != NULL && place[0] != '\0' ? place : "the text");
    if (is_reference(found->value))
        key_skip(walk->reading, found->from, "refers to a variable; import the file that sets it");
    else if (!span_absent(found->value))
        key_take(walk->reading, found);
}

/* One key or several. */
static void take_value(struct walk *walk, struct key_found *found, struct json_value value) {
    if (json_is(value, JSON_STRING))
        take_text(walk, found, value);
    for (struct json_iter it = json_each(value); json_is(value, JSON_ARRAY) && json_next(&it);)
        if (json_is(it.value, JSON_STRING))
            take_text(walk, found, it.value);
}

static void take_entry(struct walk *walk, struct json_value object, struct json_value key,
                       struct span under) {
    struct key_found found = {
        .account = text_of(walk, first_of(object, account_members, array_length(account_members))),
        .billing = text_of(walk, json_get(object, "billing")),
        .certain = true};
    key_hint(&found, text_of(walk, json_get(object, hint_members[0])));
    key_hint(&found, under);
    for (size_t i = 1; i < array_length(hint_members); i++)
        key_hint(&found, text_of(walk, json_get(object, hint_members[i])));
    take_value(walk, &found, key);
}

static void visit(struct walk *walk, struct json_value value, struct span under, unsigned depth);

static void visit_object(struct walk *walk, struct json_value object, struct span under,
                         unsigned depth) {
    struct json_value key = first_of(object, key_members, array_length(key_members));
    if (json_present(key)) {
        take_entry(walk, object, key, under);
        return;
    }
    for (struct json_iter it = json_each(object); json_next(&it);)
        visit(walk, it.value, text_of(walk, it.key), depth + 1);
}

static void visit(struct walk *walk, struct json_value value, struct span under, unsigned depth) {
    struct key_found found = {.certain = false};
    key_hint(&found, under);
    if (depth > WALK_DEPTH_MAX)
        return;
    if (json_is(value, JSON_OBJECT))
        visit_object(walk, value, under, depth);
    else if (json_is(value, JSON_STRING))
        take_text(walk, &found, value);
    for (struct json_iter it = json_each(value); json_is(value, JSON_ARRAY) && json_next(&it);)
        visit(walk, it.value, under, depth + 1);
}

int key_read_json(struct key_reading *reading, struct span text) {
    struct walk walk = {.reading = reading};
    struct json_doc doc;
    struct json_error error;
    arena_init(&walk.arena, NULL, 0, JSON_ARENA_MAX_BYTES);
    int err = json_parse(&doc, text, &walk.arena, &error);
    if (err < 0)
        (void)snprintf(reading->import->why, sizeof reading->import->why,
                       "it is not valid JSON: line %u, column %u: %s", error.line, error.column,
                       error.what);
    else
        visit(&walk, json_top(&doc), SPAN_NONE, 0);
    arena_reset(&walk.arena);
    return err < 0 ? ERR_INVALID : 0;
}
