// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Shared by the JSON tests: a text parsed from memory of exactly its size, so that AddressSanitizer sees every byte read
 * past its end.
 */
#include "base/mem.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FIXTURE_ARENA_CAP ((size_t)256 << 20)

struct fixture {
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    struct span text; /* owned copy */
};

static inline int fixture_open(struct fixture *fixture, struct span text) {
    char *copy = mem_alloc(text.len);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    *fixture = (struct fixture){.text = span_of(copy, text.len)};
    arena_init(&fixture->arena, NULL, 0, FIXTURE_ARENA_CAP);
    return json_parse(&fixture->doc, fixture->text, &fixture->arena, &fixture->error);
}

static inline void fixture_close(struct fixture *fixture) {
    arena_reset(&fixture->arena);
    mem_free((char *)(uintptr_t)fixture->text.ptr);
}

/* For texts that must parse. */
static inline struct json_value fixture_top(struct fixture *fixture, const char *text) {
    assert_int_equal(fixture_open(fixture, span_text(text)), 0);
    return json_top(&fixture->doc);
}

static inline void assert_span(struct span actual, const char *expected) {
    assert_non_null(actual.ptr);
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.ptr, expected, actual.len);
}
