// SPDX-License-Identifier: Apache-2.0
/*
 * What the reader of the catalog's files refuses: each kind of row, with its place and the nearest known word, and all of it at once.
 */
#include "base/check.h"
#include "catalog/facts_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define SOURCES                                     \
    "compiled: 2026-11-22\n"                        \
    "sources:\n"                                    \
    "  doc: {name: a document, date: 2026-10-01}\n" \
    "  list: {name: a list}\n"
#define MODELS  "models:\n  - {id: m-1, kind: chat, reads: text, source: doc, confidence: high}\n"
#define DROPPED "dropped: []\n"
/* 9 lines; rows of tests begin on line 10. */
#define PROVIDER                         \
    "id: lab\n"                          \
    "short: la\n"                        \
    "name: Lab\n"                        \
    "kind: recurring_free\n"             \
    "status: usable\n"                   \
    "env: [LAB_API_KEY]\n"               \
    "dialect: openai\n"                  \
    "base_url: https://lab.example/v1\n" \
    "key: {scheme: bearer}\n"
#define SOURCED "source: doc, confidence: low"
#define END     "source: doc\nconfidence: low\n"

struct reading {
    struct arena arena;
    struct facts facts;
    struct facts_report report;
    int err;
};

static void setup(struct reading *reading, const char *provider, const char *models) {
    const struct facts_file files[] = {
        {SPAN_LITERAL("facts/lab.yaml"), span_text(provider)},
        {SPAN_LITERAL("facts/models.yaml"), span_text(models)},
        {SPAN_LITERAL("facts/dropped.yaml"), SPAN_LITERAL(DROPPED)},
        {SPAN_LITERAL("facts/sources.yaml"), SPAN_LITERAL(SOURCES)},
    };
    arena_init(&reading->arena, NULL, 0, FACTS_ARENA_MAX_BYTES);
    reading->err =
        facts_read(files, array_length(files), &reading->arena, &reading->facts, &reading->report);
}

static void show(const struct facts_report *report) {
    for (uint32_t i = 0; i < report->count && i < FACTS_COMPLAINTS_MAX; i++)
        print_error("%s:%u:%u: %s\n", report->complaints[i].file, report->complaints[i].line,
                    report->complaints[i].column, report->complaints[i].text);
}

/* --- what is right --- */

static void test_a_good_set(void **state) {
    (void)state;
    struct reading reading;
    setup(&reading,
          PROVIDER
          "plans: {free: nothing paid, paid: something paid}\n"
          "default_plan: free\n"
          "limits:\n"
          "  - {requests: 30, per: minute, shape: rolling, scope: model, models: [a-*, b], plan: "
          "free, " SOURCED "}\n"
          "  - {usd_credit: 0.1, shape: month, zone: UTC, scope: account, " SOURCED "}\n"
          "  - {tokens: unknown, per: 5h, shape: unknown, scope: key, tasks: chat, counts_refused: "
          "yes, " SOURCED "}\n"
          "signals:\n"
          "  - {class: overloaded, status: [503, 529], is: {error.code: 3040}, about: model, "
          "until: time, least: 5s, source: [doc, list], confidence: high, note: seen}\n"
          "quirks:\n"
          "  - {drop: [a, b], " SOURCED "}\n"
          "  - {rename: {c: d, e: f}, models: x*, " SOURCED "}\n"
          "routes:\n"
          "  - {model: m-1, id: lab/m1, status: listed_free, neurons_in: 0.031818, " SOURCED
          "}\n" END,
          MODELS);
    show(&reading.report);
    assert_int_equal(reading.err, 0);
    assert_int_equal(reading.report.count, 0);
    const struct fact_provider *lab = &reading.facts.providers[0];
    assert_true(lab->on);
    assert_string_equal(lab->auth_header, "Authorization");
    assert_string_equal(lab->key_prefix, "");
    assert_null(lab->env_extra[0]);
    assert_int_equal(lab->limit_count, 3);
    assert_int_equal(lab->limits[0].window_ms, 60000);
    assert_string_equal(lab->limits[0].models[1], "b");
    assert_int_equal(lab->limits[1].amount, 100000);
    assert_int_equal(lab->limits[1].window_ms, FACTS_MONTH_MS);
    assert_null(lab->limits[1].models);
    assert_int_equal(lab->limits[2].amount, 0);
    assert_false(lab->limits[2].shape_known);
    assert_true(lab->limits[2].refused_count);
    assert_string_equal(lab->limits[2].tasks[0], "chat");
    assert_string_equal(lab->signals[0].evidence.source, "a document, 2026-10-01; a list");
    assert_int_equal(lab->signals[0].statuses[1], 529);
    assert_int_equal(lab->signals[0].statuses[2], 0);
    assert_int_equal(lab->signals[0].most_ms, 5000);
    assert_string_equal(lab->signals[0].matches[0].values[0], "3040");
    assert_int_equal(lab->quirk_count, 4);
    assert_string_equal(lab->quirks[3].field, "e");
    assert_string_equal(lab->quirks[3].value, "f");
    assert_string_equal(lab->quirks[3].models[0], "x*");
    assert_int_equal(lab->routes[0].cost_input_micro, 31818);
    assert_string_equal(lab->stream.usage, "");
    assert_string_equal(lab->terms.regions, "");
    arena_reset(&reading.arena);
}

