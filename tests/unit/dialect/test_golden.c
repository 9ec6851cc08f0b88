// SPDX-License-Identifier: Apache-2.0
/*
 * Golden cases: tests/golden/NAME.txt, read by people and replayed here, surface and dialect joined without sockets.
 *
 *   === name of a case
 *   == target      settings of the provider, one a line: "model up", "base /v1", "output 4096", "strip NAME",
 *                  "surface embeddings", any setting of `quirks` by name, "quirk KIND FIELD VALUE" as in a row of facts with -
 *                  for an empty FIELD
 *   == request     the client's body
 *   == rejected    status and error body that the client gets; the case ends there
 *   == upstream    the body the provider gets; its path when it is not the usual one, before it
 *   == dropped     what the client is told was left out
 *   == answer      what the provider sends: an event stream, or a JSON body
 *   == client      what the client gets, byte for byte
 *   == end         how the dialect judged the answer; for FAILED also status, code and message
 * Lines beginning with # before the first section of a case are comments.
 */
#include "support/golden.h"
#include "unit/surface/chat_stream_checker.h"

#include "base/check.h"
#include "dialect/dialect.h"
#include "surface/surface.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define ARENA_CAP      ((size_t)64 << 20)
#define ROWS_MAX       40

enum section { TARGET, REQUEST, REJECTED, UPSTREAM, DROPPED, ANSWER, CLIENT, END };
static const char *const section_names[] = {"target", "request", "rejected", "upstream", "dropped",
                                            "answer", "client",  "end",      NULL};

struct run {
    const struct golden_case *golden;
    unsigned *failures;
    struct arena arena, attempt;
    struct task task;
    const struct surface *surface;
    struct dialect_target target;
    struct dialect_quirks quirks;
    struct fact_quirk rows[ROWS_MAX];
    size_t row_count;
    struct surface_encoder *encoder;
    struct surface_identity identity;
    struct dynbuf client;
    struct dynbuf end;
};

static void expect(struct run *run, enum section section, struct span actual) {
    if (!golden_expect(run->golden, section_names[section], run->golden->sections[section], actual))
        (*run->failures)++;
}

static const struct {
    const char *name;
    size_t offset;
} quirks[] = {
    {"max_tokens_legacy", offsetof(struct dialect_quirks, max_tokens_legacy)},
    {"developer_role", offsetof(struct dialect_quirks, developer_role)},
    {"content_string_only", offsetof(struct dialect_quirks, content_string_only)},
    {"content_never_null", offsetof(struct dialect_quirks, content_never_null)},
    {"no_stream_usage", offsetof(struct dialect_quirks, no_stream_usage)},
    {"keep_extras", offsetof(struct dialect_quirks, keep_extras)},
    {"keep_reasoning", offsetof(struct dialect_quirks, keep_reasoning)},
};

static const char *const quirk_words[FACT_QUIRK_COUNT] = {
#define QUIRK_WORD(name, word, about) [name] = word,
    FACT_QUIRK_TABLE(QUIRK_WORD)
#undef QUIRK_WORD
};
static bool quirks_seen[FACT_QUIRK_COUNT];

static const char *kept_text(struct run *run, struct span text) {
    return arena_format(&run->arena, "%.*s", SPAN_ARG(text));
}

/* KIND FIELD VALUE, the last two may be missing. */
static void read_row(struct run *run, struct span rest) {
    struct span word, field = SPAN_LITERAL("");
    enum fact_quirk_kind kind = 0;
    (void)span_split(&rest, ' ', &word);
    while (kind < FACT_QUIRK_COUNT && !span_is(word, quirk_words[kind]))
        kind++;
    if (kind == FACT_QUIRK_COUNT || run->row_count == ROWS_MAX)
        fail_msg("%s: unknown quirk %.*s", run->golden->name, SPAN_ARG(word));
    (void)span_split(&rest, ' ', &field);
    quirks_seen[kind] = true;
    run->rows[run->row_count++] =
        (struct fact_quirk){.kind = kind,
                            .field = span_is(field, "-") ? "" : kept_text(run, field),
                            .value = kept_text(run, rest)};
}

