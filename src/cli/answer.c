// SPDX-License-Identifier: Apache-2.0
/*
 * Reading answers for people.
 *
 * Why so forgiving: a command may talk to an instance that is a version older or newer, and a member that one of them does not know
 * must not take the rest of the screen with it. Only what is no JSON at all is an error.
 * Promises: no text of an answer steers the terminal. Leaves to others: what is shown.
 */
#include "cli/answer.h"

#include "cli/cli.h"
#include "cli/width.h"

#define ARENA_MAX_BYTES ((size_t)256 * 1024 * 1024)

bool answer_read(struct answer *answer, struct span body) {
    struct json_error error;
    arena_init(&answer->arena, NULL, 0, ARENA_MAX_BYTES);
    int err = json_parse(&answer->doc, body, &answer->arena, &error);
    answer->top = json_top(&answer->doc);
    if (err == 0)
        return true;
    cli_complain("the answer cannot be read: %s", error.what);
    arena_reset(&answer->arena);
    return false;
}

void answer_done(struct answer *answer) {
    arena_reset(&answer->arena);
}

/* Texts come from providers and clients; what steers a terminal is taken out of them here, for all commands. */
struct span answer_text(struct answer *answer, struct json_value object, const char *name) {
    struct span text = SPAN_NONE;
    struct dynbuf safe;
    if (json_string(json_get(object, name), &answer->arena, &text) < 0)
        return SPAN_NONE;
    dynbuf_init(&safe, text.len + 1);
    int err = width_append_safe(&safe, text);
    if (err == 0)
        err = arena_copy(&answer->arena, dynbuf_span(&safe), &text);
    dynbuf_done(&safe);
    return err == 0 ? text : SPAN_NONE;
}

int64_t answer_number(struct json_value object, const char *name) {
    int64_t value = 0;
    return json_i64(json_get(object, name), &value) == 0 ? value : 0;
}

bool answer_is_true(struct json_value object, const char *name) {
    return json_type(json_get(object, name)) == JSON_TRUE;
}

struct span answer_time(struct answer *answer, struct json_value object, const char *name) {
    struct span text = answer_text(answer, object, name);
    bool time = text.len >= 19 && text.ptr[4] == '-' && text.ptr[10] == 'T';
    return !time ? text
                 : span_text(
                       arena_format(&answer->arena, "%.*s %.*s", 10, text.ptr, 8, text.ptr + 11));
}
