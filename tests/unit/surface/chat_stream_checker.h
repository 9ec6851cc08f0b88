// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A strict reader of a chat completions stream: the rules that clients rely on, checked frame by frame. It shares no code
 * with the encoder but the JSON scanner. Returns NULL for a stream that is right, else what is wrong with it.
 */
#include "base/mem.h"
#include "json/json.h"

#include <stdio.h>

#define CHECKER_TOOLS_MAX 128
#define CHECKER_ARENA_CAP ((size_t)64 << 20)

struct chat_stream_checker {
    bool include_usage;
    bool cut_by_error; /* an error frame is expected at the end, instead of finish and [DONE] */

    struct arena arena;
    char wrong[256];
    char id[128], model[256];
    int64_t created;
    unsigned chunks;
    bool role_seen, finish_seen, usage_seen, done_seen, error_seen;
    char finish[32];
    unsigned tools;
    unsigned text_chunks, reasoning_chunks, refusal_chunks;
    struct dynbuf text, reasoning;              /* owned; escaped */
    struct dynbuf arguments[CHECKER_TOOLS_MAX]; /* owned; escaped */
};

static inline void checker_open(struct chat_stream_checker *checker, bool include_usage) {
    memset(checker, 0, sizeof *checker);
    checker->include_usage = include_usage;
    arena_init(&checker->arena, NULL, 0, CHECKER_ARENA_CAP);
    dynbuf_init(&checker->text, CHECKER_ARENA_CAP);
    dynbuf_init(&checker->reasoning, CHECKER_ARENA_CAP);
    for (unsigned i = 0; i < CHECKER_TOOLS_MAX; i++)
        dynbuf_init(&checker->arguments[i], CHECKER_ARENA_CAP);
}

static inline void checker_close(struct chat_stream_checker *checker) {
    arena_reset(&checker->arena);
    dynbuf_done(&checker->text);
    dynbuf_done(&checker->reasoning);
    for (unsigned i = 0; i < CHECKER_TOOLS_MAX; i++)
        dynbuf_done(&checker->arguments[i]);
}

#define CHECKER_MUST(condition, ...)                                            \
    do {                                                                        \
        if (!(condition)) {                                                     \
            (void)snprintf(checker->wrong, sizeof checker->wrong, __VA_ARGS__); \
            return false;                                                       \
        }                                                                       \
    } while (0)

static inline void checker_copy(char *to, size_t size, struct json_value value) {
    (void)snprintf(to, size, "%.*s", SPAN_ARG(json_escaped(value)));
}

static inline bool checker_only(struct chat_stream_checker *checker, struct json_value object,
                                const char *const *names) {
    for (struct json_iter it = json_each(object); json_next(&it);) {
        const char *const *name = names;
        while (*name != NULL && !json_string_is(it.key, *name))
            name++;
        CHECKER_MUST(*name != NULL, "unexpected member %.*s", SPAN_ARG(json_escaped(it.key)));
        CHECKER_MUST(json_get(object, *name).index == it.value.index, "%s occurs twice", *name);
    }
    return true;
}

static inline bool checker_tool(struct chat_stream_checker *checker, struct json_value call) {
    int64_t index = -1;
    struct json_value function = json_get(call, "function");
    struct json_value arguments = json_get(function, "arguments");
    CHECKER_MUST(json_i64(json_get(call, "index"), &index) == 0, "tool index is no integer");
    CHECKER_MUST(json_is(function, JSON_OBJECT) && json_is(arguments, JSON_STRING),
                 "arguments are no string");
    CHECKER_MUST(index >= 0 && index <= checker->tools && index < CHECKER_TOOLS_MAX,
                 "tool index leaves a gap");
    bool opens = index == checker->tools;
    CHECKER_MUST(json_is(json_get(call, "id"), JSON_STRING) == opens, "id not exactly once");
    CHECKER_MUST(json_string_is(json_get(call, "type"), "function") == opens,
                 "type not exactly once");
    CHECKER_MUST(json_is(json_get(function, "name"), JSON_STRING) == opens,
                 "name not exactly once");
    if (opens) {
        CHECKER_MUST(json_escaped(json_get(call, "id")).len > 0, "id is empty");
        CHECKER_MUST(json_escaped(json_get(function, "name")).len > 0, "name is empty");
        CHECKER_MUST(json_escaped(arguments).len == 0, "a call opens with arguments");
        checker->tools++;
    }
    return dynbuf_append_span(&checker->arguments[index], json_escaped(arguments)) == 0;
}