/* --- what is wrong in a provider's file --- */

#define LIMIT(text)  PROVIDER "limits:\n  - {" text ", " SOURCED "}\n" END
#define HEADER(text) PROVIDER "headers:\n  - {" text ", " SOURCED "}\n" END
#define SIGNAL(text) PROVIDER "signals:\n  - {" text ", " SOURCED "}\n" END
#define QUIRK(text)  PROVIDER "quirks:\n  - {" text ", " SOURCED "}\n" END
#define ROUTE(text)  PROVIDER "routes:\n  - {" text ", " SOURCED "}\n" END
#define WHOLE(id, rest) \
    "id: " id "\nname: Lab\nenv: [LAB_API_KEY]\nkey: {scheme: bearer}\n" rest "\n" END
#define REST \
    "short: la\nkind: recurring_free\nstatus: usable\ndialect: openai\nbase_url: https://a\n"

static const struct refusal {
    const char *text;
    unsigned line, column;
    const char *says; /* a part of the message */
} refusals[] = {
    /* shapes of files and rows */
    {"", 0, 0, "must hold a mapping"},
    {"- a\n", 1, 1, "must hold a mapping"},
    {"id: [\n", 2, 1, ""},
    {PROVIDER "limits: 3\n" END, 10, 9, "must be a list"},
    {PROVIDER "limits:\n  - 3\n" END, 11, 5, "a limit must be a mapping, not a single value"},
    {PROVIDER "limit:\n  - {}\n" END, 10, 1,
     "unknown field 'limit' of a provider; the nearest known is 'limits'"},
    {PROVIDER "name: twice\n" END, 10, 1, ""},
    /* evidence */
    {PROVIDER "limits:\n  - {requests: 3, per: day, shape: rolling, scope: key}\n" END, 11, 5,
     "a limit lacks 'source'"},
    {PROVIDER "limits:\n  - {requests: 3, per: day, shape: rolling, scope: key, source: dok, "
              "confidence: low}\n" END,
     11, 65, "unknown source 'dok'; the nearest known is 'doc'"},
    {PROVIDER "limits:\n  - {requests: 3, per: day, shape: rolling, scope: key, source: [], "
              "confidence: low}\n" END,
     11, 65, "one to 8 keys"},
    {PROVIDER "limits:\n  - {requests: 3, per: day, shape: rolling, scope: key, source: doc, "
              "confidence: hihg}\n" END,
     11, 82, "unknown confidence 'hihg'; the nearest known is 'high'"},
    /* limits */
    {LIMIT("per: day, shape: rolling, scope: key"), 11, 5, "exactly one unit"},
    {LIMIT("requests: 1, tokens: 2, per: day, shape: rolling, scope: key"), 11, 5,
     "exactly one unit"},
    {LIMIT("request: 1, per: day, shape: rolling, scope: key"), 11, 6,
     "the nearest known is 'requests'"},
    {LIMIT("requests: 0, per: day, shape: rolling, scope: key"), 11, 16, "say unknown"},
    {LIMIT("requests: -1, per: day, shape: rolling, scope: key"), 11, 16, "whole number"},
    {LIMIT("requests: 1.5, per: day, shape: rolling, scope: key"), 11, 16, "whole number"},
    {LIMIT("requests: 1000000000000001, per: day, shape: rolling, scope: key"), 11, 16, "10^15"},
    {LIMIT("neurons: 1.2345, shape: day, zone: UTC, scope: key"), 11, 15, "at most 3 digits"},
    {LIMIT("usd_credit: 0.1234567, shape: day, zone: UTC, scope: key"), 11, 18, "at most 6 digits"},
    {LIMIT("requests: 1, per: dya, shape: rolling, scope: key"), 11, 24, "must be second, minute"},
    {LIMIT("requests: 1, per: 5, shape: rolling, scope: key"), 11, 24, "must be second, minute"},
    {LIMIT("requests: 1, per: 0s, shape: rolling, scope: key"), 11, 24, "must be second, minute"},
    {LIMIT("requests: 1, per: month, shape: rolling, scope: key"), 11, 24, "months differ"},
    {LIMIT("requests: 1, shape: rolling, scope: key"), 11, 5, "lacks 'per'"},
    {LIMIT("requests: 1, per: day, shape: roling, scope: key"), 11, 36,
     "unknown shape 'roling'; the nearest known is 'rolling'"},
    {LIMIT("requests: 1, per: day, shape: day, zone: UTC, scope: key"), 11, 24,
     "shape day has no 'per'"},
    {LIMIT("requests: 1, shape: day, scope: key"), 11, 5, "needs a 'zone'"},
    {LIMIT("requests: 1, per: day, shape: refill, zone: UTC, scope: key"), 11, 5, "only calendars"},
    {LIMIT("requests: 1, shape: day, zone: Mars/Base, scope: key"), 11, 37,
     "unknown zone 'Mars/Base'"},
    {LIMIT("requests: 1, per: day, shape: refill, scope: acount"), 11, 51,
     "unknown scope 'acount'; the nearest known is 'account'"},
    {LIMIT("concurrent: 1, per: day, shape: refill, scope: key"), 11, 5, "go together"},
    {LIMIT("other: 1, per: day, shape: refill, scope: key"), 11, 5, "'unit' names"},
    {LIMIT("requests: 1, unit: kudos, per: day, shape: refill, scope: key"), 11, 5, "'unit' names"},
    {LIMIT("requests: 1, per: day, shape: refill, scope: key, tasks: [chta]"), 11, 64,
     "unknown task 'chta'; the nearest known is 'chat'"},
    {LIMIT("requests: 1, per: day, shape: refill, scope: key, models: ['a*b*c']"), 11, 64,
     "one '*' at most"},
    {LIMIT("requests: 1, per: day, shape: refill, scope: key, plan: gold"), 11, 3,
     "plan 'gold' is not among"},
    {LIMIT("requests: 1, per: day, shape: refill, scope: key, counts_refused: maybe"), 11, 72,
     "unknown answer 'maybe'"},
    {LIMIT("requests: 1, per: day, shape: refill, scope: key, counts_refused: unknown"), 11, 72,
     "yes or no"},
    /* headers */
    {HEADER("name: x-a, tells: rest, form: integer, unit: tokens"), 11, 24,
     "unknown meaning of a header 'rest'"},
    {HEADER("name: x-a, tells: limit, form: intger, unit: tokens"), 11, 37,
     "the nearest known is 'integer'"},
    {HEADER("name: X-A, tells: limit, form: integer, unit: tokens"), 11, 12, "lower case"},
    {HEADER("name: 'x-a:', tells: limit, form: integer, unit: tokens"), 11, 12, "without a colon"},
    {HEADER("name: x-a, tells: limit, form: integer"), 11, 5, "lacks 'unit'"},
    {HEADER("name: x-a, tells: limit, form: integer, unit: tokns"), 11, 52,
     "the nearest known is 'tokens'"},
    {HEADER("name: x-a, tells: nothing, form: text"), 11, 5, "informs: yes"},
    {HEADER("tells: limit, form: integer, unit: tokens"), 11, 5, "a header lacks 'name'"},
    /* signals */
    {SIGNAL("class: overlaoded, status: 503, about: model, until: time, least: 5s"), 11, 13,
     "the nearest known is 'overloaded'"},
    {SIGNAL("class: overloaded, status: 99, about: model, until: time, least: 5s"), 11, 33,
     "'99' is not a status"},
    {SIGNAL("class: overloaded, status: fast, about: model, until: time, least: 5s"), 11, 33,
     "'fast' is not a status"},
    {SIGNAL("class: overloaded, about: model, until: time, least: 5s"), 11, 5,
     "match every refusal"},
    {SIGNAL("class: overloaded, status: 503, about: modle, until: time, least: 5s"), 11, 45,
     "the nearest known is 'model'"},
    {SIGNAL("class: overloaded, status: 503, about: model"), 11, 5, "lacks 'about' or 'until'"},
    {SIGNAL("class: overloaded, status: 503, about: model, until: time"), 11, 5, "lacks 'least'"},
    {SIGNAL("class: overloaded, status: 503, about: model, until: time, least: 5s, most: 4s"), 11,
     82, "shorter than 'least'"},
    {SIGNAL("class: overloaded, status: 503, about: model, until: forever, least: 5s"), 11, 5,
     "belong to until: time"},
    {SIGNAL("class: overloaded, status: 503, about: model, until: reset"), 11, 5, "lacks 'window'"},
    {SIGNAL("class: overloaded, status: 503, about: model, until: nothing"), 11, 5, "go together"},
    {SIGNAL("class: bad_request, status: 400, about: request, until: forever"), 11, 5,
     "go together"},
    {SIGNAL("class: bad_request, is: code, about: request, until: nothing"), 11, 30,
     "maps places to values"},
    {SIGNAL("class: bad_request, is: {code: []}, about: request, until: nothing"), 11, 37,
     "empty list"},
    {SIGNAL("class: bad_request, says: [], about: request, until: nothing"), 11, 32, "empty list"},
    {SIGNAL("class: bad_request, say: [x], about: request, until: nothing"), 11, 26,
     "the nearest known is 'says'"},
    {SIGNAL("class: bad_request, rule: format_snt, about: request, until: nothing"), 11, 32,
     "the nearest known is 'format_sent'"},
    {SIGNAL(
         "class: bad_request, status: 400, about: request, until: nothing, believe_from: always"),
     11, 85, "must be a duration"},
    /* quirks */
    {QUIRK("models: [a]"), 11, 5, "lacks its kind"},
    {QUIRK("dorp: a"), 11, 6, "unknown field 'dorp' of a quirk; the nearest known is 'drop'"},
    {QUIRK("drop: a, rename: {b: c}"), 11, 23, "of one kind"},
    {QUIRK("drop: []"), 11, 12, "one to 128 names"},
    {QUIRK("rename: [a, b]"), 11, 14, "maps names to values"},
    {QUIRK("force: {n: '{'}"), 11, 17, "is not JSON"},
    {QUIRK("at_least: {n: many}"), 11, 20, "is not a number"},
    {QUIRK("keep_strict: no"), 11, 19, "needs no row"},
    {QUIRK("cannot: [tool]"), 11, 15, "unknown capability 'tool'; the nearest known is 'tools'"},
    {QUIRK("fact: something"), 11, 5, "lacks its text"},
    {QUIRK("drop: a, models: '**'"), 11, 23, "one '*' at most"},
    /* routes */
    {ROUTE("model: m-2, id: x, status: listed_free"), 11, 13,
     "unknown model 'm-2'; the nearest known is 'm-1'"},
    {ROUTE("id: x, status: listed_fre"), 11, 21, "the nearest known is 'listed_free'"},
    {ROUTE("id: x, status: removed, since: yesterday"), 11, 37, "is not a date"},
    {ROUTE("id: x, status: removed, context: 0"), 11, 39, "leave the field out"},
    {ROUTE("model: m-1, status: removed"), 11, 5, "a route lacks 'id'"},
    {PROVIDER "routes:\n  - {id: x, status: removed, " SOURCED
              "}\n  - {id: x, status: hangs, " SOURCED "}\n" END,
     11, 3, "'x' stands there twice"},
    /* providers */
    {WHOLE("Lab", REST), 1, 5, "file's name"},
    {WHOLE("other", REST), 1, 5, "'lab'"},
    {WHOLE("lab", "short: abc\nkind: recurring_free\nstatus: usable\ndialect: openai\nbase_url: "
                  "https://a\n"),
     5, 8, "not two letters"},
    {WHOLE(
         "lab",
         "short: la\nkind: recuring_free\nstatus: usable\ndialect: openai\nbase_url: https://a\n"),
     6, 7, "the nearest known is 'recurring_free'"},
    {WHOLE("lab", "short: la\nkind: paid\nstatus: usable\ndialect: openai\nbase_url: https://a\n"),
     6, 7, "go together"},
    {WHOLE(
         "lab",
         "short: la\nkind: recurring_free\nstatus: usable\ndialect: opnai\nbase_url: https://a\n"),
     8, 10, "the nearest known is 'openai'"},
    {WHOLE("lab", "short: la\nkind: recurring_free\nstatus: usable\nbase_url: https://a\n"), 1, 1,
     "says why it is 'unusable'"},
    {WHOLE("lab",
           "short: la\nkind: recurring_free\nstatus: usable\ndialect: openai\nbase_url: ftp://a\n"),
     9, 11, "is not an URL"},
    {WHOLE("lab", "short: la\nkind: recurring_free\nstatus: usable\ndialect: openai\nbase_url: "
                  "'https://a/{id}'\n"),
     9, 11, "env_extra"},
    {WHOLE("lab", REST "env_extra: [lab]\n"), 10, 12, "A-Z"},
    {WHOLE("lab", REST "env_extra: [LAB_API_KEY]\n"), 10, 12,
     "variable 'LAB_API_KEY' is taken: facts/lab.yaml:3"},
    {WHOLE("lab", REST "keyless_safe: yes\n"), 10, 15, "only kind: keyless"},
    {WHOLE("lab", REST "default_plan: gold\n"), 10, 15, "plan 'gold'"},
    {WHOLE("lab", REST "plans: [gold]\n"), 10, 8, "plans are 1 to 8 names"},
    {WHOLE("lab", REST "probe: {ask: GET /, proves_key: perhaps}\n"), 10, 33, "unknown answer"},
    {WHOLE("lab", REST "terms: {tains: no}\n"), 10, 9, "the nearest known is 'trains'"},
    {WHOLE("lab", REST "stream: {done: yes}\n"), 10, 10, "unknown field 'done'"},
    {WHOLE("lab", REST "quota: {cached: 5x, ask: GET /}\n"), 10, 17, "must be a duration"},
    {WHOLE("lab", REST "accepts: {a: b}\n"), 10, 10, "must be a list"},
    {WHOLE("lab", REST "error_shape: ~\n"), 10, 14, "must be a text"},
    {WHOLE("lab", REST "error_shape: \"a\\nb\"\n"), 10, 14, "control characters"},
};

