// SPDX-License-Identifier: Apache-2.0
/*
 * What answers say of a key: every verdict, and every kind of answer that must not be called a bad key.
 */
#include "app/key_verdict.h"
#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "gsk_secret0123456789"

static const struct verdict_case {
    int err, status;
    const char *body, *type;
    bool keyless, no_proof, no_list, chat, cut, late;
    enum key_verdict verdict;
    const char *says;
} cases[] = {
    {.status = 200, .body = "{\"data\":[{\"id\":\"a\"}]}", .verdict = KEY_OK},
    {.status = 200, .body = "{\"data\":[]}", .no_proof = true, .verdict = KEY_REACHABLE},
    {.status = 200, .body = "{\"models\":[{\"name\":\"a\"}]}", .verdict = KEY_OK},
    {.status = 200, .body = "[{\"id\":\"a\"},\"b\",7,null]", .verdict = KEY_OK},
    {.status = 200, .body = "{\"data\":{\"limit\":null}}", .no_list = true, .verdict = KEY_OK},
    {.status = 200, .body = "{\"valid\":true}", .no_list = true, .verdict = KEY_OK},
    {.status = 200,
     .body = "{\"error\":null,\"success\":true,\"x\":1}",
     .no_list = true,
     .verdict = KEY_OK},
    {.status = 200, .body = "{\"choices\":[]}", .no_list = true, .chat = true, .verdict = KEY_OK},
    /* refusals in good answers */
    {.status = 200,
     .body = "{\"valid\":false}",
     .no_list = true,
     .verdict = KEY_BAD,
     .says = "not valid"},
    {.status = 200,
     .body = "{\"error\":{\"message\":\"Invalid API key\",\"code\":\"invalid_api_key\"}}",
     .verdict = KEY_BAD,
     .says = "Invalid API key"},
    {.status = 200, .body = "{\"error\":\"out of order\"}", .verdict = KEY_UNKNOWN},
    {.status = 200,
     .body = "{\"success\":false,\"errors\":[{\"code\":1000,\"message\":\"Invalid API Token\"}]}",
     .no_list = true,
     .verdict = KEY_BAD},
    {.status = 200, .body = "{\"x\":1}", .no_list = true, .chat = true, .verdict = KEY_UNKNOWN},
    /* refusals */
    {.status = 401,
     .body = "{\"error\":{\"message\":\"Incorrect API key provided: " KEY ". No.\"}}",
     .verdict = KEY_BAD,
     .says = "provided: (key) No."},
    {.status = 401,
     .body = "{\"error\":{\"message\":\"key \\u0067sk_secr\\u0065t0123456789!\"}}",
     .verdict = KEY_BAD,
     .says = "key (key)"},
    {.status = 401, .body = "", .verdict = KEY_BAD, .says = "status 401"},
    {.status = 401, .body = "Unauthorized\n", .verdict = KEY_BAD},
    {.status = 401, .body = "{\"detail\":\"Unauthorized\"}", .verdict = KEY_BAD},
    {.status = 400,
     .body = "[{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API "
             "key.\",\"status\":\"INVALID_ARGUMENT\"}}]",
     .verdict = KEY_BAD},
    {.status = 402,
     .body = "{\"error\":{\"message\":\"Insufficient Balance\"}}",
     .verdict = KEY_NO_CREDIT},
    {.status = 403, .body = "", .verdict = KEY_FORBIDDEN},
    {.status = 403,
     .body = "{\"error\":{\"message\":\"no\"}}",
     .verdict = KEY_FORBIDDEN,
     .says = "no"},
    {.status = 403,
     .body = "{\"error\":{\"message\":\"x\",\"code\":\"invalid_api_key\"}}",
     .verdict = KEY_BAD},
    {.status = 403,
     .body = "{\"error\":{\"message\":\"This requires a paid plan\"}}",
     .verdict = KEY_FORBIDDEN},
    {.status = 403,
     .body = "{\"error\":{\"message\":\"x\",\"code\":\"unsupported_country_region_territory\"}}",
     .verdict = KEY_REGION},
    {.status = 451, .body = "", .verdict = KEY_REGION},
    {.status = 429,
     .body = "{\"error\":{\"message\":\"Too many requests\"}}",
     .verdict = KEY_RATE_LIMITED},
    {.status = 429, .body = "", .verdict = KEY_RATE_LIMITED},
    {.status = 401,
     .body = "",
     .keyless = true,
     .verdict = KEY_FORBIDDEN,
     .says = "it wants a key"},
    {.status = 403,
     .body = "{}",
     .keyless = true,
     .verdict = KEY_FORBIDDEN,
     .says = "it wants a key"},
    {.status = 404,
     .body = "{\"detail\":\"Not Found\"}",
     .verdict = KEY_UNKNOWN,
     .says = "base_url"},
    {.status = 500,
     .body = "{\"error\":{\"message\":\"oops\"}}",
     .verdict = KEY_UNKNOWN,
     .says = "oops"},
    {.status = 503, .body = "", .verdict = KEY_UNKNOWN, .says = "status 503"},
    /* never a bad key */
    {.status = 401,
     .body = "<!DOCTYPE html><title>Just a moment...</title>",
     .verdict = KEY_UNKNOWN,
     .says = "web page"},
    {.status = 403, .body = "  \n<html>", .verdict = KEY_UNKNOWN, .says = "web page"},
    {.status = 401,
     .body = "Just a moment...",
     .type = "text/HTML; charset=x",
     .verdict = KEY_UNKNOWN},
    {.status = 403,
     .body = "{\"error\":{\"code\":\"invalid_api_key\"}}",
     .type = "text/html",
     .verdict = KEY_UNKNOWN},
    {.status = 401, .body = "\x01\x02\xff", .verdict = KEY_UNKNOWN, .says = "strange bytes"},
    {.status = 401, .body = "7", .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "<html>login</html>", .verdict = KEY_UNKNOWN, .says = "web page"},
    {.status = 200, .body = "", .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "{\"data\":[", .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "\"ok\"", .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "[1]", .no_list = true, .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "{\"data\":\"none\"}", .verdict = KEY_UNKNOWN, .says = "no list"},
    {.status = 204, .body = "", .verdict = KEY_UNKNOWN, .says = "status 204"},
    {.status = 301, .body = "", .verdict = KEY_UNKNOWN, .says = "elsewhere"},
    {.status = 302, .body = "{\"data\":[]}", .verdict = KEY_UNKNOWN},
    /* more than is read */
    {.status = 200,
     .body = "{\"data\":[{\"id\":\"a",
     .cut = true,
     .verdict = KEY_OK,
     .says = "longer"},
    {.status = 200,
     .body = "[{",
     .cut = true,
     .no_proof = true,
     .verdict = KEY_REACHABLE,
     .says = "longer"},
    {.status = 200, .body = "{\"data\":", .cut = true, .no_list = true, .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "aaaa", .cut = true, .verdict = KEY_UNKNOWN},
    {.status = 200, .body = "<html>", .cut = true, .verdict = KEY_UNKNOWN, .says = "web page"},
    {.status = 401, .body = "<html>", .cut = true, .verdict = KEY_UNKNOWN},
    /* mishaps */
    {.err = ERR_DNS_NOT_FOUND, .verdict = KEY_UNREACHABLE, .says = "host name not found"},
    {.err = ERR_CONNECT_REFUSED, .verdict = KEY_UNREACHABLE, .says = "connection refused"},
    {.err = ERR_TLS_EXPIRED, .verdict = KEY_UNREACHABLE, .says = "expired"},
    {.err = ERR_PROXY_AUTH, .verdict = KEY_UNREACHABLE, .says = "proxy"},
    {.err = ERR_EOF, .verdict = KEY_UNREACHABLE},
    {.late = true, .verdict = KEY_UNREACHABLE, .says = "in time"},
    {.late = true, .status = 200, .body = "{", .verdict = KEY_UNKNOWN, .says = "did not end"},
    {.err = ERR_TRUNCATED,
     .status = 200,
     .body = "{\"data\":[]}",
     .verdict = KEY_UNKNOWN,
     .says = "broke off"},
    {.err = ERR_HTTP_SYNTAX, .verdict = KEY_UNKNOWN, .says = "not valid HTTP"},
    {.err = ERR_HTTP_UPGRADE, .verdict = KEY_UNKNOWN},
    {.err = ERR_UNSUPPORTED, .verdict = KEY_UNKNOWN},
};

