// SPDX-License-Identifier: Apache-2.0
/*
 * Which question tries a key: free ones only, and a key never leaves for another address than the one it was given for.
 */
#include "app/key_probe.h"
#include "app/known.h"
#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *ask;
    enum fact_tri proves, costs;
    bool elsewhere; /* the configuration gives the address */
    const char *method, *host, *target;
    bool proven, lists;
} cases[] = {
    {"GET /models", FACT_YES, FACT_UNKNOWN, false, "GET", NULL, "/v1/models", true, true},
    {"GET /models", FACT_YES, FACT_UNKNOWN, true, "GET", NULL, "/v1/models", true, true},
    {"GET /models", FACT_NO, FACT_UNKNOWN, false, "GET", NULL, "/v1/models", false, true},
    {"GET /models", FACT_UNKNOWN, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
    {"GET /key", FACT_YES, FACT_UNKNOWN, false, "GET", NULL, "/v1/key", true, false},
    {"GET /key", FACT_YES, FACT_YES, false, "GET", NULL, "/v1/models", false, true},
    {"", FACT_UNKNOWN, FACT_UNKNOWN, false, "GET", NULL, "/v1/models", false, true},
    {"GET https://api.example.com/a/verify (or /b/{account_id})", FACT_YES, FACT_NO, false, "GET",
     "api.example.com", "/a/verify", true, false},
    {"GET https://api.example.com/a/verify", FACT_YES, FACT_NO, true, "GET", NULL, "/v1/models",
     false, true},
    {"POST https://api.example.com/check", FACT_YES, FACT_NO, false, "POST", "api.example.com",
     "/check", true, false},
    {"POST https://api.example.com/check", FACT_YES, FACT_UNKNOWN, false, "GET", NULL, "/v1/models",
     false, true},
    {"POST /chat/completions max_tokens 1", FACT_YES, FACT_UNKNOWN, false, "GET", NULL,
     "/v1/models", false, true},
    /* what no row of the catalog says, and no key is sent to */
    {"GET http://api.example.com/x", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false,
     true},
    {"GET https://127.0.0.1/x", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
    {"GET https://user@api.example.com/x", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models",
     false, true},
    {"GET /x/{account_id}", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
    {"GET /\x7f", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
    {"GET models", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
    {"GET", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
    {"DELETE /key", FACT_YES, FACT_NO, false, "GET", NULL, "/v1/models", false, true},
};

static void each_question(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct fact_provider facts = {.key_probe = cases[i].ask,
                                            .probe_proves_key = cases[i].proves,
                                            .probe_costs_quota = cases[i].costs};
        struct key_probe probe;
        struct arena arena;
        arena_init(&arena, NULL, 0, 4096);
        assert_int_equal(
            key_probe_plan(&facts, SPAN_LITERAL("/v1"), !cases[i].elsewhere, &arena, &probe), 0);
        if (strcmp(probe.method, cases[i].method) != 0 ||
            !span_equal(probe.host, span_text(cases[i].host)) ||
            !span_is(probe.target, cases[i].target) || probe.proves != cases[i].proven ||
            probe.lists != cases[i].lists)
            fail_msg("case %zu: %s %.*s%.*s", i, probe.method, SPAN_ARG(probe.host),
                     SPAN_ARG(probe.target));
        assert_true(cases[i].host == NULL || probe.port == 443);
        arena_reset(&arena);
    }
}

static void an_unknown_provider_lists_its_models(void **state) {
    (void)state;
    struct key_probe probe;
    struct arena arena;
    arena_init(&arena, NULL, 0, 4096);
    assert_int_equal(key_probe_plan(NULL, SPAN_LITERAL(""), false, &arena, &probe), 0);
    assert_true(span_is(probe.target, "/models") && probe.lists && !probe.proves);
    assert_string_equal(probe.shown, "GET /models");
    arena_reset(&arena);
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(key_probe_plan(NULL, SPAN_LITERAL(""), false, &arena, &probe), ERR_TOO_LARGE);
    arena_reset(&arena);
}

/* Of every provider of this build: something is asked, below its address or at another by TLS, and it is no chat. */
static void the_catalog_is_understood(void **state) {
    (void)state;
    uint32_t proven = 0;
    for (uint32_t i = 0; i < known_facts->provider_count; i++) {
        struct key_probe probe;
        struct arena arena;
        arena_init(&arena, NULL, 0, 4096);
        assert_int_equal(
            key_probe_plan(&known_facts->providers[i], SPAN_LITERAL("/v1"), true, &arena, &probe),
            0);
        assert_false(span_contains(probe.target, "chat"));
        assert_true(probe.target.ptr[0] == '/');
        assert_true(probe.method[0] == 'G' || !span_absent(probe.host));
        proven += probe.proves;
        arena_reset(&arena);
    }
    assert_true(proven >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_question),
        cmocka_unit_test(an_unknown_provider_lists_its_models),
        cmocka_unit_test(the_catalog_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