static void test_refusals(void **state) {
    (void)state;
    uint32_t wrong = 0;
    for (size_t i = 0; i < array_length(refusals); i++) {
        const struct refusal *refusal = &refusals[i];
        struct reading reading;
        setup(&reading, refusal->text, MODELS);
        const struct facts_complaint *first = &reading.report.complaints[0];
        bool good = reading.err == ERR_INVALID && reading.report.count > 0 &&
                    (refusal->line == 0 || first->line == refusal->line) &&
                    (refusal->column == 0 || first->column == refusal->column) &&
                    strstr(first->text, refusal->says) != NULL &&
                    strcmp(first->file, "facts/lab.yaml") == 0;
        if (!good) {
            print_error("row %zu, expected %u:%u %s in\n%s\n", i, refusal->line, refusal->column,
                        refusal->says, refusal->text);
            show(&reading.report);
        }
        wrong += !good;
        arena_reset(&reading.arena);
    }
    assert_int_equal(wrong, 0);
}

/* --- the other files --- */

#define MODEL(text) "models:\n  - {" text ", " SOURCED "}\n"

static const struct refusal model_refusals[] = {
    {MODEL("id: a, kind: chta, reads: text"), 2, 19, "the nearest known is 'chat'"},
    {MODEL("id: a, kind: chat, reads: [text, picture]"), 2, 39,
     "unknown input of a model 'picture'"},
    {MODEL("id: a, kind: chat"), 2, 5, "lacks 'reads'"},
    {MODEL("id: a, kind: chat, reads: text, levels: high"), 2, 5, "without reasoning"},
    {MODEL("id: a, kind: chat, reads: text, dimensions: 3"), 2, 50, "only embeddings"},
    {MODEL("id: a, kind: embedding, reads: text, dimensions: 4294967296"), 2, 55, "larger than"},
    {MODEL("id: a, kind: chat, reads: text, quality: {general: 1001, source: doc}"), 2, 57,
     "1 to 1000"},
    {MODEL("id: a, kind: chat, reads: text, quality: {general: 0, source: doc}"), 2, 57,
     "1 to 1000"},
    {MODEL("id: a, kind: chat, reads: text, quality: {genral: 1, source: doc}"), 2, 48,
     "the nearest known is 'general'"},
    {MODEL("id: a, kind: chat, reads: text, quality: {general: 1}"), 2, 47, "lacks 'source'"},
    {MODEL("id: a, kind: chat, reads: text, aliases: [a]"), 2, 47,
     "model 'a' is taken: facts/models.yaml:2"},
    {MODEL("id: a, kind: chat, reads: text") "  - {id: a, kind: chat, reads: text, " SOURCED "}\n",
     3, 10, "model 'a' is taken: facts/models.yaml:2"},
};

