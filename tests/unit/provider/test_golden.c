// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals as providers were seen to send them (tests/golden/signals), judged by the facts of this build.
 *
 *   == answer      lines: "provider groq", "status 429", "model ID", "input TOKENS", "sent key|format|json_object"
 *   == head        fields of the answer, names in lower case
 *   == body        bytes of the body
 *   == verdict     what is made of it, a line each:
 *                    OUTCOME by the row CLASS | by the rule NAME
 *                    whom it is about, until when
 *                    told, window, learned, strip, again: only where there is something to say
 *                    code and the begin of the message, as the body worded them
 * The clock stands at 2026-09-21T14:13:20Z. Every row that is obeyed must have decided a case: a row without one has never been
 * proved, and this test fails.
 */
#include "support/golden.h"

#include "base/check.h"
#include "base/dynbuf.h"
#include "provider/signal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WALL_MS           1790000000000
#define ARENA_CAP         ((size_t)4 << 20)
#define VERDICT_MAX_BYTES ((size_t)4096)
#define ROWS_MAX          1024
#define MESSAGE_BYTES     40 /* of it are shown */
#define MS_NS             1000000ull

enum section { ANSWER, HEAD, BODY, VERDICT };
static const char *const section_names[] = {"answer", "head", "body", "verdict", NULL};

struct proof {
    const struct fact_signal *rows[ROWS_MAX]; /* that decided a case */
    unsigned row_count, failures;
};

/* --- a case --- */

static struct span get(void *context, const char *name) {
    struct span rest = *(const struct span *)context;
    struct span line, field;
    while (!span_absent(rest) && span_split(&rest, '\n', &line))
        if (span_split(&line, ':', &field) && span_is(field, name))
            return span_trim(line);
    return SPAN_NONE;
}

static void read_sent(struct signal_answer *answer, struct span what) {
    answer->key_sent |= span_is(what, "key");
    answer->format_sent |= span_is(what, "format");
    answer->json_object_sent |= span_is(what, "json_object");
}

static void read_line(struct signal_answer *answer, struct span line) {
    struct span word;
    uint64_t status = 0;
    (void)span_split(&line, ' ', &word);
    if (span_is(word, "provider")) {
        answer->facts = facts_provider(&facts_built_in, line);
        assert_non_null(answer->facts);
    } else if (span_is(word, "status")) {
        assert_true(span_to_u64(line, &status) && status < 1000);
        answer->status = (int)status;
    } else if (span_is(word, "model")) {
        answer->upstream_model = line;
    } else if (span_is(word, "input")) {
        assert_true(span_to_u64(line, &answer->input_tokens));
    } else if (span_is(word, "sent")) {
        read_sent(answer, line);
    } else {
        fail_msg("unknown line of an answer: %.*s", SPAN_ARG(word));
    }
}

/* --- a verdict in words --- */

#define SAY(...) assert_int_equal(dynbuf_append_format(out, __VA_ARGS__), 0)

static void say_time(struct dynbuf *out, const char *before, uint64_t ns) {
    uint64_t ms = ns / MS_NS;
    if (ms % 1000 == 0)
        SAY("%s%llu s", before, (unsigned long long)(ms / 1000));
    else
        SAY("%s%llu.%03llu s", before, (unsigned long long)(ms / 1000),
            (unsigned long long)(ms % 1000));
}

static void say_unit(struct dynbuf *out, enum limit_unit unit) {
    if (unit < LIMIT_UNIT_COUNT)
        SAY(" of %s", limit_unit_word(unit));
}

static void say_rest(struct dynbuf *out, const struct outcome_detail *detail) {
    static const char *const scopes[] = {
        [BENCH_NOTHING] = "nobody rests",      [BENCH_ROUTE] = "the route rests",
        [BENCH_MODEL] = "the model rests",     [BENCH_KEY] = "the key rests",
        [BENCH_ACCOUNT] = "the account rests", [BENCH_PROVIDER] = "the provider rests",
        [BENCH_BY_ROW] = "as the outcome says"};
    SAY("%s", scopes[detail->scope]);
    if (detail->bench_ns > 0)
        say_time(out, ", ", detail->bench_ns);
    if (detail->bench_most_ns > detail->bench_ns)
        say_time(out, " to ", detail->bench_most_ns);
    if (detail->until_changed)
        SAY(", until something changes");
    SAY("\n");
}

