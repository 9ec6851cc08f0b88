// SPDX-License-Identifier: Apache-2.0
/*
 * Content codings: each coding at every split, and everything that can be wrong with one.
 */
#include "http_fixture.h"

#include "base/dynbuf.h"
#include "http/decode.h"

#include <zlib.h>
#include <zstd.h>

#define DECODED_MAX ((size_t)100 * 1000)

enum { RAW = 100 }; /* deflate without zlib framing */

static struct span text(void) {
    static char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('a' + i * i % 23);
    return span_of(bytes, sizeof bytes);
}

static void encode_zlib(int window_bits, struct span plain, struct dynbuf *out) {
    z_stream zlib = {.next_in = (z_const Bytef *)plain.ptr, .avail_in = (uInt)plain.len};
    assert_int_equal(deflateInit2(&zlib, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&zlib, plain.len) + 32;
    assert_int_equal(dynbuf_reserve(out, most), 0);
    zlib.next_out = (Bytef *)dynbuf_tail(out);
    zlib.avail_out = (uInt)most;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    dynbuf_grew(out, most - zlib.avail_out);
    (void)deflateEnd(&zlib);
}

static void encode(int coding, struct span plain, struct dynbuf *out) {
    switch (coding) {
    case HTTP_CODING_GZIP:
        encode_zlib(16 + MAX_WBITS, plain, out);
        return;
    case HTTP_CODING_DEFLATE:
        encode_zlib(MAX_WBITS, plain, out);
        return;
    case RAW:
        encode_zlib(-MAX_WBITS, plain, out);
        return;
    default:
        assert_int_equal(dynbuf_reserve(out, ZSTD_compressBound(plain.len)), 0);
        size_t bytes = ZSTD_compress(dynbuf_tail(out), dynbuf_room(out), plain.ptr, plain.len, 3);
        assert_false(ZSTD_isError(bytes));
        dynbuf_grew(out, bytes);
    }
}

/* Decodes in steps; the body is the caller's to release. */
static int decode(int coding, struct span coded, size_t step, struct http_body **ret_body) {
    struct http_decoder *decoder;
    enum http_coding known = coding == RAW ? HTTP_CODING_DEFLATE : (enum http_coding)coding;
    assert_int_equal(http_decoder_new(known, DECODED_MAX, &decoder), 0);
    struct http_body *body = http_body_new();
    int err = 0;
    for (size_t used = 0; used < coded.len && err == 0; used += step) {
        size_t count = coded.len - used < step ? coded.len - used : step;
        err = http_decoder_feed(decoder, span_of(coded.ptr + used, count), body);
    }
    if (err == 0)
        err = http_decoder_finish(decoder);
    http_decoder_free(decoder);
    *ret_body = body;
    return err;
}

static int decode_only(int coding, struct span coded, size_t step) {
    struct http_body *body;
    int err = decode(coding, coded, step, &body);
    http_body_unref(body);
    return err;
}

static const int codings[] = {HTTP_CODING_GZIP, HTTP_CODING_DEFLATE, RAW, HTTP_CODING_ZSTD};
static const size_t steps[] = {1, 2, 3, 7, 100, 100000};

static void test_round_trip(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(codings); i++) {
        struct dynbuf coded;
        dynbuf_init(&coded, 1 << 20);
        encode(codings[i], text(), &coded);
        for (size_t s = 0; s < array_length(steps); s++) {
            struct http_body *body;
            assert_int_equal(decode(codings[i], dynbuf_span(&coded), steps[s], &body), 0);
            assert_true(span_equal(http_body_bytes(body), text()));
            http_body_unref(body);
        }
        dynbuf_done(&coded);
    }
    assert_int_equal(http_bodies_in_memory(), 0);
}

static void test_truncated(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(codings); i++) {
        struct dynbuf coded;
        dynbuf_init(&coded, 1 << 20);
        encode(codings[i], text(), &coded);
        struct span whole = dynbuf_span(&coded);
        for (size_t len = 1; len < whole.len; len += 13)
            assert_int_equal(decode_only(codings[i], span_of(whole.ptr, len), 64), ERR_INVALID);
        assert_int_equal(decode_only(codings[i], span_of(whole.ptr, whole.len - 1), 64),
                         ERR_INVALID);
        dynbuf_done(&coded);
    }
}

static void test_garbage(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(codings); i++) {
        assert_int_equal(decode_only(codings[i], SPAN_LITERAL("{\"plain\": \"JSON\"}"), 5),
                         ERR_INVALID);
        struct dynbuf coded;
        dynbuf_init(&coded, 1 << 20);
        encode(codings[i], text(), &coded);
        assert_int_equal(dynbuf_append_text(&coded, "garbage behind the end"), 0);
        for (size_t s = 0; s < array_length(steps); s++)
            assert_int_equal(decode_only(codings[i], dynbuf_span(&coded), steps[s]), ERR_INVALID);
        dynbuf_done(&coded);
    }
}