static void test_refused_models(void **state) {
    (void)state;
    uint32_t wrong = 0;
    for (size_t i = 0; i < array_length(model_refusals); i++) {
        const struct refusal *refusal = &model_refusals[i];
        struct reading reading;
        setup(&reading, PROVIDER END, refusal->text);
        const struct facts_complaint *first = &reading.report.complaints[0];
        bool good = reading.err == ERR_INVALID && first->line == refusal->line &&
                    first->column == refusal->column &&
                    strstr(first->text, refusal->says) != NULL &&
                    strcmp(first->file, "facts/models.yaml") == 0;
        if (!good) {
            print_error("row %zu, expected %u:%u %s\n", i, refusal->line, refusal->column,
                        refusal->says);
            show(&reading.report);
        }
        wrong += !good;
        arena_reset(&reading.arena);
    }
    assert_int_equal(wrong, 0);
}

static int read_set(const struct facts_file *files, size_t count, struct facts_report *report) {
    struct arena arena;
    struct facts facts = {.compiled = "untouched"};
    arena_init(&arena, NULL, 0, FACTS_ARENA_MAX_BYTES);
    int err = facts_read(files, count, &arena, &facts, report);
    if (err == 0)
        assert_string_not_equal(facts.compiled, "untouched");
    else
        assert_string_equal(facts.compiled, "untouched");
    for (uint32_t i = 0; i < report->count && i < FACTS_COMPLAINTS_MAX; i++)
        assert_true(report->complaints[i].text[0] != '\0' || report->complaints[i].line > 0);
    arena_reset(&arena);
    return err;
}

