// SPDX-License-Identifier: Apache-2.0
/*
 * Which head field carries a key, by wire and by provider.
 */
#include "base/check.h"
#include "dialect/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct fact_quirk anonymous[] = {
    {.kind = FACT_QUIRK_USER_AGENT, .field = "", .value = "agent"},
    {.kind = FACT_QUIRK_ANONYMOUS_KEY, .field = "", .value = "0000000000"},
};
static const struct fact_provider bearer = {.auth_scheme = "bearer",
                                            .auth_header = "Authorization"};
static const struct fact_provider own = {.auth_scheme = "header", .auth_header = "apikey"};
static const struct fact_provider either = {
    .auth_scheme = "none_or_bearer", .auth_header = "", .quirks = anonymous, .quirk_count = 2};

static const struct {
    enum dialect_auth auth;
    const struct fact_provider *facts;
    const char *name, *before, *anonymous;
} cases[] = {
    {AUTH_BEARER, NULL, "Authorization", "Bearer ", NULL},
    {AUTH_BEARER, &bearer, "Authorization", "Bearer ", NULL},
    {AUTH_BEARER, &own, "apikey", NULL, NULL},
    {AUTH_BEARER, &either, "Authorization", "Bearer ", "0000000000"},
    {AUTH_X_API_KEY, NULL, "x-api-key", NULL, NULL},
    {AUTH_X_API_KEY, &own, "apikey", NULL, NULL},
    {AUTH_X_GOOG_API_KEY, &either, "x-goog-api-key", NULL, "0000000000"},
    {AUTH_NONE, NULL, NULL, NULL, NULL},
    {AUTH_NONE, &either, NULL, NULL, NULL},
};

static void each_form(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct dialect dialect = dialect_openai;
        dialect.auth = cases[i].auth;
        struct dialect_key_field field = dialect_key_field(&dialect, cases[i].facts);
        assert_true(span_equal(span_text(field.name), span_text(cases[i].name)));
        assert_true(span_equal(field.before, span_text(cases[i].before)));
        assert_true(span_equal(field.anonymous, span_text(cases[i].anonymous)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