static void say(struct dynbuf *out, const struct signal_verdict *verdict) {
    SAY("%s", outcome_row(verdict->outcome)->label);
    if (verdict->row != NULL)
        SAY(" by the row %s", fact_class_word(verdict->row->class));
    if (verdict->rule != NULL)
        SAY(" by the rule %s", verdict->rule);
    SAY("\n");
    say_rest(out, &verdict->detail);
    if (verdict->detail.told_ns > 0) {
        say_time(out, "told ", verdict->detail.told_ns);
        SAY("\n");
    }
    if (verdict->detail.window_ns > 0) {
        say_time(out, "window ", verdict->detail.window_ns);
        say_unit(out, verdict->detail.window_unit);
        SAY("\n");
    }
    if (verdict->learned_limit > 0) {
        SAY("learned %llu", (unsigned long long)verdict->learned_limit);
        say_unit(out, verdict->learned_unit);
        say_time(out, " in ", verdict->learned_window_ms * MS_NS);
        SAY("\n");
    }
    if (!span_absent(verdict->strip))
        SAY("strip %.*s%s\n", SPAN_ARG(verdict->strip),
            verdict->strip_here ? " for this request" : "");
    if (verdict->retry_once)
        SAY("again\n");
    struct span message = verdict->message;
    if (message.len > MESSAGE_BYTES)
        message.len = MESSAGE_BYTES;
    if (!span_absent(verdict->code))
        SAY("code %.*s\n", SPAN_ARG(verdict->code));
    if (!span_absent(message))
        SAY("says %.*s\n", SPAN_ARG(message));
}

static void prove(struct proof *proof, const struct fact_signal *row) {
    for (unsigned i = 0; i < proof->row_count; i++)
        if (proof->rows[i] == row)
            return;
    assert_true(proof->row_count < ROWS_MAX);
    proof->rows[proof->row_count++] = row;
}

static void run_case(void *context, const struct golden_case *golden) {
    struct proof *proof = context;
    struct span lines = golden->sections[ANSWER], line;
    struct span head = golden->sections[HEAD];
    struct signal_answer answer = {
        .body = golden->sections[BODY], .head = {get, &head}, .key_sent = true, .wall_ms = WALL_MS};
    struct signal_verdict verdict;
    struct arena arena;
    struct dynbuf out;
    if (span_absent(golden->sections[VERDICT]))
        fail_msg("%s: %s: no verdict", golden->file, golden->name);
    while (!span_absent(lines) && span_split(&lines, '\n', &line))
        read_line(&answer, line);
    arena_init(&arena, NULL, 0, ARENA_CAP);
    dynbuf_init(&out, VERDICT_MAX_BYTES);
    signal_classify(&answer, &arena, &verdict);
    say(&out, &verdict);
    if (!golden_expect(golden, "verdict", golden->sections[VERDICT], dynbuf_span(&out)))
        proof->failures++;
    if (verdict.row != NULL)
        prove(proof, verdict.row);
    dynbuf_done(&out);
    arena_reset(&arena);
}

/* --- all rows --- */

static bool is_proved(const struct proof *proof, const struct fact_signal *row) {
    for (unsigned i = 0; i < proof->row_count; i++)
        if (proof->rows[i] == row)
            return true;
    return false;
}

static unsigned count_unproved(const struct proof *proof, const struct fact_provider *provider) {
    unsigned unproved = 0;
    for (uint32_t i = 0; i < provider->signal_count; i++) {
        const struct fact_signal *row = &provider->signals[i];
        if (row->note || is_proved(proof, row))
            continue;
        print_error("%s: signal %u (%s) decides no golden case\n", provider->id, i + 1,
                    fact_class_word(row->class));
        unproved++;
    }
    return unproved;
}

static void golden_signals(void **state) {
    struct proof proof = {.row_count = 0};
    unsigned unproved = 0;
    (void)state;
    unsigned cases = golden_run("signals", section_names, run_case, &proof);
    for (uint32_t i = 0; i < facts_built_in.provider_count; i++)
        unproved += count_unproved(&proof, &facts_built_in.providers[i]);
    print_message("%u golden cases of signals, %u rows proved\n", cases, proof.row_count);
    assert_int_equal(proof.failures, 0);
    assert_int_equal(unproved, 0);
    assert_true(proof.row_count >= 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_signals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