#define COMMON                                                 \
    {SPAN_LITERAL("sources.yaml"), SPAN_LITERAL(SOURCES)},     \
        {SPAN_LITERAL("models.yaml"), SPAN_LITERAL(MODELS)}, { \
        SPAN_LITERAL("dropped.yaml"), SPAN_LITERAL(DROPPED)    \
    }

static void test_missing_files(void **state) {
    (void)state;
    struct facts_report report;
    const struct facts_file common[] = {COMMON};
    assert_int_equal(read_set(common, 3, &report), 0);
    for (size_t left_out = 0; left_out < 3; left_out++) {
        struct facts_file files[2];
        size_t count = 0;
        for (size_t i = 0; i < 3; i++)
            if (i != left_out)
                files[count++] = common[i];
        assert_int_equal(read_set(files, 2, &report), ERR_INVALID);
    }
    assert_int_equal(read_set(common, 0, &report), ERR_INVALID);
    assert_int_equal(report.count, 3);
}

static void test_files_of_one_name(void **state) {
    (void)state;
    struct facts_report report;
    const struct facts_file files[] = {COMMON,
                                       {SPAN_LITERAL("a/lab.yaml"), SPAN_LITERAL(PROVIDER END)},
                                       {SPAN_LITERAL("b/lab.yaml"), SPAN_LITERAL(PROVIDER END)}};
    assert_int_equal(read_set(files, array_length(files), &report), ERR_INVALID);
    const struct facts_file other[] = {COMMON, {SPAN_LITERAL("lab.yml"), SPAN_LITERAL("")}};
    assert_int_equal(read_set(other, array_length(other), &report), ERR_INVALID);
}

