// SPDX-License-Identifier: Apache-2.0
/*
 * Arenas: alignment, the cap, storage given from outside, and what a reset gives back.
 */
#include "base_fixture.h"

#include "base/arena.h"
#include "base/check.h"

static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4000, 4096, 5000, 65536, 100000, 1};

static void aligns_and_separates(void **state) {
    (void)state;
    struct arena arena;
    char *places[LENGTH_OF(sizes)];
    arena_init(&arena, NULL, 0, 1 << 20);
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        places[i] = arena_alloc(&arena, sizes[i]);
        assert_int_equal((uintptr_t)places[i] % 16, 0);
        memset(places[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < LENGTH_OF(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(places[i][k], i);
    assert_true(arena.used_bytes > 170000 && arena.used_bytes <= arena.cap_bytes);
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    char *again = arena_zalloc(&arena, 1000);
    for (size_t k = 0; k < 1000; k++)
        assert_int_equal(again[k], 0);
    arena_reset(&arena);
    arena_reset(&arena);
}

static void uses_the_first_storage_first(void **state) {
    (void)state;
    static char storage[256] __attribute__((aligned(16)));
    struct arena arena;
    arena_init(&arena, storage, sizeof storage, 8192);
    for (int round = 0; round < 3; round++) {
        assert_ptr_equal(arena_alloc(&arena, 100), storage);
        assert_ptr_equal(arena_alloc(&arena, 100), storage + 112);
        assert_int_equal(arena.used_bytes, 0);
        char *outside = arena_alloc(&arena, 100);
        assert_true(outside < storage || outside >= storage + sizeof storage);
        assert_true(arena.used_bytes > 0);
        arena_reset(&arena);
        memset(storage, round, sizeof storage); /* its owner's again */
    }
}

static void stops_at_the_cap(void **state) {
    (void)state;
    static const size_t caps[] = {0, 16, 4095, 4096, 10000, 65536, 1 << 20};
    for (size_t i = 0; i < LENGTH_OF(caps); i++) {
        struct arena arena;
        size_t got = 0;
        arena_init(&arena, NULL, 0, caps[i]);
        while (arena_try_alloc(&arena, 1000) != NULL)
            got += 1000;
        assert_true(got <= caps[i] && arena.used_bytes <= caps[i]);
        assert_true(caps[i] < 4096 || got >= caps[i] / 4);
        assert_null(arena_try_alloc(&arena, caps[i]));
        arena_reset(&arena);
        assert_int_equal(arena_try_alloc(&arena, 1000) != NULL, caps[i] >= 4096);
        arena_reset(&arena);
    }
}

static void refuses_absurd_sizes(void **state) {
    (void)state;
    static const size_t absurd[] = {SIZE_MAX,      SIZE_MAX - 1,  SIZE_MAX - 15, SIZE_MAX - 16,
                                    SIZE_MAX - 31, SIZE_MAX - 64, SIZE_MAX / 2,  SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < LENGTH_OF(absurd); i++) {
        struct arena arena;
        arena_init(&arena, NULL, 0, i % 2 == 0 ? 65536 : (size_t)1 << 40);
        assert_null(arena_try_alloc(&arena, absurd[i]));
        assert_non_null(arena_try_alloc(&arena, 16));
        arena_reset(&arena);
    }
    struct arena open;
    arena_init(&open, NULL, 0, SIZE_MAX);
    assert_null(arena_try_alloc(&open, SIZE_MAX - 15));
    assert_int_equal(open.used_bytes, 0);
}

static void copies(void **state) {
    (void)state;
    struct arena arena;
    struct span copy = SPAN_NONE;
    arena_init(&arena, NULL, 0, 4096);
    assert_int_equal(arena_copy(&arena, SPAN_LITERAL("some text"), &copy), 0);
    assert_string_equal(copy.ptr, "some text");
    assert_int_equal(copy.len, 9);
    assert_int_equal(arena_copy(&arena, SPAN_NONE, &copy), 0);
    assert_string_equal(copy.ptr, "");
    assert_int_equal(copy.len, 0);
    char big[5000] = {0};
    copy = SPAN_NONE;
    assert_int_equal(arena_copy(&arena, span_of(big, sizeof big), &copy), ERR_TOO_LARGE);
    assert_true(span_absent(copy));
    arena_reset(&arena);
}

static void formats(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0, 4096);
    assert_string_equal(arena_format(&arena, "%s-%d", "a", 42), "a-42");
    assert_string_equal(arena_format(&arena, "%s", ""), "");
    assert_null(arena_format(&arena, "%5000d", 1));
    assert_string_equal(arena_format(&arena, "%03d", 7), "007");
    arena_reset(&arena);
}

static void alloc_beyond_the_cap(void) {
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    arena_alloc(&arena, 1);
}

static void init_with_crooked_storage(void) {
    static char storage[64] __attribute__((aligned(16)));
    struct arena arena;
    arena_init(&arena, storage + 1, 32, 0);
}

static void ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(alloc_beyond_the_cap));
    assert_true(aborts(init_with_crooked_storage));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_and_separates),
        cmocka_unit_test(uses_the_first_storage_first),
        cmocka_unit_test(stops_at_the_cap),
        cmocka_unit_test(refuses_absurd_sizes),
        cmocka_unit_test(copies),
        cmocka_unit_test(formats),
        cmocka_unit_test(ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
