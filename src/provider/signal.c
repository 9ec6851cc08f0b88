// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals of providers into outcomes, and what each adds: who rests, until when, what was learned.
 *
 * Order: numbers that say this request can never fit (waiting would never help, whatever window the words name beside them), the
 * provider's own rows, the generic rules. A row is obeyed as it stands; inside a 200 its statuses do not count against its matches,
 * since code strings decide there. Promises: total, pure, bounded; a wait is never believed for a refusal that rests nobody.
 * Leaves to others: what follows from an outcome (scheduler/outcome.h), how long a named window lasts (scheduler/ledger).
 */
#include "provider/signal.h"

#include "base/check.h"
#include "provider/parts.h"
#include "provider/wait.h"

#define MS_NS 1000000ull
#define OWNER_NS \
    (24ull * 3600 * 1000000000) /* an owner's act is not told to us: look again daily */
#define UNIT_NONE   LIMIT_UNIT_COUNT
#define ALWAYS_LATE UINT64_MAX
#define SMALL_BYTES 1024 /* for the name of one member */

static const struct class_row {
    enum outcome outcome;
    uint64_t window_ms; /* that the class itself names */
    bool waits;         /* a wait that is told makes sense */
} classes[FACT_CLASS_COUNT] = {
    [FACT_CLASS_RATE_LIMITED] = {OUTCOME_RATE_LIMITED, 0, true},
    [FACT_CLASS_UPSTREAM_RATE_LIMITED] = {OUTCOME_UPSTREAM_RATE_LIMITED, 0, true},
    [FACT_CLASS_DAILY_QUOTA] = {OUTCOME_QUOTA_EXHAUSTED, TOLD_DAY_MS, true},
    [FACT_CLASS_MONTHLY_QUOTA] = {OUTCOME_QUOTA_EXHAUSTED, TOLD_MONTH_MS, true},
    [FACT_CLASS_WINDOW_QUOTA] = {OUTCOME_QUOTA_EXHAUSTED, 0, true},
    [FACT_CLASS_IP_QUOTA] = {OUTCOME_QUOTA_EXHAUSTED, 0, true},
    [FACT_CLASS_REQUEST_TOO_LARGE] = {OUTCOME_TOO_LARGE, 0, false},
    [FACT_CLASS_CONTEXT_TOO_LONG] = {OUTCOME_CONTEXT_TOO_LONG, 0, false},
    [FACT_CLASS_OUT_OF_CREDITS] = {OUTCOME_NO_CREDIT, 0, true},
    [FACT_CLASS_ACCOUNT_BLOCKED] = {OUTCOME_ACCOUNT_BLOCKED, 0, false},
    [FACT_CLASS_NOT_ENTITLED] = {OUTCOME_NOT_ENTITLED, 0, false},
    [FACT_CLASS_BAD_KEY] = {OUTCOME_KEY_REFUSED, 0, false},
    [FACT_CLASS_REGION_BLOCKED] = {OUTCOME_REGION_BLOCKED, 0, false},
    [FACT_CLASS_MODEL_GONE] = {OUTCOME_MODEL_GONE, 0, false},
    [FACT_CLASS_OVERLOADED] = {OUTCOME_OVERLOADED, 0, true},
    [FACT_CLASS_UNSUPPORTED_PARAMETER] = {OUTCOME_UNSUPPORTED_PARAMETER, 0, false},
    [FACT_CLASS_BAD_REQUEST] = {OUTCOME_UNCLEAR, 0, false},
    [FACT_CLASS_TOOL_CALL_MALFORMED] = {OUTCOME_TOOL_CALL_MALFORMED, 0, false},
    [FACT_CLASS_CONTENT_FILTER] = {OUTCOME_CONTENT_FILTER, 0, false},
    [FACT_CLASS_EMPTY_COMPLETION] = {OUTCOME_EMPTY, 0, false},
    [FACT_CLASS_ERROR_IN_200] = {OUTCOME_SERVER_ERROR, 0, true},
    [FACT_CLASS_SERVER_ERROR] = {OUTCOME_SERVER_ERROR, 0, true},
    [FACT_CLASS_TIMEOUT] = {OUTCOME_FIRST_BYTE_TIMEOUT, 0, false},
};