static void test_names_across_files(void **state) {
    (void)state;
    struct arena arena;
    struct facts facts;
    struct facts_report report;
    struct dynbuf text;
    const struct facts_file files[] = {
        COMMON,
        {SPAN_LITERAL("lab.yaml"), SPAN_LITERAL(PROVIDER END)},
        {SPAN_LITERAL("other.yaml"),
         SPAN_LITERAL(
             "id: other\nname: Other\nenv: [X, LAB_API_KEY]\nkey: {scheme: bearer}\n" REST END)}};
    arena_init(&arena, NULL, 0, FACTS_ARENA_MAX_BYTES);
    dynbuf_init(&text, 4096);
    assert_int_equal(facts_read(files, array_length(files), &arena, &facts, &report), ERR_INVALID);
    assert_int_equal(facts_report_write(&report, &text), 0);
    assert_true(span_is(dynbuf_span(&text),
                        "other.yaml:5:8: short name 'la' is taken: lab.yaml:2\n"
                        "other.yaml:3:6: variable 'LAB_API_KEY' is taken: lab.yaml:6\n"));
    dynbuf_done(&text);
    arena_reset(&arena);
}

/* Providers come out in the order of their ids, whatever order their files come in. */
static void test_order(void **state) {
    (void)state;
    struct arena arena;
    struct facts facts;
    struct facts_report report;
    const struct facts_file files[] = {
        {SPAN_LITERAL("labs.yaml"),
         SPAN_LITERAL("id: labs\nname: Other\nenv: [X]\nkey: {scheme: bearer}\nshort: ls\n"
                      "kind: keyless\nstatus: usable\ndialect: openai\nbase_url: https://a\n" END)},
        {SPAN_LITERAL("lab.yaml"), SPAN_LITERAL(PROVIDER END)},
        COMMON};
    arena_init(&arena, NULL, 0, FACTS_ARENA_MAX_BYTES);
    assert_int_equal(facts_read(files, array_length(files), &arena, &facts, &report), 0);
    assert_string_equal(facts.providers[0].id, "lab");
    assert_string_equal(facts.providers[1].id, "labs");
    assert_ptr_equal(facts_provider(&facts, SPAN_LITERAL("labs")), &facts.providers[1]);
    arena_reset(&arena);
}

