// SPDX-License-Identifier: Apache-2.0
/*
 * Splicing: an object sent on with some of its members changed.
 *
 * Why: a client's request goes to the provider as the client wrote it, numbers and unknown members included, except for a
 * name or two. Writing it anew would lose that and cost a copy of every image in it; so the object's own bytes become
 * pieces of a rope, and only what changes is new. Promises: untouched members keep every byte, white space between them
 * too; runs of untouched members are one piece; no edits give back the same bytes; the result is valid when the
 * replacements are. Of a member that occurs twice and is replaced only the first place stays: what was checked is what is
 * sent. Leaves to others: keeping the text and the replacements alive as long as the rope.
 */
#include "base/check.h"
#include "json/json.h"

static const struct json_edit *find_edit(struct json_value key, const struct json_edit *edits,
                                         size_t edit_count) {
    for (size_t i = 0; i < edit_count; i++)
        if (json_string_is(key, edits[i].name))
            return &edits[i];
    return NULL;
}

static bool is_kept(struct json_value object, struct json_value value, const struct json_edit *edit,
                    bool nulls) {
    if (edit == NULL)
        return nulls || !json_is(value, JSON_NULL);
    return !span_absent(edit->replacement) && json_get(object, edit->name).index == value.index;
}

/* `,"name":` in one piece, then the value. */
static void add_member(const struct json_edit *edit, bool first, struct rope *out) {
    struct span name;
    int err = json_escape(span_text(edit->name), out->arena, &name);
    char *text =
        err == 0 ? arena_format(out->arena, "%s\"%.*s\":", first ? "" : ",", SPAN_ARG(name)) : NULL;
    if (text == NULL) {
        out->err = out->err != 0 ? out->err : ERR_TOO_LARGE;
        return;
    }
    rope_add_text(out, text);
    rope_add(out, edit->replacement);
}

static struct span between(const struct json_doc *doc, uint32_t start, uint32_t end) {
    return span_of(doc->text.ptr + start, end - start);
}

static void splice(struct json_value object, const struct json_edit *edits, size_t edit_count,
                   bool nulls, struct rope *out) {
    if (!json_is(object, JSON_OBJECT)) {
        out->err = out->err != 0 ? out->err : ERR_TYPE;
        return;
    }
    const struct json_doc *doc = object.doc;
    const struct json_node *whole = &doc->nodes[object.index];
    uint32_t last_end = whole->start + 1; /* one past the member before, kept or not */
    bool first = true;
    rope_add(out, between(doc, whole->start, last_end));
    for (struct json_iter it = json_each(object); json_next(&it);) {
        const struct json_node *key = &doc->nodes[it.key.index];
        const struct json_node *value = &doc->nodes[it.value.index];
        const struct json_edit *edit = find_edit(it.key, edits, edit_count);
        bool leading = it.key.index == object.index + 1;
        if (is_kept(object, it.value, edit, nulls)) {
            /* the comma before this member is left out when all members before it were */
            if (leading || !first)
                rope_add(out, between(doc, last_end, key->start));
            rope_add(out, between(doc, key->start, edit != NULL ? value->start : value->end));
            if (edit != NULL)
                rope_add(out, edit->replacement);
            first = false;
        }
        last_end = value->end;
    }
    for (size_t i = 0; i < edit_count; i++) {
        check(span_absent(edits[i].replacement) || edits[i].replacement.len > 0);
        if (!span_absent(edits[i].replacement) && !json_present(json_get(object, edits[i].name))) {
            add_member(&edits[i], first, out);
            first = false;
        }
    }
    rope_add(out, between(doc, last_end, whole->end));
}

void json_splice(struct json_value object, const struct json_edit *edits, size_t edit_count,
                 struct rope *out) {
    splice(object, edits, edit_count, true, out);
}

void json_splice_without_nulls(struct json_value object, const struct json_edit *edits,
                               size_t edit_count, struct rope *out) {
    splice(object, edits, edit_count, false, out);
}