static void read_setting(struct run *run, struct span line) {
    struct span rest = line, word;
    (void)span_split(&rest, ' ', &word);
    if (span_is(word, "model"))
        run->target.upstream_model = rest;
    else if (span_is(word, "base"))
        run->target.base_path = rest;
    else if (span_is(word, "output"))
        assert_true(span_to_u64(rest, &run->target.output_tokens_max));
    else if (span_is(word, "strip"))
        run->target.strips.names[run->target.strips.count++] = rest;
    else if (span_is(word, "quirk"))
        read_row(run, rest);
    else if (span_is(word, "surface")) {
        assert_true(span_is(rest, "embeddings"));
        run->surface = &surface_openai_embeddings;
    } else {
        size_t i = 0;
        while (i < array_length(quirks) && !span_is(word, quirks[i].name))
            i++;
        if (i == array_length(quirks))
            fail_msg("%s: unknown setting %.*s", run->golden->name, SPAN_ARG(word));
        *(bool *)((char *)&run->quirks + quirks[i].offset) = true;
        run->target.quirks = &run->quirks;
    }
}

static void read_target(struct run *run) {
    struct span rest = run->golden->sections[TARGET], line;
    run->target = (struct dialect_target){.upstream_model = SPAN_LITERAL("up-model"),
                                          .base_path = SPAN_LITERAL("/v1")};
    while (!span_absent(rest) && span_split(&rest, '\n', &line))
        if (line.len > 0)
            read_setting(run, line);
    if (run->row_count == 0)
        return;
    assert_null(run->target.quirks); /* rows or settings, not both */
    dialect_quirks_compile(run->rows, run->row_count, run->target.upstream_model, &run->quirks);
    run->target.quirks = &run->quirks;
    if (run->quirks.left_out > 0)
        fail_msg("%s: %d rows were left out", run->golden->name, run->quirks.left_out);
}

static bool decode(struct run *run) {
    struct api_error error = {.retry_after_ms = -1};
    if (run->surface->decode(run->golden->sections[REQUEST], &run->arena, &run->task, &error) ==
        0) {
        assert_true(span_absent(run->golden->sections[REJECTED]));
        return true;
    }
    struct dynbuf out;
    dynbuf_init(&out, FILE_MAX_BYTES);
    assert_int_equal(dynbuf_append_format(&out, "%d ", api_error_status(error.kind)), 0);
    assert_int_equal(run->surface->error_body(&error, &out), 0);
    if (span_absent(run->golden->sections[REJECTED]))
        fail_msg("%s: rejected: %.*s", run->golden->name, SPAN_ARG(dynbuf_span(&out)));
    expect(run, REJECTED, dynbuf_span(&out));
    dynbuf_done(&out);
    return false;
}

static void encode_upstream(struct run *run) {
    struct dialect_request request;
    struct dynbuf out;
    dynbuf_init(&out, FILE_MAX_BYTES);
    assert_int_equal(dialect_openai.encode(&run->task, &run->target, &run->attempt, &request), 0);
    if (!span_is(request.path, "/v1/chat/completions"))
        assert_int_equal(
            dynbuf_append_format(&out, "%s %.*s\n", request.method, SPAN_ARG(request.path)), 0);
    size_t head_bytes = out.len;
    for (size_t i = 0; i < request.body.count; i++)
        assert_int_equal(dynbuf_append_span(&out, request.body.pieces[i]), 0);
    assert_int_equal(out.len - head_bytes, request.body.total_bytes);
    assert_int_equal(
        json_validate(span_of(dynbuf_span(&out).ptr + head_bytes, out.len - head_bytes)), 0);
    expect(run, UPSTREAM, dynbuf_span(&out));
    dynbuf_clear(&out);
    for (uint32_t i = 0; i < request.dropped_count; i++)
        assert_int_equal(dynbuf_append_format(&out, "%s%s", i > 0 ? ", " : "", request.dropped[i]),
                         0);
    if (span_absent(run->golden->sections[DROPPED]) && out.len > 0)
        fail_msg("%s: dropped unsaid: %.*s", run->golden->name, SPAN_ARG(dynbuf_span(&out)));
    expect(run, DROPPED, dynbuf_span(&out));
    dynbuf_done(&out);
}

static int on_event(void *context, const struct event *event) {
    struct run *run = context;
    if (event->kind == EVENT_ERROR)
        return dynbuf_append_format(&run->end, "status %d, code %.*s, message %.*s",
                                    event->error_status, SPAN_ARG(event->error_code),
                                    SPAN_ARG(event->error_message));
    if (run->task.chat.stream)
        return run->surface->stream_event(run->encoder, &run->identity, event, &run->client);
    return run->surface->reply_event(run->encoder, event);
}

