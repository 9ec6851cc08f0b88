// SPDX-License-Identifier: Apache-2.0
/*
 * Ids of requests: plain, different, and in the order of time, which is what makes keeping them cheap.
 */
#include "base/rand.h"
#include "gateway/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void ids_are_plain_and_grow_with_time(void **state) {
    (void)state;
    enum { MANY = 2000, TIME_BYTES = 13 };
    char last[REQUEST_ID_BYTES] = "", id[REQUEST_ID_BYTES];
    struct rand rand;
    rand_seed(&rand, 1);
    for (int i = 0; i < MANY; i++) {
        request_make_id(&rand, id);
        assert_int_equal(strlen(id), REQUEST_ID_BYTES - 1);
        assert_memory_equal(id, "req-", 4);
        assert_int_equal(strspn(id + 4, "0123456789abcdefghijklmnopqrstuv"), REQUEST_ID_BYTES - 5);
        assert_true(memcmp(last, id, TIME_BYTES) <= 0);
        assert_string_not_equal(last, id);
        memcpy(last, id, sizeof last);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_plain_and_grow_with_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
