// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A world, a question, and a strict reader: what a client sees of a simulated stream, counted.
 */
#include "base/check.h"
#include "base/clock.h"
#include "fake/fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

#define SEED          7
#define STEPS_MAX     200 /* a stream that goes on beyond it counts as endless */
#define OUT_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define READER_BYTES  ((size_t)8 * 1024 * 1024)
#define WALL_MS       1732000000000u /* 2024-11-19 07:06:40 GMT */

/* What a strict reader counted. */
struct seen {
    enum fake_step end; /* FAKE_SEND: it never ended */
    uint32_t chunks, roles, texts, reasonings, tool_opens, tool_args, finishes, usages, dones,
        errors, comments;
    uint32_t not_json;      /* events whose data is no JSON */
    uint32_t after_done;    /* events after the first [DONE] */
    uint32_t unended_bytes; /* bytes after the last blank line */
    bool utf8_cut;          /* those bytes end inside a character */
    bool usage_sane, crlf, bom;
    uint32_t other_models;
    char finish[32];
    char text[4096]; /* escaped, put together */
    char args[1024];
    char id[64];
};

static inline struct fake_question question_plain(void) {
    return (struct fake_question){.now_ns = 1000 * NS_PER_S,
                                  .wall_ms = WALL_MS,
                                  .model = SPAN_LITERAL("some-model"),
                                  .prompt_bytes = 40};
}

static inline void append(char *text, size_t size, struct span more) {
    size_t used = strlen(text);
    assert_true(used + more.len < size);
    memcpy(text + used, more.ptr, more.len);
    text[used + more.len] = '\0';
}

static inline bool is_count(struct json_value value) {
    int64_t number;
    return json_is(value, JSON_NUMBER) && json_i64(value, &number) == 0 && number >= 0;
}

static inline void read_usage(struct json_value usage, struct seen *seen) {
    seen->usages++;
    seen->usage_sane = is_count(json_get(usage, "prompt_tokens")) &&
                       is_count(json_get(usage, "completion_tokens")) &&
                       is_count(json_get(usage, "total_tokens"));
}

static inline void read_tool(struct json_value call, struct seen *seen) {
    struct span arguments = json_escaped(json_path(call, "function.arguments"));
    seen->tool_opens += json_present(json_get(call, "id"));
    assert_false(span_absent(arguments)); /* always there, always a string */
    seen->tool_args += arguments.len > 0;
    append(seen->args, sizeof seen->args, arguments);
}

static inline void read_choice(struct json_value choice, struct seen *seen) {
    struct json_value delta = json_get(choice, "delta");
    struct json_value finish = json_get(choice, "finish_reason");
    struct span content = json_escaped(json_get(delta, "content"));
    seen->roles += json_string_is(json_get(delta, "role"), "assistant");
    seen->reasonings += json_present(json_get(delta, "reasoning_content"));
    if (content.len > 0) {
        seen->texts++;
        append(seen->text, sizeof seen->text, content);
    }
    for (struct json_iter it = json_each(json_get(delta, "tool_calls")); json_next(&it);)
        read_tool(it.value, seen);
    if (json_is(finish, JSON_STRING)) {
        seen->finishes++;
        seen->finish[0] = '\0';
        append(seen->finish, sizeof seen->finish, json_escaped(finish));
    }
}

static inline void read_chunk(struct json_value top, struct seen *seen) {
    struct span id = json_escaped(json_get(top, "id"));
    if (json_present(json_get(top, "error"))) {
        assert_true(json_is(json_path(top, "error.message"), JSON_STRING));
        seen->errors++;
        return;
    }
    seen->chunks++;
    if (seen->id[0] == '\0')
        append(seen->id, sizeof seen->id, id);
    assert_true(span_is(id, seen->id)); /* the same through the stream */
    assert_true(json_string_is(json_get(top, "object"), "chat.completion.chunk"));
    seen->other_models += !json_string_is(json_get(top, "model"), "some-model");
    assert_true(json_is(json_get(top, "choices"), JSON_ARRAY));
    for (struct json_iter it = json_each(json_get(top, "choices")); json_next(&it);)
        read_choice(it.value, seen);
    if (json_present(json_get(top, "usage")))
        read_usage(json_get(top, "usage"), seen);
}