static const enum bench_scope scopes[FACT_ABOUT_COUNT] = {
    [FACT_ABOUT_REQUEST] = BENCH_NOTHING, [FACT_ABOUT_ROUTE] = BENCH_ROUTE,
    [FACT_ABOUT_MODEL] = BENCH_MODEL,     [FACT_ABOUT_KEY] = BENCH_KEY,
    [FACT_ABOUT_ACCOUNT] = BENCH_ACCOUNT, [FACT_ABOUT_PROVIDER] = BENCH_PROVIDER,
};

/* Which outcomes of the generic rules a told wait makes sense for: those of the classes that do. */
static bool waits(enum outcome outcome) {
    for (size_t i = 0; i < array_length(classes); i++)
        if (classes[i].outcome == outcome)
            return classes[i].waits;
    return false;
}

/* --- which row --- */

static bool has_status(const struct fact_signal *row, int status) {
    if (row->statuses == NULL || row->statuses[0] == 0)
        return true;
    for (const uint16_t *at = row->statuses; *at != 0; at++)
        if (*at == status)
            return true;
    return false;
}

static bool status_fits(const struct fact_signal *row, const struct told *told) {
    int outer = told->answer->status;
    if (has_status(row, outer) || (told->status != 0 && has_status(row, told->status)))
        return true;
    return outer == 200 && told->status == 0 && row->match_count > 0;
}

static bool row_applies(const struct fact_signal *row, const struct told *told) {
    if (row->note || !status_fits(row, told))
        return false;
    for (uint32_t i = 0; i < row->match_count; i++)
        if (!told_matches(told, &row->matches[i]))
            return false;
    return true;
}

/* The first row that applies and is (not) of a class; NULL when there is none. */
static const struct fact_signal *find_row(const struct told *told, enum fact_class class, bool is) {
    const struct fact_provider *facts = told->answer->facts;
    for (uint32_t i = 0; facts != NULL && i < facts->signal_count; i++)
        if ((facts->signals[i].class == class) == is && row_applies(&facts->signals[i], told))
            return &facts->signals[i];
    return NULL;
}

/* --- what it adds --- */

static uint64_t to_ns(uint64_t ms) {
    return ms > UINT64_MAX / MS_NS ? UINT64_MAX : ms * MS_NS;
}

static void rest_until(struct outcome_detail *detail, const struct fact_signal *row) {
    detail->bench_ns = to_ns(row->least_ms);
    detail->bench_most_ns = to_ns(row->most_ms);
    if (row->until == FACT_UNTIL_OWNER_ACTS && detail->bench_ns == 0)
        detail->bench_ns = detail->bench_most_ns = OWNER_NS;
    detail->until_changed =
        row->until == FACT_UNTIL_KEY_CHANGES || row->until == FACT_UNTIL_FOREVER;
}

static void believe_wait(struct signal_verdict *verdict, const struct told *told,
                         const char *wait_path, uint64_t least_ms) {
    if (least_ms == ALWAYS_LATE)
        return;
    uint64_t ns = told_wait_ns(told, wait_path, verdict->detail.window_ns / MS_NS);
    if (ns >= to_ns(least_ms))
        verdict->detail.told_ns = ns;
}

static bool is_of_quota(enum outcome outcome) {
    return outcome == OUTCOME_RATE_LIMITED || outcome == OUTCOME_QUOTA_EXHAUSTED;
}

static void learn(struct signal_verdict *verdict, const struct told_limit *limit) {
    if (limit->amount == 0 || limit->window_ms == 0 || limit->unit == UNIT_NONE)
        return;
    verdict->learned_limit = limit->amount;
    verdict->learned_unit = limit->unit;
    verdict->learned_window_ms = limit->window_ms;
}