/* --- all at once, and caps --- */

static void test_all_complaints(void **state) {
    (void)state;
    struct reading reading;
    setup(&reading,
          PROVIDER "limits:\n"
                   "  - {requests: 1, per: dya, shape: roling, scope: key, " SOURCED "}\n"
                   "  - {requests: 1, per: day, shape: rolling, scope: key, " SOURCED "}\n"
                   "  - {requests: 1, per: day, shape: rolling, scope: kye, " SOURCED "}\n"
                   "routes:\n"
                   "  - {model: m-3, id: x, status: hangs, " SOURCED "}\n" END,
          MODELS);
    assert_int_equal(reading.err, ERR_INVALID);
    assert_int_equal(reading.report.count, 4);
    assert_int_equal(reading.report.complaints[1].line, 11);
    assert_int_equal(reading.report.complaints[2].line, 13);
    assert_int_equal(reading.report.complaints[3].line, 15);
    arena_reset(&reading.arena);
}

static void test_many_complaints(void **state) {
    (void)state;
    struct reading reading;
    struct dynbuf text;
    dynbuf_init(&text, 1024 * 1024);
    assert_int_equal(dynbuf_append_text(&text, PROVIDER "limits:\n"), 0);
    for (int i = 0; i < FACTS_COMPLAINTS_MAX + 50; i++)
        assert_int_equal(dynbuf_append_text(&text, "  - 1\n"), 0);
    assert_int_equal(dynbuf_append_text(&text, END), 0);
    assert_int_equal(dynbuf_append_char(&text, '\0'), 0);
    setup(&reading, dynbuf_span(&text).ptr, MODELS);
    assert_int_equal(reading.report.count, FACTS_COMPLAINTS_MAX + 50);
    dynbuf_clear(&text);
    assert_int_equal(facts_report_write(&reading.report, &text), 0);
    assert_true(span_ends_with(dynbuf_span(&text), "and 50 more\n"));
    dynbuf_done(&text);
    arena_reset(&reading.arena);
}

