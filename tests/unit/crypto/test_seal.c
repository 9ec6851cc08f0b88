// SPDX-License-Identifier: Apache-2.0
/*
 * Sealing: what goes in comes out, and nothing else: every bit of the sealed form is changed, every length cut, labels moved about.
 */
#include "crypto_fixture.h"

#include "crypto/seal.h"

#define LABELS(...)                                      \
    (&(const struct seal_labels){.items = {__VA_ARGS__}, \
                                 .count = LENGTH_OF(((struct span[]){__VA_ARGS__}))})

struct sealed {
    struct secret *key, *plain;
    struct dynbuf bytes;
};

static void seal(struct sealed *sealed, struct span text, const struct seal_labels *labels) {
    sealed->key = counted_key(7);
    assert_int_equal(secret_new(text, &sealed->plain), 0);
    dynbuf_init(&sealed->bytes, 2 * SECRET_MAX_BYTES);
    assert_int_equal(seal_close(sealed->key, labels, sealed->plain, &sealed->bytes), 0);
}

static void drop(struct sealed *sealed) {
    secret_unref(sealed->key);
    secret_unref(sealed->plain);
    dynbuf_done(&sealed->bytes);
}

static int open_with(const struct secret *key, const struct seal_labels *labels,
                     struct span bytes) {
    struct secret *plain = NULL;
    int err = seal_open(key, labels, bytes, &plain);
    assert_true((err == 0) == (plain != NULL));
    secret_unref(plain);
    return err;
}

static void opens_what_it_closed(void **state) {
    (void)state;
    static char text[SECRET_MAX_BYTES];
    static const size_t lengths[] = {0, 1, 56, SECRET_MAX_BYTES};
    memset(text, 'k', sizeof text);
    const struct seal_labels *labels = LABELS(SPAN_LITERAL("groq"), SPAN_LITERAL("work"));
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        struct sealed sealed;
        struct secret *plain;
        seal(&sealed, span_of(text, lengths[i]), labels);
        assert_int_equal(sealed.bytes.len, lengths[i] + SEAL_EXTRA_BYTES);
        assert_int_equal(seal_open(sealed.key, labels, dynbuf_span(&sealed.bytes), &plain), 0);
        assert_true(secret_equal(plain, span_of(text, lengths[i])));
        secret_unref(plain);
        drop(&sealed);
    }
}

static void no_two_are_alike(void **state) {
    (void)state;
    const struct seal_labels *labels = LABELS(SPAN_LITERAL("groq"));
    struct sealed a, b;
    seal(&a, SPAN_LITERAL("gsk_same"), labels);
    seal(&b, SPAN_LITERAL("gsk_same"), labels);
    assert_false(span_equal(dynbuf_span(&a.bytes), dynbuf_span(&b.bytes)));
    assert_memory_not_equal(a.bytes.data + 1, b.bytes.data + 1, 24);
    drop(&a);
    drop(&b);
}

static void every_changed_bit_is_noticed(void **state) {
    (void)state;
    const struct seal_labels *labels = LABELS(SPAN_LITERAL("groq"), SPAN_LITERAL("work"));
    struct sealed sealed;
    seal(&sealed, SPAN_LITERAL("gsk_0123456789abcdef"), labels);
    for (size_t i = 0; i < sealed.bytes.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            sealed.bytes.data[i] = (char)(sealed.bytes.data[i] ^ (char)(1u << bit));
            assert_int_equal(open_with(sealed.key, labels, dynbuf_span(&sealed.bytes)),
                             i == 0 ? ERR_UNSUPPORTED : ERR_SEAL);
            sealed.bytes.data[i] = (char)(sealed.bytes.data[i] ^ (char)(1u << bit));
        }
    assert_int_equal(open_with(sealed.key, labels, dynbuf_span(&sealed.bytes)), 0);
    drop(&sealed);
}

