// SPDX-License-Identifier: Apache-2.0
/*
 * Ropes: merging of neighbours, copies, growth, and the remembered failure.
 */
#include "base_fixture.h"

#include "base/check.h"
#include "base/rope.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

static void merges_neighbours(void **state) {
    (void)state;
    static const struct {
        struct {
            size_t start;
            size_t len;
        } adds[4];
        size_t pieces;
        size_t bytes;
    } rows[] = {
        {{{0, 3}}, 1, 3},
        {{{0, 3}, {3, 2}}, 1, 5},
        {{{0, 3}, {3, 0}, {3, 2}}, 1, 5},
        {{{0, 3}, {4, 2}}, 2, 5},
        {{{3, 2}, {0, 3}}, 2, 5},
        {{{0, 3}, {0, 3}}, 2, 6},
        {{{0, 1}, {1, 1}, {2, 1}, {3, 1}}, 1, 4},
        {{{0, 0}}, 0, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct arena arena;
        struct rope rope;
        arena_init(&arena, NULL, 0, 65536);
        rope_init(&rope, &arena);
        for (size_t k = 0; k < 4; k++)
            rope_add(&rope, span_of(letters + rows[i].adds[k].start, rows[i].adds[k].len));
        rope_add(&rope, SPAN_NONE);
        rope_add_text(&rope, "");
        assert_int_equal(rope.count, rows[i].pieces);
        assert_int_equal(rope.total_bytes, rows[i].bytes);
        assert_int_equal(rope_error(&rope), 0);
        arena_reset(&arena);
    }
}

static void grows_and_copies(void **state) {
    (void)state;
    struct arena arena;
    struct rope rope;
    arena_init(&arena, NULL, 0, 1 << 20);
    rope_init(&rope, &arena);
    for (size_t i = 0; i < 1000; i++) {
        char changing[8] = {(char)('a' + i % 26), 0};
        rope_add_text(&rope, letters + i % 26);
        rope_add_copy(&rope, span_text(changing));
        changing[0] = '!';
    }
    assert_int_equal(rope_error(&rope), 0);
    assert_int_equal(rope.count, 2000);
    size_t total = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_string_equal(rope.pieces[2 * i].ptr, letters + i % 26);
        assert_int_equal(rope.pieces[2 * i + 1].ptr[0], letters[i % 26]);
        total += rope.pieces[2 * i].len + 1;
    }
    assert_int_equal(rope.total_bytes, total);
    arena_reset(&arena);
}

static void remembers_failure(void **state) {
    (void)state;
    struct arena arena;
    struct rope rope;
    arena_init(&arena, NULL, 0, 0);
    rope_init(&rope, &arena);
    rope_add_copy(&rope, SPAN_LITERAL("x"));
    assert_int_equal(rope_error(&rope), ERR_TOO_LARGE);
    arena_init(&arena, NULL, 0, 4096);
    rope_add(&rope, SPAN_LITERAL("y"));
    rope_add_copy(&rope, SPAN_LITERAL("y"));
    assert_int_equal(rope_error(&rope), ERR_TOO_LARGE);
    assert_int_equal(rope.count, 0);
    rope_init(&rope, &arena);
    for (size_t i = 0; i < 1000; i++)
        rope_add(&rope, span_of(letters, 1));
    assert_int_equal(rope_error(&rope), ERR_TOO_LARGE); /* no room for the list of pieces */
    assert_true(rope.count > 0 && rope.count < 1000);
    arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_neighbours),
        cmocka_unit_test(grows_and_copies),
        cmocka_unit_test(remembers_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