static inline void read_event(struct span event, struct seen *seen) {
    struct json_doc doc;
    struct arena arena;
    if (event.ptr[0] == ':') {
        seen->comments++;
        return;
    }
    assert_true(span_starts_with(event, "data: "));
    struct span data = span_of(event.ptr + 6, event.len - 6);
    seen->after_done += seen->dones > 0;
    if (span_is(data, "[DONE]")) {
        seen->dones++;
        return;
    }
    arena_init(&arena, NULL, 0, READER_BYTES);
    if (json_parse(&doc, data, &arena, NULL) < 0)
        seen->not_json++;
    else
        read_chunk(json_top(&doc), seen);
    arena_reset(&arena);
}

/* Takes a byte order mark and CR away, as a reader of events does, and notes that they were there. */
static inline struct span plain_lines(struct span bytes, char *text, size_t size,
                                      struct seen *seen) {
    size_t length = 0;
    assert_true(bytes.len <= size);
    seen->bom = span_starts_with(bytes, "\xef\xbb\xbf");
    for (size_t i = seen->bom ? 3 : 0; i < bytes.len; i++) {
        bool line_end = bytes.ptr[i] == '\r' && i + 1 < bytes.len && bytes.ptr[i + 1] == '\n';
        seen->crlf = seen->crlf || line_end;
        if (!line_end)
            text[length++] = bytes.ptr[i];
    }
    return span_of(text, length);
}

static inline void read_stream(struct span raw, struct seen *seen) {
    static char text[256 * 1024];
    struct span bytes = plain_lines(raw, text, sizeof text, seen);
    size_t start = 0;
    for (size_t i = 0; i + 1 < bytes.len; i++) {
        if (bytes.ptr[i] != '\n' || bytes.ptr[i + 1] != '\n')
            continue;
        read_event(span_of(bytes.ptr + start, i - start), seen);
        start = i + 2;
        i++;
    }
    seen->unended_bytes = (uint32_t)(bytes.len - start);
    seen->utf8_cut = bytes.len > start && (unsigned char)bytes.ptr[bytes.len - 1] >= 0xc0;
}

/* Walks a plan to its end; the bytes are left in `out`. */
static inline enum fake_step walk(struct fake_plan *plan, struct dynbuf *out) {
    enum fake_step step = FAKE_SEND;
    uint64_t delay_ns;
    for (uint32_t i = 0; i < STEPS_MAX && step == FAKE_SEND; i++)
        assert_int_equal(fake_next(plan, out, &step, &delay_ns), 0);
    return step;
}

static inline struct seen watch(struct fake_world *world, const char *provider,
                                const struct fake_question *question) {
    struct seen seen = {0};
    struct fake_plan plan;
    struct dynbuf out;
    dynbuf_init(&out, OUT_MAX_BYTES);
    fake_ask(world, fake_provider_get(world, span_text(provider)), question, &plan);
    seen.end = walk(&plan, &out);
    read_stream(dynbuf_span(&out), &seen);
    fake_plan_over(&plan, plan.question.now_ns, false);
    dynbuf_done(&out);
    return seen;
}

/* The script must apply. */
static inline void script(struct fake_world *world, const char *text) {
    struct json_doc doc;
    struct arena arena;
    struct fake_problem problem = {0};
    arena_init(&arena, NULL, 0, READER_BYTES);
    assert_int_equal(json_parse(&doc, span_text(text), &arena, NULL), 0);
    int err = fake_script(world, json_top(&doc), &arena, &problem);
    if (err < 0)
        print_error("%s: %s\n", text, problem.text);
    assert_int_equal(err, 0);
    arena_reset(&arena);
}
