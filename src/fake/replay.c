// SPDX-License-Identifier: Apache-2.0
/*
 * Captured answers, to be played as they came: status, head fields, body.
 *
 * Fields that are about the transfer (length, coding, connection) are left out, since the server writes its own; Date goes first, where
 * the server looks for it. Promises: no field can split a head; the bytes of all replays together have a cap. Leaves to others: when
 * they are played (world.c).
 */
#include "fake/world.h"

#include "base/check.h"
#include "base/mem.h"

#define STATUS_LEAST 200 /* 1xx would be no answer */
#define STATUS_MOST  599

static const char *const left_out[] = {"content-length", "transfer-encoding", "content-encoding",
                                       "connection",     "keep-alive",        "trailer",
                                       "upgrade"};

void fake_replay_unref(struct fake_replay *replay) {
    if (replay == NULL)
        return;
    check(replay->refs > 0);
    if (--replay->refs > 0)
        return;
    *replay->counted -= replay->fields_bytes + replay->body_bytes;
    mem_free(replay);
}

static bool is_name(struct span name) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return name.len > 0;
}

static bool is_visible(struct span value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < ' ' || value.ptr[i] > '~')
            return false;
    return true;
}

static bool is_left_out(struct span name) {
    for (size_t i = 0; i < array_length(left_out); i++)
        if (span_is_nocase(name, left_out[i]))
            return true;
    return false;
}

/* A number is written as it stands, so that a captured {"x-limit": 30} needs no quotes. */
static int field_text(struct json_value value, struct arena *arena, struct span *ret_text) {
    if (json_is(value, JSON_STRING))
        return json_string(value, arena, ret_text);
    *ret_text = json_raw(value);
    return json_is(value, JSON_NUMBER) ? 0 : ERR_TYPE;
}

/* Date in the first round, all others in the second. */
static int write_field(struct json_iter *it, bool dates, struct arena *arena, struct dynbuf *out) {
    struct span name, value;
    int err = json_string(it->key, arena, &name);
    if (err == 0)
        err = field_text(it->value, arena, &value);
    if (err == 0 && (!is_name(name) || !is_visible(value)))
        err = ERR_INVALID;
    if (err < 0 || is_left_out(name) || span_is_nocase(name, "date") != dates)
        return err;
    return dynbuf_append_format(out, "%.*s: %.*s\r\n",
                                SPAN_ARG(dates ? SPAN_LITERAL("Date") : name),
                                SPAN_ARG(span_trim(value)));
}

static int write_fields(struct json_value headers, struct arena *arena, struct dynbuf *out,
                        bool *ret_has_type) {
    int err = 0;
    *ret_has_type = false;
    if (json_present(headers) && !json_is(headers, JSON_OBJECT))
        return ERR_TYPE;
    for (int round = 0; round < 2; round++)
        for (struct json_iter it = json_each(headers); err == 0 && json_next(&it);) {
            err = write_field(&it, round == 0, arena, out);
            struct span name = json_escaped(it.key);
            *ret_has_type = *ret_has_type || span_is_nocase(name, "content-type");
        }
    return err;
}

static const char *type_of(struct json_value body, struct span text) {
    if (!json_is(body, JSON_STRING))
        return "application/json";
    if (span_starts_with(text, "data:") || span_starts_with(text, "event:") ||
        span_starts_with(text, ":"))
        return "text/event-stream";
    return span_starts_with(text, "<") ? "text/html" : "text/plain";
}

static struct fake_replay *build(struct fake_world *world, struct span fields, struct span body) {
    size_t all = fields.len + body.len;
    if (world->replay_bytes + all > FAKE_REPLAYS_MAX_BYTES)
        return NULL;
    struct fake_replay *replay = mem_try_alloc(sizeof *replay + all);
    if (replay == NULL)
        return NULL;
    *replay = (struct fake_replay){.refs = 1,
                                   .fields_bytes = fields.len,
                                   .body_bytes = body.len,
                                   .counted = &world->replay_bytes};
    world->replay_bytes += all;
    memcpy(replay->bytes, fields.ptr, fields.len);
    if (body.len > 0)
        memcpy(replay->bytes + fields.len, body.ptr, body.len);
    return replay;
}

static struct fake_replay *complain(struct fake_problem *problem, struct json_value at,
                                    const char *text) {
    *problem = (struct fake_problem){text, at};
    return NULL;
}

/* Members of a replay, checked by name, so that a slip of the pen is not played as something else. */
static bool known_members(struct json_value object, struct fake_problem *problem) {
    for (struct json_iter it = json_each(object); json_next(&it);)
        if (!json_string_is(it.key, "status") && !json_string_is(it.key, "headers") &&
            !json_string_is(it.key, "body") && !json_string_is(it.key, "repeat")) {
            (void)complain(problem, it.key,
                           "a replay has the members status, headers, body and repeat");
            return false;
        }
    return true;
}

struct fake_replay *fake_replay_new(struct fake_world *world, struct json_value object,
                                    struct arena *arena, struct fake_problem *ret_problem) {
    struct json_value body = json_get(object, "body");
    struct json_value headers = json_get(object, "headers");
    struct span text = json_present(body) ? json_raw(body) : SPAN_LITERAL("");
    struct fake_replay *replay = NULL;
    struct dynbuf fields;
    int64_t status = 200;
    bool has_type;
    if (!known_members(object, ret_problem))
        return NULL;
    if (json_present(json_get(object, "status")) &&
        (json_i64(json_get(object, "status"), &status) < 0 || status < STATUS_LEAST ||
         status > STATUS_MOST))
        return complain(ret_problem, json_get(object, "status"), "status: a number of 200 to 599");
    if ((json_is(body, JSON_STRING) && json_string(body, arena, &text) < 0) ||
        text.len > FAKE_REPLAY_MAX_BYTES)
        return complain(ret_problem, body, "body: at most 1 MiB");
    dynbuf_init(&fields, FAKE_FIELDS_MAX_BYTES - 64); /* the plan's fields hold all of it */
    if (write_fields(headers, arena, &fields, &has_type) < 0)
        (void)complain(ret_problem, headers,
                       "headers: an object of names and visible ASCII values, at most 16 KiB");
    else if (!has_type &&
             dynbuf_append_format(&fields, "Content-Type: %s\r\n", type_of(body, text)) < 0)
        (void)complain(ret_problem, headers, "headers: at most 16 KiB");
    else if ((replay = build(world, dynbuf_span(&fields), text)) == NULL)
        (void)complain(ret_problem, object, "replays of all providers may have 128 MiB together");
    else
        replay->status = (int)status;
    dynbuf_done(&fields);
    return replay;
}
