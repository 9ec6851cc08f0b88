// SPDX-License-Identifier: Apache-2.0
/*
 * Intrusive lists: order, unlinked nodes, moving, removing while walking.
 */
#include "base_fixture.h"

#include "base/check.h"
#include "base/list.h"

enum { ITEMS = 6 };

struct item {
    int value;
    struct list node;
};

static void init_items(struct item items[ITEMS]) {
    for (int i = 0; i < ITEMS; i++) {
        items[i].value = i;
        list_init(&items[i].node);
    }
}

static void assert_values(struct list *list, const char *digits) {
    list_for_each(node, next, list) {
        assert_int_equal(container_of(node, struct item, node)->value, *digits - '0');
        assert_ptr_equal(node->next->prev, node);
        digits++;
    }
    assert_int_equal(*digits, '\0');
}

static void keeps_order(void **state) {
    (void)state;
    struct list list = LIST_INIT(list);
    struct item items[ITEMS];
    init_items(items);
    assert_true(list_empty(&list));
    assert_null(list_pop(&list));
    list_append(&list, &items[1].node);
    list_append(&list, &items[2].node);
    list_prepend(&list, &items[0].node);
    list_insert_before(&items[2].node, &items[3].node);
    assert_values(&list, "0132");
    assert_false(list_empty(&list));
    assert_true(list_linked(&items[3].node));
    list_remove(&items[3].node);
    list_remove(&items[3].node);
    assert_false(list_linked(&items[3].node));
    assert_values(&list, "012");
    assert_ptr_equal(list_pop(&list), &items[0].node);
    assert_false(list_linked(&items[0].node));
    list_append(&list, &items[0].node);
    assert_values(&list, "120");
}

static void moves_all(void **state) {
    (void)state;
    static const struct {
        int in_to;
        int in_from;
        const char *values;
    } rows[] = {{0, 0, ""},   {1, 0, "0"},     {0, 1, "0"},
                {1, 1, "01"}, {2, 3, "01234"}, {3, 2, "01234"}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct list to = LIST_INIT(to);
        struct list from = LIST_INIT(from);
        struct item items[ITEMS];
        init_items(items);
        for (int k = 0; k < rows[i].in_to + rows[i].in_from; k++)
            list_append(k < rows[i].in_to ? &to : &from, &items[k].node);
        list_move_all(&to, &from);
        assert_true(list_empty(&from));
        assert_values(&to, rows[i].values);
    }
}

static void walks_while_removing(void **state) {
    (void)state;
    struct list list = LIST_INIT(list);
    struct item items[ITEMS];
    init_items(items);
    for (int i = 0; i < ITEMS; i++)
        list_append(&list, &items[i].node);
    list_for_each(node, next, &list) {
        if (container_of(node, struct item, node)->value % 2 == 0)
            list_remove(node);
    }
    assert_values(&list, "135");
}

static void link_twice(void) {
    struct list list = LIST_INIT(list);
    struct item item;
    list_init(&item.node);
    list_append(&list, &item.node);
    list_append(&list, &item.node);
}

static void ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(link_twice));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(moves_all),
        cmocka_unit_test(walks_while_removing),
        cmocka_unit_test(ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