/* Names the window by the body's words and takes the number that stands there. */
static void name_window(struct signal_verdict *verdict, const struct told *told, uint64_t window_ms,
                        enum limit_unit unit) {
    struct told_limit limit = told_limit_of(told, window_ms, unit);
    verdict->detail.window_ns = to_ns(limit.window_ms);
    verdict->detail.window_unit = limit.unit;
    learn(verdict, &limit);
}

/* The longest window that the head says is used up. */
static void name_window_by_head(struct signal_verdict *verdict, const struct told *told) {
    uint64_t longest_ms = 0;
    for (uint32_t i = 0; i < told->reading_count; i++) {
        const struct reading *reading = &told->readings[i];
        if (!reading->has_remaining || reading->remaining > 0 || reading->window_ms <= longest_ms)
            continue;
        longest_ms = reading->window_ms;
        verdict->detail.window_ns = to_ns(longest_ms);
        verdict->detail.window_unit = reading->any_unit ? UNIT_NONE : reading->unit;
    }
}

static const struct {
    uint64_t wait_ms, window_ms;
} windows[] = {
    {90 * TOLD_SECOND_MS, TOLD_MINUTE_MS}, {2 * TOLD_HOUR_MS, TOLD_HOUR_MS},
    {25 * TOLD_HOUR_MS, TOLD_DAY_MS},      {TOLD_WEEK_MS, TOLD_WEEK_MS},
    {UINT64_MAX, TOLD_MONTH_MS},
};

/* The window by how long it takes to come back. */
static void name_window_by_wait(struct signal_verdict *verdict) {
    uint64_t wait_ms = verdict->detail.told_ns / MS_NS;
    size_t i = 0;
    while (wait_ms > windows[i].wait_ms)
        i++;
    if (wait_ms > 0)
        verdict->detail.window_ns = to_ns(windows[i].window_ms);
}

/* A limit of a day or longer is quota, not rate: clients are told so and nobody waits for it. */
static void settle_quota(struct signal_verdict *verdict, const struct told *told) {
    if (!is_of_quota(verdict->outcome))
        return;
    if (verdict->detail.window_ns == 0)
        name_window_by_head(verdict, told);
    if (verdict->detail.window_ns == 0 && verdict->outcome == OUTCOME_RATE_LIMITED)
        name_window_by_wait(
            verdict); /* of a quota the rest of a window says nothing about its length */
    if (verdict->detail.window_ns > to_ns(TOLD_HOUR_MS))
        verdict->outcome = OUTCOME_QUOTA_EXHAUSTED;
}

/* A request that the provider does not take as it is. */
static void settle_request(struct signal_verdict *verdict, const struct told *told,
                           const struct fact_signal *row) {
    if (row->strip != NULL && row->strip[0] != '\0')
        verdict->strip = span_text(row->strip);
    else if (row->strip_named)
        verdict->strip = told_member(told, true);
    if (verdict->outcome != OUTCOME_UNCLEAR)
        return;
    if (!span_absent(verdict->strip))
        verdict->outcome = OUTCOME_UNSUPPORTED_PARAMETER;
    else if (rule_is_clients(told))
        verdict->outcome = OUTCOME_CLIENT_FAULT;
}

/* Than that the provider does not know the member: its value is refused, or our row guesses which member it is. */
static bool says_less(const struct told *told, const struct fact_signal *row) {
    bool named_by_row = row != NULL && row->strip != NULL && row->strip[0] != '\0';
    return named_by_row || told_code(told, "unsupported_value") ||
           told_says(told, "unsupported value");
}

static void obey_row(struct signal_verdict *verdict, const struct told *told,
                     const struct fact_signal *row) {
    check((unsigned)row->class < FACT_CLASS_COUNT && (unsigned)row->about < FACT_ABOUT_COUNT);
    const struct class_row *class = &classes[row->class];
    uint64_t window_ms = row->window_ms > 0 ? row->window_ms : class->window_ms;
    verdict->row = row;
    verdict->outcome = class->outcome;
    verdict->detail.scope = scopes[row->about];
    verdict->retry_once = row->retry_once;
    settle_request(verdict, told, row);
    if (row->about == FACT_ABOUT_REQUEST)
        return;
    rest_until(&verdict->detail, row);
    if (is_of_quota(class->outcome)) {
        name_window(verdict, told, window_ms, row->unit);
    } else if (window_ms > 0) {
        verdict->detail.window_ns = to_ns(window_ms);
        verdict->detail.window_unit = row->unit;
    }
    if (class->waits)
        believe_wait(verdict, told, row->wait_path, row->told_least_ms);
    settle_quota(verdict, told);
}

