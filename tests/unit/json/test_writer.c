// SPDX-License-Identifier: Apache-2.0
/*
 * Writing member by member: commas, nesting, what becomes null, and an error that stays.
 */
#include "base/check.h"
#include "json/json.h"
#include "json/writer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void write_all(struct json_writer *writer) {
    json_open_object(writer, NULL);
    json_open_list(writer, "empty");
    json_close_list(writer);
    json_open_list(writer, "list");
    json_put_u64(writer, NULL, UINT64_MAX);
    json_put_i64(writer, NULL, INT64_MIN);
    json_open_object(writer, NULL);
    json_close_object(writer);
    json_put_flag(writer, NULL, true);
    json_close_list(writer);
    json_open_object(writer, "inner");
    json_put_text(writer, "text", SPAN_LITERAL("a\"b\n\xff"));
    json_put_text(writer, "absent", SPAN_NONE);
    json_put_text(writer, "nothing", SPAN_LITERAL(""));
    json_put_word(writer, "word", NULL);
    json_close_object(writer);
    json_put_time(writer, "at", 1795514400123);
    json_put_time(writer, "never", 0);
    json_put_time(writer, "before", -1);
    json_put_raw(writer, "raw", SPAN_LITERAL("[1]"));
    json_put_flag(writer, "off", false);
    json_close_object(writer);
}

static void test_all_kinds(void **state) {
    struct json_writer writer;
    struct dynbuf out;
    (void)state;
    dynbuf_init(&out, 4096);
    json_writer_init(&writer, &out);
    write_all(&writer);
    assert_int_equal(writer.err, 0);
    assert_int_equal(json_validate(dynbuf_span(&out)), 0);
    assert_true(
        span_is(dynbuf_span(&out),
                "{\"empty\":[],\"list\":[18446744073709551615,-9223372036854775808,{},true],"
                "\"inner\":{\"text\":\"a\\\"b\\n\xef\xbf\xbd\",\"absent\":null,\"nothing\":\"\","
                "\"word\":null},"
                "\"at\":\"2026-11-24T10:00:00.123Z\",\"never\":null,\"before\":null,\"raw\":[1],"
                "\"off\":false}"));
    dynbuf_done(&out);
}

/* At every cap the first error stays, and nothing beyond the cap was written. */
static void test_every_cap(void **state) {
    (void)state;
    size_t whole = 0;
    for (size_t cap = 1; whole == 0; cap++) {
        struct json_writer writer;
        struct dynbuf out;
        dynbuf_init(&out, cap);
        json_writer_init(&writer, &out);
        write_all(&writer);
        assert_true(out.len <= cap);
        if (writer.err == 0)
            whole = cap;
        else
            assert_int_equal(writer.err, ERR_TOO_LARGE);
        dynbuf_done(&out);
        assert_true(cap < 4096);
    }
    assert_true(whole > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_every_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
