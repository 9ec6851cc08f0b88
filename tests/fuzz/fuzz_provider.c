// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a refusal: the first line names a provider, a status and the size of the prompt, head fields follow up to an empty
 * line, the rest is the body. Judged by the provider's rows and by the generic rules alone; whatever comes in, what comes out must
 * be a verdict that the scheduler and a client may be given: within the tables, within the caps, texts fit to stand in JSON.
 */
#include "base/check.h"
#include "provider/reading.h"
#include "provider/signal.h"
#include "provider/wait.h"
#include "json/json.h"

#define WALL_MS      1790000000000
#define ARENA_CAP    ((size_t)16 << 20)
#define BODY_MAX     ((size_t)96 * 1024)
#define MONTH_MAX_NS WAIT_RESET_MAX_NS

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every lookup reads all lines: few of them are looked at. */
#define LINES_MAX 40

static struct span get(void *context, const char *name) {
    struct span rest = *(const struct span *)context;
    struct span line, field;
    for (int i = 0; i < LINES_MAX && span_split(&rest, '\n', &line); i++)
        if (span_split(&line, ':', &field) && span_is_nocase(field, name))
            return span_absent(line) ? span_of("", 0) : span_trim(line);
    return SPAN_NONE;
}

static void check_text(struct span text) {
    struct dynbuf out;
    if (span_absent(text))
        return;
    dynbuf_init(&out, 2 * BODY_MAX);
    check(json_write_escaped(&out, text) == 0 && json_validate(dynbuf_span(&out)) == 0);
    dynbuf_done(&out);
}

static void check_strip(struct span name) {
    check(name.len <= 80 && !span_is(name, "model") && !span_is(name, "messages"));
    for (size_t i = 0; i < name.len; i++)
        check(name.ptr[i] > ' ' && name.ptr[i] != '"' && name.ptr[i] != '\\');
}

static void check_verdict(const struct signal_verdict *verdict) {
    const struct outcome_detail *detail = &verdict->detail;
    check((unsigned)verdict->outcome < OUTCOME_COUNT && verdict->outcome != OUTCOME_OK);
    check(detail->scope <= BENCH_BY_ROW && detail->told_ns <= MONTH_MAX_NS);
    check(detail->window_ns <= MONTH_MAX_NS && detail->window_unit <= LIMIT_UNIT_COUNT);
    check(verdict->row != NULL || verdict->rule != NULL);
    check(verdict->row == NULL || !verdict->row->note);
    if (verdict->learned_limit > 0)
        check(verdict->learned_unit < LIMIT_UNIT_COUNT && verdict->learned_window_ms > 0);
    check_strip(verdict->strip);
    check_text(verdict->message);
    check_text(verdict->code);
}

static void check_readings(const struct fact_provider *facts, struct signal_head head) {
    struct reading readings[READINGS_MAX];
    enum limit_unit unit;
    uint64_t amount;
    uint32_t count = reading_collect(facts, head, WALL_MS, readings);
    check(count <= READINGS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct reading *reading = &readings[i];
        check(reading->has_limit || reading->has_remaining || reading->has_reset);
        check(!reading->has_limit || !reading->has_remaining ||
              reading->remaining <= reading->limit);
        check(!reading->has_reset || reading->reset_ms <= MONTH_MAX_NS / 1000000);
    }
    if (reading_cost(facts, head, &unit, &amount))
        check(unit < LIMIT_UNIT_COUNT);
}

static void check_waits(struct span text) {
    uint64_t ns;
    bool moment;
    if (wait_duration_ns(text, &ns))
        check(ns <= WAIT_RESET_MAX_NS);
    if (wait_until_ns(text, WALL_MS, &ns))
        check(ns <= WAIT_RESET_MAX_NS);
    check(wait_retry_after_ns(text, text, WALL_MS) <= WAIT_TOLD_MAX_NS);
    check(wait_of_words_ns(text, WALL_MS, &moment) <= WAIT_RESET_MAX_NS);
}

static void judge(struct signal_answer *answer, const struct fact_provider *facts) {
    struct arena arena;
    struct signal_verdict verdict;
    arena_init(&arena, NULL, 0, ARENA_CAP);
    answer->facts = facts;
    signal_classify(answer, &arena, &verdict);
    check_verdict(&verdict);
    check_readings(facts, answer->head);
    arena_reset(&arena);
}

/* "groq 429 9000" */
static const struct fact_provider *read_first(struct span line, struct signal_answer *answer) {
    struct span id = SPAN_NONE, status = SPAN_NONE;
    uint64_t number;
    (void)span_split(&line, ' ', &id);
    (void)span_split(&line, ' ', &status);
    answer->status = span_to_u64(status, &number) && number < 1000 ? (int)number : 429;
    if (!span_absent(line) && span_to_u64(line, &number))
        answer->input_tokens = number;
    answer->format_sent = id.len % 2 == 0;
    answer->json_object_sent = id.len % 3 == 0;
    return facts_provider(&facts_built_in, id);
}

/* Takes everything up to an empty line off the front. */
static struct span take_head(struct span *rest) {
    const char *begin = rest->ptr;
    struct span line;
    while (!span_absent(*rest) && span_split(rest, '\n', &line))
        if (line.len == 0)
            return span_of(begin, (size_t)(line.ptr - begin));
    return SPAN_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest = span_of((const char *)data, size);
    struct span first = SPAN_NONE;
    struct signal_answer answer = {.wall_ms = WALL_MS, .upstream_model = SPAN_LITERAL("up")};
    if (size == 0 || size > BODY_MAX)
        return 0;
    check_waits(rest);
    (void)span_split(&rest, '\n', &first);
    const struct fact_provider *facts = read_first(first, &answer);
    struct span head = take_head(&rest);
    answer.head = (struct signal_head){get, &head};
    answer.body = rest;
    judge(&answer, facts);
    judge(&answer, NULL);
    (void)signal_outcome(answer.status, first, answer.body);
    return 0;
}
