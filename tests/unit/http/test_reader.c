// SPDX-License-Identifier: Apache-2.0
/*
 * Body framing: chunk lines and trailers by name, lengths, ends; each whole and byte by byte.
 */
#include "http_fixture.h"

#include "base/dynbuf.h"
#include "http/reader.h"

struct outcome {
    int result;
    size_t left; /* bytes that are not part of the body */
    struct dynbuf body;
};

static void read_all(struct http_reader *reader, struct span bytes, size_t step,
                     struct outcome *out) {
    dynbuf_init(&out->body, 1 << 20);
    out->result = HTTP_READ_MORE;
    size_t used = 0;
    while (used < bytes.len && (out->result == HTTP_READ_MORE || out->result == HTTP_READ_BYTES)) {
        size_t count = bytes.len - used < step ? bytes.len - used : step;
        struct span rest = span_of(bytes.ptr + used, count);
        do {
            struct span part;
            out->result = http_reader_next(reader, &rest, &part);
            if (out->result == HTTP_READ_BYTES)
                assert_int_equal(dynbuf_append_span(&out->body, part), 0);
        } while (out->result == HTTP_READ_BYTES);
        used += count - rest.len;
    }
    out->left = bytes.len - used;
}

struct row {
    const char *what;
    const char *bytes;
    int result;
    const char *body;
    size_t left;
};

