// SPDX-License-Identifier: Apache-2.0
/*
 * Vectors in both forms: every number against the C library's own reading, every float32 back to itself, and all that is no
 * vector.
 */
#include "base/rand.h"
#include "message/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CAP          ((size_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void assert_read(const char *text) {
    float value = 1;
    float expected = strtof(text, NULL);
    bool finite = bits_of(expected) << 1 < 0xFF000000u;
    if (float32_read(span_text(text), &value) != finite)
        fail_msg("%s: read %d", text, !finite);
    if (finite && bits_of(value) != bits_of(expected))
        fail_msg("%s: %.9g, not %.9g", text, (double)value, (double)expected);
}

static void reads_as_the_library_does(void **state) {
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0e5",
        "0e999999999",
        "1",
        "-1",
        "0.1",
        "1e10",
        "1E+2",
        "1e-2",
        "16777217",
        "16777219",
        "33554433",
        "0.000000000000000000000000000001",
        "3.4028235e38",
        "3.4028236e38",
        "3.40282356779733661637539395458142568447e38", /* the middle between the largest and infinity */
        "1e39",
        "-1e400",
        "1e-46",
        "1.4e-45",
        "7e-46",
        "7.1e-46",
        "1.17549435e-38",
        "1.1754942e-38",
        "12345678901234567890123456789",
        "0.12345678901234567890123456789",
        "1.00000005960464477539062500", /* exactly between two */
        "1.00000005960464477539062501",
        "1.00000005960464477539062499",
        "1.0000001788139343261718750",
        "-0.012345678901234567",
        "9007199254740993",
        "18446744073709551615",
        "99999999999999999999e-20",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_read(texts[i]);
}

/* Middles of neighbouring floats, and numbers just beside them, are where a second rounding would show. */
static void reads_near_the_middle(void **state) {
    struct rand rand;
    char text[80];
    (void)state;
    rand_seed(&rand, 7);
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)rand_below(&rand, 0x7F000000u - 0x20000000u) + 0x20000000u;
        double middle = ((double)float_of(bits) + (double)float_of(bits + 1)) / 2;
        (void)snprintf(text, sizeof text, "%.*g", 8 + i % 20, middle);
        assert_read(text);
        (void)snprintf(text, sizeof text, "-%.17g", middle * (1 + (i % 3 - 1) * 1e-16));
        assert_read(text);
    }
}

static void reads_random_numbers(void **state) {
    struct rand rand;
    char text[80];
    (void)state;
    rand_seed(&rand, 8);
    for (int i = 0; i < 50000; i++) {
        uint64_t digits = rand_u64(&rand) >> rand_below(&rand, 60);
        (void)snprintf(text, sizeof text, "%s%llu.%llue%d", i % 2 ? "-" : "",
                       (unsigned long long)(digits % 1000), (unsigned long long)(digits / 1000),
                       (int)rand_below(&rand, 60) - 40);
        assert_read(text);
    }
}

static void too_long_a_number_is_refused(void **state) {
    static char text[2000];
    float value;
    (void)state;
    memset(text, '9', sizeof text);
    assert_false(float32_read(span_of(text, sizeof text), &value));
    memcpy(text, "0.", 2);
    assert_true(float32_read(span_of(text, sizeof text), &value)); /* nineteen digits are enough */
    assert_true(value == 1);
}

static void assert_round_trip(float value) {
    char text[FLOAT32_TEXT_MAX_BYTES + 1];
    float back;
    size_t length = float32_write(value, text);
    assert_true(length > 0 && length <= FLOAT32_TEXT_MAX_BYTES);
    text[length] = '\0';
    if (!float32_read(span_of(text, length), &back) || bits_of(back) != bits_of(value))
        fail_msg("%.9g was written as %s", (double)value, text);
}

static void writes_the_shortest(void **state) {
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        {0.0f, "0"},
        {-0.0f, "-0"},
        {1.0f, "1"},
        {-1.5f, "-1.5"},
        {0.1f, "0.1"},
        {0.3f, "0.3"},
        {100.0f, "100"},
        {123456.0f, "123456"},
        {16777216.0f, "16777216"},
        {1e9f, "1e9"},
        {1e10f, "1e10"},
        {0.001f, "0.001"},
        {1e-5f, "0.00001"},
        {1e-6f, "1e-6"},
        {-1.25e-7f, "-1.25e-7"},
        {0.33333334f, "0.33333334"},
        {9.999999e8f, "999999900"},
        {3.4028235e38f, "3.4028235e+38"},
        {1e-45f, "1e-45"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[FLOAT32_TEXT_MAX_BYTES];
        size_t length = float32_write(rows[i].value, text);
        if (!span_is(span_of(text, length), rows[i].text))
            fail_msg("%.9g was written as %.*s", (double)rows[i].value, (int)length, text);
    }
}

