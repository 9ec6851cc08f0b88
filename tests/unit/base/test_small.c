// SPDX-License-Identifier: Apache-2.0
/*
 * The small parts of base/: the table of mishaps, memory, clocks, checks, checked casts and state machines.
 */
#include "base_fixture.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sm.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#endif

static void names_each_mishap(void **state) {
    (void)state;
    for (int code = ERR__BASE + 1; code < ERR__END; code++) {
        assert_true(code < 0);
        assert_int_equal(strncmp(err_name(code), "ERR_", 4), 0);
        assert_true(strlen(err_text(code)) > 0);
        for (int other = ERR__BASE + 1; other < code; other++) {
            assert_string_not_equal(err_name(code), err_name(other));
            assert_string_not_equal(err_text(code), err_text(other));
        }
    }
    assert_string_equal(err_name(ERR_NOMEM), "ERR_NOMEM");
    assert_string_equal(err_text(ERR_NOMEM), "out of memory");
    assert_string_equal(err_name(ERR_IDLE_TIMEOUT), "ERR_IDLE_TIMEOUT");
    assert_string_equal(err_name(0), "ERR_OK");
    assert_string_equal(err_text(0), "no error");
}

static void names_codes_that_do_not_exist(void **state) {
    (void)state;
    static const int codes[] = {1, -1, ERR__BASE, ERR__BASE - 1, ERR__END, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH_OF(codes); i++) {
        assert_string_equal(err_name(codes[i]), "ERR_UNKNOWN");
        assert_string_equal(err_text(codes[i]), "unknown error");
    }
}

static void gives_memory(void **state) {
    (void)state;
    char *zeroed = mem_zalloc(100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    memcpy(zeroed, "keep", 5);
    zeroed = mem_realloc(zeroed, 100000);
    assert_string_equal(zeroed, "keep");
    mem_free(zeroed);
    char *copy = mem_strdup("text");
    char *part = mem_strndup("text and more", 4);
    assert_string_equal(copy, part);
    mem_free(copy);
    mem_free(part);
    void *nothing[] = {mem_alloc(0), mem_zalloc(0), mem_try_alloc(0), mem_realloc(NULL, 0),
                       mem_try_realloc(NULL, 0)};
    for (size_t i = 0; i < LENGTH_OF(nothing); i++) {
        assert_non_null(nothing[i]);
        mem_free(nothing[i]);
    }
    mem_free(NULL);
}

static void tells_time(void **state) {
    (void)state;
    uint64_t mono_ns = clock_mono_ns();
    uint64_t boot_ns = clock_boot_ns();
    assert_true(clock_mono_ns() >= mono_ns);
    assert_true(clock_boot_ns() >= boot_ns);
    assert_true(boot_ns + NS_PER_S >= mono_ns);
    assert_true(clock_wall_ms() > (uint64_t)1700000000 * 1000);
}

static void formats_dates(void **state) {
    (void)state;
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795515072345, "2026-11-24T10:11:12.345Z"},
        {4102444799999, "2099-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char text[25];
        clock_format_rfc3339(rows[i].wall_ms, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

static void format_into_too_little(void) {
    char text[24];
    clock_format_rfc3339(0, text, sizeof text);
}

#define THING_MAGIC 0x7417u

struct thing {
    uint32_t magic;
    int value;
};

static void casts_what_it_should(void **state) {
    (void)state;
    struct thing thing = {THING_MAGIC, 5};
    void *pointer = &thing;
    assert_int_equal(cast_checked(pointer, struct thing, THING_MAGIC)->value, 5);
    int *value = &thing.value;
    assert_ptr_equal(container_of(value, struct thing, value), &thing);
    struct thing things[3];
    assert_int_equal(array_length(things), 3);
}

static void cast_wrongly(void) {
    struct thing thing = {THING_MAGIC + 1, 5};
    void *pointer = &thing;
    (void)cast_checked(pointer, struct thing, THING_MAGIC);
}

static void cast_nothing(void) {
    void *pointer = NULL;
    (void)cast_checked(pointer, struct thing, THING_MAGIC);
}

enum { IDLE, BUSY, GONE };
static const struct sm_state machine[] = {
    [IDLE] = {"idle", SM_BIT(BUSY) | SM_BIT(GONE), "waits"},
    [BUSY] = {"busy", SM_BIT(IDLE), "works"},
    [GONE] = {"gone", 0, "is over"},
};

static void moves_as_allowed(void **state) {
    (void)state;
    struct sm sm;
    sm_init(&sm, machine, IDLE);
    assert_string_equal(sm_name(&sm), "idle");
    sm_move(&sm, BUSY);
    sm_move(&sm, IDLE);
    sm_move(&sm, GONE);
    assert_string_equal(sm_name(&sm), "gone");
}

static void move_wrongly(void) {
    struct sm sm;
    sm_init(&sm, machine, BUSY);
    sm_move(&sm, GONE);
}

static void check_something_false(void) {
    check(1 == 2);
}

static void allocate_everything(void) {
    volatile size_t everything = SIZE_MAX / 2;
    mem_free(mem_alloc(everything));
}

static void ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(check_something_false));
    assert_true(aborts(format_into_too_little));
    assert_true(aborts(cast_wrongly));
    assert_true(aborts(cast_nothing));
    assert_true(aborts(move_wrongly));
    check(1 == 1);
    check_slow(1 == 1);
}

/* The sanitizers end the process in their own way when malloc is asked for too much. */
static void refuses_what_does_not_exist(void **state) {
    (void)state;
#ifdef UNDER_SANITIZER
    (void)allocate_everything;
#else
    assert_true(aborts(allocate_everything));
    volatile size_t everything = SIZE_MAX / 2;
    assert_null(mem_try_alloc(everything));
    assert_null(mem_try_realloc(NULL, everything));
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_each_mishap),
        cmocka_unit_test(names_codes_that_do_not_exist),
        cmocka_unit_test(gives_memory),
        cmocka_unit_test(tells_time),
        cmocka_unit_test(formats_dates),
        cmocka_unit_test(casts_what_it_should),
        cmocka_unit_test(moves_as_allowed),
        cmocka_unit_test(ends_the_process),
        cmocka_unit_test(refuses_what_does_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