static const struct row chunked[] = {
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n", HTTP_READ_END, "hello", 0},
    {"two chunks and the next message", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\nGET", HTTP_READ_END, "abc",
     3},
    {"empty body", "0\r\n\r\n", HTTP_READ_END, "", 0},
    {"several zeros", "000\r\n\r\n", HTTP_READ_END, "", 0},
    {"hexadecimal, both cases", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", HTTP_READ_END,
     "01234567890123456789a", 0},
    {"extension", "1;a=b\r\nx\r\n0;c\r\n\r\n", HTTP_READ_END, "x", 0},
    {"quoted extension", "1;a=\"b c\"\r\nx\r\n0\r\n\r\n", HTTP_READ_END, "x", 0},
    {"trailers", "1\r\nx\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\nN", HTTP_READ_END, "x", 1},
    {"cut in the data", "5\r\nhel", HTTP_READ_MORE, "hel", 0},
    {"cut before the last chunk", "1\r\nx\r\n", HTTP_READ_MORE, "x", 0},
    {"cut in the last CRLF", "1\r\nx\r\n0\r\n\r", HTTP_READ_MORE, "x", 0},

    {"empty size", "\r\nx", ERR_HTTP_FRAMING, "", 0},
    {"plus", "+1\r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"minus", "-1\r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"0x", "0x1\r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"space first", " 1\r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"space after", "1 \r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"tab before the extension", "1\t;a\r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"underscore", "1_0\r\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"seventeen digits", "00000000000000001\r\nx\r\n", ERR_HTTP_FRAMING, "", 0},
    {"beyond 64 bits", "10000000000000000\r\nx\r\n", ERR_HTTP_FRAMING, "", 0},
    {"bare LF after the size", "1\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"bare CR after the size", "1\rx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"bare LF in an extension", "1;a\nx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"bare CR in an extension", "1;a\rb\r\nx\r\n", ERR_HTTP_FRAMING, "", 0},
    {"control byte in an extension", "1;a\x01\r\nx\r\n", ERR_HTTP_FRAMING, "", 0},
    {"no CRLF after the data", "1\r\nx0\r\n\r\n", ERR_HTTP_FRAMING, "x", 0},
    {"bare LF after the data", "1\r\nx\n0\r\n\r\n", ERR_HTTP_FRAMING, "x", 0},
    {"another byte than CR after the data", "1\r\nxA\n0\r\n\r\n", ERR_HTTP_FRAMING, "x", 0},
    {"another byte than LF after the data", "1\r\nx\rA0\r\n\r\n", ERR_HTTP_FRAMING, "x", 0},
    {"another byte than LF after the size", "1\rAx\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "", 0},
    {"more data than announced", "1\r\nxy\r\n0\r\n\r\n", ERR_HTTP_FRAMING, "x", 0},
    {"bare LF at the end", "0\r\n\n", ERR_HTTP_SYNTAX, "", 0},
    {"something in place of the last line", "0\r\n\rX", ERR_HTTP_SYNTAX, "", 0},
    {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", ERR_HTTP_SYNTAX, "", 0},
    {"space before the colon of a trailer", "0\r\nA : b\r\n\r\n", ERR_HTTP_SYNTAX, "", 0},
    {"trailer without a colon", "0\r\nA\r\n\r\n", ERR_HTTP_SYNTAX, "", 0},
    {"control byte in a trailer", "0\r\nA: \x02\r\n\r\n", ERR_HTTP_SYNTAX, "", 0},
    {"bare LF in a trailer", "0\r\nA: b\n\r\n", ERR_HTTP_SYNTAX, "", 0},
};

static void test_chunked(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(chunked); i++) {
        for (size_t step = 1; step <= 64; step += step < 7 ? 1 : 57) {
            struct http_reader reader;
            struct outcome out;
            http_reader_init(&reader, HTTP_FRAMING_CHUNKED, 0);
            read_all(&reader, span_text(chunked[i].bytes), step, &out);
            if (out.result != chunked[i].result)
                fail_msg("%s, %zu bytes a time: %d", chunked[i].what, step, out.result);
            assert_span(dynbuf_span(&out.body), chunked[i].body);
            if (out.result == HTTP_READ_END) {
                assert_int_equal(out.left, chunked[i].left);
                assert_int_equal(http_reader_finish(&reader), 0);
            } else {
                assert_int_equal(http_reader_finish(&reader), ERR_TRUNCATED);
            }
            dynbuf_done(&out.body);
        }
    }
}

static int feed_text(struct http_reader *reader, const char *text) {
    struct span rest = span_text(text);
    struct span part;
    return http_reader_next(reader, &rest, &part);
}

static void test_bounds(void **state) {
    (void)state;
    struct http_reader reader;
    http_reader_init(&reader, HTTP_FRAMING_CHUNKED, 0);
    int result = feed_text(&reader, "1;");
    size_t taken = 0;
    for (; result == HTTP_READ_MORE && taken < 100000; taken++)
        result = feed_text(&reader, "x");
    assert_int_equal(result, ERR_HTTP_FRAMING);
    assert_int_equal(taken, HTTP_CHUNK_EXTENSION_MAX_BYTES + 1);

    http_reader_init(&reader, HTTP_FRAMING_CHUNKED, 0);
    result = feed_text(&reader, "0\r\n");
    for (taken = 0; result == HTTP_READ_MORE && taken < 100000; taken++)
        result = feed_text(&reader, "A: b\r\n");
    assert_int_equal(result, ERR_HTTP_HEADER_TOO_LARGE);
    assert_true(taken <= HTTP_TRAILERS_MAX_BYTES / 6 + 1);

    http_reader_init(&reader, HTTP_FRAMING_CHUNKED, 0);
    for (taken = 0, result = 0; result >= 0 && taken < 1000; taken++) {
        result = feed_text(&reader, "1;0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
        if (result >= 0)
            assert_int_equal(feed_text(&reader, "x"), HTTP_READ_BYTES);
        if (result >= 0)
            assert_int_equal(feed_text(&reader, "\r\n"), HTTP_READ_MORE);
    }
    assert_int_equal(result, ERR_HTTP_FRAMING);
    assert_true(taken < 1000);
}

static void test_length(void **state) {
    (void)state;
    struct http_reader reader;
    struct outcome out;
    http_reader_init(&reader, HTTP_FRAMING_LENGTH, 5);
    assert_int_equal(http_reader_direct(&reader), 5);
    read_all(&reader, SPAN_LITERAL("hell"), 2, &out);
    assert_int_equal(out.result, HTTP_READ_MORE);
    assert_int_equal(http_reader_finish(&reader), ERR_TRUNCATED);
    dynbuf_done(&out.body);
    read_all(&reader, SPAN_LITERAL("o next"), 6, &out);
    assert_int_equal(out.result, HTTP_READ_END);
    assert_span(dynbuf_span(&out.body), "o");
    assert_int_equal(out.left, 5);
    assert_int_equal(http_reader_finish(&reader), 0);
    dynbuf_done(&out.body);
}

static void test_until_close(void **state) {
    (void)state;
    struct http_reader reader;
    struct outcome out;
    http_reader_init(&reader, HTTP_FRAMING_CLOSE, 0);
    read_all(&reader, SPAN_LITERAL("anything"), 3, &out);
    assert_int_equal(out.result, HTTP_READ_MORE);
    assert_span(dynbuf_span(&out.body), "anything");
    assert_int_equal(http_reader_finish(&reader), 0);
    dynbuf_done(&out.body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_until_close),
    };
    return cmocka_run_group_tests_name("http_reader", tests, NULL, NULL);
}