/* Records of an event stream written with plain line ends. */
static int feed_stream(struct dialect_decoder *decoder, struct span stream) {
    struct span line;
    int err = 0;
    while (err == 0 && span_split(&stream, '\n', &line)) {
        if (!span_starts_with(line, "data:"))
            continue;
        err = dialect_openai.on_record(decoder, span_trim(span_of(line.ptr + 5, line.len - 5)));
    }
    return err;
}

static void end_client(struct run *run, enum dialect_end end) {
    const struct api_error broken = {.kind = API_UPSTREAM_FAILED,
                                     .message = SPAN_LITERAL("The provider broke off."),
                                     .retry_after_ms = -1};
    bool good = end == DIALECT_COMPLETE || end == DIALECT_EMPTY;
    struct chat_stream_checker checker;
    if (!run->task.chat.stream) {
        if (good)
            assert_int_equal(run->surface->reply_end(run->encoder, &run->identity, &run->client),
                             0);
        return;
    }
    if (good)
        assert_int_equal(run->surface->stream_end(run->encoder, &run->identity, &run->client), 0);
    else
        assert_int_equal(
            run->surface->stream_error(run->encoder, &run->identity, &broken, &run->client), 0);
    checker_open(&checker, run->task.chat.include_usage);
    checker.cut_by_error = !good;
    const char *wrong = checker_run(&checker, dynbuf_span(&run->client));
    if (wrong != NULL) {
        print_error("%s: %s: the client's stream is wrong: %s\n", run->golden->file,
                    run->golden->name, wrong);
        (*run->failures)++;
    }
    checker_close(&checker);
}

static void answer(struct run *run) {
    static const char *const end_names[] = {[DIALECT_COMPLETE] = "COMPLETE",
                                            [DIALECT_TRUNCATED] = "TRUNCATED",
                                            [DIALECT_EMPTY] = "EMPTY",
                                            [DIALECT_GUARD] = "GUARD",
                                            [DIALECT_FAILED] = "FAILED"};
    struct span text = run->golden->sections[ANSWER];
    bool stream = span_starts_with(text, "data:") || span_starts_with(text, ":");
    run->encoder = run->surface->encoder_new(&run->arena, &run->task);
    struct dialect_decoder *decoder =
        dialect_openai.decoder_new(&run->attempt, &run->task, run->target.quirks, on_event, run);
    int err = stream ? feed_stream(decoder, text) : dialect_openai.on_body(decoder, text);
    enum dialect_end end = err == 0 ? dialect_openai.on_end(decoder) : DIALECT_FAILED;
    end_client(run, end);
    struct dynbuf verdict;
    dynbuf_init(&verdict, FILE_MAX_BYTES);
    assert_int_equal(
        dynbuf_append_format(&verdict, "%s%s%.*s", err == 0 ? end_names[end] : err_name(err),
                             run->end.len > 0 ? " " : "", SPAN_ARG(dynbuf_span(&run->end))),
        0);
    expect(run, CLIENT, dynbuf_span(&run->client));
    expect(run, END, dynbuf_span(&verdict));
    dynbuf_done(&verdict);
    dialect_openai.decoder_free(decoder);
    run->surface->encoder_free(run->encoder);
}

static void run_case(void *context, const struct golden_case *golden) {
    struct run run = {.golden = golden, .failures = context, .surface = &surface_openai_chat};
    arena_init(&run.arena, NULL, 0, ARENA_CAP);
    arena_init(&run.attempt, NULL, 0, ARENA_CAP);
    dynbuf_init(&run.client, ARENA_CAP);
    dynbuf_init(&run.end, ARENA_CAP);
    run.identity =
        (struct surface_identity){SPAN_LITERAL("req-1"), SPAN_LITERAL("our-model"), 1700000000};
    if (span_absent(golden->sections[REQUEST]))
        fail_msg("%s: %s: no request", golden->file, golden->name);
    read_target(&run);
    if (decode(&run)) {
        encode_upstream(&run);
        if (!span_absent(golden->sections[ANSWER]))
            answer(&run);
    }
    dynbuf_done(&run.client);
    dynbuf_done(&run.end);
    arena_reset(&run.attempt);
    arena_reset(&run.arena);
}

static void golden_cases(void **state) {
    unsigned failures = 0;
    (void)state;
    unsigned cases = golden_run("", section_names, run_case, &failures);
    print_message("%u golden cases\n", cases);
    assert_true(cases >= 30);
    assert_int_equal(failures, 0);
    for (enum fact_quirk_kind kind = 0; kind < FACT_QUIRK_COUNT; kind++)
        if (dialect_quirks_obeys(kind) && !quirks_seen[kind])
            fail_msg("no golden case has the quirk %s", quirk_words[kind]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
