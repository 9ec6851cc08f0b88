// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Shared by the tests of config/: examples of a file and what the loader says about it. */
#include "base/check.h"
#include "base/mem.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_span(value, text)                                           \
    do {                                                                   \
        struct span actual = (value);                                      \
        if (!span_is(actual, text))                                        \
            fail_msg("expected '%s', got '%.*s'", text, SPAN_ARG(actual)); \
    } while (0)

struct example {
    const char *yaml;
    const char *report; /* lines of config_report_write, the file being "t" */
};

#define PROVIDER     "providers:\n  p:\n    base_url: http://127.0.0.1:1\n    models: [m]\n"
#define MODELS(text) "providers:\n  p:\n    base_url: http://127.0.0.1:1\n    models: " text "\n"
#define URL(text)    "providers:\n  p:\n    base_url: " text "\n    models: [m]\n"
#define TEN(text)    text text text text text text text text text text
#define NAME_129      \
    TEN("xxxxxxxxxx") \
    "xxxxxxxxxx"      \
    "xxxxxxxxxxxxxxxxxxx"
#define NAME_254 TEN("aaaaaaaaaa") TEN("aaaaaaaaaa") TEN("aaaaa") "aaaa"

/* Pairs of name and value. */
static inline const char *fixture_get(void *context, const char *name) {
    static const char *const always[][2] = {{"GOOD", "sk-good"}, {"EMPTY", ""},
                                            {"SPACED", "sk a"},  {"BLANK", " \r\n"},
                                            {"COMMAS", "a1,b2"}, {"AROUND", " sk-good\n"}};
    for (const char *const *pair = context; pair != NULL && pair[0] != NULL; pair += 2)
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    for (size_t i = 0; i < array_length(always); i++)
        if (strcmp(always[i][0], name) == 0)
            return always[i][1];
    return NULL;
}

/* The file is in a folder that does not exist; its bytes are gone before anything is looked at. */
static inline int fixture_parse(const char *yaml, const char *const *variables,
                                struct config **ret_config, struct config_report *ret_report) {
    struct config_environment environment = {.get = fixture_get,
                                             .context = (void *)(uintptr_t)variables};
    char *copy = mem_strdup(yaml);
    int err =
        config_parse(span_text(copy), "/nowhere/t.yaml", &environment, ret_config, ret_report);
    mem_free(copy);
    return err;
}

static inline void fixture_expect_report(const struct config_report *report, const char *yaml,
                                         const char *expected) {
    struct dynbuf text;
    dynbuf_init(&text, 1024 * 1024);
    assert_int_equal(config_report_write(report, "t", &text), 0);
    if (!span_is(dynbuf_span(&text), expected))
        fail_msg("for:\n%s\nexpected:\n%s\ngot:\n%.*s", yaml, expected,
                 SPAN_ARG(dynbuf_span(&text)));
    dynbuf_done(&text);
}

/* Without a word from the loader. */
static inline struct config *fixture_accept(const char *yaml, const char *const *variables) {
    struct config *config = NULL;
    struct config_report report;
    int err = fixture_parse(yaml, variables, &config, &report);
    fixture_expect_report(&report, yaml, "");
    assert_int_equal(err, 0);
    return config;
}

static inline void fixture_run(const struct example *examples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct config *config = NULL;
        struct config_report report;
        int err = fixture_parse(examples[i].yaml, NULL, &config, &report);
        fixture_expect_report(&report, examples[i].yaml, examples[i].report);
        assert_int_equal(err, report.errors > 0 ? ERR_INVALID : 0);
        assert_non_null(config);
        config_free(config);
    }
}

#define RUN(examples) fixture_run(examples, array_length(examples))
