// SPDX-License-Identifier: Apache-2.0
/* Redacting: each form, parts of it, at every offset of base64; what is no secret, and escapes of JSON, stay. */
#include "base_fixture.h"

#include "base/redact.h"

#include <string.h>

#define KEY "nvapi-Gh4JkLz7XcVb1NmQ"

static void takes_out_every_form(void **state) {
    (void)state;
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"", ""},
        {"nothing of it", "nothing of it"},
        {"key " KEY "!", "key **********************!"},
        {KEY KEY, "********************************************"},
        {"nvapi-Gh4 only", "nvapi-Gh4 only"}, /* nine bytes */
        {"nvapi-Gh4J...XcVb1NmQ", "**********...XcVb1NmQ"},
        {"Lz7XcVb1NmQ", "***********"},
        {"QmN1bVcX7zLkJ4hG-ipavn", "**********************"},
        {"6e766170692d4768344a6b4c7a375863566231", "**************************************"},
        {"6E766170692D4768344A6B4C", "************************"},
        {"bnZhcGktR2g0SmtMejdYY1ZiMU5tUQ==", "*****************************Q=="},
        {"eG52YXBpLUdoNEprTHo3WGNWYjFObVE=", "eG****************************E="},
        {"eHhudmFwaS1HaDRKa0x6N1hjVmIxTm1R", "eHh*****************************"},
        {"\\nvapi-Gh4JkLz7XcVb1NmQ", "\\n*********************"},
        {"\\\\nvapi-Gh4JkLz7XcVb1NmQ", "\\\\**********************"},
    };
    struct secret *secret;
    assert_int_equal(secret_new(SPAN_LITERAL(KEY), &secret), 0);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char text[256];
        size_t length = strlen(rows[i].before);
        memcpy(text, rows[i].before, length + 1);
        assert_int_equal(redact_secret(secret, text, length),
                         strcmp(rows[i].before, rows[i].after) != 0);
        assert_string_equal(text, rows[i].after);
    }
    secret_unref(secret);
}

static void short_and_long_secrets(void **state) {
    (void)state;
    static char bytes[SECRET_MAX_BYTES];
    static const size_t lengths[] = {0, 1, 9, 10, SECRET_MAX_BYTES};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('a' + i * i % 23);
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        struct secret *secret;
        char text[64];
        memcpy(text, bytes, sizeof text);
        assert_int_equal(secret_new(span_of(bytes, lengths[i]), &secret), 0);
        assert_int_equal(redact_secret(secret, text, sizeof text), lengths[i] >= 10);
        secret_unref(secret);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_out_every_form),
        cmocka_unit_test(short_and_long_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