static void each_answer(void **state) {
    (void)state;
    struct secret *key;
    bool seen[KEY_VERDICT_COUNT] = {[KEY_NOT_ASKED] = true}; /* of no answer */
    assert_int_equal(secret_new(SPAN_LITERAL(KEY), &key), 0);
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct verdict_case *c = &cases[i];
        const struct http_headers head = {
            .items = {{SPAN_LITERAL("Content-Type"), span_text(c->type)}},
            .count = c->type != NULL};
        const struct key_answer answer = {
            .err = c->err,
            .status = c->status,
            .cut = c->cut,
            .late = c->late,
            .body = c->body != NULL ? span_text(c->body) : SPAN_LITERAL(""),
            .head = &head,
            .key = c->keyless ? NULL : key,
            .proves = !c->no_proof,
            .lists = !c->no_list,
            .chat = c->chat,
        };
        struct key_finding finding;
        struct arena arena;
        arena_init(&arena, NULL, 0, (size_t)1024 * 1024);
        key_verdict_find(&answer, &arena, &finding);
        if (finding.verdict != c->verdict ||
            (c->says != NULL && strstr(finding.says, c->says) == NULL))
            fail_msg("case %zu: %s, '%s'", i, key_verdict_word(finding.verdict), finding.says);
        assert_null(strstr(finding.says, "secret"));
        seen[finding.verdict] = true;
        arena_reset(&arena);
    }
    for (enum key_verdict verdict = 0; verdict < KEY_VERDICT_COUNT; verdict++)
        assert_true(seen[verdict]);
    secret_unref(key);
}