static void every_cut_is_noticed(void **state) {
    (void)state;
    const struct seal_labels *labels = LABELS(SPAN_LITERAL("groq"));
    struct sealed sealed;
    seal(&sealed, SPAN_LITERAL("gsk_0123456789abcdef"), labels);
    for (size_t length = 0; length < sealed.bytes.len; length++) {
        int err = open_with(sealed.key, labels, span_of(sealed.bytes.data, length));
        assert_int_equal(err, length < SEAL_EXTRA_BYTES ? ERR_TRUNCATED : ERR_SEAL);
    }
    assert_int_equal(open_with(sealed.key, labels, SPAN_NONE), ERR_TRUNCATED);
    static char huge[SECRET_MAX_BYTES + SEAL_EXTRA_BYTES + 1] = {1};
    assert_int_equal(open_with(sealed.key, labels, span_of(huge, sizeof huge)), ERR_TOO_LARGE);
    assert_int_equal(open_with(sealed.key, labels, span_of(huge, sizeof huge - 1)), ERR_SEAL);
    drop(&sealed);
}

static void another_key_does_not_open(void **state) {
    (void)state;
    const struct seal_labels *labels = LABELS(SPAN_LITERAL("groq"));
    struct secret *other = counted_key(8);
    struct sealed sealed;
    seal(&sealed, SPAN_LITERAL("gsk_x"), labels);
    assert_int_equal(open_with(other, labels, dynbuf_span(&sealed.bytes)), ERR_SEAL);
    secret_unref(other);
    drop(&sealed);
}

static void labels_bind(void **state) {
    (void)state;
    static char wide[SEAL_LABEL_BYTES_MAX + 1];
    const struct seal_labels *own = LABELS(SPAN_LITERAL("ab"), SPAN_LITERAL("c"));
    const struct seal_labels *others[] = {
        LABELS(SPAN_LITERAL("a"), SPAN_LITERAL("bc")),
        LABELS(SPAN_LITERAL("abc"), SPAN_LITERAL("")),
        LABELS(SPAN_LITERAL("c"), SPAN_LITERAL("ab")),
        LABELS(SPAN_LITERAL("ab")),
        LABELS(SPAN_LITERAL("ab"), SPAN_LITERAL("c"), SPAN_LITERAL("")),
        LABELS(SPAN_LITERAL("AB"), SPAN_LITERAL("c")),
        &(const struct seal_labels){.count = 0},
    };
    struct sealed sealed;
    seal(&sealed, SPAN_LITERAL("gsk_x"), own);
    assert_int_equal(open_with(sealed.key, own, dynbuf_span(&sealed.bytes)), 0);
    for (size_t i = 0; i < LENGTH_OF(others); i++)
        assert_int_equal(open_with(sealed.key, others[i], dynbuf_span(&sealed.bytes)), ERR_SEAL);
    memset(wide, 'w', sizeof wide);
    const struct seal_labels *too_wide = LABELS(span_of(wide, sizeof wide));
    assert_int_equal(open_with(sealed.key, too_wide, dynbuf_span(&sealed.bytes)), ERR_TOO_LARGE);
    assert_int_equal(seal_close(sealed.key, too_wide, sealed.plain, &sealed.bytes), ERR_TOO_LARGE);
    drop(&sealed);
}

static void a_small_buffer_is_no_crash(void **state) {
    (void)state;
    struct sealed sealed;
    struct dynbuf small;
    seal(&sealed, SPAN_LITERAL("gsk_x"), LABELS(SPAN_LITERAL("groq")));
    dynbuf_init(&small, 16);
    assert_int_equal(seal_close(sealed.key, LABELS(SPAN_LITERAL("groq")), sealed.plain, &small),
                     ERR_TOO_LARGE);
    assert_int_equal(small.len, 0);
    dynbuf_done(&small);
    drop(&sealed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_closed),         cmocka_unit_test(no_two_are_alike),
        cmocka_unit_test(every_changed_bit_is_noticed), cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(another_key_does_not_open),    cmocka_unit_test(labels_bind),
        cmocka_unit_test(a_small_buffer_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
