// SPDX-License-Identifier: Apache-2.0
/*
 * Capped buffers: growth, the cap, bytes taken off the front, and a run of random steps against a plain model.
 */
#include "base_fixture.h"

#include "base/check.h"
#include "base/dynbuf.h"
#include "base/rand.h"

static void assert_holds(const struct dynbuf *buf, const char *text) {
    struct span span = dynbuf_span(buf);
    assert_non_null(span.ptr);
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.ptr, text, span.len);
}

static void appends_each_way(void **state) {
    (void)state;
    struct dynbuf buf;
    dynbuf_init(&buf, 1000);
    assert_holds(&buf, "");
    assert_int_equal(dynbuf_append(&buf, NULL, 0), 0);
    assert_int_equal(dynbuf_append_span(&buf, SPAN_NONE), 0);
    assert_int_equal(dynbuf_append_text(&buf, ""), 0);
    assert_holds(&buf, "");
    assert_int_equal(dynbuf_append(&buf, "abc", 2), 0);
    assert_int_equal(dynbuf_append_span(&buf, SPAN_LITERAL("cd")), 0);
    assert_int_equal(dynbuf_append_text(&buf, "ef"), 0);
    assert_int_equal(dynbuf_append_char(&buf, 'g'), 0);
    assert_int_equal(dynbuf_append_format(&buf, "%d%s", 8, "i"), 0);
    assert_holds(&buf, "abcdefg8i");
    assert_int_equal(dynbuf_reserve(&buf, 3), 0);
    assert_true(dynbuf_room(&buf) >= 3);
    memcpy(dynbuf_tail(&buf), "xyz", 3);
    dynbuf_grew(&buf, 2);
    assert_holds(&buf, "abcdefg8ixy");
    dynbuf_consume(&buf, 4);
    assert_holds(&buf, "efg8ixy");
    dynbuf_consume(&buf, 7);
    assert_holds(&buf, "");
    assert_int_equal(buf.start, 0);
    dynbuf_clear(&buf);
    assert_true(buf.capacity > 0);
    dynbuf_done(&buf);
    assert_int_equal(buf.capacity, 0);
    assert_int_equal(buf.cap_bytes, 1000);
    dynbuf_done(&buf);
}

static void changes_nothing_beyond_the_cap(void **state) {
    (void)state;
    static const size_t caps[] = {0, 1, 5, 255, 256, 257, 1000};
    for (size_t i = 0; i < LENGTH_OF(caps); i++) {
        struct dynbuf buf;
        dynbuf_init(&buf, caps[i]);
        for (size_t k = 0; k < caps[i]; k++)
            assert_int_equal(dynbuf_append_char(&buf, 'a'), 0);
        assert_int_equal(dynbuf_append_char(&buf, 'b'), ERR_TOO_LARGE);
        assert_int_equal(dynbuf_append_text(&buf, "bb"), ERR_TOO_LARGE);
        assert_int_equal(dynbuf_append_format(&buf, "b"), ERR_TOO_LARGE);
        assert_int_equal(dynbuf_reserve(&buf, 1), ERR_TOO_LARGE);
        assert_int_equal(dynbuf_reserve(&buf, SIZE_MAX), ERR_TOO_LARGE);
        assert_int_equal(dynbuf_reserve(&buf, SIZE_MAX - caps[i] / 2), ERR_TOO_LARGE);
        assert_int_equal(buf.len, caps[i]);
        assert_true(buf.capacity <= caps[i]);
        if (caps[i] > 0) {
            dynbuf_consume(&buf, 1);
            assert_int_equal(dynbuf_append_char(&buf, 'c'), 0);
            assert_int_equal(dynbuf_span(&buf).ptr[caps[i] - 1], 'c');
            assert_int_equal(dynbuf_append_char(&buf, 'd'), ERR_TOO_LARGE);
        }
        dynbuf_done(&buf);
    }
}

/* The model: one flat array, and the numbers of its live bytes. */
static void behaves_like_a_queue(void **state) {
    (void)state;
    enum { CAP = 3000, STEPS = 20000 };
    struct rand rand;
    struct dynbuf buf;
    unsigned char next_in = 0;
    unsigned char next_out = 0;
    size_t live = 0;
    rand_seed(&rand, 3);
    dynbuf_init(&buf, CAP);
    for (int step = 0; step < STEPS; step++) {
        size_t amount = rand_below(&rand, 400);
        if (rand_below(&rand, 2) == 0) {
            unsigned char bytes[400];
            for (size_t i = 0; i < amount; i++)
                bytes[i] = (unsigned char)(next_in + i);
            int err = dynbuf_append(&buf, bytes, amount);
            assert_int_equal(err, live + amount <= CAP ? 0 : ERR_TOO_LARGE);
            next_in = (unsigned char)(next_in + (err == 0 ? amount : 0));
            live += err == 0 ? amount : 0;
        } else {
            amount = amount < live ? amount : live;
            for (size_t i = 0; i < amount; i++)
                assert_int_equal((unsigned char)dynbuf_span(&buf).ptr[i],
                                 (unsigned char)(next_out + i));
            dynbuf_consume(&buf, amount);
            next_out = (unsigned char)(next_out + amount);
            live -= amount;
        }
        assert_int_equal(buf.len, live);
        assert_true(buf.capacity <= CAP);
    }
    dynbuf_done(&buf);
}

static void consume_too_much(void) {
    struct dynbuf buf;
    dynbuf_init(&buf, 10);
    dynbuf_consume(&buf, 1);
}

static void ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(consume_too_much));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_each_way),
        cmocka_unit_test(changes_nothing_beyond_the_cap),
        cmocka_unit_test(behaves_like_a_queue),
        cmocka_unit_test(ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