static void models_are_found_in_lists(void **state) {
    (void)state;
    const struct key_answer answer = {
        .status = 200,
        .body = SPAN_LITERAL(
            "{\"data\":[{\"id\":\"models/gemini\"},{\"id\":\"a\\u002fb\"},{\"id\":7},{}]}"),
        .lists = true};
    struct key_finding finding;
    struct arena arena;
    arena_init(&arena, NULL, 0, (size_t)1024 * 1024);
    key_verdict_find(&answer, &arena, &finding);
    assert_true(finding.listed);
    assert_int_equal(finding.model_count, 2);
    assert_true(key_finding_has(&finding, SPAN_LITERAL("gemini")));
    assert_true(key_finding_has(&finding, SPAN_LITERAL("a/b")));
    assert_false(key_finding_has(&finding, SPAN_LITERAL("a")));
    arena_reset(&arena);
}

static void long_lists_have_an_end(void **state) {
    (void)state;
    struct dynbuf body;
    dynbuf_init(&body, (size_t)4 * 1024 * 1024);
    assert_int_equal(dynbuf_append_text(&body, "{\"data\":[\"m\""), 0);
    for (int i = 0; i < KEY_MODELS_MAX + 10; i++)
        assert_int_equal(dynbuf_append_text(&body, ",\"m\""), 0);
    assert_int_equal(dynbuf_append_text(&body, "]}"), 0);
    const struct key_answer answer = {
        .status = 200, .body = dynbuf_span(&body), .lists = true, .proves = true};
    struct key_finding finding;
    struct arena arena;
    arena_init(&arena, NULL, 0, (size_t)64 * 1024 * 1024);
    key_verdict_find(&answer, &arena, &finding);
    assert_int_equal(finding.verdict, KEY_OK);
    assert_int_equal(finding.model_count, KEY_MODELS_MAX);
    arena_reset(&arena);
    dynbuf_done(&body);
}

static void words_are_tidied(void **state) {
    (void)state;
    static const struct {
        const char *key, *text, *line;
    } lines[] = {
        {"sk-abcdefgh", "  two\twords\n", "two words"},
        {"sk-abcdefgh", "a sk-abcdefgh b", "a (key) b"},
        {"sk-abcdefgh", "x=sk-abc***;y", "(key)"},
        {"sk-abcdefgh", "efgh sk-ab", "efgh sk-ab"}, /* too little to be a part */
        {"abc", "an abcd", "an (key)"},
        {NULL, "abc \x1b[31mred\x7f\xc3\xa9", "abc [31mred???"},
        {NULL, "0123456789012345678901234567890123456789012345678901234567890123456789 x",
         "012345678901234567890123456789012345678901234567 x"},
        {NULL, "", ""},
    };
    for (size_t i = 0; i < array_length(lines); i++) {
        struct secret *key = NULL;
        char line[64];
        if (lines[i].key != NULL)
            assert_int_equal(secret_new(span_text(lines[i].key), &key), 0);
        key_verdict_tidy(span_text(lines[i].text), key, line, sizeof line);
        assert_string_equal(line, lines[i].line);
        key_verdict_tidy(span_text(lines[i].text), key, line, 4);
        assert_true(strlen(line) < 4);
        secret_unref(key);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer),
        cmocka_unit_test(models_are_found_in_lists),
        cmocka_unit_test(long_lists_have_an_end),
        cmocka_unit_test(words_are_tidied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