static void obey_rule(struct signal_verdict *verdict, const struct told *told,
                      const struct rule *rule) {
    verdict->rule = rule->name;
    verdict->outcome = rule->outcome;
    verdict->detail.scope = rule->scope == BENCH_NOTHING ? BENCH_BY_ROW : rule->scope;
    verdict->detail.bench_ns = to_ns(rule->rest_s * TOLD_SECOND_MS);
    verdict->detail.until_changed = rule->until_changed;
    verdict->retry_once = rule->retry_once;
    if (rule->strip)
        verdict->strip = told_member(told, true);
    if (is_of_quota(rule->outcome))
        name_window(verdict, told, 0, UNIT_NONE);
    if (waits(rule->outcome))
        believe_wait(verdict, told, NULL, rule->told_least_ms);
    settle_quota(verdict, told);
}

static void never_fits(struct signal_verdict *verdict, const struct told *told,
                       const struct told_limit *limit) {
    const struct fact_signal *row = find_row(told, FACT_CLASS_REQUEST_TOO_LARGE, true);
    if (row != NULL)
        obey_row(verdict, told, row);
    else
        obey_rule(verdict, told, rule_find(told));
    verdict->outcome = OUTCOME_TOO_LARGE;
    verdict->detail = (struct outcome_detail){.scope = BENCH_NOTHING, .window_unit = UNIT_NONE};
    learn(verdict, limit);
}

static void classify(struct signal_verdict *verdict, const struct told *told) {
    struct told_limit limit = {.unit = UNIT_NONE};
    if (told_never_fits(told, &limit)) {
        never_fits(verdict, told, &limit);
        return;
    }
    const struct fact_signal *row = find_row(told, FACT_CLASS_ERROR_IN_200, false);
    if (row != NULL) {
        obey_row(verdict, told, row);
        if (verdict->outcome == OUTCOME_TOO_LARGE) {
            limit = told_limit_of(told, 0, UNIT_NONE);
            learn(verdict, &limit);
        }
        return;
    }
    row = find_row(told, FACT_CLASS_ERROR_IN_200, true); /* it says no more than that */
    const struct rule *rule = rule_find(told);
    if (row != NULL && rule->least == 0)
        obey_row(verdict, told, row);
    else
        obey_rule(verdict, told, rule);
}

void signal_classify(const struct signal_answer *answer, struct arena *arena,
                     struct signal_verdict *ret_verdict) {
    struct told *told = arena_alloc(arena, sizeof *told);
    told_read(told, answer, arena);
    *ret_verdict = (struct signal_verdict){.message = told->message,
                                           .code = told->code,
                                           .detail.window_unit = UNIT_NONE,
                                           .learned_unit = UNIT_NONE};
    classify(ret_verdict, told);
    if (!span_absent(ret_verdict->strip))
        ret_verdict->strip_here = says_less(told, ret_verdict->row);
}

enum outcome signal_outcome(int status, struct span code, struct span message) {
    char first[SMALL_BYTES];
    struct arena arena;
    struct signal_answer answer = {.status = status};
    struct told told = {.answer = &answer, .arena = &arena, .status = status == 200 ? 0 : status};
    if (code.len > 0)
        told.codes[told.code_count++] = code;
    if (message.len > TOLD_WORDS_MAX_BYTES)
        message.len = TOLD_WORDS_MAX_BYTES;
    if (message.len > 0)
        told.texts[told.text_count++] = message;
    arena_init(&arena, first, sizeof first, SMALL_BYTES);
    enum outcome outcome = rule_find(&told)->outcome;
    arena_reset(&arena);
    return outcome;
}