static inline bool checker_text(struct chat_stream_checker *checker, struct json_value value,
                                unsigned *count, struct dynbuf *out) {
    if (!json_present(value))
        return true;
    CHECKER_MUST(json_is(value, JSON_STRING), "a text is no string");
    (*count)++;
    return out == NULL || dynbuf_append_span(out, json_escaped(value)) == 0;
}

static inline bool checker_delta(struct chat_stream_checker *checker, struct json_value delta) {
    static const char *const names[] = {
        "role", "content", "reasoning_content", "refusal", "tool_calls", "annotations", NULL};
    struct json_value role = json_get(delta, "role");
    CHECKER_MUST(json_is(delta, JSON_OBJECT), "no delta");
    if (!checker_only(checker, delta, names))
        return false;
    CHECKER_MUST(json_present(role) == (checker->chunks == 1),
                 "the role is not in the first chunk only");
    if (json_present(role)) {
        CHECKER_MUST(json_string_is(role, "assistant") &&
                         json_string_is(json_get(delta, "content"), ""),
                     "the role is not alone");
        checker->role_seen = true;
        return true;
    }
    CHECKER_MUST(!(json_present(json_get(delta, "content")) &&
                   json_present(json_get(delta, "reasoning_content"))),
                 "mixed");
    for (struct json_iter it = json_each(json_get(delta, "tool_calls")); json_next(&it);)
        if (!checker_tool(checker, it.value))
            return false;
    return checker_text(checker, json_get(delta, "content"), &checker->text_chunks,
                        &checker->text) &&
           checker_text(checker, json_get(delta, "reasoning_content"), &checker->reasoning_chunks,
                        &checker->reasoning) &&
           checker_text(checker, json_get(delta, "refusal"), &checker->refusal_chunks, NULL);
}

static inline bool checker_finish(struct chat_stream_checker *checker, struct json_value finish) {
    static const char *const words[] = {"stop", "length", "tool_calls", "content_filter"};
    CHECKER_MUST(json_present(finish), "finish_reason is missing");
    if (json_is(finish, JSON_NULL))
        return true;
    unsigned i = 0;
    while (i < 4 && !json_string_is(finish, words[i]))
        i++;
    CHECKER_MUST(i < 4, "not a legal finish_reason");
    CHECKER_MUST(!(i == 0 && checker->tools > 0), "stop after tool calls");
    CHECKER_MUST(!(i == 2 && checker->tools == 0), "tool_calls without a call");
    checker->finish_seen = true;
    checker_copy(checker->finish, sizeof checker->finish, finish);
    return true;
}

static inline bool checker_usage(struct chat_stream_checker *checker, struct json_value usage) {
    int64_t prompt = -1, completion = -1, total = -1;
    CHECKER_MUST(checker->include_usage && checker->finish_seen && !checker->usage_seen,
                 "an empty chunk that is not the usage");
    CHECKER_MUST(json_i64(json_get(usage, "prompt_tokens"), &prompt) == 0 &&
                     json_i64(json_get(usage, "completion_tokens"), &completion) == 0 &&
                     json_i64(json_get(usage, "total_tokens"), &total) == 0,
                 "a total is missing");
    CHECKER_MUST(prompt >= 0 && completion >= 0 && total == prompt + completion,
                 "totals that do not add up");
    checker->usage_seen = true;
    return true;
}

static inline bool checker_same(struct chat_stream_checker *checker, struct json_value top) {
    char id[128], model[256];
    int64_t created = -1;
    checker_copy(id, sizeof id, json_get(top, "id"));
    checker_copy(model, sizeof model, json_get(top, "model"));
    CHECKER_MUST(json_i64(json_get(top, "created"), &created) == 0 && created > 0,
                 "created is no time");
    CHECKER_MUST(strncmp(id, "chatcmpl-", 9) == 0, "not an id");
    CHECKER_MUST(json_string_is(json_get(top, "object"), "chat.completion.chunk"), "not a chunk");
    if (checker->chunks++ == 0) {
        memcpy(checker->id, id, sizeof id);
        memcpy(checker->model, model, sizeof model);
        checker->created = created;
    }
    CHECKER_MUST(strcmp(id, checker->id) == 0 && strcmp(model, checker->model) == 0 &&
                     created == checker->created,
                 "id, model or created changed");
    return true;
}