static void test_wrong_checksum(void **state) {
    (void)state;
    static const int summed[] = {HTTP_CODING_GZIP, HTTP_CODING_DEFLATE};
    for (size_t i = 0; i < array_length(summed); i++) {
        struct dynbuf coded;
        dynbuf_init(&coded, 1 << 20);
        encode(summed[i], text(), &coded);
        size_t from_end = summed[i] == HTTP_CODING_GZIP ? 5 : 1;
        coded.data[coded.len - from_end] ^= 1;
        assert_int_equal(decode_only(summed[i], dynbuf_span(&coded), 50), ERR_INVALID);
        dynbuf_done(&coded);
    }
}

static void test_members(void **state) {
    (void)state;
    static const int several[] = {HTTP_CODING_GZIP, HTTP_CODING_ZSTD};
    for (size_t i = 0; i < array_length(several); i++) {
        struct dynbuf coded;
        dynbuf_init(&coded, 1 << 20);
        encode(several[i], SPAN_LITERAL("one "), &coded);
        encode(several[i], SPAN_LITERAL("two"), &coded);
        for (size_t s = 0; s < array_length(steps); s++) {
            struct http_body *body;
            assert_int_equal(decode(several[i], dynbuf_span(&coded), steps[s], &body), 0);
            assert_span(http_body_bytes(body), "one two");
            http_body_unref(body);
        }
        dynbuf_done(&coded);
    }
}

/* Exactly the cap passes, one byte more does not, and a bomb takes no more memory than the cap. */
static void test_bomb(void **state) {
    (void)state;
    static const size_t sizes[] = {DECODED_MAX, DECODED_MAX + 1, (size_t)50 * 1000 * 1000};
    char *zeros = mem_zalloc(sizes[2]);
    for (size_t i = 0; i < array_length(codings); i++) {
        for (size_t n = 0; n < array_length(sizes); n++) {
            struct dynbuf coded;
            struct http_body *body;
            dynbuf_init(&coded, (size_t)100 * 1000 * 1000);
            encode(codings[i], span_of(zeros, sizes[n]), &coded);
            int err = decode(codings[i], dynbuf_span(&coded), 1000, &body);
            assert_int_equal(err, sizes[n] <= DECODED_MAX ? 0 : ERR_TOO_LARGE);
            assert_true(http_bodies_in_memory() <= 2 * DECODED_MAX);
            http_body_unref(body);
            dynbuf_done(&coded);
        }
    }
    mem_free(zeros);
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *value;
        int err;
        enum http_coding coding;
    } rows[] = {
        {"gzip", 0, HTTP_CODING_GZIP},         {"X-GZIP", 0, HTTP_CODING_GZIP},
        {"deflate", 0, HTTP_CODING_DEFLATE},   {"zstd", 0, HTTP_CODING_ZSTD},
        {"identity", 0, HTTP_CODING_IDENTITY}, {"br", ERR_UNSUPPORTED, 0},
        {"gzip, gzip", ERR_UNSUPPORTED, 0},    {"", ERR_UNSUPPORTED, 0},
    };
    struct http_headers headers = {.count = 1};
    headers.items[0].name = span_text("Content-Encoding");
    for (size_t i = 0; i < array_length(rows); i++) {
        enum http_coding coding;
        headers.items[0].value = span_text(rows[i].value);
        assert_int_equal(http_coding_of(&headers, &coding), rows[i].err);
        if (rows[i].err == 0)
            assert_int_equal(coding, rows[i].coding);
    }
}

static void test_cap_of_the_process(void **state) {
    (void)state;
    http_bodies_set_cap(10000);
    struct http_body *one = http_body_new();
    struct http_body *two = http_body_new();
    char bytes[6000] = {0};
    assert_int_equal(http_body_append(one, span_of(bytes, sizeof bytes), sizeof bytes), 0);
    assert_int_equal(http_bodies_in_memory(), 6000);
    assert_int_equal(http_body_append(two, span_of(bytes, sizeof bytes), sizeof bytes), ERR_BUSY);
    assert_int_equal(http_body_append(two, span_of(bytes, 4000), 4000), 0);
    http_body_unref(one);
    http_body_unref(two);
    assert_int_equal(http_bodies_in_memory(), 0);
    http_bodies_set_cap(HTTP_BODIES_DEFAULT_MAX_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_garbage),    cmocka_unit_test(test_wrong_checksum),
        cmocka_unit_test(test_members),    cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_cap_of_the_process),
    };
    return cmocka_run_group_tests_name("http_decode", tests, NULL, NULL);
}