static void test_too_many_rows(void **state) {
    (void)state;
    struct reading reading;
    struct dynbuf text;
    dynbuf_init(&text, 1024 * 1024);
    assert_int_equal(dynbuf_append_text(&text, PROVIDER "limits:\n"), 0);
    for (int i = 0; i < FACTS_ROWS_MAX + 1; i++)
        assert_int_equal(dynbuf_append_text(&text, "  - 1\n"), 0);
    assert_int_equal(dynbuf_append_text(&text, END), 0);
    assert_int_equal(dynbuf_append_char(&text, '\0'), 0);
    setup(&reading, dynbuf_span(&text).ptr, MODELS);
    assert_int_equal(reading.report.count, 1);
    assert_non_null(strstr(reading.report.complaints[0].text, "at most 1024 rows"));
    dynbuf_done(&text);
    arena_reset(&reading.arena);
}

static void test_long_texts(void **state) {
    (void)state;
    struct reading reading;
    char text[sizeof PROVIDER + FACTS_TEXT_MAX_BYTES + 100];
    char long_text[FACTS_TEXT_MAX_BYTES + 2];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    (void)snprintf(text, sizeof text, "%serror_shape: %s\n%s", PROVIDER, long_text, END);
    setup(&reading, text, MODELS);
    assert_int_equal(reading.report.count, 1);
    arena_reset(&reading.arena);
    long_text[FACTS_TEXT_MAX_BYTES] = '\0';
    (void)snprintf(text, sizeof text, "%serror_shape: %s\n%s", PROVIDER, long_text, END);
    setup(&reading, text, MODELS);
    assert_int_equal(reading.err, 0);
    arena_reset(&reading.arena);
}

/* Too little memory is an error, never an abort. */
static void test_small_arena(void **state) {
    (void)state;
    const struct facts_file files[] = {COMMON,
                                       {SPAN_LITERAL("lab.yaml"), SPAN_LITERAL(PROVIDER END)}};
    struct facts facts;
    struct facts_report report;
    for (size_t cap = 1; cap <= (size_t)4 * 1024 * 1024; cap *= 2) {
        struct arena arena;
        arena_init(&arena, NULL, 0, cap);
        int err = facts_read(files, array_length(files), &arena, &facts, &report);
        assert_true(err == ERR_TOO_LARGE || err == ERR_INVALID || cap > (size_t)2 * 1024 * 1024);
        arena_reset(&arena);
    }
}

static void test_too_many_files(void **state) {
    (void)state;
    static struct facts_file files[FACTS_FILES_MAX + 1];
    struct facts_report report;
    for (size_t i = 0; i < array_length(files); i++)
        files[i] = (struct facts_file){SPAN_LITERAL("a.yaml"), SPAN_LITERAL("")};
    assert_int_equal(read_set(files, array_length(files), &report), ERR_INVALID);
    assert_int_equal(report.count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_set),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_models),
        cmocka_unit_test(test_missing_files),
        cmocka_unit_test(test_files_of_one_name),
        cmocka_unit_test(test_names_across_files),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_all_complaints),
        cmocka_unit_test(test_many_complaints),
        cmocka_unit_test(test_too_many_rows),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_small_arena),
        cmocka_unit_test(test_too_many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