static inline bool checker_error(struct chat_stream_checker *checker, struct json_value top) {
    static const char *const outer[] = {"error", NULL};
    static const char *const inner[] = {"message", "type", "param", "code", NULL};
    struct json_value error = json_get(top, "error");
    CHECKER_MUST(checker->cut_by_error, "an error key");
    CHECKER_MUST(json_is(json_get(error, "message"), JSON_STRING) &&
                     json_is(json_get(error, "type"), JSON_STRING),
                 "error without words");
    CHECKER_MUST(json_count(error) == 4, "error without its four members");
    checker->error_seen = true;
    return checker_only(checker, top, outer) && checker_only(checker, error, inner);
}

static inline bool checker_chunk(struct chat_stream_checker *checker, struct json_value top) {
    static const char *const names[] = {"id",      "object", "created", "model",
                                        "choices", "usage",  NULL};
    static const char *const choice_names[] = {"index", "delta", "finish_reason", NULL};
    struct json_value choices = json_get(top, "choices");
    struct json_value choice = json_path(choices, "0");
    struct json_value usage = json_get(top, "usage");
    int64_t index = -1;
    CHECKER_MUST(!checker->error_seen && !checker->usage_seen, "a chunk after the last");
    if (json_present(json_get(top, "error")))
        return checker_error(checker, top);
    if (!checker_only(checker, top, names) || !checker_same(checker, top))
        return false;
    CHECKER_MUST(json_is(choices, JSON_ARRAY), "choices are missing");
    if (json_count(choices) == 0)
        return checker_usage(checker, usage);
    CHECKER_MUST(json_present(usage) == checker->include_usage,
                 "usage is there or not, against the wish");
    CHECKER_MUST(!json_present(usage) || json_is(usage, JSON_NULL), "usage beside a choice");
    CHECKER_MUST(json_count(choices) == 1 && json_i64(json_get(choice, "index"), &index) == 0 &&
                     index == 0,
                 "choice 0 and no other");
    CHECKER_MUST(!checker->finish_seen, "a delta after the finish");
    return checker_only(checker, choice, choice_names) &&
           checker_delta(checker, json_get(choice, "delta")) &&
           checker_finish(checker, json_get(choice, "finish_reason"));
}

static inline bool checker_frame(struct chat_stream_checker *checker, struct span data) {
    struct json_doc doc;
    CHECKER_MUST(!checker->done_seen, "something after [DONE]");
    if (span_is(data, "[DONE]")) {
        checker->done_seen = true;
        return true;
    }
    CHECKER_MUST(json_parse(&doc, data, &checker->arena, NULL) == 0, "a frame is not JSON");
    return checker_chunk(checker, json_top(&doc));
}

static inline bool checker_frames(struct chat_stream_checker *checker, struct span stream) {
    while (stream.len > 0) {
        const char *end = memchr(stream.ptr, '\n', stream.len);
        CHECKER_MUST(end != NULL && span_starts_with(stream, "data: "), "not a data line");
        size_t line = (size_t)(end - stream.ptr);
        CHECKER_MUST(stream.len >= line + 2 && end[1] == '\n', "no empty line after a frame");
        if (!checker_frame(checker, span_of(stream.ptr + 6, line - 6)))
            return false;
        stream = span_of(end + 2, stream.len - line - 2);
    }
    return true;
}

static inline bool checker_end(struct chat_stream_checker *checker) {
    if (checker->cut_by_error) {
        CHECKER_MUST(checker->error_seen && !checker->done_seen && !checker->finish_seen,
                     "not cut by an error");
        return true;
    }
    CHECKER_MUST(checker->role_seen, "no role");
    CHECKER_MUST(checker->finish_seen, "no finish_reason");
    CHECKER_MUST(checker->usage_seen == checker->include_usage, "usage chunk against the wish");
    CHECKER_MUST(checker->done_seen, "no [DONE]");
    for (unsigned i = 0; i < checker->tools; i++)
        CHECKER_MUST(checker->arguments[i].len > 0, "a call without arguments");
    return true;
}

static inline const char *checker_run(struct chat_stream_checker *checker, struct span stream) {
    return checker_frames(checker, stream) && checker_end(checker) ? NULL : checker->wrong;
}