static void writes_what_reads_back(void **state) {
    struct rand rand;
    (void)state;
    rand_seed(&rand, 9);
    for (int i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)rand_u64(&rand);
        if ((bits >> 23 & 0xFF) != 0xFF)
            assert_round_trip(float_of(bits));
        assert_round_trip(
            (float)((double)(int64_t)rand_u64(&rand) / 9.3e18)); /* as embeddings are */
    }
    for (float power = 1e-38f; power < 1e38f; power *= 10) {
        assert_round_trip(power);
        assert_round_trip(float_of(bits_of(power) - 1));
        assert_round_trip(float_of(bits_of(power) + 1));
    }
}

static void measures(void **state) {
    static const struct {
        const char *text;
        uint32_t count; /* 0: no vector */
    } arrays[] = {
        {"[1]", 1},     {"[ 1 , -2.5e3\n,0 ]", 3},
        {"[]", 0},      {"[1,null]", 0},
        {"[\"1\"]", 0}, {"[[1]]", 0},
        {"[true]", 0},  {"{\"a\":1}", 0},
        {"1", 0},       {"[1,1e99]", 0},
    };
    static const struct {
        const char *text;
        uint32_t count;
    } base64[] = {
        {"AACAPw==", 1},    {"AACAPwAAAEA=", 2}, {"AACAPwAAAEAAAEBA", 3}, {"", 0},
        {"AACAPw", 0},      {"AACAPx==", 0},     {"AACAPw=", 0},          {"AACA", 0},
        {"AACAPw==\\n", 0}, {"AAC\\nAPw=", 0},   {"AACA-w==", 0},         {"====", 0},
        {"AACAfw==", 0},    {"AADAfw==", 0},     {"\\/\\/\\/\\/Pw==", 1}, {"\\\\/\\/\\/Pw==", 0},
        {"A=CAPw==", 0},    {"AACAPw== ", 0},    {"\\u0041ACAPw==", 0},
    };
    uint32_t count;
    (void)state;
    for (size_t i = 0; i < COUNT(arrays); i++)
        if (vector_measure(span_text(arrays[i].text), &count) ? count != arrays[i].count
                                                              : arrays[i].count != 0)
            fail_msg("%s", arrays[i].text);
    for (size_t i = 0; i < COUNT(base64); i++)
        if (vector_measure_base64(span_text(base64[i].text), &count) ? count != base64[i].count
                                                                     : base64[i].count != 0)
            fail_msg("%s", base64[i].text);
}

/* Any vector: array to base64 to array to base64. */
static void both_ways(void **state) {
    struct rand rand;
    struct dynbuf array, base64, back, again;
    (void)state;
    rand_seed(&rand, 10);
    dynbuf_init(&array, CAP);
    dynbuf_init(&base64, CAP);
    dynbuf_init(&back, CAP);
    dynbuf_init(&again, CAP);
    for (unsigned length = 1; length < 70; length++) {
        uint32_t count;
        dynbuf_clear(&array);
        dynbuf_clear(&base64);
        dynbuf_clear(&back);
        dynbuf_clear(&again);
        for (unsigned i = 0; i < length; i++)
            assert_int_equal(dynbuf_append_format(&array, "%s%.17g", i == 0 ? "[" : ", ",
                                                  (double)(int64_t)rand_u64(&rand) / 9.3e18),
                             0);
        assert_int_equal(dynbuf_append_char(&array, ']'), 0);
        assert_int_equal(vector_write_base64(dynbuf_span(&array), &base64), 0);
        assert_true(vector_measure_base64(dynbuf_span(&base64), &count) && count == length);
        assert_int_equal(vector_write_array(dynbuf_span(&base64), &back), 0);
        assert_true(vector_measure(dynbuf_span(&back), &count) && count == length);
        assert_int_equal(vector_write_base64(dynbuf_span(&back), &again), 0);
        assert_true(span_equal(dynbuf_span(&again), dynbuf_span(&base64)));
    }
    dynbuf_done(&array);
    dynbuf_done(&base64);
    dynbuf_done(&back);
    dynbuf_done(&again);
}

static void caps_hold(void **state) {
    struct dynbuf small;
    (void)state;
    dynbuf_init(&small, 8);
    assert_int_equal(vector_write_base64(SPAN_LITERAL("[1,2]"), &small), ERR_TOO_LARGE);
    assert_int_equal(vector_write_array(SPAN_LITERAL("zczMPc3MzD3NzMw9"), &small), ERR_TOO_LARGE);
    assert_int_equal(vector_write_base64(SPAN_LITERAL("[]"), &small), ERR_INVALID);
    assert_int_equal(vector_write_array(SPAN_LITERAL("x"), &small), ERR_INVALID);
    dynbuf_done(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_the_library_does),
        cmocka_unit_test(reads_near_the_middle),
        cmocka_unit_test(reads_random_numbers),
        cmocka_unit_test(too_long_a_number_is_refused),
        cmocka_unit_test(writes_the_shortest),
        cmocka_unit_test(writes_what_reads_back),
        cmocka_unit_test(measures),
        cmocka_unit_test(both_ways),
        cmocka_unit_test(caps_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
