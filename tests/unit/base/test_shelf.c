// SPDX-License-Identifier: Apache-2.0
/*
 * Shelves: what is given is taken again, no more is kept than allowed, and all of it goes back.
 */
#include "base_fixture.h"

#include "base/mem.h"
#include "base/shelf.h"

#include <string.h>

#define OBJECT_BYTES 2000
#define OBJECTS      8

static void keeps_up_to_its_most(void **state) {
    (void)state;
    void *objects[OBJECTS];
    struct shelf shelf;
    shelf_init(&shelf, 3);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            objects[i] = shelf_take(&shelf, OBJECT_BYTES);
            memset(objects[i], (int)i, OBJECT_BYTES);
        }
        assert_int_equal(shelf.kept, 0);
        for (size_t i = 0; i < OBJECTS; i++) { /* nobody got another's memory */
            unsigned char expected[OBJECT_BYTES];
            memset(expected, (int)i, sizeof expected);
            assert_memory_equal(objects[i], expected, OBJECT_BYTES);
        }
        for (size_t i = 0; i < OBJECTS; i++)
            shelf_give(&shelf, objects[i]);
        assert_int_equal(shelf.kept, shelf.most);
    }
    shelf_clear(&shelf);
    assert_int_equal(shelf.kept, 0);
    assert_null(shelf.first);
    shelf_give(&shelf, shelf_take(&shelf, OBJECT_BYTES));
    shelf_clear(&shelf);
}

static void one_that_keeps_nothing(void **state) {
    (void)state;
    struct shelf shelf;
    shelf_init(&shelf, 0);
    shelf_give(&shelf, shelf_take(&shelf, OBJECT_BYTES));
    assert_null(shelf.first);
    shelf_clear(&shelf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_up_to_its_most),
        cmocka_unit_test(one_that_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
