// SPDX-License-Identifier: Apache-2.0
/*
 * Errors of the API and the list of models: bodies that clients of both families read.
 */
#include "base/check.h"
#include "surface/surface.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CAP 65536

static void assert_json(struct dynbuf *out, const char *expected) {
    assert_int_equal(json_validate(dynbuf_span(out)), 0);
    if (!span_is(dynbuf_span(out), expected))
        fail_msg("%.*s\nis not\n%s", SPAN_ARG(dynbuf_span(out)), expected);
    dynbuf_clear(out);
}

static void writes_errors(void **state) {
    struct dynbuf out;
    (void)state;
    dynbuf_init(&out, CAP);
    struct api_error error = {.kind = API_RATE_LIMITED,
                              .message = SPAN_LITERAL("Try \"later\"\n\xFF"),
                              .retry_after_ms = 5};
    assert_int_equal(api_error_write_openai(&error, &out), 0);
    assert_json(&out, "{\"error\":{\"message\":\"Try "
                      "\\\"later\\\"\\n\xEF\xBF\xBD\",\"type\":\"rate_limit_error\",\"param\":null,"
                      "\"code\":\"rate_limit_exceeded\"}}");
    error = (struct api_error){
        .kind = API_BAD_REQUEST, .param = SPAN_LITERAL("n"), .code = SPAN_LITERAL("own")};
    assert_int_equal(api_error_write_openai(&error, &out), 0);
    assert_json(&out, "{\"error\":{\"message\":\"\",\"type\":\"invalid_request_error\",\"param\":"
                      "\"n\",\"code\":\"own\"}}");
    dynbuf_done(&out);
}

static void every_kind_is_whole(void **state) {
    struct dynbuf out;
    (void)state;
    dynbuf_init(&out, CAP);
    for (int i = 0; i < API_ERROR_KIND_COUNT; i++) {
        enum api_error_kind kind = (enum api_error_kind)i;
        struct api_error error = {.kind = kind, .message = SPAN_LITERAL("m")};
        assert_in_range(api_error_status(kind), 400, 599);
        assert_non_null(api_error_type(kind));
        assert_non_null(api_error_anthropic_type(kind));
        assert_int_equal(api_error_write_openai(&error, &out), 0);
        assert_int_equal(json_validate(dynbuf_span(&out)), 0);
        dynbuf_clear(&out);
    }
    assert_null(api_error_code(API_BAD_REQUEST));
    dynbuf_done(&out);
}

static void statuses_of_the_server(void **state) {
    static const struct {
        int status;
        enum api_error_kind kind;
    } rows[] = {
        {400, API_BAD_REQUEST},         {404, API_UNKNOWN_URL},
        {405, API_METHOD_NOT_ALLOWED},  {408, API_REQUEST_TIMEOUT},
        {413, API_TOO_LARGE},           {414, API_BAD_REQUEST},
        {415, API_UNSUPPORTED_MEDIA},   {417, API_EXPECTATION_FAILED},
        {431, API_HEADERS_TOO_LARGE},   {500, API_INTERNAL},
        {501, API_NOT_IMPLEMENTED},     {503, API_UNAVAILABLE},
        {505, API_VERSION_UNSUPPORTED}, {599, API_INTERNAL},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++)
        assert_int_equal(api_error_for_status(rows[i].status), rows[i].kind);
}

static const struct surface_model models[] = {
    {.id = SPAN_LITERAL("auto"),
     .owned_by = SPAN_LITERAL("papi"),
     .kind = "chat",
     .created_s = 1700000000,
     .needs_served = CAN_TOOLS | CAN_VISION,
     .providers = 3},
    {.id = SPAN_LITERAL("lab/\"q\""),
     .owned_by = SPAN_LITERAL("lab"),
     .kind = "embedding",
     .created_s = 0,
     .context_tokens = 8192,
     .output_tokens_max = 2048,
     .dimensions = 1024,
     .providers = 1},
};

#define AUTO                                                                                       \
    "{\"id\":\"auto\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"papi\",\"type\":" \
    "\"model\",\"display_name\":\"auto\","                                                         \
    "\"created_at\":\"2023-11-14T22:13:20Z\",\"kind\":\"chat\",\"capabilities\":[\"tools\","       \
    "\"vision\"],"                                                                                 \
    "\"providers\":3}"
#define LAB                                                                                   \
    "{\"id\":\"lab/"                                                                          \
    "\\\"q\\\"\",\"object\":\"model\",\"created\":0,\"owned_by\":\"lab\",\"type\":\"model\"," \
    "\"display_name\":\"lab/\\\"q\\\"\","                                                     \
    "\"created_at\":\"1970-01-01T00:00:00Z\",\"kind\":\"embedding\",\"context_length\":8192," \
    "\"context_window\":8192,"                                                                \
    "\"max_input_tokens\":8192,\"max_tokens\":2048,\"dimensions\":1024,\"capabilities\":[],"  \
    "\"providers\":1}"

static void lists_models(void **state) {
    struct dynbuf out;
    (void)state;
    dynbuf_init(&out, CAP);
    assert_int_equal(surface_models_list(models, 2, &out), 0);
    assert_json(&out, "{\"object\":\"list\",\"data\":[" AUTO "," LAB
                      "],\"has_more\":false,\"first_id\":\"auto\",\"last_id\":\"lab/\\\"q\\\"\"}");
    assert_int_equal(surface_models_list(models, 0, &out), 0);
    assert_json(
        &out,
        "{\"object\":\"list\",\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
    assert_int_equal(surface_models_one(&models[1], &out), 0);
    assert_json(&out, LAB);
    dynbuf_done(&out);
}

/* A buffer that fills up anywhere gives an error. */
static void respects_the_cap(void **state) {
    const struct api_error error = {.kind = API_INTERNAL, .message = SPAN_LITERAL("m")};
    (void)state;
    for (size_t cap = 1; cap < 200; cap++) {
        struct dynbuf out;
        dynbuf_init(&out, cap);
        assert_int_equal(surface_models_list(models, 2, &out), ERR_TOO_LARGE);
        dynbuf_clear(&out);
        int err = api_error_write_openai(&error, &out);
        assert_true(err == 0 || err == ERR_TOO_LARGE);
        dynbuf_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_errors),          cmocka_unit_test(every_kind_is_whole),
        cmocka_unit_test(statuses_of_the_server), cmocka_unit_test(lists_models),
        cmocka_unit_test(respects_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
